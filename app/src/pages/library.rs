//! `/library`: uploads, and the shelf of materials with their live states. Everything but the
//! progress bars and the live states works as plain forms too.

mod row;
mod shelf;
mod uploads;

use crate::{
    api::{
        coach::coach_status,
        material::{
            AddSample, CancelMaterial, DeleteMaterial, RenameMaterial, ReprocessMaterial,
            RetryMaterial, UnlockMaterial, materials,
        },
    },
    browser::{events, kept::Kept},
    error::AppError,
    model::{id::MaterialId, material::Material},
    ports::FormState,
    widgets::{
        label,
        notice::{EmptyState, Notice, Problem},
    },
};
use leptos::{prelude::*, server_fn::ServerFn};
use leptos_meta::Title;
use leptos_router::{LazyRoute, lazy_route};
use row::{Actions, MaterialRow};
use shelf::Shelf;
use uploads::Uploads;

/// Below this many materials the library still offers the sample.
const FEW: usize = 4;

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
    let add = ServerAction::<AddSample>::new();
    let actions = Actions {
        cancel: ServerAction::<CancelMaterial>::new(),
        retry: ServerAction::<RetryMaterial>::new(),
        reprocess: ServerAction::<ReprocessMaterial>::new(),
        unlock: ServerAction::<UnlockMaterial>::new(),
        rename: ServerAction::<RenameMaterial>::new(),
        delete: ServerAction::<DeleteMaterial>::new(),
    };
    let problems = [
        outcome(add, shelf),
        outcome(actions.cancel, shelf),
        outcome(actions.retry, shelf),
        outcome(actions.reprocess, shelf),
        outcome(actions.unlock, shelf),
        outcome(actions.rename, shelf),
    ];
    let deleted = actions.delete.value();
    Effect::new(move |_| {
        if let Some(Ok(())) = deleted.get() {
            shelf.refresh();
        }
    });
    follow(shelf);

    let problem = move || {
        problems
            .iter()
            .find_map(|problem| problem.get())
            .or_else(|| deleted.get().and_then(Result::err))
            .map(|error| view! { <Problem error /> })
    };
    let is_empty = Memo::new(move |_| shelf.count() == 0);
    let offers_sample = Memo::new(move |_| shelf.count() < FEW && !shelf.has_sample());

    view! {
        <Uploads shelf />
        {problem}
        <p class="visually-hidden" role="status">{move || shelf.said()}</p>
        <Together shelf />
        {move || if is_empty.get() {
            view! {
                <EmptyState
                    title="Nothing on the shelf yet"
                    sentence="Upload a document above, or take the two-page sample on the heart to try the coach at once."
                >
                    <ActionForm action=add>
                        <button class="button" type="submit">"Add the sample"</button>
                    </ActionForm>
                </EmptyState>
            }.into_any()
        } else {
            view! {
                <ul class="shelf">
                    <For each=move || shelf.rows() key=|row| row.id let:row>
                        <MaterialRow row actions />
                    </For>
                </ul>
                {move || offers_sample.get().then(|| view! {
                    <ActionForm action=add>
                        <p class="aside">
                            "Something to try things on? "
                            <button class="link" type="submit">"Add the two-page sample"</button>
                        </p>
                    </ActionForm>
                })}
            }.into_any()
        }}
    }
}

/// How far all documents on their way have come.
#[component]
fn Together(shelf: Shelf) -> impl IntoView {
    let together = Memo::new(move |_| shelf.together());
    let is_shown = Memo::new(move |_| together.get().is_some());
    view! {
        {move || is_shown.get().then(|| {
            let done = move || together.get().map_or(0, |(done, ..)| done).to_string();
            let total = move || together.get().map_or(0, |(_, total, _)| total).to_string();
            view! {
                <div class="together" data-testid="reading-together">
                    <p class="facts">
                        {done} " of " {move || together.get().map(|(_, total, pace)| label::count(total as u64, "document") + " read" + &pace)}
                    </p>
                    <progress max=total value=done aria-label="Documents read"></progress>
                </div>
            }
        })}
    }
}

/// Puts what an action brings on the shelf; its error, until the next try.
fn outcome<F>(action: ServerAction<F>, shelf: Shelf) -> Memo<Option<AppError>>
where
    F: ServerFn<Output = Material, Error = AppError> + Clone + Send + Sync + 'static,
{
    let value = action.value();
    Effect::new(move |_| {
        if let Some(Ok(material)) = value.get() {
            shelf.put(material);
        }
    });
    Memo::new(move |_| value.get().and_then(Result::err))
}

/// Keeps the shelf live while the page is open.
fn follow(shelf: Shelf) {
    #[derive(serde::Deserialize)]
    struct Deleted {
        id: MaterialId,
    }
    let follower = Kept::empty();
    Effect::new(move |_| {
        let connected_before = std::cell::Cell::new(false);
        let names = ["hello", "resync", "material", "material_deleted"];
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
            // The page is as fresh as its first connection, unless something was moving meanwhile.
            "hello" if !connected_before.replace(true) && shelf.is_settled() => {}
            _ => shelf.refresh(),
        });
        follower.keep(opened);
    });
}
