//! Plain text and Markdown: decodes the bytes and cuts them into pages. Knows nothing of PDFs.
//!
//! A form feed ends a page. Where there are none, a page is about [`PAGE_CHARS`] characters, cut
//! before a heading, else between paragraphs.

use super::{
    Failure, PAGES_MAX, PageWriter, Stop,
    flow::{PAGE_CHARS, write_pages},
    outline::Outline,
};
use crate::ingest::{bidi, sniff};

/// A stretch between two form feeds that is longer than this is no page, and is cut as well.
const FORM_FED_PAGE_MAX_CHARS: usize = 20_000;

/// Writes the text's pages and answers how many there are.
pub fn read(bytes: &[u8], out: &mut PageWriter) -> Result<u32, Stop> {
    let text = sniff::decode(bytes).ok_or_else(Failure::damaged)?;
    // Direction marks belong to those that PDF pages are written down with.
    let text = text.replace(bidi::is_mark, "");
    let pages = split(&text);
    if pages.len() > PAGES_MAX {
        return Err(Failure::too_much_text().into());
    }
    if !text.chars().any(char::is_alphanumeric) {
        return Err(Failure::empty().into());
    }
    let outline = headings(&pages);
    write_pages(pages.into_iter().map(str::to_owned).collect(), outline, out)
}

/// Markdown's `# Title` lines, where a blank line stands before them and no listing is open: then
/// they are no comments of a program.
fn headings(pages: &[&str]) -> Outline {
    let mut outline = Outline::default();
    let mut fence: Option<&str> = None;
    for (page, text) in (1..).zip(pages) {
        let mut after_blank = true;
        for line in text.lines() {
            let content = line.trim();
            let mark = ["```", "~~~"]
                .into_iter()
                .find(|mark| content.starts_with(mark));
            match (fence, mark) {
                (None, Some(mark)) => fence = Some(mark),
                (Some(open), Some(mark)) if open == mark => fence = None,
                _ => {}
            }
            let title = content.trim_start_matches('#');
            let level = content.len() - title.len();
            if fence.is_none() && after_blank && (1..=6).contains(&level) && title.starts_with(' ')
            {
                let level = u8::try_from(level).unwrap_or(6);
                outline.push(level, title.trim_end_matches('#'), page);
            }
            // Headings may follow each other closely.
            after_blank = content.is_empty() || (after_blank && level > 0);
        }
    }
    outline
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

/// Cuts `text` in pieces of about `target` characters: before the last heading before the target,
/// else at the last blank line, else the last line end, else the last space, else right there.
pub(super) fn split_at_paragraphs(text: &str, target: usize) -> Vec<&str> {
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
        let cut = [
            ("\n\n# ", 2),
            ("\n\n## ", 2),
            ("\n\n", 2),
            ("\r\n\r\n", 4),
            ("\n", 1),
            (". ", 2),
            (" ", 1),
        ]
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
    fn headings_make_the_outline_and_comments_of_programs_do_not() {
        let text = "# Heart\n## Valves ##\nwords\n# no comment\n\n```\n\n# code\n```\n\n### End";
        let outline = headings(&[text, "\n# Lungs"]);
        let found: Vec<_> = outline
            .entries()
            .iter()
            .map(|entry| (entry.level, entry.title.as_str(), entry.page))
            .collect();
        assert_eq!(
            found,
            [
                (1, "Heart", 1),
                (2, "Valves", 1),
                (3, "End", 1),
                (1, "Lungs", 2)
            ]
        );
    }

    #[test]
    fn a_page_ends_before_a_heading_rather_than_between_paragraphs() {
        let text = format!(
            "{}# Lungs\n\n{}",
            "Some words.\n\n".repeat(200),
            "More words.\n\n".repeat(200)
        );
        assert!(split(&text)[1].starts_with("# Lungs"));
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
