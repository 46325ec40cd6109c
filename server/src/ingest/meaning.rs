//! Makes the vectors of a document's passages, batch by batch, each batch in its student's turn.
//! Knows nothing of how the text came there.

use super::{
    pipeline::{Fault, Workshop},
    reporter::Reporter,
};
use crate::{
    failpoint,
    provider::{EmbedError, Embedder},
    store::{
        jobs::Claim,
        materials::{
            text::{ChunkKey, NewChunk},
            vectors::{self, Lacking},
        },
    },
};
use futures::{StreamExt as _, stream::FuturesOrdered};
use std::collections::HashMap;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Batches under way together, of all documents: enough to keep every core busy, and a remote
/// service while it answers.
pub const BATCHES_AT_ONCE: usize = 8;
/// Of these, of one document: less than all, so that the next student's first batch finds a place.
const BATCHES_OF_ONE: usize = 4;
/// Texts of one batch: some hundred milliseconds of the built-in model, so that nobody's turn is
/// far away; a remote embedder fills its calls from several.
const BATCH: usize = 16;
/// Vectors held in memory until a new version takes its place: 30 MB. The rest of a longer document
/// is made right after.
const AHEAD_MAX: usize = 20_000;

/// What became of a document's vectors.
#[derive(Debug)]
pub enum Made {
    /// Every passage has its vector or was refused one.
    All,
    /// There is no embedder.
    NoEmbedder,
    /// The embedder does not work now.
    Failed(EmbedError),
    /// The job is lost, the server is stopping, or the text will not come.
    Dropped,
}

/// How far the text is, for those who wait for more of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrived {
    pub batches: u32,
    pub complete: bool,
}

/// Makes the vectors of what is stored and of what still arrives, until all of it has arrived.
pub async fn follow(
    shop: &Workshop,
    claim: &Claim,
    report: &Reporter<'_>,
    mut arrived: watch::Receiver<Arrived>,
    cancel: &CancellationToken,
) -> Result<Made, Fault> {
    let (mut from, mut was_complete, mut was_failing) = (0, false, false);
    loop {
        let now = *arrived.borrow_and_update();
        // The final version may have changed passages that were done already: from the start.
        if now.complete && !was_complete {
            (from, was_complete) = (0, true);
        }
        match embed_stored(shop, claim, report, &mut from, cancel).await? {
            Made::All if now.complete => return Ok(Made::All),
            Made::All => {}
            Made::NoEmbedder if !now.complete => {}
            // Whether it works again is found out when the text is complete.
            Made::Failed(error) if !now.complete => {
                tracing::warn!(material.id = %claim.job.material, %error, "ingest.embed_failed");
                was_failing = true;
            }
            other => return Ok(other),
        }
        let more = arrived.wait_for(|next| next.complete || *next != now && !was_failing);
        tokio::select! {
            biased;
            () = cancel.cancelled() => return Ok(Made::Dropped),
            more = more => if more.is_err() {
                return Ok(Made::Dropped);
            },
        }
    }
}

