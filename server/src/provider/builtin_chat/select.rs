//! Choosing quotes: every sentence of the passages is scored against the question, the best ones
//! that do not repeat each other are taken (maximal marginal relevance), and each grows by the
//! neighbours it needs to be understood.
//!
//! With an embedder the meaning of the sentence, and of the sentence among its neighbours, weighs
//! most; without one the question's words, the rare ones more, do the work alone.

use super::asked::Asked;
use crate::{
    prose::{self, Sentence},
    provider::{EmbedError, Embedder, chat::Evidence},
};
use app::model::material::Span;
use std::{cmp::Ordering, collections::HashSet, sync::Arc};

/// Most quotes of an answer: what a student reads before she opens the page itself.
const QUOTES_MAX: usize = 4;
/// Most characters of a quote grown by its neighbours.
const QUOTE_MAX_CHARS: usize = 400;
/// Most sentences that are compared; eight passages of a page's third hold about eighty.
const SENTENCES_MAX: usize = 100;
/// Passages all of whose sentences are compared; of the others only those with a word of the
/// question.
const COMPARED_PASSAGES: usize = 4;
/// Sentences whose surroundings are compared too.
const WINDOWS_MAX: usize = 16;
/// Shorter pieces are page numbers, labels, halves of formulas.
const FRAGMENT_CHARS: usize = 25;
/// A second quote scoring under this share of the first adds noise, not knowledge.
const WORTH_OF_BEST: f32 = 0.72;
/// A longer sentence ending in a colon is no term but a sentence.
const TERM_MAX_CHARS: usize = 60;
/// How much relevance counts against novelty when the next quote is chosen.
const RELEVANCE: f32 = 0.75;
/// Two sentences more alike than this say the same thing.
const REPEATED: f32 = 0.93;
/// A neighbour joins a quote when it is at least this share as near to the question as the quote's
/// own sentence.
const WORTH_JOINING: f32 = 0.7;

/// Words of a passage, exactly as they stand on the page but for line breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The passage's number.
    pub number: u32,
    /// On one line.
    pub text: String,
}

/// A sentence and all that is known of it.
struct Candidate {
    /// Index of the evidence and of the part in it: neighbours share both.
    place: (usize, usize),
    block: usize,
    /// Where it stands in its part, in characters.
    span: Span,
    /// On one line.
    text: String,
    words: Vec<String>,
    vector: Option<Vec<f32>>,
    /// How near it is to the question by itself.
    own: f32,
    /// How good a quote it would make.
    score: f32,
}

/// The best quotes for `question`, best first; never empty when there is any text.
pub async fn quotes(
    question: &str,
    evidence: &[Evidence],
    embedder: Option<Arc<dyn Embedder>>,
) -> Result<Vec<Quote>, EmbedError> {
    let asked = Asked::from(question);
    let mut candidates = candidates(evidence);
    let by_words = word_scores(&asked, &mut candidates);
    let by_meaning = match embedder {
        Some(embedder) => {
            Some(meaning_scores(question, &mut candidates, &by_words, &*embedder).await?)
        }
        None => None,
    };
    for (at, candidate) in candidates.iter_mut().enumerate() {
        let passage = evidence[candidate.place.0].score;
        let relevance = match &by_meaning {
            Some(meaning) => 0.62 * meaning[at] + 0.26 * by_words[at] + 0.12 * passage,
            None => 0.75 * by_words[at] + 0.25 * passage,
        };
        candidate.score = relevance + asked.form_bonus(&candidate.text) - flaws(&candidate.text);
    }
    Ok(choose(&candidates)
        .into_iter()
        .map(|(at, range)| {
            let (index, part) = candidates[at].place;
            Quote {
                number: evidence[index].number,
                text: between(&evidence[index].parts[part], &candidates[range]),
            }
        })
        .collect())
}

fn candidates(evidence: &[Evidence]) -> Vec<Candidate> {
    let mut seen = HashSet::new();
    let mut candidates = Vec::new();
    for (index, passage) in evidence.iter().enumerate() {
        for (part, text) in passage.parts.iter().enumerate() {
            for sentence in with_their_terms(text) {
                // Passages overlap: what stood in a better one is not weighed twice.
                if candidates.len() < SENTENCES_MAX && seen.insert(sentence.text.clone()) {
                    candidates.push(Candidate {
                        place: (index, part),
                        block: sentence.block,
                        span: Span {
                            start: sentence.start,
                            end: sentence.end,
                        },
                        words: prose::content_words(&sentence.text),
                        text: sentence.text,
                        vector: None,
                        own: 0.0,
                        score: 0.0,
                    });
                }
            }
        }
    }
    candidates
}

