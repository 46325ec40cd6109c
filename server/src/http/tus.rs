//! `/api/uploads`: uploads that may be paused and resumed, by the tus protocol 1.0.0 (core, creation,
//! expiration, termination; <https://tus.io/protocols/resumable-upload>). It knows headers and
//! statuses; what an upload is and may be is `ingest::uploads`'.
//!
//! Beyond the protocol: `GET /api/uploads` says what the student may send and what she began, and the
//! piece that completes a file is answered with 200 and what became of it, as JSON.

mod metadata;

use super::{problem::Problem, session::SignedIn, state::AppState, upload::problem_of};
use crate::{
    ingest::uploads::{Announced, Progress, UploadError},
    limits::in_words,
    store::uploads::Upload,
};
use app::model::id::UploadId;
use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{get, head},
};
use chrono::{DateTime, Utc};
use metadata::Metadata;

const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const EXTENSIONS: HeaderValue = HeaderValue::from_static("creation,expiration,termination");
const PIECE: &str = "application/offset+octet-stream";

const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// Where uploads live.
const PATH: &str = "/api/uploads";

/// The routes, with the version check and the headers every answer of theirs carries.
pub fn routes() -> Router<AppState> {
    Router::new()
        .route(PATH, get(desk).post(create).options(options))
        .route(
            "/api/uploads/{id}",
            head(state_of)
                .patch(append)
                .delete(remove)
                .post(overridden)
                .options(options),
        )
        .layer(from_fn(speak_one_version))
}

/// Refuses what speaks another version, and says which one this is.
async fn speak_one_version(request: Request, next: Next) -> Response {
    let needs_version = !matches!(*request.method(), Method::GET | Method::OPTIONS);
    let mut response = if needs_version && request.headers().get(TUS_RESUMABLE) != Some(&VERSION) {
        Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "This server speaks version 1.0.0 of the tus protocol. Reload the page and try again.",
        )
        .into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(TUS_RESUMABLE, VERSION);
    headers.insert(TUS_VERSION, VERSION);
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// `OPTIONS`: what can be done here.
async fn options(State(app): State<AppState>, SignedIn(_): SignedIn) -> Response {
    let headers = [
        (TUS_EXTENSION, EXTENSIONS),
        (TUS_MAX_SIZE, HeaderValue::from(app.config.file_max_bytes)),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// `GET /api/uploads`.
async fn desk(State(app): State<AppState>, SignedIn(profile): SignedIn) -> Response {
    match app.uploads.desk(profile.id).await {
        Ok(desk) => Json(desk).into_response(),
        Err(error) => answer(error),
    }
}

/// `POST /api/uploads`: begins an upload.
async fn create(
    State(app): State<AppState>,
    SignedIn(profile): SignedIn,
    headers: HeaderMap,
) -> Response {
    let Some(size_bytes) = number(&headers, &UPLOAD_LENGTH) else {
        return bad("Upload-Length must say how many bytes the file has.");
    };
    let metadata = match Metadata::parse(headers.get(&UPLOAD_METADATA)) {
        Ok(metadata) => metadata,
        Err(problem) => return bad(problem),
    };
    if let Err(wait) = app.limits.uploads.take(&profile.id) {
        return Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!(
                "That is more uploads than this server takes in a minute. Try again {}.",
                in_words(wait)
            ),
        )
        .retry_after(wait)
        .into_response();
    }
    let announced = Announced {
        file_name: &metadata.file_name,
        fingerprint: metadata.fingerprint.as_deref(),
        size_bytes,
    };
    let upload = match app.uploads.begin(profile.id, &announced).await {
        Ok(upload) => upload,
        Err(error) => return answer(error),
    };
    let mut response = StatusCode::CREATED.into_response();
    let location = format!("{PATH}/{}", upload.id);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    stamp(response, &upload)
}

/// `HEAD /api/uploads/{id}`: how far it is.
async fn state_of(
    State(app): State<AppState>,
    SignedIn(profile): SignedIn,
    Path(id): Path<String>,
) -> Response {
    let found = match id.parse() {
        Ok(id) => app.uploads.find(profile.id, id).await,
        Err(_) => Err(UploadError::Missing),
    };
    match found {
        Ok(upload) => {
            let mut response = StatusCode::OK.into_response();
            response
                .headers_mut()
                .insert(UPLOAD_LENGTH, upload.size_bytes.into());
            stamp(response, &upload)
        }
        Err(error) => answer(error),
    }
}

/// `PATCH /api/uploads/{id}`: the next piece.
async fn append(
    State(app): State<AppState>,
    SignedIn(profile): SignedIn,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Ok(id) = id.parse::<UploadId>() else {
        return answer(UploadError::Missing);
    };
    if headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes) != Some(PIECE.as_bytes()) {
        return Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("A piece of an upload has the content type {PIECE}."),
        )
        .into_response();
    }
    let Some(at) = number(&headers, &UPLOAD_OFFSET) else {
        return bad("Upload-Offset must say where the piece begins.");
    };
    let bytes = number(&headers, &header::CONTENT_LENGTH);
    let piece = body.into_data_stream();
    match app.uploads.append(profile.id, id, at, bytes, piece).await {
        Ok(Progress::Part(upload)) => stamp(StatusCode::NO_CONTENT.into_response(), &upload),
        Ok(Progress::Done(upload, outcome)) => stamp(Json(outcome).into_response(), &upload),
        Err(error) => answer(error),
    }
}

/// `DELETE /api/uploads/{id}`: the upload is not wanted any more.
async fn remove(
    State(app): State<AppState>,
    SignedIn(profile): SignedIn,
    Path(id): Path<String>,
) -> Response {
    let removed = match id.parse() {
        Ok(id) => app.uploads.remove(profile.id, id).await,
        Err(_) => Err(UploadError::Missing),
    };
    match removed {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => answer(error),
    }
}

/// `POST` in the place of a method that something on the way does not let through.
async fn overridden(
    state: State<AppState>,
    student: SignedIn,
    id: Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match headers.get(&METHOD_OVERRIDE).map(HeaderValue::as_bytes) {
        Some(b"PATCH") => append(state, student, id, headers, body).await,
        Some(b"DELETE") => remove(state, student, id).await,
        Some(b"HEAD") => state_of(state, student, id).await,
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

/// Says how far an upload is and how long it waits.
fn stamp(mut response: Response, upload: &Upload) -> Response {
    let headers = response.headers_mut();
    headers.insert(UPLOAD_OFFSET, upload.received_bytes.into());
    if let Some(expires) = http_date(upload.expires_at) {
        headers.insert(UPLOAD_EXPIRES, expires);
    }
    response
}

/// What stopped an upload, as an answer to its script.
fn answer(error: UploadError) -> Response {
    let offset = match &error {
        UploadError::WrongOffset { at } => Some(*at),
        _ => None,
    };
    let mut response = problem_of(error).into_response();
    if let Some(at) = offset {
        response.headers_mut().insert(UPLOAD_OFFSET, at.into());
    }
    response
}

fn bad(problem: &str) -> Response {
    Problem::new(StatusCode::BAD_REQUEST, problem).into_response()
}

/// A header that holds a whole number and nothing else.
fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    let text = headers.get(name)?.to_str().ok()?;
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// A moment as HTTP writes it.
fn http_date(moment: DateTime<Utc>) -> Option<HeaderValue> {
    HeaderValue::try_from(moment.format("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
}
