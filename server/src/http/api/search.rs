//! `POST /api/search`: the passages of the student's documents that are nearest to a question.

use super::{
    caller::Reader,
    conditional::Written,
    input::{Body, within},
};
use crate::{
    http::{problem::Problem, state::AppState},
    limits::in_words,
};
use app::{
    error::AppError,
    model::{
        coach::{Passage, QUESTION_MAX_CHARS, Question},
        filter::{Filter, PageRange},
        id::MaterialId,
    },
};
use axum::{
    body::Bytes,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use utoipa::ToSchema;
use uuid::Uuid;

/// Where searches are sent to.
pub const PATH: &str = "/api/search";
/// Passages of one answer: more than anybody reads, little enough to send at once.
pub const LIMIT_MAX: u32 = 50;
const LIMIT_DEFAULT: u32 = 8;
/// Highest page number that is taken: no document has as many pages.
pub const PAGE_MAX: u32 = 1_000_000;

/// What to look for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    /// A question, or some words; not only spaces.
    #[schema(min_length = 1, max_length = 8000, pattern = r"\S")]
    query: String,
    /// Most passages to answer with.
    #[serde(default = "limit_default")]
    #[schema(minimum = 1, maximum = 50, default = 8)]
    limit: u32,
    /// Only in these materials; those that are not yours find nothing. Without it, in all.
    #[schema(max_items = 100)]
    material_ids: Option<Vec<Uuid>>,
    /// Only in materials with at least one of these tags; upper and lower case make no difference.
    #[serde(default)]
    #[schema(max_items = 20)]
    tags: Vec<String>,
    /// Only passages on this page or behind it, from 1.
    #[schema(minimum = 1, maximum = 1_000_000)]
    page_first: Option<u32>,
    /// Only passages on this page or before it.
    #[schema(minimum = 1, maximum = 1_000_000)]
    page_last: Option<u32>,
}

fn limit_default() -> u32 {
    LIMIT_DEFAULT
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub struct SearchResponse {
    /// The best first.
    passages: Vec<FoundPassage>,
    /// Whether the answer was kept from an earlier search. The last field: [`sent`] relies on it.
    cached: bool,
}

/// A stretch of a document.
#[derive(Serialize, ToSchema)]
#[schema(as = Passage)]
pub struct FoundPassage {
    material_id: Uuid,
    /// The document's title.
    title: String,
    /// The title it stands under in the document.
    #[schema(required)]
    section: Option<String>,
    /// Where it begins, from 1.
    page_first: u32,
    /// Where it ends.
    page_last: u32,
    text: String,
    /// How well it fits, 0 to 1 within this answer.
    score: f32,
}

impl From<&Passage> for FoundPassage {
    fn from(passage: &Passage) -> Self {
        Self {
            material_id: passage.material_id.uuid(),
            title: passage.title.clone(),
            section: passage.section.clone(),
            page_first: passage.page_first,
            page_last: passage.page_last,
            text: passage.text.clone(),
            score: passage.score,
        }
    }
}

/// Search the documents
///
/// By words and by meaning, in everything that is readable so far.
#[utoipa::path(
    post, path = PATH, tag = "Search", operation_id = "search",
    request_body = SearchRequest,
    responses(
        (status = 200, description = "The passages; none when nothing fits.", body = SearchResponse),
        (status = 400, description = "The body is no JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not sent as JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is missing, unknown or out of its bounds.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many searches in a minute.", body = Problem, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait."))),
    )
)]
pub async fn search(
    State(app): State<AppState>,
    Reader(profile): Reader,
    Body(request): Body<SearchRequest>,
) -> Result<Response, Problem> {
    let limit = within("limit", request.limit, 1, LIMIT_MAX)?;
    // As it was sent: the limit of a question is counted without the spaces around it.
    if request.query.chars().count() > QUESTION_MAX_CHARS {
        return Err(too_much(format!(
            "query can hold {QUESTION_MAX_CHARS} characters."
        )));
    }
    let query = Question::parse(&request.query)?;
    for (name, page) in [
        ("page_first", request.page_first),
        ("page_last", request.page_last),
    ] {
        within(name, page.unwrap_or(1), 1, PAGE_MAX)?;
    }
    let pages =
        (request.page_first.is_some() || request.page_last.is_some()).then_some(PageRange {
            first: request.page_first.unwrap_or(1),
            last: request.page_last.unwrap_or(PAGE_MAX),
        });
    let filter = Filter {
        materials: request
            .material_ids
            .map(|ids| ids.into_iter().map(MaterialId::new).collect()),
        tags: request.tags,
        pages,
    };
    let filter = filter.checked()?;
    if let Err(wait) = app.limits.searches.take(&profile.id) {
        return Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!(
                "That is more than {} searches in a minute. Try again {}.",
                app.config.rates.searches_per_minute,
                in_words(wait)
            ),
        )
        .retry_after(wait));
    }
    let was_kept = AtomicBool::new(false);
    let search = async {
        let search = app
            .services
            .search
            .search(profile.id, &query, limit, &filter);
        let found = search.await?;
        was_kept.store(found.cached, Ordering::Relaxed);
        let passages: Vec<FoundPassage> = found.passages.iter().map(FoundPassage::from).collect();
        // As it will be sent the next time.
        let response = SearchResponse {
            passages,
            cached: true,
        };
        Ok::<_, AppError>(Written::of(&response)?.lasting(found.is_whole))
    };
    let embedder = app.slot.current();
    let embedder = embedder.as_ref().map_or("", |embedder| embedder.id());
    let scope = serde_json::to_string(&(limit, &filter)).unwrap_or_default();
    let what = [embedder, &*scope, query.as_str()];
    let written = app.answers.searches.get(profile.id, &what, search).await;
    let written = written.map_err(|error| Problem::from(Arc::unwrap_or_clone(error)))?;
    let cached = written.cached || was_kept.load(Ordering::Relaxed);
    Ok(sent(&written.value.json, cached))
}

/// A [`SearchResponse`] that was written down as a kept one, as it is sent this time.
fn sent(kept: &Bytes, cached: bool) -> Response {
    const KEPT: usize = b"true}".len();
    let body = if cached {
        kept.clone()
    } else {
        [&kept[..kept.len() - KEPT], b"false}"].concat().into()
    };
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn too_much(sentence: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    #[tokio::test]
    async fn an_answer_says_whether_it_was_kept_and_is_otherwise_the_same() {
        let response = |cached| SearchResponse {
            passages: vec![FoundPassage {
                material_id: Uuid::nil(),
                title: "\"Heart\"".to_owned(),
                section: None,
                page_first: 1,
                page_last: 2,
                text: "The heart.".to_owned(),
                score: 0.5,
            }],
            cached,
        };
        let kept = Written::of(&response(true)).unwrap();
        for cached in [false, true] {
            let body = to_bytes(sent(&kept.json, cached).into_body(), usize::MAX);
            let expected = serde_json::to_vec(&response(cached)).unwrap();
            assert_eq!(body.await.unwrap(), expected);
        }
    }
}
