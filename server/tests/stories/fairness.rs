//! Several students at once: whoever brings much does not keep others waiting. And what a student
//! hears of it, for as long as she is signed in.

use crate::support::{Client, spawn_app_with};
use futures::StreamExt as _;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Longest anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// No model, and as many uploads as the stories need.
const SETTINGS: [(&str, &str); 2] = [("EMBEDDER", "stub"), ("UPLOADS_PER_MINUTE", "600")];

/// Text of so many pages, none like another.
fn pages(name: &str, count: usize) -> Vec<u8> {
    let pages: Vec<String> = (1..=count)
        .map(|page| {
            (0..25)
                .map(|line| {
                    format!("Line {line} of page {page} of {name} tells of heart and lungs. ")
                })
                .collect()
        })
        .collect();
    pages.join("\u{c}").into_bytes()
}

async fn add(client: &Client, name: &str, bytes: &[u8]) {
    let answer = client.upload(name, bytes).await;
    let text = answer.text().await.unwrap();
    assert!(text.contains("\"added\""), "{text}");
}

async fn materials(client: &Client) -> Vec<Value> {
    let (_, list) = client.call("materials", &[]).await;
    list.as_array().unwrap_or_else(|| panic!("{list}")).clone()
}

async fn until_ready(client: &Client) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let list = materials(client).await;
        if list.iter().all(|m| m["state"]["stage"] == "ready") {
            return;
        }
        assert!(Instant::now() < deadline, "{list:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn on_their_way(list: &[Value]) -> usize {
    list.iter()
        .filter(|m| m["state"]["stage"] != "ready")
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_pages_are_ready_long_before_anothers_thousand() {
    let app = spawn_app_with(&SETTINGS, |_| {}).await;
    let (ada, ben) = (
        app.sign_up("ada@example.org").await,
        app.sign_up("ben@example.org").await,
    );
    add(&ada, "long.txt", &pages("long", 1_000)).await;
    add(&ben, "short.txt", &pages("short", 5)).await;
    until_ready(&ben).await;
    let long = materials(&ada).await;
    assert_eq!(on_their_way(&long), 1, "{long:?}");
    let done = long[0]["pages_searchable"].as_u64().unwrap();
    println!("the short one was ready when {done} of 1,000 pages could be searched");
    assert!(done < 900, "{done} pages of the long one came first");
    until_ready(&ada).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_documents_of_one_student_do_not_keep_anothers_first_one_waiting() {
    let app = spawn_app_with(&SETTINGS, |_| {}).await;
    let (ada, ben) = (
        app.sign_up("ada@example.org").await,
        app.sign_up("ben@example.org").await,
    );
    for number in 0..50 {
        let name = format!("document {number}");
        add(&ada, &format!("{name}.txt"), &pages(&name, 150)).await;
    }
    add(&ben, "short.txt", &pages("short", 5)).await;
    let before = on_their_way(&materials(&ada).await);
    until_ready(&ben).await;
    let after = on_their_way(&materials(&ada).await);
    println!("{before} of fifty were on their way when the one came, {after} when it was ready");
    assert!(before < 10 || after > before / 2, "{before} -> {after}");
    until_ready(&ada).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_stream_of_events() {
    let app = spawn_app_with(&SETTINGS, |_| {}).await;
    let ada = app.sign_up("ada@example.org").await;
    let events = ada.get_json("/api/events").await;
    let mut stream = events.bytes_stream();
    let first = stream.next().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("hello"));
    add(&ada, "short.txt", &pages("short", 5)).await;
    let mut heard = String::new();
    while !heard.contains("\"ready\"") {
        let part = tokio::time::timeout(PATIENCE, stream.next()).await;
        let part = part.expect("news of the document").unwrap().unwrap();
        heard.push_str(&String::from_utf8_lossy(&part));
    }
    ada.post_form("/logout", &[]).await;
    let rest = tokio::time::timeout(PATIENCE, async { while stream.next().await.is_some() {} });
    rest.await.expect("the stream ends");
}
