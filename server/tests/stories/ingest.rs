//! Documents of every kind on their way in: real ones, broken ones, hostile ones, and a server that
//! is killed while it reads.

use crate::{
    extraction::{
        files::{pdf_of, text_pdf},
        hostile,
    },
    support::{Client, PASSWORD, TestApp, spawn_app, spawn_app_with},
};
use serde_json::Value;
use server::store::Db;
use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Longest a document may take here: the child's own limits, and a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);
/// Words that make a document one that must be readable.
const WORDS_ENOUGH: usize = 20;

async fn upload(client: &Client, name: &str, bytes: &[u8]) -> Value {
    let answer = client.upload(name, bytes).await;
    let status = answer.status();
    let text = answer.text().await.unwrap();
    let outcomes: Value =
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{name}: {status} {text}"));
    outcomes[0].clone()
}

async fn materials(client: &Client) -> Vec<Value> {
    let (_, list) = client.call("materials", &[]).await;
    list.as_array().unwrap_or_else(|| panic!("{list}")).clone()
}

/// Waits until nothing is on its way any more.
async fn all_settled(client: &Client) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let list = materials(client).await;
        let settled = |m: &Value| matches!(m["state"]["stage"].as_str(), Some("ready" | "failed"));
        if list.iter().all(settled) {
            return list;
        }
        assert!(Instant::now() < deadline, "still on the way: {list:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn extract(file: &Path) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_server"))
        .arg("extract")
        .arg(file)
        .env_clear()
        .output()
        .unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_extract_command_writes_one_object_a_page_and_an_ending() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes");
    std::fs::write(&file, "one\u{c}two").unwrap();
    let lines = extract(&file);
    assert_eq!(lines.len(), 3);
    assert_eq!(
        (&lines[0]["page"], &lines[0]["text"]),
        (&1.into(), &"one".into())
    );
    assert_eq!(
        (&lines[1]["page"], &lines[1]["text"]),
        (&2.into(), &"two".into())
    );
    assert_eq!(lines[2], serde_json::json!({"done": {"pages": 2}}));
    std::fs::write(&file, "").unwrap();
    assert_eq!(extract(&file)[0]["failed"]["kind"], "empty");
    std::fs::write(&file, b"MZ\x90\0 a program").unwrap();
    assert_eq!(extract(&file)[0]["failed"]["kind"], "unsupported");
}

#[tokio::test]
async fn a_pdf_is_read_page_by_page() {
    let app = spawn_app().await;
    let client = app.sign_up("ada@example.org").await;
    let content = b"BT /F1 12 Tf 50 700 Td (The heart pumps five litres a minute.) Tj ET";
    let outcome = upload(&client, "Heart.pdf", &pdf_of(content)).await;
    assert_eq!(outcome["outcome"], "added", "{outcome}");
    let material = all_settled(&client).await.remove(0);
    assert_eq!(material["state"]["stage"], "ready", "{material}");
    assert_eq!(material["title"], "Heart");
    assert_eq!(material["page_count"], 1);
    let id = material["id"].as_str().unwrap();
    let (_, page) = client
        .call(
            "material_page",
            &[("id", id), ("page", "1"), ("highlight[chunk]", "0")],
        )
        .await;
    assert_eq!(page["text"], "The heart pumps five litres a minute.");
}

/// Most that a server's memory may grow by over all that the hostile documents make it do.
const HOSTILE_GROWTH_MAX_KB: u64 = 50 * 1024;

#[tokio::test]
async fn every_hostile_document_is_named_while_the_server_goes_on_with_flat_memory() {
    let documents = hostile::all();
    let pdfs = documents
        .iter()
        .filter(|(name, _)| name.ends_with(".pdf"))
        .count();
    assert!(
        pdfs >= 60 && documents.len() - pdfs >= 30,
        "{pdfs} of {}",
        documents.len()
    );
    let folder = tempfile::tempdir().unwrap();
    let settings = [("EMBEDDER", "stub"), ("UPLOADS_PER_MINUTE", "10000")];
    let mut program = Program::start_with(folder.path(), &settings);
    let client = Client::new(program.url.clone());
    client.try_sign_up("mallory@example.org", PASSWORD).await;
    let before = upload(&client, "before.pdf", &text_pdf()).await;
    assert_eq!(before["outcome"], "added");
    all_settled(&client).await;
    program.forget_peak();
    let held_before = program.memory_kb("VmRSS");

    for (name, bytes) in &documents {
        let outcome = upload(&client, name, bytes).await;
        let is_named = match outcome["outcome"].as_str() {
            Some("refused") => outcome["message"].as_str().unwrap().ends_with('.'),
            Some(outcome) => matches!(outcome, "added" | "duplicate"),
            None => false,
        };
        assert!(is_named, "{name}: {outcome}");
    }
    for material in all_settled(&client).await {
        let state = &material["state"];
        let is_named = match state["stage"].as_str() {
            Some("ready") => true,
            _ => state["message"].as_str().unwrap().ends_with('.'),
        };
        assert!(is_named, "{material}");
        println!(
            "{}: {}",
            material["file_name"],
            state["kind"].as_str().unwrap_or("ready")
        );
    }
    let after = upload(&client, "after.txt", b"The server still reads.").await;
    assert_eq!(after["outcome"], "added");
    let list = all_settled(&client).await;
    let after = list.iter().find(|m| m["title"] == "after").unwrap();
    assert_eq!(after["state"]["stage"], "ready");

    let (held, peak) = (program.memory_kb("VmRSS"), program.memory_kb("VmHWM"));
    println!("{held_before} KB before, {held} KB after, {peak} KB at most");
    assert!(peak.saturating_sub(held_before) < HOSTILE_GROWTH_MAX_KB);
    assert!(program.process.try_wait().unwrap().is_none());
    program.kill();
}

