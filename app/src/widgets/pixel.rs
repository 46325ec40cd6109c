//! Pixel art in small doses: the streak's flame and the mark. Never beside text that is read.

use leptos::prelude::*;

/// 12 by 14 pixels; the classes carry the colours.
const FLAME: &str = r#"<path class="px-a" d="M6 0h1v1h-1zM5 1h2v1h-2zM5 2h2v1h-2zM4 3h2v1h-2zM3 4h2v1h-2zM8 4h1v1h-1zM2 5h2v1h-2zM8 5h1v1h-1zM2 6h1v1h-1zM8 6h2v1h-2zM1 7h2v1h-2zM9 7h1v1h-1zM1 8h1v1h-1zM9 8h2v1h-2zM1 9h1v1h-1zM10 9h1v1h-1zM1 10h1v1h-1zM10 10h1v1h-1zM1 11h2v1h-2zM9 11h2v1h-2zM2 12h2v1h-2zM9 12h1v1h-1zM3 13h6v1h-6z"/><path class="px-b" d="M7 2h1v1h-1zM6 3h2v1h-2zM5 4h3v1h-3zM4 5h4v1h-4zM3 6h5v1h-5zM3 7h2v1h-2zM7 7h2v1h-2zM2 8h2v1h-2zM7 8h2v1h-2zM2 9h2v1h-2zM8 9h2v1h-2zM2 10h2v1h-2zM8 10h2v1h-2zM3 11h2v1h-2zM8 11h1v1h-1zM4 12h2v1h-2zM7 12h2v1h-2z"/><path class="px-c" d="M5 7h2v1h-2zM4 8h3v1h-3zM4 9h4v1h-4zM4 10h4v1h-4zM5 11h3v1h-3zM6 12h1v1h-1z"/>"#;

/// A page with a dog-ear and one highlighted line: 12 by 14 pixels, also the favicon.
const MARK: &str = r#"<path class="px-a" d="M0 0h8v1h-8zM0 1h1v1h-1zM7 1h2v1h-2zM0 2h1v1h-1zM7 2h1v1h-1zM9 2h1v1h-1zM0 3h1v1h-1zM7 3h4v1h-4zM0 4h1v1h-1zM10 4h1v1h-1zM0 5h1v1h-1zM2 5h5v1h-5zM10 5h1v1h-1zM0 6h1v1h-1zM10 6h1v1h-1zM2 8h6v1h-6zM0 10h1v1h-1zM10 10h1v1h-1zM0 11h1v1h-1zM2 11h6v1h-6zM10 11h1v1h-1zM0 12h1v1h-1zM10 12h1v1h-1zM0 13h11v1h-11z"/><path class="px-b" d="M0 7h12v1h-12zM0 8h2v1h-2zM8 8h4v1h-4zM0 9h12v1h-12z"/>"#;

/// The flame of a running streak; cold (outlined by the muted colour) when there is none.
#[component]
pub fn Flame(lit: bool) -> impl IntoView {
    let class = if lit {
        "pixel flame lit"
    } else {
        "pixel flame"
    };
    view! { <svg class=class viewBox="0 0 12 14" aria-hidden="true" inner_html=FLAME></svg> }
}

/// Studyin's mark.
#[component]
pub fn Mark() -> impl IntoView {
    view! { <svg class="pixel mark" viewBox="0 0 12 14" aria-hidden="true" inner_html=MARK></svg> }
}
