//! What bounds every request: how many at once, for how long, how large, and what happens when a
//! handler panics.

use super::{
    api, headers, measure, origin,
    problem::{Problem, wants_page},
    state::AppState,
};
use crate::{cache::budget, store::generations};
use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::{any::Any, time::Duration};
use tower_http::{
    CompressionLevel,
    catch_panic::{CatchPanicLayer, ResponseForPanic},
    compression::{
        CompressionLayer,
        predicate::{DefaultPredicate, NotForContentType, Predicate},
    },
};

/// Bytes of a request's body, uploads aside.
pub const BODY_MAX_BYTES: usize = 1024 * 1024;
/// Requests worked on at once; the ones past it are told to come back.
pub const REQUESTS_AT_ONCE: usize = 512;
/// Longest an ordinary answer may take: a page or a server function, never an upload or a stream.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// What every request passes, from the outside in: its span and figures, the headers each answer
/// carries, the host check, the bound on requests at once, the budget with the cache that servers
/// share. One layer and not five, for each copies everything below it for every request.
pub async fn enter(State(state): State<AppState>, request: Request, next: Next) -> Response {
    measure::observe(
        &state.clock,
        measure::SLOW,
        request,
        async |request: Request| {
            let mut response = match origin::host_refusal(&request, &state.config) {
                Some(refusal) => refusal,
                None => admit(&state, request, next).await,
            };
            headers::add(&state.config, response.headers_mut());
            response
        },
    )
    .await
}

/// Refuses requests past [`REQUESTS_AT_ONCE`], rather than let them queue without end.
async fn admit(state: &AppState, request: Request, next: Next) -> Response {
    let Ok(_place) = state.places.try_acquire() else {
        metrics::counter!("http_refused_total", "reason" => "busy").increment(1);
        return Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The server is busy. Try again in a few seconds.",
        )
        .retry_after(Duration::from_secs(2))
        .answer_to(&request);
    };
    let only_reads = request.method().is_safe() || request.uri().path() == api::search::PATH;
    let answer = budget::of_request(next.run(request));
    if only_reads {
        generations::of_reading(answer).await
    } else {
        answer.await
    }
}

/// Ends an ordinary request that takes too long.
pub async fn time_out(request: Request, next: Next) -> Response {
    let as_page = wants_page(request.uri(), request.headers());
    match tokio::time::timeout(ANSWER_WAIT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!("a request took longer than {} s", ANSWER_WAIT.as_secs());
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "That took too long. Try again in a moment.",
            )
            .retry_after(Duration::from_secs(5))
            .answer_as(as_page)
        }
    }
}

/// Compresses pages and JSON on their way out; leaves streams of events, PDFs, pictures and what is
/// compressed already as they are. The API's answers do not pass here: they have some 20 KB at most,
/// and compressing them took twice as much processor time as all the rest.
pub fn compression() -> CompressionLayer<impl Predicate + Send + Sync + 'static> {
    CompressionLayer::new()
        // What is sent once is not worth more: the highest levels are for files, at build time.
        .quality(CompressionLevel::Fastest)
        .br(true)
        .gzip(true)
        .compress_when(DefaultPredicate::new().and(NotForContentType::const_new("application/pdf")))
}

/// Turns a panic into an answer; the message goes to the log by the panic itself.
pub fn catch_panic() -> CatchPanicLayer<PanicAnswer> {
    CatchPanicLayer::custom(PanicAnswer)
}

/// What is said after a panic.
#[derive(Clone, Copy)]
pub struct PanicAnswer;

impl ResponseForPanic for PanicAnswer {
    type ResponseBody = axum::body::Body;

    fn response_for_panic(&mut self, _: Box<dyn Any + Send + 'static>) -> Response {
        tracing::error!("a handler panicked");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong on the server. Try again; if it stays, look at the server's log.",
        )
        .into_response()
    }
}
