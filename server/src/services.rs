//! The ports of `app` as this server implements them: each method calls one story or one query and
//! says the outcome in the user's words. The only place that turns a leaf's error into an
//! [`AppError`]; the error itself is logged here, once, under the reference the user sees.

use crate::{
    accounts::{AccountError, Accounts},
    analytics::{Activity, Analytics, AnalyticsError},
    cache::{Cached, Caches, Got, Namespace},
    coach::{Coach, CoachError},
    find::Needle,
    ingest::{Ingest, IngestError, files},
    render::{RenderError, Renderer},
    retrieval::{Query, Retrieval, RetrievalError},
    store::{Db, StoreError, materials, reading},
    vitals::Vitals,
};
use app::{
    badges, charts,
    error::{AppError, ErrorKind},
    model::{
        account::{AccessToken, Profile, Role},
        admin::{CacheNamespace, CachePage},
        analytics::{Achievement, AnalyticsPage, DayActivity, More, Overview, Progress, Standing},
        coach::{CoachStatus, Conversation, ConversationSummary, Question},
        filter::{Filter, TAGS_MAX, tags_of},
        id::{ConversationId, MaterialId, UserId},
        material::{
            Area, FIND_MAX_CHARS, HITS_MAX, HighlightRequest, ListPlace, Material, OutlineEntry,
            PageFault, PageHit, PageView, Span, TITLE_MAX_CHARS,
        },
        vitals::PerformancePage,
    },
    ports::{self, Answer, SearchAnswer, Services},
};
use async_trait::async_trait;
use secrecy::SecretString;
use std::{fmt::Display, io, sync::Arc};

/// Longest period the analytics page covers, in days.
const DAYS_MAX: u32 = 365;
/// Longest password of a document, in bytes: PDF readers look at no more than 127.
const DOCUMENT_PASSWORD_MAX_BYTES: usize = 127;
/// Pages searched in one go: little enough to hold in memory whatever is on them.
const PAGES_AT_ONCE: u32 = 20;
/// Stretches of a page that are looked for on its picture in one request.
const SPANS_MAX: usize = HITS_MAX + 1;

/// What the ports are made of.
pub struct Parts<'a> {
    pub db: Db,
    pub caches: &'a Caches,
    pub accounts: Arc<Accounts>,
    pub ingest: Arc<Ingest>,
    pub renderer: Arc<Renderer>,
    pub retrieval: Retrieval,
    pub coach: Arc<Coach>,
    pub analytics: Arc<Analytics>,
    pub vitals: Vitals,
}

/// Bundles the ports for the pages.
pub fn services(parts: Parts<'_>) -> Services {
    let Parts {
        db,
        caches,
        accounts,
        ingest,
        renderer,
        retrieval,
        coach,
        analytics,
        vitals,
    } = parts;
    let accounts = AccountsPort {
        profile: Cached::new(caches, Namespace::Profile, "profile", 1),
        accounts,
    };
    Services {
        admin: Arc::new(AdminPort {
            accounts: accounts.clone(),
            caches: caches.clone(),
            vitals,
        }),
        accounts: Arc::new(accounts),
        materials: Arc::new(MaterialsPort {
            list: Cached::new(caches, Namespace::Materials, "list", 2),
            db,
            ingest,
            renderer,
        }),
        search: Arc::new(SearchPort(retrieval)),
        coach: Arc::new(CoachPort {
            conversations: Cached::new(caches, Namespace::Conversation, "list", 1),
            conversation: Cached::new(caches, Namespace::Conversation, "page", 2),
            coach,
        }),
        analytics: Arc::new(AnalyticsPort {
            overview: Cached::new(caches, Namespace::Analytics, "overview", 3),
            page: Cached::new(caches, Namespace::Analytics, "page", 3),
            days: Cached::new(caches, Namespace::Analytics, "days", 2),
            standing: Cached::new(caches, Namespace::Analytics, "standing", 1),
            more: Cached::new(caches, Namespace::Analytics, "more", 2),
            achievements: Cached::new(caches, Namespace::Analytics, "achievements", 1),
            analytics,
        }),
    }
}

/// What the cache answered, as a port answers it.
fn answer<T: Clone>(got: Result<Got<T>, Arc<AppError>>) -> Answer<T> {
    match got {
        Ok(got) => Ok(Arc::unwrap_or_clone(got.value)),
        Err(error) => Err(Arc::unwrap_or_clone(error)),
    }
}

