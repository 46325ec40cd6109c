//! The original files on disk: `files/<user>/<material>` for what is stored, `incoming` for uploads
//! under way. Names come from ids, never from what was uploaded. Knows nothing of the database.

use app::model::id::{MaterialId, UserId};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{fs, io::AsyncWriteExt};
use uuid::Uuid;

/// The directory of originals. Cheap to clone.
#[derive(Clone)]
pub struct Files {
    stored: Arc<Path>,
    incoming: Arc<Path>,
    next_upload: Arc<AtomicU64>,
}

/// A file that has arrived completely and is not stored yet; removed from disk when dropped.
#[derive(Debug)]
pub struct Received {
    pub size_bytes: u64,
    pub sha256: [u8; 32],
    pub path: PathBuf,
    placed: bool,
}

/// Why a file did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    #[error("larger than allowed")]
    TooLarge,
    #[error("no bytes")]
    Empty,
    #[error("the disk is full")]
    DiskFull,
    /// The sender went away.
    #[error("the upload was interrupted")]
    Interrupted,
    #[error("storing the upload: {0}")]
    Io(io::Error),
}

impl From<io::Error> for ReceiveError {
    fn from(error: io::Error) -> Self {
        if is_disk_full(&error) {
            Self::DiskFull
        } else {
            Self::Io(error)
        }
    }
}

/// Whether the disk, or the user's share of it, is full.
pub fn is_disk_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

impl Files {
    /// Opens the directories under `data_dir`, makes those that are missing, and removes uploads
    /// that an earlier process left unfinished.
    ///
    /// # Errors
    /// When a directory cannot be made or emptied.
    pub async fn open(data_dir: &Path) -> io::Result<Self> {
        let stored = data_dir.join("files");
        let incoming = data_dir.join("incoming");
        if fs::try_exists(&incoming).await? {
            fs::remove_dir_all(&incoming).await?;
        }
        make_private_dir(&incoming).await?;
        make_private_dir(&stored).await?;
        Ok(Self {
            stored: stored.into(),
            incoming: incoming.into(),
            next_upload: Arc::default(),
        })
    }

    /// Streams a body to disk, counting and hashing it; stops as soon as it exceeds `max_bytes`.
    ///
    /// # Errors
    /// See [`ReceiveError`]; nothing is left on disk then.
    pub async fn receive<S, E>(
        &self,
        mut stream: S,
        max_bytes: u64,
    ) -> Result<Received, ReceiveError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let number = self.next_upload.fetch_add(1, Ordering::Relaxed);
        let mut received = Received {
            size_bytes: 0,
            sha256: [0; 32],
            path: self.incoming.join(number.to_string()),
            placed: false,
        };
        let mut file = fs::File::create_new(&received.path).await?;
        let mut hash = Sha256::new();
        while let Some(part) = stream.next().await {
            let part = part.map_err(|_| ReceiveError::Interrupted)?;
            received.size_bytes += part.len() as u64;
            if received.size_bytes > max_bytes {
                return Err(ReceiveError::TooLarge);
            }
            hash.update(&part);
            file.write_all(&part).await?;
        }
        if received.size_bytes == 0 {
            return Err(ReceiveError::Empty);
        }
        file.flush().await?;
        // The row will say that the file is here; it must still be after a power cut.
        file.sync_all().await?;
        received.sha256 = hash.finalize().into();
        Ok(received)
    }

    /// Where a material's original lies.
    pub fn path(&self, user: UserId, material: MaterialId) -> PathBuf {
        self.stored
            .join(user.to_string())
            .join(material.to_string())
    }

    /// Moves a received file to its material's place.
    ///
    /// # Errors
    /// When the directory or the file cannot be made there.
    pub async fn place(
        &self,
        mut received: Received,
        user: UserId,
        material: MaterialId,
    ) -> io::Result<()> {
        let path = self.path(user, material);
        if let Some(dir) = path.parent() {
            make_private_dir(dir).await?;
            fs::rename(&received.path, &path).await?;
            received.placed = true;
            // A rename is lasting once its directory is on disk.
            #[cfg(unix)]
            fs::File::open(dir).await?.sync_all().await?;
        }
        Ok(())
    }

    /// Removes a material's original; one that is gone already is no failure.
    ///
    /// # Errors
    /// When the file is there and stays.
    pub async fn remove(&self, user: UserId, material: MaterialId) -> io::Result<()> {
        match fs::remove_file(self.path(user, material)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether a material's original is there.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub async fn has(&self, user: UserId, material: MaterialId) -> io::Result<bool> {
        fs::try_exists(self.path(user, material)).await
    }

    /// The users who have a folder here.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub async fn users(&self) -> io::Result<Vec<UserId>> {
        Ok(names(&self.stored)
            .await?
            .into_iter()
            .map(UserId::new)
            .collect())
    }

    /// The materials of which the user has a file here.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub async fn of_user(&self, user: UserId) -> io::Result<Vec<MaterialId>> {
        let names = names(&self.stored.join(user.to_string())).await?;
        Ok(names.into_iter().map(MaterialId::new).collect())
    }

    /// The uploads of which a part lies here.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub async fn parts(&self) -> io::Result<Vec<Uuid>> {
        names(&self.incoming).await
    }

    /// Removes the part of an upload that is over; one that is gone already is no failure.
    ///
    /// # Errors
    /// When it is there and stays.
    pub async fn remove_part(&self, upload: Uuid) -> io::Result<()> {
        match fs::remove_file(self.incoming.join(upload.to_string())).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The ids among the names in a directory; none when there is no such directory.
async fn names(dir: &Path) -> io::Result<Vec<Uuid>> {
    let mut names = Vec::new();
    let mut entries = match fs::read_dir(dir).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
        entries => entries?,
    };
    while let Some(entry) = entries.next_entry().await? {
        names.extend(
            entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse::<Uuid>().ok()),
        );
    }
    Ok(names)
}

