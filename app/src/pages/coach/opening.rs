//! What a conversation shows before its first question: what to ask, or what is missing for it.

use super::{Status, desk::Desk};
use crate::{
    api,
    model::coach::{Askable, CoachStatus},
    widgets::notice::{EmptyState, Problem},
};
use leptos::prelude::*;

/// How the title of the built-in sample begins, unless it was renamed.
const SAMPLE: &str = "Cardiac output";
/// Questions the sample answers.
const EXAMPLES: [&str; 3] = [
    "What determines cardiac output?",
    "What sets the stroke volume?",
    "Why does a very fast heart rate lower cardiac output?",
];

/// The invitation to ask.
#[component]
pub fn Opening(desk: Desk, status: Status) -> impl IntoView {
    let documents = Resource::new(|| (), |()| api::coach::askable());
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                let has_sample = documents.await.is_ok_and(|documents| has_sample(&documents));
                match status.await {
                    Err(error) => view! { <Problem error /> }.into_any(),
                    Ok(status) if can_ask(&status) => {
                        view! { <Invitation status has_sample desk /> }.into_any()
                    }
                    Ok(status) if status.pending_materials > 0 => view! {
                        <EmptyState
                            title="Your materials are being read"
                            sentence="As soon as one of them is ready you can ask about it. The library shows how far they are."
                        >
                            <a class="button" href="/library">"Open the library"</a>
                        </EmptyState>
                    }.into_any(),
                    Ok(_) => view! {
                        <EmptyState
                            title="Nothing to ask about yet"
                            sentence="The coach answers from your own pages. Add a document or the built-in sample, then come back with a question."
                        >
                            <a class="button" href="/library">"Go to the library"</a>
                        </EmptyState>
                    }.into_any(),
                }
            })}
        </Suspense>
    }
}

/// Whether anything can be searched already.
fn can_ask(status: &CoachStatus) -> bool {
    status.ready_materials > 0 || status.so_far.is_some_and(|so_far| so_far.searchable > 0)
}

fn has_sample(documents: &[Askable]) -> bool {
    documents
        .iter()
        .any(|document| document.title.starts_with(SAMPLE))
}

#[component]
fn Invitation(status: CoachStatus, has_sample: bool, desk: Desk) -> impl IntoView {
    let ready = match status.ready_materials {
        0 | 1 => "document".to_owned(),
        several => several.to_string() + " documents",
    };
    view! {
        <section class="invitation">
            <h2>"What would you like to understand?"</h2>
            <p>"Answers come from your " {ready} ", and each one shows the pages it rests on."</p>
            {if has_sample {
                leptos::either::Either::Left(view! {
                    <ul class="examples" aria-label="Examples">
                        {EXAMPLES.map(|example| view! {
                            <li>
                                <button
                                    type="button"
                                    disabled=move || !desk.awake.get() || desk.is_busy()
                                    on:click=move |_| {
                                        desk.ask(example);
                                    }
                                >
                                    {example}
                                </button>
                            </li>
                        })}
                    </ul>
                })
            } else {
                leptos::either::Either::Right(view! {
                    <p class="hint">
                        "Ask as you would ask a tutor, in a whole sentence: what something means, why it happens, how two things differ."
                    </p>
                })
            }}
            <p class="hint">{status.provider}</p>
            {status.embedder.map(|embedder| view! {
                <p class="hint">"Meanings are compared by " {embedder} "."</p>
            })}
        </section>
    }
}
