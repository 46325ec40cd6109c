//! Study time, XP, streaks and achievements: what a student did becomes events, sessions, days and
//! awards, and those become the figures of the pages. It must not know how anything is shown.
//!
//! The rules are pure functions: [`rules`] (XP, levels), [`sittings`] (sessions, days), [`streak`] and
//! [`achievements`]; [`recorder`] applies them to one event, on a [`ledger`]; [`figures`] turns days
//! into what the pages show. Everything one event changes is written in its transaction, and can be
//! counted again from the events ([`recount`]).

pub mod achievements;
pub mod event;
pub mod figures;
pub mod ledger;
pub mod recorder;
#[cfg(test)]
mod recording_tests;
pub mod recount;
pub mod rules;
pub mod sittings;
pub mod streak;

use crate::{
    changes::{Change, Changes},
    clock::Clock,
    store::{
        Db, StoreError,
        activity::{self, Rows, Write, figures as stored},
        generations,
    },
};
use achievements::{Definition, Tally};
use app::model::{
    analytics::{
        Achievement, CitedPage, DayActivity, More, Overview, Progress, Standing, TOP_MAX,
        UNANSWERED_MAX, UnansweredQuestion,
    },
    id::{MaterialId, MessageId, UserId},
};
use chrono::NaiveDate;
use chrono_tz::Tz;
use event::{Deed, Event, Sha256};
use figures::{Day, Opened};
use std::sync::Arc;

/// Longest period that can be asked for, in days: a year is what the calendar shows.
pub const DAYS_MAX: u32 = 365;
/// Longest list that is taken along, in rows: they are read at once, and nobody has that many pages
/// cited or questions open.
const LISTED_MAX: i64 = 10_000;

/// Something a student does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Asks the coach; `message` is the stored question.
    Question { message: MessageId },
    /// Brings a document in; `sha256` is that of its bytes.
    MaterialAdded {
        material: MaterialId,
        sha256: Sha256,
    },
    /// Has a page on screen in the reader; `page` counts from 1.
    PageRead { material: MaterialId, page: u32 },
    /// Goes on reading it.
    Reading { material: MaterialId, page: u32 },
}

/// What an activity has brought, to be told once its transaction is committed.
#[derive(Debug)]
#[must_use = "open tabs wait for it"]
pub struct Counted {
    user: UserId,
    unlocked: Vec<&'static Definition>,
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

/// All figures of a period.
#[derive(Debug)]
pub struct Whole {
    /// Its first day; the last is today.
    pub first: NaiveDate,
    pub overview: Overview,
    /// Oldest first, the empty ones too.
    pub days: Vec<(Day, DayActivity)>,
    /// Whole minutes by weekday (Monday first) and hour.
    pub hours: [[u32; 24]; 7],
    /// Documents with their titles, if they are still there, and seconds of reading.
    pub materials: Vec<(MaterialId, Option<String>, i64)>,
    pub cited_pages: Vec<CitedPage>,
    pub unanswered: Vec<UnansweredQuestion>,
    pub achievements: Vec<Achievement>,
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
        let mut tx = self.db.write().await?;
        if let Some(counted) = self.count(&mut tx, user, what).await? {
            tx.commit().await?;
            self.announce(counted);
        }
        Ok(())
    }

    /// Records an activity in the transaction that makes it one, so that neither is kept without the other
    /// when the server dies; to be [announced](Self::announce) once that is committed. Where it cannot be
    /// counted, nothing of it stays in the transaction, which can go on: a document or a question is worth
    /// more than its XP.
    ///
    /// # Errors
    /// When the transaction is beyond repair.
    pub async fn count_within(
        &self,
        tx: &mut Write,
        user: UserId,
        what: Activity,
    ) -> Result<Option<Counted>, StoreError> {
        activity::savepoint(tx).await?;
        let counted = self.count(tx, user, what).await;
        if let Err(error) = &counted {
            tracing::error!(%error, "analytics.count_within");
            activity::back_to_savepoint(tx).await?;
        }
        activity::release_savepoint(tx).await?;
        Ok(counted.unwrap_or_default())
    }

