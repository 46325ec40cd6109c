//! Answers from any server that speaks OpenAI's `/v1/chat/completions` with streaming: Ollama,
//! llama.cpp, vLLM, LM Studio, OpenAI itself. Knows nothing of passages or citations: the prompt
//! comes ready-made.
//!
//! Keys, prompts and what a server answers are never logged or shown. Before the first word a
//! failure may be tried again; after it never, for the student would read the start twice.

mod sse;

use super::{
    api::{self, Refusal},
    chat::{
        ANSWER_MAX_CHARS, Answer, Chat, ChatConfigError, ChatError, ChatRequest, PromptMessage,
    },
};
use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable};
use futures::{StreamExt, stream};
use reqwest::{
    Client, Response, Url,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use sse::SseParser;
use std::{collections::VecDeque, time::Duration};
use tokio::time::timeout;

/// How long until the answer starts: a local server first loads the model from disk.
const START_TIMEOUT: Duration = Duration::from_secs(180);
/// How long between two pieces; a slow laptop still writes a word in a few seconds.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Tries after the first one, all before the first word.
const RETRIES: usize = 2;
/// First wait between tries; the next one doubles, and each is lengthened by chance so that many
/// students do not come back in step.
const RETRY_WAIT: Duration = Duration::from_millis(400);
/// The longest `Retry-After` worth a student's patience; past it she is told when to come back.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);

/// A language model behind an OpenAI-compatible server.
pub struct OpenAiChat {
    client: Client,
    endpoint: Url,
    host: String,
    model: String,
    authorization: Option<HeaderValue>,
}

impl OpenAiChat {
    /// A provider for `model` at `base_url`, which goes up to and including `/v1`.
    ///
    /// # Errors
    /// When one of the three cannot be used; the error names the setting.
    pub fn new(
        base_url: &Url,
        model: &str,
        api_key: Option<SecretString>,
    ) -> Result<Self, ChatConfigError> {
        let endpoint =
            api::endpoint(base_url, &["chat", "completions"]).ok_or(ChatConfigError::BaseUrl)?;
        let host = endpoint.host_str().ok_or(ChatConfigError::BaseUrl)?;
        let model = model.trim();
        if model.is_empty() {
            return Err(ChatConfigError::Model);
        }
        let client = api::client().map_err(ChatConfigError::Client)?;
        Ok(Self {
            client,
            host: host.to_owned(),
            model: model.to_owned(),
            authorization: authorization(api_key)?,
            endpoint,
        })
    }

    /// One try: the open response, or why there is none.
    async fn open(&self, body: &serde_json::Value) -> Result<Response, ChatError> {
        let mut request = self
            .client
            .post(self.endpoint.clone())
            .header(ACCEPT, "text/event-stream")
            .json(body);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let response = api::send(request, START_TIMEOUT)
            .await
            .map_err(|refusal| self.error(refusal))?;
        api::judge(response.status(), response.headers()).map_err(|refusal| self.error(refusal))?;
        if is_stream(response.headers()) {
            Ok(response)
        } else {
            Err(ChatError::Unreadable)
        }
    }

    /// A refusal in words for the student.
    fn error(&self, refusal: Refusal) -> ChatError {
        match refusal {
            Refusal::Unreachable => ChatError::Unreachable,
            Refusal::Silent { waited } => ChatError::Silent { waited },
            Refusal::KeyRefused => ChatError::KeyRefused,
            Refusal::NotFound => ChatError::ModelUnknown {
                model: self.model.clone(),
            },
            Refusal::Limited { retry_after } => ChatError::Limited { retry_after },
            Refusal::ServerFailed { status } => ChatError::ServerFailed { status },
            Refusal::Rejected { status } => ChatError::Rejected { status },
            Refusal::Unreadable => ChatError::Unreadable,
        }
    }
}

#[async_trait]
impl Chat for OpenAiChat {
    fn label(&self) -> String {
        format!("{} at {}", self.model, self.host)
    }

    async fn stream(&self, request: ChatRequest) -> Result<Answer, ChatError> {
        let body = json!({
            "model": self.model,
            "stream": true,
            "messages": request.prompt.iter().map(message).collect::<Vec<_>>(),
        });
        let response = (|| self.open(&body))
            .retry(
                ExponentialBuilder::default()
                    .with_min_delay(RETRY_WAIT)
                    .with_max_times(RETRIES)
                    .with_jitter(),
            )
            .when(is_worth_another_try)
            .adjust(|error, wait| match error {
                ChatError::Limited {
                    retry_after: Some(asked),
                } => wait.map(|wait| wait.max(*asked)),
                _ => wait,
            })
            .await?;
        let reading = Reading {
            body: response
                .bytes_stream()
                .map(|chunk| chunk.map_err(|_| ChatError::CutOff))
                .boxed(),
            parser: SseParser::default(),
            waiting: VecDeque::new(),
            chars: 0,
            ended: false,
        };
        Ok(stream::unfold(reading, Reading::next).boxed())
    }
}

fn message(message: &PromptMessage) -> serde_json::Value {
    json!({ "role": message.role.name(), "content": message.content })
}

fn authorization(key: Option<SecretString>) -> Result<Option<HeaderValue>, ChatConfigError> {
    let Some(key) = key else { return Ok(None) };
    let key = key.expose_secret().trim();
    if key.is_empty() {
        return Ok(None);
    }
    let value = api::secret_header(&format!("Bearer {key}")).ok_or(ChatConfigError::Key)?;
    Ok(Some(value))
}

/// A page of HTML or one JSON object is not a stream, whatever its status.
fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    !kind.starts_with("text/html") && !kind.starts_with("application/json")
}

