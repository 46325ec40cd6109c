//! What is said to an embedding service and what it answers: OpenAI's `/v1/embeddings` and
//! Gemini's `batchEmbedContents`. One call, no second try.

use super::{RemoteConfig, trouble::Trouble};
use crate::provider::api::{self, Refusal};
use reqwest::{
    Client, Response, StatusCode, Url,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Texts in one call to an OpenAI-compatible service. The protocol allows 2,048; a local server
/// works on one call at a time, and this many passages keep it busy for seconds.
const OPENAI_TEXTS: usize = 64;
/// Texts in one call to Gemini, its own limit.
const GEMINI_TEXTS: usize = 100;
/// Most bytes of an answer: 100 vectors of 3,072 numbers of 25 characters are 8 MB.
const ANSWER_MAX_BYTES: usize = 32 * 1_024 * 1_024;
/// Most bytes that are read of a refusal, to tell a wrong key from a wrong text.
const REFUSAL_MAX_BYTES: usize = 64 * 1_024;
/// What stands in Gemini's refusal (a 400, as for a bad text) when the key is the reason.
const GEMINI_KEY_REASON: &[u8] = b"API_KEY_INVALID";
/// The same for OpenAI's keys.
const BEARER: HeaderName = AUTHORIZATION;
/// Where Gemini's key goes.
const GEMINI_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// Which protocol a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    OpenAi,
    Gemini,
}

/// What a text is embedded for; Gemini makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Document,
    Query,
}

/// Why the settings cannot be turned into an embedder.
#[derive(Debug, thiserror::Error)]
pub enum RemoteConfigError {
    #[error(
        "EMBEDDING_BASE_URL must be an http or https address without user name, query or fragment"
    )]
    BaseUrl,
    #[error("EMBEDDING_API_KEY holds characters that cannot be sent")]
    Key,
    #[error("the HTTP client could not be made: {0}")]
    Client(reqwest::Error),
}

/// The way to one model of one service.
#[derive(Clone)]
pub struct Wire {
    client: Client,
    service: Service,
    endpoint: Url,
    host: String,
    model: String,
    /// Zero until it is known.
    dimensions: usize,
    /// Whether the service is told how many numbers to answer.
    tells_dimensions: bool,
    key: Option<(HeaderName, HeaderValue)>,
}

impl Wire {
    /// What the settings name.
    ///
    /// # Errors
    /// When a setting cannot be used; the error names it.
    pub fn new(config: &RemoteConfig) -> Result<Self, RemoteConfigError> {
        let method = format!("{}:batchEmbedContents", config.model);
        let path: &[&str] = match config.service {
            Service::OpenAi => &["embeddings"],
            Service::Gemini => &["models", &method],
        };
        let endpoint = api::endpoint(&config.base_url, path).ok_or(RemoteConfigError::BaseUrl)?;
        let key = match config
            .api_key
            .as_ref()
            .map(|key| key.expose_secret().trim())
        {
            None | Some("") => None,
            Some(key) => Some(match config.service {
                Service::OpenAi => (BEARER, format!("Bearer {key}")),
                Service::Gemini => (GEMINI_KEY, key.to_owned()),
            }),
        };
        let key = key
            .map(|(name, value)| {
                api::secret_header(&value)
                    .map(|value| (name, value))
                    .ok_or(RemoteConfigError::Key)
            })
            .transpose()?;
        Ok(Self {
            client: api::client().map_err(RemoteConfigError::Client)?,
            service: config.service,
            host: endpoint.host_str().unwrap_or_default().to_owned(),
            endpoint,
            model: config.model.clone(),
            dimensions: config.dimensions.unwrap_or(0),
            tells_dimensions: config.dimensions.is_some(),
            key,
        })
    }

    /// Names what makes vectors comparable.
    pub fn id(&self) -> String {
        let service = match self.service {
            Service::OpenAi => "openai",
            Service::Gemini => "gemini",
        };
        format!("{service}/{}/{}", self.model, self.dimensions)
    }

    /// The model and where it is, for a student.
    pub fn name(&self) -> String {
        format!("{} at {}", self.model, self.host)
    }

