//! What is asked of a search: a question, how much of it, and what it may look into.

use super::words;
use crate::prose::{self, Keyword};
use app::model::filter::Filter;
use serde::Serialize;
use std::collections::HashSet;

/// Most words of one question: more is a pasted page, whose later words add time, not sense.
const WORDS_MAX: usize = 32;

/// A question to a student's materials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Query {
    pub text: String,
    /// Most passages to answer.
    pub limit: usize,
    pub filter: Filter,
}

impl Query {
    /// A question to all materials.
    pub fn new(text: impl Into<String>, limit: usize) -> Self {
        Self {
            text: text.into(),
            limit,
            filter: Filter::default(),
        }
    }

    /// What tells this query from others; blanks and line breaks make no difference.
    pub fn key(&self) -> String {
        let plain = (prose::one_line(&self.text), self.limit, &self.filter);
        // Numbers, texts and ids: there is nothing in it that could fail.
        serde_json::to_string(&plain).unwrap_or_default()
    }

    /// What two queries have in common that differ in their words alone.
    pub fn asked_for(&self) -> String {
        serde_json::to_string(&(self.limit, &self.filter)).unwrap_or_default()
    }
}

/// The question's words that carry meaning, each once; all its words when none does.
pub fn keywords(question: &str) -> Vec<Keyword> {
    let mut seen = HashSet::new();
    let mut keywords: Vec<Keyword> = prose::keywords(question).collect();
    if keywords.is_empty() {
        keywords = question
            .split_whitespace()
            .map(str::to_lowercase)
            .map(|word| Keyword {
                stem: word.clone(),
                word,
            })
            .collect();
    }
    keywords.retain(|one| seen.insert(one.stem.clone()));
    keywords.truncate(WORDS_MAX);
    keywords
}

/// The question's words as the index has them, in order.
pub fn terms(question: &str) -> Vec<String> {
    let mut terms = words::terms(question);
    terms.truncate(WORDS_MAX);
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_of_stop_words_keeps_them_all() {
        let words = |question| {
            keywords(question)
                .into_iter()
                .map(|one| one.word)
                .collect::<Vec<_>>()
        };
        assert_eq!(words("To be or not to be"), ["to", "be", "or", "not"]);
        assert_eq!(words("What is the Heart's heart?"), ["heart"]);
        assert!(words("?!").is_empty() || words("?!") == ["?!"]);
    }
}
