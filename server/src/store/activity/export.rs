//! Rows a student takes with her. Read in batches by key, so that neither memory nor a connection is
//! held for long.

use super::{count, date_of, zone_named};
use crate::{
    analytics::{
        ledger::Award,
        sittings::{self, LAST},
    },
    store::{Db, Stored},
};
use app::model::id::UserId;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
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

/// The day and the number of an event: their order is the one they are exported in.
pub type Place = (String, i64);

/// The place before all events of a day.
pub fn before_day(date: NaiveDate) -> Place {
    (date.to_string(), 0)
}

const SELECT_EVENTS: &str = "\
    SELECT events.number, events.kind, events.occurred_at, events.local_date, events.time_zone,
           events.material_id, materials.title, events.page_number, messages.text AS question
    FROM events
    LEFT JOIN materials ON materials.id = events.material_id AND materials.user_id = events.user_id
    LEFT JOIN messages ON messages.id = events.message_id AND messages.user_id = events.user_id
    WHERE events.user_id = $1 AND (events.local_date, events.number) > ($2, $3)
    ORDER BY events.local_date, events.number LIMIT $4";

/// The next events after a place; none when there are no more.
pub async fn events_after(db: &Db, user: UserId, (date, number): &Place) -> Stored<Vec<EventRow>> {
    Ok(sqlx::query_as(SELECT_EVENTS)
        .bind(user.uuid())
        .bind(date)
        .bind(number)
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

/// The sessions of which a second lies on or after a day, in their order.
pub async fn sessions(db: &Db, user: UserId, first: NaiveDate) -> Stored<Vec<SessionRow>> {
    // By UTC's day before, in which zone it ever was; then by its own.
    let earliest = first.pred_opt().unwrap_or(first).and_time(NaiveTime::MIN);
    let rows: Vec<SessionRow> = sqlx::query_as(
        "SELECT started_at, last_activity_at, time_zone, local_date FROM study_sessions
         WHERE user_id = $1 AND last_activity_at >= $2 ORDER BY last_activity_at",
    )
    .bind(user.uuid())
    .bind(earliest.and_utc())
    .fetch_all(db.read())
    .await?;
    let reaches = |row: &SessionRow| {
        let last_second = row.last_activity_at + LAST - TimeDelta::seconds(1);
        sittings::local_date(last_second, zone_named(&row.time_zone)) >= first
    };
    Ok(rows.into_iter().filter(reaches).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_period_is_exported_without_what_lies_before_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("test.db");
        let db = Db::open(&path).await.expect("a database");
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "EXPLAIN QUERY PLAN {SELECT_EVENTS}"
        )))
        .bind(Uuid::nil())
        .bind("2026-03-02")
        .bind(0)
        .bind(BATCH)
        .fetch_all(db.read())
        .await
        .expect("a plan");
        let steps: Vec<String> = plan.into_iter().map(|(.., step)| step).collect();
        let by_day =
            "SEARCH events USING INDEX events_by_day (user_id=? AND (local_date,number)>(?,?))";
        assert_eq!(steps.first().map(String::as_str), Some(by_day), "{steps:?}");
        assert!(
            !steps.iter().any(|step| step.contains("TEMP B-TREE")),
            "{steps:?}"
        );
    }
}
