//! Rows of activity as one event's transaction reads and writes them. It stores what the rules
//! decided and knows none of them. What pages read is in [`figures`], what is counted again from the
//! events in [`recount`], what a student takes with her in [`export`].
//! Over 400 lines because the ledger is one trait with a query for each of its methods.

pub mod export;
pub mod figures;
pub mod recount;

use super::{Db, StoreError, Stored};
use crate::analytics::{
    achievements::Tally,
    event::{Deed, Event, Sha256, page_keys},
    figures::Day,
    ledger::{Award, Ledger},
    sittings::{Sitting, Stretch},
};
use app::model::id::{MaterialId, UserId};
use async_trait::async_trait;
use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use chrono_tz::Tz;
use sqlx::{FromRow, Sqlite, Transaction};
use uuid::Uuid;

/// The write transaction one activity is recorded in.
pub type Write = Transaction<'static, Sqlite>;

/// Begins a part of a transaction that can be taken back while the rest of it goes on.
pub async fn savepoint(tx: &mut Write) -> Stored<()> {
    sqlx::query("SAVEPOINT part").execute(&mut **tx).await?;
    Ok(())
}

/// Takes back what was written since the [`savepoint`].
pub async fn back_to_savepoint(tx: &mut Write) -> Stored<()> {
    sqlx::query("ROLLBACK TO part").execute(&mut **tx).await?;
    Ok(())
}

/// Ends the part that a [`savepoint`] began; what it wrote belongs to the transaction.
pub async fn release_savepoint(tx: &mut Write) -> Stored<()> {
    sqlx::query("RELEASE part").execute(&mut **tx).await?;
    Ok(())
}

/// The zone a student's days are counted in; `None` for an account that is gone.
pub async fn time_zone(db: &Db, user: UserId) -> Stored<Option<String>> {
    db.look_for("time zone", SELECT_TIME_ZONE, &[&user.uuid()], |row| {
        row.get(0)
    })
}

/// The same, as the transaction sees it.
pub async fn time_zone_in(tx: &mut Write, user: UserId) -> Stored<Option<String>> {
    Ok(sqlx::query_scalar(SELECT_TIME_ZONE)
        .bind(user.uuid())
        .fetch_optional(&mut **tx)
        .await?)
}

const SELECT_TIME_ZONE: &str = "SELECT time_zone FROM users WHERE id = $1";

/// False when an event with this natural key is there already.
pub async fn insert_event(tx: &mut Write, user: UserId, event: &Event) -> Stored<bool> {
    let kept = Kept::from(&event.deed);
    let result = sqlx::query(
        "INSERT INTO events (id, user_id, number, kind, natural_key, occurred_at, local_date, time_zone,
                             message_id, material_id, page_number, sha256)
         VALUES ($1, $2, (SELECT coalesce(max(number), 0) + 1 FROM events WHERE user_id = $2),
                 $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (user_id, natural_key) DO NOTHING",
    )
    .bind(event.id)
    .bind(user.uuid())
    .bind(kept.kind)
    .bind(event.natural_key())
    .bind(event.at)
    .bind(event.local_date.to_string())
    .bind(event.zone.name())
    .bind(kept.message)
    .bind(kept.material)
    .bind(kept.page)
    .bind(kept.sha256)
    .execute(&mut **tx)
    .await?;
    Ok(result.rows_affected() > 0)
}

/// A deed as columns.
#[derive(Default)]
pub struct Kept {
    pub kind: &'static str,
    pub message: Option<Uuid>,
    pub material: Option<Uuid>,
    pub page: Option<i64>,
    pub sha256: Option<Vec<u8>>,
}

impl From<&Deed> for Kept {
    fn from(deed: &Deed) -> Self {
        match deed {
            Deed::Question { message } => Self {
                kind: "question",
                message: Some(message.uuid()),
                ..Self::default()
            },
            Deed::MaterialAdded { material, sha256 } => Self {
                kind: "material",
                material: Some(material.uuid()),
                sha256: sha256.map(Vec::from),
                ..Self::default()
            },
            Deed::PageRead {
                material,
                page,
                finishes,
            } => Self {
                kind: "page",
                material: Some(material.uuid()),
                page: Some(i64::from(*page)),
                sha256: finishes.map(Vec::from),
                ..Self::default()
            },
            Deed::Reading {
                material,
                page,
                finishes,
            } => Self {
                kind: "reading",
                material: Some(material.uuid()),
                page: Some(i64::from(*page)),
                sha256: finishes.map(Vec::from),
                ..Self::default()
            },
        }
    }
}

