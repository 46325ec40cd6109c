//! The way in: the router, its layers, and the handlers that are neither a page nor a server
//! function. Handlers read the request, call one story, and word the answer; they hold no rules.
//!
//! From the outside in, a request passes: its span and figures, the headers every answer carries, the
//! host check, the bound on requests at once, the cache's budget; the panic net; compression, but for
//! the API; the session and the origin check; then its handler. Health and the built files need
//! neither session nor origin.

pub mod api;
pub mod assets;
pub mod client;
pub mod copies;
pub mod events;
pub mod export;
pub mod files;
pub mod forms;
pub mod functions;
pub mod headers;
pub mod health;
pub mod heartbeat;
pub mod layers;
pub mod measure;
pub mod next;
pub mod origin;
pub mod pages;
pub mod pictures;
pub mod problem;
pub mod serve;
pub mod session;
pub mod site;
pub mod socket;
pub mod state;
mod tag;
pub mod token_forms;
pub mod tus;
pub mod upload;
pub mod vitals;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
    routing::{any, get, post},
};
use state::AppState;

/// Template of the server functions' addresses.
const FUNCTIONS: &str = "/api/fn/{name}";

/// Every route of the server.
pub fn router(state: AppState) -> Router {
    let timed = Router::new()
        .merge(pages::routes())
        .route("/login", post(forms::sign_in))
        .route("/signup", post(forms::sign_up))
        .route("/logout", post(forms::sign_out))
        .route("/settings/password", post(forms::change_password))
        .route("/settings/tokens", post(token_forms::create))
        .route("/settings/tokens/{id}/revoke", post(token_forms::revoke))
        .route(FUNCTIONS, any(functions::call))
        .route(
            "/api/heartbeat",
            post(heartbeat::heartbeat).layer(DefaultBodyLimit::max(heartbeat::BODY_MAX_BYTES)),
        )
        .route("/analytics/export.csv", get(export::csv))
        .route("/analytics/export.json", get(export::json))
        .route("/copies/library/{id}", get(copies::material))
        .route("/copies/coach/{id}", get(copies::conversation))
        .route(
            "/api/vitals",
            post(vitals::record).layer(DefaultBodyLimit::max(vitals::BODY_MAX_BYTES)),
        )
        .route("/metrics", get(health::metrics))
        .fallback(site::file_or_not_found)
        .layer(from_fn(layers::time_out))
        .layer(DefaultBodyLimit::max(layers::BODY_MAX_BYTES));
    let unhurried = Router::new()
        .route(
            "/library/upload",
            post(upload::upload).layer(DefaultBodyLimit::max(upload_max_bytes(&state))),
        )
        .merge(tus::routes())
        .route("/files/{id}", get(files::original))
        .route("/files/{id}/pages/{page}", get(pictures::picture))
        .route("/api/events", get(events::events));
    let with_session = timed
        .merge(unhurried)
        .layer(from_fn_with_state(state.clone(), session::enter));
    Router::new()
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .nest("/pkg", site::pkg(&state))
        .merge(with_session)
        .merge(api::description())
        .layer(layers::compression())
        .merge(api::routes(&state))
        .layer(layers::catch_panic())
        .layer(from_fn_with_state(state.clone(), layers::enter))
        .with_state(state)
}

/// A request may carry several files; each has its own limit as well.
fn upload_max_bytes(state: &AppState) -> usize {
    let files = u64::try_from(upload::FILES_PER_REQUEST).unwrap_or(1);
    let bytes = files
        .saturating_mul(state.config.file_max_bytes)
        .saturating_add(upload::FORM_OVERHEAD_BYTES);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
