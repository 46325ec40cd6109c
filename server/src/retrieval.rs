//! Finds the passages of a student's own materials that a question is about: by words and by
//! meaning, fused into one list, with the word on whether the materials cover the question.
//! Knows nothing of answers, prompts or HTTP.
//!
//! No approximate index: the vectors of one student are few enough to compare them all (0.06 ms
//! for 1,000 passages, 14 ms for 100,000), which finds exactly the nearest. Without an embedder the
//! words decide alone.

mod cache;
mod coverage;
mod fusion;
mod matrix;

use crate::{
    prose::{self, Keyword},
    provider::EmbedderSlot,
    store::{
        Db, StoreError,
        generations::{self, Scope},
        passages,
    },
};
use app::model::{coach::Passage, id::UserId};
use cache::Matrices;
use coverage::Asked;
use matrix::Matrix;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// How much of each list is fused.
const LIST: usize = 100;
/// Candidates read for each passage asked for: some fall out as repetition.
const CANDIDATES: usize = 3;
/// A word in more chunks than this is common, however many more there are.
const COMMON: usize = 2_000;

/// What a search came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The best first, numbered from 1.
    pub passages: Vec<Passage>,
    /// Whether the materials speak about the question at all.
    pub covered: bool,
    /// Whether meanings were compared, not only words.
    pub by_meaning: bool,
    /// Why this question's meaning was not compared, if that failed.
    pub problem: Option<String>,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum RetrievalError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Several searches were waiting for the same vectors.
    #[error("loading the vectors: {0}")]
    Loading(Arc<StoreError>),
}

/// What comparing meanings came to.
enum Meaning {
    /// The nearest chunks with their cosines, of all that have a vector.
    Compared(Vec<(i64, f32)>, Arc<Matrix>),
    /// There is no embedder, or no chunk has a vector yet.
    Unknown,
    /// Why the question has no vector.
    Failed(String),
}

/// Searches the materials of one student at a time. Cheap to clone.
#[derive(Clone)]
pub struct Retrieval {
    db: Db,
    slot: EmbedderSlot,
    matrices: Matrices,
}

impl Retrieval {
    /// Searches `db`, by meaning as soon as `slot` is filled.
    pub fn new(db: Db, slot: EmbedderSlot) -> Self {
        Self {
            db,
            slot,
            matrices: Matrices::new(),
        }
    }

    /// The passages of `user` that `question` is about, at most `limit`.
    ///
    /// # Errors
    /// When the database fails. A failing embedder only means a search by words.
    pub async fn search(
        &self,
        user: UserId,
        question: &str,
        limit: usize,
    ) -> Result<Found, RetrievalError> {
        let keywords = keywords(question);
        let words: Vec<String> = keywords.iter().map(|one| one.word.clone()).collect();
        let (by_words, by_meaning) = tokio::join!(
            passages::search_words(&self.db, user, &words, LIST),
            self.nearest(user, question),
        );
        let by_words = by_words?;
        let mut words_alone = HashSet::new();
        let (by_meaning, problem) = match by_meaning? {
            Meaning::Compared(list, matrix) => {
                words_alone = matrix.lacking(by_words.iter().map(|(id, _)| *id));
                (Some(list), None)
            }
            Meaning::Unknown => (None, None),
            Meaning::Failed(problem) => (None, Some(problem)),
        };
        let ranked = fusion::fuse(by_meaning.as_deref(), &by_words, &words_alone);
        let best = self.read(user, &ranked, limit * CANDIDATES).await?;
        let best = fusion::without_repetition(best, limit);

        let texts: Vec<&str> = best.iter().map(|(one, _)| one.text.as_str()).collect();
        let new_texts: Vec<&str> = best
            .iter()
            .filter(|(one, _)| words_alone.contains(&one.chunk_id))
            .map(|(one, _)| one.text.as_str())
            .collect();
        let nearest = by_meaning
            .as_deref()
            .map(|list| list.first().map_or(0.0, |(_, cosine)| *cosine));
        let chunks = passages::count(&self.db, user).await?;
        let asked = self.asked(user, keywords).await?;
        // What has no vector yet, in the middle of being read, is judged by its words.
        let covered = coverage::covered(nearest, &asked, chunks, &texts)
            || coverage::covered(None, &asked, chunks, &new_texts);
        Ok(Found {
            covered,
            by_meaning: by_meaning.is_some(),
            problem,
            passages: numbered(best),
        })
    }

