//! Everything that talks to the browser itself. It compiles on the server too, where nothing
//! calls it: effects and event handlers run in the browser only.

pub mod echarts;
pub mod events;
pub mod form;
pub mod fragment;
pub mod heartbeat;
pub mod kept;
pub mod offline;
pub mod remember;
pub mod socket;
pub mod upload;

/// Most bytes a file may have when the page does not say (the server's own default).
const FILE_MAX_BYTES: f64 = 50.0 * 1024.0 * 1024.0;

/// Most bytes one uploaded file may have, as the document's head states it; the server checks
/// again while it receives.
pub fn file_max_bytes() -> f64 {
    web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| {
            document
                .query_selector("meta[name=file-max-bytes]")
                .ok()
                .flatten()
        })
        .and_then(|meta| meta.get_attribute("content"))
        .map(|bytes| js_sys::parse_float(&bytes))
        .filter(|bytes| *bytes > 0.0)
        .unwrap_or(FILE_MAX_BYTES)
}

/// Whether the page's tab is on screen.
pub fn is_visible() -> bool {
    leptos::prelude::document().visibility_state() == web_sys::VisibilityState::Visible
}

/// The browser's time zone as an IANA name.
pub fn time_zone() -> Option<String> {
    let format = js_sys::Intl::DateTimeFormat::new(&js_sys::Array::new(), &js_sys::Object::new());
    js_sys::Reflect::get(&format.resolved_options(), &"timeZone".into())
        .ok()?
        .as_string()
}
