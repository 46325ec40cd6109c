//! The sentences a quote can be made of, cut out of the passages. Knows nothing of scores.

use crate::{
    prose::{self, Sentence},
    provider::chat::Evidence,
};
use app::model::material::Span;
use std::collections::HashSet;

/// Most sentences that are compared; eight passages of a page's third hold about eighty.
const SENTENCES_MAX: usize = 100;
/// A longer sentence ending in a colon is no term but a sentence.
const TERM_MAX_CHARS: usize = 60;
/// A longer sentence after a question is a paragraph of its own, no short answer.
const REPLY_MAX_CHARS: usize = 200;
/// A passage up to this long is a slide.
const SLIDE_MAX_CHARS: usize = 700;

/// A sentence and all that is known of it.
pub(super) struct Candidate {
    /// Index of the evidence and of the part in it: neighbours share both.
    pub(super) place: (usize, usize),
    pub(super) block: usize,
    /// Whether its part is so short that it is a slide or a card, whose lines belong together.
    pub(super) on_slide: bool,
    /// Whether its part is a list of the titles to come.
    pub(super) in_contents: bool,
    /// Where it stands in its part, in characters.
    pub(super) span: Span,
    /// On one line.
    pub(super) text: String,
    pub(super) words: Vec<String>,
    pub(super) vector: Option<Vec<f32>>,
    /// How near it is to the question by itself.
    pub(super) own: f32,
    /// How good a quote it would make.
    pub(super) score: f32,
}

pub(super) fn candidates(evidence: &[Evidence]) -> Vec<Candidate> {
    let mut seen = HashSet::new();
    let mut candidates = Vec::new();
    for (index, passage) in evidence.iter().enumerate() {
        for (part, text) in passage.parts.iter().enumerate() {
            let on_slide = text.chars().count() <= SLIDE_MAX_CHARS;
            let in_contents = on_slide && is_contents(text);
            for sentence in with_their_terms(text) {
                // Passages overlap: what stood in a better one is not weighed twice.
                if candidates.len() < SENTENCES_MAX && seen.insert(sentence.text.clone()) {
                    candidates.push(Candidate {
                        place: (index, part),
                        on_slide,
                        in_contents,
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
/// announces: a glossary's term and its meaning often stand on different lines. A question is
/// joined to the short answer behind it.
pub(super) fn with_their_terms(text: &str) -> Vec<Sentence> {
    let mut joined: Vec<Sentence> = Vec::new();
    for sentence in prose::sentences(text) {
        match joined.last_mut() {
            Some(term)
                if announces(&term.text) && list_number(&sentence.text).is_none()
                    || is_answered(term, &sentence) =>
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

/// Whether a term stands before its meaning.
pub(super) fn announces(text: &str) -> bool {
    text.ends_with(':') && text.chars().count() <= TERM_MAX_CHARS
}

/// Whether a question is followed by its answer, as in a form or on a learning card.
pub(super) fn is_answered(question: &Sentence, next: &Sentence) -> bool {
    question.text.ends_with('?')
        && question.block == next.block
        && !next.text.ends_with('?')
        && next.text.chars().count() <= REPLY_MAX_CHARS
}

/// The sentence before, the sentence itself and the one after, as far as they share its page.
pub(super) fn neighbours(candidates: &[Candidate], at: usize) -> std::ops::Range<usize> {
    let same = |other: usize| {
        candidates
            .get(other)
            .is_some_and(|other| other.place == candidates[at].place)
    };
    let start = if at > 0 && same(at - 1) { at - 1 } else { at };
    let end = if same(at + 1) { at + 2 } else { at + 1 };
    start..end
}

/// The number a point of a list begins with.
pub(super) fn list_number(text: &str) -> Option<u32> {
    let label = text.split_whitespace().next()?;
    label.strip_suffix(['.', ')'])?.parse().ok()
}

/// Whether a slide lists what is to come.
fn is_contents(slide: &str) -> bool {
    const NAMES: &[&str] = &[
        "table of contents",
        "contents",
        "outline",
        "agenda",
        "inhalt",
    ];
    let is_name = |line: &str| NAMES.contains(&line.trim().to_lowercase().as_str());
    slide.lines().any(is_name) || slide.to_lowercase().contains(NAMES[0])
}
