//! The rules at work: what one event does to a student's figures. Nothing else changes them, whether
//! the event happens now or is counted again, so both come to the same.

use super::{
    achievements::{self, Definition, Measure},
    event::{Deed, Event},
    figures::{self, Day},
    ledger::{Award, Ledger},
    rules,
    sittings::{self, Sitting, Stretch},
    streak,
};
use crate::store::Stored;
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
    let newly_counts = recorder.reward_streaks().await?;
    recorder.keep_days().await?;
    let unlocked = recorder.unlock(newly_counts).await?;
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
            Deed::PageRead {
                material,
                page,
                finishes,
            } => {
                let (date, id) = (self.event.local_date, self.event.id);
                let first = self.ledger.is_first_reading(material, page, date, id);
                let first = first.await?;
                self.today().await?.pages_read += u32::from(first);
                if let Some(sha256) = finishes {
                    let key = format!("finished:{}", hex(&sha256));
                    let new = self.award(key, rules::XP_FINISHED_MATERIAL).await?;
                    self.today().await?.materials_finished += u32::from(new);
                }
            }
            // It goes on with what was counted, unless midnight has passed meanwhile.
            Deed::Reading { .. } => today.activities = before.activities.max(1),
        }
        if before.activities == 0 {
            let key = format!("day:{}", self.event.local_date);
            self.award(key, rules::XP_FIRST_OF_DAY).await?;
        }
        Ok(())
    }

    /// Continues the study session under way, or begins one, and adds the time it gains.
    async fn sit(&mut self) -> Stored<()> {
        let event = self.event;
        let open = self.ledger.latest_sitting().await?;
        let open = open.filter(|(_, sitting)| sitting.takes(event.at));
        let before = open.map(|(_, sitting)| sitting);
        let after = match open {
            Some((id, sitting)) => {
                let after = sitting.continued(event.at);
                self.ledger.continue_sitting(id, &after).await?;
                after
            }
            None => {
                let after = Sitting::begun(event.at, event.zone);
                // The event's own id, so that the session has the same when it is counted again.
                self.ledger
                    .begin_sitting(event.id, event.local_date, &after)
                    .await?;
                after
            }
        };
        let gained = sittings::gained(before.as_ref(), &after);
        self.add_time(&gained).await?;
        if let Some(date) = sittings::newly_entered(before.as_ref(), &after) {
            self.on(date).await?.study_sessions += 1;
        }
        Ok(())
    }

    async fn add_time(&mut self, gained: &[Stretch]) -> Stored<()> {
        for stretch in gained {
            self.ledger.add_to_hour(*stretch).await?;
        }
        let material = match self.event.deed {
            Deed::PageRead { material, .. } | Deed::Reading { material, .. } => Some(material),
            Deed::Question { .. } | Deed::MaterialAdded { .. } => None,
        };
        let days = sittings::by_day(gained);
        for &(date, seconds) in &days {
            let day = self.on(date).await?;
            let gained = u32::try_from(seconds).unwrap_or_default();
            day.study_seconds = day.study_seconds.saturating_add(gained);
        }
        if let Some(material) = material {
            // Opened on this day, even when no second was gained.
            if days.is_empty() {
                let date = self.event.local_date;
                self.ledger.add_to_material(material, date, 0).await?;
            }
            for (date, seconds) in days {
                self.ledger.add_to_material(material, date, seconds).await?;
            }
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

    /// Every seventh day of a streak is worth something. Answers whether a day counts that did not.
    ///
    /// A session that reached past midnight can make the day before count after all.
    async fn reward_streaks(&mut self) -> Stored<bool> {
        let newly: Vec<NaiveDate> = self
            .days
            .iter()
            .filter(|(date, day)| {
                **date <= self.event.local_date
                    && day.now.counts_for_streak()
                    && !day.before.counts_for_streak()
            })
            .map(|(date, _)| *date)
            .collect();
        for date in &newly {
            let history = self.ledger.history().await?;
            let days = streak::of(&figures::streak_days(&history, *date), *date).current;
            if days > 0 && days.is_multiple_of(rules::STREAK_REWARD_EVERY) {
                self.award(format!("streak:{date}"), rules::XP_STREAK)
                    .await?;
            }
        }
        Ok(!newly.is_empty())
    }

    async fn unlock(&mut self, newly_counts: bool) -> Stored<Vec<&'static Definition>> {
        let unlocked = self.ledger.unlocked().await?;
        let locked: Vec<&'static Definition> = achievements::ALL
            .iter()
            .filter(|definition| !unlocked.iter().any(|id| id == definition.id))
            .filter(|definition| newly_counts || definition.measure != Measure::Streak)
            .collect();
        if locked.is_empty() {
            return Ok(locked);
        }
        let tally = self.ledger.tally().await?;
        let longest = if newly_counts {
            let today = self.event.local_date;
            let history = self.ledger.history().await?;
            streak::of(&figures::streak_days(&history, today), today).longest
        } else {
            0
        };
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
