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
use std::{
    collections::{BTreeMap, HashSet},
    ops::Bound::{Excluded, Unbounded},
};
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
    /// Adds reading time to a document, or takes some back.
    async fn add_to_material(
        &mut self,
        material: MaterialId,
        date: NaiveDate,
        seconds: i64,
    ) -> Stored<()>;
    /// Keeps that something of a document was read on a day.
    async fn open_material(&mut self, material: MaterialId, date: NaiveDate) -> Stored<()>;
    /// Keeps that a document was finished on a day, unless it was before.
    async fn finish_material(&mut self, material: MaterialId, date: NaiveDate) -> Stored<()>;
    /// The study sessions that have an activity after `from` and began before `to`, in the order they
    /// began.
    async fn sittings(
        &mut self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Stored<Vec<(Uuid, Sitting)>>;
    /// Puts a study session in the place of what it was.
    async fn put_sitting(
        &mut self,
        id: Uuid,
        before: Option<&Sitting>,
        after: &Sitting,
    ) -> Stored<()>;
    /// Removes a study session that has become part of another.
    async fn remove_sitting(&mut self, id: Uuid, sitting: &Sitting) -> Stored<()>;
    /// False when an award with this natural key is there already.
    async fn give(&mut self, award: Award) -> Stored<bool>;
    /// How many awards have natural keys from `first` to `last`.
    async fn given(&mut self, first: String, last: String) -> Stored<usize>;
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
    pub materials: BTreeMap<(NaiveDate, MaterialId), Read>,
    /// When the documents that were finished were.
    pub finished: BTreeMap<MaterialId, NaiveDate>,
    /// By the time of the last activity.
    pub sittings: BTreeMap<(DateTime<Utc>, Uuid), Sitting>,
    pub awards: BTreeMap<String, Award>,
    /// In the order they were unlocked.
    pub achievements: Vec<(&'static str, DateTime<Utc>, NaiveDate)>,
    tally: Tally,
    read: HashSet<(MaterialId, u32, NaiveDate)>,
}

/// What one document got of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    pub seconds: i64,
    /// Whether something of it was read that day. The last minute of the day before may reach into it.
    pub opened: bool,
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
        self.materials.entry((date, material)).or_default().seconds += seconds;
        Ok(())
    }

    async fn open_material(&mut self, material: MaterialId, date: NaiveDate) -> Stored<()> {
        self.materials.entry((date, material)).or_default().opened = true;
        Ok(())
    }

    async fn finish_material(&mut self, material: MaterialId, date: NaiveDate) -> Stored<()> {
        self.finished.entry(material).or_insert(date);
        Ok(())
    }

    async fn sittings(
        &mut self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Stored<Vec<(Uuid, Sitting)>> {
        let after = self
            .sittings
            .range((Excluded((from, Uuid::max())), Unbounded));
        let mut found: Vec<(Uuid, Sitting)> = after
            .filter(|(_, sitting)| sitting.started_at < to)
            .map(|((_, id), sitting)| (*id, *sitting))
            .collect();
        found.sort_unstable_by_key(|(id, sitting)| (sitting.started_at, *id));
        Ok(found)
    }

    async fn put_sitting(
        &mut self,
        id: Uuid,
        before: Option<&Sitting>,
        after: &Sitting,
    ) -> Stored<()> {
        if let Some(before) = before {
            self.sittings.remove(&(before.last_activity_at, id));
        }
        self.sittings.insert((after.last_activity_at, id), *after);
        Ok(())
    }

    async fn remove_sitting(&mut self, id: Uuid, sitting: &Sitting) -> Stored<()> {
        self.sittings.remove(&(sitting.last_activity_at, id));
        Ok(())
    }

    async fn give(&mut self, award: Award) -> Stored<bool> {
        if self.awards.contains_key(&award.natural_key) {
            return Ok(false);
        }
        self.awards.insert(award.natural_key.clone(), award);
        Ok(true)
    }

    async fn given(&mut self, first: String, last: String) -> Stored<usize> {
        Ok(self.awards.range(first..=last).count())
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
