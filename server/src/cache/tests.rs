//! What is kept and what is not, over a real database.

use super::*;
use crate::store::StoreError;
use std::sync::atomic::AtomicU32;
use tokio::sync::Notify;
use uuid::Uuid;

const ANNA: UserId = UserId::new(Uuid::from_u128(1));
const BEN: UserId = UserId::new(Uuid::from_u128(2));

struct Shelf {
    _dir: tempfile::TempDir,
    db: Db,
    caches: Caches,
    derived: AtomicU32,
}

impl Shelf {
    async fn open(is_on: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("test.db")).await.unwrap();
        let mut tx = db.write().await.unwrap();
        for (user, email) in [(ANNA, "anna@example.org"), (BEN, "ben@example.org")] {
            sqlx::query(
                "INSERT INTO users (id, email, password_hash, role, time_zone, created_at)
                 VALUES ($1, $2, '', 'student', 'UTC', '2026-01-01T00:00:00Z')",
            )
            .bind(user.uuid())
            .bind(email)
            .execute(&mut *tx)
            .await
            .unwrap();
        }
        tx.commit().await.unwrap();
        let config = CacheConfig {
            is_on,
            memory_bytes: 1 << 20,
            ttls: Ttls::default(),
            redis: None,
            similar_questions: None,
        };
        let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
        let caches = Caches::open(&config, db.clone(), Clock::system(), &tasks, &stopping);
        Self {
            _dir: dir,
            db,
            caches,
            derived: AtomicU32::new(0),
        }
    }

    fn texts(&self) -> Cached<String> {
        Cached::new(&self.caches, Namespace::Profile, "test", 1)
    }

    /// Derives a text that says how often one was.
    async fn derive(&self) -> Result<String, StoreError> {
        tokio::task::yield_now().await;
        Ok(format!("{}", self.derived.fetch_add(1, Ordering::SeqCst)))
    }

    async fn get(&self, user: UserId) -> (String, bool) {
        let got = self
            .texts()
            .get(user, &["what"], self.derive())
            .await
            .unwrap();
        ((*got.value).clone(), got.cached)
    }

    async fn change_profile(&self, user: UserId) {
        let mut tx = self.db.write().await.unwrap();
        sqlx::query("UPDATE users SET time_zone = 'Asia/Kolkata' WHERE id = $1")
            .bind(user.uuid())
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_value_is_derived_once_and_again_after_its_rows_changed() {
    let shelf = Shelf::open(true).await;
    assert_eq!(shelf.get(ANNA).await, ("0".into(), false));
    assert_eq!(shelf.get(ANNA).await, ("0".into(), true));
    shelf.change_profile(ANNA).await;
    assert_eq!(shelf.get(ANNA).await, ("1".into(), false));
    shelf.caches.end(Namespace::Profile).await.unwrap();
    assert_eq!(shelf.get(ANNA).await, ("2".into(), false));
    let figures = shelf.caches.figures().unwrap();
    let profile = figures
        .iter()
        .find(|one| one.namespace == Namespace::Profile)
        .unwrap();
    assert_eq!((profile.hits, profile.misses), (1, 3));
}

#[tokio::test]
async fn emptying_frees_the_memory_and_names_what_ends_with_it() {
    let shelf = Shelf::open(true).await;
    let texts = Cached::<String>::new(&shelf.caches, Namespace::Extracted, "test", 1);
    texts.get(ANNA, &["what"], shelf.derive()).await.unwrap();
    shelf.get(ANNA).await;
    let held = |namespace| {
        let figures = shelf.caches.figures().unwrap();
        let of = figures.into_iter().find(|one| one.namespace == namespace);
        let of = of.unwrap();
        (of.held, of.held_bytes > 0)
    };
    assert_eq!(held(Namespace::Extracted), (1, true));
    let with: Vec<_> = Namespace::Embedding.ending_with().collect();
    assert_eq!(with, [Namespace::Extracted]);
    shelf.caches.end(Namespace::Embedding).await.unwrap();
    assert_eq!(held(Namespace::Extracted), (0, false));
    assert_eq!(held(Namespace::Profile), (1, true));
}

#[tokio::test]
async fn what_documents_are_made_of_never_drives_out_the_rest() {
    let shelf = Shelf::open(true).await;
    shelf.get(ANNA).await;
    let texts = Cached::<String>::new(&shelf.caches, Namespace::Extracted, "test", 1);
    for number in 0..40_u32 {
        let large = async { Ok::<_, StoreError>("x".repeat(64 * 1_024)) };
        texts
            .get(ANNA, &[&number.to_string()], large)
            .await
            .unwrap();
    }
    if let Some(parts) = &shelf.caches.0 {
        parts.memory.settle().await;
    }
    assert_eq!(shelf.get(ANNA).await, ("0".into(), true));
    let figures = shelf.caches.figures().unwrap();
    let extracted = figures
        .iter()
        .find(|one| one.namespace == Namespace::Extracted);
    let extracted = extracted.unwrap();
    assert!(
        extracted.held > 0 && extracted.held_bytes <= 1 << 18,
        "{extracted:?}"
    );
}

#[tokio::test]
async fn two_students_asking_the_same_never_share_a_value() {
    let shelf = Shelf::open(true).await;
    assert_eq!(shelf.get(ANNA).await.0, "0");
    assert_eq!(shelf.get(BEN).await, ("1".into(), false));
    shelf.change_profile(BEN).await;
    assert_eq!(shelf.get(ANNA).await, ("0".into(), true));
}

#[tokio::test]
async fn switched_off_nothing_is_kept() {
    let shelf = Shelf::open(false).await;
    assert_eq!(shelf.get(ANNA).await, ("0".into(), false));
    assert_eq!(shelf.get(ANNA).await, ("1".into(), false));
    assert!(shelf.caches.figures().is_none());
}

#[tokio::test]
async fn a_hundred_who_ask_at_once_are_answered_by_one() {
    let shelf = Arc::new(Shelf::open(true).await);
    let asked = (0..100).map(|_| {
        let shelf = Arc::clone(&shelf);
        tokio::spawn(async move { shelf.get(ANNA).await.0 })
    });
    for answer in join_all(asked).await {
        assert_eq!(answer.unwrap(), "0");
    }
}

#[tokio::test]
async fn whoever_derives_may_go_away_and_the_others_are_answered() {
    let shelf = Arc::new(Shelf::open(true).await);
    let begun = Arc::new(Notify::new());
    let leader = {
        let (shelf, begun) = (Arc::clone(&shelf), Arc::clone(&begun));
        tokio::spawn(async move {
            let never = async {
                begun.notify_one();
                std::future::pending::<Result<String, StoreError>>().await
            };
            let _ = shelf.texts().get(ANNA, &["what"], never).await;
        })
    };
    begun.notified().await;
    let follower = {
        let shelf = Arc::clone(&shelf);
        tokio::spawn(async move { shelf.get(ANNA).await.0 })
    };
    leader.abort();
    assert_eq!(follower.await.unwrap(), "0");
}

#[tokio::test]
async fn a_failure_and_what_is_not_to_be_kept_are_derived_again() {
    let shelf = Shelf::open(true).await;
    let failed = shelf
        .texts()
        .get(ANNA, &["what"], async { Err::<String, _>("no") })
        .await;
    assert_eq!(*failed.unwrap_err(), "no");
    let picky = shelf.texts().keep_if(|text| text != "0");
    for expected in [false, false, true] {
        let got = picky.get(ANNA, &["what"], shelf.derive()).await.unwrap();
        assert_eq!(got.cached, expected);
    }
}

#[tokio::test]
async fn what_changes_while_a_value_is_derived_is_not_filed_under_the_new_state() {
    let shelf = Shelf::open(true).await;
    let slow = async {
        shelf.change_profile(ANNA).await;
        Ok::<_, StoreError>("old".to_owned())
    };
    shelf.texts().get(ANNA, &["what"], slow).await.unwrap();
    assert_eq!(shelf.get(ANNA).await, ("0".into(), false));
}

#[tokio::test]
async fn the_least_asked_for_gives_way_when_the_memory_is_full() {
    let shelf = Shelf::open(true).await;
    for number in 0..40_u32 {
        let large = async { Ok::<_, StoreError>("x".repeat(64 * 1_024)) };
        let what = number.to_string();
        shelf.texts().get(ANNA, &[&what], large).await.unwrap();
    }
    if let Some(parts) = &shelf.caches.0 {
        parts.memory.settle().await;
    }
    let figures = shelf.caches.figures().unwrap();
    let profile = figures
        .iter()
        .find(|one| one.namespace == Namespace::Profile)
        .unwrap();
    assert!(
        profile.evictions > 0 && profile.held_bytes <= 1 << 20,
        "{profile:?}"
    );
    // Only what leaves the process is compressed.
    assert!(profile.stored_bytes > 40 * 64 * 1_024);
    assert!(profile.compression_ratio == 1.0);
}
