//! From cleaned pages to passages that can be found: windows of whole sentences, a little
//! overlapping, never across a page unless a page holds next to nothing. Pure.
//!
//! Every character that is no space lies in some chunk; a chunk's offsets are Unicode scalar
//! positions in the cleaned page text.

mod sections;

use app::model::material::OutlineEntry;
use sections::Sections;
use unicode_segmentation::UnicodeSegmentation;

/// Tokens a window is filled up to.
pub const WINDOW_TOKENS: usize = 220;
/// Tokens no chunk exceeds: the embedding model takes 256, two of them its own marks.
pub const CHUNK_MAX_TOKENS: usize = 254;
/// Tokens of whole sentences that two neighbouring windows share at most.
const OVERLAP_TOKENS: usize = 40;
/// A chunk with fewer tokens joins a neighbour.
const CHUNK_MIN_TOKENS: usize = 30;
/// However few tokens a tokenizer makes of a text (an endless word is "one unknown"), this many
/// characters weigh one; bounds a chunk to about 3,500 characters.
const CHARS_PER_TOKEN_MAX: usize = 16;
/// A sentence longer than this is cut into words at once, in characters.
const SENTENCE_MAX_CHARS: usize = 4_000;
/// Digits of a list's number; a longer one is a year at a line's start.
const LIST_NUMBER_MAX_DIGITS: usize = 3;
/// A word longer than this is cut, in characters.
const WORD_MAX_CHARS: usize = 64;

/// A passage to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// From 1.
    pub page_first: u32,
    pub page_last: u32,
    /// On `page_first`, in characters.
    pub char_start: u32,
    /// On `page_last`, in characters, exclusive.
    pub char_end: u32,
    /// The words of that stretch: line breaks inside a paragraph are spaces; a paragraph, a heading
    /// or a point of a list ends in one line break.
    pub text: String,
    /// The title of the outline under which most of it stands.
    pub section: Option<String>,
}

/// Cuts `pages` (cleaned) into chunks, in reading order. The first of them is the document's page
/// `first_page`, so that a document can be cut in batches; `outline` is always the whole document's.
/// `count_tokens` should be the embedding model's own count; [`estimate_tokens`] does without a
/// model.
pub fn chunk(
    pages: &[String],
    first_page: u32,
    outline: &[OutlineEntry],
    count_tokens: &dyn Fn(&str) -> usize,
) -> Vec<Chunk> {
    let weigh = Scale::new(count_tokens);
    let sections = Sections::new(pages, first_page, outline);
    let drafts = pages
        .iter()
        .enumerate()
        .flat_map(|(page, text)| windows(page, &units(text, &weigh)))
        .collect();
    join_small(drafts)
        .into_iter()
        .map(|draft| draft.finish(pages, first_page, &sections))
        .collect()
}

/// About how many tokens a WordPiece model makes of `text`: never far too few.
pub fn estimate_tokens(text: &str) -> usize {
    text.split_whitespace()
        .map(|word| {
            let letters = word.chars().filter(char::is_ascii_alphabetic).count();
            // Digits, signs and letters of other scripts come close to a token each.
            letters.div_ceil(5) + word.chars().count() - letters
        })
        .sum()
}

/// Weighs a piece of text in tokens, without the marks a tokenizer adds to each call.
struct Scale<'a> {
    count_tokens: &'a dyn Fn(&str) -> usize,
    marks: usize,
}

impl<'a> Scale<'a> {
    fn new(count_tokens: &'a dyn Fn(&str) -> usize) -> Self {
        Self {
            count_tokens,
            marks: count_tokens(""),
        }
    }

    fn weigh(&self, text: &str) -> usize {
        (self.count_tokens)(text)
            .saturating_sub(self.marks)
            .max(text.chars().count().div_ceil(CHARS_PER_TOKEN_MAX))
    }
}

/// A stretch that is never cut: a sentence, or a word of an over-long one. No space at either end.
#[derive(Clone, Copy, Debug)]
struct Unit {
    byte_start: usize,
    byte_end: usize,
    char_start: usize,
    char_end: usize,
    tokens: usize,
    is_heading: bool,
}

fn units(page: &str, scale: &Scale<'_>) -> Vec<Unit> {
    let mut units = Vec::new();
    let flowing = reflow(page);
    let mut position = Position::default();
    for (start, sentence) in flowing.split_sentence_bound_indices() {
        let trimmed = sentence.trim_start();
        let start = start + sentence.len() - trimmed.len();
        let trimmed = trimmed.trim_end();
        if trimmed.is_empty() {
            continue;
        }
        let chars = trimmed.chars().count();
        let tokens = if chars <= SENTENCE_MAX_CHARS {
            scale.weigh(trimmed)
        } else {
            usize::MAX
        };
        if tokens <= WINDOW_TOKENS {
            units.push(position.unit(page, start, trimmed.len(), tokens));
        } else {
            push_words(&mut units, page, start, trimmed, scale, &mut position);
        }
    }
    units
}