/// Makes the vectors that stored passages lack, from the ordinal `from` on.
async fn embed_stored(
    shop: &Workshop,
    claim: &Claim,
    report: &Reporter<'_>,
    from: &mut i64,
    cancel: &CancellationToken,
) -> Result<Made, Fault> {
    let (db, user, material) = (&shop.db, claim.job.user, claim.job.material);
    let Some(embedder) = shop.embedder.current() else {
        return Ok(Made::NoEmbedder);
    };
    let tally = vectors::tally(db, user, material, embedder.id()).await?;
    let mut settled = tally.settled;
    report.settled(settled);
    let mut under_way = FuturesOrdered::new();
    let mut has_more = true;
    loop {
        if cancel.is_cancelled() {
            return Ok(Made::Dropped);
        }
        while has_more && under_way.len() < BATCHES_OF_ONE {
            let batch = vectors::lacking(db, user, material, embedder.id(), *from, BATCH).await?;
            has_more = batch.len() == BATCH;
            let Some(last) = batch.last() else { break };
            *from = last.ordinal + 1;
            let ids: Vec<i64> = batch.iter().map(|passage| passage.id).collect();
            let texts = batch.iter().map(embedded_text).collect();
            let made = in_turn(shop, claim, embedder.as_ref(), texts, report.left(), cancel);
            under_way.push_back(async move { (ids, made.await) });
        }
        let Some((ids, made)) = under_way.next().await else {
            return Ok(Made::All);
        };
        let made = match made {
            Ok(Some(made)) => made,
            Ok(None) => return Ok(Made::Dropped),
            Err(Fault::Embed(error)) => return Ok(Made::Failed(error)),
            Err(fault) => return Err(fault),
        };
        settled += ids.len();
        report.settled(settled);
        let rows: Vec<_> = ids.into_iter().zip(made).collect();
        let (now, standing) = (shop.clock.now(), report.standing());
        if !vectors::add(db, claim, now, embedder.id(), &rows, &standing).await? {
            return Ok(Made::Dropped);
        }
        failpoint::reached("embedded");
        report.more_is_searchable();
        report.tell();
    }
}

/// Makes the vectors that a version not stored yet will need beyond those there are; `None` when
/// cancelled. An embedder that does not work leaves them for later.
pub async fn ahead(
    shop: &Workshop,
    claim: &Claim,
    embedder: &dyn Embedder,
    chunks: &[NewChunk<'_>],
    report: &Reporter<'_>,
    cancel: &CancellationToken,
) -> Result<Option<HashMap<ChunkKey, Option<Vec<f32>>>>, Fault> {
    let (user, material) = (claim.job.user, claim.job.material);
    let there = vectors::embedded_keys(&shop.db, user, material, embedder.id()).await?;
    let mut seen = there.clone();
    let lacking: Vec<(ChunkKey, String)> = chunks
        .iter()
        .filter(|chunk| seen.insert(chunk.key()))
        .map(|chunk| (chunk.key(), with_section(chunk.section, chunk.text)))
        .take(AHEAD_MAX)
        .collect();
    report.settled(chunks.len() - lacking.len());
    let mut made = HashMap::with_capacity(lacking.len());
    for batch in lacking.chunks(BATCH) {
        let texts = batch.iter().map(|(_, text)| text.clone()).collect();
        let left = lacking.len() - made.len();
        match in_turn(shop, claim, embedder, texts, left, cancel).await {
            Ok(Some(vectors)) => made.extend(batch.iter().map(|(key, _)| *key).zip(vectors)),
            Ok(None) => return Ok(None),
            Err(Fault::Embed(error)) => {
                tracing::warn!(material.id = %material, %error, "ingest.embed_failed");
                break;
            }
            Err(fault) => return Err(fault),
        }
        report.settled(chunks.len() - lacking.len() + made.len());
    }
    Ok(Some(made))
}

/// Embeds one batch of a document that has `left` passages to go, when it is its turn; `None` when
/// cancelled.
async fn in_turn(
    shop: &Workshop,
    claim: &Claim,
    embedder: &dyn Embedder,
    texts: Vec<String>,
    left: usize,
    cancel: &CancellationToken,
) -> Result<Option<Vec<Option<Vec<f32>>>>, Fault> {
    let embedded = async {
        let _turn = shop.turns.take(claim.job.user, left).await;
        shop.kept.embed(embedder, claim.job.user, texts).await
    };
    tokio::select! {
        biased;
        () = cancel.cancelled() => Ok(None),
        vectors = embedded => vectors.map(Some),
    }
}

/// A passage is found by its title too, so the title is part of what is embedded.
fn with_section(section: Option<&str>, text: &str) -> String {
    match section {
        Some(section) => format!("{section}\n{text}"),
        None => text.to_owned(),
    }
}

fn embedded_text(passage: &Lacking) -> String {
    with_section(passage.section.as_deref(), &passage.text)
}
