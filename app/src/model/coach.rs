//! What the browser and the coach say to each other, over the socket and in stored conversations.

use super::{
    filter::{Filter, Narrowed},
    id::{ClientId, ConversationId, MaterialId, MessageId, UserId},
    material::{Material, Span},
};
use crate::error::AppError;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Most characters a question may hold.
pub const QUESTION_MAX_CHARS: usize = 8_000;

/// A question worth asking: trimmed, not empty, at most [`QUESTION_MAX_CHARS`] characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question(String);

impl Question {
    /// Parses what a student typed.
    ///
    /// # Errors
    /// [`AppError`] of kind `Invalid` saying which limit was broken.
    pub fn parse(text: &str) -> Result<Self, AppError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AppError::invalid("Type a question first."));
        }
        let chars = text.chars().count();
        if chars > QUESTION_MAX_CHARS {
            return Err(AppError::invalid(format!(
                "That is {chars} characters; a question can hold {QUESTION_MAX_CHARS}. Shorten it and send it again."
            )));
        }
        Ok(Self(text.to_owned()))
    }

    /// The question's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Browser to server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// A question; without a conversation it starts a new one.
    UserMessage {
        #[serde(default)]
        conversation_id: Option<ConversationId>,
        content: String,
        /// What it is asked of, all materials unless it says otherwise.
        #[serde(default)]
        filter: Filter,
        /// The same question sent again under the same id is neither stored nor counted again: its
        /// answer is sent as it is stored, or written if it is not there or broke off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_id: Option<ClientId>,
        /// Whose question it is; refused (`signed_out`) when somebody else is signed in by now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_id: Option<UserId>,
    },
    /// Stop the answer that is being written; what has arrived is kept.
    Cancel,
}

/// Server to browser: `context`, then `token`s and `citation`s, then one `complete` or `error`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CoachEvent {
    /// The question is stored and these passages were found for it.
    Context {
        conversation_id: ConversationId,
        /// The stored question.
        question: Box<Message>,
        /// Id of the answer that is about to be written.
        answer_id: MessageId,
        /// Which provider answers, in the words a student reads.
        provider: String,
        passages: Vec<Passage>,
        /// Plain words when the search is not at its best (model missing).
        note: Option<String>,
        /// Set while some of the student's pages cannot be searched yet.
        #[serde(default)]
        so_far: Option<PagesSoFar>,
    },
    /// The next piece of the answer.
    Token { text: String },
    /// A citation that has just been checked.
    Citation { citation: Citation },
    /// The answer is stored; this replaces what was streamed.
    Complete { message: Box<Message> },
    /// The question failed; `message` holds the stored part of the answer, if there is one.
    Error {
        error: AppError,
        message: Option<Box<Message>>,
    },
}

/// A stretch of the student's own pages that was found for a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// `n` of the `[n]` in the answer, from 1.
    pub number: u32,
    pub material_id: MaterialId,
    /// The material's title when the question was asked.
    pub title: String,
    pub chunk_id: i64,
    /// From 1.
    pub page_first: u32,
    pub page_last: u32,
    /// The title it stands under: a bookmark, a heading, a slide's title.
    #[serde(default)]
    pub section: Option<String>,
    /// Offsets of the passage on `page_first` (to the end of that page if it runs on).
    pub span: Span,
    pub text: String,
    /// Fused relevance, 0 to 1 within this retrieval.
    pub score: f32,
    /// How well its words fit the question's (BM25); 0 when none of them stands in it.
    #[serde(default)]
    pub score_words: f32,
    /// How near its meaning is to the question's, -1 to 1; none when that was not compared.
    #[serde(default)]
    pub score_meaning: Option<f32>,
    /// Where on its page it was joined from neighbours, in order; only the server needs to know.
    #[serde(skip)]
    pub seams: Vec<u32>,
}

/// A place an answer points to, checked against the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// The passage's number.
    pub number: u32,
    /// True when the number is one of this answer's passages and the quote stands on the page.
    pub verified: bool,
    /// The rest is present only when verified.
    pub source: Option<CitationSource>,
}

