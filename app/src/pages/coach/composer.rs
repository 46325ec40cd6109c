//! Where questions are typed: a box that grows, its limit, and the button that sends or stops.

use super::{
    Status,
    desk::{Desk, Link},
    narrowing::Narrowing,
};
use crate::{
    model::coach::QUESTION_MAX_CHARS,
    widgets::notice::{Notice, Problem},
};
use leptos::{ev, prelude::*};

/// Characters left at which the counter appears.
const COUNT_FROM: usize = 500;

/// The composer, with what stands in the way of a good answer above it.
#[component]
pub fn Composer(desk: Desk, status: Status) -> impl IntoView {
    let is_busy = Memo::new(move |_| desk.is_busy());
    let chars = Memo::new(move |_| desk.draft.with(|draft| draft.trim().chars().count()));
    let cannot_send = move || {
        !desk.awake.get() || (!is_busy.get() && !(1..=QUESTION_MAX_CHARS).contains(&chars.get()))
    };
    let on_key = move |event: ev::KeyboardEvent| {
        // While an input method composes, Enter picks a word and 229 stands for any key.
        let composing = event.is_composing() || event.key_code() == 229;
        if event.key() == "Enter" && !event.shift_key() && !composing {
            event.prevent_default();
            desk.send();
        }
    };
    let on_submit = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if is_busy.get_untracked() {
            desk.stop();
        } else {
            desk.send();
        }
    };
    let address = move |folder: &str| {
        let conversation = desk.conversation.get();
        conversation.map(|id| folder.to_owned() + &id.to_string())
    };
    view! {
        <form class="composer" on:submit=on_submit>
            {move || desk.problem.get().map(|error| view! { <Problem error /> })}
            <Suspense>
                {move || Suspend::new(async move {
                    let note = status.await.ok().and_then(|status| status.search_note);
                    note.map(|note| view! { <p class="composer-foot">{note}</p> }).into_any()
                })}
            </Suspense>
            {move || link_words(desk.link.get()).map(|words| view! { <Notice>{words}</Notice> })}
            <p class="no-script">
                <noscript>
                    "Asking needs JavaScript, because answers arrive word by word. Turn it on for this site; your conversations can be read without it."
                </noscript>
            </p>
            <div class="narrowing-place">
                {move || desk.awake.get().then(|| view! { <Narrowing choice=desk.choice /> })}
            </div>
            <div class="composer-box">
                <div class="grow">
                    <textarea
                        data-testid="composer"
                        aria-label="Your question"
                        aria-describedby="composer-keys"
                        placeholder="Ask about your materials"
                        rows="1"
                        disabled=move || !desk.awake.get()
                        prop:value=move || desk.draft.get()
                        on:input=move |event| desk.draft.set(event_target_value(&event))
                        on:keydown=on_key
                    ></textarea>
                    <div class="grow-mirror" aria-hidden="true">{move || desk.draft.get() + "\n"}</div>
                </div>
                <button type="submit" class="button" data-testid="send" disabled=cannot_send>
                    {move || if is_busy.get() { "Stop" } else { "Send" }}
                </button>
            </div>
            <p class="composer-foot">
                <span id="composer-keys" class="keys">"Enter sends, Shift + Enter starts a new line."</span>
                {move || count_words(chars.get()).map(|(words, over)| view! {
                    <span class="count" class:over=over>{words}</span>
                })}
                <keep-offline data-address=move || address("/coach/")></keep-offline>
            </p>
        </form>
    }
}

const fn link_words(link: Link) -> Option<&'static str> {
    match link {
        Link::Fine => None,
        Link::Retrying => Some("The connection to the server was lost. Trying again."),
        Link::Down => Some(
            "The server cannot be reached. Check that it is running; sending your question tries again.",
        ),
    }
}

/// What the counter says, and whether the limit is broken.
fn count_words(chars: usize) -> Option<(String, bool)> {
    if chars > QUESTION_MAX_CHARS {
        let over = chars - QUESTION_MAX_CHARS;
        Some((over.to_string() + " characters too many", true))
    } else {
        let left = QUESTION_MAX_CHARS - chars;
        (left < COUNT_FROM).then(|| (left.to_string() + " characters left", false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_appears_near_the_limit() {
        assert_eq!(count_words(QUESTION_MAX_CHARS - COUNT_FROM), None);
        assert_eq!(
            count_words(QUESTION_MAX_CHARS - 3),
            Some(("3 characters left".into(), false))
        );
        assert_eq!(
            count_words(QUESTION_MAX_CHARS + 2),
            Some(("2 characters too many".into(), true))
        );
    }
}
