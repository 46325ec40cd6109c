//! The rows of materials, their pages, chunks and vectors. Knows nothing of how they are made.
//!
//! Every query names the user. A material's text is replaced as a whole, in one transaction, so
//! that a reader sees the old version or the new one and a repeated job leaves no second copy.
//! Above 400 lines because the switch of versions and the reads of what it wrote belong together.

use super::{Db, StoreError, Stored, jobs};
use app::model::{
    id::{MaterialId, UserId},
    material::{FailureKind, Material, MaterialState, MediaType, Pace, PageFault, Span},
};
use chrono::{DateTime, Utc};
use sqlx::{SqliteConnection, SqliteExecutor};
use uuid::Uuid;

/// The columns of [`Row`], for every query that answers materials.
macro_rules! select_material {
    ($rest:literal) => {
        concat!(
            "SELECT id, title, file_name, media_type, size_bytes, state, failure_kind, ",
            "failure_message, page_count, pages_read, empty_pages, chunk_count, chunks_embedded, ",
            "uploaded_at, pages_searchable, page_fault_count, pages_per_second, remaining_seconds, ",
            "note FROM materials ",
            $rest
        )
    };
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    title: String,
    file_name: String,
    media_type: String,
    size_bytes: i64,
    state: String,
    failure_kind: Option<String>,
    failure_message: Option<String>,
    page_count: Option<i64>,
    pages_read: i64,
    empty_pages: i64,
    chunk_count: i64,
    chunks_embedded: i64,
    uploaded_at: DateTime<Utc>,
    pages_searchable: i64,
    page_fault_count: i64,
    pages_per_second: Option<f64>,
    remaining_seconds: Option<i64>,
    note: Option<String>,
}

impl Row {
    fn into_material(self) -> Stored<Material> {
        let page_count = self.page_count.map(small);
        let state = match self.state.as_str() {
            "queued" => MaterialState::Queued,
            "reading" => MaterialState::Reading {
                page: small(self.pages_read),
                pages: page_count,
            },
            "embedding" => MaterialState::Embedding {
                done: small(self.chunks_embedded),
                total: small(self.chunk_count),
            },
            "ready" => MaterialState::Ready,
            "failed" => MaterialState::Failed {
                kind: failure_from(self.failure_kind.as_deref().unwrap_or("server"))?,
                message: self.failure_message.unwrap_or_default(),
            },
            other => return Err(corrupt("materials.state", other)),
        };
        Ok(Material {
            id: MaterialId::new(self.id),
            title: self.title,
            file_name: self.file_name,
            media_type: media_type_from(&self.media_type)?,
            size_bytes: u64::try_from(self.size_bytes).unwrap_or_default(),
            page_count,
            empty_pages: small(self.empty_pages),
            pages_searchable: small(self.pages_searchable),
            page_fault_count: small(self.page_fault_count),
            pace: self
                .pages_per_second
                .filter(|_| !state.is_settled())
                .map(|pages_per_second| Pace {
                    pages_per_second: pages_per_second as f32,
                    remaining_seconds: self.remaining_seconds.map(small),
                }),
            note: self.note,
            embedded: state == MaterialState::Ready && self.chunks_embedded >= self.chunk_count,
            state,
            uploaded_at: self.uploaded_at,
        })
    }
}

/// All of the user's materials, newest first.
pub async fn list(db: &Db, user: UserId) -> Stored<Vec<Material>> {
    let rows: Vec<Row> = sqlx::query_as(select_material!(
        "WHERE user_id = $1 ORDER BY uploaded_at DESC, id DESC"
    ))
    .bind(user.uuid())
    .fetch_all(db.read())
    .await?;
    rows.into_iter().map(Row::into_material).collect()
}

/// One of the user's materials.
pub async fn find(db: &Db, user: UserId, id: MaterialId) -> Stored<Option<Material>> {
    find_on(db.read(), user, id).await
}

async fn find_on(
    executor: impl SqliteExecutor<'_>,
    user: UserId,
    id: MaterialId,
) -> Stored<Option<Material>> {
    let row: Option<Row> = sqlx::query_as(select_material!("WHERE user_id = $1 AND id = $2"))
        .bind(user.uuid())
        .bind(id.uuid())
        .fetch_optional(executor)
        .await?;
    row.map(Row::into_material).transpose()
}

