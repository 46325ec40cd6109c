//! What the pages need from a server, as traits. The server implements them in `services.rs`;
//! nothing here knows how. Every method takes the asking user's id: a foreign id and a missing
//! one are answered alike, with `NotFound`.

use crate::{
    error::AppError,
    model::{
        account::{AccessToken, Profile},
        admin::CachePage,
        analytics::{Achievement, AnalyticsPage, DayActivity, More, Overview, Progress, Standing},
        coach::{CoachStatus, Conversation, ConversationSummary, Passage, Question},
        filter::Filter,
        id::{ConversationId, MaterialId, UserId},
        material::{
            Area, HighlightRequest, ListPlace, Material, OutlineEntry, PageFault, PageHit,
            PageView, Span,
        },
        vitals::PerformancePage,
    },
};
use async_trait::async_trait;
use std::{fmt, sync::Arc};

/// What a port answers.
pub type Answer<T> = Result<T, AppError>;

/// The student's documents.
#[async_trait]
pub trait Materials: Send + Sync {
    /// All of the user's materials, newest first.
    async fn list(&self, user: UserId) -> Answer<Vec<Material>>;
    /// At most `limit` of them, newest first, from behind `after`.
    async fn list_after(
        &self,
        user: UserId,
        after: Option<ListPlace>,
        limit: u32,
    ) -> Answer<Vec<Material>>;
    /// One material.
    async fn get(&self, user: UserId, id: MaterialId) -> Answer<Material>;
    /// One page of a material, `page` from 1; `NotFound` past the last.
    async fn page(
        &self,
        user: UserId,
        id: MaterialId,
        page: u32,
        highlight: HighlightRequest,
    ) -> Answer<PageView>;
    /// Bookmarks, chapters or slide titles, in order; empty where there are none.
    async fn outline(&self, user: UserId, id: MaterialId) -> Answer<Vec<OutlineEntry>>;
    /// Where these words stand, in reading order and at most `HITS_MAX` places; capitals, accents
    /// and line breaks make no difference.
    async fn find_in(&self, user: UserId, id: MaterialId, words: &str) -> Answer<Vec<PageHit>>;
    /// Where stretches of a page's text are on its picture, one list for each of them; empty for
    /// what cannot be found there.
    async fn page_areas(
        &self,
        user: UserId,
        id: MaterialId,
        page: u32,
        spans: &[Span],
    ) -> Answer<Vec<Vec<Area>>>;
    /// Gives a material another title (1 to `TITLE_MAX_CHARS` characters after trimming).
    async fn rename(&self, user: UserId, id: MaterialId, title: &str) -> Answer<Material>;
    /// Gives a material these tags in the place of those it has, at most `filter::TAGS_MAX`.
    async fn tag(&self, user: UserId, id: MaterialId, tags: &[&str]) -> Answer<Material>;
    /// Removes a material with its file and everything made from it; stops its ingest.
    async fn delete(&self, user: UserId, id: MaterialId) -> Answer<()>;
    /// Queues a failed material again.
    async fn retry(&self, user: UserId, id: MaterialId) -> Answer<Material>;
    /// Stops the reading of a material that is on its way. What has been read stays searchable;
    /// one that was being read again is as it was before. A settled one is left alone.
    async fn cancel(&self, user: UserId, id: MaterialId) -> Answer<Material>;
    /// Reads a settled material again from its file; it stays searchable meanwhile.
    async fn reprocess(&self, user: UserId, id: MaterialId) -> Answer<Material>;
    /// Reads a locked material with its password, which is used for this once and never stored.
    async fn unlock(&self, user: UserId, id: MaterialId, password: &str) -> Answer<Material>;
    /// The pages that could not be read, in their order.
    async fn page_faults(&self, user: UserId, id: MaterialId) -> Answer<Vec<PageFault>>;
    /// Adds the built-in sample, or finds the one that is there.
    async fn add_sample(&self, user: UserId) -> Answer<Material>;
}

