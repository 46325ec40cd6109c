//! The original files. What is on its way in lies on this machine's disk ([`incoming`]), what is stored
//! lies in the [`storage`] that the settings name: a folder, or a bucket of a service that speaks S3.
//! Who needs a stored file gets a [`LocalCopy`]. Knows nothing of the database.
//!
//! A file is stored in three steps around the transaction that writes its row ([`Arrival`]), because
//! sending it to a bucket takes too long to hold the one writer of the database meanwhile:
//! `bring` before the transaction, `place` within it, `settle` or `undo` behind it.

mod fetched;
mod incoming;
pub mod storage;

pub use fetched::LocalCopy;
pub use incoming::{Appended, ReceiveError, Received};

use crate::config::StorageConfig;
use app::model::id::{MaterialId, UserId};
use fetched::Fetched;
use futures::stream::BoxStream;
use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use storage::{Storage, StorageError};
use tokio::{fs, time::timeout};
use uuid::Uuid;

/// Longest a deletion waits for the storage; what stays there is found by the nightly sweep.
const REMOVE_WAIT: Duration = Duration::from_secs(5);
/// Longest the start, or a sweep, waits to hear whose bucket it is.
const CLAIM_WAIT: Duration = Duration::from_secs(10);
/// Name, in `DATA_DIR`, of the file with this server's name for its bucket.
pub const OWNER_FILE: &str = "storage-owner";

/// The originals. Cheap to clone.
#[derive(Clone)]
pub struct Files(Arc<Inner>);

struct Inner {
    incoming: PathBuf,
    /// A name here says that its object may be in the bucket before its row is in the database. On
    /// disk, because another process may sweep.
    arriving: PathBuf,
    owner: PathBuf,
    storage: Storage,
    fetched: Fetched,
    next_number: AtomicU64,
    is_claimed: AtomicBool,
}

/// A file between its upload and its row.
#[must_use = "an arrival is settled or undone"]
pub struct Arrival<'a> {
    files: &'a Files,
    received: Received,
    user: UserId,
    material: MaterialId,
    /// Set when the object is in the bucket already.
    marker: Option<PathBuf>,
}

/// Why the storage cannot be this server's.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Its files would be removed by this server's sweep.
    #[error(
        "it holds the files of another Studyin. Set S3_PREFIX (or S3_BUCKET) to a place of its own. If this server takes over that one's files, delete the object {object} there and start again"
    )]
    Foreign { object: String },
    #[error("{0}")]
    Storage(StorageError),
    #[error("{0}")]
    Io(io::Error),
}

/// Whether the disk, or the user's share of it, is full.
pub fn is_disk_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

impl Files {
    /// Opens the directories under `data_dir`, makes those that are missing, and keeps the originals
    /// there, too.
    ///
    /// # Errors
    /// When a directory cannot be made.
    pub async fn open(data_dir: &Path) -> io::Result<Self> {
        Self::open_with(data_dir, &StorageConfig::Local).await
    }

    /// Opens the directories under `data_dir`, and the storage of the originals. Nothing is asked of
    /// a bucket before it is [claimed](Self::claim).
    ///
    /// # Errors
    /// When a directory cannot be made, or a [`StorageError`] when a setting cannot be used.
    pub async fn open_with(data_dir: &Path, storage: &StorageConfig) -> io::Result<Self> {
        let incoming = data_dir.join("incoming");
        let arriving = data_dir.join("arriving");
        let fetched = data_dir.join("fetched");
        make_private_dir(&incoming).await?;
        if matches!(storage, StorageConfig::S3(_)) {
            make_private_dir(&arriving).await?;
            make_private_dir(&fetched).await?;
        }
        Ok(Self(Arc::new(Inner {
            incoming,
            arriving,
            owner: data_dir.join(OWNER_FILE),
            storage: Storage::open(data_dir, storage).await?,
            fetched: Fetched::new(fetched, fetched::BYTES_MAX),
            // Servers that share the folder count from places of their own.
            next_number: AtomicU64::new(u64::from(std::process::id()) << 32),
            is_claimed: AtomicBool::default(),
        })))
    }

    /// Makes sure that the bucket is this server's own: two servers on one would remove each other's
    /// files. `fresh` is its name from now on if it has none yet. Bounded in time.
    ///
    /// # Errors
    /// See [`ClaimError`].
    pub async fn claim(&self, fresh: Uuid) -> Result<(), ClaimError> {
        if !self.0.storage.is_remote() || self.0.is_claimed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let own = self.own_name(fresh).await.map_err(ClaimError::Io)?;
        let claimed = timeout(CLAIM_WAIT, self.0.storage.claim(&own)).await;
        match claimed {
            Ok(Ok(true)) => {
                self.0.is_claimed.store(true, Ordering::Relaxed);
                Ok(())
            }
            Ok(Ok(false)) => Err(ClaimError::Foreign {
                object: self.0.storage.owner_object(),
            }),
            Ok(Err(error)) => match storage_error(&error) {
                Some(problem) => Err(ClaimError::Storage(problem.clone())),
                None => Err(ClaimError::Io(error)),
            },
            Err(_) => Err(ClaimError::Storage(StorageError::slow())),
        }
    }

