//! What a student does becomes study time, XP and a streak, and nobody else's.

use crate::support::{Client, TestApp, spawn_app};
use chrono::TimeDelta;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Three short pages of Markdown count as one; a plain text is enough to read.
const NOTES: &[u8] =
    b"Cardiac output is stroke volume times heart rate. At rest it is five litres.";

async fn figures(client: &Client, days: &str) -> Value {
    let (status, page) = client.call("analytics", &[("days", days)]).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page
}

/// Uploads the notes and answers with the material's id once it can be read.
async fn upload_notes(app: &TestApp, client: &Client) -> String {
    let _ = app;
    let outcomes: Value = client
        .upload("notes.txt", NOTES)
        .await
        .json()
        .await
        .unwrap();
    let id = outcomes[0]["material"]["id"].as_str().unwrap().to_owned();
    // The page exists as soon as its text has been read; the test waits for that and no longer.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let (status, _) = client
            .call(
                "material_page",
                &[("id", &id), ("page", "1"), ("highlight[chunk]", "0")],
            )
            .await;
        if status == StatusCode::OK {
            return id;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "never readable: {status}"
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_new_account_is_shown_its_next_step() {
    let app = spawn_app().await;
    let client = app.sign_up("new@example.org").await;
    let page = figures(&client, "30").await;
    assert_eq!(page["overview"]["has_activity"], json!(false));
    assert_eq!(page["overview"]["standing"]["level"], json!(1));
    let html = client.get("/analytics").await.text().await.unwrap();
    assert!(html.contains("Your days will add up here"), "{html}");
    assert!(html.contains("href=\"/library\""));
}

#[tokio::test]
async fn an_upload_and_a_page_read_are_figures_before_any_script_runs() {
    let app = spawn_app().await;
    let client = app.sign_up("reader@example.org").await;
    let id = upload_notes(&app, &client).await;
    let (status, _) = client
        .call("record_page_read", &[("id", &id), ("page", "1")])
        .await;
    assert_eq!(status, StatusCode::OK);

    let page = figures(&client, "7").await;
    assert_eq!(page["days"].as_array().unwrap().len(), 7);
    assert_eq!(page["overview"]["pages_read"], json!(1));
    assert_eq!(page["overview"]["materials_added"], json!(1));
    let calendar: Value = serde_json::from_str(page["calendar_chart"].as_str().unwrap()).unwrap();
    assert_eq!(calendar["series"][0]["type"], json!("heatmap"));

    let html = client.get("/analytics?days=90").await.text().await.unwrap();
    for expected in [
        "stat-xp",
        "stat-questions",
        "The last 90 days",
        "Show as table",
        "calendar-chart",
        "xp-chart",
    ] {
        assert!(html.contains(expected), "{expected} is missing");
    }
    assert!(
        !html.contains("/vendor/echarts.js"),
        "only the page's script asks for it"
    );
}

#[tokio::test]
async fn a_pause_of_a_quarter_of_an_hour_begins_another_session() {
    let app = spawn_app().await;
    let client = app.sign_up("pause@example.org").await;
    let id = upload_notes(&app, &client).await;
    app.advance(TimeDelta::minutes(16));
    client
        .call("record_page_read", &[("id", &id), ("page", "1")])
        .await;
    // Two days' worth, whatever hour it is where the tests run.
    let overview = &figures(&client, "2").await["overview"];
    let sessions = overview["study_sessions"].as_u64().unwrap();
    assert_eq!(sessions, 2);
    assert_eq!(overview["minutes"], json!(2));
}

#[tokio::test]
async fn nobody_reads_or_counts_in_another_students_documents() {
    let app = spawn_app().await;
    let ada = app.sign_up("ada@example.org").await;
    let ben = app.sign_up("ben@example.org").await;
    let id = upload_notes(&app, &ada).await;
    let before = figures(&ada, "30").await;

    let (foreign, answer) = ben
        .call("record_page_read", &[("id", &id), ("page", "1")])
        .await;
    let missing_id = "00000000-0000-7000-8000-000000000000";
    let (missing, other) = ben
        .call("record_page_read", &[("id", missing_id), ("page", "1")])
        .await;
    assert_eq!(
        (foreign, missing),
        (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND)
    );
    assert_eq!(answer, other);
    assert_eq!(
        figures(&ben, "30").await["overview"]["has_activity"],
        json!(false)
    );
    assert_eq!(figures(&ada, "30").await, before);
}

#[tokio::test]
async fn a_page_that_is_not_there_cannot_be_read() {
    let app = spawn_app().await;
    let client = app.sign_up("pages@example.org").await;
    let id = upload_notes(&app, &client).await;
    for page in ["0", "2", "4000000000"] {
        let (status, _) = client
            .call("record_page_read", &[("id", &id), ("page", page)])
            .await;
        assert_eq!(status, StatusCode::NOT_FOUND, "page {page}");
    }
}

#[tokio::test]
async fn a_period_has_one_to_three_hundred_and_sixty_five_days() {
    let app = spawn_app().await;
    let client = app.sign_up("period@example.org").await;
    for days in ["0", "366", "4294967295"] {
        let (status, error) = client.call("analytics", &[("days", days)]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{days}");
        assert!(error["message"].as_str().unwrap().contains("365"));
    }
    for days in ["1", "365"] {
        figures(&client, days).await;
    }
}

#[tokio::test]
async fn a_visitor_gets_no_figures() {
    let app = spawn_app().await;
    let (status, _) = app.visitor().call("analytics", &[("days", "30")]).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        app.visitor().get("/analytics").await.status(),
        StatusCode::SEE_OTHER
    );
}
