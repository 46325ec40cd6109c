//! Events as they were recorded, and the figures that are put in the place of those there are.

use super::{Kept, Rows, Write, count, date_of, zone_named};
use crate::{
    analytics::{
        event::{Deed, Event, Sha256},
        ledger::{Ledger as _, Paper},
        sittings::Stretch,
    },
    store::{Db, StoreError, Stored},
};
use app::model::id::{MaterialId, MessageId, UserId};
use chrono::{DateTime, Utc};
use sqlx::{FromRow, QueryBuilder, Sqlite, SqliteConnection};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Events read at once: a megabyte or two.
const BATCH: i64 = 10_000;

#[derive(FromRow)]
struct EventRow {
    number: i64,
    id: Uuid,
    kind: String,
    occurred_at: DateTime<Utc>,
    local_date: String,
    time_zone: String,
    message_id: Option<Uuid>,
    material_id: Option<Uuid>,
    page_number: Option<i64>,
    sha256: Option<Vec<u8>>,
}

impl EventRow {
    fn event(self) -> Stored<(i64, Event)> {
        let material = MaterialId::new(self.material_id.unwrap_or_default());
        let page = count(self.page_number.unwrap_or_default());
        let sha256 = self.sha256.and_then(|bytes| Sha256::try_from(bytes).ok());
        let deed = match &*self.kind {
            "question" => Deed::Question {
                message: MessageId::new(self.message_id.unwrap_or_default()),
            },
            "material" => Deed::MaterialAdded { material, sha256 },
            "page" => Deed::PageRead {
                material,
                page,
                finishes: sha256,
            },
            "reading" => Deed::Reading {
                material,
                page,
                finishes: sha256,
            },
            _ => {
                return Err(StoreError::Corrupt {
                    column: "events.kind",
                    value: self.kind,
                });
            }
        };
        let event = Event {
            id: self.id,
            at: self.occurred_at,
            local_date: date_of(&self.local_date, "events.local_date")?,
            zone: zone_named(&self.time_zone),
            deed,
        };
        Ok((self.number, event))
    }
}

/// The next events of a student after the one with this number, with theirs, in the order they were
/// recorded. None when there are no more.
pub async fn events_after(
    connection: &mut SqliteConnection,
    user: UserId,
    number: i64,
) -> Stored<Vec<(i64, Event)>> {
    let rows: Vec<EventRow> = sqlx::query_as(
        "SELECT number, id, kind, occurred_at, local_date, time_zone, message_id, material_id,
                page_number, sha256
         FROM events WHERE user_id = $1 AND number > $2 ORDER BY number LIMIT $3",
    )
    .bind(user.uuid())
    .bind(number)
    .bind(BATCH)
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(EventRow::event).collect()
}

/// Stores events that were entered elsewhere, counting them from `number`.
pub async fn insert_events(
    tx: &mut Write,
    user: UserId,
    number: i64,
    events: &[Event],
) -> Stored<()> {
    if events.is_empty() {
        return Ok(());
    }
    let mut insert = QueryBuilder::<Sqlite>::new(
        "INSERT INTO events (id, user_id, number, kind, natural_key, occurred_at, local_date, time_zone,
                             message_id, material_id, page_number, sha256) ",
    );
    insert.push_values((number..).zip(events), |mut row, (number, event)| {
        let kept = Kept::from(&event.deed);
        row.push_bind(event.id)
            .push_bind(user.uuid())
            .push_bind(number)
            .push_bind(kept.kind)
            .push_bind(event.natural_key())
            .push_bind(event.at)
            .push_bind(event.local_date.to_string())
            .push_bind(event.zone.name())
            .push_bind(kept.message)
            .push_bind(kept.material)
            .push_bind(kept.page)
            .push_bind(kept.sha256);
    });
    insert.build().execute(&mut **tx).await?;
    Ok(())
}

/// A student's documents in the order they came, with the sha256 and the number of pages of each.
pub async fn documents(db: &Db, user: UserId) -> Stored<Vec<(MaterialId, Sha256, u32)>> {
    let rows: Vec<(Uuid, Vec<u8>, i64)> = sqlx::query_as(
        "SELECT id, sha256, coalesce(page_count, 0) FROM materials
         WHERE user_id = $1 ORDER BY uploaded_at, id",
    )
    .bind(user.uuid())
    .fetch_all(db.read())
    .await?;
    let document = |(id, sha256, pages): (Uuid, Vec<u8>, i64)| {
        Some((MaterialId::new(id), sha256.try_into().ok()?, count(pages)))
    };
    Ok(rows.into_iter().filter_map(document).collect())
}

/// Puts `paper` in the place of all figures of a student.
pub async fn replace(tx: &mut Write, user: UserId, paper: &Paper) -> Stored<()> {
    for delete in [
        "DELETE FROM study_sessions WHERE user_id = $1",
        "DELETE FROM daily_activity WHERE user_id = $1",
        "DELETE FROM hourly_activity WHERE user_id = $1",
        "DELETE FROM material_activity WHERE user_id = $1",
        "DELETE FROM opened_materials WHERE user_id = $1",
        "DELETE FROM awards WHERE user_id = $1",
        "DELETE FROM achievements WHERE user_id = $1",
        "DELETE FROM activity_recounts WHERE user_id = $1",
    ] {
        sqlx::query::<Sqlite>(delete)
            .bind(user.uuid())
            .execute(&mut **tx)
            .await?;
    }
    let mut rows = Rows { tx, user };
    for day in paper.days.values() {
        rows.put_day(day).await?;
    }
    for (&(date, hour), &seconds) in &paper.hours {
        let stretch = Stretch {
            date,
            hour,
            seconds,
        };
        rows.add_to_hour(stretch).await?;
    }
    for (&(date, material), read) in &paper.materials {
        rows.add_to_material(material, date, read.seconds).await?;
        if read.opened {
            rows.open_material(material, date).await?;
        }
    }
    for (&material, &date) in &paper.finished {
        rows.finish_material(material, date).await?;
    }
    for (&(_, id), sitting) in &paper.sittings {
        rows.put_sitting(id, None, sitting).await?;
    }
    for award in paper.awards.values() {
        rows.give(award.clone()).await?;
    }
    for &(achievement, at, date) in &paper.achievements {
        rows.unlock(achievement, at, date).await?;
    }
    Ok(())
}

/// Students whose figures an upgrade left to be counted again.
pub async fn due(db: &Db) -> Stored<BTreeSet<UserId>> {
    let users: Vec<Uuid> = sqlx::query_scalar("SELECT user_id FROM activity_recounts")
        .fetch_all(db.read())
        .await?;
    Ok(users.into_iter().map(UserId::new).collect())
}

/// Everybody who ever did something, or the one with this e-mail address.
pub async fn students(db: &Db, email: Option<&str>) -> Stored<BTreeSet<UserId>> {
    let users: Vec<Uuid> =
        sqlx::query_scalar("SELECT id FROM users WHERE $1 IS NULL OR email = $1")
            .bind(email)
            .fetch_all(db.read())
            .await?;
    Ok(users.into_iter().map(UserId::new).collect())
}