/// The cleaned text of one page, `page` from 1.
pub async fn page_text(db: &Db, user: UserId, id: MaterialId, page: u32) -> Stored<Option<String>> {
    Ok(sqlx::query_scalar(
        "SELECT p.text FROM pages p JOIN materials m ON m.id = p.material_id \
         WHERE m.user_id = $1 AND m.id = $2 AND p.page_number = $3",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .bind(i64::from(page))
    .fetch_optional(db.read())
    .await?)
}

/// Where a chunk lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkPlace {
    /// From 1.
    pub page_first: u32,
    pub page_last: u32,
    /// `start` counts on `page_first`, `end` on `page_last`, in characters.
    pub span: Span,
}

/// Where one chunk of the user's material lies.
pub async fn chunk_span(
    db: &Db,
    user: UserId,
    material: MaterialId,
    chunk_id: i64,
) -> Stored<Option<ChunkPlace>> {
    let row: Option<(i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT page_first, page_last, char_start, char_end FROM chunks \
         WHERE user_id = $1 AND material_id = $2 AND id = $3",
    )
    .bind(user.uuid())
    .bind(material.uuid())
    .bind(chunk_id)
    .fetch_optional(db.read())
    .await?;
    Ok(row.map(|(page_first, page_last, start, end)| ChunkPlace {
        page_first: small(page_first),
        page_last: small(page_last),
        span: Span {
            start: small(start),
            end: small(end),
        },
    }))
}

/// Gives a material another title; `None` when there is no such material.
pub async fn rename(
    db: &Db,
    user: UserId,
    id: MaterialId,
    title: &str,
) -> Stored<Option<Material>> {
    let mut tx = db.write().await?;
    sqlx::query("UPDATE materials SET title = $3 WHERE user_id = $1 AND id = $2")
        .bind(user.uuid())
        .bind(id.uuid())
        .bind(title)
        .execute(&mut *tx)
        .await?;
    let renamed = find_on(&mut *tx, user, id).await?;
    tx.commit().await?;
    Ok(renamed)
}

/// Bytes of all files the user has uploaded.
pub async fn used_bytes(db: &Db, user: UserId) -> Stored<u64> {
    used_bytes_on(db.read(), user).await
}

/// As [`used_bytes`], inside a transaction that is about to add to them.
pub async fn used_bytes_on(executor: impl SqliteExecutor<'_>, user: UserId) -> Stored<u64> {
    let bytes: i64 = sqlx::query_scalar(
        "SELECT CAST(coalesce(sum(size_bytes), 0) AS BIGINT) FROM materials WHERE user_id = $1",
    )
    .bind(user.uuid())
    .fetch_one(executor)
    .await?;
    Ok(u64::try_from(bytes).unwrap_or_default())
}

/// How many of the user's materials are ready, and how many are on their way.
pub async fn counts(db: &Db, user: UserId) -> Stored<(u32, u32)> {
    let (ready, pending): (i64, i64) = sqlx::query_as(
        "SELECT CAST(coalesce(sum(CASE WHEN state = 'ready' THEN 1 ELSE 0 END), 0) AS BIGINT), \
         CAST(coalesce(sum(CASE WHEN state IN ('queued', 'reading', 'embedding') THEN 1 ELSE 0 END), 0) AS BIGINT) \
         FROM materials WHERE user_id = $1",
    )
    .bind(user.uuid())
    .fetch_one(db.read())
    .await?;
    Ok((small(ready), small(pending)))
}

/// A material as it is first stored.
pub struct NewMaterial<'a> {
    pub id: MaterialId,
    pub user: UserId,
    pub title: &'a str,
    pub file_name: &'a str,
    pub media_type: MediaType,
    pub size_bytes: u64,
    pub sha256: &'a [u8; 32],
    pub uploaded_at: DateTime<Utc>,
}

