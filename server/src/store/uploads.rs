//! The rows of uploads: what is reserved, how far each has come, and how it ended. Knows nothing of
//! the files themselves, nor of what a student may have.
//!
//! An upload's bytes count against its owner's share from the row's own transaction on. One that has
//! ended or expired counts no more: what it became is a material, or nothing.

use super::{Db, StoreError, Stored};
use app::model::{
    id::{MaterialId, UploadId, UserId},
    upload::Unfinished,
};
use chrono::{DateTime, Utc};
use sqlx::{SqliteConnection, SqliteExecutor};
use uuid::Uuid;

/// A new upload.
pub struct NewUpload<'a> {
    pub id: UploadId,
    pub user: UserId,
    pub file_name: &'a str,
    pub fingerprint: Option<&'a str>,
    pub size_bytes: u64,
    pub resumable: bool,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// One upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    pub id: UploadId,
    pub file_name: String,
    pub fingerprint: Option<String>,
    pub size_bytes: u64,
    pub received_bytes: u64,
    pub expires_at: DateTime<Utc>,
    /// `None` while it is under way.
    pub ending: Option<Ending>,
}

/// How an upload ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    Added(MaterialId),
    Duplicate(MaterialId),
    /// The sentence is for the student.
    Refused(String),
}

/// What a user's files take together, uploads under way included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    pub bytes: u64,
    pub files: u32,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    file_name: String,
    fingerprint: Option<String>,
    size_bytes: i64,
    received_bytes: i64,
    expires_at: DateTime<Utc>,
    outcome: Option<String>,
    material_id: Option<Uuid>,
    refusal: Option<String>,
}

impl Row {
    fn into_upload(self) -> Stored<Upload> {
        let material = self.material_id.map(MaterialId::new);
        let ending = match (self.outcome.as_deref(), material) {
            (None, _) => None,
            (Some("added"), Some(material)) => Some(Ending::Added(material)),
            (Some("duplicate"), Some(material)) => Some(Ending::Duplicate(material)),
            (Some("refused"), _) => Some(Ending::Refused(self.refusal.unwrap_or_default())),
            (Some(other), _) => {
                return Err(StoreError::Corrupt {
                    column: "uploads.outcome",
                    value: other.to_owned(),
                });
            }
        };
        Ok(Upload {
            id: UploadId::new(self.id),
            file_name: self.file_name,
            fingerprint: self.fingerprint,
            size_bytes: u64::try_from(self.size_bytes).unwrap_or_default(),
            received_bytes: u64::try_from(self.received_bytes).unwrap_or_default(),
            expires_at: self.expires_at,
            ending,
        })
    }
}

/// What the user's materials take, and her uploads under way but for `except`.
pub async fn share(
    tx: &mut SqliteConnection,
    user: UserId,
    except: Option<UploadId>,
    now: DateTime<Utc>,
) -> Stored<Share> {
    let (bytes, files): (i64, i64) = sqlx::query_as(
        "SELECT CAST(coalesce(sum(size_bytes), 0) AS BIGINT), count(*) FROM ( \
           SELECT size_bytes FROM materials WHERE user_id = $1 \
           UNION ALL \
           SELECT size_bytes FROM uploads \
           WHERE user_id = $1 AND outcome IS NULL AND expires_at > $2 AND ($3 IS NULL OR id <> $3) \
         ) AS taken",
    )
    .bind(user.uuid())
    .bind(now)
    .bind(except.map(UploadId::uuid))
    .fetch_one(tx)
    .await?;
    Ok(Share {
        bytes: u64::try_from(bytes).unwrap_or_default(),
        files: u32::try_from(files).unwrap_or(u32::MAX),
    })
}

/// Reserves the upload's bytes; the caller has looked at the [`share`] in the same transaction.
pub async fn insert(tx: &mut SqliteConnection, new: &NewUpload<'_>) -> Stored<()> {
    sqlx::query(
        "INSERT INTO uploads (id, user_id, file_name, fingerprint, size_bytes, resumable, \
         created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(new.id.uuid())
    .bind(new.user.uuid())
    .bind(new.file_name)
    .bind(new.fingerprint)
    .bind(big_bytes(new.size_bytes))
    .bind(new.resumable)
    .bind(new.created_at)
    .bind(new.expires_at)
    .execute(tx)
    .await?;
    Ok(())
}

/// One of the user's resumable uploads, expired or not.
pub async fn find(db: &Db, user: UserId, id: UploadId) -> Stored<Option<Upload>> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, file_name, fingerprint, size_bytes, received_bytes, expires_at, outcome, \
         material_id, refusal FROM uploads WHERE user_id = $1 AND id = $2 AND resumable",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .fetch_optional(db.read())
    .await?;
    row.map(Row::into_upload).transpose()
}

