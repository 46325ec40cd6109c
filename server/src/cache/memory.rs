//! The part of the cache in this process: values as they are, within a budget of bytes.

use super::{Figures, Key, Namespace};
use crate::store::generations::Scope;
use app::model::id::UserId;
use moka::{Expiry, future::Cache, notification::RemovalCause, policy::EvictionPolicy};
use std::{
    any::Any,
    sync::Arc,
    time::{Duration, Instant},
};

/// What a value takes beside its own bytes: key, links, allocation.
const OVERHEAD_BYTES: usize = 256;
/// The share of the bytes for what documents are made of, as a divisor: one folder that is read has
/// more of that than fits, and must not drive out what students ask for all the time.
const BULK_SHARE: u64 = 4;
/// A value in memory is larger than as bytes: strings and vectors with their capacities.
const IN_MEMORY_FACTOR: usize = 2;

/// A value and what it is worth.
#[derive(Clone)]
pub struct Held {
    namespace: Namespace,
    value: Arc<dyn Any + Send + Sync>,
    bytes: u32,
    pub compute: Duration,
    ttl: Duration,
}

impl Held {
    /// `plain_bytes` is what it takes outside, not compressed.
    pub fn new<T: Send + Sync + 'static>(
        namespace: Namespace,
        value: T,
        plain_bytes: usize,
        compute: Duration,
        ttl: Duration,
    ) -> Self {
        let bytes = plain_bytes * IN_MEMORY_FACTOR + OVERHEAD_BYTES;
        Self {
            namespace,
            value: Arc::new(value),
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            compute,
            ttl,
        }
    }

    /// The value, if it is of this type.
    pub fn value<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.value).downcast().ok()
    }
}

struct ByTtl;

impl Expiry<Key, Held> for ByTtl {
    fn expire_after_create(&self, _: &Key, held: &Held, _: Instant) -> Option<Duration> {
        Some(held.ttl)
    }
}

/// The values of this process.
pub struct Memory {
    values: Cache<Key, Held>,
    /// Those of [bulk](Namespace::is_bulk).
    bulk: Cache<Key, Held>,
    figures: Arc<Figures>,
}

impl Memory {
    /// Keeps at most so many bytes, those least recently asked for going first.
    pub fn new(bytes: u64, figures: Arc<Figures>) -> Self {
        let bulk = bytes / BULK_SHARE;
        Self {
            values: cache(bytes - bulk, &figures),
            bulk: cache(bulk, &figures),
            figures,
        }
    }

    fn of(&self, namespace: Namespace) -> &Cache<Key, Held> {
        if namespace.is_bulk() {
            &self.bulk
        } else {
            &self.values
        }
    }

    /// The value of this key, from `fill` if it is not there. Of all who ask at once one fills.
    pub async fn get_or_fill<E: Send + Sync + 'static>(
        &self,
        key: &Key,
        fill: impl Future<Output = Result<Held, E>>,
    ) -> Result<Held, Arc<E>> {
        let fill = async {
            let held = fill.await?;
            self.figures.entered(held.namespace, u64::from(held.bytes));
            Ok(held)
        };
        self.of(key.namespace())
            .try_get_with_by_ref(key, fill)
            .await
    }

    /// The value of this key, if it is there.
    pub async fn get(&self, key: &Key) -> Option<Held> {
        self.of(key.namespace()).get(key).await
    }

    /// Keeps a value.
    pub async fn put(&self, key: Key, held: Held) {
        self.figures.entered(held.namespace, u64::from(held.bytes));
        self.of(key.namespace()).insert(key, held).await;
    }

    /// Forgets one value.
    pub async fn forget(&self, key: &Key) {
        self.of(key.namespace()).invalidate(key).await;
    }

    /// Forgets everything that hangs on a scope, of one student or of all.
    pub async fn forget_all(&self, scope: Scope, user: Option<UserId>) {
        for namespace in Namespace::ALL {
            if namespace.scope() != scope {
                continue;
            }
            let values = self.of(namespace);
            let is_meant = |key: &Arc<Key>| {
                key.namespace() == namespace && user.is_none_or(|user| key.user() == user)
            };
            let keys = values.iter().map(|(key, _)| key);
            for key in keys.filter(is_meant).collect::<Vec<_>>() {
                values.invalidate(&*key).await;
            }
        }
    }

    /// Waits until what has to go is gone.
    #[cfg(test)]
    pub async fn settle(&self) {
        self.values.run_pending_tasks().await;
        self.bulk.run_pending_tasks().await;
    }
}

fn cache(bytes: u64, figures: &Arc<Figures>) -> Cache<Key, Held> {
    let figures = Arc::clone(figures);
    Cache::builder()
        .max_capacity(bytes)
        .eviction_policy(EvictionPolicy::lru())
        .weigher(|_, held: &Held| held.bytes)
        .expire_after(ByTtl)
        .eviction_listener(move |_, held: Held, cause| {
            figures.left(held.namespace, u64::from(held.bytes));
            if cause == RemovalCause::Size {
                figures.evicted(held.namespace);
            }
        })
        .build()
}
