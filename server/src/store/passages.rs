//! Reading chunks for a search: whole materials to be searched in memory, and single ones to be
//! shown. Knows nothing of scores and questions.
//!
//! Every query names the user.

use super::{Db, StoreError, Stored};
use app::model::{
    id::{MaterialId, UserId},
    material::Span,
};
use rusqlite::ToSql;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    let embedder = embedder.to_owned();
    db.look_aside(move |db| {
        db.look(
            "prints",
            "SELECT m.id, m.revision, count(c.id), count(e.chunk_id)
             FROM materials m JOIN chunks c ON c.material_id = m.id
             LEFT JOIN embeddings e ON e.chunk_id = c.id AND e.embedder = $2
             WHERE m.user_id = $1 GROUP BY m.id ORDER BY max(c.id) DESC",
            &[&user.uuid(), &embedder],
            |row| {
                Ok(Print {
                    material: row.get(0)?,
                    revision: row.get(1)?,
                    passages: row.get(2)?,
                    settled: row.get(3)?,
                })
            },
        )
    })
    .await
}

/// A chunk as it is searched.
#[derive(Clone, Debug)]
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
    let embedder = embedder.to_owned();
    let materials: Vec<Uuid> = materials.iter().take(MATERIALS_MAX).copied().collect();
    db.look_aside(move |db| {
        let sql = format!(
            "SELECT c.id, c.material_id, c.page_first, c.page_last, c.section, c.text, e.vector
             FROM chunks c LEFT JOIN embeddings e ON e.chunk_id = c.id AND e.embedder = $1
             WHERE c.user_id = $2 AND c.material_id IN ({})
             ORDER BY c.material_id, c.ordinal",
            numbered(3, materials.len())
        );
        let user = user.uuid();
        let mut values: Vec<&dyn ToSql> = vec![&embedder, &user];
        values.extend(materials.iter().map(|material| material as &dyn ToSql));
        db.look("passages of materials", &sql, &values, |row| {
            Ok(Searched {
                id: row.get(0)?,
                material: row.get(1)?,
                page_first: row.get(2)?,
                page_last: row.get(3)?,
                section: row.get(4)?,
                text: row.get(5)?,
                vector: row.get(6)?,
            })
        })
    })
    .await
}

/// `count` parameters from `$first` on, for a list.
fn numbered(first: usize, count: usize) -> String {
    let numbers: Vec<String> = (first..first + count).map(|n| format!("${n}")).collect();
    numbers.join(", ")
}

/// The user's chunks among `ids`, in no particular order; those of others and those that are gone
/// are left out.
pub async fn details(db: &Db, user: UserId, ids: &[i64]) -> Stored<Vec<StoredPassage>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT chunks.id, materials.id, materials.title, chunks.page_first, chunks.page_last,
                chunks.char_start,
                CASE WHEN chunks.page_last = chunks.page_first THEN chunks.char_end
                     ELSE coalesce(length(pages.text), chunks.char_start) END,
                chunks.section, chunks.text
         FROM chunks JOIN materials ON materials.id = chunks.material_id
         LEFT JOIN pages ON pages.material_id = chunks.material_id
                        AND pages.page_number = chunks.page_first
         WHERE chunks.user_id = $1 AND materials.user_id = $1 AND chunks.id IN ({})",
        numbered(2, ids.len())
    );
    let user = user.uuid();
    let mut values: Vec<&dyn ToSql> = vec![&user];
    values.extend(ids.iter().map(|id| id as &dyn ToSql));
    db.look("passages", &sql, &values, |row| {
        Ok(StoredPassage {
            chunk_id: row.get(0)?,
            material_id: MaterialId::new(row.get(1)?),
            title: row.get(2)?,
            page_first: row.get(3)?,
            page_last: row.get(4)?,
            span: Span {
                start: row.get(5)?,
                end: row.get(6)?,
            },
            section: row.get(7)?,
            text: row.get(8)?,
            seams: Vec::new(),
        })
    })
}

#[cfg(test)]
mod tests;