/// One student's figures in a write transaction.
pub struct Rows<'a> {
    pub tx: &'a mut Write,
    pub user: UserId,
}

/// All days, those of a month side by side, to be [unpacked](unpack).
const SELECT_MONTHS: &str = "SELECT days FROM activity_months WHERE user_id = $1 ORDER BY month";

/// The days of all months, oldest first, from `daily_activity.packed`: of each, the number of the day,
/// counted from the first of the year 1, and its figures, every number as four bytes, the highest first.
fn unpack(months: &[Vec<u8>]) -> Stored<Vec<Day>> {
    let mut days = Vec::new();
    for month in months {
        let (numbers, rest) = month.as_chunks::<4>();
        let (packed, more) = numbers.as_chunks::<11>();
        if !rest.is_empty() || !more.is_empty() {
            return Err(unreadable(month));
        }
        for day in packed {
            days.push(day_of(*day).ok_or_else(|| unreadable(month))?);
        }
    }
    // Within a month they stand as SQLite came by them.
    days.sort_unstable_by_key(|day| day.date);
    Ok(days)
}

fn day_of(packed: [[u8; 4]; 11]) -> Option<Day> {
    let [
        number,
        activities,
        questions,
        materials_added,
        pages_read,
        study_sessions,
        study_seconds,
        xp,
        materials_finished,
        achievements,
        active_hours,
    ] = packed.map(u32::from_be_bytes);
    Some(Day {
        date: NaiveDate::from_num_days_from_ce_opt(i32::try_from(number).ok()?)?,
        activities,
        questions,
        materials_added,
        pages_read,
        study_sessions,
        study_seconds,
        xp,
        materials_finished,
        achievements,
        active_hours,
    })
}

fn unreadable(days: &[u8]) -> StoreError {
    StoreError::Corrupt {
        column: "activity_months.days",
        value: format!("{} bytes", days.len()),
    }
}

#[derive(FromRow)]
struct DayRow {
    local_date: String,
    activities: i64,
    questions: i64,
    materials_added: i64,
    pages_read: i64,
    study_sessions: i64,
    study_seconds: i64,
    xp: i64,
    materials_finished: i64,
    achievements: i64,
    active_hours: i64,
}

impl DayRow {
    fn day(self) -> Stored<Day> {
        Ok(Day {
            date: date_of(&self.local_date, "daily_activity.local_date")?,
            activities: count(self.activities),
            questions: count(self.questions),
            materials_added: count(self.materials_added),
            pages_read: count(self.pages_read),
            study_sessions: count(self.study_sessions),
            study_seconds: count(self.study_seconds),
            xp: count(self.xp),
            materials_finished: count(self.materials_finished),
            achievements: count(self.achievements),
            active_hours: count(self.active_hours),
        })
    }
}

fn date_of(text: &str, column: &'static str) -> Stored<NaiveDate> {
    text.parse().map_err(|_| StoreError::Corrupt {
        column,
        value: text.to_owned(),
    })
}