/// The user's resumable uploads that are under way, oldest first.
pub async fn unfinished(db: &Db, user: UserId, now: DateTime<Utc>) -> Stored<Vec<Unfinished>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, file_name, fingerprint, size_bytes, received_bytes, expires_at, outcome, \
         material_id, refusal FROM uploads \
         WHERE user_id = $1 AND resumable AND outcome IS NULL AND expires_at > $2 \
         ORDER BY created_at, id",
    )
    .bind(user.uuid())
    .bind(now)
    .fetch_all(db.read())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Unfinished {
            id: UploadId::new(row.id),
            file_name: row.file_name,
            fingerprint: row.fingerprint,
            size_bytes: u64::try_from(row.size_bytes).unwrap_or_default(),
            received_bytes: u64::try_from(row.received_bytes).unwrap_or_default(),
        })
        .collect())
}

/// Notes how many bytes are safely on disk and puts the end of patience off; false when the upload
/// is gone or has ended.
pub async fn advance(
    db: &Db,
    user: UserId,
    id: UploadId,
    received_bytes: u64,
    expires_at: DateTime<Utc>,
) -> Stored<bool> {
    let mut tx = db.write().await?;
    let advanced = sqlx::query(
        "UPDATE uploads SET received_bytes = $3, expires_at = $4 \
         WHERE user_id = $1 AND id = $2 AND outcome IS NULL",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .bind(big_bytes(received_bytes))
    .bind(expires_at)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(advanced.rows_affected() > 0)
}

/// Ends an upload in the transaction that decides about its file: a resumable one keeps its outcome
/// until `forget_at`, another is forgotten at once. False when it is gone already.
pub async fn end(
    tx: &mut SqliteConnection,
    user: UserId,
    id: UploadId,
    ending: &Ending,
    forget_at: DateTime<Utc>,
) -> Stored<bool> {
    let forgotten =
        sqlx::query("DELETE FROM uploads WHERE user_id = $1 AND id = $2 AND NOT resumable")
            .bind(user.uuid())
            .bind(id.uuid())
            .execute(&mut *tx)
            .await?;
    if forgotten.rows_affected() > 0 {
        return Ok(true);
    }
    let (outcome, material, refusal) = match ending {
        Ending::Added(material) => ("added", Some(*material), None),
        Ending::Duplicate(material) => ("duplicate", Some(*material), None),
        Ending::Refused(sentence) => ("refused", None, Some(sentence.as_str())),
    };
    let ended = sqlx::query(
        "UPDATE uploads SET outcome = $3, material_id = $4, refusal = $5, expires_at = $6 \
         WHERE user_id = $1 AND id = $2 AND outcome IS NULL",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .bind(outcome)
    .bind(material.map(MaterialId::uuid))
    .bind(refusal)
    .bind(forget_at)
    .execute(tx)
    .await?;
    Ok(ended.rows_affected() > 0)
}

/// Forgets an upload; false when there is none.
pub async fn remove(db: &Db, user: UserId, id: UploadId) -> Stored<bool> {
    let mut tx = db.write().await?;
    let removed = sqlx::query("DELETE FROM uploads WHERE user_id = $1 AND id = $2")
        .bind(user.uuid())
        .bind(id.uuid())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(removed.rows_affected() > 0)
}

/// Forgets whatever has expired and says which it was.
pub async fn remove_expired(db: &Db, now: DateTime<Utc>) -> Stored<Vec<UploadId>> {
    let mut tx = db.write().await?;
    let ids: Vec<Uuid> =
        sqlx::query_scalar("DELETE FROM uploads WHERE expires_at <= $1 RETURNING id")
            .bind(now)
            .fetch_all(&mut *tx)
            .await?;
    tx.commit().await?;
    Ok(ids.into_iter().map(UploadId::new).collect())
}

/// Forgets the uploads that ended with the process that took them: those of plain forms.
pub async fn remove_cut_off(db: &Db) -> Stored<()> {
    let mut tx = db.write().await?;
    sqlx::query("DELETE FROM uploads WHERE NOT resumable")
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// Every upload whose part must stay on disk, of all users.
pub async fn live(executor: impl SqliteExecutor<'_>, now: DateTime<Utc>) -> Stored<Vec<UploadId>> {
    let ids: Vec<Uuid> =
        sqlx::query_scalar("SELECT id FROM uploads WHERE outcome IS NULL AND expires_at > $1")
            .bind(now)
            .fetch_all(executor)
            .await?;
    Ok(ids.into_iter().map(UploadId::new).collect())
}

/// Sizes are bounded far below `i64::MAX` where they are admitted.
fn big_bytes(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
