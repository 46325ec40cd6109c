//! What should not be in the database: rows that outlived what they belong to. The foreign keys
//! forbid most of it; this is the proof that they did. The only queries that look at all users' rows:
//! they answer counts and ids, never content.

use super::{Db, Stored};
use app::model::id::{MaterialId, UploadId, UserId};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Rows that belong to nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Vectors of no passage.
    pub vectors: u64,
    /// Pages, passages, faults, outlines and jobs of no material.
    pub text: u64,
}

/// The tables whose rows belong to another's: what to look for, and how to remove it.
const OWNED: [(&str, &str); 6] = [
    (
        "SELECT count(*) FROM chunks WHERE material_id NOT IN (SELECT id FROM materials)",
        "DELETE FROM chunks WHERE material_id NOT IN (SELECT id FROM materials)",
    ),
    (
        "SELECT count(*) FROM pages WHERE material_id NOT IN (SELECT id FROM materials)",
        "DELETE FROM pages WHERE material_id NOT IN (SELECT id FROM materials)",
    ),
    (
        "SELECT count(*) FROM page_faults WHERE material_id NOT IN (SELECT id FROM materials)",
        "DELETE FROM page_faults WHERE material_id NOT IN (SELECT id FROM materials)",
    ),
    (
        "SELECT count(*) FROM outline_entries WHERE material_id NOT IN (SELECT id FROM materials)",
        "DELETE FROM outline_entries WHERE material_id NOT IN (SELECT id FROM materials)",
    ),
    (
        "SELECT count(*) FROM ingest_jobs WHERE material_id NOT IN (SELECT id FROM materials)",
        "DELETE FROM ingest_jobs WHERE material_id NOT IN (SELECT id FROM materials)",
    ),
    (
        "SELECT count(*) FROM embeddings WHERE chunk_id NOT IN (SELECT id FROM chunks)",
        "DELETE FROM embeddings WHERE chunk_id NOT IN (SELECT id FROM chunks)",
    ),
];

/// Removes what belongs to nothing and counts it. Looks with a reader, so that a large library is not held up by a search that finds nothing.
pub async fn remove_text(db: &Db) -> Stored<Rows> {
    let mut rows = Rows::default();
    for (look, remove) in OWNED {
        let count: i64 = sqlx::query_scalar(look).fetch_one(db.read()).await?;
        if count == 0 {
            continue;
        }
        let mut tx = db.write().await?;
        let removed = sqlx::query(remove).execute(&mut *tx).await?.rows_affected();
        tx.commit().await?;
        if remove.starts_with("DELETE FROM embeddings") {
            rows.vectors += removed;
        } else {
            rows.text += removed;
        }
    }
    Ok(rows)
}

/// Removes uploads whose time is over and counts them.
pub async fn remove_expired_uploads(db: &Db, now: DateTime<Utc>) -> Stored<u64> {
    let mut tx = db.write().await?;
    let removed = sqlx::query("DELETE FROM uploads WHERE expires_at <= $1")
        .bind(now)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(removed.rows_affected())
}

/// Every material and its owner.
pub async fn materials(db: &Db) -> Stored<Vec<(UserId, MaterialId)>> {
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as("SELECT user_id, id FROM materials")
        .fetch_all(db.read())
        .await?;
    Ok(rows
        .into_iter()
        .map(|(user, material)| (UserId::new(user), MaterialId::new(material)))
        .collect())
}

/// Whether there is such a material.
pub async fn is_known(db: &Db, user: UserId, material: MaterialId) -> Stored<bool> {
    Ok(
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM materials WHERE user_id = $1 AND id = $2)",
        )
        .bind(user.uuid())
        .bind(material.uuid())
        .fetch_one(db.read())
        .await?,
    )
}

/// Whether there is such an upload.
pub async fn is_upload(db: &Db, upload: UploadId) -> Stored<bool> {
    Ok(
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM uploads WHERE id = $1)")
            .bind(upload.uuid())
            .fetch_one(db.read())
            .await?,
    )
}
