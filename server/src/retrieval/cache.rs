//! Keeps students' matrices in memory, within a budget, each as long as its generation lasts.

use super::{RetrievalError, matrix::Matrix};
use crate::{
    provider::Embedder,
    store::{
        Db, Stored,
        generations::{self, Generation, Scope},
        passages,
    },
};
use app::model::id::UserId;
use moka::{future::Cache, policy::EvictionPolicy};
use std::sync::Arc;

/// Memory for all matrices together, in KiB: 340,000 passages of 384 numbers.
const BUDGET_KIB: u64 = 512 * 1_024;
/// Most passages of one student that are compared by meaning, the newest: about 70,000 full pages,
/// 300 MB. What lies beyond is found by its words.
const ROWS_MAX: usize = 200_000;
/// How often a matrix is loaded anew because something changed meanwhile; then it is used as it is.
const ATTEMPTS: usize = 3;

struct Kept {
    /// Read before the rows were.
    generation: Generation,
    embedder: String,
    matrix: Arc<Matrix>,
}

/// Matrices by student.
#[derive(Clone)]
pub struct Matrices(Cache<UserId, Arc<Kept>>);

impl Matrices {
    /// Nothing kept yet.
    pub fn new() -> Self {
        Self(
            Cache::builder()
                .max_capacity(BUDGET_KIB)
                .eviction_policy(EvictionPolicy::lru())
                .weigher(|_, kept: &Arc<Kept>| {
                    u32::try_from(kept.matrix.bytes() / 1_024 + 1).unwrap_or(u32::MAX)
                })
                .build(),
        )
    }

    /// The user's matrix as of `generation`, or newer. Loaded once however many ask for it.
    pub async fn get(
        &self,
        db: &Db,
        user: UserId,
        embedder: &dyn Embedder,
        generation: Generation,
    ) -> Result<Arc<Matrix>, RetrievalError> {
        let mut generation = generation;
        for _ in 0..ATTEMPTS {
            let kept = self
                .0
                .try_get_with(user, load(db, user, embedder, generation))
                .await
                .map_err(RetrievalError::Loading)?;
            if kept.embedder == embedder.id() && kept.generation == generation {
                return Ok(Arc::clone(&kept.matrix));
            }
            // Another search may have read a later state meanwhile, which serves this one as well.
            generation = generations::current(db, user, Scope::Search).await?;
            if kept.embedder != embedder.id() || kept.generation != generation {
                self.0.invalidate(&user).await;
            }
        }
        // Loads by others keep coming in between; this one is not shared.
        let kept = load(db, user, embedder, generation).await?;
        Ok(Arc::clone(&kept.matrix))
    }
}

async fn load(
    db: &Db,
    user: UserId,
    embedder: &dyn Embedder,
    generation: Generation,
) -> Stored<Arc<Kept>> {
    let (ids, rows) =
        passages::vectors(db, user, embedder.id(), embedder.dimension(), ROWS_MAX).await?;
    Ok(Arc::new(Kept {
        generation,
        embedder: embedder.id().to_owned(),
        matrix: Arc::new(Matrix::new(ids, rows, embedder.dimension())),
    }))
}
