//! Running text on its way to pages: documents that have headings, paragraphs and tables but no
//! pages of their own. Makes Markdown-like text and the outline of its headings.

use super::{DOCUMENT_TEXT_MAX_BYTES, Failure, PAGES_MAX, PageWriter, Stop, outline::Outline};
use crate::ingest::bidi;

/// Characters of a page made from running text: about what a printed page holds.
pub const PAGE_CHARS: usize = 3_000;
/// A page with this many characters is ended by a heading, so that chapters begin on their own.
const BEFORE_HEADING_CHARS: usize = 1_800;
/// Columns of a table that are kept; a wider one is data, not reading.
const COLUMNS_MAX: usize = 200;

#[derive(Default)]
pub struct Flow {
    pages: Vec<String>,
    page: String,
    chars: usize,
    bytes: usize,
    outline: Outline,
    /// The last thing was a row or a point of a list, which the next one follows closely.
    tight: bool,
}

impl Flow {
    pub fn heading(&mut self, level: u8, title: &str) -> Result<(), Failure> {
        let title = one_line(title);
        if title.is_empty() {
            return Ok(());
        }
        if self.chars >= BEFORE_HEADING_CHARS {
            self.end_page()?;
        }
        let level = level.clamp(1, 6);
        self.outline.push(level, &title, self.number());
        self.add(&format!("{} {title}", "#".repeat(level.into())), false)
    }

    /// A title of the outline that is not in the text.
    pub fn chapter(&mut self, title: &str) {
        self.outline.push(1, title, self.number());
    }

    /// A paragraph; its line breaks stay.
    pub fn paragraph(&mut self, text: &str) -> Result<(), Failure> {
        self.add(text.trim(), false)
    }

    /// A point of a list.
    pub fn point(&mut self, text: &str) -> Result<(), Failure> {
        let text = one_line(text);
        if text.is_empty() {
            return Ok(());
        }
        self.add(&format!("- {text}"), true)
    }

    /// A row of a table; empty cells keep their place, a row without any text is left out.
    pub fn row(&mut self, cells: &[String]) -> Result<(), Failure> {
        let row = row(cells);
        self.add(&row, true)
    }

    /// What follows begins a new page.
    pub fn end_page(&mut self) -> Result<(), Failure> {
        if self.page.is_empty() {
            return Ok(());
        }
        self.pages.push(std::mem::take(&mut self.page));
        self.chars = 0;
        self.tight = false;
        if self.pages.len() > PAGES_MAX {
            return Err(Failure::too_much_text());
        }
        Ok(())
    }

    pub fn outline_len(&self) -> usize {
        self.outline.entries().len()
    }

    /// Whether nothing but headings' marks was added.
    pub fn is_blank(&self) -> bool {
        let blank = |text: &String| !text.chars().any(char::is_alphanumeric);
        self.pages.iter().all(blank) && blank(&self.page)
    }

    /// The page being filled, from 1.
    fn number(&self) -> u32 {
        u32::try_from(self.pages.len() + 1).unwrap_or(u32::MAX)
    }

    fn add(&mut self, text: &str, tight: bool) -> Result<(), Failure> {
        if text.is_empty() {
            return Ok(());
        }
        self.bytes += text.len();
        if self.bytes > DOCUMENT_TEXT_MAX_BYTES {
            return Err(Failure::too_much_text());
        }
        // Direction marks belong to those that PDF pages are written down with.
        let text = &text.replace(bidi::is_mark, "");
        let mut pieces = super::text::split_at_paragraphs(text, PAGE_CHARS).into_iter();
        let first = pieces.next().unwrap_or_default();
        let chars = first.chars().count();
        if self.chars > PAGE_CHARS / 2 && self.chars + chars > PAGE_CHARS {
            self.end_page()?;
        }
        if !self.page.is_empty() {
            let gap = if tight && self.tight { "\n" } else { "\n\n" };
            self.page.push_str(gap);
        }
        self.page.push_str(first);
        self.chars += chars;
        for piece in pieces {
            self.end_page()?;
            self.page.push_str(piece);
            self.chars = piece.chars().count();
        }
        self.tight = tight;
        Ok(())
    }

    #[cfg(test)]
    pub fn into_text(mut self) -> String {
        self.pages.push(self.page);
        self.pages.join("\u{c}")
    }

    /// Writes outline and pages, and answers how many pages there are.
    pub fn finish(mut self, out: &mut PageWriter) -> Result<u32, Stop> {
        if self.is_blank() {
            return Err(Failure::empty().into());
        }
        self.end_page()?;
        write_pages(self.pages, self.outline, out)
    }
}

/// Writes pages that are all there already.
pub fn write_pages(
    pages: Vec<String>,
    outline: Outline,
    out: &mut PageWriter,
) -> Result<u32, Stop> {
    let count = u32::try_from(pages.len()).unwrap_or(u32::MAX);
    out.opened(count, outline)?;
    for (number, page) in (1..).zip(pages) {
        out.write(number, count, page)?;
    }
    Ok(count)
}

/// The cells of a row on one line; empty when none holds text.
pub fn row(cells: &[String]) -> String {
    let cells: Vec<String> = cells
        .iter()
        .take(COLUMNS_MAX)
        .map(|cell| one_line(cell).replace('|', "/"))
        .collect();
    let filled = cells.iter().rposition(|cell| !cell.is_empty());
    filled.map_or_else(String::new, |last| cells[..=last].join(" | "))
}

pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_end_before_headings_and_the_outline_knows_their_pages() {
        let mut flow = Flow::default();
        for chapter in ["Heart", "Lungs"] {
            flow.heading(1, chapter).unwrap();
            for _ in 0..10 {
                flow.paragraph(&"words of a paragraph ".repeat(10)).unwrap();
            }
        }
        flow.end_page().unwrap();
        assert_eq!(flow.pages.len(), 2);
        assert!(flow.pages[1].starts_with("# Lungs\n\nwords"));
        let pages: Vec<u32> = flow.outline.entries().iter().map(|e| e.page).collect();
        assert_eq!(pages, [1, 2]);
    }

    #[test]
    fn rows_and_points_follow_each_other_closely() {
        let mut flow = Flow::default();
        flow.paragraph("Before").unwrap();
        flow.row(&["a".into(), String::new(), "b\nc".into(), String::new()])
            .unwrap();
        flow.row(&[String::new()]).unwrap();
        flow.row(&["d|e".into()]).unwrap();
        flow.point("one\n  thing").unwrap();
        flow.paragraph("After").unwrap();
        assert_eq!(flow.page, "Before\n\na |  | b c\nd/e\n- one thing\n\nAfter");
    }

    #[test]
    fn a_paragraph_longer_than_a_page_is_cut() {
        let mut flow = Flow::default();
        flow.paragraph(&"A sentence of some words. ".repeat(1_000))
            .unwrap();
        flow.end_page().unwrap();
        assert!(flow.pages.len() > 5);
        assert!(
            flow.pages
                .iter()
                .all(|page| page.chars().count() <= PAGE_CHARS * 5 / 4)
        );
    }
}
