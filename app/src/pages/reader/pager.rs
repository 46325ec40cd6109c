//! Turning pages: links, and a number to type. A plain form, so that it works without a script.

use super::Desk;
use leptos::{either::Either, ev::SubmitEvent, html, prelude::*};
use leptos_router::hooks::use_navigate;

/// The way to the other pages; nothing while their number is not known. `place` tells the two of
/// them apart.
#[component]
pub fn Pager(desk: Desk, place: &'static str) -> impl IntoView {
    let is_known = Memo::new(move |_| desk.pages() > 0);
    move || is_known.get().then(|| view! { <Turner desk place /> })
}

#[component]
fn Turner(desk: Desk, place: &'static str) -> impl IntoView {
    let navigate = use_navigate();
    let number = NodeRef::<html::Input>::new();
    let on_submit = move |event: SubmitEvent| {
        let Some(page) = number
            .get_untracked()
            .and_then(|input| input.value().parse().ok())
        else {
            return;
        };
        event.prevent_default();
        navigate(&desk.address(page), Default::default());
    };
    let find = move || desk.find();
    let previous = move || desk.page().checked_sub(1).filter(|page| *page > 0);
    let next = move || Some(desk.page() + 1).filter(|page| *page <= desk.pages());
    view! {
        <nav class="pager" aria-label=["Pages, ", place].concat()>
            {move || step(desk, previous(), "prev", "Previous")}
            <form action="/library/".to_owned() + &desk.material.to_string() method="get" on:submit=on_submit>
                <label>
                    "Page "
                    <input
                        node_ref=number
                        type="number"
                        name="page"
                        inputmode="numeric"
                        min="1"
                        max=move || desk.pages().to_string()
                        required
                        prop:value=move || desk.page().to_string()
                        value=move || desk.page().to_string()
                    />
                </label>
                <span class="of">" of " {move || desk.pages()}</span>
                {move || {
                    let find = find();
                    (!find.is_empty()).then(|| view! { <input type="hidden" name="find" value=find /> })
                }}
                <button type="submit" class="button quiet needs-no-script">"Go"</button>
            </form>
            {move || step(desk, next(), "next", "Next")}
        </nav>
    }
}

fn step(desk: Desk, page: Option<u32>, rel: &'static str, word: &'static str) -> impl IntoView {
    match page {
        Some(page) => Either::Left(view! {
            <a class="button quiet" rel=rel href=desk.address(page)>{word}</a>
        }),
        None => Either::Right(view! {
            <span class="button quiet off" aria-hidden="true">{word}</span>
        }),
    }
}
