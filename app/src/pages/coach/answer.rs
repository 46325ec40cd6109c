//! One answer on screen, and what its citations do under the pointer and the focus.

use super::desk::Desk;
use crate::model::coach::{Message, MessageState};
use leptos::prelude::*;
use wasm_bindgen::JsCast;

/// A stored or just finished answer. `question` is what "Ask again" sends.
#[component]
pub fn Answer(message: Message, question: String, desk: Desk) -> impl IntoView {
    let id = message.id;
    let sources = message.passages.len();
    let text = if message.html.is_empty() {
        (!message.text.is_empty())
            .then(|| view! { <div class="reading plain">{message.text}</div> }.into_any())
    } else {
        Some(view! { <div class="reading" inner_html=message.html></div> }.into_any())
    };
    let ending = ending(message.state, message.problem);
    let unfinished = ending.is_some();
    let choose = move |_| {
        desk.selected.set(Some(id));
        desk.hinted.set(None);
        show_sources();
    };
    view! {
        <article
            class="answer"
            aria-label="Answer"
            data-testid="answer"
            data-state=state_word(message.state)
            on:mouseover=move |event| hint(desk, Some(id), &event)
            on:mouseout=move |_| desk.hinted.set(None)
            on:focusin=move |event| hint(desk, Some(id), &event)
            on:focusout=move |_| desk.hinted.set(None)
        >
            {text}
            {ending.into_iter().chain(message.note).map(|sentence| view! { <p class="ending">{sentence}</p> }).collect_view()}
            <p class="answer-foot">
                <span>{message.provider}</span>
                {(unfinished && !question.is_empty()).then(|| view! { <AskAgain question desk /> })}
                {(sources > 0).then(|| view! {
                    <button type="button" class="link" on:click=choose>
                        {if sources == 1 { "1 source".to_owned() } else { sources.to_string() + " sources" }}
                    </button>
                })}
            </p>
        </article>
    }
}

/// Sends a question once more.
#[component]
pub fn AskAgain(question: String, desk: Desk) -> impl IntoView {
    view! {
        <button
            type="button"
            class="link"
            disabled=move || !desk.awake.get() || desk.is_busy()
            on:click=move |_| {
                desk.ask(&question);
            }
        >
            "Ask again"
        </button>
    }
}

/// Marks the source of the citation under the pointer or the focus; `answer` becomes the one whose
/// sources are shown (the answer under way needs no choosing).
pub fn hint(desk: Desk, answer: Option<crate::model::id::MessageId>, event: &web_sys::Event) {
    let number = cited_number(event);
    if number.is_some() && answer.is_some() && desk.selected.get_untracked() != answer {
        desk.selected.set(answer);
    }
    if desk.hinted.get_untracked() != number {
        desk.hinted.set(number);
    }
}

fn cited_number(event: &web_sys::Event) -> Option<u32> {
    let target = event.target()?.dyn_into::<web_sys::Element>().ok()?;
    let citation = target.closest("a.citation").ok().flatten()?;
    citation
        .text_content()?
        .trim_matches(|c: char| !c.is_ascii_digit())
        .parse()
        .ok()
}

/// On a narrow screen the sources stand far below the answer.
fn show_sources() {
    let pane = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id("sources"));
    if let Some(pane) = pane {
        pane.scroll_into_view_with_bool(false);
    }
}

const fn state_word(state: MessageState) -> &'static str {
    match state {
        MessageState::Partial => "partial",
        MessageState::Complete => "complete",
        MessageState::Cancelled => "cancelled",
        MessageState::Failed => "failed",
    }
}

/// How an answer that is not whole ended.
fn ending(state: MessageState, problem: Option<String>) -> Option<String> {
    match state {
        MessageState::Complete => None,
        MessageState::Partial => Some("This answer was not finished.".into()),
        MessageState::Cancelled => Some("Stopped before the end.".into()),
        MessageState::Failed => {
            Some(problem.unwrap_or_else(|| "This answer failed on the way.".into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_answer_says_what_went_wrong() {
        let sentence = ending(MessageState::Failed, Some("The model is busy.".into()));
        assert_eq!(sentence.as_deref(), Some("The model is busy."));
        assert_eq!(ending(MessageState::Complete, None), None);
        assert!(ending(MessageState::Failed, None).is_some());
    }
}
