//! The rules at work: what one event does to a student's figures. Nothing else changes them, whether
//! the event happens now or is counted again, so both come to the same.

use super::{
    achievements::{self, Definition, Measure},
    event::{Deed, Event},
    figures::{self, Day},
    ledger::{Award, Ledger},
    rules,
    sittings::{self, Sitting},
    streak,
};
use crate::store::Stored;
use app::model::id::MaterialId;
use chrono::NaiveDate;
use std::collections::BTreeMap;

/// A day as it was before the event, as the ledger has it, and as it is.
#[derive(Clone, Copy, Default)]
struct Touched {
    before: Day,
    kept: Day,
    now: Day,
}

/// One event on its way into a ledger.
struct Recorder<'a, L: ?Sized> {
    ledger: &'a mut L,
    event: &'a Event,
    days: BTreeMap<NaiveDate, Touched>,
}

/// Enters a fresh event. Answers with the achievements it unlocked.
///
/// # Errors
/// When the ledger cannot be read or written.
pub async fn enter<L: Ledger + ?Sized>(
    ledger: &mut L,
    event: &Event,
) -> Stored<Vec<&'static Definition>> {
    let mut recorder = Recorder {
        ledger,
        event,
        days: BTreeMap::new(),
    };
    recorder.count().await?;
    recorder.sit().await?;
    recorder.keep_days().await?;
    let longest = recorder.reward_streaks().await?;
    recorder.keep_days().await?;
    let unlocked = recorder.unlock(longest).await?;
    recorder.keep_days().await?;
    Ok(unlocked)
}