    /// Numbers in a vector; zero until they are known.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// Sets what the service was found to answer.
    pub fn set_dimensions(&mut self, dimensions: usize) {
        self.dimensions = dimensions;
    }

    /// Most texts in one call.
    pub fn texts_per_call(&self) -> usize {
        match self.service {
            Service::OpenAi => OPENAI_TEXTS,
            Service::Gemini => GEMINI_TEXTS,
        }
    }

    /// Asks once; the vectors have length 1. `None` for a text whose vector has no direction.
    pub async fn call(
        &self,
        texts: &[String],
        purpose: Purpose,
        wait: Duration,
    ) -> Result<Vec<Option<Vec<f32>>>, Trouble> {
        let mut request = self
            .client
            .post(self.endpoint.clone())
            .json(&self.body(texts, purpose));
        if let Some((name, value)) = &self.key {
            request = request.header(name, value);
        }
        let response = api::send(request, wait).await?;
        match api::judge(response.status(), response.headers()) {
            Ok(()) => {}
            Err(Refusal::Rejected { status })
                if status == StatusCode::BAD_REQUEST.as_u16()
                    && self.service == Service::Gemini =>
            {
                let said = read(response, REFUSAL_MAX_BYTES).await.unwrap_or_default();
                let names_key = said
                    .windows(GEMINI_KEY_REASON.len())
                    .any(|part| part == GEMINI_KEY_REASON);
                return Err(if names_key {
                    Trouble::KeyRefused
                } else {
                    Trouble::Rejected { status }
                });
            }
            Err(refusal) => return Err(refusal.into()),
        }
        let answer = read(response, ANSWER_MAX_BYTES).await?;
        let vectors = match self.service {
            Service::OpenAi => openai_vectors(&answer)?,
            Service::Gemini => gemini_vectors(&answer)?,
        };
        self.check(vectors, texts.len())
    }

    fn body(&self, texts: &[String], purpose: Purpose) -> Value {
        match self.service {
            Service::OpenAi => {
                let mut body = json!({
                    "model": self.model,
                    "input": texts,
                    "encoding_format": "float",
                });
                if self.tells_dimensions {
                    body["dimensions"] = self.dimensions.into();
                }
                body
            }
            Service::Gemini => {
                let kind = match purpose {
                    Purpose::Document => "RETRIEVAL_DOCUMENT",
                    Purpose::Query => "RETRIEVAL_QUERY",
                };
                let requests: Vec<Value> = texts
                    .iter()
                    .map(|text| {
                        let mut request = json!({
                            "model": format!("models/{}", self.model),
                            "content": { "parts": [{ "text": text }] },
                            "taskType": kind,
                        });
                        if self.tells_dimensions {
                            request["outputDimensionality"] = self.dimensions.into();
                        }
                        request
                    })
                    .collect();
                json!({ "requests": requests })
            }
        }
    }

    fn check(
        &self,
        vectors: Vec<Vec<f32>>,
        asked: usize,
    ) -> Result<Vec<Option<Vec<f32>>>, Trouble> {
        if vectors.len() != asked {
            return Err(Trouble::Count {
                asked,
                got: vectors.len(),
            });
        }
        vectors
            .into_iter()
            .map(|vector| {
                if self.dimensions != 0 && vector.len() != self.dimensions {
                    return Err(Trouble::Dimension {
                        got: vector.len(),
                        wanted: self.dimensions,
                    });
                }
                of_length_one(vector)
            })
            .collect()
    }
}

fn of_length_one(mut vector: Vec<f32>) -> Result<Option<Vec<f32>>, Trouble> {
    let squares: f64 = vector.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    if !squares.is_finite() {
        return Err(Trouble::NotFinite);
    }
    if squares == 0.0 {
        return Ok(None);
    }
    let inverse = 1.0 / squares.sqrt();
    for x in &mut vector {
        *x = (f64::from(*x) * inverse) as f32;
    }
    Ok(Some(vector))
}

