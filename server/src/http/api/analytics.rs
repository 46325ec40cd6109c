//! `/api/analytics/...`: study time, XP and streaks, counted in the student's own days.

use super::{
    caller::Reader,
    conditional,
    input::{Parameters, within},
};
use crate::{
    analytics::DAYS_MAX,
    http::{problem::Problem, state::AppState},
};
use app::model::analytics::{DayActivity, Overview, Standing};
use axum::{extract::State, http::HeaderMap, response::Response};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A heatmap or a curve of less than a week shows nothing.
const CHART_DAYS_LEAST: u32 = 7;
const OVERVIEW_DAYS: u32 = 30;
const CHART_DAYS: u32 = 90;

/// Which days.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OverviewQuery {
    /// Length of the period that ends today, in days.
    #[serde(default = "overview_days")]
    #[param(minimum = 1, maximum = 365, default = 30)]
    days: u32,
}

/// Which days.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ChartQuery {
    /// Length of the period that ends today, in days.
    #[serde(default = "chart_days")]
    #[param(minimum = 7, maximum = 365, default = 90)]
    days: u32,
}

fn overview_days() -> u32 {
    OVERVIEW_DAYS
}

fn chart_days() -> u32 {
    CHART_DAYS
}

/// Figures of a period that ends today.
#[derive(Serialize, ToSchema)]
pub struct LearningOverview {
    /// Length of the period in days.
    days: u32,
    study_sessions: u32,
    /// Study time in minutes.
    minutes: u32,
    /// Questions asked.
    questions: u32,
    materials_added: u32,
    pages_read: u32,
    /// Days of the period with any activity.
    active_days: u32,
    /// XP gained in the period.
    xp: u32,
    standing: StandingNow,
    /// False until the first activity ever.
    has_activity: bool,
}

/// Level, XP and streak today, over all time.
#[derive(Serialize, ToSchema)]
#[schema(as = Standing)]
pub struct StandingNow {
    xp_total: u32,
    xp_today: u32,
    /// From 1.
    level: u32,
    /// XP at which this level began.
    level_starts_at_xp: u32,
    /// XP at which the next begins.
    next_level_at_xp: u32,
    /// Length of the streak in days, frozen days not counted.
    current_streak_days: u32,
    longest_streak_days: u32,
    /// Today already counts for the streak.
    streak_safe_today: bool,
}

/// Every day of a period.
#[derive(Serialize, ToSchema)]
pub struct LearningHeatmap {
    /// Oldest first, today last; days without activity too.
    days: Vec<HeatmapDay>,
}

/// What happened on one day.
#[derive(Serialize, ToSchema)]
pub struct HeatmapDay {
    /// In the student's time zone.
    date: NaiveDate,
    activities: u32,
    /// Study time in minutes.
    minutes: u32,
    /// XP gained.
    xp: u32,
}

/// XP over a period, and where it led.
#[derive(Serialize, ToSchema)]
pub struct GamificationProgress {
    /// Oldest first, today last; days without XP too.
    days: Vec<ProgressDay>,
    standing: StandingNow,
}

/// XP of one day.
#[derive(Serialize, ToSchema)]
pub struct ProgressDay {
    /// In the student's time zone.
    date: NaiveDate,
    /// XP gained.
    xp: u32,
    /// All XP up to and including this day.
    xp_total: u32,
    /// A missed day that did not end the streak.
    frozen: bool,
}

impl From<Overview> for LearningOverview {
    fn from(overview: Overview) -> Self {
        Self {
            days: overview.days,
            study_sessions: overview.study_sessions,
            minutes: overview.minutes,
            questions: overview.questions,
            materials_added: overview.materials_added,
            pages_read: overview.pages_read,
            active_days: overview.active_days,
            xp: overview.xp,
            standing: overview.standing.into(),
            has_activity: overview.has_activity,
        }
    }
}

impl From<Standing> for StandingNow {
    fn from(standing: Standing) -> Self {
        Self {
            xp_total: standing.xp_total,
            xp_today: standing.xp_today,
            level: standing.level,
            level_starts_at_xp: standing.level_starts_at_xp,
            next_level_at_xp: standing.next_level_at_xp,
            current_streak_days: standing.current_streak_days,
            longest_streak_days: standing.longest_streak_days,
            streak_safe_today: standing.streak_safe_today,
        }
    }
}

impl From<DayActivity> for HeatmapDay {
    fn from(day: DayActivity) -> Self {
        Self {
            date: day.date,
            activities: day.activities,
            minutes: day.minutes,
            xp: day.xp,
        }
    }
}

impl From<DayActivity> for ProgressDay {
    fn from(day: DayActivity) -> Self {
        Self {
            date: day.date,
            xp: day.xp,
            xp_total: day.xp_total,
            frozen: day.frozen,
        }
    }
}

/// Figures of a period
#[utoipa::path(
    get, path = "/api/analytics/learning/overview", tag = "Analytics", operation_id = "learning_overview",
    params(
        OverviewQuery,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer you have."),
    ),
    responses(
        (status = 200, description = "The figures.", body = LearningOverview, headers(("ETag" = String))),
        (status = 304, description = "You have this answer already."),
        (status = 400, description = "A parameter cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter is out of its bounds.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn overview(
    State(app): State<AppState>,
    Reader(profile): Reader,
    Parameters(query): Parameters<OverviewQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let days = within("days", query.days, 1, DAYS_MAX)?;
    let overview = app.services.analytics.overview(profile.id, days).await?;
    conditional::answer(&headers, &LearningOverview::from(overview))
}

/// Activity of every day
#[utoipa::path(
    get, path = "/api/analytics/learning/heatmap", tag = "Analytics", operation_id = "learning_heatmap",
    params(
        ChartQuery,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer you have."),
    ),
    responses(
        (status = 200, description = "The days.", body = LearningHeatmap, headers(("ETag" = String))),
        (status = 304, description = "You have this answer already."),
        (status = 400, description = "A parameter cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter is out of its bounds.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn heatmap(
    State(app): State<AppState>,
    Reader(profile): Reader,
    Parameters(query): Parameters<ChartQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let days = within("days", query.days, CHART_DAYS_LEAST, DAYS_MAX)?;
    let days = app.services.analytics.days(profile.id, days).await?;
    let days = days.into_iter().map(HeatmapDay::from).collect();
    conditional::answer(&headers, &LearningHeatmap { days })
}

/// XP, level and streak
#[utoipa::path(
    get, path = "/api/analytics/gamification/progress", tag = "Analytics", operation_id = "gamification_progress",
    params(
        ChartQuery,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer you have."),
    ),
    responses(
        (status = 200, description = "The days, and where you stand.", body = GamificationProgress, headers(("ETag" = String))),
        (status = 304, description = "You have this answer already."),
        (status = 400, description = "A parameter cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter is out of its bounds.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn progress(
    State(app): State<AppState>,
    Reader(profile): Reader,
    Parameters(query): Parameters<ChartQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let days = within("days", query.days, CHART_DAYS_LEAST, DAYS_MAX)?;
    let standing = app.services.analytics.standing(profile.id).await?;
    let days = app.services.analytics.days(profile.id, days).await?;
    let progress = GamificationProgress {
        days: days.into_iter().map(ProgressDay::from).collect(),
        standing: standing.into(),
    };
    conditional::answer(&headers, &progress)
}
