//! How well and how fast the search finds: a collection of documents and questions with known answers
//! is stored as a student's materials and searched as the coach searches. What `make eval` runs.
//! [`eval_command`] reads from the arguments to the printed figures.
//!
//! Knows nothing of users that exist: it works on a database of its own.

mod collection;
mod document;
mod figures;
mod random;
pub mod seed;
mod shelf;

use crate::{
    accounts::AccountError,
    analytics::AnalyticsError,
    cache::Caches,
    config::Config,
    ingest::chunk::estimate_tokens,
    provider::{EmbedderSlot, EmbedderSource, keep_embedder, remote_embedder::RemoteConfigError},
    retrieval::{Query, Retrieval, RetrievalError},
    store::StoreError,
};
use collection::Collection;
use figures::{Quality, Report, Speed};
use shelf::Shelf;
use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// Longest the embedder may take to be there: the built-in one is read in a second, a service
/// answers or does not.
const EMBEDDER_WAIT: Duration = Duration::from_secs(60);
/// Passages asked for where time is measured: what the coach asks for.
const PASSAGES: usize = 8;

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    #[error("{0}: {1}")]
    File(PathBuf, io::Error),
    #[error("{file}, line {line}: {problem}")]
    Line {
        file: PathBuf,
        line: usize,
        problem: String,
    },
    #[error("{0}")]
    Empty(&'static str),
    #[error("There is no embedder: {0}")]
    NoEmbedder(String),
    #[error(transparent)]
    Embedder(#[from] RemoteConfigError),
    #[error("a document could not be embedded: {0}")]
    Embed(#[from] crate::provider::EmbedError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Ranking(#[from] RetrievalError),
    #[error(transparent)]
    Search(Arc<RetrievalError>),
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error("the history could not be recorded: {0}")]
    History(#[from] AnalyticsError),
    #[error("{0}")]
    Usage(&'static str),
}

/// What to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The folder with `corpus.jsonl` and `queries.jsonl`.
    folder: PathBuf,
    /// Where the figures are written as JSON.
    json: Option<PathBuf>,
    /// Where the database stays for the next time; without it, it goes with the end.
    keep: Option<PathBuf>,
    /// Passages of a second, made-up library that is searched for its speed alone.
    filler: usize,
}

const USAGE: &str = "server eval FOLDER [--json FILE] [--keep FOLDER] [--filler PASSAGES]";

impl Options {
    /// Reads the arguments after `eval`.
    ///
    /// # Errors
    /// When one is missing or unknown.
    pub fn parse(args: impl Iterator<Item = OsString>) -> Result<Self, EvalError> {
        let (mut folder, mut json, mut keep, mut filler) = (None, None, None, 0);
        let mut args = args;
        while let Some(arg) = args.next() {
            let usage = || EvalError::Usage(USAGE);
            match arg.to_str() {
                Some("--json") => json = Some(args.next().ok_or_else(usage)?.into()),
                Some("--keep") => keep = Some(args.next().ok_or_else(usage)?.into()),
                Some("--filler") => {
                    let number = args.next().ok_or_else(usage)?;
                    let number = number.to_str().and_then(|text| text.parse().ok());
                    filler = number.ok_or_else(usage)?;
                }
                Some(option) if option.starts_with("--") => return Err(usage()),
                _ if folder.is_none() => folder = Some(arg.into()),
                _ => return Err(usage()),
            }
        }
        Ok(Self {
            folder: folder.ok_or(EvalError::Usage(USAGE))?,
            json,
            keep,
            filler,
        })
    }
}

/// The command: measures, prints a table, writes the JSON.
///
/// # Errors
/// When the collection cannot be read, there is no embedder, or the database fails.
pub async fn eval_command(options: Options, config: &Config) -> Result<(), EvalError> {
    let collection = Collection::read(&options.folder)?;
    let (slot, stop) = (EmbedderSlot::empty(), CancellationToken::new());
    let source = EmbedderSource::new(&config.embedder, &config.model_dir)?;
    tokio::spawn(keep_embedder(
        slot.clone(),
        source,
        estimate_tokens,
        stop.clone(),
    ));
    let _stop = stop.drop_guard();
    let mut filled = slot.watch();
    let _ = tokio::time::timeout(EMBEDDER_WAIT, filled.wait_for(|filled| *filled)).await;
    let embedder = slot
        .current()
        .ok_or_else(|| EvalError::NoEmbedder(slot.problem().unwrap_or_default()))?;

    let shelf = Shelf::open(options.keep.as_deref()).await?;
    let passages = shelf.fill(&collection, &*embedder).await?;
    println!(
        "{} documents in {passages} passages, {} questions, {}",
        collection.documents.len(),
        collection.questions.len(),
        embedder.label()
    );
    let retrieval = Retrieval::new(shelf.db.clone(), slot, &Caches::off());
    let report = Report {
        quality: quality(&shelf, &retrieval, &collection).await?,
        speed: speed(&shelf, &retrieval, &collection, shelf.student).await?,
        filler: match options.filler {
            0 => None,
            passages => {
                shelf
                    .fill_up(&collection, passages, embedder.id(), embedder.dimension())
                    .await?;
                Some((
                    passages,
                    speed(&shelf, &retrieval, &collection, shelf.hoarder).await?,
                ))
            }
        },
    };
    println!("{report}");
    if let Some(path) = &options.json {
        write(path, &report.json())?;
    }
    shelf.close().await;
    Ok(())
}

/// Asks every question and looks where the right documents stand in each list.
async fn quality(
    shelf: &Shelf,
    retrieval: &Retrieval,
    collection: &Collection,
) -> Result<[Quality; 3], EvalError> {
    let documents = shelf.documents().await?;
    let mut lists = [Quality::default(); 3];
    for question in &collection.questions {
        let query = Query::new(question.text.as_str(), PASSAGES);
        let ranked = retrieval.rank(shelf.student, &query).await?;
        let by_meaning = ranked.by_meaning.unwrap_or_default();
        let chunks: [Vec<i64>; 3] = [
            ranked.by_words.iter().map(|one| one.0).collect(),
            by_meaning.iter().map(|one| one.0).collect(),
            ranked.fused.iter().map(|hit| hit.chunk).collect(),
        ];
        for (quality, chunks) in lists.iter_mut().zip(chunks) {
            let ranking = chunks.iter().filter_map(|chunk| documents.get(chunk));
            quality.add(ranking.map(String::as_str), &question.relevant);
        }
    }
    Ok(lists.map(Quality::mean))
}

/// Asks every question as the coach does and takes the time, from the text to the passages.
async fn speed(
    shelf: &Shelf,
    retrieval: &Retrieval,
    collection: &Collection,
    student: app::model::id::UserId,
) -> Result<Speed, EvalError> {
    let Some(first) = collection.questions.first() else {
        return Err(EvalError::Empty("There are no questions."));
    };
    let started = Instant::now();
    let query = Query::new(first.text.as_str(), PASSAGES);
    retrieval
        .search(student, &query)
        .await
        .map_err(EvalError::Search)?;
    let first = started.elapsed();
    let cpu = shelf.cpu_time();
    let mut times = Vec::with_capacity(collection.questions.len());
    for question in &collection.questions {
        let query = Query::new(question.text.as_str(), PASSAGES);
        let started = Instant::now();
        retrieval
            .search(student, &query)
            .await
            .map_err(EvalError::Search)?;
        times.push(started.elapsed());
    }
    let cpu = shelf.cpu_time().saturating_sub(cpu);
    Ok(Speed::of(first, times, cpu))
}

fn write(path: &Path, text: &str) -> Result<(), EvalError> {
    let in_vain = |error| EvalError::File(path.to_owned(), error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(in_vain)?;
    }
    std::fs::write(path, text).map_err(in_vain)
}

#[cfg(test)]
mod tests;
