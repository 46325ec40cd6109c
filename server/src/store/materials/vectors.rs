//! What makes a material's passages found by meaning: which still lack a vector, and storing those
//! that were made. A text the embedder refused is kept as a vector without numbers, so that it is
//! neither searched nor asked for again.

use super::{big, text::ChunkKey};
use crate::store::{
    Db, Stored,
    jobs::{self, Claim, Standing},
};
use app::model::id::{MaterialId, UserId};
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use rusqlite::ToSql;
use sqlx::SqliteConnection;
use std::collections::HashSet;

/// A passage without a vector.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Lacking {
    pub id: i64,
    pub ordinal: i64,
    pub section: Option<String>,
    pub text: String,
}

/// Up to `limit` passages of a material from `ordinal` on that have no vector of this embedder.
pub async fn lacking(
    db: &Db,
    user: UserId,
    id: MaterialId,
    embedder: &str,
    ordinal: i64,
    limit: usize,
) -> Stored<Vec<Lacking>> {
    Ok(sqlx::query_as(
        "SELECT c.id, c.ordinal, c.section, c.text FROM chunks c \
         WHERE c.user_id = $1 AND c.material_id = $2 AND c.ordinal >= $3 \
         AND NOT EXISTS (SELECT 1 FROM embeddings e WHERE e.chunk_id = c.id AND e.embedder = $4) \
         ORDER BY c.ordinal LIMIT $5",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .bind(ordinal)
    .bind(embedder)
    .bind(big(limit))
    .fetch_all(db.read())
    .await?)
}

/// The passages of a material that have a vector of this embedder or were refused one.
pub async fn embedded_keys(
    db: &Db,
    user: UserId,
    id: MaterialId,
    embedder: &str,
) -> Stored<HashSet<ChunkKey>> {
    let mut keys = HashSet::new();
    let mut rows = sqlx::query_as::<_, (Option<String>, String)>(
        "SELECT c.section, c.text FROM chunks c JOIN embeddings e ON e.chunk_id = c.id \
         WHERE c.user_id = $1 AND c.material_id = $2 AND e.embedder = $3",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .bind(embedder)
    .fetch(db.read());
    while let Some((section, text)) = rows.try_next().await? {
        keys.insert(ChunkKey::of(section.as_deref(), &text));
    }
    Ok(keys)
}

/// How a material stands with one embedder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    pub passages: usize,
    /// With a vector, or refused.
    pub settled: usize,
    pub refused: usize,
}

/// Counts them.
pub async fn tally(db: &Db, user: UserId, id: MaterialId, embedder: &str) -> Stored<Tally> {
    let (passages, settled, refused): (i64, i64, i64) = sqlx::query_as(
        "SELECT count(*), count(e.chunk_id), \
         CAST(coalesce(sum(CASE WHEN length(e.vector) = 0 THEN 1 ELSE 0 END), 0) AS BIGINT) \
         FROM chunks c LEFT JOIN embeddings e ON e.chunk_id = c.id AND e.embedder = $3 \
         WHERE c.user_id = $1 AND c.material_id = $2",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .bind(embedder)
    .fetch_one(db.read())
    .await?;
    let count = |value| usize::try_from(value).unwrap_or_default();
    Ok(Tally {
        passages: count(passages),
        settled: count(settled),
        refused: count(refused),
    })
}

/// Adds vectors (`None`: refused) to passages that may have been replaced in the meantime; those are
/// passed over. False when the job is lost.
pub async fn add(
    db: &Db,
    claim: &Claim,
    now: DateTime<Utc>,
    embedder: &str,
    vectors: &[(i64, Option<Vec<f32>>)],
    standing: &Standing,
) -> Stored<bool> {
    let (user, material) = (claim.job.user, claim.job.material);
    let mut tx = db.write().await?;
    if !jobs::touch(&mut tx, claim, now, standing).await? {
        return Ok(false);
    }
    jobs::came_further(&mut tx, claim).await?;
    for (chunk_id, vector) in vectors {
        let exists: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM chunks WHERE user_id = $1 AND material_id = $2 AND id = $3",
        )
        .bind(user.uuid())
        .bind(material.uuid())
        .bind(*chunk_id)
        .fetch_optional(&mut *tx)
        .await?;
        if exists.is_some() {
            insert(&mut tx, *chunk_id, embedder, vector.as_deref()).await?;
        }
    }
    crate::failpoint::reached("vectors");
    tx.commit().await?;
    Ok(true)
}

/// Counts every passage of a job's material that has no vector of this embedder as refused. False
/// when the job is lost.
pub async fn refuse_lacking(
    db: &Db,
    claim: &Claim,
    now: DateTime<Utc>,
    embedder: &str,
) -> Stored<bool> {
    let mut tx = db.write().await?;
    if !jobs::hold(&mut tx, claim, now).await? {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO embeddings (chunk_id, embedder, vector) \
         SELECT c.id, $3, x'' FROM chunks c WHERE c.user_id = $1 AND c.material_id = $2 \
         ON CONFLICT (chunk_id, embedder) DO NOTHING",
    )
    .bind(claim.job.user.uuid())
    .bind(claim.job.material.uuid())
    .bind(embedder)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(true)
}

pub(super) async fn insert(
    tx: &mut SqliteConnection,
    chunk_id: i64,
    embedder: &str,
    vector: Option<&[f32]>,
) -> Stored<()> {
    let bytes: Vec<u8> = vector
        .unwrap_or_default()
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();
    sqlx::query(
        "INSERT INTO embeddings (chunk_id, embedder, vector) VALUES ($1, $2, $3) \
         ON CONFLICT (chunk_id, embedder) DO UPDATE SET vector = excluded.vector",
    )
    .bind(chunk_id)
    .bind(embedder)
    .bind(bytes)
    .execute(tx)
    .await?;
    Ok(())
}

/// Whether any vector of this embedder is stored.
pub async fn is_used(db: &Db, embedder: &str) -> Stored<bool> {
    Ok(
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM embeddings WHERE embedder = $1)")
            .bind(embedder)
            .fetch_one(db.read())
            .await?,
    )
}

