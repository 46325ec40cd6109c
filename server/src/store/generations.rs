//! The generations of what a student's rows say. A value derived from rows is kept under the
//! generation read *before* they were; a write changes the generation in its own transaction
//! (triggers, `migrations/0007_generations.sql`), and with that nobody asks for the value any more.
//!
//! A generation is a random token and not a count: a database restored from a backup goes back to
//! the tokens of the rows it goes back to, never to one that meanwhile stood for other rows.

use super::{Db, Stored};
use app::model::id::UserId;
use rusqlite::Row;
use std::cell::Cell;

/// The scopes' columns of table `generations g`, in the order of [`Scope`].
macro_rules! generation_columns {
    () => {
        "g.search, g.materials, g.activity, g.conversations, g.profile, g.removal"
    };
}
pub(super) use generation_columns;

/// What derived values hang on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The passages, vectors and titles that can be found.
    Search,
    /// The list of materials and their states.
    Materials,
    /// Study time, XP, streaks.
    Activity,
    /// Conversations and their messages.
    Conversations,
    /// The account itself.
    Profile,
    /// The words of all materials there ever were: only a deletion changes it.
    Removal,
}

impl Scope {
    const fn column(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Materials => "materials",
            Self::Activity => "activity",
            Self::Conversations => "conversations",
            Self::Profile => "profile",
            Self::Removal => "removal",
        }
    }
}

/// One state of a scope. Two equal ones stand for the same rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Generation(i64);

impl std::fmt::Display for Generation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl Generation {
    /// Any generation, for values that are in no database.
    #[cfg(test)]
    pub const fn of(token: i64) -> Self {
        Self(token)
    }
}

/// The generations of all scopes of one user.
type All = [Generation; 6];

tokio::task_local! {
    /// What the query that found out who is asking saw of her generations.
    static SEEN: Cell<Option<(UserId, All)>>;
}

/// Runs a request that only reads: the first generation it asks for is the one that was seen when its
/// session or token was looked up, which saves a query. Whatever was committed before the request
/// came in is in it; a request that writes asks anew instead.
pub async fn of_reading<F: Future>(request: F) -> F::Output {
    SEEN.scope(Cell::new(None), request).await
}

/// Notes what a query saw that asks for [`generation_columns`]; `first` is the place of the first.
pub(super) fn seen(user: UserId, row: &Row<'_>, first: usize) -> rusqlite::Result<()> {
    let all = all(row, first)?;
    // Only a request that reads has a place for it.
    let _ = SEEN.try_with(|seen| seen.set(Some((user, all))));
    Ok(())
}

fn all(row: &Row<'_>, first: usize) -> rusqlite::Result<All> {
    let mut all = All::default();
    for (at, generation) in all.iter_mut().enumerate() {
        // A user without a row yet has written nothing.
        *generation = Generation(row.get::<_, Option<i64>>(first + at)?.unwrap_or_default());
    }
    Ok(all)
}

/// The generation of a user's scope; read it before reading what is derived from it.
pub async fn current(db: &Db, user: UserId, scope: Scope) -> Stored<Generation> {
    let seen = SEEN.try_with(Cell::take).ok().flatten();
    let seen = match seen {
        Some((whose, all)) if whose == user => Some(all),
        _ => read(db, user)?,
    };
    Ok(seen.unwrap_or_default()[scope as usize])
}

fn read(db: &Db, user: UserId) -> Stored<Option<All>> {
    db.look_for(
        "generation",
        concat!(
            "SELECT ",
            generation_columns!(),
            " FROM generations g WHERE g.user_id = $1"
        ),
        &[&user.uuid()],
        |row| all(row, 0),
    )
}

/// The scopes that a student's pages are made of.
const SHOWN: [Scope; 3] = [Scope::Materials, Scope::Activity, Scope::Conversations];

/// Stands for what a user's pages are made of: of a request that reads, as it was when her session was
/// looked up. What [`current`] answers afterwards is that or newer.
pub async fn stamp(db: &Db, user: UserId) -> Stored<String> {
    match SEEN.try_with(Cell::get).ok().flatten() {
        Some((whose, all)) if whose == user => Ok(written(&all)),
        _ => newest_stamp(db, user).await,
    }
}

/// The same as it is now: who has subscribed to the changes before misses none that is not in it.
pub async fn newest_stamp(db: &Db, user: UserId) -> Stored<String> {
    Ok(written(&read(db, user)?.unwrap_or_default()))
}

fn written(all: &All) -> String {
    SHOWN.map(|scope| all[scope as usize].to_string()).concat()
}

