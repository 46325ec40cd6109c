//! Keeps what is derived from a student's rows, so that asking again costs next to nothing: in this
//! process's memory ([`memory`]) and, where several servers work side by side, in Redis ([`redis`]).
//! Knows nothing of what it keeps.
//!
//! Nothing stale is ever answered: a key holds the generation of what the value was derived from,
//! read before the work began, and a write changes the generation in its own transaction. Nothing
//! foreign either: a key holds the student, and a stored value says for which key it was made.
//! Nothing depends on the cache: without it, or with a broken one, every answer is only slower.

pub mod budget;
mod entry;
mod figures;
mod key;
mod memory;
mod namespace;
mod redis;

pub use figures::{Figures, NamespaceFigures};
pub use key::Key;
pub use namespace::{Namespace, Ttls};
pub use redis::RedisConfig;

use crate::{
    clock::Clock,
    store::{
        Db, Stored,
        generations::{self, Generation, Scope},
    },
};
use app::model::id::UserId;
use entry::Entry;
use futures::future::join_all;
use memory::{Held, Memory};
use redis::{Flight, Lock, Redis, Right};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What an operator can set.
#[derive(Clone, Debug)]
pub struct CacheConfig {
    /// False: everything is derived anew each time.
    pub is_on: bool,
    /// Memory for values in this process.
    pub memory_bytes: u64,
    pub ttls: Ttls,
    /// `None`: this process's memory alone.
    pub redis: Option<RedisConfig>,
    /// From which cosine of their vectors on two questions are taken for the same; `None`: never.
    pub similar_questions: Option<f32>,
}

/// All caches of this server. Cheap to clone.
#[derive(Clone)]
pub struct Caches(Option<Arc<Parts>>);

struct Parts {
    db: Db,
    clock: Clock,
    ttls: Ttls,
    memory: Memory,
    redis: Option<Redis>,
    figures: Arc<Figures>,
    similar_questions: Option<f32>,
}

/// A value, and where it came from.
#[derive(Clone, Debug)]
pub struct Got<T> {
    pub value: Arc<T>,
    /// It was there already, or another request was deriving it.
    pub cached: bool,
}

impl Caches {
    /// Opens the caches. A Redis that does not answer is waited for in the background.
    pub fn open(
        config: &CacheConfig,
        db: Db,
        clock: Clock,
        tasks: &TaskTracker,
        stopping: &CancellationToken,
    ) -> Self {
        if !config.is_on {
            return Self::off();
        }
        let figures = Arc::new(Figures::start());
        Self(Some(Arc::new(Parts {
            db,
            ttls: config.ttls.clone(),
            memory: Memory::new(config.memory_bytes, Arc::clone(&figures)),
            redis: config
                .redis
                .as_ref()
                .map(|redis| Redis::open(redis.clone(), &clock, tasks, stopping.clone())),
            clock,
            figures,
            similar_questions: config.similar_questions,
        })))
    }

    /// From which cosine on two questions are taken for the same, if ever.
    pub fn similar_questions(&self) -> Option<f32> {
        self.0.as_ref()?.similar_questions
    }

    /// Caches in this process alone, of a megabyte.
    #[cfg(test)]
    pub fn small(db: &Db, similar_questions: Option<f32>) -> Self {
        let config = CacheConfig {
            is_on: true,
            memory_bytes: 1 << 20,
            ttls: Ttls::default(),
            redis: None,
            similar_questions,
        };
        let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
        Self::open(&config, db.clone(), Clock::system(), &tasks, &stopping)
    }

    /// Caches that keep nothing.
    pub fn off() -> Self {
        Self(None)
    }

    /// What each namespace has done since the start; `None` while the caches are off.
    pub fn figures(&self) -> Option<Vec<NamespaceFigures>> {
        let parts = self.0.as_ref()?;
        Some(parts.figures.all())
    }

    /// Whether Redis answers; `None` without one.
    pub fn redis_answers(&self) -> Option<bool> {
        let parts = self.0.as_ref()?;
        parts.redis.as_ref().map(Redis::answers)
    }

    /// Ends everything kept in a namespace, on every server over this database, and frees this one's
    /// memory of it. Namespaces that hang on the same rows end together. What Redis and other servers
    /// hold is no longer asked for and goes with its time.
    pub async fn end(&self, namespace: Namespace) -> Stored<()> {
        if let Some(parts) = &self.0 {
            generations::end_all(&parts.db, namespace.scope()).await?;
            parts.memory.forget_all(namespace.scope(), None).await;
        }
        Ok(())
    }

    /// Frees this server's memory of what was made of the words of a student's materials, once one of
    /// them is deleted: nobody asks for it any more.
    pub async fn forget_words(&self, user: UserId) {
        if let Some(parts) = &self.0 {
            for scope in [Scope::Removal, Scope::Search] {
                parts.memory.forget_all(scope, Some(user)).await;
            }
        }
    }
}