impl<L: Ledger + ?Sized> Recorder<'_, L> {
    async fn on(&mut self, date: NaiveDate) -> Stored<&mut Day> {
        if !self.days.contains_key(&date) {
            let before = self.ledger.day(date).await?;
            let touched = Touched {
                before,
                kept: before,
                now: before,
            };
            self.days.insert(date, touched);
        }
        Ok(&mut self.days.entry(date).or_default().now)
    }

    async fn today(&mut self) -> Stored<&mut Day> {
        self.on(self.event.local_date).await
    }

    /// Adds the activity to its day, with the XP it is worth.
    async fn count(&mut self) -> Stored<()> {
        let (deed, hour) = (self.event.deed, 1 << self.event.hour());
        let today = self.today().await?;
        let before = *today;
        today.active_hours |= hour;
        today.activities += 1;
        match deed {
            Deed::Question { message } => {
                today.questions += 1;
                if before.questions < rules::QUESTIONS_REWARDED_A_DAY {
                    self.award(format!("question:{message}"), rules::XP_QUESTION)
                        .await?;
                }
            }
            Deed::MaterialAdded { sha256, .. } => {
                if let Some(sha256) = sha256 {
                    let key = format!("material:{}", hex(&sha256));
                    let new = self.award(key, rules::XP_NEW_MATERIAL).await?;
                    self.today().await?.materials_added += u32::from(new);
                }
            }
            Deed::PageRead { material, page, .. } => {
                let (date, id) = (self.event.local_date, self.event.id);
                let first = self.ledger.is_first_reading(material, page, date, id);
                let first = first.await?;
                self.today().await?.pages_read += u32::from(first);
            }
            // It goes on with what was counted, unless midnight has passed meanwhile.
            Deed::Reading { .. } => today.activities = before.activities.max(1),
        }
        if let Some((material, sha256)) = deed.finished() {
            let date = self.event.local_date;
            self.ledger.finish_material(material, date).await?;
            let key = format!("finished:{}", hex(&sha256));
            let new = self.award(key, rules::XP_FINISHED_MATERIAL).await?;
            self.today().await?.materials_finished += u32::from(new);
        }
        if before.activities == 0 {
            let key = format!("day:{}", self.event.local_date);
            self.award(key, rules::XP_FIRST_OF_DAY).await?;
        }
        Ok(())
    }

    /// Adds the activity to the study session it belongs to, or begins one with it, and adds the time
    /// that gains.
    async fn sit(&mut self) -> Stored<()> {
        let (at, material) = (self.event.at, self.event.deed.read());
        let (from, to) = sittings::reach(at);
        let near = self.ledger.sittings(from, to).await?;
        let before: Vec<Sitting> = near.iter().map(|(_, sitting)| *sitting).collect();
        let activity = Sitting::begun(at, self.event.zone, material);
        let after = sittings::joined(&before, activity);
        for (id, sitting) in near.iter().skip(1) {
            self.ledger.remove_sitting(*id, sitting).await?;
        }
        if before != [after] {
            // A new session takes the event's own id, so that it has the same when it is counted again.
            let id = near.first().map_or(self.event.id, |(id, _)| *id);
            self.ledger.put_sitting(id, before.first(), &after).await?;
        }
        let gained = sittings::gained(&before, &after);
        for stretch in &gained {
            self.ledger.add_to_hour(*stretch).await?;
        }
        for (date, seconds) in sittings::by_day(&gained) {
            let day = self.on(date).await?;
            let gained = u32::try_from(seconds).unwrap_or_default();
            day.study_seconds = day.study_seconds.saturating_add(gained);
        }
        if let Some((date, sessions)) = sittings::entered(&before, &after) {
            let day = self.on(date).await?;
            day.study_sessions = day.study_sessions.saturating_add_signed(sessions);
        }
        let mut shares: BTreeMap<(NaiveDate, MaterialId), i64> = BTreeMap::new();
        for (material, span, sign) in sittings::shares(&before, at, material) {
            for stretch in sittings::stretches(span, after.zone) {
                *shares.entry((stretch.date, material)).or_default() += sign * stretch.seconds;
            }
        }
        for ((date, material), seconds) in shares {
            if seconds != 0 {
                self.ledger.add_to_material(material, date, seconds).await?;
            }
        }
        if let Some(material) = material {
            let date = self.event.local_date;
            self.ledger.open_material(material, date).await?;
        }
        Ok(())
    }

    async fn keep_days(&mut self) -> Stored<()> {
        for touched in self.days.values_mut() {
            if touched.kept != touched.now {
                self.ledger.put_day(&touched.now).await?;
                touched.kept = touched.now;
            }
        }
        Ok(())
    }

    /// Every seventh day of a streak is worth something. Answers the longest streak when a day counts
    /// that did not.
    ///
    /// A day may come to count long after those behind it: a session reaches past midnight, the student
    /// flies west, a frozen day is filled in. Streaks may then join, and what was their seventh day no
    /// longer is. So an award is named by a day, and a streak is given as many as it has sevens, less
    /// those that its days have been given already, for its first seventh days that have none. No day is
    /// named twice.
    async fn reward_streaks(&mut self) -> Stored<Option<u32>> {
        let newly = self
            .days
            .iter()
            .find(|(_, day)| day.now.counts_for_streak() && !day.before.counts_for_streak())
            .map(|(date, _)| *date);
        let Some(earliest) = newly else {
            return Ok(None);
        };
        let history = self.ledger.history().await?;
        let counted = figures::counted_days(&history);
        let mut longest = 0;
        for days in streak::all(&counted) {
            longest = longest.max(days.len());
            let (Some(first), Some(last)) = (days.first(), days.last()) else {
                continue;
            };
            if *last < earliest {
                continue;
            }
            let sevenths = days.chunks_exact(rules::STREAK_REWARD_EVERY);
            let earned = sevenths.len();
            let key = |day: &NaiveDate| format!("streak:{day}");
            let mut given = self.ledger.given(key(first), key(last)).await?;
            for day in sevenths.filter_map(<[NaiveDate]>::last) {
                if given < earned && self.award(key(day), rules::XP_STREAK).await? {
                    given += 1;
                }
            }
        }
        Ok(Some(u32::try_from(longest).unwrap_or(u32::MAX)))
    }

    /// Unlocks what has been achieved; a streak can only be when one has grown, to `longest` at most.
    async fn unlock(&mut self, longest: Option<u32>) -> Stored<Vec<&'static Definition>> {
        let unlocked = self.ledger.unlocked().await?;
        let locked: Vec<&'static Definition> = achievements::ALL
            .iter()
            .filter(|definition| !unlocked.iter().any(|id| id == definition.id))
            .filter(|definition| longest.is_some() || definition.measure != Measure::Streak)
            .collect();
        if locked.is_empty() {
            return Ok(locked);
        }
        let tally = self.ledger.tally().await?;
        let longest = longest.unwrap_or_default();
        let reached: Vec<&'static Definition> = locked
            .into_iter()
            .filter(|definition| tally.reached(definition.measure, longest) >= definition.need)
            .collect();
        for definition in &reached {
            let (at, date) = (self.event.at, self.event.local_date);
            self.ledger.unlock(definition.id, at, date).await?;
            self.today().await?.achievements += 1;
        }
        Ok(reached)
    }

    /// Gives XP once for `key`; false when it had been given before.
    async fn award(&mut self, natural_key: String, xp: u32) -> Stored<bool> {
        let award = Award {
            natural_key,
            awarded_at: self.event.at,
            local_date: self.event.local_date,
            xp,
        };
        if !self.ledger.give(award).await? {
            return Ok(false);
        }
        let today = self.today().await?;
        today.xp = today.xp.saturating_add(xp);
        Ok(true)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
