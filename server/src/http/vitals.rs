//! `POST /api/vitals`: what a student's browser measured of one page view, sent when she leaves it.
//! It reads and bounds; what is counted, and how, is decided by `vitals`.

use super::{problem::Problem, session::SignedIn, state::AppState};
use crate::limits::in_words;
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

impl Measured {
    fn view(&self) -> Option<PageView> {
        let values = [
            (Vital::Lcp, self.lcp),
            (Vital::Inp, self.inp),
            (Vital::Cls, self.cls),
            (Vital::Ttfb, self.ttfb),
        ];
        PageView::parse(&self.route, values)
    }
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
    let Ok(sent) = serde_json::from_slice::<Measured>(&body) else {
        return Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "This is not what a page of Studyin measures.",
        )
        .into_response();
    };
    // The page that says there is no such page is none, and an old browser may measure nothing.
    let Some(view) = sent.view() else {
        return StatusCode::NO_CONTENT.into_response();
    };
    match app.vitals.record(&view).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => Problem::from(store_error(&error)).into_response(),
    }
}
