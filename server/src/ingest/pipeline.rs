//! The story of one job, top to bottom: extract, clean, chunk, embed, store. Each stage is a pure
//! function or a leaf; none knows the next. Decides nothing about retries.

use super::{
    chunk::{self, Chunk},
    clean,
    extract::Failure,
    files::Files,
    passwords::Passwords,
    sandbox::{Event, ExtractError, Extractor, Request},
};
use crate::{
    changes::{Change, Changes},
    clock::Clock,
    provider::{EmbedError, Embedder, EmbedderSlot},
    store::{
        Db, StoreError,
        jobs::{self, Job},
        materials::{self, NewChunk, NewText, NewVectors, Progress},
    },
};
use std::{io, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

/// Pages that may wait between the extracting child and the stages behind it.
const EVENTS_WAITING: usize = 32;
/// Texts embedded between two looks at progress and cancellation.
const EMBED_BATCH: usize = 32;
/// How often progress is written and told, so that a fast document does not flood the database.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// When a document's vectors are tried again after the embedder failed.
const EMBED_AGAIN: chrono::TimeDelta = chrono::TimeDelta::seconds(30);

/// What the stages need.
#[derive(Clone)]
pub struct Workshop {
    pub db: Db,
    pub files: Files,
    pub embedder: EmbedderSlot,
    pub changes: Arc<Changes>,
    pub clock: Clock,
    pub extractor: Extractor,
    pub passwords: Passwords,
}

/// How a job ended when it did not fail.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The text is stored, searchable, and the reading job is over.
    Stored,
    /// The material was deleted meanwhile, or the server is stopping.
    Dropped,
}

/// Why a job did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The document's own fault: trying again will not help.
    #[error("the document cannot be read: {:?}", .0.kind)]
    Document(Failure),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the extracting process could not be started: {0}")]
    Spawn(io::Error),
    #[error("embedding: {0}")]
    Embed(#[from] EmbedError),
    #[error("the embedder answered {got} vectors for {asked} texts")]
    Vectors { asked: usize, got: usize },
    #[error("a stage ended in a panic")]
    Panicked,
}

/// Reads a document from its file to searchable rows.
pub async fn read(
    shop: &Workshop,
    job: &Job,
    cancel: &CancellationToken,
) -> Result<Outcome, Fault> {
    let mut progress = Reporter::new(shop, job, cancel);

    let request = Request {
        file: shop.files.path(job.user, job.material),
        password: shop.passwords.take(job.material),
    };
    let (sender, events) = mpsc::channel(EVENTS_WAITING);
    let extracted = async {
        let sender = sender;
        shop.extractor.extract(&request, &sender, cancel).await
    };
    let (extracted, raw) = tokio::join!(extracted, collect(events, &mut progress));
    match extracted {
        Ok(()) => {}
        Err(ExtractError::Cancelled) => return Ok(Outcome::Dropped),
        Err(ExtractError::Document(failure)) => return Err(Fault::Document(failure)),
        Err(ExtractError::Spawn(error)) => return Err(Fault::Spawn(error)),
    }

    let embedder = shop.embedder.current();
    let (pages, chunks) = clean_and_chunk(raw, embedder.clone()).await?;
    if chunks.is_empty() {
        return Err(Fault::Document(Failure::empty()));
    }

    let vectors = match &embedder {
        None => None,
        Some(embedder) => match embed(embedder.as_ref(), &chunks, &mut progress, cancel).await {
            Ok(None) => return Ok(Outcome::Dropped),
            Ok(vectors) => vectors,
            Err(error) => {
                // Found by its words until the embedder works again.
                tracing::warn!(material.id = %job.material, %error, "ingest.embed_failed");
                None
            }
        },
    };

    let embedded = match (&embedder, &vectors) {
        (Some(embedder), Some(vectors)) => Some(NewVectors {
            embedder: embedder.id(),
            vectors,
        }),
        _ => None,
    };
    let stored = store(shop, job, &pages, &chunks, embedded).await?;
    if !stored {
        return Ok(Outcome::Dropped);
    }
    tracing::info!(
        material.id = %job.material,
        pages = pages.len(),
        chunks = chunks.len(),
        embedded = embedded.is_some(),
        "ingest.stored"
    );
    progress.searchable();
    Ok(Outcome::Stored)
}

/// Makes the vectors a stored document still lacks.
pub async fn embed_missing(
    shop: &Workshop,
    job: &Job,
    cancel: &CancellationToken,
) -> Result<Outcome, Fault> {
    let Some(embedder) = shop.embedder.current() else {
        return Ok(Outcome::Dropped);
    };
    let mut progress = Reporter::new(shop, job, cancel);
    let (db, user, material) = (&shop.db, job.user, job.material);
    let mut done = materials::vector_count(db, user, material, embedder.id()).await?;
    loop {
        let missing =
            materials::chunks_without_vector(db, user, material, embedder.id(), EMBED_BATCH)
                .await?;
        if missing.is_empty() {
            break;
        }
        if cancel.is_cancelled() {
            return Ok(Outcome::Dropped);
        }
        let (ids, texts): (Vec<i64>, Vec<String>) = missing.into_iter().unzip();
        let vectors = embed_batch(embedder.as_ref(), texts).await?;
        let vectors: Vec<(i64, Vec<f32>)> = ids.into_iter().zip(vectors).collect();
        materials::add_vectors(db, user, embedder.id(), &vectors).await?;
        done += vectors.len();
        progress.report(Progress::Catching { done }).await;
    }
    if !materials::set_progress(db, user, material, Progress::Catching { done }).await? {
        return Ok(Outcome::Dropped);
    }
    jobs::finish(db, material).await?;
    tracing::info!(material.id = %material, chunks = done, "ingest.embedded");
    progress.searchable();
    Ok(Outcome::Stored)
}