/// Set `CORPUS_DIR` to a folder of PDFs.
#[tokio::test]
async fn every_real_pdf_with_words_is_read_and_every_other_says_why() {
    let Some(folder) = std::env::var_os("CORPUS_DIR").map(PathBuf::from) else {
        println!("skipped: CORPUS_DIR is not set");
        return;
    };
    let app: TestApp = spawn_app_with(&[], |_| {}).await;
    let client = app.sign_up("reader@example.org").await;
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pdf"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let mut words = std::collections::HashMap::new();
    for file in &files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let outcome = upload(&client, &name, &std::fs::read(file).unwrap()).await;
        assert_eq!(outcome["outcome"], "added", "{outcome}");
        words.insert(name, words_in(file));
    }
    let list = all_settled(&client).await;
    assert_eq!(list.len(), files.len());
    for material in list {
        let name = material["file_name"].as_str().unwrap();
        let state = &material["state"];
        println!(
            "{:>6} words, {}: {name}",
            words[name],
            state["kind"].as_str().unwrap_or("ready")
        );
        if words[name] >= WORDS_ENOUGH {
            assert_eq!(state["stage"], "ready", "{material}");
        } else if state["stage"] == "failed" {
            assert!(!state["message"].as_str().unwrap().is_empty());
        }
    }
}

/// What pdftotext finds; nothing where it is not installed.
fn words_in(file: &Path) -> usize {
    let output = Command::new("pdftotext").arg(file).arg("-").output();
    output.map_or(0, |output| {
        String::from_utf8_lossy(&output.stdout)
            .split_whitespace()
            .count()
    })
}

struct Program {
    process: Child,
    url: String,
}

impl Program {
    fn start(data_dir: &Path) -> Self {
        Self::start_with(data_dir, &[])
    }

    fn start_with(data_dir: &Path, settings: &[(&str, &str)]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_server"))
            .env("PORT", "0")
            .env("DATA_DIR", data_dir)
            .envs(settings.iter().copied())
            .current_dir(data_dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut said)
            .unwrap();
        let url = said.trim().rsplit(' ').next().unwrap().to_owned();
        Self { process, url }
    }

    /// A figure of the process' own, in KB; nothing where there is no `/proc`.
    fn memory_kb(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let figure = |status: String| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        status.ok().and_then(figure).unwrap_or(0)
    }

    /// Begins to measure the most memory held anew.
    fn forget_peak(&self) {
        let _ = std::fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5");
    }

    /// As `kill -9` does.
    fn kill(self) {
        drop(self);
    }
}

/// A story that fails leaves no server behind.
impl Drop for Program {
    fn drop(&mut self) {
        // It may have died of itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_server_killed_while_it_reads_finishes_after_the_next_start_without_a_second_copy() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path());
    let client = Client::new(program.url.clone());
    client.try_sign_up("eve@example.org", PASSWORD).await;
    let text: String = (0..40_000)
        .map(|n| format!("Sentence {n} says that the heart pumps blood through the body. "))
        .collect();
    let outcome = upload(&client, "long.txt", text.as_bytes()).await;
    assert_eq!(outcome["outcome"], "added", "{outcome}");
    program.kill();
    // Killed again at different depths of the work.
    for millis in [40, 150, 400, 800] {
        let program = Program::start(folder.path());
        tokio::time::sleep(Duration::from_millis(millis)).await;
        program.kill();
    }
    let program = Program::start(folder.path());
    let client = Client::new(program.url.clone());
    client.try_sign_in("eve@example.org", PASSWORD).await;
    let material = all_settled(&client).await.remove(0);
    assert_eq!(material["state"]["stage"], "ready", "{material}");
    program.kill();
    let db = Db::open(&folder.path().join(server::DATABASE_FILE))
        .await
        .unwrap();
    let (chunks, texts, pages, jobs): (i64, i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM chunks), (SELECT count(DISTINCT text) FROM chunks), \
         (SELECT count(*) FROM pages), (SELECT count(*) FROM ingest_jobs WHERE kind = 'read')",
    )
    .fetch_one(db.read())
    .await
    .unwrap();
    assert!(chunks > 1_000, "{chunks}");
    assert_eq!(chunks, texts, "a passage is there twice");
    assert_eq!(Some(pages), material["page_count"].as_i64());
    assert_eq!(jobs, 0);
}