impl Drop for Received {
    fn drop(&mut self) {
        if !self.placed {
            // What cannot be removed now is removed at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

async fn make_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder.create(dir).await
}

#[cfg(test)]
mod tests {
    use super::*;

    type Part = Result<Bytes, io::Error>;

    async fn receive(files: &Files, parts: Vec<Part>, max: u64) -> Result<Received, ReceiveError> {
        files.receive(futures::stream::iter(parts), max).await
    }

    fn incoming(dir: &Path) -> usize {
        std::fs::read_dir(dir.join("incoming")).unwrap().count()
    }

    #[tokio::test]
    async fn an_upload_is_counted_hashed_and_placed() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path()).await.unwrap();
        let parts = vec![Ok(Bytes::from("he")), Ok(Bytes::from("art"))];
        let received = receive(&files, parts, 100).await.unwrap();
        assert_eq!(received.size_bytes, 5);
        assert_eq!(received.sha256, <[u8; 32]>::from(Sha256::digest("heart")));
        let (user, material) = (
            UserId::new(Uuid::from_u128(1)),
            MaterialId::new(Uuid::from_u128(2)),
        );
        files.place(received, user, material).await.unwrap();
        assert_eq!(std::fs::read(files.path(user, material)).unwrap(), b"heart");
        assert_eq!(incoming(dir.path()), 0);
        files.remove(user, material).await.unwrap();
        files.remove(user, material).await.unwrap();
    }

    #[tokio::test]
    async fn whatever_goes_wrong_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path()).await.unwrap();
        let large = receive(&files, vec![Ok(Bytes::from("12345"))], 4).await;
        assert!(matches!(large, Err(ReceiveError::TooLarge)));
        let cut = vec![Ok(Bytes::from("1")), Err(io::ErrorKind::Other.into())];
        let cut = receive(&files, cut, 4).await;
        assert!(matches!(cut, Err(ReceiveError::Interrupted)));
        let empty = receive(&files, vec![], 4).await;
        assert!(matches!(empty, Err(ReceiveError::Empty)));
        drop(
            receive(&files, vec![Ok(Bytes::from("1"))], 4)
                .await
                .unwrap(),
        );
        assert_eq!(incoming(dir.path()), 0);
    }

    #[tokio::test]
    async fn unfinished_uploads_of_an_earlier_process_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path()).await.unwrap();
        std::fs::write(dir.path().join("incoming/7"), "half").unwrap();
        drop(files);
        Files::open(dir.path()).await.unwrap();
        assert_eq!(incoming(dir.path()), 0);
    }
}
