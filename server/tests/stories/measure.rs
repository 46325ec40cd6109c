//! What is measured of requests and of page views, and who may see it.

use super::support::{Client, TestApp, spawn_app, spawn_app_with};
use reqwest::{
    Method, Response, StatusCode,
    header::{self, HeaderMap, HeaderValue},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path};

/// A time as `X-Response-Time` has it: `1.25ms`.
fn response_time(answer: &Response) -> f64 {
    let text = answer.headers()["x-response-time"].to_str().unwrap();
    text.strip_suffix("ms").unwrap().parse().unwrap()
}

/// A browser's beacon from a page of this site.
async fn beacon(client: &Client, app: &TestApp, origin: Option<&str>, body: String) -> Response {
    let mut headers = HeaderMap::new();
    let origin = origin.unwrap_or(&app.url);
    headers.insert(header::ORIGIN, HeaderValue::try_from(origin).unwrap());
    client
        .send(Method::POST, "/api/vitals", headers, body)
        .await
}

async fn figures(app: &TestApp) -> String {
    let answer = app.visitor().get_json("/metrics").await;
    assert_eq!(answer.status(), StatusCode::OK);
    answer.text().await.unwrap()
}

#[tokio::test]
async fn every_answer_says_how_long_it_took() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    for (path, status) in [
        ("/", StatusCode::OK),
        ("/library", StatusCode::OK),
        ("/health/live", StatusCode::OK),
        ("/settings", StatusCode::OK),
        ("/no/such/page", StatusCode::NOT_FOUND),
        ("/pkg/none.js", StatusCode::NOT_FOUND),
    ] {
        let answer = mara.get(path).await;
        assert_eq!(answer.status(), status, "{path}");
        let time = response_time(&answer);
        assert!((0.0..60_000.0).contains(&time), "{path}: {time}");
        let timing = answer.headers()["server-timing"].to_str().unwrap();
        assert_eq!(timing, format!("app;dur={time:.2}"), "{path}");
    }
    response_time(&mara.get_json("/api/materials/").await);
    let visitor = app.visitor().get("/library").await;
    assert_eq!(visitor.status(), StatusCode::SEE_OTHER);
    response_time(&visitor);
}

#[tokio::test]
async fn requests_are_counted_by_method_route_and_status_and_never_by_address() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let id = "0190aaaa-0000-7000-8000-00000000beef";
    mara.get(&format!("/library/{id}?find=tachycardia")).await;
    // A client may call its method what it likes; none of that becomes a series.
    for path in ["/library", "/pkg/none.js", "/no/such/page", "/api/fn/x"] {
        let method = Method::from_bytes(b"BREW").unwrap();
        app.visitor().send(method, path, HeaderMap::new(), "").await;
    }
    let figures = figures(&app).await;
    assert!(figures.contains("method=\"OTHER\"") && !figures.contains("BREW"));
    let line = figures
        .lines()
        .find(|line| {
            line.starts_with("http_request_duration_seconds_bucket{")
                && line.contains("method=\"GET\"")
                && line.contains("route=\"/library/{id}\"")
                && line.contains("status=\"404\"")
                && line.contains("le=\"+Inf\"")
        })
        .unwrap_or_else(|| panic!("{figures}"));
    assert!(!line.ends_with(" 0"), "{line}");
    assert!(!figures.contains(id) && !figures.contains("tachycardia"));
}

#[tokio::test]
async fn a_page_view_is_counted_for_the_owner_and_on_the_metrics() {
    let app = spawn_app().await;
    let owner = app.sign_up("owner@example.org").await;
    let student = app.sign_up("student@example.org").await;
    let view = json!({"route": "/library/:id", "lcp": 1400, "cls": 12, "ttfb": 30});
    for _ in 0..3 {
        let answer = beacon(&student, &app, None, view.to_string()).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    }
    let (status, page) = owner.call("performance", &[]).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    let shown: Vec<_> = page["figures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["route"].clone(),
                one["vital"].clone(),
                one["views"].clone(),
            )
        })
        .collect();
    let route = json!("/library/:id");
    let expected = ["lcp", "cls", "ttfb"].map(|vital| (route.clone(), json!(vital), json!(3)));
    assert_eq!(shown, expected);
    let p75 = page["figures"][0]["p75"].as_u64().unwrap();
    assert!((1_250..=1_500).contains(&p75), "{p75}");
    let (status, _) = student.call("performance", &[]).await;
    assert_eq!(status, StatusCode::NOT_FOUND);

    let html = owner.get("/admin/performance").await;
    assert_eq!(html.status(), StatusCode::OK);
    assert!(html.text().await.unwrap().contains("/library/:id"));
    let settings = owner.get("/settings").await.text().await.unwrap();
    assert!(settings.contains("/admin/performance"));
    let foreign = student.get("/admin/performance").await;
    assert_eq!(foreign.status(), StatusCode::NOT_FOUND);

    let figures = figures(&app).await;
    let bucket = "web_vitals_lcp_seconds_bucket{route=\"/library/:id\",le=\"1.5\"}";
    assert!(figures.contains(bucket), "{figures}");
}

