//! The rows of materials: what a student has uploaded and what has become of it. Knows nothing of how
//! they are read. [`states`] moves them on, [`text`] holds their pages and chunks, [`vectors`] what
//! makes those found by meaning, [`tags`] what groups them.
//!
//! Every query names the user.

pub mod states;
pub mod tags;
pub mod text;
pub mod vectors;

pub use text::{ChunkPlace, chunk_span, page_text};

use super::{
    Db, StoreError, Stored,
    look::{time, time_text},
};
use app::model::{
    coach::PagesSoFar,
    filter::tags_of,
    id::{MaterialId, UserId},
    material::{FailureKind, ListPlace, Material, MaterialState, MediaType, Pace},
};
use chrono::{DateTime, Utc};
use sqlx::{SqliteConnection, SqliteExecutor};
use uuid::Uuid;

/// The columns of [`Row`], for every query that answers materials.
macro_rules! select_material {
    ($rest:literal) => {
        concat!(
            "SELECT m.id, m.title, m.file_name, m.media_type, m.size_bytes, m.state, m.failure_kind, ",
            "m.failure_message, m.page_count, m.empty_pages, m.chunk_count, m.chunks_embedded, ",
            "m.uploaded_at, m.pages_searchable, m.page_fault_count, m.pages_per_second, ",
            "m.remaining_seconds, m.note, m.revision, j.done, j.total, ",
            "(SELECT group_concat(t.tag, char(10)) FROM material_tags t WHERE t.material_id = m.id) AS tags ",
            "FROM materials m LEFT JOIN ingest_jobs j ON j.material_id = m.id ",
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
    empty_pages: i64,
    chunk_count: i64,
    chunks_embedded: i64,
    uploaded_at: DateTime<Utc>,
    pages_searchable: i64,
    page_fault_count: i64,
    pages_per_second: Option<f64>,
    remaining_seconds: Option<i64>,
    note: Option<String>,
    revision: i64,
    /// How far its job has come, if it has one.
    done: Option<i64>,
    total: Option<i64>,
    /// One a line.
    tags: Option<String>,
}

impl Row {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            title: row.get(1)?,
            file_name: row.get(2)?,
            media_type: row.get(3)?,
            size_bytes: row.get(4)?,
            state: row.get(5)?,
            failure_kind: row.get(6)?,
            failure_message: row.get(7)?,
            page_count: row.get(8)?,
            empty_pages: row.get(9)?,
            chunk_count: row.get(10)?,
            chunks_embedded: row.get(11)?,
            uploaded_at: time(row, 12)?,
            pages_searchable: row.get(13)?,
            page_fault_count: row.get(14)?,
            pages_per_second: row.get(15)?,
            remaining_seconds: row.get(16)?,
            note: row.get(17)?,
            revision: row.get(18)?,
            done: row.get(19)?,
            total: row.get(20)?,
            tags: row.get(21)?,
        })
    }

    fn into_material(self) -> Stored<Material> {
        let page_count = self.page_count.map(small);
        let state = match self.state.as_str() {
            "queued" => MaterialState::Queued,
            "reading" => MaterialState::Reading {
                page: small(self.done.unwrap_or_default()),
                pages: self.total.map(small),
            },
            "embedding" => MaterialState::Embedding {
                done: small(self.done.unwrap_or_default()),
                total: small(self.total.unwrap_or_default()),
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
            chunk_count: small(self.chunk_count),
            page_fault_count: small(self.page_fault_count),
            pace: self
                .pages_per_second
                .filter(|_| !state.is_settled())
                .map(|pages_per_second| Pace {
                    pages_per_second: pages_per_second as f32,
                    remaining_seconds: self.remaining_seconds.map(small),
                }),
            note: self.note,
            revision: u64::try_from(self.revision).unwrap_or_default(),
            embedded: state == MaterialState::Ready && self.chunks_embedded >= self.chunk_count,
            state,
            uploaded_at: self.uploaded_at,
            tags: tags_of(self.tags.unwrap_or_default().lines()),
        })
    }
}

/// All of the user's materials, newest first.
pub async fn list(db: &Db, user: UserId) -> Stored<Vec<Material>> {
    let rows = db.look(
        "materials",
        select_material!("WHERE m.user_id = $1 ORDER BY m.uploaded_at DESC, m.id DESC"),
        &[&user.uuid()],
        Row::read,
    )?;
    rows.into_iter().map(Row::into_material).collect()
}

