//! Each request's span, log line and figures, by the template of its route, never by its address.
//! Queries, cookies and bodies are not looked at.

use crate::clock::Clock;
use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue},
    response::Response,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};
use tracing::Instrument as _;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How long the answer took until its first byte, for people who look at it with `curl`.
const RESPONSE_TIME: HeaderName = HeaderName::from_static("x-response-time");
/// The same, for the browser's own tools.
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// An answer that takes longer is worth a line of its own in the log.
const SLOW: Duration = Duration::from_secs(1);
/// Upper edges of the latency histogram, in seconds.
const LATENCY_SECONDS: [f64; 11] = [
    0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Starts collecting; one recorder serves the whole process.
pub fn start() {
    RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new()
            .set_buckets(&LATENCY_SECONDS)
            .map_err(|error| error.to_string())
            .and_then(|builder| {
                builder
                    .install_recorder()
                    .map_err(|error| error.to_string())
            });
        match recorder {
            Ok(handle) => Some(handle),
            Err(error) => {
                tracing::warn!(error, "figures are not collected");
                None
            }
        }
    });
}

/// All figures in Prometheus' text format.
pub fn rendered() -> String {
    RECORDER
        .get()
        .and_then(Option::as_ref)
        .map(|handle| {
            handle.run_upkeep();
            handle.render()
        })
        .unwrap_or_default()
}

/// Watches one request from its first look to its answer.
pub async fn observe<F>(
    clock: &Clock,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    let started = Instant::now();
    let method = request.method().clone();
    let route = route_of(&request);
    let id = clock.new_id();
    let span = tracing::info_span!("http.request", %method, route, request.id = %id);
    async {
        let mut response = answer(request).await;
        let elapsed = started.elapsed();
        let status = response.status();
        metrics::histogram!(
            "http_request_duration_seconds",
            "method" => method.to_string(),
            "route" => route.clone(),
            "status" => status.as_u16().to_string(),
        )
        .record(elapsed.as_secs_f64());
        let duration_ms = elapsed.as_secs_f64() * 1_000.0;
        let status = status.as_u16();
        if elapsed > SLOW {
            tracing::warn!(status, duration_ms, "http.slow");
        } else if is_noise(&route) && status < 500 {
            tracing::debug!(status, duration_ms, "http.answered");
        } else {
            tracing::info!(status, duration_ms, "http.answered");
        }
        let headers = response.headers_mut();
        for (name, text) in [
            (REQUEST_ID, id.to_string()),
            (RESPONSE_TIME, format!("{duration_ms:.2}ms")),
            (SERVER_TIMING, format!("app;dur={duration_ms:.2}")),
        ] {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
        response
    }
    .instrument(span.clone())
    .await
}

fn route_of(request: &Request) -> String {
    match request.extensions().get::<MatchedPath>() {
        Some(path) if path.as_str().starts_with("/pkg") => "/pkg".to_owned(),
        // Server functions share one template; which one it was is worth knowing.
        Some(path) if path.as_str() == super::FUNCTIONS => known_function(request.uri().path()),
        Some(path) => path.as_str().to_owned(),
        None => "none".to_owned(),
    }
}

/// The function's own path if there is such a function: labels must stay few.
fn known_function(path: &str) -> String {
    let is_known = leptos::server_fn::axum::server_fn_paths().any(|(known, _)| known == path);
    if is_known { path } else { super::FUNCTIONS }.to_owned()
}

fn is_noise(route: &str) -> bool {
    matches!(
        route,
        "/pkg" | "/health/live" | "/health/ready" | "/metrics" | "none"
    )
}
