//! One material of the library: its state, and what can be done with it.

use super::shelf::Row;
use crate::{
    api::material::page_faults,
    model::{
        filter::{TAG_MAX_CHARS, TAGS_MAX},
        id::MaterialId,
        material::{FailureKind, Material, MaterialState, PageFault, TITLE_MAX_CHARS},
    },
    widgets::{
        label,
        material::{StateLabel, facts},
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

/// The row.
#[component]
pub fn MaterialRow(row: Row) -> impl IntoView {
    let id = row.id.to_string();
    let anchor = anchor(&id);
    let material = RwSignal::from(row.material);
    let title = move || material.with(|material| material.title.clone());
    let offer = Memo::new(move |_| material.with(offer));
    let field = StoredValue::new("title-".to_owned() + &id);
    let tags_field = StoredValue::new("tags-".to_owned() + &id);
    let tags = Memo::new(move |_| material.with(|material| material.tags.clone()));
    let ask = "/coach?material=".to_owned() + &id;
    let href = "/library/".to_owned() + &id;
    let read = href.clone();
    let so_far = Memo::new(move |_| material.with(pages_so_far));
    let can_ask = Memo::new(move |_| material.with(|material| material.pages_searchable > 0));
    let id = StoredValue::new(id);
    view! {
        <li class="material-row" id=anchor data-testid="material-row">
            <a class="title" href=href>{title}</a>
            <StateLabel material=material />
            <p class="facts">
                {move || material.with(facts)}
                {move || so_far.get().map(|pages| {
                    let is_whole = material.with(|material| material.page_count == Some(pages));
                    let words = if is_whole {
                        "Open it".to_owned()
                    } else {
                        ["Read ", &label::count(u64::from(pages), "page"), " so far"].concat()
                    };
                    view! { ". " <a href=read.clone()>{words}</a> }
                })}
            </p>
            {move || material.with(|material| material.note.clone()).map(|note| view! { <p class="facts note">{note}</p> })}
            {move || (offer.get() == Offer::Unlock).then(|| view! { <Unlock id=id.get_value() /> })}
            <Faults id=row.id material />
            {move || {
                let tags = tags.get();
                (!tags.is_empty()).then(|| view! {
                    <p class="tags">
                        {tags.into_iter().map(|tag| {
                            let ask = "/coach?tag=".to_owned() + &Url::escape(&tag);
                            view! { <a class="tag" href=ask title="Ask the coach about this tag">{tag}</a> }
                        }).collect_view()}
                    </p>
                })
            }}
            <div class="row-actions">
                {move || can_ask.get().then(|| view! { <a class="link" href=ask.clone()>"Ask"</a> })}
                {move || button(offer.get()).map(|(action, word)| view! {
                    <form method="post" action=action>
                        <input type="hidden" name="id" value=id.get_value() />
                        <button class="link" type="submit">{word}</button>
                    </form>
                })}
                <Fold id word="Rename">
                    <form method="post" action="/api/fn/rename_material">
                        <input type="hidden" name="id" value=id.get_value() />
                        <label for=field.get_value()>"New title"</label>
                        <input id=field.get_value() name="title" type="text" required maxlength=TITLE_MAX_CHARS.to_string() value=title />
                        <button class="button" type="submit">"Rename"</button>
                    </form>
                </Fold>
                <Fold id word="Tags">
                    <form method="post" action="/api/fn/tag_material">
                        <input type="hidden" name="id" value=id.get_value() />
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
                    </form>
                </Fold>
                <Fold id word="Delete">
                    <form method="post" action="/api/fn/delete_material">
                        <input type="hidden" name="id" value=id.get_value() />
                        <p>"This removes the file, its pages and its passages. Answers that quote it keep their words, but their links end."</p>
                        <button class="button danger" type="submit">"Delete \u{201c}" {title} "\u{201d} and everything made from it"</button>
                    </form>
                </Fold>
            </div>
        </li>
    }
}

/// What unfolds when somebody wants it, one at a time in a row. Browsers look through all fields of a page for
/// what they could fill in, with twenty documents for a third of a second on a slow phone; so the form is made
/// when it is unfolded, and is in the page before that for those without a script alone.
#[component]
fn Fold(id: StoredValue<String>, word: &'static str, children: ChildrenFn) -> impl IntoView {
    let is_wanted = RwSignal::new(false);
    let plain = is_server().then(|| children().to_html());
    view! {
        <details name=id.get_value() on:toggle=move |_| is_wanted.set(true) on:submit=fold>
            <summary>{word}</summary>
            <div class="panel">
                <noscript inner_html=plain></noscript>
                {move || is_wanted.get().then(|| children())}
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
#[component]
fn Unlock(id: String) -> impl IntoView {
    let field = "password-".to_owned() + &id;
    view! {
        <div class="unlock">
            <form method="post" action="/api/fn/unlock_material">
                <input type="hidden" name="id" value=id />
                <label for=field.clone()>"Password of this document"</label>
                <input id=field name="password" type="password" required autocomplete="off" />
                <button class="button" type="submit">"Open it"</button>
                <p class="hint">"It is used to read the document once and is not kept."</p>
            </form>
        </div>
    }
}

/// The pages that could not be read or not wholly, asked for when somebody wants to see them.
#[component]
fn Faults(id: MaterialId, material: RwSignal<Material>) -> impl IntoView {
    let count = Memo::new(move |_| material.with(|material| material.page_fault_count));
    let faults = RwSignal::new(None::<Vec<PageFault>>);
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
    view! {
        {move || (count.get() > 0).then(|| view! {
            <details class="faults" on:toggle=open>
                <summary>
                    {move || label::count(u64::from(count.get()), "page") + " could not be read in full"}
                </summary>
                {move || match faults.get() {
                    None => view! { <p class="facts">"Asking which"</p> }.into_any(),
                    Some(faults) => {
                        let more = faults.len().saturating_sub(FAULTS_SHOWN);
                        view! {
                            <ul>
                                {faults.into_iter().take(FAULTS_SHOWN).map(|fault| view! {
                                    <li>"Page " {fault.page} ": " {fault.reason}</li>
                                }).collect_view()}
                                {(more > 0).then(|| view! { <li>"And " {more.to_string()} " more."</li> })}
                            </ul>
                        }.into_any()
                    }
                }}
            </details>
        })}
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
