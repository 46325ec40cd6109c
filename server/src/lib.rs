//! Studyin's server. `main.rs` reads the configuration, builds an [`Application`] and runs it.
//!
//! This file owns the wiring, and the order of starting and stopping; it knows no request.
// A rendered page is one type as deep as its elements nest.
#![recursion_limit = "512"]

pub mod accounts;
pub mod analytics;
pub mod backup;
pub mod cache;
pub mod changeover;
pub mod changes;
pub mod clock;
pub mod coach;
pub mod config;
pub mod eval;
pub mod failpoint;
pub mod find;
pub mod http;
pub mod ingest;
pub mod limits;
pub mod memory;
pub mod prose;
pub mod provider;
pub mod render;
pub mod retrieval;
pub mod services;
pub mod store;
pub mod telemetry;
pub mod tenancy;
pub mod vitals;

use accounts::{Accounts, Policy};
use analytics::Analytics;
use cache::Caches;
use changes::Changes;
use clock::Clock;
use coach::Coach;
use config::{Config, Signups};
use http::{
    api::conditional::Answers,
    assets::Assets,
    state::{AppState, Wired},
};
use ingest::{
    Ingest,
    files::{self, ClaimError, Files, storage::StorageError},
    uploads::{UploadError, Uploads},
};
use leptos::config::{Env, LeptosOptions};
use limits::Limits;
use provider::{EmbedderSlot, EmbedderSource};
use render::{OpenError, Renderer};
use retrieval::Retrieval;
use secrecy::SecretString;
use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use store::{Db, StoreError};
use tenancy::{Tenancy, TenancyError};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use vitals::Vitals;

