//! The part of the cache that servers share. A Redis that is down, frozen or slow never fails a
//! request: every call has the request's [`budget`](super::budget), some failed calls in a row open
//! the breaker, and while it is open nobody asks; a task of its own finds out when it answers again.
//!
//! Values only. What is out of date is decided by the database, so a Redis that restarts, evicts or
//! loses everything can only cost time.

use super::{Key, budget};
use ::redis::{
    Client, Cmd, FromRedisValue, RedisError, RedisResult,
    aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
};
use secrecy::{ExposeSecret as _, SecretString};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Failed calls in a row that open the breaker: one may be a hiccup.
const FAILURES_MAX: u32 = 3;
/// Pause between two tries to reach a Redis that did not answer.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// Longest wait for a connection, or for the answer to a try.
const TRY_MAX: Duration = Duration::from_secs(2);
/// Values on their way at once; further ones are not sent, for a slow Redis must not fill the memory.
const PUTS_MAX: usize = 64;
/// How long a server that derives a value may keep others waiting.
const LOCK_TTL: Duration = Duration::from_secs(5);
/// How long a server waits for another that is deriving the same value; then it derives it too.
pub const FLIGHT_WAIT: Duration = Duration::from_secs(2);
/// Pause between two looks whether the other is done.
pub const FLIGHT_PAUSE: Duration = Duration::from_millis(10);

/// Where Redis is.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// `redis://` or `rediss://` addresses, with user and password if there are any; several are
    /// nodes of one cluster.
    pub urls: Vec<SecretString>,
}

impl RedisConfig {
    /// Whether the addresses are such; the sentence names no address, for it may hold a password.
    pub fn check(&self) -> Result<(), String> {
        for (nth, url) in (1..).zip(&self.urls) {
            Client::open(url.expose_secret())
                .map_err(|_| format!("holds an address (number {nth}) that is none of Redis"))?;
        }
        Ok(())
    }
}

/// Proof that a lock is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockToken(u64);

/// Who derives a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    Ours(LockToken),
    Theirs,
    /// Redis did not say.
    Unknown,
}

/// A connection, to one node or to a cluster.
#[derive(Clone)]
enum Link {
    Node(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Link {
    async fn open(config: &RedisConfig) -> RedisResult<Self> {
        let urls: Vec<&str> = config.urls.iter().map(|url| url.expose_secret()).collect();
        match urls.as_slice() {
            [url] => {
                let settings = ConnectionManagerConfig::new()
                    .set_connection_timeout(Some(TRY_MAX))
                    .set_response_timeout(Some(TRY_MAX))
                    .set_max_delay(RETRY_PAUSE);
                let client = Client::open(*url)?;
                Ok(Self::Node(
                    client.get_connection_manager_with_config(settings).await?,
                ))
            }
            _ => {
                let client = ClusterClient::builder(urls)
                    .connection_timeout(TRY_MAX)
                    .response_timeout(TRY_MAX)
                    .build()?;
                Ok(Self::Cluster(client.get_async_connection().await?))
            }
        }
    }

    async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        let answer = match self {
            Self::Node(connection) => connection.req_packed_command(command).await,
            Self::Cluster(connection) => connection.req_packed_command(command).await,
        }?;
        T::from_redis_value(answer).map_err(RedisError::from)
    }
}

struct State {
    link: OnceLock<Link>,
    is_open: AtomicBool,
    failures: AtomicU32,
    opened: Notify,
    puts: Semaphore,
}

/// The Redis of this server. Cheap to clone.
#[derive(Clone)]
pub struct Redis(Arc<State>);

impl Redis {
    /// Connects in the background, and again whenever it has to.
    pub fn open(config: RedisConfig, tasks: &TaskTracker, stopping: CancellationToken) -> Self {
        let state = Arc::new(State {
            link: OnceLock::new(),
            // Nobody asks before there is a connection.
            is_open: AtomicBool::new(true),
            failures: AtomicU32::new(0),
            opened: Notify::new(),
            puts: Semaphore::new(PUTS_MAX),
        });
        let keeper = Arc::clone(&state);
        tasks.spawn(async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                () = keeper.keep(&config) => {}
            }
        });
        Self(state)
    }

    /// Whether it is worth asking.
    pub fn answers(&self) -> bool {
        !self.0.is_open.load(Ordering::Acquire)
    }

    /// The bytes of this key.
    pub async fn get(&self, key: &Key) -> Option<Vec<u8>> {
        let command = command("GET", &key.name());
        self.0.ask::<Option<Vec<u8>>>(&command).await.flatten()
    }

    /// Stores the bytes of this key for so long.
    pub async fn put(&self, key: &Key, bytes: Vec<u8>, ttl: Duration) {
        let Ok(_place) = self.0.puts.try_acquire() else {
            metrics::counter!("cache_puts_dropped_total").increment(1);
            return;
        };
        let mut command = command("SET", &key.name());
        command.arg(bytes).arg("PX").arg(millis(ttl));
        self.0.ask::<()>(&command).await;
    }

    /// Takes the right to derive this key's value.
    pub async fn lock(&self, key: &Key) -> Lock {
        let mut bytes = [0; 8];
        if getrandom::fill(&mut bytes).is_err() {
            return Lock::Unknown;
        }
        let token = u64::from_le_bytes(bytes);
        let mut command = command("SET", &lock_name(key));
        command.arg(token).arg("NX").arg("PX").arg(millis(LOCK_TTL));
        match self.0.ask::<Option<String>>(&command).await {
            Some(Some(_)) => Lock::Ours(LockToken(token)),
            Some(None) => Lock::Theirs,
            None => Lock::Unknown,
        }
    }

    /// Gives the right back; nobody waits for that.
    pub fn unlock(&self, key: &Key, token: LockToken) {
        /// Only one's own lock is removed: another server's may stand there by now.
        const REMOVE_OWN: &str = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";
        let mut command = ::redis::cmd("EVAL");
        command
            .arg(REMOVE_OWN)
            .arg(1)
            .arg(lock_name(key))
            .arg(token.0);
        let state = Arc::clone(&self.0);
        tokio::spawn(async move { state.ask::<i64>(&command).await });
    }
}

