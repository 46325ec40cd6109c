//! The part of the cache that servers share. A Redis that is down, frozen or slow never fails a
//! request: every call has the request's [`budget`], some failed calls in a row open the breaker, and
//! while it is open nobody asks; a task of its own finds out when it answers again. What no request
//! has to wait for, storing above all, is not waited for.
//!
//! Values only. What is out of date is decided by the database, so a Redis that restarts, evicts or
//! loses everything can only cost time. Servers share values only with others of the same build
//! ([`build`]), for bytes of another may mean something else.

use super::{Key, budget};
use crate::clock::Clock;
use ::redis::{
    Client, Cmd, FromRedisValue, RedisError, RedisResult,
    aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use std::{
    fs::File,
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    runtime::Handle,
    sync::{Notify, Semaphore},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Failed calls in a row that open the breaker: one may be a hiccup.
const FAILURES_MAX: u32 = 3;
/// A call that had less than this is none that failed: what is left of a request's budget may be less
/// than a healthy Redis on another machine takes.
const FAIR: Duration = Duration::from_millis(25);
/// Pause between two tries to reach a Redis that did not answer.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// Longest wait for a connection, or for the answer to what nobody waits for.
const TRY_MAX: Duration = Duration::from_secs(2);
/// Values on their way at once; further ones are not sent, for a slow Redis must not fill the memory.
const PUTS_MAX: usize = 64;
/// How long a server that derives a value may keep others waiting when it ends without a word.
const LOCK_TTL: Duration = Duration::from_secs(5);
/// How long a server waits for another that is deriving the same value; then it derives it too. Longer
/// than a question waits for its vector from a service, which is what takes longest.
pub const FLIGHT_WAIT: Duration = Duration::from_secs(3);
/// Pause between two looks whether the other is done.
pub const FLIGHT_PAUSE: Duration = Duration::from_millis(10);

/// Where Redis is.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// `redis://` or `rediss://` addresses, with user and password if there are any; several are
    /// nodes of one cluster, and one may be.
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

/// Who derives a value.
pub enum Lock {
    Ours(Right),
    Theirs,
    /// Redis did not say.
    Unknown,
}

/// The right to derive a key's value, given back when it is dropped: also when the request that holds
/// it, or is just asking for it, goes away.
pub struct Right {
    redis: Redis,
    name: String,
    token: u64,
    is_ours: bool,
}

impl Drop for Right {
    fn drop(&mut self) {
        /// Only one's own lock is removed: another server's may stand there by now.
        const REMOVE_OWN: &str = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";
        if !self.is_ours {
            return;
        }
        let mut command = ::redis::cmd("EVAL");
        command
            .arg(REMOVE_OWN)
            .arg(1)
            .arg(&self.name)
            .arg(self.token);
        let state = Arc::clone(&self.redis.0);
        // While the process ends there may be nobody to send it any more.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { state.ask::<i64>(&command, Patience::Leisure).await });
        }
    }
}

/// What there is of a value that another server was deriving.
pub enum Flight {
    Landed(Vec<u8>),
    Going,
    /// Nobody is deriving it any more, and it is not there.
    Over,
    /// Redis did not say.
    Unknown,
}

/// How long a call may take, and who pays for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// What is left of the request's budget, which it is charged to.
    Request,
    /// The same, but charged only when there is no answer: the request waits for another server.
    Waiting,
    /// Nobody waits for it.
    Leisure,
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
        if let [url] = urls.as_slice() {
            let settings = ConnectionManagerConfig::new()
                .set_connection_timeout(Some(TRY_MAX))
                .set_response_timeout(Some(TRY_MAX))
                .set_max_delay(RETRY_PAUSE);
            let client = Client::open(*url)?;
            let mut node = Self::Node(client.get_connection_manager_with_config(settings).await?);
            // One address is enough for a cluster; a node that does not say is taken for one alone.
            let info = node.ask::<String>(&command("INFO", "cluster")).await;
            if !info.is_ok_and(|info| info.contains("cluster_enabled:1")) {
                return Ok(node);
            }
        }
        let client = ClusterClient::builder(urls)
            .connection_timeout(TRY_MAX)
            .response_timeout(TRY_MAX)
            .build()?;
        Ok(Self::Cluster(client.get_async_connection().await?))
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
    /// Stands before every key; there before anybody asks.
    build: OnceLock<String>,
    link: OnceLock<Link>,
    is_open: AtomicBool,
    failures: AtomicU32,
    opened: Notify,
    puts: Arc<Semaphore>,
}

/// The Redis of this server. Cheap to clone.
#[derive(Clone)]
pub struct Redis(Arc<State>);

