//! Study time, XP and streaks as numbers a page can show. The rules live in the server's
//! `analytics`; these are only their results.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// Figures for a period ending today, in the student's time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// Length of the period in days, 1 to 365.
    pub days: u32,
    pub study_sessions: u32,
    pub minutes: u32,
    pub questions: u32,
    pub materials_added: u32,
    pub pages_read: u32,
    /// Days of the period with any activity.
    pub active_days: u32,
    /// XP gained in the period.
    pub xp: u32,
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
    pub activities: u32,
    pub minutes: u32,
    pub xp: u32,
    /// Running total of XP up to and including this day.
    pub xp_total: u32,
    /// A missed day that a freeze bridged.
    pub frozen: bool,
}

/// Where the student stands, and how she came there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub standing: Standing,
    /// Oldest first, today last.
    pub days: Vec<DayActivity>,
}

/// Everything the analytics page draws: figures, the days behind them, and the charts as ECharts
/// options (JSON text), built on the server from the same days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalyticsPage {
    pub overview: Overview,
    /// Oldest first, one entry for every day of the period.
    pub days: Vec<DayActivity>,
    /// Calendar heatmap of minutes.
    pub calendar_chart: String,
    /// XP per day and cumulative.
    pub xp_chart: String,
}
