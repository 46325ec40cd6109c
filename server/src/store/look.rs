//! Reading where one stands: SELECTs that a request waits for run on the thread that asks. sqlx hands
//! every query to a thread of the connection and every row back through a channel, which took 0.06 ms
//! a query and 0.02 ms a row, several times the work itself. What reads thousands of rows belongs
//! aside ([`Db::look_aside`]), so that no other request waits for it.
//!
//! A connection answers one SELECT at a time and sees what was committed before it began.

use super::{Db, StoreError, Stored, WAIT};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, OpenFlags, Row, ToSql, types::Type};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Connections that stay open; more are opened while more threads ask at once, and closed again.
const KEPT: usize = 8;
/// Statements a connection keeps prepared: all there are, and some lists of each length.
const STATEMENTS: usize = 128;
/// A query that takes longer is worth a line in the log.
pub(super) const SLOW: Duration = Duration::from_millis(100);

/// What a query is given, in the order of `$1`, `$2`, ….
pub(super) type Values<'a> = &'a [&'a dyn ToSql];

/// Connections for SELECTs.
pub(super) struct Lookers {
    path: PathBuf,
    /// `None` once the database is closed.
    free: Mutex<Option<Vec<Connection>>>,
    /// Every query that was made.
    #[cfg(test)]
    made: Mutex<std::collections::BTreeMap<&'static str, String>>,
}

impl Lookers {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            free: Mutex::new(Some(Vec::with_capacity(KEPT))),
            #[cfg(test)]
            made: Mutex::default(),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Stored<T> {
        let free = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(free) = &mut *free else {
                return Err(sqlx::Error::PoolClosed.into());
            };
            free.pop()
        };
        let connection = match free {
            Some(connection) => connection,
            None => self.connect()?,
        };
        let answer = work(&connection);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(free) = &mut *free
            && free.len() < KEPT
        {
            free.push(connection);
        }
        Ok(answer?)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        // Every connection is used by one thread at a time, so SQLite need not lock it.
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(WAIT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(connection)
    }

    /// Closes every connection; from then on nothing is answered.
    pub(super) fn close(&self) {
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Db {
    /// All rows of a SELECT that is known as `name`.
    pub(super) fn look<T>(
        &self,
        name: &'static str,
        sql: &str,
        values: Values<'_>,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Stored<Vec<T>> {
        #[cfg(test)]
        self.lookers
            .made
            .lock()
            .unwrap()
            .insert(name, sql.to_owned());
        let started = Instant::now();
        let rows = self.lookers.with(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            for at in 1..=statement.parameter_count() {
                // SQLite counts `$2` as the first when it stands first.
                let number = statement
                    .parameter_name(at)
                    .and_then(|name| name[1..].parse().ok())
                    .unwrap_or(at);
                statement.raw_bind_parameter(at, values[number - 1])?;
            }
            let mut rows = statement.raw_query();
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                all.push(read(row)?);
            }
            Ok(all)
        });
        let elapsed = started.elapsed();
        if elapsed > SLOW {
            tracing::warn!(
                query = name,
                duration_ms = elapsed.as_secs_f64() * 1_000.0,
                "store.slow"
            );
        }
        rows
    }

    /// The first row of a SELECT that is known as `name`, if there is one.
    pub(super) fn look_for<T>(
        &self,
        name: &'static str,
        sql: &str,
        values: Values<'_>,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Stored<Option<T>> {
        Ok(self.look(name, sql, values, read)?.into_iter().next())
    }

    /// Runs `look` where it keeps no request waiting.
    pub(super) async fn look_aside<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Self) -> Stored<T> + Send + 'static,
    ) -> Stored<T> {
        let db = self.clone();
        tokio::task::spawn_blocking(move || look(&db))
            .await
            .map_err(|error| StoreError::Shared(error.to_string()))?
    }
}

