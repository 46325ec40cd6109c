//! What a question is after, as far as its words tell, and how well a sentence looks like an
//! answer to that kind. English and German.

use crate::prose;
use unicode_segmentation::UnicodeSegmentation;

/// Added to the score of a sentence that has the form of an answer.
const FORM_BONUS: f32 = 0.10;
/// Added where the form leaves little doubt: what was asked for is defined, or counted.
const SURE_BONUS: f32 = 0.18;
/// A question after more words than this is not answered by defining them.
const SUBJECT_MAX_WORDS: usize = 5;

/// What kind of answer would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What is X?
    Definition,
    /// How many, how long, when?
    Number,
    /// Who?
    Person,
    /// Why?
    Reason,
    Other,
}

/// A question taken apart.
#[derive(Debug)]
pub struct Asked {
    pub kind: Kind,
    /// Its words that carry meaning, each once.
    pub words: Vec<String>,
}

impl Asked {
    /// Takes a question apart.
    pub fn from(question: &str) -> Self {
        let kind = kind_of(&question.to_lowercase());
        let mut words = Vec::new();
        for word in prose::content_words(question) {
            // "What does X mean?" is about X.
            let asks = kind == Kind::Definition && ASKING_WORDS.contains(&word.as_str());
            if !asks && !words.contains(&word) {
                words.push(word);
            }
        }
        Self { kind, words }
    }

    /// What the form of `sentence` adds to its score.
    pub fn form_bonus(&self, sentence: &str) -> f32 {
        let lower = sentence.to_lowercase();
        match self.kind {
            Kind::Definition if self.is_defined_by(&lower) => SURE_BONUS,
            Kind::Number if self.is_counted_by(&lower) => SURE_BONUS,
            Kind::Number if has_number(&lower) => FORM_BONUS / 2.0,
            Kind::Person => person_bonus(sentence),
            Kind::Reason if REASONS.iter().any(|word| lower.contains(word)) => FORM_BONUS,
            _ => 0.0,
        }
    }

    /// "X is ...", "X: ...", "X means ..." with X what was asked for, near the beginning.
    fn is_defined_by(&self, lower: &str) -> bool {
        if self.words.is_empty() || self.words.len() > SUBJECT_MAX_WORDS {
            return false;
        }
        let tokens: Vec<&str> = lower
            .split_word_bounds()
            .filter(|token| !token.trim().is_empty())
            .collect();
        let reach = self.words.len() + 2;
        let mut missing: Vec<&String> = self.words.iter().collect();
        for (at, token) in tokens.iter().enumerate().take(reach) {
            if let Some(stem) = prose::content_words(token).first() {
                missing.retain(|word| !prose::same_word(word, stem));
            }
            if missing.is_empty() {
                let mut next = tokens[at + 1..].iter().peekable();
                // "X (also called Y) is ..."
                if next.next_if(|token| **token == "(").is_some() {
                    next.find(|token| **token == ")");
                }
                return next
                    .take_while(|token| !matches!(**token, "that" | "which" | "die" | "das"))
                    .take(4)
                    .any(|token| DEFINERS.contains(token));
            }
        }
        false
    }

    /// A number right before what was asked for: "four levels". In "Level 4 verification" the
    /// number is a name.
    fn is_counted_by(&self, lower: &str) -> bool {
        let tokens: Vec<&str> = lower.unicode_words().collect();
        let is_asked = |token: &str| {
            prose::content_words(token)
                .iter()
                .any(|stem| self.words.iter().any(|word| prose::same_word(word, stem)))
        };
        tokens.iter().enumerate().any(|(at, token)| {
            let is_name = at > 0 && is_asked(tokens[at - 1]);
            let counts = has_number(token) && !is_name;
            counts && tokens[at + 1..].iter().take(2).any(|next| is_asked(next))
        })
    }
}

/// Stems of words that ask rather than being asked about.
const ASKING_WORDS: &[&str] = &["mean", "stand", "bedeutet", "versteht"];

const DEFINERS: &[&str] = &[
    "is",
    "are",
    "was",
    "were",
    "means",
    "mean",
    "refers",
    "denotes",
    "describes",
    "represents",
    "stands",
    "consists",
    "called",
    "defined",
    "ist",
    "sind",
    "bedeutet",
    "bezeichnet",
    "heißt",
    "beschreibt",
    "steht",
    ":",
    "–",
    "—",
    "=",
];

