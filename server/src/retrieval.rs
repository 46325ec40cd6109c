//! Finds the passages of a student's own materials that a question is about: by words and by
//! meaning, fused into one list, with the word on whether the materials cover the question.
//! Knows nothing of answers, prompts or HTTP.
//!
//! A student's passages are searched in memory, all of them: the words by BM25 over her own index,
//! the vectors by comparing every one, which finds exactly the nearest. Both together take about
//! 0.3 ms of one core for 7,000 passages and 6 ms for 100,000. Without an embedder the words decide
//! alone.
//!
//! A filter is applied before either list is ranked, so that what it lets through is found however
//! much better the rest is.

mod cache;
mod coverage;
mod diversity;
mod fusion;
mod library;
mod matrix;
mod query;
mod rank;
mod similar;
mod words;

pub use query::Query;

use crate::{
    cache::{Cached, Caches, Got, Namespace},
    prose,
    provider::{EmbedError, Embedder, EmbedderSlot},
    store::{
        Db, StoreError,
        generations::{self, Scope},
        materials::{tags, vectors},
        passages,
    },
};
use app::model::{coach::Passage, filter::Filter, id::UserId};
use cache::Libraries;
use rank::{Hit, Ranked, Tools, asked, rank};
use serde::{Deserialize, Serialize};
use similar::Similar;
use std::{collections::HashMap, sync::Arc};

/// Candidates read for two passages asked for, and when that was not enough: some fall out as
/// repetition or wait for other pages. Each row read costs 0.02 ms, most of it the way from the database's thread.
const CANDIDATES_FOR_TWO: [usize; 2] = [3, 6];

/// What a search came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The best first, numbered from 1.
    #[serde(with = "with_seams")]
    pub passages: Arc<[Passage]>,
    /// Whether the materials speak about the question at all.
    pub covered: bool,
    /// Whether meanings were compared, not only words.
    pub by_meaning: bool,
    /// Why this question's meaning was not compared, if that failed.
    pub problem: Option<String>,
    /// The earlier question this was found for, when it was another.
    pub similar_to: Option<String>,
}

