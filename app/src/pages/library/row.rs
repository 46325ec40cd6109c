//! One material of the library: its state, and what can be done with it.

use super::shelf::Row;
use crate::{
    api::material::page_faults,
    model::{
        filter::{TAG_MAX_CHARS, TAGS_MAX},
        material::{FailureKind, Material, MaterialState, PageFault, TITLE_MAX_CHARS},
    },
    widgets::{
        label,
        material::{facts, state_label},
    },
};
use leptos::{
    ev::{Event, SubmitEvent},
    prelude::*,
    task::spawn_local,
};
use leptos_router::location::Url;
use wasm_bindgen::JsCast;

/// Failed pages listed one by one; past it, the document is at fault and not its pages.
const FAULTS_SHOWN: usize = 200;

/// Characters of all tags in one field: as many as there can be, with a comma and a blank each.
const TAGS_MAX_CHARS: usize = TAGS_MAX * (TAG_MAX_CHARS + 2);

/// What a material's state lets a student do with it.
/// Its forms are plain ones; the page sends them when it is awake.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Offer {
    Stop,
    TryAgain,
    Unlock,
    ReadAgain,
}

fn offer(material: &Material) -> Offer {
    match &material.state {
        MaterialState::Ready => Offer::ReadAgain,
        MaterialState::Failed {
            kind: FailureKind::Locked,
            ..
        } => Offer::Unlock,
        MaterialState::Failed { .. } => Offer::TryAgain,
        _ => Offer::Stop,
    }
}

/// The form of one button that goes with it: its server function, and its word.
const fn button(offer: Offer) -> Option<(&'static str, &'static str)> {
    match offer {
        Offer::Stop => Some(("/api/fn/cancel_material", "Stop")),
        Offer::TryAgain => Some(("/api/fn/retry_material", "Try again")),
        Offer::ReadAgain => Some(("/api/fn/reprocess_material", "Read again")),
        // Needs the password.
        Offer::Unlock => None,
    }
}

/// The row. What moves with its state is drawn by two closures and not by one for each word, for a page
/// wakes them all up before it answers.
#[component]
pub fn MaterialRow(row: Row) -> impl IntoView {
    let id = row.id.to_string();
    let anchor = anchor(&id);
    let material = RwSignal::from(row.material);
    let faults = RwSignal::new(None::<Vec<PageFault>>);
    let title = move || material.with(|material| material.title.clone());
    let field = StoredValue::new("title-".to_owned() + &id);
    let tags_field = StoredValue::new("tags-".to_owned() + &id);
    let id = StoredValue::new(id);
    view! {
        <li class="material-row" id=anchor data-testid="material-row">
            {move || material.with(|material| id.with_value(|id| standing(material, id, faults)))}
            <div class="row-actions">
                {move || material.with(|material| id.with_value(|id| actions(material, id)))}
                <Fold id word="Rename" action="/api/fn/rename_material">
                    <label for=field.get_value()>"New title"</label>
                    <input id=field.get_value() name="title" type="text" required maxlength=TITLE_MAX_CHARS.to_string() value=title />
                    <button class="button" type="submit">"Rename"</button>
                </Fold>
                <Fold id word="Tags" action="/api/fn/tag_material">
                    <label for=tags_field.get_value()>"Tags, with commas between them"</label>
                    <input
                        id=tags_field.get_value()
                        name="tags"
                        type="text"
                        autocapitalize="none"
                        maxlength=TAGS_MAX_CHARS.to_string()
                        value=move || material.with(|material| material.tags.join(", "))
                    />
                    <p class="hint">"The coach can be asked about all documents of a tag."</p>
                    <button class="button" type="submit">"Save"</button>
                </Fold>
                <Fold id word="Delete" action="/api/fn/delete_material">
                    <p>"This removes the file, its pages and its passages. Answers that quote it keep their words, but their links end."</p>
                    <button class="button danger" type="submit">"Delete \u{201c}" {title} "\u{201d} and everything made from it"</button>
                </Fold>
            </div>
        </li>
    }
}

/// What it is and where it stands.
fn standing(material: &Material, id: &str, faults: RwSignal<Option<Vec<PageFault>>>) -> AnyView {
    let href = "/library/".to_owned() + id;
    let so_far = pages_so_far(material).map(|pages| {
        let words = if material.page_count == Some(pages) {
            "Open it".to_owned()
        } else {
            ["Read ", &label::count(u64::from(pages), "page"), " so far"].concat()
        };
        view! { ". " <a href=href.clone()>{words}</a> }
    });
    let tags = (!material.tags.is_empty()).then(|| {
        let tags = material.tags.iter().map(|tag| {
            let ask = "/coach?tag=".to_owned() + &Url::escape(tag);
            view! { <a class="tag" href=ask title="Ask the coach about this tag">{tag.clone()}</a> }
        });
        view! { <p class="tags">{tags.collect_view()}</p> }
    });
    view! {
        <a class="title" href=href>{material.title.clone()}</a>
        {state_label(material)}
        <p class="facts">{facts(material)} {so_far}</p>
        {material.note.clone().map(|note| view! { <p class="facts note">{note}</p> })}
        {(offer(material) == Offer::Unlock).then(|| unlock(id))}
        {page_faults_of(material, faults)}
        {tags}
    }
    .into_any()
}

