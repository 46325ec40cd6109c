//! The caches with a real Redis: nothing stale, nothing foreign, and nothing lost when it fails.

use crate::{
    redis_server::{RedisCluster, RedisServer},
    support::{Client, TestApp, spawn_app_with, spawn_beside},
};
use app::model::id::UserId;
use reqwest::StatusCode;
use server::{
    cache::{CacheConfig, Cached, Caches, Namespace, RedisConfig, Ttls, budget},
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
    let path = "/api/analytics/learning/overview?days=7";
    let overview: serde_json::Value = client.get_json(path).await.json().await.unwrap();
    overview["pages_read"].as_u64().unwrap()
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
        let bare = Self::unheeded(urls).await;
        until(async || bare.caches.redis_answers() == Some(true)).await;
        bare
    }

    /// Without waiting for Redis.
    async fn unheeded(urls: &str) -> Self {
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
    let (mut cut_off, mut whole) = (0, 0);
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
            tasks.push((task, random >> 32));
        }
        // Wherever it stands by then: not begun, on its way to Redis or back, done.
        for (task, random) in tasks {
            for _ in 0..random % 16 {
                tokio::task::yield_now().await;
            }
            task.abort();
            match task.await {
                Ok(()) => whole += 1,
                Err(error) => {
                    assert!(error.is_cancelled(), "{error}");
                    cut_off += 1;
                }
            }
        }
        // One that nobody cancels sees its own value too.
        assert_eq!(value(&cached, 1, 7).await, format!("1 7 {}", "x".repeat(7)));
    }
    assert!(cut_off > 1_000 && whole > 1_000, "{cut_off} {whole}");
    // A crossed answer would not have been believed, but counted.
    let figures = bare.caches.figures().unwrap();
    assert!(figures.iter().all(|one| one.errors == 0), "{figures:?}");
}

#[tokio::test]
async fn values_are_shared_through_a_cluster_of_three_also_when_one_address_is_named() {
    let Some(cluster) = RedisCluster::start().await else {
        return;
    };
    let here = Bare::open(&cluster.one_url()).await;
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
    let names = async || {
        let mut keys = redis::cmd("KEYS");
        // Between the first two colons stands the build.
        keys.arg(format!("studyin:{}:rag:*", "[0-9a-f]".repeat(16)));
        redis.ask::<Vec<String>>(&keys).await.unwrap()
    };
    // Once both are stored and nobody holds the right to derive them.
    until(async || {
        let names = names().await;
        names.len() == 2 && names.iter().all(|name| !name.ends_with(":lock"))
    })
    .await;
    let names = names().await;
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

#[tokio::test]
async fn a_server_that_gives_up_deriving_a_value_keeps_no_other_waiting() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let (here, there) = (
        Bare::open(&redis.url()).await,
        Bare::open(&redis.url()).await,
    );
    let user = UserId::new(Uuid::nil());
    let begun = Arc::new(tokio::sync::Notify::new());
    let leader = {
        let cached = Cached::<String>::new(&here.caches, Namespace::Rag, "test", 1);
        let begun = Arc::clone(&begun);
        tokio::spawn(async move {
            let never = async {
                begun.notify_one();
                std::future::pending::<Result<String, String>>().await
            };
            let _ = cached.get(user, &["q"], never).await;
        })
    };
    begun.notified().await;
    leader.abort();
    let cached = Cached::<String>::new(&there.caches, Namespace::Rag, "test", 1);
    let started = Instant::now();
    let own = async { Ok::<_, String>("own".to_owned()) };
    let got = cached.get(user, &["q"], own).await.unwrap();
    assert_eq!((got.value.as_str(), got.cached), ("own", false));
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_redis_some_milliseconds_away_stays_in_use_although_requests_spend_their_time() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let url = redis.at_distance(Duration::from_millis(8)).await;
    let (here, there) = (Bare::open(&url).await, Bare::open(&url).await);
    let declare = |bare: &Bare| Cached::<String>::new(&bare.caches, Namespace::Profile, "test", 1);
    let (here_cached, there_cached) = (declare(&here), declare(&there));
    for user in 0..5 {
        let request = async {
            for number in 0..12 {
                value(&here_cached, user, number).await;
            }
        };
        budget::of_request(request).await;
        assert_eq!(here.caches.redis_answers(), Some(true));
    }
    // Also what was derived when nothing was left.
    for user in 0..5 {
        let user = UserId::new(Uuid::from_u128(user));
        let is_there = async || {
            let refused = async { Err::<String, _>("it is there already") };
            there_cached.get(user, &["11"], refused).await.is_ok()
        };
        until(is_there).await;
    }
}

