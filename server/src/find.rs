//! Finding words on a page as a student means them: capitals, accents, ligatures, typographic
//! quotes and line breaks make no difference. Pure; knows nothing of materials or the database.
//!
//! Offsets count Unicode scalar values of the text that was searched, not of its folded form.

use app::model::material::{FIND_MAX_CHARS, PageHit, Span};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Characters shown before and after what was found.
const AROUND_CHARS: usize = 48;
/// Fewer letters than this stand nearly everywhere.
const LEAST_CHARS: usize = 2;

/// Words to look for, folded.
pub struct Needle(Vec<char>);

impl Needle {
    /// `None` for what is too short to be looked for, or longer than [`FIND_MAX_CHARS`].
    pub fn parse(words: &str) -> Option<Self> {
        if words.chars().count() > FIND_MAX_CHARS {
            return None;
        }
        let folded: Vec<char> = Folded::of(words.trim()).chars;
        let counted = folded.iter().filter(|c| !c.is_whitespace()).count();
        (counted >= LEAST_CHARS).then_some(Self(folded))
    }

    /// The places on one page, in order and not overlapping, at most `room`.
    pub fn hits(&self, page: u32, text: &str, room: usize) -> Vec<PageHit> {
        let folded = Folded::of(text);
        let places = folded.places(&self.0, room);
        if places.is_empty() {
            return Vec::new();
        }
        let chars: Vec<char> = text.chars().collect();
        places
            .into_iter()
            .map(|(start, end)| hit(page, &chars, start, end))
            .collect()
    }
}

/// A text as it is compared, each character with the place it comes from.
struct Folded {
    chars: Vec<char>,
    /// Position of the character in the text, parallel to `chars`.
    origins: Vec<u32>,
}

impl Folded {
    fn of(text: &str) -> Self {
        let mut folded = Self {
            chars: Vec::with_capacity(text.len()),
            origins: Vec::with_capacity(text.len()),
        };
        for (origin, c) in (0_u32..).zip(text.chars()) {
            if c.is_whitespace() {
                // A run of them is one space, and one at the beginning is none.
                if folded.chars.last().is_some_and(|last| *last != ' ') {
                    folded.push(' ', origin);
                }
            } else {
                fold(c, |c| folded.push(c, origin));
            }
        }
        folded
    }

    fn push(&mut self, c: char, origin: u32) {
        self.chars.push(c);
        self.origins.push(origin);
    }

    /// Where `needle` stands: positions in the original text, the end exclusive.
    fn places(&self, needle: &[char], room: usize) -> Vec<(usize, usize)> {
        let mut places = Vec::new();
        let mut at = 0;
        while places.len() < room && at + needle.len() <= self.chars.len() {
            if self.chars[at..at + needle.len()] == *needle {
                let last = at + needle.len() - 1;
                places.push((self.origins[at] as usize, self.origins[last] as usize + 1));
                at += needle.len();
            } else {
                at += 1;
            }
        }
        places
    }
}

/// Hands over what a character is compared as: lower case, without marks, in plain letters.
pub fn fold(c: char, mut push: impl FnMut(char)) {
    if c.is_ascii() {
        push(c.to_ascii_lowercase());
        return;
    }
    let plain = match c {
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{feff}' => return,
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{2bc}' => "'",
        '\u{201c}'..='\u{201e}' | '«' | '»' => "\"",
        '\u{2010}'..='\u{2015}' | '\u{2212}' => "-",
        'ß' | 'ẞ' => "ss",
        'æ' | 'Æ' => "ae",
        'œ' | 'Œ' => "oe",
        'ø' | 'Ø' => "o",
        'ł' | 'Ł' => "l",
        'đ' | 'Đ' | 'ð' | 'Ð' => "d",
        'ı' => "i",
        _ => {
            for part in std::iter::once(c).nfkd().filter(|c| !is_combining_mark(*c)) {
                part.to_lowercase()
                    .filter(|c| !is_combining_mark(*c))
                    .for_each(&mut push);
            }
            return;
        }
    };
    plain.chars().for_each(push);
}

fn hit(page: u32, chars: &[char], start: usize, mut end: usize) -> PageHit {
    // Marks of the last letter that stand as characters of their own belong to it.
    while chars.get(end).is_some_and(|c| is_combining_mark(*c)) {
        end += 1;
    }
    let from = start.saturating_sub(AROUND_CHARS);
    let to = (end + AROUND_CHARS).min(chars.len());
    PageHit {
        page,
        span: Span {
            start: u32::try_from(start).unwrap_or(u32::MAX),
            end: u32::try_from(end).unwrap_or(u32::MAX),
        },
        before: from_a_word(&chars[from..start], from > 0),
        found: one_line(&chars[start..end]),
        after: to_a_word(&chars[end..to], to < chars.len()),
    }
}

