//! Refuses what another site makes a browser send: forged forms, calls and sockets (CSRF), and
//! addresses rebound to this machine (DNS rebinding). It knows headers only, no session's worth.
//!
//! `Sec-Fetch-Site` decides where a browser sends it; else `Origin` must name this very host. With
//! neither, it is no browser of today, and is let through only without a session cookie. A request
//! with a good access token needs no check: its cookies were taken off before.

use super::{api::caller::TokenHolder, problem::Problem, session};
use crate::config::{Config, host_of};
use axum::{
    extract::Request,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::Response,
};
use std::net::IpAddr;

/// Everything under it is guarded whatever its method.
const GUARDED_PREFIX: &str = "/api/";

/// What a form, a server function or a socket's upgrade from elsewhere is answered; nothing for all
/// others.
pub fn refusal(request: &Request, config: &Config) -> Option<Response> {
    // No browser adds an access token by itself.
    let allowed = request.extensions().get::<TokenHolder>().is_some()
        || !needs_check(request)
        || comes_from_here(request.method(), request.uri(), request.headers(), config);
    if allowed {
        return None;
    }
    metrics::counter!("http_refused_total", "reason" => "origin").increment(1);
    let problem = Problem::new(
        StatusCode::FORBIDDEN,
        "This request did not come from a page of this server. Open Studyin itself and try again.",
    );
    Some(problem.answer_to(request))
}

/// What a request for a foreign host name is answered while the server listens on this machine only.
pub fn host_refusal(request: &Request, config: &Config) -> Option<Response> {
    if !config.addr.ip().is_loopback()
        || host(request.uri(), request.headers()).is_some_and(|host| is_own_host(host, config))
    {
        return None;
    }
    metrics::counter!("http_refused_total", "reason" => "host").increment(1);
    let problem = Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "This server does not answer under that name. Use http://127.0.0.1 with its port, or set PUBLIC_URL to the address students use.",
    );
    Some(problem.answer_to(request))
}

fn needs_check(request: &Request) -> bool {
    !matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    ) || request.headers().contains_key(header::UPGRADE)
        || request.uri().path().starts_with(GUARDED_PREFIX)
}

fn comes_from_here(method: &Method, uri: &Uri, headers: &HeaderMap, config: &Config) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return match site.as_bytes() {
            b"same-origin" => true,
            // Typed into the address bar or opened from a bookmark.
            b"none" => method == Method::GET,
            _ => false,
        };
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return !session::has_cookie(headers);
    };
    let Some(origin) = origin.to_str().ok().and_then(authority_of) else {
        return false;
    };
    let is_host = host(uri, headers).is_some_and(|host| host.eq_ignore_ascii_case(&origin));
    is_host
        || config
            .public_url
            .as_ref()
            .is_some_and(|url| url.authority == origin)
}

/// Host and port of an origin, lower case, without the scheme's own port.
fn authority_of(origin: &str) -> Option<String> {
    let origin = origin.to_lowercase();
    let (authority, own_port) = match origin.split_once("://")? {
        ("http", authority) => (authority, ":80"),
        ("https", authority) => (authority, ":443"),
        _ => return None,
    };
    Some(
        authority
            .strip_suffix(own_port)
            .unwrap_or(authority)
            .to_owned(),
    )
}

/// The host, and perhaps port, the client believes to talk to.
pub fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    uri.authority()
        .map(|authority| authority.as_str())
        .or_else(|| {
            headers
                .get(header::HOST)
                .and_then(|value| value.to_str().ok())
        })
}

fn is_own_host(authority: &str, config: &Config) -> bool {
    let host = host_of(authority).to_lowercase();
    let is_loopback = host == "localhost"
        || host.ends_with(".localhost")
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    is_loopback
        || config
            .public_url
            .as_ref()
            .is_some_and(|url| url.host() == host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn config(public_url: Option<&str>) -> Config {
        Config::read(|name| {
            (name == "PUBLIC_URL")
                .then(|| public_url.map(str::to_owned))
                .flatten()
        })
        .unwrap()
    }

    fn allowed(method: Method, pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:3000"));
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        let config = config(Some("https://study.example.org"));
        comes_from_here(&method, &Uri::from_static("/logout"), &headers, &config)
    }

    #[test]
    fn only_this_sites_pages_may_post() {
        assert!(allowed(Method::POST, &[("sec-fetch-site", "same-origin")]));
        for site in ["cross-site", "same-site", "none", "?"] {
            assert!(
                !allowed(Method::POST, &[("sec-fetch-site", site)]),
                "{site}"
            );
        }
        assert!(allowed(
            Method::POST,
            &[("origin", "http://127.0.0.1:3000")]
        ));
        assert!(allowed(
            Method::POST,
            &[("origin", "https://study.example.org")]
        ));
        for origin in [
            "http://127.0.0.1:3001",
            "http://evil.example",
            "null",
            "file://",
            "https://study.example.org.evil.example",
        ] {
            assert!(!allowed(Method::POST, &[("origin", origin)]), "{origin}");
        }
        let forged = [
            ("sec-fetch-site", "cross-site"),
            ("origin", "http://127.0.0.1:3000"),
        ];
        assert!(!allowed(Method::POST, &forged));
    }

    #[test]
    fn without_both_headers_a_session_is_not_trusted() {
        assert!(allowed(Method::POST, &[]));
        assert!(!allowed(Method::POST, &[("cookie", "studyin_session=x")]));
        assert!(!allowed(
            Method::POST,
            &[("cookie", "a=b; __Host-studyin_session=x")]
        ));
        assert!(allowed(Method::GET, &[("sec-fetch-site", "none")]));
    }

    #[test]
    fn only_names_of_this_machine_are_its_own() {
        let config = config(Some("http://study.example.org:8080"));
        for host in [
            "127.0.0.1:3000",
            "localhost",
            "LOCALHOST:3000",
            "[::1]:3000",
            "127.0.0.2",
            "study.example.org",
            "study.localhost:3000",
        ] {
            assert!(is_own_host(host, &config), "{host}");
        }
        for host in [
            "evil.example:3000",
            "127.0.0.1.evil.example",
            "192.168.1.7",
            "",
        ] {
            assert!(!is_own_host(host, &config), "{host}");
        }
    }
}