/// A time as it stands in the database.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<DateTime<Utc>> {
    parsed(row.get_ref(column)?.as_str()?, column)
}

/// A time, or none.
pub(super) fn time_if_any(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<DateTime<Utc>>> {
    let text = row.get_ref(column)?.as_str_or_null()?;
    text.map(|text| parsed(text, column)).transpose()
}

fn parsed(text: &str, column: usize) -> rusqlite::Result<DateTime<Utc>> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Ok(time.to_utc()),
        Err(error) => Err(rusqlite::Error::FromSqlConversionFailure(
            column,
            Type::Text,
            error.into(),
        )),
    }
}

/// A time as it is written to the database, to be compared with.
pub(super) fn time_text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        access_tokens, accounts, activity, conversations, generations,
        materials::{self, text, vectors},
        passages, reading, vitals as page_vitals,
    };
    use app::model::{
        id::{ConversationId, MaterialId, MessageId, UserId},
        material::ListPlace,
    };
    use uuid::Uuid;

    async fn database() -> (tempfile::TempDir, Db) {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("db.sqlite")).await.unwrap();
        (folder, db)
    }

    #[tokio::test]
    async fn values_are_bound_by_their_number_wherever_it_stands() {
        let (_folder, db) = database().await;
        let sql = "SELECT $2 || $1 || $2";
        let read = |row: &Row<'_>| row.get::<_, String>(0);
        let found = db.look_for("test", sql, &[&"a", &"b"], read).unwrap();
        assert_eq!(found.as_deref(), Some("bab"));
    }

    #[tokio::test]
    async fn what_is_committed_is_seen_at_once_and_nothing_after_closing() {
        let (_folder, db) = database().await;
        let count = || {
            let read = |row: &Row<'_>| row.get::<_, i64>(0);
            db.look_for("test", "SELECT count(*) FROM users", &[], read)
        };
        assert_eq!(count().unwrap(), Some(0));
        let mut tx = db.write().await.unwrap();
        sqlx::query(
            "INSERT INTO users (id, email, password_hash, role, time_zone, created_at)
             VALUES (x'00', 'a', '', 'owner', 'UTC', '2026-01-01T00:00:00+00:00')",
        )
        .execute(&mut *tx)
        .await
        .unwrap();
        assert_eq!(count().unwrap(), Some(0));
        tx.commit().await.unwrap();
        assert_eq!(count().unwrap(), Some(1));
        db.close().await;
        assert!(count().is_err());
    }

    #[tokio::test]
    async fn every_query_a_request_waits_for_goes_by_an_index() {
        let (_folder, db) = database().await;
        let (user, id) = (UserId::new(Uuid::nil()), Uuid::nil());
        let (material, conversation) = (MaterialId::new(id), ConversationId::new(id));
        let place = ListPlace {
            uploaded_at: DateTime::UNIX_EPOCH,
            id: material,
        };
        let mut tx = db.write().await.unwrap();
        for row in [
            "INSERT INTO users (id, email, password_hash, role, time_zone, created_at)
             VALUES ($1, 'a', '', 'owner', 'UTC', '2026-01-01T00:00:00+00:00')",
            "INSERT INTO conversations (id, user_id, title, created_at, updated_at)
             VALUES ($1, $1, '', '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00')",
            "INSERT INTO materials (id, user_id, title, file_name, media_type, size_bytes, sha256,
                                    state, uploaded_at)
             VALUES ($1, $1, '', '', 'pdf', 1, x'00', 'ready', '2026-01-01T00:00:00+00:00')",
        ] {
            sqlx::query(row).bind(id).execute(&mut *tx).await.unwrap();
        }
        tx.commit().await.unwrap();
        accounts::find_session(&db, &[0; 32]).await.unwrap();
        accounts::find_profile(&db, user).await.unwrap();
        accounts::find_by_email(&db, "a").await.unwrap();
        accounts::password_hash(&db, user).await.unwrap();
        access_tokens::find(&db, &[0; 32]).await.unwrap();
        access_tokens::list(&db, user).await.unwrap();
        let scope = generations::Scope::Search;
        generations::current(&db, user, scope).await.unwrap();
        materials::list(&db, user).await.unwrap();
        materials::list_after(&db, user, Some(place), 9)
            .await
            .unwrap();
        materials::find(&db, user, material).await.unwrap();
        materials::sha256(&db, user, material).await.unwrap();
        materials::counts(&db, user).await.unwrap();
        materials::so_far(&db, user).await.unwrap();
        materials::page_text(&db, user, material, 1).await.unwrap();
        materials::chunk_span(&db, user, material, 1).await.unwrap();
        let faults = text::page_faults(&db, user, material).await.unwrap();
        assert_eq!(faults, Some(Vec::new()));
        reading::outline(&db, user, material).await.unwrap();
        reading::pages_after(&db, user, material, 1, 9)
            .await
            .unwrap();
        vectors::is_settled(&db, user, "model").await.unwrap();
        vectors::has_any(&db, user, "model").await.unwrap();
        vectors::progress(&db, user, "model").await.unwrap();
        activity::time_zone(&db, user).await.unwrap();
        activity::figures::history(&db, user).await.unwrap();
        let day = "2026-01-01".parse().unwrap();
        let period = (day, day);
        activity::figures::opened(&db, user, period).await.unwrap();
        activity::figures::hours(&db, user, period).await.unwrap();
        activity::figures::materials(&db, user, period)
            .await
            .unwrap();
        activity::figures::cited_pages(&db, user, 9).await.unwrap();
        activity::figures::newest_day(&db, user).await.unwrap();
        activity::figures::unanswered(&db, user, chrono_tz::Tz::UTC, 9)
            .await
            .unwrap();
        activity::figures::achievements(&db, user).await.unwrap();
        conversations::list(&db, user).await.unwrap();
        let found = conversations::find(&db, user, conversation).await.unwrap();
        assert!(found.is_some());
        let question = MessageId::new(id);
        let answer = conversations::answer_to(&db, user, conversation, question);
        assert!(answer.await.unwrap().is_none());
        passages::prints(&db, user, "model").await.unwrap();
        passages::of_materials(&db, user, "model", &[id])
            .await
            .unwrap();
        passages::details(&db, user, &[1, 2]).await.unwrap();
        let day = DateTime::UNIX_EPOCH.date_naive();
        page_vitals::buckets(&db, day).await.unwrap();

        let made = db.lookers.made.lock().unwrap().clone();
        assert_eq!(made.len(), 40, "{:?}", made.keys());
        for (name, sql) in made {
            let plan = format!("EXPLAIN QUERY PLAN {sql}");
            let steps = db.lookers.with(|connection| {
                let mut statement = connection.prepare(&plan)?;
                statement.raw_query().mapped(|row| row.get(3)).collect()
            });
            let steps: Vec<String> = steps.unwrap();
            // SEARCH goes by an index or the primary key, SCAN through the whole table.
            let scans = steps.iter().any(|step| step.starts_with("SCAN"));
            assert!(!scans && !steps.is_empty(), "{name}: {steps:?}");
        }
    }

    #[tokio::test]
    async fn a_time_comes_back_as_it_was_written() {
        let (_folder, db) = database().await;
        let now: DateTime<Utc> = "2026-11-23T12:50:50.054400Z".parse().unwrap();
        let (text, none) = (time_text(now), None::<String>);
        let read = |row: &Row<'_>| Ok((time(row, 0)?, time_if_any(row, 1)?));
        let found = db
            .look_for("test", "SELECT $1, $2", &[&text, &none], read)
            .unwrap();
        assert_eq!(found, Some((now, None)));
        let broken = db.look_for("test", "SELECT 'soon'", &[], |row| time(row, 0));
        assert!(broken.is_err());
    }
}
