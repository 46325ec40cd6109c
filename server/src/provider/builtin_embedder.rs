//! The embedder that comes with Studyin: all-MiniLM-L6-v2 on the CPU, with a forward pass of our
//! own. Its parts: [`weights`] reads the model, [`forward`] runs it, [`kernels`] does the sums.
//!
//! Documents go through a pool of one thread per core in small slices; a question runs on a thread
//! of its own, so that it never waits for a batch to end.

mod forward;
mod kernels;
mod weights;

use super::{
    EmbedError, Embedder,
    model_files::{ModelFiles, ModelProblem},
};
use async_trait::async_trait;
use forward::Scratch;
use rayon::{
    ThreadPool, ThreadPoolBuilder,
    iter::{IntoParallelIterator, ParallelIterator},
};
use std::{sync::Arc, thread::available_parallelism};
use tokenizers::Tokenizer;
use tokio::sync::Semaphore;
use weights::{HIDDEN, Weights};

/// Names the model in the embeddings table. Changes when vectors would no longer compare.
const ID: &str = "all-MiniLM-L6-v2/1";
/// Tokens of one text the model looks at, the two special ones included; what follows is not seen.
const TOKENS_MAX: usize = 256;
/// Bytes of one text that are tokenized at all: 256 tokens of ordinary text take about 1,500, so
/// only text nobody reads (one endless word, a page of blanks) meets it.
const TEXT_MAX_BYTES: usize = 64 * 1_024;
/// Texts that are worked on together. Small, so that a cancelled ingest stops within a second.
const SLICE: usize = 8;

/// The model in memory.
pub struct BuiltinEmbedder {
    model: Arc<Model>,
    documents: Arc<ThreadPool>,
    /// As many questions at once as there are cores; the others wait without holding a thread.
    questions: Semaphore,
}

struct Model {
    tokenizer: Tokenizer,
    weights: Weights,
    first: u32,
    last: u32,
}

impl BuiltinEmbedder {
    /// Reads verified files. Blocks for some hundred milliseconds.
    ///
    /// # Errors
    /// When the files do not hold this model, or no threads can be started.
    pub fn load(files: ModelFiles) -> Result<Self, ModelProblem> {
        let malformed = |error: &dyn std::fmt::Display| ModelProblem::Malformed(error.to_string());
        let mut tokenizer =
            Tokenizer::from_bytes(&files.tokenizer[..]).map_err(|error| malformed(&error))?;
        // The shipped settings fill up to 128 tokens and cut there; this model reads 256, and
        // filling up would only be work.
        tokenizer.with_padding(None);
        tokenizer
            .with_truncation(None)
            .map_err(|error| malformed(&error))?;
        let special = |token: &str| {
            tokenizer
                .token_to_id(token)
                .ok_or_else(|| ModelProblem::Malformed(format!("the tokenizer has no {token}")))
        };
        let (first, last) = (special("[CLS]")?, special("[SEP]")?);
        let cores = available_parallelism().map_or(1, usize::from);
        let documents = ThreadPoolBuilder::new()
            .num_threads(cores)
            .thread_name(|number| format!("embed-{number}"))
            .build()
            .map_err(|error| malformed(&error))?;
        Ok(Self {
            model: Arc::new(Model {
                tokenizer,
                weights: Weights::read(files.weights)?,
                first,
                last,
            }),
            documents: Arc::new(documents),
            questions: Semaphore::new(cores),
        })
    }
}

#[async_trait]
impl Embedder for BuiltinEmbedder {
    fn id(&self) -> &str {
        ID
    }

    fn dimension(&self) -> usize {
        HIDDEN
    }

    async fn embed_documents(
        &self,
        texts: Vec<String>,
    ) -> Result<Vec<Option<Vec<f32>>>, EmbedError> {
        let mut vectors = Vec::with_capacity(texts.len());
        let mut texts = texts.into_iter();
        loop {
            let slice: Vec<String> = texts.by_ref().take(SLICE).collect();
            if slice.is_empty() {
                return Ok(vectors);
            }
            let (model, pool) = (Arc::clone(&self.model), Arc::clone(&self.documents));
            let done = blocking(move || pool.install(|| model.embed_all(slice))).await?;
            vectors.extend(done.into_iter().map(Some));
        }
    }

    async fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let _turn = self
            .questions
            .acquire()
            .await
            .map_err(|_| EmbedError::Stopped)?;
        let (model, text) = (Arc::clone(&self.model), text.to_owned());
        blocking(move || model.embed(&text, &mut Scratch::default())).await
    }

    fn count_tokens(&self, text: &str) -> usize {
        // The tokenizer refuses no text; if it did, a token per byte is the safe side.
        self.model
            .tokenizer
            .encode_fast(text, false)
            .map_or(text.len(), |encoding| encoding.len())
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EmbedError> + Send + 'static,
) -> Result<T, EmbedError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(EmbedError::Stopped))
}

impl Model {
    fn embed_all(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        texts
            .into_par_iter()
            .map_init(Scratch::default, |scratch, text| self.embed(&text, scratch))
            .collect()
    }

    fn embed(&self, text: &str, scratch: &mut Scratch) -> Result<Vec<f32>, EmbedError> {
        let text = &text[..text.floor_char_boundary(TEXT_MAX_BYTES)];
        let encoding = self
            .tokenizer
            .encode_fast(text, false)
            .map_err(|error| EmbedError::Tokens(error.to_string()))?;
        let ids: Vec<u32> = std::iter::once(self.first)
            .chain(encoding.get_ids().iter().copied().take(TOKENS_MAX - 2))
            .chain(std::iter::once(self.last))
            .collect();
        Ok(forward::embed(&self.weights, &ids, scratch))
    }
}

#[cfg(test)]
pub mod tests;
