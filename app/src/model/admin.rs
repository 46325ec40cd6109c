//! What only the owner of the server sees.

use serde::{Deserialize, Serialize};

/// The caches at work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CachePage {
    /// False: the setting `CACHE=off` has everything derived anew.
    pub is_on: bool,
    /// Whether Redis answers; `None` when none is set.
    pub redis_answers: Option<bool>,
    pub namespaces: Vec<CacheNamespace>,
}

/// What one namespace has done since the server's start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CacheNamespace {
    pub name: String,
    pub hits: u64,
    pub misses: u64,
    pub errors: u64,
    /// Values that gave way to others.
    pub evictions: u64,
    /// Values in this server's memory now.
    pub held: u64,
    /// What they take, in bytes.
    pub held_bytes: u64,
    /// Bytes of all values that were kept, as they went out.
    pub stored_bytes: u64,
    /// How many times smaller values became by compression.
    pub compression_ratio: f64,
    /// Time that was not spent on deriving values again.
    pub saved_seconds: f64,
    /// The namespaces that end together with this one.
    pub ends_with: Vec<String>,
}

impl CacheNamespace {
    /// Hits of everything asked, in whole percent; `None` while nothing was.
    pub fn hit_percent(&self) -> Option<u64> {
        let asked = self.hits + self.misses;
        (self.hits * 100).checked_div(asked)
    }
}
