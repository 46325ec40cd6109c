//! Study time, XP and streaks: what a student did becomes events, sessions, days and awards, and
//! those become the figures of the pages. It must not know how anything is shown.
//!
//! The rules are pure functions: [`rules`] (XP, levels), [`sittings`] (sessions, days) and
//! [`streak`]; [`figures`] turns days into what the pages show. Everything one activity changes is
//! written in one transaction, so that the days always equal what the events add up to.

pub mod figures;
#[cfg(test)]
mod recording_tests;
pub mod rules;
pub mod sittings;
pub mod streak;

use crate::{
    changes::{Change, Changes},
    clock::Clock,
    store::{Db, StoreError, activity},
};
use app::model::{
    analytics::{DayActivity, Overview, Progress, Standing},
    id::{MaterialId, MessageId, UserId},
};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use figures::Day;
use sittings::Sitting;
use std::sync::Arc;

/// Longest period that can be asked for, in days: a year is what the calendar shows.
pub const DAYS_MAX: u32 = 365;

/// Something a student did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Asked the coach; `message` is the stored question.
    Question { message: MessageId },
    /// Brought a document in; `sha256` is that of its bytes.
    MaterialAdded {
        material: MaterialId,
        sha256: [u8; 32],
    },
    /// Had a page on screen in the reader; `page` counts from 1.
    PageRead { material: MaterialId, page: u32 },
}

/// Why an activity could not be recorded, or figures not be read.
#[derive(Debug, thiserror::Error)]
pub enum AnalyticsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The account, the material or its page is absent, or somebody else's.
    #[error("no such account, material or page")]
    NotFound,
}

impl From<sqlx::Error> for AnalyticsError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Records activities and answers with figures.
pub struct Analytics {
    db: Db,
    changes: Arc<Changes>,
    clock: Clock,
}

impl Analytics {
    /// One for the whole server.
    pub fn new(db: Db, changes: Arc<Changes>, clock: Clock) -> Arc<Self> {
        Arc::new(Self { db, changes, clock })
    }

    /// Records what a student did, with everything that follows from it, in one transaction. The
    /// same activity again changes nothing.
    ///
    /// # Errors
    /// [`AnalyticsError::NotFound`] for a page that does not exist or is not the student's.
    pub async fn record(&self, user: UserId, what: Activity) -> Result<(), AnalyticsError> {
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        let zone = zone(
            &activity::time_zone_in(&mut tx, user)
                .await?
                .ok_or(AnalyticsError::NotFound)?,
        );
        let today = sittings::local_date(now, zone);
        let recorder = Recorder {
            user,
            now,
            zone,
            today,
            clock: &self.clock,
        };
        if !recorder.record(&mut tx, what).await? {
            return Ok(());
        }
        tx.commit().await?;
        self.changes.publish(Change::ActivityRecorded { user });
        Ok(())
    }

    /// Figures of the last `days` days, today included; a number out of range is brought into it.
    ///
    /// # Errors
    /// When the database fails or the account is gone.
    pub async fn overview(&self, user: UserId, days: u32) -> Result<Overview, AnalyticsError> {
        let (history, today) = self.history(user).await?;
        Ok(figures::overview(&history, today, days.clamp(1, DAYS_MAX)))
    }

    /// Every one of the last `days` days, oldest first, today last.
    ///
    /// # Errors
    /// When the database fails or the account is gone.
    pub async fn days(&self, user: UserId, days: u32) -> Result<Vec<DayActivity>, AnalyticsError> {
        let (history, today) = self.history(user).await?;
        Ok(figures::days(&history, today, days.clamp(1, DAYS_MAX)))
    }

    /// Level, XP and streak today.
    ///
    /// # Errors
    /// When the database fails or the account is gone.
    pub async fn standing(&self, user: UserId) -> Result<Standing, AnalyticsError> {
        let (history, today) = self.history(user).await?;
        Ok(figures::standing(&history, today))
    }

