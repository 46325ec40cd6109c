//! From raw page text to the text a student reads: the offsets of chunks, quotes and highlights
//! count the characters of what comes out of here. Pure; knows nothing of files or chunks.
//!
//! Superscripts, subscripts and fractions are left out of the NFKC folding: it would turn `10²`
//! into `102`.

use super::bidi;
use std::{borrow::Cow, collections::HashMap};
use unicode_normalization::UnicodeNormalization;

/// Documents shorter than this have no running heads worth dropping.
const RUNNING_LINES_MIN_PAGES: usize = 4;
/// A line is a running head or foot when it stands on this share of the pages, in percent.
const RUNNING_LINES_SHARE: usize = 40;
/// Where running heads are looked for, in lines from the top of a page.
const HEAD_LINES: usize = 2;
/// Where running feet are looked for, in lines from the bottom.
const FOOT_LINES: usize = 3;
/// Longer lines are text that happens to repeat, in characters.
const RUNNING_LINE_MAX_CHARS: usize = 150;
/// Leading spaces kept on a line (lists, code), in characters.
const INDENT_MAX: usize = 8;
/// Spaces kept between words (columns of a table), in characters.
const GAP_MAX: usize = 2;
/// Words of broken words that are looked up elsewhere in a document; a long textbook has 20,000.
const BREAKS_MAX: usize = 100_000;
/// Longer runs of a leader such as dots are cut to three, in characters.
const LEADER_MAX: usize = 4;

/// Cleans one page by itself, for what is shown before the whole document has been read. The final
/// text may differ: running heads are still in, and a broken word is judged by this page alone.
pub fn page(raw: &str) -> String {
    let text = readable(raw);
    let words = Words::of_breaks(std::slice::from_ref(&text));
    tidy_lines(&join_hyphenated(&text, &words))
}

/// Cleans all pages of one document; the result has as many pages.
pub fn clean(pages: Vec<String>) -> Vec<String> {
    let pages: Vec<String> = pages.iter().map(|page| readable(page)).collect();
    let words = Words::of_breaks(&pages);
    let pages = pages
        .iter()
        .map(|page| tidy_lines(&join_hyphenated(page, &words)))
        .collect();
    drop_running_lines(pages)
}

fn readable(raw: &str) -> String {
    keep_readable(&fold(&bidi::unmarked(raw)))
}

/// NFKC, except for characters whose folding would change what they mean.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(keeps_its_form) {
        folded.extend(rest[..at].nfkc());
        let kept = rest[at..].chars().next().map_or(0, char::len_utf8);
        folded.push_str(&rest[at..at + kept]);
        rest = &rest[at + kept..];
    }
    folded.extend(rest.nfkc());
    folded
}

const fn keeps_its_form(c: char) -> bool {
    matches!(c,
        '²' | '³' | '¹' | '¼'..='¾'
        | '\u{2070}'..='\u{209f}' // superscripts and subscripts
        | '\u{2150}'..='\u{215f}' // fractions
    )
}

/// One kind of line end; no control, direction-override, zero-width or private-use character.
fn keep_readable(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    kept.push('\n');
                }
            }
            '\n' => kept.push('\n'),
            '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' => kept.push('\n'),
            '\u{2029}' => kept.push_str("\n\n"),
            // Bullets of the Symbol and Wingdings fonts; other private characters mean nothing here.
            '\u{f0b7}' | '\u{f0a7}' | '\u{f0a8}' | '\u{f076}' | '\u{f0d8}' | '\u{f0fc}' => {
                kept.push('•');
            }
            '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => kept.push(' '),
            '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{200e}' | '\u{200f}' => {}
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => {
                if c == '\t' {
                    kept.push(' ');
                }
            }
            c if c.is_whitespace() => kept.push(' '),
            c => kept.push(c),
        }
    }
    kept
}

const SOFT_HYPHEN: char = '\u{ad}';
const HYPHENS: [char; 3] = [SOFT_HYPHEN, '-', '\u{2010}'];

