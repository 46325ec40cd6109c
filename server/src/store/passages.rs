//! Reading chunks for a search: by words, by vectors, by id. Knows nothing of scores beyond what
//! the word index gives, and nothing of questions.
//!
//! Every query names the user. The word index holds all users' words, so its ranking is filtered
//! to the user's own chunks, never shown otherwise.

use super::{Db, StoreError, Stored};
use app::model::{
    id::{MaterialId, UserId},
    material::Span,
};
use futures::TryStreamExt;
use sqlx::{QueryBuilder, Sqlite};
use uuid::Uuid;

/// Most words of one search: more is a pasted page, whose later words add time, not sense.
pub const WORDS_MAX: usize = 32;

/// A chunk with its place, as a search shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPassage {
    pub chunk_id: i64,
    pub material_id: MaterialId,
    pub title: String,
    pub page_first: u32,
    pub page_last: u32,
    /// On `page_first`; to that page's end when it runs on.
    pub span: Span,
    /// The title it stands under.
    pub section: Option<String>,
    pub text: String,
}

/// The user's chunks holding any of `words`, the best first with their scores (greater is better).
pub async fn search_words(
    db: &Db,
    user: UserId,
    words: &[String],
    limit: usize,
) -> Stored<Vec<(i64, f32)>> {
    let Some(expression) = any_of(words) else {
        return Ok(Vec::new());
    };
    // CROSS JOIN: the index is read first, whatever the planner believes about the user's share.
    let rows: Vec<(i64, f64)> = sqlx::query_as(
        "SELECT chunks.id, bm25(chunk_words) AS badness
         FROM chunk_words CROSS JOIN chunks ON chunks.id = chunk_words.rowid
         WHERE chunk_words MATCH $1 AND chunks.user_id = $2
         ORDER BY badness, chunks.id LIMIT $3",
    )
    .bind(expression)
    .bind(user.uuid())
    .bind(bounded(limit))
    .fetch_all(db.read())
    .await?;
    Ok(rows
        .into_iter()
        .map(|(id, badness)| (id, -badness as f32))
        .collect())
}

/// How many of the user's chunks hold `word`, counted up to `most`.
pub async fn count_with_word(db: &Db, user: UserId, word: &str, most: usize) -> Stored<usize> {
    let Some(expression) = any_of(&[word.to_owned()]) else {
        return Ok(0);
    };
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (
             SELECT 1 FROM chunk_words CROSS JOIN chunks ON chunks.id = chunk_words.rowid
             WHERE chunk_words MATCH $1 AND chunks.user_id = $2 LIMIT $3) AS some",
    )
    .bind(expression)
    .bind(user.uuid())
    .bind(bounded(most))
    .fetch_one(db.read())
    .await?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// How many chunks the user has.
pub async fn count(db: &Db, user: UserId) -> Stored<usize> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM chunks WHERE user_id = $1")
        .bind(user.uuid())
        .fetch_one(db.read())
        .await?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// The user's vectors of one embedder, the newest chunks first, at most `rows_max`: chunk ids, and
/// as many rows of `dimension` numbers one after the other.
pub async fn vectors(
    db: &Db,
    user: UserId,
    embedder: &str,
    dimension: usize,
    rows_max: usize,
) -> Stored<(Vec<i64>, Vec<f32>)> {
    let (mut ids, mut numbers) = (Vec::new(), Vec::new());
    // Row by row, so that the bytes are not in memory twice.
    let mut rows = sqlx::query_as::<_, (i64, Vec<u8>)>(
        "SELECT embeddings.chunk_id, embeddings.vector
         FROM chunks JOIN embeddings ON embeddings.chunk_id = chunks.id
         WHERE chunks.user_id = $1 AND embeddings.embedder = $2
           -- One without numbers stands for a text the embedder refused.
           AND length(embeddings.vector) > 0
         ORDER BY chunks.id DESC LIMIT $3",
    )
    .bind(user.uuid())
    .bind(embedder)
    .bind(bounded(rows_max))
    .fetch(db.read());
    while let Some((id, bytes)) = rows.try_next().await? {
        let (vector, rest) = bytes.as_chunks::<4>();
        if vector.len() != dimension || !rest.is_empty() {
            return Err(StoreError::Corrupt {
                column: "embeddings.vector",
                value: format!("{} bytes for chunk {id}", bytes.len()),
            });
        }
        ids.push(id);
        numbers.extend(vector.iter().map(|bytes| f32::from_le_bytes(*bytes)));
    }
    Ok((ids, numbers))
}

/// Row of [`details`]: chunk, material, title, first and last page, start and end, section, text.
type Row = (
    i64,
    Uuid,
    String,
    i64,
    i64,
    i64,
    i64,
    Option<String>,
    String,
);

/// The user's chunks among `ids`, in no particular order; those of others and those that are gone
/// are left out.
pub async fn details(db: &Db, user: UserId, ids: &[i64]) -> Stored<Vec<StoredPassage>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT chunks.id, materials.id, materials.title, chunks.page_first, chunks.page_last,
                chunks.char_start,
                CASE WHEN chunks.page_last = chunks.page_first THEN chunks.char_end
                     ELSE coalesce(length(pages.text), chunks.char_start) END,
                chunks.section, chunks.text
         FROM chunks JOIN materials ON materials.id = chunks.material_id
         LEFT JOIN pages ON pages.material_id = chunks.material_id
                        AND pages.page_number = chunks.page_first
         WHERE chunks.user_id = ",
    );
    query.push_bind(user.uuid());
    query.push(" AND materials.user_id = ");
    query.push_bind(user.uuid());
    query.push(" AND chunks.id IN (");
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(*id);
    }
    query.push(")");
    let rows: Vec<Row> = query.build_query_as().fetch_all(db.read()).await?;
    Ok(rows.into_iter().map(passage).collect())
}

fn passage(
    (chunk_id, material, title, first, last, start, end, section, text): Row,
) -> StoredPassage {
    let small = |number: i64| u32::try_from(number).unwrap_or_default();
    StoredPassage {
        chunk_id,
        material_id: MaterialId::new(material),
        title,
        page_first: small(first),
        page_last: small(last),
        span: Span {
            start: small(start),
            end: small(end),
        },
        section,
        text,
    }
}

/// The index's expression for "any of these words": each a quoted string, in which only the
/// quotation mark means anything. `None` when there is nothing to look for.
fn any_of(words: &[String]) -> Option<String> {
    let quoted: Vec<String> = words
        .iter()
        .filter(|word| word.chars().any(char::is_alphanumeric))
        // The index's parser ends at a NUL.
        .map(|word| format!("\"{}\"", word.replace('\0', " ").replace('"', "\"\"")))
        .take(WORDS_MAX)
        .collect();
    (!quoted.is_empty()).then(|| quoted.join(" OR "))
}

fn bounded(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
