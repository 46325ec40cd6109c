//! A local server that speaks OpenAI's `/v1/embeddings` and Gemini's `batchEmbedContents`: one
//! [`Reply`] for each request, in order; after the last one it answers properly. It keeps what it
//! was asked.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, Response, StatusCode, header},
    routing::post,
};
use futures::stream;
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// Numbers in a proper vector.
pub const DIMENSIONS: usize = 3;
/// A call with a text that holds this word is refused with status 400.
pub const BAD: &str = "unspeakable";

/// What the server does with one request.
#[derive(Clone)]
pub enum Reply {
    /// A vector for each text, made from its length; OpenAI's in reverse order with their indices.
    Vectors,
    /// A status, and `Retry-After` in seconds.
    Status(u16, Option<u64>),
    /// A status with this body.
    Refusal(u16, &'static str),
    /// Exactly this body with status 200.
    Body(String),
    /// The head of an answer, then the connection is closed.
    Cut,
    /// Nothing, for ever.
    Silence,
}

/// One request as it came in.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub key: Option<String>,
    pub body: Value,
    pub texts: Vec<String>,
}

#[derive(Default)]
struct Script {
    replies: Mutex<VecDeque<Reply>>,
    asked: Mutex<Vec<Asked>>,
}

/// The running server; it stops when this is dropped.
pub struct ScriptedEmbeddings {
    address: SocketAddr,
    script: Arc<Script>,
    task: JoinHandle<()>,
}

impl ScriptedEmbeddings {
    /// Starts on a free port.
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let script = Arc::new(Script::default());
        script.replies.lock().unwrap().extend(replies);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/v1/embeddings", post(openai))
            .route("/v1beta/models/{call}", post(gemini))
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

    /// What `EMBEDDING_BASE_URL` has to be, with this version.
    pub fn base_url(&self, version: &str) -> String {
        format!("http://{}/{version}", self.address)
    }

    /// From now on.
    pub fn replies(&self, replies: impl IntoIterator<Item = Reply>) {
        self.script.replies.lock().unwrap().extend(replies);
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().unwrap().clone()
    }
}

impl Drop for ScriptedEmbeddings {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The vector a text is answered with, before it is brought to length 1.
fn vector(text: &str) -> Vec<f64> {
    vec![text.len() as f64, 1.0, 0.0]
}

async fn openai(
    State(script): State<Arc<Script>>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> Response<Body> {
    let texts = strings(body["input"].as_array());
    let key = text_of(&headers, header::AUTHORIZATION.as_str());
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            json!({ "object": "embedding", "index": index, "embedding": vector(text) })
        })
        .rev()
        .collect();
    let answer = json!({ "object": "list", "data": data, "model": body["model"] });
    let asked = Asked {
        path: "/v1/embeddings".to_owned(),
        key,
        body,
        texts,
    };
    reply(&script, asked, answer).await
}

async fn gemini(
    State(script): State<Arc<Script>>,
    Path(call): Path<String>,
    headers: HeaderMap,
    axum::Json(body): axum::Json<Value>,
) -> Response<Body> {
    let texts: Vec<String> = body["requests"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|request| request["content"]["parts"][0]["text"].as_str())
        .map(str::to_owned)
        .collect();
    let embeddings: Vec<Value> = texts
        .iter()
        .map(|text| json!({ "values": vector(text) }))
        .collect();
    let asked = Asked {
        path: call,
        key: text_of(&headers, "x-goog-api-key"),
        body,
        texts,
    };
    reply(&script, asked, json!({ "embeddings": embeddings })).await
}

fn strings(values: Option<&Vec<Value>>) -> Vec<String> {
    values
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

async fn reply(script: &Script, asked: Asked, answer: Value) -> Response<Body> {
    let is_bad = asked.texts.iter().any(|text| text.contains(BAD));
    script.asked.lock().unwrap().push(asked);
    let reply = script.replies.lock().unwrap().pop_front();
    match reply.unwrap_or(Reply::Vectors) {
        Reply::Vectors if is_bad => refusal(400, "{\"error\":{\"message\":\"secret body\"}}"),
        Reply::Vectors => with_body(Body::from(answer.to_string())),
        Reply::Status(status, retry_after) => {
            let mut response = refusal(status, "{\"error\":{\"message\":\"secret body\"}}");
            if let Some(seconds) = retry_after {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, seconds.into());
            }
            response
        }
        Reply::Refusal(status, body) => refusal(status, body),
        Reply::Body(body) => with_body(Body::from(body)),
        Reply::Cut => with_body(Body::from_stream(stream::iter([
            Ok(Bytes::from_static(b"{\"data\":[")),
            Err(std::io::Error::other("cut")),
        ]))),
        Reply::Silence => std::future::pending().await,
    }
}

fn with_body(body: Body) -> Response<Body> {
    Response::builder()
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .unwrap()
}

fn refusal(status: u16, body: &'static str) -> Response<Body> {
    let mut response = with_body(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}
