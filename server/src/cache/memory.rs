//! The part of the cache in this process: values as they are, within a budget of bytes.

use super::{Figures, Key, Namespace};
use moka::{Expiry, future::Cache, notification::RemovalCause, policy::EvictionPolicy};
use std::{
    any::Any,
    sync::Arc,
    time::{Duration, Instant},
};

/// What a value takes beside its own bytes: key, links, allocation.
const OVERHEAD_BYTES: usize = 256;
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
    /// `encoded_bytes` is what it takes outside.
    pub fn new<T: Send + Sync + 'static>(
        namespace: Namespace,
        value: T,
        encoded_bytes: usize,
        compute: Duration,
        ttl: Duration,
    ) -> Self {
        let bytes = encoded_bytes * IN_MEMORY_FACTOR + OVERHEAD_BYTES;
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
    figures: Arc<Figures>,
}

impl Memory {
    /// Keeps at most so many bytes, those least recently asked for going first.
    pub fn new(bytes: u64, figures: Arc<Figures>) -> Self {
        let counted = Arc::clone(&figures);
        Self {
            values: Cache::builder()
                .max_capacity(bytes)
                .eviction_policy(EvictionPolicy::lru())
                .weigher(|_, held: &Held| held.bytes)
                .expire_after(ByTtl)
                .eviction_listener(move |_, held: Held, cause| {
                    counted.left(held.namespace, u64::from(held.bytes));
                    if cause == RemovalCause::Size {
                        counted.evicted(held.namespace);
                    }
                })
                .build(),
            figures,
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
        self.values.try_get_with_by_ref(key, fill).await
    }

    /// The value of this key, if it is there.
    pub async fn get(&self, key: &Key) -> Option<Held> {
        self.values.get(key).await
    }

    /// Keeps a value.
    pub async fn put(&self, key: Key, held: Held) {
        self.figures.entered(held.namespace, u64::from(held.bytes));
        self.values.insert(key, held).await;
    }

    /// Forgets one value.
    pub async fn forget(&self, key: &Key) {
        self.values.invalidate(key).await;
    }

    /// Waits until what has to go is gone.
    #[cfg(test)]
    pub async fn settle(&self) {
        self.values.run_pending_tasks().await;
    }
}
