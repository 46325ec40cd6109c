//! Bookmarks, chapters or slide titles, folded away until they are wanted.

use super::{Desk, live::Entries};
use crate::model::material::OutlineEntry;
use leptos::prelude::*;

/// Deepest level that is indented further.
const LEVELS: u8 = 4;
/// Entries shown; the outline of a long textbook has some hundreds.
const ENTRIES_MAX: usize = 500;

/// The outline; nothing where a document has none.
#[component]
pub fn Outline(desk: Desk, outline: Entries) -> impl IntoView {
    view! {
        <Transition>
            {move || Suspend::new(async move {
                let entries = outline.await.unwrap_or_default();
                (!entries.is_empty()).then(|| view! { <Folded desk entries /> })
            })}
        </Transition>
    }
}

#[component]
fn Folded(desk: Desk, entries: Vec<OutlineEntry>) -> impl IntoView {
    let left_out = entries.len().saturating_sub(ENTRIES_MAX);
    view! {
        <details class="outline" data-testid="outline">
            <summary>"Outline"</summary>
            <ol>
                {entries
                    .into_iter()
                    .take(ENTRIES_MAX)
                    .map(|entry| {
                        let page = entry.page;
                        let level = entry.level.clamp(1, LEVELS).to_string();
                        view! {
                            <li data-level=level>
                                <a href=move || desk.address(page)>
                                    <span>{entry.title}</span>
                                    <span class="facts">{page}</span>
                                </a>
                            </li>
                        }
                    })
                    .collect_view()}
            </ol>
            {(left_out > 0).then(|| view! {
                <p class="hint">"The first " {ENTRIES_MAX} " entries are shown; " {left_out} " more are in the original."</p>
            })}
        </details>
    }
}
