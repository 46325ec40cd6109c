//! The upload story: what happens between a file on disk and pages a student can search. Owns the
//! admission of files and the workers; knows nothing of HTTP or of questions.
//!
//! The job row is the truth: it is written with the material, in one transaction, and removed with
//! the result, in one transaction. Whatever kills the process between, the next start goes on.
//! [`Ingest::run`] claims due jobs, [`pipeline`] does one, [`Ingest::settle`] says what becomes of a
//! failed one.

mod admission;
mod bidi;
pub mod chunk;
pub mod clean;
mod crew;
pub mod extract;
pub mod files;
mod kept;
mod meaning;
mod names;
pub mod ocr;
mod passwords;
mod pipeline;
mod reading;
mod reporter;
pub mod sandbox;
pub mod sniff;
pub mod sweep;
mod turns;
pub mod uploads;

use crate::{
    analytics::Analytics,
    cache::Caches,
    changes::{Change, Changes},
    clock::Clock,
    provider::EmbedderSlot,
    store::{
        Db, StoreError,
        jobs::{self, Claim, Kind},
        materials::{self, states, vectors},
        uploads::Share,
    },
};
use admission::Admission;
use app::model::{
    id::{MaterialId, UploadId, UserId},
    material::{FailureKind, Material, MaterialState, SAMPLE_FILE_NAME, UploadOutcome},
};
use bytes::Bytes;
use chrono::TimeDelta;
use crew::{Crew, Shift};
use files::{Files, ReceiveError, Received, storage::StorageError};
use kept::Kept;
use passwords::Passwords;
use pipeline::{Fault, Outcome, Workshop};
use sandbox::{Extractor, Patience};
use secrecy::SecretString;
use std::{io, path::PathBuf, sync::Arc, time::Duration};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;
use turns::Turns;
use uuid::Uuid;

/// Attempts at a job that failed through the server's fault, not the document's.
const ATTEMPTS_MAX: u32 = 3;
/// How often a job is begun that never came any further before the process ended: whatever it is
/// that kills the server must not do so for ever.
const STARTS_MAX: u32 = 8;
/// Wait before the second attempt; four times as long before every further one.
const BACKOFF_SECONDS: i64 = 10;
/// Longest wait before vectors are tried again. They are, without end: words are found meanwhile, and
/// a student with a passage left over would never be through with a change of embedder.
const EMBED_BACKOFF_MAX_SECONDS: i64 = 3_600;
/// Wait while the embedding service itself says that it is resting.
const EMBED_REST_SECONDS: i64 = 60;
/// Longest sleep without looking for work: a safety net, since every change wakes the workers.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Pause after the database itself refused, so that a full disk is not hammered.
const DATABASE_PAUSE: Duration = Duration::from_secs(5);

/// How jobs ended, on `/metrics`: as they should, not at all (cancelled, deleted or taken over), or by a
/// fault, after which most are tried again.
const JOBS: &str = "ingest_jobs_total";
const DONE: &str = "done";
const DROPPED: &str = "dropped";
const FAILED: &str = "failed";

/// The sample everybody may add: a newcomer then has something to ask about.
const SAMPLE: &str = include_str!("ingest/sample.md");

const DISK_FULL: &str = "The server's disk is full, so this document could not be read. Your file is kept: free some space on the server, then try again.";
const CRASHING: &str = "The server stopped several times while reading this document, so it was given up. Your file is kept: try again, or split it into parts.";
const NO_ANSWER: &str = "The server could not fetch this document's file: its file storage did not answer, three times in a row. Nothing is lost: try again later, or look at the server's log.";
const NO_FILE: &str = "The server no longer has this document's file, so it cannot be read. Delete it here, then upload it again.";
const SERVER_FAULT: &str = "Something went wrong on the server while reading this document, three times in a row. Your file is kept: try again later, or look at the server's log.";
const CANCELLED: &str =
    "You stopped this. What was read until then can be searched; try again to read the rest.";

/// What is said of a document that could not be read once more.
fn unread(reason: &str) -> String {
    format!("It could not be read again, so it is as it was before. {reason}")
}

/// What uploads are held to.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of one file.
    pub file_max_bytes: u64,
    /// Bytes of all files of one user.
    pub user_max_bytes: u64,
    /// Files of one user.
    pub user_max_materials: u32,
    /// The program that is run as `PROGRAM extract FILE`: this server's own executable.
    pub extractor: PathBuf,
}

