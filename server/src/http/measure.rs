//! Each request's span, log line and figures, by the template of its route, never by its address.
//! Queries, cookies and bodies are not looked at.

use crate::{clock::Clock, vitals};
use app::model::vitals::Vital;
use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method},
    response::Response,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
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
pub const SLOW: Duration = Duration::from_secs(1);
/// Upper edges of the latency histogram, in seconds.
const LATENCY_SECONDS: [f64; 11] = [
    0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Starts collecting; one recorder serves the whole process.
pub fn start() {
    RECORDER.get_or_init(
        || match recorder().and_then(PrometheusBuilder::install_recorder) {
            Ok(handle) => {
                // At zero before anything happened, so that a first refusal shows as a rate.
                for reason in ["busy", "host", "origin"] {
                    metrics::counter!("http_refused_total", "reason" => reason).increment(0);
                }
                Some(handle)
            }
            Err(error) => {
                tracing::warn!(%error, "figures are not collected");
                None
            }
        },
    );
}

fn recorder() -> Result<PrometheusBuilder, BuildError> {
    let builder = PrometheusBuilder::new().set_buckets(&LATENCY_SECONDS)?;
    Vital::ALL.into_iter().try_fold(builder, |builder, vital| {
        let edges: Vec<f64> = vitals::edges(vital)
            .iter()
            .map(|edge| vitals::in_base_unit(*edge))
            .collect();
        let name = Matcher::Full(vitals::metric(vital).to_owned());
        builder.set_buckets_for_metric(name, &edges)
    })
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

/// Watches one request from its first look to its answer, which should not take longer than `slow`.
pub async fn observe<F>(
    clock: &Clock,
    slow: Duration,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response
where
    F: Future<Output = Response>,
{
    let started = Instant::now();
    let method = name_of(request.method());
    let route = route_of(&request);
    let id = clock.new_id();
    let span = tracing::info_span!("http.request", method, route, request.id = %id);
    async {
        let mut response = answer(request).await;
        let elapsed = started.elapsed();
        let status = response.status();
        metrics::histogram!(
            "http_request_duration_seconds",
            "method" => method,
            "route" => route.clone(),
            "status" => status.as_u16().to_string(),
        )
        .record(elapsed.as_secs_f64());
        let duration_ms = elapsed.as_secs_f64() * 1_000.0;
        let status = status.as_u16();
        if elapsed > slow {
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

/// The method, if anything here answers to it. HTTP lets a client call its method what it likes, and
/// each name would be a series of its own for as long as the server runs.
fn name_of(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN
        .into_iter()
        .find(|known| *known == method.as_str())
        .unwrap_or("OTHER")
}

/// A template of the router's, of which there are only so many. Built files are found without one.
fn route_of(request: &Request) -> String {
    match request.extensions().get::<MatchedPath>() {
        None if request.uri().path().starts_with("/pkg/") => "/pkg".to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, body::Body, http::StatusCode, middleware::from_fn, routing::get};
    use std::{
        io,
        sync::{Arc, Mutex},
    };
    use tower::ServiceExt as _;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What the log says of one answer, when answers should not take longer than `slow`.
    async fn logged(slow: Duration) -> String {
        let request = Request::get("/library/7f3a?find=tachycardia");
        let (status, log) = answered(slow, request.body(Body::empty()).unwrap()).await;
        assert_eq!(status, 200);
        log
    }

    /// The status of an answer, and what the log says of it.
    async fn answered(slow: Duration, request: Request) -> (StatusCode, String) {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let router = Router::new()
            .route("/library/{id}", get(|| async { "a page" }))
            .nest("/pkg", Router::new().fallback(async || "a built file"))
            .layer(from_fn(
                move |request: Request, next: axum::middleware::Next| async move {
                    let clock = Clock::system();
                    observe(&clock, slow, request, async |request| {
                        next.run(request).await
                    })
                    .await
                },
            ));
        let answer = router.oneshot(request).await.unwrap();
        let bytes = log.0.lock().unwrap().clone();
        (answer.status(), String::from_utf8(bytes).unwrap())
    }

    #[tokio::test]
    async fn a_method_nobody_knows_has_no_name_of_its_own() {
        let request = Request::builder().method("BREW-0001").uri("/library/7f3a");
        let (status, log) = answered(SLOW, request.body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        assert!(log.contains("OTHER") && !log.contains("BREW"), "{log}");
        assert_eq!(name_of(&Method::PATCH), "PATCH");
    }

    #[tokio::test]
    async fn built_files_are_one_route() {
        let request = Request::get("/pkg/app.7f3a.js");
        let request = request.body(Body::empty()).unwrap();
        let (_, log) = answered(Duration::ZERO, request).await;
        assert!(log.contains("/pkg") && !log.contains("7f3a"), "{log}");
    }

    #[tokio::test]
    async fn a_slow_answer_is_logged_with_its_route_and_nothing_of_its_address() {
        let slow = logged(Duration::ZERO).await;
        assert!(
            slow.contains("WARN") && slow.contains("http.slow"),
            "{slow}"
        );
        assert!(slow.contains("/library/{id}") && slow.contains("duration_ms="));
        let usual = logged(SLOW).await;
        assert!(usual.contains("http.answered") && !usual.contains("http.slow"));
        for line in [slow, usual] {
            assert!(
                !line.contains("7f3a") && !line.contains("tachycardia"),
                "{line}"
            );
        }
    }
}
