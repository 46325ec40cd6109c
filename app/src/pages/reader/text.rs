//! The text of one page, with the passage that was asked for marked, and the word to the server
//! that the page has been read.
//!
//! Offsets count Unicode scalar values. The text is changed for display only in ways that keep its
//! length, so that they stay true.

use crate::{
    api,
    model::{
        id::MaterialId,
        material::{MediaType, PageView, Span},
    },
};
use leptos::{either::Either, html, prelude::*, task::spawn_local};
use std::time::Duration;
use web_sys::{ScrollIntoViewOptions, ScrollLogicalPosition, VisibilityState};

/// Seconds a page has to be on screen before it counts as read.
const READ_AFTER_SECONDS: u32 = 3;
/// Lines shorter than this, in characters, end where the author ended them (headings, bullets,
/// verses); longer ones were broken by the width of a printed page.
const LINE_IS_LONG: usize = 45;

/// The text, or a word about a page without any.
#[component]
pub fn PageText(material: MaterialId, media_type: MediaType, page: PageView) -> impl IntoView {
    count_as_read(material, page.page);
    if page.text.trim().is_empty() {
        return Either::Left(view! {
            <p class="page-text hint">"This page has no text; open the original to see it."</p>
        });
    }
    // Text made from other formats is written as Markdown; a PDF's own lines are not.
    let headings = !matches!(media_type, MediaType::Pdf | MediaType::PlainText);
    let text = reflowed(&page.text);
    let number = page.page;
    let (before, marked, after) = match page.highlight {
        Some(span) => parts(&text, span),
        None => (text.as_str(), "", ""),
    };
    let mark = (!marked.is_empty()).then(|| {
        let place = NodeRef::<html::Mark>::new();
        Effect::new(move |_| {
            if let Some(mark) = place.get() {
                // The text enters the page right after this effect.
                request_animation_frame(move || {
                    let options = ScrollIntoViewOptions::new();
                    options.set_block(ScrollLogicalPosition::Center);
                    mark.scroll_into_view_with_scroll_into_view_options(&options);
                });
            }
        });
        let starts_line = before.is_empty() || before.ends_with('\n');
        view! {
            <mark id="highlight" data-testid="highlight" node_ref=place>
                {shown(marked, headings && starts_line)}
            </mark>
        }
    });
    let starts_line = marked.ends_with('\n');
    Either::Right(view! {
        <section class="page-text reading" data-testid="page-text" aria-label=["Page ", &number.to_string()].concat()>
            {shown(before, headings)}
            {mark}
            {shown(after, headings && starts_line)}
        </section>
    })
}

/// Text with its Markdown headings set as such, if it has any; the rest stays as it was written.
fn shown(text: &str, headings: bool) -> Vec<AnyView> {
    pieces(text, headings)
        .into_iter()
        .map(|piece| match piece {
            Piece::Plain(text) => text.to_owned().into_any(),
            Piece::Heading(text) => {
                view! { <strong class="heading">{text.to_owned()}</strong> }.into_any()
            }
        })
        .collect()
}

#[derive(Debug, PartialEq)]
enum Piece<'a> {
    Plain(&'a str),
    /// Without its marks.
    Heading(&'a str),
}

/// Cuts a text at its Markdown headings. None of the pieces is empty: the server would render an
/// empty text as a space.
fn pieces(text: &str, headings: bool) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut from, mut at) = (0, 0);
    if headings {
        for line in text.split_inclusive('\n') {
            if let Some(title) = heading(line) {
                if from < at {
                    pieces.push(Piece::Plain(&text[from..at]));
                }
                pieces.push(Piece::Heading(title));
                from = at + line.trim_end().len();
            }
            at += line.len();
        }
    }
    if from < text.len() {
        pieces.push(Piece::Plain(&text[from..]));
    }
    pieces
}

fn heading(line: &str) -> Option<&str> {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    let title = title.strip_prefix(' ')?.trim();
    ((1..=6).contains(&level) && !title.is_empty()).then_some(title)
}

