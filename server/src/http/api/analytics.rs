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
use app::{
    error::AppError,
    model::{
        analytics::{DayActivity, Overview, Standing},
        id::UserId,
    },
};
use axum::{extract::State, http::HeaderMap, response::Response};
use chrono::{Datelike as _, NaiveDate};
use serde::{Deserialize, Serialize, Serializer};
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
    #[serde(serialize_with = "plain_date")]
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
    #[serde(serialize_with = "plain_date")]
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
    let overview = async {
        let overview = app.services.analytics.overview(profile.id, days).await?;
        Ok(LearningOverview::from(overview))
    };
    kept(&app, &headers, profile.id, "overview", days, overview).await
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
    let heatmap = async {
        let days = app.services.analytics.days(profile.id, days).await?;
        let days = days.into_iter().map(HeatmapDay::from).collect();
        Ok(LearningHeatmap { days })
    };
    kept(&app, &headers, profile.id, "heatmap", days, heatmap).await
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
    let progress = async {
        let progress = app.services.analytics.progress(profile.id, days).await?;
        Ok(GamificationProgress {
            days: progress.days.into_iter().map(ProgressDay::from).collect(),
            standing: progress.standing.into(),
        })
    };
    kept(&app, &headers, profile.id, "progress", days, progress).await
}

/// The answer to one question about a period. It holds until something happens, and at most until a
/// day may begin.
async fn kept<T: Serialize>(
    app: &AppState,
    headers: &HeaderMap,
    user: UserId,
    question: &str,
    days: u32,
    derive: impl Future<Output = Result<T, AppError>>,
) -> Result<Response, Problem> {
    let what = [question, &*days.to_string(), &*app.analytics.quarter()];
    conditional::kept(&app.answers.analytics, headers, user, &what, derive).await
}

/// A date as ten characters, without the detour through a formatter: a year has 365.
fn plain_date<S: Serializer>(date: &NaiveDate, serializer: S) -> Result<S::Ok, S::Error> {
    let (year, month, day) = (date.year(), date.month(), date.day());
    let Some(year) = u32::try_from(year).ok().filter(|year| *year <= 9_999) else {
        return serializer.collect_str(date);
    };
    let digit = |number: u32| b'0' + u8::try_from(number % 10).unwrap_or_default();
    let text = [
        digit(year / 1_000),
        digit(year / 100),
        digit(year / 10),
        digit(year),
        b'-',
        digit(month / 10),
        digit(month),
        b'-',
        digit(day / 10),
        digit(day),
    ];
    match std::str::from_utf8(&text) {
        Ok(text) => serializer.serialize_str(text),
        Err(_) => serializer.collect_str(date),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_reads_as_everywhere_else() {
        for text in ["2026-11-23", "0999-01-01", "2000-12-31"] {
            let date: NaiveDate = text.parse().unwrap();
            let written = plain_date(&date, serde_json::value::Serializer).unwrap();
            assert_eq!(written, serde_json::to_value(date).unwrap());
        }
    }
}
