//! Files on their way in: what is reserved for them, the pieces that arrive, and the last step that
//! makes a material of them. Knows nothing of HTTP; what a file is and whether it is wanted is
//! decided by [`Ingest::admit`].
//!
//! Room is taken in the transaction that makes an upload's row, so that however many begin at once,
//! together they never hold more than the student may have. A row's `received_bytes` are on disk;
//! what lies there beyond them was never acknowledged and is written again.

mod form;
mod work;

use super::{Ingest, IngestError, Limits, files::Files, files::ReceiveError, names};
use crate::{
    analytics::Analytics,
    clock::Clock,
    store::{
        Db, StoreError, materials,
        uploads::{self, Ending, NewUpload, Upload},
    },
};
use app::model::{
    id::{UploadId, UserId},
    material::UploadOutcome,
    upload::{Allowance, UploadDesk},
};
use bytes::Bytes;
use chrono::TimeDelta;
use futures::Stream;
use std::{io, sync::Arc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use work::{AtWork, Turn};

/// How long an upload waits for its next piece: an upload begun in the evening can be finished the
/// day after the next, and a forgotten one does not hold its room for a week.
pub const UPLOAD_KEPT: TimeDelta = TimeDelta::hours(48);
/// How long the outcome of an upload can be asked for again, by a browser that lost the answer.
pub const OUTCOME_KEPT: TimeDelta = TimeDelta::hours(1);
/// Longest fingerprint of a file that is kept, in bytes: a name, a size and a time.
const FINGERPRINT_MAX_BYTES: usize = 512;
/// Bytes in the MB that sentences speak of.
const MB: u64 = 1024 * 1024;

/// What a student is told about an upload that she removed while its last step ran.
pub const REMOVED: &str = "You removed this upload before it was complete.";
const EMPTY: &str = "This file is empty (0 bytes). Save it again and upload the new copy.";

/// Why a step of an upload did not work.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// Never there, somebody else's, or removed.
    #[error("no such upload")]
    Missing,
    #[error("the upload has expired")]
    Expired,
    /// A piece of it is arriving at this moment.
    #[error("the upload is busy")]
    Busy,
    /// The piece does not begin where the last one ended.
    #[error("the upload has {at} bytes")]
    WrongOffset { at: u64 },
    /// More bytes than it was announced with, or than there is room for; the sentence says which.
    #[error("{0}")]
    TooLarge(String),
    /// Not wanted; the sentence says why.
    #[error("{0}")]
    Refused(String),
    #[error("the upload was interrupted")]
    Interrupted,
}

impl From<StoreError> for UploadError {
    fn from(error: StoreError) -> Self {
        Self::Ingest(error.into())
    }
}

impl From<io::Error> for UploadError {
    fn from(error: io::Error) -> Self {
        Self::Ingest(error.into())
    }
}

/// What a file is announced as.
pub struct Announced<'a> {
    pub file_name: &'a str,
    pub fingerprint: Option<&'a str>,
    pub size_bytes: u64,
}

/// What a piece brought about.
#[derive(Debug)]
pub enum Progress {
    /// There is more to come.
    Part(Upload),
    /// That was the last one, and this is what became of the file.
    Done(Upload, Box<UploadOutcome>),
}

/// The uploads of all students.
pub struct Uploads {
    db: Db,
    files: Files,
    ingest: Arc<Ingest>,
    analytics: Arc<Analytics>,
    clock: Clock,
    limits: Limits,
    at_work: AtWork,
    stopping: CancellationToken,
    /// Pieces under way: shutting down waits for them.
    tasks: TaskTracker,
}

