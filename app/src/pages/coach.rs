//! The coach: the conversation list, the conversation with its composer, and the sources beside it.
//! This file is the route and the layout; [`desk`] holds what happens, the other parts show it.
//!
//! Everything is created in `view` and nothing in `data`, so that the code which reads a
//! conversation travels with the page and not with the first download.

mod answer;
mod composer;
mod desk;
mod exchange;
mod list;
mod narrowing;
mod opening;
mod sources;
mod thread;

use crate::{
    api,
    browser::{events, kept::Kept},
    error::AppError,
    model::{
        coach::{CoachStatus, Conversation, ConversationSummary},
        id::ConversationId,
    },
};
use composer::Composer;
use desk::Desk;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::{LazyRoute, hooks::use_location, lazy_route};
use list::ConversationList;
use sources::Sources;
use thread::Thread;

/// What the page loads.
type Stored = Resource<Result<Option<Conversation>, AppError>>;
type Summaries = Resource<Result<Vec<ConversationSummary>, AppError>>;
type Status = Resource<Result<CoachStatus, AppError>>;

/// What the address asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// `/coach`
    New,
    /// `/coach/:conversation`
    Stored(ConversationId),
    /// `/coach/` and something that is no id.
    Unknown,
}

impl Place {
    /// `None` for the address of another page.
    fn of(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/coach")?;
        if rest.is_empty() || rest == "/" {
            return Some(Self::New);
        }
        let id = rest.strip_prefix('/')?.trim_end_matches('/');
        Some(id.parse().map_or(Self::Unknown, Self::Stored))
    }

    const fn conversation(self) -> Option<ConversationId> {
        match self {
            Self::Stored(id) => Some(id),
            Self::New | Self::Unknown => None,
        }
    }
}

/// `/coach` and `/coach/:conversation`.
pub struct CoachRoute;

#[lazy_route]
impl LazyRoute for CoachRoute {
    fn data() -> Self {
        Self
    }

    fn view(_this: CoachRoute) -> AnyView {
        coach().into_any()
    }
}

fn coach() -> impl IntoView {
    let path = use_location().pathname;
    // While another page is on its way the address is no longer ours: stay with the last one.
    let place = Memo::new(move |last: Option<&Place>| {
        path.with(|path| Place::of(path))
            .or(last.copied())
            .unwrap_or(Place::New)
    });

    // For what the frame announces; the conversation itself comes over its socket.
    let follower = Kept::empty();
    Effect::new(move |_| follower.keep(events::follow(&["conversation_deleted"], |_, _| {})));

    let loaded = RwSignal::new(place.get_untracked());
    let stored: Stored = Resource::new(
        move || loaded.get(),
        |place| async move {
            match place {
                Place::New => Ok(None),
                Place::Stored(id) => api::coach::conversation(id).await.map(Some),
                Place::Unknown => Err(AppError::not_found("conversation")),
            }
        },
    );
    let summaries: Summaries = Resource::new(|| (), |()| api::coach::conversations());
    let status: Status = Resource::new(|| (), |()| api::coach::coach_status());

    let desk = Desk::new(loaded, stored, summaries);
    Effect::new(move |_| desk.open());
    Effect::new(move |_| desk.go_to(place.get()));
    let query = use_location().query;
    Effect::new(move |_| {
        let named = query.with(|query| {
            let material = query.get_str("material").and_then(|id| id.parse().ok());
            (material, query.get_str("tag").map(ToOwned::to_owned))
        });
        // Another page's address may say the same in its own sense.
        if place.get_untracked() == Place::New && named != (None, None) {
            desk.choice.follow(named.0, named.1);
        }
    });
    on_cleanup(move || desk.close());

    view! {
        <Title text="Coach" />
        <div class="coach">
            <h1 class="visually-hidden">"Coach"</h1>
            <ConversationList desk />
            <section class="coach-desk" aria-label="Conversation">
                <Thread desk status />
                <Composer desk status />
            </section>
            <Sources desk />
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_place() {
        let id = "0190c0de-0000-7000-8000-000000000001";
        assert_eq!(Place::of("/coach"), Some(Place::New));
        assert_eq!(Place::of("/coach/"), Some(Place::New));
        assert_eq!(
            Place::of(&format!("/coach/{id}")),
            Some(Place::Stored(id.parse().unwrap()))
        );
        assert_eq!(Place::of("/coach/yesterday"), Some(Place::Unknown));
        assert_eq!(Place::of("/library"), None);
        assert_eq!(Place::of("/coaching"), None);
    }
}
