//! Pictures on disk: `cache/pages/<user>/<material>/<name>`, at most so many bytes in all, the ones
//! longest unused removed first. Derived data: it may vanish at any time and is not in the backup.
//!
//! What is there is known from memory; the folder is read once, at the start. Losing a file to
//! somebody else is therefore no error, only a picture that is made again.

use app::model::id::{MaterialId, UserId};
use bytes::Bytes;
use std::{
    collections::{HashMap, HashSet},
    io,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};
use tokio::fs;

/// Share of the budget that is left after clearing out, in percent, so that it is not done for
/// every new picture.
const CLEARED_SHARE: u64 = 90;

/// Which picture, or which words, of which material.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub user: UserId,
    pub material: MaterialId,
    /// From 1.
    pub page: u32,
    pub what: What,
}

/// What of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// Its picture, so many pixels wide.
    Picture(u32),
    /// The words on it and their places.
    Words,
}

impl Key {
    fn file_name(&self) -> String {
        match self.what {
            What::Picture(width) => format!("{}-{width}.png", self.page),
            What::Words => format!("{}-words.json", self.page),
        }
    }

    fn parse(user: UserId, material: MaterialId, file_name: &str) -> Option<Self> {
        let (page, rest) = file_name.split_once('-')?;
        let what = match rest.split_once('.')? {
            ("words", "json") => What::Words,
            (width, "png") => What::Picture(width.parse().ok()?),
            _ => return None,
        };
        Some(Self {
            user,
            material,
            page: page.parse().ok()?,
            what,
        })
    }
}

/// The folder and what it holds.
pub struct Cache {
    folder: PathBuf,
    bytes_max: u64,
    held: Mutex<Held>,
    next_name: AtomicU64,
}

#[derive(Default)]
struct Held {
    entries: HashMap<Key, Entry>,
    bytes: u64,
    /// Counts uses; the lowest number was used longest ago.
    uses: u64,
}

struct Entry {
    bytes: u64,
    used: u64,
}

impl Cache {
    /// Opens the folder under `data_dir`, makes it if it is missing, and learns what is there.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub async fn open(data_dir: &Path, bytes_max: u64) -> io::Result<Self> {
        let folder = data_dir.join("cache").join("pages");
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        builder.mode(0o700);
        builder.create(&folder).await?;
        let listed = folder.clone();
        let found = tokio::task::spawn_blocking(move || list(&listed))
            .await
            .map_err(io::Error::other)??;
        let cache = Self {
            folder,
            bytes_max,
            held: Mutex::default(),
            next_name: AtomicU64::new(u64::from(std::process::id()) << 32),
        };
        for (key, bytes) in found {
            cache.note(key, bytes);
        }
        cache.make_room().await;
        Ok(cache)
    }

    /// What is stored under `key`.
    pub async fn get(&self, key: &Key) -> Option<Bytes> {
        let is_held = {
            let mut held = self.held();
            held.uses += 1;
            let uses = held.uses;
            held.entries
                .get_mut(key)
                .map(|entry| entry.used = uses)
                .is_some()
        };
        if !is_held {
            return None;
        }
        match fs::read(self.path(key)).await {
            Ok(bytes) => Some(bytes.into()),
            Err(_) => {
                self.forget(key);
                None
            }
        }
    }

    /// Stores `bytes`; that they cannot be stored costs the next reader time, nothing else.
    pub async fn put(&self, key: Key, bytes: &Bytes) {
        if let Err(error) = self.write(&key, bytes).await {
            tracing::warn!(%error, "render.not_cached");
            return;
        }
        self.note(key, bytes.len() as u64);
        self.make_room().await;
    }

    /// The materials something is kept of.
    pub fn materials(&self) -> HashSet<(UserId, MaterialId)> {
        let held = self.held();
        held.entries
            .keys()
            .map(|key| (key.user, key.material))
            .collect()
    }

    /// Removes everything made of one material.
    pub async fn remove(&self, user: UserId, material: MaterialId) {
        {
            let mut held = self.held();
            let gone: Vec<Key> = held
                .entries
                .keys()
                .filter(|key| key.user == user && key.material == material)
                .cloned()
                .collect();
            for key in gone {
                held.remove(&key);
            }
        }
        let folder = self.material_folder(user, material);
        if let Err(error) = fs::remove_dir_all(&folder).await
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::error!(material.id = %material, %error, "render.cache_not_removed");
        }
    }

    /// Whole or not at all: the name appears when every byte is written.
    async fn write(&self, key: &Key, bytes: &Bytes) -> io::Result<()> {
        let folder = self.material_folder(key.user, key.material);
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        builder.mode(0o700);
        builder.create(&folder).await?;
        let number = self.next_name.fetch_add(1, Ordering::Relaxed);
        let unfinished = folder.join(format!("{number}.unfinished"));
        let written = async {
            fs::write(&unfinished, bytes).await?;
            fs::rename(&unfinished, self.path(key)).await
        }
        .await;
        if written.is_err() {
            // What stays is removed at the next start.
            let _ = fs::remove_file(&unfinished).await;
        }
        written
    }

    fn note(&self, key: Key, bytes: u64) {
        let mut held = self.held();
        held.remove(&key);
        held.uses += 1;
        let used = held.uses;
        held.bytes += bytes;
        held.entries.insert(key, Entry { bytes, used });
    }

    fn forget(&self, key: &Key) {
        self.held().remove(key);
    }

    async fn make_room(&self) {
        let surplus = self.held().surplus(self.bytes_max);
        for key in surplus {
            // One that is gone already takes no room either.
            let _ = fs::remove_file(self.path(&key)).await;
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn material_folder(&self, user: UserId, material: MaterialId) -> PathBuf {
        self.folder
            .join(user.to_string())
            .join(material.to_string())
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.material_folder(key.user, key.material)
            .join(key.file_name())
    }
}

impl Held {
    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes;
        }
    }

    /// Takes out what has to go for the rest to fit.
    fn surplus(&mut self, bytes_max: u64) -> Vec<Key> {
        if self.bytes <= bytes_max {
            return Vec::new();
        }
        let mut by_age: Vec<(u64, Key)> = self
            .entries
            .iter()
            .map(|(key, entry)| (entry.used, key.clone()))
            .collect();
        by_age.sort_unstable_by_key(|(used, _)| *used);
        let mut surplus = Vec::new();
        for (_, key) in by_age {
            if self.bytes <= bytes_max / 100 * CLEARED_SHARE {
                break;
            }
            self.remove(&key);
            surplus.push(key);
        }
        surplus
    }
}

