//! Originals in a bucket, against the server of the Python package moto, which speaks S3: the whole
//! walk, and what happens while the bucket is out of reach.
//!
//! `MOTO_SERVER` names the program that starts it (`scripts/moto.sh` makes one); without it these
//! stories are skipped.

mod bucket;

use crate::{
    reader::{pdf, upload},
    support::{Client, TestApp, config_for, spawn_app_in, spawn_app_with},
    uploads::{begun, materials, offset, parts, piece},
};
use bucket::{Bucket, NAME, SECRET, Wire, moto};
use reqwest::{
    Method, StatusCode,
    header::{HeaderMap, HeaderValue, RANGE},
};
use serde_json::Value;
use server::{Application, StartError, clock::Clock};
use std::{
    path::Path,
    process::Output,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::process::Command;

/// Longest anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const NOTES: &[u8] = b"# The heart\n\nThe heart pumps about five litres of blood a minute.\n";

async fn state(client: &Client, id: &str) -> Value {
    let (status, material) = client.call("material", &[("id", id)]).await;
    assert_eq!(status, StatusCode::OK, "{material}");
    material["state"].clone()
}

async fn until_ready(client: &Client, id: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let state = state(client, id).await;
        if state["stage"] == "ready" {
            return;
        }
        assert!(Instant::now() < deadline, "{state}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn part_of(client: &Client, id: &str, range: &'static str) -> (StatusCode, Vec<u8>) {
    let mut headers = HeaderMap::new();
    headers.insert(RANGE, HeaderValue::from_static(range));
    let answer = client
        .send(Method::GET, &format!("/files/{id}"), headers, "")
        .await;
    (answer.status(), answer.bytes().await.unwrap().to_vec())
}

async fn original(client: &Client, id: &str) -> (StatusCode, Vec<u8>) {
    let answer = client.get(&format!("/files/{id}")).await;
    (answer.status(), answer.bytes().await.unwrap().to_vec())
}

fn copies(app: &TestApp) -> usize {
    std::fs::read_dir(app.data_dir.join("fetched"))
        .unwrap()
        .count()
}

/// Runs one of the server's commands on the data of `app`.
async fn command(data_dir: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_server"))
        .args(arguments)
        .envs(settings.iter().copied())
        .env("DATA_DIR", data_dir)
        .env("LOG_LEVEL", "trace")
        .current_dir(data_dir)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap()
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(!text.contains(SECRET), "the secret is told to nobody");
    text
}

#[tokio::test]
async fn a_document_lives_in_the_bucket_from_its_upload_to_its_deletion() {
    let Some(moto) = moto() else { return };
    let bucket = Bucket::make(&moto).await;
    let settings = bucket.settings("school/studyin");
    let settings = settings.each();
    let app = spawn_app_with(&settings, |_| {}).await;
    let mara = app.sign_up("mara@example.org").await;
    let noor = app.sign_up("noor@example.org").await;
    let bytes = pdf(&["The heart pumps blood.", "The lungs take in oxygen."]);
    let id = upload(&mara, "Body.pdf", &bytes).await;
    assert_eq!(state(&mara, &id).await["stage"], "ready");
    let own = upload(&noor, "Body.pdf", &bytes).await;
    assert_ne!(id, own, "a copy of her own");
    let objects = bucket.objects().await;
    assert_eq!(objects.len(), 3, "{objects:?}");
    assert!(objects.iter().all(|key| key.starts_with("school/studyin/")));
    let of = |id: &str| objects.iter().filter(|key| key.ends_with(id)).count();
    assert_eq!((of(&id), of(&own), of("studyin-owner")), (1, 1, 1));
    assert!(!app.data_dir.join("files").exists());
    let left = std::fs::read_dir(app.data_dir.join("arriving")).unwrap();
    assert_eq!(left.count(), 0, "both are settled");

    let whole = (StatusCode::OK, bytes.clone());
    assert_eq!(original(&mara, &id).await, whole);
    let (status, part) = part_of(&mara, &id, "bytes=1-7").await;
    assert_eq!(status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(part, &bytes[1..8]);
    assert_eq!(original(&noor, &id).await.0, StatusCode::NOT_FOUND);
    let picture = format!("/files/{id}/pages/2.png?width=200");
    let picture = mara.get(&picture).await;
    assert_eq!(picture.headers()["content-type"], "image/png");

    // What was fetched is not taken over; what is asked for is fetched again.
    let app = spawn_app_in(app.stop().await, &settings, |_| {}).await;
    assert_eq!(copies(&app), 0);
    let again = app.visitor();
    again.set_cookie(mara.cookie());
    let mara = again;
    assert_eq!(original(&mara, &id).await, whole);
    assert_eq!(copies(&app), 1);

    let (status, _) = mara.call("delete_material", &[("id", &id)]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(copies(&app), 0);
    let objects = bucket.objects().await;
    assert_eq!(objects.len(), 2, "{objects:?}");
    assert!(!objects.iter().any(|key| key.ends_with(&id)));
    assert_eq!(original(&mara, &id).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_large_document_goes_in_pieces_and_comes_back_whole() {
    let Some(moto) = moto() else { return };
    let bucket = Bucket::make(&moto).await;
    let settings = bucket.settings("");
    let app = spawn_app_with(&settings.each(), |_| {}).await;
    let mara = app.sign_up("mara@example.org").await;
    let line = b"The heart pumps about five litres of blood a minute, and more on a hill.\n";
    let bytes = line.repeat(20 * 1024 * 1024 / line.len());
    let answer: Value = mara.upload("Large.txt", &bytes).await.json().await.unwrap();
    let id = answer[0]["material"]["id"].as_str().unwrap();
    let (status, back) = original(&mara, id).await;
    assert_eq!(status, StatusCode::OK);
    assert!(back == bytes, "{} bytes of {}", back.len(), bytes.len());
    let twin: Value = mara.upload("Twin.txt", &bytes).await.json().await.unwrap();
    assert_eq!(twin[0]["outcome"], "duplicate", "{twin}");
    assert_eq!(bucket.objects().await.len(), 2);
}

#[tokio::test]
async fn an_upload_that_finds_no_storage_says_so_and_is_finished_when_it_is_back() {
    let Some(mut moto) = moto() else { return };
    let bucket = Bucket::make(&moto).await;
    let settings = bucket.settings("");
    let app = spawn_app_with(&settings.each(), |_| {}).await;
    let mara = app.sign_up("mara@example.org").await;
    let address = begun(&mara, "Heart.md", NOTES.len()).await;
    moto.kill();

    let answer = piece(&mara, &address, 0, NOTES).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let problem = answer.text().await.unwrap();
    assert!(
        problem.contains("file storage does not answer"),
        "{problem}"
    );
    assert!(
        !problem.contains(SECRET) && !problem.contains(NAME),
        "{problem}"
    );
    assert_eq!(offset(&mara, &address).await, NOTES.len(), "it is kept");
    assert_eq!((parts(&app), materials(&mara).await.len()), (1, 0));
    let ready: Value = app
        .visitor()
        .get_json("/health/ready")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(ready["storage"], "unavailable");

    moto.start_again();
    let bucket = Bucket::make(&moto).await;
    let answer = piece(&mara, &address, NOTES.len(), "").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let outcome: Value = answer.json().await.unwrap();
    assert_eq!(outcome["outcome"], "added", "{outcome}");
    until_ready(&mara, outcome["material"]["id"].as_str().unwrap()).await;
    assert_eq!((parts(&app), bucket.objects().await.len()), (0, 1));
}

#[tokio::test]
async fn a_document_that_cannot_be_fetched_is_tried_again() {
    let Some(moto) = moto() else { return };
    let wire = Wire::to(&moto).await;
    let bucket = Bucket::make(&moto).await;
    let settings = bucket.settings_over(&wire);
    let app = spawn_app_with(&settings.each(), |_| {}).await;
    let mara = app.sign_up("mara@example.org").await;
    wire.refuse_downloads();
    let address = begun(&mara, "Heart.md", NOTES.len()).await;
    let outcome: Value = piece(&mara, &address, 0, NOTES).await.json().await.unwrap();
    let id = outcome["material"]["id"].as_str().unwrap();
    wire.until_refused(4).await;
    assert_eq!(original(&mara, id).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_ne!(state(&mara, id).await["stage"], "failed");

    wire.mend();
    // Its time comes, and something wakes the workers.
    app.advance(chrono::TimeDelta::minutes(10));
    mara.upload("Lungs.md", b"# The lungs\n\nThey take in oxygen.\n")
        .await;
    until_ready(&mara, id).await;
    assert_eq!(original(&mara, id).await, (StatusCode::OK, NOTES.to_vec()));
}

#[tokio::test]
async fn a_document_that_can_never_be_fetched_says_why() {
    let Some(moto) = moto() else { return };
    let wire = Wire::to(&moto).await;
    let bucket = Bucket::make(&moto).await;
    let settings = bucket.settings_over(&wire);
    let app = spawn_app_with(&settings.each(), |_| {}).await;
    let mara = app.sign_up("mara@example.org").await;
    wire.refuse_downloads();
    let outcome: Value = mara.upload("Heart.md", NOTES).await.json().await.unwrap();
    let id = outcome[0]["material"]["id"].as_str().unwrap().to_owned();
    let deadline = Instant::now() + PATIENCE;
    let mut others = 0;
    let failed = loop {
        let state = state(&mara, &id).await;
        if state["stage"] == "failed" {
            break state;
        }
        assert!(Instant::now() < deadline, "{state}");
        app.advance(chrono::TimeDelta::minutes(10));
        others += 1;
        mara.upload("Other.md", format!("Another one: {others}").as_bytes())
            .await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    };
    assert!(
        failed.to_string().contains("file storage did not answer"),
        "{failed}"
    );

    wire.mend();
    bucket.remove_all().await;
    mara.call("retry_material", &[("id", &id)]).await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let state = state(&mara, &id).await;
        if state.to_string().contains("no longer has this document") {
            break;
        }
        assert!(Instant::now() < deadline, "{state}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(original(&mara, &id).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_a_deletion_could_not_remove_is_removed_by_the_sweep() {
    let Some(moto) = moto() else { return };
    let wire = Wire::to(&moto).await;
    let bucket = Bucket::make(&moto).await;
    let settings = bucket.settings_over(&wire);
    let settings = settings.each();
    let app = spawn_app_with(&settings, |_| {}).await;
    let mara = app.sign_up("mara@example.org").await;
    let gone = upload(&mara, "Heart.md", NOTES).await;
    let kept = upload(&mara, "Lungs.md", b"# The lungs\n\nThey take in oxygen.\n").await;
    wire.cut();
    let (status, _) = mara.call("delete_material", &[("id", &gone)]).await;
    assert_eq!(status, StatusCode::OK, "she need not wait for the storage");
    assert_eq!(materials(&mara).await.len(), 1);
    let silent = command(&app.data_dir, &settings, &["sweep"]).await;
    assert!(!silent.status.success());
    assert!(said(&silent).contains("the storage does not answer"));
    wire.mend();
    assert_eq!(bucket.objects().await.len(), 3);

    let swept = command(&app.data_dir, &settings, &["sweep"]).await;
    assert!(
        said(&swept).contains("1 files without a material"),
        "{}",
        said(&swept)
    );
    let objects = bucket.objects().await;
    assert_eq!(objects.len(), 2, "{objects:?}");
    assert!(objects.iter().any(|key| key.ends_with(&kept)));
    let again = command(&app.data_dir, &settings, &["sweep"]).await;
    assert!(said(&again).contains("0 orphans"));
}

#[tokio::test]
async fn a_backup_brings_the_originals_out_of_the_bucket() {
    let Some(moto) = moto() else { return };
    let bucket = Bucket::make(&moto).await;
    let settings = bucket.settings("");
    let app = spawn_app_with(&settings.each(), |_| {}).await;
    let mara = app.sign_up("mara@example.org").await;
    let id = upload(&mara, "Heart.md", NOTES).await;
    let target = TempDir::new().unwrap();
    let archive = target.path().join("backup.tar");
    let made = command(
        &app.data_dir,
        &settings.each(),
        &["backup", archive.to_str().unwrap()],
    )
    .await;
    assert!(said(&made).contains("(1 files)"), "{}", said(&made));
    let left = std::fs::read_dir(target.path()).unwrap().count();
    assert_eq!(left, 1, "nothing half-written is left");

    let restored = TempDir::new().unwrap();
    tar::Archive::new(std::fs::File::open(&archive).unwrap())
        .unpack(restored.path())
        .unwrap();
    assert!(restored.path().join("storage-owner").is_file());
    // Without the bucket the folder is what it was.
    let copy = spawn_app_in(restored, &[], |_| {}).await;
    let visitor = copy.visitor();
    visitor.set_cookie(mara.cookie());
    assert_eq!(
        original(&visitor, &id).await,
        (StatusCode::OK, NOTES.to_vec())
    );
}

#[tokio::test]
async fn the_sweep_leaves_alone_what_is_just_arriving_and_what_is_not_ours() {
    let Some(moto) = moto() else { return };
    let bucket = Bucket::make(&moto).await;
    let settings = bucket.settings("mine");
    let app = spawn_app_with(&settings.each(), |_| {}).await;
    let (user, material) = (
        "0190c0de-0000-7000-8000-000000000001",
        "0190c0de-0000-7000-8000-000000000002",
    );
    let stray = format!("mine/{user}/{material}");
    let others = ["mine/notes.txt".to_owned(), format!("{user}/{material}")];
    for key in others.iter().chain([&stray]) {
        bucket.put(key).await;
    }
    let marker = app.data_dir.join(format!("arriving/{user}.{material}"));
    std::fs::write(&marker, "").unwrap();
    let sweep = async || said(&command(&app.data_dir, &settings.each(), &["sweep"]).await);
    assert!(sweep().await.contains("0 files without a material"));
    assert!(bucket.objects().await.contains(&stray));

    // As the next start does after a crash between the object and its row.
    let app = spawn_app_in(app.stop().await, &settings.each(), |_| {}).await;
    let deadline = Instant::now() + PATIENCE;
    while bucket.objects().await.contains(&stray) {
        assert!(Instant::now() < deadline, "the start sweeps, too");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(app);
    let left = bucket.objects().await;
    assert!(others.iter().all(|key| left.contains(key)), "{left:?}");
    // Another data folder would miss every file of this bucket.
    let stranger = TempDir::new().unwrap();
    let migrated = server::store::Db::open(&stranger.path().join(server::DATABASE_FILE)).await;
    migrated.unwrap().close().await;
    let refused = command(stranger.path(), &settings.each(), &["sweep"]).await;
    assert!(!refused.status.success());
    assert!(said(&refused).contains("the files of another Studyin"));
    assert_eq!(bucket.objects().await, left);
}

/// How a start with these settings fails.
async fn refusal(settings: &[(&str, &str)]) -> String {
    let folder = TempDir::new().unwrap();
    let config = config_for(folder.path(), settings, |_| {});
    match Application::build(config, Clock::system()).await {
        Err(error @ StartError::Storage(_)) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it started"),
    }
}

#[tokio::test]
async fn a_storage_that_refuses_stops_the_start_and_names_the_setting() {
    let Some(moto) = moto() else { return };
    let bucket = Bucket::make(&moto).await;
    let missing = bucket.settings("").with("S3_BUCKET", "elsewhere");
    let sentence = refusal(&missing.each()).await;
    assert!(
        sentence.contains("S3_BUCKET names a bucket that is not there"),
        "{sentence}"
    );

    let settings = bucket.settings("mine");
    let app = spawn_app_with(&settings.each(), |_| {}).await;
    let sentence = refusal(&settings.each()).await;
    assert!(
        sentence.contains("the files of another Studyin"),
        "{sentence}"
    );
    assert!(sentence.contains("mine/studyin-owner"), "{sentence}");
    spawn_app_with(&bucket.settings("yours").each(), |_| {}).await;
    // Its own server comes back to it.
    spawn_app_in(app.stop().await, &settings.each(), |_| {}).await;

    bucket.ask_for_keys().await;
    let sentence = refusal(&bucket.settings("").each()).await;
    assert!(
        sentence.contains("S3_ACCESS_KEY_ID is not known"),
        "{sentence}"
    );
    assert!(!sentence.contains(SECRET));
    let folder = TempDir::new().unwrap();
    let output = command(folder.path(), &bucket.settings("").each(), &[]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("S3_ACCESS_KEY_ID is not known"));
}

#[tokio::test]
async fn a_storage_that_is_silent_does_not_stop_the_start() {
    let Some(moto) = moto() else { return };
    let wire = Wire::to(&moto).await;
    let bucket = Bucket::make(&moto).await;
    wire.cut();
    let app = spawn_app_with(&bucket.settings_over(&wire).each(), |_| {}).await;
    let ready = app.visitor().get_json("/health/ready").await;
    assert_eq!(ready.status(), StatusCode::OK);
    let ready: Value = ready.json().await.unwrap();
    assert_eq!(
        (&ready["status"], &ready["storage"]),
        (&"degraded".into(), &"unavailable".into())
    );
    let mara = app.sign_up("mara@example.org").await;
    let refused = mara.upload("Heart.md", NOTES).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    wire.mend();
    upload(&mara, "Heart.md", NOTES).await;
}