/// The values of one type in one namespace, as a service declares them.
pub struct Cached<T> {
    caches: Caches,
    namespace: Namespace,
    /// What tells these values from others of the namespace.
    kind: &'static str,
    /// To be raised whenever the same bytes would mean something else.
    version: u16,
    keep: fn(&T) -> bool,
    values: PhantomData<fn() -> T>,
}

impl<T> Clone for Cached<T> {
    fn clone(&self) -> Self {
        Self {
            caches: self.caches.clone(),
            values: PhantomData,
            ..*self
        }
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Cached<T> {
    /// Declares values of `kind`, each kept as long as its namespace says.
    pub fn new(caches: &Caches, namespace: Namespace, kind: &'static str, version: u16) -> Self {
        Self {
            caches: caches.clone(),
            namespace,
            kind,
            version,
            keep: |_| true,
            values: PhantomData,
        }
    }

    /// Only values that pass are kept.
    pub fn keep_if(self, keep: fn(&T) -> bool) -> Self {
        Self { keep, ..self }
    }

    /// The value of `what` for this user: the one kept, or `derive`d now and kept. However many ask
    /// at once, it is derived once; if the one deriving it goes away, the next goes on.
    ///
    /// # Errors
    /// What `derive` failed with; nothing is kept then.
    pub async fn get<E, F>(&self, user: UserId, what: &[&str], derive: F) -> Result<Got<T>, Arc<E>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<T, E>>,
    {
        // Kept values are derived of kept values: each inside the other would be a large future.
        let derive = Box::pin(derive);
        let Some(parts) = &self.caches.0 else {
            return fresh(derive.await);
        };
        // Before the work: what changes while it goes on must not be filed under the new state.
        let generation = match generations::current(&parts.db, user, self.namespace.scope()).await {
            Ok(generation) => generation,
            Err(error) => {
                parts.figures.error(self.namespace);
                tracing::warn!(%error, "cache.generation_unknown");
                return fresh(derive.await);
            }
        };
        let key = self.key(user, generation, what);
        let derived_here = AtomicBool::new(false);
        let fill = Box::pin(self.fill(parts, &key, derive, &derived_here));
        let filled = parts.memory.get_or_fill(&key, fill);
        let held = filled.await?;
        let Some(value) = held.value::<T>() else {
            unreachable!("the key holds the type's name");
        };
        let cached = !derived_here.load(Ordering::Relaxed);
        if cached {
            parts.figures.hit(self.namespace, held.compute);
        } else if !(self.keep)(&value) {
            parts.memory.forget(&key).await;
        }
        Ok(Got { value, cached })
    }

    /// The values of several `whats` of this user, in their order: those that are kept, and the others
    /// (their places) `derive`d together and kept, but for those that come to nothing. Nobody waits
    /// for anybody else here.
    ///
    /// # Errors
    /// What `derive` failed with; nothing is kept then.
    pub async fn get_each<E, F>(
        &self,
        user: UserId,
        whats: &[[&str; 2]],
        derive: impl FnOnce(&[usize]) -> F,
    ) -> Result<Vec<Option<T>>, E>
    where
        T: Clone,
        F: Future<Output = Result<Vec<Option<T>>, E>>,
    {
        let everything: Vec<usize> = (0..whats.len()).collect();
        let Some(parts) = &self.caches.0 else {
            return derive(&everything).await;
        };
        let scope = self.namespace.scope();
        let Ok(generation) = generations::current(&parts.db, user, scope).await else {
            parts.figures.error(self.namespace);
            return derive(&everything).await;
        };
        let key = |what: &[&str; 2]| self.key(user, generation, what);
        let keys: Vec<Key> = whats.iter().map(key).collect();
        let known = keys.iter().map(|key| self.known(parts, key));
        let mut values: Vec<Option<T>> = join_all(known).await;
        let missing: Vec<usize> = everything
            .into_iter()
            .filter(|at| values[*at].is_none())
            .collect();
        if missing.is_empty() {
            return Ok(values);
        }
        let started = Instant::now();
        let derived = derive(&missing).await?;
        let each = u32::try_from(missing.len()).unwrap_or(u32::MAX).max(1);
        let compute = started.elapsed() / each;
        for (at, value) in missing.into_iter().zip(derived) {
            parts.figures.miss(self.namespace);
            if let Some(value) = value.as_ref().filter(|value| (self.keep)(value)) {
                self.keep(parts, &keys[at], value.clone(), compute).await;
            }
            values[at] = value;
        }
        Ok(values)
    }

    /// The Redis that these values are shared through.
    fn redis<'a>(&self, parts: &'a Parts) -> Option<&'a Redis> {
        parts.redis.as_ref().filter(|_| self.namespace.is_shared())
    }

    fn key(&self, user: UserId, generation: Generation, what: &[&str]) -> Key {
        let kind = [self.kind, std::any::type_name::<T>()];
        Key::new(self.namespace, kind, self.version, user, generation, what)
    }