impl Redis {
    /// Connects in the background, and again whenever it has to.
    pub fn open(
        config: RedisConfig,
        clock: &Clock,
        tasks: &TaskTracker,
        stopping: CancellationToken,
    ) -> Self {
        let state = Arc::new(State {
            build: OnceLock::new(),
            link: OnceLock::new(),
            // Nobody asks before there is a connection.
            is_open: AtomicBool::new(true),
            failures: AtomicU32::new(0),
            opened: Notify::new(),
            puts: Arc::new(Semaphore::new(PUTS_MAX)),
        });
        let keeper = Arc::clone(&state);
        // Of a program that cannot be read: shared with nobody.
        let nobodys = clock.new_id().simple().to_string();
        tasks.spawn(async move {
            let build = tokio::task::spawn_blocking(build).await;
            let build = build.ok().and_then(Result::ok).unwrap_or(nobodys);
            keeper.build.get_or_init(|| build);
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
        let command = command("GET", &self.name(key)?);
        let answer = self.0.ask::<Option<Vec<u8>>>(&command, Patience::Request);
        answer.await.flatten()
    }

    /// Stores the bytes of this key for so long, while the caller goes on; only then `right` is given
    /// back.
    pub fn put(&self, key: &Key, bytes: Vec<u8>, ttl: Duration, right: Option<Right>) {
        let Some(name) = self.name(key).filter(|_| self.answers()) else {
            return;
        };
        let Ok(place) = Arc::clone(&self.0.puts).try_acquire_owned() else {
            metrics::counter!("cache_puts_dropped_total").increment(1);
            return;
        };
        let state = Arc::clone(&self.0);
        tokio::spawn(async move {
            let mut command = command("SET", &name);
            command.arg(bytes).arg("PX").arg(millis(ttl));
            state.ask::<()>(&command, Patience::Leisure).await;
            drop((right, place));
        });
    }

    /// Takes the right to derive this key's value.
    pub async fn lock(&self, key: &Key) -> Lock {
        let mut bytes = [0; 8];
        let (Some(name), Ok(())) = (self.name(key), getrandom::fill(&mut bytes)) else {
            return Lock::Unknown;
        };
        // Before it is asked for: whoever goes away without the answer may have got it.
        let mut right = Right {
            redis: self.clone(),
            name: lock_name(&name),
            token: u64::from_le_bytes(bytes),
            is_ours: true,
        };
        let mut command = command("SET", &right.name);
        command.arg(right.token);
        command.arg("NX").arg("PX").arg(millis(LOCK_TTL));
        let answer = self.0.ask::<Option<String>>(&command, Patience::Request);
        match answer.await {
            Some(Some(_)) => Lock::Ours(right),
            Some(None) => {
                right.is_ours = false;
                Lock::Theirs
            }
            None => Lock::Unknown,
        }
    }

    /// How far another server has come with this key's value.
    pub async fn flight(&self, key: &Key) -> Flight {
        let Some(name) = self.name(key) else {
            return Flight::Unknown;
        };
        let mut command = command("MGET", &name);
        command.arg(lock_name(&name));
        let answer = self
            .0
            .ask::<(Option<Vec<u8>>, Option<Vec<u8>>)>(&command, Patience::Waiting);
        match answer.await {
            Some((Some(bytes), _)) => Flight::Landed(bytes),
            Some((None, Some(_))) => Flight::Going,
            Some((None, None)) => Flight::Over,
            None => Flight::Unknown,
        }
    }

    fn name(&self, key: &Key) -> Option<String> {
        let build = self.0.build.get()?;
        Some(format!("studyin:{build}:{}", key.name()))
    }
}

impl State {
    /// One call; `None` when there is no answer, which the breaker counts.
    async fn ask<T: FromRedisValue>(&self, command: &Cmd, patience: Patience) -> Option<T> {
        if self.is_open.load(Ordering::Acquire) {
            return None;
        }
        let most = match patience {
            Patience::Request | Patience::Waiting => budget::left(),
            Patience::Leisure => TRY_MAX,
        };
        // Nothing is asked, so nothing fails.
        if most.is_zero() {
            return None;
        }
        let mut link = self.link.get()?.clone();
        let started = Instant::now();
        let outcome = timeout(most, link.ask(command)).await;
        let is_answered = matches!(outcome, Ok(Ok(_)));
        if patience == Patience::Request || patience == Patience::Waiting && !is_answered {
            budget::spend(started.elapsed());
        }
        let problem = match outcome {
            Ok(Ok(answer)) => {
                // An answer that nobody waited for does not say that it came in time.
                if patience != Patience::Leisure {
                    self.failures.store(0, Ordering::Relaxed);
                }
                return Some(answer);
            }
            Ok(Err(error)) => error.category().to_owned(),
            Err(_) if most < FAIR => return None,
            Err(_) => "it took too long".to_owned(),
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
            match timeout(TRY_MAX, self.greet(config)).await {
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
        let ping = command("GET", "studyin:ping");
        // One that takes longer than a request can wait is left out.
        match timeout(budget::PER_REQUEST, link.ask::<Option<Vec<u8>>>(&ping)).await {
            Ok(answer) => answer.map(drop),
            Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
        }
    }
}

fn command(name: &str, key: &str) -> Cmd {
    let mut command = ::redis::cmd(name);
    command.arg(key);
    command
}

fn lock_name(name: &str) -> String {
    format!("{name}:lock")
}

/// What tells this build from every other: its own bytes, hashed.
fn build() -> io::Result<String> {
    /// Of the hash; two builds share these by chance once in 10^19 times.
    const BYTES: usize = 8;
    let mut hash = Sha256::new();
    io::copy(&mut File::open(std::env::current_exe()?)?, &mut hash)?;
    let start = hash.finalize().into_iter().take(BYTES);
    Ok(start.map(|byte| format!("{byte:02x}")).collect())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}
