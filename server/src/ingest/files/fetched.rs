//! Copies of originals that lie in a bucket, in `fetched/<user>.<material>`: at most so many bytes in
//! all, the longest unused removed first, never one that is being used. Each is fetched once however
//! many ask for it at the same time. Known from memory only: a start finds the folder emptied.

use app::model::id::{MaterialId, UserId};
use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::fs;

/// Bytes of copies kept on disk: forty of the largest files a server takes unless told otherwise. Only
/// what is in use at one time may take more.
pub const BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

type Key = (UserId, MaterialId);

/// A file that stays where it is as long as this is held.
pub struct LocalCopy {
    path: PathBuf,
    _held: Option<Held>,
}

impl LocalCopy {
    /// The original itself.
    pub fn original(path: PathBuf) -> Self {
        Self { path, _held: None }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The folder of copies.
pub struct Fetched {
    folder: PathBuf,
    shelf: Arc<Shelf>,
}

struct Shelf {
    bytes_max: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    slots: HashMap<Key, Slot>,
    bytes: u64,
    /// Counts uses; the lowest number was used longest ago.
    uses: u64,
}

struct Slot {
    path: PathBuf,
    /// Of the copy, once it is there.
    bytes: Option<u64>,
    used: u64,
    holders: usize,
    /// The material was deleted: what is still being fetched is not kept.
    is_doomed: bool,
    /// Who fetches it.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// Keeps a slot's file in its place until it is dropped.
struct Held {
    key: Key,
    shelf: Arc<Shelf>,
}

impl Fetched {
    /// Copies in `folder`, of at most `bytes_max` bytes while nobody uses them.
    pub fn new(folder: PathBuf, bytes_max: u64) -> Self {
        let state = Mutex::default();
        Self {
            folder,
            shelf: Arc::new(Shelf { bytes_max, state }),
        }
    }

    /// Where the copies lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The copy of `key`, which `fetch` writes to the path it is given when there is none yet.
    ///
    /// # Errors
    /// Those of `fetch` and of the disk; `NotFound` when the material is deleted meanwhile.
    pub async fn copy(
        &self,
        key: Key,
        fetch: impl AsyncFnOnce(&Path) -> io::Result<u64>,
    ) -> io::Result<LocalCopy> {
        let name = format!("{}.{}", key.0, key.1);
        let path = self.folder.join(&name);
        let (held, turn) = self.shelf.hold(key, &path);
        let _turn = turn.lock().await;
        if !self.shelf.is_there(key) || !fs::try_exists(&path).await? {
            let unfinished = self.folder.join(format!("{name}.unfinished"));
            let unfinished = Unfinished(&unfinished);
            let bytes = fetch(unfinished.0).await?;
            fs::rename(unfinished.0, &path).await?;
            self.shelf.keep(key, bytes)?;
        }
        let _held = Some(held);
        Ok(LocalCopy { path, _held })
    }

    /// Removes the copy of a material that is deleted, also from under those who use it: what they
    /// have open stays readable to them.
    pub fn remove(&self, key: Key) {
        self.shelf.doom(key);
    }
}

/// What is half fetched goes away however the fetching ends.
struct Unfinished<'a>(&'a Path);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        // It is not there when it was finished.
        let _ = std::fs::remove_file(self.0);
    }
}

/// Unlinks a copy, which takes no longer than a moment; only while the shelf is locked, so that nobody
/// fetches it anew in between.
fn unlink(path: &Path) {
    // What cannot be removed now is removed at the next start.
    let _ = std::fs::remove_file(path);
}

impl Shelf {
    fn hold(self: &Arc<Self>, key: Key, path: &Path) -> (Held, Arc<tokio::sync::Mutex<()>>) {
        let mut state = self.state();
        state.uses += 1;
        let used = state.uses;
        let slot = state.slots.entry(key).or_insert_with(|| Slot {
            path: path.to_owned(),
            bytes: None,
            used,
            holders: 0,
            is_doomed: false,
            turn: Arc::default(),
        });
        slot.holders += 1;
        slot.used = used;
        let shelf = Arc::clone(self);
        (Held { key, shelf }, Arc::clone(&slot.turn))
    }

    fn is_there(&self, key: Key) -> bool {
        let state = self.state();
        let slot = state.slots.get(&key);
        slot.is_some_and(|slot| slot.bytes.is_some())
    }

    /// Notes a copy that is there now, and makes room for it.
    fn keep(&self, key: Key, bytes: u64) -> io::Result<()> {
        let mut state = self.state();
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let slot = state.slots.get_mut(&key).ok_or_else(gone)?;
        if slot.is_doomed {
            unlink(&slot.path);
            return Err(gone());
        }
        let before = slot.bytes.replace(bytes).unwrap_or_default();
        state.bytes = state.bytes - before + bytes;
        state.make_room(self.bytes_max);
        Ok(())
    }

