//! What a page says beside its content: notices, problems, empty states.

use crate::error::{AppError, ErrorKind};
use leptos::prelude::*;

/// A calm word about how things are.
#[component]
pub fn Notice(children: Children) -> impl IntoView {
    view! { <div class="notice" role="status">{children()}</div> }
}

/// Something failed: what, what to do, and the reference that finds it in the server's log.
#[component]
pub fn Problem(error: AppError) -> impl IntoView {
    let signed_out = error.kind == ErrorKind::SignedOut;
    view! {
        <div class="notice problem" role="alert">
            <p>{error.message}</p>
            {error.reference.map(|reference| view! { <p class="reference">"Reference " <code>{reference}</code></p> })}
            {signed_out.then(|| view! { <p><a href="/login" rel="external">"Log in"</a></p> })}
        </div>
    }
}

/// Nothing is here yet: one sentence that teaches the next step, and (as children) one button.
#[component]
pub fn EmptyState(
    title: &'static str,
    sentence: &'static str,
    children: Children,
) -> impl IntoView {
    view! {
        <section class="empty-state">
            <h2>{title}</h2>
            <p>{sentence}</p>
            <div class="actions">{children()}</div>
        </section>
    }
}
