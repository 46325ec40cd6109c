//! Plain text and Markdown: decodes the bytes and cuts them into pages. Knows nothing of PDFs.
//!
//! A form feed ends a page. Where there are none, a page is about [`PAGE_CHARS`] characters, cut
//! between paragraphs.

use super::{Failure, PAGES_MAX, PageWriter, Stop};
use crate::ingest::sniff;

/// Characters of a page made from running text: about what a printed page holds.
const PAGE_CHARS: usize = 3_000;
/// A stretch between two form feeds that is longer than this is no page, and is cut as well.
const FORM_FED_PAGE_MAX_CHARS: usize = 20_000;

/// Writes the text's pages and answers how many there are.
pub fn read(bytes: &[u8], out: &mut PageWriter) -> Result<u32, Stop> {
    let text = sniff::decode(bytes).ok_or_else(Failure::damaged)?;
    let pages = split(&text);
    if pages.len() > PAGES_MAX {
        return Err(Failure::too_much_text().into());
    }
    if !text.chars().any(char::is_alphanumeric) {
        return Err(Failure::empty().into());
    }
    let count = u32::try_from(pages.len()).unwrap_or(u32::MAX);
    for (number, page) in (1..).zip(&pages) {
        out.write(number, count, (*page).to_owned())?;
    }
    Ok(count)
}

/// The text's pages, in order; together they hold every character but the form feeds.
fn split(text: &str) -> Vec<&str> {
    let sections: Vec<&str> = text.split('\u{c}').collect();
    if sections.len() == 1 {
        return split_at_paragraphs(text, PAGE_CHARS);
    }
    let mut pages = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        // A form feed at the very end closes the last page and opens none.
        if index + 1 == sections.len() && section.trim().is_empty() {
            break;
        }
        if section.len() > FORM_FED_PAGE_MAX_CHARS {
            pages.extend(split_at_paragraphs(section, PAGE_CHARS));
        } else {
            pages.push(*section);
        }
    }
    pages
}

/// Cuts `text` in pieces of about `target` characters: at the last blank line before the target,
/// else the last line end, else the last space, else right there.
fn split_at_paragraphs(text: &str, target: usize) -> Vec<&str> {
    let mut pages = Vec::new();
    let mut rest = text;
    // A little over the target is still one page: no last page of three words.
    let slack = target + target / 4;
    while let Some((end, _)) = rest.char_indices().nth(slack) {
        let window_end = rest
            .char_indices()
            .nth(target)
            .map_or(end, |(index, _)| index);
        let window = &rest[..window_end];
        // A cut in the first half would make pages of very different sizes.
        let half = window.len() / 2;
        let cut = [("\n\n", 2), ("\r\n\r\n", 4), ("\n", 1), (". ", 2), (" ", 1)]
            .iter()
            .filter_map(|(mark, len)| window.rfind(mark).map(|at| at + len))
            .find(|&at| at > half)
            .unwrap_or(window_end);
        pages.push(&rest[..cut]);
        rest = &rest[cut..];
    }
    pages.push(rest);
    pages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_feeds_end_pages_and_a_last_one_opens_none() {
        assert_eq!(split("one\u{c}two\u{c}\n"), ["one", "two"]);
        assert_eq!(split("one\u{c}\u{c}three"), ["one", "", "three"]);
    }

    #[test]
    fn the_sample_has_the_two_pages_its_title_promises() {
        assert_eq!(split(crate::ingest::SAMPLE).len(), 2);
    }

    #[test]
    fn a_short_text_is_one_page() {
        assert_eq!(split("just a line"), ["just a line"]);
    }

    #[test]
    fn a_long_text_is_cut_between_paragraphs_and_loses_nothing() {
        let paragraph = format!("{}\n\n", "Words of a paragraph. ".repeat(20));
        let text = paragraph.repeat(40);
        let pages = split(&text);
        assert!(pages.len() > 4);
        assert_eq!(pages.concat(), text);
        for page in &pages[..pages.len() - 1] {
            assert!(page.ends_with("\n\n"));
            assert!(page.chars().count() <= PAGE_CHARS);
        }
    }

    #[test]
    fn text_without_any_break_is_cut_all_the_same() {
        let text = "ä".repeat(10_000);
        let pages = split(&text);
        assert_eq!(pages.concat(), text);
        assert!(
            pages
                .iter()
                .all(|page| page.chars().count() <= PAGE_CHARS * 5 / 4)
        );
    }
}