/// Counts are never negative, and none of these reaches four thousand million.
fn count(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

#[derive(FromRow)]
struct SittingRow {
    id: Uuid,
    started_at: DateTime<Utc>,
    last_activity_at: DateTime<Utc>,
    time_zone: String,
    material_id: Option<Uuid>,
}

#[async_trait]
impl Ledger for Rows<'_> {
    async fn day(&mut self, date: NaiveDate) -> Stored<Day> {
        let row: Option<DayRow> = sqlx::query_as(
            "SELECT local_date, activities, questions, materials_added, pages_read, study_sessions,
                    study_seconds, xp, materials_finished, achievements, active_hours
             FROM daily_activity WHERE user_id = $1 AND local_date = $2",
        )
        .bind(self.user.uuid())
        .bind(date.to_string())
        .fetch_optional(&mut **self.tx)
        .await?;
        let empty = Day {
            date,
            ..Day::default()
        };
        row.map_or(Ok(empty), DayRow::day)
    }

    async fn put_day(&mut self, day: &Day) -> Stored<()> {
        sqlx::query(
            "INSERT INTO daily_activity
                 (user_id, local_date, activities, questions, materials_added, pages_read, study_sessions,
                  study_seconds, xp, materials_finished, achievements, active_hours)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             ON CONFLICT (user_id, local_date) DO UPDATE SET
                 activities         = excluded.activities,
                 questions          = excluded.questions,
                 materials_added    = excluded.materials_added,
                 pages_read         = excluded.pages_read,
                 study_sessions     = excluded.study_sessions,
                 study_seconds      = excluded.study_seconds,
                 xp                 = excluded.xp,
                 materials_finished = excluded.materials_finished,
                 achievements       = excluded.achievements,
                 active_hours       = excluded.active_hours",
        )
        .bind(self.user.uuid())
        .bind(day.date.to_string())
        .bind(day.activities)
        .bind(day.questions)
        .bind(day.materials_added)
        .bind(day.pages_read)
        .bind(day.study_sessions)
        .bind(day.study_seconds)
        .bind(day.xp)
        .bind(day.materials_finished)
        .bind(day.achievements)
        .bind(day.active_hours)
        .execute(&mut **self.tx)
        .await?;
        Ok(())
    }

    async fn history(&mut self) -> Stored<Vec<Day>> {
        let months: Vec<Vec<u8>> = sqlx::query_scalar(SELECT_MONTHS)
            .bind(self.user.uuid())
            .fetch_all(&mut **self.tx)
            .await?;
        unpack(&months)
    }

    async fn tally(&mut self) -> Stored<Tally> {
        let (questions, materials, pages, xp, nights, mornings) = sqlx::query_as(
            "SELECT CAST(coalesce(sum(questions), 0) AS BIGINT),
                    CAST(coalesce(sum(materials_added), 0) AS BIGINT),
                    CAST(coalesce(sum(pages_read), 0) AS BIGINT),
                    CAST(coalesce(sum(xp), 0) AS BIGINT),
                    CAST(coalesce(sum(CASE WHEN (active_hours & $2) <> 0 THEN 1 ELSE 0 END), 0) AS BIGINT),
                    CAST(coalesce(sum(CASE WHEN (active_hours & $3) <> 0 THEN 1 ELSE 0 END), 0) AS BIGINT)
             FROM daily_activity WHERE user_id = $1",
        )
        .bind(self.user.uuid())
        .bind(Tally::NIGHT)
        .bind(Tally::MORNING)
        .fetch_one(&mut **self.tx)
        .await?;
        Ok(Tally {
            questions,
            materials,
            pages,
            xp,
            nights,
            mornings,
        })
    }

    async fn add_to_hour(&mut self, stretch: Stretch) -> Stored<()> {
        sqlx::query(
            "INSERT INTO hourly_activity (user_id, local_date, hour, weekday, study_seconds)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (user_id, local_date, hour) DO UPDATE SET
                 study_seconds = hourly_activity.study_seconds + excluded.study_seconds",
        )
        .bind(self.user.uuid())
        .bind(stretch.date.to_string())
        .bind(stretch.hour)
        .bind(stretch.date.weekday().num_days_from_monday())
        .bind(stretch.seconds)
        .execute(&mut **self.tx)
        .await?;
        Ok(())
    }

    async fn add_to_material(
        &mut self,
        material: MaterialId,
        date: NaiveDate,
        seconds: i64,
    ) -> Stored<()> {
        sqlx::query(
            "INSERT INTO material_activity (user_id, local_date, material_id, study_seconds, opened)
             VALUES ($1, $2, $3, $4, FALSE)
             ON CONFLICT (user_id, local_date, material_id) DO UPDATE SET
                 study_seconds = material_activity.study_seconds + excluded.study_seconds",
        )
        .bind(self.user.uuid())
        .bind(date.to_string())
        .bind(material.uuid())
        .bind(seconds)
        .execute(&mut **self.tx)
        .await?;
        Ok(())
    }

    async fn open_material(&mut self, material: MaterialId, date: NaiveDate) -> Stored<()> {
        sqlx::query(
            "INSERT INTO material_activity (user_id, local_date, material_id, study_seconds, opened)
             VALUES ($1, $2, $3, 0, TRUE)
             ON CONFLICT (user_id, local_date, material_id) DO UPDATE SET opened = TRUE",
        )
        .bind(self.user.uuid())
        .bind(date.to_string())
        .bind(material.uuid())
        .execute(&mut **self.tx)
        .await?;
        sqlx::query(
            "INSERT INTO opened_materials (user_id, material_id) VALUES ($1, $2)
             ON CONFLICT (user_id, material_id) DO NOTHING",
        )
        .bind(self.user.uuid())
        .bind(material.uuid())
        .execute(&mut **self.tx)
        .await?;
        Ok(())
    }

    async fn finish_material(&mut self, material: MaterialId, date: NaiveDate) -> Stored<()> {
        sqlx::query(
            "INSERT INTO opened_materials (user_id, material_id, finished_on) VALUES ($1, $2, $3)
             ON CONFLICT (user_id, material_id) DO UPDATE SET
                 finished_on = coalesce(opened_materials.finished_on, excluded.finished_on)",
        )
        .bind(self.user.uuid())
        .bind(material.uuid())
        .bind(date.to_string())
        .execute(&mut **self.tx)
        .await?;
        Ok(())
    }

    async fn sittings(
        &mut self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Stored<Vec<(Uuid, Sitting)>> {
        let rows: Vec<SittingRow> = sqlx::query_as(
            "SELECT id, started_at, last_activity_at, time_zone, material_id FROM study_sessions
             WHERE user_id = $1 AND last_activity_at > $2 AND started_at < $3
             ORDER BY started_at, id",
        )
        .bind(self.user.uuid())
        .bind(from)
        .bind(to)
        .fetch_all(&mut **self.tx)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let sitting = Sitting {
                    started_at: row.started_at,
                    last_activity_at: row.last_activity_at,
                    zone: zone_named(&row.time_zone),
                    material: row.material_id.map(MaterialId::new),
                };
                (row.id, sitting)
            })
            .collect())
    }

    async fn put_sitting(&mut self, id: Uuid, _: Option<&Sitting>, after: &Sitting) -> Stored<()> {
        sqlx::query(
            "INSERT INTO study_sessions
                 (id, user_id, started_at, last_activity_at, time_zone, local_date, material_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (id) DO UPDATE SET
                 started_at       = excluded.started_at,
                 last_activity_at = excluded.last_activity_at,
                 local_date       = excluded.local_date,
                 material_id      = excluded.material_id",
        )
        .bind(id)
        .bind(self.user.uuid())
        .bind(after.started_at)
        .bind(after.last_activity_at)
        .bind(after.zone.name())
        .bind(after.first_date().to_string())
        .bind(after.material.map(MaterialId::uuid))
        .execute(&mut **self.tx)
        .await?;
        Ok(())
    }

    async fn remove_sitting(&mut self, id: Uuid, _: &Sitting) -> Stored<()> {
        sqlx::query("DELETE FROM study_sessions WHERE user_id = $1 AND id = $2")
            .bind(self.user.uuid())
            .bind(id)
            .execute(&mut **self.tx)
            .await?;
        Ok(())
    }

    async fn give(&mut self, award: Award) -> Stored<bool> {
        let result = sqlx::query(
            "INSERT INTO awards (user_id, natural_key, awarded_at, local_date, xp)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (user_id, natural_key) DO NOTHING",
        )
        .bind(self.user.uuid())
        .bind(award.natural_key)
        .bind(award.awarded_at)
        .bind(award.local_date.to_string())
        .bind(award.xp)
        .execute(&mut **self.tx)
        .await?;
        Ok(result.rows_affected() > 0)
    }

    async fn given(&mut self, first: String, last: String) -> Stored<usize> {
        let given: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM awards
             WHERE user_id = $1 AND natural_key BETWEEN $2 AND $3",
        )
        .bind(self.user.uuid())
        .bind(first)
        .bind(last)
        .fetch_one(&mut **self.tx)
        .await?;
        Ok(usize::try_from(given).unwrap_or_default())
    }

    async fn is_first_reading(
        &mut self,
        material: MaterialId,
        page: u32,
        date: NaiveDate,
        event: Uuid,
    ) -> Stored<bool> {
        let [first, last] = page_keys(material, page, date);
        let earlier: bool = sqlx::query_scalar(
            "SELECT EXISTS (
                 SELECT 1 FROM events
                 WHERE user_id = $1 AND natural_key BETWEEN $2 AND $3 AND local_date = $4
                   AND id <> $5)",
        )
        .bind(self.user.uuid())
        .bind(first)
        .bind(last)
        .bind(date.to_string())
        .bind(event)
        .fetch_one(&mut **self.tx)
        .await?;
        Ok(!earlier)
    }

    async fn unlocked(&mut self) -> Stored<Vec<String>> {
        Ok(
            sqlx::query_scalar("SELECT achievement FROM achievements WHERE user_id = $1")
                .bind(self.user.uuid())
                .fetch_all(&mut **self.tx)
                .await?,
        )
    }

    async fn unlock(
        &mut self,
        achievement: &'static str,
        at: DateTime<Utc>,
        date: NaiveDate,
    ) -> Stored<()> {
        sqlx::query(
            "INSERT INTO achievements (user_id, achievement, unlocked_at, local_date)
             VALUES ($1, $2, $3, $4)",
        )
        .bind(self.user.uuid())
        .bind(achievement)
        .bind(at)
        .bind(date.to_string())
        .execute(&mut **self.tx)
        .await?;
        Ok(())
    }
}

