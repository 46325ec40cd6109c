//! The original files on disk: `files/<user>/<material>` for what is stored, `incoming` for what is
//! on its way: `incoming/<upload>` the part of an upload that may be resumed, `incoming/<number>` a
//! file that comes in one go. Names never come from what was uploaded. Knows nothing of the database.

use app::model::id::{MaterialId, UploadId, UserId};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use std::{
    collections::HashSet,
    io::{self, Read as _, SeekFrom},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
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

/// The directory of originals. Cheap to clone.
#[derive(Clone)]
pub struct Files {
    stored: Arc<Path>,
    incoming: Arc<Path>,
    next_number: Arc<AtomicU64>,
}

/// A file that has arrived completely and is not stored yet.
#[derive(Debug)]
pub struct Received {
    pub size_bytes: u64,
    pub sha256: [u8; 32],
    pub path: PathBuf,
    /// False once it is placed, and for a part that may be asked for again.
    removed_on_drop: bool,
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

/// Whether the disk, or the user's share of it, is full.
pub fn is_disk_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

impl Files {
    /// Opens the directories under `data_dir` and makes those that are missing.
    ///
    /// # Errors
    /// When a directory cannot be made.
    pub async fn open(data_dir: &Path) -> io::Result<Self> {
        let stored = data_dir.join("files");
        let incoming = data_dir.join("incoming");
        make_private_dir(&incoming).await?;
        make_private_dir(&stored).await?;
        Ok(Self {
            stored: stored.into(),
            incoming: incoming.into(),
            next_number: Arc::default(),
        })
    }

    /// Removes what lies in `incoming` but for the parts of these uploads. For the start only: an
    /// upload that begins meanwhile would lose its part.
    ///
    /// # Errors
    /// When the directory cannot be read, or something in it stays.
    pub async fn keep_only(&self, live: &[UploadId]) -> io::Result<()> {
        let live: HashSet<String> = live.iter().map(ToString::to_string).collect();
        let mut entries = fs::read_dir(&self.incoming).await?;
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
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let mut received = Received {
            size_bytes: 0,
            sha256: [0; 32],
            path: self.incoming.join(number.to_string()),
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
        self.incoming.join(id.to_string())
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
            sync_dir(&self.incoming).await?;
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
            received.removed_on_drop = false;
            sync_dir(dir).await?;
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
    pub async fn parts(&self) -> io::Result<Vec<UploadId>> {
        let names = names(&self.incoming).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    type Part = Result<Bytes, io::Error>;

    const ID: UploadId = UploadId::new(Uuid::from_u128(7));

    async fn receive(files: &Files, parts: Vec<Part>, max: u64) -> Result<Received, ReceiveError> {
        files.receive(futures::stream::iter(parts), max).await
    }

    async fn append(files: &Files, at: u64, room: u64, parts: Vec<Part>) -> Appended {
        let stop = CancellationToken::new();
        let parts = futures::stream::iter(parts);
        files.append(ID, at, room, parts, &stop).await
    }

    fn cut() -> Part {
        Err(io::ErrorKind::Other.into())
    }

    fn text(text: &'static str) -> Part {
        Ok(Bytes::from(text))
    }

    fn incoming(dir: &Path) -> usize {
        std::fs::read_dir(dir.join("incoming")).unwrap().count()
    }

    #[tokio::test]
    async fn an_upload_is_counted_hashed_and_placed() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path()).await.unwrap();
        let parts = vec![text("he"), text("art")];
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
        let large = receive(&files, vec![text("12345")], 4).await;
        assert!(matches!(large, Err(ReceiveError::TooLarge)));
        let cut = receive(&files, vec![text("1"), cut()], 4).await;
        assert!(matches!(cut, Err(ReceiveError::Interrupted)));
        let empty = receive(&files, vec![], 4).await;
        assert!(matches!(empty, Err(ReceiveError::Empty)));
        drop(receive(&files, vec![text("1")], 4).await.unwrap());
        assert_eq!(incoming(dir.path()), 0);
    }

    #[tokio::test]
    async fn pieces_make_a_whole_whatever_cuts_them() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path()).await.unwrap();
        let first = append(&files, 0, 5, vec![text("he"), cut()]).await;
        assert!(matches!(first.cut, Some(ReceiveError::Interrupted)));
        assert_eq!(first.length, 2);
        // Only two of these were ever acknowledged: the rest is written anew.
        std::fs::write(files.part(ID), "he??").unwrap();
        let second = append(&files, 2, 3, vec![text("a"), text("rt")]).await;
        assert!(second.cut.is_none());
        assert_eq!(second.length, 5);
        let whole = files.whole(ID).await.unwrap();
        assert_eq!(whole.size_bytes, 5);
        assert_eq!(whole.sha256, <[u8; 32]>::from(Sha256::digest("heart")));
        drop(whole);
        assert_eq!(files.part_bytes(ID).await.unwrap(), 5, "it can be repeated");
        files.remove_part(ID).await.unwrap();
        files.remove_part(ID).await.unwrap();
        assert_eq!(files.part_bytes(ID).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_piece_larger_than_its_room_or_without_its_beginning_counts_for_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path()).await.unwrap();
        append(&files, 0, 5, vec![text("he")]).await;
        let large = append(&files, 2, 3, vec![text("art"), text("s")]).await;
        assert!(matches!(large.cut, Some(ReceiveError::TooLarge)));
        assert_eq!(large.length, 2);
        let beyond = append(&files, 9, 3, vec![text("x")]).await;
        assert!(matches!(beyond.cut, Some(ReceiveError::Io(_))));
    }

    #[tokio::test]
    async fn a_stopping_server_keeps_what_has_come() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path()).await.unwrap();
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let parts = futures::stream::iter([text("he")])
            .chain(futures::stream::once(async move {
                stopping.cancel();
                futures::future::pending::<Part>().await
            }))
            .boxed();
        let appended = files.append(ID, 0, 5, parts, &stop).await;
        assert_eq!(appended.length, 2);
        assert!(matches!(appended.cut, Some(ReceiveError::Interrupted)));
    }

    #[tokio::test]
    async fn a_start_keeps_the_parts_of_live_uploads_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path()).await.unwrap();
        append(&files, 0, 4, vec![text("half")]).await;
        std::fs::write(dir.path().join("incoming/7"), "half").unwrap();
        std::fs::create_dir(dir.path().join("incoming/folder")).unwrap();
        let files = Files::open(dir.path()).await.unwrap();
        files.keep_only(&[ID]).await.unwrap();
        assert_eq!(incoming(dir.path()), 1);
        assert_eq!(files.part_bytes(ID).await.unwrap(), 4);
        files.keep_only(&[]).await.unwrap();
        assert_eq!(incoming(dir.path()), 0);
    }
}
