//! A server that is killed as `kill -9` does, at every step of reading a document: after the next
//! start there is one whole document or none, nothing twice, nothing left behind.
//!
//! `KILLS_EACH` says how often each step is tried (default 2; `KILLS_EACH=20` takes some minutes).

use crate::support::{Client, PASSWORD, config_for};
use serde_json::Value;
use server::{
    Application,
    clock::Clock,
    failpoint,
    ingest::{files::Files, sweep},
    store::Db,
};
use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// Longest anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const PAGES: usize = 60;
const FOLDER: &str = "DYING_SERVER_FOLDER";
const PLACE: &str = "DYING_SERVER_PLACE";
const NTH: &str = "DYING_SERVER_NTH";

/// The steps of a document's way in, and how many times each is passed at least.
const STEPS: [(&str, u32); 14] = [
    ("placed", 1),
    ("entered", 1),
    ("claimed", 1),
    ("opened", 1),
    ("append", 3),
    ("appended", 3),
    ("extracted", 1),
    ("cleaned", 1),
    ("switch", 1),
    ("switched", 1),
    ("vectors", 3),
    ("embedded", 3),
    ("ready", 1),
    ("finished", 1),
];

#[allow(clippy::disallowed_methods)]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Not a story: the process the stories below start and kill.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a server for the other stories of this file"]
async fn the_server_that_dies() {
    let Some(folder) = setting(FOLDER) else {
        return;
    };
    if let (Some(place), Some(nth)) = (setting(PLACE), setting(NTH)) {
        let nth: u32 = nth.parse().unwrap();
        let passed = AtomicU32::new(0);
        failpoint::on_reach(move |reached| {
            if reached == place && passed.fetch_add(1, Ordering::SeqCst) + 1 == nth {
                let own = std::process::id().to_string();
                Command::new("kill").args(["-9", &own]).status().unwrap();
                // Never goes on, should the signal be slow.
                loop {
                    std::thread::park();
                }
            }
        });
    }
    let config = config_for(Path::new(&folder), &[("EMBEDDER", "stub")], |_| {});
    let application = Application::build(config, Clock::system()).await.unwrap();
    println!("\nLISTENS http://127.0.0.1:{}", application.addr().port());
    application.run(CancellationToken::new()).await;
}

struct Dying {
    process: Child,
    client: Client,
}

impl Dying {
    /// Starts it; with a `place` it dies there, the `nth` time.
    fn start(folder: &Path, place: Option<(&str, u32)>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([
                "--exact",
                "crash::the_server_that_dies",
                "--ignored",
                "--nocapture",
            ])
            .env(FOLDER, folder)
            .env_remove(PLACE)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some((place, nth)) = place {
            command.env(PLACE, place).env(NTH, nth.to_string());
        }
        let mut process = command.spawn().unwrap();
        let url = BufReader::new(process.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("LISTENS ")?.1.trim().to_owned()))
            .expect("it says where it listens");
        Self {
            process,
            client: Client::new(url),
        }
    }

    /// Waits until it has died of itself; false when it goes on living and all is read.
    async fn dies(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.process.try_wait().unwrap().is_some() {
                return true;
            }
            assert!(Instant::now() < deadline, "it neither died nor finished");
            tokio::time::sleep(Duration::from_millis(10)).await;
            // Another process' clock and disk: looking is all there is.
            if let Ok(Some(list)) = tokio::time::timeout(PATIENCE, self.materials()).await
                && !list.is_empty()
                && list.iter().all(settled)
            {
                tokio::time::sleep(Duration::from_millis(200)).await;
                return self.process.try_wait().unwrap().is_some();
            }
        }
    }

    async fn materials(&self) -> Option<Vec<Value>> {
        let (_, list) = self.client.try_call("materials", &[]).await?;
        list.as_array().cloned()
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn settled(material: &Value) -> bool {
    matches!(
        material["state"]["stage"].as_str(),
        Some("ready" | "failed")
    )
}

/// A document with a line that repeats on every page, which only its final version leaves out.
fn document() -> Vec<u8> {
    let pages: Vec<String> = (1..=PAGES)
        .map(|page| {
            let body: String = (0..12)
                .map(|line| {
                    format!("Sentence {line} of page {page} is about the heart and its work.\n")
                })
                .collect();
            format!("The Heart, a long story\n{body}")
        })
        .collect();
    pages.join("\u{c}").into_bytes()
}

/// What must be true of the data whatever happened before.
async fn check(folder: &Path, what: &str) {
    let db = Db::open(&folder.join(server::DATABASE_FILE)).await.unwrap();
    let (materials, ready, chunks, texts, ordinals, last, pages, vectors, jobs): (
        i64,
        i64,
        i64,
        i64,
        i64,
        i64,
        i64,
        i64,
        i64,
    ) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM materials), \
         (SELECT count(*) FROM materials WHERE state = 'ready'), \
         (SELECT count(*) FROM chunks), (SELECT count(DISTINCT text) FROM chunks), \
         (SELECT count(DISTINCT ordinal) FROM chunks WHERE ordinal >= 0), \
         (SELECT max(ordinal) FROM chunks), (SELECT count(*) FROM pages), \
         (SELECT count(*) FROM embeddings), (SELECT count(*) FROM ingest_jobs)",
    )
    .fetch_one(db.read())
    .await
    .unwrap();
    assert_eq!((materials, ready, jobs), (1, 1, 0), "{what}");
    let counted: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM events e JOIN materials m ON m.id = e.material_id WHERE e.kind = 'material'",
    )
    .fetch_one(db.read())
    .await
    .unwrap();
    assert_eq!(counted, 1, "{what}: the document counts, and once");
    assert_eq!(pages, PAGES as i64, "{what}: pages");
    assert!(chunks >= pages, "{what}: {chunks} passages");
    assert_eq!(
        (texts, ordinals, last + 1),
        (chunks, chunks, chunks),
        "{what}: passages"
    );
    assert_eq!(vectors, chunks, "{what}: vectors");
    let heads: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pages WHERE text LIKE 'The Heart, a%'")
            .fetch_one(db.read())
            .await
            .unwrap();
    assert_eq!(heads, 0, "{what}: the final version is there");
    let files = Files::open(folder).await.unwrap();
    let found = sweep::sweep(&db, &files, &Clock::system()).await.unwrap();
    assert_eq!(found.orphans(), 0, "{what}: {found:?}");
    db.close().await;
}

