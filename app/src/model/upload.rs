//! Uploads as the library page sees them: what the student may still send, and what she began.

use super::id::UploadId;
use serde::{Deserialize, Serialize};

/// Endings of the files Studyin reads. A hint for choosing only: what a file is, its bytes say.
pub const EXTENSIONS: [&str; 13] = [
    "pdf", "docx", "pptx", "xlsx", "html", "htm", "epub", "md", "markdown", "txt", "png", "jpg",
    "jpeg",
];
/// The same, as a file field wants it.
pub const ACCEPT: &str =
    ".pdf,.docx,.pptx,.xlsx,.html,.htm,.epub,.md,.markdown,.txt,.png,.jpg,.jpeg";
/// Files taken from one choice or drop: as many as a library holds by default.
pub const FILES_AT_ONCE: usize = 1_000;

/// What a student may upload now; the server checks again at each upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// Most bytes one file may have.
    pub file_max_bytes: u64,
    /// Bytes that still fit into her library.
    pub bytes_left: u64,
    /// Files that still fit.
    pub files_left: u32,
}

/// An upload that was begun and has not arrived completely.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    pub id: UploadId,
    /// As the server cleaned it.
    pub file_name: String,
    /// What the browser said it knows the file by.
    pub fingerprint: Option<String>,
    pub size_bytes: u64,
    pub received_bytes: u64,
}

/// The answer of `GET /api/uploads`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadDesk {
    pub allowance: Allowance,
    /// Oldest first.
    pub unfinished: Vec<Unfinished>,
}
