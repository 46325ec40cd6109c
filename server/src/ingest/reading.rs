//! From a file to stored text: pages are taken from the extracting child as they come, and made
//! searchable in growing batches, the first page alone. What only the whole document shows (lines
//! that repeat on every page) is settled at the end, when the final version takes the place of the
//! batches in one transaction.
//!
//! A document that is read again stays as it is until that transaction. Knows nothing of retries.

use super::{
    chunk::{self, Chunk},
    clean,
    extract::Failure,
    meaning,
    pipeline::{Fault, Workshop},
    reporter::Reporter,
    sandbox::{Event, ExtractError, Request},
};
use crate::{
    failpoint,
    provider::Embedder,
    store::{
        jobs::{Claim, Kind},
        materials::{
            self,
            text::{self, Addition, NewChunk, NewVectors, Version},
            vectors,
        },
    },
};
use app::model::material::{OutlineEntry, PageFault};
use std::time::Duration;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// Pages that may wait between the extracting child and the stages behind it.
const EVENTS_WAITING: usize = 32;
/// Pages of the second batch and of every one after it, at least: a transaction costs some
/// milliseconds however little it holds.
const BATCH_PAGES_MIN: usize = 8;
/// And at most, so that a batch of dense pages stays within a few megabytes.
const BATCH_PAGES_MAX: usize = 128;
/// A page of a slow document is searchable after this time at the latest, however few came with it.
const BATCH_WAIT: Duration = Duration::from_secs(1);
/// Pages before a batch that are looked at with it, to know which lines repeat.
const CONTEXT_PAGES: usize = 64;

/// How reading ended when it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// The whole text is stored.
    Stored,
    /// The job is lost, or the server is stopping.
    Dropped,
}

/// Reads the document of `claim`; `arrived` is called whenever more of it is stored.
pub async fn read(
    shop: &Workshop,
    claim: &Claim,
    report: &Reporter<'_>,
    cancel: &CancellationToken,
    arrived: impl Fn(),
) -> Result<Read, Fault> {
    let (user, material) = (claim.job.user, claim.job.material);
    let file = tokio::select! {
        file = shop.files.local_copy(user, material) => file.map_err(Fault::File)?,
        () = cancel.cancelled() => return Ok(Read::Dropped),
    };
    let Some(sha256) = materials::sha256(&shop.db, user, material).await? else {
        return Ok(Read::Dropped);
    };
    let request = Request {
        file: file.path().to_owned(),
        // After everything that may be tried again: it can be taken once.
        password: shop.passwords.take(material),
    };
    let stored = match claim.job.kind {
        Kind::Again => None,
        Kind::Read | Kind::Embed => {
            Some(text::pages_stored(&shop.db, user, material).await? as usize)
        }
    };
    if stored.is_some_and(|pages| pages > 0) {
        let there = vectors::tally(&shop.db, user, material, "").await?;
        report.set_passages(there.passages);
    }
    let mut book = Book {
        shop,
        claim,
        report,
        raw: Vec::new(),
        sections: Vec::new(),
        faults: Vec::new(),
        outline: Vec::new(),
        stored,
        waiting_since: None,
    };
    let (sender, events) = mpsc::channel(EVENTS_WAITING);
    let extracted = async {
        let sender = sender;
        let tesseract = shop.extractor.tesseract().await;
        let tools = (&shop.extractor, tesseract.as_ref());
        let whose = (user, &*sha256);
        shop.kept
            .extract(tools, whose, &request, &sender, cancel)
            .await
    };
    let (extracted, collected) = tokio::join!(extracted, book.collect(events, arrived));
    if collected? == Read::Dropped {
        return Ok(Read::Dropped);
    }
    match extracted {
        Ok(()) => {}
        Err(ExtractError::Cancelled) => return Ok(Read::Dropped),
        Err(ExtractError::Document(failure)) => return Err(Fault::Document(failure)),
        Err(ExtractError::Spawn(error)) => return Err(Fault::Spawn(error)),
    }
    failpoint::reached("extracted");
    book.finish(cancel).await
}

