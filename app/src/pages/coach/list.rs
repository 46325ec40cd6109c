//! The student's conversations: open one, start one, delete one.

use super::desk::Desk;
use crate::{
    api::coach::DeleteConversation,
    model::{coach::ConversationSummary, id::ConversationId},
    widgets::{label, notice::Problem},
};
use leptos::{form::ActionForm, html, prelude::*};

/// The list, most recently used first.
#[component]
pub fn ConversationList(desk: Desk) -> impl IntoView {
    let delete = ServerAction::<DeleteConversation>::new();
    let deleting = RwSignal::new(None::<ConversationId>);
    Effect::new(move |_| {
        if let Some(Ok(())) = delete.value().get() {
            desk.summaries.refetch();
            let deleted = deleting.get_untracked();
            if deleted.is_some() && deleted == desk.conversation.get_untracked() {
                desk.leave();
            }
        }
    });
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
            <a class="button quiet" href="/coach">"New question"</a>
            {move || match delete.value().get() {
                Some(Err(error)) => Some(view! { <Problem error /> }),
                _ => None,
            }}
            <details node_ref=drawer>
                <summary>"Earlier questions"</summary>
                <Transition fallback=|| view! { <super::thread::Skeleton /> }>
                    {move || Suspend::new(async move {
                        match desk.summaries.await {
                            Err(error) => view! { <Problem error /> }.into_any(),
                            Ok(list) if list.is_empty() => view! {
                                <p class="hint">"Your conversations are kept here."</p>
                            }
                            .into_any(),
                            Ok(list) => view! {
                                <ul>
                                    {list
                                        .into_iter()
                                        .map(|summary| view! { <Entry summary delete deleting desk /> }.into_any())
                                        .collect_view()}
                                </ul>
                            }
                            .into_any(),
                        }
                    })}
                </Transition>
            </details>
        </nav>
    }
}

#[component]
fn Entry(
    summary: ConversationSummary,
    delete: ServerAction<DeleteConversation>,
    deleting: RwSignal<Option<ConversationId>>,
    desk: Desk,
) -> impl IntoView {
    let id = summary.id;
    let is_current = move || (desk.conversation.get() == Some(id)).then_some("page");
    let question = [
        "Delete the conversation \u{201c}",
        &summary.title,
        "\u{201d}",
    ]
    .concat();
    view! {
        <li data-testid="conversation">
            <a href="/coach/".to_owned() + &id.to_string() aria-current=is_current>
                <span class="conversation-title">{summary.title}</span>
                <span class="conversation-day">{label::day(summary.updated_at)}</span>
            </a>
            <details class="confirm">
                <summary aria-label=question>"Delete"</summary>
                <ActionForm action=delete on:submit=move |_| deleting.set(Some(id))>
                    <input type="hidden" name="id" value=id.to_string() />
                    <p>"The questions and answers in it are gone for good."</p>
                    <button type="submit" class="button danger">"Delete it"</button>
                </ActionForm>
            </details>
        </li>
    }
}