/// The body of an answer, of at most `most` bytes.
async fn read(mut response: Response, most: usize) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| Trouble::Unreachable)? {
        if body.len() + chunk.len() > most {
            return Err(Trouble::Unreadable);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[derive(Deserialize)]
struct OpenAiAnswer {
    data: Vec<OpenAiVector>,
}

#[derive(Deserialize)]
struct OpenAiVector {
    index: Option<usize>,
    embedding: Vec<f32>,
}

/// The vectors in the order of the texts, whatever order they came in.
fn openai_vectors(answer: &[u8]) -> Result<Vec<Vec<f32>>, Trouble> {
    let answer: OpenAiAnswer = serde_json::from_slice(answer).map_err(|_| Trouble::Unreadable)?;
    let mut vectors: Vec<(usize, Vec<f32>)> = answer
        .data
        .into_iter()
        .enumerate()
        .map(|(place, vector)| (vector.index.unwrap_or(place), vector.embedding))
        .collect();
    vectors.sort_by_key(|(index, _)| *index);
    let is_whole = vectors
        .iter()
        .enumerate()
        .all(|(place, (index, _))| place == *index);
    if !is_whole {
        return Err(Trouble::Unreadable);
    }
    Ok(vectors.into_iter().map(|(_, vector)| vector).collect())
}

#[derive(Deserialize)]
struct GeminiAnswer {
    embeddings: Vec<GeminiVector>,
}

#[derive(Deserialize)]
struct GeminiVector {
    values: Vec<f32>,
}

fn gemini_vectors(answer: &[u8]) -> Result<Vec<Vec<f32>>, Trouble> {
    let answer: GeminiAnswer = serde_json::from_slice(answer).map_err(|_| Trouble::Unreadable)?;
    Ok(answer
        .embeddings
        .into_iter()
        .map(|vector| vector.values)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(service: Service, dimensions: Option<usize>) -> Wire {
        // Fails only when it is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Wire::new(&RemoteConfig {
            service,
            base_url: "http://127.0.0.1:1/v1".parse().unwrap(),
            model: "m".to_owned(),
            dimensions,
            api_key: Some("secret-key".into()),
        })
        .unwrap()
    }

    #[test]
    fn an_id_tells_apart_what_cannot_be_compared() {
        let ids = [
            wire(Service::OpenAi, Some(4)).id(),
            wire(Service::OpenAi, Some(8)).id(),
            wire(Service::Gemini, Some(4)).id(),
        ];
        assert_eq!(ids, ["openai/m/4", "openai/m/8", "gemini/m/4"]);
    }

    #[test]
    fn vectors_come_back_in_order_and_broken_lists_are_refused() {
        let answer = br#"{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}]}"#;
        assert_eq!(openai_vectors(answer).unwrap(), [[1.0], [2.0]]);
        let answer = br#"{"data":[{"embedding":[1]},{"embedding":[2]}]}"#;
        assert_eq!(openai_vectors(answer).unwrap(), [[1.0], [2.0]]);
        for broken in [
            &br#"{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[2]}]}"#[..],
            br#"{"data":[{"index":5,"embedding":[1]}]}"#,
            br#"{"data":[{"index":0,"embedding":[null]}]}"#,
            br#"{"error":"no"}"#,
            b"<html>",
        ] {
            assert_eq!(openai_vectors(broken), Err(Trouble::Unreadable));
        }
    }

    #[test]
    fn vectors_are_checked_and_brought_to_length_one() {
        let wire = wire(Service::OpenAi, Some(2));
        let good = wire.check(vec![vec![3.0, 4.0], vec![0.0, 0.0]], 2).unwrap();
        assert_eq!(good, [Some(vec![0.6, 0.8]), None]);
        let trouble = |vectors: Vec<Vec<f32>>| wire.check(vectors, 1).unwrap_err();
        assert_eq!(trouble(vec![]), Trouble::Count { asked: 1, got: 0 });
        assert_eq!(
            trouble(vec![vec![1.0; 3]]),
            Trouble::Dimension { got: 3, wanted: 2 }
        );
        assert_eq!(trouble(vec![vec![f32::INFINITY, 0.0]]), Trouble::NotFinite);
        assert_eq!(trouble(vec![vec![f32::NAN, 0.0]]), Trouble::NotFinite);
    }

    #[test]
    fn the_key_is_not_printed() {
        let wire = wire(Service::Gemini, None);
        assert!(!format!("{:?}", wire.key).contains("secret-key"));
    }
}
