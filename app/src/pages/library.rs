//! `/library`: uploads, and the shelf of materials with their live states. Everything but the
//! progress bars and the live states works as plain forms too.

mod row;
mod shelf;
mod uploads;

use crate::{
    api::{
        coach::coach_status,
        material::{AddSample, DeleteMaterial, RenameMaterial, RetryMaterial, materials},
    },
    browser::{events, kept::Kept},
    model::{id::MaterialId, material::Material},
    widgets::notice::{EmptyState, Notice, Problem},
};
use leptos::prelude::*;
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

/// Uploads and shelf, once the materials are known.
#[component]
fn Stacks(materials: Vec<Material>) -> impl IntoView {
    let shelf = Shelf::new(materials);
    let add = ServerAction::<AddSample>::new();
    let actions = Actions {
        rename: ServerAction::<RenameMaterial>::new(),
        delete: ServerAction::<DeleteMaterial>::new(),
        retry: ServerAction::<RetryMaterial>::new(),
    };
    Effect::new(move |_| {
        if let Some(Ok(material)) = add.value().get() {
            shelf.put(material);
        }
    });
    Effect::new(move |_| {
        if let Some(Ok(material)) = actions.rename.value().get() {
            shelf.put(material);
        }
    });
    Effect::new(move |_| {
        if let Some(Ok(material)) = actions.retry.value().get() {
            shelf.put(material);
        }
    });
    Effect::new(move |_| {
        if let Some(Ok(())) = actions.delete.value().get() {
            shelf.refresh();
        }
    });
    follow(shelf);

    let problem = move || {
        let refused = [
            add.value().get().and_then(Result::err),
            actions.rename.value().get().and_then(Result::err),
            actions.retry.value().get().and_then(Result::err),
            actions.delete.value().get().and_then(Result::err),
        ];
        refused
            .into_iter()
            .flatten()
            .next()
            .map(|error| view! { <Problem error /> })
    };
    let is_empty = Memo::new(move |_| shelf.count() == 0);
    let has_few = Memo::new(move |_| shelf.count() < FEW);

    view! {
        <Uploads shelf />
        {problem}
        <p class="visually-hidden" role="status">{move || shelf.said()}</p>
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
                {move || has_few.get().then(|| view! {
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
