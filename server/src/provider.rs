//! What the server takes from models: vectors for texts, and answers. Providers know nothing of
//! stores, users or HTTP; who needs one is given it.
//!
//! An embedder may arrive after the start (its model is fetched separately), so everybody holds an
//! [`EmbedderSlot`] and asks it each time.

mod api;
pub mod builtin_chat;
pub mod builtin_embedder;
pub mod chat;
pub mod model_files;
pub mod openai;
pub mod remote_embedder;
pub mod stub_embedder;

use async_trait::async_trait;
use builtin_embedder::BuiltinEmbedder;
use model_files::{Fingerprint, ModelFiles, ModelProblem};
use remote_embedder::{
    Estimate, Patience, RemoteConfig, RemoteConfigError, RemoteEmbedder, Trouble, Wire,
};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use stub_embedder::StubEmbedder;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often a missing model is looked for: soon enough that `make model` is felt at once, rare
/// enough to cost nothing.
const LOOK_AGAIN: Duration = Duration::from_secs(15);
/// How often a remote service is asked again that refuses the settings: they only change with a
/// restart, but a key or a model may be let in at the service.
const ASK_AGAIN: Duration = Duration::from_secs(300);

/// Turns texts into vectors whose dot product says how near their meanings are.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// Names the model and its version; vectors of different ids are never compared.
    fn id(&self) -> &str;

    /// What it is and where it runs, in the words a student reads.
    fn label(&self) -> String;

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
    #[error("the embedding service {service} {trouble}")]
    Service { service: String, trouble: Trouble },
}

/// Which embedder the settings ask for.
#[derive(Clone, Debug)]
pub enum EmbedderConfig {
    Builtin,
    /// For measurements only.
    Stub,
    Remote(RemoteConfig),
}

/// Where the embedder comes from, its settings found good.
pub struct EmbedderSource {
    /// The folder of the built-in model; of it a remote one only uses the tokenizer.
    model_dir: PathBuf,
    kind: SourceKind,
}

enum SourceKind {
    Builtin,
    Stub,
    Remote(Box<Wire>),
}

impl EmbedderSource {
    /// Reads the settings; asks nobody yet.
    ///
    /// # Errors
    /// When a setting cannot be used; the error names it.
    pub fn new(config: &EmbedderConfig, model_dir: &Path) -> Result<Self, RemoteConfigError> {
        Ok(Self {
            model_dir: model_dir.to_owned(),
            kind: match config {
                EmbedderConfig::Builtin => SourceKind::Builtin,
                EmbedderConfig::Stub => SourceKind::Stub,
                EmbedderConfig::Remote(config) => SourceKind::Remote(Box::new(Wire::new(config)?)),
            },
        })
    }
}

/// The embedder, if there is one yet. Cheap to clone; all clones see the same one.
#[derive(Clone)]
pub struct EmbedderSlot(Arc<Slot>);

struct Slot {
    content: RwLock<Content>,
    /// Of whose vectors there are still some; it only embeds questions.
    standby: RwLock<Option<Arc<dyn Embedder>>>,
    /// Vectors of another embedder are being replaced.
    is_changing: AtomicBool,
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
            standby: RwLock::new(None),
            is_changing: AtomicBool::new(false),
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

    /// The embedder that was used before, while its vectors are still searched.
    pub fn standby(&self) -> Option<Arc<dyn Embedder>> {
        let standby = self.0.standby.read();
        standby.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the embedder that was used before for questions, or lets it go.
    pub fn stand_by(&self, embedder: Option<Arc<dyn Embedder>>) {
        let standby = self.0.standby.write();
        *standby.unwrap_or_else(PoisonError::into_inner) = embedder;
    }

    /// Whether some passages still have vectors of another embedder only.
    pub fn is_changing(&self) -> bool {
        self.0.is_changing.load(Ordering::Relaxed)
    }

    /// Says whether they have.
    pub fn set_changing(&self, is_changing: bool) {
        self.0.is_changing.store(is_changing, Ordering::Relaxed);
    }

    /// Turns true when the slot is filled.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.0.filled.subscribe()
    }

    /// Why there is no embedder, or what keeps it from working, and what to do about it; `None` when
    /// all is well.
    pub fn problem(&self) -> Option<String> {
        match &*self.read() {
            Content::Present(embedder) => embedder.problem(),
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

/// The built-in embedder, for whoever still needs it beside the one that is set; `None` when that is
/// the built-in one itself, or its model is not there.
pub async fn builtin_beside(
    source: &EmbedderConfig,
    model_dir: &Path,
) -> Option<Arc<dyn Embedder>> {
    if matches!(source, EmbedderConfig::Builtin) {
        return None;
    }
    let embedder = load(model_dir).await.ok()?;
    Some(Arc::new(embedder))
}

/// Fills `slot` from `source`: at once when that is possible, else as soon as it is, looking again
/// until `stop`. A remote embedder without a tokenizer counts tokens by `estimate`.
pub async fn keep_embedder(
    slot: EmbedderSlot,
    source: EmbedderSource,
    estimate: Estimate,
    stop: CancellationToken,
) {
    let EmbedderSource { model_dir, kind } = source;
    let fill = async {
        match kind {
            SourceKind::Builtin => load_builtin(&slot, &model_dir).await,
            SourceKind::Stub => slot.fill(Arc::new(StubEmbedder)),
            SourceKind::Remote(wire) => connect(&slot, &wire, &model_dir, estimate).await,
        }
    };
    stop.run_until_cancelled(fill).await;
}

/// Asks the service until it can be used.
async fn connect(slot: &EmbedderSlot, wire: &Wire, model_dir: &Path, estimate: Estimate) {
    let tokenizer = model_dir.join(model_files::TOKENIZER_FILE);
    let tokenizer = tokio::task::spawn_blocking(move || builtin_embedder::tokenizer(&tokenizer))
        .await
        .ok()
        .flatten();
    loop {
        let patience = Patience::default();
        let found =
            RemoteEmbedder::connect(wire.clone(), patience, tokenizer.clone(), estimate).await;
        let trouble = match found {
            Ok(embedder) => {
                tracing::info!(embedder.id = embedder.id(), "embedder.connected");
                slot.fill(Arc::new(embedder));
                return;
            }
            Err(trouble) => trouble,
        };
        let wait = if trouble.is_passing() {
            LOOK_AGAIN
        } else {
            ASK_AGAIN
        };
        tracing::warn!(embedder = wire.name(), %trouble, "embedder.missing");
        slot.report(trouble.sentence(&wire.name(), wait));
        tokio::time::sleep(wait).await;
    }
}

/// Loads the model's files as soon as they are there and whole.
async fn load_builtin(slot: &EmbedderSlot, model_dir: &Path) {
    // Files that were found wrong are not hashed again until they change.
    let mut refused: Option<Fingerprint> = None;
    loop {
        let found = Fingerprint::of(model_dir);
        if refused.as_ref() != Some(&found) {
            match load(model_dir).await {
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
        tokio::time::sleep(LOOK_AGAIN).await;
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