    /// `None` for an activity that has been counted before.
    async fn count(
        &self,
        tx: &mut Write,
        user: UserId,
        what: Activity,
    ) -> Result<Option<Counted>, AnalyticsError> {
        // Writers wait for each other, and what is recorded first must not seem to have come later.
        let now = self.clock.now();
        let zone = activity::time_zone_in(tx, user)
            .await?
            .ok_or(AnalyticsError::NotFound)?;
        let deed = deed(tx, user, what).await?;
        let zone = activity::zone_named(&zone);
        let event = Event::new(self.clock.new_id(), now, zone, deed);
        if !activity::insert_event(tx, user, &event).await? {
            return Ok(None);
        }
        let mut rows = Rows { tx, user };
        let unlocked = recorder::enter(&mut rows, &event).await?;
        Ok(Some(Counted { user, unlocked }))
    }

    /// Tells the open tabs what an activity has brought.
    pub fn announce(&self, counted: Counted) {
        let Counted { user, unlocked } = counted;
        self.figures_changed(user);
        for definition in unlocked {
            self.changes.publish(Change::AchievementUnlocked {
                user,
                achievement: definition.id,
            });
        }
    }

    /// Tells the open tabs to read the figures again.
    pub fn figures_changed(&self, user: UserId) {
        self.changes.publish(Change::FiguresChanged { user });
    }

    /// Figures of the last `days` days, today included, and of as many before; a number out of range
    /// is brought into it.
    ///
    /// # Errors
    /// When the database fails or the account is gone.
    pub async fn overview(&self, user: UserId, days: u32) -> Result<Overview, AnalyticsError> {
        let days = days.clamp(1, DAYS_MAX);
        let (history, today) = self.history(user).await?;
        self.overview_of(user, &history, today, days).await
    }

    async fn overview_of(
        &self,
        user: UserId,
        history: &[Day],
        today: NaiveDate,
        days: u32,
    ) -> Result<Overview, AnalyticsError> {
        let [current, before] = figures::periods(today, days);
        let opened = [
            self.opened(user, history, current).await?,
            self.opened(user, history, before).await?,
        ];
        Ok(figures::overview(history, today, days, opened))
    }

    /// Nothing was read in a period without a day on which something was done.
    async fn opened(
        &self,
        user: UserId,
        history: &[Day],
        period: stored::Period,
    ) -> Result<Opened, AnalyticsError> {
        if figures::within(history, period).is_empty() {
            return Ok(Opened::default());
        }
        Ok(stored::opened(&self.db, user, period).await?)
    }

    /// All figures of the last `days` days, or of all there are; lists have [`LISTED_MAX`] rows.
    ///
    /// # Errors
    /// When the database fails or the account is gone.
    pub async fn whole(&self, user: UserId, days: Option<u32>) -> Result<Whole, AnalyticsError> {
        let zone = self.zone(user).await?;
        let (history, today) = self.history_in(zone, user).await?;
        let days = days.unwrap_or_else(|| figures::all_days(&history, today));
        let [period, _] = figures::periods(today, days);
        let hours = stored::hours(&self.db, user, period).await?;
        Ok(Whole {
            first: period.0,
            overview: self.overview_of(user, &history, today, days).await?,
            days: figures::each_day(&history, today, days),
            hours: figures::hours(&hours),
            materials: stored::materials(&self.db, user, period).await?,
            cited_pages: stored::cited_pages(&self.db, user, LISTED_MAX).await?,
            unanswered: stored::unanswered(&self.db, user, zone, LISTED_MAX).await?,
            achievements: self.achievements(user).await?,
        })
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

    /// Where the study time of the last `days` days went, the pages cited most, the latest questions
    /// without an answer.
    ///
    /// # Errors
    /// When the database fails or the account is gone.
    pub async fn more(&self, user: UserId, days: u32) -> Result<More, AnalyticsError> {
        let zone = self.zone(user).await?;
        let today = self.today(zone, user).await?;
        let [period, _] = figures::periods(today, days.clamp(1, DAYS_MAX));
        let hours = stored::hours(&self.db, user, period).await?;
        let materials = stored::materials(&self.db, user, period).await?;
        let (materials, other_minutes) = figures::longest_read(materials, TOP_MAX);
        let limit = |rows: usize| i64::try_from(rows).unwrap_or(i64::MAX);
        Ok(More {
            hours: figures::hours(&hours),
            materials,
            other_minutes,
            cited_pages: stored::cited_pages(&self.db, user, limit(TOP_MAX)).await?,
            unanswered: stored::unanswered(&self.db, user, zone, limit(UNANSWERED_MAX)).await?,
        })
    }

    /// All achievements there are, unlocked or not.
    ///
    /// # Errors
    /// When the database fails or the account is gone.
    pub async fn achievements(&self, user: UserId) -> Result<Vec<Achievement>, AnalyticsError> {
        let (history, today) = self.history(user).await?;
        let unlocked = stored::achievements(&self.db, user).await?;
        let standing = figures::standing(&history, today);
        let (tally, longest) = (Tally::of(&history), standing.longest_streak_days);
        Ok(achievements::shown(&unlocked, &tally, longest))
    }

    /// The quarter of an hour it is. Figures of one quarter hold throughout it, for in every time zone
    /// a day begins with a quarter.
    pub fn quarter(&self) -> String {
        const SECONDS: i64 = 15 * 60;
        (self.clock.now().timestamp().div_euclid(SECONDS)).to_string()
    }

    /// Stands for all that her pages show of these figures, her documents and her conversations, see
    /// [`generations::stamp`]. Days pass without a write, so it changes with each quarter too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stamp(&self, user: UserId) -> Result<String, AnalyticsError> {
        Ok(self.quarter() + &generations::stamp(&self.db, user).await?)
    }

