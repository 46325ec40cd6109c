//! Sentences and words of documents: where one sentence ends in text that came out of a PDF, which
//! words carry meaning, and where some words stand on a page. Knows nothing of questions,
//! passages or stores.
//!
//! Offsets are Unicode scalar positions in the text that was given.

mod split;

pub use split::{Sentence, sentences};

use app::model::material::Span;
use rust_stemmers::{Algorithm, Stemmer};
use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
};
use unicode_segmentation::UnicodeSegmentation;

/// Shortest common beginning by which two words of different endings count as the same.
const PREFIX_MIN_CHARS: usize = 5;

/// Words that say nothing about what a text is about, English and German, in lower case.
pub const STOP_WORDS: &[&str] = &[
    "a", "about", "above", "after", "again", "all", "also", "am", "an", "and", "any", "are", "as",
    "at", "be", "because", "been", "before", "being", "below", "between", "both", "but", "by",
    "can", "could", "define", "describe", "did", "do", "does", "doing", "down", "during", "each",
    "explain", "few", "for", "from", "further", "give", "had", "has", "have", "having", "he",
    "her", "here", "hers", "him", "his", "how", "i", "if", "in", "into", "is", "it", "its", "just",
    "many", "may", "me", "might", "more", "most", "much", "must", "my", "no", "nor", "not", "of",
    "off", "on", "once", "only", "or", "other", "our", "out", "over", "own", "please", "same",
    "shall", "she", "should", "so", "some", "such", "tell", "than", "that", "the", "their", "them",
    "then", "there", "these", "they", "this", "those", "through", "to", "too", "under", "until",
    "up", "us", "very", "was", "we", "were", "what", "when", "where", "which", "while", "who",
    "whom", "whose", "why", "will", "with", "would", "you", "your", "aber", "alle", "als", "am",
    "an", "auch", "auf", "aus", "bei", "beim", "bis", "da", "damit", "dann", "das", "dass", "dem",
    "den", "der", "des", "die", "dies", "diese", "dieser", "dieses", "durch", "ein", "eine",
    "einem", "einen", "einer", "eines", "er", "es", "für", "hat", "haben", "ich", "ihr", "ihre",
    "im", "in", "ins", "ist", "kann", "können", "man", "mit", "muss", "müssen", "nach", "nicht",
    "noch", "nur", "oder", "ohne", "sein", "seine", "sich", "sie", "sind", "soll", "sollen",
    "sollte", "sollten", "über", "um", "und", "unter", "vom", "von", "vor", "war", "waren",
    "warum", "was", "welche", "welchem", "welchen", "welcher", "welches", "wenn", "wer", "werden",
    "wie", "wieso", "wird", "wo", "wofür", "wozu", "zu", "zum", "zur",
];

/// A word that carries meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyword {
    /// Lower case, as it stands in the text.
    pub word: String,
    pub stem: String,
}

/// The words of `text` that carry meaning, in order.
pub fn keywords(text: &str) -> impl Iterator<Item = Keyword> {
    keywords_among(text.unicode_words())
}

fn keywords_among<'a>(words: impl Iterator<Item = &'a str>) -> impl Iterator<Item = Keyword> {
    thread_local! {
        static STOPS: HashSet<&'static str> = STOP_WORDS.iter().copied().collect();
    }
    words
        .map(str::to_lowercase)
        .map(
            |word| match word.strip_suffix("'s").or(word.strip_suffix("’s")) {
                Some(owner) => owner.to_owned(),
                None => word,
            },
        )
        .filter(|word| STOPS.with(|stops| !stops.contains(word.as_str())))
        .map(|word| Keyword {
            stem: stem(&word),
            word,
        })
}

/// Stems each thread remembers, about 1 MB: a language's common words and a subject's own.
const STEMS_KEPT: usize = 10_000;

/// What the forms of a word in lower case have in common (Porter's English stemmer, the second).
pub fn stem(word: &str) -> String {
    thread_local! {
        static STEMMER: Stemmer = Stemmer::create(Algorithm::English);
        // Finding a stem again takes a tenth of finding it.
        static KNOWN: RefCell<HashMap<Box<str>, Box<str>>> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| {
        if let Some(stem) = known.get(word) {
            return stem.to_string();
        }
        if known.len() == STEMS_KEPT {
            known.clear();
        }
        let stem = STEMMER.with(|stemmer| stemmer.stem(word).into_owned());
        known.insert(word.into(), stem.as_str().into());
        stem
    })
}

