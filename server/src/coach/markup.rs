//! An answer's Markdown as a row of pieces in which citation markers stand out. What a model must
//! not bring along is taken out here, once: raw HTML becomes text, links and pictures keep only
//! their words.
//!
//! `[1]` and `[1, 3]` are markers in running text; in code, escaped (`\[1]`), or with anything but
//! numbers in them, they are left alone.

use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

/// Digits of a marker's number; no retrieval has a thousand passages.
const MARKER_MAX_DIGITS: usize = 3;

/// A piece of an answer.
#[derive(Debug, PartialEq)]
pub enum Piece<'a> {
    Markup(Event<'a>),
    /// One number of a marker.
    Marker(u32),
}

/// The pieces of `text`, in order.
pub fn read(text: &str) -> Vec<Piece<'_>> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut reader = Reader {
        text,
        pieces: Vec::new(),
        run: Vec::new(),
        brackets: Vec::new(),
        end: 0,
        in_code: false,
    };
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        reader.take(event, range);
    }
    reader.end_run();
    reader.pieces
}

struct Reader<'a> {
    text: &'a str,
    pieces: Vec<Piece<'a>>,
    /// Running text not yet passed on; the flag says that a character was escaped.
    run: Vec<(char, bool)>,
    /// What to write where the links that are open end.
    brackets: Vec<String>,
    end: usize,
    in_code: bool,
}

impl<'a> Reader<'a> {
    fn take(&mut self, event: Event<'a>, range: std::ops::Range<usize>) {
        match event {
            Event::Text(words) if self.in_code => self.push(Event::Text(words)),
            Event::Text(words) => {
                let escaped = self.text.get(self.end..range.start) == Some("\\")
                    || self.text.get(range.clone()) != Some(&*words);
                self.add(&words, escaped);
            }
            Event::Html(html) | Event::InlineHtml(html) => self.add(&html, false),
            Event::Start(Tag::Link { link_type, id, .. }) => self.open_link(link_type, &id),
            Event::End(TagEnd::Link) => {
                let closing = self.brackets.pop().unwrap_or_default();
                self.add(&closing, false);
            }
            Event::Start(Tag::Image { .. } | Tag::HtmlBlock)
            | Event::End(TagEnd::Image | TagEnd::HtmlBlock) => {}
            Event::Start(Tag::CodeBlock(kind)) => {
                self.in_code = true;
                self.push(Event::Start(Tag::CodeBlock(kind)));
            }
            Event::End(TagEnd::CodeBlock) => {
                self.in_code = false;
                self.push(Event::End(TagEnd::CodeBlock));
            }
            Event::Start(Tag::Heading { level, .. }) => self.push(Event::Start(Tag::Heading {
                level: below_the_page(level),
                id: None,
                classes: Vec::new(),
                attrs: Vec::new(),
            })),
            Event::End(TagEnd::Heading(level)) => {
                self.push(Event::End(TagEnd::Heading(below_the_page(level))));
            }
            other => self.push(other),
        }
        self.end = range.end;
    }

    /// `[1]` is a link to the parser when the answer ends in `[1]: somewhere`: a marker all the same.
    fn open_link(&mut self, kind: LinkType, id: &str) {
        let closing = match kind {
            LinkType::Shortcut | LinkType::Collapsed => "]".to_owned(),
            LinkType::Reference => format!("][{id}]"),
            _ => String::new(),
        };
        if !closing.is_empty() {
            self.add("[", false);
        }
        self.brackets.push(closing);
    }

    fn add(&mut self, words: &str, first_is_escaped: bool) {
        self.run.extend(
            words
                .chars()
                .enumerate()
                .map(|(at, c)| (c, at == 0 && first_is_escaped)),
        );
    }

    fn push(&mut self, event: Event<'a>) {
        self.end_run();
        self.pieces.push(Piece::Markup(event));
    }

    /// Passes the running text on, with its markers taken out.
    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        let mut words = String::new();
        let mut at = 0;
        while at < run.len() {
            if let Some((numbers, length)) = marker(&run[at..]) {
                self.push_words(&mut words);
                self.pieces.extend(numbers.into_iter().map(Piece::Marker));
                at += length;
            } else {
                words.push(run[at].0);
                at += 1;
            }
        }
        self.push_words(&mut words);
    }

    fn push_words(&mut self, words: &mut String) {
        if !words.is_empty() {
            let words = std::mem::take(words);
            self.pieces
                .push(Piece::Markup(Event::Text(CowStr::from(words))));
        }
    }
}

/// The numbers of a marker at the beginning of `run`, and how many characters it takes.
fn marker(run: &[(char, bool)]) -> Option<(Vec<u32>, usize)> {
    if run.first() != Some(&('[', false)) {
        return None;
    }
    let length = run.iter().position(|(c, _)| *c == ']')?;
    let inside: String = run[1..length].iter().map(|(c, _)| c).collect();
    let numbers = inside
        .split(',')
        .map(|number| {
            let number = number.trim();
            let fits = !number.is_empty()
                && number.len() <= MARKER_MAX_DIGITS
                && number.bytes().all(|byte| byte.is_ascii_digit());
            fits.then(|| number.parse().ok()).flatten()
        })
        .collect::<Option<Vec<u32>>>()?;
    Some((numbers, length + 1))
}

/// The page has its own first and second headings.
const fn below_the_page(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        _ => HeadingLevel::H6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Vec<u32> {
        read(text)
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Marker(number) => Some(number),
                Piece::Markup(_) => None,
            })
            .collect()
    }

    #[test]
    fn markers_are_single_lists_and_neighbours() {
        assert_eq!(
            numbers("One [1]. Two [1, 3][2]. *Three [4]*"),
            [1, 1, 3, 2, 4]
        );
    }

    #[test]
    fn ranges_code_footnotes_and_escapes_are_left_alone() {
        let text = "[1-3] `a[1]` [x] [^1] \\[2] [ ] [1,] [1234]\n\n```\nb[2]\n```\n\n    c[3]\n";
        assert_eq!(numbers(text), Vec::<u32>::new());
    }

    #[test]
    fn a_marker_stays_one_when_the_answer_defines_it_as_a_link() {
        let text = "Said [1] and [2][1].\n\n[1]: http://example.org\n[2]: /x";
        assert_eq!(numbers(text), [1, 2, 1]);
    }
}
