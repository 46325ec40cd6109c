//! The headers every answer carries, and the content security policy of the pages.
//! It knows no handler; what a handler has set stays as it is.

use crate::config::Config;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Two years, as the browsers' preload list asks for.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");
/// For everything that is not one of the pages: it may load nothing and run nothing.
const CLOSED_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);
const FIXED: [(HeaderName, HeaderValue); 5] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
        ),
    ),
];

/// Adds the headers to every answer.
pub fn add(config: &Config, headers: &mut HeaderMap) {
    // With the handler's own: the map grows once and not with every few.
    headers.reserve(2 * FIXED.len());
    for (name, value) in FIXED {
        headers.entry(name).or_insert(value);
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(CLOSED_POLICY);
    if config.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
}

/// The policy of a page: scripts only from here or with this answer's nonce, and no request to
/// anywhere else. `host` is the one the page was asked from, for its socket.
pub fn page_policy(
    nonce: &str,
    host: Option<&str>,
    reload_port: Option<u32>,
) -> Option<HeaderValue> {
    // Older Safari does not count a socket to the same host as 'self'.
    let socket = host
        .filter(|host| {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
        })
        .map(|host| format!(" ws://{host} wss://{host}"))
        .unwrap_or_default();
    let reload = reload_port
        .map(|port| format!(" ws://127.0.0.1:{port} ws://localhost:{port}"))
        .unwrap_or_default();
    HeaderValue::try_from(format!(
        "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; \
         style-src 'self'; img-src 'self' data:; connect-src 'self'{socket}{reload}; \
         object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ))
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strange_host_never_reaches_the_policy() {
        let policy = |host| page_policy("abc", Some(host), None).unwrap();
        let usual = policy("127.0.0.1:3000");
        assert!(usual.to_str().unwrap().contains("ws://127.0.0.1:3000"));
        for host in ["a; script-src *", "a b", "a'b", ""] {
            assert!(
                policy(host)
                    .to_str()
                    .unwrap()
                    .contains("connect-src 'self';")
            );
        }
    }
}
