//! From cleaned pages to passages that can be found: windows of whole sentences, a little
//! overlapping, never across a page unless a page holds next to nothing. Pure.
//!
//! Every character that is no space lies in some chunk; a chunk's offsets are Unicode scalar
//! positions in the cleaned page text.

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
}

/// Cuts `pages` (cleaned) into chunks, in reading order. `count_tokens` should be the embedding
/// model's own count; [`estimate_tokens`] does without a model.
pub fn chunk(pages: &[String], count_tokens: &dyn Fn(&str) -> usize) -> Vec<Chunk> {
    let weigh = Scale::new(count_tokens);
    let drafts = pages
        .iter()
        .enumerate()
        .flat_map(|(page, text)| windows(page, &units(text, &weigh)))
        .collect();
    join_small(drafts)
        .into_iter()
        .map(|draft| draft.finish(pages))
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

fn is_heading(line: &str) -> bool {
    line.starts_with('#')
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
        while end < units.len() && tokens + units[end].tokens <= WINDOW_TOKENS {
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

    fn finish(self, pages: &[String]) -> Chunk {
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
            page_first: number(self.page_first + 1),
            page_last: number(self.page_last + 1),
            char_start: number(self.char_start),
            char_end: number(self.char_end),
            text,
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> usize {
        text.split_whitespace().count()
    }

    fn slice(page: &str, chunk: &Chunk) -> String {
        page.chars()
            .skip(chunk.char_start as usize)
            .take((chunk.char_end - chunk.char_start) as usize)
            .collect()
    }

    fn squeezed(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn windows_hold_whole_sentences_and_share_a_little() {
        let sentence = "The left ventricle pumps the blood into the aorta. ";
        let page = sentence.repeat(60);
        let chunks = chunk(&[page.trim().to_owned()], &words);
        assert!(chunks.len() > 2);
        for chunk in &chunks {
            assert!(words(&chunk.text) <= WINDOW_TOKENS);
            assert!(chunk.text.starts_with("The left") && chunk.text.ends_with("aorta."));
        }
        for pair in chunks.windows(2) {
            let shared = pair[0].char_end.saturating_sub(pair[1].char_start);
            assert!(shared > 0, "neighbours share whole sentences");
        }
    }

    #[test]
    fn a_small_page_joins_what_it_introduces() {
        let body = "Blood flows through the vessels of the body all day long. ".repeat(5);
        let pages = vec![
            "Chapter one".to_owned(),
            String::new(),
            body.trim().to_owned(),
        ];
        let chunks = chunk(&pages, &words);
        assert_eq!(chunks.len(), 1);
        assert_eq!((chunks[0].page_first, chunks[0].page_last), (1, 3));
        assert!(chunks[0].text.starts_with("Chapter one\nBlood flows"));
        assert_eq!(chunks[0].char_start, 0);
    }

    #[test]
    fn headings_and_points_of_a_list_stand_on_their_own_lines() {
        let page = "# Heart\nIt pumps\nblood.\n- left side\n- right\n  side\n\nEnd";
        let chunks = chunk(&[page.to_owned()], &words);
        assert_eq!(
            chunks[0].text,
            "# Heart\nIt pumps blood.\n- left side\n- right side\nEnd"
        );
    }

    #[test]
    fn a_heading_goes_with_what_follows_it() {
        let page = format!(
            "{}\n\n# Veins\n\n{}",
            "Blood is red. ".repeat(70),
            "Veins are blue. ".repeat(30)
        );
        let chunks = chunk(&[page.trim().to_owned()], &words);
        assert!(chunks.iter().all(|chunk| !chunk.text.ends_with("# Veins")));
    }

    #[test]
    fn nothing_makes_no_chunk() {
        assert!(chunk(&[], &words).is_empty());
        assert!(chunk(&[String::new(), " \n ".into()], &words).is_empty());
    }

    #[test]
    fn an_endless_word_is_cut() {
        let pages = vec!["x".repeat(20_000)];
        // A tokenizer that calls any word one token.
        let chunks = chunk(&pages, &words);
        assert!(chunks.len() > 3);
        assert!(
            chunks
                .iter()
                .all(|c| c.text.chars().count() <= CHUNK_MAX_TOKENS * CHARS_PER_TOKEN_MAX)
        );
    }

    #[test]
    fn a_tokenizers_own_marks_are_not_counted_for_every_piece() {
        let with_marks = |text: &str| words(text) + 2;
        let page = "One two three four. ".repeat(50);
        let pages = [page.trim().to_owned()];
        assert_eq!(chunk(&pages, &with_marks), chunk(&pages, &words));
    }

    proptest! {
        #[test]
        fn every_character_is_in_a_chunk_and_every_chunk_is_its_span(
            raw in proptest::collection::vec("([A-Za-zäß一]{1,12}[ .\n]){0,400}|[a-z]{0,3000}|[ \n.]{0,20}", 0..6)
        ) {
            let pages = super::super::clean::clean(raw);
            for count in [&words as &dyn Fn(&str) -> usize, &estimate_tokens] {
                let chunks = chunk(&pages, count);
                for (index, page) in pages.iter().enumerate() {
                    let number = index as u32 + 1;
                    let total = page.chars().count();
                    let mut covered = vec![false; total];
                    for c in &chunks {
                        if c.page_first <= number && number <= c.page_last {
                            let from = if c.page_first == number { c.char_start as usize } else { 0 };
                            let to = if c.page_last == number { c.char_end as usize } else { total };
                            covered[from..to].fill(true);
                        }
                    }
                    for (position, c) in page.chars().enumerate() {
                        prop_assert!(c.is_whitespace() || covered[position]);
                    }
                }
                for c in &chunks {
                    prop_assert!(!c.text.is_empty());
                    prop_assert!(count(&c.text) <= CHUNK_MAX_TOKENS);
                    if c.page_first == c.page_last {
                        let page = &pages[c.page_first as usize - 1];
                        prop_assert_eq!(squeezed(&slice(page, c)), squeezed(&c.text));
                    }
                }
            }
        }
    }
}
