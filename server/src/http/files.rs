//! `GET /files/{id}`: the original of one of the student's materials, to look at or to keep. One that
//! lies in a bucket is served from its local copy: ranges, dates and cut downloads then work the same
//! way, the bucket is asked once however often a viewer asks for ranges, and its address stays ours.

use super::{session::SignedIn, state::AppState};
use crate::{services, store::materials};
use app::{
    error::AppError,
    model::{id::MaterialId, material::MediaType},
};
use axum::{
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderValue, Request, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tower::ServiceExt;
use tower_http::services::ServeFile;

/// What an original other than a PDF may do when a browser opens it: nothing. Browsers render
/// PDFs in a viewer of their own, which a sandbox would switch off.
const SANDBOX: &str = "default-src 'none'; sandbox";

/// `?download` asks for the file to be saved instead of shown.
#[derive(Deserialize)]
pub struct Disposition {
    download: Option<String>,
}

/// Streams the original, with ranges; `NotFound` alike for absent and foreign ids.
pub async fn original(
    State(app): State<AppState>,
    SignedIn(profile): SignedIn,
    Path(id): Path<String>,
    Query(disposition): Query<Disposition>,
    request: Request<Body>,
) -> Result<Response, super::problem::Problem> {
    let missing = || AppError::not_found("material");
    let id: MaterialId = id.parse().map_err(|_| missing())?;
    let material = materials::find(&app.db, profile.id, id)
        .await
        .map_err(|error| services::store_error(&error))?
        .ok_or_else(missing)?;

    // Held until the file is open: from then on it stays readable whatever becomes of its name.
    let file = app.files.local_copy(profile.id, id).await;
    let file = file.map_err(|error| services::file_error(&error))?;
    let mime: mime::Mime = material
        .media_type
        .mime()
        .parse()
        .unwrap_or(mime::APPLICATION_OCTET_STREAM);
    let served = ServeFile::new_with_mime(file.path(), &mime)
        .oneshot(request)
        .await;
    let mut response = match served {
        Ok(response) => response.map(Body::new).into_response(),
        Err(never) => match never {},
    };
    let verb = if disposition.download.is_some() {
        "attachment"
    } else {
        "inline"
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&content_disposition(verb, &material.file_name)) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if material.media_type != MediaType::Pdf {
        headers.insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(SANDBOX),
        );
    }
    Ok(response)
}

/// The header of RFC 6266: an ASCII fallback and the real name percent-encoded (RFC 8187).
fn content_disposition(verb: &str, file_name: &str) -> String {
    let ascii: String = file_name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_. ()".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let mut encoded = String::with_capacity(file_name.len() * 3);
    for byte in file_name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("{verb}; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::content_disposition;

    #[test]
    fn a_file_name_cannot_break_out_of_its_header() {
        let header = content_disposition("attachment", "a\"; filename=evil.exe\r\nX: ü.pdf");
        assert!(!header.contains('\n') && !header.contains('\r'));
        assert_eq!(header.matches('"').count(), 2);
        assert!(header.ends_with("%C3%BC.pdf"));
    }
}
