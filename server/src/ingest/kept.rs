//! What has been derived of a document once and need not be derived again: its text, as long as the
//! file and the way it is read stay the same (also the languages in which pictures are read), and the
//! vectors of its passages. Knows nothing of jobs.

use super::{
    ocr::Tesseract,
    pipeline::Fault,
    sandbox::{Event, ExtractError, Extractor, Request},
};
use crate::{
    cache::{Cached, Caches, Namespace},
    provider::Embedder,
};
use app::model::id::UserId;
use sha2::{Digest as _, Sha256};
use std::{io, sync::Arc};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// To be raised whenever the same file gives another text than before.
const PIPELINE_VERSION: u16 = 2;
/// Pages that may wait between the extracting child and whoever takes them.
const EVENTS_WAITING: usize = 32;

/// Texts and vectors of earlier readings.
#[derive(Clone)]
pub struct Kept {
    caches: Caches,
    text: Cached<Vec<Event>>,
    vectors: Cached<Vec<f32>>,
}

impl Kept {
    /// Nothing kept yet.
    pub fn new(caches: &Caches) -> Self {
        Self {
            caches: caches.clone(),
            text: Cached::new(caches, Namespace::Extracted, "text", PIPELINE_VERSION)
                // A page that failed may come out next time.
                .keep_if(|events: &Vec<Event>| {
                    !events
                        .iter()
                        .any(|event| matches!(event, Event::Fault { .. }))
                }),
            vectors: Cached::new(caches, Namespace::Embedding, "passage", 1),
        }
    }

    /// Sends the text of a file, page by page as it is taken out, or at once when it is known. What
    /// was opened with a password is not kept.
    ///
    /// # Errors
    /// As [`Extractor::extract`].
    pub async fn extract(
        &self,
        (extractor, tesseract): (&Extractor, Option<&Tesseract>),
        (user, sha256): (UserId, &[u8]),
        request: &Request,
        events: &mpsc::Sender<Event>,
        cancel: &CancellationToken,
    ) -> Result<(), ExtractError> {
        if request.password.is_some() {
            return extractor.extract(tesseract, request, events, cancel).await;
        }
        let known = {
            let what = [&*hex(sha256), tesseract.map_or("", Tesseract::languages)];
            let extract = taken_out(extractor, tesseract, request, events, cancel);
            self.text.get(user, &what, extract).await.map_err(owned)?
        };
        if known.cached {
            for event in &*known.value {
                // Nobody listens any more: the job is over.
                let sent = events.send(event.clone()).await;
                sent.map_err(|_| ExtractError::Cancelled)?;
            }
        }
        Ok(())
    }

    /// Frees the memory of what was made of a student's documents, when one of them is deleted.
    pub async fn forget(&self, user: UserId) {
        self.caches.forget_words(user).await;
    }

    /// A vector for each text in its order, `None` where it was refused; only those not known are
    /// asked for, in one call.
    ///
    /// # Errors
    /// When the embedder fails or answers with something else than it was asked for.
    pub async fn embed(
        &self,
        embedder: &dyn Embedder,
        user: UserId,
        texts: Vec<String>,
    ) -> Result<Vec<Option<Vec<f32>>>, Fault> {
        let hashes: Vec<String> = texts
            .iter()
            .map(|text| hex(&Sha256::digest(text)))
            .collect();
        let whats: Vec<[&str; 2]> = hashes.iter().map(|hash| [embedder.id(), hash]).collect();
        let mut texts: Vec<Option<String>> = texts.into_iter().map(Some).collect();
        let embed = |missing: &[usize]| {
            let asked = missing.len();
            let lacking = missing.iter().filter_map(|at| texts[*at].take()).collect();
            async move {
                let made = embedder.embed_documents(lacking).await?;
                let dimension = embedder.dimension();
                let fits =
                    |one: &Option<Vec<f32>>| one.as_ref().is_none_or(|v| v.len() == dimension);
                if made.len() != asked || !made.iter().all(fits) {
                    let got = made.len();
                    return Err(Fault::Vectors { asked, got });
                }
                metrics::counter!("ingest_texts_embedded_total").increment(asked as u64);
                Ok(made)
            }
        };
        self.vectors.get_each(user, &whats, embed).await
    }
}

/// Takes the text out, sends it on and collects it.
async fn taken_out(
    extractor: &Extractor,
    tesseract: Option<&Tesseract>,
    request: &Request,
    events: &mpsc::Sender<Event>,
    cancel: &CancellationToken,
) -> Result<Vec<Event>, ExtractError> {
    let (sender, mut coming) = mpsc::channel(EVENTS_WAITING);
    let extracted = async {
        let sender = sender;
        extractor.extract(tesseract, request, &sender, cancel).await
    };
    let collected = async {
        let mut all = Vec::new();
        while let Some(event) = coming.recv().await {
            all.push(event.clone());
            if events.send(event).await.is_err() {
                coming.close();
            }
        }
        all
    };
    let (extracted, collected) = tokio::join!(extracted, collected);
    extracted.map(|()| collected)
}

/// An error that several could have been waiting for.
fn owned(error: Arc<ExtractError>) -> ExtractError {
    Arc::try_unwrap(error).unwrap_or_else(|shared| match &*shared {
        ExtractError::Document(failure) => ExtractError::Document(failure.clone()),
        ExtractError::Spawn(error) => {
            ExtractError::Spawn(io::Error::new(error.kind(), error.to_string()))
        }
        ExtractError::Cancelled => ExtractError::Cancelled,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
