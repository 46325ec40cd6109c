//! The keyboard: turning pages, the search, the size of the page; and the list that says so.
//! A key held with Ctrl, Alt or Cmd is the browser's, and so is any key while a field has the focus.

use super::Desk;
use leptos::{ev, html, prelude::*};
use leptos_router::hooks::use_navigate;
use wasm_bindgen::JsCast;

/// How near to its end the page has to be scrolled to count as there, in pixels.
const NEAR: f64 = 4.0;

/// What the keys do.
enum Act {
    Turn(u32),
    Find,
    Larger,
    Smaller,
    Whole,
}

/// Listens for as long as the reader is open.
pub fn listen(desk: Desk, find_field: NodeRef<html::Input>) {
    let navigate = use_navigate();
    Effect::new(move |_| {
        let navigate = navigate.clone();
        let handle = window_event_listener(ev::keydown, move |event| {
            let held = event.ctrl_key() || event.alt_key() || event.meta_key();
            if held || event.default_prevented() || is_in_field(&event) {
                return;
            }
            let page = desk.wanted.with_untracked(|wanted| wanted.page);
            let pages = desk
                .live
                .with_untracked(|material| material.page_count.unwrap_or_default());
            match act(&event, page, pages) {
                None => return,
                Some(Act::Turn(page)) => {
                    let find = desk.wanted.with_untracked(|wanted| wanted.find.clone());
                    navigate(
                        &super::page_address(desk.material, page, &find),
                        Default::default(),
                    );
                }
                Some(Act::Find) => {
                    if let Some(field) = find_field.get_untracked() {
                        // A field that is on the page takes the focus.
                        let _ = field.focus();
                        field.select();
                    }
                }
                Some(Act::Larger) => desk.zoom.larger(),
                Some(Act::Smaller) => desk.zoom.smaller(),
                Some(Act::Whole) => desk.zoom.whole(),
            }
            event.prevent_default();
        });
        on_cleanup(move || handle.remove());
    });
}

fn act(event: &web_sys::KeyboardEvent, page: u32, pages: u32) -> Option<Act> {
    let key = event.key();
    let target = match key.as_str() {
        "/" => return Some(Act::Find),
        "+" | "=" => return Some(Act::Larger),
        "-" => return Some(Act::Smaller),
        "0" => return Some(Act::Whole),
        // Selecting text with the keyboard.
        _ if event.shift_key() => return None,
        "ArrowLeft" => page.checked_sub(1),
        "ArrowRight" => Some(page + 1),
        // A tall page is scrolled first, as these keys always do.
        "PageUp" if is_scrolled_to(End::Top) => page.checked_sub(1),
        "PageDown" if is_scrolled_to(End::Bottom) => Some(page + 1),
        "Home" => Some(1),
        "End" => Some(pages),
        _ => None,
    };
    target
        .filter(|target| (1..=pages).contains(target) && *target != page)
        .map(Act::Turn)
}

enum End {
    Top,
    Bottom,
}

fn is_scrolled_to(end: End) -> bool {
    let Some(window) = web_sys::window() else {
        return true;
    };
    let top = window.scroll_y().unwrap_or_default();
    match end {
        End::Top => top <= NEAR,
        End::Bottom => {
            let shown = window
                .inner_height()
                .ok()
                .and_then(|height| height.as_f64())
                .unwrap_or_default();
            let whole = window
                .document()
                .and_then(|document| document.document_element())
                .map_or(0.0, |root| f64::from(root.scroll_height()));
            top + shown >= whole - NEAR
        }
    }
}

fn is_in_field(event: &web_sys::Event) -> bool {
    event
        .target()
        .and_then(|target| target.dyn_into::<web_sys::Element>().ok())
        .is_some_and(|element| {
            element
                .closest("input, textarea, select, [contenteditable]")
                .ok()
                .flatten()
                .is_some()
        })
}

/// The list of keys.
#[component]
pub fn Keys(has_picture: bool) -> impl IntoView {
    view! {
        <details class="keys needs-script">
            <summary>"Keys"</summary>
            <dl>
                <div><dt><kbd>"\u{2190}"</kbd> <kbd>"\u{2192}"</kbd></dt><dd>"Previous and next page"</dd></div>
                <div><dt><kbd>"Page Up"</kbd> <kbd>"Page Down"</kbd></dt><dd>"Scroll, then turn the page"</dd></div>
                <div><dt><kbd>"Home"</kbd> <kbd>"End"</kbd></dt><dd>"First and last page"</dd></div>
                <div><dt><kbd>"/"</kbd></dt><dd>"Find in this document"</dd></div>
                {has_picture.then(|| view! {
                    <div><dt><kbd>"+"</kbd> <kbd>"\u{2212}"</kbd> <kbd>"0"</kbd></dt><dd>"Larger, smaller, as wide as it fits"</dd></div>
                })}
            </dl>
        </details>
    }
}
