//! What the pages read. None of these queries looks at events: a year costs the same however busy it
//! was.

use super::{SELECT_DAYS, count, date_of, local_date};
use crate::{
    analytics::{
        figures::{Day, Opened},
        sittings,
    },
    store::{Db, StoreError, Stored, look::time},
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

/// All days with anything on them, oldest first: at most one row for each day of the account.
pub async fn history(db: &Db, user: UserId) -> Stored<Vec<Day>> {
    let days = db.look("history", SELECT_DAYS, &[&user.uuid()], |row| {
        let number = |column: usize| row.get(column).map(count);
        let text = row.get_ref(0)?.as_str()?;
        let date = local_date(text);
        let day = Day {
            date: date.unwrap_or_default(),
            activities: number(1)?,
            questions: number(2)?,
            materials_added: number(3)?,
            pages_read: number(4)?,
            study_sessions: number(5)?,
            study_seconds: number(6)?,
            xp: number(7)?,
            materials_finished: number(8)?,
            achievements: number(9)?,
            active_hours: number(10)?,
        };
        Ok(date.map(|_| day).ok_or_else(|| text.to_owned()))
    })?;
    let days: Result<Vec<Day>, String> = days.into_iter().collect();
    days.map_err(|value| StoreError::Corrupt {
        column: "daily_activity.local_date",
        value,
    })
}

/// How many documents were read in a period, and in another, and were finished when it ended.
pub async fn opened(db: &Db, user: UserId, [current, before]: [Period; 2]) -> Stored<[Opened; 2]> {
    let [a, b, c, d] = [current.0, current.1, before.0, before.1].map(|date| date.to_string());
    let rows = db.look(
        "opened materials",
        "SELECT EXISTS (SELECT 1 FROM material_activity AS read
                        WHERE read.user_id = $1 AND read.material_id = opened_materials.material_id
                          AND read.opened AND read.local_date BETWEEN $2 AND $3),
                EXISTS (SELECT 1 FROM material_activity AS read
                        WHERE read.user_id = $1 AND read.material_id = opened_materials.material_id
                          AND read.opened AND read.local_date BETWEEN $4 AND $5),
                finished_on <= $3, finished_on <= $5
         FROM opened_materials WHERE user_id = $1",
        &[&user.uuid(), &a, &b, &c, &d],
        |row| {
            let is_opened = [row.get(0)?, row.get(1)?];
            let is_finished: [Option<bool>; 2] = [row.get(2)?, row.get(3)?];
            Ok((is_opened, is_finished))
        },
    )?;
    Ok([0, 1].map(|period| {
        let opened = rows.iter().filter(|(is_opened, _)| is_opened[period]);
        let finished =
            |(_, is_finished): &&(_, [Option<bool>; 2])| is_finished[period] == Some(true);
        Opened {
            materials: number_of(opened.clone()),
            finished: number_of(opened.filter(finished)),
        }
    }))
}

fn number_of<T>(rows: impl Iterator<Item = T>) -> u32 {
    u32::try_from(rows.count()).unwrap_or(u32::MAX)
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