impl State {
    /// One call within the request's budget; `None` when there is no answer, which the breaker counts.
    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        if self.is_open.load(Ordering::Acquire) {
            return None;
        }
        let mut link = self.link.get()?.clone();
        let problem = match budget::within(link.ask(command)).await {
            Some(Ok(answer)) => {
                self.failures.store(0, Ordering::Relaxed);
                return Some(answer);
            }
            Some(Err(error)) => error.category().to_owned(),
            None => "it took too long".to_owned(),
        };
        metrics::counter!("cache_redis_failures_total").increment(1);
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if failures >= FAILURES_MAX && !self.is_open.swap(true, Ordering::AcqRel) {
            tracing::warn!(problem, "cache.redis_left_out");
            metrics::gauge!("cache_redis_up").set(0.0);
            self.opened.notify_one();
        }
        None
    }

    /// Closes the breaker as soon as Redis answers, again and again.
    async fn keep(&self, config: &RedisConfig) {
        let mut is_told = false;
        metrics::gauge!("cache_redis_up").set(0.0);
        metrics::counter!("cache_redis_failures_total").increment(0);
        metrics::counter!("cache_puts_dropped_total").increment(0);
        loop {
            match tokio::time::timeout(TRY_MAX, self.greet(config)).await {
                Ok(Ok(())) => {
                    is_told = false;
                    self.failures.store(0, Ordering::Relaxed);
                    self.is_open.store(false, Ordering::Release);
                    metrics::gauge!("cache_redis_up").set(1.0);
                    tracing::info!("cache.redis_answers");
                    self.opened.notified().await;
                }
                outcome if !is_told => {
                    is_told = true;
                    let problem = match outcome {
                        // Its category and no more: a text may hold the address with its password.
                        Ok(Err(error)) => error.category().to_owned(),
                        _ => "it took too long".to_owned(),
                    };
                    tracing::warn!(problem, "cache.redis_silent");
                }
                _ => {}
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    async fn greet(&self, config: &RedisConfig) -> RedisResult<()> {
        let mut link = match self.link.get() {
            Some(link) => link.clone(),
            None => {
                let link = Link::open(config).await?;
                self.link.get_or_init(|| link).clone()
            }
        };
        // A name of this program's own: in a cluster, some node must answer for it.
        link.ask::<Option<Vec<u8>>>(&command("GET", "studyin:ping"))
            .await?;
        Ok(())
    }
}

fn command(name: &str, key: &str) -> Cmd {
    let mut command = ::redis::cmd(name);
    command.arg(key);
    command
}

fn lock_name(key: &Key) -> String {
    format!("{}:lock", key.name())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}
