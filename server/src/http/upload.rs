//! `POST /library/upload`: files of a plain multipart form, streamed to disk one after the other. A
//! program gets JSON; a plain form is sent back to the library, or shown the library with what was
//! refused. The library page's script uses `tus` instead.

use super::{
    pages,
    problem::{self, Problem},
    session::{SignedIn, Visitor},
    state::AppState,
};
use crate::{
    ingest::{IngestError, uploads::UploadError},
    limits::in_words,
    services,
};
use app::{
    error::{AppError, ErrorKind},
    model::{id::UserId, material::UploadOutcome},
    ports::{FormState, RefusedFile},
};
use axum::{
    Json,
    extract::{
        Multipart, State,
        multipart::{Field, MultipartError, MultipartRejection},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};

/// Files of one request: a plain form may carry several, and more would hold one connection for
/// as long as a whole semester takes to upload.
pub const FILES_PER_REQUEST: usize = 20;
/// Bytes of a request beside its files: part headers and boundaries.
pub const FORM_OVERHEAD_BYTES: u64 = 64 * 1024;

/// Receives the files of the `file` fields; every file has its own outcome.
pub async fn upload(
    State(app): State<AppState>,
    SignedIn(profile): SignedIn,
    visitor: Visitor,
    headers: HeaderMap,
    form: Result<Multipart, MultipartRejection>,
) -> Response {
    let outcomes = match form {
        Ok(form) => receive(&app, profile.id, &headers, form).await,
        Err(_) => Err(cut_off()),
    };
    if !problem::wants_html(&headers) {
        return match outcomes {
            Ok(outcomes) => Json(outcomes).into_response(),
            Err(problem) => problem.into_response(),
        };
    }
    match outcomes {
        Ok(outcomes) => show(&app, &visitor, &headers, outcomes).await,
        Err(problem) => {
            let form = FormState {
                problem: Some(problem.detail().to_owned()),
                ..pages::usual_form(&app)
            };
            let page = library(&app, &visitor, &headers, form).await;
            problem.over(page)
        }
    }
}

/// Takes one file after the other. An error before the first outcome is the answer; after it, the
/// rest is one more outcome.
async fn receive(
    app: &AppState,
    user: UserId,
    headers: &HeaderMap,
    mut form: Multipart,
) -> Result<Vec<UploadOutcome>, Problem> {
    let mut outcomes = Vec::new();
    // The whole request bounds each of its files.
    let bound_bytes = announced_bytes(headers);
    loop {
        let field = match form.next_field().await {
            Ok(Some(field)) => field,
            Ok(None) => break,
            Err(error) if outcomes.is_empty() => return Err(unreadable(&error)),
            Err(error) => {
                outcomes.push(refused(
                    "The rest of the upload",
                    unreadable(&error).detail(),
                ));
                break;
            }
        };
        let Some(file_name) = file_name(&field) else {
            continue;
        };
        if outcomes.len() == FILES_PER_REQUEST {
            outcomes.push(refused(
                &file_name,
                &format!("One upload takes {FILES_PER_REQUEST} files. Send the rest in another."),
            ));
            break;
        }
        match take(app, user, &file_name, bound_bytes, field).await {
            Ok(outcome) => outcomes.push(outcome),
            Err(problem) if outcomes.is_empty() => return Err(problem),
            Err(problem) => {
                outcomes.push(refused(&file_name, problem.detail()));
                break;
            }
        }
    }
    Ok(outcomes)
}

/// Bytes of the whole body as announced; no bound without that.
pub fn announced_bytes(headers: &HeaderMap) -> u64 {
    headers
        .get(header::CONTENT_LENGTH)
        .and_then(|bytes| bytes.to_str().ok()?.parse().ok())
        .unwrap_or(u64::MAX)
}

/// One file from the wire into the library. A refusal is an outcome; a problem ends the request.
pub async fn take(
    app: &AppState,
    user: UserId,
    file_name: &str,
    bound_bytes: u64,
    field: Field<'_>,
) -> Result<UploadOutcome, Problem> {
    if let Err(wait) = app.limits.uploads.take(&user) {
        return Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!(
                "That is more uploads than this server takes in a minute. Try again {}.",
                in_words(wait)
            ),
        )
        .retry_after(wait));
    }
    app.uploads
        .take(user, file_name, bound_bytes, field)
        .await
        .map_err(problem_of)
}

