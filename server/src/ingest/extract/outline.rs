//! The outline of a document while it is made: titles in order, bounded, and the section in force
//! where a page begins.

use super::PAGES_MAX;
use app::model::material::OutlineEntry;

/// Titles kept of one document; a long textbook has some hundreds.
const ENTRIES_MAX: usize = 5_000;
/// Longest title kept, in characters: a section's name stands in citations.
const TITLE_MAX_CHARS: usize = 120;
/// Deepest level told apart.
const LEVEL_MAX: u8 = 6;

#[derive(Clone, Debug, Default)]
pub struct Outline {
    entries: Vec<OutlineEntry>,
}

impl Outline {
    /// Adds a title; one without letters or digits says nothing and is left out.
    pub fn push(&mut self, level: u8, title: &str, page: u32) {
        let fits = self.entries.len() < ENTRIES_MAX && (1..=PAGES_MAX).contains(&(page as usize));
        if let Some(title) = titled(title).filter(|_| fits) {
            self.entries.push(OutlineEntry {
                level: level.clamp(1, LEVEL_MAX),
                title,
                page,
            });
        }
    }

    pub fn entries(&self) -> &[OutlineEntry] {
        &self.entries
    }

    /// The last title on an earlier page.
    pub fn section_at(&self, page: u32) -> Option<&str> {
        let earlier = self.entries.iter().filter(|entry| entry.page < page);
        // The last of those on the latest page: bookmarks need not be in the order of the pages.
        earlier
            .max_by_key(|entry| entry.page)
            .map(|entry| entry.title.as_str())
    }
}

/// A title as it is kept; `None` for one that says nothing.
pub fn titled(title: &str) -> Option<String> {
    Some(tidy(title)).filter(|title| title.chars().any(char::is_alphanumeric))
}

/// One line, single-spaced, without characters that hide or reorder others, of bounded length.
fn tidy(title: &str) -> String {
    let visible: String = title
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|&c| {
            !c.is_control()
                && !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                    | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}')
        })
        .collect();
    let mut tidy = String::new();
    for word in visible.split(' ').filter(|word| !word.is_empty()) {
        if !tidy.is_empty() {
            tidy.push(' ');
        }
        tidy.push_str(word);
    }
    match tidy.char_indices().nth(TITLE_MAX_CHARS) {
        Some((end, _)) => format!("{}…", tidy[..end].trim_end()),
        None => tidy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_holds_until_the_next_title() {
        let mut outline = Outline::default();
        outline.push(1, "Heart", 2);
        outline.push(2, "Valves", 2);
        outline.push(1, "Lungs", 4);
        assert_eq!(outline.section_at(2), None);
        assert_eq!(outline.section_at(3), Some("Valves"));
        assert_eq!(outline.section_at(5), Some("Lungs"));
    }

    #[test]
    fn titles_are_one_bounded_line() {
        let mut outline = Outline::default();
        outline.push(0, " a\u{202e}\r\n\tb ", 1);
        outline.push(1, &"x".repeat(500), 1);
        outline.push(1, " — ", 1);
        let titles: Vec<_> = outline.entries().iter().map(|e| e.title.clone()).collect();
        assert_eq!(titles.len(), 2);
        assert_eq!(titles[0], "a b");
        assert_eq!(titles[1].chars().count(), TITLE_MAX_CHARS + 1);
    }
}
