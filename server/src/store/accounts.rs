//! Users and their sessions in the database.
//! It knows no password and no token, only hashes of them.

use super::{
    Db, StoreError, Stored,
    generations::{self, generation_columns},
    look::time,
};
use app::model::{
    account::{Profile, Role},
    id::UserId,
};
use chrono::{DateTime, Utc};
use sqlx::{Sqlite, Transaction};
use uuid::Uuid;

/// SHA-256 of a session token.
pub type TokenHash = [u8; 32];

pub(super) type ProfileRow = (Uuid, String, String, String);

/// The first four columns: id, address, role, time zone.
pub(super) fn profile_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<ProfileRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

/// A user about to be stored.
pub struct NewUser<'a> {
    pub id: UserId,
    /// Lower case.
    pub email: &'a str,
    pub password_hash: &'a str,
    pub time_zone: &'a str,
    pub created_at: DateTime<Utc>,
}

/// What became of a new user.
#[derive(Debug)]
pub enum Inserted {
    /// Stored, with the role it got.
    User(Profile),
    /// The address has an account already.
    EmailTaken,
    /// Others have an account, and only the first may be made.
    NotFirst,
}

/// Stores a user; the first of all becomes the owner. With `only_first`, nobody else is stored.
pub async fn insert_user(db: &Db, user: &NewUser<'_>, only_first: bool) -> Stored<Inserted> {
    let mut tx = db.write().await?;
    let others: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM users)")
        .fetch_one(&mut *tx)
        .await?;
    if others && only_first {
        return Ok(Inserted::NotFirst);
    }
    let role = if others { Role::Student } else { Role::Owner };
    let stored = sqlx::query(
        "INSERT INTO users (id, email, password_hash, role, time_zone, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (email) DO NOTHING",
    )
    .bind(user.id.uuid())
    .bind(user.email)
    .bind(user.password_hash)
    .bind(role_text(role))
    .bind(user.time_zone)
    .bind(user.created_at)
    .execute(&mut *tx)
    .await?;
    if stored.rows_affected() == 0 {
        return Ok(Inserted::EmailTaken);
    }
    tx.commit().await?;
    Ok(Inserted::User(Profile {
        id: user.id,
        email: user.email.to_owned(),
        role,
        time_zone: user.time_zone.to_owned(),
    }))
}

/// Whether anybody has an account.
pub async fn any_user(db: &Db) -> Stored<bool> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM users)")
        .fetch_one(db.read())
        .await?)
}

/// The account of an address, with its password hash.
pub async fn find_by_email(db: &Db, email: &str) -> Stored<Option<(Profile, String)>> {
    let row = db.look_for(
        "account",
        "SELECT id, email, role, time_zone, password_hash FROM users WHERE email = $1",
        &[&email],
        |row| Ok((profile_row(row)?, row.get(4)?)),
    )?;
    row.map(|(row, hash)| Ok((profile_of(row)?, hash)))
        .transpose()
}

/// One user's profile.
pub async fn find_profile(db: &Db, user: UserId) -> Stored<Option<Profile>> {
    let row = db.look_for(
        "profile",
        "SELECT id, email, role, time_zone FROM users WHERE id = $1",
        &[&user.uuid()],
        profile_row,
    )?;
    row.map(profile_of).transpose()
}

/// One user's password hash.
pub async fn password_hash(db: &Db, user: UserId) -> Stored<Option<String>> {
    db.look_for(
        "password",
        "SELECT password_hash FROM users WHERE id = $1",
        &[&user.uuid()],
        |row| row.get(0),
    )
}

/// Stores a time zone; `None` when there is no such user.
pub async fn set_time_zone(db: &Db, user: UserId, time_zone: &str) -> Stored<Option<Profile>> {
    let mut tx = db.write().await?;
    sqlx::query("UPDATE users SET time_zone = $2 WHERE id = $1")
        .bind(user.uuid())
        .bind(time_zone)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    find_profile(db, user).await
}

