//! What is on its way in, always on this machine's disk: `incoming/<upload>` the part of an upload that
//! may be resumed, `incoming/<number>` a file that comes in one go. Names never come from what was
//! uploaded.

use super::{Files, is_disk_full, sync_dir};
use app::model::id::UploadId;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use std::{
    collections::HashSet,
    io::{self, Read as _, SeekFrom},
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::Duration,
};
use tokio::{
    fs,
    io::{AsyncSeekExt as _, AsyncWriteExt},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Longest silence of a sender before an upload counts as interrupted: a phone between two cells
/// comes back within it, and a dead connection does not hold its upload for longer.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// Bytes read at once when a whole file is hashed.
const HASH_BUFFER_BYTES: usize = 256 * 1024;

/// A file that has arrived completely and is not stored yet.
#[derive(Debug)]
pub struct Received {
    pub size_bytes: u64,
    pub sha256: [u8; 32],
    pub path: PathBuf,
    /// False once it is placed, and for a part that may be asked for again.
    pub(super) removed_on_drop: bool,
}

/// What a piece of an upload came to.
#[derive(Debug)]
pub struct Appended {
    /// Bytes of the upload that are safely on disk.
    pub length: u64,
    /// Why the piece ended early.
    pub cut: Option<ReceiveError>,
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

impl Files {
    /// Removes what an earlier process left on this machine but for the parts of these uploads. For
    /// the start only: an upload that begins meanwhile would lose its part.
    ///
    /// # Errors
    /// When a directory cannot be read, or something in it stays.
    pub async fn keep_only(&self, live: &[UploadId]) -> io::Result<()> {
        super::empty(&self.0.arriving).await?;
        super::empty(self.0.fetched.folder()).await?;
        let live: HashSet<String> = live.iter().map(ToString::to_string).collect();
        let mut entries = fs::read_dir(&self.0.incoming).await?;
        while let Some(entry) = entries.next_entry().await? {
            let is_live = entry
                .file_name()
                .to_str()
                .is_some_and(|name| live.contains(name));
            if is_live {
                continue;
            }
            if entry.file_type().await?.is_dir() {
                fs::remove_dir_all(entry.path()).await?;
            } else {
                fs::remove_file(entry.path()).await?;
            }
        }
        Ok(())
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
        let number = self.0.next_number.fetch_add(1, Ordering::Relaxed);
        let mut received = Received {
            size_bytes: 0,
            sha256: [0; 32],
            path: self.0.incoming.join(number.to_string()),
            removed_on_drop: true,
        };
        let mut file = fs::File::create_new(&received.path).await?;
        let mut hash = Sha256::new();
        while let Some(part) = next(&mut stream).await? {
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

    /// Where the part of an upload lies.
    fn part(&self, id: UploadId) -> PathBuf {
        self.0.incoming.join(id.to_string())
    }

    /// Bytes of an upload's part; none when there is no part yet.
    ///
    /// # Errors
    /// When the disk does not answer.
    pub async fn part_bytes(&self, id: UploadId) -> io::Result<u64> {
        match fs::metadata(self.part(id)).await {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Adds a piece to an upload's part after its first `at` bytes, `room` bytes at most, until it
    /// ends, breaks, or `stop`. What has come by then is on disk when this returns.
    pub async fn append<S, E>(
        &self,
        id: UploadId,
        at: u64,
        room: u64,
        stream: S,
        stop: &CancellationToken,
    ) -> Appended
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        match self.append_whole(id, at, room, stream, stop).await {
            Ok(appended) => appended,
            // What may have been written counts for nothing; the next piece cuts it off.
            Err(error) => Appended {
                length: at,
                cut: Some(error),
            },
        }
    }

    async fn append_whole<S, E>(
        &self,
        id: UploadId,
        at: u64,
        room: u64,
        mut stream: S,
        stop: &CancellationToken,
    ) -> Result<Appended, ReceiveError>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.part(id))
            .await?;
        if file.metadata().await?.len() < at {
            return Err(ReceiveError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        file.set_len(at).await?;
        file.seek(SeekFrom::Start(at)).await?;
        let mut length = at;
        let cut = loop {
            let piece = tokio::select! {
                piece = next(&mut stream) => piece,
                () = stop.cancelled() => Err(ReceiveError::Interrupted),
            };
            match piece {
                Ok(Some(piece)) => {
                    length += piece.len() as u64;
                    if length - at > room {
                        return Err(ReceiveError::TooLarge);
                    }
                    file.write_all(&piece).await?;
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        file.flush().await?;
        // The row will say that these bytes are here; they must still be after a power cut.
        file.sync_all().await?;
        if at == 0 {
            sync_dir(&self.0.incoming).await?;
        }
        Ok(Appended { length, cut })
    }

    /// The part of an upload that has arrived completely, hashed. It stays on disk until it is
    /// placed or [removed](Self::remove_part), so that a failed last step can be repeated.
    ///
    /// # Errors
    /// When the part cannot be read.
    pub async fn whole(&self, id: UploadId) -> io::Result<Received> {
        let path = self.part(id);
        let hashed = tokio::task::spawn_blocking(move || {
            let (size_bytes, sha256) = hash(&path)?;
            Ok(Received {
                size_bytes,
                sha256,
                path,
                removed_on_drop: false,
            })
        });
        hashed.await.map_err(io::Error::other)?
    }

    /// The uploads of which a part lies here.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub async fn parts(&self) -> io::Result<Vec<UploadId>> {
        let names = names(&self.0.incoming).await?;
        Ok(names.into_iter().map(UploadId::new).collect())
    }

    /// Removes the part of an upload that is over; one that is gone already is no failure.
    ///
    /// # Errors
    /// When it is there and stays.
    pub async fn remove_part(&self, upload: UploadId) -> io::Result<()> {
        match fs::remove_file(self.part(upload)).await {
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
        if self.removed_on_drop {
            // What cannot be removed now is removed at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The next piece of a body; a body that is silent for [`SILENCE_MAX`] is interrupted.
async fn next<S, E>(stream: &mut S) -> Result<Option<Bytes>, ReceiveError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    match tokio::time::timeout(SILENCE_MAX, stream.next()).await {
        Ok(Some(Ok(piece))) => Ok(Some(piece)),
        Ok(None) => Ok(None),
        Ok(Some(Err(_))) | Err(_) => Err(ReceiveError::Interrupted),
    }
}

/// Size and SHA-256 of a file.
fn hash(path: &Path) -> io::Result<(u64, [u8; 32])> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; HASH_BUFFER_BYTES];
    let mut size_bytes = 0;
    loop {
        let bytes = file.read(&mut buffer)?;
        if bytes == 0 {
            return Ok((size_bytes, hash.finalize().into()));
        }
        hash.update(&buffer[..bytes]);
        size_bytes += bytes as u64;
    }
}

#[cfg(test)]
mod tests;
