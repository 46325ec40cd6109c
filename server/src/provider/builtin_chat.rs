//! Answers without a language model: the sentences of the found passages that answer best, word
//! for word, each with its number. Knows nothing of where passages come from or how a citation is
//! checked.
//!
//! A quote is never changed: Markdown's own signs in it are escaped, so that the document's
//! characters are shown as they stand.

mod asked;
mod markdown;
mod select;

use super::{
    EmbedderSlot,
    chat::{Answer, Chat, ChatError, ChatRequest},
};
use async_trait::async_trait;
use futures::{StreamExt, stream};

/// Shown wherever an answer of this provider stands.
pub const LABEL: &str = "Quoted from your materials - no language model configured";

/// The provider that needs nothing; it uses the embedding model when that is there.
pub struct BuiltinChat {
    embedder: EmbedderSlot,
}

impl BuiltinChat {
    /// A provider that compares sentences with whatever embedder the slot holds when asked.
    pub fn new(embedder: EmbedderSlot) -> Self {
        Self { embedder }
    }
}

#[async_trait]
impl Chat for BuiltinChat {
    fn label(&self) -> String {
        LABEL.to_owned()
    }

    async fn stream(&self, request: ChatRequest) -> Result<Answer, ChatError> {
        let embedder = self.embedder.current();
        let quotes = select::quotes(&request.question, &request.evidence, embedder)
            .await
            .map_err(|_| ChatError::Embedding)?;
        let text = markdown::answer(&quotes);
        Ok(stream::iter(markdown::pieces(&text).into_iter().map(Ok)).boxed())
    }
}
