//! Wakes the server-rendered page up in the browser. Everything else lives in `app`.
#![recursion_limit = "512"]

use leptos::{mount::hydrate_from_async, prelude::document};
use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the hydration script once the WASM has arrived.
///
/// When the page is awake, its own lazy part included, `<html data-hydrated="true">` says so: to
/// the browser tests, and to style sheets that want to know.
#[wasm_bindgen]
pub fn hydrate() {
    wasm_bindgen_futures::spawn_local(async {
        let Some(body) = document().body() else {
            return;
        };
        hydrate_from_async(body, app::App).await.forget();
        if let Some(html) = document().document_element() {
            // The attribute's name is valid, so setting it cannot fail.
            let _ = html.set_attribute("data-hydrated", "true");
        }
    });
}
