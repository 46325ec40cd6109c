//! The student's conversations: open one, start one, delete one.

use super::desk::Desk;
use crate::{
    browser::form::Submitted,
    error::{AppError, ErrorKind},
    model::{coach::ConversationSummary, id::ConversationId},
    ports::FormState,
    widgets::{label, notice::Problem},
};
use leptos::{ev::SubmitEvent, html, prelude::*, task::spawn_local};

/// The list, most recently used first.
#[component]
pub fn ConversationList(desk: Desk) -> impl IntoView {
    // What a plain form was refused for; in the browser there is nothing of it.
    let refused = use_context::<FormState>().and_then(|form| form.problem);
    let refused = refused.map(|message| AppError::new(ErrorKind::Invalid, message));
    let problem = RwSignal::new(refused);
    let start = NodeRef::<html::A>::new();
    // On a narrow screen the open list would stand before the conversation that was picked from it.
    let drawer = NodeRef::<html::Details>::new();
    Effect::new(move |before: Option<Option<ConversationId>>| {
        let now = desk.conversation.get();
        if let Some(drawer) = drawer.get_untracked()
            && before.is_some_and(|before| before != now)
        {
            let _ = drawer.remove_attribute("open");
        }
        now
    });
    view! {
        <nav class="conversations" aria-label="Conversations">
            <a class="button quiet" href="/coach" node_ref=start>"New question"</a>
            {move || problem.get().map(|error| view! { <Problem error /> })}
            <details node_ref=drawer on:submit=move |event| delete(&event, desk, problem, start)>
                <summary>"Earlier questions"</summary>
                <Transition fallback=|| view! { <super::thread::Skeleton /> }>
                    {move || Suspend::new(async move {
                        match desk.summaries.await {
                            Err(error) => view! { <Problem error /> }.into_any(),
                            Ok(list) if list.is_empty() => view! {
                                <p class="hint">"Your conversations are kept here."</p>
                            }
                            .into_any(),
                            Ok(list) => view! { <ul>{move || entries(&list, desk.conversation.get())}</ul> }.into_any(),
                        }
                    })}
                </Transition>
            </details>
        </nav>
    }
}

/// Drawn by one closure and not by one for each, for a page wakes them all up before it answers.
fn entries(list: &[ConversationSummary], current: Option<ConversationId>) -> Vec<AnyView> {
    let entry = |summary: &ConversationSummary| entry(summary, current == Some(summary.id));
    list.iter().map(entry).collect()
}

fn entry(summary: &ConversationSummary, is_current: bool) -> AnyView {
    let id = summary.id.to_string();
    let question = [
        "Delete the conversation \u{201c}",
        &summary.title,
        "\u{201d}",
    ]
    .concat();
    view! {
        <li data-testid="conversation">
            <a href="/coach/".to_owned() + &id aria-current=is_current.then_some("page")>
                <span class="conversation-title">{summary.title.clone()}</span>
                <span class="conversation-day">{label::day(summary.updated_at)}</span>
            </a>
            <details class="confirm">
                <summary aria-label=question>"Delete"</summary>
                <form method="post" action="/api/fn/delete_conversation">
                    <input type="hidden" name="id" value=id />
                    <p>"The questions and answers in it are gone for good."</p>
                    <button type="submit" class="button danger">"Delete it"</button>
                </form>
            </details>
        </li>
    }
    .into_any()
}

/// Sends an entry's form. Whoever was looking at what is gone now comes to a new question, and the focus to
/// where one begins.
fn delete(
    event: &SubmitEvent,
    desk: Desk,
    problem: RwSignal<Option<AppError>>,
    start: NodeRef<html::A>,
) {
    let Some(form) = Submitted::take(event) else {
        return;
    };
    let deleted = form.value("id").and_then(|id| id.parse().ok());
    spawn_local(async move {
        let refused = form.send().await.err();
        // She may have left the page meanwhile.
        let Some(shown) = desk.conversation.try_get_untracked() else {
            return;
        };
        if refused.is_none() {
            desk.summaries.refetch();
            if let Some(start) = start.get_untracked() {
                // Fails only where nothing can have the focus.
                let _ = start.focus();
            }
            if deleted.is_some() && deleted == shown {
                desk.leave();
            }
        }
        problem.try_set(refused);
    });
}
