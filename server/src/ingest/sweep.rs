//! Looks for what a crash, a full disk or a mistake could leave behind: files without rows, rows
//! without files, vectors without passages, uploads that ran out. What nobody can reach any
//! more is removed; what a student would miss is only counted and logged.
//!
//! Goes through the files as the storage lists them and remembers their ids only, so that it holds
//! little in memory.

use super::files::{ClaimError, Files};
use crate::{
    clock::Clock,
    store::{Db, StoreError, orphans},
};
use app::model::id::{MaterialId, UserId};
use futures::TryStreamExt as _;
use std::{collections::HashSet, fmt, io, time::Duration};
use tokio_util::sync::CancellationToken;

/// From one sweep to the next; the first one follows the start.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// Most files removed in one sweep: more is a mistake of ours rather than rubbish, and the rest can
/// wait for the next night.
const REMOVALS_MAX: u64 = 10_000;

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Removed.
    pub files_without_material: u64,
    /// Left alone: their text is still there, only the original is missing.
    pub materials_without_file: u64,
    /// Removed.
    pub vectors_without_passage: u64,
    /// Removed: pages and passages whose material is gone.
    pub text_without_material: u64,
    /// Removed.
    pub uploads_expired: u64,
    /// Removed.
    pub parts_without_upload: u64,
}

impl Found {
    /// Each figure with its name.
    pub fn figures(&self) -> [(&'static str, u64); 6] {
        [
            ("files without a material", self.files_without_material),
            ("materials without their file", self.materials_without_file),
            ("vectors without a passage", self.vectors_without_passage),
            ("text without a material", self.text_without_material),
            ("expired uploads", self.uploads_expired),
            ("parts of no upload", self.parts_without_upload),
        ]
    }

    /// All that should not be there. An upload that expired is in order.
    pub fn orphans(&self) -> u64 {
        let all: u64 = self.figures().iter().map(|(_, count)| count).sum();
        all - self.uploads_expired
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in self.figures() {
            writeln!(f, "{count:>6} {name}")?;
        }
        write!(f, "{:>6} orphans", self.orphans())
    }
}

/// Why a sweep did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the stored files: {0}")]
    Io(#[from] io::Error),
    #[error("the storage of the files: {0}")]
    Claim(#[from] ClaimError),
}

/// Sweeps once at the start and then every night, until `stop`.
pub async fn nightly(db: Db, files: Files, clock: Clock, stop: CancellationToken) {
    loop {
        let swept = tokio::select! {
            () = stop.cancelled() => return,
            swept = sweep(&db, &files, &clock) => swept,
        };
        match swept {
            Ok(found) => {
                metrics::gauge!("ingest_orphans").set(found.orphans() as f64);
                if found.orphans() == 0 {
                    tracing::info!(uploads_expired = found.uploads_expired, "ingest.swept");
                } else {
                    tracing::warn!(?found, "ingest.swept");
                }
            }
            Err(error) => tracing::error!(%error, "ingest.sweep_failed"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Looks everywhere once.
///
/// # Errors
/// When the database or the storage of the files cannot be read, or is another server's.
pub async fn sweep(db: &Db, files: &Files, clock: &Clock) -> Result<Found, SweepError> {
    let rows = orphans::remove_text(db).await?;
    let mut found = Found {
        vectors_without_passage: rows.vectors,
        text_without_material: rows.text,
        uploads_expired: orphans::remove_expired_uploads(db, clock.now()).await?,
        ..Found::default()
    };
    // Never a file of somebody else's bucket.
    files.claim(clock.new_id()).await?;
    let mut seen = HashSet::new();
    let mut stored = files.stored();
    while let Some((user, material)) = stored.try_next().await? {
        seen.insert(material);
        if found.files_without_material < REMOVALS_MAX
            && remove_if_unknown(db, files, user, material).await?
        {
            found.files_without_material += 1;
        }
    }
    for (user, material) in orphans::materials(db).await? {
        // A file can only be missed while its row is still there.
        if !seen.contains(&material)
            && !files.has(user, material).await?
            && orphans::is_known(db, user, material).await?
        {
            found.materials_without_file += 1;
        }
    }
    found.parts_without_upload = remove_parts(db, files).await?;
    Ok(found)
}

/// Removes a file that no row names. Either a file is put in its place within the transaction that
/// writes its row, so holding the writer means that none is between the two; or it is marked from
/// before it is there until after its row is. Once known to nobody, it stays so: ids are not reused.
async fn remove_if_unknown(
    db: &Db,
    files: &Files,
    user: UserId,
    material: MaterialId,
) -> Result<bool, SweepError> {
    if orphans::is_known(db, user, material).await? {
        return Ok(false);
    }
    let writer = db.write().await?;
    // In this order: the mark goes when the row is there.
    let gone =
        !files.is_arriving(user, material).await? && !orphans::is_known(db, user, material).await?;
    drop(writer);
    if gone {
        files.remove(user, material).await?;
    }
    Ok(gone)
}

/// Removes parts whose upload is over.
async fn remove_parts(db: &Db, files: &Files) -> Result<u64, SweepError> {
    let mut removed = 0;
    for part in files.parts().await? {
        if !orphans::is_upload(db, part).await? {
            files.remove_part(part).await?;
            removed += 1;
        }
    }
    Ok(removed)
}