impl Limits {
    /// Why a file of so many bytes does not fit beside what the user has; `None` when it does.
    pub fn no_room(&self, share: Share, bytes: u64) -> Option<String> {
        /// Bytes in the MB that sentences speak of.
        const MB: u64 = 1024 * 1024;
        if share.files >= self.user_max_materials {
            return Some(format!(
                "Your library holds {} documents, and no more fit. Delete some you no longer need, then upload this again.",
                self.user_max_materials
            ));
        }
        let left = self.user_max_bytes.saturating_sub(share.bytes);
        (bytes > left).then(|| {
            format!(
                "Your library has {} MB left, too little for this file. Delete something you no longer need, then upload this again.",
                left / MB
            )
        })
    }
}

/// Why a step of the library did not work; the document's own faults are states, not errors.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the disk is full")]
    DiskFull,
    /// The sample does not fit; the sentence is for the student.
    #[error("{0}")]
    Refused(String),
    /// The storage of the originals does not answer, or refuses.
    #[error(transparent)]
    Storage(StorageError),
    #[error("the stored files: {0}")]
    Io(io::Error),
    #[error("the task that was storing the file ended early")]
    Stopped,
}

impl From<io::Error> for IngestError {
    fn from(error: io::Error) -> Self {
        if let Some(problem) = files::storage_error(&error) {
            Self::Storage(problem.clone())
        } else if files::is_disk_full(&error) {
            Self::DiskFull
        } else {
            Self::Io(error)
        }
    }
}

impl From<ReceiveError> for IngestError {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::DiskFull => Self::DiskFull,
            ReceiveError::Io(error) => Self::Io(error),
            other => Self::Io(io::Error::other(other)),
        }
    }
}

/// The library's way in, and its workers.
pub struct Ingest {
    shop: Workshop,
    limits: Limits,
    crew: Crew,
    wake: Arc<Notify>,
    /// This process, on the jobs it holds.
    owner: Uuid,
}

impl Ingest {
    /// Wires it up; nothing happens before [`run`](Self::run).
    pub fn new(
        db: Db,
        files: Files,
        embedder: EmbedderSlot,
        changes: Arc<Changes>,
        clock: Clock,
        limits: Limits,
        caches: &Caches,
    ) -> Arc<Self> {
        let extractor = Extractor {
            program: limits.extractor.clone(),
            patience: Patience::default(),
        };
        let owner = clock.new_id();
        Arc::new(Self {
            shop: Workshop {
                db,
                files,
                embedder,
                changes,
                clock,
                extractor,
                passwords: Passwords::default(),
                turns: Turns::new(meaning::BATCHES_AT_ONCE),
                kept: Kept::new(caches),
            },
            limits,
            crew: Crew::default(),
            wake: Arc::default(),
            owner,
        })
    }

    /// Admits a file that has arrived: finds out what it is, finds the same bytes if they are here
    /// already, else stores it and queues it, in one transaction. What was reserved for it ends then, and
    /// `analytics`, if given, counts it.
    ///
    /// # Errors
    /// When the database or the disk fails; a file that is not wanted is an outcome, no error.
    pub async fn admit(
        &self,
        user: UserId,
        upload: Received,
        file_name: &str,
        reservation: Option<UploadId>,
        analytics: Option<Arc<Analytics>>,
    ) -> Result<UploadOutcome, IngestError> {
        let admission = Admission {
            shop: self.shop.clone(),
            limits: self.limits.clone(),
            user,
            file_name: names::file_name(file_name),
            reservation,
            analytics,
        };
        // Goes on when the browser goes away: file and row belong together.
        let outcome = tokio::spawn(admission.decide(upload))
            .await
            .map_err(|_| IngestError::Stopped)??;
        if let UploadOutcome::Added { material } = &outcome {
            self.changed(user, material.id);
            self.wake.notify_one();
        }
        Ok(outcome)
    }