    /// The value of this key in this process or in Redis.
    async fn known(&self, parts: &Parts, key: &Key) -> Option<T>
    where
        T: Clone,
    {
        let held = match parts.memory.get(key).await {
            Some(held) => held,
            None => {
                let bytes = self.redis(parts)?.get(key).await?;
                let held = self.decoded(parts, key, &bytes)?;
                parts.memory.put(key.clone(), held.clone()).await;
                held
            }
        };
        parts.figures.hit(self.namespace, held.compute);
        held.value::<T>().map(Arc::unwrap_or_clone)
    }

    async fn keep(&self, parts: &Parts, key: &Key, value: T, compute: Duration) {
        let (size, ttl) = (entry::size(&value), parts.ttls.of(self.namespace));
        self.share(parts, key, &value, size, compute, None);
        let held = Held::new(self.namespace, value, size, compute, ttl);
        parts.memory.put(key.clone(), held).await;
    }

    /// Gives a value of `size` bytes to the other servers, if there are any, and after it the `right`
    /// to derive it.
    fn share(
        &self,
        parts: &Parts,
        key: &Key,
        value: &T,
        size: usize,
        compute: Duration,
        right: Option<Right>,
    ) {
        if !(self.keep)(value) {
            return;
        }
        let Some(redis) = self.redis(parts) else {
            parts.figures.stored(self.namespace, size, size);
            return;
        };
        let (now, ttl) = (
            parts.clock.now().timestamp_millis(),
            parts.ttls.of(self.namespace),
        );
        if let Some(entry) = Entry::encode(value, key, compute, now, ttl) {
            let stored = entry.bytes.len();
            parts
                .figures
                .stored(self.namespace, entry.raw_bytes, stored);
            redis.put(key, entry.bytes, ttl, right);
        }
    }

    /// What Redis had of this key, if it is a value.
    fn decoded(&self, parts: &Parts, key: &Key, bytes: &[u8]) -> Option<Held> {
        let now = parts.clock.now().timestamp_millis();
        let Some(entry) = Entry::decode::<T>(bytes, key, now) else {
            parts.figures.error(self.namespace);
            return None;
        };
        Some(Held::new(
            self.namespace,
            entry.value,
            entry.raw_bytes,
            entry.compute,
            entry.ttl,
        ))
    }

    /// From Redis if it is there, else derived now.
    async fn fill<E, F>(
        &self,
        parts: &Parts,
        key: &Key,
        derive: F,
        derived_here: &AtomicBool,
    ) -> Result<Held, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let right = match self.redis(parts) {
            None => None,
            Some(redis) => match self.shared(parts, redis, key).await {
                Shared::Found(held) => return Ok(held),
                Shared::Ours(right) => Some(right),
                Shared::Absent => None,
            },
        };
        derived_here.store(true, Ordering::Relaxed);
        let started = Instant::now();
        // If this fails, the right is given back: another server may have more luck.
        let value = derive.await?;
        let compute = started.elapsed();
        parts.figures.miss(self.namespace);
        let (size, ttl) = (entry::size(&value), parts.ttls.of(self.namespace));
        self.share(parts, key, &value, size, compute, right);
        Ok(Held::new(self.namespace, value, size, compute, ttl))
    }

    /// What Redis has of this key, waiting for another server that is deriving it right now.
    async fn shared(&self, parts: &Parts, redis: &Redis, key: &Key) -> Shared {
        let found = |bytes: &[u8]| match self.decoded(parts, key, bytes) {
            Some(held) => Shared::Found(held),
            None => Shared::Absent,
        };
        if let Some(bytes) = redis.get(key).await {
            return found(&bytes);
        }
        if !self.namespace.is_costly() {
            return Shared::Absent;
        }
        let started = Instant::now();
        while started.elapsed() < redis::FLIGHT_WAIT {
            match redis.lock(key).await {
                Lock::Ours(right) => return Shared::Ours(right),
                Lock::Theirs => {}
                Lock::Unknown => break,
            }
            match self.landed(redis, key, started).await {
                Flight::Landed(bytes) => return found(&bytes),
                Flight::Over => {}
                Flight::Going | Flight::Unknown => break,
            }
        }
        Shared::Absent
    }

    /// How another server's derivation ended, or that it goes on for too long.
    async fn landed(&self, redis: &Redis, key: &Key, started: Instant) -> Flight {
        loop {
            match redis.flight(key).await {
                Flight::Going if started.elapsed() < redis::FLIGHT_WAIT => {
                    tokio::time::sleep(redis::FLIGHT_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }
}

/// What other servers know of a value.
enum Shared {
    Found(Held),
    /// Nobody is deriving it; others wait for us.
    Ours(Right),
    /// Not there, and nobody will say more.
    Absent,
}

fn fresh<T, E>(derived: Result<T, E>) -> Result<Got<T>, Arc<E>> {
    derived
        .map(|value| Got {
            value: Arc::new(value),
            cached: false,
        })
        .map_err(Arc::new)
}

/// How long something took, as whole microseconds.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
