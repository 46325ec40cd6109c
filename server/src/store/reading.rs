//! What the reader asks for beyond one page: the outline, and runs of pages to search in. The rows
//! are written with the material's text; every query here names the user.

use super::{Db, Stored};
use app::model::{
    id::{MaterialId, UserId},
    material::OutlineEntry,
};

/// A material's bookmarks, chapters or slide titles, in order.
pub async fn outline(db: &Db, user: UserId, id: MaterialId) -> Stored<Vec<OutlineEntry>> {
    db.look_aside(move |db| {
        db.look(
            "outline",
            "SELECT o.level, o.title, o.page_number FROM outline_entries o \
             JOIN materials m ON m.id = o.material_id \
             WHERE m.user_id = $1 AND m.id = $2 ORDER BY o.ordinal",
            &[&user.uuid(), &id.uuid()],
            |row| {
                Ok(OutlineEntry {
                    level: u8::try_from(row.get::<_, i64>(0)?).unwrap_or(u8::MAX),
                    title: row.get(1)?,
                    page: u32::try_from(row.get::<_, i64>(2)?).unwrap_or_default(),
                })
            },
        )
    })
    .await
}

/// Up to `limit` pages behind page `after`, in order: number and cleaned text.
pub async fn pages_after(
    db: &Db,
    user: UserId,
    id: MaterialId,
    after: u32,
    limit: u32,
) -> Stored<Vec<(u32, String)>> {
    db.look_aside(move |db| {
        db.look(
            "pages after",
            "SELECT p.page_number, p.text FROM pages p JOIN materials m ON m.id = p.material_id \
             WHERE m.user_id = $1 AND m.id = $2 AND p.page_number > $3 \
             ORDER BY p.page_number LIMIT $4",
            &[&user.uuid(), &id.uuid(), &after, &limit],
            |row| {
                let page = u32::try_from(row.get::<_, i64>(0)?).unwrap_or_default();
                Ok((page, row.get(1)?))
            },
        )
    })
    .await
}