/// What has been read of one document so far.
struct Book<'a> {
    shop: &'a Workshop,
    claim: &'a Claim,
    report: &'a Reporter<'a>,
    /// Every page's raw text; one that could not be read is empty.
    raw: Vec<String>,
    /// The title in force where each page begins.
    sections: Vec<Option<String>>,
    faults: Vec<PageFault>,
    outline: Vec<OutlineEntry>,
    /// Pages that are stored already; `None` when nothing is to be stored before the end.
    stored: Option<usize>,
    /// Since when a page has been waiting to be stored.
    waiting_since: Option<Instant>,
}

impl Book<'_> {
    /// Takes pages as they come and stores them in batches. What is left at the end is stored with
    /// the final version.
    async fn collect(
        &mut self,
        mut events: mpsc::Receiver<Event>,
        arrived: impl Fn(),
    ) -> Result<Read, Fault> {
        loop {
            let event = match self.waiting_since {
                Some(since) => timeout_at(since + BATCH_WAIT, events.recv()).await,
                None => Ok(events.recv().await),
            };
            match event {
                Ok(None) => return Ok(Read::Stored),
                Ok(Some(event)) => {
                    if !self.take(event).await? {
                        return Ok(Read::Dropped);
                    }
                }
                Err(_) => {}
            }
            let Some(stored) = self.stored else { continue };
            let waiting = self.raw.len().saturating_sub(stored);
            let waited = self
                .waiting_since
                .is_some_and(|since| since.elapsed() >= BATCH_WAIT);
            if waiting > 0 && (waiting >= batch_pages(stored) || waited) {
                if !self.store_batch(stored).await? {
                    return Ok(Read::Dropped);
                }
                arrived();
            }
        }
    }

    /// False when the job is lost.
    async fn take(&mut self, event: Event) -> Result<bool, Fault> {
        match event {
            Event::Opened { pages, outline } => {
                self.report.opened(pages);
                self.outline = outline;
                if self.stored.is_some() {
                    let (db, now) = (&self.shop.db, self.shop.clock.now());
                    let standing = self.report.standing();
                    let held =
                        text::opened(db, self.claim, now, pages, &self.outline, &standing).await?;
                    failpoint::reached("opened");
                    self.report.tell();
                    return Ok(held);
                }
                return Ok(true);
            }
            Event::Page {
                page,
                text,
                section,
                fault,
            } => {
                self.raw.push(text);
                self.sections.push(section);
                self.faults
                    .extend(fault.map(|reason| PageFault { page, reason }));
            }
            Event::Fault { page, reason } => {
                self.raw.push(String::new());
                self.sections.push(None);
                self.faults.push(PageFault { page, reason });
            }
        }
        self.report.page_read(number(self.raw.len()));
        if self.stored.is_some_and(|stored| self.raw.len() > stored) {
            self.waiting_since.get_or_insert_with(Instant::now);
        }
        Ok(true)
    }

    /// Makes the pages behind `from` searchable, cleaned as far as can be known by now. False when
    /// the job is lost.
    async fn store_batch(&mut self, from: usize) -> Result<bool, Fault> {
        let context = from - from.min(CONTEXT_PAGES);
        let raw = self.raw[context..].to_vec();
        let embedder = self.shop.embedder.current();
        let outline = self.outline.clone();
        let (pages, chunks) = off_the_async_threads(move || {
            let pages = clean::clean(raw).split_off(from - context);
            let chunks = passages(&pages, number(from) + 1, &outline, embedder.as_deref());
            (pages, chunks)
        })
        .await?;
        let chunks = with_sections(&chunks, &self.sections);
        let first_fault = self
            .faults
            .partition_point(|fault| fault.page as usize <= from);
        let addition = Addition {
            first_page: number(from) + 1,
            pages: &pages,
            chunks: &chunks,
            faults: &self.faults[first_fault..],
        };
        let (now, standing) = (self.shop.clock.now(), self.report.standing());
        let held = text::append(&self.shop.db, self.claim, now, &addition, &standing).await?;
        failpoint::reached("appended");
        metrics::counter!("ingest_pages_read_total").increment(addition.pages.len() as u64);
        self.stored = Some(self.raw.len());
        self.waiting_since = None;
        self.report.add_passages(chunks.len());
        self.report.more_is_searchable();
        Ok(held)
    }

    /// Puts the final version in the place of what is stored.
    async fn finish(self, cancel: &CancellationToken) -> Result<Read, Fault> {
        let embedder = self.shop.embedder.current();
        let counter = embedder.clone();
        let (raw, outline) = (self.raw, self.outline.clone());
        let (pages, chunks) = off_the_async_threads(move || {
            let pages = clean::clean(raw);
            let chunks = passages(&pages, 1, &outline, counter.as_deref());
            (pages, chunks)
        })
        .await?;
        if chunks.is_empty() {
            return Err(Fault::Document(Failure::empty()));
        }
        failpoint::reached("cleaned");
        let chunks = with_sections(&chunks, &self.sections);
        self.report.set_passages(chunks.len());
        let made = match (&embedder, self.claim.job.kind) {
            // Made first, so that no passage is without its vector for a moment.
            (Some(embedder), Kind::Again) => {
                let made = meaning::ahead(
                    self.shop,
                    self.claim,
                    embedder.as_ref(),
                    &chunks,
                    self.report,
                    cancel,
                )
                .await?;
                match made {
                    Some(made) => Some(made),
                    None => return Ok(Read::Dropped),
                }
            }
            _ => None,
        };
        let vectors = match (&embedder, &made) {
            (Some(embedder), Some(vectors)) => Some(NewVectors {
                embedder: embedder.id(),
                vectors,
            }),
            _ => None,
        };
        let version = Version {
            pages: &pages,
            chunks: &chunks,
            faults: &self.faults,
            outline: &self.outline,
            vectors,
        };
        let (now, standing) = (self.shop.clock.now(), self.report.standing_with_text());
        let held = text::switch(&self.shop.db, self.claim, now, &version, &standing).await?;
        failpoint::reached("switched");
        if !held {
            return Ok(Read::Dropped);
        }
        tracing::info!(
            material.id = %self.claim.job.material,
            pages = pages.len(),
            passages = chunks.len(),
            "ingest.text_stored"
        );
        self.report.text_is_stored();
        self.report.more_is_searchable();
        Ok(Read::Stored)
    }
}