/// The sentences of `text`, a short one that ends in a colon ("accumulator:") joined to what it
/// announces: a glossary's term and its meaning often stand on different lines.
fn with_their_terms(text: &str) -> Vec<Sentence> {
    let mut joined: Vec<Sentence> = Vec::new();
    for sentence in prose::sentences(text) {
        match joined.last_mut() {
            Some(term)
                if term.text.ends_with(':')
                    && term.text.chars().count() <= TERM_MAX_CHARS
                    && list_number(&sentence.text).is_none() =>
            {
                term.end = sentence.end;
                term.block = sentence.block;
                let span = Span {
                    start: term.start,
                    end: term.end,
                };
                term.text = prose::one_line(&prose::slice(text, span));
            }
            _ => joined.push(sentence),
        }
    }
    joined
}

/// The words of `part` from the first of `sentences` to the last, with what stands between them.
fn between(part: &str, sentences: &[Candidate]) -> String {
    let (Some(first), Some(last)) = (sentences.first(), sentences.last()) else {
        return String::new();
    };
    let span = Span {
        start: first.span.start,
        end: last.span.end,
    };
    prose::one_line(&prose::slice(part, span))
}

/// The share of the question's words, weighed by rarity, in each sentence and, for less, around it.
fn word_scores(asked: &Asked, candidates: &mut [Candidate]) -> Vec<f32> {
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
async fn meaning_scores(
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

/// The sentence before, the sentence itself and the one after, as far as they share its page.
fn neighbours(candidates: &[Candidate], at: usize) -> std::ops::Range<usize> {
    let same = |other: usize| {
        candidates
            .get(other)
            .is_some_and(|other| other.place == candidates[at].place)
    };
    let start = if at > 0 && same(at - 1) { at - 1 } else { at };
    let end = if same(at + 1) { at + 2 } else { at + 1 };
    start..end
}

/// What makes a sentence a poor quote whatever it is about.
fn flaws(text: &str) -> f32 {
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
    if is_table_of_contents(text) {
        flaws += 0.40;
    }
    if letters * 2 < chars {
        flaws += 0.15;
    }
    flaws
}

/// A title, dots, a page number.
fn is_table_of_contents(text: &str) -> bool {
    [". . .", "...", "…"].iter().any(|dots| {
        text.split(dots).skip(1).any(|after| {
            let after = after.trim_start_matches(['.', ' ', '…']);
            after.starts_with(|c: char| c.is_ascii_digit())
        })
    })
}

/// The chosen sentences, best first, each with the range of sentences its quote is made of.
fn choose(candidates: &[Candidate]) -> Vec<(usize, std::ops::Range<usize>)> {
    let mut chosen: Vec<(usize, std::ops::Range<usize>)> = Vec::new();
    let mut left: Vec<usize> = (0..candidates.len()).collect();
    while chosen.len() < QUOTES_MAX {
        let next = left
            .iter()
            .copied()
            .filter_map(|at| {
                let repeated = chosen
                    .iter()
                    .map(|(other, _)| likeness(&candidates[at], &candidates[*other]))
                    .fold(0.0, f32::max);
                let worth = RELEVANCE * candidates[at].score - (1.0 - RELEVANCE) * repeated;
                (repeated < REPEATED).then_some((at, worth))
            })
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((at, _)) = next else { break };
        left.retain(|other| *other != at);
        let best = chosen.first().map(|(best, _)| candidates[*best].score);
        if best.is_some_and(|best| candidates[at].score < WORTH_OF_BEST * best) {
            continue;
        }
        let range = grow(candidates, at, &chosen);
        left.retain(|other| !range.contains(other));
        chosen.push((at, range));
    }
    chosen
}

/// Adds neighbours while the quote stays short: first those it cannot be understood without, then
/// those that are about the question too.
fn grow(
    candidates: &[Candidate],
    at: usize,
    taken: &[(usize, std::ops::Range<usize>)],
) -> std::ops::Range<usize> {
    let own = &candidates[at];
    let mut range = at..at + 1;
    let mut chars = own.text.chars().count();
    let free = |other: usize| {
        candidates.get(other).is_some_and(|c| c.place == own.place)
            && !taken.iter().any(|(_, range)| range.contains(&other))
    };
    loop {
        let before = range.start.checked_sub(1).filter(|at| free(*at));
        let after = Some(range.end).filter(|at| free(*at));
        let worth = |other: usize, needed: bool| {
            let at_end = other >= range.end;
            let other = &candidates[other];
            let near = if other.block == own.block { 0.05 } else { 0.0 };
            if needed {
                f32::MAX
            } else if at_end && is_heading(&other.text) {
                // What follows it is another matter.
                f32::MIN
            } else if other.own > 0.0 && other.own + near >= WORTH_JOINING * own.own {
                other.own + near
            } else {
                f32::MIN
            }
        };
        let first = &candidates[range.start].text;
        let last = &candidates[range.end - 1].text;
        let options = [
            before.map(|at| {
                let text = &candidates[at].text;
                let needed =
                    text.ends_with(':') || refers_back(text, first) || follows(text, first);
                (at, worth(at, needed))
            }),
            after.map(|at| {
                let text = &candidates[at].text;
                (
                    at,
                    worth(at, last.ends_with([':', '?']) || follows(last, text)),
                )
            }),
        ];
        let fitting = options
            .into_iter()
            .flatten()
            .filter(|(at, worth)| {
                *worth > f32::MIN
                    && chars + 1 + candidates[*at].text.chars().count() <= QUOTE_MAX_CHARS
            })
            .max_by(|a, b| a.1.total_cmp(&b.1));
        let Some((joining, _)) = fitting else {
            return range;
        };
        chars += 1 + candidates[joining].text.chars().count();
        range = range.start.min(joining)..range.end.max(joining + 1);
    }
}

/// Whether a sentence leans on the one `before` it: by its first word, or as its second half.
fn refers_back(before: &str, text: &str) -> bool {
    const BACK: &[&str] = &[
        "this",
        "these",
        "it",
        "they",
        "such",
        "those",
        "he",
        "she",
        "however",
        "therefore",
        "thus",
        "hence",
        "its",
        "their",
        "dies",
        "diese",
        "dieser",
        "dieses",
        "es",
        "daher",
        "deshalb",
    ];
    let first = text.split_whitespace().next().unwrap_or_default();
    let first = first.trim_end_matches([',', '.']).to_lowercase();
    let is_half = text.starts_with(char::is_lowercase)
        && !before.ends_with(['.', '!', '?', ':', ')'])
        && !is_heading(before);
    BACK.contains(&first.as_str()) || is_half
}

/// Whether `second` is the next point of a numbered list.
fn follows(first: &str, second: &str) -> bool {
    matches!((list_number(first), list_number(second)), (Some(a), Some(b)) if b == a + 1)
}

/// The number a point of a list begins with.
fn list_number(text: &str) -> Option<u32> {
    let label = text.split_whitespace().next()?;
    label.strip_suffix(['.', ')'])?.parse().ok()
}

/// A title rather than a sentence: no end, and hardly a word that begins small.
fn is_heading(text: &str) -> bool {
    let begins = |small: fn(char) -> bool| {
        text.split_whitespace()
            .filter(|word| word.chars().next().is_some_and(small))
            .count()
    };
    let (small, all) = (begins(char::is_lowercase), begins(char::is_alphabetic));
    !text.ends_with(['.', '!', '?', ':', ';']) && small * 4 < all
}

fn likeness(left: &Candidate, right: &Candidate) -> f32 {
    if let (Some(left), Some(right)) = (&left.vector, &right.vector) {
        return cosine(left, right);
    }
    let ours: HashSet<_> = left.words.iter().collect();
    let theirs: HashSet<_> = right.words.iter().collect();
    let all = ours.union(&theirs).count();
    if all == 0 {
        return 0.0;
    }
    ours.intersection(&theirs).count() as f32 / all as f32
}

/// Vectors of an embedder have length one.
fn cosine(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

fn descending(left: f32, right: f32) -> Ordering {
    right.total_cmp(&left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(number: u32, text: &str) -> Evidence {
        Evidence {
            number,
            title: "Notes".to_owned(),
            page: 1,
            parts: vec![text.to_owned()],
            score: 1.0 / number as f32,
        }
    }

    #[tokio::test]
    async fn without_a_model_the_sentence_with_the_rare_words_comes_first() {
        let evidence = [
            evidence(
                1,
                "The heart is a muscle and lies in the chest. The heart beats all life long without rest. Cardiac output is the volume of blood the heart pumps in one minute. It is about five litres at rest.",
            ),
            evidence(2, "The lung takes up oxygen from the air we breathe in."),
        ];
        let quotes = quotes("What is the cardiac output of the heart?", &evidence, None)
            .await
            .unwrap();
        assert_eq!(quotes[0].number, 1);
        assert!(quotes[0].text.contains("volume of blood"), "{quotes:?}");
        for quote in &quotes {
            let page = &evidence[quote.number as usize - 1].parts[0];
            assert!(page.contains(&quote.text), "{quote:?}");
            assert!(quote.text.chars().count() <= QUOTE_MAX_CHARS);
        }
    }

    #[tokio::test]
    async fn a_sentence_that_refers_back_brings_the_one_before() {
        let evidence = [evidence(
            1,
            "Insertion at the front of a list costs constant time. This is because only the first pointer of the structure changes. Bananas are yellow and grow in warm countries of the world.",
        )];
        let quotes = quotes("Why does only the first pointer change?", &evidence, None)
            .await
            .unwrap();
        assert!(
            quotes[0].text.starts_with("Insertion at the front"),
            "{quotes:?}"
        );
        assert!(!quotes[0].text.contains("Bananas"));
    }

    #[tokio::test]
    async fn any_text_gives_a_quote() {
        let quotes = quotes("?", &[evidence(1, "O(1)")], None).await.unwrap();
        assert_eq!(quotes[0].text, "O(1)");
    }
}
