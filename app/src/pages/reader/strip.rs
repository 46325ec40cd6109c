//! Small pictures of the pages, to find one by its looks. Only a stretch of them is on the page at a
//! time, however long the document: scrolling moves the stretch along.

use super::{Desk, address::picture_address};
use crate::model::material::PICTURE_WIDTHS;
use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

/// Pages before the current one that are there from the beginning.
const BEFORE: u32 = 4;
/// Pages there are from the beginning.
const AT_FIRST: u32 = 14;
/// Pages that come along when the end of the stretch is near.
const MORE: u32 = 12;
/// Pages kept on the page; the far end is let go.
const KEPT: u32 = 48;
/// How near to its end the strip has to be scrolled for more to come, in pixels.
const NEAR_PX: i32 = 400;

/// A stretch of pages, both ends included; empty when `last` is before `first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    first: u32,
    last: u32,
}

impl Stretch {
    fn around(page: u32, pages: u32) -> Self {
        let first = page.saturating_sub(BEFORE).clamp(1, pages.max(1));
        let last = (first + AT_FIRST - 1).min(pages);
        // Near the end there are more before it.
        let first = first.min((last + 1).saturating_sub(AT_FIRST).max(1));
        Self { first, last }
    }

    fn holds(self, page: u32) -> bool {
        (self.first..=self.last).contains(&page)
    }

    fn later(self, pages: u32) -> Self {
        let last = (self.last + MORE).min(pages);
        let first = self.first.max((last + 1).saturating_sub(KEPT));
        Self { first, last }
    }

    fn earlier(self) -> Self {
        let first = self.first.saturating_sub(MORE).max(1);
        let last = self.last.min(first + KEPT - 1);
        Self { first, last }
    }
}

/// The strip; nothing for a document of one page.
#[component]
pub fn Strip(desk: Desk) -> impl IntoView {
    let is_useful = Memo::new(move |_| desk.pages() > 1);
    view! {
        {move || is_useful.get().then(|| view! { <Thumbnails desk /> })}
    }
}

#[component]
fn Thumbnails(desk: Desk) -> impl IntoView {
    let stretch = RwSignal::new(Stretch::around(
        desk.wanted.with_untracked(|wanted| wanted.page),
        desk.live
            .with_untracked(|material| material.page_count.unwrap_or_default()),
    ));
    let list = NodeRef::<html::Ol>::new();
    Effect::new(move |_| {
        let (page, pages) = (desk.page(), desk.pages());
        if !stretch.get_untracked().holds(page) {
            stretch.set(Stretch::around(page, pages));
        }
        if let Some(list) = list.get() {
            // New ones enter the page right after this effect.
            request_animation_frame(move || bring_into_view(&list, page));
        }
    });
    let on_scroll = move |_| {
        let Some(list) = list.get_untracked() else {
            return;
        };
        let now = stretch.get_untracked();
        let axis = Axis::of(&list);
        let at = axis.scrolled(&list);
        let (next, anchor) = if axis.left_over(&list) < NEAR_PX {
            (now.later(desk.pages()), now.last)
        } else if at < NEAR_PX {
            (now.earlier(), now.first)
        } else {
            return;
        };
        if next != now {
            let before = axis.offset_of(&list, anchor).map(|offset| offset - at);
            stretch.set(next);
            request_animation_frame(move || {
                if let (Some(before), Some(after)) = (before, axis.offset_of(&list, anchor)) {
                    axis.scroll_to(&list, after - before);
                }
            });
        }
    };
    let numbers = move || {
        let Stretch { first, last } = stretch.get();
        (first..=last).collect::<Vec<_>>()
    };
    let hidden = move || {
        let Stretch { first, last } = stretch.get();
        (first > 1 || last < desk.pages()).then(|| {
            let (first, last) = (first.to_string(), last.to_string());
            view! {
                <p class="hint needs-no-script">
                    {["Pages ", &first, " to ", &last, "; "].concat()}
                    <a href=move || desk.address(1)>"first"</a>
                    ", "
                    <a href=move || desk.address(desk.pages())>"last"</a>
                </p>
            }
        })
    };
    view! {
        <details class="strip" open data-testid="strip">
            <summary>"Pages"</summary>
            <ol node_ref=list on:scroll=on_scroll>
                <For each=numbers key=|page| *page let:page>
                    <Thumbnail desk page />
                </For>
            </ol>
            {hidden}
        </details>
    }
}

