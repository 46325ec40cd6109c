//! The story of one job, top to bottom: the text is read and stored while the vectors of what is
//! stored already are being made; then the material is ready. Decides nothing about retries.

use super::{
    extract::Failure,
    files::Files,
    kept::Kept,
    meaning::{self, Arrived, Made},
    passwords::Passwords,
    reading::{self, Read},
    reporter::Reporter,
    sandbox::Extractor,
    turns::Turns,
};
use crate::{
    changes::Changes,
    clock::Clock,
    failpoint,
    provider::{EmbedError, EmbedderSlot},
    store::{
        Db, StoreError,
        jobs::{Claim, Kind},
        materials::{
            self,
            states::{self, Rest},
            vectors,
        },
    },
};
use chrono::TimeDelta;
use std::{io, sync::Arc};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// When a document's vectors are tried again after the embedder failed.
const EMBED_AGAIN: TimeDelta = TimeDelta::seconds(30);

const MEANING_LATER: &str = "It can be searched by its words. Searching it by meaning follows as soon as that works again; this is tried by itself.";

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
    pub turns: Turns,
    pub kept: Kept,
}

/// How a job ended when it did not fail.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The material is ready.
    Done,
    /// The job was taken away (cancelled, deleted), or the server is stopping.
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
    #[error("the document's file: {0}")]
    File(io::Error),
    #[error("the extracting process could not be started: {0}")]
    Spawn(io::Error),
    #[error("embedding: {0}")]
    Embed(#[from] EmbedError),
    #[error("the embedder answered {got} vectors for {asked} texts, or of another length")]
    Vectors { asked: usize, got: usize },
    #[error("a stage ended in a panic")]
    Panicked,
    #[error("the server ended while working on this, again and again")]
    Crashing,
}

impl Fault {
    /// Its name on the job's row.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Document(_) => "document",
            Self::Store(_) => "store",
            Self::File(_) => "file",
            Self::Spawn(_) => "spawn",
            Self::Embed(_) => "embed",
            Self::Vectors { .. } => "vectors",
            Self::Panicked => "panic",
            Self::Crashing => "crash",
        }
    }
}

/// Does one job; ends early when its lease is lost. Calls `has_read` when the text is stored and only
/// vectors are left to be made.
pub async fn work(
    shop: &Workshop,
    claim: &Claim,
    cancel: &CancellationToken,
    has_read: impl Fn(),
) -> Result<Outcome, Fault> {
    let report = Reporter::new(shop, claim);
    let outcome = tokio::select! {
        biased;
        outcome = story(shop, claim, &report, cancel, has_read) => outcome,
        () = report.keep_lease() => Ok(Outcome::Dropped),
    };
    if matches!(outcome, Ok(Outcome::Done)) {
        report.ended();
    }
    outcome
}

async fn story(
    shop: &Workshop,
    claim: &Claim,
    report: &Reporter<'_>,
    cancel: &CancellationToken,
    has_read: impl Fn(),
) -> Result<Outcome, Fault> {
    failpoint::reached("claimed");
    let job = &claim.job;
    let has_text = job.kind == Kind::Embed || job.kind == Kind::Read && job.text_is_stored;
    let (arrived, more) = watch::channel(Arrived {
        batches: 0,
        complete: has_text,
    });
    let made = if has_text {
        recall(shop, claim, report).await?;
        meaning::follow(shop, claim, report, more, cancel).await?
    } else {
        // Ends the making of vectors when reading ends in any other way than well.
        let stop = cancel.child_token();
        let reading = async {
            let ends = stop.clone().drop_guard();
            let more = || arrived.send_modify(|arrived| arrived.batches += 1);
            let read = reading::read(shop, claim, report, cancel, more).await?;
            if read == Read::Stored {
                has_read();
                arrived.send_modify(|arrived| arrived.complete = true);
                ends.disarm();
            }
            Ok::<_, Fault>(read)
        };
        let (read, made) = tokio::join!(reading, meaning::follow(shop, claim, report, more, &stop));
        if read? == Read::Dropped {
            return Ok(Outcome::Dropped);
        }
        made?
    };
    finish(shop, claim, made).await
}

/// What an earlier attempt has found out about the document.
async fn recall(shop: &Workshop, claim: &Claim, report: &Reporter<'_>) -> Result<(), Fault> {
    let (user, material) = (claim.job.user, claim.job.material);
    let pages = materials::find(&shop.db, user, material)
        .await?
        .and_then(|material| material.page_count)
        .unwrap_or_default();
    report.opened(pages);
    report.page_read(pages);
    let tally = vectors::tally(&shop.db, user, material, "").await?;
    report.set_passages(tally.passages);
    Ok(())
}

/// Makes the material ready; what could not be embedded now is queued.
async fn finish(shop: &Workshop, claim: &Claim, made: Made) -> Result<Outcome, Fault> {
    let (user, material) = (claim.job.user, claim.job.material);
    let now = shop.clock.now();
    let embedder = shop.embedder.current();
    let id = embedder.as_ref().map_or("", |embedder| embedder.id());
    let (note, rest) = match made {
        Made::Dropped => return Ok(Outcome::Dropped),
        Made::All => {
            let tally = vectors::tally(&shop.db, user, material, id).await?;
            (refused_note(tally.refused), Rest::Nothing)
        }
        // Its job waits for an embedder.
        Made::NoEmbedder => (None, Rest::Vectors(now)),
        Made::Failed(error) if claim.job.kind == Kind::Embed => return Err(Fault::Embed(error)),
        Made::Failed(error) => {
            tracing::warn!(material.id = %material, %error, "ingest.embed_failed");
            let problem = embedder.as_ref().and_then(|embedder| embedder.problem());
            (Some(later_note(problem)), Rest::Vectors(now + EMBED_AGAIN))
        }
    };
    let settled = vectors::tally(&shop.db, user, material, id).await?.settled;
    let held = states::ready(&shop.db, claim, now, settled, note.as_deref(), rest).await?;
    failpoint::reached("finished");
    tracing::info!(material.id = %material, settled, ?rest, "ingest.ready");
    Ok(if held {
        Outcome::Done
    } else {
        Outcome::Dropped
    })
}

/// What a student reads while the vectors wait for their service.
pub fn later_note(problem: Option<String>) -> String {
    match problem {
        Some(problem) => format!("{problem} {MEANING_LATER}"),
        None => MEANING_LATER.to_owned(),
    }
}

fn refused_note(refused: usize) -> Option<String> {
    match refused {
        0 => None,
        1 => {
            Some("One passage cannot be searched by meaning; it is found by its words.".to_owned())
        }
        _ => Some(format!(
            "{refused} passages cannot be searched by meaning; they are found by their words."
        )),
    }
}
