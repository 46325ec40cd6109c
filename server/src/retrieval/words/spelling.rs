//! What counts as the same word: letter case, accents, endings. Knows nothing of indexes.

use crate::prose;
use std::{collections::HashSet, sync::LazyLock};
use unicode_normalization::char::decompose_canonical;

/// The words of `text` as they are indexed, in order, without stop words.
pub fn terms(text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    each_word(text, &mut |word| terms.extend(stem(word)));
    terms
}

/// The stem of a word, none of a stop word.
pub fn stem(word: &str) -> Option<String> {
    static STOPS: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let mut stops = HashSet::new();
        for word in prose::STOP_WORDS {
            each_word(word, &mut |word| {
                stops.insert(word.to_owned());
            });
        }
        stops
    });
    (!STOPS.contains(word)).then(|| prose::stem(word))
}

/// Calls `take` with each run of letters and digits, in lower case and without accents; ideographs
/// and kana stand alone, for no spaces part their words. The `s` of an owner is left out.
pub fn each_word(text: &str, take: &mut impl FnMut(&str)) {
    let mut word = String::new();
    let mut owned = false;
    let mut end = |word: &mut String, owned: bool| {
        let is_owners_s = owned && word == "s";
        if !word.is_empty() && !is_owners_s {
            take(word);
        }
        word.clear();
    };
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
        } else if !c.is_ascii() && (c.is_alphanumeric() || is_accent(c)) {
            if stands_alone(c) {
                end(&mut word, owned);
                word.push(c);
                end(&mut word, false);
            } else {
                decompose_canonical(c, |part| {
                    if !is_accent(part) {
                        word.extend(part.to_lowercase());
                    }
                });
            }
        } else {
            end(&mut word, owned);
            owned = matches!(c, '\'' | '’');
        }
    }
    end(&mut word, owned);
}

/// Accents of Latin, Greek and Cyrillic letters.
fn is_accent(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// Chinese characters and Japanese syllables.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_form_and_spelling_and_parted_where_no_letter_stands() {
        assert_eq!(terms("The hearts of Möbius"), ["heart", "mobius"]);
        assert_eq!(terms("the heart's snake_case"), ["heart", "snake", "case"]);
        assert_eq!(terms("心臓 für ÜBER"), ["心", "臓"]);
        assert!(terms("what is it?").is_empty());
        assert_eq!(terms("Mo\u{308}bius"), terms("Möbius"));
    }
}
