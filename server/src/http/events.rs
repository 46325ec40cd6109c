//! `GET /api/events`: what changes in the student's account, as server-sent events. The rows are
//! the truth and an event is only a hint: whoever missed some reads the rows again (`resync`). The
//! stream ends with the session it was opened for.

use super::{
    session::{SignedIn, Visitor},
    state::AppState,
};
use crate::{
    accounts::sessions::SessionToken, analytics::achievements, changes::Change, store::materials,
};
use app::model::{analytics::AchievementNews, id::UserId};
use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, StreamExt, stream};
use std::{convert::Infallible, time::Duration};
use tokio::sync::broadcast::error::RecvError;
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};

/// Silence after which a comment line tells proxies that the stream lives.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Wait the browser is told to keep before it connects again.
const RECONNECT: Duration = Duration::from_secs(3);
/// How often the session is looked at without a reason: another process (`reset-password`) may have
/// ended it, or it ran out.
const LOOK_AT_SESSION: Duration = Duration::from_secs(60);

/// Streams the signed-in student's changes until she leaves or the server stops.
pub async fn events(
    State(app): State<AppState>,
    SignedIn(profile): SignedIn,
    visitor: Visitor,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let user = profile.id;
    let stopping = app.stopping.clone();
    let session = visitor.0.map(|session| session.token);
    let signed_out = signed_out(app.clone(), user, session);
    let changes = app.changes.subscribe();
    let hello = stream::once(hello(app.clone(), user));
    let changes = BroadcastStream::new(changes).filter_map(move |change| {
        let app = app.clone();
        async move { event(&app, user, change).await }
    });
    let events = hello.chain(changes).map(Ok).take_until(async move {
        tokio::select! {
            () = stopping.cancelled_owned() => {}
            () = signed_out => {}
        }
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// The first event, with the stamp of all that no later one tells of.
async fn hello(app: AppState, user: UserId) -> Event {
    let stamp = app.analytics.newest_stamp(user).await;
    if let Err(error) = &stamp {
        tracing::warn!(%error, "events.stamp_unknown");
    }
    let data = serde_json::json!({ "stamp": stamp.ok() });
    Event::default()
        .event("hello")
        .retry(RECONNECT)
        .data(data.to_string())
}

/// Comes back when the session has ended.
async fn signed_out(app: AppState, user: UserId, session: Option<SessionToken>) {
    let Some(session) = session else { return };
    let mut changes = app.changes.subscribe();
    loop {
        let told = async {
            loop {
                match changes.recv().await {
                    Ok(Change::SessionEnded { user: whose }) if whose == user => return,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_) | RecvError::Closed) => return,
                }
            }
        };
        // Either is a reason to look.
        let _ = tokio::time::timeout(LOOK_AT_SESSION, told).await;
        match app.accounts.is_live(&session).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!(%error, "events.session_unknown"),
        }
    }
}

/// The event a change becomes for this user; `None` when it is not hers or has nothing to show.
async fn event(
    app: &AppState,
    user: UserId,
    change: Result<Change, BroadcastStreamRecvError>,
) -> Option<Event> {
    let change = match change {
        Ok(change) if change.user() == user => change,
        Ok(_) => return None,
        Err(BroadcastStreamRecvError::Lagged(_)) => {
            return Some(Event::default().event("resync").data("{}"));
        }
    };
    match change {
        Change::MaterialChanged { material, .. } | Change::MaterialSearchable { material, .. } => {
            let material = materials::find(&app.db, user, material).await.ok()??;
            Event::default().event("material").json_data(material).ok()
        }
        Change::MaterialDeleted { material, .. } => Event::default()
            .event("material_deleted")
            .json_data(serde_json::json!({ "id": material }))
            .ok(),
        Change::SessionEnded { .. } => None,
        Change::FiguresChanged { .. } => Some(Event::default().event("figures").data("{}")),
        Change::AchievementUnlocked { achievement, .. } => {
            let definition = achievements::find(achievement)?;
            let news = AchievementNews {
                id: definition.id.to_owned(),
                name: definition.name.to_owned(),
            };
            Event::default().event("achievement").json_data(news).ok()
        }
        Change::AnswerRecorded { conversation, .. } => Event::default()
            .event("conversation")
            .json_data(serde_json::json!({ "id": conversation }))
            .ok(),
        Change::ConversationDeleted { conversation, .. } => Event::default()
            .event("conversation_deleted")
            .json_data(serde_json::json!({ "id": conversation }))
            .ok(),
    }
}
