//! `GET /copies/...`: a document or a conversation as one page without scripts of its own, which a
//! student may keep in her browser. It reads by the ports, as the pages do, and knows no cache: the
//! browser decides what it keeps.

use super::{headers::still_policy, problem::Problem, session::SignedIn, state::AppState};
use app::{
    error::AppError,
    model::{
        id::{ConversationId, MaterialId},
        material::{HighlightRequest, MaterialState, PageView},
    },
    pages::copy::{self, End, Frame},
};
use axum::{
    extract::{Path, State},
    http::{HeaderName, HeaderValue, header},
    response::{Html, IntoResponse, Response},
};

/// Pages in one copy; a longer document ends there and says so. 2,000 pages are about 6 MB of text.
const COPY_PAGES_MAX: u32 = 2_000;

/// Tells the browser that a copy made later will have more pages.
const COPY: HeaderName = HeaderName::from_static("x-copy");
const INCOMPLETE: HeaderValue = HeaderValue::from_static("incomplete");

/// `GET /copies/library/{id}`: the text of a document.
pub async fn material(
    State(app): State<AppState>,
    SignedIn(profile): SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id: MaterialId = id.parse().map_err(|_| AppError::not_found("material"))?;
    let materials = &app.services.materials;
    let material = materials.get(profile.id, id).await?;
    let readable = match material.state {
        MaterialState::Ready => material.page_count.unwrap_or_default(),
        _ => material.pages_searchable,
    };
    let mut pages: Vec<PageView> = Vec::new();
    for number in 1..=readable.min(COPY_PAGES_MAX) {
        let highlight = HighlightRequest::default();
        match materials.page(profile.id, id, number, highlight).await {
            Ok(page) => pages.push(page),
            // A page that could not be read has no text.
            Err(error) if error.status() == 404 => {}
            Err(error) => return Err(error.into()),
        }
    }
    let frame = Frame {
        student: profile.id,
        style: &app.assets.files.style.address,
    };
    let end = End::of(&material, readable, COPY_PAGES_MAX);
    let html = copy::material_html(&frame, &material, pages, end);
    let mut response = still(&app, html);
    if end == End::Unread {
        response.headers_mut().insert(COPY, INCOMPLETE);
    }
    Ok(response)
}

/// `GET /copies/coach/{id}`: the questions and answers of a conversation.
pub async fn conversation(
    State(app): State<AppState>,
    SignedIn(profile): SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id: ConversationId = id
        .parse()
        .map_err(|_| AppError::not_found("conversation"))?;
    let conversation = app.services.coach.conversation(profile.id, id).await?;
    let frame = Frame {
        student: profile.id,
        style: &app.assets.files.style.address,
    };
    Ok(still(&app, copy::conversation_html(&frame, conversation)))
}

fn still(app: &AppState, html: String) -> Response {
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    if let Some(policy) = still_policy(app.config.assets.as_ref()) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    response
}
