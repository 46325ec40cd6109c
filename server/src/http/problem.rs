//! Refusals and failures as answers: RFC 9457 problem JSON for programs, a plain readable page for
//! people. It knows nothing of what failed; a problem never carries a driver's text.

use app::error::AppError;
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// What was wrong, as a problem document (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// What was wrong and what to do.
    detail: String,
    /// Finds the line in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

impl Problem {
    /// A problem with this status and sentence.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Problem"),
            status: status.as_u16(),
            detail: detail.into(),
            reference: None,
            retry_after: None,
        }
    }

    /// No session.
    pub fn signed_out() -> Self {
        AppError::signed_out().into()
    }

    /// Says when to try again.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The sentence.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// As a page when the client is a browser showing documents, else as JSON; for addresses of pages.
    pub fn answer(self, headers: &HeaderMap) -> Response {
        self.answer_as(wants_html(headers))
    }

    /// As a page when [`wants_page`] says so, else as JSON.
    pub fn answer_to(self, request: &Request) -> Response {
        self.answer_as(wants_page(request.uri(), request.headers()))
    }

    /// As a page, or else as JSON.
    pub fn answer_as(self, as_page: bool) -> Response {
        if as_page {
            self.into_page()
        } else {
            self.into_response()
        }
    }

    /// Gives a page that already says what was wrong this problem's status and wait.
    pub fn over(&self, mut page: Response) -> Response {
        *page.status_mut() = self.status();
        self.ask_to_wait(page.headers_mut());
        page
    }

    fn ask_to_wait(&self, headers: &mut HeaderMap) {
        if let Some(wait) = self.retry_after {
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(wait.as_secs().max(1)),
            );
        }
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn finish(&self, mut response: Response, content_type: &'static str) -> Response {
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.ask_to_wait(headers);
        response
    }

    fn into_page(self) -> Response {
        let reference = self
            .reference
            .as_deref()
            .map(|reference| format!("<p>Reference: {}</p>", escaped(reference)))
            .unwrap_or_default();
        let page = format!(
            "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{title} - Studyin</title></head><body><main><h1>{title}</h1>\
             <p>{detail}</p>{reference}<p><a href=\"/\">Back to Studyin</a></p></main></body></html>",
            title = escaped(self.title),
            detail = escaped(&self.detail),
        );
        self.finish(page.into_response(), "text/html; charset=utf-8")
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        let status =
            StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut problem = Self::new(status, error.message);
        problem.reference = error.reference;
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let json = serde_json::to_vec(&self).unwrap_or_default();
        self.finish(json.into_response(), "application/problem+json")
    }
}

/// Whether the client asks for a document to show, as a browser's navigation does.
pub fn wants_html(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

/// Whether what goes wrong is best answered with a page: to a browser that shows documents, and never
/// at the API's addresses, whose errors are problem documents for everybody. A server function may
/// have been called by a plain form.
pub fn wants_page(uri: &Uri, headers: &HeaderMap) -> bool {
    let is_api = uri.path().starts_with("/api/") && !uri.path().starts_with("/api/fn/");
    wants_html(headers) && !is_api
}

/// Text made safe inside HTML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_apis_errors_are_never_pages() {
        let mut browser = HeaderMap::new();
        browser.insert(header::ACCEPT, HeaderValue::from_static("text/html,*/*"));
        let page = |path: &'static str| wants_page(&Uri::from_static(path), &browser);
        assert!(page("/library") && page("/api/fn/add_sample"));
        for path in [
            "/api/materials/",
            "/api/search",
            "/api/nothing",
            "/api/chat/ws",
        ] {
            assert!(!page(path), "{path}");
        }
        assert!(!wants_page(
            &Uri::from_static("/library"),
            &HeaderMap::new()
        ));
    }
}
