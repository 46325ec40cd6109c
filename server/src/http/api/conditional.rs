//! Answers that need not be sent again: an ETag made from the content, and 304 for whoever has it.

use crate::{
    cache::{Cached, Caches, Namespace},
    http::{problem::Problem, tag},
    services::told,
};
use app::{
    error::{AppError, ErrorKind},
    model::id::UserId,
};
use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Somebody's own data: her program may keep it, but has to ask whether it still holds.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("private, no-cache");

/// An answer as it is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Written {
    pub json: Bytes,
    tag: String,
    /// Whether it may be kept; what is not never leaves the process.
    #[serde(skip, default = "lasting")]
    is_lasting: bool,
}

const fn lasting() -> bool {
    true
}

impl Written {
    /// `value` as JSON, and its tag.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn of(value: &impl Serialize) -> Result<Self, AppError> {
        let json = serde_json::to_vec(value).map_err(|error| {
            told(
                ErrorKind::Internal,
                "Something went wrong on the server. Try again.",
                &error,
            )
        })?;
        Ok(Self {
            tag: tag::of(&json),
            json: json.into(),
            is_lasting: true,
        })
    }

    /// The same, kept only if it `is_lasting`.
    pub fn lasting(self, is_lasting: bool) -> Self {
        Self { is_lasting, ..self }
    }

    /// The answer, or 304 when `headers` say that the caller has it already.
    pub fn answer(&self, headers: &HeaderMap) -> Response {
        let mut response = if tag::is_known(headers, &self.tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let json = [(header::CONTENT_TYPE, JSON)];
            (json, self.json.clone()).into_response()
        };
        let own = response.headers_mut();
        own.insert(header::CACHE_CONTROL, ASK_AGAIN);
        if let Ok(tag) = HeaderValue::try_from(&self.tag) {
            own.insert(header::ETAG, tag);
        }
        response
    }
}

/// The answers that are kept as they are sent: writing one down takes longer than anything else about
/// an answer that was there.
pub struct Answers {
    pub analytics: Cached<Written>,
    pub materials: Cached<Written>,
    /// Of searches, without a tag's use: a search is no list.
    pub searches: Cached<Written>,
}

impl Answers {
    /// Nothing kept yet.
    pub fn new(caches: &Caches) -> Self {
        Self {
            analytics: Cached::new(caches, Namespace::Analytics, "answer", 3),
            materials: Cached::new(caches, Namespace::Materials, "answer", 1),
            searches: Cached::new(caches, Namespace::Rag, "answer", 3)
                .keep_if(|written: &Written| written.is_lasting),
        }
    }
}

/// What was written of `what` for this user, or is now of what `derive` comes to.
///
/// # Errors
/// What `derive` failed with.
pub async fn kept<T: Serialize>(
    answers: &Cached<Written>,
    headers: &HeaderMap,
    user: UserId,
    what: &[&str],
    derive: impl Future<Output = Result<T, AppError>>,
) -> Result<Response, Problem> {
    let written = answers
        .get(user, what, async { Written::of(&derive.await?) })
        .await
        .map_err(|error| Problem::from(Arc::unwrap_or_clone(error)))?;
    Ok(written.value.answer(headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_content_is_sent_once() {
        let written = Written::of(&[1, 2]).unwrap();
        let first = written.answer(&HeaderMap::new());
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, tag.parse().unwrap());
        let again = written.answer(&headers);
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let other = Written::of(&[1]).unwrap().answer(&headers);
        assert_eq!(other.status(), StatusCode::OK);
    }
}