/// Stores a password hash and ends every session of the user, except the one of `keep`. With
/// `expected`, only if the stored hash is still that one; answers whether it was stored.
pub async fn replace_password(
    db: &Db,
    user: UserId,
    hash: &str,
    expected: Option<&str>,
    keep: Option<&TokenHash>,
) -> Stored<bool> {
    let mut tx = db.write().await?;
    let stored = sqlx::query(
        "UPDATE users SET password_hash = $2
         WHERE id = $1 AND ($3 IS NULL OR password_hash = $3)",
    )
    .bind(user.uuid())
    .bind(hash)
    .bind(expected)
    .execute(&mut *tx)
    .await?;
    if stored.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND ($2 IS NULL OR token_hash <> $2)")
        .bind(user.uuid())
        .bind(keep.map(|hash| hash.as_slice()))
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(true)
}

/// Starts a session if the password is still the one that was checked, and drops the sessions last
/// seen before `expired_before`. Answers whether it was started.
pub async fn insert_session(
    db: &Db,
    token: &TokenHash,
    user: UserId,
    checked_hash: &str,
    now: DateTime<Utc>,
    expired_before: DateTime<Utc>,
) -> Stored<bool> {
    let mut tx = db.write().await?;
    let started = sqlx::query(
        "INSERT INTO sessions (token_hash, user_id, created_at, last_seen_at)
         SELECT $1, id, $4, $4 FROM users WHERE id = $2 AND password_hash = $3",
    )
    .bind(token.as_slice())
    .bind(user.uuid())
    .bind(checked_hash)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    delete_expired(&mut tx, expired_before).await?;
    tx.commit().await?;
    Ok(started.rows_affected() == 1)
}

async fn delete_expired(
    tx: &mut Transaction<'static, Sqlite>,
    before: DateTime<Utc>,
) -> Stored<()> {
    sqlx::query("DELETE FROM sessions WHERE last_seen_at < $1")
        .bind(before)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The owner of a session and when it was last seen.
pub async fn find_session(db: &Db, token: &TokenHash) -> Stored<Option<(Profile, DateTime<Utc>)>> {
    let row = db.look_for(
        "session",
        concat!(
            "SELECT u.id, u.email, u.role, u.time_zone, s.last_seen_at, ",
            generation_columns!(),
            " FROM sessions s JOIN users u ON u.id = s.user_id
             LEFT JOIN generations g ON g.user_id = u.id WHERE s.token_hash = $1"
        ),
        &[&token.as_slice()],
        |row| {
            let profile = profile_row(row)?;
            generations::seen(UserId::new(profile.0), row, 5)?;
            Ok((profile, time(row, 4)?))
        },
    )?;
    row.map(|(profile, seen)| Ok((profile_of(profile)?, seen)))
        .transpose()
}

/// Notes that a session was used.
pub async fn touch_session(db: &Db, token: &TokenHash, now: DateTime<Utc>) -> Stored<()> {
    let mut tx = db.write().await?;
    sqlx::query("UPDATE sessions SET last_seen_at = $2 WHERE token_hash = $1")
        .bind(token.as_slice())
        .bind(now)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Ends a session.
pub async fn delete_session(db: &Db, token: &TokenHash) -> Stored<()> {
    let mut tx = db.write().await?;
    sqlx::query("DELETE FROM sessions WHERE token_hash = $1")
        .bind(token.as_slice())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

pub(super) fn profile_of((id, email, role, time_zone): ProfileRow) -> Stored<Profile> {
    Ok(Profile {
        id: UserId::new(id),
        email,
        role: match role.as_str() {
            "owner" => Role::Owner,
            "student" => Role::Student,
            _ => {
                return Err(StoreError::Corrupt {
                    column: "users.role",
                    value: role,
                });
            }
        },
        time_zone,
    })
}

const fn role_text(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Student => "student",
    }
}
