//! Rows of activity: events, awards, study sessions, days and the pages that were on screen. It
//! stores what the rules decided and knows none of them.

use super::{Db, StoreError, Stored};
use crate::analytics::{figures::Day, sittings::Sitting};
use app::model::id::{MaterialId, UserId};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use sqlx::{Sqlite, Transaction};
use uuid::Uuid;

/// The write transaction one activity is recorded in.
pub type Write = Transaction<'static, Sqlite>;

/// Something a student did.
pub struct Event {
    pub id: Uuid,
    pub kind: &'static str,
    pub natural_key: String,
    pub occurred_at: DateTime<Utc>,
    pub local_date: NaiveDate,
}

/// XP that was given.
pub struct Award<'a> {
    pub natural_key: &'a str,
    pub awarded_at: DateTime<Utc>,
    pub local_date: NaiveDate,
    pub xp: i64,
}

/// What a day gains.
#[derive(Clone, Copy, Default)]
pub struct Added {
    pub activities: i64,
    pub questions: i64,
    pub materials_added: i64,
    pub pages_read: i64,
    pub study_sessions: i64,
    pub study_seconds: i64,
    pub xp: i64,
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
    let result = sqlx::query(
        "INSERT INTO events (id, user_id, kind, natural_key, occurred_at, local_date)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (user_id, natural_key) DO NOTHING",
    )
    .bind(event.id)
    .bind(user.uuid())
    .bind(event.kind)
    .bind(&event.natural_key)
    .bind(event.occurred_at)
    .bind(event.local_date.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(result.rows_affected() > 0)
}

/// False when an award with this natural key is there already.
pub async fn insert_award(tx: &mut Write, user: UserId, award: &Award<'_>) -> Stored<bool> {
    let result = sqlx::query(
        "INSERT INTO awards (user_id, natural_key, awarded_at, local_date, xp)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (user_id, natural_key) DO NOTHING",
    )
    .bind(user.uuid())
    .bind(award.natural_key)
    .bind(award.awarded_at)
    .bind(award.local_date.to_string())
    .bind(award.xp)
    .execute(&mut **tx)
    .await?;
    Ok(result.rows_affected() > 0)
}

/// Adds to a day, which need not exist yet.
pub async fn add_to_day(tx: &mut Write, user: UserId, date: NaiveDate, added: Added) -> Stored<()> {
    sqlx::query(
        "INSERT INTO daily_activity (user_id, local_date, activities, questions, materials_added,
                                     pages_read, study_sessions, study_seconds, xp)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (user_id, local_date) DO UPDATE SET
             activities      = daily_activity.activities + excluded.activities,
             questions       = daily_activity.questions + excluded.questions,
             materials_added = daily_activity.materials_added + excluded.materials_added,
             pages_read      = daily_activity.pages_read + excluded.pages_read,
             study_sessions  = daily_activity.study_sessions + excluded.study_sessions,
             study_seconds   = daily_activity.study_seconds + excluded.study_seconds,
             xp              = daily_activity.xp + excluded.xp",
    )
    .bind(user.uuid())
    .bind(date.to_string())
    .bind(added.activities)
    .bind(added.questions)
    .bind(added.materials_added)
    .bind(added.pages_read)
    .bind(added.study_sessions)
    .bind(added.study_seconds)
    .bind(added.xp)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

type DayRow = (String, i64, i64, i64, i64, i64, i64, i64);

fn day_from(row: DayRow) -> Stored<Day> {
    let (date, activities, questions, materials_added, pages_read, sessions, seconds, xp) = row;
    Ok(Day {
        date: local_date(&date).ok_or_else(|| StoreError::Corrupt {
            column: "daily_activity.local_date",
            value: date,
        })?,
        activities: count(activities),
        questions: count(questions),
        materials_added: count(materials_added),
        pages_read: count(pages_read),
        study_sessions: count(sessions),
        study_seconds: count(seconds),
        xp: count(xp),
    })
}

/// Reads `2026-11-23`, which a parser of all there is takes ten times as long for.
fn local_date(text: &str) -> Option<NaiveDate> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else {
        return None;
    };
    let number = |digits: &[&u8]| {
        digits.iter().try_fold(0_u32, |number, digit| {
            let digit = digit.is_ascii_digit().then(|| u32::from(**digit - b'0'))?;
            Some(number * 10 + digit)
        })
    };
    let year = i32::try_from(number(&[y1, y2, y3, y4])?).ok()?;
    NaiveDate::from_ymd_opt(year, number(&[m1, m2])?, number(&[d1, d2])?)
}

/// Counts are never negative, and none of these reaches four thousand million.
fn count(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}

