//! The conversation: stored exchanges, those that ended since, and the one under way.

use super::{
    Status,
    answer::{Answer, AskAgain, hint},
    desk::{Desk, Stage},
    exchange::{Exchange, exchanges},
    opening::Opening,
};
use crate::{error::AppError, model::id::MessageId, ports::AnswerStatus, widgets::notice::Problem};
use leptos::{either::Either, prelude::*};
use std::sync::Arc;

/// Ids of the questions that are on screen as stored ones.
type Shown = Arc<Vec<MessageId>>;

/// The messages, announced to those who cannot see them: finished answers, not every word.
#[component]
pub fn Thread(desk: Desk, status: Status) -> impl IntoView {
    let status_of_answer = use_context::<AnswerStatus>();
    let show = move || {
        let status_of_answer = status_of_answer.clone();
        Suspend::new(async move {
            match desk.stored.await {
                Ok(conversation) => {
                    let stored =
                        exchanges(conversation.map(|found| found.messages).unwrap_or_default());
                    view! { <Messages stored desk status /> }.into_any()
                }
                Err(error) => {
                    if let Some(answer) = status_of_answer {
                        (answer.0)(error.status());
                    }
                    view! { <Missing error /> }.into_any()
                }
            }
        })
    };
    view! {
        <div
            class="thread"
            role="log"
            aria-live="polite"
            aria-label="Questions and answers"
            aria-busy=move || desk.is_busy().to_string()
        >
            <Transition fallback=|| view! { <Skeleton /> }>{show}</Transition>
        </div>
        <p class="visually-hidden" role="status">
            {move || match desk.stage.get() {
                Stage::Asking => "Looking through your materials.",
                Stage::Answering => "The answer is being written.",
                Stage::Idle | Stage::Broken => "",
            }}
        </p>
    }
}

#[component]
fn Messages(stored: Vec<Exchange>, desk: Desk, status: Status) -> impl IntoView {
    let shown: Shown = Arc::new(stored.iter().filter_map(Exchange::key).collect());
    let nothing_stored = stored.is_empty();
    let asked = stored
        .iter()
        .rev()
        .find_map(|exchange| exchange.question.as_ref());
    if let Some(question) = asked {
        desk.choice.take_up(question.narrowed.clone());
    }
    if stored.last().is_some_and(Exchange::is_unfinished) {
        Effect::new(move |_| desk.look_again());
    }
    if stored.len() > 1 {
        // The messages enter the page right after this effect.
        Effect::new(|_| request_animation_frame(show_latest));
    }
    let recent = {
        let shown = Arc::clone(&shown);
        move || {
            let mut recent = desk.recent.get();
            recent.retain(|exchange| exchange.key().is_none_or(|key| !shown.contains(&key)));
            recent
        }
    };
    let is_live = {
        let shown = Arc::clone(&shown);
        move || {
            desk.stage.get() != Stage::Idle
                && desk.live.question.with(|question| {
                    question
                        .as_ref()
                        .is_none_or(|question| !shown.contains(&question.id))
                })
        }
    };
    let live = Memo::new(move |_| is_live());
    let is_empty = move || nothing_stored && !live.get() && desk.recent.with(Vec::is_empty);
    view! {
        {stored.into_iter().map(|exchange| view! { <Ended exchange desk /> }).collect_view()}
        <For each=recent key=Exchange::key let(exchange)>
            <Ended exchange desk />
        </For>
        <Show when=move || live.get()>
            <UnderWay desk />
        </Show>
        <Show when=is_empty>
            <Opening desk status />
        </Show>
    }
}

/// An exchange that is over.
#[component]
fn Ended(exchange: Exchange, desk: Desk) -> impl IntoView {
    let (question, narrowed) = exchange
        .question
        .map(|question| (question.text, question.narrowed))
        .unwrap_or_default();
    let asked = question.clone();
    view! {
        <div class="exchange">
            {(!question.is_empty()).then(|| view! { <p class="question">{question.clone()}</p> })}
            {narrowed.map(|narrowed| view! { <p class="asked-of">"Asked of: " {narrowed.words}</p> })}
            {match exchange.answer {
                Some(message) => Either::Left(view! { <Answer message question=asked desk /> }),
                None => Either::Right(view! {
                    <p class="ending">
                        "No answer was kept for this question. "
                        <AskAgain question=asked desk />
                    </p>
                }),
            }}
        </div>
    }
}

/// The exchange under way: the question at once, then a placeholder, then the words as they come.
#[component]
fn UnderWay(desk: Desk) -> impl IntoView {
    let live = desk.live;
    let place = NodeRef::<leptos::html::Div>::new();
    Effect::new(move |_| {
        if let Some(place) = place.get() {
            place.scroll_into_view();
        }
    });
    let has_words = Memo::new(move |_| live.text.with(|text| !text.is_empty()));
    view! {
        <div class="exchange" node_ref=place>
            <p class="question">{move || live.asked.get()}</p>
            {move || live.narrowed().map(|words| view! { <p class="asked-of">"Asked of: " {words}</p> })}
            <article
                class="answer"
                aria-label="Answer"
                data-testid="answer"
                data-state=move || if desk.stage.get() == Stage::Broken { "broken" } else { "streaming" }
                on:mouseover=move |event| hint(desk, None, &event)
                on:mouseout=move |_| desk.hinted.set(None)
            >
                <Show when=move || has_words.get() fallback=|| view! { <Skeleton /> }>
                    <div class="reading plain">{move || live.text.get()}</div>
                </Show>
                <Show when=move || desk.stage.get() == Stage::Broken>
                    <p class="ending">
                        "The connection was lost while this answer was on its way. What the server has of it appears here when the connection is back."
                    </p>
                </Show>
                {move || live.note.get().map(|note| view! { <p class="ending">{note}</p> })}
                <p class="answer-foot">
                    <span>{move || live.provider.get()}</span>
                </p>
            </article>
        </div>
    }
}

/// A conversation that cannot be shown.
#[component]
fn Missing(error: AppError) -> impl IntoView {
    view! {
        <Problem error />
        <p><a class="button" href="/coach">"Ask a new question"</a></p>
    }
}

/// Where text is about to be.
#[component]
pub fn Skeleton() -> impl IntoView {
    view! {
        <div class="text-skeleton" aria-hidden="true"><span></span><span></span><span></span></div>
    }
}

/// A long conversation opens at its end.
fn show_latest() {
    let last = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| {
            document
                .query_selector(".thread > .exchange:last-of-type")
                .ok()
                .flatten()
        });
    if let Some(last) = last {
        last.scroll_into_view();
    }
}