fn kills_each() -> u32 {
    setting("KILLS_EACH").map_or(2, |times| times.parse().expect("KILLS_EACH is a number"))
}

/// Starts again without dying and waits until all is read.
async fn recovers(folder: &Path) {
    let server = Dying::start(folder, None);
    server.client.try_sign_in("eve@example.org", PASSWORD).await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let list = server.materials().await.unwrap();
        if list.is_empty() {
            // It died before the document was taken: it is uploaded again.
            server.client.upload("heart.txt", &document()).await;
        } else if list.iter().all(settled) {
            break;
        }
        assert!(Instant::now() < deadline, "{list:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.kill();
}

#[tokio::test]
async fn killed_at_any_step_of_reading_there_is_one_whole_document_after_the_next_start() {
    for (step, passes) in STEPS {
        for round in 0..kills_each() {
            let nth = round % passes + 1;
            let what = format!("{step}, the time number {nth}");
            let folder = tempfile::tempdir().unwrap();
            let mut server = Dying::start(folder.path(), Some((step, nth)));
            server.client.try_sign_up("eve@example.org", PASSWORD).await;
            server.client.try_upload("heart.txt", &document()).await;
            assert!(server.dies().await, "{what}: never reached");
            recovers(folder.path()).await;
            check(folder.path(), &what).await;
        }
    }
}

#[tokio::test]
async fn killed_while_reading_again_the_old_version_or_the_new_one_is_there() {
    for step in [
        "claimed",
        "extracted",
        "cleaned",
        "switch",
        "switched",
        "ready",
    ] {
        for round in 0..kills_each() {
            let what = format!("reading again, {step}, round {round}");
            let folder = tempfile::tempdir().unwrap();
            let first = Dying::start(folder.path(), None);
            first.client.try_sign_up("eve@example.org", PASSWORD).await;
            first.kill();
            recovers(folder.path()).await;

            let mut server = Dying::start(folder.path(), Some((step, 1)));
            server.client.try_sign_in("eve@example.org", PASSWORD).await;
            let id = server.materials().await.unwrap()[0]["id"].clone();
            let id = id.as_str().unwrap();
            let _ = server
                .client
                .try_call("reprocess_material", &[("id", id)])
                .await;
            assert!(server.dies().await, "{what}: never reached");
            // What was searchable is so at every moment.
            let db = Db::open(&folder.path().join(server::DATABASE_FILE))
                .await
                .unwrap();
            let pages: i64 = sqlx::query_scalar("SELECT count(*) FROM pages")
                .fetch_one(db.read())
                .await
                .unwrap();
            assert_eq!(pages, PAGES as i64, "{what}");
            db.close().await;
            recovers(folder.path()).await;
            check(folder.path(), &what).await;
        }
    }
}

#[tokio::test]
async fn killed_between_the_row_and_the_file_of_a_deleted_document_nothing_stays() {
    for _ in 0..kills_each() {
        let folder = tempfile::tempdir().unwrap();
        let first = Dying::start(folder.path(), None);
        first.client.try_sign_up("eve@example.org", PASSWORD).await;
        first.kill();
        recovers(folder.path()).await;
        let mut server = Dying::start(folder.path(), Some(("deleted", 1)));
        server.client.try_sign_in("eve@example.org", PASSWORD).await;
        let id = server.materials().await.unwrap()[0]["id"].clone();
        let id = id.as_str().unwrap();
        let _ = server
            .client
            .try_call("delete_material", &[("id", id)])
            .await;
        server.process.wait().unwrap();
        // The start sweeps.
        recovers(folder.path()).await;
        check(folder.path(), "deleted").await;
    }
}

#[tokio::test]
async fn the_sweep_command_says_what_it_found() {
    let folder = tempfile::tempdir().unwrap();
    let first = Dying::start(folder.path(), None);
    first.client.try_sign_up("eve@example.org", PASSWORD).await;
    first.kill();
    recovers(folder.path()).await;
    let user = std::fs::read_dir(folder.path().join("files")).unwrap();
    let user = user.map(Result::unwrap).next().unwrap().path();
    std::fs::write(user.join("01890000-0000-7000-8000-000000000000"), "left").unwrap();
    let sweep = || {
        let output = Command::new(env!("CARGO_BIN_EXE_server"))
            .arg("sweep")
            .env("DATA_DIR", folder.path())
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let found = sweep();
    assert!(found.contains("     1 files without a material"), "{found}");
    let found = sweep();
    assert!(found.ends_with("     0 orphans\n"), "{found}");
}