/// What can be done with it at one click.
fn actions(material: &Material, id: &str) -> AnyView {
    let ask = (material.pages_searchable > 0).then(|| {
        let ask = "/coach?material=".to_owned() + id;
        view! { <a class="link" href=ask>"Ask"</a> }
    });
    let button = button(offer(material)).map(|(action, word)| {
        view! {
            <form method="post" action=action>
                <input type="hidden" name="id" value=id.to_owned() />
                <button class="link" type="submit">{word}</button>
            </form>
        }
    });
    (ask, button).into_any()
}

/// A form that unfolds when somebody wants it, one at a time in a row. Browsers look through all fields of a page
/// for what they could fill in, with twenty documents for a third of a second on a slow phone; so the form is made
/// when it is unfolded, and is in the page before that for those without a script alone.
#[component]
fn Fold(
    id: StoredValue<String>,
    word: &'static str,
    /// The server function the form is sent to.
    action: &'static str,
    children: ChildrenFn,
) -> impl IntoView {
    let is_wanted = RwSignal::new(false);
    let form = move || {
        view! {
            <form method="post" action=action>
                <input type="hidden" name="id" value=id.get_value() />
                {children()}
            </form>
        }
    };
    let plain = is_server().then(|| form().to_html());
    view! {
        <details name=id.get_value() on:toggle=move |_| is_wanted.set(true) on:submit=fold>
            <summary>{word}</summary>
            <div class="panel">
                <noscript inner_html=plain></noscript>
                {move || is_wanted.get().then(&form)}
            </div>
        </details>
    }
}

/// Makes the forms of what was unfolded before the page was awake.
pub fn make_unfolded() {
    let opened = document().query_selector_all(".row-actions details[open]");
    let Ok(opened) = opened else { return };
    for n in 0..opened.length() {
        if let (Some(details), Ok(toggle)) = (opened.get(n), Event::new("toggle")) {
            // Fails only for an event that is on its way already.
            let _ = details.dispatch_event(&toggle);
        }
    }
}

/// Pages that can be read already, while the rest is on its way or was given up.
fn pages_so_far(material: &Material) -> Option<u32> {
    let pages = material.pages_searchable;
    (pages > 0 && material.state != MaterialState::Ready).then_some(pages)
}

/// Asks for a locked document's password. It is sent once and kept nowhere.
fn unlock(id: &str) -> impl IntoView + use<> {
    let field = "password-".to_owned() + id;
    view! {
        <div class="unlock">
            <form method="post" action="/api/fn/unlock_material">
                <input type="hidden" name="id" value=id.to_owned() />
                <label for=field.clone()>"Password of this document"</label>
                <input id=field name="password" type="password" required autocomplete="off" />
                <button class="button" type="submit">"Open it"</button>
                <p class="hint">"It is used to read the document once and is not kept."</p>
            </form>
        </div>
    }
}

/// The pages that could not be read or not wholly, asked for when somebody wants to see them.
fn page_faults_of(
    material: &Material,
    faults: RwSignal<Option<Vec<PageFault>>>,
) -> Option<impl IntoView + use<>> {
    let (id, count) = (material.id, material.page_fault_count);
    let open = move |event: Event| {
        let is_open = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::Element>().ok())
            .is_some_and(|details| details.has_attribute("open"));
        if is_open {
            spawn_local(async move {
                if let Ok(found) = page_faults(id).await {
                    faults.try_set(Some(found));
                }
            });
        }
    };
    (count > 0).then(|| {
        view! {
            <details class="faults" on:toggle=open>
                <summary>{label::count(u64::from(count), "page") + " could not be read in full"}</summary>
                {faults.with(|faults| match faults {
                    None => view! { <p class="facts">"Asking which"</p> }.into_any(),
                    Some(faults) => {
                        let more = faults.len().saturating_sub(FAULTS_SHOWN);
                        view! {
                            <ul>
                                {faults.iter().take(FAULTS_SHOWN).map(|fault| view! {
                                    <li>"Page " {fault.page} ": " {fault.reason.clone()}</li>
                                }).collect_view()}
                                {(more > 0).then(|| view! { <li>"And " {more.to_string()} " more."</li> })}
                            </ul>
                        }.into_any()
                    }
                })}
            </details>
        }
    })
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