    /// Level, XP and streak today, and every one of the last `days` days.
    ///
    /// # Errors
    /// When the database fails or the account is gone.
    pub async fn progress(&self, user: UserId, days: u32) -> Result<Progress, AnalyticsError> {
        let (history, today) = self.history(user).await?;
        Ok(Progress {
            standing: figures::standing(&history, today),
            days: figures::days(&history, today, days.clamp(1, DAYS_MAX)),
        })
    }

    /// The quarter of an hour it is. Figures of one quarter hold throughout it, for in every time zone
    /// a day begins with a quarter.
    pub fn quarter(&self) -> String {
        const SECONDS: i64 = 15 * 60;
        (self.clock.now().timestamp().div_euclid(SECONDS)).to_string()
    }

    /// All days with anything on them, oldest first, and the student's today.
    async fn history(&self, user: UserId) -> Result<(Vec<Day>, NaiveDate), AnalyticsError> {
        let time_zone = activity::time_zone(&self.db, user)
            .await?
            .ok_or(AnalyticsError::NotFound)?;
        let today = sittings::local_date(self.clock.now(), zone(&time_zone));
        Ok((activity::history(&self.db, user).await?, today))
    }
}

/// The zone of a stored name. Names are checked before they are stored; one that a later release
/// of the zone database dropped must not lock a student out of her figures.
fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

/// One activity on its way into the database.
struct Recorder<'a> {
    user: UserId,
    now: DateTime<Utc>,
    zone: Tz,
    today: NaiveDate,
    clock: &'a Clock,
}