/// The zone of a stored name. Names are checked before they are stored; one that a later release
/// of the zone database dropped must not lock a student out of her figures.
pub fn zone_named(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

/// Whether the student has such a page.
pub async fn has_page(
    tx: &mut Write,
    user: UserId,
    material: MaterialId,
    page: u32,
) -> Stored<bool> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT pages.page_number FROM pages
         JOIN materials ON materials.id = pages.material_id
         WHERE materials.user_id = $1 AND materials.id = $2 AND pages.page_number = $3",
    )
    .bind(user.uuid())
    .bind(material.uuid())
    .bind(i64::from(page))
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found.is_some())
}

/// Keeps that a page has been on screen.
pub async fn see_page(tx: &mut Write, user: UserId, material: MaterialId, page: u32) -> Stored<()> {
    sqlx::query(
        "INSERT INTO pages_seen (user_id, material_id, page_number) VALUES ($1, $2, $3)
         ON CONFLICT (user_id, material_id, page_number) DO NOTHING",
    )
    .bind(user.uuid())
    .bind(material.uuid())
    .bind(i64::from(page))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The sha256 of a material whose every page has been on screen, unless it was finished before.
/// While pages are still being read out of the file, nothing is finished.
pub async fn finishes(
    tx: &mut Write,
    user: UserId,
    material: MaterialId,
) -> Stored<Option<Sha256>> {
    let sha256: Option<Vec<u8>> = sqlx::query_scalar(
        "SELECT sha256 FROM materials
         WHERE user_id = $1 AND id = $2 AND state IN ('embedding', 'ready')
           AND NOT EXISTS (
               SELECT 1 FROM opened_materials
               WHERE opened_materials.user_id = $1 AND opened_materials.material_id = $2
                 AND opened_materials.finished_on IS NOT NULL)
           AND NOT EXISTS (
               SELECT 1 FROM pages
               WHERE pages.material_id = materials.id
                 AND NOT EXISTS (
                     SELECT 1 FROM pages_seen
                     WHERE pages_seen.user_id = materials.user_id
                       AND pages_seen.material_id = pages.material_id
                       AND pages_seen.page_number = pages.page_number))",
    )
    .bind(user.uuid())
    .bind(material.uuid())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(sha256.and_then(|bytes| bytes.try_into().ok()))
}
