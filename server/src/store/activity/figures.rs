//! What the pages read. None of these queries looks at events: a year costs the same however busy it
//! was.

use super::{SELECT_MONTHS, count, date_of, unpack};
use crate::{
    analytics::{
        figures::{Day, Opened},
        sittings,
    },
    store::{Db, Stored, look::time},
};
use app::model::{
    analytics::{CitedPage, UnansweredQuestion},
    id::{ConversationId, MaterialId, UserId},
};
use chrono::NaiveDate;
use chrono_tz::Tz;
use rusqlite::Row;
use uuid::Uuid;

/// First and last day of a period.
pub type Period = (NaiveDate, NaiveDate);

/// All days with anything on them, oldest first.
pub async fn history(db: &Db, user: UserId) -> Stored<Vec<Day>> {
    let months = db.look("history", SELECT_MONTHS, &[&user.uuid()], |row| row.get(0))?;
    unpack(&months)
}

/// How many documents were read in a period, and how many of them were finished when it ended.
pub async fn opened(db: &Db, user: UserId, (first, last): Period) -> Stored<Opened> {
    let opened = db.look_for(
        "opened materials",
        "SELECT count(*), count(*) FILTER (WHERE finished_on <= $3) FROM opened_materials
         WHERE user_id = $1
           AND EXISTS (SELECT 1 FROM material_activity AS read
                       WHERE read.user_id = $1 AND read.material_id = opened_materials.material_id
                         AND read.opened AND read.local_date BETWEEN $2 AND $3)",
        &[&user.uuid(), &first.to_string(), &last.to_string()],
        |row| {
            Ok(Opened {
                materials: count(row.get(0)?),
                finished: count(row.get(1)?),
            })
        },
    )?;
    Ok(opened.unwrap_or_default())
}

/// Seconds of study by weekday (Monday is 0) and hour.
pub async fn hours(db: &Db, user: UserId, (first, last): Period) -> Stored<Vec<(u32, u32, i64)>> {
    db.look(
        "hours",
        "SELECT weekday, hour, CAST(sum(study_seconds) AS BIGINT) FROM hourly_activity
         WHERE user_id = $1 AND local_date BETWEEN $2 AND $3 GROUP BY weekday, hour",
        &[&user.uuid(), &first.to_string(), &last.to_string()],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )
}

/// Seconds of study by document, the longest first. A document that is gone has no title.
pub async fn materials(
    db: &Db,
    user: UserId,
    (first, last): Period,
) -> Stored<Vec<(MaterialId, Option<String>, i64)>> {
    db.look(
        "time by material",
        "SELECT read.material_id, materials.title, sum(read.study_seconds) AS seconds
         FROM material_activity AS read
         LEFT JOIN materials ON materials.id = read.material_id AND materials.user_id = read.user_id
         WHERE read.user_id = $1 AND read.local_date BETWEEN $2 AND $3
         GROUP BY read.material_id ORDER BY seconds DESC, read.material_id",
        &[&user.uuid(), &first.to_string(), &last.to_string()],
        |row| Ok((MaterialId::new(row.get(0)?), row.get(1)?, row.get(2)?)),
    )
}

/// The pages that answers point to most often, at most so many.
pub async fn cited_pages(db: &Db, user: UserId, limit: i64) -> Stored<Vec<CitedPage>> {
    db.look(
        "cited pages",
        "SELECT cited_pages.material_id, materials.title, cited_pages.page_number, cited_pages.times
         FROM cited_pages JOIN materials ON materials.id = cited_pages.material_id
         WHERE cited_pages.user_id = $1 AND materials.user_id = $1
         ORDER BY cited_pages.times DESC, cited_pages.material_id, cited_pages.page_number LIMIT $2",
        &[&user.uuid(), &limit],
        |row| {
            Ok(CitedPage {
                material: MaterialId::new(row.get(0)?),
                title: row.get(1)?,
                page: count(row.get(2)?),
                times: count(row.get(3)?),
            })
        },
    )
}

/// The newest day with anything on it.
pub async fn newest_day(db: &Db, user: UserId) -> Stored<Option<NaiveDate>> {
    let newest = db.look_for(
        "newest day",
        "SELECT max(local_date) FROM daily_activity WHERE user_id = $1",
        &[&user.uuid()],
        |row| row.get::<_, Option<String>>(0),
    )?;
    let newest = newest.flatten();
    newest
        .map(|date| date_of(&date, "daily_activity.local_date"))
        .transpose()
}

/// The latest questions that the materials could not answer, newest first, with their days in this zone.
pub async fn unanswered(
    db: &Db,
    user: UserId,
    zone: Tz,
    limit: i64,
) -> Stored<Vec<UnansweredQuestion>> {
    db.look(
        "unanswered questions",
        "SELECT text, created_at, conversation_id FROM messages
         WHERE user_id = $1 AND not_covered ORDER BY created_at DESC, id LIMIT $2",
        &[&user.uuid(), &limit],
        |row| {
            let asked_at = time(row, 1)?;
            Ok(UnansweredQuestion {
                text: row.get(0)?,
                asked_at,
                asked_on: sittings::local_date(asked_at, zone),
                conversation: ConversationId::new(row.get::<_, Uuid>(2)?),
            })
        },
    )
}

/// The achievements a student has unlocked, with their dates.
pub async fn achievements(db: &Db, user: UserId) -> Stored<Vec<(String, NaiveDate)>> {
    let rows = db.look(
        "achievements",
        "SELECT achievement, local_date FROM achievements WHERE user_id = $1 ORDER BY unlocked_at, achievement",
        &[&user.uuid()],
        |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?)),
    )?;
    rows.into_iter()
        .map(|(id, date)| Ok((id, date_of(&date, "achievements.local_date")?)))
        .collect()
}
