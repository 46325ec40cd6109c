//! The embedder that comes with Studyin: all-MiniLM-L6-v2 on the CPU, with a forward pass of our
//! own. Its parts: [`weights`] reads the model, [`forward`] runs it, [`kernels`] are its steps,
//! [`integers`] its products, [`turns`] who is worked for next.
//!
//! Documents go through one thread per core in small shares, each caller in turn; a question runs
//! on a thread of its own, so that it never waits for documents.

mod forward;
mod integers;
mod kernels;
mod processor;
mod turns;
mod weights;

use super::{
    EmbedError, Embedder,
    model_files::{ModelFiles, ModelProblem},
};
use async_trait::async_trait;
use forward::Scratch;
use std::{path::Path, sync::Arc, thread::available_parallelism};
use tokenizers::Tokenizer;
use tokio::sync::Semaphore;
use turns::Turns;
use weights::{HIDDEN, Weights};

/// Names the model in the embeddings table. Changes when vectors would no longer compare.
pub const ID: &str = "all-MiniLM-L6-v2/1";
/// Names it to a student.
const LABEL: &str = "all-MiniLM-L6-v2 on this server";
/// Tokens of one text the model looks at, the two special ones included; what follows is not seen.
const TOKENS_MAX: usize = 256;
/// Bytes of one text that are tokenized at all: 256 tokens of ordinary text take about 1,500, so
/// only text nobody reads (one endless word, a page of blanks) meets it.
const TEXT_MAX_BYTES: usize = 64 * 1_024;
/// Tokens that are worked on together, as estimated: enough to make good use of the products, few
/// enough that the work for a cancelled document ends within a tenth of a second.
const SHARE_TOKENS: usize = TOKENS_MAX;
/// Bytes of text that usually make a token.
const BYTES_PER_TOKEN: usize = 4;

/// The model in memory.
pub struct BuiltinEmbedder {
    model: Arc<Model>,
    documents: Turns<Vec<String>, Vec<Option<Vec<f32>>>>,
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
        let tokenizer = parse_tokenizer(&files.tokenizer).map_err(|error| malformed(&error))?;
        let special = |token: &str| {
            tokenizer
                .token_to_id(token)
                .ok_or_else(|| ModelProblem::Malformed(format!("the tokenizer has no {token}")))
        };
        let (first, last) = (special("[CLS]")?, special("[SEP]")?);
        let cores = available_parallelism().map_or(1, usize::from);
        let model = Arc::new(Model {
            tokenizer,
            weights: Weights::read(files.weights)?,
            first,
            last,
        });
        let documents = Turns::start(cores, || {
            let (model, mut scratch) = (Arc::clone(&model), Scratch::default());
            move |texts: Vec<String>| model.embed_all(&texts, &mut scratch)
        })
        .map_err(|error| malformed(&error))?;
        Ok(Self {
            model,
            documents,
            questions: Semaphore::new(cores),
        })
    }
}

/// The model's tokenizer alone, to count tokens with; `None` when the file is not there or holds
/// something else.
pub fn tokenizer(file: &Path) -> Option<Tokenizer> {
    parse_tokenizer(&std::fs::read(file).ok()?).ok()
}

/// The shipped settings fill up to 128 tokens and cut there; this model reads 256, and filling up
/// would only be work.
fn parse_tokenizer(file: &[u8]) -> tokenizers::Result<Tokenizer> {
    let mut tokenizer = Tokenizer::from_bytes(file)?;
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None)?;
    Ok(tokenizer)
}

#[async_trait]
impl Embedder for BuiltinEmbedder {
    fn id(&self) -> &str {
        ID
    }

    fn label(&self) -> String {
        LABEL.to_owned()
    }

    fn dimension(&self) -> usize {
        HIDDEN
    }

    async fn embed_documents(
        &self,
        texts: Vec<String>,
    ) -> Result<Vec<Option<Vec<f32>>>, EmbedError> {
        let shares = shares(texts);
        let mut done: Vec<_> = shares.iter().map(|share| vec![None; share.len()]).collect();
        let mut left = shares.len();
        let mut answers = self.documents.submit(shares);
        while let Some((number, vectors)) = answers.recv().await {
            done[number] = vectors;
            left -= 1;
        }
        if left > 0 {
            return Err(EmbedError::Stopped);
        }
        Ok(done.into_iter().flatten().collect())
    }

    async fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        let _turn = self
            .questions
            .acquire()
            .await
            .map_err(|_| EmbedError::Stopped)?;
        let (model, text) = (Arc::clone(&self.model), text.to_owned());
        tokio::task::spawn_blocking(move || {
            let ids = [model.tokens(&text)?];
            let vectors = forward::embed(&model.weights, &ids, &mut Scratch::default());
            vectors.into_iter().next().ok_or(EmbedError::Stopped)
        })
        .await
        .unwrap_or(Err(EmbedError::Stopped))
    }

    fn count_tokens(&self, text: &str) -> usize {
        // The tokenizer refuses no text; if it did, a token per byte is the safe side.
        self.model
            .tokenizer
            .encode_fast(text, false)
            .map_or(text.len(), |encoding| encoding.len())
    }
}

/// Cuts a list of texts into what one thread does at a time.
fn shares(texts: Vec<String>) -> Vec<Vec<String>> {
    let mut shares: Vec<Vec<String>> = Vec::new();
    let mut room = 0;
    for text in texts {
        let tokens = (text.len() / BYTES_PER_TOKEN + 2).min(TOKENS_MAX);
        match shares.last_mut() {
            Some(share) if tokens <= room => share.push(text),
            _ => {
                shares.push(vec![text]);
                room = SHARE_TOKENS;
            }
        }
        room -= tokens;
    }
    shares
}

impl Model {
    /// A vector for each text that can be cut into tokens.
    fn embed_all(&self, texts: &[String], scratch: &mut Scratch) -> Vec<Option<Vec<f32>>> {
        let tokens: Vec<_> = texts.iter().map(|text| self.tokens(text).ok()).collect();
        let known: Vec<_> = tokens.iter().flatten().cloned().collect();
        let mut vectors = forward::embed(&self.weights, &known, scratch).into_iter();
        tokens
            .into_iter()
            .map(|tokens| tokens.and_then(|_| vectors.next()))
            .collect()
    }

    /// What the model reads of a text.
    fn tokens(&self, text: &str) -> Result<Vec<u32>, EmbedError> {
        let text = &text[..text.floor_char_boundary(TEXT_MAX_BYTES)];
        let encoding = self
            .tokenizer
            .encode_fast(text, false)
            .map_err(|error| EmbedError::Tokens(error.to_string()))?;
        Ok(std::iter::once(self.first)
            .chain(encoding.get_ids().iter().copied().take(TOKENS_MAX - 2))
            .chain(std::iter::once(self.last))
            .collect())
    }
}

#[cfg(test)]
pub mod tests;
