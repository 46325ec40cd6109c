//! A real `redis-server` of one's own, on a free port, stopped by its own process id; alone, with a
//! password, far away, or as a cluster of three.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener as AsyncListener, TcpStream, tcp},
    sync::mpsc,
    time::{Instant as At, sleep_until},
};

/// Longest a process may take to answer.
const READY_MAX: Duration = Duration::from_secs(20);
/// How often one looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One running process.
pub struct RedisServer {
    child: Child,
    pub port: u16,
    folder: TempDir,
    password: Option<&'static str>,
    /// Where the nodes of a cluster speak with each other; its usual place, 10,000 higher, need not
    /// exist.
    cluster_port: Option<u16>,
}

impl RedisServer {
    /// Starts one; `None`, with a word on it, where `redis-server` is not installed.
    pub async fn start() -> Option<Self> {
        Self::start_as(false, None).await
    }

    /// The same, which asks for a password.
    pub async fn start_locked(password: &'static str) -> Option<Self> {
        Self::start_as(false, Some(password)).await
    }

    async fn start_as(is_cluster: bool, password: Option<&'static str>) -> Option<Self> {
        if Command::new("redis-server")
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_err()
        {
            eprintln!("redis-server is not installed: skipped");
            return None;
        }
        let folder = TempDir::new().unwrap();
        let port = free_port();
        let cluster_port = is_cluster.then(free_port);
        let server = Self {
            child: spawn(&folder, port, cluster_port, password),
            port,
            folder,
            password,
            cluster_port,
        };
        server.until_ready().await;
        Some(server)
    }

    /// Its address as a setting.
    pub fn url(&self) -> String {
        match self.password {
            Some(password) => format!("redis://:{password}@127.0.0.1:{}", self.port),
            None => format!("redis://127.0.0.1:{}", self.port),
        }
    }

    /// The address of the same server as if it stood so far away that each answer takes this long.
    pub async fn at_distance(&self, away: Duration) -> String {
        let listener = AsyncListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let port = self.port;
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else {
                    continue;
                };
                let (asked, answering) = near.into_split();
                let (answers, asking) = far.into_split();
                tokio::spawn(carry(asked, asking, Duration::ZERO));
                tokio::spawn(carry(answers, answering, away));
            }
        });
        url
    }

    /// One command, on a connection of its own.
    pub async fn ask<T: redis::FromRedisValue>(
        &self,
        command: &redis::Cmd,
    ) -> redis::RedisResult<T> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        command.query_async(&mut connection).await
    }

    /// Throws everything away.
    pub async fn flush(&self) {
        self.ask::<()>(&redis::cmd("FLUSHALL")).await.unwrap();
    }

    /// Stops answering without going away.
    pub fn freeze(&self) {
        self.signal(libc::SIGSTOP);
    }

    /// Goes on.
    pub fn thaw(&self) {
        self.signal(libc::SIGCONT);
    }

    /// Dies.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts again, empty, on the same port.
    pub async fn restart(&mut self) {
        self.child = spawn(&self.folder, self.port, self.cluster_port, self.password);
        self.until_ready().await;
    }

    fn signal(&self, signal: i32) {
        let id = i32::try_from(self.child.id()).unwrap();
        let status = Command::new("kill")
            .args([format!("-{signal}"), id.to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    async fn until_ready(&self) {
        let started = Instant::now();
        while self.ask::<String>(&redis::cmd("PING")).await.is_err() {
            assert!(
                started.elapsed() < READY_MAX,
                "redis-server does not answer"
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Three masters that share the slots.
pub struct RedisCluster(Vec<RedisServer>);

impl RedisCluster {
    /// Starts one; `None` where `redis-server` is not installed.
    pub async fn start() -> Option<Self> {
        const SLOTS: [(u16, u16); 3] = [(0, 5_460), (5_461, 10_922), (10_923, 16_383)];
        let mut nodes = Vec::new();
        for (first, last) in SLOTS {
            let node = RedisServer::start_as(true, None).await?;
            let mut slots = redis::cmd("CLUSTER");
            slots.arg("ADDSLOTSRANGE").arg(first).arg(last);
            node.ask::<()>(&slots).await.unwrap();
            nodes.push(node);
        }
        for node in &nodes[1..] {
            let mut meet = redis::cmd("CLUSTER");
            meet.arg("MEET")
                .arg("127.0.0.1")
                .arg(node.port)
                .arg(node.cluster_port);
            nodes[0].ask::<()>(&meet).await.unwrap();
        }
        let started = Instant::now();
        for node in &nodes {
            let mut info = redis::cmd("CLUSTER");
            info.arg("INFO");
            loop {
                let state: String = node.ask(&info).await.unwrap();
                if state.contains("cluster_state:ok") && state.contains("cluster_known_nodes:3") {
                    break;
                }
                assert!(started.elapsed() < READY_MAX, "{state}");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        Some(Self(nodes))
    }

    /// The nodes' addresses as a setting.
    pub fn url(&self) -> String {
        let urls: Vec<String> = self.0.iter().map(RedisServer::url).collect();
        urls.join(",")
    }

    /// The address of one of them.
    pub fn one_url(&self) -> String {
        self.0[0].url()
    }

    /// How many keys each node holds.
    pub async fn sizes(&self) -> Vec<u64> {
        let mut sizes = Vec::new();
        for node in &self.0 {
            sizes.push(node.ask(&redis::cmd("DBSIZE")).await.unwrap());
        }
        sizes
    }
}

/// Passes on what comes, each piece so long after it came.
async fn carry(mut from: tcp::OwnedReadHalf, mut to: tcp::OwnedWriteHalf, after: Duration) {
    let (sender, mut pieces) = mpsc::unbounded_channel::<(At, Vec<u8>)>();
    tokio::spawn(async move {
        while let Some((due, piece)) = pieces.recv().await {
            sleep_until(due).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
    });
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        if sender
            .send((At::now() + after, piece[..length].to_vec()))
            .is_err()
        {
            return;
        }
    }
}

fn spawn(folder: &TempDir, port: u16, cluster_port: Option<u16>, password: Option<&str>) -> Child {
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(["--port", &port.to_string()])
        .args(["--dir", &folder.path().to_string_lossy()])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(password) = password {
        command.args(["--requirepass", password]);
    }
    if let Some(port) = cluster_port {
        command
            .args(["--cluster-enabled", "yes"])
            .args(["--cluster-port", &port.to_string()]);
    }
    command.spawn().unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
