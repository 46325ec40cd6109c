//! The library and the reader as the pages want them.

use super::{answer, ingest_error, render_error, store_error, told};
use crate::{
    cache::Cached,
    find::Needle,
    ingest::{Ingest, IngestError},
    render::{RenderError, Renderer},
    store::{Db, materials, reading},
};
use app::{
    error::{AppError, ErrorKind},
    model::{
        filter::{TAGS_MAX, tags_of},
        id::{MaterialId, UserId},
        material::{
            Area, FIND_MAX_CHARS, HITS_MAX, HighlightRequest, ListPlace, Material, OutlineEntry,
            PageFault, PageHit, PageView, Span, TITLE_MAX_CHARS,
        },
    },
    ports::{self, Answer},
};
use async_trait::async_trait;
use secrecy::SecretString;
use std::sync::Arc;

/// Longest password of a document, in bytes: PDF readers look at no more than 127.
const DOCUMENT_PASSWORD_MAX_BYTES: usize = 127;
/// Pages searched in one go: little enough to hold in memory whatever is on them.
const PAGES_AT_ONCE: u32 = 20;
/// Stretches of a page that are looked for on its picture in one request.
const SPANS_MAX: usize = HITS_MAX + 1;

pub(super) struct MaterialsPort {
    pub(super) list: Cached<Vec<Material>>,
    pub(super) db: Db,
    pub(super) ingest: Arc<Ingest>,
    pub(super) renderer: Arc<Renderer>,
}

#[async_trait]
impl ports::Materials for MaterialsPort {
    async fn list(&self, user: UserId) -> Answer<Vec<Material>> {
        let list = async {
            materials::list(&self.db, user)
                .await
                .map_err(|error| store_error(&error))
        };
        answer(self.list.get(user, &[], list).await)
    }

    async fn list_after(
        &self,
        user: UserId,
        after: Option<ListPlace>,
        limit: u32,
    ) -> Answer<Vec<Material>> {
        materials::list_after(&self.db, user, after, limit)
            .await
            .map_err(|error| store_error(&error))
    }

    async fn get(&self, user: UserId, id: MaterialId) -> Answer<Material> {
        materials::find(&self.db, user, id)
            .await
            .map_err(|error| store_error(&error))?
            .ok_or_else(no_material)
    }

    async fn page(
        &self,
        user: UserId,
        id: MaterialId,
        page: u32,
        highlight: HighlightRequest,
    ) -> Answer<PageView> {
        let text = materials::page_text(&self.db, user, id, page)
            .await
            .map_err(|error| store_error(&error))?
            .ok_or_else(|| AppError::not_found("page"))?;
        let wanted = match (highlight.span, highlight.chunk) {
            (Some(span), _) => Some(span),
            (None, Some(chunk)) => materials::chunk_span(&self.db, user, id, chunk)
                .await
                .map_err(|error| store_error(&error))?
                .filter(|place| (place.page_first..=place.page_last).contains(&page))
                .map(|place| on_page(place, page)),
            (None, None) => None,
        };
        let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let highlight = wanted
            .map(|span| Span {
                start: span.start.min(length),
                end: span.end.min(length),
            })
            .filter(|span| span.start < span.end);
        Ok(PageView {
            page,
            text,
            highlight,
        })
    }

    async fn outline(&self, user: UserId, id: MaterialId) -> Answer<Vec<OutlineEntry>> {
        self.get(user, id).await?;
        reading::outline(&self.db, user, id)
            .await
            .map_err(|error| store_error(&error))
    }

    async fn find_in(&self, user: UserId, id: MaterialId, words: &str) -> Answer<Vec<PageHit>> {
        self.get(user, id).await?;
        if words.chars().count() > FIND_MAX_CHARS {
            return Err(AppError::invalid(format!(
                "Look for at most {FIND_MAX_CHARS} characters at once."
            )));
        }
        let Some(needle) = Needle::parse(words) else {
            return Ok(Vec::new());
        };
        let needle = Arc::new(needle);
        let mut hits = Vec::new();
        let mut last = 0;
        while hits.len() < HITS_MAX {
            let pages = reading::pages_after(&self.db, user, id, last, PAGES_AT_ONCE)
                .await
                .map_err(|error| store_error(&error))?;
            let Some((number, _)) = pages.last() else {
                break;
            };
            last = *number;
            let (needle, room) = (Arc::clone(&needle), HITS_MAX - hits.len());
            // A page may hold megabytes of text, and other requests have to go on meanwhile.
            let found = tokio::task::spawn_blocking(move || {
                let mut found = Vec::new();
                for (page, text) in &pages {
                    found.extend(needle.hits(*page, text, room - found.len()));
                }
                found
            });
            hits.extend(found.await.map_err(|error| {
                told(
                    ErrorKind::Internal,
                    "The search broke off. Try again.",
                    &error,
                )
            })?);
        }
        Ok(hits)
    }