/// Logs what happened under a fresh reference and gives the user the sentence with it.
pub fn told(kind: ErrorKind, sentence: &str, cause: &dyn Display) -> AppError {
    let mut bytes = [0_u8; 4];
    // Without randomness the reference is only less unique; the log line still carries it.
    let _ = getrandom::fill(&mut bytes);
    let reference = format!("{:08x}", u32::from_be_bytes(bytes));
    tracing::error!(reference, error = %cause, "request.failed");
    AppError {
        kind,
        message: sentence.to_owned(),
        reference: Some(reference),
    }
}

/// What a failed query is called towards a user.
pub fn store_error(error: &StoreError) -> AppError {
    if error.is_disk_full() {
        told(
            ErrorKind::Unavailable,
            "The server's disk is full, so nothing was saved. Free some space, then try again.",
            error,
        )
    } else {
        told(
            ErrorKind::Internal,
            "The server could not reach its database. Try again; if it stays, look at the server's log.",
            error,
        )
    }
}

/// What a failed search is called towards a user.
pub fn retrieval_error(error: &RetrievalError) -> AppError {
    match error {
        RetrievalError::Store(error) => store_error(error),
        RetrievalError::Shared(error) => store_error(error),
    }
}

/// What a failed step of the library is called towards a user.
pub fn ingest_error(error: &IngestError) -> AppError {
    match error {
        IngestError::Store(error) => store_error(error),
        IngestError::DiskFull => told(
            ErrorKind::Unavailable,
            "The server's disk is full, so nothing was saved. Free some space, then try again.",
            error,
        ),
        IngestError::Storage(_) => told(
            ErrorKind::Unavailable,
            "The server's file storage does not answer, so this file could not be stored yet. Try again in a few minutes; if it stays, look at the server's log.",
            error,
        ),
        IngestError::Refused(sentence) => AppError::invalid(sentence.as_str()),
        IngestError::Io(_) | IngestError::Stopped => told(
            ErrorKind::Internal,
            "The server could not keep the file. Try again; if it stays, look at the server's log.",
            error,
        ),
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

/// What an original that cannot be had is called towards a user.
pub fn file_error(error: &io::Error) -> AppError {
    if error.kind() == io::ErrorKind::NotFound {
        return AppError::new(
            ErrorKind::NotFound,
            "The server no longer has this document's file. Delete the document, then upload it again.",
        );
    }
    if files::storage_error(error).is_some() {
        return told(
            ErrorKind::Unavailable,
            "The server's file storage does not answer, so the file cannot be shown. Try again in a few minutes; if it stays, look at the server's log.",
            error,
        );
    }
    told(
        ErrorKind::Internal,
        "The server could not read the file. Try again; if it stays, look at the server's log.",
        error,
    )
}

/// What a picture that cannot be made is called towards a user.
pub fn render_error(error: &RenderError) -> AppError {
    match error {
        RenderError::NoSuchMaterial | RenderError::NoSuchPage | RenderError::NotAPdf => {
            AppError::new(ErrorKind::NotFound, error.to_string())
        }
        RenderError::Locked | RenderError::Broken | RenderError::TooHeavy => {
            AppError::invalid(error.to_string())
        }
        RenderError::Busy => AppError::new(ErrorKind::Limited, error.to_string()),
        RenderError::Store(error) => store_error(error),
        RenderError::File(error) => file_error(error),
        RenderError::Spawn(_) => told(
            ErrorKind::Internal,
            "The server could not draw this page. Try again; if it stays, look at the server's log.",
            error,
        ),
    }
}

struct MaterialsPort {
    list: Cached<Vec<Material>>,
    db: Db,
    ingest: Arc<Ingest>,
    renderer: Arc<Renderer>,
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

struct SearchPort(Retrieval);

#[async_trait]
impl ports::Search for SearchPort {
    async fn search(
        &self,
        user: UserId,
        query: &Question,
        limit: u32,
        filter: &Filter,
    ) -> Answer<SearchAnswer> {
        let query = Query {
            filter: filter.clone(),
            ..Query::new(query.as_str(), usize::try_from(limit).unwrap_or(usize::MAX))
        };
        let found = self.0.search(user, &query).await;
        let found = found.map_err(|error| retrieval_error(&error))?;
        Ok(SearchAnswer {
            passages: Arc::clone(&found.value.passages),
            cached: found.cached || found.value.similar_to.is_some(),
            is_whole: found.value.problem.is_none(),
        })
    }
}

struct CoachPort {
    conversations: Cached<Vec<ConversationSummary>>,
    conversation: Cached<Conversation>,
    coach: Arc<Coach>,
}

fn coach_error(error: &CoachError) -> AppError {
    match error {
        CoachError::Store(error) => store_error(error),
    }
}

#[async_trait]
impl ports::Coach for CoachPort {
    async fn conversations(&self, user: UserId) -> Answer<Vec<ConversationSummary>> {
        let list = async {
            let listed = self.coach.conversations(user).await;
            listed.map_err(|error| coach_error(&error))
        };
        answer(self.conversations.get(user, &[], list).await)
    }

    async fn conversation(&self, user: UserId, id: ConversationId) -> Answer<Conversation> {
        let find = async {
            let found = self.coach.conversation(user, id).await;
            found
                .map_err(|error| coach_error(&error))?
                .ok_or_else(|| AppError::not_found("conversation"))
        };
        answer(self.conversation.get(user, &[&id.to_string()], find).await)
    }

    async fn delete(&self, user: UserId, id: ConversationId) -> Answer<()> {
        match self.coach.delete(user, id).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(AppError::not_found("conversation")),
            Err(error) => Err(coach_error(&error)),
        }
    }

    async fn status(&self, user: UserId) -> Answer<CoachStatus> {
        self.coach
            .status(user)
            .await
            .map_err(|error| coach_error(&error))
    }
}

struct AnalyticsPort {
    overview: Cached<Overview>,
    page: Cached<AnalyticsPage>,
    days: Cached<Vec<DayActivity>>,
    standing: Cached<Standing>,
    more: Cached<More>,
    achievements: Cached<Vec<Achievement>>,
    analytics: Arc<Analytics>,
}

/// What a failed step of the figures is called towards a user.
pub fn analytics_error(error: &AnalyticsError) -> AppError {
    match error {
        AnalyticsError::Store(error) => store_error(error),
        AnalyticsError::NotFound => AppError::not_found("page"),
    }
}

/// A period the page can show.
fn parse_days(days: u32) -> Answer<u32> {
    if (1..=DAYS_MAX).contains(&days) {
        Ok(days)
    } else {
        Err(AppError::invalid(format!(
            "A period has 1 to {DAYS_MAX} days; {days} was asked for."
        )))
    }
}

#[async_trait]
impl ports::Analytics for AnalyticsPort {
    async fn overview(&self, user: UserId, days: u32) -> Answer<Overview> {
        let days = parse_days(days)?;
        let overview = async {
            let overview = self.analytics.overview(user, days).await;
            overview.map_err(|error| analytics_error(&error))
        };
        let what = [&*days.to_string(), &self.analytics.quarter()];
        answer(self.overview.get(user, &what, overview).await)
    }

    async fn days(&self, user: UserId, days: u32) -> Answer<Vec<DayActivity>> {
        let days = parse_days(days)?;
        let list = async {
            let list = self.analytics.days(user, days).await;
            list.map_err(|error| analytics_error(&error))
        };
        let what = [&*days.to_string(), &self.analytics.quarter()];
        answer(self.days.get(user, &what, list).await)
    }

    async fn more(&self, user: UserId, days: u32) -> Answer<More> {
        let days = parse_days(days)?;
        let more = async {
            let more = self.analytics.more(user, days).await;
            more.map_err(|error| analytics_error(&error))
        };
        let what = [&*days.to_string(), &self.analytics.quarter()];
        answer(self.more.get(user, &what, more).await)
    }

    async fn achievements(&self, user: UserId) -> Answer<Vec<Achievement>> {
        let achievements = async {
            let achievements = self.analytics.achievements(user).await;
            achievements.map_err(|error| analytics_error(&error))
        };
        answer(self.achievements.get(user, &[], achievements).await)
    }

    async fn page(&self, user: UserId, days: u32) -> Answer<AnalyticsPage> {
        let page = async {
            let overview = self.overview(user, days).await?;
            let more = self.more(user, days).await?;
            let achievements = self.achievements(user).await?;
            let days = self.days(user, days).await?;
            Ok(AnalyticsPage {
                overview,
                calendar_chart: charts::calendar(&days),
                xp_chart: charts::xp(&days),
                hours_chart: charts::hours(&more.hours),
                badges: achievements
                    .iter()
                    .map(|one| badges::markup(&one.id))
                    .collect(),
                more,
                achievements,
                days,
            })
        };
        let what = [&*days.to_string(), &self.analytics.quarter()];
        answer(self.page.get(user, &what, page).await)
    }

    async fn standing(&self, user: UserId) -> Answer<Standing> {
        let standing = async {
            let standing = self.analytics.standing(user).await;
            standing.map_err(|error| analytics_error(&error))
        };
        answer(
            self.standing
                .get(user, &[&self.analytics.quarter()], standing)
                .await,
        )
    }

    async fn progress(&self, user: UserId, days: u32) -> Answer<Progress> {
        let days = parse_days(days)?;
        let progress = self.analytics.progress(user, days).await;
        progress.map_err(|error| analytics_error(&error))
    }

    async fn record_page_read(&self, user: UserId, id: MaterialId, page: u32) -> Answer<()> {
        self.analytics
            .record(user, Activity::PageRead { material: id, page })
            .await
            .map_err(|error| analytics_error(&error))
    }

    async fn record_reading(&self, user: UserId, id: MaterialId, page: u32) -> Answer<()> {
        self.analytics
            .record(user, Activity::Reading { material: id, page })
            .await
            .map_err(|error| analytics_error(&error))
    }
}

/// What a failed step on an account is called towards a user.
pub fn account_error(error: &AccountError) -> AppError {
    match error {
        AccountError::Store(error) => store_error(error),
        AccountError::Invalid(sentence) => AppError::invalid(*sentence),
        other => told(
            ErrorKind::Internal,
            "The account could not be changed. Try again; if it stays, look at the server's log.",
            other,
        ),
    }
}

#[derive(Clone)]
struct AccountsPort {
    profile: Cached<Profile>,
    accounts: Arc<Accounts>,
}

#[async_trait]
impl ports::Accounts for AccountsPort {
    async fn profile(&self, user: UserId) -> Answer<Profile> {
        let profile = async {
            let profile = self.accounts.profile(user).await;
            profile
                .map_err(|error| account_error(&error))?
                .ok_or_else(AppError::signed_out)
        };
        answer(self.profile.get(user, &[], profile).await)
    }

    async fn set_time_zone(&self, user: UserId, time_zone: &str) -> Answer<Profile> {
        self.accounts
            .set_time_zone(user, time_zone)
            .await
            .map_err(|error| account_error(&error))
    }

    async fn access_tokens(&self, user: UserId) -> Answer<Vec<AccessToken>> {
        self.accounts
            .access_tokens(user)
            .await
            .map_err(|error| account_error(&error))
    }
}

struct AdminPort {
    accounts: AccountsPort,
    caches: Caches,
    vitals: Vitals,
}

impl AdminPort {
    /// Lets the owner through; for anybody else there is nothing.
    async fn admit(&self, user: UserId) -> Answer<()> {
        match ports::Accounts::profile(&self.accounts, user).await? {
            profile if profile.role == Role::Owner => Ok(()),
            _ => Err(AppError::not_found("page")),
        }
    }

    fn page(&self) -> CachePage {
        let figures = self.caches.figures();
        CachePage {
            is_on: figures.is_some(),
            redis_answers: self.caches.redis_answers(),
            namespaces: figures
                .into_iter()
                .flatten()
                .map(|one| CacheNamespace {
                    name: one.namespace.name().to_owned(),
                    hits: one.hits,
                    misses: one.misses,
                    errors: one.errors,
                    evictions: one.evictions,
                    held: one.held,
                    held_bytes: one.held_bytes,
                    stored_bytes: one.stored_bytes,
                    compression_ratio: one.compression_ratio,
                    saved_seconds: one.saved_seconds,
                    ends_with: one
                        .namespace
                        .ending_with()
                        .map(|other| other.name().to_owned())
                        .collect(),
                })
                .collect(),
        }
    }
}

#[async_trait]
impl ports::Admin for AdminPort {
    async fn caches(&self, user: UserId) -> Answer<CachePage> {
        self.admit(user).await?;
        Ok(self.page())
    }

    async fn end_cache(&self, user: UserId, namespace: &str) -> Answer<CachePage> {
        self.admit(user).await?;
        let namespace =
            Namespace::parse(namespace).ok_or_else(|| AppError::not_found("namespace"))?;
        self.caches
            .end(namespace)
            .await
            .map_err(|error| store_error(&error))?;
        Ok(self.page())
    }

    async fn performance(&self, user: UserId) -> Answer<PerformancePage> {
        self.admit(user).await?;
        let page = self.vitals.page().await;
        page.map_err(|error| store_error(&error))
    }
}