/// What an earlier process left, oldest first; what it left unfinished is removed.
fn list(folder: &Path) -> io::Result<Vec<(Key, u64)>> {
    let mut found: Vec<(SystemTime, Key, u64)> = Vec::new();
    for user_entry in std::fs::read_dir(folder)? {
        let user_entry = user_entry?;
        let Some(user) = name(&user_entry).and_then(|name| name.parse().ok()) else {
            continue;
        };
        for material_entry in std::fs::read_dir(user_entry.path())? {
            let material_entry = material_entry?;
            let Some(material) = name(&material_entry).and_then(|name| name.parse().ok()) else {
                continue;
            };
            for file in std::fs::read_dir(material_entry.path())? {
                let file = file?;
                let metadata = file.metadata()?;
                let key = name(&file).and_then(|name| Key::parse(user, material, &name));
                match key {
                    Some(key) => {
                        let written = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                        found.push((written, key, metadata.len()));
                    }
                    None => std::fs::remove_file(file.path())?,
                }
            }
        }
    }
    found.sort_unstable_by_key(|(written, ..)| *written);
    Ok(found
        .into_iter()
        .map(|(_, key, bytes)| (key, bytes))
        .collect())
}

fn name(entry: &std::fs::DirEntry) -> Option<String> {
    entry.file_name().into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn key(material: u128, page: u32, what: What) -> Key {
        Key {
            user: UserId::new(Uuid::from_u128(1)),
            material: MaterialId::new(Uuid::from_u128(material)),
            page,
            what,
        }
    }

    fn picture(page: u32) -> Key {
        key(2, page, What::Picture(900))
    }

    fn bytes(count: usize) -> Bytes {
        vec![7; count].into()
    }

    #[tokio::test]
    async fn what_was_stored_is_found_also_by_the_next_process() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), 1_000).await.unwrap();
        cache.put(picture(1), &bytes(10)).await;
        cache.put(key(2, 1, What::Words), &bytes(20)).await;
        assert_eq!(cache.get(&picture(1)).await, Some(bytes(10)));
        assert_eq!(cache.get(&picture(2)).await, None);
        let left = dir.path().join("cache/pages");
        let unfinished = left
            .join(picture(1).user.to_string())
            .join(picture(1).material.to_string())
            .join("9.unfinished");
        std::fs::write(&unfinished, "half").unwrap();
        let next = Cache::open(dir.path(), 1_000).await.unwrap();
        assert_eq!(next.get(&picture(1)).await, Some(bytes(10)));
        assert_eq!(next.get(&key(2, 1, What::Words)).await, Some(bytes(20)));
        assert!(!unfinished.exists());
    }

    #[tokio::test]
    async fn the_longest_unused_goes_first_when_there_is_no_room() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), 100).await.unwrap();
        for page in 1..=3 {
            cache.put(picture(page), &bytes(30)).await;
        }
        assert!(cache.get(&picture(1)).await.is_some());
        cache.put(picture(4), &bytes(30)).await;
        assert!(cache.get(&picture(2)).await.is_none(), "used longest ago");
        for page in [1, 3, 4] {
            assert!(cache.get(&picture(page)).await.is_some(), "page {page}");
        }
        assert!(!cache.path(&picture(2)).exists());
    }

    #[tokio::test]
    async fn a_material_takes_its_pictures_with_it_and_nobody_elses() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), 1_000).await.unwrap();
        let other = key(3, 1, What::Picture(200));
        cache.put(picture(1), &bytes(10)).await;
        cache.put(other.clone(), &bytes(10)).await;
        cache.remove(picture(1).user, picture(1).material).await;
        assert!(cache.get(&picture(1)).await.is_none());
        assert!(cache.get(&other).await.is_some());
        assert!(!cache.path(&picture(1)).parent().unwrap().exists());
        assert_eq!(cache.held().bytes, 10);
    }

    #[tokio::test]
    async fn a_file_that_somebody_removed_is_only_missing() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path(), 1_000).await.unwrap();
        cache.put(picture(1), &bytes(10)).await;
        std::fs::remove_file(cache.path(&picture(1))).unwrap();
        assert!(cache.get(&picture(1)).await.is_none());
        assert_eq!(cache.held().bytes, 0);
    }
}
