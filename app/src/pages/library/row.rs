//! One material of the library: its state, and what can be done with it.

use super::shelf::Row;
use crate::{
    api::material::{DeleteMaterial, RenameMaterial, RetryMaterial},
    model::material::{MaterialState, TITLE_MAX_CHARS},
    widgets::material::{StateLabel, facts},
};
use leptos::{ev::SubmitEvent, prelude::*};
use wasm_bindgen::JsCast;

/// What the rows' forms do; the page holds one of each and shows their problems.
#[derive(Clone, Copy)]
pub struct Actions {
    pub rename: ServerAction<RenameMaterial>,
    pub delete: ServerAction<DeleteMaterial>,
    pub retry: ServerAction<RetryMaterial>,
}

/// The row.
#[component]
pub fn MaterialRow(row: Row, actions: Actions) -> impl IntoView {
    let id = row.id.to_string();
    let anchor = anchor(&id);
    let material = RwSignal::from(row.material);
    let title = move || material.with(|material| material.title.clone());
    let is_failed = Memo::new(move |_| {
        material.with(|material| matches!(material.state, MaterialState::Failed { .. }))
    });
    let field = "title-".to_owned() + &id;
    let href = "/library/".to_owned() + &id;
    let id = StoredValue::new(id);
    view! {
        <li class="material-row" id=anchor data-testid="material-row">
            <a class="title" href=href>{title}</a>
            <StateLabel material=material />
            <p class="facts">{move || material.with(facts)}</p>
            <div class="row-actions">
                {move || is_failed.get().then(|| view! {
                    <ActionForm action=actions.retry>
                        <input type="hidden" name="id" value=id.get_value() />
                        <button class="link" type="submit">"Try again"</button>
                    </ActionForm>
                })}
                <details name=id.get_value() on:submit=fold>
                    <summary>"Rename"</summary>
                    <div class="panel">
                        <ActionForm action=actions.rename>
                            <input type="hidden" name="id" value=id.get_value() />
                            <label for=field.clone()>"New title"</label>
                            <input id=field name="title" type="text" required maxlength=TITLE_MAX_CHARS.to_string() value=title />
                            <button class="button" type="submit">"Rename"</button>
                        </ActionForm>
                    </div>
                </details>
                <details name=id.get_value() on:submit=fold>
                    <summary>"Delete"</summary>
                    <div class="panel">
                        <ActionForm action=actions.delete>
                            <input type="hidden" name="id" value=id.get_value() />
                            <p>"This removes the file, its pages and its passages. Answers that quote it keep their words, but their links end."</p>
                            <button class="button danger" type="submit">"Delete \u{201c}" {title} "\u{201d} and everything made from it"</button>
                        </ActionForm>
                    </div>
                </details>
            </div>
        </li>
    }
}

/// The row's id in the page, for links to it.
pub fn anchor(id: &str) -> String {
    "material-".to_owned() + id
}

/// Closes the `<details>` whose form was just sent.
fn fold(event: SubmitEvent) {
    let details = event
        .current_target()
        .and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    if let Some(details) = details {
        // Removing an attribute that is there cannot fail.
        let _ = details.remove_attribute("open");
    }
}