/// Pages of the next batch when so many are stored. Growing, so that the last page of a long
/// document does not wait for many small transactions, nor the first one for a large one.
fn batch_pages(stored: usize) -> usize {
    if stored == 0 {
        1
    } else {
        (stored / 2).clamp(BATCH_PAGES_MIN, BATCH_PAGES_MAX)
    }
}

fn passages(
    pages: &[String],
    first_page: u32,
    outline: &[OutlineEntry],
    embedder: Option<&dyn Embedder>,
) -> Vec<Chunk> {
    match embedder {
        Some(embedder) => chunk::chunk(pages, first_page, outline, &|text| {
            embedder.count_tokens(text)
        }),
        None => chunk::chunk(pages, first_page, outline, &chunk::estimate_tokens),
    }
}

/// The passages as they are stored, each with its title of the outline, or else with the one in
/// force where its first page begins.
fn with_sections<'a>(chunks: &'a [Chunk], sections: &'a [Option<String>]) -> Vec<NewChunk<'a>> {
    chunks
        .iter()
        .map(|chunk| NewChunk {
            page_first: chunk.page_first,
            page_last: chunk.page_last,
            char_start: chunk.char_start,
            char_end: chunk.char_end,
            section: chunk.section.as_deref().or_else(|| {
                sections
                    .get(chunk.page_first as usize - 1)
                    .and_then(Option::as_deref)
            }),
            text: &chunk.text,
        })
        .collect()
}

/// A long textbook takes seconds here.
async fn off_the_async_threads<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Fault::Panicked)
}

/// Pages are bounded far below this by the extraction's limits.
fn number(pages: usize) -> u32 {
    u32::try_from(pages).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_page_goes_alone_and_a_long_document_in_few_batches() {
        assert_eq!(batch_pages(0), 1);
        let (mut stored, mut batches) = (0, 0);
        while stored < 5_000 {
            stored += batch_pages(stored);
            batches += 1;
        }
        assert!(batches < 60, "{batches}");
    }
}
