//! The access tokens of students' programs in the database.
//! It knows no token, only hashes of them.

use super::{
    Db, StoreError, Stored,
    accounts::{TokenHash, profile_of, profile_row},
    generations::{self, generation_columns},
    look::{time, time_if_any},
};
use app::model::{
    account::{AccessToken, Profile, TokenScope},
    id::{TokenId, UserId},
};
use chrono::{DateTime, Utc};

/// An access token about to be stored.
pub struct NewToken<'a> {
    pub id: TokenId,
    pub user: UserId,
    pub name: &'a str,
    pub hash: &'a TokenHash,
    pub scope: TokenScope,
    pub created_at: DateTime<Utc>,
}

/// What a token opens.
pub struct Opened {
    pub profile: Profile,
    pub scope: TokenScope,
    /// `None` until its first use.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// Stores a token unless the user has `most` already; answers whether it was stored.
pub async fn insert(db: &Db, token: &NewToken<'_>, most: u32) -> Stored<bool> {
    let mut tx = db.write().await?;
    let stored = sqlx::query(
        "INSERT INTO access_tokens (id, user_id, name, token_hash, scope, created_at)
         SELECT $1, $2, $3, $4, $5, $6
         WHERE (SELECT count(*) FROM access_tokens WHERE user_id = $2) < $7",
    )
    .bind(token.id.uuid())
    .bind(token.user.uuid())
    .bind(token.name)
    .bind(token.hash.as_slice())
    .bind(scope_text(token.scope))
    .bind(token.created_at)
    .bind(i64::from(most))
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(stored.rows_affected() == 1)
}

/// The user's tokens, newest first.
pub async fn list(db: &Db, user: UserId) -> Stored<Vec<AccessToken>> {
    let rows = db.look(
        "access tokens",
        "SELECT id, name, scope, created_at, last_used_at FROM access_tokens
         WHERE user_id = $1 ORDER BY created_at DESC, id DESC",
        &[&user.uuid()],
        |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                time(row, 3)?,
                time_if_any(row, 4)?,
            ))
        },
    )?;
    rows.into_iter()
        .map(|(id, name, scope, created_at, last_used_at)| {
            Ok(AccessToken {
                id: TokenId::new(id),
                name,
                scope: scope_from(scope)?,
                created_at,
                last_used_at,
            })
        })
        .collect()
}

/// Whose token it is and what it opens; `None` for one that is unknown or revoked.
pub async fn find(db: &Db, hash: &TokenHash) -> Stored<Option<Opened>> {
    let row = db.look_for(
        "access token",
        concat!(
            "SELECT u.id, u.email, u.role, u.time_zone, t.scope, t.last_used_at, ",
            generation_columns!(),
            " FROM access_tokens t JOIN users u ON u.id = t.user_id
             LEFT JOIN generations g ON g.user_id = u.id WHERE t.token_hash = $1"
        ),
        &[&hash.as_slice()],
        |row| {
            let profile = profile_row(row)?;
            generations::seen(UserId::new(profile.0), row, 6)?;
            let scope: String = row.get(4)?;
            Ok((profile, scope, time_if_any(row, 5)?))
        },
    )?;
    row.map(|(profile, scope, last_used_at)| {
        Ok(Opened {
            profile: profile_of(profile)?,
            scope: scope_from(scope)?,
            last_used_at,
        })
    })
    .transpose()
}

/// Notes that a token was used.
pub async fn touch(db: &Db, hash: &TokenHash, now: DateTime<Utc>) -> Stored<()> {
    let mut tx = db.write().await?;
    sqlx::query("UPDATE access_tokens SET last_used_at = $2 WHERE token_hash = $1")
        .bind(hash.as_slice())
        .bind(now)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Removes one of the user's tokens; false when there is none.
pub async fn delete(db: &Db, user: UserId, id: TokenId) -> Stored<bool> {
    let mut tx = db.write().await?;
    let deleted = sqlx::query("DELETE FROM access_tokens WHERE user_id = $1 AND id = $2")
        .bind(user.uuid())
        .bind(id.uuid())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(deleted.rows_affected() > 0)
}

const fn scope_text(scope: TokenScope) -> &'static str {
    match scope {
        TokenScope::Read => "read",
        TokenScope::Write => "write",
    }
}

fn scope_from(text: String) -> Stored<TokenScope> {
    match text.as_str() {
        "read" => Ok(TokenScope::Read),
        "write" => Ok(TokenScope::Write),
        _ => Err(StoreError::Corrupt {
            column: "access_tokens.scope",
            value: text,
        }),
    }
}