/// At most `limit` of the user's materials, newest first, that stand after `after` in the list.
pub async fn list_after(
    db: &Db,
    user: UserId,
    after: Option<ListPlace>,
    limit: u32,
) -> Stored<Vec<Material>> {
    let uploaded_at = after.map(|place| time_text(place.uploaded_at));
    let rows = db.look(
        "materials after",
        select_material!(
            "WHERE m.user_id = $1 AND ($2 IS NULL OR m.uploaded_at < $2 \
             OR (m.uploaded_at = $2 AND m.id < $3)) \
             ORDER BY m.uploaded_at DESC, m.id DESC LIMIT $4"
        ),
        &[
            &user.uuid(),
            &uploaded_at,
            &after.map(|place| place.id.uuid()),
            &limit,
        ],
        Row::read,
    )?;
    rows.into_iter().map(Row::into_material).collect()
}

/// One of the user's materials.
pub async fn find(db: &Db, user: UserId, id: MaterialId) -> Stored<Option<Material>> {
    let row = db.look_for(
        "material",
        select_material!("WHERE m.user_id = $1 AND m.id = $2"),
        &[&user.uuid(), &id.uuid()],
        Row::read,
    )?;
    row.map(Row::into_material).transpose()
}

async fn find_on(
    executor: impl SqliteExecutor<'_>,
    user: UserId,
    id: MaterialId,
) -> Stored<Option<Material>> {
    let row: Option<Row> = sqlx::query_as(select_material!("WHERE m.user_id = $1 AND m.id = $2"))
        .bind(user.uuid())
        .bind(id.uuid())
        .fetch_optional(executor)
        .await?;
    row.map(Row::into_material).transpose()
}

/// The hash of a material's file; `None` when there is no such material.
pub async fn sha256(db: &Db, user: UserId, id: MaterialId) -> Stored<Option<Vec<u8>>> {
    db.look_for(
        "hash",
        "SELECT sha256 FROM materials WHERE user_id = $1 AND id = $2",
        &[&user.uuid(), &id.uuid()],
        |row| row.get(0),
    )
}

/// Gives a material another title; `None` when there is no such material.
pub async fn rename(
    db: &Db,
    user: UserId,
    id: MaterialId,
    title: &str,
) -> Stored<Option<Material>> {
    let mut tx = db.write().await?;
    sqlx::query(
        "UPDATE materials SET revision = revision + 1, title = $3 WHERE user_id = $1 AND id = $2",
    )
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
    let counted = db.look_for(
        "materials counted",
        "SELECT CAST(coalesce(sum(CASE WHEN state = 'ready' THEN 1 ELSE 0 END), 0) AS BIGINT), \
         CAST(coalesce(sum(CASE WHEN state IN ('queued', 'reading', 'embedding') THEN 1 ELSE 0 END), 0) AS BIGINT) \
         FROM materials WHERE user_id = $1",
        &[&user.uuid()],
        |row| Ok((small(row.get(0)?), small(row.get(1)?))),
    )?;
    Ok(counted.unwrap_or_default())
}

/// How much can be searched of what is still being read; `None` when all of it can.
pub async fn so_far(db: &Db, user: UserId) -> Stored<Option<PagesSoFar>> {
    let counted = db.look_for(
        "pages so far",
        "SELECT count(*), \
         CAST(coalesce(sum(CASE WHEN page_count IS NULL THEN 1 ELSE 0 END), 0) AS BIGINT), \
         CAST(coalesce(sum(pages_searchable), 0) AS BIGINT), \
         CAST(coalesce(sum(page_count), 0) AS BIGINT) \
         FROM materials WHERE user_id = $1 AND state IN ('queued', 'reading', 'embedding') \
         AND (page_count IS NULL OR pages_searchable < page_count)",
        &[&user.uuid()],
        |row| {
            let so_far = PagesSoFar {
                waiting: small(row.get(1)?),
                searchable: small(row.get(2)?),
                pages: small(row.get(3)?),
            };
            Ok((row.get::<_, i64>(0)? > 0).then_some(so_far))
        },
    )?;
    Ok(counted.flatten())
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
    let row: Option<Row> =
        sqlx::query_as(select_material!("WHERE m.user_id = $1 AND m.sha256 = $2"))
            .bind(user.uuid())
            .bind(sha256.as_slice())
            .fetch_optional(tx)
            .await?;
    row.map(Row::into_material).transpose()
}

/// Removes a material with everything made from it; false when there is none.
pub async fn delete(db: &Db, user: UserId, id: MaterialId) -> Stored<bool> {
    let mut tx = db.write().await?;
    let deleted = sqlx::query("DELETE FROM materials WHERE user_id = $1 AND id = $2")
        .bind(user.uuid())
        .bind(id.uuid())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(deleted.rows_affected() > 0)
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
