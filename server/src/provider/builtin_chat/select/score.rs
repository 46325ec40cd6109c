//! How well a sentence answers: by its words, by its meaning, and what speaks against it.

use super::{
    super::asked::Asked,
    candidate::{Candidate, neighbours},
};
use crate::{
    prose,
    provider::{EmbedError, Embedder},
};
use std::cmp::Ordering;

/// Passages all of whose sentences are compared; of the others only those with a word of the
/// question.
const COMPARED_PASSAGES: usize = 4;
/// Sentences whose surroundings are compared too.
const WINDOWS_MAX: usize = 16;
/// Shorter pieces are page numbers, labels, halves of formulas.
const FRAGMENT_CHARS: usize = 25;

/// The share of the question's words, weighed by rarity, in each sentence and, for less, around it.
pub(super) fn word_scores(asked: &Asked, candidates: &mut [Candidate]) -> Vec<f32> {
    let holds: Vec<Vec<bool>> = candidates
        .iter()
        .map(|candidate| {
            asked
                .words
                .iter()
                .map(|word| {
                    candidate
                        .words
                        .iter()
                        .any(|own| prose::same_word(word, own))
                })
                .collect()
        })
        .collect();
    let weights: Vec<f32> = (0..asked.words.len())
        .map(|word| {
            let with = holds.iter().filter(|holds| holds[word]).count();
            (1.0 + candidates.len() as f32 / (1.0 + with as f32)).ln()
        })
        .collect();
    let total: f32 = weights.iter().sum();
    if total <= 0.0 {
        return vec![0.0; candidates.len()];
    }
    for (candidate, holds) in candidates.iter_mut().zip(&holds) {
        let held = weights.iter().zip(holds).filter(|(_, holds)| **holds);
        candidate.own = held.map(|(weight, _)| weight).sum::<f32>() / total;
    }
    (0..candidates.len())
        .map(|at| {
            let around = neighbours(candidates, at);
            weights
                .iter()
                .enumerate()
                .map(|(word, weight)| {
                    if holds[at][word] {
                        *weight
                    } else if holds[around.clone()].iter().any(|holds| holds[word]) {
                        weight * 0.4
                    } else {
                        0.0
                    }
                })
                .sum::<f32>()
                / total
        })
        .collect()
}

/// How near each sentence is to the question, alone and among its neighbours.
pub(super) async fn meaning_scores(
    question: &str,
    candidates: &mut [Candidate],
    by_words: &[f32],
    embedder: &dyn Embedder,
) -> Result<Vec<f32>, EmbedError> {
    let asked = embedder.embed_query(question).await?;
    let promising: Vec<usize> = (0..candidates.len())
        .filter(|at| candidates[*at].place.0 < COMPARED_PASSAGES || candidates[*at].own > 0.0)
        .collect();
    let texts = promising.iter().map(|at| candidates[*at].text.clone());
    let vectors = embedder.embed_documents(texts.collect()).await?;
    let mut alone = vec![0.0; candidates.len()];
    for candidate in candidates.iter_mut() {
        candidate.own = 0.0;
    }
    for (at, vector) in promising.into_iter().zip(vectors) {
        let Some(vector) = vector else { continue };
        alone[at] = cosine(&asked, &vector);
        candidates[at].own = alone[at];
        candidates[at].vector = Some(vector);
    }
    let mut best: Vec<usize> = (0..alone.len()).collect();
    best.sort_by(|a, b| {
        descending(
            alone[*a] + 0.5 * by_words[*a],
            alone[*b] + 0.5 * by_words[*b],
        )
    });
    best.truncate(WINDOWS_MAX);
    let windows = best
        .iter()
        .map(|at| {
            candidates[neighbours(candidates, *at)]
                .iter()
                .map(|candidate| candidate.text.as_str())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    let windows = embedder.embed_documents(windows).await?;
    let mut scores: Vec<f32> = alone.iter().map(|alone| 0.9 * alone).collect();
    for (at, window) in best.into_iter().zip(windows) {
        if let Some(window) = window {
            scores[at] = 0.7 * alone[at] + 0.3 * cosine(&asked, &window);
        }
    }
    Ok(scores)
}

/// A sentence made of the question's own words is its heading, not its answer.
pub(super) fn says_little(candidate: &Candidate, asked: &Asked) -> f32 {
    let is_new = |word: &&String| !asked.words.iter().any(|own| prose::same_word(own, word));
    match candidate.words.iter().filter(is_new).count() {
        0 => 0.40,
        1 => 0.10,
        _ => 0.0,
    }
}

/// What makes a sentence a poor quote whatever it is about.
pub(super) fn flaws(text: &str) -> f32 {
    let chars = text.chars().count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let mut flaws = 0.0;
    if chars < FRAGMENT_CHARS {
        flaws += 0.30;
    } else if !text.ends_with(['.', '!', ':', ';', ')', '"', '”']) && chars < 60 {
        flaws += 0.06;
    }
    if is_heading(text) {
        flaws += 0.12;
    }
    if text.ends_with('?') {
        flaws += 0.15;
    }
    if ["– …", ": …", "– ...", ": ..."]
        .iter()
        .any(|left_out| text.contains(left_out))
    {
        // A term whose meaning was left out.
        flaws += 0.40;
    }
    if is_contents_line(text) {
        flaws += 0.40;
    }
    if letters * 2 < chars {
        flaws += 0.15;
    }
    flaws
}

/// A title, dots, a page number.
pub(super) fn is_contents_line(text: &str) -> bool {
    [". . .", "...", "…"].iter().any(|dots| {
        text.split(dots).skip(1).any(|after| {
            let after = after.trim_start_matches(['.', ' ', '…']);
            after.starts_with(|c: char| c.is_ascii_digit())
        })
    })
}

/// A title rather than a sentence: no end, and hardly a word that begins small.
pub(super) fn is_heading(text: &str) -> bool {
    let begins = |small: fn(char) -> bool| {
        text.split_whitespace()
            .filter(|word| word.chars().next().is_some_and(small))
            .count()
    };
    let (small, all) = (begins(char::is_lowercase), begins(char::is_alphabetic));
    !text.ends_with(['.', '!', '?', ':', ';']) && small * 4 < all
}

/// Vectors of an embedder have length one.
pub(super) fn cosine(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

pub(super) fn descending(left: f32, right: f32) -> Ordering {
    right.total_cmp(&left)
}
