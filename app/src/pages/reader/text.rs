//! The text of one page, with the passage that was asked for marked, and the word to the server
//! that the page has been read.
//!
//! Offsets count Unicode scalar values. The text is changed for display only in ways that keep its
//! length, so that they stay true.

use super::Desk;
use crate::{
    api,
    browser::{heartbeat, kept::Kept},
    error::{AppError, ErrorKind},
    model::{
        id::MaterialId,
        material::{Material, MaterialState, MediaType, PageView, Span},
    },
    widgets::notice::Problem,
};
use leptos::{
    either::{Either, EitherOf3},
    html,
    prelude::*,
    task::spawn_local,
};
use web_sys::{ScrollIntoViewOptions, ScrollLogicalPosition};

/// Lines shorter than this, in characters, end where the author ended them (headings, bullets,
/// verses); longer ones were broken by the width of a printed page.
const LINE_IS_LONG: usize = 45;

/// The text of the page in the address, or why there is none.
#[component]
pub fn TextPane(desk: Desk) -> impl IntoView {
    view! {
        <div class="text-pane">
            <Transition fallback=|| view! { <p class="page-text hint">"Opening the page"</p> }>
                {move || Suspend::new(async move {
                    let opened = desk.opened.await;
                    let hits = desk.hits.await.unwrap_or_default();
                    match opened {
                        Ok(page) => {
                            let found = hits
                                .into_iter()
                                .filter(|hit| hit.page == page.page)
                                .map(|hit| hit.span);
                            let marks = marks(page.highlight, found);
                            EitherOf3::A(view! { <PageText desk page marks /> })
                        }
                        Err(error) if error.kind == ErrorKind::NotFound => {
                            EitherOf3::B(view! { <NoPage desk /> })
                        }
                        Err(error) => EitherOf3::C(view! { <Unread desk error /> }),
                    }
                })}
            </Transition>
        </div>
    }
}

/// Why there is no text to show.
#[component]
fn NoPage(desk: Desk) -> impl IntoView {
    let page = desk.wanted.with_untracked(|wanted| wanted.page);
    let sentence = move || desk.live.with(|material| no_page(material, page));
    let leads_back = move || {
        desk.live.with(|material| {
            material.state == MaterialState::Ready && !(1..=desk.pages()).contains(&page)
        })
    };
    view! {
        <section class="empty-state" data-testid="no-page">
            <p>{sentence}</p>
            {move || leads_back().then(|| view! {
                <div class="actions">
                    <a class="button" href=move || desk.address(1)>"Go to page 1"</a>
                </div>
            })}
        </section>
    }
}

fn no_page(material: &Material, page: u32) -> String {
    match (&material.state, material.page_count) {
        (_, Some(1)) if page != 1 => {
            "There is no such page: this document has one page.".to_owned()
        }
        (_, Some(pages)) if !(1..=pages).contains(&page) => [
            "There is no such page: this document has ",
            &pages.to_string(),
            " pages.",
        ]
        .concat(),
        (MaterialState::Failed { .. }, _) => {
            "There is no text to read here; the original can still be opened.".to_owned()
        }
        (MaterialState::Ready, _) => "There is no such page.".to_owned(),
        _ => "This page has not been read yet. Its text appears here as soon as it has.".to_owned(),
    }
}

/// A page that could not be read: it has been seen all the same, as a picture.
#[component]
fn Unread(desk: Desk, error: AppError) -> impl IntoView {
    if error.kind != ErrorKind::Invalid {
        return Either::Left(view! { <Problem error /> });
    }
    count_as_read(
        desk.material,
        desk.wanted.with_untracked(|wanted| wanted.page),
    );
    Either::Right(view! { <p class="page-text hint" data-testid="no-page">{error.message}</p> })
}

/// A stretch that is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    span: Span,
    /// The passage that was asked for, rather than one more place where the words stand.
    is_passage: bool,
}

/// The passage and the places found, in order. Where they overlap the passage wins.
fn marks(passage: Option<Span>, found: impl Iterator<Item = Span>) -> Vec<Mark> {
    let mut marks: Vec<Mark> = found
        .filter(|span| {
            passage.is_none_or(|passage| span.end <= passage.start || passage.end <= span.start)
        })
        .map(|span| Mark {
            span,
            is_passage: false,
        })
        .collect();
    marks.extend(passage.map(|span| Mark {
        span,
        is_passage: true,
    }));
    marks.sort_unstable_by_key(|mark| mark.span.start);
    marks
}

/// The text, or a word about a page without any.
#[component]
fn PageText(desk: Desk, page: PageView, marks: Vec<Mark>) -> impl IntoView {
    count_as_read(desk.material, page.page);
    if page.text.trim().is_empty() {
        return Either::Left(view! {
            <p class="page-text hint">"This page has no text; the original shows what is on it."</p>
        });
    }
    // Text made from other formats is written as Markdown; a PDF's own lines are not.
    let media_type = desk.live.with_untracked(|material| material.media_type);
    let headings = !matches!(media_type, MediaType::Pdf | MediaType::PlainText);
    let text = reflowed(&page.text);
    let number = page.page;
    Either::Right(view! {
        <section class="page-text reading" data-testid="page-text" aria-label=["Page ", &number.to_string()].concat()>
            {marked(&text, &marks, headings)}
        </section>
    })
}

/// The text with its marks.
fn marked(text: &str, marks: &[Mark], headings: bool) -> Vec<AnyView> {
    let mut views = Vec::new();
    let (mut rest, mut at, mut starts_line) = (text, 0, true);
    for mark in marks {
        let relative = Span {
            start: mark.span.start.saturating_sub(at),
            end: mark.span.end.saturating_sub(at),
        };
        let (before, inside, after) = parts(rest, relative);
        views.extend(shown(before, headings && starts_line));
        starts_line = match before {
            "" => starts_line,
            before => before.ends_with('\n'),
        };
        if !inside.is_empty() {
            let content = shown(inside, headings && starts_line);
            views.push(match mark.is_passage {
                true => passage(content),
                false => view! { <mark class="place">{content}</mark> }.into_any(),
            });
            starts_line = inside.ends_with('\n');
        }
        rest = after;
        at = mark.span.end.max(at);
    }
    views.extend(shown(rest, headings && starts_line));
    views
}

/// The passage that was asked for, which the page is scrolled to.
fn passage(content: Vec<AnyView>) -> AnyView {
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
    view! {
        <mark id="highlight" data-testid="highlight" node_ref=place>{content}</mark>
    }
    .into_any()
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

/// Tells the server once that a page has been on screen for a while, and then that it is still being
/// read. What could not be told is told again with the next heartbeat; the student need not know of it.
fn count_as_read(material: MaterialId, page: u32) {
    let reading = Kept::empty();
    Effect::new(move |_| {
        let on_read = move |is_told: heartbeat::Told| {
            spawn_local(async move {
                let told = api::analytics::record_page_read(material, page).await;
                is_told.set(told.is_ok());
            });
        };
        if let Some(followed) = heartbeat::follow(material, page, on_read) {
            reading.keep(followed);
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
    fn the_passage_wins_over_places_found_in_it() {
        let span = |start, end| Span { start, end };
        let found = [span(0, 5), span(12, 17), span(30, 35)];
        let all = marks(Some(span(10, 20)), found.into_iter());
        let starts: Vec<_> = all
            .iter()
            .map(|mark| (mark.span.start, mark.is_passage))
            .collect();
        assert_eq!(starts, [(0, false), (10, true), (30, false)]);
        assert!(marks(None, std::iter::empty()).is_empty());
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
