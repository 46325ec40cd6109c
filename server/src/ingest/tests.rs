//! The upload story against a real database and real files; the extracting process is a script.

mod kept;
mod trust;

use super::*;
use crate::provider::{EmbedError, Embedder};
use app::model::material::MaterialState;
use std::{
    os::unix::fs::PermissionsExt,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};
use uuid::Uuid;

const TWO_PAGES: &str = r#"echo '{"page":1,"pages":2,"text":"The heart pumps blood into the aorta."}'
echo '{"page":2,"pages":2,"text":"The lungs take up oxygen from the air."}'
echo '{"done":{"pages":2}}'"#;
const HANGS: &str = r#"echo '{"page":1,"pages":2,"text":"one"}'; exec sleep 600"#;

struct House {
    dir: tempfile::TempDir,
    db: Db,
    slot: EmbedderSlot,
    changes: Arc<Changes>,
    caches: Caches,
    ingest: Arc<Ingest>,
    stop: CancellationToken,
    worker: Option<tokio::task::JoinHandle<()>>,
}

impl House {
    async fn new(script: &str) -> Self {
        Self::with(script, |_| Caches::off()).await
    }

    async fn with(script: &str, caches: impl FnOnce(&Db) -> Caches) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("db")).await.unwrap();
        let caches = caches(&db);
        for user in [alice(), bob()] {
            let mut tx = db.write().await.unwrap();
            sqlx::query("INSERT INTO users (id, email, password_hash, role, time_zone, created_at) VALUES ($1, $2, '', 'student', 'UTC', $3)")
                .bind(user.uuid())
                .bind(user.to_string())
                .bind(Clock::system().now())
                .execute(&mut *tx)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        }
        let slot = EmbedderSlot::empty();
        let changes = Arc::new(Changes::default());
        let ingest = build(&dir, &db, &slot, &changes, &caches).await;
        let mut house = Self {
            dir,
            db,
            slot,
            changes,
            caches,
            ingest,
            stop: CancellationToken::new(),
            worker: None,
        };
        house.set_script(script);
        house.start();
        house
    }

    fn set_script(&self, script: &str) {
        // Never written in place: a running script is read as it goes.
        let fresh = self.dir.path().join("fresh");
        std::fs::write(&fresh, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(fresh, self.dir.path().join("child")).unwrap();
    }

    fn start(&mut self) {
        self.stop = CancellationToken::new();
        let run = Arc::clone(&self.ingest).run(self.stop.clone());
        self.worker = Some(tokio::spawn(run));
    }

    async fn restart(&mut self) {
        self.stop.cancel();
        self.worker.take().unwrap().await.unwrap();
        let (db, slot, changes) = (&self.db, &self.slot, &self.changes);
        self.ingest = build(&self.dir, db, slot, changes, &self.caches).await;
        self.ingest.resume().await;
        self.start();
    }

    async fn upload(&self, user: UserId, name: &str, bytes: &'static str) -> UploadOutcome {
        let body =
            futures::stream::iter([Ok::<_, io::Error>(Bytes::from_static(bytes.as_bytes()))]);
        let received = self.ingest.shop.files.receive(body, 1_000).await.unwrap();
        self.ingest
            .admit(user, received, name, None, None)
            .await
            .unwrap()
    }

    async fn add(&self, user: UserId, bytes: &'static str) -> MaterialId {
        match self.upload(user, "notes.md", bytes).await {
            UploadOutcome::Added { material } => material.id,
            other => panic!("{other:?}"),
        }
    }

    async fn until(&self, id: MaterialId, done: impl Fn(&Material) -> bool) -> Material {
        let mut changes = self.changes.subscribe();
        let wait = async {
            loop {
                let found = materials::find(&self.db, alice(), id)
                    .await
                    .unwrap()
                    .unwrap();
                if done(&found) {
                    return found;
                }
                let _ = changes.recv().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait)
            .await
            .expect("the material never got there")
    }

    async fn settled(&self, id: MaterialId) -> Material {
        self.until(id, |material| material.state.is_settled()).await
    }

    async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query)
            .fetch_one(self.db.read())
            .await
            .unwrap()
    }
}

