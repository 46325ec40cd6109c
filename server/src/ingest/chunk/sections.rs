//! Which title of the outline is in force where: titles are looked for on their page, because an
//! outline knows only the page. Pure.

use app::model::material::OutlineEntry;

/// Characters of a page in which its titles are looked for; a dense page has 5,000.
const SEARCHED_MAX_CHARS: usize = 20_000;
/// Letters and digits that may stand before a title on its line: its number.
const NUMBERING_MAX: usize = 8;

/// Titles with the places where they come into force.
#[derive(Debug, Default)]
pub struct Sections<'a> {
    /// Page from 0, character, title; in order.
    marks: Vec<(usize, usize, &'a str)>,
    /// In force where the first page begins.
    before: Option<&'a str>,
}

impl<'a> Sections<'a> {
    pub fn new(pages: &[String], first_page: u32, outline: &'a [OutlineEntry]) -> Self {
        let mut entries: Vec<&OutlineEntry> = outline.iter().collect();
        entries.sort_by_key(|entry| entry.page);
        let mut sections = Self::default();
        let mut page: Option<(usize, Letters)> = None;
        let mut from = 0;
        for entry in entries {
            let Some(index) = entry.page.checked_sub(first_page) else {
                sections.before = Some(&entry.title);
                continue;
            };
            let index = index as usize;
            let Some(text) = pages.get(index) else { break };
            if page.as_ref().is_none_or(|(known, _)| *known != index) {
                page = Some((index, Letters::of(text)));
                from = 0;
            }
            if let Some((_, letters)) = &page {
                // A title that is only drawn, or written otherwise, holds from the one before it on.
                let position = letters.find(&entry.title, from).unwrap_or(from);
                from = position;
                sections.marks.push((index, position, &entry.title));
            }
        }
        sections
    }

    /// The title in force at a character of a page (from 0).
    pub fn at(&self, page: usize, position: usize) -> Option<&'a str> {
        let after = self
            .marks
            .partition_point(|&(on, at, _)| (on, at) <= (page, position));
        match after.checked_sub(1) {
            Some(last) => Some(self.marks[last].2),
            None => self.before,
        }
    }
}

/// The letters and digits of a page, lower-cased.
struct Letters(Vec<Letter>);

struct Letter {
    char: char,
    position: usize,
    /// Letters and digits before it on its line.
    before: usize,
}

impl Letters {
    fn of(page: &str) -> Self {
        let mut letters = Vec::new();
        let mut before = 0;
        for (position, c) in page.chars().take(SEARCHED_MAX_CHARS).enumerate() {
            if c == '\n' {
                before = 0;
            } else if c.is_alphanumeric() {
                letters.extend(c.to_lowercase().map(|char| Letter {
                    char,
                    position,
                    before,
                }));
                before += 1;
            }
        }
        Self(letters)
    }

    /// Where `title` begins a line, from a character on; it may run over several lines.
    fn find(&self, title: &str, from: usize) -> Option<usize> {
        let wanted: Vec<char> = title
            .chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect();
        let start = self.0.partition_point(|letter| letter.position < from);
        let found = self.0[start..].windows(wanted.len().max(1)).find(|window| {
            window[0].before <= NUMBERING_MAX
                && window
                    .iter()
                    .map(|letter| letter.char)
                    .eq(wanted.iter().copied())
        });
        found.map(|window| window[0].position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(title: &str, page: u32) -> OutlineEntry {
        OutlineEntry {
            level: 1,
            title: title.to_owned(),
            page,
        }
    }

    #[test]
    fn a_title_holds_from_its_line_to_the_next_title() {
        let pages = [
            "Before.\n# The heart\nIt pumps.".to_owned(),
            "More of it.\n1.2 VALVES\nand doors".to_owned(),
        ];
        let outline = [entry("The Heart", 3), entry("Valves and doors", 4)];
        let sections = Sections::new(&pages, 3, &outline);
        assert_eq!(sections.at(0, 3), None);
        assert_eq!(sections.at(0, 10), Some("The Heart"));
        assert_eq!(sections.at(1, 0), Some("The Heart"));
        assert_eq!(sections.at(1, 20), Some("Valves and doors"));
    }

    #[test]
    fn a_title_that_is_not_in_the_text_holds_for_its_whole_page() {
        let pages = ["words".to_owned()];
        let outline = [entry("Intro", 1), entry("A picture", 2)];
        assert_eq!(
            Sections::new(&pages, 2, &outline).at(0, 0),
            Some("A picture")
        );
    }

    #[test]
    fn a_batch_knows_the_section_it_begins_in() {
        let pages = ["words".to_owned()];
        let outline = [entry("Intro", 1), entry("Later", 9)];
        assert_eq!(Sections::new(&pages, 5, &outline).at(0, 2), Some("Intro"));
    }

    #[test]
    fn a_word_of_a_sentence_is_not_taken_for_a_title() {
        let pages = ["A long line of words about the heart.\nHeart\nIt pumps.".to_owned()];
        let outline = [entry("Heart", 1)];
        let sections = Sections::new(&pages, 1, &outline);
        assert_eq!(sections.at(0, 10), None);
        assert_eq!(sections.at(0, 40), Some("Heart"));
    }
}