    fn doom(&self, key: Key) {
        let mut state = self.state();
        let Some(slot) = state.slots.get_mut(&key) else {
            return;
        };
        slot.is_doomed = true;
        unlink(&slot.path);
        let bytes = slot.bytes.take().unwrap_or_default();
        let is_free = slot.holders == 0;
        state.bytes -= bytes;
        if is_free {
            state.slots.remove(&key);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Removes what has to go for the rest to fit; what is being used stays.
    fn make_room(&mut self, bytes_max: u64) {
        while self.bytes > bytes_max {
            let oldest = (self.slots.iter())
                .filter(|(_, slot)| slot.holders == 0)
                .min_by_key(|(_, slot)| slot.used)
                .map(|(key, _)| *key);
            let Some(slot) = oldest.and_then(|key| self.slots.remove(&key)) else {
                return;
            };
            self.bytes -= slot.bytes.unwrap_or_default();
            unlink(&slot.path);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.shelf.state();
        let Some(slot) = state.slots.get_mut(&self.key) else {
            return;
        };
        slot.holders -= 1;
        if slot.holders > 0 {
            return;
        }
        if slot.bytes.is_none() {
            state.slots.remove(&self.key);
            return;
        }
        state.make_room(self.shelf.bytes_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use uuid::Uuid;

    fn key(material: u128) -> Key {
        (
            UserId::new(Uuid::from_u128(1)),
            MaterialId::new(Uuid::from_u128(material)),
        )
    }

    async fn ten_bytes(target: &Path) -> io::Result<u64> {
        fs::write(target, "ten bytes.").await?;
        Ok(10)
    }

    fn files(dir: &Path) -> usize {
        std::fs::read_dir(dir).unwrap().count()
    }

    #[tokio::test]
    async fn many_who_ask_at_once_share_one_fetch() {
        let dir = tempfile::tempdir().unwrap();
        let fetched = Fetched::new(dir.path().to_owned(), 100);
        let fetches = AtomicUsize::new(0);
        let ask = || {
            fetched.copy(key(1), async |target: &Path| {
                fetches.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                ten_bytes(target).await
            })
        };
        let copies = futures::future::join_all((0..8).map(|_| ask())).await;
        for copy in copies {
            assert_eq!(std::fs::read(copy.unwrap().path()).unwrap(), b"ten bytes.");
        }
        assert_eq!(fetches.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn what_is_fetched_side_by_side_is_not_mixed() {
        let dir = tempfile::tempdir().unwrap();
        let fetched = Fetched::new(dir.path().to_owned(), 100);
        let meeting = tokio::sync::Barrier::new(2);
        let ask = |number| {
            let meeting = &meeting;
            fetched.copy(key(number), async move |target: &Path| {
                fs::write(target, number.to_string()).await?;
                // Both are half-way.
                meeting.wait().await;
                Ok(1)
            })
        };
        let (one, two) = tokio::join!(ask(1), ask(2));
        assert_eq!(std::fs::read(one.unwrap().path()).unwrap(), b"1");
        assert_eq!(std::fs::read(two.unwrap().path()).unwrap(), b"2");
    }

    #[tokio::test]
    async fn the_longest_unused_goes_first_and_what_is_held_stays() {
        let dir = tempfile::tempdir().unwrap();
        let fetched = Fetched::new(dir.path().to_owned(), 25);
        let held = fetched.copy(key(1), ten_bytes).await.unwrap();
        for material in 2..=4 {
            drop(fetched.copy(key(material), ten_bytes).await.unwrap());
        }
        assert!(held.path().exists(), "it is in use");
        assert_eq!(files(dir.path()), 2);
        let others = [fetched.copy(key(5), ten_bytes).await.unwrap(), held];
        assert!(others.iter().all(|copy| copy.path().exists()));
        let third = fetched.copy(key(6), ten_bytes).await.unwrap();
        assert_eq!(files(dir.path()), 3, "all three are in use");
        drop((others, third));
        assert_eq!(files(dir.path()), 2);
    }

    #[tokio::test]
    async fn a_fetch_that_fails_leaves_nothing_and_can_be_repeated() {
        let dir = tempfile::tempdir().unwrap();
        let fetched = Fetched::new(dir.path().to_owned(), 25);
        let failed = fetched
            .copy(key(1), async |target: &Path| {
                fs::write(target, "half").await?;
                Err(io::ErrorKind::TimedOut.into())
            })
            .await;
        assert_eq!(failed.err().unwrap().kind(), io::ErrorKind::TimedOut);
        assert_eq!(files(dir.path()), 0);
        assert!(fetched.shelf.state().slots.is_empty());
        assert!(fetched.copy(key(1), ten_bytes).await.is_ok());
    }

    #[tokio::test]
    async fn what_is_deleted_while_it_is_fetched_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let fetched = Fetched::new(dir.path().to_owned(), 25);
        let copy = fetched
            .copy(key(1), async |target: &Path| {
                let bytes = ten_bytes(target).await?;
                fetched.remove(key(1));
                Ok(bytes)
            })
            .await;
        assert_eq!(copy.err().unwrap().kind(), io::ErrorKind::NotFound);
        assert_eq!(files(dir.path()), 0);
        let copy = fetched.copy(key(2), ten_bytes).await.unwrap();
        fetched.remove(key(2));
        assert!(!copy.path().exists());
        drop(copy);
        let state = fetched.shelf.state();
        assert_eq!((state.bytes, state.slots.len()), (0, 0));
    }
}
