//! Documents of every kind on their way in: real ones, broken ones, hostile ones, and a server that
//! is killed while it reads.

use crate::support::{Client, PASSWORD, TestApp, spawn_app, spawn_app_with};
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

#[tokio::test]
async fn hostile_documents_end_in_a_sentence_and_the_server_goes_on() {
    let app = spawn_app().await;
    let client = app.sign_up("mallory@example.org").await;
    for (name, bytes) in hostile() {
        upload(&client, name, &bytes).await;
    }
    for material in all_settled(&client).await {
        let state = &material["state"];
        assert_eq!(state["stage"], "failed", "{material}");
        assert!(
            state["message"].as_str().unwrap().ends_with('.'),
            "{material}"
        );
    }
    upload(&client, "fine.txt", b"The server still reads.").await;
    let list = all_settled(&client).await;
    let fine = list.iter().find(|m| m["title"] == "fine").unwrap();
    assert_eq!(fine["state"]["stage"], "ready");
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
        let mut process = Command::new(env!("CARGO_BIN_EXE_server"))
            .env("PORT", "0")
            .env("DATA_DIR", data_dir)
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

    /// As `kill -9` does.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
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

/// A PDF with these objects, numbered from 1; the first is the catalog.
fn pdf(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"%PDF-1.5\n".to_vec();
    let mut offsets = Vec::new();
    for (number, object) in (1..).zip(objects) {
        offsets.push(out.len());
        out.extend(format!("{number} 0 obj\n").bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let table = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for offset in offsets {
        out.extend(format!("{offset:010} 00000 n \n").bytes());
    }
    let size = objects.len() + 1;
    out.extend(format!("trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{table}\n%%EOF").bytes());
    out
}

const CATALOG: &[u8] = b"<</Type/Catalog/Pages 2 0 R>>";
const PAGE: &[u8] = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<</F1 5 0 R>>>>/Contents 4 0 R>>";
const FONT: &[u8] = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>";

fn pdf_with(pages: &[u8], page: &[u8], content: &[u8]) -> Vec<u8> {
    let mut stream = format!("<</Length {}>>\nstream\n", content.len()).into_bytes();
    stream.extend(content);
    stream.extend(b"\nendstream");
    pdf(&[
        CATALOG.into(),
        pages.into(),
        page.into(),
        stream,
        FONT.into(),
    ])
}

fn pdf_of(content: &[u8]) -> Vec<u8> {
    pdf_with(b"<</Type/Pages/Kids[3 0 R]/Count 1>>", PAGE, content)
}

/// Documents made to crash, exhaust or hang their reader.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let noise = (0_u32..500_000).map(|i| (i.wrapping_mul(2_654_435_761) >> 23) as u8);
    let whole = pdf_of(b"BT (x) Tj ET");
    let deep = 1_000_000;
    let nested: Vec<u8> = [
        b"<</Type/Page/Parent 2 0 R/A ".to_vec(),
        vec![b'['; deep],
        vec![b']'; deep],
        b">>".to_vec(),
    ]
    .concat();
    vec![
        (
            "noise.pdf",
            b"%PDF-1.4\n".iter().copied().chain(noise).collect(),
        ),
        ("header.pdf", b"%PDF-1.4".to_vec()),
        ("cut.pdf", whole[..whole.len() / 3].to_vec()),
        (
            "loop.pdf",
            pdf_with(b"<</Type/Pages/Kids[2 0 R]/Count 1>>", PAGE, b""),
        ),
        (
            "nested objects.pdf",
            pdf_with(b"<</Type/Pages/Kids[3 0 R]/Count 1>>", &nested, b""),
        ),
        (
            "nested content.pdf",
            pdf_of(&[b"BT ".to_vec(), vec![b'['; deep], vec![b']'; deep]].concat()),
        ),
        (
            "many objects.pdf",
            [b"%PDF-1.4\n".to_vec(), b"1 0 obj\n".repeat(500_000)].concat(),
        ),
        (
            "open dictionaries.pdf",
            [b"%PDF-1.4\n1 0 obj\n".to_vec(), b"<<".repeat(2_000_000)].concat(),
        ),
        ("no text.pdf", pdf_of(b"0 0 m 9 9 l S")),
    ]
}
