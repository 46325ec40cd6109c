//! The built site: `/pkg` with its precompressed files, and the public files beside it.
//!
//! Names in `/pkg` carry a hash of their content and are kept for ever, except the main script: its
//! name is hashed before the names inside it are rewritten, so it can change under the same name
//! and must be asked for again each time.

use super::{
    pages,
    problem::{Problem, wants_html},
    session::Visitor,
    state::AppState,
};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower::ServiceExt as _;
use tower_http::services::ServeDir;

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
/// Icons and the like: an hour old is new enough.
const AN_HOUR: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// `/pkg/...`.
pub fn pkg(state: &AppState) -> Router<AppState> {
    let options = &state.leptos;
    let folder = std::path::Path::new(&*options.site_root).join(&*options.site_pkg_dir);
    let files = ServeDir::new(folder)
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip();
    Router::new()
        .fallback_service(files)
        .layer(middleware::from_fn_with_state(state.clone(), cached))
}

async fn cached(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let file = request
        .uri()
        .path()
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    let mut response = next.run(request).await;
    if response.status() == StatusCode::NOT_FOUND {
        let mut missing = (StatusCode::NOT_FOUND, "There is no such file.\n").into_response();
        missing
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return missing;
    }
    let value = if state.leptos.hash_files && !is_main_script(&file, &state.leptos.output_name) {
        FOR_EVER
    } else {
        ASK_AGAIN
    };
    response.headers_mut().insert(header::CACHE_CONTROL, value);
    response
}

/// `app.js` or `app.<hash>.js`.
fn is_main_script(file: &str, output_name: &str) -> bool {
    file.strip_prefix(output_name)
        .and_then(|rest| rest.strip_suffix(".js"))
        .is_some_and(|hash| hash.is_empty() || (hash.starts_with('.') && !hash[1..].contains('.')))
}

/// A public file, or the not-found page.
pub async fn file_or_not_found(
    State(state): State<AppState>,
    visitor: Visitor,
    request: Request,
) -> Response {
    if let Some(wanted) = public_file(&request)
        && let Some(file) = served(&state, wanted).await
    {
        return file;
    }
    if wants_html(request.headers()) && request.method() == Method::GET {
        pages::not_found(&state, &visitor, request).await
    } else {
        Problem::new(StatusCode::NOT_FOUND, "There is nothing at this address.").into_response()
    }
}

/// The same request without its body, if it could be for a file: one has an extension; a look at
/// the disk for anything else would be in vain.
fn public_file(request: &Request) -> Option<Request> {
    let has_extension = request.uri().path().rsplit('/').next()?.contains('.');
    if !has_extension || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let mut wanted = Request::new(Body::empty());
    *wanted.method_mut() = request.method().clone();
    *wanted.uri_mut() = request.uri().clone();
    *wanted.headers_mut() = request.headers().clone();
    Some(wanted)
}

async fn served(state: &AppState, wanted: Request) -> Option<Response> {
    let cache = if wanted.uri().path().starts_with("/vendor/") {
        ASK_AGAIN
    } else {
        AN_HOUR
    };
    let served = ServeDir::new(&*state.leptos.site_root)
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip()
        .oneshot(wanted)
        .await;
    let mut response = match served {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    };
    if !(response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED) {
        return None;
    }
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_script_is_told_from_its_chunks() {
        for main in ["app.js", "app.Zq0fW3kx.js"] {
            assert!(is_main_script(main, "app"), "{main}");
        }
        for other in [
            "app.Zq0fW3kx.wasm",
            "app.Zq0fW3kx.css",
            "chunk_0.Zq0fW3kx.js",
            "apple.js",
            "app.a.b.js",
        ] {
            assert!(!is_main_script(other, "app"), "{other}");
        }
    }
}