fn push_words(
    units: &mut Vec<Unit>,
    page: &str,
    start: usize,
    sentence: &str,
    scale: &Scale<'_>,
    position: &mut Position,
) {
    let base = sentence.as_ptr() as usize;
    for word in sentence.split_whitespace() {
        let word_start = start + (word.as_ptr() as usize - base);
        let mut offset = 0;
        while offset < word.len() {
            let rest = &word[offset..];
            let mut len = rest
                .char_indices()
                .nth(WORD_MAX_CHARS)
                .map_or(rest.len(), |(index, _)| index);
            let mut tokens = scale.weigh(&rest[..len]);
            while tokens > WINDOW_TOKENS {
                let half = rest[..len].chars().count() / 2;
                if half == 0 {
                    // One character that weighs more than a window: count it as a full one.
                    tokens = WINDOW_TOKENS;
                    break;
                }
                len = rest
                    .char_indices()
                    .nth(half)
                    .map_or(len, |(index, _)| index);
                tokens = scale.weigh(&rest[..len]);
            }
            units.push(position.unit(page, word_start + offset, len, tokens));
            offset += len;
        }
    }
}

/// Walks a page once, turning byte positions into character positions.
#[derive(Default)]
struct Position {
    byte: usize,
    char: usize,
}

impl Position {
    fn advance(&mut self, page: &str, byte: usize) -> usize {
        self.char += page[self.byte..byte].chars().count();
        self.byte = byte;
        self.char
    }

    fn unit(&mut self, page: &str, start: usize, len: usize, tokens: usize) -> Unit {
        let char_start = self.advance(page, start);
        let char_end = self.advance(page, start + len);
        Unit {
            byte_start: start,
            byte_end: start + len,
            char_start,
            char_end,
            tokens,
            is_heading: is_heading(&page[start..]),
        }
    }
}

/// The page with line breaks inside a paragraph as spaces, byte for byte as long: a sentence may
/// run over several lines, but not over a blank one, nor into the next point of a list.
fn reflow(page: &str) -> String {
    let mut flowing = String::with_capacity(page.len());
    let mut lines = page.split('\n').peekable();
    while let Some(line) = lines.next() {
        flowing.push_str(line);
        if let Some(next) = lines.peek() {
            let breaks = ends_here(line) || begins_anew(next);
            flowing.push(if breaks { '\n' } else { ' ' });
        }
    }
    flowing
}

/// Whether a line is blank or a heading.
fn ends_here(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || is_heading(line)
}

/// Whether a line is blank or opens a heading or a point of a list.
fn begins_anew(line: &str) -> bool {
    let line = line.trim_start();
    let marker = line.split(' ').next().unwrap_or_default();
    let number = marker.trim_end_matches(['.', ')']);
    let numbered = number.len() < marker.len()
        && (1..=LIST_NUMBER_MAX_DIGITS).contains(&number.len())
        && number.chars().all(|c| c.is_ascii_digit());
    line.is_empty()
        || numbered
        || matches!(marker, "-" | "*" | "+" | "•" | "–" | "—")
        || is_heading(line)
}

/// `# Title` to `###### Title`; `#include` is none.
fn is_heading(line: &str) -> bool {
    let rest = line.trim_start_matches('#');
    (1..=6).contains(&(line.len() - rest.len())) && rest.starts_with(' ')
}

/// A chunk before its text is cut out; pages count from 0.
#[derive(Clone, Debug)]
struct Draft {
    page_first: usize,
    page_last: usize,
    byte_start: usize,
    byte_end: usize,
    char_start: usize,
    char_end: usize,
    tokens: usize,
}

