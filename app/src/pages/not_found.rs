//! The page of an address that leads nowhere.

use leptos::prelude::*;
use leptos_meta::Title;

/// Says so, and where to go from here.
#[component]
pub fn NotFound() -> impl IntoView {
    view! {
        <Title text="Nothing here" />
        <section class="empty-state">
            <h1>"There is no page at this address"</h1>
            <p>"It may have been moved or mistyped. Your library and your conversations are where you left them."</p>
            <div class="actions"><a class="button" href="/" rel="external">"Go to the start"</a></div>
        </section>
    }
}