const REASONS: &[&str] = &[
    "because",
    "since ",
    "therefore",
    "so that",
    "in order to",
    "due to",
    "reason",
    "thus",
    "weil",
    "damit ",
    "deshalb",
    "daher",
    "grund",
    "um zu ",
];

const NUMBER_QUESTIONS: &[&str] = &[
    "how many",
    "how much",
    "how long",
    "how often",
    "how far",
    "how old",
    "how big",
    "how large",
    "how high",
    "how fast",
    "what year",
    "which year",
    "what percent",
    "what size",
    "what length",
    "minimum length",
    "wie viel",
    "wie lang",
    "wie oft",
    "wie groß",
    "wie alt",
    "wie hoch",
];

const NUMBER_WORDS: &[&str] = &[
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve",
    "hundred", "thousand", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun",
    "zehn", "zwölf", "hundert", "tausend",
];

fn kind_of(question: &str) -> Kind {
    let question = question.trim_start();
    let starts = |beginnings: &[&str]| beginnings.iter().any(|start| question.starts_with(start));
    if NUMBER_QUESTIONS
        .iter()
        .any(|words| question.contains(words))
        || starts(&["when ", "wann "])
    {
        Kind::Number
    } else if starts(&["who ", "who's ", "wer ", "whose "]) {
        Kind::Person
    } else if starts(&["why ", "warum ", "wieso ", "weshalb "]) {
        Kind::Reason
    } else if starts(&[
        "what is ",
        "what are ",
        "what's ",
        "what does ",
        "what do ",
        "define ",
        "was ist ",
        "was sind ",
        "was bedeutet ",
        "was versteht ",
        "explain ",
        "what was ",
        "what were ",
    ]) {
        Kind::Definition
    } else {
        Kind::Other
    }
}

fn has_number(lower: &str) -> bool {
    lower.contains(|c: char| c.is_ascii_digit())
        || lower
            .unicode_words()
            .any(|word| NUMBER_WORDS.contains(&word))
}

/// How much a sentence looks as if it named somebody: two capitalised words in a row that are no
/// abbreviations, most of all after "by".
fn person_bonus(sentence: &str) -> f32 {
    let is_name = |word: &str| {
        let mut chars = word.chars();
        chars.next().is_some_and(char::is_uppercase) && chars.next().is_some_and(char::is_lowercase)
    };
    let words: Vec<&str> = sentence.unicode_words().collect();
    let is_named = |at: usize| is_name(words[at]) && words.get(at + 1).is_some_and(|w| is_name(w));
    let names: Vec<usize> = (1..words.len()).filter(|at| is_named(*at)).collect();
    if names.iter().any(|at| matches!(words[at - 1], "by" | "von")) {
        SURE_BONUS
    } else if names.is_empty() {
        0.0
    } else {
        FORM_BONUS / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_known_by_its_form() {
        let asked = Asked::from("What is a linked list?");
        assert_eq!(asked.kind, Kind::Definition);
        assert!(asked.form_bonus("A linked list is a chain of nodes.") > 0.0);
        assert!(asked.form_bonus("linked list: a chain of nodes") > 0.0);
        assert_eq!(
            asked.form_bonus("Sorting works on every linked list that is short."),
            0.0
        );
    }

    #[test]
    fn a_count_is_told_from_a_name_with_a_number() {
        let asked = Asked::from("How many verification levels are there?");
        let counted = asked.form_bonus("The standard defines four levels.");
        assert!(counted > asked.form_bonus("Level 2 verification needs more."));
        assert!(counted > asked.form_bonus("There are levels, see page 12."));
    }

    #[test]
    fn somebody_is_named_by_two_capitalised_words() {
        let asked = Asked::from("Who led the project?");
        let named = asked.form_bonus("It is led by Mike Boberski.");
        assert!(named > asked.form_bonus("Thanks go to Jeff Williams."));
        assert_eq!(asked.form_bonus("The OWASP ASVS is led well."), 0.0);
    }

    #[test]
    fn kinds_are_told_by_the_first_words() {
        for (question, kind) in [
            ("How many levels are there?", Kind::Number),
            ("Wann wurde die Norm veröffentlicht?", Kind::Number),
            ("Who invented literate programming?", Kind::Person),
            ("Warum ist das so?", Kind::Reason),
            ("Which verbs bypass authentication?", Kind::Other),
        ] {
            assert_eq!(Asked::from(question).kind, kind, "{question}");
        }
    }
}
