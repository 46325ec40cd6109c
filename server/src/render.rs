//! The picture story: from a page of a stored PDF to an image the reader shows, and to the places of
//! its words. Drawing happens in a child process, because a document may be hostile; what it makes is
//! kept in a bounded folder, so that a page is drawn once. Knows nothing of HTTP.
//!
//! Every call names the user, and asks the database whose the material is before anything else.

mod cache;
mod child;
mod command;
mod locate;
mod raster;
mod words;

pub use cache::What;
pub use command::render_command;

use crate::{
    ingest::files::Files,
    store::{Db, StoreError, materials},
};
use app::model::{
    id::{MaterialId, UserId},
    material::{Area, FailureKind, MediaType, PICTURE_WIDTHS, Span},
};
use bytes::Bytes;
use cache::{Cache, Key};
use locate::Word;
use std::{
    io,
    path::{Path, PathBuf},
    thread::available_parallelism,
    time::Duration,
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes of pictures kept on disk: about 5,000 pages as they are usually read.
const CACHE_MAX_BYTES: u64 = 512 * 1024 * 1024;
/// Children at once on a machine with many cores; each may take a gigabyte.
const CHILDREN_MAX: usize = 4;
/// Longest a request waits for its turn.
const TURN_WAIT: Duration = Duration::from_secs(20);
/// Pages remembered that could not be drawn, so that looking at them again costs nothing.
const REFUSALS_MAX: u64 = 10_000;
/// How long they are remembered; a newer server may draw what this one could not.
const REFUSALS_KEPT: Duration = Duration::from_secs(3_600);

/// Why there is no picture. The texts are sentences for the student.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error("This PDF is locked with a password, so its pages cannot be shown as pictures.")]
    Locked,
    #[error("This page is damaged, or drawn in a way that is not understood here.")]
    Broken,
    #[error("Drawing this page takes more time or memory than one page may use.")]
    TooHeavy,
    #[error("There is no such page in this document.")]
    NoSuchPage,
    #[error("Many pages are being drawn at the moment. Try again in a few seconds.")]
    Busy,
    #[error("There is no such material in your account. It may have been deleted.")]
    NoSuchMaterial,
    #[error("Only pages of PDFs are shown as pictures.")]
    NotAPdf,
    #[error("the document's file: {0}")]
    File(io::Error),
    #[error("the drawing process could not be started: {0}")]
    Spawn(io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RenderError {
    /// Whether it is the page's own fault and will be the same next time.
    const fn lasts(&self) -> Option<FailureKind> {
        match self {
            Self::Locked => Some(FailureKind::Locked),
            Self::Broken => Some(FailureKind::Damaged),
            Self::TooHeavy => Some(FailureKind::GaveUp),
            Self::NoSuchPage => Some(FailureKind::Empty),
            _ => None,
        }
    }
}

/// The refusal that goes with the child's word; none at all means that it spoke no sense.
fn refused(kind: Option<FailureKind>) -> RenderError {
    match kind {
        Some(FailureKind::Locked) => RenderError::Locked,
        Some(FailureKind::GaveUp) => RenderError::TooHeavy,
        Some(FailureKind::Empty) => RenderError::NoSuchPage,
        _ => RenderError::Broken,
    }
}

/// Why there are no pictures at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Folder(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Draws pages and remembers them.
pub struct Renderer {
    db: Db,
    files: Files,
    /// Called as `PROGRAM render FILE PAGE WIDTH`: this server's own executable.
    program: PathBuf,
    cache: Cache,
    refusals: moka::future::Cache<Key, FailureKind>,
    children: Semaphore,
    /// Thumbnails take all places but one: a page somebody reads never waits behind a strip of them.
    small_children: Semaphore,
}

impl Renderer {
    /// Opens the folder of pictures under `data_dir`, and removes those whose material an earlier
    /// process had just deleted when it ended.
    ///
    /// # Errors
    /// When the folder or the database cannot be used.
    pub async fn open(
        db: Db,
        files: Files,
        data_dir: &Path,
        program: PathBuf,
    ) -> Result<Self, OpenError> {
        let cache = Cache::open(data_dir, CACHE_MAX_BYTES).await?;
        for (user, material) in cache.materials() {
            if materials::find(&db, user, material).await?.is_none() {
                cache.remove(user, material).await;
            }
        }
        let cores = available_parallelism().map_or(1, usize::from);
        let children = cores.clamp(2, CHILDREN_MAX);
        Ok(Self {
            db,
            files,
            program,
            cache,
            refusals: moka::future::Cache::builder()
                .max_capacity(REFUSALS_MAX)
                .time_to_live(REFUSALS_KEPT)
                .build(),
            children: Semaphore::new(children),
            small_children: Semaphore::new(children - 1),
        })
    }

    /// The picture of a page as PNG, `width` one of [`PICTURE_WIDTHS`].
    ///
    /// # Errors
    /// See [`RenderError`].
    pub async fn picture(
        &self,
        user: UserId,
        material: MaterialId,
        page: u32,
        width: u32,
    ) -> Result<Bytes, RenderError> {
        self.make(Key {
            user,
            material,
            page,
            what: What::Picture(width),
        })
        .await
    }

    /// Where stretches of a page's text are drawn on it, one list for each; empty for what cannot be
    /// told.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub async fn areas(
        &self,
        user: UserId,
        material: MaterialId,
        page: u32,
        text: String,
        spans: Vec<Span>,
    ) -> Result<Vec<Vec<Area>>, RenderError> {
        let words = self
            .make(Key {
                user,
                material,
                page,
                what: What::Words,
            })
            .await?;
        // A page of many words and many spans is work for more than a moment.
        let located = tokio::task::spawn_blocking(move || {
            let words: Vec<Word> = serde_json::from_slice(&words).unwrap_or_default();
            spans
                .iter()
                .map(|span| locate::areas(&words, &text, *span))
                .collect()
        });
        located
            .await
            .map_err(|error| RenderError::Spawn(io::Error::other(error)))
    }

    /// Removes every picture of a material.
    pub async fn forget(&self, user: UserId, material: MaterialId) {
        self.cache.remove(user, material).await;
    }

    async fn make(&self, key: Key) -> Result<Bytes, RenderError> {
        let found = materials::find(&self.db, key.user, key.material)
            .await?
            .ok_or(RenderError::NoSuchMaterial)?;
        if found.media_type != MediaType::Pdf {
            return Err(RenderError::NotAPdf);
        }
        if key.page == 0 || found.page_count.is_some_and(|pages| key.page > pages) {
            return Err(RenderError::NoSuchPage);
        }
        if let Some(bytes) = self.cache.get(&key).await {
            return Ok(bytes);
        }
        if let Some(kind) = self.refusals.get(&key).await {
            return Err(refused(Some(kind)));
        }
        // Before its turn: a slow storage keeps nobody else from drawing.
        let file = self.files.local_copy(key.user, key.material).await;
        let file = file.map_err(RenderError::File)?;
        let (_small, _turn) = tokio::time::timeout(TURN_WAIT, self.turn(key.what))
            .await
            .map_err(|_| RenderError::Busy)?;
        // Somebody else may have had it made while this one was waiting.
        if let Some(bytes) = self.cache.get(&key).await {
            return Ok(bytes);
        }
        let made = child::run(&self.program, file.path(), key.page, key.what).await;
        match &made {
            Ok(bytes) => self.keep(key, bytes).await?,
            Err(error) => {
                if let Some(kind) = error.lasts() {
                    tracing::info!(material.id = %key.material, page = key.page, ?kind, "render.refused");
                    self.refusals.insert(key, kind).await;
                }
            }
        }
        made
    }

    /// Waits for a place to work in.
    async fn turn(&self, what: What) -> (Option<SemaphorePermit<'_>>, Option<SemaphorePermit<'_>>) {
        // Both semaphores are never closed, so there is always a permit in the end.
        let small = match what {
            What::Picture(width) if width == PICTURE_WIDTHS[0] => {
                self.small_children.acquire().await.ok()
            }
            _ => None,
        };
        (small, self.children.acquire().await.ok())
    }

    /// Stores what was made, unless the material was deleted meanwhile.
    async fn keep(&self, key: Key, bytes: &Bytes) -> Result<(), StoreError> {
        let (user, material) = (key.user, key.material);
        self.cache.put(key, bytes).await;
        // After storing: a deletion is either seen here, or finds the picture and removes it.
        if materials::find(&self.db, user, material).await?.is_none() {
            self.cache.remove(user, material).await;
        }
        Ok(())
    }
}
