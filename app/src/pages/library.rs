//! `/library`: uploads, and the shelf of materials with their live states. Everything but the
//! progress bars and the live states works as plain forms too.

mod row;
mod shelf;
mod uploads;

use crate::{
    api::{coach::coach_status, material::materials},
    browser::{events, form::Submitted, kept::Kept},
    error::AppError,
    model::{id::MaterialId, material::Material},
    ports::FormState,
    widgets::{
        label,
        notice::{EmptyState, Notice, Problem},
    },
};
use leptos::{ev::SubmitEvent, prelude::*, task::spawn_local};
use leptos_meta::Title;
use leptos_router::{LazyRoute, lazy_route};
use row::MaterialRow;
use shelf::Shelf;
use uploads::Uploads;

/// Below this many materials the library still offers the sample.
const FEW: usize = 4;
const ADD_SAMPLE: &str = "/api/fn/add_sample";

/// The library page.
pub struct LibraryRoute;

#[lazy_route]
impl LazyRoute for LibraryRoute {
    fn data() -> Self {
        Self
    }

    // The resources are made here and not in `data`: whatever `data` touches, down to the parsers
    // of its values, is part of every page's first download.
    fn view(_this: Self) -> AnyView {
        let materials = Resource::new(|| (), |()| materials());
        let status = Resource::new(|| (), |()| coach_status());
        view! {
            <Title text="Library" />
            <div class="library">
                <h1>"Library"</h1>
                <NotTaken />
                <Suspense fallback=|| ()>
                    {move || Suspend::new(async move {
                        let note = status.await.ok().and_then(|status| status.search_note);
                        note.map(|note| view! { <Notice>{note}</Notice> })
                    })}
                </Suspense>
                <Suspense fallback=|| view! { <div class="skeleton"></div> }>
                    {move || Suspend::new(async move {
                        match materials.await {
                            Ok(materials) => view! { <Stacks materials /> }.into_any(),
                            Err(error) => view! { <Problem error /> }.into_any(),
                        }
                    })}
                </Suspense>
            </div>
        }
        .into_any()
    }
}

/// What a plain form brought that was not taken. In the browser there is nothing of it.
#[component]
fn NotTaken() -> impl IntoView {
    let form = use_context::<FormState>();
    let problem = form.as_ref().and_then(|form| form.problem.clone());
    problem.map(|problem| {
        let files = form.map(|form| form.refused_files).unwrap_or_default();
        view! {
            <div class="notice problem" role="alert">
                <p>{problem}</p>
                <ul class="refused">
                    {files.into_iter().map(|file| view! {
                        <li><strong>{file.name}</strong>" "{file.reason}</li>
                    }).collect_view()}
                </ul>
                <p><a href="/library" rel="external">"Back to the library"</a></p>
            </div>
        }
    })
}

/// Uploads and shelf, once the materials are known.
#[component]
fn Stacks(materials: Vec<Material>) -> impl IntoView {
    let shelf = Shelf::new(materials);
    let problem = RwSignal::new(None::<AppError>);
    let submit = move |event: SubmitEvent| act(&event, shelf, problem);
    follow(shelf);
    Effect::new(|_| row::make_unfolded());

    let is_empty = Memo::new(move |_| shelf.count() == 0);
    let offers_sample = Memo::new(move |_| shelf.count() < FEW && !shelf.has_sample());

    view! {
        <Uploads shelf />
        {move || problem.get().map(|error| view! { <Problem error /> })}
        <p class="visually-hidden" role="status">{move || shelf.said()}</p>
        <Together shelf />
        <div class="stack" on:submit=submit>{move || if is_empty.get() {
            view! {
                <EmptyState
                    title="Nothing on the shelf yet"
                    sentence="Upload a document above, or take the two-page sample on the heart to try the coach at once."
                >
                    <form method="post" action=ADD_SAMPLE>
                        <button class="button" type="submit">"Add the sample"</button>
                    </form>
                </EmptyState>
            }.into_any()
        } else {
            view! {
                <ul class="shelf">
                    <For each=move || shelf.rows() key=|row| row.id let:row>
                        <MaterialRow row />
                    </For>
                </ul>
                {move || offers_sample.get().then(|| view! {
                    <form method="post" action=ADD_SAMPLE>
                        <p class="aside">
                            "Something to try things on? "
                            <button class="link" type="submit">"Add the two-page sample"</button>
                        </p>
                    </form>
                })}
            }.into_any()
        }}</div>
    }
}

/// How far all documents on their way have come.
#[component]
fn Together(shelf: Shelf) -> impl IntoView {
    let together = Memo::new(move |_| shelf.together());
    let is_shown = Memo::new(move |_| together.get().is_some());
    let words = move || {
        together.get().map(|all| {
            let documents = label::count(u64::from(all.documents), "document");
            let done = all.documents_done.to_string();
            [&done, " of ", &documents, " read", &all.pace].concat()
        })
    };
    let pages = move || together.get().map_or(0, |all| all.pages).max(1).to_string();
    let pages_done = move || {
        let done = together.get().map_or(0, |all| all.pages_done);
        done.to_string()
    };
    view! {
        {move || is_shown.get().then(|| view! {
            <div class="together" data-testid="reading-together">
                <p class="facts">{words}</p>
                <progress max=pages value=pages_done aria-label="Pages read of all documents"></progress>
            </div>
        })}
    }
}

/// Sends one of the rows' forms and puts what it brings on the shelf.
fn act(event: &SubmitEvent, shelf: Shelf, problem: RwSignal<Option<AppError>>) {
    let Some(form) = Submitted::take(event) else {
        return;
    };
    spawn_local(async move {
        let refused = match form.send().await {
            Ok(text) => {
                match serde_json::from_str(&text) {
                    Ok(material) => shelf.put(material),
                    // Nothing is left of a deleted one.
                    Err(_) => shelf.refresh(),
                }
                None
            }
            Err(error) => Some(error),
        };
        problem.try_set(refused);
    });
}

/// Keeps the shelf live while the page is open.
fn follow(shelf: Shelf) {
    #[derive(serde::Deserialize)]
    struct Deleted {
        id: MaterialId,
    }
    let follower = Kept::empty();
    Effect::new(move |_| {
        let names = ["material", "material_deleted"];
        let opened = events::follow(&names, move |name, data| match name {
            "material" => {
                if let Ok(material) = serde_json::from_str(data) {
                    shelf.put(material);
                }
            }
            "material_deleted" => {
                if let Ok(Deleted { id }) = serde_json::from_str(data) {
                    shelf.remove(id);
                }
            }
            // The page has just been made, and nothing was moving.
            "hello" if shelf.is_settled() => {}
            _ => shelf.refresh(),
        });
        follower.keep(opened);
    });
}
