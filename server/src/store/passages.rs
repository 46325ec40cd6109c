//! Reading chunks for a search: whole materials to be searched in memory, and single ones to be
//! shown. Knows nothing of scores and questions.
//!
//! Every query names the user.

use super::{Db, StoreError, Stored};
use app::model::{
    id::{MaterialId, UserId},
    material::Span,
};
use sqlx::{QueryBuilder, Sqlite};
use uuid::Uuid;

/// Most materials of one query, far below the variables SQLite allows.
pub const MATERIALS_MAX: usize = 500;

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
    /// Where on its page it was joined from neighbours, in order; empty as it is stored.
    pub seams: Vec<u32>,
}

/// Says when what is searched of a material has changed: two equal prints mean the same passages with
/// the same vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Print {
    pub material: Uuid,
    /// Moves with every new text.
    pub revision: i64,
    pub passages: i64,
    /// Passages that have a vector or were refused one.
    pub settled: i64,
}

/// The prints of the user's materials that have passages, the newest passages first.
pub async fn prints(db: &Db, user: UserId, embedder: &str) -> Stored<Vec<Print>> {
    Ok(sqlx::query_as(
        "SELECT m.id AS material, m.revision, count(c.id) AS passages, count(e.chunk_id) AS settled
         FROM materials m JOIN chunks c ON c.material_id = m.id
         LEFT JOIN embeddings e ON e.chunk_id = c.id AND e.embedder = $2
         WHERE m.user_id = $1 GROUP BY m.id ORDER BY max(c.id) DESC",
    )
    .bind(user.uuid())
    .bind(embedder)
    .fetch_all(db.read())
    .await?)
}

/// A chunk as it is searched.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Searched {
    pub id: i64,
    pub material: Uuid,
    pub page_first: i64,
    pub page_last: i64,
    pub section: Option<String>,
    pub text: String,
    /// Of one embedder; none while it is not made, without numbers where it was refused.
    pub vector: Option<Vec<u8>>,
}

impl Searched {
    /// The vector's numbers, if there are any.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when it is none of `dimension` numbers.
    pub fn numbers(&self, dimension: usize) -> Stored<Option<Vec<f32>>> {
        let bytes = self.vector.as_deref().unwrap_or_default();
        if bytes.is_empty() {
            return Ok(None);
        }
        let (vector, rest) = bytes.as_chunks::<4>();
        if vector.len() != dimension || !rest.is_empty() {
            return Err(StoreError::Corrupt {
                column: "embeddings.vector",
                value: format!("{} bytes for chunk {}", bytes.len(), self.id),
            });
        }
        Ok(Some(
            vector
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect(),
        ))
    }
}

/// All chunks of some of the user's materials, material by material, with their vectors of one
/// embedder. At most [`MATERIALS_MAX`] materials at once.
pub async fn of_materials(
    db: &Db,
    user: UserId,
    embedder: &str,
    materials: &[Uuid],
) -> Stored<Vec<Searched>> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT c.id, c.material_id AS material, c.page_first, c.page_last, c.section, c.text,
                e.vector
         FROM chunks c LEFT JOIN embeddings e ON e.chunk_id = c.id AND e.embedder = ",
    );
    query.push_bind(embedder);
    query.push(" WHERE c.user_id = ");
    query.push_bind(user.uuid());
    query.push(" AND c.material_id IN (");
    let mut list = query.separated(", ");
    for material in materials.iter().take(MATERIALS_MAX) {
        list.push_bind(*material);
    }
    query.push(") ORDER BY c.material_id, c.ordinal");
    Ok(query.build_query_as().fetch_all(db.read()).await?)
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
        seams: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