/// What stands before, without the word that was cut in two.
fn from_a_word(chars: &[char], is_cut: bool) -> String {
    let from = if is_cut {
        chars
            .iter()
            .position(|c| c.is_whitespace())
            .map_or(0, |at| at + 1)
    } else {
        0
    };
    one_line(&chars[from..])
}

/// What stands behind, without the word that was cut in two.
fn to_a_word(chars: &[char], is_cut: bool) -> String {
    let to = if is_cut {
        chars
            .iter()
            .rposition(|c| c.is_whitespace())
            .unwrap_or(chars.len())
    } else {
        chars.len()
    };
    one_line(&chars[..to])
}

/// Runs of white space as one space each.
fn one_line(chars: &[char]) -> String {
    let mut line = String::with_capacity(chars.len());
    for c in chars {
        if !c.is_whitespace() {
            line.push(*c);
        } else if !line.ends_with(' ') {
            line.push(' ');
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(words: &str, text: &str) -> Vec<String> {
        let chars: Vec<char> = text.chars().collect();
        Needle::parse(words)
            .unwrap()
            .hits(1, text, 100)
            .into_iter()
            .map(|hit| {
                chars[hit.span.start as usize..hit.span.end as usize]
                    .iter()
                    .collect()
            })
            .collect()
    }

    #[test]
    fn capitals_and_accents_make_no_difference_either_way() {
        let text = "Größe und GRÖSSE; the naïve façade of a CAFÉ";
        assert_eq!(found("grosse", text), ["Größe", "GRÖSSE"]);
        assert_eq!(found("Größe", text), ["Größe", "GRÖSSE"]);
        assert_eq!(found("NAIVE FACADE", text), ["naïve façade"]);
        assert_eq!(found("café", text), ["CAFÉ"]);
    }

    #[test]
    fn offsets_count_unicode_scalars_of_the_text_as_it_stands() {
        let text = "𝛼 ﬁnds e\u{301}tude, 心臓 heart";
        let hits = Needle::parse("heart").unwrap().hits(3, text, 10);
        assert_eq!(hits[0].page, 3);
        let start = text.chars().position(|c| c == 'h').unwrap() as u32;
        assert_eq!(
            hits[0].span,
            Span {
                start,
                end: start + 5
            }
        );
        assert_eq!(found("finds", text), ["ﬁnds"]);
        assert_eq!(found("etude", text), ["e\u{301}tude"]);
        assert_eq!(found("心臓", text), ["心臓"]);
    }

    #[test]
    fn a_mark_behind_the_last_letter_belongs_to_what_was_found() {
        assert_eq!(found("cafe", "un cafe\u{301} noir"), ["cafe\u{301}"]);
    }

    #[test]
    fn words_run_over_line_ends_and_typographic_signs() {
        assert_eq!(
            found("heart's output", "The heart\u{2019}s\n  output rises"),
            ["heart\u{2019}s\n  output"]
        );
        assert_eq!(found("18-20", "pages 18\u{2013}20"), ["18\u{2013}20"]);
    }

    #[test]
    fn hits_are_in_order_do_not_overlap_and_stop_where_there_is_no_room() {
        assert_eq!(found("aa", "aaaaa"), ["aa", "aa"]);
        assert_eq!(Needle::parse("aa").unwrap().hits(1, "aaaaaa", 2).len(), 2);
        assert!(found("stone", "granite").is_empty());
    }

    #[test]
    fn what_is_too_short_or_too_long_is_not_looked_for() {
        for words in ["", "  ", "a", " a ", &"x".repeat(FIND_MAX_CHARS + 1)] {
            assert!(Needle::parse(words).is_none(), "{words:?}");
        }
        assert!(Needle::parse("pH").is_some());
    }

    #[test]
    fn what_stands_around_is_one_line_and_begins_and_ends_with_whole_words() {
        let text = format!(
            "{}the right\nventricle {}",
            "long ".repeat(30),
            "more ".repeat(30)
        );
        let hit = &Needle::parse("right").unwrap().hits(1, &text, 1)[0];
        assert!(hit.before.starts_with("long ") && hit.before.ends_with("the "));
        assert_eq!(hit.found, "right");
        assert!(hit.after.starts_with(" ventricle more") && hit.after.ends_with("more"));
        assert!(!hit.after.contains('\n'));
    }
}
