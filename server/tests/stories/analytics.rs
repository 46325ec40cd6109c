//! What a student does becomes study time, XP and a streak, and nobody else's.

use crate::support::{Client, PASSWORD, TestApp, spawn_app};
use chrono::TimeDelta;
use reqwest::{
    Method, Response, StatusCode,
    header::{self, HeaderMap, HeaderValue},
};
use serde_json::{Value, json};
use std::process::Output;
use tokio::process::Command;

/// Three short pages of Markdown count as one; a plain text is enough to read.
const NOTES: &[u8] =
    b"Cardiac output is stroke volume times heart rate. At rest it is five litres.";

/// What the JSON API answers about her own figures.
async fn read(client: &Client, path: &str) -> Value {
    let answer = client.get_json(&format!("/api/analytics/{path}")).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.json().await.unwrap()
}

async fn figures(client: &Client, days: &str) -> Value {
    read(client, &format!("learning/overview?days={days}")).await
}

/// The report of the page, as the browser asks for it, without the stamp of the moment.
async fn report(client: &Client, days: &str) -> String {
    let (status, html) = client.call("analytics", &[("days", days)]).await;
    assert_eq!(status, StatusCode::OK, "{html}");
    let (report, stamp) = html.as_str().unwrap().split_once("<template").unwrap();
    assert!(stamp.contains("data-stamp"), "{stamp}");
    report.to_owned()
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
    let overview = figures(&client, "30").await;
    assert_eq!(overview["has_activity"], json!(false));
    assert_eq!(overview["standing"]["level"], json!(1));
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

    let overview = figures(&client, "7").await;
    assert_eq!(overview["pages_read"], json!(1));
    assert_eq!(overview["materials_added"], json!(1));

    let html = client.get("/analytics?days=90").await.text().await.unwrap();
    for expected in [
        "stat-xp",
        "stat-questions",
        "The last 90 days",
        "Show as table",
        "calendar-chart",
        "xp-chart",
        "&quot;type&quot;:&quot;heatmap&quot;",
    ] {
        assert!(html.contains(expected), "{expected} is missing");
    }
    let scripts = html.split("<script").skip(1);
    let charts = scripts.filter(|script| script.split('>').next().unwrap().contains("echarts"));
    assert_eq!(charts.count(), 0, "only the page's script asks for it");
    let asked = report(&client, "90").await;
    assert!(
        html.contains(&asked),
        "the page holds what it would ask for"
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
    let overview = figures(&client, "2").await;
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
    let before = report(&ada, "30").await;

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
    assert_eq!(figures(&ben, "30").await["has_activity"], json!(false));
    assert_eq!(report(&ada, "30").await, before);
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
async fn an_address_that_names_no_period_shows_the_nearest_one() {
    let app = spawn_app().await;
    let client = app.sign_up("period@example.org").await;
    upload_notes(&app, &client).await;
    for (address, title) in [
        ("/analytics", "The last 30 days"),
        ("/analytics/?days=7", "The last 7 days"),
        ("/analytics?days=0", "Today"),
        ("/analytics?days=1", "Today"),
        ("/analytics?days=366", "The last year"),
        ("/analytics?days=4294967295", "The last year"),
        ("/analytics?days=a+week", "The last 30 days"),
    ] {
        let page = client.get(address).await.text().await.unwrap();
        assert!(page.contains(title), "{address}");
    }
}

#[tokio::test]
async fn a_period_has_one_to_three_hundred_and_sixty_five_days() {
    let app = spawn_app().await;
    let client = app.sign_up("bounds@example.org").await;
    for days in ["0", "366", "4294967295"] {
        let (status, error) = client.call("analytics", &[("days", days)]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{days}");
        assert!(error["message"].as_str().unwrap().contains("365"));
    }
    for days in ["1", "365"] {
        report(&client, days).await;
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

/// What the reader sends while somebody reads.
async fn beat(client: &Client, origin: &str, material: &str, page: u32) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    let body = json!({ "material": material, "page": page }).to_string();
    client
        .send(Method::POST, "/api/heartbeat", headers, body)
        .await
}

#[tokio::test]
async fn heartbeats_are_study_time_of_the_reader_alone_and_repeated_ones_count_once() {
    let app = spawn_app().await;
    let ada = app.sign_up("ada@example.org").await;
    let ben = app.sign_up("ben@example.org").await;
    let id = upload_notes(&app, &ada).await;
    let xp = figures(&ada, "2").await["xp"].clone();
    for _ in 0..8 {
        app.advance(TimeDelta::seconds(30));
        for _ in 0..2 {
            let taken = beat(&ada, &app.url, &id, 1).await;
            assert_eq!(taken.status(), StatusCode::NO_CONTENT);
        }
    }
    let current = figures(&ada, "2").await;
    assert!(current["minutes"].as_u64().unwrap() >= 5, "{current}");
    assert_eq!(current["materials_opened"], json!(1));
    let more = read(&ada, "learning/more?days=2").await;
    assert_eq!(more["materials"][0]["material_id"], json!(id));
    // Its only page has been on screen, so the document is finished. The tests may run across a
    // midnight, whose first activity is worth something.
    let gained = current["xp"].as_u64().unwrap() - xp.as_u64().unwrap();
    assert!(gained == 50 || gained == 60, "{gained}");
    assert_eq!(current["materials_finished"], json!(1));

    let missing = "00000000-0000-7000-8000-000000000000";
    for refused in [
        beat(&ben, &app.url, &id, 1).await,
        beat(&ben, &app.url, missing, 1).await,
        beat(&ada, &app.url, &id, 2).await,
    ] {
        assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    }
    let elsewhere = beat(&ada, "https://evil.example", &id, 1).await;
    assert_eq!(elsewhere.status(), StatusCode::FORBIDDEN);
    let nobody = beat(&app.visitor(), &app.url, &id, 1).await;
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    let too_long = beat(&ada, &app.url, &"x".repeat(300), 1).await;
    assert_eq!(too_long.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn heartbeats_have_a_limit() {
    let app = spawn_app().await;
    let client = app.sign_up("fast@example.org").await;
    let missing = "00000000-0000-7000-8000-000000000000";
    let mut last = StatusCode::OK;
    for _ in 0..80 {
        last = beat(&client, &app.url, missing, 1).await.status();
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_first_document_and_a_first_page_unlock_what_they_should() {
    let app = spawn_app().await;
    let client = app.sign_up("first@example.org").await;
    upload_notes(&app, &client).await;
    let all = read(&client, "gamification/achievements").await;
    let achievements = all["achievements"].as_array().unwrap();
    assert_eq!(achievements.len(), 13);
    let first = achievements
        .iter()
        .find(|one| one["id"] == "first_material")
        .unwrap();
    assert!(first["unlocked_on"].is_string(), "{first}");
    assert_eq!(figures(&client, "7").await["achievements"], json!(1));
}

#[tokio::test]
async fn what_happened_more_than_a_year_ago_is_taken_along_too() {
    let app = spawn_app().await;
    let client = app.sign_up("long@example.org").await;
    upload_notes(&app, &client).await;
    app.advance(TimeDelta::days(425));
    // Nobody stays signed in that long.
    client.try_sign_in("long@example.org", PASSWORD).await;
    client.upload("more.txt", b"More about the heart.").await;
    for (days, count) in [("", 426), ("?days=all", 426), ("?days=365", 365)] {
        let answer = client.get(&format!("/analytics/export.json{days}")).await;
        let all: Value = answer.json().await.unwrap();
        assert_eq!(all["days"].as_array().unwrap().len(), count, "{days}");
        let times = if count == 365 { 1 } else { 2 };
        for table in ["events", "sessions"] {
            assert_eq!(
                all[table].as_array().unwrap().len(),
                times,
                "{table} {days}"
            );
        }
        assert_eq!(all["overview"]["current"]["materials_added"], json!(times));
    }
}

#[tokio::test]
async fn a_session_that_reaches_into_a_period_is_taken_along_with_it() {
    let app = spawn_app().await;
    let client = app.sign_up("midnight@example.org").await;
    let id = upload_notes(&app, &client).await;
    // She reads on until it is the next day.
    let date = async || {
        let heatmap = read(&client, "learning/heatmap?days=7").await;
        heatmap["days"][6]["date"].clone()
    };
    let today = date().await;
    while date().await == today {
        app.advance(TimeDelta::minutes(14));
        let (status, _) = client
            .call("record_page_read", &[("id", &id), ("page", "1")])
            .await;
        assert_eq!(status, StatusCode::OK);
    }
    let path = "/analytics/export.json?days=1";
    let all: Value = client.get(path).await.json().await.unwrap();
    let sessions = all["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 1, "{all}");
    assert_eq!(sessions[0]["local_date"], today);
}

/// `server rebuild-activity` on the data of a running server, whose rows it must not wait for.
async fn rebuild(app: &TestApp, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_server"))
        .arg("rebuild-activity")
        .args(args)
        .env("DATA_DIR", &app.data_dir)
        .current_dir(&app.data_dir)
        .output()
        .await
        .unwrap()
}

#[tokio::test]
async fn the_command_counts_everything_again_to_the_same_figures() {
    let app = spawn_app().await;
    let ada = app.sign_up("ada@example.org").await;
    let ben = app.sign_up("ben@example.org").await;
    for client in [&ada, &ben] {
        let id = upload_notes(&app, client).await;
        app.advance(TimeDelta::minutes(2));
        let (status, _) = client
            .call("record_page_read", &[("id", &id), ("page", "1")])
            .await;
        assert_eq!(status, StatusCode::OK);
    }
    let kept = [report(&ada, "7").await, report(&ben, "7").await];

    let all = rebuild(&app, &[]).await;
    assert!(
        all.status.success(),
        "{}",
        String::from_utf8_lossy(&all.stderr)
    );
    let said = String::from_utf8(all.stdout).unwrap();
    assert!(
        said.contains("2 students") && said.contains("4 events"),
        "{said}"
    );
    let one = rebuild(&app, &["--user", " Ada@Example.org "]).await;
    let said = String::from_utf8(one.stdout).unwrap();
    assert!(
        said.contains("1 students") && said.contains("2 events"),
        "{said}"
    );
    assert_eq!([report(&ada, "7").await, report(&ben, "7").await], kept);

    let unknown = rebuild(&app, &["--user", "nobody@example.org"]).await;
    assert!(!unknown.status.success());
    let said = String::from_utf8(unknown.stderr).unwrap();
    assert!(
        said.contains("There is no account with that e-mail address."),
        "{said}"
    );
    for wrong in [
        &["--user"] as &[&str],
        &["ada@example.org"],
        &["--all", "x"],
    ] {
        assert!(!rebuild(&app, wrong).await.status.success(), "{wrong:?}");
    }
    assert_eq!(report(&ben, "7").await, kept[1]);
}

#[tokio::test]
async fn everything_that_was_counted_can_be_taken_away_as_csv_and_json() {
    let app = spawn_app().await;
    let client = app.sign_up("export@example.org").await;
    let outcomes: Value = client.upload("=1+1.txt", NOTES).await.json().await.unwrap();
    let id = outcomes[0]["material"]["id"].as_str().unwrap().to_owned();
    for (what, expected) in [
        (
            "days",
            "date,activities,questions,pages_read,materials_added",
        ),
        ("overview", "figure,current,before"),
        ("standing", "xp_total,xp_today,level"),
        ("events", "occurred_at,local_date,time_zone,kind"),
        ("awards", "awarded_at,local_date,reason,xp"),
        ("sessions", "started_at,ended_at,seconds"),
        ("hours", "weekday,hour,minutes"),
        ("materials", "material_id,title,seconds"),
        ("cited_pages", "material_id,title,page,times"),
        ("unanswered", "asked_at,question,conversation_id"),
        ("achievements", "id,name,sentence,unlocked_on"),
    ] {
        // Nothing has been read or asked.
        let is_empty = ["materials", "cited_pages", "unanswered"].contains(&what);
        let path = format!("/analytics/export.csv?what={what}&days=7");
        let answer = client.get(&path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{what}");
        let disposition = answer.headers()[header::CONTENT_DISPOSITION].clone();
        assert_eq!(
            disposition,
            format!(
                "attachment; filename=\"studyin-{}.csv\"",
                what.replace('_', "-")
            )
        );
        let text = answer.text().await.unwrap();
        assert!(text.starts_with(expected), "{what}: {text}");
        assert_eq!(text.lines().count() == 1, is_empty, "{what}: {text}");
    }
    let events = client
        .get("/analytics/export.csv?what=events")
        .await
        .text()
        .await
        .unwrap();
    assert!(
        events.contains(&format!("{id},'=1+1")),
        "no spreadsheet takes it for a formula: {events}"
    );

    let answer = client.get("/analytics/export.json?days=7").await;
    let all: Value = answer.json().await.unwrap();
    assert_eq!(all["days"].as_array().unwrap().len(), 7);
    assert_eq!(all["events"][0]["kind"], json!("material"));
    assert_eq!(all["events"][0]["material_title"], json!("=1+1"));
    assert_eq!(all["awards"].as_array().unwrap().len(), 2);
    assert_eq!(all["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(all["achievements"].as_array().unwrap().len(), 13);
    assert_eq!(all["overview"]["current"]["materials_added"], json!(1));
    assert_eq!(all["overview"]["before"]["materials_added"], json!(0));
    assert_eq!(all["overview"]["standing"]["level"], json!(1));
    assert_eq!(all["hours"].as_array().unwrap().len(), 7 * 24);
    assert_eq!(all["days"][6]["materials_added"], json!(1));
    assert_eq!(all["days"][6]["study_seconds"], json!(60));

    let other = app.sign_up("other@example.org").await;
    let nothing: Value = other
        .get("/analytics/export.json")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(nothing["events"], json!([]));
    assert_eq!(nothing["days"].as_array().unwrap().len(), 1);
    let nothing = other.get("/analytics/export.csv?what=events").await;
    let head = nothing.text().await.unwrap();
    assert!(
        head.starts_with("occurred_at,") && head.lines().count() == 1,
        "{head}"
    );
    for (path, status) in [
        ("/analytics/export.csv?what=passwords", 400),
        ("/analytics/export.csv?days=366", 422),
        ("/analytics/export.json?days=0", 422),
        ("/analytics/export.json?days=some", 400),
    ] {
        assert_eq!(client.get(path).await.status().as_u16(), status, "{path}");
        let visitor = app.visitor().get_json(path).await;
        assert_eq!(visitor.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
}
