//! `POST /library/upload`: files of a multipart form, streamed to disk one after the other. A
//! program (and the library page's script) gets JSON, a plain form is sent back to the library.

use super::{
    limits::in_words,
    problem::{self, Problem, escaped},
    session::SignedIn,
    state::AppState,
};
use crate::{
    analytics::Activity,
    ingest::files::{ReceiveError, Received},
    services,
    store::materials,
};
use app::{
    error::{AppError, ErrorKind},
    model::{id::UserId, material::UploadOutcome},
};
use axum::{
    Json,
    extract::{
        Multipart, State,
        multipart::{Field, MultipartError},
    },
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse, Redirect, Response},
};

/// Files of one request: a plain form may carry several, and more would hold one connection for
/// as long as a whole semester takes to upload.
pub const FILES_PER_REQUEST: usize = 20;
/// Bytes of a request beside its files: part headers and boundaries.
pub const FORM_OVERHEAD_BYTES: u64 = 64 * 1024;

const MIB: u64 = 1024 * 1024;

/// Receives the files of the `file` fields; every file has its own outcome.
pub async fn upload(
    State(app): State<AppState>,
    SignedIn(profile): SignedIn,
    headers: HeaderMap,
    mut form: Multipart,
) -> Response {
    let mut outcomes = Vec::new();
    loop {
        let field = match form.next_field().await {
            Ok(Some(field)) => field,
            Ok(None) => break,
            Err(error) if outcomes.is_empty() => return unreadable(&error).answer(&headers),
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
        match take(&app, profile.id, field, &file_name).await {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) if outcomes.is_empty() => return Problem::from(error).answer(&headers),
            Err(error) => {
                outcomes.push(refused(&file_name, &error.message));
                break;
            }
        }
    }
    answer(outcomes, &headers)
}

/// One file from the wire into the library. A refusal is an outcome; an error ends the request.
async fn take(
    app: &AppState,
    user: UserId,
    field: Field<'_>,
    file_name: &str,
) -> Result<UploadOutcome, AppError> {
    if let Err(wait) = app.limits.uploads.take(&user) {
        return Err(AppError::new(
            ErrorKind::Limited,
            format!(
                "That is more uploads than this server takes in a minute. Try again {}.",
                in_words(wait)
            ),
        ));
    }
    let used_bytes = materials::used_bytes(&app.db, user)
        .await
        .map_err(|error| services::store_error(&error))?;
    let free_bytes = app.config.user_max_bytes.saturating_sub(used_bytes);
    let max_bytes = app.config.file_max_bytes.min(free_bytes);
    let received = match app.files.receive(field, max_bytes).await {
        Ok(received) => received,
        Err(ReceiveError::TooLarge) if free_bytes < app.config.file_max_bytes => {
            return Ok(refused(
                file_name,
                &format!(
                    "Your library has {} MB left. Delete something you no longer need, then upload this again.",
                    free_bytes / MIB
                ),
            ));
        }
        Err(ReceiveError::TooLarge) => {
            return Ok(refused(
                file_name,
                &format!(
                    "This file is larger than {} MB. Split it, or save it with smaller pictures.",
                    app.config.file_max_bytes / MIB
                ),
            ));
        }
        Err(ReceiveError::Empty) => {
            return Ok(refused(
                file_name,
                "This file is empty (0 bytes). Save it again and upload the new copy.",
            ));
        }
        Err(ReceiveError::Interrupted) => {
            return Err(AppError::invalid(
                "The upload was cut off before the file was complete. Send it again.",
            ));
        }
        Err(error @ ReceiveError::DiskFull) => {
            return Err(services::told(
                ErrorKind::Unavailable,
                "The server's disk is full, so the file was not kept. Free some space, then upload it again.",
                &error,
            ));
        }
        Err(error @ ReceiveError::Io(_)) => {
            return Err(services::told(
                ErrorKind::Internal,
                "The server could not write the file. Try again; if it stays, look at the server's log.",
                &error,
            ));
        }
    };
    admit(app, user, received, file_name).await
}

/// Files the received bytes as a material and counts a new one as study activity.
async fn admit(
    app: &AppState,
    user: UserId,
    received: Received,
    file_name: &str,
) -> Result<UploadOutcome, AppError> {
    let sha256 = received.sha256;
    let outcome = app
        .ingest
        .admit(user, received, file_name)
        .await
        .map_err(|error| services::ingest_error(&error))?;
    if let UploadOutcome::Added { material } = &outcome {
        let activity = Activity::MaterialAdded {
            material: material.id,
            sha256,
        };
        if let Err(error) = app.analytics.record(user, activity).await {
            // The document is in; a missing XP entry is no reason to say it is not.
            tracing::error!(%error, "analytics.record");
        }
    }
    Ok(outcome)
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

fn unreadable(error: &MultipartError) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "These files are too large to send together. Upload them one by one.",
        ),
        _ => Problem::new(
            StatusCode::BAD_REQUEST,
            "The upload could not be read. It may have been cut off; send it again.",
        ),
    }
}

fn answer(outcomes: Vec<UploadOutcome>, headers: &HeaderMap) -> Response {
    if !problem::wants_html(headers) {
        return Json(outcomes).into_response();
    }
    let refusals: Vec<(&str, &str)> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            UploadOutcome::Refused { file_name, message } => {
                Some((file_name.as_str(), message.as_str()))
            }
            UploadOutcome::Added { .. } | UploadOutcome::Duplicate { .. } => None,
        })
        .collect();
    if refusals.is_empty() {
        return Redirect::to("/library").into_response();
    }
    let kept = outcomes.len() - refusals.len();
    let list: String = refusals
        .iter()
        .map(|(name, message)| {
            format!(
                "<li><strong>{}</strong>: {}</li>",
                escaped(name),
                escaped(message)
            )
        })
        .collect();
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Not everything was added - Studyin</title></head><body><main>\
         <h1>Not everything was added</h1><ul>{list}</ul><p>Files added: {kept}.</p>\
         <p><a href=\"/library\">Back to the library</a></p></main></body></html>"
    );
    (StatusCode::UNPROCESSABLE_ENTITY, Html(page)).into_response()
}
