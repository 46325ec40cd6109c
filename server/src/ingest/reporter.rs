//! How far a job has come and how fast, told to its row, its material and the student. Keeps the
//! job's lease alive and notices when it is lost. Knows nothing of what the stages do.

use super::pipeline::Workshop;
use crate::{
    changes::Change,
    store::jobs::{self, Claim, Kind, Stage, Standing},
};
use app::model::material::Pace;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How often a change is told, so that a fast document does not flood the browsers.
const TELL_EVERY: Duration = Duration::from_millis(250);
/// How often searches are told that there is more: each telling makes them load the student's
/// vectors anew.
const SEARCHABLE_EVERY: Duration = Duration::from_secs(1);
/// How often a sign of life is written when nothing else is.
const SIGN_EVERY: Duration = Duration::from_secs(1);
/// A pace is not worth telling before this, for the first page carries the cost of starting.
const PACE_AFTER: Duration = Duration::from_millis(500);
/// Nor is that of embedding before so many texts: two batches.
const PACE_AFTER_TEXTS: usize = 32;

/// The report on one job.
pub struct Reporter<'a> {
    shop: &'a Workshop,
    claim: &'a Claim,
    meter: Mutex<Meter>,
}

struct Meter {
    started: Instant,
    stage: Stage,
    /// Of the document, once known.
    pages: Option<u32>,
    pages_read: u32,
    passages: usize,
    settled: usize,
    /// `settled` has been told once.
    is_counting: bool,
    /// When vectors began to come, and how many passages were settled then: neither what an earlier
    /// attempt made nor the embedder's start says anything about the pace.
    embedding: Option<(Instant, usize)>,
    has_embedder: bool,
    signed: Instant,
    told: Option<Instant>,
    searchable: Option<Instant>,
}

impl<'a> Reporter<'a> {
    pub fn new(shop: &'a Workshop, claim: &'a Claim) -> Self {
        let now = Instant::now();
        Self {
            shop,
            claim,
            meter: Mutex::new(Meter {
                started: now,
                stage: match claim.job.kind {
                    Kind::Embed => Stage::Embedding,
                    Kind::Read | Kind::Again => Stage::Reading,
                },
                pages: None,
                pages_read: 0,
                passages: 0,
                settled: 0,
                is_counting: false,
                embedding: None,
                has_embedder: shop.embedder.current().is_some(),
                signed: now,
                told: None,
                searchable: None,
            }),
        }
    }

    /// The document could be opened.
    pub fn opened(&self, pages: u32) {
        self.lock().pages = Some(pages);
    }

    /// One more page's text has come.
    pub fn page_read(&self, page: u32) {
        self.lock().pages_read = page;
    }

    /// There are this many passages now.
    pub fn set_passages(&self, count: usize) {
        self.lock().passages = count;
    }

    /// There are this many passages more.
    pub fn add_passages(&self, count: usize) {
        self.lock().passages += count;
    }

    /// This many passages have their vector or were refused one.
    pub fn settled(&self, count: usize) {
        let mut meter = self.lock();
        // The first telling is what was there before.
        if meter.is_counting && meter.embedding.is_none() {
            meter.embedding = Some((Instant::now(), count));
        }
        meter.is_counting = true;
        meter.settled = count;
    }

    /// Passages that are known and not settled.
    pub fn left(&self) -> usize {
        let meter = self.lock();
        meter.passages.saturating_sub(meter.settled)
    }

    /// The whole text is stored.
    pub fn text_is_stored(&self) {
        self.lock().stage = Stage::Embedding;
    }

    /// What the rows are to say; to be written by the caller, with what he writes.
    pub fn standing(&self) -> Standing {
        let mut meter = self.lock();
        meter.signed = Instant::now();
        meter.standing(meter.stage)
    }

    /// What the rows are to say once the whole text is stored. Only the transaction that stores it
    /// may say so: a start after a crash would believe it.
    pub fn standing_with_text(&self) -> Standing {
        let mut meter = self.lock();
        meter.signed = Instant::now();
        meter.standing(Stage::Embedding)
    }

    /// Tells the student how far it is; call after a commit.
    pub fn tell(&self) {
        let now = Instant::now();
        let mut meter = self.lock();
        if meter.told.is_none_or(|told| now - told >= TELL_EVERY) {
            meter.told = Some(now);
            self.publish_changed();
        }
    }

    /// Tells that more can be searched: at once the first time, then now and then.
    pub fn more_is_searchable(&self) {
        let now = Instant::now();
        let mut meter = self.lock();
        if meter
            .searchable
            .is_none_or(|told| now - told >= SEARCHABLE_EVERY)
        {
            meter.searchable = Some(now);
            meter.told = Some(now);
            self.publish_searchable();
        }
    }

    /// Tells that the work has ended.
    pub fn ended(&self) {
        self.publish_searchable();
    }

