//! The built site: `/pkg` with its precompressed files, and the public files beside it.
//!
//! Names in `/pkg` carry one hash of everything the build has made (`scripts/finish-site.mjs`), so none
//! of them ever changes under its name and all are kept for ever. Another origin may hand them on.

use super::{
    headers, origin, pages,
    problem::{Problem, wants_page},
    session::Visitor,
    state::AppState,
    tag,
};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower::ServiceExt as _;
use tower_http::services::ServeDir;

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");
const NEVER: HeaderValue = HeaderValue::from_static("no-store");
/// One address has three bodies: as it is, and its two compressed copies.
const BY_ENCODING: HeaderValue = HeaderValue::from_static("accept-encoding");
const ANYBODY: HeaderValue = HeaderValue::from_static("*");
const CROSS_ORIGIN: HeaderValue = HeaderValue::from_static("cross-origin");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
/// Most bytes of a public file that are read to name its content; what is larger is sent each time.
const TAGGED_MAX_BYTES: u64 = 1 << 20;
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
    let mut response = next.run(request).await;
    if response.status() == StatusCode::NOT_FOUND {
        response = (StatusCode::NOT_FOUND, "There is no such file.\n").into_response();
    }
    if !is_file(&response) {
        // A year of a disk's bad minute, for everybody behind the same cache.
        response.headers_mut().insert(header::CACHE_CONTROL, NEVER);
        return response;
    }
    let value = if state.leptos.hash_files {
        FOR_EVER
    } else {
        ASK_AGAIN
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, value);
    headers.insert(header::VARY, BY_ENCODING);
    // The same public files for everybody, so pages whose files come through a CDN may read them.
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY);
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, CROSS_ORIGIN);
    response
}

/// A file, a part of one, or word that the one the browser has is still right.
fn is_file(response: &Response) -> bool {
    response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED
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
    if wants_page(request.uri(), request.headers()) && request.method() == Method::GET {
        pages::not_found(&state, &visitor, request).await
    } else {
        Problem::new(StatusCode::NOT_FOUND, "There is nothing at this address.").into_response()
    }
}

/// The same request without its body, if it could be for a file: one has an extension; a look at
/// the disk for anything else would be in vain. Dates of files say nothing about their content (an older
/// build that is put back has older ones), so no condition is put on them.
fn public_file(request: &Request) -> Option<Request> {
    let has_extension = request.uri().path().rsplit('/').next()?.contains('.');
    if !has_extension || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let mut wanted = Request::new(Body::empty());
    *wanted.method_mut() = request.method().clone();
    *wanted.uri_mut() = request.uri().clone();
    *wanted.headers_mut() = request.headers().clone();
    for condition in [header::IF_MODIFIED_SINCE, header::IF_UNMODIFIED_SINCE] {
        wanted.headers_mut().remove(condition);
    }
    Some(wanted)
}

async fn served(state: &AppState, mut wanted: Request) -> Option<Response> {
    let path = wanted.uri().path();
    let (cache, policy) = match path {
        "/sw.js" => {
            let host = origin::host(wanted.uri(), wanted.headers());
            let policy = headers::worker_policy(host, state.config.assets.as_ref());
            (ASK_AGAIN, policy)
        }
        "/offline.html" => {
            let policy = headers::still_policy(state.config.assets.as_ref());
            (ASK_AGAIN, policy)
        }
        "/offline.js" | "/offline-page.js" | "/ahead.js" => (ASK_AGAIN, None),
        _ if path.starts_with("/vendor/") => (ASK_AGAIN, None),
        _ => (AN_HOUR, None),
    };
    let is_head = wanted.method() == Method::HEAD;
    let known = wanted.headers().clone();
    // A file is named by its content, also to who only asks for the name.
    *wanted.method_mut() = Method::GET;
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
    if !is_file(&response) {
        return None;
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, cache);
    headers.insert(header::VARY, BY_ENCODING);
    headers.remove(header::LAST_MODIFIED);
    if let Some(policy) = policy {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    let mut response = tagged(response, &known).await?;
    if is_head {
        *response.body_mut() = Body::empty();
    }
    Some(response)
}

/// The file with its tag, or 304 for whoever knows that tag.
async fn tagged(response: Response, known: &HeaderMap) -> Option<Response> {
    let length = response.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let is_whole = response.status() == StatusCode::OK;
    if !is_whole || length.is_none_or(|bytes: u64| bytes > TAGGED_MAX_BYTES) {
        return Some(response);
    }
    let (mut parts, body) = response.into_parts();
    let most = usize::try_from(TAGGED_MAX_BYTES).unwrap_or(usize::MAX);
    let content = to_bytes(body, most).await.ok()?;
    let tag = tag::of(&content);
    parts
        .headers
        .insert(header::ETAG, HeaderValue::try_from(&tag).ok()?);
    if !tag::is_known(known, &tag) {
        return Some(Response::from_parts(parts, content.into()));
    }
    parts.status = StatusCode::NOT_MODIFIED;
    for of_content in [
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
    ] {
        parts.headers.remove(of_content);
    }
    Some(Response::from_parts(parts, Body::empty()))
}
