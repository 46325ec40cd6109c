//! Where a browser goes after signing in: back to where it was going, and never to another site.

use axum::{
    http::{HeaderValue, Uri, header},
    response::{IntoResponse as _, Redirect, Response},
};

/// Longest address somebody is sent back to, in bytes.
const NEXT_MAX_BYTES: usize = 2_000;

/// Sends a browser to the sign-in page, and back to `wanted` afterwards.
pub fn to_sign_in(wanted: &str) -> Response {
    let wanted = local_path(wanted);
    let address = if wanted == "/" {
        "/login".to_owned()
    } else {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("next", &wanted);
        format!("/login?{}", query.finish())
    };
    let mut response = Redirect::to(&address).into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A path on this site, or `/` for anything that could lead elsewhere.
pub fn local_path(next: &str) -> String {
    let leads_elsewhere = !next.starts_with('/')
        || next.starts_with("//")
        || next.len() > NEXT_MAX_BYTES
        || next.contains('\\')
        || next.chars().any(|c| c.is_control() || c.is_whitespace());
    // Going back to a form would only show it again.
    let is_form = ["/login", "/signup", "/logout", "/api/"]
        .iter()
        .any(|prefix| next.starts_with(prefix));
    // Browsers read some addresses differently than they look; one that does not parse is not sent.
    if leads_elsewhere || is_form || next.parse::<Uri>().is_err() {
        "/".to_owned()
    } else {
        next.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_this_site_is_gone_back_to() {
        for good in ["/", "/library", "/library/1?page=7&chunk=2", "/coach/x#y"] {
            assert_eq!(local_path(good), good);
        }
        for bad in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: x=y",
            "/\t/evil.example",
            "library",
            "/login?next=/login",
            "/logout",
        ] {
            assert_eq!(local_path(bad), "/", "{bad:?}");
        }
    }
}
