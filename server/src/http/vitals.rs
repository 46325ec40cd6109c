//! `POST /api/vitals`: what a student's browser measured of one page view, sent when she leaves it.
//! It reads and bounds; what is counted, and how, is decided by `vitals`.

use super::{limits::in_words, problem::Problem, session::SignedIn, state::AppState};
use crate::{services::store_error, vitals::PageView};
use app::model::vitals::Vital;
use axum::{
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

/// Bytes of what a page sends: five short fields have about a hundred.
pub const BODY_MAX_BYTES: usize = 512;

/// As `public/vitals.js` writes it: milliseconds, and thousandths of the window for `cls`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Measured {
    route: String,
    lcp: Option<u32>,
    inp: Option<u32>,
    cls: Option<u32>,
    ttfb: Option<u32>,
}

/// Counts the page view. Browsers send it without waiting for an answer.
pub async fn record(
    State(app): State<AppState>,
    SignedIn(profile): SignedIn,
    body: Bytes,
) -> Response {
    if let Err(wait) = app.limits.page_views.take(&profile.id) {
        let sentence = format!("Too many page views at once. Send more {}.", in_words(wait));
        return Problem::new(StatusCode::TOO_MANY_REQUESTS, sentence)
            .retry_after(wait)
            .into_response();
    }
    let Some(view) = read(&body) else {
        return Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "This is not what a page of Studyin measures.",
        )
        .into_response();
    };
    match app.vitals.record(&view).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => Problem::from(store_error(&error)).into_response(),
    }
}

fn read(body: &[u8]) -> Option<PageView> {
    let sent: Measured = serde_json::from_slice(body).ok()?;
    let values = [
        (Vital::Lcp, sent.lcp),
        (Vital::Inp, sent.inp),
        (Vital::Cls, sent.cls),
        (Vital::Ttfb, sent.ttfb),
    ];
    PageView::parse(&sent.route, values)
}
