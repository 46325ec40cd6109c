//! Study time, XP and streaks as numbers a page can show. The rules live in the server's
//! `analytics`; these are only their results. What each figure means is said here, in the words the
//! pages explain it with.

use super::id::{ConversationId, MaterialId};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

/// Rows of the lists that name the first few: materials by time, cited pages.
pub const TOP_MAX: usize = 10;
/// Unanswered questions that are listed, the latest first.
pub const UNANSWERED_MAX: usize = 20;

/// What a period held. Days are the student's own: an activity belongs to the date where she was
/// when it happened, and stays there when she moves to another time zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodFigures {
    /// Study sessions: activity with pauses under 15 minutes. One that goes on past midnight counts
    /// on both days.
    pub study_sessions: u32,
    /// Study time, whole minutes. A session lasts from its first to its last activity plus one
    /// minute. Reading counts while its tab is on screen and something was pressed, moved or scrolled
    /// within the last two minutes.
    pub minutes: u32,
    /// Study time of a session on average, whole minutes; 0 without sessions.
    pub mean_minutes: u32,
    /// Different documents of which something was read in the reader.
    pub materials_opened: u32,
    /// Documents of which every page has now been on screen. The same bytes count once, also when they
    /// are deleted and added again.
    pub materials_finished: u32,
    /// Of the documents opened, those that were finished at the period's end, in percent; `None` when
    /// nothing was opened.
    pub completion_percent: Option<u32>,
    /// Questions asked.
    pub questions: u32,
    /// Documents added whose bytes were never there before.
    pub materials_added: u32,
    /// Pages read; each counts once a day.
    pub pages_read: u32,
    /// XP gained: a question 5 (the first 20 a day), a new document 50, a finished document 50, the
    /// first activity of a day 10, every 7th day of a streak 25. Never twice for the same thing.
    pub xp: u32,
    /// Level at the period's end. Level L starts at 50*L*(L-1) XP.
    pub level: u32,
    /// Streak at the period's end: days in a row with at least 5 minutes or 3 questions. One missed
    /// day a week is bridged by a freeze, which is not counted.
    pub current_streak_days: u32,
    /// Longest streak up to the period's end.
    pub longest_streak_days: u32,
    /// Days with any activity.
    pub active_days: u32,
    /// Achievements unlocked.
    pub achievements: u32,
}

/// Figures for a period ending today, in the student's time zone, beside those of the period of the
/// same length before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// Length of the period in days, 1 to 365.
    pub days: u32,
    pub current: PeriodFigures,
    /// As everything stood when the period began.
    pub before: PeriodFigures,
    pub standing: Standing,
    /// False until the first activity ever: the page shows its empty state.
    pub has_activity: bool,
}

/// Where the student stands today, over all time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub xp_total: u32,
    pub xp_today: u32,
    /// From 1.
    pub level: u32,
    /// XP at which this level began.
    pub level_starts_at_xp: u32,
    /// XP at which the next begins.
    pub next_level_at_xp: u32,
    /// Days, frozen days not counted.
    pub current_streak_days: u32,
    pub longest_streak_days: u32,
    /// Today already counts for the streak.
    pub streak_safe_today: bool,
}

/// One local day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayActivity {
    pub date: NaiveDate,
    /// Questions, documents added, pages read; on a day without any of them, going on reading is one.
    pub activities: u32,
    pub minutes: u32,
    pub xp: u32,
    /// Running total of XP up to and including this day.
    pub xp_total: u32,
    /// A missed day that a freeze bridged.
    pub frozen: bool,
    /// The streak as it stood at the end of this day; a frozen day keeps it and adds nothing.
    pub streak_days: u32,
}

/// Where the student stands, and how she came there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub standing: Standing,
    /// Oldest first, today last.
    pub days: Vec<DayActivity>,
}

/// Where a period's study time went, and what the coach was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct More {
    /// Study time by weekday (Monday first) and hour of the day, whole minutes. An hour that clocks
    /// repeat holds both, one they skip none.
    pub hours: [[u32; 24]; 7],
    /// The [`TOP_MAX`] documents read longest in the period, longest first: what reading them added to
    /// the study time.
    pub materials: Vec<MaterialTime>,
    /// Reading time of all other documents together, also of deleted ones, whole minutes.
    pub other_minutes: u32,
    /// The [`TOP_MAX`] pages the coach's answers point to most often, over all time.
    pub cited_pages: Vec<CitedPage>,
    /// The latest [`UNANSWERED_MAX`] questions that the materials could not answer, newest first.
    pub unanswered: Vec<UnansweredQuestion>,
}

/// Study time of one document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaterialTime {
    pub material: MaterialId,
    pub title: String,
    pub minutes: u32,
}

/// A page that answers point to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CitedPage {
    pub material: MaterialId,
    pub title: String,
    /// From 1.
    pub page: u32,
    /// Checked citations of it.
    pub times: u32,
}

/// A question that was asked when nothing was still to be read, and for which nothing was found, or
/// nothing that its answer could point to. It is one no longer when the same one is answered later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnansweredQuestion {
    pub text: String,
    pub asked_at: DateTime<Utc>,
    /// Her day of that moment.
    pub asked_on: NaiveDate,
    pub conversation: ConversationId,
}

/// Something worth being proud of; unlocked once and for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Achievement {
    /// Stable, in snake_case: `first_question`, `streak_7`; what an icon is chosen by.
    pub id: String,
    pub name: String,
    /// What it takes.
    pub sentence: String,
    /// The student's date; `None` while it is locked.
    pub unlocked_on: Option<NaiveDate>,
    /// How far she is, at most `need`.
    pub have: u32,
    pub need: u32,
}

/// What `/api/events` says in an `achievement` event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AchievementNews {
    pub id: String,
    pub name: String,
}

/// Everything the analytics page draws: figures, the days behind them, and the charts as ECharts
/// options (JSON text), built on the server from the same days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalyticsPage {
    pub overview: Overview,
    /// Oldest first, one entry for every day of the period.
    pub days: Vec<DayActivity>,
    pub more: More,
    /// All there are, in the order they are shown.
    pub achievements: Vec<Achievement>,
    /// Calendar heatmap of minutes.
    pub calendar_chart: String,
    /// XP per day and cumulative.
    pub xp_chart: String,
    /// Grid of minutes by weekday and hour.
    pub hours_chart: String,
    /// Markup of each achievement's badge, in their order.
    pub badges: Vec<String>,
}
