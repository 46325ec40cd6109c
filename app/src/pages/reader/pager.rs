//! Turning pages: links, a number to type, and the arrow keys.

use super::{Wanted, address};
use crate::{
    error::AppError,
    model::{id::MaterialId, material::Material},
};
use leptos::{ev, html, prelude::*};
use leptos_router::hooks::use_navigate;
use wasm_bindgen::JsCast;

/// The way to the other pages; `place` tells the two of them apart.
#[component]
pub fn Pager(material: MaterialId, page: u32, pages: u32, place: &'static str) -> impl IntoView {
    let navigate = use_navigate();
    let number = NodeRef::<html::Input>::new();
    let on_submit = move |event: ev::SubmitEvent| {
        let Some(page) = number
            .get_untracked()
            .and_then(|input| input.value().parse().ok())
        else {
            return;
        };
        event.prevent_default();
        navigate(&address(material, page), Default::default());
    };
    let previous = (page > 1).then(|| address(material, page - 1));
    let next = (page < pages).then(|| address(material, page + 1));
    view! {
        <nav class="pager" aria-label=["Pages, ", place].concat()>
            {match previous {
                Some(href) => view! { <a class="button quiet" rel="prev" href=href>"Previous"</a> }.into_any(),
                None => view! { <span class="button quiet off" aria-hidden="true">"Previous"</span> }.into_any(),
            }}
            <form action="/library/".to_owned() + &material.to_string() method="get" on:submit=on_submit>
                <label>
                    "Page "
                    <input
                        node_ref=number
                        type="number"
                        name="page"
                        inputmode="numeric"
                        min="1"
                        max=pages.to_string()
                        required
                        value=page.to_string()
                    />
                </label>
                <span>" of " {pages}</span>
                <button type="submit" class="button quiet">"Go"</button>
            </form>
            {match next {
                Some(href) => view! { <a class="button quiet" rel="next" href=href>"Next"</a> }.into_any(),
                None => view! { <span class="button quiet off" aria-hidden="true">"Next"</span> }.into_any(),
            }}
        </nav>
    }
}

/// Left and right turn the page, unless a field has the focus or another key is held.
pub fn turn_with_arrow_keys(wanted: Memo<Wanted>, material: Resource<Result<Material, AppError>>) {
    let navigate = use_navigate();
    Effect::new(move |_| {
        let navigate = navigate.clone();
        let handle = window_event_listener(ev::keydown, move |event| {
            let step = match event.key().as_str() {
                "ArrowLeft" => -1,
                "ArrowRight" => 1,
                _ => return,
            };
            let held = event.ctrl_key() || event.alt_key() || event.meta_key() || event.shift_key();
            if held || event.default_prevented() || is_in_field(&event) {
                return;
            }
            let now = wanted.get_untracked();
            let pages = match material.get_untracked() {
                Some(Ok(material)) => material.page_count.unwrap_or(0),
                _ => 0,
            };
            let target = now
                .page
                .checked_add_signed(step)
                .filter(|page| (1..=pages).contains(page));
            if let (Some(id), Some(page)) = (now.material, target) {
                navigate(&address(id, page), Default::default());
            }
        });
        on_cleanup(move || handle.remove());
    });
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