async fn build(
    dir: &tempfile::TempDir,
    db: &Db,
    slot: &EmbedderSlot,
    changes: &Arc<Changes>,
    caches: &Caches,
) -> Arc<Ingest> {
    Ingest::new(
        db.clone(),
        Files::open(dir.path()).await.unwrap(),
        slot.clone(),
        Arc::clone(changes),
        Clock::system(),
        Limits {
            file_max_bytes: 500,
            user_max_bytes: 800,
            user_max_materials: 1_000,
            extractor: dir.path().join("child"),
        },
        caches,
    )
}

fn alice() -> UserId {
    UserId::new(Uuid::from_u128(1))
}

fn bob() -> UserId {
    UserId::new(Uuid::from_u128(2))
}

#[derive(Default)]
struct Fake {
    broken: AtomicBool,
    /// Says itself that it is not to be asked now.
    rests: AtomicBool,
    /// Texts it was given while it worked.
    texts: AtomicUsize,
}

#[async_trait::async_trait]
impl Embedder for Fake {
    fn id(&self) -> &str {
        "fake"
    }

    fn label(&self) -> String {
        "fake".to_owned()
    }
    fn dimension(&self) -> usize {
        2
    }
    async fn embed_documents(
        &self,
        texts: Vec<String>,
    ) -> Result<Vec<Option<Vec<f32>>>, EmbedError> {
        if self.broken.load(Ordering::Relaxed) || self.rests.load(Ordering::Relaxed) {
            return Err(EmbedError::Stopped);
        }
        self.texts.fetch_add(texts.len(), Ordering::Relaxed);
        let vector = |text: &String| (!text.contains("refused")).then(|| vec![1.0, 0.0]);
        Ok(texts.iter().map(vector).collect())
    }
    async fn embed_query(&self, _text: &str) -> Result<Vec<f32>, EmbedError> {
        Err(EmbedError::Stopped)
    }
    fn count_tokens(&self, text: &str) -> usize {
        text.split_whitespace().count()
    }
    fn problem(&self) -> Option<String> {
        let rests = self.rests.load(Ordering::Relaxed);
        rests.then(|| "The service rests.".to_owned())
    }
}

#[tokio::test]
async fn an_uploaded_file_becomes_readable_and_searchable() {
    let house = House::new(TWO_PAGES).await;
    house.slot.fill(Arc::new(Fake::default()));
    let id = house.add(alice(), "some bytes").await;
    let ready = house.settled(id).await;
    assert_eq!(ready.state, MaterialState::Ready);
    assert!(ready.embedded);
    assert_eq!((ready.page_count, ready.empty_pages), (Some(2), 0));
    assert_eq!(
        (ready.title.as_str(), ready.file_name.as_str()),
        ("notes", "notes.md")
    );
    let text = materials::page_text(&house.db, alice(), id, 2)
        .await
        .unwrap();
    assert_eq!(text.unwrap(), "The lungs take up oxygen from the air.");
    assert_eq!(house.count("SELECT count(*) FROM ingest_jobs").await, 0);
    let vectors = "SELECT count(*) FROM embeddings WHERE length(vector) = 8 AND embedder = 'fake'";
    assert_eq!(
        house.count(vectors).await,
        house.count("SELECT count(*) FROM chunks").await
    );
    let found = "SELECT count(*) FROM chunks WHERE text LIKE '%oxygen%'";
    assert_eq!(house.count(found).await, 1);
    assert!(house.ingest.shop.files.path(alice(), id).exists());
    assert_eq!(materials::counts(&house.db, alice()).await.unwrap(), (1, 0));
}

