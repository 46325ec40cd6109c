//! From a stretch of a page's text to places on the page's picture. Pure.
//!
//! The text has been cleaned (lines joined, running heads dropped), the words of the picture come as
//! they are drawn. Both are compared by their letters and digits alone, which cleaning leaves in
//! place; a stretch that does not stand in one piece is looked for in pieces of a few words, and at
//! last word by word: formulas and diagrams are drawn in any order, and right-to-left text is drawn
//! from its other end.
//!
//! Over 400 lines with its tests, because the three ways of looking are one search that gives up late.

use crate::find::fold;
use app::model::material::{Area, Span};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Areas answered for one stretch; a page full of short lines has fewer.
const AREAS_MAX: usize = 300;
/// Words of a piece, where the whole stretch is not found.
const PIECE_WORDS: usize = 6;
/// Letters a piece needs so that it does not stand on the page by chance.
const PIECE_LEAST_LETTERS: usize = 12;
/// Share of the letters that must be found, in percent, for the rest to be believed.
const FOUND_LEAST_SHARE: usize = 60;
/// How far from where it should be a single word is looked for, in letters, beside the length of
/// the stretch itself: some lines.
const WORD_REACH_LETTERS: usize = 240;
/// Words in a row that may be missed inside one line and are marked all the same.
const GAP_WORDS: usize = 2;

/// A word as it is drawn: its box in ten-thousandths of the page's width and height.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    pub text: String,
    pub left: u16,
    pub top: u16,
    pub right: u16,
    pub bottom: u16,
}

/// Where `span` of `page_text` is drawn: one area for each piece of a line, in reading order; empty
/// when it cannot be told.
pub fn areas(words: &[Word], page_text: &str, span: Span) -> Vec<Area> {
    let drawn = Letters::of(words.iter().map(|word| word.text.as_str()));
    let (before, inside, after) = cut(page_text, span);
    let passage = Letters::of(inside.split_whitespace());
    if passage.letters.is_empty() || drawn.letters.is_empty() {
        return Vec::new();
    }
    let before = Letters::of(std::iter::once(before)).letters;
    let after = Letters::of(std::iter::once(after)).letters;
    let marked = in_one_piece(&drawn, &before, &passage.letters, &after)
        .or_else(|| in_pieces(&drawn, before.len(), &passage, after.len()))
        .or_else(|| word_by_word(&drawn, before.len(), &passage, after.len()));
    boxes(words, &marked.unwrap_or_default())
}

/// The letters and digits of some words, folded, each with the word it belongs to.
struct Letters {
    letters: Vec<char>,
    /// Index of the word, parallel to `letters`.
    words: Vec<usize>,
}

impl Letters {
    fn of<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut all = Self {
            letters: Vec::new(),
            words: Vec::new(),
        };
        for (index, word) in words.enumerate() {
            for c in word.chars() {
                fold(c, |c| {
                    if c.is_alphanumeric() {
                        all.letters.push(c);
                        all.words.push(index);
                    }
                });
            }
        }
        all
    }

    /// Every place where `piece` stands, overlapping ones too.
    fn places(&self, piece: &[char]) -> Vec<usize> {
        if piece.is_empty() {
            return Vec::new();
        }
        self.letters
            .windows(piece.len())
            .enumerate()
            .filter(|(_, window)| *window == piece)
            .map(|(at, _)| at)
            .collect()
    }

    /// Each word's first place among the letters, its index, and its letters.
    fn runs(&self) -> Vec<(usize, usize, &[char])> {
        let mut runs = Vec::new();
        let mut from = 0;
        for run in self.words.chunk_by(|left, right| left == right) {
            runs.push((from, run[0], &self.letters[from..from + run.len()]));
            from += run.len();
        }
        runs
    }

    /// The words that the letters `at..at + len` belong to.
    fn words_of(&self, at: usize, len: usize) -> std::ops::RangeInclusive<usize> {
        self.words[at]..=self.words[at + len - 1]
    }
}

fn cut(text: &str, span: Span) -> (&str, &str, &str) {
    let byte = |position: u32| {
        text.char_indices()
            .nth(position as usize)
            .map_or(text.len(), |(byte, _)| byte)
    };
    let start = byte(span.start);
    let end = byte(span.end).max(start);
    (&text[..start], &text[start..end], &text[end..])
}