/// The words of the student's documents.
#[async_trait]
pub trait Search: Send + Sync {
    /// The passages nearest to `query` of what `filter` lets through, at most `limit`, the best first.
    /// Ids that are unknown or somebody else's find nothing.
    async fn search(
        &self,
        user: UserId,
        query: &Question,
        limit: u32,
        filter: &Filter,
    ) -> Answer<SearchAnswer>;
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchAnswer {
    /// The best first.
    pub passages: Arc<[Passage]>,
    /// Whether the answer was kept from an earlier search.
    pub cached: bool,
    /// Whether the same search would find the same until the materials change: nothing went wrong.
    pub is_whole: bool,
}

/// Conversations with the coach. Asking itself goes over the socket.
#[async_trait]
pub trait Coach: Send + Sync {
    /// The user's conversations, most recently used first.
    async fn conversations(&self, user: UserId) -> Answer<Vec<ConversationSummary>>;
    /// One conversation with all its messages.
    async fn conversation(&self, user: UserId, id: ConversationId) -> Answer<Conversation>;
    /// Removes a conversation and its messages.
    async fn delete(&self, user: UserId, id: ConversationId) -> Answer<()>;
    /// What would answer a question now.
    async fn status(&self, user: UserId) -> Answer<CoachStatus>;
}

/// Study time, XP, streaks.
#[async_trait]
pub trait Analytics: Send + Sync {
    /// Figures of the last `days` days (1 to 365, today included).
    async fn overview(&self, user: UserId, days: u32) -> Answer<Overview>;
    /// Each of the last `days` days (1 to 365), oldest first.
    async fn days(&self, user: UserId, days: u32) -> Answer<Vec<DayActivity>>;
    /// Where the student stands, and each of the last `days` days (1 to 365) that led there.
    async fn progress(&self, user: UserId, days: u32) -> Answer<Progress>;
    /// Where the study time of the last `days` days (1 to 365) went, and what the coach was asked.
    async fn more(&self, user: UserId, days: u32) -> Answer<More>;
    /// Every achievement there is, unlocked or not.
    async fn achievements(&self, user: UserId) -> Answer<Vec<Achievement>>;
    /// The whole page: figures, days, charts.
    async fn page(&self, user: UserId, days: u32) -> Answer<AnalyticsPage>;
    /// Stands for all that home and the figures are made of, the day included: between two equal ones nothing
    /// has changed. To be read before the rows.
    async fn stamp(&self, user: UserId) -> Answer<String>;
    /// Level, XP and streak today.
    async fn standing(&self, user: UserId) -> Answer<Standing>;
    /// A page of a material has been on screen in the reader.
    async fn record_page_read(&self, user: UserId, id: MaterialId, page: u32) -> Answer<()>;
    /// She is still reading this page: its tab is on screen and she has just done something.
    async fn record_reading(&self, user: UserId, id: MaterialId, page: u32) -> Answer<()>;
}

/// The signed-in account.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// The user's profile.
    async fn profile(&self, user: UserId) -> Answer<Profile>;
    /// Sets the time zone days are counted in; refuses an unknown IANA name.
    async fn set_time_zone(&self, user: UserId, time_zone: &str) -> Answer<Profile>;
    /// The access tokens of the user's programs, newest first.
    async fn access_tokens(&self, user: UserId) -> Answer<Vec<AccessToken>>;
}

/// What only the owner of the server may see and do; anybody else finds nothing there.
#[async_trait]
pub trait Admin: Send + Sync {
    /// The caches at work.
    async fn caches(&self, user: UserId) -> Answer<CachePage>;
    /// Ends everything kept in a namespace, on every server, and says how the caches stand then.
    async fn end_cache(&self, user: UserId, namespace: &str) -> Answer<CachePage>;
    /// How fast the pages were for the students.
    async fn performance(&self, user: UserId) -> Answer<PerformancePage>;
}

/// All ports in one value, provided to every page and server function as Leptos context.
#[derive(Clone)]
pub struct Services {
    pub accounts: Arc<dyn Accounts>,
    pub materials: Arc<dyn Materials>,
    pub search: Arc<dyn Search>,
    pub coach: Arc<dyn Coach>,
    pub analytics: Arc<dyn Analytics>,
    pub admin: Arc<dyn Admin>,
}

/// Who is asking, provided beside [`Services`] for every request; `None` for a visitor.
#[derive(Clone, Debug)]
pub struct CurrentUser(pub Option<Profile>);

/// What the sign-in and sign-up pages show after a refused form, provided as context when the
/// server renders such a page again. The password is never kept.
#[derive(Clone, Debug, Default)]
pub struct FormState {
    /// What was wrong and what to do.
    pub problem: Option<String>,
    /// A good word, e.g. after a changed password.
    pub notice: Option<String>,
    /// The e-mail address as typed.
    pub email: String,
    /// Where to go after signing in; a path on this site.
    pub next: String,
    /// Whether new accounts can be made.
    pub signups_open: bool,
    /// Whether this sign-up makes the owner and needs the set-up token from the server's log.
    pub needs_setup_token: bool,
    /// Most bytes one uploaded file may have.
    pub file_max_bytes: u64,
    /// Files of a plain form that were not taken; `problem` introduces them.
    pub refused_files: Vec<RefusedFile>,
    /// Why an access token was not made or revoked.
    pub token_problem: Option<String>,
    /// The access token that was just made, shown this once.
    pub new_token: Option<ShownOnce>,
}

impl FormState {
    /// Whether the page answers a form that was just sent, rather than being opened.
    pub fn is_answer(&self) -> bool {
        self.problem.is_some() || self.token_problem.is_some() || self.new_token.is_some()
    }
}

/// A secret on its way to the page that shows it.
#[derive(Clone)]
pub struct ShownOnce(pub String);

impl fmt::Debug for ShownOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShownOnce")
    }
}

/// A file that was not taken.
#[derive(Clone, Debug)]
pub struct RefusedFile {
    pub name: String,
    /// What was wrong and what to do.
    pub reason: String,
}

/// Says with which HTTP status the page is answered. Provided as context by the server; in the
/// browser there is none, and nobody to tell.
#[derive(Clone)]
pub struct AnswerStatus(pub Arc<dyn Fn(u16) + Send + Sync>);

/// Where a page finds its built files. Provided as context by the server.
#[derive(Clone, Debug, Default)]
pub struct PageFiles {
    /// What comes before `/pkg` when they do not lie on this server.
    pub root: Option<String>,
    pub style: BuiltFile,
    /// The chart library, which the page with charts brings in.
    pub charts: BuiltFile,
    /// Address of the list of each lazy page's files.
    pub chunks: String,
    /// An import map with the checksum of every script and WASM file, when they do not lie on this
    /// server: the browser runs nothing that is not what was built.
    pub checksums: Option<String>,
}

/// One of the built files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuiltFile {
    pub address: String,
    /// What `integrity` says of it; only of a file that does not lie on this server.
    pub integrity: Option<String>,
}

/// Marks a page that must work as plain HTML forms and therefore ships no script: sign-in and
/// sign-up. Provided as context by the server.
#[derive(Clone, Copy, Debug)]
pub struct PlainPage;
