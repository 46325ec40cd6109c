//! The tags a student gives her materials, to search some of them together.

use crate::store::{Db, Stored};
use app::model::{
    id::{MaterialId, UserId},
    material::Material,
};
use sqlx::{QueryBuilder, Sqlite};
use uuid::Uuid;

/// Gives a material these tags ([`app::model::filter::tags_of`]) in the place of those it has; `None`
/// when the user has no such material.
pub async fn set(
    db: &Db,
    user: UserId,
    id: MaterialId,
    tags: &[String],
) -> Stored<Option<Material>> {
    let mut tx = db.write().await?;
    let found =
        sqlx::query("UPDATE materials SET revision = revision + 1 WHERE user_id = $1 AND id = $2")
            .bind(user.uuid())
            .bind(id.uuid())
            .execute(&mut *tx)
            .await?;
    if found.rows_affected() == 0 {
        return Ok(None);
    }
    sqlx::query("DELETE FROM material_tags WHERE user_id = $1 AND material_id = $2")
        .bind(user.uuid())
        .bind(id.uuid())
        .execute(&mut *tx)
        .await?;
    for tag in tags {
        sqlx::query("INSERT INTO material_tags (material_id, user_id, tag) VALUES ($1, $2, $3)")
            .bind(id.uuid())
            .bind(user.uuid())
            .bind(tag)
            .execute(&mut *tx)
            .await?;
    }
    let tagged = super::find_on(&mut *tx, user, id).await?;
    tx.commit().await?;
    Ok(tagged)
}

/// The user's materials that have at least one of `tags`.
pub async fn tagged(db: &Db, user: UserId, tags: &[String]) -> Stored<Vec<MaterialId>> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT DISTINCT material_id FROM material_tags WHERE user_id = ",
    );
    query.push_bind(user.uuid());
    query.push(" AND tag IN (");
    let mut list = query.separated(", ");
    for tag in tags {
        list.push_bind(tag);
    }
    query.push(")");
    let ids: Vec<Uuid> = query.build_query_scalar().fetch_all(db.read()).await?;
    Ok(ids.into_iter().map(MaterialId::new).collect())
}
