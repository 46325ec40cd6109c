//! What the stories share: a server of one's own, a clock to turn, and a browser without a window.

use reqwest::{
    Method, Response, StatusCode,
    header::{self, HeaderMap, HeaderValue},
};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use server::{Application, clock::Clock, config::Config};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A password that breaks no rule.
pub const PASSWORD: &str = "a quiet desk at night";

/// A running server with its own data, stopped when dropped.
pub struct TestApp {
    pub url: String,
    pub data_dir: PathBuf,
    pub setup_token: Option<String>,
    seconds_ahead: Arc<AtomicI64>,
    stop: CancellationToken,
    running: Option<JoinHandle<()>>,
    folder: Option<TempDir>,
}

/// Starts a server with the default settings and no embedding model.
pub async fn spawn_app() -> TestApp {
    spawn_app_with(&[], |_| {}).await
}

/// Starts a server with these settings, and whatever `change` makes of the configuration.
pub async fn spawn_app_with(
    settings: &[(&str, &str)],
    change: impl FnOnce(&mut Config),
) -> TestApp {
    spawn_app_in(TempDir::new().unwrap(), settings, change).await
}

/// Starts a server on the data folder another one left behind (see [`TestApp::stop`]).
pub async fn spawn_app_in(
    folder: TempDir,
    settings: &[(&str, &str)],
    change: impl FnOnce(&mut Config),
) -> TestApp {
    let config = config_for(folder.path(), settings, change);
    let seconds_ahead = Arc::new(AtomicI64::new(0));
    let ahead = Arc::clone(&seconds_ahead);
    let clock = Clock::driven_by(move || {
        Clock::system().now() + chrono::TimeDelta::seconds(ahead.load(Ordering::SeqCst))
    });
    let application = Application::build(config, clock).await.unwrap();
    let stop = CancellationToken::new();
    TestApp {
        url: format!("http://127.0.0.1:{}", application.addr().port()),
        data_dir: folder.path().to_owned(),
        setup_token: application
            .setup_token()
            .map(|token| token.expose_secret().to_owned()),
        seconds_ahead,
        running: Some(tokio::spawn(application.run(stop.clone()))),
        stop,
        folder: Some(folder),
    }
}

/// Starts a second server on the data of the first; both need the same `REDIS_URL`.
pub async fn spawn_beside(first: &TestApp, settings: &[(&str, &str)]) -> TestApp {
    let config = config_for(&first.data_dir, settings, |_| {});
    let application = Application::build(config, Clock::system()).await.unwrap();
    let stop = CancellationToken::new();
    TestApp {
        url: format!("http://127.0.0.1:{}", application.addr().port()),
        data_dir: first.data_dir.clone(),
        setup_token: None,
        seconds_ahead: Arc::default(),
        running: Some(tokio::spawn(application.run(stop.clone()))),
        stop,
        folder: None,
    }
}

/// The configuration of a server on `folder`.
pub fn config_for(
    folder: &Path,
    settings: &[(&str, &str)],
    change: impl FnOnce(&mut Config),
) -> Config {
    let mut config = Config::read(|name| {
        let own = settings.iter().find(|(key, _)| *key == name);
        match (own, name) {
            (Some((_, value)), _) => Some((*value).to_owned()),
            (None, "PORT") => Some("0".to_owned()),
            (None, "DATA_DIR") => Some(folder.to_string_lossy().into_owned()),
            (None, "SITE_ROOT") => Some(folder.join("site").to_string_lossy().into_owned()),
            (None, "LOG_LEVEL") => Some("warn".to_owned()),
            // Some stories upload in a moment what a student uploads in a month.
            (None, "UPLOADS_PER_MINUTE") => Some("10000".to_owned()),
            _ => None,
        }
    })
    .unwrap();
    config.extractor = PathBuf::from(env!("CARGO_BIN_EXE_server"));
    change(&mut config);
    config
}

/// The folder of the real embedding model, if `make model` has filled it.
#[allow(dead_code)]
pub fn model_dir() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/models/all-MiniLM-L6-v2");
    folder.join("model.safetensors").is_file().then_some(folder)
}

impl TestApp {
    /// Turns the server's clock forward.
    pub fn advance(&self, time: chrono::TimeDelta) {
        self.seconds_ahead
            .fetch_add(time.num_seconds(), Ordering::SeqCst);
    }

    /// A browser nobody has signed in with.
    pub fn visitor(&self) -> Client {
        Client::new(self.url.clone())
    }

    /// Makes an account and keeps its session.
    pub async fn sign_up(&self, email: &str) -> Client {
        let client = self.visitor();
        let answer = client.try_sign_up(email, PASSWORD).await;
        assert_eq!(
            answer.status(),
            StatusCode::SEE_OTHER,
            "{}",
            answer.text().await.unwrap()
        );
        client
    }

