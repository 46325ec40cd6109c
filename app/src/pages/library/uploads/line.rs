//! One file on its way, and what can be done with it.

use super::queue::{Phase, Upload};
use crate::{browser::kept::Kept, pages::library::row::anchor};
use leptos::prelude::*;
use std::rc::Rc;

use super::queue::Queue;

/// The line.
#[component]
pub fn Line(line: Upload, queue: Kept<Rc<Queue>>) -> impl IntoView {
    let key = line.key;
    let phase = RwSignal::from(line.phase);
    let name = StoredValue::new(line.name.clone());
    // Only a change of these three redraws the buttons, so that a focused one stays.
    let can_pause = Memo::new(move |_| phase.with(Phase::is_moving));
    let goes_on = Memo::new(move |_| {
        phase.with(|phase| match phase {
            Phase::Paused => Some("Resume"),
            Phase::Failed(_) => Some("Try again"),
            _ => None,
        })
    });
    let is_over = Memo::new(move |_| {
        phase.with(|phase| matches!(phase, Phase::Duplicate { .. } | Phase::Refused(_)))
    });
    let button = move |word: &'static str, act: fn(&Rc<Queue>, u32)| {
        let label = [word, " ", &name.get_value()].concat();
        view! {
            <button class="link" type="button" aria-label=label on:click=move |_| queue.update(|queue| act(queue, key))>
                {word}
            </button>
        }
    };
    view! {
        <li data-testid="upload-line">
            <span class="name">{line.name}</span>
            <span class="row-actions">
                {move || can_pause.get().then(|| button("Pause", |queue, key| queue.pause(key)))}
                {move || goes_on.get().map(|word| button(word, |queue, key| queue.resume(key)))}
                {move || {
                    let word = if is_over.get() { "Dismiss" } else { "Remove" };
                    button(word, |queue, key| queue.remove(key))
                }}
            </span>
            {move || percent(&phase.get()).map(|percent| view! {
                <progress max="100" value=percent.to_string() aria-label="Sent"></progress>
            })}
            {move || said(phase.get())}
        </li>
    }
}

fn percent(phase: &Phase) -> Option<u32> {
    match phase {
        Phase::Sending(percent) | Phase::Unfinished(percent) => Some(*percent),
        _ => None,
    }
}

fn said(phase: Phase) -> AnyView {
    let sentence = match phase {
        Phase::Duplicate { id, title } => {
            return view! {
                <span class="facts">
                    "Already in your library: "
                    <a href="#".to_owned() + &anchor(&id.to_string()) rel="external">{title}</a>
                </span>
            }
            .into_any();
        }
        Phase::Failed(sentence) | Phase::Refused(sentence) => {
            return view! { <span class="refusal">{sentence}</span> }.into_any();
        }
        Phase::Waiting => "Waiting".to_owned(),
        Phase::Sending(100) => "Storing".to_owned(),
        Phase::Sending(percent) => percent.to_string() + " %",
        Phase::Paused => "Paused".to_owned(),
        Phase::Holding { seconds, is_broken } => {
            let seconds = seconds.to_string();
            if is_broken {
                [
                    "The connection broke. Trying again in ",
                    &seconds,
                    " s; what was sent is kept.",
                ]
                .concat()
            } else {
                [
                    "Taking turns: the server takes only so many files a minute. Goes on in ",
                    &seconds,
                    " s.",
                ]
                .concat()
            }
        }
        Phase::Unfinished(_) => {
            "Not finished. Choose the same file again, and it goes on from here.".to_owned()
        }
    };
    view! { <span class="facts">{sentence}</span> }.into_any()
}
