//! What all providers behind HTTP share: a client that carries no secret elsewhere, addresses,
//! headers, and what an answer's status means. Knows no protocol and words nothing for students.

use reqwest::{
    Client, RequestBuilder, Response, StatusCode, Url,
    header::{HeaderMap, HeaderValue, RETRY_AFTER},
    redirect,
};
use std::time::Duration;
use tokio::time::timeout;

/// How long connecting may take; a server that is up answers in milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    Unreachable,
    Silent {
        waited: Duration,
    },
    KeyRefused,
    /// The address, or what it was asked for, does not exist.
    NotFound,
    Limited {
        retry_after: Option<Duration>,
    },
    ServerFailed {
        status: u16,
    },
    /// The request itself was found wrong.
    Rejected {
        status: u16,
    },
    /// What answered speaks another protocol.
    Unreadable,
}

/// A client for one provider.
pub fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        // A redirect would carry the request and the key to an address nobody configured.
        .redirect(redirect::Policy::none())
        .build()
}

/// An address below `base`; `None` when `base` could leak a secret or mislead.
pub fn endpoint(base: &Url, path: &[&str]) -> Option<Url> {
    let plain = matches!(base.scheme(), "http" | "https")
        && base.has_host()
        && base.username().is_empty()
        && base.password().is_none()
        && base.query().is_none()
        && base.fragment().is_none();
    if !plain {
        return None;
    }
    let mut endpoint = base.clone();
    endpoint
        .path_segments_mut()
        .ok()?
        .pop_if_empty()
        .extend(path);
    Some(endpoint)
}

/// A header that is never printed; `None` when it holds what cannot be sent.
pub fn secret_header(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Sends a request and waits for the head of the answer, whatever it says.
pub async fn send(request: RequestBuilder, wait: Duration) -> Result<Response, Refusal> {
    match timeout(wait, request.send()).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(_)) => Err(Refusal::Unreachable),
        Err(_) => Err(Refusal::Silent { waited: wait }),
    }
}

/// What the status of an answer means; `Ok` for 200 alone.
pub fn judge(status: StatusCode, headers: &HeaderMap) -> Result<(), Refusal> {
    match status {
        StatusCode::OK => Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Refusal::KeyRefused),
        StatusCode::NOT_FOUND => Err(Refusal::NotFound),
        StatusCode::TOO_MANY_REQUESTS => Err(Refusal::Limited {
            retry_after: retry_after(headers),
        }),
        status if status.is_server_error() => Err(Refusal::ServerFailed {
            status: status.as_u16(),
        }),
        status if status.is_client_error() => Err(Refusal::Rejected {
            status: status.as_u16(),
        }),
        _ => Err(Refusal::Unreadable),
    }
}

/// `Retry-After` in seconds; the date form is rare and counts as absent.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_hangs_on_the_base_address_with_and_without_a_slash() {
        for base in ["http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1/"] {
            let endpoint = endpoint(&base.parse().unwrap(), &["chat", "completions"]).unwrap();
            assert_eq!(endpoint.path(), "/v1/chat/completions");
        }
    }

    #[test]
    fn an_address_that_could_leak_or_mislead_is_refused() {
        for base in [
            "ftp://host/v1",
            "http://user:pass@host/v1",
            "http://host/v1?key=1",
            "mailto:a@b",
        ] {
            assert!(endpoint(&base.parse().unwrap(), &[]).is_none(), "{base}");
        }
    }
}
