//! What a student can rely on while documents are read: pages found before the end, stopping and
//! reading again, faults that stay small, and jobs that nobody holds twice.

use super::*;
use crate::store::{
    materials::{states, text, vectors},
    passages,
};

/// Three pages of which the last one never comes; each long enough to be a passage of its own.
fn two_pages_then_silence() -> String {
    format!(
        "echo '{}'\necho '{}'\nexec sleep 600",
        page(1, 3, "oxygen"),
        page(2, 3, "glucose")
    )
}

fn page(number: u32, of: u32, word: &str) -> String {
    let text = format!(
        "{} ends here.",
        format!("The {word} of page {number} is told. ").repeat(9)
    );
    format!(r#"{{"page":{number},"pages":{of},"text":"{text}"}}"#)
}

fn pages(words: &[&str]) -> String {
    let of = words.len() as u32;
    let mut script: Vec<String> = (1..)
        .zip(words)
        .map(|(number, word)| format!("echo '{}'", page(number, of, word)))
        .collect();
    script.push(format!(r#"echo '{{"done":{{"pages":{of}}}}}'"#));
    script.join("\n")
}

impl House {
    async fn finds(&self, word: &str) -> bool {
        let query = "SELECT count(*) FROM chunks WHERE text LIKE '%' || $1 || '%'";
        let found: i64 = sqlx::query_scalar(query)
            .bind(word)
            .fetch_one(self.db.read())
            .await
            .unwrap();
        found > 0
    }

    /// Makes every waiting job due and wakes the workers.
    async fn hurry(&self) {
        let mut tx = self.db.write().await.unwrap();
        sqlx::query("UPDATE ingest_jobs SET not_before = queued_at")
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        self.ingest.wake.notify_one();
    }

    async fn until_jobs(&self, query: &'static str, wanted: i64) {
        let mut changes = self.changes.subscribe();
        while self.count(query).await != wanted {
            let _ = tokio::time::timeout(Duration::from_secs(30), changes.recv())
                .await
                .expect("the jobs never got there");
        }
    }
}

#[tokio::test]
async fn the_first_pages_are_found_while_the_rest_is_still_being_read() {
    let house = House::new(&two_pages_then_silence()).await;
    house.slot.fill(Arc::new(Fake::default()));
    let id = house.add(alice(), "some bytes").await;
    let reading = house.until(id, |m| m.pages_searchable == 2).await;
    assert!(
        matches!(reading.state, MaterialState::Reading { pages: Some(3), .. }),
        "{reading:?}"
    );
    assert_eq!(reading.page_count, Some(3));
    assert!(house.finds("oxygen").await && house.finds("glucose").await);
    assert!(!reading.embedded);
    let so_far = materials::so_far(&house.db, alice()).await.unwrap();
    assert_eq!(
        so_far.unwrap().sentence(),
        "Using 2 of 3 pages so far; the rest is still being read."
    );
    // Also by meaning, before the end.
    let vectors = "SELECT count(*) FROM embeddings";
    house
        .until_jobs(vectors, house.count("SELECT count(*) FROM chunks").await)
        .await;
}

#[tokio::test]
async fn stopping_keeps_what_was_read_and_trying_again_reads_the_rest_without_a_second_copy() {
    let house = House::new(&two_pages_then_silence()).await;
    let id = house.add(alice(), "some bytes").await;
    house.until(id, |m| m.pages_searchable == 2).await;
    assert!(house.ingest.cancel(bob(), id).await.unwrap().is_none());
    let stopped = house.ingest.cancel(alice(), id).await.unwrap().unwrap();
    assert!(
        matches!(&stopped.state, MaterialState::Failed { kind: FailureKind::Cancelled, message } if message.ends_with('.')),
        "{stopped:?}"
    );
    assert_eq!(stopped.pages_searchable, 2);
    assert!(house.finds("oxygen").await);
    let left = "SELECT count(*) FROM ingest_jobs WHERE kind = 'embed'";
    assert_eq!(
        house.count(left).await,
        1,
        "what was read lacks its vectors"
    );

    house.set_script(&pages(&["oxygen", "glucose", "insulin"]));
    house.ingest.retry(alice(), id).await.unwrap();
    let ready = house.settled(id).await;
    assert_eq!(ready.state, MaterialState::Ready);
    assert_eq!((ready.page_count, ready.pages_searchable), (Some(3), 3));
    assert!(house.finds("insulin").await);
    assert_eq!(house.count("SELECT count(*) FROM chunks").await, 3);
    assert_eq!(house.count("SELECT count(*) FROM pages").await, 3);
    // A settled one is left alone.
    let same = house.ingest.cancel(alice(), id).await.unwrap().unwrap();
    assert_eq!(same.state, MaterialState::Ready);
}

#[tokio::test]
async fn reading_again_keeps_the_old_version_until_the_new_one_is_whole_and_embeds_only_what_is_new()
 {
    let house = House::new(&pages(&["oxygen", "glucose"])).await;
    let fake = Arc::new(Fake::default());
    house.slot.fill(Arc::clone(&fake) as Arc<dyn Embedder>);
    let id = house.add(alice(), "some bytes").await;
    house.settled(id).await;
    assert_eq!(fake.texts.load(Ordering::Relaxed), 2);

    house.set_script(&two_pages_then_silence().replace("glucose", "insulin"));
    house.ingest.reprocess(alice(), id).await.unwrap().unwrap();
    house
        .until(id, |m| {
            matches!(m.state, MaterialState::Reading { page: 2, .. })
        })
        .await;
    assert!(house.finds("glucose").await && !house.finds("insulin").await);
    let back = house.ingest.cancel(alice(), id).await.unwrap().unwrap();
    assert_eq!((back.state, back.embedded), (MaterialState::Ready, true));
    assert!(house.finds("glucose").await);

    house.set_script(&pages(&["oxygen", "insulin"]));
    house.ingest.reprocess(alice(), id).await.unwrap().unwrap();
    let new = house.settled(id).await;
    assert_eq!((new.state, new.embedded), (MaterialState::Ready, true));
    assert!(house.finds("insulin").await && !house.finds("glucose").await);
    assert_eq!(fake.texts.load(Ordering::Relaxed), 3, "one page is new");
    assert_eq!(house.count("SELECT count(*) FROM embeddings").await, 2);
}

#[tokio::test]
async fn a_document_that_cannot_be_read_again_stays_as_it_was_and_says_why() {
    let house = House::new(&pages(&["oxygen", "glucose"])).await;
    let id = house.add(alice(), "some bytes").await;
    house.settled(id).await;
    house.set_script(r#"echo '{"failed":{"kind":"damaged","message":"It is damaged."}}'"#);
    house.ingest.reprocess(alice(), id).await.unwrap();
    let kept = house.settled(id).await;
    assert_eq!(kept.state, MaterialState::Ready);
    assert!(kept.note.unwrap().contains("It is damaged."));
    assert!(house.finds("glucose").await);
}

#[tokio::test]
async fn a_document_that_fails_on_its_way_leaves_nothing_half_read() {
    let script = format!(
        "echo '{}'\nsleep 2\necho '{}'",
        page(1, 3, "oxygen"),
        r#"{"failed":{"kind":"too_large","message":"It is too large."}}"#
    );
    let house = House::new(&script).await;
    let id = house.add(alice(), "some bytes").await;
    house.until(id, |m| m.pages_searchable == 1).await;
    let failed = house.settled(id).await;
    assert!(matches!(
        failed.state,
        MaterialState::Failed {
            kind: FailureKind::TooLarge,
            ..
        }
    ));
    assert_eq!(failed.pages_searchable, 0);
    assert!(!house.finds("oxygen").await);
    assert_eq!(house.count("SELECT count(*) FROM pages").await, 0);
}

#[tokio::test]
async fn a_text_that_cannot_be_embedded_costs_its_own_vector_and_is_never_asked_for_again() {
    let house = House::new(&pages(&["oxygen", "refused", "insulin"])).await;
    let fake = Arc::new(Fake::default());
    house.slot.fill(Arc::clone(&fake) as Arc<dyn Embedder>);
    let id = house.add(alice(), "some bytes").await;
    let ready = house.settled(id).await;
    assert_eq!((ready.state, ready.embedded), (MaterialState::Ready, true));
    assert!(
        ready
            .note
            .unwrap()
            .starts_with("One passage cannot be searched by meaning")
    );
    assert!(house.finds("refused").await);
    let now = Clock::system().now();
    let queued = jobs::enqueue_missing_vectors(&house.db, "fake", now).await;
    assert_eq!(queued.unwrap(), 0);
    let stored = passages::of_materials(&house.db, alice(), "fake", &[id.uuid()])
        .await
        .unwrap();
    let vectors = stored
        .iter()
        .filter(|one| one.numbers(2).unwrap().is_some());
    assert_eq!((stored.len(), vectors.count()), (3, 2));
    assert_eq!(fake.texts.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn vectors_that_could_not_be_made_follow_when_the_embedder_works_again() {
    let house = House::new(&pages(&["oxygen", "glucose"])).await;
    let fake = Arc::new(Fake::default());
    fake.broken.store(true, Ordering::Relaxed);
    house.slot.fill(Arc::clone(&fake) as Arc<dyn Embedder>);
    let id = house.add(alice(), "some bytes").await;
    let ready = house.settled(id).await;
    assert!(ready.note.unwrap().contains("by its words"));
    house.hurry().await;
    // Still broken: put off, with the attempt counted.
    house
        .until_jobs(
            "SELECT count(*) FROM ingest_jobs WHERE attempt = 1 AND error_kind = 'embed'",
            1,
        )
        .await;
    fake.broken.store(false, Ordering::Relaxed);
    house.hurry().await;
    let whole = house.until(id, |m| m.embedded).await;
    assert_eq!(whole.note, None);
    assert_eq!(house.count("SELECT count(*) FROM ingest_jobs").await, 0);
}

#[tokio::test]
async fn what_was_read_of_a_stopped_document_gets_its_vectors_and_stays_stopped() {
    let mut house = House::new(&two_pages_then_silence()).await;
    let fake = Arc::new(Fake::default());
    fake.broken.store(true, Ordering::Relaxed);
    house.slot.fill(Arc::clone(&fake) as Arc<dyn Embedder>);
    let id = house.add(alice(), "some bytes").await;
    house.until(id, |m| m.pages_searchable == 2).await;
    fake.broken.store(false, Ordering::Relaxed);
    house.ingest.cancel(alice(), id).await.unwrap().unwrap();
    let settled = async |house: &House| {
        house.hurry().await;
        let made = async {
            while !vectors::is_settled(&house.db, alice(), "fake")
                .await
                .unwrap()
                || house.count("SELECT count(*) FROM ingest_jobs").await > 0
            {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), made)
            .await
            .unwrap();
        let material = materials::find(&house.db, alice(), id).await.unwrap();
        let state = material.unwrap().state;
        assert!(
            matches!(&state, MaterialState::Failed { kind: FailureKind::Cancelled, message } if !message.is_empty()),
            "{state:?}"
        );
    };
    settled(&house).await;
    // As after a change of embedder: what is searchable is made anew, whatever its state.
    let mut tx = house.db.write().await.unwrap();
    sqlx::query("UPDATE embeddings SET embedder = 'old'")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(
        !vectors::is_settled(&house.db, alice(), "fake")
            .await
            .unwrap()
    );
    house.restart().await;
    settled(&house).await;
}

#[tokio::test]
async fn passages_that_end_the_server_again_and_again_count_as_refused() {
    let house = House::new(&pages(&["oxygen", "glucose"])).await;
    let id = house.add(alice(), "some bytes").await;
    house.settled(id).await;
    let mut tx = house.db.write().await.unwrap();
    sqlx::query("UPDATE ingest_jobs SET starts = 8")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let fake = Arc::new(Fake::default());
    house.slot.fill(Arc::clone(&fake) as Arc<dyn Embedder>);
    let given_up = house.until(id, |m| m.note.is_some()).await;
    assert_eq!(given_up.state, MaterialState::Ready);
    assert!(given_up.note.unwrap().starts_with("2 passages cannot"));
    assert!(
        vectors::is_settled(&house.db, alice(), "fake")
            .await
            .unwrap()
    );
    assert_eq!(fake.texts.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_service_that_says_it_rests_is_waited_for_without_counting() {
    let house = House::new(&pages(&["oxygen", "glucose"])).await;
    let fake = Arc::new(Fake::default());
    fake.rests.store(true, Ordering::Relaxed);
    house.slot.fill(Arc::clone(&fake) as Arc<dyn Embedder>);
    let id = house.add(alice(), "some bytes").await;
    let ready = house.settled(id).await;
    assert_eq!(ready.state, MaterialState::Ready);
    assert!(ready.note.unwrap().starts_with("The service rests."));
    house.hurry().await;
    let waits = "SELECT count(*) FROM ingest_jobs WHERE attempt = 0 AND error_kind = 'embed' \
                 AND not_before > queued_at";
    house.until_jobs(waits, 1).await;
    fake.rests.store(false, Ordering::Relaxed);
    house.hurry().await;
    let whole = house.until(id, |m| m.embedded).await;
    assert_eq!(whole.note, None);
}

#[tokio::test]
async fn a_locked_document_opens_with_its_password_which_is_kept_nowhere() {
    let script = format!(
        r#"if [ "$3" = --password ]; then read -r password; fi
if [ "$password" = "open sesame" ]; then
{}
else echo '{{"failed":{{"kind":"locked","message":"It needs a password."}}}}'; fi"#,
        pages(&["oxygen", "glucose"])
    );
    let house = House::new(&script).await;
    let id = house.add(alice(), "some bytes").await;
    let locked = |m: &Material| {
        matches!(
            m.state,
            MaterialState::Failed {
                kind: FailureKind::Locked,
                ..
            }
        )
    };
    assert!(locked(&house.settled(id).await));
    let unlock = |password: &'static str| house.ingest.unlock(alice(), id, password.into());
    unlock("wrong").await.unwrap();
    assert!(locked(&house.settled(id).await));
    unlock("open sesame").await.unwrap();
    assert_eq!(house.settled(id).await.state, MaterialState::Ready);
    assert!(house.ingest.shop.passwords.take(id).is_none());
    for entry in std::fs::read_dir(house.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !path.ends_with("child") {
            let bytes = std::fs::read(&path).unwrap();
            let secret = b"open sesame";
            assert!(
                !bytes.windows(secret.len()).any(|w| w == secret),
                "{path:?}"
            );
        }
    }
    // Not failed, not locked: a password changes nothing.
    let same = unlock("open sesame").await.unwrap().unwrap();
    assert_eq!(same.state, MaterialState::Ready);
}

#[tokio::test]
async fn a_page_that_could_not_be_read_is_listed_and_the_rest_can_be_used() {
    let script = format!(
        "echo '{}'\necho '{}'\necho '{}'\necho '{}'",
        page(1, 3, "oxygen"),
        r#"{"page":2,"pages":3,"fault":"This page is damaged."}"#,
        page(3, 3, "insulin"),
        r#"{"done":{"pages":3}}"#
    );
    let house = House::new(&script).await;
    let id = house.add(alice(), "some bytes").await;
    let ready = house.settled(id).await;
    assert_eq!(
        (ready.state, ready.page_fault_count),
        (MaterialState::Ready, 1)
    );
    assert!(house.finds("insulin").await);
    let faults = text::page_faults(&house.db, alice(), id).await.unwrap();
    let faults = faults.unwrap();
    assert_eq!(faults.len(), 1);
    assert_eq!(
        (faults[0].page, faults[0].reason.as_str()),
        (2, "This page is damaged.")
    );
    assert!(
        text::page_faults(&house.db, bob(), id)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_title_is_stored_with_its_passages_and_embedded_with_them() {
    let house = House::new(
        r#"echo '{"page":1,"pages":1,"text":"The heart pumps blood.","section":"Circulation"}'
echo '{"done":{"pages":1}}'"#,
    )
    .await;
    let id = house.add(alice(), "some bytes").await;
    house.settled(id).await;
    let lacking = vectors::lacking(&house.db, alice(), id, "fake", 0, 10).await;
    assert_eq!(lacking.unwrap()[0].section.as_deref(), Some("Circulation"));
}

#[tokio::test]
async fn a_job_is_held_by_one_and_taken_over_only_when_its_lease_has_run_out() {
    let mut house = House::new("exit").await;
    house.stop.cancel();
    house.worker.take().unwrap().await.unwrap();
    let id = house.add(alice(), "some bytes").await;
    let now = Clock::system().now();
    let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let due = jobs::due(&house.db, now, 5).await.unwrap();
    assert_eq!(due.len(), 1);
    let claim = |owner, at| jobs::claim(&house.db, due[0].clone(), owner, at);
    let first = claim(one, now).await.unwrap().unwrap();
    assert!(claim(other, now).await.unwrap().is_none());
    assert!(jobs::due(&house.db, now, 5).await.unwrap().is_empty());
    let later = now + TimeDelta::minutes(5);
    assert_eq!(jobs::due(&house.db, later, 5).await.unwrap().len(), 1);
    let second = claim(other, later).await.unwrap().unwrap();
    assert_eq!(second.starts, 2);
    // Whoever lost it writes nothing any more.
    let refused = states::fail(&house.db, &first, later, FailureKind::Server, "late").await;
    assert!(!refused.unwrap());
    let state = "SELECT count(*) FROM materials WHERE state = 'queued'";
    assert_eq!(house.count(state).await, 1);
    assert!(
        states::fail(&house.db, &second, later, FailureKind::Server, "in time")
            .await
            .unwrap()
    );
    assert!(matches!(
        house.settled(id).await.state,
        MaterialState::Failed { .. }
    ));
}

#[tokio::test]
async fn a_job_that_kills_its_server_again_and_again_is_given_up_by_name() {
    let house = House::new(&two_pages_then_silence()).await;
    let id = house.add(alice(), "some bytes").await;
    house.until(id, |m| m.pages_searchable == 2).await;
    let mut tx = house.db.write().await.unwrap();
    sqlx::query("UPDATE ingest_jobs SET state = 'waiting', lease_owner = NULL, starts = 8")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    // The worker that held it notices that it has lost it; the next start is one too many.
    let failed = house.settled(id).await;
    assert!(
        matches!(&failed.state, MaterialState::Failed { kind: FailureKind::Server, message } if message.contains("stopped several times")),
        "{failed:?}"
    );
}

#[tokio::test]
async fn the_sweep_removes_what_nobody_can_reach_and_finds_nothing_otherwise() {
    let house = House::new(&pages(&["oxygen", "glucose"])).await;
    house.slot.fill(Arc::new(Fake::default()));
    let id = house.add(alice(), "some bytes").await;
    house.settled(id).await;
    let files = &house.ingest.shop.files;
    let clock = Clock::system();
    let clean = sweep::sweep(&house.db, files, &clock).await.unwrap();
    assert_eq!(clean, sweep::Found::default());

    let stray = files.path(alice(), MaterialId::new(Uuid::from_u128(77)));
    std::fs::write(&stray, "left behind").unwrap();
    let kept = files.path(alice(), id);
    let found = sweep::sweep(&house.db, files, &clock).await.unwrap();
    assert_eq!((found.files_without_material, found.orphans()), (1, 1));
    assert!(!stray.exists() && kept.exists());
    std::fs::remove_file(kept).unwrap();
    let found = sweep::sweep(&house.db, files, &clock).await.unwrap();
    assert_eq!(found.materials_without_file, 1);
    assert!(house.finds("oxygen").await, "its text stays");
}

#[tokio::test]
async fn one_students_many_documents_do_not_keep_anothers_first_one_waiting() {
    let house = House::new(&two_pages_then_silence()).await;
    let many = house.ingest.crew.places() + 3;
    for number in 0..many {
        let bytes: &'static str = format!("document {number}").leak();
        house.add(alice(), bytes).await;
    }
    // Every place is taken, and none of them ends.
    house
        .until_jobs(
            "SELECT count(*) FROM ingest_jobs WHERE state = 'running'",
            house.ingest.crew.places() as i64,
        )
        .await;
    house.set_script(&pages(&["insulin"]));
    house.add(bob(), "the one of bob").await;
    house
        .until_jobs("SELECT count(*) FROM materials WHERE state = 'ready'", 1)
        .await;
    assert!(house.finds("insulin").await);
}
