//! An answer's Markdown as safe HTML with its citations as links. Pure.
//!
//! Two walls: `markup` lets no raw HTML, link or picture of a model through, and the result is
//! cleaned against a list of what may stand in it; the only links left lead into the library.

use super::markup::{self, Piece};
use ammonia::Builder;
use app::model::coach::{Citation, CitationSource, Passage};
use pulldown_cmark::{CowStr, Event, html};
use std::{borrow::Cow, sync::LazyLock};

/// Where every citation leads.
const LIBRARY: &str = "/library/";

/// What became of one marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    Verified(CitationSource),
    /// The number is none of the passages.
    Unknown,
    /// The passage is there, but what is quoted does not stand on its page.
    NotOnPage,
    /// The material has been deleted since.
    Gone,
}

impl Mark {
    /// What a checked citation is shown as.
    pub fn of(citation: &Citation, passages: &[Passage]) -> Self {
        match &citation.source {
            Some(source) if citation.verified => Self::Verified(source.clone()),
            _ if passages.iter().any(|p| p.number == citation.number) => Self::NotOnPage,
            _ => Self::Unknown,
        }
    }

    fn html(&self, number: u32) -> String {
        let reason = match self {
            Self::Verified(source) => {
                return format!(
                    "<a class=\"citation\" href=\"{}\" title=\"{}, page {}\">{number}</a>",
                    escape(&source.href()),
                    escape(&source.title),
                    source.page
                );
            }
            Self::Unknown => "This number is not one of the passages found.",
            Self::NotOnPage => "These words do not stand on the page that was found.",
            Self::Gone => "The material this came from has been deleted.",
        };
        format!("<span class=\"citation unverified\" title=\"{reason}\">{number}</span>")
    }
}

/// The HTML of an answer; `marks` belong to its markers in their order.
pub fn html(text: &str, marks: &[Mark]) -> String {
    let mut marks = marks.iter();
    let events = markup::read(text).into_iter().map(|piece| match piece {
        Piece::Markup(event) => event,
        Piece::Marker(number) => {
            let mark = marks.next().unwrap_or(&Mark::Unknown);
            Event::InlineHtml(CowStr::from(mark.html(number)))
        }
    });
    let mut page = String::new();
    html::push_html(&mut page, events);
    CLEANER.clean(&page).to_string()
}

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut cleaner = Builder::empty();
    cleaner
        .add_tags([
            "a",
            "blockquote",
            "br",
            "code",
            "del",
            "em",
            "h3",
            "h4",
            "h5",
            "h6",
            "hr",
            "li",
            "ol",
            "p",
            "pre",
            "span",
            "strong",
            "table",
            "tbody",
            "td",
            "th",
            "thead",
            "tr",
            "ul",
        ])
        .add_tag_attributes("a", ["class", "href", "title"])
        .add_tag_attributes("span", ["class", "title"])
        .add_tag_attributes("ol", ["start"])
        .link_rel(None)
        .url_relative(ammonia::UrlRelative::PassThrough)
        .attribute_filter(|tag, attribute, value| {
            let is_ours = match (tag, attribute) {
                ("a", "href") => value.starts_with(LIBRARY),
                ("a" | "span", "class") => {
                    matches!(value, "citation" | "citation unverified")
                }
                _ => true,
            };
            is_ours.then_some(Cow::Borrowed(value))
        });
    cleaner
});

fn escape(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '"' => "&quot;".to_owned(),
            other => other.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coach::{cite, source::of_texts};
    use proptest::prelude::*;

    const PAGE: &str = "The heart pumps blood through the vessels.";

    fn rendered(answer: &str) -> String {
        let sources = of_texts(&[PAGE]);
        let passages: Vec<Passage> = sources.iter().map(|s| s.passage.clone()).collect();
        let marks: Vec<Mark> = cite::markers(answer)
            .iter()
            .map(|marker| Mark::of(&cite::check(marker, &sources), &passages))
            .collect();
        html(answer, &marks)
    }

    #[test]
    fn a_checked_citation_is_a_link_to_its_place_and_any_other_is_not() {
        let html = rendered("Blood is pumped by the heart [1] and by magic [7].");
        assert!(html.contains(
            "<a class=\"citation\" href=\"/library/00000000-0000-0000-0000-000000000001?page=1&amp;chunk=1&amp;from=0&amp;to=42\" title=\"Notes 1, page 1\">1</a>"
        ), "{html}");
        assert!(html.contains(
            "<span class=\"citation unverified\" title=\"This number is not one of the passages found.\">7</span>"
        ), "{html}");
    }

    #[test]
    fn what_a_model_must_not_bring_is_shown_as_text_or_dropped() {
        let html = rendered(
            "<script>alert(1)</script> [click](javascript:alert(1)) ![p](http://evil/p.png) <a href=\"/library/x\" class=\"citation\">1</a> <http://evil.example>\n\n<div onclick=x>block</div>\n\n# Big",
        );
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("<a"), "{html}");
        assert!(!html.contains("<img"), "{html}");
        assert!(!html.contains("<div"), "{html}");
        assert!(html.contains("&lt;script&gt;"), "{html}");
        assert!(html.contains("click"), "{html}");
        assert!(html.contains("<h3>Big</h3>"), "{html}");
    }

    #[test]
    fn a_title_cannot_break_out_of_its_attribute() {
        let mut source = of_texts(&[PAGE]).remove(0);
        source.passage.title = "\"><img src=x onerror=alert(1)>".to_owned();
        let sources = [source];
        let answer = "The heart pumps blood [1].";
        let citation = cite::check(&cite::markers(answer)[0], &sources);
        let html = html(answer, &[Mark::of(&citation, &[])]);
        assert!(!html.contains("<img"), "{html}");
    }

    #[test]
    fn markdown_is_kept() {
        let html = rendered(
            "1. **one**\n2. `two < 3`\n\n| a | b |\n|---|:-:|\n| c | d |\n\n```c\nint a[1];\n```",
        );
        for tag in [
            "<ol>",
            "<strong>one</strong>",
            "<code>two &lt; 3</code>",
            "<td>c</td>",
            "int a[1];",
        ] {
            assert!(html.contains(tag), "{tag} in {html}");
        }
        assert!(!html.contains("style="), "{html}");
    }

    proptest! {
        #[test]
        fn nothing_but_the_list_gets_through(answer in "[a-z<>\\[\\]()!\"'=:/#&;`*0-9 \n-]{0,120}") {
            let html = rendered(&answer);
            prop_assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("<iframe"));
            for link in html.split("<a ").skip(1) {
                prop_assert!(link.starts_with("class=\"citation\" href=\"/library/"), "{}", html);
            }
        }
    }
}