#[tokio::test]
async fn what_no_page_measures_is_not_counted() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let good = json!({"route": "/", "lcp": 900}).to_string();
    let id = "01900000-0000-7000-8000-000000000000";
    for bad in [
        String::new(),
        "lcp=900".to_owned(),
        json!({"route": "/", "lcp": -1}).to_string(),
        json!({"route": "/", "lcp": 900, "user": "mara"}).to_string(),
    ] {
        let answer = beacon(&mara, &app, None, bad.clone()).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    for nothing in [
        json!({"route": "/"}).to_string(),
        json!({"route": "/no/such/page", "lcp": 900}).to_string(),
        json!({"route": format!("/library/{id}"), "lcp": 900}).to_string(),
    ] {
        let answer = beacon(&mara, &app, None, nothing.clone()).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{nothing}");
    }
    let long = format!("{good}{}", " ".repeat(512));
    let answer = beacon(&mara, &app, None, long).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let foreign = beacon(&mara, &app, Some("https://evil.example"), good.clone()).await;
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let visitor = beacon(&app.visitor(), &app, None, good.clone()).await;
    assert_eq!(visitor.status(), StatusCode::UNAUTHORIZED);
    let (_, page) = mara.call("performance", &[]).await;
    assert_eq!(page["figures"], json!([]));

    // More than anybody looks at in a minute.
    let mut refused = None;
    for _ in 0..130 {
        let answer = beacon(&mara, &app, None, good.clone()).await;
        if answer.status() != StatusCode::NO_CONTENT {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
}

/// The metrics a PromQL expression reads: its names, without functions, labels and ranges.
fn metrics_of(expression: &str) -> BTreeSet<String> {
    const OPERATORS: [&str; 4] = ["and", "or", "unless", "bool"];
    let mut plain = String::new();
    let mut depth = 0_u32;
    // What stands in braces and brackets is labels and ranges.
    for character in expression.chars() {
        match character {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ if depth == 0 => plain.push(character),
            _ => {}
        }
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut names = BTreeSet::new();
    let mut rest = plain.as_str();
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_') {
        let word = &rest[start..];
        let end = word.find(|c| !is_part(c)).unwrap_or(word.len());
        let (name, after) = word.split_at(end);
        rest = after;
        if matches!(name, "by" | "without" | "on" | "ignoring") {
            // The labels it names.
            rest = after.split_once(')').map_or("", |(_, rest)| rest);
            continue;
        }
        let next = after.trim_start();
        let is_called = ["(", "by ", "without "]
            .iter()
            .any(|start| next.starts_with(start));
        if !is_called && !OPERATORS.contains(&name) {
            names.insert(name.to_owned());
        }
    }
    names
}

/// Every expression of the dashboard's panels and variables.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(expression)) = fields.get("expr") {
                found.push(expression.clone());
            }
            for field in fields.values() {
                expressions(field, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

#[test]
fn the_metrics_of_an_expression_are_told_from_functions_and_labels() {
    let expression = "histogram_quantile(0.95, sum by (le, route) (rate(a_bucket{x=~\"y\"}[5m]))) / on (job) b_total or c";
    let names: Vec<_> = metrics_of(expression).into_iter().collect();
    assert_eq!(names, ["a_bucket", "b_total", "c"]);
}

#[tokio::test]
async fn the_dashboard_and_the_alerts_ask_for_nothing_the_server_does_not_export() {
    let ops = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ops");
    let dashboard = std::fs::read_to_string(ops.join("grafana/studyin.json")).unwrap();
    let mut asked = Vec::new();
    expressions(&serde_json::from_str(&dashboard).unwrap(), &mut asked);
    assert!(asked.len() > 15, "the dashboard's expressions are found");
    let alerts = std::fs::read_to_string(ops.join("prometheus/studyin.rules.yml")).unwrap();
    let alerts = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "))
        .map(str::to_owned);
    asked.extend(alerts);

    // A Redis that is not there has figures, too.
    let settings = [("REDIS_URL", "redis://127.0.0.1:9")];
    let app = spawn_app_with(&settings, |_| {}).await;
    let mara = app.sign_up("mara@example.org").await;
    mara.get("/library").await;
    mara.call("materials", &[]).await;
    let view = json!({"route": "/", "lcp": 900, "inp": 40, "cls": 0, "ttfb": 30});
    beacon(&mara, &app, None, view.to_string()).await;

    let figures = figures(&app).await;
    let exported: BTreeSet<_> = figures
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    for expression in asked {
        let names = metrics_of(&expression);
        assert!(!names.is_empty(), "{expression}");
        for name in names {
            // What Prometheus itself knows of each target.
            let is_own = name == "up" || name.starts_with("scrape_");
            let is_there = is_own || exported.contains(name.as_str());
            assert!(is_there, "{name} of {expression}\n{figures}");
        }
    }
}
