//! The rows of ingest jobs: one for each material that still has work to do. The row is the truth
//! about the job; who is working on it right now is known to the running process alone, so that a
//! crash leaves nothing to clean up.

use super::{Db, StoreError, Stored};
use app::model::id::{MaterialId, UserId};
use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;
use uuid::Uuid;

/// Jobs of one user that are looked at together: those both workers may hold, and the next.
const JOBS_PER_USER: i64 = 3;
/// Users looked at together.
const CANDIDATES_MAX: i64 = 200;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Extract, chunk, embed.
    Read,
    /// The same, of a document that is searchable already and stays so.
    Again,
    /// Only the vectors are missing.
    Embed,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Again => "again",
            Self::Embed => "embed",
        }
    }
}

/// A job that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub material: MaterialId,
    pub user: UserId,
    pub kind: Kind,
    /// Failed attempts so far.
    pub attempt: u32,
}

/// Queues a job, or turns the material's present one into it with its attempts forgotten.
pub async fn enqueue(
    tx: &mut SqliteConnection,
    material: MaterialId,
    kind: Kind,
    not_before: DateTime<Utc>,
) -> Stored<()> {
    sqlx::query(
        "INSERT INTO ingest_jobs (material_id, kind, attempt, not_before, queued_at) \
         VALUES ($1, $2, 0, $3, $3) ON CONFLICT (material_id) DO UPDATE SET \
         kind = excluded.kind, attempt = 0, not_before = excluded.not_before",
    )
    .bind(material.uuid())
    .bind(kind.name())
    .bind(not_before)
    .execute(tx)
    .await?;
    Ok(())
}

/// Removes a material's job.
pub async fn remove(tx: &mut SqliteConnection, material: MaterialId) -> Stored<()> {
    sqlx::query("DELETE FROM ingest_jobs WHERE material_id = $1")
        .bind(material.uuid())
        .execute(tx)
        .await?;
    Ok(())
}

/// Removes a material's job outside any other transaction.
pub async fn finish(db: &Db, material: MaterialId) -> Stored<()> {
    let mut tx = db.write().await?;
    remove(&mut tx, material).await?;
    tx.commit().await?;
    Ok(())
}

/// Puts a job off after a failed attempt; a material that was being read is queued again.
pub async fn postpone(db: &Db, job: &Job, not_before: DateTime<Utc>) -> Stored<()> {
    let mut tx = db.write().await?;
    sqlx::query("UPDATE ingest_jobs SET attempt = $2, not_before = $3 WHERE material_id = $1")
        .bind(job.material.uuid())
        .bind(i64::from(job.attempt) + 1)
        .bind(not_before)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "UPDATE materials SET state = 'queued', pages_read = 0 \
         WHERE user_id = $1 AND id = $2 AND state IN ('reading', 'embedding')",
    )
    .bind(job.user.uuid())
    .bind(job.material.uuid())
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Jobs that are due: reading before embedding, oldest first, a few of every user.
pub async fn due(db: &Db, now: DateTime<Utc>) -> Stored<Vec<Job>> {
    let rows: Vec<(Uuid, Uuid, String, i64)> = sqlx::query_as(
        "SELECT material_id, user_id, kind, attempt FROM ( \
             SELECT j.material_id, m.user_id, j.kind, j.attempt, j.queued_at, \
                    CASE j.kind WHEN 'read' THEN 0 WHEN 'again' THEN 1 ELSE 2 END AS rank, \
                    row_number() OVER (PARTITION BY m.user_id, j.kind ORDER BY j.queued_at, j.material_id) AS nth \
             FROM ingest_jobs j JOIN materials m ON m.id = j.material_id \
             WHERE j.not_before <= $1) AS numbered \
         WHERE nth <= $2 ORDER BY rank, queued_at, material_id LIMIT $3",
    )
    .bind(now)
    .bind(JOBS_PER_USER)
    .bind(CANDIDATES_MAX)
    .fetch_all(db.read())
    .await?;
    rows.into_iter()
        .map(|(material, user, kind, attempt)| {
            Ok(Job {
                material: MaterialId::new(material),
                user: UserId::new(user),
                kind: match kind.as_str() {
                    "read" => Kind::Read,
                    "again" => Kind::Again,
                    "embed" => Kind::Embed,
                    _ => {
                        return Err(StoreError::Corrupt {
                            column: "ingest_jobs.kind",
                            value: kind,
                        });
                    }
                },
                attempt: u32::try_from(attempt).unwrap_or_default(),
            })
        })
        .collect()
}

/// When the next job that is not due yet will be.
pub async fn next_due_at(db: &Db, now: DateTime<Utc>) -> Stored<Option<DateTime<Utc>>> {
    Ok(sqlx::query_scalar(
        "SELECT not_before FROM ingest_jobs WHERE not_before > $1 ORDER BY not_before LIMIT 1",
    )
    .bind(now)
    .fetch_optional(db.read())
    .await?)
}

/// After a start: what was under way when the last process ended is queued again, and a material
/// that lost its job gets a new one.
pub async fn resume(db: &Db, now: DateTime<Utc>) -> Stored<()> {
    let mut tx = db.write().await?;
    sqlx::query(
        "UPDATE materials SET state = 'queued', pages_read = 0 \
         WHERE state IN ('reading', 'embedding')",
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "INSERT INTO ingest_jobs (material_id, kind, attempt, not_before, queued_at) \
         SELECT id, 'read', 0, $1, $1 FROM materials WHERE state = 'queued' \
         ON CONFLICT (material_id) DO NOTHING",
    )
    .bind(now)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Queues an embedding job for every ready material that lacks vectors of this embedder; answers
/// how many jobs are new.
pub async fn enqueue_missing_vectors(db: &Db, embedder: &str, now: DateTime<Utc>) -> Stored<u64> {
    let mut tx = db.write().await?;
    let queued = sqlx::query(
        "INSERT INTO ingest_jobs (material_id, kind, attempt, not_before, queued_at) \
         SELECT m.id, 'embed', 0, $2, $2 FROM materials m WHERE m.state = 'ready' \
         AND EXISTS (SELECT 1 FROM chunks c WHERE c.material_id = m.id AND NOT EXISTS ( \
             SELECT 1 FROM embeddings e WHERE e.chunk_id = c.id AND e.embedder = $1)) \
         ON CONFLICT (material_id) DO NOTHING",
    )
    .bind(embedder)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(queued.rows_affected())
}