    /// Shuts down in good order and hands out the data folder.
    pub async fn stop(mut self) -> TempDir {
        self.stop.cancel();
        self.running.take().unwrap().await.unwrap();
        self.folder.take().unwrap()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A browser as far as the server can tell: it keeps the session cookie and says where it comes from.
pub struct Client {
    http: reqwest::Client,
    url: String,
    cookie: Mutex<Option<String>>,
}

impl Client {
    pub fn new(url: String) -> Self {
        // Fails only when it is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            http: reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
            url,
            cookie: Mutex::default(),
        }
    }

    /// The session cookie as `name=value`.
    pub fn cookie(&self) -> Option<String> {
        self.cookie.lock().unwrap().clone()
    }

    /// Puts a cookie in place of the one it has.
    pub fn set_cookie(&self, cookie: Option<String>) {
        *self.cookie.lock().unwrap() = cookie;
    }

    /// A request with exactly these headers beside the cookie.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: impl Into<reqwest::Body>,
    ) -> Response {
        self.try_send(method, path, headers, body).await.unwrap()
    }

    /// As [`send`](Self::send), of a server that may not be there any more.
    async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: impl Into<reqwest::Body>,
    ) -> reqwest::Result<Response> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .headers(headers)
            .body(body);
        if let Some(cookie) = self.cookie() {
            request = request.header(header::COOKIE, cookie);
        }
        let response = request.send().await?;
        for set in response.headers().get_all(header::SET_COOKIE) {
            let set = set.to_str().unwrap();
            let pair = set.split(';').next().unwrap().to_owned();
            let is_gone = set.contains("Max-Age=0");
            self.set_cookie((!is_gone).then_some(pair));
        }
        Ok(response)
    }

    /// Opens a page as a browser does.
    pub async fn get(&self, path: &str) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/html"));
        self.send(Method::GET, path, headers, "").await
    }

    /// Asks as a program does.
    pub async fn get_json(&self, path: &str) -> Response {
        self.send(Method::GET, path, self.own_headers("application/json"), "")
            .await
    }

    /// Sends a form of this site's pages.
    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let mut headers = self.own_headers("text/html");
        headers.insert(header::CONTENT_TYPE, FORM);
        self.send(Method::POST, path, headers, encoded(fields))
            .await
    }

    /// Calls a server function, as the pages do once they run in the browser.
    pub async fn call(&self, function: &str, fields: &[(&str, &str)]) -> (StatusCode, Value) {
        self.try_call(function, fields).await.unwrap()
    }

    /// As [`call`](Self::call); `None` when the server dies before its answer.
    pub async fn try_call(
        &self,
        function: &str,
        fields: &[(&str, &str)],
    ) -> Option<(StatusCode, Value)> {
        let mut headers = self.own_headers("application/json");
        headers.insert(header::CONTENT_TYPE, FORM);
        let path = format!("/api/fn/{function}");
        let response = self
            .try_send(Method::POST, &path, headers, encoded(fields))
            .await
            .ok()?;
        let status = response.status();
        let text = response.text().await.ok()?;
        let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Some((status, value))
    }

    /// Uploads one file, as the library page's script does.
    #[allow(dead_code)]
    pub async fn upload(&self, file_name: &str, bytes: &[u8]) -> Response {
        self.try_upload(file_name, bytes).await.unwrap()
    }

    /// As [`upload`](Self::upload); `None` when the server dies before its answer.
    pub async fn try_upload(&self, file_name: &str, bytes: &[u8]) -> Option<Response> {
        let boundary = "a-line-between-the-parts";
        let mut body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file_name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(bytes);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        let mut headers = self.own_headers("application/json");
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}")).unwrap(),
        );
        self.try_send(Method::POST, "/library/upload", headers, body)
            .await
            .ok()
    }

    /// Fills in the sign-up form.
    pub async fn try_sign_up(&self, email: &str, password: &str) -> Response {
        self.post_form("/signup", &[("email", email), ("password", password)])
            .await
    }

    /// Fills in the sign-in form.
    pub async fn try_sign_in(&self, email: &str, password: &str) -> Response {
        self.post_form("/login", &[("email", email), ("password", password)])
            .await
    }

    /// Whose session this is, as the server sees it.
    pub async fn profile(&self) -> Value {
        let (status, profile) = self.call("profile", &[]).await;
        assert_eq!(status, StatusCode::OK);
        profile
    }

    /// Whether the session is good.
    pub async fn is_signed_in(&self) -> bool {
        !self.profile().await.is_null()
    }

    fn own_headers(&self, accept: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        headers.insert(header::ORIGIN, HeaderValue::try_from(&self.url).unwrap());
        headers
    }
}

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

fn encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// Where an answer sends the browser.
pub fn location(response: &Response) -> &str {
    response.headers()[header::LOCATION].to_str().unwrap()
}
