//! What the server takes from models: vectors for texts, and answers. Providers know nothing of
//! stores, users or HTTP; who needs one is given it.
//!
//! An embedder may arrive after the start (its model is fetched separately), so everybody holds an
//! [`EmbedderSlot`] and asks it each time.

pub mod builtin_chat;
pub mod builtin_embedder;
pub mod chat;
pub mod model_files;
pub mod openai;
pub mod stub_embedder;

use async_trait::async_trait;
use builtin_embedder::BuiltinEmbedder;
use model_files::{Fingerprint, ModelFiles, ModelProblem};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often a missing model is looked for: soon enough that `make model` is felt at once, rare
/// enough to cost nothing.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// Turns texts into vectors whose dot product says how near their meanings are.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// Names the model and its version; vectors of different ids are never compared.
    fn id(&self) -> &str;

    /// Numbers in each vector.
    fn dimension(&self) -> usize;

    /// Embeds texts to be searched, in their order: L2-normalised, bounded batches inside; `None`
    /// for a text this model cannot embed. Dropping the future stops the work at the next batch.
    async fn embed_documents(
        &self,
        texts: Vec<String>,
    ) -> Result<Vec<Option<Vec<f32>>>, EmbedError>;

    /// Embeds what is searched for. Does not queue behind documents.
    async fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError>;

    /// Tokens of `text` without special tokens, as this model counts them.
    fn count_tokens(&self, text: &str) -> usize;

    /// What keeps it from working at the moment, for the student; a remote service may be down.
    fn problem(&self) -> Option<String> {
        None
    }
}

/// Why a text has no vector.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    #[error("the text could not be cut into tokens: {0}")]
    Tokens(String),
    #[error("the embedding task ended before its result")]
    Stopped,
}

/// The embedder, if there is one yet. Cheap to clone; all clones see the same one.
#[derive(Clone)]
pub struct EmbedderSlot(Arc<Slot>);

struct Slot {
    content: RwLock<Content>,
    filled: watch::Sender<bool>,
}

enum Content {
    Missing(String),
    Present(Arc<dyn Embedder>),
}

impl EmbedderSlot {
    /// A slot nobody has filled yet.
    pub fn empty() -> Self {
        Self(Arc::new(Slot {
            content: RwLock::new(Content::Missing(
                "The embedding model is still being loaded.".to_owned(),
            )),
            filled: watch::Sender::new(false),
        }))
    }

    /// The embedder to use now.
    pub fn current(&self) -> Option<Arc<dyn Embedder>> {
        match &*self.read() {
            Content::Present(embedder) => Some(Arc::clone(embedder)),
            Content::Missing(_) => None,
        }
    }

    /// Puts an embedder in and wakes those who [`watch`](Self::watch).
    pub fn fill(&self, embedder: Arc<dyn Embedder>) {
        *self.write() = Content::Present(embedder);
        self.0.filled.send_replace(true);
    }

    /// Turns true when the slot is filled.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.0.filled.subscribe()
    }

    /// Why there is no embedder and what to do about it; `None` when there is one.
    pub fn problem(&self) -> Option<String> {
        match &*self.read() {
            Content::Present(_) => None,
            Content::Missing(why) => Some(why.clone()),
        }
    }

    /// Says why the slot is empty; an embedder that is there stays.
    fn report(&self, problem: String) {
        let mut content = self.write();
        if let Content::Missing(why) = &mut *content {
            *why = problem;
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Content> {
        self.0
            .content
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Content> {
        self.0
            .content
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fills `slot` with the built-in embedder from `model_dir`: at once when its files are there and
/// whole, else as soon as they are, looking again every 15 s until `stop`.
pub async fn keep_embedder(slot: EmbedderSlot, model_dir: PathBuf, stop: CancellationToken) {
    // Files that were found wrong are not hashed again until they change.
    let mut refused: Option<Fingerprint> = None;
    loop {
        let found = Fingerprint::of(&model_dir);
        if refused.as_ref() != Some(&found) {
            match load(&model_dir).await {
                Ok(embedder) => {
                    tracing::info!(embedder.id = embedder.id(), "embedder.loaded");
                    slot.fill(Arc::new(embedder));
                    return;
                }
                Err(problem) => {
                    tracing::warn!(problem = %problem, "embedder.missing");
                    slot.report(format!(
                        "{problem} Run `make model` on the server; it is picked up within seconds."
                    ));
                    refused = Some(found);
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
}

/// Reading and hashing 90 MB takes a core for a moment, so it happens off the async threads.
async fn load(model_dir: &Path) -> Result<BuiltinEmbedder, ModelProblem> {
    let model_dir = model_dir.to_owned();
    tokio::task::spawn_blocking(move || BuiltinEmbedder::load(ModelFiles::open(&model_dir)?))
        .await
        .unwrap_or(Err(ModelProblem::Stopped))
}

#[cfg(test)]
mod tests;
