//! The icon set: 24-unit line drawings with 1.5-unit strokes in the text's colour. Decoration only:
//! the words beside an icon say what it means.

use leptos::prelude::*;

/// What an icon shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyph {
    Home,
    Library,
    Coach,
    Analytics,
    Settings,
    Upload,
    Page,
    Arrow,
}

impl Glyph {
    const fn paths(self) -> &'static str {
        match self {
            Self::Home => {
                r#"<path d="M4 10.5 12 4l8 6.5V19a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1z"/><path d="M9.5 20v-6h5v6"/>"#
            }
            Self::Library => {
                r#"<path d="M5 4v16M9.5 4v16M5 4h4.5M5 20h4.5M9.5 7H14v13H9.5"/><path d="m14.3 6.2 3-.8L20.8 18.6l-3 .8z"/>"#
            }
            Self::Coach => {
                r#"<path d="M20 14.5a1.5 1.5 0 0 1-1.5 1.5H10l-4.5 4v-4A1.5 1.5 0 0 1 4 14.5v-9A1.5 1.5 0 0 1 5.5 4h13A1.5 1.5 0 0 1 20 5.5z"/><path d="M8 8.5h8M8 11.5h5"/>"#
            }
            Self::Analytics => {
                r#"<path d="M4 20h16"/><path d="M6.5 16.5v-4M12 16.5V8M17.5 16.5v-12"/>"#
            }
            Self::Settings => {
                r#"<path d="M4 7.5h9M17 7.5h3M4 16.5h3M11 16.5h9"/><circle cx="15" cy="7.5" r="2"/><circle cx="9" cy="16.5" r="2"/>"#
            }
            Self::Upload => {
                r#"<path d="M12 15.5V4.5M8 8l4-3.5L16 8"/><path d="M4 15v4a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-4"/>"#
            }
            Self::Page => r#"<path d="M6 4h8l4 4v12H6z"/><path d="M14 4v4h4M9 12.5h6M9 16h4"/>"#,
            Self::Arrow => r#"<path d="M5 12h13M13.5 7.5 18 12l-4.5 4.5"/>"#,
        }
    }
}

/// One icon.
#[component]
pub fn Icon(glyph: Glyph) -> impl IntoView {
    view! { <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" inner_html=glyph.paths()></svg> }
}
