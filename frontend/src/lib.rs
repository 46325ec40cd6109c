//! Wakes the server-rendered page up in the browser. Everything else lives in `app`.
#![recursion_limit = "512"]

use leptos::{mount::hydrate_from_async, prelude::document};
use wasm_bindgen::prelude::wasm_bindgen;

/// Bytes that nothing reads, and that end up in no file.
///
/// The splitter gives each chunk the constants that only its code uses, but leaves all of them, 50 kB
/// compressed, in the first download if they need more room in that order than they had before: each
/// chunk's share begins at its own alignment. This is the room. It takes a page of addresses, and
/// because no code refers to it, it is left out of what is written.
#[used]
static ROOM_FOR_SPLIT_CONSTANTS: [u8; 16 * 1024] = [0; 16 * 1024];

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