/// The users who have vectors of other embedders than this one.
pub async fn users_of_others(db: &Db, embedder: &str) -> Stored<Vec<UserId>> {
    let ids: Vec<uuid::Uuid> = sqlx::query_scalar(
        "SELECT u.id FROM users u WHERE EXISTS ( \
             SELECT 1 FROM chunks c JOIN embeddings e ON e.chunk_id = c.id \
             WHERE c.user_id = u.id AND e.embedder <> $1)",
    )
    .bind(embedder)
    .fetch_all(db.read())
    .await?;
    Ok(ids.into_iter().map(UserId::new).collect())
}

/// How many of the user's passages have a vector of this embedder or were refused one, and of how
/// many.
pub async fn progress(db: &Db, user: UserId, embedder: &str) -> Stored<(u32, u32)> {
    let embedder = embedder.to_owned();
    db.look_aside(move |db| {
        let sql = "SELECT count(e.chunk_id), count(*) FROM chunks c \
                   LEFT JOIN embeddings e ON e.chunk_id = c.id AND e.embedder = $2 \
                   WHERE c.user_id = $1";
        let values: [&dyn ToSql; 2] = [&user.uuid(), &embedder];
        let counted = db.look_for("progress", sql, &values, |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        Ok(counted.unwrap_or_default())
    })
    .await
}

/// Whether each of the user's passages has a vector of this embedder or was refused one.
pub async fn is_settled(db: &Db, user: UserId, embedder: &str) -> Stored<bool> {
    let embedder = embedder.to_owned();
    db.look_aside(move |db| {
        let sql = "SELECT 1 FROM chunks c WHERE c.user_id = $1 AND NOT EXISTS ( \
                   SELECT 1 FROM embeddings e WHERE e.chunk_id = c.id AND e.embedder = $2) LIMIT 1";
        let values: [&dyn ToSql; 2] = [&user.uuid(), &embedder];
        Ok(db.look_for("lacking", sql, &values, |_| Ok(()))?.is_none())
    })
    .await
}

/// Whether the user has vectors of this embedder.
pub async fn has_any(db: &Db, user: UserId, embedder: &str) -> Stored<bool> {
    let embedder = embedder.to_owned();
    db.look_aside(move |db| {
        let sql = "SELECT 1 FROM chunks c JOIN embeddings e ON e.chunk_id = c.id \
                   WHERE c.user_id = $1 AND e.embedder = $2 LIMIT 1";
        let values: [&dyn ToSql; 2] = [&user.uuid(), &embedder];
        Ok(db.look_for("having", sql, &values, |_| Ok(()))?.is_some())
    })
    .await
}

/// Removes up to `limit` of the user's vectors that are not of this embedder; how many were.
pub async fn free_others(db: &Db, user: UserId, embedder: &str, limit: usize) -> Stored<u64> {
    let mut tx = db.write().await?;
    let freed = sqlx::query(
        "DELETE FROM embeddings WHERE (chunk_id, embedder) IN ( \
             SELECT e.chunk_id, e.embedder FROM chunks c JOIN embeddings e ON e.chunk_id = c.id \
             WHERE c.user_id = $1 AND e.embedder <> $2 LIMIT $3)",
    )
    .bind(user.uuid())
    .bind(embedder)
    .bind(big(limit))
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(freed.rows_affected())
}
