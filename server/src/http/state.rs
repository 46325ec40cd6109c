//! What every handler can reach: one value, cheap to clone.
//! It knows no handler; it only holds what `Application::build` wired together.

use super::{api::conditional::Answers, assets::Assets};
use crate::{
    accounts::Accounts,
    analytics::Analytics,
    cache::Caches,
    changes::Changes,
    clock::Clock,
    coach::Coach,
    config::Config,
    ingest::{Ingest, files::Files, uploads::Uploads},
    limits::Limits,
    provider::EmbedderSlot,
    render::Renderer,
    store::Db,
    vitals::Vitals,
};
use app::ports::Services;
use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use std::{ops::Deref, sync::Arc};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The wired application as handlers see it. Every layer of a request takes a copy of its own.
#[derive(Clone)]
pub struct AppState(Arc<Wired>);

/// Everything that was wired together.
pub struct Wired {
    pub config: Arc<Config>,
    pub db: Db,
    pub caches: Caches,
    pub accounts: Arc<Accounts>,
    pub ingest: Arc<Ingest>,
    pub uploads: Arc<Uploads>,
    /// The original files on disk.
    pub files: Files,
    /// Draws the pages of PDFs.
    pub renderer: Arc<Renderer>,
    pub coach: Arc<Coach>,
    pub analytics: Arc<Analytics>,
    /// What browsers measured.
    pub vitals: Vitals,
    /// Holds the embedding model once it is loaded.
    pub slot: EmbedderSlot,
    pub changes: Arc<Changes>,
    pub clock: Clock,
    /// The API's answers that are kept.
    pub answers: Answers,
    /// The ports the pages and server functions call.
    pub services: Services,
    pub leptos: LeptosOptions,
    /// The built files every page begins with.
    pub assets: Assets,
    /// Cancelled when the server shuts down: long-lived responses (socket, events) end on it.
    pub stopping: CancellationToken,
    /// Work that outlives its request (sockets): shutting down waits for it, within its limit.
    pub tasks: TaskTracker,
    /// The port of the development reload socket, while `cargo leptos watch` runs.
    pub reload_port: Option<u32>,
    /// Places for requests that are worked on at once.
    pub places: Arc<Semaphore>,
    /// Requests a user may make in a span of time.
    pub limits: Arc<Limits>,
}

impl From<Wired> for AppState {
    fn from(wired: Wired) -> Self {
        Self(Arc::new(wired))
    }
}

impl Deref for AppState {
    type Target = Wired;

    fn deref(&self) -> &Wired {
        &self.0
    }
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.leptos.clone()
    }
}
