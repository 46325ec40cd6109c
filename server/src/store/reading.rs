//! What the reader asks for beyond one page: the outline, and runs of pages to search in. The rows
//! are written with the material's text; every query here names the user.

use super::{Db, Stored};
use app::model::{
    id::{MaterialId, UserId},
    material::OutlineEntry,
};

/// A material's bookmarks, chapters or slide titles, in order.
pub async fn outline(db: &Db, user: UserId, id: MaterialId) -> Stored<Vec<OutlineEntry>> {
    let rows: Vec<(i64, String, i64)> = sqlx::query_as(
        "SELECT o.level, o.title, o.page_number FROM outline_entries o \
         JOIN materials m ON m.id = o.material_id \
         WHERE m.user_id = $1 AND m.id = $2 ORDER BY o.ordinal",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .fetch_all(db.read())
    .await?;
    Ok(rows
        .into_iter()
        .map(|(level, title, page)| OutlineEntry {
            level: u8::try_from(level).unwrap_or(u8::MAX),
            title,
            page: u32::try_from(page).unwrap_or_default(),
        })
        .collect())
}

/// Up to `limit` pages behind page `after`, in order: number and cleaned text.
pub async fn pages_after(
    db: &Db,
    user: UserId,
    id: MaterialId,
    after: u32,
    limit: u32,
) -> Stored<Vec<(u32, String)>> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT p.page_number, p.text FROM pages p JOIN materials m ON m.id = p.material_id \
         WHERE m.user_id = $1 AND m.id = $2 AND p.page_number > $3 \
         ORDER BY p.page_number LIMIT $4",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .bind(i64::from(after))
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await?;
    Ok(rows
        .into_iter()
        .map(|(page, text)| (u32::try_from(page).unwrap_or_default(), text))
        .collect())
}
