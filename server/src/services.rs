//! The ports of `app` as this server implements them: each method calls one story or one query and
//! says the outcome in the user's words. The only place that turns a leaf's error into an
//! [`AppError`]; the error itself is logged here, once, under the reference the user sees.

mod accounts;
mod analytics;
mod coach;
mod materials;

pub use accounts::account_error;
pub use analytics::analytics_error;

use crate::{
    accounts::Accounts,
    analytics::Analytics,
    cache::{Cached, Caches, Got, Namespace},
    coach::Coach,
    ingest::{Ingest, IngestError, files},
    limits::Limits,
    render::{RenderError, Renderer},
    retrieval::{Retrieval, RetrievalError},
    store::{Db, StoreError},
    vitals::Vitals,
};
use accounts::{AccountsPort, AdminPort};
use analytics::AnalyticsPort;
use app::{
    error::{AppError, ErrorKind},
    ports::{Answer, Services},
};
use coach::{CoachPort, SearchPort};
use materials::MaterialsPort;
use std::{fmt::Display, io, sync::Arc};

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
    pub limits: Arc<Limits>,
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
        limits,
    } = parts;
    let accounts = AccountsPort {
        profile: Cached::new(caches, Namespace::Profile, "profile", 1),
        accounts,
        analytics: Arc::clone(&analytics),
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
            page: Cached::new(caches, Namespace::Analytics, "page", 4),
            days: Cached::new(caches, Namespace::Analytics, "days", 2),
            standing: Cached::new(caches, Namespace::Analytics, "standing", 1),
            more: Cached::new(caches, Namespace::Analytics, "more", 3),
            achievements: Cached::new(caches, Namespace::Analytics, "achievements", 1),
            analytics,
            limits,
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