impl Recorder<'_> {
    /// False when the activity had been recorded before.
    async fn record(
        &self,
        tx: &mut activity::Write,
        what: Activity,
    ) -> Result<bool, AnalyticsError> {
        if let Activity::PageRead { material, page } = what
            && !activity::has_page(tx, self.user, material, page).await?
        {
            return Err(AnalyticsError::NotFound);
        }
        let event = activity::Event {
            id: self.clock.new_id(),
            kind: kind(what),
            natural_key: natural_key(what, self.now),
            occurred_at: self.now,
            local_date: self.today,
        };
        if !activity::insert_event(tx, self.user, &event).await? {
            return Ok(false);
        }

        let before = activity::day(tx, self.user, self.today).await?;
        self.count(tx, what, &before).await?;
        let gained = self.sit(tx).await?;
        if before.activities == 0 {
            let key = format!("day:{}", self.today);
            self.award(tx, &key, rules::XP_FIRST_OF_DAY).await?;
        }
        let after = activity::day(tx, self.user, self.today).await?;
        // A session that reached past midnight can make the day before count after all.
        for (date, seconds) in gained.into_iter().filter(|(date, _)| *date < self.today) {
            let day = activity::day(tx, self.user, date).await?;
            let had = i64::from(day.study_seconds) - seconds;
            let without = Day {
                study_seconds: u32::try_from(had).unwrap_or_default(),
                ..day
            };
            if day.counts_for_streak() && !without.counts_for_streak() {
                self.reward_streak(tx, date).await?;
            }
        }
        if after.counts_for_streak() && !before.counts_for_streak() {
            self.reward_streak(tx, self.today).await?;
        }
        Ok(true)
    }

    /// Adds the activity to its day, with the XP it is worth in itself.
    async fn count(
        &self,
        tx: &mut activity::Write,
        what: Activity,
        before: &Day,
    ) -> Result<(), AnalyticsError> {
        let mut added = activity::Added {
            activities: 1,
            ..activity::Added::default()
        };
        match what {
            Activity::Question { message } => {
                added.questions = 1;
                if before.questions < rules::QUESTIONS_REWARDED_A_DAY {
                    let key = format!("question:{message}");
                    self.award(tx, &key, rules::XP_QUESTION).await?;
                }
            }
            Activity::MaterialAdded { sha256, .. } => {
                let key = format!("material:{}", hex(&sha256));
                let new = self.award(tx, &key, rules::XP_NEW_MATERIAL).await?;
                added.materials_added = i64::from(new);
            }
            Activity::PageRead { material, page } => {
                let first_today =
                    activity::reads_of_page(tx, self.user, material, page, self.today).await? == 1;
                added.pages_read = i64::from(first_today);
                activity::see_page(tx, self.user, material, page).await?;
                if let Some(sha256) = activity::finished(tx, self.user, material).await? {
                    let key = format!("finished:{}", hex(&sha256));
                    self.award(tx, &key, rules::XP_FINISHED_MATERIAL).await?;
                }
            }
        }
        activity::add_to_day(tx, self.user, self.today, added).await?;
        Ok(())
    }

    /// Continues the study session under way, or begins one, and moves its days' study time
    /// along. Answers with the seconds each day gained.
    async fn sit(&self, tx: &mut activity::Write) -> Result<Vec<(NaiveDate, i64)>, AnalyticsError> {
        let open = activity::latest_sitting(tx, self.user, self.zone).await?;
        let (id, before, after) = match open {
            Some((id, sitting)) if sitting.takes(self.now) => {
                (Some(id), Some(sitting), sitting.continued(self.now))
            }
            _ => (None, None, Sitting::begun(self.now, self.zone)),
        };
        match id {
            Some(id) => activity::continue_sitting(tx, self.user, id, &after).await?,
            None => {
                let id = self.clock.new_id();
                activity::insert_sitting(tx, self.user, id, self.today, &after).await?;
            }
        }
        let gained = sittings::gained(before.as_ref(), &after);
        for &(date, study_seconds) in &gained {
            let added = activity::Added {
                study_seconds,
                ..activity::Added::default()
            };
            activity::add_to_day(tx, self.user, date, added).await?;
        }
        if let Some(date) = sittings::newly_entered(before.as_ref(), &after) {
            let added = activity::Added {
                study_sessions: 1,
                ..activity::Added::default()
            };
            activity::add_to_day(tx, self.user, date, added).await?;
        }
        Ok(gained)
    }

    /// Every seventh day of a streak is worth something.
    async fn reward_streak(
        &self,
        tx: &mut activity::Write,
        date: NaiveDate,
    ) -> Result<(), AnalyticsError> {
        let history = activity::history_in(tx, self.user).await?;
        let days = streak::of(&figures::streak_days(&history, date), date).current;
        if days > 0 && days.is_multiple_of(rules::STREAK_REWARD_EVERY) {
            let key = format!("streak:{}", date);
            self.award(tx, &key, rules::XP_STREAK).await?;
        }
        Ok(())
    }

    /// Gives XP once for `key`; false when it had been given before.
    async fn award(
        &self,
        tx: &mut activity::Write,
        key: &str,
        xp: u32,
    ) -> Result<bool, AnalyticsError> {
        let award = activity::Award {
            natural_key: key,
            awarded_at: self.now,
            local_date: self.today,
            xp: i64::from(xp),
        };
        if !activity::insert_award(tx, self.user, &award).await? {
            return Ok(false);
        }
        let added = activity::Added {
            xp: i64::from(xp),
            ..activity::Added::default()
        };
        activity::add_to_day(tx, self.user, self.today, added).await?;
        Ok(true)
    }
}

const fn kind(what: Activity) -> &'static str {
    match what {
        Activity::Question { .. } => "question",
        Activity::MaterialAdded { .. } => "material",
        Activity::PageRead { .. } => "page",
    }
}

/// What makes an activity the same one when it arrives again. A page counts again after a minute:
/// reading it a second time is study time too.
fn natural_key(what: Activity, now: DateTime<Utc>) -> String {
    match what {
        Activity::Question { message } => format!("question:{message}"),
        Activity::MaterialAdded { material, .. } => format!("material:{material}"),
        Activity::PageRead { material, page } => {
            let minute = now.timestamp().div_euclid(60);
            format!("{}{minute}", activity::page_key(material, page))
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