/// Joins words that were broken at a line's end, and drops soft hyphens.
fn join_hyphenated<'a>(text: &'a str, words: &Words) -> Cow<'a, str> {
    if !text.contains(HYPHENS) {
        return Cow::Borrowed(text);
    }
    let mut joined = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(HYPHENS) {
        joined.push_str(&rest[..at]);
        let hyphen = rest[at..].chars().next().unwrap_or('-');
        let after = &rest[at + hyphen.len_utf8()..];
        let start = word_at_end(&joined);
        match continued_word(after) {
            Some(word) if !start.is_empty() => {
                if hyphen != SOFT_HYPHEN && words.keep_hyphen(start, word_at_start(word)) {
                    joined.push('-');
                }
                rest = word;
            }
            _ => {
                if hyphen != SOFT_HYPHEN {
                    joined.push(hyphen);
                }
                rest = after;
            }
        }
    }
    joined.push_str(rest);
    Cow::Owned(joined)
}

fn word_at_end(text: &str) -> &str {
    let letters = text.trim_end_matches(char::is_alphabetic);
    &text[letters.len()..]
}

fn word_at_start(text: &str) -> &str {
    let rest = text.trim_start_matches(char::is_alphabetic);
    &text[..text.len() - rest.len()]
}

/// Words that tell whether a hyphen at a line's end belongs to its word, and which of them the
/// document uses elsewhere.
#[derive(Debug, Default)]
struct Words(HashMap<String, bool>);

impl Words {
    /// Looks for every word broken in `pages`, whole, hyphenated and in parts.
    fn of_breaks(pages: &[String]) -> Self {
        let mut words = Self::default();
        for page in pages {
            for (at, hyphen) in page.match_indices(HYPHENS) {
                let start = word_at_end(&page[..at]);
                let Some(word) = continued_word(&page[at + hyphen.len()..]) else {
                    continue;
                };
                if !start.is_empty() && words.0.len() < BREAKS_MAX {
                    words.want(start, word_at_start(word));
                }
            }
        }
        if !words.0.is_empty() {
            pages.iter().for_each(|page| words.look_through(page));
        }
        words
    }

    fn want(&mut self, start: &str, end: &str) {
        let (start, end) = (start.to_lowercase(), end.to_lowercase());
        for word in [
            format!("{start}{end}"),
            format!("{start}-{end}"),
            start,
            end,
        ] {
            self.0.entry(word).or_default();
        }
    }

    fn look_through(&mut self, page: &str) {
        let mut after_break = false;
        for line in page.lines() {
            for (index, word) in line.split_whitespace().enumerate() {
                let fragment = word.ends_with(HYPHENS) || (after_break && index == 0);
                let word = word
                    .trim_matches(|c: char| !c.is_alphabetic())
                    .to_lowercase();
                if !fragment && let Some(seen) = self.0.get_mut(&word) {
                    *seen = true;
                }
            }
            after_break = line.trim_end().ends_with(HYPHENS);
        }
    }

    /// "Navier-\nStokes" and "hand-\nwritten" keep their hyphen, "circu-\nlation" does not.
    fn keep_hyphen(&self, start: &str, end: &str) -> bool {
        /// Shorter parts are syllables that happen to be words, in characters.
        const PART_MIN_CHARS: usize = 4;
        if end.starts_with(char::is_uppercase) {
            return true;
        }
        let (start, end) = (start.to_lowercase(), end.to_lowercase());
        let used = |word: &str| self.0.get(word).copied().unwrap_or_default();
        let part = |word: &str| word.chars().count() >= PART_MIN_CHARS && used(word);
        if used(&format!("{start}{end}")) {
            return false;
        }
        used(&format!("{start}-{end}")) || (part(&start) && part(&end))
    }
}

/// What follows a hyphen at a line's end, if the next line begins with a letter.
fn continued_word(after: &str) -> Option<&str> {
    let next_line = after.trim_start_matches(' ').strip_prefix('\n')?;
    let word = next_line.trim_start_matches(' ');
    word.starts_with(char::is_alphabetic).then_some(word)
}

/// Bounds spaces, blank lines and leaders.
fn tidy_lines(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut blank_lines = 0;
    for line in text.lines() {
        let content = line.trim();
        if content.is_empty() {
            blank_lines += 1;
            continue;
        }
        if !tidy.is_empty() {
            tidy.push_str(if blank_lines > 0 { "\n\n" } else { "\n" });
            let indent = line.len() - line.trim_start_matches(' ').len();
            tidy.extend(std::iter::repeat_n(' ', indent.min(INDENT_MAX)));
        }
        blank_lines = 0;
        push_shortened(&mut tidy, content);
    }
    tidy
}

