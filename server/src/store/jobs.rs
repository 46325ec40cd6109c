//! The rows of ingest jobs: one for each material that still has work to do. The row is the truth
//! about the job: what is to be done, who works on it and until when that is believed, how far it
//! has come, and how often it was tried. Knows nothing of how the work is done.
//!
//! A job is claimed by a guarded update and held by a lease. Every write of a worker begins with
//! [`touch`], which fails when the lease is lost (the job was cancelled, its material deleted, or
//! somebody took it over), so that nobody writes for a job that is no longer his.

use super::{Db, StoreError, Stored};
use app::model::{
    id::{MaterialId, UserId},
    material::Pace,
};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::SqliteConnection;
use uuid::Uuid;

/// How long a worker is believed to live after its last sign: many times the second between two
/// signs, so that a busy machine is no dead one.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// Users whose jobs are looked at together.
const CANDIDATES_MAX: i64 = 500;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Extract, chunk, embed.
    Read,
    /// The same, of a document that is searchable already and stays so.
    Again,
    /// Only the vectors are missing; the material stays in its state.
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

    fn parse(name: String) -> Stored<Self> {
        match name.as_str() {
            "read" => Ok(Self::Read),
            "again" => Ok(Self::Again),
            "embed" => Ok(Self::Embed),
            _ => Err(StoreError::Corrupt {
                column: "ingest_jobs.kind",
                value: name,
            }),
        }
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The text is being taken out.
    Reading,
    /// The whole text is stored; vectors are being made.
    Embedding,
}

impl Stage {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::Embedding => "embedding",
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
    /// Whether an earlier attempt has stored the whole text already.
    pub text_is_stored: bool,
}

impl Job {
    /// Whether it begins with reading the file; else only vectors are to be made.
    pub fn reads(&self) -> bool {
        match self.kind {
            Kind::Read => !self.text_is_stored,
            Kind::Again => true,
            Kind::Embed => false,
        }
    }
}

/// A job that is held by this process.
#[derive(Clone, Debug)]
pub struct Claim {
    pub job: Job,
    /// How often it was begun without coming any further since, this time included.
    pub starts: u32,
    owner: Uuid,
}

/// How far a job has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    pub stage: Stage,
    /// Pages read, or passages embedded.
    pub done: u32,
    pub total: Option<u32>,
    pub pace: Option<Pace>,
}

