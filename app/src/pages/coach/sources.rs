//! The passages an answer rests on, numbered as the answer cites them.

use super::{
    desk::{Desk, Stage},
    exchange::{Exchange, exchanges},
};
use crate::model::{
    coach::{Citation, Message, Passage},
    id::MessageId,
};
use leptos::prelude::*;
use std::sync::Arc;

/// The passages of one answer and its citations.
type Basis = (Vec<Passage>, Vec<Citation>);

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
                    view! { <SourceList stored=Arc::new(stored) desk /> }.into_any()
                })}
            </Transition>
        </aside>
    }
}

#[component]
fn SourceList(stored: Arc<Vec<Exchange>>, desk: Desk) -> impl IntoView {
    let basis = Memo::new(move |_| basis(desk, &stored));
    let so_far = move || {
        let so_far = desk.live.so_far.get()?;
        Some(view! { <p class="hint" data-testid="so-far">{so_far.sentence()}</p> })
    };
    // Drawn by one closure and not by six for each, for a page wakes them all up before it answers.
    let hinted = Memo::new(move |_| desk.hinted.get());
    let sources = move || {
        let hinted = hinted.get();
        basis.with(|(passages, citations)| {
            let source = |passage| source(passage, citations, hinted);
            passages.iter().map(source).collect::<Vec<_>>()
        })
    };
    view! {
        {so_far}
        <ol class="source-list">{sources}</ol>
        <Show when=move || basis.with(|(passages, _)| passages.is_empty())>
            <p class="hint">"The pages an answer rests on appear here."</p>
        </Show>
    }
}

/// One passage: where it stands, and the words that were cited, or else how it begins.
fn source(passage: &Passage, citations: &[Citation], hinted: Option<u32>) -> AnyView {
    let number = passage.number;
    let cited = citations
        .iter()
        .filter(|citation| citation.number == number)
        .find_map(|citation| citation.source.as_ref());
    let is_cited = cited.is_some();
    let (href, pages, text) = match cited {
        Some(source) => (
            source.href(),
            pages(source.page, source.page),
            excerpt(&source.quote),
        ),
        None => (
            passage.href(),
            pages(passage.page_first, passage.page_last),
            excerpt(&passage.text),
        ),
    };
    let section = passage
        .section
        .as_ref()
        .map(|section| section.clone() + ", ");
    let cited = if is_cited { ", cited" } else { "" };
    let place = [&*section.unwrap_or_default(), &pages, cited].concat();
    view! {
        <li data-testid="source" class:cited=is_cited class:hinted={hinted == Some(number)}>
            <a href=href>
                <span class="source-number">{number}</span>
                <span class="source-title">{passage.title.clone()}</span>
                <span class="source-page">{place}</span>
            </a>
            <p class="excerpt">{text}</p>
        </li>
    }
    .into_any()
}

fn pages(first: u32, last: u32) -> String {
    let first_page = first.to_string();
    if last > first {
        ["pages ", &first_page, " to ", &last.to_string()].concat()
    } else {
        "page ".to_owned() + &first_page
    }
}

/// A passage may begin with the mark of a Markdown heading.
fn excerpt(text: &str) -> String {
    text.trim_start_matches(['#', ' ', '\n']).to_owned()
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
    (answer.passages.clone(), answer.citations.clone())
}
