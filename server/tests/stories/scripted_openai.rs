//! A local server that speaks OpenAI's `/v1/chat/completions` from a script: one [`Reply`] for each
//! request, in order; the last one is repeated. It keeps what it was asked.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Response, StatusCode, header},
    routing::post,
};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

/// What the server does with one request.
#[derive(Clone)]
pub enum Reply {
    /// Streams these words, then ends properly.
    Words(Vec<String>),
    /// Streams these words, then closes the connection without an end.
    CutAfter(Vec<String>),
    /// Streams these words, then an error object.
    ErrorAfter(Vec<String>),
    /// Streams these words, then falls silent; see [`ScriptedOpenAi::dropped`].
    SilentAfter(Vec<String>),
    /// Sends exactly these chunks as `text/event-stream`.
    Chunks(Vec<Bytes>),
    /// Answers with a status, and `Retry-After` in seconds.
    Status(u16, Option<u64>),
    /// A page of HTML with status 200.
    Page,
}

impl Reply {
    /// [`Reply::Words`] of one text, a word at a time.
    pub fn words(text: &str) -> Self {
        Self::Words(split(text))
    }

    /// [`Reply::CutAfter`] of one text, a word at a time.
    pub fn cut_after(text: &str) -> Self {
        Self::CutAfter(split(text))
    }
}

fn split(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}

/// One request as it came in.
#[derive(Clone, Debug)]
pub struct Asked {
    pub authorization: Option<String>,
    pub body: Value,
}

impl Asked {
    /// The text of all messages of the prompt.
    pub fn prompt(&self) -> String {
        self.body["messages"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|message| message["content"].as_str())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

#[derive(Default)]
struct Script {
    replies: Mutex<VecDeque<Reply>>,
    asked: Mutex<Vec<Asked>>,
    dropped: Arc<Notify>,
}

/// The running server; it stops when this is dropped.
pub struct ScriptedOpenAi {
    address: SocketAddr,
    script: Arc<Script>,
    task: JoinHandle<()>,
}

impl ScriptedOpenAi {
    /// Starts on a free port.
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let script = Arc::new(Script {
            replies: Mutex::new(replies.into_iter().collect()),
            ..Script::default()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/v1/chat/completions", post(answer))
            .with_state(script.clone());
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            address,
            script,
            task,
        }
    }

    /// What `OPENAI_BASE_URL` has to be.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().unwrap().clone()
    }

    /// Resolves when a client has dropped a stream of [`Reply::SilentAfter`].
    pub async fn dropped(&self) {
        self.script.dropped.notified().await;
    }
}

impl Drop for ScriptedOpenAi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    State(script): State<Arc<Script>>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> Response<Body> {
    script.asked.lock().unwrap().push(Asked {
        authorization: headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned),
        body,
    });
    let reply = {
        let mut replies = script.replies.lock().unwrap();
        if replies.len() > 1 {
            replies.pop_front()
        } else {
            replies.front().cloned()
        }
    };
    match reply.expect("a reply in the script") {
        Reply::Words(words) => {
            let end = [finish(), "data: [DONE]\n\n".to_owned()];
            events(words.iter().map(|word| delta(word)).chain(end).collect())
        }
        Reply::CutAfter(words) => events(words.iter().map(|word| delta(word)).collect()),
        Reply::ErrorAfter(words) => {
            let error = format!("data: {}\n\n", json!({"error": {"message": "secret body"}}));
            events(
                words
                    .iter()
                    .map(|word| delta(word))
                    .chain([error])
                    .collect(),
            )
        }
        Reply::SilentAfter(words) => {
            let guard = NotifyWhenDropped(script.dropped.clone());
            let silence = stream::pending::<Result<String, Infallible>>().map(move |item| {
                let _ = &guard;
                item
            });
            let words: Vec<_> = words.iter().map(|word| Ok(delta(word))).collect();
            event_stream(Body::from_stream(stream::iter(words).chain(silence)))
        }
        Reply::Chunks(chunks) => event_stream(Body::from_stream(stream::iter(
            chunks.into_iter().map(Ok::<_, Infallible>),
        ))),
        Reply::Status(status, retry_after) => {
            let mut response =
                Response::new(Body::from("{\"error\":{\"message\":\"secret body\"}}"));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            if let Some(seconds) = retry_after {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, seconds.into());
            }
            response
        }
        Reply::Page => Response::builder()
            .header(header::CONTENT_TYPE, "text/html")
            .body(Body::from("<html></html>"))
            .unwrap(),
    }
}

struct NotifyWhenDropped(Arc<Notify>);

impl Drop for NotifyWhenDropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

fn events(events: Vec<String>) -> Response<Body> {
    event_stream(Body::from_stream(stream::iter(
        events.into_iter().map(Ok::<_, Infallible>),
    )))
}

fn event_stream(body: Body) -> Response<Body> {
    Response::builder()
        .header(header::CONTENT_TYPE, "text/event-stream")
        .body(body)
        .unwrap()
}

fn delta(word: &str) -> String {
    format!(
        "data: {}\n\n",
        json!({"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": null}]})
    )
}

fn finish() -> String {
    format!(
        "data: {}\n\n",
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    )
}
