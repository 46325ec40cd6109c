//! How a material moves on: failing, becoming ready, being tried again, stopped or read once more.
//! Each move of the material and of its job is one transaction.

use super::{big, failure_name, find_on, text};
use crate::store::{
    Db, Stored,
    jobs::{self, Claim, Kind},
};
use app::model::{
    id::{MaterialId, UserId},
    material::{FailureKind, Material, MaterialState},
};
use chrono::{DateTime, Utc};

/// Ends a material's job in failure; false when the job is lost. What the document itself is to
/// blame for leaves nothing of it behind; else what was read stays searchable.
pub async fn fail(
    db: &Db,
    claim: &Claim,
    now: DateTime<Utc>,
    kind: FailureKind,
    message: &str,
) -> Stored<bool> {
    let (user, id) = (claim.job.user, claim.job.material);
    let mut tx = db.write().await?;
    if !jobs::hold(&mut tx, claim, now).await? {
        return Ok(false);
    }
    sqlx::query(
        "UPDATE materials SET revision = revision + 1, state = 'failed', failure_kind = $3, failure_message = $4, \
         pages_per_second = NULL, remaining_seconds = NULL, note = NULL \
         WHERE user_id = $1 AND id = $2",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .bind(failure_name(kind))
    .bind(message)
    .execute(&mut *tx)
    .await?;
    if kind == FailureKind::Server {
        jobs::embed_rest(&mut tx, id, now).await?;
    } else {
        text::clear(&mut tx, user, id).await?;
        sqlx::query(
            "UPDATE materials SET revision = revision + 1, pages_searchable = 0, empty_pages = 0, page_fault_count = 0, \
             chunk_count = 0, chunks_embedded = 0 WHERE user_id = $1 AND id = $2",
        )
        .bind(user.uuid())
        .bind(id.uuid())
        .execute(&mut *tx)
        .await?;
        jobs::remove(&mut tx, id).await?;
    }
    crate::failpoint::reached("fail");
    tx.commit().await?;
    Ok(true)
}

/// What is left to do on a material whose text is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    Nothing,
    /// Vectors are to be made, not before then.
    Vectors(DateTime<Utc>),
}