/// The stems of the words of `text` that carry meaning, in order.
pub fn content_words(text: &str) -> Vec<String> {
    keywords(text).map(|keyword| keyword.stem).collect()
}

/// As [`content_words`], of the words that begin with one of `firsts`, letters in lower case. A stem
/// begins as its word does.
pub fn content_words_of(text: &str, firsts: &[char]) -> Vec<String> {
    let begins = |word: &&str| {
        let first = word.chars().next().and_then(|c| c.to_lowercase().next());
        first.is_some_and(|first| firsts.contains(&first))
    };
    keywords_among(text.unicode_words().filter(begins))
        .map(|keyword| keyword.stem)
        .collect()
}

/// Whether two stemmed words mean the same: equal, or alike but for a short ending. The second
/// covers what an English stemmer does not know of other languages' endings.
pub fn same_word(left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    let common = left
        .chars()
        .zip(right.chars())
        .take_while(|(a, b)| a == b)
        .count();
    let longer = left.chars().count().max(right.chars().count());
    common >= PREFIX_MIN_CHARS && longer - common <= 2
}

/// `text` on one line, every run of white space one blank.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where `words` stand in `page`, however either is broken into lines; the first place at or after
/// `from`, else the first anywhere.
pub fn locate(page: &str, words: &str, from: u32) -> Option<Span> {
    let needle: String = words.chars().filter(|c| !c.is_whitespace()).collect();
    if needle.is_empty() {
        return None;
    }
    let mut dense = String::with_capacity(page.len());
    let mut positions = Vec::with_capacity(page.len());
    for (position, c) in (0_u32..).zip(page.chars()) {
        if !c.is_whitespace() {
            positions.push((dense.len(), position));
            dense.push(c);
        }
    }
    let start_at = positions
        .iter()
        .find(|(_, position)| *position >= from)
        .map_or(dense.len(), |(byte, _)| *byte);
    let found = dense[start_at..]
        .find(&needle)
        .map(|byte| byte + start_at)
        .or_else(|| dense.find(&needle))?;
    let first = positions.partition_point(|(byte, _)| *byte < found);
    let last = positions.partition_point(|(byte, _)| *byte < found + needle.len()) - 1;
    Some(Span {
        start: positions[first].1,
        end: positions[last].1 + 1,
    })
}

/// The characters of `text` in `span`, as far as they exist.
pub fn slice(text: &str, span: Span) -> String {
    text.chars()
        .skip(span.start as usize)
        .take(span.end.saturating_sub(span.start) as usize)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_that_carry_meaning_are_stemmed_and_the_others_dropped() {
        assert_eq!(
            content_words("What are the heart's ventricles?"),
            ["heart", "ventricl"]
        );
        assert!(content_words("Was ist das und wie?").is_empty());
    }

    #[test]
    fn words_differing_in_a_short_ending_are_the_same() {
        assert!(same_word("anforderung", "anforderungen"));
        assert!(!same_word("anforderung", "anfang"));
        assert!(!same_word("array", "arr"));
    }

    #[test]
    fn words_are_found_across_line_breaks_and_counted_in_characters() {
        let page = "Größe 🫀\nThe heart\n  pumps blood. The heart pumps blood.";
        let span = locate(page, "The heart pumps blood.", 0).unwrap();
        assert_eq!(slice(page, span), "The heart\n  pumps blood.");
        let second = locate(page, "The heart pumps blood.", span.end).unwrap();
        assert_eq!(slice(page, second), "The heart pumps blood.");
        assert!(second.start > span.end);
        assert_eq!(locate(page, "The liver", 0), None);
        assert_eq!(locate(page, "  ", 0), None);
    }

    proptest! {
        #[test]
        fn whatever_is_cut_out_of_a_page_is_found_on_it(page in "[a-zß🫀 \n.]{1,80}", start in 0usize..80, len in 1usize..40) {
            let cut: String = page.chars().skip(start).take(len).collect();
            match locate(&page, &cut, 0) {
                Some(span) => {
                    let dense = |text: &str| text.split_whitespace().collect::<String>();
                    prop_assert_eq!(dense(&slice(&page, span)), dense(&cut));
                }
                None => prop_assert!(cut.trim().is_empty()),
            }
        }
    }
}