    /// Adds the built-in sample, or finds the one that is there.
    ///
    /// # Errors
    /// When it does not fit, or the database or the disk fails.
    pub async fn add_sample(&self, user: UserId) -> Result<Material, IngestError> {
        let body =
            futures::stream::iter([Ok::<_, io::Error>(Bytes::from_static(SAMPLE.as_bytes()))]);
        let received = self.shop.files.receive(body, SAMPLE.len() as u64).await?;
        match self
            .admit(user, received, SAMPLE_FILE_NAME, None, None)
            .await?
        {
            UploadOutcome::Added { material } | UploadOutcome::Duplicate { material } => {
                Ok(material)
            }
            UploadOutcome::Refused { message, .. } => Err(IngestError::Refused(message)),
        }
    }

    /// Queues a failed material again; `None` when there is no such material.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry(
        &self,
        user: UserId,
        id: MaterialId,
    ) -> Result<Option<Material>, IngestError> {
        let now = self.shop.clock.now();
        let material = states::retry(&self.shop.db, user, id, now).await?;
        if material.is_some() {
            self.changed(user, id);
            self.wake.notify_one();
        }
        Ok(material)
    }

    /// Stops the work on a material: what was read of it stays searchable, and one that was being
    /// read again is as it was. `None` when there is no such material.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cancel(
        &self,
        user: UserId,
        id: MaterialId,
    ) -> Result<Option<Material>, IngestError> {
        let now = self.shop.clock.now();
        let material = states::cancel(&self.shop.db, user, id, now, CANCELLED).await?;
        if material.is_some() {
            // Its rows refuse what a worker still brings; this only makes it stop sooner.
            self.crew.cancel(id);
            self.shop.passwords.forget(id);
            self.changed(user, id);
            self.wake.notify_one();
        }
        Ok(material)
    }

    /// Queues a settled material to be read again from its file; `None` when there is no such one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reprocess(
        &self,
        user: UserId,
        id: MaterialId,
    ) -> Result<Option<Material>, IngestError> {
        let now = self.shop.clock.now();
        let material = states::reprocess(&self.shop.db, user, id, now).await?;
        if material.is_some() {
            self.changed(user, id);
            self.wake.notify_one();
        }
        Ok(material)
    }

    /// Queues a locked material again, to be opened with `password`; any other is left alone.
    /// `None` when there is no such material.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unlock(
        &self,
        user: UserId,
        id: MaterialId,
        password: SecretString,
    ) -> Result<Option<Material>, IngestError> {
        let Some(material) = materials::find(&self.shop.db, user, id).await? else {
            return Ok(None);
        };
        if !matches!(
            material.state,
            MaterialState::Failed {
                kind: FailureKind::Locked,
                ..
            }
        ) {
            return Ok(Some(material));
        }
        // Before the job can be taken.
        self.shop.passwords.keep(id, password);
        self.retry(user, id).await
    }

    /// Gives a material another title, which the caller has checked; `None` when there is no such
    /// material.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rename(
        &self,
        user: UserId,
        id: MaterialId,
        title: &str,
    ) -> Result<Option<Material>, IngestError> {
        let material = materials::rename(&self.shop.db, user, id, title).await?;
        if material.is_some() {
            self.changed(user, id);
            // They name documents.
            self.shop.changes.publish(Change::FiguresChanged { user });
        }
        Ok(material)
    }

    /// Gives a material these tags and no others; `None` when there is no such material.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tag(
        &self,
        user: UserId,
        id: MaterialId,
        tags: &[String],
    ) -> Result<Option<Material>, IngestError> {
        let material = materials::tags::set(&self.shop.db, user, id, tags).await?;
        if material.is_some() {
            self.changed(user, id);
        }
        Ok(material)
    }

    /// Removes a material, its file and everything made from it; stops the work on it. False when
    /// there is no such material.
    ///
    /// # Errors
    /// When the database fails; a file that cannot be removed is only logged.
    pub async fn delete(&self, user: UserId, id: MaterialId) -> Result<bool, IngestError> {
        if !materials::delete(&self.shop.db, user, id).await? {
            return Ok(false);
        }
        crate::failpoint::reached("deleted");
        self.crew.cancel(id);
        self.shop.passwords.forget(id);
        self.shop.kept.forget(user).await;
        if let Err(error) = self.shop.files.remove(user, id).await {
            tracing::error!(material.id = %id, %error, "ingest.file_not_removed");
        }
        self.shop
            .changes
            .publish(Change::MaterialDeleted { user, material: id });
        Ok(true)
    }

    /// Queues again what was under way when the server stopped. Called once, before anybody works.
    pub async fn resume(&self) {
        if let Err(error) = jobs::resume(&self.shop.db, self.shop.clock.now()).await {
            tracing::error!(%error, "ingest.resume_failed");
        }
    }

    /// Works until `stop`, beginning with what an earlier process left unfinished. Work that is cut
    /// off by `stop` keeps its job and is done at the next start.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        // At zero before anything happened, so that a first failure shows as a rate.
        for outcome in [DONE, DROPPED, FAILED] {
            metrics::counter!(JOBS, "outcome" => outcome).increment(0);
        }
        metrics::counter!("ingest_pages_read_total").increment(0);
        metrics::counter!("ingest_texts_embedded_total").increment(0);
        metrics::gauge!("ingest_orphans").set(0.0);
        let sweeping = tokio::spawn(sweep::nightly(
            self.shop.db.clone(),
            self.shop.files.clone(),
            self.shop.clock.clone(),
            stop.clone(),
        ));
        let mut filled = self.shop.embedder.watch();
        self.queue_missing_vectors().await;
        let mut working = JoinSet::new();
        while !stop.is_cancelled() {
            while let Some((shift, claim)) = self.next_shift(&stop).await {
                working.spawn(Arc::clone(&self).work(shift, claim, stop.clone()));
            }
            let pause = self.pause().await;
            tokio::select! {
                () = stop.cancelled() => {}
                Some(_) = working.join_next() => {}
                () = self.wake.notified() => {}
                Ok(()) = filled.changed() => self.queue_missing_vectors().await,
                () = tokio::time::sleep(pause) => {}
            }
        }
        while working.join_next().await.is_some() {}
        // It ends with `stop`, too; what it could say is logged there.
        let _ = sweeping.await;
    }

    /// A new embedder: everything that has no vectors of it gets a job.
    async fn queue_missing_vectors(&self) {
        let Some(embedder) = self.shop.embedder.current() else {
            return;
        };
        let now = self.shop.clock.now();
        match jobs::enqueue_missing_vectors(&self.shop.db, embedder.id(), now).await {
            Ok(0) => {}
            Ok(materials) => tracing::info!(materials, "ingest.vectors_queued"),
            Err(error) => tracing::error!(%error, "ingest.vectors_not_queued"),
        }
    }

    /// Claims the next job there is a place for.
    async fn next_shift(&self, stop: &CancellationToken) -> Option<(Shift, Claim)> {
        let can_embed = self.shop.embedder.current().is_some();
        let claimed = async {
            let due = jobs::due(&self.shop.db, self.shop.clock.now(), self.crew.places()).await?;
            // One that somebody else was faster to claim is no longer due at the next look.
            let Some(shift) = self.crew.take(&due, can_embed, stop) else {
                return Ok(None);
            };
            let now = self.shop.clock.now();
            let claim = jobs::claim(&self.shop.db, shift.job.clone(), self.owner, now).await?;
            Ok::<_, StoreError>(claim.map(|claim| (shift, claim)))
        };
        claimed.await.unwrap_or_else(|error| {
            tracing::error!(%error, "ingest.jobs_unreadable");
            None
        })
    }

    /// How long to sleep when nothing happens: until the next job is due.
    async fn pause(&self) -> Duration {
        let now = self.shop.clock.now();
        match jobs::next_due_at(&self.shop.db, now).await {
            Ok(Some(due)) => (due - now)
                .to_std()
                .unwrap_or_default()
                .clamp(Duration::from_millis(50), LOOK_AGAIN),
            Ok(None) => LOOK_AGAIN,
            Err(_) => DATABASE_PAUSE,
        }
    }

    /// Does one job and records how it ended.
    async fn work(self: Arc<Self>, shift: Shift, claim: Claim, stop: CancellationToken) {
        let outcome = if claim.starts > STARTS_MAX {
            Err(Fault::Crashing)
        } else {
            let (shop, cancel) = (self.shop.clone(), shift.cancel.clone());
            let (this, material) = (Arc::clone(&self), claim.job.material);
            let has_read = move || {
                this.crew.has_read(material);
                this.wake.notify_one();
            };
            let own = claim.clone();
            // A task of its own, so that a panic is one more fault and not the end of the workers.
            tokio::spawn(async move { pipeline::work(&shop, &own, &cancel, has_read).await })
                .await
                .unwrap_or(Err(Fault::Panicked))
        };
        let ended = match &outcome {
            Ok(Outcome::Done) => DONE,
            Ok(Outcome::Dropped) => DROPPED,
            Err(_) => FAILED,
        };
        metrics::counter!(JOBS, "outcome" => ended).increment(1);
        let recorded = match &outcome {
            Ok(Outcome::Done) => Ok(()),
            Ok(Outcome::Dropped) => jobs::release(&self.shop.db, &claim).await,
            Err(fault) => self.settle(&claim, fault).await,
        };
        if let Err(error) = recorded {
            tracing::error!(material.id = %claim.job.material, %error, "ingest.outcome_not_recorded");
            // The job is still there and will be due: without a pause it would be taken at once.
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(DATABASE_PAUSE) => {}
            }
        }
    }

    /// Ends the job, or puts it off, according to whose fault it was.
    async fn settle(&self, claim: &Claim, fault: &Fault) -> Result<(), StoreError> {
        let (db, job, now) = (&self.shop.db, &claim.job, self.shop.clock.now());
        tracing::warn!(material.id = %job.material, attempt = job.attempt, error = %fault, "ingest.failed");
        let last = job.attempt + 1 >= ATTEMPTS_MAX;
        let given_up = match fault {
            Fault::Document(failure) => Some((failure.kind, failure.message.as_str())),
            Fault::Store(error) if error.is_disk_full() => Some((FailureKind::Server, DISK_FULL)),
            Fault::Crashing => Some((FailureKind::Server, CRASHING)),
            Fault::File(error) if error.kind() == io::ErrorKind::NotFound => {
                Some((FailureKind::Server, NO_FILE))
            }
            Fault::File(error) if files::is_disk_full(error) => {
                Some((FailureKind::Server, DISK_FULL))
            }
            Fault::File(error) if last && files::storage_error(error).is_some() => {
                Some((FailureKind::Server, NO_ANSWER))
            }
            _ if last => Some((FailureKind::Server, SERVER_FAULT)),
            _ => None,
        };
        match (job.kind, given_up) {
            (Kind::Embed, _) => self.settle_vectors(claim, fault).await?,
            (Kind::Read, Some((kind, message))) => {
                states::fail(db, claim, now, kind, message).await?;
            }
            (Kind::Again, Some((_, message))) => {
                states::keep_as_it_was(db, claim, now, &unread(message)).await?;
            }
            (Kind::Read | Kind::Again, None) => {
                let wait = BACKOFF_SECONDS * 4_i64.pow(job.attempt.min(ATTEMPTS_MAX));
                let again = now + TimeDelta::seconds(wait);
                jobs::postpone(db, claim, again, fault.name(), true).await?;
            }
        }
        // What could be searched may be gone.
        let (user, material) = (job.user, job.material);
        self.shop
            .changes
            .publish(Change::MaterialSearchable { user, material });
        Ok(())
    }

    /// Vectors that could not be made are tried again, ever later; a service that says it rests is
    /// waited for without counting. Passages that end the server again and again count as refused.
    async fn settle_vectors(&self, claim: &Claim, fault: &Fault) -> Result<(), StoreError> {
        let (db, now) = (&self.shop.db, self.shop.clock.now());
        let problem = self.shop.embedder.current().and_then(|e| e.problem());
        let rests = problem.is_some() && matches!(fault, Fault::Embed(_));
        let attempt = claim.job.attempt;
        if let (Fault::Crashing, Some(embedder)) = (fault, self.shop.embedder.current()) {
            vectors::refuse_lacking(db, claim, now, embedder.id()).await?;
            return jobs::postpone(db, claim, now, fault.name(), true).await;
        }
        states::set_note(db, claim, now, &pipeline::later_note(problem)).await?;
        let wait = if rests {
            EMBED_REST_SECONDS
        } else {
            BACKOFF_SECONDS
                .saturating_mul(4_i64.saturating_pow(attempt))
                .min(EMBED_BACKOFF_MAX_SECONDS)
        };
        let again = now + TimeDelta::seconds(wait);
        jobs::postpone(db, claim, again, fault.name(), !rests).await
    }

    fn changed(&self, user: UserId, material: MaterialId) {
        self.shop
            .changes
            .publish(Change::MaterialChanged { user, material });
    }
}

#[cfg(all(test, unix))]
mod tests;
