//! What the rules are written against: a student's figures, be they rows of a transaction
//! ([`crate::store::activity::Rows`]) or, when they are counted again from the events, in memory
//! ([`Paper`]). It knows no rule.

use super::{
    achievements::Tally,
    figures::Day,
    sittings::{Sitting, Stretch},
};
use crate::store::Stored;
use app::model::id::MaterialId;
use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;

/// XP that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Award {
    pub natural_key: String,
    pub awarded_at: DateTime<Utc>,
    pub local_date: NaiveDate,
    pub xp: u32,
}

/// A student's figures.
#[async_trait]
pub trait Ledger: Send {
    /// One day so far; all zeros when nothing has happened on it.
    async fn day(&mut self, date: NaiveDate) -> Stored<Day>;
    /// Puts a day in the place of what was there.
    async fn put_day(&mut self, day: &Day) -> Stored<()>;
    /// All days with anything on them, oldest first.
    async fn history(&mut self) -> Stored<Vec<Day>>;
    /// What the days add up to.
    async fn tally(&mut self) -> Stored<Tally>;
    /// Adds study time to an hour.
    async fn add_to_hour(&mut self, stretch: Stretch) -> Stored<()>;
    /// Adds study time to a document, which is opened by it.
    async fn add_to_material(
        &mut self,
        material: MaterialId,
        date: NaiveDate,
        seconds: i64,
    ) -> Stored<()>;
    /// The study session with the latest activity.
    async fn latest_sitting(&mut self) -> Stored<Option<(Uuid, Sitting)>>;
    /// Begins a study session.
    async fn begin_sitting(&mut self, id: Uuid, date: NaiveDate, sitting: &Sitting) -> Stored<()>;
    /// Moves the latest study session's end along.
    async fn continue_sitting(&mut self, id: Uuid, sitting: &Sitting) -> Stored<()>;
    /// False when an award with this natural key is there already.
    async fn give(&mut self, award: Award) -> Stored<bool>;
    /// Whether no other event before `event` read this page on this day.
    async fn is_first_reading(
        &mut self,
        material: MaterialId,
        page: u32,
        date: NaiveDate,
        event: Uuid,
    ) -> Stored<bool>;
    /// Ids of the achievements that are unlocked.
    async fn unlocked(&mut self) -> Stored<Vec<String>>;
    /// Unlocks an achievement.
    async fn unlock(
        &mut self,
        achievement: &'static str,
        at: DateTime<Utc>,
        date: NaiveDate,
    ) -> Stored<()>;
}

/// Figures in memory. It believes that no event is shown to it twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paper {
    pub days: BTreeMap<NaiveDate, Day>,
    /// Seconds by date and hour.
    pub hours: BTreeMap<(NaiveDate, u32), i64>,
    /// Seconds by date and document.
    pub materials: BTreeMap<(NaiveDate, MaterialId), i64>,
    /// With their ids and first days, in the order they began.
    pub sittings: Vec<(Uuid, NaiveDate, Sitting)>,
    pub awards: BTreeMap<String, Award>,
    /// In the order they were unlocked.
    pub achievements: Vec<(&'static str, DateTime<Utc>, NaiveDate)>,
    tally: Tally,
    /// Place of the session with the latest activity.
    latest: usize,
    read: HashSet<(MaterialId, u32, NaiveDate)>,
}

#[async_trait]
impl Ledger for Paper {
    async fn day(&mut self, date: NaiveDate) -> Stored<Day> {
        let empty = Day {
            date,
            ..Day::default()
        };
        Ok(self.days.get(&date).copied().unwrap_or(empty))
    }

    async fn put_day(&mut self, day: &Day) -> Stored<()> {
        if let Some(before) = self.days.insert(day.date, *day) {
            self.tally.add(&before, -1);
        }
        self.tally.add(day, 1);
        Ok(())
    }

    async fn history(&mut self) -> Stored<Vec<Day>> {
        Ok(self.days.values().copied().collect())
    }

    async fn tally(&mut self) -> Stored<Tally> {
        Ok(self.tally)
    }

    async fn add_to_hour(&mut self, stretch: Stretch) -> Stored<()> {
        *self.hours.entry((stretch.date, stretch.hour)).or_default() += stretch.seconds;
        Ok(())
    }

    async fn add_to_material(
        &mut self,
        material: MaterialId,
        date: NaiveDate,
        seconds: i64,
    ) -> Stored<()> {
        *self.materials.entry((date, material)).or_default() += seconds;
        Ok(())
    }

    async fn latest_sitting(&mut self) -> Stored<Option<(Uuid, Sitting)>> {
        let latest = self.sittings.get(self.latest);
        Ok(latest.map(|(id, _, sitting)| (*id, *sitting)))
    }

    async fn begin_sitting(&mut self, id: Uuid, date: NaiveDate, sitting: &Sitting) -> Stored<()> {
        let is_latest = self
            .sittings
            .get(self.latest)
            .is_none_or(|(_, _, latest)| latest.last_activity_at < sitting.last_activity_at);
        if is_latest {
            self.latest = self.sittings.len();
        }
        self.sittings.push((id, date, *sitting));
        Ok(())
    }

    async fn continue_sitting(&mut self, _: Uuid, sitting: &Sitting) -> Stored<()> {
        if let Some((_, _, latest)) = self.sittings.get_mut(self.latest) {
            *latest = *sitting;
        }
        Ok(())
    }

    async fn give(&mut self, award: Award) -> Stored<bool> {
        if self.awards.contains_key(&award.natural_key) {
            return Ok(false);
        }
        self.awards.insert(award.natural_key.clone(), award);
        Ok(true)
    }

    async fn is_first_reading(
        &mut self,
        material: MaterialId,
        page: u32,
        date: NaiveDate,
        _: Uuid,
    ) -> Stored<bool> {
        Ok(self.read.insert((material, page, date)))
    }

    async fn unlocked(&mut self) -> Stored<Vec<String>> {
        let ids = self.achievements.iter();
        Ok(ids.map(|(id, _, _)| (*id).to_owned()).collect())
    }

    async fn unlock(
        &mut self,
        achievement: &'static str,
        at: DateTime<Utc>,
        date: NaiveDate,
    ) -> Stored<()> {
        self.achievements.push((achievement, at, date));
        Ok(())
    }
}
