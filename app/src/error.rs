//! `AppError`: what a user may be told when something did not work. It never carries a driver's
//! text, a path or a secret; those are logged once by the server under the same reference.

use crate::api::json_text::JsonTextEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};

/// What sort of trouble it was; decides the HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// No session, or it has ended.
    SignedOut,
    /// Absent, or somebody else's: the two are answered alike.
    NotFound,
    /// The input breaks a rule; the sentence says which.
    Invalid,
    /// Too many or too much; the sentence says when to try again.
    Limited,
    /// A provider or the disk is not available.
    Unavailable,
    /// Our fault.
    Internal,
}

/// An error in the user's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct AppError {
    pub kind: ErrorKind,
    /// One or two sentences: what was wrong and what to do.
    pub message: String,
    /// Finds the log line of this failure; set for `Unavailable` and `Internal`.
    pub reference: Option<String>,
}

impl AppError {
    /// An error of `kind` without a log reference.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            reference: None,
        }
    }

    /// No session.
    pub fn signed_out() -> Self {
        Self::new(ErrorKind::SignedOut, "Sign in to go on.")
    }

    /// Absent or foreign; `what` is a noun such as "material".
    pub fn not_found(what: &str) -> Self {
        Self::new(
            ErrorKind::NotFound,
            format!("There is no such {what} in your account. It may have been deleted."),
        )
    }

    /// Input that breaks a rule.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// The HTTP status this error is answered with.
    pub const fn status(&self) -> u16 {
        match self.kind {
            ErrorKind::SignedOut => 401,
            ErrorKind::NotFound => 404,
            ErrorKind::Invalid => 422,
            ErrorKind::Limited => 429,
            ErrorKind::Unavailable => 503,
            ErrorKind::Internal => 500,
        }
    }
}

impl FromServerFnError for AppError {
    type Encoder = JsonTextEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(_) => Self::new(
                ErrorKind::Unavailable,
                "The server could not be reached. Check that it is running, then try again.",
            ),
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => {
                Self::invalid("That request could not be read. Reload the page and try again.")
            }
            _ => Self::new(
                ErrorKind::Internal,
                "Something went wrong on the server. Try again; if it stays, look at the server's log.",
            ),
        }
    }
}