/// One day so far; all zeros when nothing has happened on it.
pub async fn day(tx: &mut Write, user: UserId, date: NaiveDate) -> Stored<Day> {
    let row: Option<DayRow> = sqlx::query_as(
        "SELECT local_date, activities, questions, materials_added, pages_read, study_sessions,
                study_seconds, xp
         FROM daily_activity WHERE user_id = $1 AND local_date = $2",
    )
    .bind(user.uuid())
    .bind(date.to_string())
    .fetch_optional(&mut **tx)
    .await?;
    row.map_or_else(
        || {
            Ok(Day {
                date,
                ..Day::default()
            })
        },
        day_from,
    )
}

const SELECT_HISTORY: &str = "\
    SELECT local_date, activities, questions, materials_added, pages_read, study_sessions,
           study_seconds, xp
    FROM daily_activity WHERE user_id = $1 ORDER BY local_date";

/// All days with anything on them, oldest first: at most one row for each day of the account.
pub async fn history(db: &Db, user: UserId) -> Stored<Vec<Day>> {
    let rows = db.look("history", SELECT_HISTORY, &[&user.uuid()], |row| {
        Ok((
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get(4)?,
            row.get(5)?,
            row.get(6)?,
            row.get(7)?,
        ))
    })?;
    rows.into_iter().map(day_from).collect()
}

/// The same, as the transaction sees it.
pub async fn history_in(tx: &mut Write, user: UserId) -> Stored<Vec<Day>> {
    let rows: Vec<DayRow> = sqlx::query_as(SELECT_HISTORY)
        .bind(user.uuid())
        .fetch_all(&mut **tx)
        .await?;
    rows.into_iter().map(day_from).collect()
}

/// The study session with the latest activity. `zone` stands in for a zone that is unknown now.
pub async fn latest_sitting(
    tx: &mut Write,
    user: UserId,
    zone: Tz,
) -> Stored<Option<(Uuid, Sitting)>> {
    let row: Option<(Uuid, DateTime<Utc>, DateTime<Utc>, String)> = sqlx::query_as(
        "SELECT id, started_at, last_activity_at, time_zone FROM study_sessions
         WHERE user_id = $1 ORDER BY last_activity_at DESC LIMIT 1",
    )
    .bind(user.uuid())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|(id, started_at, last_activity_at, name)| {
        let zone = name.parse().unwrap_or(zone);
        let sitting = Sitting {
            started_at,
            last_activity_at,
            zone,
        };
        (id, sitting)
    }))
}

/// Begins a study session.
pub async fn insert_sitting(
    tx: &mut Write,
    user: UserId,
    id: Uuid,
    local_date: NaiveDate,
    sitting: &Sitting,
) -> Stored<()> {
    sqlx::query(
        "INSERT INTO study_sessions (id, user_id, started_at, last_activity_at, time_zone, local_date)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(user.uuid())
    .bind(sitting.started_at)
    .bind(sitting.last_activity_at)
    .bind(sitting.zone.name())
    .bind(local_date.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Moves a study session's end along.
pub async fn continue_sitting(
    tx: &mut Write,
    user: UserId,
    id: Uuid,
    sitting: &Sitting,
) -> Stored<()> {
    sqlx::query("UPDATE study_sessions SET last_activity_at = $3 WHERE user_id = $1 AND id = $2")
        .bind(user.uuid())
        .bind(id)
        .bind(sitting.last_activity_at)
        .execute(&mut **tx)
        .await?;
    Ok(())
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

/// What the natural keys of all readings of one page begin with.
pub fn page_key(material: MaterialId, page: u32) -> String {
    format!("page:{material}:{page}:")
}

/// How often a page has been read on a day.
pub async fn reads_of_page(
    tx: &mut Write,
    user: UserId,
    material: MaterialId,
    page: u32,
    date: NaiveDate,
) -> Stored<i64> {
    let from = page_key(material, page);
    // ';' follows ':' in every collation of plain bytes: the range is the prefix.
    let to = format!("page:{material}:{page};");
    Ok(sqlx::query_scalar(
        "SELECT count(*) FROM events
         WHERE user_id = $1 AND natural_key >= $2 AND natural_key < $3 AND local_date = $4",
    )
    .bind(user.uuid())
    .bind(from)
    .bind(to)
    .bind(date.to_string())
    .fetch_one(&mut **tx)
    .await?)
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

/// The sha256 of a material whose every page has been on screen. While pages are still being read
/// out of the file, nothing is finished.
pub async fn finished(
    tx: &mut Write,
    user: UserId,
    material: MaterialId,
) -> Stored<Option<Vec<u8>>> {
    Ok(sqlx::query_scalar(
        "SELECT sha256 FROM materials
         WHERE user_id = $1 AND id = $2 AND state IN ('embedding', 'ready')
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
    .await?)
}
