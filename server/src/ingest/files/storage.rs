//! Where originals are stored: a folder of this machine, or a bucket of a service that speaks S3, in
//! either under `<user>/<material>`. Knows nothing of uploads or copies, and bounds how long it waits
//! for an answer. What it says of a failure never holds an address with a signature, a header or a key.

mod problem;

pub use problem::StorageError;

use super::make_private_dir;
use crate::config::{S3Config, StorageConfig};
use app::model::id::{MaterialId, UserId};
use futures::{
    TryStreamExt as _,
    stream::{BoxStream, StreamExt as _},
};
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, ObjectStoreExt as _, RetryConfig,
    aws::AmazonS3Builder, buffered::BufWriter, local::LocalFileSystem, path::Path as Key,
};
use problem::told;
use secrecy::ExposeSecret as _;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    fs,
    io::AsyncWriteExt as _,
    sync::{Mutex, Semaphore},
    time::{Instant, timeout},
};

/// Longest wait for a connection.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// Longest silence within an answer, and longest time for one piece to be taken: a request of a student
/// is given up after 30 s, and she is to hear the reason.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// How often a request that could not be sent, or that the service was too busy for, is repeated.
const RETRIES: usize = 3;
/// After this time nothing is repeated any more.
const RETRY_WITHIN: Duration = Duration::from_secs(15);
/// Wait before the first repetition; it grows from there, with jitter.
const BACKOFF: Duration = Duration::from_millis(100);
/// Longest wait before a repetition.
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// Bytes of one piece of a large file on its way into a bucket; a smaller file goes in one.
const PIECE_BYTES: usize = 8 * 1024 * 1024;
/// Bytes read of it at once.
const READ_BYTES: usize = 256 * 1024;
/// Pieces of one file that are under way at once.
const PIECES_AT_ONCE: usize = 2;
/// Files on their way into a bucket at once: with their pieces they hold about 100 MB of memory.
const SENT_AT_ONCE: usize = 4;
/// How long it is believed that the storage answers, or does not, before it is asked again.
const ANSWER_BELIEVED: Duration = Duration::from_secs(10);
/// Longest wait for that answer.
const ANSWER_WAIT: Duration = Duration::from_secs(2);
/// The object that says whose bucket, or whose prefix, this is.
const OWNER_OBJECT: &str = "studyin-owner";

/// The place of the originals.
pub struct Storage {
    store: Arc<dyn ObjectStore>,
    /// The folder, when they lie on this machine.
    folder: Option<PathBuf>,
    prefix: Key,
    sending: Semaphore,
    /// Whether it answered when it was asked last, and when that was.
    answered: Mutex<Option<(Instant, bool)>>,
}

impl Storage {
    /// Opens the folder under `data_dir`, or prepares to speak with the bucket.
    pub async fn open(data_dir: &Path, config: &StorageConfig) -> io::Result<Self> {
        let (store, folder, prefix): (Arc<dyn ObjectStore>, _, _) = match config {
            StorageConfig::Local => {
                let folder = data_dir.join("files");
                make_private_dir(&folder).await?;
                let store = LocalFileSystem::new_with_prefix(&folder).map_err(told)?;
                (Arc::new(store), Some(folder), Key::default())
            }
            StorageConfig::S3(config) => {
                let store = bucket(config).map_err(told)?;
                (Arc::new(store), None, Key::from(config.prefix.as_str()))
            }
        };
        Ok(Self {
            store,
            folder,
            prefix,
            sending: Semaphore::new(SENT_AT_ONCE),
            answered: Mutex::default(),
        })
    }

    /// Whether the originals are not on this machine's disk.
    pub fn is_remote(&self) -> bool {
        self.folder.is_none()
    }

    /// Where a material's original lies, or will lie, when that is on this machine.
    pub fn local_path(&self, user: UserId, material: MaterialId) -> Option<PathBuf> {
        let folder = self.folder.as_ref()?.join(user.to_string());
        Some(folder.join(material.to_string()))
    }

    /// The name of the object that says whose storage this is.
    pub fn owner_object(&self) -> String {
        self.owner_key().to_string()
    }

