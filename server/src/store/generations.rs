//! The generations of what a student's rows say. A value derived from rows is kept under the
//! generation read *before* they were; a write changes the generation in its own transaction
//! (triggers, `migrations/0007_generations.sql`), and with that nobody asks for the value any more.
//!
//! A generation is a random token and not a count: a database restored from a backup goes back to
//! the tokens of the rows it goes back to, never to one that meanwhile stood for other rows.

use super::{Db, Stored};
use app::model::id::UserId;

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

/// The generation of a user's scope; read it before reading what is derived from it.
pub async fn current(db: &Db, user: UserId, scope: Scope) -> Stored<Generation> {
    let sql = match scope {
        Scope::Search => "SELECT search FROM generations WHERE user_id = $1",
        Scope::Materials => "SELECT materials FROM generations WHERE user_id = $1",
        Scope::Activity => "SELECT activity FROM generations WHERE user_id = $1",
        Scope::Conversations => "SELECT conversations FROM generations WHERE user_id = $1",
        Scope::Profile => "SELECT profile FROM generations WHERE user_id = $1",
        Scope::Removal => "SELECT removal FROM generations WHERE user_id = $1",
    };
    let token = db.look_for("generation", sql, &[&user.uuid()], |row| row.get(0))?;
    Ok(token.map(Generation).unwrap_or_default())
}

/// Begins a new generation of this scope for every user.
pub async fn end_all(db: &Db, scope: Scope) -> Stored<()> {
    let mut tx = db.write().await?;
    sqlx::query(match scope {
        Scope::Search => {
            "INSERT INTO generations (user_id, search) SELECT id, random() FROM users WHERE TRUE
             ON CONFLICT (user_id) DO UPDATE SET search = excluded.search"
        }
        Scope::Materials => {
            "INSERT INTO generations (user_id, materials) SELECT id, random() FROM users WHERE TRUE
             ON CONFLICT (user_id) DO UPDATE SET materials = excluded.materials"
        }
        Scope::Activity => {
            "INSERT INTO generations (user_id, activity) SELECT id, random() FROM users WHERE TRUE
             ON CONFLICT (user_id) DO UPDATE SET activity = excluded.activity"
        }
        Scope::Conversations => {
            "INSERT INTO generations (user_id, conversations) SELECT id, random() FROM users WHERE TRUE
             ON CONFLICT (user_id) DO UPDATE SET conversations = excluded.conversations"
        }
        Scope::Profile => {
            "INSERT INTO generations (user_id, profile) SELECT id, random() FROM users WHERE TRUE
             ON CONFLICT (user_id) DO UPDATE SET profile = excluded.profile"
        }
        Scope::Removal => {
            "INSERT INTO generations (user_id, removal) SELECT id, random() FROM users WHERE TRUE
             ON CONFLICT (user_id) DO UPDATE SET removal = excluded.removal"
        }
    })
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}
