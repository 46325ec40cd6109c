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
        analytics::{
            Achievement, CitedPage, DayActivity, MaterialTime, More, Overview, PeriodFigures,
            Standing, UnansweredQuestion,
        },
        id::{ConversationId, MaterialId, UserId},
    },
};
use axum::{extract::State, http::HeaderMap, response::Response};
use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
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
    #[serde(flatten)]
    current: PeriodNumbers,
    /// The same figures of the period of this length before it.
    before: PeriodNumbers,
    standing: StandingNow,
    /// False until the first activity ever.
    has_activity: bool,
}

/// What a period held.
#[derive(Serialize, ToSchema)]
pub struct PeriodNumbers {
    /// Activity with pauses under 15 minutes.
    study_sessions: u32,
    /// Study time in minutes.
    minutes: u32,
    /// Study time of a session on average, in minutes.
    mean_minutes: u32,
    /// Different documents that were read.
    materials_opened: u32,
    /// Documents of which every page has now been on screen.
    materials_finished: u32,
    /// Of the documents read, those that were finished at the period's end, in percent; null when none
    /// was read.
    completion_percent: Option<u32>,
    /// Questions asked.
    questions: u32,
    materials_added: u32,
    /// Pages read; each counts once a day.
    pages_read: u32,
    /// XP gained in the period.
    xp: u32,
    /// Level at the period's end.
    level: u32,
    /// Streak at the period's end, frozen days not counted.
    current_streak_days: u32,
    /// Longest streak up to the period's end.
    longest_streak_days: u32,
    /// Days of the period with any activity.
    active_days: u32,
    /// Achievements unlocked.
    achievements: u32,
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
    /// A missed day that did not end the streak.
    frozen: bool,
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
    /// The streak at the end of this day.
    streak_days: u32,
}

/// Where the study time of a period went, and what the coach was asked.
#[derive(Serialize, ToSchema)]
pub struct LearningMore {
    /// Study time in minutes: seven weekdays, Monday first, of 24 hours each.
    hours: Vec<Vec<u32>>,
    /// The documents read longest, longest first.
    materials: Vec<MaterialMinutes>,
    /// Reading time of all other documents together, in minutes.
    other_minutes: u32,
    /// The pages that answers point to most often, over all time.
    cited_pages: Vec<PageCited>,
    /// The latest questions that the materials could not answer, newest first.
    unanswered: Vec<OpenQuestion>,
}

/// Reading time of one document.
#[derive(Serialize, ToSchema)]
pub struct MaterialMinutes {
    #[schema(value_type = uuid::Uuid)]
    material_id: MaterialId,
    title: String,
    minutes: u32,
}

/// A page that answers point to.
#[derive(Serialize, ToSchema)]
pub struct PageCited {
    #[schema(value_type = uuid::Uuid)]
    material_id: MaterialId,
    title: String,
    /// From 1.
    page: u32,
    /// Checked citations of it.
    times: u32,
}

/// A question that the materials could not answer.
#[derive(Serialize, ToSchema)]
pub struct OpenQuestion {
    text: String,
    asked_at: DateTime<Utc>,
    #[schema(value_type = uuid::Uuid)]
    conversation_id: ConversationId,
}

/// All achievements there are.
#[derive(Serialize, ToSchema)]
pub struct GamificationAchievements {
    achievements: Vec<AchievementNow>,
}

/// Something worth being proud of; unlocked once.
#[derive(Serialize, ToSchema)]
#[schema(as = Achievement)]
pub struct AchievementNow {
    id: String,
    name: String,
    /// What it takes.
    sentence: String,
    /// In the student's time zone; null while it is locked.
    unlocked_on: Option<NaiveDate>,
    /// How far it is, at most `need`.
    have: u32,
    need: u32,
}

impl From<More> for LearningMore {
    fn from(more: More) -> Self {
        let material = |one: MaterialTime| MaterialMinutes {
            material_id: one.material,
            title: one.title,
            minutes: one.minutes,
        };
        let page = |one: CitedPage| PageCited {
            material_id: one.material,
            title: one.title,
            page: one.page,
            times: one.times,
        };
        let question = |one: UnansweredQuestion| OpenQuestion {
            text: one.text,
            asked_at: one.asked_at,
            conversation_id: one.conversation,
        };
        Self {
            hours: more.hours.map(Vec::from).into(),
            materials: more.materials.into_iter().map(material).collect(),
            other_minutes: more.other_minutes,
            cited_pages: more.cited_pages.into_iter().map(page).collect(),
            unanswered: more.unanswered.into_iter().map(question).collect(),
        }
    }
}

impl From<Achievement> for AchievementNow {
    fn from(one: Achievement) -> Self {
        Self {
            id: one.id,
            name: one.name,
            sentence: one.sentence,
            unlocked_on: one.unlocked_on,
            have: one.have,
            need: one.need,
        }
    }
}

impl From<PeriodFigures> for PeriodNumbers {
    fn from(period: PeriodFigures) -> Self {
        Self {
            study_sessions: period.study_sessions,
            minutes: period.minutes,
            mean_minutes: period.mean_minutes,
            materials_opened: period.materials_opened,
            materials_finished: period.materials_finished,
            completion_percent: period.completion_percent,
            questions: period.questions,
            materials_added: period.materials_added,
            pages_read: period.pages_read,
            xp: period.xp,
            level: period.level,
            current_streak_days: period.current_streak_days,
            longest_streak_days: period.longest_streak_days,
            active_days: period.active_days,
            achievements: period.achievements,
        }
    }
}

impl From<Overview> for LearningOverview {
    fn from(overview: Overview) -> Self {
        Self {
            days: overview.days,
            current: overview.current.into(),
            before: overview.before.into(),
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
            frozen: day.frozen,
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
            streak_days: day.streak_days,
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

/// Hours, documents, cited pages, open questions
#[utoipa::path(
    get, path = "/api/analytics/learning/more", tag = "Analytics", operation_id = "learning_more",
    params(
        OverviewQuery,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer you have."),
    ),
    responses(
        (status = 200, description = "Where the time went.", body = LearningMore, headers(("ETag" = String))),
        (status = 304, description = "You have this answer already."),
        (status = 400, description = "A parameter cannot be read.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter is out of its bounds.", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn more(
    State(app): State<AppState>,
    Reader(profile): Reader,
    Parameters(query): Parameters<OverviewQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let days = within("days", query.days, 1, DAYS_MAX)?;
    let more = async {
        let more = app.services.analytics.more(profile.id, days).await?;
        Ok(LearningMore::from(more))
    };
    kept(&app, &headers, profile.id, "more", days, more).await
}

/// Achievements
#[utoipa::path(
    get, path = "/api/analytics/gamification/achievements", tag = "Analytics", operation_id = "gamification_achievements",
    params(
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the answer you have."),
    ),
    responses(
        (status = 200, description = "All there are, unlocked or not.", body = GamificationAchievements, headers(("ETag" = String))),
        (status = 304, description = "You have this answer already."),
    )
)]
pub async fn achievements(
    State(app): State<AppState>,
    Reader(profile): Reader,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let achievements = async {
        let all = app.services.analytics.achievements(profile.id).await?;
        let achievements = all.into_iter().map(AchievementNow::from).collect();
        Ok(GamificationAchievements { achievements })
    };
    kept(&app, &headers, profile.id, "achievements", 0, achievements).await
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