    /// Writes a sign of life whenever nothing else was written for a while. Comes back only when
    /// the lease is lost.
    pub async fn keep_lease(&self) {
        loop {
            let due = self.lock().signed + SIGN_EVERY;
            tokio::time::sleep_until(due).await;
            if self.lock().signed + SIGN_EVERY > Instant::now() {
                continue;
            }
            let standing = self.standing();
            let now = self.shop.clock.now();
            match jobs::report(&self.shop.db, self.claim, now, &standing).await {
                Ok(true) => self.tell(),
                Ok(false) => return,
                // A sign of life is a courtesy: the next real write will say what is wrong.
                Err(error) => {
                    tracing::warn!(material.id = %self.claim.job.material, %error, "ingest.sign_failed");
                }
            }
        }
    }

    fn publish_changed(&self) {
        let (user, material) = (self.claim.job.user, self.claim.job.material);
        self.shop
            .changes
            .publish(Change::MaterialChanged { user, material });
    }

    fn publish_searchable(&self) {
        let (user, material) = (self.claim.job.user, self.claim.job.material);
        self.shop
            .changes
            .publish(Change::MaterialSearchable { user, material });
    }

    fn lock(&self) -> MutexGuard<'_, Meter> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meter {
    fn standing(&self, stage: Stage) -> Standing {
        let (done, total) = match stage {
            Stage::Reading => (self.pages_read, self.pages),
            Stage::Embedding => (small(self.settled), Some(small(self.passages))),
        };
        Standing {
            stage,
            done,
            total,
            pace: self.pace(Instant::now()),
        }
    }

    /// Pages a second of what takes longest: making vectors, once enough are made to know. Until
    /// then the pace of reading is all that is known, and what remains is not.
    fn pace(&self, now: Instant) -> Option<Pace> {
        let elapsed = now - self.started;
        if elapsed < PACE_AFTER || self.passages == 0 || self.pages_read == 0 {
            return None;
        }
        let read = f64::from(self.pages_read);
        let all = self.pages.map_or(read, f64::from).max(read);
        if !self.has_embedder {
            return Some(pace(read, elapsed, Some(all - read)));
        }
        let passages_per_page = self.passages as f64 / read;
        if let Some((began, before)) = self.embedding {
            let fresh = self.settled.saturating_sub(before);
            if fresh >= PACE_AFTER_TEXTS {
                let left = (all * passages_per_page - self.settled as f64).max(0.0);
                let done = fresh as f64 / passages_per_page;
                return Some(pace(done, now - began, Some(left / passages_per_page)));
            }
        }
        (self.stage == Stage::Reading).then(|| pace(read, elapsed, None))
    }
}

/// So many pages in a time, and so many left.
fn pace(done: f64, elapsed: Duration, left: Option<f64>) -> Pace {
    let pages_per_second = done / elapsed.as_secs_f64().max(f64::EPSILON);
    Pace {
        pages_per_second: pages_per_second as f32,
        remaining_seconds: left.map(|left| (left / pages_per_second).ceil() as u32),
    }
}

/// Pages and passages are bounded far below this.
fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter() -> Meter {
        let now = Instant::now();
        Meter {
            started: now,
            stage: Stage::Reading,
            pages: Some(100),
            pages_read: 20,
            passages: 40,
            settled: 0,
            is_counting: false,
            embedding: None,
            has_embedder: true,
            signed: now,
            told: None,
            searchable: None,
        }
    }

    fn after(meter: &Meter, seconds: f32) -> Option<Pace> {
        meter.pace(meter.started + Duration::from_secs_f32(seconds))
    }

    #[tokio::test]
    async fn what_remains_is_unknown_until_the_slowest_step_has_been_seen() {
        let mut meter = meter();
        let pace = after(&meter, 2.0).unwrap();
        assert_eq!(pace.remaining_seconds, None);
        assert!((pace.pages_per_second - 10.0).abs() < 0.01);
        assert_eq!(after(&meter, 0.1), None);
        // One vector of many says nothing, as slow as the first one is.
        meter.embedding = Some((meter.started, 0));
        meter.settled = 1;
        assert_eq!(after(&meter, 5.0).unwrap().remaining_seconds, None);
        meter.stage = Stage::Embedding;
        assert_eq!(after(&meter, 5.0), None);
    }

    #[tokio::test]
    async fn what_remains_follows_the_vectors_once_some_are_made() {
        let mut meter = meter();
        meter.embedding = Some((meter.started + Duration::from_secs(10), 4));
        meter.settled = 44;
        // 40 passages in 20 s: a page a second, 156 of 200 passages to go.
        let pace = after(&meter, 30.0).unwrap();
        assert!((pace.pages_per_second - 1.0).abs() < 0.01);
        assert_eq!(pace.remaining_seconds, Some(78));
    }

    #[tokio::test]
    async fn without_an_embedder_reading_is_all_there_is_to_wait_for() {
        let mut meter = meter();
        meter.has_embedder = false;
        let pace = after(&meter, 2.0).unwrap();
        assert_eq!(pace.remaining_seconds, Some(8));
    }
}
