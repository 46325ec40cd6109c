//! Choosing quotes: every sentence of the passages is scored against the question, the best ones
//! that do not repeat each other are taken (maximal marginal relevance), and each grows by the
//! neighbours it needs to be understood.
//!
//! With an embedder the meaning of the sentence, and of the sentence among its neighbours, weighs
//! most; without one the question's words, the rare ones more, do the work alone.

mod candidate;
mod score;

use super::asked::Asked;
use crate::{
    prose,
    provider::{EmbedError, Embedder, chat::Evidence},
};
use app::model::material::Span;
use candidate::{Candidate, candidates, list_number};
use score::{cosine, flaws, is_heading, meaning_scores, says_little, word_scores};
use std::{collections::HashSet, sync::Arc};

/// Most quotes of an answer: what a student reads before she opens the page itself.
const QUOTES_MAX: usize = 4;
/// Most characters of a quote grown by its neighbours.
const QUOTE_MAX_CHARS: usize = 400;
/// The same of the first quote: a paragraph, since the answer often stands a sentence beside the
/// one that is most like the question.
const FIRST_QUOTE_MAX_CHARS: usize = 640;
/// A second quote scoring under this share of the first adds noise, not knowledge.
const WORTH_OF_BEST: f32 = 0.72;
/// A quote shorter than this says little by itself and takes what stands around it.
const TERSE_CHARS: usize = 80;
/// What it costs a sentence to stand in a list of titles.
const CONTENTS_FLAW: f32 = 0.3;
/// How much relevance counts against novelty when the next quote is chosen.
const RELEVANCE: f32 = 0.75;
/// Two sentences more alike than this say the same thing.
const REPEATED: f32 = 0.93;
/// A neighbour joins a quote when it is at least this share as near to the question as the quote's
/// own sentence.
const WORTH_JOINING: f32 = 0.7;
/// The same for the first quote, as long as it is terse or stays in its paragraph.
const WORTH_JOINING_FIRST: f32 = 0.35;

/// Words of a passage, exactly as they stand on the page but for line breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The passage's number.
    pub number: u32,
    /// On one line.
    pub text: String,
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
        candidate.score = relevance + asked.form_bonus(&candidate.text)
            - flaws(&candidate.text)
            - says_little(candidate, &asked)
            - if candidate.in_contents {
                CONTENTS_FLAW
            } else {
                0.0
            };
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
    let is_first = taken.is_empty();
    let max_chars = if is_first {
        FIRST_QUOTE_MAX_CHARS
    } else {
        QUOTE_MAX_CHARS
    };
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
            let same_block = other.block == own.block;
            let near = if same_block { 0.05 } else { 0.0 };
            let enough = if is_first && (same_block || own.on_slide || chars < TERSE_CHARS) {
                WORTH_JOINING_FIRST
            } else {
                WORTH_JOINING
            };
            if needed {
                f32::MAX
            } else if at_end && is_heading(&other.text) && !other.text.contains(':') {
                // What follows it is another matter.
                f32::MIN
            } else if other.own > 0.0 && other.own + near >= enough * own.own {
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
                let needed = last.ends_with([':', '?'])
                    || follows(last, text)
                    || is_first && refers_back(last, text);
                (at, worth(at, needed))
            }),
        ];
        let fitting = options
            .into_iter()
            .flatten()
            .filter(|(at, worth)| {
                *worth > f32::MIN && chars + 1 + candidates[*at].text.chars().count() <= max_chars
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
            assert!(quote.text.chars().count() <= FIRST_QUOTE_MAX_CHARS);
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
