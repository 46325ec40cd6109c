//! Answers that need not be sent again: an ETag made from the content, and 304 for whoever has it.

use crate::http::problem::Problem;
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Bytes of the digest that become the tag: 128 bits never meet by chance.
const TAG_BYTES: usize = 16;
/// Somebody's own data: her program may keep it, but has to ask whether it still holds.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("private, no-cache");

/// `value` as JSON with its tag, or 304 when `headers` say that the caller has that already.
///
/// # Errors
/// When the value cannot be written as JSON.
pub fn answer(headers: &HeaderMap, value: &impl Serialize) -> Result<Response, Problem> {
    let json = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "an answer could not be written as JSON");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong on the server. Try again.",
        )
    })?;
    let digest = Sha256::digest(&json);
    let tag = format!(
        "\"{}\"",
        BASE64_URL_SAFE_NO_PAD.encode(&digest[..TAG_BYTES])
    );
    let mut response = if has(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/json")], json).into_response()
    };
    let own = response.headers_mut();
    own.insert(header::CACHE_CONTROL, ASK_AGAIN);
    if let Ok(tag) = HeaderValue::try_from(tag) {
        own.insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Whether `If-None-Match` names the tag. What a proxy compressed comes back as a weak one.
fn has(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_content_is_sent_once() {
        let first = answer(&HeaderMap::new(), &[1, 2]).unwrap();
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, known.parse().unwrap());
            let again = answer(&headers, &[1, 2]).unwrap();
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, tag.parse().unwrap());
        assert_eq!(answer(&headers, &[1]).unwrap().status(), StatusCode::OK);
    }
}