/// Copies a line, with long runs of spaces and of leaders (`.....`, `_____`) shortened.
fn push_shortened(out: &mut String, line: &str) {
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let is_leader = matches!(c, '.' | '_' | '-' | '=' | '*' | '·' | '~');
        if c != ' ' && !is_leader {
            out.push(c);
            continue;
        }
        let mut run = 1;
        while chars.next_if_eq(&c).is_some() {
            run += 1;
        }
        let kept = match c {
            ' ' => run.min(GAP_MAX),
            _ if run > LEADER_MAX => 3,
            _ => run,
        };
        out.extend(std::iter::repeat_n(c, kept));
    }
}

/// Drops lines that stand at the top or bottom of many pages: titles, dates, page numbers.
fn drop_running_lines(pages: Vec<String>) -> Vec<String> {
    let with_text = pages.iter().filter(|page| !page.is_empty()).count();
    if with_text < RUNNING_LINES_MIN_PAGES {
        return pages;
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    for page in &pages {
        let mut keys: Vec<String> = edge_lines(page).into_iter().map(|(_, key)| key).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            *seen.entry(key).or_default() += 1;
        }
    }
    let enough = (with_text * RUNNING_LINES_SHARE).div_ceil(100).max(2);
    seen.retain(|_, count| *count >= enough);
    if seen.is_empty() {
        return pages;
    }
    pages
        .into_iter()
        .map(|page| without_running_lines(&page, &seen).unwrap_or(page))
        .collect()
}

/// `None` when nothing would change, or nothing would be left.
fn without_running_lines(page: &str, running: &HashMap<String, usize>) -> Option<String> {
    let dropped: Vec<usize> = edge_lines(page)
        .into_iter()
        .filter(|(_, key)| running.contains_key(key))
        .map(|(line, _)| line)
        .collect();
    if dropped.is_empty() {
        return None;
    }
    let kept: Vec<&str> = page
        .lines()
        .enumerate()
        .filter(|(line, _)| !dropped.contains(line))
        .map(|(_, text)| text)
        .collect();
    let kept = tidy_lines(&kept.join("\n"));
    (!kept.is_empty()).then_some(kept)
}

/// The lines where running heads and feet stand, by index, with what identifies each.
fn edge_lines(page: &str) -> Vec<(usize, String)> {
    let lines: Vec<(usize, &str)> = page
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .collect();
    let last_head = HEAD_LINES.min(lines.len());
    let first_foot = lines.len().saturating_sub(FOOT_LINES).max(last_head);
    lines[..last_head]
        .iter()
        .chain(&lines[first_foot..])
        .filter(|(_, line)| line.chars().count() <= RUNNING_LINE_MAX_CHARS)
        .map(|&(index, line)| (index, running_key(line)))
        .collect()
}

/// Whether a line reads like a sentence; running heads have no full stop, or hardly any words.
fn is_sentence(line: &str) -> bool {
    const WORDS_MIN: usize = 5;
    let ends = line.trim_end().ends_with(['.', '!', '?', '\u{3002}']);
    let words = line
        .split_whitespace()
        .filter(|word| word.chars().any(char::is_alphabetic));
    ends && words.take(WORDS_MIN).count() == WORDS_MIN
}

