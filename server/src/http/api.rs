//! The JSON API that students' programs use: materials, search, analytics, and the coach's socket.
//! It words requests and answers; everything else is the ports', as for the pages.
//!
//! From the outside in, a request passes: the access token, if it shows one; the session, if it shows
//! a cookie instead; the origin check, which a request with a token need not pass; then its handler.
//! Only these routes take a token. Errors are problem documents (RFC 9457).

pub mod analytics;
pub mod caller;
pub mod conditional;
pub mod docs;
pub mod input;
pub mod materials;
pub mod openapi;
pub mod search;

use super::{layers, problem::Problem, socket, state::AppState, upload};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state},
    routing::{delete, get, post},
};

/// The routes that ask for a session or a token.
pub fn routes(state: &AppState) -> Router<AppState> {
    let timed = Router::new()
        .route("/api/materials/{id}", delete(materials::remove))
        .route(search::PATH, post(search::search))
        .route("/api/analytics/learning/overview", get(analytics::overview))
        .route("/api/analytics/learning/heatmap", get(analytics::heatmap))
        .route(
            "/api/analytics/gamification/progress",
            get(analytics::progress),
        )
        .route("/api/analytics/learning/more", get(analytics::more))
        .route(
            "/api/analytics/gamification/achievements",
            get(analytics::achievements),
        )
        .layer(from_fn(layers::time_out))
        .layer(DefaultBodyLimit::max(layers::BODY_MAX_BYTES));
    let unhurried = Router::new()
        .route(
            "/api/materials/",
            get(materials::list)
                .post(materials::upload)
                .layer(DefaultBodyLimit::max(one_file_bytes(state))),
        )
        .route("/api/chat/ws", get(socket::coach_socket));
    timed
        .merge(unhurried)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(state.clone(), caller::enter))
}

/// The description of the API: the same for everybody, so it asks for nothing.
pub fn description() -> Router<AppState> {
    Router::new()
        .route("/api/openapi.json", get(openapi::document))
        .route("/api/docs", get(docs::page))
        .route("/api/docs.css", get(docs::style))
        .method_not_allowed_fallback(not_allowed)
}

async fn not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "This address does not know that method. The Allow header names those it knows.",
    )
}

fn one_file_bytes(state: &AppState) -> usize {
    let bytes = state
        .config
        .file_max_bytes
        .saturating_add(upload::FORM_OVERHEAD_BYTES);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