/// Begins a new generation of this scope for every user.
pub async fn end_all(db: &Db, scope: Scope) -> Stored<()> {
    let column = scope.column();
    let sql = format!(
        "INSERT INTO generations (user_id, {column}) SELECT id, random() FROM users WHERE TRUE
         ON CONFLICT (user_id) DO UPDATE SET {column} = excluded.{column}"
    );
    let mut tx = db.write().await?;
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{access_tokens, accounts};
    use uuid::Uuid;

    const USER: Uuid = Uuid::from_u128(1);
    const TOKEN: [u8; 32] = [7; 32];

    async fn database() -> (tempfile::TempDir, Db) {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("db.sqlite")).await.unwrap();
        let mut tx = db.write().await.unwrap();
        for row in [
            "INSERT INTO users (id, email, password_hash, role, time_zone, created_at)
             VALUES ($1, 'a', '', 'owner', 'UTC', '2026-01-01T00:00:00+00:00')",
            "INSERT INTO sessions (token_hash, user_id, created_at, last_seen_at)
             VALUES ($2, $1, '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00')",
            "INSERT INTO access_tokens (id, user_id, name, token_hash, scope, created_at)
             VALUES ($1, $1, '', $2, 'read', '2026-01-01T00:00:00+00:00')",
        ] {
            let row = sqlx::query(row).bind(USER).bind(TOKEN.as_slice());
            row.execute(&mut *tx).await.unwrap();
        }
        tx.commit().await.unwrap();
        (folder, db)
    }

    async fn now(db: &Db, scope: Scope) -> Generation {
        current(db, UserId::new(USER), scope).await.unwrap()
    }

    #[tokio::test]
    async fn the_query_for_the_session_or_token_sees_the_generations_too() {
        let (_folder, db) = database().await;
        end_all(&db, Scope::Search).await.unwrap();
        end_all(&db, Scope::Activity).await.unwrap();
        let (search, activity) = (
            now(&db, Scope::Search).await,
            now(&db, Scope::Activity).await,
        );
        assert_ne!(search, activity);
        for by_session in [true, false] {
            of_reading(async {
                if by_session {
                    accounts::find_session(&db, &TOKEN).await.unwrap().unwrap();
                } else {
                    access_tokens::find(&db, &TOKEN).await.unwrap().unwrap();
                }
                // A write after that is for the next request to see.
                end_all(&db, Scope::Activity).await.unwrap();
                let (seen, read) = (
                    now(&db, Scope::Activity).await,
                    now(&db, Scope::Search).await,
                );
                assert_eq!((seen, read), (activity, search));
            })
            .await;
            assert_ne!(now(&db, Scope::Activity).await, activity);
            // Back to where it was, for the other way in.
            let mut tx = db.write().await.unwrap();
            sqlx::query("UPDATE generations SET activity = $1")
                .bind(activity.0)
                .execute(&mut *tx)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_was_seen_of_one_student_is_never_taken_for_another_nor_used_twice() {
        let (_folder, db) = database().await;
        end_all(&db, Scope::Activity).await.unwrap();
        of_reading(async {
            accounts::find_session(&db, &TOKEN).await.unwrap().unwrap();
            let stranger = UserId::new(Uuid::from_u128(2));
            let foreign = current(&db, stranger, Scope::Activity).await.unwrap();
            assert_eq!(foreign, Generation::default());
            accounts::find_session(&db, &TOKEN).await.unwrap().unwrap();
            let first = now(&db, Scope::Activity).await;
            end_all(&db, Scope::Activity).await.unwrap();
            assert_ne!(now(&db, Scope::Activity).await, first);
        })
        .await;
    }

    #[tokio::test]
    async fn a_stamp_changes_with_every_write_that_pages_show() {
        let (_folder, db) = database().await;
        let user = UserId::new(USER);
        for scope in SHOWN {
            let before = stamp(&db, user).await.unwrap();
            end_all(&db, scope).await.unwrap();
            assert_ne!(stamp(&db, user).await.unwrap(), before, "{scope:?}");
        }
        let before = stamp(&db, user).await.unwrap();
        end_all(&db, Scope::Profile).await.unwrap();
        assert_eq!(stamp(&db, user).await.unwrap(), before);
    }

    #[tokio::test]
    async fn a_pages_stamp_is_never_newer_than_its_rows_and_the_newest_never_older() {
        let (_folder, db) = database().await;
        let user = UserId::new(USER);
        let before = newest_stamp(&db, user).await.unwrap();
        of_reading(async {
            accounts::find_session(&db, &TOKEN).await.unwrap().unwrap();
            end_all(&db, Scope::Activity).await.unwrap();
            assert_eq!(stamp(&db, user).await.unwrap(), before);
            assert_ne!(newest_stamp(&db, user).await.unwrap(), before);
        })
        .await;
    }
}
