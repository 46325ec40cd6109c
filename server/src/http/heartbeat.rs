//! `POST /api/heartbeat`: the reader's word that somebody is still reading. Sent with `sendBeacon`, also
//! while a page is being left, so nobody waits for the answer; what counts is decided by `analytics`.

use super::{problem::Problem, session::SignedIn, state::AppState};
use crate::limits::in_words;
use app::model::id::MaterialId;
use axum::{body::Bytes, extract::State, http::StatusCode};
use serde::Deserialize;

/// Bytes of a heartbeat: an id, a number and their names, with room to spare.
pub const BODY_MAX_BYTES: usize = 256;

/// What is being read.
#[derive(Deserialize)]
struct Heartbeat {
    material: MaterialId,
    /// From 1.
    page: u32,
}

/// Takes one heartbeat. A beacon's content type is the browser's choice, so it is not looked at.
pub async fn heartbeat(
    State(app): State<AppState>,
    SignedIn(profile): SignedIn,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    if let Err(wait) = app.limits.heartbeats.take(&profile.id) {
        let sentence = format!(
            "That is more often than anybody reads. Try again {}.",
            in_words(wait)
        );
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, sentence);
        return Err(problem.retry_after(wait));
    }
    let Ok(Heartbeat { material, page }) = serde_json::from_slice(&body) else {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "A heartbeat names a material and a page.",
        ));
    };
    let analytics = &app.services.analytics;
    analytics.record_reading(profile.id, material, page).await?;
    Ok(StatusCode::NO_CONTENT)
}
