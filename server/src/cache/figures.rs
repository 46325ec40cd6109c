//! What each namespace has done since the start, for `/metrics` and the owner's page.

use super::{Namespace, micros};
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Counts of one namespace.
#[derive(Default)]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    errors: AtomicU64,
    evictions: AtomicU64,
    raw_bytes: AtomicU64,
    stored_bytes: AtomicU64,
    saved_us: AtomicU64,
    held: AtomicU64,
    held_bytes: AtomicU64,
}

/// The counts of all namespaces.
#[derive(Default)]
pub struct Figures([Counts; Namespace::ALL.len()]);

/// What one namespace has done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NamespaceFigures {
    pub namespace: Namespace,
    pub hits: u64,
    pub misses: u64,
    /// Values that could not be read back, and generations that could not be read.
    pub errors: u64,
    /// Values that gave way to others.
    pub evictions: u64,
    /// Values held in this process now.
    pub held: u64,
    /// What they take, in bytes.
    pub held_bytes: u64,
    /// Bytes of all values that were kept, as they went out.
    pub stored_bytes: u64,
    /// How many times smaller they were than before compression; 1 while nothing was kept.
    pub compression_ratio: f64,
    /// Time it did not take to derive what was there, in seconds.
    pub saved_seconds: f64,
}

impl Figures {
    /// Begins to count. On `/metrics` every namespace stands at zero before anything happened, so that
    /// a first event shows as a rate.
    pub fn start() -> Self {
        for namespace in Namespace::ALL {
            for name in [
                "cache_hits_total",
                "cache_misses_total",
                "cache_errors_total",
                "cache_evictions_total",
                "cache_raw_bytes_total",
                "cache_saved_microseconds_total",
                "cache_stored_bytes_total",
            ] {
                metrics::counter!(name, "namespace" => namespace.name()).increment(0);
            }
        }
        Self::default()
    }

    fn of(&self, namespace: Namespace) -> &Counts {
        &self.0[namespace.index()]
    }

    /// A value was there that took so long to derive.
    pub fn hit(&self, namespace: Namespace, compute: Duration) {
        let counts = self.of(namespace);
        counts.hits.fetch_add(1, Relaxed);
        counts.saved_us.fetch_add(micros(compute), Relaxed);
        metrics::counter!("cache_hits_total", "namespace" => namespace.name()).increment(1);
        metrics::counter!("cache_saved_microseconds_total", "namespace" => namespace.name())
            .increment(micros(compute));
    }

    /// A value was not there.
    pub fn miss(&self, namespace: Namespace) {
        self.of(namespace).misses.fetch_add(1, Relaxed);
        metrics::counter!("cache_misses_total", "namespace" => namespace.name()).increment(1);
    }

    /// Something could not be read.
    pub fn error(&self, namespace: Namespace) {
        self.of(namespace).errors.fetch_add(1, Relaxed);
        metrics::counter!("cache_errors_total", "namespace" => namespace.name()).increment(1);
    }

    /// A value went out.
    pub fn stored(&self, namespace: Namespace, raw_bytes: usize, stored_bytes: usize) {
        let (raw, stored) = (count(raw_bytes), count(stored_bytes));
        let counts = self.of(namespace);
        counts.raw_bytes.fetch_add(raw, Relaxed);
        counts.stored_bytes.fetch_add(stored, Relaxed);
        metrics::counter!("cache_raw_bytes_total", "namespace" => namespace.name()).increment(raw);
        metrics::counter!("cache_stored_bytes_total", "namespace" => namespace.name())
            .increment(stored);
    }

    /// A value is held in this process.
    pub fn entered(&self, namespace: Namespace, bytes: u64) {
        let counts = self.of(namespace);
        counts.held.fetch_add(1, Relaxed);
        counts.held_bytes.fetch_add(bytes, Relaxed);
    }

    /// A value is no longer held in this process.
    pub fn left(&self, namespace: Namespace, bytes: u64) {
        let counts = self.of(namespace);
        let less = |by| move |now: u64| Some(now.saturating_sub(by));
        let _ = counts.held.fetch_update(Relaxed, Relaxed, less(1));
        let _ = counts
            .held_bytes
            .fetch_update(Relaxed, Relaxed, less(bytes));
    }

    /// A value gave way to others.
    pub fn evicted(&self, namespace: Namespace) {
        self.of(namespace).evictions.fetch_add(1, Relaxed);
        metrics::counter!("cache_evictions_total", "namespace" => namespace.name()).increment(1);
    }

    /// All counts as they stand.
    pub fn all(&self) -> Vec<NamespaceFigures> {
        Namespace::ALL
            .into_iter()
            .map(|namespace| {
                let counts = self.of(namespace);
                let (raw, stored) = (
                    counts.raw_bytes.load(Relaxed),
                    counts.stored_bytes.load(Relaxed),
                );
                NamespaceFigures {
                    namespace,
                    hits: counts.hits.load(Relaxed),
                    misses: counts.misses.load(Relaxed),
                    errors: counts.errors.load(Relaxed),
                    evictions: counts.evictions.load(Relaxed),
                    held: counts.held.load(Relaxed),
                    held_bytes: counts.held_bytes.load(Relaxed),
                    stored_bytes: stored,
                    compression_ratio: if stored == 0 {
                        1.0
                    } else {
                        raw as f64 / stored as f64
                    },
                    saved_seconds: Duration::from_micros(counts.saved_us.load(Relaxed))
                        .as_secs_f64(),
                }
            })
            .collect()
    }
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