/// Queues a job, or turns the material's present one into it with its past forgotten; whoever holds
/// the present one has lost it.
pub async fn enqueue(
    tx: &mut SqliteConnection,
    material: MaterialId,
    kind: Kind,
    not_before: DateTime<Utc>,
) -> Stored<()> {
    sqlx::query(
        "INSERT INTO ingest_jobs (material_id, kind, attempt, not_before, queued_at) \
         VALUES ($1, $2, 0, $3, $3) ON CONFLICT (material_id) DO UPDATE SET \
         kind = excluded.kind, attempt = 0, starts = 0, not_before = excluded.not_before, \
         state = 'waiting', stage = NULL, done = 0, total = NULL, error_kind = NULL, \
         lease_owner = NULL, lease_until = NULL",
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

/// Ends the reading of a material. What is stored of it stays searchable, so a job is left for the
/// vectors it may lack.
pub async fn embed_rest(
    tx: &mut SqliteConnection,
    material: MaterialId,
    now: DateTime<Utc>,
) -> Stored<()> {
    let has_passages: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM chunks WHERE material_id = $1)")
            .bind(material.uuid())
            .fetch_one(&mut *tx)
            .await?;
    if has_passages {
        enqueue(tx, material, Kind::Embed, now).await
    } else {
        remove(tx, material).await
    }
}

/// Jobs that may be claimed: reading before reading again before embedding, oldest first, at most
/// `each` of every user.
pub async fn due(db: &Db, now: DateTime<Utc>, each: usize) -> Stored<Vec<Job>> {
    let rows: Vec<(Uuid, Uuid, String, i64, Option<String>)> = sqlx::query_as(
        "SELECT material_id, user_id, kind, attempt, stage FROM ( \
             SELECT j.material_id, m.user_id, j.kind, j.attempt, j.stage, j.queued_at, \
                    CASE j.kind WHEN 'read' THEN 0 WHEN 'again' THEN 1 ELSE 2 END AS rank, \
                    row_number() OVER (PARTITION BY m.user_id, j.kind ORDER BY j.queued_at, j.material_id) AS nth \
             FROM ingest_jobs j JOIN materials m ON m.id = j.material_id \
             WHERE j.not_before <= $1 AND (j.state = 'waiting' OR j.lease_until <= $1)) AS numbered \
         WHERE nth <= $2 ORDER BY nth, rank, queued_at, material_id LIMIT $3",
    )
    .bind(now)
    .bind(i64::try_from(each).unwrap_or(i64::MAX))
    .bind(CANDIDATES_MAX)
    .fetch_all(db.read())
    .await?;
    rows.into_iter()
        .map(|(material, user, kind, attempt, stage)| {
            Ok(Job {
                material: MaterialId::new(material),
                user: UserId::new(user),
                kind: Kind::parse(kind)?,
                attempt: u32::try_from(attempt).unwrap_or_default(),
                text_is_stored: stage.as_deref() == Some(Stage::Embedding.name()),
            })
        })
        .collect()
}

/// Claims a due job for `owner`; `None` when it is no longer to be had.
pub async fn claim(db: &Db, job: Job, owner: Uuid, now: DateTime<Utc>) -> Stored<Option<Claim>> {
    let mut tx = db.write().await?;
    let starts: Option<i64> = sqlx::query_scalar(
        "UPDATE ingest_jobs SET state = 'running', starts = starts + 1, lease_owner = $2, \
         lease_until = $3 WHERE material_id = $1 AND kind = $4 AND not_before <= $5 \
         AND (state = 'waiting' OR lease_until <= $5) RETURNING starts",
    )
    .bind(job.material.uuid())
    .bind(owner)
    .bind(now + LEASE)
    .bind(job.kind.name())
    .bind(now)
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(starts.map(|starts| Claim {
        job,
        starts: u32::try_from(starts).unwrap_or(u32::MAX),
        owner,
    }))
}

/// Renews the lease; false when it is lost. The first statement of every write of a worker.
pub async fn hold(tx: &mut SqliteConnection, claim: &Claim, now: DateTime<Utc>) -> Stored<bool> {
    let held = sqlx::query(
        "UPDATE ingest_jobs SET lease_until = $3 WHERE material_id = $1 AND lease_owner = $2",
    )
    .bind(claim.job.material.uuid())
    .bind(claim.owner)
    .bind(now + LEASE)
    .execute(tx)
    .await?;
    Ok(held.rows_affected() > 0)
}

/// As [`hold`], and notes how far the job has come: on its own row and, unless the material is ready
/// and only catching up, on the material's.
pub async fn touch(
    tx: &mut SqliteConnection,
    claim: &Claim,
    now: DateTime<Utc>,
    standing: &Standing,
) -> Stored<bool> {
    let held = sqlx::query(
        "UPDATE ingest_jobs SET lease_until = $3, stage = $4, done = $5, total = $6 \
         WHERE material_id = $1 AND lease_owner = $2",
    )
    .bind(claim.job.material.uuid())
    .bind(claim.owner)
    .bind(now + LEASE)
    .bind(standing.stage.name())
    .bind(i64::from(standing.done))
    .bind(standing.total.map(i64::from))
    .execute(&mut *tx)
    .await?;
    if held.rows_affected() == 0 {
        return Ok(false);
    }
    if claim.job.kind != Kind::Embed {
        sqlx::query(
            "UPDATE materials SET revision = revision + 1, state = $3, pages_per_second = $4, remaining_seconds = $5 \
             WHERE user_id = $1 AND id = $2",
        )
        .bind(claim.job.user.uuid())
        .bind(claim.job.material.uuid())
        .bind(standing.stage.name())
        .bind(standing.pace.map(|pace| f64::from(pace.pages_per_second)))
        .bind(
            standing
                .pace
                .and_then(|pace| pace.remaining_seconds)
                .map(i64::from),
        )
        .execute(tx)
        .await?;
    }
    Ok(true)
}

/// [`touch`] in a transaction of its own.
pub async fn report(
    db: &Db,
    claim: &Claim,
    now: DateTime<Utc>,
    standing: &Standing,
) -> Stored<bool> {
    let mut tx = db.write().await?;
    let held = touch(&mut tx, claim, now, standing).await?;
    tx.commit().await?;
    Ok(held)
}

/// The job has come further: what was begun in vain before is forgotten.
pub async fn came_further(tx: &mut SqliteConnection, claim: &Claim) -> Stored<()> {
    sqlx::query("UPDATE ingest_jobs SET starts = 1 WHERE material_id = $1 AND starts > 1")
        .bind(claim.job.material.uuid())
        .execute(tx)
        .await?;
    Ok(())
}

/// Gives a job back that was cut off by the server's own stop: it is due at once and this start does
/// not count.
pub async fn release(db: &Db, claim: &Claim) -> Stored<()> {
    let mut tx = db.write().await?;
    let released = sqlx::query(
        "UPDATE ingest_jobs SET state = 'waiting', lease_owner = NULL, lease_until = NULL, \
         starts = max(starts - 1, 0) WHERE material_id = $1 AND lease_owner = $2",
    )
    .bind(claim.job.material.uuid())
    .bind(claim.owner)
    .execute(&mut *tx)
    .await?;
    if released.rows_affected() > 0 {
        queue_material(&mut tx, &claim.job).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Puts a job off after a failed attempt, with the reason's name; a material that was being read is
/// queued again. An attempt that only found a service resting does not count.
pub async fn postpone(
    db: &Db,
    claim: &Claim,
    not_before: DateTime<Utc>,
    reason: &str,
    counts: bool,
) -> Stored<()> {
    let mut tx = db.write().await?;
    let postponed = sqlx::query(
        "UPDATE ingest_jobs SET state = 'waiting', lease_owner = NULL, lease_until = NULL, \
         starts = 0, attempt = attempt + $4, error_kind = $5, not_before = $3 \
         WHERE material_id = $1 AND lease_owner = $2",
    )
    .bind(claim.job.material.uuid())
    .bind(claim.owner)
    .bind(not_before)
    .bind(i64::from(counts))
    .bind(reason)
    .execute(&mut *tx)
    .await?;
    if postponed.rows_affected() > 0 {
        queue_material(&mut tx, &claim.job).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn queue_material(tx: &mut SqliteConnection, job: &Job) -> Stored<()> {
    sqlx::query(
        "UPDATE materials SET revision = revision + 1, state = 'queued', pages_per_second = NULL, remaining_seconds = NULL \
         WHERE user_id = $1 AND id = $2 AND state IN ('reading', 'embedding')",
    )
    .bind(job.user.uuid())
    .bind(job.material.uuid())
    .execute(tx)
    .await?;
    Ok(())
}

/// When the next job that is not due yet will be.
pub async fn next_due_at(db: &Db, now: DateTime<Utc>) -> Stored<Option<DateTime<Utc>>> {
    Ok(sqlx::query_scalar(
        "SELECT at FROM (SELECT CASE state WHEN 'waiting' THEN not_before ELSE lease_until END AS at \
         FROM ingest_jobs) AS times WHERE at > $1 ORDER BY at LIMIT 1",
    )
    .bind(now)
    .fetch_optional(db.read())
    .await?)
}

/// After a start: nobody works on anything, for the data folder belongs to one process; what was
/// under way is queued again, and a material that lost its job gets a new one.
pub async fn resume(db: &Db, now: DateTime<Utc>) -> Stored<()> {
    let mut tx = db.write().await?;
    sqlx::query(
        "UPDATE ingest_jobs SET state = 'waiting', lease_owner = NULL, lease_until = NULL \
         WHERE state = 'running'",
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "UPDATE materials SET revision = revision + 1, state = 'queued', pages_per_second = NULL, remaining_seconds = NULL \
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

/// Queues an embedding job for every material without a job that lacks vectors of this embedder;
/// answers how many jobs are new. Whatever can be searched counts, also what was read of a document
/// that failed. A passage this embedder has refused lacks nothing.
pub async fn enqueue_missing_vectors(db: &Db, embedder: &str, now: DateTime<Utc>) -> Stored<u64> {
    let mut tx = db.write().await?;
    let queued = sqlx::query(
        "INSERT INTO ingest_jobs (material_id, kind, attempt, not_before, queued_at) \
         SELECT m.id, 'embed', 0, $2, $2 FROM materials m WHERE EXISTS ( \
             SELECT 1 FROM chunks c WHERE c.material_id = m.id AND NOT EXISTS ( \
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