/// The database's name in `DATA_DIR`.
pub const DATABASE_FILE: &str = "studyin.sqlite";
/// Longest shutting down may take: answers and ingests under way have this long to end well.
const STOP_WAIT: Duration = Duration::from_secs(10);
/// Name of the built script and style.
const OUTPUT_NAME: &str = "app";
/// What cargo-leptos writes beside the program when the built files' names carry hashes.
const HASH_FILE: &str = "hash.txt";

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "The data folder {0} cannot be used: {1}. Set DATA_DIR to a folder this user may write to."
    )]
    DataDir(PathBuf, io::Error),
    #[error(
        "Another server is running on the data folder {0}. Stop it first, or set DATA_DIR to another folder. Servers with the same REDIS_URL may share one."
    )]
    DataDirInUse(PathBuf),
    #[error("The unfinished uploads cannot be taken up: {0}")]
    Uploads(UploadError),
    /// Names the setting.
    #[error("The storage of the files cannot be used: {0}.")]
    Storage(String),
    #[error("The database cannot be opened: {0}")]
    Database(#[from] StoreError),
    #[error(
        "The address {0} cannot be listened on: {1}. Set HOST and PORT to a free address of this machine."
    )]
    Listen(SocketAddr, io::Error),
    #[error("The chat provider cannot be used: {0}")]
    Chat(#[from] provider::chat::ChatConfigError),
    #[error("The embedding service cannot be used: {0}")]
    Embedder(#[from] provider::remote_embedder::RemoteConfigError),
    #[error("The pages cannot be set up: {0}")]
    Pages(#[from] leptos::config::errors::LeptosConfigError),
    #[error("{0}")]
    Accounts(#[from] accounts::AccountError),
}

/// The wired server, listening but not answering yet.
pub struct Application {
    addr: SocketAddr,
    listener: TcpListener,
    state: AppState,
    setup_token: Option<SecretString>,
    embedder: EmbedderSource,
    tenancy: Tenancy,
}

impl Application {
    /// Opens the data, wires everything and starts listening.
    ///
    /// # Errors
    /// When the data folder, the database, the address or a setting cannot be used.
    pub async fn build(config: Config, clock: Clock) -> Result<Self, StartError> {
        // Fails only when it is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        http::measure::start();
        let tenancy = claim(&config).await?;
        let db = Db::open(&config.data_dir.join(DATABASE_FILE)).await?;
        let files = open_files(&config, &clock).await?;
        let listener = TcpListener::bind(config.addr)
            .await
            .map_err(|error| StartError::Listen(config.addr, error))?;
        let addr = listener
            .local_addr()
            .map_err(|error| StartError::Listen(config.addr, error))?;

        let setup_token = setup_token(&config, &db).await?;
        let policy = Policy {
            open: config.signups == Signups::Open,
            setup_token: setup_token.clone(),
        };
        let changes = Arc::new(Changes::default());
        let slot = EmbedderSlot::empty();
        let embedder = EmbedderSource::new(&config.embedder, &config.model_dir)?;
        let accounts = Arc::new(Accounts::new(db.clone(), clock.clone(), policy));
        let analytics = Analytics::new(db.clone(), Arc::clone(&changes), clock.clone());
        let limits = ingest::Limits {
            file_max_bytes: config.file_max_bytes,
            user_max_bytes: config.user_max_bytes,
            user_max_materials: config.user_max_materials,
            extractor: config.extractor.clone(),
        };
        let (stopping, tasks) = (CancellationToken::new(), TaskTracker::new());
        let caches = Caches::open(&config.cache, db.clone(), clock.clone(), &tasks, &stopping);
        let ingest = Ingest::new(
            db.clone(),
            files.clone(),
            slot.clone(),
            Arc::clone(&changes),
            clock.clone(),
            limits.clone(),
            &caches,
        );
        let uploads = Uploads::new(
            db.clone(),
            files.clone(),
            Arc::clone(&ingest),
            Arc::clone(&analytics),
            clock.clone(),
            limits,
            stopping.clone(),
            tasks.clone(),
        );
        if tenancy.is_first() {
            uploads.resume().await.map_err(StartError::Uploads)?;
        }
        let renderer = Renderer::open(
            db.clone(),
            files.clone(),
            &config.data_dir,
            config.extractor.clone(),
        )
        .await
        .map_err(|error| match error {
            OpenError::Folder(error) => StartError::DataDir(config.data_dir.clone(), error),
            OpenError::Store(error) => StartError::Database(error),
        })?;
        let renderer = Arc::new(renderer);
        let retrieval = Retrieval::new(db.clone(), slot.clone(), &caches);
        let coach = Coach::new(
            (db.clone(), &caches),
            retrieval.clone(),
            slot.clone(),
            provider::chat::chat_from(&config.chat, slot.clone())?,
            Arc::clone(&analytics),
            Arc::clone(&changes),
            clock.clone(),
        );
        let vitals = Vitals::new(db.clone(), clock.clone());
        let allowances = Arc::new(Limits::new(&config.rates));
        let services = services::services(services::Parts {
            db: db.clone(),
            caches: &caches,
            accounts: Arc::clone(&accounts),
            ingest: Arc::clone(&ingest),
            renderer: Arc::clone(&renderer),
            retrieval,
            coach: Arc::clone(&coach),
            analytics: Arc::clone(&analytics),
            vitals: vitals.clone(),
            limits: Arc::clone(&allowances),
        });
        let (leptos, reload_port) = leptos_options(&config, addr)?;
        let assets = Assets::find(&leptos, config.assets.as_ref());
        let state = AppState::from(Wired {
            limits: allowances,
            places: Arc::new(Semaphore::new(http::layers::REQUESTS_AT_ONCE)),
            config: Arc::new(config),
            db,
            answers: Answers::new(&caches),
            caches,
            accounts,
            ingest,
            uploads,
            files,
            renderer,
            coach,
            analytics,
            vitals,
            slot,
            changes,
            clock,
            services,
            leptos,
            assets,
            reload_port,
            stopping,
            tasks,
        });
        Ok(Self {
            addr,
            listener,
            state,
            setup_token,
            embedder,
            tenancy,
        })
    }

    /// Where it listens; with `PORT=0` the machine chose.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address to open in a browser.
    pub fn url(&self) -> String {
        match &self.state.config.public_url {
            Some(url) if url.https => format!("https://{}", url.authority),
            Some(url) => format!("http://{}", url.authority),
            // "Every address of this machine" is none a browser could open.
            None if self.addr.ip().is_unspecified() => {
                format!("http://127.0.0.1:{}", self.addr.port())
            }
            None => format!("http://{}", self.addr),
        }
    }

    /// What the first account has to show, if this server listens beyond this machine and has no
    /// account yet.
    pub fn setup_token(&self) -> Option<&SecretString> {
        self.setup_token.as_ref()
    }

    /// Answers until `stop`, then ends what is under way within [`STOP_WAIT`].
    pub async fn run(self, stop: CancellationToken) {
        let Self {
            listener,
            state,
            embedder,
            tenancy,
            ..
        } = self;
        if tenancy.is_first() {
            // The only writer so far: what a crash left half-written is marked as such.
            if let Err(error) = state.coach.settle_interrupted().await {
                tracing::error!(%error, "answers cut off by a crash could not be marked");
            }
            if let Err(error) = analytics::recount::catch_up(&state.db).await {
                tracing::error!(%error, "figures of an older version could not be counted again");
            }
            state.ingest.resume().await;
        }
        if let Err(error) = tenancy.let_others_in().await {
            tracing::error!(%error, "the data folder cannot be shared");
            return;
        }

        let stopping = state.stopping.clone();
        let workers = TaskTracker::new();
        workers.spawn(Arc::clone(&state.ingest).run(stopping.clone()));
        workers.spawn(provider::keep_embedder(
            state.slot.clone(),
            embedder,
            ingest::chunk::estimate_tokens,
            stopping.clone(),
        ));
        workers.spawn(changeover::watch(
            state.db.clone(),
            state.slot.clone(),
            Arc::clone(&state.config),
            Arc::clone(&state.changes),
            stopping.clone(),
        ));
        workers.close();
        let connections = TaskTracker::new();
        let serving = tokio::spawn(http::serve::serve(
            listener,
            http::router(state.clone()),
            stopping.clone(),
            connections.clone(),
        ));

        stop.cancelled().await;
        tracing::info!("stopping");
        stopping.cancel();
        state.tasks.close();
        let ended = tokio::time::timeout(STOP_WAIT, async {
            let _ = serving.await;
            connections.wait().await;
            state.tasks.wait().await;
            workers.wait().await;
        })
        .await;
        if ended.is_err() {
            tracing::warn!(
                "some work did not end within {} s and was cut off; it is resumed at the next start",
                STOP_WAIT.as_secs()
            );
        }
        state.db.close().await;
        tracing::info!("stopped");
    }
}

/// Takes the data folder. Only servers with a common Redis may share one.
async fn claim(config: &Config) -> Result<Tenancy, StartError> {
    let shares = config.cache.redis.is_some();
    Tenancy::take(&config.data_dir, shares)
        .await
        .map_err(|error| match error {
            TenancyError::Io(error) => StartError::DataDir(config.data_dir.clone(), error),
            TenancyError::Taken => StartError::DataDirInUse(config.data_dir.clone()),
        })
}

/// Opens the folders and the storage of the files. A bucket that refuses is a wrong setting and stops
/// the start. One that does not answer stops nothing: after a power cut it may well come up later than
/// this server, and until then everything works that needs no original.
async fn open_files(config: &Config, clock: &Clock) -> Result<Files, StartError> {
    let opened = Files::open_with(&config.data_dir, &config.storage).await;
    let files = opened.map_err(|error| match files::storage_error(&error) {
        Some(problem) => StartError::Storage(problem.to_string()),
        None => StartError::DataDir(config.data_dir.clone(), error),
    })?;
    match files.claim(clock.new_id()).await {
        Ok(()) => {}
        Err(ClaimError::Storage(error @ StorageError::Silent(_))) => {
            tracing::warn!(%error, "the storage of the files does not answer; starting without it");
        }
        Err(ClaimError::Io(error)) => {
            return Err(StartError::DataDir(config.data_dir.clone(), error));
        }
        Err(error) => return Err(StartError::Storage(error.to_string())),
    }
    Ok(files)
}

/// Beyond this machine anybody could reach an empty server first, also through a proxy on it; only
/// who reads its log may own it.
async fn setup_token(config: &Config, db: &Db) -> Result<Option<SecretString>, StartError> {
    let is_private = config.addr.ip().is_loopback() && config.public_url.is_none();
    if is_private || store::accounts::any_user(db).await? {
        return Ok(None);
    }
    Ok(Some(accounts::made_up_secret()?))
}

/// What Leptos needs to know of the built site: from cargo-leptos while it runs the server, else
/// from where the site lies.
fn leptos_options(
    config: &Config,
    addr: SocketAddr,
) -> Result<(LeptosOptions, Option<u32>), StartError> {
    if config.under_cargo_leptos {
        let options = leptos::config::get_configuration(None)?.leptos_options;
        let reload_port = options.reload_port;
        return Ok((options, Some(reload_port)));
    }
    let names_carry_hashes = std::env::current_exe()
        .ok()
        .and_then(|program| Some(program.parent()?.join(HASH_FILE)))
        .is_some_and(|hashes| hashes.is_file());
    let options = LeptosOptions::builder()
        .output_name(OUTPUT_NAME)
        .site_root(config.site_root.to_string_lossy().into_owned())
        .site_pkg_dir("pkg")
        .env(Env::PROD)
        .site_addr(addr)
        .hash_files(names_carry_hashes)
        .build();
    Ok((options, None))
}