/// Where a verified citation leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CitationSource {
    pub material_id: MaterialId,
    pub title: String,
    pub chunk_id: i64,
    /// The title under which it stands, if the document has such.
    pub section: Option<String>,
    /// From 1.
    pub page: u32,
    /// Offsets of the quote on that page.
    pub span: Span,
    /// The page's own words at that place.
    pub quote: String,
}

impl CitationSource {
    /// The reader's address for this place.
    pub fn href(&self) -> String {
        reader_href(self.material_id, self.page, self.chunk_id, self.span)
    }
}

impl Passage {
    /// The reader's address for this passage.
    pub fn href(&self) -> String {
        reader_href(self.material_id, self.page_first, self.chunk_id, self.span)
    }
}

fn reader_href(material: MaterialId, page: u32, chunk: i64, span: Span) -> String {
    format!(
        "/library/{material}?page={page}&chunk={chunk}&from={}&to={}",
        span.start, span.end
    )
}

/// Who wrote a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    Student,
    Coach,
}

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// Being written (or the server stopped while it was).
    Partial,
    Complete,
    /// The student stopped it, or left.
    Cancelled,
    /// The provider failed on the way.
    Failed,
}

/// One stored question or answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub id: MessageId,
    pub author: Author,
    pub state: MessageState,
    /// As typed, or as the model wrote it.
    pub text: String,
    /// What a question was narrowed to; none when it was asked of all materials.
    #[serde(default)]
    pub narrowed: Option<Narrowed>,
    /// The answer as safe HTML with its citations as links; empty for a student's message.
    pub html: String,
    /// Label of the provider that answered; empty for a student's message.
    pub provider: String,
    /// Why it failed, for a failed answer.
    pub problem: Option<String>,
    /// Plain words when the search behind an answer was not at its best, or was another question's.
    #[serde(default)]
    pub note: Option<String>,
    pub passages: Vec<Passage>,
    pub citations: Vec<Citation>,
    pub created_at: DateTime<Utc>,
}

/// A document that can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Askable {
    pub id: MaterialId,
    pub title: String,
    /// Pages it has, as far as that is known.
    pub pages: u32,
    pub tags: Vec<String>,
}

impl From<Material> for Askable {
    fn from(material: Material) -> Self {
        Self {
            id: material.id,
            title: material.title,
            pages: material.page_count.unwrap_or(material.pages_searchable),
            tags: material.tags,
        }
    }
}

/// A line of the conversation list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationSummary {
    pub id: ConversationId,
    /// The first question, shortened.
    pub title: String,
    pub updated_at: DateTime<Utc>,
}

/// A whole conversation, oldest message first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    pub id: ConversationId,
    pub title: String,
    pub messages: Vec<Message>,
}

/// What answers and how well it can search right now; shown on the library and coach pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoachStatus {
    /// Label of the provider that will answer.
    pub provider: String,
    /// What compares meanings, and where it runs.
    pub embedder: Option<String>,
    /// Set when the search by meaning does not work: says why, and what to do or when it is tried
    /// again.
    pub search_note: Option<String>,
    /// Materials that can be asked about.
    pub ready_materials: u32,
    /// Materials still on their way.
    pub pending_materials: u32,
    /// Set while some of their pages cannot be searched yet.
    #[serde(default)]
    pub so_far: Option<PagesSoFar>,
}

/// How much can be searched of the materials that are still being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PagesSoFar {
    pub searchable: u32,
    /// Of the documents that are opened already.
    pub pages: u32,
    /// Documents whose pages are not counted yet.
    pub waiting: u32,
}

impl PagesSoFar {
    /// In the words a student reads.
    pub fn sentence(&self) -> String {
        let waiting = match self.waiting {
            0 => String::new(),
            1 => "One document is waiting to be read.".to_owned(),
            several => several.to_string() + " documents are waiting to be read.",
        };
        if self.pages == 0 {
            return waiting;
        }
        let pages = [
            "Using ",
            &self.searchable.to_string(),
            " of ",
            &self.pages.to_string(),
            " pages so far; the rest is still being read.",
        ]
        .concat();
        if waiting.is_empty() {
            pages
        } else {
            pages + " " + &waiting
        }
    }
}