#[tokio::test]
async fn without_a_model_words_are_found_at_once_and_vectors_follow_when_it_arrives() {
    let house = House::new(TWO_PAGES).await;
    let id = house.add(alice(), "some bytes").await;
    let ready = house.settled(id).await;
    assert_eq!(ready.state, MaterialState::Ready);
    assert!(!ready.embedded);
    assert!(house.count("SELECT count(*) FROM chunks").await > 0);
    house.slot.fill(Arc::new(Fake::default()));
    house.until(id, |material| material.embedded).await;
}

#[tokio::test]
async fn an_embedder_that_fails_leaves_the_words_searchable() {
    let house = House::new(TWO_PAGES).await;
    let fake = Arc::new(Fake::default());
    fake.broken.store(true, Ordering::Relaxed);
    house.slot.fill(fake);
    let id = house.add(alice(), "some bytes").await;
    let ready = house.settled(id).await;
    assert_eq!(ready.state, MaterialState::Ready);
    assert!(!ready.embedded);
    let waiting = "SELECT count(*) FROM ingest_jobs WHERE kind = 'embed'";
    assert_eq!(house.count(waiting).await, 1);
}

#[tokio::test]
async fn a_bad_document_says_so_and_can_be_tried_again() {
    let house =
        House::new(r#"echo '{"failed":{"kind":"locked","message":"It needs a password."}}'"#).await;
    let id = house.add(alice(), "some bytes").await;
    let failed = house.settled(id).await;
    assert_eq!(
        failed.state,
        MaterialState::Failed {
            kind: FailureKind::Locked,
            message: "It needs a password.".into()
        }
    );
    assert_eq!(house.count("SELECT count(*) FROM ingest_jobs").await, 0);
    assert!(house.ingest.retry(bob(), id).await.unwrap().is_none());
    house.set_script(TWO_PAGES);
    let queued = house.ingest.retry(alice(), id).await.unwrap().unwrap();
    assert_eq!(queued.state, MaterialState::Queued);
    assert_eq!(house.settled(id).await.state, MaterialState::Ready);
}

#[tokio::test]
async fn the_servers_own_faults_are_tried_three_times() {
    let house = House::new("exit").await;
    std::fs::remove_file(house.dir.path().join("child")).unwrap();
    let id = house.add(alice(), "some bytes").await;
    let postponed = "SELECT count(*) FROM ingest_jobs WHERE attempt = 1";
    let mut changes = house.changes.subscribe();
    while house.count(postponed).await == 0 {
        let _ = tokio::time::timeout(Duration::from_secs(30), changes.recv())
            .await
            .unwrap();
    }
    let waiting = materials::find(&house.db, alice(), id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(waiting.state, MaterialState::Queued);
    let mut tx = house.db.write().await.unwrap();
    sqlx::query("UPDATE ingest_jobs SET attempt = 2, not_before = queued_at")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    house.ingest.wake.notify_one();
    let failed = house.settled(id).await;
    assert!(matches!(
        failed.state,
        MaterialState::Failed {
            kind: FailureKind::Server,
            ..
        }
    ));
    assert!(house.ingest.shop.files.path(alice(), id).exists());
}

#[tokio::test]
async fn what_is_not_wanted_is_refused_with_a_sentence() {
    let house = House::new(HANGS).await;
    let first = house.add(alice(), "the same bytes").await;
    match house
        .upload(alice(), "other name.txt", "the same bytes")
        .await
    {
        UploadOutcome::Duplicate { material } => assert_eq!(material.id, first),
        other => panic!("{other:?}"),
    }
    // Another user's same bytes are her own.
    assert!(matches!(
        house.upload(bob(), "notes.md", "the same bytes").await,
        UploadOutcome::Added { .. }
    ));
    for (name, bytes) in [
        ("a.pdf", "\u{89}PNG not really \0\0\0"),
        ("blank.txt", "   \n"),
        ("large.txt", "0123456789 ".repeat(60).leak()),
    ] {
        match house.upload(alice(), name, bytes).await {
            UploadOutcome::Refused { file_name, message } => {
                assert_eq!(file_name, name);
                assert!(message.ends_with('.'));
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    house.add(alice(), "abcdefghi ".repeat(45).leak()).await;
    match house
        .upload(alice(), "b.txt", "123456789 ".repeat(45).leak())
        .await
    {
        UploadOutcome::Refused { message, .. } => assert!(message.contains("too little")),
        other => panic!("{other:?}"),
    }
    let used = materials::used_bytes(&house.db, alice()).await.unwrap();
    assert_eq!(used, 14 + 450);
    assert_eq!(
        std::fs::read_dir(house.dir.path().join("incoming"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn deleting_stops_the_work_and_leaves_nothing() {
    let house = House::new(HANGS).await;
    let id = house.add(alice(), "some bytes").await;
    house
        .until(id, |m| matches!(m.state, MaterialState::Reading { .. }))
        .await;
    assert!(!house.ingest.delete(bob(), id).await.unwrap());
    assert!(house.ingest.delete(alice(), id).await.unwrap());
    assert!(!house.ingest.delete(alice(), id).await.unwrap());
    assert!(!house.ingest.shop.files.path(alice(), id).exists());
    assert_eq!(house.count("SELECT count(*) FROM materials").await, 0);
    assert_eq!(house.count("SELECT count(*) FROM ingest_jobs").await, 0);
    // Both workers are free again.
    house.set_script(TWO_PAGES);
    let next = house.add(alice(), "other bytes").await;
    assert_eq!(house.settled(next).await.state, MaterialState::Ready);
    assert!(house.ingest.delete(alice(), next).await.unwrap());
    let left = "SELECT (SELECT count(*) FROM pages) + (SELECT count(*) FROM chunks) + (SELECT count(*) FROM embeddings)";
    assert_eq!(house.count(left).await, 0);
}

#[tokio::test]
async fn work_cut_off_is_finished_after_a_restart_without_a_second_copy() {
    let mut house = House::new(HANGS).await;
    house.slot.fill(Arc::new(Fake::default()));
    let id = house.add(alice(), "some bytes").await;
    house
        .until(id, |m| matches!(m.state, MaterialState::Reading { .. }))
        .await;
    house.set_script(TWO_PAGES);
    house.restart().await;
    assert_eq!(house.settled(id).await.state, MaterialState::Ready);
    let chunks = house.count("SELECT count(*) FROM chunks").await;
    // The same job once more, as if the end of the first had not been recorded.
    let mut tx = house.db.write().await.unwrap();
    let now = Clock::system().now();
    jobs::enqueue(&mut tx, id, Kind::Read, now).await.unwrap();
    tx.commit().await.unwrap();
    let mut changes = house.changes.subscribe();
    house.ingest.wake.notify_one();
    while house.count("SELECT count(*) FROM ingest_jobs").await > 0 {
        let _ = tokio::time::timeout(Duration::from_secs(30), changes.recv())
            .await
            .unwrap();
    }
    assert_eq!(house.count("SELECT count(*) FROM chunks").await, chunks);
    assert_eq!(house.count("SELECT count(*) FROM pages").await, 2);
}

#[tokio::test]
async fn the_sample_is_added_once() {
    let house = House::new(TWO_PAGES).await;
    // The test's own limits are smaller than the sample.
    let error = house.ingest.add_sample(alice()).await.unwrap_err();
    assert!(matches!(error, IngestError::Refused(_)));
    let mut limits = house.ingest.limits.clone();
    (limits.file_max_bytes, limits.user_max_bytes) = (1 << 20, 1 << 20);
    let roomy = Ingest::new(
        house.db.clone(),
        house.ingest.shop.files.clone(),
        house.slot.clone(),
        Arc::clone(&house.changes),
        Clock::system(),
        limits,
        &Caches::off(),
    );
    let sample = roomy.add_sample(alice()).await.unwrap();
    assert_eq!(sample.title, "Cardiac output in two pages");
    assert_eq!(roomy.add_sample(alice()).await.unwrap().id, sample.id);
}
