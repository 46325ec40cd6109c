//! The headers every answer carries, and the content security policy of the pages.
//! It knows no handler; what a handler has set stays as it is.

use crate::config::{AssetBase, Config};
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

/// The policy of a page: scripts only from here, from where the built files lie or with this answer's
/// nonce, and no request to anywhere else. `host` is the one the page was asked from, for its socket.
pub fn page_policy(
    nonce: &str,
    host: Option<&str>,
    reload_port: Option<u32>,
    assets: Option<&AssetBase>,
) -> Option<HeaderValue> {
    let socket = sockets(host);
    let assets = also(assets);
    let reload = reload_port
        .map(|port| format!(" ws://127.0.0.1:{port} ws://localhost:{port}"))
        .unwrap_or_default();
    HeaderValue::try_from(format!(
        "default-src 'self'; script-src 'self'{assets} 'nonce-{nonce}' 'wasm-unsafe-eval'; \
         style-src 'self'{assets}; img-src 'self' data:; connect-src 'self'{assets}{socket}{reload}; \
         object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ))
    .ok()
}

/// The policy of what is shown without a connection: the offline page and the copies students keep.
/// Its only script is `offline.js`.
pub fn still_policy(assets: Option<&AssetBase>) -> Option<HeaderValue> {
    let assets = also(assets);
    HeaderValue::try_from(format!(
        "default-src 'none'; script-src 'self'; style-src 'self'{assets}; img-src 'self'; \
         connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    ))
    .ok()
}

/// The policy the service worker runs under: it loads no script, and asks this server and the place of
/// the built files only.
pub fn worker_policy(host: Option<&str>, assets: Option<&AssetBase>) -> Option<HeaderValue> {
    let socket = sockets(host);
    let assets = also(assets);
    HeaderValue::try_from(format!(
        "default-src 'none'; connect-src 'self'{assets}{socket}; base-uri 'none'"
    ))
    .ok()
}

/// Older Safari does not count a socket to the same host as 'self'.
fn sockets(host: Option<&str>) -> String {
    host.filter(|host| {
        !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
    })
    .map(|host| format!(" ws://{host} wss://{host}"))
    .unwrap_or_default()
}

/// The place of the built files and nothing beside it, for others may share its origin.
fn also(assets: Option<&AssetBase>) -> String {
    assets
        .map(|assets| format!(" {}/pkg/", assets.base))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_another_origin_only_the_built_files_are_let_in() {
        let place = AssetBase {
            origin: "https://cdn.example.org".into(),
            base: "https://cdn.example.org/x".into(),
        };
        let policies = [
            page_policy("abc", None, None, Some(&place)),
            still_policy(Some(&place)),
            worker_policy(None, Some(&place)),
        ];
        for policy in policies {
            let policy = policy.unwrap();
            let policy = policy.to_str().unwrap();
            let named = policy.matches(&place.origin).count();
            let built = policy.matches("https://cdn.example.org/x/pkg/").count();
            assert!(named > 0 && named == built, "{policy}");
        }
    }

    #[test]
    fn a_strange_host_never_reaches_the_policy() {
        let policy = |host| page_policy("abc", Some(host), None, None).unwrap();
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