/// Stores a material, queued; its job is the caller's next statement in the same transaction.
pub async fn insert(tx: &mut SqliteConnection, new: &NewMaterial<'_>) -> Stored<()> {
    sqlx::query(
        "INSERT INTO materials (id, user_id, title, file_name, media_type, size_bytes, sha256, \
         state, uploaded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', $8)",
    )
    .bind(new.id.uuid())
    .bind(new.user.uuid())
    .bind(new.title)
    .bind(new.file_name)
    .bind(media_type_name(new.media_type))
    .bind(i64::try_from(new.size_bytes).unwrap_or(i64::MAX))
    .bind(new.sha256.as_slice())
    .bind(new.uploaded_at)
    .execute(tx)
    .await?;
    Ok(())
}

/// The user's material made from these very bytes.
pub async fn find_by_hash(
    tx: &mut SqliteConnection,
    user: UserId,
    sha256: &[u8; 32],
) -> Stored<Option<Material>> {
    let row: Option<Row> = sqlx::query_as(select_material!("WHERE user_id = $1 AND sha256 = $2"))
        .bind(user.uuid())
        .bind(sha256.as_slice())
        .fetch_optional(tx)
        .await?;
    row.map(Row::into_material).transpose()
}

/// Removes a material with everything made from it; false when there is none.
pub async fn delete(db: &Db, user: UserId, id: MaterialId) -> Stored<bool> {
    let mut tx = db.write().await?;
    // Before the cascade, so that the word index hears of every row by its trigger.
    sqlx::query("DELETE FROM chunks WHERE user_id = $1 AND material_id = $2")
        .bind(user.uuid())
        .bind(id.uuid())
        .execute(&mut *tx)
        .await?;
    let deleted = sqlx::query("DELETE FROM materials WHERE user_id = $1 AND id = $2")
        .bind(user.uuid())
        .bind(id.uuid())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(deleted.rows_affected() > 0)
}

/// How far a job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Reading {
        page: u32,
        pages: Option<u32>,
    },
    Embedding {
        done: usize,
        total: usize,
    },
    /// The same, of a material that is ready and only lacks vectors.
    Catching {
        done: usize,
    },
}

/// Notes how far a job has come; false when the material is gone.
pub async fn set_progress(
    db: &Db,
    user: UserId,
    id: MaterialId,
    progress: Progress,
) -> Stored<bool> {
    let query = match progress {
        Progress::Reading { page, pages } => sqlx::query(
            "UPDATE materials SET state = 'reading', pages_read = $3, page_count = $4 \
             WHERE user_id = $1 AND id = $2",
        )
        .bind(user.uuid())
        .bind(id.uuid())
        .bind(i64::from(page))
        .bind(pages.map(i64::from)),
        Progress::Embedding { done, total } => sqlx::query(
            "UPDATE materials SET state = 'embedding', chunks_embedded = $3, chunk_count = $4 \
             WHERE user_id = $1 AND id = $2",
        )
        .bind(user.uuid())
        .bind(id.uuid())
        .bind(big(done))
        .bind(big(total)),
        Progress::Catching { done } => {
            sqlx::query("UPDATE materials SET chunks_embedded = $3 WHERE user_id = $1 AND id = $2")
                .bind(user.uuid())
                .bind(id.uuid())
                .bind(big(done))
        }
    };
    let mut tx = db.write().await?;
    let updated = query.execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(updated.rows_affected() > 0)
}

