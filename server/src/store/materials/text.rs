//! The text of a material: its pages, passages, unreadable pages and outline. A document that is
//! read for the first time grows by [`append`]; its final version, and every later one, takes the
//! place of what is there by [`switch`], in one transaction, so that a reader sees the old version
//! or the new one and repeating either is harmless.
//!
//! Every write begins by renewing the job's lease and is not made when that is lost.

use super::{big, find, small, vectors};
use crate::store::{
    Db, Stored,
    jobs::{self, Claim, Standing},
};
use app::model::{
    id::{MaterialId, UserId},
    material::{OutlineEntry, PageFault, Span},
};
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use sha2::{Digest as _, Sha256};
use sqlx::SqliteConnection;
use std::collections::{HashMap, VecDeque};

/// The cleaned text of one page, `page` from 1.
pub async fn page_text(db: &Db, user: UserId, id: MaterialId, page: u32) -> Stored<Option<String>> {
    db.look_for(
        "page",
        "SELECT p.text FROM pages p JOIN materials m ON m.id = p.material_id \
         WHERE m.user_id = $1 AND m.id = $2 AND p.page_number = $3",
        &[&user.uuid(), &id.uuid(), &page],
        |row| row.get(0),
    )
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
    db.look_for(
        "passage's place",
        "SELECT page_first, page_last, char_start, char_end FROM chunks \
         WHERE user_id = $1 AND material_id = $2 AND id = $3",
        &[&user.uuid(), &material.uuid(), &chunk_id],
        |row| {
            Ok(ChunkPlace {
                page_first: small(row.get(0)?),
                page_last: small(row.get(1)?),
                span: Span {
                    start: small(row.get(2)?),
                    end: small(row.get(3)?),
                },
            })
        },
    )
}

/// The pages that could not be read, in their order; `None` when there is no such material.
pub async fn page_faults(db: &Db, user: UserId, id: MaterialId) -> Stored<Option<Vec<PageFault>>> {
    if find(db, user, id).await?.is_none() {
        return Ok(None);
    }
    let faults = db.look(
        "page faults",
        "SELECT f.page_number, f.reason FROM page_faults f JOIN materials m ON m.id = f.material_id \
         WHERE m.user_id = $1 AND m.id = $2 ORDER BY f.page_number",
        &[&user.uuid(), &id.uuid()],
        |row| {
            Ok(PageFault {
                page: small(row.get(0)?),
                reason: row.get(1)?,
            })
        },
    )?;
    Ok(Some(faults))
}

/// A passage to store; offsets as in [`ChunkPlace`].
#[derive(Clone, Copy, Debug)]
pub struct NewChunk<'a> {
    pub page_first: u32,
    pub page_last: u32,
    pub char_start: u32,
    pub char_end: u32,
    /// The title it stands under.
    pub section: Option<&'a str>,
    pub text: &'a str,
}

impl NewChunk<'_> {
    /// What its vector is made from, in short: equal for passages that may share one.
    pub fn key(&self) -> ChunkKey {
        ChunkKey::of(self.section, self.text)
    }
}

/// Stands for a passage's section and text. 128 bits of a hash: two different ones never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChunkKey([u8; 16]);

impl ChunkKey {
    /// The key of a passage.
    pub fn of(section: Option<&str>, text: &str) -> Self {
        let mut hash = Sha256::new();
        if let Some(section) = section {
            hash.update(section);
            hash.update([0]);
        }
        hash.update(text);
        let bytes: [u8; 32] = hash.finalize().into();
        let mut key = [0; 16];
        key.copy_from_slice(&bytes[..16]);
        Self(key)
    }
}

/// The document could be opened: how many pages it has and how it is divided.
pub async fn opened(
    db: &Db,
    claim: &Claim,
    now: DateTime<Utc>,
    pages: u32,
    outline: &[OutlineEntry],
    standing: &Standing,
) -> Stored<bool> {
    let mut tx = db.write().await?;
    if !jobs::touch(&mut tx, claim, now, standing).await? {
        return Ok(false);
    }
    sqlx::query("UPDATE materials SET revision = revision + 1, page_count = $3 WHERE user_id = $1 AND id = $2")
        .bind(claim.job.user.uuid())
        .bind(claim.job.material.uuid())
        .bind(i64::from(pages))
        .execute(&mut *tx)
        .await?;
    replace_outline(&mut tx, claim.job.material, outline).await?;
    tx.commit().await?;
    Ok(true)
}