/// What stopped an upload, in the student's words.
pub fn problem_of(error: UploadError) -> Problem {
    let (status, sentence) = match error {
        UploadError::Ingest(error) => return ingest_problem(&error),
        UploadError::Missing => {
            return AppError::not_found("upload").into();
        }
        UploadError::Expired => (
            StatusCode::GONE,
            "This upload was begun too long ago and is no longer kept. Choose the file again."
                .to_owned(),
        ),
        UploadError::Busy => (
            StatusCode::LOCKED,
            "This upload is already being sent, perhaps from another tab.".to_owned(),
        ),
        UploadError::WrongOffset { at } => (
            StatusCode::CONFLICT,
            format!("The server has {at} bytes of this upload; go on from there."),
        ),
        UploadError::TooLarge(sentence) => (StatusCode::PAYLOAD_TOO_LARGE, sentence),
        UploadError::Refused(sentence) => (StatusCode::UNPROCESSABLE_ENTITY, sentence),
        UploadError::Interrupted => return cut_off(),
    };
    Problem::new(status, sentence)
}

fn ingest_problem(error: &IngestError) -> Problem {
    match error {
        IngestError::DiskFull => services::told(
            ErrorKind::Unavailable,
            "The server's disk is full, so the file was not kept. Free some space, then upload it again.",
            error,
        ),
        other => services::ingest_error(other),
    }
    .into()
}

/// The file name of a part that carries a file; browsers send a nameless part when none is chosen.
fn file_name(field: &Field<'_>) -> Option<String> {
    (field.name() == Some("file"))
        .then(|| field.file_name().unwrap_or_default().to_owned())
        .filter(|name| !name.is_empty())
}

fn refused(file_name: &str, message: &str) -> UploadOutcome {
    UploadOutcome::Refused {
        file_name: file_name.to_owned(),
        message: message.to_owned(),
    }
}

/// What is wrong with a form that cannot be read on.
pub fn unreadable(error: &MultipartError) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "These files are too large to send together. Upload them one by one.",
        ),
        _ => cut_off(),
    }
}

/// What is said of a form that ended too early.
pub fn cut_off() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "The upload was cut off before it was complete. Send it again.",
    )
}

/// The library, at once when everything was taken, else with what was not.
async fn show(
    app: &AppState,
    visitor: &Visitor,
    headers: &HeaderMap,
    outcomes: Vec<UploadOutcome>,
) -> Response {
    let total = outcomes.len();
    let refused_files: Vec<RefusedFile> = outcomes
        .into_iter()
        .filter_map(|outcome| match outcome {
            UploadOutcome::Refused { file_name, message } => Some(RefusedFile {
                name: file_name,
                reason: message,
            }),
            UploadOutcome::Added { .. } | UploadOutcome::Duplicate { .. } => None,
        })
        .collect();
    if refused_files.is_empty() {
        return Redirect::to("/library").into_response();
    }
    let problem = match (total, refused_files.len()) {
        (1, 1) => "The file was not added.".to_owned(),
        (total, refused) if total == refused => "None of the files was added.".to_owned(),
        (total, refused) => {
            format!("{refused} of {total} files were not added; the others are in your library.")
        }
    };
    let form = FormState {
        problem: Some(problem),
        refused_files,
        ..pages::usual_form(app)
    };
    let mut page = library(app, visitor, headers, form).await;
    *page.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    page
}

/// The library page in the place of this address.
async fn library(
    app: &AppState,
    visitor: &Visitor,
    headers: &HeaderMap,
    form: FormState,
) -> Response {
    let request = pages::get_of("/library", headers.get(header::HOST).cloned());
    pages::render(app, visitor, form, request).await
}