/// Ends a material's job in failure; false when the material is gone.
pub async fn fail(
    db: &Db,
    user: UserId,
    id: MaterialId,
    kind: FailureKind,
    message: &str,
) -> Stored<bool> {
    let mut tx = db.write().await?;
    let updated = sqlx::query(
        "UPDATE materials SET state = 'failed', failure_kind = $3, failure_message = $4 \
         WHERE user_id = $1 AND id = $2",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .bind(failure_name(kind))
    .bind(message)
    .execute(&mut *tx)
    .await?;
    jobs::remove(&mut tx, id).await?;
    tx.commit().await?;
    Ok(updated.rows_affected() > 0)
}

/// Queues a failed material again and answers it as it is then; one that did not fail is left
/// alone. `None` when there is no such material.
pub async fn retry(
    db: &Db,
    user: UserId,
    id: MaterialId,
    now: DateTime<Utc>,
) -> Stored<Option<Material>> {
    let mut tx = db.write().await?;
    let updated = sqlx::query(
        "UPDATE materials SET state = 'queued', failure_kind = NULL, failure_message = NULL, \
         page_count = NULL, pages_read = 0, empty_pages = 0 \
         WHERE user_id = $1 AND id = $2 AND state = 'failed'",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .execute(&mut *tx)
    .await?;
    if updated.rows_affected() > 0 {
        jobs::enqueue(&mut tx, id, jobs::Kind::Read, now).await?;
    }
    let material = find_on(&mut *tx, user, id).await?;
    tx.commit().await?;
    Ok(material)
}

/// Queues a settled material to be read again from its file; one on its way is left alone. `None`
/// when there is no such material.
pub async fn reprocess(
    db: &Db,
    user: UserId,
    id: MaterialId,
    now: DateTime<Utc>,
) -> Stored<Option<Material>> {
    let mut tx = db.write().await?;
    let before = find_on(&mut *tx, user, id).await?;
    let kind = match before.as_ref().map(|material| &material.state) {
        Some(MaterialState::Ready) => Some(jobs::Kind::Again),
        Some(MaterialState::Failed { .. }) => Some(jobs::Kind::Read),
        _ => None,
    };
    if let Some(kind) = kind {
        sqlx::query(
            "UPDATE materials SET state = 'queued', failure_kind = NULL, failure_message = NULL, \
             note = NULL, pages_read = 0 WHERE user_id = $1 AND id = $2",
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
    message: &str,
) -> Stored<Option<Material>> {
    let mut tx = db.write().await?;
    let on_its_way = find_on(&mut *tx, user, id)
        .await?
        .is_some_and(|material| !material.state.is_settled());
    if on_its_way {
        sqlx::query(
            "UPDATE materials SET state = 'ready' WHERE user_id = $1 AND id = $2 AND EXISTS ( \
             SELECT 1 FROM ingest_jobs WHERE material_id = $2 AND kind = 'again')",
        )
        .bind(user.uuid())
        .bind(id.uuid())
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "UPDATE materials SET state = 'failed', failure_kind = $3, failure_message = $4 \
             WHERE user_id = $1 AND id = $2 AND state <> 'ready'",
        )
        .bind(user.uuid())
        .bind(id.uuid())
        .bind(failure_name(FailureKind::Cancelled))
        .bind(message)
        .execute(&mut *tx)
        .await?;
        jobs::remove(&mut tx, id).await?;
    }
    let material = find_on(&mut *tx, user, id).await?;
    tx.commit().await?;
    Ok(material)
}

/// Ends the job of a material that could not be read again: it stays as it was, with a note why.
pub async fn keep_as_it_was(db: &Db, user: UserId, id: MaterialId, note: &str) -> Stored<()> {
    let mut tx = db.write().await?;
    sqlx::query("UPDATE materials SET state = 'ready', note = $3 WHERE user_id = $1 AND id = $2")
        .bind(user.uuid())
        .bind(id.uuid())
        .bind(note)
        .execute(&mut *tx)
        .await?;
    jobs::remove(&mut tx, id).await?;
    tx.commit().await?;
    Ok(())
}

/// The pages that could not be read, in their order; `None` when there is no such material.
pub async fn page_faults(db: &Db, user: UserId, id: MaterialId) -> Stored<Option<Vec<PageFault>>> {
    if find(db, user, id).await?.is_none() {
        return Ok(None);
    }
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT f.page_number, f.reason FROM page_faults f JOIN materials m ON m.id = f.material_id \
         WHERE m.user_id = $1 AND m.id = $2 ORDER BY f.page_number",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .fetch_all(db.read())
    .await?;
    let faults = rows
        .into_iter()
        .map(|(page, reason)| PageFault {
            page: small(page),
            reason,
        })
        .collect();
    Ok(Some(faults))
}

/// A material's text, made anew.
pub struct NewText<'a> {
    /// Cleaned, one entry for each page.
    pub pages: &'a [String],
    pub chunks: &'a [NewChunk<'a>],
    pub vectors: Option<NewVectors<'a>>,
    /// When the vectors are to be made if they are missing.
    pub embed_not_before: DateTime<Utc>,
}

/// What makes its passages found by meaning.
#[derive(Clone, Copy)]
pub struct NewVectors<'a> {
    /// The embedder's id.
    pub embedder: &'a str,
    /// One for each chunk, in their order.
    pub vectors: &'a [Vec<f32>],
}