/// Passages as they are kept: with their seams, which browsers are not sent.
mod with_seams {
    use super::{Arc, Passage};
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(
        passages: &[Passage],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(passages.iter().map(|one| (one, &one.seams)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<[Passage]>, D::Error> {
        let kept = Vec::<(Passage, Vec<u32>)>::deserialize(deserializer)?;
        let whole = kept
            .into_iter()
            .map(|(passage, seams)| Passage { seams, ..passage });
        Ok(whole.collect())
    }
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum RetrievalError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Several searches were waiting for the same rows.
    #[error("read for several: {0}")]
    Shared(Arc<StoreError>),
}

/// Searches the materials of one student at a time. Cheap to clone.
#[derive(Clone)]
pub struct Retrieval {
    db: Db,
    slot: EmbedderSlot,
    libraries: Libraries,
    found: Cached<Found>,
    vectors: Cached<Vec<f32>>,
    /// Whether the embedder before still answers a student.
    needs_old: Cached<bool>,
    similar: Option<Similar<Found>>,
}

impl Retrieval {
    /// Searches `db`, by meaning as soon as `slot` is filled.
    pub fn new(db: Db, slot: EmbedderSlot, caches: &Caches) -> Self {
        Self {
            db,
            slot,
            libraries: Libraries::new(),
            found: Cached::new(caches, Namespace::Rag, "found", 3)
                // Next time the embedder may work again.
                .keep_if(|found: &Found| found.problem.is_none()),
            vectors: Cached::new(caches, Namespace::Embedding, "question", 1),
            needs_old: Cached::new(caches, Namespace::Rag, "needs old embedder", 1),
            similar: caches.similar_questions().map(Similar::at_least),
        }
    }

    /// The passages of `user` that a question is about; the same question again, over the same
    /// materials, is not searched again.
    ///
    /// # Errors
    /// When the database fails. A failing embedder only means a search by words.
    pub async fn search(
        &self,
        user: UserId,
        query: &Query,
    ) -> Result<Got<Found>, Arc<RetrievalError>> {
        let embedder = self.slot.current();
        let embedder = embedder.as_ref().map_or("", |embedder| embedder.id());
        let what = [embedder, &*query.key()];
        self.found.get(user, &what, self.find(user, query)).await
    }

    async fn find(&self, user: UserId, query: &Query) -> Result<Found, RetrievalError> {
        let tools = self.tools(user, &query.text).await?;
        let (Some(similar), Some(vector)) = (&self.similar, &tools.vector) else {
            return self.find_with(tools, user, query).await;
        };
        let vector = vector.clone();
        let scope = similar::Scope {
            generation: tools.generation,
            embedder: tools.embedder.clone(),
            asked_for: query.asked_for(),
        };
        if let Some((question, found)) = similar.find(user, &scope, &vector).await {
            return Ok(Found {
                similar_to: Some(question),
                ..found
            });
        }
        let found = self.find_with(tools, user, query).await?;
        similar
            .remember(user, scope, &query.text, vector, found.clone())
            .await;
        Ok(found)
    }

    async fn find_with(
        &self,
        tools: Tools,
        user: UserId,
        query: &Query,
    ) -> Result<Found, RetrievalError> {
        let filter = self.resolved(user, &query.filter).await?;
        let (library, problem) = (Arc::clone(&tools.library), tools.problem.clone());
        let ranked = rank(tools, query.text.clone(), filter).await;
        let best = self.best(user, &ranked.fused, query.limit).await?;

        let texts: Vec<&str> = best.iter().map(|(one, _)| one.text.as_str()).collect();
        let new_texts: Vec<&str> = best
            .iter()
            .filter(|(one, _)| ranked.words_alone.contains(&one.chunk_id))
            .map(|(one, _)| one.text.as_str())
            .collect();
        let asked = asked(&library, query::keywords(&query.text));
        // What has no vector yet, in the middle of being read, is judged by its words.
        let covered = coverage::covered(ranked.nearest, &asked, library.len(), &texts)
            || coverage::covered(None, &asked, library.len(), &new_texts);
        Ok(Found {
            covered,
            by_meaning: ranked.by_meaning.is_some(),
            problem,
            similar_to: None,
            passages: numbered(best).into(),
        })
    }

    /// Both lists and the fused one, before anything is read: what measurements look at.
    ///
    /// # Errors
    /// As [`search`](Self::search).
    pub async fn rank(&self, user: UserId, query: &Query) -> Result<Ranked, RetrievalError> {
        let tools = self.tools(user, &query.text).await?;
        let filter = self.resolved(user, &query.filter).await?;
        Ok(rank(tools, query.text.clone(), filter).await)
    }

    /// The user's library and the question's vector, each made while the other is.
    async fn tools(&self, user: UserId, question: &str) -> Result<Tools, RetrievalError> {
        // Before loading: what changes while loading must not be missed.
        let generation = generations::current(&self.db, user, Scope::Search).await?;
        let Some(embedder) = self.embedder(user).await? else {
            let library = self.libraries.get(&self.db, user, None, generation).await?;
            return Ok(Tools {
                library,
                generation,
                embedder: String::new(),
                vector: None,
                problem: None,
            });
        };
        let (library, vector) = tokio::join!(
            self.libraries
                .get(&self.db, user, Some(&*embedder), generation),
            self.vector(user, &*embedder, question),
        );
        let (vector, problem) = match vector {
            Ok(got) => (Some(Arc::unwrap_or_clone(got.value)), None),
            Err(error) => {
                tracing::warn!(%error, "retrieval.embed_failed");
                let problem = embedder.problem().unwrap_or_else(|| {
                    format!("This question was searched by words alone, because {error}.")
                });
                (None, Some(problem))
            }
        };
        Ok(Tools {
            library: library?,
            generation,
            embedder: embedder.id().to_owned(),
            vector,
            problem,
        })
    }

    async fn vector(
        &self,
        user: UserId,
        embedder: &dyn Embedder,
        question: &str,
    ) -> Result<Got<Vec<f32>>, Arc<EmbedError>> {
        let question = prose::one_line(question);
        let what = [embedder.id(), &*question];
        let embed = embedder.embed_query(&question);
        self.vectors.get(user, &what, embed).await
    }

    /// What embeds the question: the present embedder, or the one before while not all of the
    /// user's passages have vectors of the present one.
    async fn embedder(&self, user: UserId) -> Result<Option<Arc<dyn Embedder>>, RetrievalError> {
        let current = self.slot.current();
        let Some(standby) = self.slot.standby() else {
            return Ok(current);
        };
        let new = current.as_ref().map(|embedder| embedder.id());
        let needs_old = async {
            if let Some(new) = new
                && vectors::is_settled(&self.db, user, new).await?
            {
                return Ok(false);
            }
            vectors::has_any(&self.db, user, standby.id()).await
        };
        let what = [new.unwrap_or_default(), standby.id()];
        let needs_old = self.needs_old.get(user, &what, needs_old).await;
        let needs_old = *needs_old.map_err(RetrievalError::Shared)?.value;
        Ok(if needs_old { Some(standby) } else { current })
    }

    /// The filter with its tags turned into the materials that have one of them.
    async fn resolved(&self, user: UserId, filter: &Filter) -> Result<Filter, RetrievalError> {
        let mut resolved = filter.clone();
        if !filter.tags.is_empty() {
            let tagged = tags::tagged(&self.db, user, &filter.tags).await?;
            resolved.materials = Some(match &filter.materials {
                Some(chosen) => chosen
                    .iter()
                    .filter(|one| tagged.contains(one))
                    .copied()
                    .collect(),
                None => tagged,
            });
        }
        Ok(resolved)
    }

    /// The `limit` best of `ranked` without repetition, fewer where neighbours become one.
    async fn best(
        &self,
        user: UserId,
        ranked: &[Hit],
        limit: usize,
    ) -> Result<Vec<(passages::StoredPassage, Hit)>, RetrievalError> {
        let mut chosen = Vec::new();
        for candidates in CANDIDATES_FOR_TWO {
            let count = (limit * candidates).div_ceil(2);
            let is_final;
            (chosen, is_final) = diversity::chosen(self.read(user, ranked, count).await?, limit);
            if is_final || ranked.len() <= count {
                break;
            }
        }
        Ok(diversity::joined_neighbours(chosen))
    }

    /// Reads the first `count` of `ranked`, keeping their order.
    async fn read(
        &self,
        user: UserId,
        ranked: &[Hit],
        count: usize,
    ) -> Result<Vec<(passages::StoredPassage, Hit)>, RetrievalError> {
        let ranked = &ranked[..count.min(ranked.len())];
        let ids: Vec<i64> = ranked.iter().map(|hit| hit.chunk).collect();
        let mut found: HashMap<i64, passages::StoredPassage> =
            passages::details(&self.db, user, &ids)
                .await?
                .into_iter()
                .map(|passage| (passage.chunk_id, passage))
                .collect();
        Ok(ranked
            .iter()
            .filter_map(|hit| Some((found.remove(&hit.chunk)?, *hit)))
            .collect())
    }
}

fn numbered(best: Vec<(passages::StoredPassage, Hit)>) -> Vec<Passage> {
    (1..)
        .zip(best)
        .map(|(number, (passage, hit))| Passage {
            number,
            material_id: passage.material_id,
            title: passage.title,
            chunk_id: passage.chunk_id,
            page_first: passage.page_first,
            page_last: passage.page_last,
            section: passage.section,
            span: passage.span,
            text: passage.text,
            score: hit.score,
            score_words: hit.words,
            score_meaning: hit.cosine,
            seams: passage.seams,
        })
        .collect()
}

#[cfg(test)]
mod tests;