/// How many pages of the material are stored, without a gap from the first.
pub async fn pages_stored(db: &Db, user: UserId, id: MaterialId) -> Stored<u32> {
    let pages: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pages p JOIN materials m ON m.id = p.material_id \
         WHERE m.user_id = $1 AND m.id = $2",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .fetch_one(db.read())
    .await?;
    Ok(small(pages))
}

/// Pages to add behind those that are stored.
pub struct Addition<'a> {
    /// From 1.
    pub first_page: u32,
    pub pages: &'a [String],
    pub chunks: &'a [NewChunk<'a>],
    pub faults: &'a [PageFault],
}

/// Makes further pages searchable; false when the job is lost.
pub async fn append(
    db: &Db,
    claim: &Claim,
    now: DateTime<Utc>,
    addition: &Addition<'_>,
    standing: &Standing,
) -> Stored<bool> {
    let (user, id) = (claim.job.user, claim.job.material);
    let mut tx = db.write().await?;
    if !jobs::touch(&mut tx, claim, now, standing).await? {
        return Ok(false);
    }
    jobs::came_further(&mut tx, claim).await?;
    let last: i64 = sqlx::query_scalar(
        "SELECT coalesce(max(ordinal), -1) FROM chunks WHERE user_id = $1 AND material_id = $2",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .fetch_one(&mut *tx)
    .await?;
    store_pages(&mut tx, id, addition.first_page, addition.pages).await?;
    for (ordinal, chunk) in (last + 1..).zip(addition.chunks) {
        insert_chunk(&mut tx, user, id, ordinal, chunk).await?;
    }
    store_faults(&mut tx, id, addition.faults).await?;
    let empty = addition.pages.iter().filter(|page| page.is_empty()).count();
    let searchable = i64::from(addition.first_page) - 1 + big(addition.pages.len());
    sqlx::query(
        "UPDATE materials SET revision = revision + 1, pages_searchable = $3, empty_pages = empty_pages + $4, \
         chunk_count = chunk_count + $5, page_fault_count = page_fault_count + $6 \
         WHERE user_id = $1 AND id = $2",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .bind(searchable)
    .bind(big(empty))
    .bind(big(addition.chunks.len()))
    .bind(big(addition.faults.len()))
    .execute(&mut *tx)
    .await?;
    crate::failpoint::reached("append");
    tx.commit().await?;
    Ok(true)
}

/// A material's whole text.
pub struct Version<'a> {
    /// Cleaned, one entry for each page.
    pub pages: &'a [String],
    pub chunks: &'a [NewChunk<'a>],
    pub faults: &'a [PageFault],
    pub outline: &'a [OutlineEntry],
    pub vectors: Option<NewVectors<'a>>,
}

/// Vectors that were made before the switch, for passages that are new in it.
#[derive(Clone, Copy)]
pub struct NewVectors<'a> {
    /// The embedder's id.
    pub embedder: &'a str,
    /// `None`: it was refused.
    pub vectors: &'a HashMap<ChunkKey, Option<Vec<f32>>>,
}