fn windows(page: usize, units: &[Unit]) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let mut start = 0;
    let mut fresh = 0;
    while fresh < units.len() {
        let mut tokens: usize = units[start..=fresh].iter().map(|unit| unit.tokens).sum();
        // The shared sentences give way when the next one is long.
        while tokens > WINDOW_TOKENS && start < fresh {
            tokens -= units[start].tokens;
            start += 1;
        }
        let mut end = fresh + 1;
        // A new section begins a new window, so that a passage knows where it stands.
        let begins_section =
            |unit: &Unit, tokens: usize| unit.is_heading && tokens >= CHUNK_MIN_TOKENS;
        while end < units.len()
            && tokens + units[end].tokens <= WINDOW_TOKENS
            && !begins_section(&units[end], tokens)
        {
            tokens += units[end].tokens;
            end += 1;
        }
        // A heading goes with what follows it.
        while end < units.len() && end > fresh + 1 && units[end - 1].is_heading {
            end -= 1;
            tokens -= units[end].tokens;
        }
        drafts.push(Draft {
            page_first: page,
            page_last: page,
            byte_start: units[start].byte_start,
            byte_end: units[end - 1].byte_end,
            char_start: units[start].char_start,
            char_end: units[end - 1].char_end,
            tokens,
        });
        fresh = end;
        if units.get(end).is_some_and(|unit| unit.is_heading) {
            start = end;
            continue;
        }
        // Step back over whole units, never to the start of the window just made.
        let floor = start + 1;
        start = end;
        let mut shared = 0;
        while start > floor && shared + units[start - 1].tokens <= OVERLAP_TOKENS {
            start -= 1;
            shared += units[start].tokens;
        }
    }
    drafts
}

/// Lets small chunks join a neighbour: the rest of a page goes back to its page, a page that is
/// small itself (a title, a slide) goes forward to what it introduces.
fn join_small(drafts: Vec<Draft>) -> Vec<Draft> {
    let mut joined: Vec<Draft> = Vec::with_capacity(drafts.len());
    let mut waiting: Option<Draft> = None;
    for mut draft in drafts {
        if let Some(small) = waiting.take() {
            match small.join(&draft) {
                Some(both) => draft = both,
                None => push_back(&mut joined, small),
            }
        }
        if draft.tokens >= CHUNK_MIN_TOKENS {
            joined.push(draft);
        } else if joined
            .last()
            .is_some_and(|last| last.page_last == draft.page_first)
        {
            push_back(&mut joined, draft);
        } else {
            waiting = Some(draft);
        }
    }
    if let Some(small) = waiting {
        push_back(&mut joined, small);
    }
    joined
}

/// Joins `small` to the last chunk if that has room, else lets it stand alone.
fn push_back(joined: &mut Vec<Draft>, small: Draft) {
    match joined.last_mut() {
        Some(last) => match last.join(&small) {
            Some(both) => *last = both,
            None => joined.push(small),
        },
        None => joined.push(small),
    }
}

impl Draft {
    /// This and its successor as one, unless that would be too long.
    fn join(&self, next: &Self) -> Option<Self> {
        let tokens = self.tokens + next.tokens;
        (tokens <= CHUNK_MAX_TOKENS).then(|| Self {
            page_first: self.page_first,
            char_start: self.char_start,
            byte_start: self.byte_start,
            tokens,
            ..next.clone()
        })
    }

    fn finish(self, pages: &[String], first_page: u32, sections: &Sections<'_>) -> Chunk {
        let (page, position) = self.middle(pages);
        let mut text = String::new();
        for (page, content) in pages
            .iter()
            .enumerate()
            .take(self.page_last + 1)
            .skip(self.page_first)
        {
            let start = if page == self.page_first {
                self.byte_start
            } else {
                0
            };
            let end = if page == self.page_last {
                self.byte_end
            } else {
                content.len()
            };
            push_flowing(&mut text, &content[start..end]);
        }
        Chunk {
            page_first: first_page + number(self.page_first),
            page_last: first_page + number(self.page_last),
            char_start: number(self.char_start),
            char_end: number(self.char_end),
            text,
            section: sections.at(page, position).map(str::to_owned),
        }
    }

    /// The middle of what it holds of the page it holds most of: page and character.
    fn middle(&self, pages: &[String]) -> (usize, usize) {
        if self.page_first == self.page_last {
            return (
                self.page_first,
                usize::midpoint(self.char_start, self.char_end),
            );
        }
        let on_first = pages[self.page_first][self.byte_start..].chars().count();
        if on_first > self.char_end {
            (self.page_first, self.char_start + on_first / 2)
        } else {
            (self.page_last, self.char_end / 2)
        }
    }
}

/// Appends a stretch of a page as paragraphs of single-spaced words.
fn push_flowing(text: &mut String, stretch: &str) {
    for paragraph in reflow(stretch).split('\n') {
        let mut words = paragraph.split_whitespace();
        let Some(first) = words.next() else { continue };
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(first);
        for word in words {
            text.push(' ');
            text.push_str(word);
        }
    }
}

/// Pages and offsets are bounded far below this by the extraction's limits.
fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
