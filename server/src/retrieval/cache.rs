//! Keeps students' libraries in memory, within a budget, each as long as its generation lasts. What
//! has not changed since is taken over from the one before.

use super::{
    RetrievalError,
    library::{Library, PASSAGES_MAX},
    words::Reader,
};
use crate::{
    provider::Embedder,
    store::{
        Db, StoreError, Stored,
        generations::{self, Generation, Scope},
        passages::{self, Print},
    },
};
use app::model::id::UserId;
use moka::{future::Cache, policy::EvictionPolicy};
use std::sync::Arc;
use uuid::Uuid;

/// Memory for all libraries together, in KiB. One of 5,000 passages takes 13 MB with vectors of 384
/// numbers, so it holds 40 such.
const BUDGET_KIB: u32 = 512 * 1_024;
/// How often a library is loaded anew because something changed meanwhile; then it is used as it is.
const ATTEMPTS: usize = 3;
/// Passages read at once: 13 MB of text and vectors.
const BATCH: usize = 5_000;

/// What compares meanings, as far as a library has to know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    id: String,
    dimension: usize,
}

struct Kept {
    /// Read before the rows were.
    generation: Generation,
    model: Model,
    library: Arc<Library>,
}

/// Libraries by student.
#[derive(Clone)]
pub struct Libraries(Cache<UserId, Arc<Kept>>);

impl Libraries {
    /// Nothing kept yet.
    pub fn new() -> Self {
        Self(
            Cache::builder()
                .max_capacity(BUDGET_KIB.into())
                .eviction_policy(EvictionPolicy::lru())
                // One that is larger than the budget drives out all others, but is kept.
                .weigher(|_, kept: &Arc<Kept>| {
                    u32::try_from(kept.library.bytes() / 1_024 + 1)
                        .map_or(BUDGET_KIB, |kib| kib.min(BUDGET_KIB))
                })
                .build(),
        )
    }

    /// The user's library with vectors of `embedder` as of `generation`, or newer. Loaded once
    /// however many ask for it.
    pub async fn get(
        &self,
        db: &Db,
        user: UserId,
        embedder: Option<&dyn Embedder>,
        generation: Generation,
    ) -> Result<Arc<Library>, RetrievalError> {
        let model = embedder.map_or_else(Model::default, |embedder| Model {
            id: embedder.id().to_owned(),
            dimension: embedder.dimension(),
        });
        let (mut generation, mut before) = (generation, None);
        for _ in 0..ATTEMPTS {
            let kept = match self.0.get(&user).await {
                Some(kept) => kept,
                None => {
                    let load = load(db.clone(), user, model.clone(), generation, before.take());
                    self.loaded(user, load).await?
                }
            };
            if kept.model == model && kept.generation == generation {
                return Ok(Arc::clone(&kept.library));
            }
            // Another search may have read a later state meanwhile, which serves this one as well.
            generation = generations::current(db, user, Scope::Search).await?;
            if kept.model == model && kept.generation == generation {
                return Ok(Arc::clone(&kept.library));
            }
            self.0.invalidate(&user).await;
            before = Some(kept);
        }
        // Loads by others keep coming in between; this one is not shared.
        let kept = load(db.clone(), user, model, generation, before).await?;
        Ok(Arc::clone(&kept.library))
    }

    /// What `load` comes to, kept. It goes on when the one who asked has gone: a large library takes
    /// seconds, and students who do not wait for it would make it begin anew each time.
    async fn loaded(
        &self,
        user: UserId,
        load: impl Future<Output = Stored<Arc<Kept>>> + Send + 'static,
    ) -> Result<Arc<Kept>, RetrievalError> {
        let cache = self.0.clone();
        tokio::spawn(async move { cache.try_get_with(user, load).await })
            .await
            .map_err(|error| StoreError::Shared(error.to_string()))?
            .map_err(RetrievalError::Shared)
    }
}

async fn load(
    db: Db,
    user: UserId,
    model: Model,
    generation: Generation,
    before: Option<Arc<Kept>>,
) -> Stored<Arc<Kept>> {
    // Before the passages: what changes meanwhile has another print next time.
    let mut prints = passages::prints(&db, user, &model.id).await?;
    let mut passages = 0;
    prints.retain(|print| {
        passages += usize::try_from(print.passages).unwrap_or_default();
        passages <= PASSAGES_MAX
    });
    let before = before.filter(|before| before.model == model);
    let (mut library, changed) = match before {
        Some(before) => {
            let wanted = prints.clone();
            let retained = move || {
                let changed = before.library.changed(&wanted);
                (before.library.retained(&wanted), changed)
            };
            aside(retained).await?
        }
        None => (Library::new(model.dimension), prints),
    };
    let mut reader = Reader::default();
    for batch in batches(&changed) {
        let materials: Vec<Uuid> = batch.iter().map(|print| print.material).collect();
        let rows = passages::of_materials(&db, user, &model.id, &materials).await?;
        let prints = batch.to_vec();
        (library, reader) = aside(move || {
            library.add(&prints, &rows, &mut reader)?;
            Ok::<_, StoreError>((library, reader))
        })
        .await??;
    }
    let library = aside(move || {
        library.finish();
        library
    })
    .await?;
    Ok(Arc::new(Kept {
        generation,
        model,
        library: Arc::new(library),
    }))
}

/// Cuts materials into batches of about [`BATCH`] passages.
fn batches(prints: &[Print]) -> Vec<&[Print]> {
    let (mut batches, mut start, mut passages) = (Vec::new(), 0, 0);
    for (at, print) in prints.iter().enumerate() {
        passages += usize::try_from(print.passages).unwrap_or_default();
        if passages >= BATCH || at + 1 - start == passages::MATERIALS_MAX {
            batches.push(&prints[start..=at]);
            (start, passages) = (at + 1, 0);
        }
    }
    if start < prints.len() {
        batches.push(&prints[start..]);
    }
    batches
}

/// Off the threads that serve requests: reading 5,000 passages is a tenth of a second of work.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Stored<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::Shared(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::poll;
    use std::{pin::pin, time::Duration};

    #[tokio::test]
    async fn a_library_goes_on_being_loaded_when_the_one_who_asked_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("db.sqlite")).await.unwrap();
        let (libraries, user) = (Libraries::new(), UserId::new(Uuid::nil()));
        {
            let asked = libraries.get(&db, user, None, Generation::of(1));
            assert!(poll!(pin!(asked)).is_pending());
        }
        let loaded = async {
            while libraries.0.get(&user).await.is_none() {
                tokio::task::yield_now().await;
            }
        };
        let patience = Duration::from_secs(30);
        tokio::time::timeout(patience, loaded).await.unwrap();
    }
}