    async fn own_name(&self, fresh: Uuid) -> io::Result<String> {
        match fs::read_to_string(&self.0.owner).await {
            Ok(name) if !name.trim().is_empty() => return Ok(name.trim().to_owned()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let name = fresh.to_string();
        fs::write(&self.0.owner, &name).await?;
        fs::File::open(&self.0.owner).await?.sync_all().await?;
        Ok(name)
    }

    /// Whether the storage answers at this moment.
    pub async fn answers(&self) -> bool {
        self.0.storage.answers().await
    }

    /// Brings a received file as near to its place as can be done without its row: into the bucket,
    /// marked as not settled. For a folder there is nothing to do yet.
    ///
    /// # Errors
    /// When the storage or the disk fails; nothing is left then, or the sweep finds it.
    pub async fn bring(
        &self,
        received: Received,
        user: UserId,
        material: MaterialId,
    ) -> io::Result<Arrival<'_>> {
        let mut arrival = Arrival {
            files: self,
            received,
            user,
            material,
            marker: None,
        };
        let storage = &self.0.storage;
        if storage.is_remote() {
            let marker = self.marker(user, material);
            fs::write(&marker, "").await?;
            arrival.marker = Some(marker);
            let (file, bytes) = (&arrival.received.path, arrival.received.size_bytes);
            if let Err(error) = storage.send(file, bytes, user, material).await {
                arrival.undo().await;
                return Err(error);
            }
        }
        Ok(arrival)
    }

    /// A file of the material's bytes on this machine: the original itself, or a copy of it.
    ///
    /// # Errors
    /// `NotFound` when there is no original, or when the storage or the disk fails.
    pub async fn local_copy(&self, user: UserId, material: MaterialId) -> io::Result<LocalCopy> {
        let inner = &self.0;
        if let Some(path) = inner.storage.local_path(user, material) {
            fs::metadata(&path).await?;
            return Ok(LocalCopy::original(path));
        }
        let fetch = async |target: &Path| inner.storage.fetch(user, material, target).await;
        inner.fetched.copy((user, material), fetch).await
    }

    /// A file of the material's bytes for one look: the original itself, or what is written to
    /// `scratch`.
    ///
    /// # Errors
    /// As [`local_copy`](Self::local_copy).
    pub async fn at_hand(
        &self,
        user: UserId,
        material: MaterialId,
        scratch: &Path,
    ) -> io::Result<PathBuf> {
        if let Some(path) = self.0.storage.local_path(user, material) {
            return Ok(path);
        }
        self.0.storage.fetch(user, material, scratch).await?;
        Ok(scratch.to_owned())
    }

    /// Where a material's original lies.
    #[cfg(test)]
    pub fn path(&self, user: UserId, material: MaterialId) -> PathBuf {
        self.0.storage.local_path(user, material).unwrap()
    }

    /// Removes a material's original and its copies; one that is gone already is no failure.
    ///
    /// # Errors
    /// When the file is there and stays, or the storage does not answer soon.
    pub async fn remove(&self, user: UserId, material: MaterialId) -> io::Result<()> {
        self.0.fetched.remove((user, material));
        timeout(REMOVE_WAIT, self.0.storage.remove(user, material))
            .await
            .unwrap_or_else(|_| Err(io::Error::other(StorageError::slow())))
    }

    /// Whether a material's original is there.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub async fn has(&self, user: UserId, material: MaterialId) -> io::Result<bool> {
        self.0.storage.has(user, material).await
    }

    /// Every original that is stored, one after the other as the storage names them.
    pub fn stored(&self) -> BoxStream<'static, io::Result<(UserId, MaterialId)>> {
        self.0.storage.all()
    }

    /// Whether a file may be in its place before its row is.
    ///
    /// # Errors
    /// When the disk does not answer.
    pub async fn is_arriving(&self, user: UserId, material: MaterialId) -> io::Result<bool> {
        fs::try_exists(self.marker(user, material)).await
    }

    fn marker(&self, user: UserId, material: MaterialId) -> PathBuf {
        self.0.arriving.join(format!("{user}.{material}"))
    }
}

impl Arrival<'_> {
    /// Puts the file in its place, within the transaction of its row: a rename, or nothing when it is
    /// there already.
    ///
    /// # Errors
    /// When the directory or the file cannot be made there.
    pub async fn place(&mut self) -> io::Result<()> {
        let Some(path) = (self.files.0.storage).local_path(self.user, self.material) else {
            return Ok(());
        };
        if let Some(dir) = path.parent() {
            make_private_dir(dir).await?;
            fs::rename(&self.received.path, &path).await?;
            self.received.removed_on_drop = false;
            sync_dir(dir).await?;
        }
        Ok(())
    }

    /// The row is there.
    pub async fn settle(self) {
        self.unmark().await;
    }

    /// There will be no row: takes back what was placed.
    pub async fn undo(self) {
        if let Err(error) = self.files.remove(self.user, self.material).await {
            tracing::error!(material.id = %self.material, %error, "ingest.file_not_removed");
        }
        // Also when that failed: the sweep then finds a file without a row.
        self.unmark().await;
    }

    async fn unmark(&self) {
        if let Some(marker) = &self.marker
            && let Err(error) = fs::remove_file(marker).await
        {
            // The next start removes it.
            tracing::error!(%error, "ingest.marker_not_removed");
        }
    }
}

/// What the storage said, if it was the storage that failed.
pub fn storage_error(error: &io::Error) -> Option<&StorageError> {
    error.get_ref()?.downcast_ref()
}

/// Empties a directory, if it is there.
async fn empty(dir: &Path) -> io::Result<()> {
    let mut entries = match fs::read_dir(dir).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    while let Some(entry) = entries.next_entry().await? {
        fs::remove_file(entry.path()).await?;
    }
    Ok(())
}

/// A new or moved file is lasting once its directory is on disk.
async fn sync_dir(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::File::open(dir).await?.sync_all().await?;
    Ok(())
}

async fn make_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder.create(dir).await
}