    /// The newest one, for whoever has just subscribed to the changes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn newest_stamp(&self, user: UserId) -> Result<String, AnalyticsError> {
        Ok(self.quarter() + &generations::newest_stamp(&self.db, user).await?)
    }

    /// The student's calendar day.
    async fn today(&self, zone: Tz, user: UserId) -> Result<NaiveDate, AnalyticsError> {
        let newest = stored::newest_day(&self.db, user).await?;
        Ok(today_of(newest, self.date_in(zone)))
    }

    /// All days with anything on them, oldest first, and the student's today.
    async fn history(&self, user: UserId) -> Result<(Vec<Day>, NaiveDate), AnalyticsError> {
        self.history_in(self.zone(user).await?, user).await
    }

    async fn history_in(
        &self,
        zone: Tz,
        user: UserId,
    ) -> Result<(Vec<Day>, NaiveDate), AnalyticsError> {
        let history = stored::history(&self.db, user).await?;
        let today = today_of(history.last().map(|day| day.date), self.date_in(zone));
        Ok((history, today))
    }

    async fn zone(&self, user: UserId) -> Result<Tz, AnalyticsError> {
        let zone = activity::time_zone(&self.db, user).await?;
        Ok(activity::zone_named(&zone.ok_or(AnalyticsError::NotFound)?))
    }

    fn date_in(&self, zone: Tz) -> NaiveDate {
        sittings::local_date(self.clock.now(), zone)
    }
}

/// Who goes west is in a day she has had already; what she did in the one after it stays hers meanwhile.
fn today_of(newest: Option<NaiveDate>, date: NaiveDate) -> NaiveDate {
    newest.map_or(date, |newest| newest.max(date))
}

/// What is kept of an activity: also what it finished, which nobody could tell later.
async fn deed(tx: &mut Write, user: UserId, what: Activity) -> Result<Deed, AnalyticsError> {
    Ok(match what {
        Activity::Question { message } => Deed::Question { message },
        Activity::MaterialAdded { material, sha256 } => Deed::MaterialAdded {
            material,
            sha256: Some(sha256),
        },
        Activity::PageRead { material, page } => {
            let finishes = see(tx, user, material, page).await?;
            Deed::PageRead {
                material,
                page,
                finishes,
            }
        }
        Activity::Reading { material, page } => {
            let finishes = see(tx, user, material, page).await?;
            Deed::Reading {
                material,
                page,
                finishes,
            }
        }
    })
}

/// Keeps that a page has been on screen. Answers the document's bytes when that was the last thing
/// needed to have finished it: while it was still being read out of its file, no page could be the last.
async fn see(
    tx: &mut Write,
    user: UserId,
    material: MaterialId,
    page: u32,
) -> Result<Option<Sha256>, AnalyticsError> {
    if !activity::has_page(tx, user, material, page).await? {
        return Err(AnalyticsError::NotFound);
    }
    activity::see_page(tx, user, material, page).await?;
    Ok(activity::finishes(tx, user, material).await?)
}