impl Uploads {
    /// Wires it up.
    #[allow(
        clippy::too_many_arguments,
        reason = "the wiring of a story, called once"
    )]
    pub fn new(
        db: Db,
        files: Files,
        ingest: Arc<Ingest>,
        analytics: Arc<Analytics>,
        clock: Clock,
        limits: Limits,
        stopping: CancellationToken,
        tasks: TaskTracker,
    ) -> Arc<Self> {
        Arc::new(Self {
            db,
            files,
            ingest,
            analytics,
            clock,
            limits,
            at_work: AtWork::default(),
            stopping,
            tasks,
        })
    }

    /// Takes up what an earlier process left: parts of live uploads stay, everything else goes.
    /// Before the first request.
    ///
    /// # Errors
    /// When the database or the disk fails.
    pub async fn resume(&self) -> Result<(), UploadError> {
        uploads::remove_cut_off(&self.db).await?;
        let live = uploads::live(self.db.read(), self.clock.now()).await?;
        Ok(self.files.keep_only(&live).await?)
    }

    /// What the student may still upload, and what she began.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn desk(&self, user: UserId) -> Result<UploadDesk, UploadError> {
        let now = self.clock.now();
        let mut reader = self.db.read().acquire().await.map_err(StoreError::from)?;
        let share = uploads::share(&mut reader, user, None, now).await?;
        drop(reader);
        Ok(UploadDesk {
            allowance: Allowance {
                file_max_bytes: self.limits.file_max_bytes,
                bytes_left: self.limits.user_max_bytes.saturating_sub(share.bytes),
                files_left: self.limits.user_max_materials.saturating_sub(share.files),
            },
            unfinished: uploads::unfinished(&self.db, user, now).await?,
        })
    }

    /// Begins an upload and reserves its room.
    ///
    /// # Errors
    /// When the file does not fit, or the database fails.
    pub async fn begin(&self, user: UserId, file: &Announced<'_>) -> Result<Upload, UploadError> {
        if file.size_bytes == 0 {
            return Err(UploadError::Refused(EMPTY.to_owned()));
        }
        if file.size_bytes > self.limits.file_max_bytes {
            return Err(UploadError::TooLarge(self.too_large()));
        }
        self.sweep().await?;
        let fingerprint = file
            .fingerprint
            .filter(|text| text.len() <= FINGERPRINT_MAX_BYTES);
        self.reserve(user, file.file_name, fingerprint, file.size_bytes, true)
            .await
    }

    /// One of the student's uploads, as far as it is safely here.
    ///
    /// # Errors
    /// `Missing` or `Expired`, or when the database or the disk fails.
    pub async fn find(&self, user: UserId, id: UploadId) -> Result<Upload, UploadError> {
        let mut upload = uploads::find(&self.db, user, id)
            .await?
            .ok_or(UploadError::Missing)?;
        if upload.expires_at <= self.clock.now() {
            return Err(UploadError::Expired);
        }
        if upload.ending.is_none() {
            // After a crash in the last step, or a restored backup, the part may be gone.
            let on_disk = self.files.part_bytes(id).await?;
            upload.received_bytes = upload.received_bytes.min(on_disk);
        }
        Ok(upload)
    }

    /// Takes a piece that begins at `at`; after the last one the file becomes a material. It goes on
    /// to its end when the caller does not wait: what has arrived is kept. An upload that has ended
    /// answers an empty piece at its end with its outcome again.
    ///
    /// # Errors
    /// See [`UploadError`]; what arrived before an interruption is kept.
    pub async fn append<S, E>(
        self: &Arc<Self>,
        user: UserId,
        id: UploadId,
        at: u64,
        announced_bytes: Option<u64>,
        piece: S,
    ) -> Result<Progress, UploadError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin + Send + 'static,
        E: Send + 'static,
    {
        // Before anything is read, so that nobody else moves the upload meanwhile.
        let turn = self.at_work.take(id, &self.stopping);
        let upload = self.find(user, id).await?;
        let turn = turn.ok_or(UploadError::Busy)?;
        if at != upload.received_bytes {
            return Err(UploadError::WrongOffset {
                at: upload.received_bytes,
            });
        }
        let room = upload.size_bytes - upload.received_bytes;
        if announced_bytes.is_some_and(|bytes| bytes > room) {
            return Err(longer_than_announced(&upload));
        }
        if upload.ending.is_some() {
            let outcome = self.outcome(user, &upload).await?;
            return Ok(Progress::Done(upload, Box::new(outcome)));
        }
        let this = Arc::clone(self);
        let step = async move { this.take_piece(user, upload, room, piece, turn).await };
        self.tasks
            .spawn(step)
            .await
            .map_err(|_| IngestError::Stopped)?
    }

    async fn take_piece<S, E>(
        &self,
        user: UserId,
        mut upload: Upload,
        room: u64,
        piece: S,
        turn: Turn,
    ) -> Result<Progress, UploadError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let id = upload.id;
        let appended = self
            .files
            .append(id, upload.received_bytes, room, piece, turn.stop())
            .await;
        upload.received_bytes = appended.length;
        upload.expires_at = self.clock.now() + UPLOAD_KEPT;
        let is_there =
            uploads::advance(&self.db, user, id, appended.length, upload.expires_at).await?;
        if !is_there {
            self.files.remove_part(id).await?;
            return Err(UploadError::Missing);
        }
        match appended.cut {
            None => {}
            Some(ReceiveError::TooLarge) => return Err(longer_than_announced(&upload)),
            Some(ReceiveError::Interrupted) => return Err(UploadError::Interrupted),
            Some(error) => return Err(IngestError::from(error).into()),
        }
        if upload.received_bytes < upload.size_bytes {
            return Ok(Progress::Part(upload));
        }
        let received = self.files.whole(id).await?;
        let outcome = self
            .admit(user, received, &upload.file_name, Some(id))
            .await?;
        self.files.remove_part(id).await?;
        Ok(Progress::Done(upload, Box::new(outcome)))
    }

    /// Ends an upload that is not wanted any more: its part goes and its room is free again.
    ///
    /// # Errors
    /// `Missing`, or when the database or the disk fails.
    pub async fn remove(&self, user: UserId, id: UploadId) -> Result<(), UploadError> {
        let is_hers = uploads::find(&self.db, user, id).await?.is_some();
        if !is_hers || !uploads::remove(&self.db, user, id).await? {
            return Err(UploadError::Missing);
        }
        // A piece that is arriving finds its row gone and removes the part once more.
        self.at_work.stop(id);
        Ok(self.files.remove_part(id).await?)
    }

    /// Forgets what has expired and frees its room.
    ///
    /// # Errors
    /// When the database fails; a part that stays is only logged.
    pub async fn sweep(&self) -> Result<(), UploadError> {
        for id in uploads::remove_expired(&self.db, self.clock.now()).await? {
            if let Err(error) = self.files.remove_part(id).await {
                tracing::error!(upload.id = %id, %error, "upload.part_not_removed");
            }
        }
        Ok(())
    }

    /// Makes an upload's row if there is room for it.
    async fn reserve(
        &self,
        user: UserId,
        file_name: &str,
        fingerprint: Option<&str>,
        size_bytes: u64,
        resumable: bool,
    ) -> Result<Upload, UploadError> {
        let now = self.clock.now();
        let upload = Upload {
            id: UploadId::new(self.clock.new_id()),
            file_name: names::file_name(file_name),
            fingerprint: fingerprint.map(str::to_owned),
            size_bytes,
            received_bytes: 0,
            expires_at: now + UPLOAD_KEPT,
            ending: None,
        };
        let mut tx = self.db.write().await?;
        let share = uploads::share(&mut tx, user, None, now).await?;
        if let Some(sentence) = self.limits.no_room(share, size_bytes) {
            return Err(UploadError::TooLarge(sentence));
        }
        let new = NewUpload {
            id: upload.id,
            user,
            file_name: &upload.file_name,
            fingerprint,
            size_bytes,
            resumable,
            created_at: now,
            expires_at: upload.expires_at,
        };
        uploads::insert(&mut tx, &new).await?;
        tx.commit().await.map_err(StoreError::from)?;
        Ok(upload)
    }

    /// Files the received bytes as a material and counts a new one as study activity.
    async fn admit(
        &self,
        user: UserId,
        received: super::files::Received,
        file_name: &str,
        reservation: Option<UploadId>,
    ) -> Result<UploadOutcome, UploadError> {
        let analytics = Some(Arc::clone(&self.analytics));
        let admitted = self
            .ingest
            .admit(user, received, file_name, reservation, analytics);
        Ok(admitted.await?)
    }

    /// What became of an upload that has ended.
    async fn outcome(&self, user: UserId, upload: &Upload) -> Result<UploadOutcome, UploadError> {
        let refused = |message: &str| UploadOutcome::Refused {
            file_name: upload.file_name.clone(),
            message: message.to_owned(),
        };
        let (id, is_new) = match &upload.ending {
            Some(Ending::Added(id)) => (*id, true),
            Some(Ending::Duplicate(id)) => (*id, false),
            Some(Ending::Refused(sentence)) => return Ok(refused(sentence)),
            None => return Err(UploadError::Missing),
        };
        Ok(match materials::find(&self.db, user, id).await? {
            Some(material) if is_new => UploadOutcome::Added { material },
            Some(material) => UploadOutcome::Duplicate { material },
            None => refused("It was added, and you have deleted it since."),
        })
    }

    fn too_large(&self) -> String {
        format!(
            "This file is larger than {} MB. Split it, or save it with smaller pictures.",
            self.limits.file_max_bytes / MB
        )
    }
}

fn longer_than_announced(upload: &Upload) -> UploadError {
    UploadError::TooLarge(format!(
        "More arrived than the {} bytes this upload was announced with. Choose the file again.",
        upload.size_bytes
    ))
}
