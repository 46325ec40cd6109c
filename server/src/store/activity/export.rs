//! Rows a student takes with her. Read in batches by key, so that neither memory nor a connection is
//! held for long.

use super::{count, date_of};
use crate::{
    analytics::ledger::Award,
    store::{Db, Stored},
};
use app::model::id::UserId;
use chrono::{DateTime, NaiveDate, Utc};
use sqlx::FromRow;
use uuid::Uuid;

/// Events read at once.
const BATCH: i64 = 2_000;

/// One thing a student did, with what it was about as far as that still exists.
#[derive(Debug, FromRow)]
pub struct EventRow {
    pub number: i64,
    pub kind: String,
    pub occurred_at: DateTime<Utc>,
    pub local_date: String,
    pub time_zone: String,
    pub material_id: Option<Uuid>,
    pub title: Option<String>,
    pub page_number: Option<i64>,
    pub question: Option<String>,
}

/// The next events on or after a day, after the one with this number; none when there are no more.
pub async fn events_after(
    db: &Db,
    user: UserId,
    first: NaiveDate,
    number: i64,
) -> Stored<Vec<EventRow>> {
    Ok(sqlx::query_as(
        "SELECT events.number, events.kind, events.occurred_at, events.local_date, events.time_zone,
                events.material_id, materials.title, events.page_number, messages.text AS question
         FROM events
         LEFT JOIN materials ON materials.id = events.material_id AND materials.user_id = events.user_id
         LEFT JOIN messages ON messages.id = events.message_id AND messages.user_id = events.user_id
         WHERE events.user_id = $1 AND events.number > $2 AND events.local_date >= $3
         ORDER BY events.number LIMIT $4",
    )
    .bind(user.uuid())
    .bind(number)
    .bind(first.to_string())
    .bind(BATCH)
    .fetch_all(db.read())
    .await?)
}

/// One study session.
#[derive(Debug, FromRow)]
pub struct SessionRow {
    pub started_at: DateTime<Utc>,
    pub last_activity_at: DateTime<Utc>,
    pub time_zone: String,
    pub local_date: String,
}

/// The sessions that began on or after a day, in their order.
pub async fn sessions(db: &Db, user: UserId, first: NaiveDate) -> Stored<Vec<SessionRow>> {
    Ok(sqlx::query_as(
        "SELECT started_at, last_activity_at, time_zone, local_date FROM study_sessions
         WHERE user_id = $1 AND local_date >= $2 ORDER BY last_activity_at",
    )
    .bind(user.uuid())
    .bind(first.to_string())
    .fetch_all(db.read())
    .await?)
}

/// The XP given on or after a day, in the order it was given.
pub async fn awards(db: &Db, user: UserId, first: NaiveDate) -> Stored<Vec<Award>> {
    let rows: Vec<(String, DateTime<Utc>, String, i64)> = sqlx::query_as(
        "SELECT natural_key, awarded_at, local_date, xp FROM awards
         WHERE user_id = $1 AND local_date >= $2 ORDER BY awarded_at, natural_key",
    )
    .bind(user.uuid())
    .bind(first.to_string())
    .fetch_all(db.read())
    .await?;
    rows.into_iter()
        .map(|(natural_key, awarded_at, date, xp)| {
            Ok(Award {
                natural_key,
                awarded_at,
                local_date: date_of(&date, "awards.local_date")?,
                xp: count(xp),
            })
        })
        .collect()
}
