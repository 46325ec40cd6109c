//! The passages an answer rests on, numbered as the answer cites them.

use super::{
    desk::{Desk, Stage},
    exchange::{Exchange, exchanges},
};
use crate::model::{
    coach::{Message, Passage},
    id::MessageId,
};
use leptos::prelude::*;
use std::sync::Arc;

/// The passages of one answer and the numbers it cites.
type Basis = (Vec<Passage>, Vec<u32>);

/// The sources of the chosen answer, or of the last one.
#[component]
pub fn Sources(desk: Desk) -> impl IntoView {
    view! {
        <aside class="sources" id="sources" aria-labelledby="sources-title">
            <h2 id="sources-title">"Sources"</h2>
            <Transition>
                {move || Suspend::new(async move {
                    let stored = desk
                        .stored
                        .await
                        .ok()
                        .flatten()
                        .map(|conversation| exchanges(conversation.messages))
                        .unwrap_or_default();
                    view! { <SourceList stored=Arc::new(stored) desk /> }
                })}
            </Transition>
        </aside>
    }
}

#[component]
fn SourceList(stored: Arc<Vec<Exchange>>, desk: Desk) -> impl IntoView {
    let basis = Memo::new(move |_| basis(desk, &stored));
    let passages = move || basis.with(|(passages, _)| passages.clone());
    view! {
        <ol class="source-list">
            <For
                each=passages
                key=|passage| (passage.number, passage.chunk_id, passage.material_id)
                let(passage)
            >
                <Source passage basis desk />
            </For>
        </ol>
        <Show when=move || basis.with(|(passages, _)| passages.is_empty())>
            <p class="hint">"The pages an answer rests on appear here."</p>
        </Show>
    }
}

#[component]
fn Source(passage: Passage, basis: Memo<Basis>, desk: Desk) -> impl IntoView {
    let number = passage.number;
    let is_cited = move || basis.with(|(_, cited)| cited.contains(&number));
    let pages = if passage.page_last > passage.page_first {
        [
            "pages ",
            &passage.page_first.to_string(),
            " to ",
            &passage.page_last.to_string(),
        ]
        .concat()
    } else {
        "page ".to_owned() + &passage.page_first.to_string()
    };
    let href = passage.href();
    view! {
        <li
            data-testid="source"
            class:cited=is_cited
            class:hinted=move || desk.hinted.get() == Some(number)
        >
            <a href=href>
                <span class="source-number">{number}</span>
                <span class="source-title">{passage.title}</span>
                <span class="source-page">{pages}</span>
            </a>
            <p class="excerpt">{passage.text}</p>
            <Show when=is_cited>
                <p class="visually-hidden">"Cited in the answer."</p>
            </Show>
        </li>
    }
}

fn basis(desk: Desk, stored: &[Exchange]) -> Basis {
    let selected = desk.selected.get();
    if selected.is_none() && desk.stage.get() != Stage::Idle {
        return (desk.live.passages.get(), desk.live.cited.get());
    }
    desk.recent.with(|recent| {
        stored
            .iter()
            .chain(recent)
            .rev()
            .filter_map(|exchange| exchange.answer.as_ref())
            .find(|answer| selected.is_none_or(|id: MessageId| id == answer.id))
            .map(basis_of)
            .unwrap_or_default()
    })
}

fn basis_of(answer: &Message) -> Basis {
    let cited = answer
        .citations
        .iter()
        .filter(|citation| citation.verified)
        .map(|citation| citation.number)
        .collect();
    (answer.passages.clone(), cited)
}
