//! The tags a student gives her materials, to search some of them together.

use crate::store::{Db, Stored};
use app::model::id::{MaterialId, UserId};
use sqlx::{QueryBuilder, Sqlite};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Most tags of one material, and of one search: what fits on a screen.
pub const TAGS_MAX: usize = 20;
/// Most characters of a tag.
pub const TAG_MAX_CHARS: usize = 40;

/// A tag as it is stored and compared: on one line, in lower case, shortened; `None` when nothing is
/// left.
pub fn normalised(tag: &str) -> Option<String> {
    let line = crate::prose::one_line(tag).to_lowercase();
    let short: String = line.chars().take(TAG_MAX_CHARS).collect();
    let short = short.trim_end();
    (!short.is_empty()).then(|| short.to_owned())
}

/// Gives a material these tags in the place of those it has, the first [`TAGS_MAX`] in their
/// alphabetical order; false when the user has no such material.
pub async fn set(db: &Db, user: UserId, id: MaterialId, tags: &[String]) -> Stored<bool> {
    let mut tx = db.write().await?;
    let owned: Option<Uuid> =
        sqlx::query_scalar("SELECT id FROM materials WHERE user_id = $1 AND id = $2")
            .bind(user.uuid())
            .bind(id.uuid())
            .fetch_optional(&mut *tx)
            .await?;
    if owned.is_none() {
        return Ok(false);
    }
    sqlx::query("DELETE FROM material_tags WHERE user_id = $1 AND material_id = $2")
        .bind(user.uuid())
        .bind(id.uuid())
        .execute(&mut *tx)
        .await?;
    let tags: BTreeSet<String> = tags.iter().filter_map(|tag| normalised(tag)).collect();
    for tag in tags.into_iter().take(TAGS_MAX) {
        sqlx::query("INSERT INTO material_tags (material_id, user_id, tag) VALUES ($1, $2, $3)")
            .bind(id.uuid())
            .bind(user.uuid())
            .bind(tag)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// A material's tags in their alphabetical order; none for a foreign material.
pub async fn of(db: &Db, user: UserId, id: MaterialId) -> Stored<Vec<String>> {
    Ok(sqlx::query_scalar(
        "SELECT tag FROM material_tags WHERE user_id = $1 AND material_id = $2 ORDER BY tag",
    )
    .bind(user.uuid())
    .bind(id.uuid())
    .fetch_all(db.read())
    .await?)
}

/// The user's materials that have at least one of `tags`; only the first [`TAGS_MAX`] are looked for.
pub async fn tagged(db: &Db, user: UserId, tags: &[String]) -> Stored<Vec<MaterialId>> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT DISTINCT material_id FROM material_tags WHERE user_id = ",
    );
    query.push_bind(user.uuid());
    query.push(" AND tag IN (");
    let mut list = query.separated(", ");
    for tag in tags.iter().take(TAGS_MAX) {
        // What is left of nothing is no tag's name.
        list.push_bind(normalised(tag).unwrap_or_default());
    }
    query.push(")");
    let ids: Vec<Uuid> = query.build_query_scalar().fetch_all(db.read()).await?;
    Ok(ids.into_iter().map(MaterialId::new).collect())
}