    /// Whether the storage belongs to the server of this name; one that belongs to nobody does from
    /// now on. Reads, lists and perhaps writes, so that a wrong setting shows.
    pub async fn claim(&self, own: &str) -> io::Result<bool> {
        let key = self.owner_key();
        // Some services say of a missing object only that one may not read it.
        self.store
            .list(Some(&self.prefix))
            .try_next()
            .await
            .map_err(told)?;
        let found = match self.store.get(&key).await.map_err(told) {
            Ok(found) => found.bytes().await.map_err(told)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let name = own.to_owned().into();
                self.store.put(&key, name).await.map_err(told)?;
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        Ok(found.trim_ascii() == own.as_bytes())
    }

    /// Sends a file of so many bytes to its place, whole or not at all.
    pub async fn send(
        &self,
        file: &Path,
        bytes: u64,
        user: UserId,
        material: MaterialId,
    ) -> io::Result<()> {
        // Never closed, so there is always a permit in the end.
        let _turn = self.sending.acquire().await.ok();
        let file = fs::File::open(file).await?;
        let mut file = tokio::io::BufReader::with_capacity(READ_BYTES, file);
        let store = Arc::clone(&self.store);
        let mut target = BufWriter::with_capacity(store, self.key(user, material), PIECE_BYTES)
            .with_max_concurrency(PIECES_AT_ONCE);
        let sent = async {
            let sent = tokio::io::copy_buf(&mut file, &mut target);
            let sent = sent.await.map_err(told_io)?;
            if sent != bytes {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(())
        }
        .await;
        match sent {
            Ok(()) => target.shutdown().await.map_err(told_io),
            Err(error) => {
                // Pieces that stay are invisible; buckets can be told to remove them after a while.
                let _ = target.abort().await;
                Err(error)
            }
        }
    }

    /// Writes an original to `target`, piece by piece; its bytes.
    pub async fn fetch(
        &self,
        user: UserId,
        material: MaterialId,
        target: &Path,
    ) -> io::Result<u64> {
        let found = self
            .store
            .get(&self.key(user, material))
            .await
            .map_err(told)?;
        let (bytes, stored_at) = (found.meta.size, found.meta.last_modified);
        let mut pieces = found.into_stream();
        let mut file = fs::File::create(target).await?;
        let mut written = 0;
        while let Some(piece) = pieces.try_next().await.map_err(told)? {
            written += piece.len() as u64;
            file.write_all(&piece).await?;
        }
        file.flush().await?;
        if written != bytes {
            return Err(io::Error::other(StorageError::cut()));
        }
        // A copy that is fetched again is the same file to a browser that has a part of it.
        file.into_std().await.set_modified(stored_at.into())?;
        Ok(bytes)
    }

    /// Removes an original; one that is gone already is no failure.
    pub async fn remove(&self, user: UserId, material: MaterialId) -> io::Result<()> {
        match self
            .store
            .delete(&self.key(user, material))
            .await
            .map_err(told)
        {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether there is an original.
    pub async fn has(&self, user: UserId, material: MaterialId) -> io::Result<bool> {
        match self
            .store
            .head(&self.key(user, material))
            .await
            .map_err(told)
        {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Every original, one after the other; what else lies there is passed over.
    pub fn all(&self) -> BoxStream<'static, io::Result<(UserId, MaterialId)>> {
        let prefix = self.prefix.clone();
        self.store
            .list(Some(&self.prefix))
            .try_filter_map(move |found| {
                let named = named(&prefix, &found.location);
                async move { Ok(named) }
            })
            .map_err(told)
            .boxed()
    }

    /// Whether it answers; asked at most every [`ANSWER_BELIEVED`], however many want to know.
    pub async fn answers(&self) -> bool {
        let mut answered = self.answered.lock().await;
        if let Some((asked, answer)) = *answered
            && asked.elapsed() < ANSWER_BELIEVED
        {
            return answer;
        }
        let key = self.owner_key();
        let head = timeout(ANSWER_WAIT, self.store.head(&key)).await;
        let answer = match head.map(|found| found.map_err(told)) {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => error.kind() == io::ErrorKind::NotFound,
            Err(_) => false,
        };
        *answered = Some((Instant::now(), answer));
        answer
    }

    fn key(&self, user: UserId, material: MaterialId) -> Key {
        let of_user = self.prefix.clone().join(user.to_string());
        of_user.join(material.to_string())
    }

    fn owner_key(&self) -> Key {
        self.prefix.clone().join(OWNER_OBJECT)
    }
}

/// Whose original a key names, if it does.
fn named(prefix: &Key, key: &Key) -> Option<(UserId, MaterialId)> {
    let mut parts = key.prefix_match(prefix)?;
    let user = parts.next()?.as_ref().parse().ok()?;
    let material = parts.next()?.as_ref().parse().ok()?;
    parts.next().is_none().then_some((user, material))
}

/// An error of `object_store` that came as one of the disk.
fn told_io(error: io::Error) -> io::Error {
    match error.downcast::<object_store::Error>() {
        Ok(error) => told(error),
        Err(error) => error,
    }
}

fn bucket(config: &S3Config) -> object_store::Result<impl ObjectStore> {
    let client = ClientOptions::new()
        .with_connect_timeout(CONNECT_WAIT)
        .with_read_timeout(SILENCE_MAX)
        // A large file over a thin line takes its time; silence ends it.
        .with_timeout_disabled();
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: BACKOFF,
            max_backoff: BACKOFF_MAX,
            ..BackoffConfig::default()
        },
        max_retries: RETRIES,
        retry_timeout: RETRY_WITHIN,
    };
    let mut builder = AmazonS3Builder::new()
        .with_client_options(client)
        .with_retry(retry)
        .with_bucket_name(&config.bucket)
        .with_region(&config.region)
        .with_access_key_id(&config.access_key_id)
        .with_secret_access_key(config.secret_access_key.expose_secret())
        // One object at a time is removed, and not every service knows how to remove several.
        .with_disable_bulk_delete(true);
    if let Some(endpoint) = &config.endpoint {
        builder = builder
            .with_endpoint(endpoint.as_str().trim_end_matches('/'))
            .with_allow_http(endpoint.scheme() == "http");
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn only_a_key_of_two_ids_under_the_prefix_names_an_original() {
        let (user, material) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let whole = Some((UserId::new(user), MaterialId::new(material)));
        let prefix = Key::from("school/studyin");
        let key = |text: String| Key::from(text);
        let good = key(format!("school/studyin/{user}/{material}"));
        assert_eq!(named(&prefix, &good), whole);
        let bare = key(format!("{user}/{material}"));
        assert_eq!(named(&Key::default(), &bare), whole);
        for other in [
            format!("{user}/{material}"),
            format!("school/studyin-2/{user}/{material}"),
            format!("school/studyin/{user}"),
            format!("school/studyin/{user}/{material}/more"),
            format!("school/studyin/{OWNER_OBJECT}"),
            format!("school/studyin/{user}/notes.pdf"),
        ] {
            assert_eq!(named(&prefix, &key(other.clone())), None, "{other}");
        }
    }
}