/// Makes a material ready and ends its job, or turns it into the one that is left to do; false when
/// the job is lost. `settled` counts the passages that have their vector or were refused it. One that
/// failed, of which only the vectors were made, stays failed.
pub async fn ready(
    db: &Db,
    claim: &Claim,
    now: DateTime<Utc>,
    settled: usize,
    note: Option<&str>,
    rest: Rest,
) -> Stored<bool> {
    let (user, id) = (claim.job.user, claim.job.material);
    let mut tx = db.write().await?;
    if !jobs::hold(&mut tx, claim, now).await? {
        return Ok(false);
    }
    sqlx::query(
        "UPDATE materials SET revision = revision + 1, \
         state = CASE state WHEN 'failed' THEN state ELSE 'ready' END, \
         pages_per_second = NULL, remaining_seconds = NULL, chunks_embedded = $3, note = $4 \
         WHERE user_id = $1 AND id = $2",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .bind(big(settled))
    .bind(note)
    .execute(&mut *tx)
    .await?;
    match rest {
        Rest::Nothing => jobs::remove(&mut tx, id).await?,
        Rest::Vectors(not_before) => jobs::enqueue(&mut tx, id, Kind::Embed, not_before).await?,
    }
    crate::failpoint::reached("ready");
    tx.commit().await?;
    Ok(true)
}

/// Says why a material still lacks its vectors.
pub async fn set_note(db: &Db, claim: &Claim, now: DateTime<Utc>, note: &str) -> Stored<()> {
    let mut tx = db.write().await?;
    if jobs::hold(&mut tx, claim, now).await? {
        sqlx::query("UPDATE materials SET revision = revision + 1, note = $3 WHERE user_id = $1 AND id = $2")
            .bind(claim.job.user.uuid())
            .bind(claim.job.material.uuid())
            .bind(note)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Ends the job of a material that could not be read again and stays as it was, with a note why. False
/// when the job is lost.
pub async fn keep_as_it_was(
    db: &Db,
    claim: &Claim,
    now: DateTime<Utc>,
    note: &str,
) -> Stored<bool> {
    let (user, id) = (claim.job.user, claim.job.material);
    let mut tx = db.write().await?;
    if !jobs::hold(&mut tx, claim, now).await? {
        return Ok(false);
    }
    sqlx::query(
        "UPDATE materials SET revision = revision + 1, state = 'ready', pages_per_second = NULL, remaining_seconds = NULL, \
         note = $3 WHERE user_id = $1 AND id = $2",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .bind(note)
    .execute(&mut *tx)
    .await?;
    jobs::embed_rest(&mut tx, id, now).await?;
    tx.commit().await?;
    Ok(true)
}

/// Queues a failed material again and answers it as it is then; one that did not fail is left
/// alone. `None` when there is no such material.
pub async fn retry(
    db: &Db,
    user: UserId,
    id: MaterialId,
    now: DateTime<Utc>,
) -> Stored<Option<Material>> {
    queue(db, user, id, now, |state| match state {
        MaterialState::Failed { .. } => Some(Kind::Read),
        _ => None,
    })
    .await
}

/// Queues a settled material to be read again from its file; one on its way is left alone. `None`
/// when there is no such material.
pub async fn reprocess(
    db: &Db,
    user: UserId,
    id: MaterialId,
    now: DateTime<Utc>,
) -> Stored<Option<Material>> {
    queue(db, user, id, now, |state| match state {
        MaterialState::Ready => Some(Kind::Again),
        MaterialState::Failed { .. } => Some(Kind::Read),
        _ => None,
    })
    .await
}

async fn queue(
    db: &Db,
    user: UserId,
    id: MaterialId,
    now: DateTime<Utc>,
    job_for: impl Fn(&MaterialState) -> Option<Kind> + Send,
) -> Stored<Option<Material>> {
    let mut tx = db.write().await?;
    let before = find_on(&mut *tx, user, id).await?;
    if let Some(kind) = before.and_then(|material| job_for(&material.state)) {
        sqlx::query(
            "UPDATE materials SET revision = revision + 1, state = 'queued', failure_kind = NULL, failure_message = NULL, \
             note = NULL WHERE user_id = $1 AND id = $2",
        )
        .bind(user.uuid())
        .bind(id.uuid())
        .execute(&mut *tx)
        .await?;
        jobs::enqueue(&mut tx, id, kind, now).await?;
    }
    let material = find_on(&mut *tx, user, id).await?;
    tx.commit().await?;
    Ok(material)
}

/// Ends the job of a material that is on its way: what was read is kept, and one that was being
/// read again is ready as before. A settled one is left alone; `None` when there is no such one.
pub async fn cancel(
    db: &Db,
    user: UserId,
    id: MaterialId,
    now: DateTime<Utc>,
    message: &str,
) -> Stored<Option<Material>> {
    let mut tx = db.write().await?;
    let on_its_way = find_on(&mut *tx, user, id)
        .await?
        .is_some_and(|material| !material.state.is_settled());
    if on_its_way {
        let was_ready: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM ingest_jobs WHERE material_id = $1 AND kind = 'again')",
        )
        .bind(id.uuid())
        .fetch_one(&mut *tx)
        .await?;
        sqlx::query(
            "UPDATE materials SET revision = revision + 1, state = $3, failure_kind = $4, failure_message = $5, \
             pages_per_second = NULL, remaining_seconds = NULL WHERE user_id = $1 AND id = $2",
        )
        .bind(user.uuid())
        .bind(id.uuid())
        .bind(if was_ready { "ready" } else { "failed" })
        .bind((!was_ready).then_some(failure_name(FailureKind::Cancelled)))
        .bind((!was_ready).then_some(message))
        .execute(&mut *tx)
        .await?;
        jobs::embed_rest(&mut tx, id, now).await?;
    }
    let material = find_on(&mut *tx, user, id).await?;
    tx.commit().await?;
    Ok(material)
}
