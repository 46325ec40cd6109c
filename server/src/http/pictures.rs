//! `GET /files/{id}/pages/{n}.png?width=`: the picture of a page of one of the student's PDFs. A page
//! that cannot be drawn is answered with a picture that says so where a picture was asked for.

use super::{
    problem::{Problem, escaped},
    session::SignedIn,
    state::AppState,
};
use crate::{render::RenderError, services};
use app::{
    error::AppError,
    model::{id::MaterialId, material::PICTURE_WIDTHS},
};
use axum::{
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

/// A page's picture never changes, since a material's bytes do not; but it is shown only after the
/// server has been asked, because a session may have ended on a shared computer.
const KEPT: HeaderValue = HeaderValue::from_static("private, no-cache");
const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");
/// Changes when the same page would be drawn differently.
const EDITION: u32 = 1;

/// `?width=`: one of [`PICTURE_WIDTHS`].
#[derive(Deserialize)]
pub struct Size {
    width: Option<u32>,
}

/// The picture; `NotFound` alike for absent and foreign materials.
pub async fn picture(
    State(app): State<AppState>,
    SignedIn(profile): SignedIn,
    Path((id, page)): Path<(String, String)>,
    Query(size): Query<Size>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id: MaterialId = id.parse().map_err(|_| AppError::not_found("material"))?;
    let page: u32 = page
        .strip_suffix(".png")
        .and_then(|page| page.parse().ok())
        .ok_or_else(|| AppError::not_found("page"))?;
    let width = size.width.unwrap_or(PICTURE_WIDTHS[1]);
    if !PICTURE_WIDTHS.contains(&width) {
        let [small, usual, large] = PICTURE_WIDTHS;
        return Err(AppError::invalid(format!(
            "A picture is {small}, {usual} or {large} pixels wide; {width} was asked for."
        ))
        .into());
    }
    let tag = format!("\"{id}-{page}-{width}-{EDITION}\"");
    if is_known(&headers, &tag) {
        // It may be shown again as long as the document is hers.
        app.services.materials.get(profile.id, id).await?;
        return Ok(tagged(StatusCode::NOT_MODIFIED.into_response(), &tag));
    }
    match app.renderer.picture(profile.id, id, page, width).await {
        Ok(bytes) => {
            let mut response = Response::new(Body::from(bytes));
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("image/png"));
            Ok(tagged(response, &tag))
        }
        Err(error) => fallback(&headers, &error),
    }
}

/// Whether the client has the picture of this tag.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().trim_start_matches("W/") == tag)
}

fn tagged(mut response: Response, tag: &str) -> Response {
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, KEPT);
    headers.insert(header::VARY, HeaderValue::from_static("cookie"));
    response
}

/// The sentence as a picture for an `<img>`, which shows no other answer; as a problem for the rest.
fn fallback(headers: &HeaderMap, error: &RenderError) -> Result<Response, Problem> {
    let is_the_pages_own = matches!(
        error,
        RenderError::Locked | RenderError::Broken | RenderError::TooHeavy | RenderError::Busy
    );
    if !is_the_pages_own || !wants_picture(headers) {
        return Err(services::render_error(error).into());
    }
    let mut response = Response::new(Body::from(sentence_picture(&error.to_string())));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("image/svg+xml"),
    );
    headers.insert(header::CACHE_CONTROL, NOT_KEPT);
    Ok(response)
}

/// Whether the client is an `<img>`, or a person who opened the address of one.
fn wants_picture(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("image/"))
}

/// A sheet of paper with a sentence on it.
fn sentence_picture(sentence: &str) -> String {
    /// Characters that fit the sheet's width.
    const LINE_CHARS: usize = 44;
    let mut lines: Vec<String> = vec![String::new()];
    for word in sentence.split(' ') {
        let is_full = lines
            .last()
            .is_some_and(|line| line.chars().count() + word.chars().count() >= LINE_CHARS);
        if is_full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    let text: String = lines
        .iter()
        .enumerate()
        .map(|(row, line)| {
            format!(
                "<text x=\"300\" y=\"{}\">{}</text>",
                380 + row * 34,
                escaped(line)
            )
        })
        .collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 600 848\" width=\"600\" height=\"848\">\
         <rect width=\"600\" height=\"848\" fill=\"#ffffff\"/>\
         <g font-family=\"system-ui, sans-serif\" font-size=\"24\" fill=\"#5c564d\" text-anchor=\"middle\">\
         {text}</g></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_fits_its_sheet_and_stays_text() {
        let picture =
            sentence_picture("A page <script> that cannot be drawn because it is damaged & long.");
        assert!(picture.contains("&lt;script&gt;") && picture.contains("&amp;"));
        assert!(picture.matches("<text ").count() >= 2);
    }

    #[test]
    fn a_known_picture_is_not_sent_again() {
        let first = tagged(Response::new(Body::from("png")), "\"one\"");
        let mut headers = HeaderMap::new();
        assert!(!is_known(&headers, "\"one\""));
        headers.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        assert!(is_known(&headers, "\"one\""));
        assert!(!is_known(&headers, "\"two\""));
    }
}