fn is_worth_another_try(error: &ChatError) -> bool {
    match error {
        ChatError::Limited { retry_after } => {
            retry_after.is_none_or(|after| after <= RETRY_AFTER_MAX)
        }
        ChatError::ServerFailed { .. } | ChatError::Unreachable => true,
        _ => false,
    }
}

/// A response on its way in.
struct Reading {
    body: stream::BoxStream<'static, Result<bytes::Bytes, ChatError>>,
    parser: SseParser,
    waiting: VecDeque<Piece>,
    chars: usize,
    ended: bool,
}

enum Piece {
    Text(String),
    End,
    Failure(ChatError),
}

impl Reading {
    async fn next(mut self) -> Option<(Result<String, ChatError>, Self)> {
        if self.ended {
            return None;
        }
        match self.read().await {
            Ok(Some(text)) => Some((Ok(text), self)),
            Ok(None) => None,
            Err(error) => {
                self.ended = true;
                Some((Err(error), self))
            }
        }
    }

    /// The next words, or `None` at the end the server itself declared.
    async fn read(&mut self) -> Result<Option<String>, ChatError> {
        loop {
            match self.waiting.pop_front() {
                Some(Piece::Text(text)) => {
                    self.chars += text.chars().count();
                    if self.chars > ANSWER_MAX_CHARS {
                        return Err(ChatError::TooLong);
                    }
                    return Ok(Some(text));
                }
                Some(Piece::End) => return Ok(None),
                Some(Piece::Failure(error)) => return Err(error),
                None => self.receive().await?,
            }
        }
    }

    async fn receive(&mut self) -> Result<(), ChatError> {
        let chunk =
            timeout(IDLE_TIMEOUT, self.body.next())
                .await
                .map_err(|_| ChatError::Silent {
                    waited: IDLE_TIMEOUT,
                })?;
        match chunk {
            Some(chunk) => {
                let events = self
                    .parser
                    .feed(&chunk?)
                    .map_err(|_| ChatError::Unreadable)?;
                self.waiting
                    .extend(events.iter().flat_map(|data| pieces(data)));
            }
            None => {
                let last = std::mem::take(&mut self.parser).finish();
                self.waiting
                    .extend(last.iter().flat_map(|data| pieces(data)));
                // After a proper end this is never reached: `read` stopped there.
                self.waiting.push_back(Piece::Failure(ChatError::CutOff));
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
}

/// What one event says: words, the end, or trouble.
fn pieces(data: &str) -> Vec<Piece> {
    if data.trim() == "[DONE]" {
        return vec![Piece::End];
    }
    let Ok(chunk) = serde_json::from_str::<Chunk>(data) else {
        return vec![Piece::Failure(ChatError::Unreadable)];
    };
    if chunk.error.is_some() {
        return vec![Piece::Failure(ChatError::Reported)];
    }
    let mut pieces = Vec::new();
    // The last chunk of some servers has no choices, only figures.
    if let Some(choice) = chunk.choices.into_iter().next() {
        if let Some(text) = choice.delta.content.filter(|text| !text.is_empty()) {
            pieces.push(Piece::Text(text));
        }
        match choice.finish_reason.as_deref() {
            None | Some("") => {}
            Some("content_filter") => pieces.push(Piece::Failure(ChatError::Reported)),
            Some(_) => pieces.push(Piece::End),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_wait_is_told_and_a_short_one_waited() {
        let limited = |seconds| ChatError::Limited {
            retry_after: Some(Duration::from_secs(seconds)),
        };
        assert!(is_worth_another_try(&limited(10)));
        assert!(!is_worth_another_try(&limited(11)));
        assert!(!is_worth_another_try(&ChatError::KeyRefused));
    }
}