#[tokio::test]
async fn waiting_for_another_server_takes_nothing_of_the_time_for_redis() {
    let Some(redis) = RedisServer::start().await else {
        return;
    };
    let url = redis.at_distance(Duration::from_millis(8)).await;
    let (here, there) = (Bare::open(&url).await, Bare::open(&url).await);
    let declare = |bare: &Bare| Cached::<String>::new(&bare.caches, Namespace::Rag, "test", 1);
    let (here_cached, there_cached) = (declare(&here), declare(&there));
    let user = UserId::new(Uuid::nil());
    value(&here_cached, 0, 3).await;
    let begun = Arc::new(tokio::sync::Notify::new());
    let first = {
        let begun = Arc::clone(&begun);
        tokio::spawn(async move {
            let slow = async {
                begun.notify_one();
                tokio::time::sleep(Duration::from_millis(400)).await;
                Ok::<_, String>("first".to_owned())
            };
            here_cached.get(user, &["q"], slow).await.unwrap()
        })
    };
    begun.notified().await;
    budget::of_request(async {
        let own = async { Ok::<_, String>("second".to_owned()) };
        let got = there_cached.get(user, &["q"], own).await.unwrap();
        assert_eq!((got.value.as_str(), got.cached), ("first", true));
        let refused = async { Err::<String, _>("it is there already") };
        let got = there_cached.get(user, &["3"], refused).await.unwrap();
        assert!(got.cached);
    })
    .await;
    assert_eq!(first.await.unwrap().value.as_str(), "first");

    // One that freezes meanwhile ends the waiting.
    let begun = Arc::new(tokio::sync::Notify::new());
    let stuck = {
        let (cached, begun) = (declare(&here), Arc::clone(&begun));
        tokio::spawn(async move {
            let never = async {
                begun.notify_one();
                std::future::pending::<Result<String, String>>().await
            };
            let _ = cached.get(user, &["r"], never).await;
        })
    };
    begun.notified().await;
    let waiting = budget::of_request(async {
        let own = async { Ok::<_, String>("own".to_owned()) };
        there_cached.get(user, &["r"], own).await.unwrap()
    });
    let freezing = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        redis.freeze();
        Instant::now()
    };
    let (got, frozen) = tokio::join!(waiting, freezing);
    // Its 50 ms, and room for a busy machine.
    assert!(frozen.elapsed() < Duration::from_millis(250));
    assert_eq!(got.value.as_str(), "own");
    redis.thaw();
    stuck.abort();
}

#[tokio::test]
async fn a_redis_with_a_password_is_used_with_the_right_one_and_left_out_with_another() {
    let Some(redis) = RedisServer::start_locked("quiet-desk").await else {
        return;
    };
    let right = Bare::open(&redis.url()).await;
    let cached = Cached::<String>::new(&right.caches, Namespace::Profile, "test", 1);
    value(&cached, 1, 3).await;
    until(async || redis.ask::<u64>(&redis::cmd("DBSIZE")).await.unwrap() > 0).await;
    for url in [
        redis.url().replace("quiet-desk", "loud-desk"),
        format!("redis://127.0.0.1:{}", redis.port),
    ] {
        let wrong = Bare::unheeded(&url).await;
        let cached = Cached::<String>::new(&wrong.caches, Namespace::Profile, "test", 1);
        assert!(value(&cached, 1, 3).await.starts_with("1 3"));
        assert_eq!(wrong.caches.redis_answers(), Some(false));
    }
}
