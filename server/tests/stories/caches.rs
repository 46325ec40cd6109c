//! The caches with a real Redis: nothing stale, nothing foreign, and nothing lost when it fails.

use crate::{
    redis_server::{RedisCluster, RedisServer},
    support::{Client, TestApp, spawn_app_with, spawn_beside},
};
use app::model::id::UserId;
use reqwest::StatusCode;
use server::{
    cache::{CacheConfig, Cached, Caches, Namespace, RedisConfig, Ttls},
    clock::Clock,
    store::Db,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

const NOTE: &[u8] = b"# Preload\n\nPreload is the stretch of the heart muscle before it contracts.";
/// Longest anything is waited for.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// Two servers on one database and one Redis, and one student's browser on each.
struct Pair {
    redis: RedisServer,
    _first: TestApp,
    _second: TestApp,
    here: Client,
    there: Client,
}

impl Pair {
    async fn start() -> Option<Self> {
        let redis = RedisServer::start().await?;
        let url = redis.url();
        let settings = [("REDIS_URL", url.as_str())];
        let first = spawn_app_with(&settings, |_| {}).await;
        let here = first.sign_up("ada@example.org").await;
        let second = spawn_beside(&first, &settings).await;
        let there = second.visitor();
        there.set_cookie(here.cookie());
        until(async || redis_answers(&there).await).await;
        Some(Self {
            redis,
            _first: first,
            _second: second,
            here,
            there,
        })
    }

    /// The titles as both servers see them, which must be the same.
    async fn titles(&self) -> Vec<String> {
        let here = titles(&self.here).await;
        assert_eq!(here, titles(&self.there).await);
        here
    }
}

async fn titles(client: &Client) -> Vec<String> {
    let (status, list) = client.call("materials", &[]).await;
    assert_eq!(status, StatusCode::OK, "{list}");
    list.as_array()
        .unwrap()
        .iter()
        .map(|one| one["title"].as_str().unwrap().to_owned())
        .collect()
}

async fn questions_and_pages(client: &Client) -> u64 {
    let (status, page) = client.call("analytics", &[("days", "7")]).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page["overview"]["current"]["pages_read"].as_u64().unwrap()
}

/// Whether this server's Redis answers, as its owner sees it.
async fn redis_answers(owner: &Client) -> bool {
    let (status, page) = owner.call("caches", &[]).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page["redis_answers"].as_bool().unwrap()
}

async fn until(is_so: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < WAIT_MAX, "it never came to be");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn upload(client: &Client, name: &str, bytes: &[u8]) -> String {
    let answer = client.upload(name, bytes).await;
    assert!(answer.status().is_success(), "{}", answer.status());
    let (_, list) = client.call("materials", &[]).await;
    let ready = async || {
        let (_, list) = client.call("materials", &[]).await;
        list.as_array()
            .unwrap()
            .iter()
            .all(|one| one["state"]["stage"] == "ready")
    };
    until(ready).await;
    list[0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_very_next_read_is_fresh_on_both_of_two_servers() {
    let Some(mut pair) = Pair::start().await else {
        return;
    };
    assert!(pair.titles().await.is_empty());
    let id = upload(&pair.here, "Preload.md", NOTE).await;
    assert_eq!(pair.titles().await, ["Preload"]);

    for (nth, title) in ["Stretch", "Filling", "Volume"].into_iter().enumerate() {
        let (writer, reader) = match nth % 2 {
            0 => (&pair.there, &pair.here),
            _ => (&pair.here, &pair.there),
        };
        let fields = [("id", id.as_str()), ("title", title)];
        writer.call("rename_material", &fields).await;
        assert_eq!(titles(reader).await, [title]);
        assert_eq!(pair.titles().await, [title]);
        match nth {
            0 => pair.redis.flush().await,
            _ => {
                pair.redis.kill();
                assert_eq!(pair.titles().await, [title]);
                pair.redis.restart().await;
                assert_eq!(pair.titles().await, [title]);
            }
        }
    }

    assert_eq!(questions_and_pages(&pair.there).await, 0);
    let read = [("id", id.as_str()), ("page", "1")];
    pair.here.call("record_page_read", &read).await;
    assert_eq!(questions_and_pages(&pair.there).await, 1);
    assert_eq!(questions_and_pages(&pair.here).await, 1);

    pair.there.call("delete_material", &[("id", &id)]).await;
    assert!(titles(&pair.here).await.is_empty());
    assert!(pair.titles().await.is_empty());
}

#[tokio::test]
async fn a_redis_that_dies_or_freezes_fails_no_request_and_comes_back_by_itself() {
    let Some(mut pair) = Pair::start().await else {
        return;
    };
    upload(&pair.here, "Preload.md", NOTE).await;
    let under_load = async |here: &Client| {
        for days in 1..=40_u32 {
            let days = days.to_string();
            let (status, answer) = here.call("analytics", &[("days", &days)]).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
            assert_eq!(titles(here).await, ["Preload"]);
        }
    };
    pair.redis.freeze();
    under_load(&pair.here).await;
    assert!(!redis_answers(&pair.here).await);
    pair.redis.thaw();
    until(async || redis_answers(&pair.here).await).await;
    pair.redis.kill();
    under_load(&pair.there).await;
    pair.redis.restart().await;
    until(async || redis_answers(&pair.here).await).await;
    under_load(&pair.here).await;
}

/// A cache without a server around it.
struct Bare {
    _folder: tempfile::TempDir,
    caches: Caches,
    stopping: CancellationToken,
}

impl Bare {
    async fn open(urls: &str) -> Self {
        // Fails only when it is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("test.sqlite")).await.unwrap();
        let config = CacheConfig {
            is_on: true,
            // So little that nearly everything is asked of Redis.
            memory_bytes: 1,
            ttls: Ttls::default(),
            redis: Some(RedisConfig {
                urls: urls.split(',').map(|url| url.to_owned().into()).collect(),
            }),
            similar_questions: None,
        };
        let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
        let caches = Caches::open(&config, db, Clock::system(), &tasks, &stopping);
        until(async || caches.redis_answers() == Some(true)).await;
        Self {
            _folder: folder,
            caches,
            stopping,
        }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

async fn value(cached: &Cached<String>, user: u128, number: usize) -> String {
    let what = number.to_string();
    let derived = async { Ok::<_, String>(format!("{user} {number} {}", "x".repeat(number))) };
    let user = UserId::new(Uuid::from_u128(user));
    let got = cached.get(user, &[&what], derived).await.unwrap();
    (*got.value).clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_cancelled_calls_never_cross_values() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let bare = Bare::open(&redis.url()).await;
    let cached = Cached::<String>::new(&bare.caches, Namespace::Rag, "test", 1);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..100 {
        let mut tasks = Vec::new();
        for _ in 0..100 {
            // A plain xorshift: the same run each time.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let (user, number) = (u128::from(random % 3), (random >> 8) as usize % 40);
            let cached = cached.clone();
            let task = tokio::spawn(async move {
                let got = value(&cached, user, number).await;
                assert_eq!(got, format!("{user} {number} {}", "x".repeat(number)));
            });
            if random.is_multiple_of(2) {
                tokio::task::yield_now().await;
            }
            task.abort();
            tasks.push(task);
        }
        for task in tasks {
            if let Err(error) = task.await {
                assert!(error.is_cancelled(), "{error}");
            }
        }
        // One that nobody cancels sees its own value too.
        assert_eq!(value(&cached, 1, 7).await, format!("1 7 {}", "x".repeat(7)));
    }
}

#[tokio::test]
async fn values_are_shared_through_a_cluster_of_three() {
    let Some(cluster) = RedisCluster::start().await else {
        return;
    };
    let here = Bare::open(&cluster.url()).await;
    let there = Bare::open(&cluster.url()).await;
    let declare = |bare: &Bare| Cached::<String>::new(&bare.caches, Namespace::Rag, "test", 1);
    let (here_cached, there_cached) = (declare(&here), declare(&there));
    for user in 0..30 {
        value(&here_cached, user, 5).await;
    }
    for user in 0..30 {
        let refused = async { Err::<String, _>("it is there already") };
        let id = UserId::new(Uuid::from_u128(user));
        let got = there_cached.get(id, &["5"], refused).await.unwrap();
        assert!(got.cached && got.value.starts_with(&format!("{user} 5")));
    }
    let sizes = cluster.sizes().await;
    assert!(sizes.iter().all(|size| *size > 0), "{sizes:?}");
}

#[tokio::test]
async fn two_servers_asked_the_same_at_once_derive_it_once() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let (here, there) = (
        Bare::open(&redis.url()).await,
        Bare::open(&redis.url()).await,
    );
    let begun = Arc::new(tokio::sync::Notify::new());
    let first = {
        let cached = Cached::<String>::new(&here.caches, Namespace::Rag, "test", 1);
        let begun = Arc::clone(&begun);
        tokio::spawn(async move {
            let slow = async {
                begun.notify_one();
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok::<_, String>("first".to_owned())
            };
            cached
                .get(UserId::new(Uuid::nil()), &["q"], slow)
                .await
                .unwrap()
        })
    };
    begun.notified().await;
    let cached = Cached::<String>::new(&there.caches, Namespace::Rag, "test", 1);
    let own = async { Ok::<_, String>("second".to_owned()) };
    let got = cached
        .get(UserId::new(Uuid::nil()), &["q"], own)
        .await
        .unwrap();
    assert_eq!((got.value.as_str(), got.cached), ("first", true));
    assert_eq!(first.await.unwrap().value.as_str(), "first");
}

#[tokio::test]
async fn what_somebody_else_wrote_into_redis_is_never_believed() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let writer = Bare::open(&redis.url()).await;
    let cached = Cached::<String>::new(&writer.caches, Namespace::Rag, "test", 1);
    value(&cached, 1, 3).await;
    value(&cached, 2, 4).await;
    let mut keys = redis::cmd("KEYS");
    keys.arg("studyin:rag:*");
    let names: Vec<String> = redis.ask(&keys).await.unwrap();
    assert_eq!(names.len(), 2);
    // Each gets the other's bytes.
    let mut bytes = Vec::new();
    for name in &names {
        let mut get = redis::cmd("GET");
        get.arg(name);
        bytes.push(redis.ask::<Vec<u8>>(&get).await.unwrap());
    }
    for (name, foreign) in names.iter().zip(bytes.iter().rev()) {
        let mut set = redis::cmd("SET");
        set.arg(name).arg(foreign);
        redis.ask::<()>(&set).await.unwrap();
    }
    let reader = Bare::open(&redis.url()).await;
    let cached = Cached::<String>::new(&reader.caches, Namespace::Rag, "test", 1);
    assert!(value(&cached, 1, 3).await.starts_with("1 3"));
    assert!(value(&cached, 2, 4).await.starts_with("2 4"));
}