/// One passage of it; offsets as in [`ChunkPlace`].
pub struct NewChunk<'a> {
    pub page_first: u32,
    pub page_last: u32,
    pub char_start: u32,
    pub char_end: u32,
    pub text: &'a str,
}

/// Replaces a material's pages, chunks and vectors, makes it ready and ends its reading job, all at
/// once; false when the material is gone.
pub async fn replace_text(
    db: &Db,
    user: UserId,
    id: MaterialId,
    text: &NewText<'_>,
) -> Stored<bool> {
    let embedded = text.vectors.map_or(0, |new| new.vectors.len());
    let empty = text.pages.iter().filter(|page| page.is_empty()).count();
    let mut tx = db.write().await?;
    let updated = sqlx::query(
        "UPDATE materials SET state = 'ready', failure_kind = NULL, failure_message = NULL, \
         page_count = $3, pages_read = $3, pages_searchable = $3, empty_pages = $4, chunk_count = $5, \
         chunks_embedded = $6 WHERE user_id = $1 AND id = $2",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .bind(big(text.pages.len()))
    .bind(big(empty))
    .bind(big(text.chunks.len()))
    .bind(big(embedded))
    .execute(&mut *tx)
    .await?;
    if updated.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("DELETE FROM pages WHERE material_id = $1")
        .bind(id.uuid())
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM chunks WHERE user_id = $1 AND material_id = $2")
        .bind(user.uuid())
        .bind(id.uuid())
        .execute(&mut *tx)
        .await?;
    insert_pages(&mut tx, id, text.pages).await?;
    let chunk_ids = insert_chunks(&mut tx, user, id, text.chunks).await?;
    match text.vectors {
        Some(new) => {
            for (chunk_id, vector) in chunk_ids.iter().zip(new.vectors) {
                insert_vector(&mut tx, *chunk_id, new.embedder, vector).await?;
            }
            jobs::remove(&mut tx, id).await?;
        }
        None => jobs::enqueue(&mut tx, id, jobs::Kind::Embed, text.embed_not_before).await?,
    }
    tx.commit().await?;
    Ok(true)
}

async fn insert_pages(tx: &mut SqliteConnection, id: MaterialId, pages: &[String]) -> Stored<()> {
    for (number, page) in (1_i64..).zip(pages) {
        sqlx::query("INSERT INTO pages (material_id, page_number, text) VALUES ($1, $2, $3)")
            .bind(id.uuid())
            .bind(number)
            .bind(page.as_str())
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

async fn insert_chunks(
    tx: &mut SqliteConnection,
    user: UserId,
    id: MaterialId,
    chunks: &[NewChunk<'_>],
) -> Stored<Vec<i64>> {
    let mut ids = Vec::with_capacity(chunks.len());
    for (ordinal, chunk) in (0_i64..).zip(chunks) {
        let chunk_id: i64 = sqlx::query_scalar(
            "INSERT INTO chunks (material_id, user_id, ordinal, page_first, page_last, \
             char_start, char_end, text) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
        )
        .bind(id.uuid())
        .bind(user.uuid())
        .bind(ordinal)
        .bind(i64::from(chunk.page_first))
        .bind(i64::from(chunk.page_last))
        .bind(i64::from(chunk.char_start))
        .bind(i64::from(chunk.char_end))
        .bind(chunk.text)
        .fetch_one(&mut *tx)
        .await?;
        ids.push(chunk_id);
    }
    Ok(ids)
}

async fn insert_vector(
    tx: &mut SqliteConnection,
    chunk_id: i64,
    embedder: &str,
    vector: &[f32],
) -> Stored<()> {
    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
    sqlx::query(
        "INSERT INTO embeddings (chunk_id, embedder, vector) VALUES ($1, $2, $3) \
         ON CONFLICT (chunk_id, embedder) DO NOTHING",
    )
    .bind(chunk_id)
    .bind(embedder)
    .bind(bytes)
    .execute(tx)
    .await?;
    Ok(())
}

/// Up to `limit` chunks of a material that have no vector of this embedder: id and text.
pub async fn chunks_without_vector(
    db: &Db,
    user: UserId,
    id: MaterialId,
    embedder: &str,
    limit: usize,
) -> Stored<Vec<(i64, String)>> {
    Ok(sqlx::query_as(
        "SELECT c.id, c.text FROM chunks c WHERE c.user_id = $1 AND c.material_id = $2 \
         AND NOT EXISTS (SELECT 1 FROM embeddings e WHERE e.chunk_id = c.id AND e.embedder = $3) \
         ORDER BY c.ordinal LIMIT $4",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .bind(embedder)
    .bind(big(limit))
    .fetch_all(db.read())
    .await?)
}

/// How many chunks of a material have a vector of this embedder.
pub async fn vector_count(db: &Db, user: UserId, id: MaterialId, embedder: &str) -> Stored<usize> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM chunks c JOIN embeddings e ON e.chunk_id = c.id \
         WHERE c.user_id = $1 AND c.material_id = $2 AND e.embedder = $3",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .bind(embedder)
    .fetch_one(db.read())
    .await?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Adds vectors to chunks that may have been replaced in the meantime; those are passed over.
pub async fn add_vectors(
    db: &Db,
    user: UserId,
    embedder: &str,
    vectors: &[(i64, Vec<f32>)],
) -> Stored<()> {
    let mut tx = db.write().await?;
    for (chunk_id, vector) in vectors {
        let exists: Option<i64> =
            sqlx::query_scalar("SELECT id FROM chunks WHERE user_id = $1 AND id = $2")
                .bind(user.uuid())
                .bind(*chunk_id)
                .fetch_optional(&mut *tx)
                .await?;
        if exists.is_some() {
            insert_vector(&mut tx, *chunk_id, embedder, vector).await?;
        }
    }
    tx.commit().await?;
    Ok(())
}

const fn media_type_name(media_type: MediaType) -> &'static str {
    match media_type {
        MediaType::Pdf => "pdf",
        MediaType::Docx => "docx",
        MediaType::Pptx => "pptx",
        MediaType::Xlsx => "xlsx",
        MediaType::Html => "html",
        MediaType::Epub => "epub",
        MediaType::Png => "png",
        MediaType::Jpeg => "jpeg",
        MediaType::Markdown => "markdown",
        MediaType::PlainText => "plain_text",
    }
}

fn media_type_from(name: &str) -> Stored<MediaType> {
    Ok(match name {
        "pdf" => MediaType::Pdf,
        "docx" => MediaType::Docx,
        "pptx" => MediaType::Pptx,
        "xlsx" => MediaType::Xlsx,
        "html" => MediaType::Html,
        "epub" => MediaType::Epub,
        "png" => MediaType::Png,
        "jpeg" => MediaType::Jpeg,
        "markdown" => MediaType::Markdown,
        "plain_text" => MediaType::PlainText,
        other => return Err(corrupt("materials.media_type", other)),
    })
}

const fn failure_name(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Locked => "locked",
        FailureKind::Damaged => "damaged",
        FailureKind::Scanned => "scanned",
        FailureKind::Empty => "empty",
        FailureKind::TooLarge => "too_large",
        FailureKind::Unsupported => "unsupported",
        FailureKind::GaveUp => "gave_up",
        FailureKind::Cancelled => "cancelled",
        FailureKind::Server => "server",
    }
}

fn failure_from(name: &str) -> Stored<FailureKind> {
    Ok(match name {
        "locked" => FailureKind::Locked,
        "damaged" => FailureKind::Damaged,
        "scanned" => FailureKind::Scanned,
        "empty" => FailureKind::Empty,
        "too_large" => FailureKind::TooLarge,
        "unsupported" => FailureKind::Unsupported,
        "gave_up" => FailureKind::GaveUp,
        "cancelled" => FailureKind::Cancelled,
        "server" => FailureKind::Server,
        other => return Err(corrupt("materials.failure_kind", other)),
    })
}

fn corrupt(column: &'static str, value: &str) -> StoreError {
    StoreError::Corrupt {
        column,
        value: value.to_owned(),
    }
}

/// Pages, offsets and counts are bounded far below `u32::MAX` where they are made.
fn small(value: i64) -> u32 {
    u32::try_from(value).unwrap_or_default()
}

fn big(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