/// The words of the whole passage where it is drawn without a break. Of several such places it is
/// the one with as many before it as in the text, or else the nearest.
fn in_one_piece(
    drawn: &Letters,
    before: &[char],
    passage: &[char],
    after: &[char],
) -> Option<Vec<usize>> {
    let places = drawn.places(passage);
    let place = match places.as_slice() {
        [] => return None,
        [only] => *only,
        several => {
            let whole = Letters {
                letters: [before, passage, after].concat(),
                words: Vec::new(),
            };
            let in_text = whole.places(passage);
            let rank = in_text.iter().filter(|at| **at < before.len()).count();
            if in_text.len() == several.len() {
                several[rank]
            } else {
                nearest(several, expected(drawn, before.len(), whole.letters.len()))?
            }
        }
    };
    Some(drawn.words_of(place, passage.len()).collect())
}

/// The words of as many pieces of the passage as can be found; none if those are too few.
fn in_pieces(
    drawn: &Letters,
    before: usize,
    passage: &Letters,
    after: usize,
) -> Option<Vec<usize>> {
    let total = before + passage.letters.len() + after;
    let mut marked = Vec::new();
    let mut found = 0;
    let mut from = 0;
    while from < passage.letters.len() {
        let first_word = passage.words[from];
        let to = passage
            .words
            .iter()
            .position(|word| *word >= first_word + PIECE_WORDS)
            .unwrap_or(passage.letters.len());
        let piece = &passage.letters[from..to];
        let is_telling = piece.len() >= PIECE_LEAST_LETTERS;
        let places = if is_telling {
            drawn.places(piece)
        } else {
            Vec::new()
        };
        if let Some(at) = nearest(&places, expected(drawn, before + from, total)) {
            marked.extend(drawn.words_of(at, piece.len()));
            found += piece.len();
            from = to;
        } else {
            // One word further: a single strange word must not spoil six.
            let next = passage.words[from..]
                .iter()
                .position(|word| *word > first_word)
                .map_or(passage.letters.len(), |at| from + at);
            from = next;
        }
    }
    enough(marked, found, passage)
}

/// The words equal to the passage's that stand nearest to where they should; none if too few are
/// found.
fn word_by_word(
    drawn: &Letters,
    before: usize,
    passage: &Letters,
    after: usize,
) -> Option<Vec<usize>> {
    let total = before + passage.letters.len() + after;
    let reach = passage.letters.len() + WORD_REACH_LETTERS;
    let drawn_words = drawn.runs();
    let mut taken = HashSet::new();
    let mut found = 0;
    for (from, _, letters) in passage.runs() {
        let wanted = expected(drawn, before + from, total);
        let nearest = drawn_words
            .iter()
            .filter(|(at, word, drawn_letters)| {
                at.abs_diff(wanted) <= reach
                    && !taken.contains(word)
                    && is_same_word(letters, drawn_letters)
            })
            .min_by_key(|(at, ..)| at.abs_diff(wanted));
        if let Some((_, word, _)) = nearest {
            taken.insert(*word);
            found += letters.len();
        }
    }
    enough(taken.into_iter().collect(), found, passage)
}

/// Equal, or the same from its other end where the script runs from right to left.
fn is_same_word(wanted: &[char], drawn: &[char]) -> bool {
    let is_rtl = |c: &char| matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fefc}');
    wanted == drawn || (wanted.iter().any(is_rtl) && wanted.iter().rev().eq(drawn.iter()))
}

/// The marked words in order, if enough of the passage was found to believe it.
fn enough(mut marked: Vec<usize>, found: usize, passage: &Letters) -> Option<Vec<usize>> {
    if found * 100 < passage.letters.len() * FOUND_LEAST_SHARE {
        return None;
    }
    marked.sort_unstable();
    marked.dedup();
    Some(marked)
}

/// Where a letter of the text should be among the drawn ones.
fn expected(drawn: &Letters, at: usize, total: usize) -> usize {
    at * drawn.letters.len() / total.max(1)
}

fn nearest(places: &[usize], wanted: usize) -> Option<usize> {
    places.iter().copied().min_by_key(|at| at.abs_diff(wanted))
}

/// One box for each run of marked words on a line. `marked` is sorted.
fn boxes(words: &[Word], marked: &[usize]) -> Vec<Area> {
    let mut lines: Vec<Word> = Vec::new();
    let mut last = None;
    for &index in marked {
        let gap = last.map_or(usize::MAX, |last: usize| index - last - 1);
        let continues = gap <= GAP_WORDS
            && (index - gap..=index)
                .all(|at| lines.last().is_some_and(|line| is_beside(line, &words[at])));
        match lines.last_mut().filter(|_| continues) {
            Some(line) => {
                for word in &words[index - gap..=index] {
                    line.left = line.left.min(word.left);
                    line.top = line.top.min(word.top);
                    line.right = line.right.max(word.right);
                    line.bottom = line.bottom.max(word.bottom);
                }
            }
            None => lines.push(words[index].clone()),
        }
        last = Some(index);
    }
    lines
        .iter()
        .take(AREAS_MAX)
        .map(|line| Area {
            left: line.left,
            top: line.top,
            width: line.right.saturating_sub(line.left),
            height: line.bottom.saturating_sub(line.top),
        })
        .collect()
}

