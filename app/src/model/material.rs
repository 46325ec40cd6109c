//! A material: one uploaded document and what has become of it.

use super::id::MaterialId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Most characters a title may hold.
pub const TITLE_MAX_CHARS: usize = 200;
/// Most places a search within one material answers: more than anybody steps through.
pub const HITS_MAX: usize = 200;
/// Most characters looked for within a material; a long sentence fits.
pub const FIND_MAX_CHARS: usize = 200;
/// Widths of a page's picture, in pixels: in the strip of thumbnails, on an ordinary screen, and on
/// a fine screen or enlarged.
pub const PICTURE_WIDTHS: [u32; 3] = [200, 900, 1_800];

/// File name of the built-in sample, by which the library knows that it is there.
pub const SAMPLE_FILE_NAME: &str = "Cardiac output in two pages.md";

/// What kind of document the bytes were found to be (never what the upload claimed).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaType {
    Pdf,
    Docx,
    Pptx,
    Xlsx,
    Html,
    Epub,
    Png,
    Jpeg,
    Markdown,
    PlainText,
}

impl MediaType {
    /// The MIME type the original is served with.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Pptx => {
                "application/vnd.openxmlformats-officedocument.presentationml.presentation"
            }
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Html => "text/html; charset=utf-8",
            Self::Epub => "application/epub+zip",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::PlainText => "text/plain; charset=utf-8",
        }
    }
}

/// Why a material could not be read. Each has a sentence and a next step in [`MaterialState::Failed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Needs a password to open.
    Locked,
    /// Not a readable file of its type.
    Damaged,
    /// Pages hold pictures of text, no text.
    Scanned,
    /// Nothing in it: no bytes, no pages, or no text and no pictures.
    Empty,
    /// More pages or more text than the limits allow.
    TooLarge,
    /// Not a kind of file Studyin reads.
    Unsupported,
    /// Reading it took longer, or more memory, than the limits allow.
    GaveUp,
    /// The student stopped it; the pages read so far stay searchable.
    Cancelled,
    /// Something on the server's side, such as a full disk; trying again may help.
    Server,
}

/// Where a material stands on its way to being searchable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum MaterialState {
    /// Waiting for its turn.
    Queued,
    /// Text is being taken out of the pages. `page` is the last page read, from 0.
    Reading { page: u32, pages: Option<u32> },
    /// Passages are being made searchable by meaning.
    Embedding { done: u32, total: u32 },
    /// Searchable and readable.
    Ready,
    /// Ended; `message` says what was wrong and what to do.
    Failed { kind: FailureKind, message: String },
}

impl MaterialState {
    /// Whether nothing more will happen without the student.
    pub const fn is_settled(&self) -> bool {
        matches!(self, Self::Ready | Self::Failed { .. })
    }
}

/// One document of the student's library.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Material {
    pub id: MaterialId,
    /// Shown everywhere; starts as the file's name without its extension, can be renamed.
    pub title: String,
    /// The name the file was uploaded with, cleaned of control characters.
    pub file_name: String,
    pub media_type: MediaType,
    pub size_bytes: u64,
    /// Known once the document has been opened.
    pub page_count: Option<u32>,
    /// Pages that gave no text of their own (pictures, blank pages).
    pub empty_pages: u32,
    pub state: MaterialState,
    /// Pages that can be searched and read now, also while the rest is still on its way.
    pub pages_searchable: u32,
    /// Passages it is divided into for the search.
    pub chunk_count: u32,
    /// Pages that could not be read, or not wholly, although the document could; `page_faults` lists them.
    pub page_fault_count: u32,
    /// How fast it moves while it moves.
    pub pace: Option<Pace>,
    /// What the student should know although nothing failed, e.g. that the embedding service does
    /// not answer and is tried again.
    pub note: Option<String>,
    /// False while the search by meaning still lacks this material (no model yet).
    pub embedded: bool,
    pub uploaded_at: DateTime<Utc>,
    /// What she calls it together with others, in alphabetical order.
    pub tags: Vec<String>,
    /// Grows with every change: of two views of one material, the one with the lower is out of date.
    pub revision: u64,
}

#[cfg(test)]
impl Material {
    /// A document of two pages in this state.
    pub fn example(state: MaterialState) -> Self {
        Self {
            id: MaterialId::new(uuid::Uuid::nil()),
            title: "Heart".into(),
            file_name: "heart.pdf".into(),
            media_type: MediaType::Pdf,
            size_bytes: 2048,
            page_count: Some(2),
            empty_pages: 0,
            pages_searchable: 0,
            chunk_count: 0,
            page_fault_count: 0,
            pace: None,
            note: None,
            state,
            embedded: true,
            uploaded_at: DateTime::UNIX_EPOCH,
            tags: Vec::new(),
            revision: 0,
        }
    }
}

/// How fast a material moves through its ingest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    pub pages_per_second: f32,
    /// Estimated; unknown at the start.
    pub remaining_seconds: Option<u32>,
}

/// A page that could not be read, or not wholly, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageFault {
    /// From 1.
    pub page: u32,
    /// A sentence for the student.
    pub reason: String,
}

/// A bookmark, chapter or slide title of a material.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutlineEntry {
    /// From 1, the outermost.
    pub level: u8,
    pub title: String,
    /// From 1.
    pub page: u32,
}

/// A place in a material where the words looked for stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageHit {
    /// From 1.
    pub page: u32,
    /// Where they stand on that page.
    pub span: Span,
    /// Some words around them.
    pub before: String,
    pub found: String,
    pub after: String,
}

/// A part of a page's picture, in ten-thousandths of its width and height from the upper left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Area {
    pub left: u16,
    pub top: u16,
    pub width: u16,
    pub height: u16,
}

/// One page as the reader shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageView {
    /// From 1.
    pub page: u32,
    /// The cleaned text; citations' offsets count its Unicode scalar values.
    pub text: String,
    /// The passage to highlight on this page, if one was asked for and lies on it.
    pub highlight: Option<Span>,
}

/// A stretch of a page's text in Unicode scalar positions, `start` inclusive, `end` exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

/// What the reader was asked to highlight: the address carries the offsets themselves so that a
/// link outlives the chunk it was made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HighlightRequest {
    /// A stored chunk, by its id.
    pub chunk: Option<i64>,
    /// Offsets on the page; wins over `chunk`.
    pub span: Option<Span>,
}

/// A place in the list of materials, newest first: after the one with this time and id, whether or
/// not it is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListPlace {
    pub uploaded_at: DateTime<Utc>,
    pub id: MaterialId,
}

/// What became of one uploaded file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum UploadOutcome {
    /// Stored and queued.
    Added { material: Material },
    /// The same bytes were here already; this is the material they belong to.
    Duplicate { material: Material },
    /// Not stored; says why and what to do.
    Refused { file_name: String, message: String },
}
