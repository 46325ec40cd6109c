//! `/admin/cache`: what the caches do, for the owner of the server.

use crate::{
    api::admin::{EndCache, caches},
    model::admin::{CacheNamespace, CachePage},
    ports::AnswerStatus,
    widgets::{label, notice::Problem},
};
use leptos::prelude::*;
use leptos_meta::Title;

/// The owner's page of the caches.
#[component]
pub fn Caches() -> impl IntoView {
    let end = ServerAction::<EndCache>::new();
    let page = Resource::new(move || end.version().get(), |_| caches());
    let status = use_context::<AnswerStatus>();
    view! {
        <Title text="Caches" />
        <div class="cache">
            <h1>"Caches"</h1>
            <Transition fallback=|| view! { <div class="skeleton"></div> }>
                {move || {
                    let status = status.clone();
                    Suspend::new(async move {
                        match page.await {
                            Ok(page) => view! { <Page page end /> }.into_any(),
                            Err(error) => {
                                if let Some(status) = status {
                                    (status.0)(error.status());
                                }
                                view! { <Problem error /> }.into_any()
                            }
                        }
                    })
                }}
            </Transition>
        </div>
    }
}

#[component]
fn Page(page: CachePage, end: ServerAction<EndCache>) -> impl IntoView {
    if !page.is_on {
        return view! {
            <p>"The caches are switched off: the setting CACHE is off. Every page is worked out anew each time."</p>
        }
        .into_any();
    }
    let redis = match page.redis_answers {
        None => "Kept in this server's memory; no Redis is set.",
        Some(true) => "Kept in this server's memory and in Redis, which answers.",
        Some(false) => {
            "Redis does not answer. This server goes on with its own memory and tries again by itself."
        }
    };
    let rows = page
        .namespaces
        .into_iter()
        .map(|one| view! { <Namespace one end /> })
        .collect_view();
    view! {
        <p>{redis} " Figures count from the server's start."</p>
        <p>"Emptying ends what is kept, on every server, and frees this one's memory of it. What Redis holds is no longer used and goes when its time is up."</p>
        <div class="scroll" tabindex="0" role="region" aria-label="Figures of the caches">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Cache"</th>
                        <th scope="col">"Hits"</th>
                        <th scope="col">"Misses"</th>
                        <th scope="col">"Hit rate"</th>
                        <th scope="col">"Saved"</th>
                        <th scope="col">"Held"</th>
                        <th scope="col">"Size"</th>
                        <th scope="col">"Stored"</th>
                        <th scope="col">"Compressed"</th>
                        <th scope="col">"Evicted"</th>
                        <th scope="col">"Errors"</th>
                        <td></td>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        {move || end.value().get().and_then(Result::err).map(|error| view! { <Problem error /> })}
    }
    .into_any()
}

/// A time in the unit that says most.
fn saved(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.1} ms", seconds * 1_000.0)
    } else {
        format!("{seconds:.1} s")
    }
}

#[component]
fn Namespace(one: CacheNamespace, end: ServerAction<EndCache>) -> impl IntoView {
    let rate = one
        .hit_percent()
        .map_or_else(|| "-".to_owned(), |percent| format!("{percent} %"));
    let action = match one.ends_with.as_slice() {
        [] => "Empty".to_owned(),
        others => ["Empty, with ", &others.join(", ")].concat(),
    };
    let label = ["Empty ", &one.name, &action["Empty".len()..]].concat();
    view! {
        <tr>
            <th scope="row">{one.name.clone()}</th>
            <td>{one.hits}</td>
            <td>{one.misses}</td>
            <td>{rate}</td>
            <td>{saved(one.saved_seconds)}</td>
            <td>{one.held}</td>
            <td>{label::size(one.held_bytes)}</td>
            <td>{label::size(one.stored_bytes)}</td>
            <td>{format!("{:.1}x", one.compression_ratio)}</td>
            <td>{one.evictions}</td>
            <td>{one.errors}</td>
            <td>
                <ActionForm action=end>
                    <input type="hidden" name="namespace" value=one.name />
                    <button class="button quiet" type="submit" aria-label=label>{action}</button>
                </ActionForm>
            </td>
        </tr>
    }
}