/// The line with its numbers masked, so that "Page 7 of 80" and "Page 12 of 80" are one. Sentences
/// that differ in their numbers say different things.
fn running_key(line: &str) -> String {
    if is_sentence(line) {
        return line.trim().to_lowercase();
    }
    let mut key = String::with_capacity(line.len());
    let mut in_number = false;
    for c in line.trim().chars() {
        if c.is_numeric() {
            if !in_number {
                key.push('#');
            }
            in_number = true;
        } else {
            in_number = false;
            key.extend(c.to_lowercase());
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(raw: &str) -> String {
        clean(vec![raw.to_owned()]).remove(0)
    }

    #[test]
    fn ligatures_fold_but_powers_and_fractions_keep_their_meaning() {
        assert_eq!(one("ﬁeld ＡＢ"), "field AB");
        assert_eq!(one("10² m³, ½ of H₂O"), "10² m³, ½ of H₂O");
    }

    #[test]
    fn broken_words_are_joined() {
        assert_eq!(one("circu-\nlation"), "circulation");
        assert_eq!(
            one("circu\u{ad}\nlation and soft\u{ad}ness"),
            "circulation and softness"
        );
        assert_eq!(one("Navier-\nStokes"), "Navier-Stokes");
        assert_eq!(
            one("1990-\n1995 - and\n- a list"),
            "1990-\n1995 - and\n- a list"
        );
    }

    #[test]
    fn a_hyphen_that_belongs_to_its_word_stays() {
        let written = "A hand-written note. It is hand-\nwritten.";
        assert_eq!(one(written), "A hand-written note. It is hand-written.");
        let parts = "By hand she has written it: hand-\nwritten.";
        assert_eq!(one(parts), "By hand she has written it: hand-written.");
        let whole = "By hand she has handwritten what is written: hand-\nwritten.";
        assert!(one(whole).ends_with(": handwritten."));
        // What another page says counts in the end, not yet in the first look at a page.
        let pages = vec![
            "a well-\nfed cat".to_owned(),
            "Well-fed is happy.".to_owned(),
        ];
        assert_eq!(page(&pages[0]), "a wellfed cat");
        assert_eq!(clean(pages)[0], "a well-fed cat");
    }

    #[test]
    fn characters_nobody_can_read_are_gone() {
        assert_eq!(one("a\u{0}b\u{7}c\u{202e}d\u{200b}e\u{feff}"), "abcde");
        assert_eq!(one("\u{f0b7} point\u{e123}x"), "• point x");
        assert_eq!(one("a\r\nb\rc\u{a0}d\te"), "a\nb\nc d e");
    }

    #[test]
    fn spaces_blank_lines_and_leaders_are_bounded() {
        assert_eq!(
            one("a      b\n\n\n\n  c ......... 7\n\n"),
            "a  b\n\n  c ... 7"
        );
    }

    #[test]
    fn running_heads_and_page_numbers_are_dropped() {
        let pages: Vec<String> = (1..=10)
            .map(|n| {
                let word = ["heart", "lung", "liver", "kidney", "brain"][n % 5];
                format!(
                    "Lecture 4\nThe {word}\nsame words\n{word} text\nand more {word}\nPage {n} of 10"
                )
            })
            .collect();
        let cleaned = clean(pages);
        assert_eq!(cleaned[0], "The lung\nsame words\nlung text\nand more lung");
        assert!(
            cleaned
                .iter()
                .all(|page| !page.contains("Page") && !page.contains("Lecture"))
        );
    }

    #[test]
    fn sentences_that_differ_in_a_number_only_are_no_running_heads() {
        let pages: Vec<String> = (1..=10)
            .map(|n| format!("Notes\nPatient {n} has a heart rate of {n}5.\n© 2020 The Press. All rights are reserved."))
            .collect();
        let cleaned = clean(pages);
        assert_eq!(cleaned[2], "Patient 3 has a heart rate of 35.");
    }

    #[test]
    fn a_page_is_never_emptied_and_a_short_document_left_alone() {
        let same = vec!["Only this line 1".to_owned(); 6];
        assert_eq!(clean(same.clone()), same);
        let short = vec!["Head\nbody".to_owned(), "Head\nother".to_owned()];
        assert_eq!(clean(short.clone()), short);
    }

    proptest! {
        #[test]
        fn cleaning_never_panics_and_leaves_no_control_character(
            pages in proptest::collection::vec("\\PC*|[\\x00-\\x7f]*|[a-c\u{ad}\n -]*", 0..8)
        ) {
            let count = pages.len();
            let cleaned = clean(pages);
            prop_assert_eq!(cleaned.len(), count);
            for page in cleaned {
                prop_assert!(page.chars().all(|c| c == '\n' || !c.is_control()));
                prop_assert_eq!(page.trim(), page.as_str());
                prop_assert!(!page.contains("\n\n\n"));
            }
        }
    }
}