/// Whether a word goes on a line: at the same height, and no column's gap away.
fn is_beside(line: &Word, word: &Word) -> bool {
    let height = line.bottom.saturating_sub(line.top).max(1);
    let shared = line
        .bottom
        .min(word.bottom)
        .saturating_sub(line.top.max(word.top));
    let overlaps = u32::from(shared) * 2 > u32::from(height);
    let gap = word.left.saturating_sub(line.right);
    overlaps && u32::from(gap) < 3 * u32::from(height) && word.right >= line.left
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of equal width on lines of equal height.
    fn page(lines: &[&str]) -> Vec<Word> {
        let mut words = Vec::new();
        for (row, line) in (0_u16..).zip(lines) {
            for (column, text) in (0_u16..).zip(line.split_whitespace()) {
                words.push(Word {
                    text: text.to_owned(),
                    left: column * 500,
                    top: row * 300,
                    right: column * 500 + 450,
                    bottom: row * 300 + 200,
                });
            }
        }
        words
    }

    fn span_of(text: &str, part: &str, occurrence: usize) -> Span {
        let byte = text.match_indices(part).nth(occurrence).unwrap().0;
        let start = text[..byte].chars().count() as u32;
        Span {
            start,
            end: start + part.chars().count() as u32,
        }
    }

    fn area(left: u16, top: u16, width: u16) -> Area {
        Area {
            left,
            top,
            width,
            height: 200,
        }
    }

    #[test]
    fn a_passage_over_two_lines_has_an_area_on_each() {
        let words = page(&["The heart pumps exam-", "ple blood today"]);
        let text = "The heart pumps example blood today";
        assert_eq!(
            areas(&words, text, span_of(text, "pumps example blood", 0)),
            [area(1000, 0, 950), area(0, 300, 950)]
        );
    }

    #[test]
    fn of_equal_words_the_one_that_was_meant_is_taken() {
        let words = page(&["one heart two", "three heart four", "heart"]);
        let text = "one heart two three heart four heart";
        for (occurrence, top) in [(0, 0), (1, 300), (2, 600)] {
            let found = areas(&words, text, span_of(text, "heart", occurrence));
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].top, top, "occurrence {occurrence}");
        }
    }

    #[test]
    fn a_running_head_that_cleaning_dropped_does_not_lead_astray() {
        let words = page(&["Heart 12 Heart", "the heart rests", "the heart works"]);
        let text = "the heart rests the heart works";
        let found = areas(&words, text, span_of(text, "the heart works", 0));
        assert_eq!(found, [area(0, 600, 1450)]);
    }

    #[test]
    fn a_passage_drawn_in_another_order_is_found_in_pieces() {
        let words = page(&[
            "alpha bravo charlie delta echo foxtrot",
            "golf hotel india juliet kilo lima",
            "unrelated words stand here between them",
        ]);
        let text = "golf hotel india juliet kilo lima alpha bravo charlie delta echo foxtrot";
        let all = Span {
            start: 0,
            end: text.len() as u32,
        };
        let found = areas(&words, text, all);
        assert_eq!(found, [area(0, 0, 2950), area(0, 300, 2950)]);
    }

    #[test]
    fn text_drawn_from_its_other_end_is_found_word_by_word() {
        let words = page(&["\u{5d3}\u{5d2} \u{5d1}\u{5d0}", "something else below"]);
        let text = "\u{5d0}\u{5d1} \u{5d2}\u{5d3} something else below";
        let found = areas(&words, text, Span { start: 0, end: 5 });
        assert_eq!(found, [area(0, 0, 950)]);
    }

    #[test]
    fn what_is_not_on_the_picture_is_not_guessed() {
        let words = page(&["entirely other words stand on this page"]);
        let text = "The heart pumps five litres of blood a minute through the body";
        let all = Span {
            start: 0,
            end: text.len() as u32,
        };
        assert!(areas(&words, text, all).is_empty());
        assert!(areas(&[], text, all).is_empty());
        assert!(
            areas(
                &words,
                text,
                Span {
                    start: 900,
                    end: 950
                }
            )
            .is_empty()
        );
    }

    #[test]
    fn columns_side_by_side_are_not_joined() {
        let mut words = page(&["left text", "goes on"]);
        words.push(Word {
            text: "right".to_owned(),
            left: 5_000,
            top: 300,
            right: 5_400,
            bottom: 500,
        });
        let text = "left text goes on right";
        let found = areas(&words, text, span_of(text, "goes on right", 0));
        assert_eq!(found.len(), 2);
    }
}
