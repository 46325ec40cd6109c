//! Counts of page views by day, route, figure and bucket. It stores what `vitals` decided and knows
//! no student: no row says whose view it was.

use super::{Db, Stored};
use app::model::vitals::Vital;
use chrono::NaiveDate;

/// Page views in one bucket.
pub struct Bucket {
    pub route: String,
    pub vital: String,
    /// Its upper edge.
    pub edge: u32,
    pub views: u64,
}

/// Counts one page view in a bucket of each of its figures, and drops the days before `oldest`.
pub async fn add(
    db: &Db,
    day: NaiveDate,
    route: &str,
    edges: &[(Vital, u32)],
    oldest: NaiveDate,
) -> Stored<()> {
    let mut tx = db.write().await?;
    for (vital, edge) in edges {
        sqlx::query(
            "INSERT INTO web_vitals (day, route, vital, edge, views) VALUES ($1, $2, $3, $4, 1)
             ON CONFLICT (day, route, vital, edge) DO UPDATE SET views = web_vitals.views + 1",
        )
        .bind(day.to_string())
        .bind(route)
        .bind(vital.name())
        .bind(i64::from(*edge))
        .execute(&mut *tx)
        .await?;
    }
    sqlx::query("DELETE FROM web_vitals WHERE day < $1")
        .bind(oldest.to_string())
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

/// The buckets of all days from `oldest` on, added up.
pub async fn buckets(db: &Db, oldest: NaiveDate) -> Stored<Vec<Bucket>> {
    db.look(
        "web vitals",
        "SELECT route, vital, edge, sum(views) FROM web_vitals
         WHERE day >= $1 GROUP BY route, vital, edge",
        &[&oldest.to_string()],
        |row| {
            let views: i64 = row.get(3)?;
            Ok(Bucket {
                route: row.get(0)?,
                vital: row.get(1)?,
                edge: row.get(2)?,
                views: views.unsigned_abs(),
            })
        },
    )
}