/// Every page's raw text; one that could not be read is empty.
async fn collect(mut events: mpsc::Receiver<Event>, progress: &mut Reporter<'_>) -> Vec<String> {
    let mut texts = Vec::new();
    let mut pages = None;
    while let Some(event) = events.recv().await {
        match event {
            Event::Opened { pages: count, .. } => pages = Some(count),
            Event::Page { text, .. } => texts.push(text),
            Event::Fault { .. } => texts.push(String::new()),
        }
        let page = u32::try_from(texts.len()).unwrap_or(u32::MAX);
        progress.report(Progress::Reading { page, pages }).await;
    }
    texts
}

/// Off the async threads: a long textbook takes seconds here.
async fn clean_and_chunk(
    raw: Vec<String>,
    embedder: Option<Arc<dyn Embedder>>,
) -> Result<(Vec<String>, Vec<Chunk>), Fault> {
    tokio::task::spawn_blocking(move || {
        let pages = clean::clean(raw);
        let chunks = match embedder {
            Some(embedder) => chunk::chunk(&pages, 1, &[], &|text| embedder.count_tokens(text)),
            None => chunk::chunk(&pages, 1, &[], &chunk::estimate_tokens),
        };
        (pages, chunks)
    })
    .await
    .map_err(|_| Fault::Panicked)
}

/// One vector for each chunk, in bounded batches; `None` when cancelled.
async fn embed(
    embedder: &dyn Embedder,
    chunks: &[Chunk],
    progress: &mut Reporter<'_>,
    cancel: &CancellationToken,
) -> Result<Option<Vec<Vec<f32>>>, Fault> {
    let total = chunks.len();
    let mut vectors = Vec::with_capacity(total);
    for batch in chunks.chunks(EMBED_BATCH) {
        let done = vectors.len();
        progress.report(Progress::Embedding { done, total }).await;
        if cancel.is_cancelled() {
            return Ok(None);
        }
        let texts = batch.iter().map(|chunk| chunk.text.clone()).collect();
        vectors.extend(embed_batch(embedder, texts).await?);
    }
    Ok(Some(vectors))
}

async fn embed_batch(embedder: &dyn Embedder, texts: Vec<String>) -> Result<Vec<Vec<f32>>, Fault> {
    let asked = texts.len();
    let vectors: Vec<Vec<f32>> = embedder
        .embed_documents(texts)
        .await?
        .into_iter()
        .flatten()
        .collect();
    let dimension = embedder.dimension();
    let got = vectors
        .iter()
        .filter(|vector| vector.len() == dimension)
        .count();
    if got == asked && vectors.len() == asked {
        Ok(vectors)
    } else {
        Err(Fault::Vectors { asked, got })
    }
}

/// Switches to the new text in one transaction; false when the material is gone.
async fn store(
    shop: &Workshop,
    job: &Job,
    pages: &[String],
    chunks: &[Chunk],
    vectors: Option<NewVectors<'_>>,
) -> Result<bool, Fault> {
    let chunks: Vec<NewChunk<'_>> = chunks
        .iter()
        .map(|chunk| NewChunk {
            page_first: chunk.page_first,
            page_last: chunk.page_last,
            char_start: chunk.char_start,
            char_end: chunk.char_end,
            text: &chunk.text,
        })
        .collect();
    // Without vectors although there is an embedder: it failed, and is given time.
    let now = shop.clock.now();
    let embed_not_before = match shop.embedder.current() {
        Some(_) => now + EMBED_AGAIN,
        None => now,
    };
    let text = NewText {
        pages,
        chunks: &chunks,
        vectors,
        embed_not_before,
    };
    Ok(materials::replace_text(&shop.db, job.user, job.material, &text).await?)
}

/// Writes and tells progress, throttled; ends the job when its material is gone.
struct Reporter<'a> {
    shop: &'a Workshop,
    job: &'a Job,
    cancel: &'a CancellationToken,
    last: Option<Instant>,
}

impl<'a> Reporter<'a> {
    fn new(shop: &'a Workshop, job: &'a Job, cancel: &'a CancellationToken) -> Self {
        Self {
            shop,
            job,
            cancel,
            last: None,
        }
    }

    async fn report(&mut self, progress: Progress) {
        if self
            .last
            .is_some_and(|last| last.elapsed() < PROGRESS_EVERY)
        {
            return;
        }
        self.last = Some(Instant::now());
        let (user, material) = (self.job.user, self.job.material);
        match materials::set_progress(&self.shop.db, user, material, progress).await {
            Ok(true) => self
                .shop
                .changes
                .publish(Change::MaterialChanged { user, material }),
            Ok(false) => self.cancel.cancel(),
            // Progress is a courtesy: the final write will say what is wrong.
            Err(error) => tracing::warn!(material.id = %material, %error, "ingest.progress_failed"),
        }
    }

    fn searchable(&self) {
        let (user, material) = (self.job.user, self.job.material);
        let changes = &self.shop.changes;
        changes.publish(Change::MaterialSearchable { user, material });
        changes.publish(Change::MaterialChanged { user, material });
    }
}
