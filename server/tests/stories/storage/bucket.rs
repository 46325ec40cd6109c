//! moto's server as a process of its own, a bucket on it, and a wire to it that can be cut.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

pub const NAME: &str = "studyin-tests";
pub const SECRET: &str = "a-secret-nobody-may-read";
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, \
     SignedHeaders=host, Signature=b";
const PATIENCE: Duration = Duration::from_secs(120);

/// A running server, stopped when dropped.
pub struct Moto {
    program: String,
    process: Child,
    pub url: String,
}

/// Starts it; `None` when `MOTO_SERVER` is not set.
#[allow(clippy::disallowed_methods)]
pub fn moto() -> Option<Moto> {
    let Ok(program) = std::env::var("MOTO_SERVER") else {
        eprintln!("MOTO_SERVER is not set: this story is skipped (scripts/moto.sh prints it)");
        return None;
    };
    let (process, url) = start(&program, "0");
    Some(Moto {
        program,
        process,
        url,
    })
}

fn start(program: &str, port: &str) -> (Child, String) {
    let mut process = Command::new(program)
        .args(["-H", "127.0.0.1", "-p", port])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let url = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| Some(line.split_once("Running on ")?.1.trim().to_owned()))
        .expect("it says where it listens");
    // It would stop at a full pipe.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    (process, url)
}

impl Moto {
    /// Ends it as a power cut would; all it held is lost.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it where it was.
    pub fn start_again(&mut self) {
        let port = self.url.rsplit(':').next().unwrap();
        (self.process, self.url) = start(&self.program, port);
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A bucket, seen without the server under test.
pub struct Bucket {
    http: reqwest::Client,
    url: String,
}

impl Bucket {
    pub async fn make(moto: &Moto) -> Self {
        // Fails only when it is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = moto.url.clone();
        let made = http.put(format!("{url}/{NAME}")).send().await.unwrap();
        assert!(made.status().is_success());
        Self { http, url }
    }

    /// The settings of a server that keeps its files here.
    pub fn settings(&self, prefix: &str) -> Settings {
        let each = [
            ("STORAGE", "s3"),
            ("S3_BUCKET", NAME),
            ("S3_ENDPOINT", &self.url),
            ("S3_ACCESS_KEY_ID", "the-id-of-a-key"),
            ("S3_SECRET_ACCESS_KEY", SECRET),
            ("S3_PREFIX", prefix),
        ];
        Settings(each.map(|(name, value)| (name, value.to_owned())).to_vec())
    }

    /// The same, over a wire.
    pub fn settings_over(&self, wire: &Wire) -> Settings {
        self.settings("").with("S3_ENDPOINT", &wire.url)
    }

    /// The keys of all objects.
    pub async fn objects(&self) -> Vec<String> {
        let url = format!("{}/{NAME}?list-type=2", self.url);
        let answer = self.http.get(url).send().await.unwrap();
        let xml = answer.text().await.unwrap();
        let keys = xml.split("<Key>").skip(1);
        keys.map(|rest| rest.split_once("</Key>").unwrap().0.to_owned())
            .collect()
    }

    /// Puts something where nobody expects it.
    pub async fn put(&self, key: &str) {
        let url = format!("{}/{NAME}/{key}", self.url);
        let put = self.http.put(url).header("authorization", SIGNED);
        let put = put.body("left behind").send().await.unwrap();
        assert!(put.status().is_success());
    }

    pub async fn remove_all(&self) {
        for key in self.objects().await {
            let url = format!("{}/{NAME}/{key}", self.url);
            // moto wants to see a signature here, and believes any.
            let removed = self.http.delete(url).header("authorization", SIGNED).send();
            assert!(removed.await.unwrap().status().is_success());
        }
    }

    /// From now on only keys that moto made itself are good.
    pub async fn ask_for_keys(&self) {
        let url = format!("{}/moto-api/reset-auth", self.url);
        let answer = self.http.post(url).body("0").send().await.unwrap();
        assert!(answer.status().is_success());
    }
}

/// Settings of a server.
pub struct Settings(Vec<(&'static str, String)>);

impl Settings {
    pub fn with(mut self, name: &str, value: &str) -> Self {
        for (own, old) in &mut self.0 {
            if *own == name {
                *old = value.to_owned();
            }
        }
        self
    }

    pub fn each(&self) -> Vec<(&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Whole,
    /// Nothing comes through, and what is on its way is cut off.
    Cut,
    /// Objects can be sent and not fetched.
    NoDownloads,
}

/// A way to moto that can break while moto goes on. moto takes one request a connection.
pub struct Wire {
    pub url: String,
    condition: watch::Sender<Condition>,
    refused: Arc<AtomicUsize>,
    tasks: Mutex<tokio::task::JoinSet<()>>,
}

impl Wire {
    pub async fn to(moto: &Moto) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let target = moto.url.strip_prefix("http://").unwrap().to_owned();
        let (condition, watched) = watch::channel(Condition::Whole);
        let refused = Arc::new(AtomicUsize::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        let count = Arc::clone(&refused);
        tasks.spawn(async move {
            loop {
                let (from, _) = listener.accept().await.unwrap();
                let (target, watched) = (target.clone(), watched.clone());
                tokio::spawn(carry(from, target, watched, Arc::clone(&count)));
            }
        });
        let tasks = Mutex::new(tasks);
        Self {
            url,
            condition,
            refused,
            tasks,
        }
    }

    pub fn cut(&self) {
        self.condition.send_replace(Condition::Cut);
    }

    pub fn refuse_downloads(&self) {
        self.condition.send_replace(Condition::NoDownloads);
    }

    pub fn mend(&self) {
        self.condition.send_replace(Condition::Whole);
    }

    /// Waits until so many requests were refused.
    pub async fn until_refused(&self, requests: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.refused.load(Ordering::SeqCst) < requests {
            assert!(Instant::now() < deadline);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.tasks.lock().unwrap().abort_all();
    }
}

async fn carry(
    mut from: TcpStream,
    target: String,
    mut condition: watch::Receiver<Condition>,
    refused: Arc<AtomicUsize>,
) {
    let mut method = [0; 3];
    if from.peek(&mut method).await.is_err() {
        return;
    }
    let now = *condition.borrow_and_update();
    if now == Condition::Cut || now == Condition::NoDownloads && method == *b"GET" {
        refused.fetch_add(1, Ordering::SeqCst);
        return;
    }
    let Ok(mut to) = TcpStream::connect(target).await else {
        return;
    };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut from, &mut to) => {}
        _ = condition.wait_for(|condition| *condition == Condition::Cut) => {}
    }
}
