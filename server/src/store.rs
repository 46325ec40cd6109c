//! The database: opening it, migrating it, and handing out connections. Each aggregate's queries
//! live in its own file; no query on a user's row goes without the user's id.
//!
//! SQLite in WAL mode: many readers beside one writer. Every write takes the single writer
//! connection with `BEGIN IMMEDIATE`, so a write can wait but never fails half-way on a lock.

pub mod access_tokens;
pub mod accounts;
pub mod activity;
pub mod conversations;
pub mod generations;
pub mod jobs;
mod look;
pub mod materials;
pub mod orphans;
pub mod passages;
pub mod reading;
pub mod uploads;
pub mod vitals;

use log::LevelFilter;
use look::Lookers;
use sqlx::{
    ConnectOptions as _, Sqlite, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{path::Path, sync::Arc, time::Duration};

/// Reader connections: enough for the cores of a laptop; more only take memory.
const READERS: u32 = 4;
/// How long a statement waits for a lock, or a task for a connection, before it fails.
const WAIT: Duration = Duration::from_secs(10);
/// Older SQLite can corrupt a WAL database when a checkpoint resets the log beside a reader.
const SQLITE_OLDEST: (u32, u32, u32) = (3, 51, 3);

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("database: {0}")]
    Read(#[from] rusqlite::Error),
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A stored value that no version of this program writes.
    #[error("stored {column} holds an unknown value {value:?}")]
    Corrupt { column: &'static str, value: String },
    /// A load that several callers were waiting for failed; the text is the first one's error.
    #[error("{0}")]
    Shared(String),
    #[error("SQLite {0} is too old; 3.51.3 or newer is needed")]
    TooOld(String),
}

impl StoreError {
    /// Whether the disk (or the quota under it) is full.
    pub fn is_disk_full(&self) -> bool {
        /// SQLITE_FULL, see <https://sqlite.org/rescode.html#full>.
        const SQLITE_FULL: &str = "13";
        match self {
            Self::Database(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code == SQLITE_FULL)
            }
            Self::Database(sqlx::Error::Io(error)) => {
                error.kind() == std::io::ErrorKind::StorageFull
            }
            _ => false,
        }
    }
}

/// What a query answers.
pub type Stored<T> = Result<T, StoreError>;

/// The open database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    readers: SqlitePool,
    writer: SqlitePool,
    lookers: Arc<Lookers>,
}

impl Db {
    /// Opens (or creates) the database at `path` and brings it to the current schema.
    ///
    /// # Errors
    /// When the file cannot be opened, SQLite is too old, or a migration fails.
    pub async fn open(path: &Path) -> Stored<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(WAIT)
            // With its text, which holds no values; what a request waits for has a name.
            .log_slow_statements(LevelFilter::Warn, look::SLOW);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(WAIT)
            // A file is always there; asking each time costs as much as a query.
            .test_before_acquire(false)
            .connect_with(options.clone())
            .await?;
        let version: String = sqlx::query_scalar("SELECT sqlite_version()")
            .fetch_one(&writer)
            .await?;
        if parse_version(&version) < Some(SQLITE_OLDEST) {
            return Err(StoreError::TooOld(version));
        }
        MIGRATIONS.run(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(WAIT)
            // A file is always there; asking each time costs as much as a query.
            .test_before_acquire(false)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await?;
        Ok(Self {
            readers,
            writer,
            lookers: Arc::new(Lookers::new(path)),
        })
    }

    /// For SELECTs that no request waits for, or that belong to others; see also [`Db::look`].
    pub fn read(&self) -> &SqlitePool {
        &self.readers
    }

    /// Starts a write transaction; nothing is kept unless it is committed.
    pub async fn write(&self) -> Stored<Transaction<'static, Sqlite>> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Writes a consistent copy to `path` (which must not exist) while others go on working.
    pub async fn copy_to(&self, path: &Path) -> Stored<()> {
        sqlx::query("VACUUM INTO $1")
            .bind(path.to_string_lossy().into_owned())
            .execute(&self.readers)
            .await?;
        Ok(())
    }

    /// Makes writes quick that need not outlive the machine: those of a test, or of a benchmark's
    /// database, whose indexes have to stay in memory while millions of rows come.
    pub async fn forget_durability(&self) -> Stored<()> {
        for pragma in ["PRAGMA synchronous = OFF", "PRAGMA cache_size = -262144"] {
            sqlx::query::<Sqlite>(pragma).execute(&self.writer).await?;
        }
        Ok(())
    }

    /// Finishes what is under way and closes every connection.
    pub async fn close(&self) {
        self.lookers.close();
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn parse_version(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split('.').map(str::parse);
    Some((
        parts.next()?.ok()?,
        parts.next()?.ok()?,
        parts.next()?.ok()?,
    ))
}