/// Joins lines that only the width of a printed page had broken: one character for one.
fn reflowed(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        joined.push_str(line);
        if let Some(next) = lines.peek() {
            joined.push(if runs_on(line, next) { ' ' } else { '\n' });
        }
    }
    joined
}

fn runs_on(line: &str, next: &str) -> bool {
    if heading(line).is_some() || heading(next).is_some() {
        return false;
    }
    let is_long = line.chars().nth(LINE_IS_LONG).is_some();
    let starts_something =
        next.trim_start().chars().next().is_none_or(|first| {
            !first.is_alphanumeric() && !"(\"'\u{201c}\u{2018}".contains(first)
        }) || is_numbered(next.trim_start());
    is_long && !starts_something && !line.trim_end().ends_with(':')
}

/// `1.`, `12)`: an item of a list.
fn is_numbered(line: &str) -> bool {
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < line.len() && rest.starts_with(['.', ')'])
}

/// The text before, in and after a stretch given in characters.
fn parts(text: &str, span: Span) -> (&str, &str, &str) {
    let at = |position: u32| {
        usize::try_from(position)
            .ok()
            .and_then(|position| text.char_indices().nth(position))
            .map_or(text.len(), |(byte, _)| byte)
    };
    let (start, end) = (at(span.start), at(span.end.max(span.start)));
    (&text[..start], &text[start..end], &text[end..])
}

/// Tells the server once that a page has been on screen for a while. A failure costs the student
/// nothing she would want to be told about.
fn count_as_read(material: MaterialId, page: u32) {
    Effect::new(move |_| {
        let seen = StoredValue::new(0_u32);
        let handle = set_interval_with_handle(
            move || {
                let visible = web_sys::window()
                    .and_then(|window| window.document())
                    .is_some_and(|document| {
                        document.visibility_state() == VisibilityState::Visible
                    });
                if !visible {
                    return;
                }
                let seconds = seen.try_get_value().unwrap_or(READ_AFTER_SECONDS) + 1;
                let _ = seen.try_set_value(seconds);
                if seconds == READ_AFTER_SECONDS {
                    spawn_local(async move {
                        let _ = api::analytics::record_page_read(material, page).await;
                    });
                }
            },
            Duration::from_secs(1),
        );
        if let Ok(handle) = handle {
            on_cleanup(move || handle.clear());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passage_is_cut_by_characters_not_bytes() {
        let text = "Größe: das Herz schlägt.";
        let span = Span { start: 7, end: 15 };
        assert_eq!(parts(text, span), ("Größe: ", "das Herz", " schlägt."));
        let past = Span {
            start: 20,
            end: 999,
        };
        assert_eq!(parts(text, past).1, "ägt.");
        assert_eq!(parts(text, Span { start: 90, end: 99 }).1, "");
    }

    #[test]
    fn lines_of_a_printed_page_are_joined_and_their_number_of_characters_stays() {
        let text = "The heart is a muscle that pumps blood through the\nbody; it never rests.\n\nParts\n- the left ventricle, which pumps into the aorta and\n- the right one\n";
        let shown = reflowed(text);
        assert_eq!(shown.chars().count(), text.chars().count());
        assert!(shown.contains("through the body"));
        assert!(shown.contains("rests.\n\nParts\n- the left"));
        assert!(shown.contains("and\n- the right one\n"));
    }

    #[test]
    fn headings_lose_their_marks_and_nothing_else_changes() {
        let text = "# Output\n\nThe heart.\n## Rate\nfast #1";
        assert_eq!(
            pieces(text, true),
            [
                Piece::Heading("Output"),
                Piece::Plain("\n\nThe heart.\n"),
                Piece::Heading("Rate"),
                Piece::Plain("\nfast #1"),
            ]
        );
        assert_eq!(pieces(text, false), [Piece::Plain(text)]);
        assert_eq!(pieces("", true), []);
    }

    #[test]
    fn numbered_items_keep_their_lines() {
        let text = "Three things decide how much leaves with each beat\n1. Preload\n2) Afterload";
        assert_eq!(reflowed(text), text);
    }
}