#[component]
fn Thumbnail(desk: Desk, page: u32) -> impl IntoView {
    let [small, ..] = PICTURE_WIDTHS;
    view! {
        <li id=place_id(page)>
            <a href=move || desk.address(page) aria-current=move || (desk.page() == page).then_some("page")>
                <img src=picture_address(desk.material, page, small) alt="" loading="lazy" decoding="async" width="100" height="141" />
                <span><span class="visually-hidden">"Page "</span>{page}</span>
            </a>
        </li>
    }
}

fn place_id(page: u32) -> String {
    "thumbnail-".to_owned() + &page.to_string()
}

/// The strip runs down the side, or across a narrow screen. All in pixels.
#[derive(Clone, Copy)]
enum Axis {
    Down,
    Across,
}

impl Axis {
    fn of(list: &Element) -> Self {
        if list.scroll_width() > list.client_width() {
            Self::Across
        } else {
            Self::Down
        }
    }

    /// How far the strip is scrolled.
    fn scrolled(self, list: &Element) -> i32 {
        match self {
            Self::Down => list.scroll_top(),
            Self::Across => list.scroll_left(),
        }
    }

    /// How far it can still be scrolled.
    fn left_over(self, list: &Element) -> i32 {
        match self {
            Self::Down => list.scroll_height() - list.client_height() - list.scroll_top(),
            Self::Across => list.scroll_width() - list.client_width() - list.scroll_left(),
        }
    }

    fn scroll_to(self, list: &Element, position: i32) {
        match self {
            Self::Down => list.set_scroll_top(position),
            Self::Across => list.set_scroll_left(position),
        }
    }

    /// How much of the strip is in sight.
    fn shown(self, list: &Element) -> i32 {
        match self {
            Self::Down => list.client_height(),
            Self::Across => list.client_width(),
        }
    }

    /// Where a thumbnail begins.
    fn offset_of(self, list: &Element, page: u32) -> Option<i32> {
        let place = list
            .query_selector(&["#", &place_id(page)].concat())
            .ok()
            .flatten()?
            .dyn_into::<HtmlElement>()
            .ok()?;
        Some(match self {
            Self::Down => place.offset_top(),
            Self::Across => place.offset_left(),
        })
    }
}

/// Scrolls the strip, and nothing else, so that the page's thumbnail is well inside it.
fn bring_into_view(list: &Element, page: u32) {
    let axis = Axis::of(list);
    if let Some(offset) = axis.offset_of(list, page) {
        axis.scroll_to(list, offset - axis.shown(list) / 3);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(first: u32, last: u32) -> Stretch {
        Stretch { first, last }
    }

    #[test]
    fn a_long_document_begins_with_a_few_pages_around_the_one_asked_for() {
        assert_eq!(Stretch::around(1, 2_000), stretch(1, 14));
        assert_eq!(Stretch::around(1_000, 2_000), stretch(996, 1_009));
        assert_eq!(Stretch::around(2_000, 2_000), stretch(1_987, 2_000));
        assert_eq!(Stretch::around(3, 6), stretch(1, 6));
        assert_eq!(Stretch::around(90, 6), stretch(1, 6));
        assert_eq!(Stretch::around(1, 0), stretch(1, 0));
    }

    #[test]
    fn scrolling_moves_the_stretch_along_and_lets_the_far_end_go() {
        let mut shown = Stretch::around(1, 2_000);
        for _ in 0..10 {
            shown = shown.later(2_000);
            assert!(shown.last - shown.first < KEPT);
        }
        assert_eq!(shown, stretch(87, 134));
        assert_eq!(shown.earlier(), stretch(75, 122));
        assert_eq!(stretch(3, 14).earlier(), stretch(1, 14));
        assert_eq!(stretch(1, 14).later(14), stretch(1, 14));
    }
}