    async fn page_areas(
        &self,
        user: UserId,
        id: MaterialId,
        page: u32,
        spans: &[Span],
    ) -> Answer<Vec<Vec<Area>>> {
        let text = materials::page_text(&self.db, user, id, page)
            .await
            .map_err(|error| store_error(&error))?
            .ok_or_else(|| AppError::not_found("page"))?;
        let spans: Vec<Span> = spans.iter().take(SPANS_MAX).copied().collect();
        let count = spans.len();
        match self.renderer.areas(user, id, page, text, spans).await {
            Ok(areas) => Ok(areas),
            // What has no picture has no places on it; the text is marked all the same.
            Err(
                RenderError::NotAPdf
                | RenderError::Locked
                | RenderError::Broken
                | RenderError::TooHeavy
                | RenderError::NoSuchPage
                | RenderError::Busy
                | RenderError::File(_),
            ) => Ok(vec![Vec::new(); count]),
            Err(error) => Err(render_error(&error)),
        }
    }

    async fn rename(&self, user: UserId, id: MaterialId, title: &str) -> Answer<Material> {
        let title = parse_title(title)?;
        self.ingest
            .rename(user, id, &title)
            .await
            .map_err(|error| ingest_error(&error))?
            .ok_or_else(no_material)
    }

    async fn tag(&self, user: UserId, id: MaterialId, tags: &[&str]) -> Answer<Material> {
        let tags = tags_of(tags.iter().copied());
        if tags.len() > TAGS_MAX {
            return Err(AppError::invalid(format!(
                "A document can have {TAGS_MAX} tags; these are {}.",
                tags.len()
            )));
        }
        self.ingest
            .tag(user, id, &tags)
            .await
            .map_err(|error| ingest_error(&error))?
            .ok_or_else(no_material)
    }

    async fn delete(&self, user: UserId, id: MaterialId) -> Answer<()> {
        match self.ingest.delete(user, id).await {
            Ok(true) => {
                self.renderer.forget(user, id).await;
                Ok(())
            }
            Ok(false) => Err(no_material()),
            Err(error) => Err(ingest_error(&error)),
        }
    }

    async fn retry(&self, user: UserId, id: MaterialId) -> Answer<Material> {
        known(self.ingest.retry(user, id).await)
    }

    async fn cancel(&self, user: UserId, id: MaterialId) -> Answer<Material> {
        known(self.ingest.cancel(user, id).await)
    }

    async fn reprocess(&self, user: UserId, id: MaterialId) -> Answer<Material> {
        known(self.ingest.reprocess(user, id).await)
    }

    async fn unlock(&self, user: UserId, id: MaterialId, password: &str) -> Answer<Material> {
        known(
            self.ingest
                .unlock(user, id, parse_document_password(password)?)
                .await,
        )
    }

    async fn page_faults(&self, user: UserId, id: MaterialId) -> Answer<Vec<PageFault>> {
        materials::text::page_faults(&self.db, user, id)
            .await
            .map_err(|error| store_error(&error))?
            .ok_or_else(no_material)
    }

    async fn add_sample(&self, user: UserId) -> Answer<Material> {
        self.ingest
            .add_sample(user)
            .await
            .map_err(|error| ingest_error(&error))
    }
}

/// What a step on one material came to.
fn known(outcome: Result<Option<Material>, IngestError>) -> Answer<Material> {
    outcome
        .map_err(|error| ingest_error(&error))?
        .ok_or_else(no_material)
}

fn no_material() -> AppError {
    AppError::not_found("material")
}

/// A document's password as it was typed: spaces may belong to it.
fn parse_document_password(password: &str) -> Answer<SecretString> {
    if password.is_empty() {
        return Err(AppError::invalid("Type the document's password first."));
    }
    if password.len() > DOCUMENT_PASSWORD_MAX_BYTES {
        return Err(AppError::invalid(format!(
            "A document's password has at most {DOCUMENT_PASSWORD_MAX_BYTES} bytes; this one is longer."
        )));
    }
    Ok(SecretString::from(password))
}

/// The part of a chunk that lies on `page`: a chunk that runs over several pages covers the first
/// from its start, the last up to its end, and the ones between wholly.
fn on_page(place: materials::ChunkPlace, page: u32) -> Span {
    Span {
        start: if page == place.page_first {
            place.span.start
        } else {
            0
        },
        end: if page == place.page_last {
            place.span.end
        } else {
            u32::MAX
        },
    }
}

/// The title a student may give: one line, trimmed, within the limit.
fn parse_title(title: &str) -> Answer<String> {
    let title: String = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let title: String = title.chars().filter(|c| !c.is_control()).collect();
    let chars = title.chars().count();
    if title.is_empty() {
        return Err(AppError::invalid("Give the material a title."));
    }
    if chars > TITLE_MAX_CHARS {
        return Err(AppError::invalid(format!(
            "That title has {chars} characters; {TITLE_MAX_CHARS} fit."
        )));
    }
    Ok(title)
}