/// Puts a whole version in the place of what is stored; false when the job is lost. Passages whose
/// words are the same keep their row and with it their vectors.
pub async fn switch(
    db: &Db,
    claim: &Claim,
    now: DateTime<Utc>,
    version: &Version<'_>,
    standing: &Standing,
) -> Stored<bool> {
    let (user, id) = (claim.job.user, claim.job.material);
    let mut tx = db.write().await?;
    if !jobs::touch(&mut tx, claim, now, standing).await? {
        return Ok(false);
    }
    jobs::came_further(&mut tx, claim).await?;
    replace_chunks(&mut tx, user, id, version).await?;
    store_pages(&mut tx, id, 1, version.pages).await?;
    sqlx::query("DELETE FROM pages WHERE material_id = $1 AND page_number > $2")
        .bind(id.uuid())
        .bind(big(version.pages.len()))
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM page_faults WHERE material_id = $1")
        .bind(id.uuid())
        .execute(&mut *tx)
        .await?;
    store_faults(&mut tx, id, version.faults).await?;
    replace_outline(&mut tx, id, version.outline).await?;
    let empty = version.pages.iter().filter(|page| page.is_empty()).count();
    sqlx::query(
        "UPDATE materials SET revision = revision + 1, page_count = $3, pages_searchable = $3, empty_pages = $4, \
         chunk_count = $5, page_fault_count = $6 WHERE user_id = $1 AND id = $2",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .bind(big(version.pages.len()))
    .bind(big(empty))
    .bind(big(version.chunks.len()))
    .bind(big(version.faults.len()))
    .execute(&mut *tx)
    .await?;
    crate::failpoint::reached("switch");
    tx.commit().await?;
    Ok(true)
}

/// A stored passage, as far as the switch has to know it.
struct Old {
    id: i64,
    ordinal: i64,
    place: [i64; 4],
}

async fn replace_chunks(
    tx: &mut SqliteConnection,
    user: UserId,
    id: MaterialId,
    version: &Version<'_>,
) -> Stored<()> {
    let mut old = stored_chunks(tx, user, id).await?;
    let kept: Vec<Option<Old>> = version
        .chunks
        .iter()
        .map(|chunk| old.get_mut(&chunk.key()).and_then(VecDeque::pop_front))
        .collect();
    for gone in old.into_values().flatten() {
        sqlx::query("DELETE FROM chunks WHERE user_id = $1 AND id = $2")
            .bind(user.uuid())
            .bind(gone.id)
            .execute(&mut *tx)
            .await?;
    }
    let moves = (0_i64..)
        .zip(&kept)
        .any(|(ordinal, kept)| kept.as_ref().is_some_and(|old| old.ordinal != ordinal));
    if moves {
        // Out of each other's way, for an ordinal is held once.
        sqlx::query(
            "UPDATE chunks SET ordinal = -1 - ordinal WHERE user_id = $1 AND material_id = $2",
        )
        .bind(user.uuid())
        .bind(id.uuid())
        .execute(&mut *tx)
        .await?;
    }
    for ((ordinal, chunk), kept) in (0_i64..).zip(version.chunks).zip(kept) {
        match kept {
            Some(old) if !moves && old.place == place(chunk) => {}
            Some(old) => move_chunk(tx, user, old.id, ordinal, chunk).await?,
            None => {
                let chunk_id = insert_chunk(tx, user, id, ordinal, chunk).await?;
                if let Some(new) = version.vectors
                    && let Some(vector) = new.vectors.get(&chunk.key())
                {
                    vectors::insert(tx, chunk_id, new.embedder, vector.as_deref()).await?;
                }
            }
        }
    }
    Ok(())
}

/// The stored passages by their words; equal ones in their order.
async fn stored_chunks(
    tx: &mut SqliteConnection,
    user: UserId,
    id: MaterialId,
) -> Stored<HashMap<ChunkKey, VecDeque<Old>>> {
    type Row = (i64, i64, i64, i64, i64, i64, Option<String>, String);
    let mut old: HashMap<ChunkKey, VecDeque<Old>> = HashMap::new();
    let mut rows = sqlx::query_as::<_, Row>(
        "SELECT id, ordinal, page_first, page_last, char_start, char_end, section, text \
         FROM chunks WHERE user_id = $1 AND material_id = $2 ORDER BY ordinal",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .fetch(tx);
    while let Some((id, ordinal, first, last, start, end, section, text)) = rows.try_next().await? {
        old.entry(ChunkKey::of(section.as_deref(), &text))
            .or_default()
            .push_back(Old {
                id,
                ordinal,
                place: [first, last, start, end],
            });
    }
    Ok(old)
}

fn place(chunk: &NewChunk<'_>) -> [i64; 4] {
    [
        chunk.page_first,
        chunk.page_last,
        chunk.char_start,
        chunk.char_end,
    ]
    .map(i64::from)
}

async fn move_chunk(
    tx: &mut SqliteConnection,
    user: UserId,
    chunk_id: i64,
    ordinal: i64,
    chunk: &NewChunk<'_>,
) -> Stored<()> {
    let [first, last, start, end] = place(chunk);
    sqlx::query(
        "UPDATE chunks SET ordinal = $3, page_first = $4, page_last = $5, char_start = $6, \
         char_end = $7 WHERE user_id = $1 AND id = $2",
    )
    .bind(user.uuid())
    .bind(chunk_id)
    .bind(ordinal)
    .bind(first)
    .bind(last)
    .bind(start)
    .bind(end)
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert_chunk(
    tx: &mut SqliteConnection,
    user: UserId,
    id: MaterialId,
    ordinal: i64,
    chunk: &NewChunk<'_>,
) -> Stored<i64> {
    let [first, last, start, end] = place(chunk);
    Ok(sqlx::query_scalar(
        "INSERT INTO chunks (material_id, user_id, ordinal, page_first, page_last, char_start, \
         char_end, section, text) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
    )
    .bind(id.uuid())
    .bind(user.uuid())
    .bind(ordinal)
    .bind(first)
    .bind(last)
    .bind(start)
    .bind(end)
    .bind(chunk.section)
    .bind(chunk.text)
    .fetch_one(tx)
    .await?)
}

async fn store_pages(
    tx: &mut SqliteConnection,
    id: MaterialId,
    first_page: u32,
    pages: &[String],
) -> Stored<()> {
    for (number, page) in (i64::from(first_page)..).zip(pages) {
        sqlx::query(
            "INSERT INTO pages (material_id, page_number, text) VALUES ($1, $2, $3) \
             ON CONFLICT (material_id, page_number) DO UPDATE SET text = excluded.text \
             WHERE pages.text <> excluded.text",
        )
        .bind(id.uuid())
        .bind(number)
        .bind(page.as_str())
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

async fn store_faults(
    tx: &mut SqliteConnection,
    id: MaterialId,
    faults: &[PageFault],
) -> Stored<()> {
    for fault in faults {
        sqlx::query(
            "INSERT INTO page_faults (material_id, page_number, reason) VALUES ($1, $2, $3) \
             ON CONFLICT (material_id, page_number) DO UPDATE SET reason = excluded.reason",
        )
        .bind(id.uuid())
        .bind(i64::from(fault.page))
        .bind(fault.reason.as_str())
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

async fn replace_outline(
    tx: &mut SqliteConnection,
    id: MaterialId,
    outline: &[OutlineEntry],
) -> Stored<()> {
    sqlx::query("DELETE FROM outline_entries WHERE material_id = $1")
        .bind(id.uuid())
        .execute(&mut *tx)
        .await?;
    for (ordinal, entry) in (0_i64..).zip(outline) {
        sqlx::query(
            "INSERT INTO outline_entries (material_id, ordinal, level, title, page_number) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(id.uuid())
        .bind(ordinal)
        .bind(i64::from(entry.level))
        .bind(entry.title.as_str())
        .bind(i64::from(entry.page))
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Removes everything that was read of a material.
pub(super) async fn clear(tx: &mut SqliteConnection, user: UserId, id: MaterialId) -> Stored<()> {
    sqlx::query("DELETE FROM chunks WHERE user_id = $1 AND material_id = $2")
        .bind(user.uuid())
        .bind(id.uuid())
        .execute(&mut *tx)
        .await?;
    for query in [
        "DELETE FROM pages WHERE material_id = $1",
        "DELETE FROM page_faults WHERE material_id = $1",
        "DELETE FROM outline_entries WHERE material_id = $1",
    ] {
        sqlx::query(query).bind(id.uuid()).execute(&mut *tx).await?;
    }
    Ok(())
}