    /// The chunks nearest in meaning.
    async fn nearest(&self, user: UserId, question: &str) -> Result<Meaning, RetrievalError> {
        let Some(embedder) = self.slot.current() else {
            return Ok(Meaning::Unknown);
        };
        // Before loading: what changes while loading must not be missed.
        let generation = generations::current(&self.db, user, Scope::Search).await?;
        let (matrix, vector) = tokio::join!(
            self.matrices.get(&self.db, user, &*embedder, generation),
            embedder.embed_query(question),
        );
        let matrix = matrix?;
        let vector = match vector {
            Ok(vector) => vector,
            Err(error) => {
                tracing::warn!(%error, "retrieval.embed_failed");
                return Ok(Meaning::Failed(embedder.problem().unwrap_or_else(|| {
                    format!("This question was searched by words alone, because {error}.")
                })));
            }
        };
        if matrix.is_empty() {
            return Ok(Meaning::Unknown);
        }
        // A large library takes milliseconds of pure arithmetic.
        let searched = Arc::clone(&matrix);
        let nearest = tokio::task::spawn_blocking(move || searched.nearest(&vector, LIST)).await;
        Ok(nearest.map_or(Meaning::Unknown, |list| Meaning::Compared(list, matrix)))
    }

    /// Reads the first `count` of `ranked`, keeping their order.
    async fn read(
        &self,
        user: UserId,
        ranked: &[(i64, f32)],
        count: usize,
    ) -> Result<Vec<(passages::StoredPassage, f32)>, RetrievalError> {
        let ranked = &ranked[..count.min(ranked.len())];
        let ids: Vec<i64> = ranked.iter().map(|(id, _)| *id).collect();
        let mut found: HashMap<i64, passages::StoredPassage> =
            passages::details(&self.db, user, &ids)
                .await?
                .into_iter()
                .map(|passage| (passage.chunk_id, passage))
                .collect();
        Ok(ranked
            .iter()
            .filter_map(|(id, score)| Some((found.remove(id)?, *score)))
            .collect())
    }

    /// Adds to each word of the question in how many of the user's chunks it stands.
    async fn asked(
        &self,
        user: UserId,
        keywords: Vec<Keyword>,
    ) -> Result<Vec<Asked>, RetrievalError> {
        let mut asked = Vec::with_capacity(keywords.len());
        for keyword in keywords {
            let chunks = passages::count_with_word(&self.db, user, &keyword.word, COMMON).await?;
            asked.push(Asked { keyword, chunks });
        }
        Ok(asked)
    }
}

/// The question's words that carry meaning, each once; all its words when none does.
fn keywords(question: &str) -> Vec<Keyword> {
    let mut seen = HashSet::new();
    let mut keywords: Vec<Keyword> = prose::keywords(question).collect();
    if keywords.is_empty() {
        keywords = question
            .split_whitespace()
            .map(str::to_lowercase)
            .map(|word| Keyword {
                stem: word.clone(),
                word,
            })
            .collect();
    }
    keywords.retain(|one| seen.insert(one.stem.clone()));
    keywords.truncate(passages::WORDS_MAX);
    keywords
}

fn numbered(best: Vec<(passages::StoredPassage, f32)>) -> Vec<Passage> {
    (1..)
        .zip(best)
        .map(|(number, (passage, score))| Passage {
            number,
            material_id: passage.material_id,
            title: passage.title,
            chunk_id: passage.chunk_id,
            page_first: passage.page_first,
            page_last: passage.page_last,
            section: passage.section,
            span: passage.span,
            text: passage.text,
            score,
        })
        .collect()
}

#[cfg(test)]
mod tests;
