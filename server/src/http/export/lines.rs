//! One line of each table of the export, as it is written to both forms. Its fields are the columns.

use crate::{
    analytics::{Whole, figures::Day, ledger::Award, sittings::LAST},
    store::activity::export as stored,
};
use app::{
    charts::WEEKDAYS,
    model::analytics::{
        Achievement, CitedPage, DayActivity, Overview, PeriodFigures, UnansweredQuestion,
    },
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// One local day.
#[derive(Default, Serialize)]
pub struct DayLine {
    date: NaiveDate,
    activities: u32,
    questions: u32,
    pages_read: u32,
    materials_added: u32,
    materials_finished: u32,
    achievements: u32,
    study_sessions: u32,
    study_seconds: u32,
    minutes: u32,
    xp: u32,
    xp_total: u32,
    frozen: bool,
    streak_days: u32,
}

impl From<&(Day, DayActivity)> for DayLine {
    fn from((day, shown): &(Day, DayActivity)) -> Self {
        Self {
            date: shown.date,
            activities: day.activities,
            questions: day.questions,
            pages_read: day.pages_read,
            materials_added: day.materials_added,
            materials_finished: day.materials_finished,
            achievements: day.achievements,
            study_sessions: day.study_sessions,
            study_seconds: day.study_seconds,
            minutes: shown.minutes,
            xp: day.xp,
            xp_total: shown.xp_total,
            frozen: shown.frozen,
            streak_days: shown.streak_days,
        }
    }
}

/// One figure of the period, beside that of the period before.
#[derive(Default, Serialize)]
pub struct FigureLine {
    figure: String,
    current: Option<u64>,
    before: Option<u64>,
}

impl FigureLine {
    /// A line for each figure of an overview.
    pub fn all(overview: &Overview) -> Vec<Self> {
        let [current, before] = [&overview.current, &overview.before].map(|period| {
            let values = serde_json::to_value::<&PeriodFigures>(period);
            values.unwrap_or_default()
        });
        let figures = current.as_object().into_iter().flatten();
        figures
            .map(|(figure, value)| Self {
                figure: figure.clone(),
                current: value.as_u64(),
                before: before.get(figure).and_then(Value::as_u64),
            })
            .collect()
    }
}

/// Study time of one hour of the week.
#[derive(Default, Serialize)]
pub struct HourLine {
    weekday: &'static str,
    /// From 0 to 23.
    hour: usize,
    minutes: u32,
}

impl HourLine {
    /// A line for each hour of the week, Monday first.
    pub fn all(whole: &Whole) -> Vec<Self> {
        let week = WEEKDAYS.into_iter().zip(&whole.hours);
        week.flat_map(|(weekday, hours)| {
            hours.iter().enumerate().map(move |(hour, minutes)| Self {
                weekday,
                hour,
                minutes: *minutes,
            })
        })
        .collect()
    }
}

/// Reading time of one document; one that is gone has no title.
#[derive(Default, Serialize)]
pub struct MaterialLine {
    material_id: Uuid,
    title: Option<String>,
    seconds: i64,
}

impl MaterialLine {
    /// A line for each document that was read, the longest first.
    pub fn all(whole: &Whole) -> Vec<Self> {
        let read = whole.materials.iter();
        read.map(|(material, title, seconds)| Self {
            material_id: material.uuid(),
            title: title.clone(),
            seconds: *seconds,
        })
        .collect()
    }
}

/// A page that answers point to.
#[derive(Default, Serialize)]
pub struct CitedLine {
    material_id: Uuid,
    title: String,
    page: u32,
    times: u32,
}

impl From<&CitedPage> for CitedLine {
    fn from(cited: &CitedPage) -> Self {
        Self {
            material_id: cited.material.uuid(),
            title: cited.title.clone(),
            page: cited.page,
            times: cited.times,
        }
    }
}

/// A question the documents could not answer.
#[derive(Default, Serialize)]
pub struct UnansweredLine {
    asked_at: DateTime<Utc>,
    question: String,
    conversation_id: Uuid,
}

impl From<&UnansweredQuestion> for UnansweredLine {
    fn from(question: &UnansweredQuestion) -> Self {
        Self {
            asked_at: question.asked_at,
            question: question.text.clone(),
            conversation_id: question.conversation.uuid(),
        }
    }
}

/// Something to be proud of.
#[derive(Default, Serialize)]
pub struct AchievementLine {
    id: String,
    name: String,
    sentence: String,
    unlocked_on: Option<NaiveDate>,
    have: u32,
    need: u32,
}

impl From<&Achievement> for AchievementLine {
    fn from(one: &Achievement) -> Self {
        Self {
            id: one.id.clone(),
            name: one.name.clone(),
            sentence: one.sentence.clone(),
            unlocked_on: one.unlocked_on,
            have: one.have,
            need: one.need,
        }
    }
}

/// One thing a student did.
#[derive(Default, Serialize)]
pub struct EventLine {
    occurred_at: DateTime<Utc>,
    local_date: String,
    time_zone: String,
    kind: String,
    material_id: Option<Uuid>,
    material_title: Option<String>,
    page: Option<i64>,
    question: Option<String>,
}

impl From<stored::EventRow> for EventLine {
    fn from(row: stored::EventRow) -> Self {
        Self {
            occurred_at: row.occurred_at,
            local_date: row.local_date,
            time_zone: row.time_zone,
            kind: row.kind,
            material_id: row.material_id,
            material_title: row.title,
            page: row.page_number,
            question: row.question,
        }
    }
}

/// XP that was given.
#[derive(Default, Serialize)]
pub struct AwardLine {
    awarded_at: DateTime<Utc>,
    local_date: NaiveDate,
    reason: String,
    xp: u32,
}

impl From<Award> for AwardLine {
    fn from(award: Award) -> Self {
        Self {
            awarded_at: award.awarded_at,
            local_date: award.local_date,
            reason: award.natural_key,
            xp: award.xp,
        }
    }
}

/// One study session.
#[derive(Default, Serialize)]
pub struct SessionLine {
    started_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
    seconds: i64,
    local_date: String,
    time_zone: String,
}

impl From<stored::SessionRow> for SessionLine {
    fn from(row: stored::SessionRow) -> Self {
        let ended_at = row.last_activity_at + LAST;
        Self {
            started_at: row.started_at,
            ended_at,
            seconds: (ended_at - row.started_at).num_seconds(),
            local_date: row.local_date,
            time_zone: row.time_zone,
        }
    }
}

/// The lines of a table.
pub fn of<'a, T, Line: From<&'a T>>(rows: &'a [T]) -> Vec<Line> {
    rows.iter().map(Line::from).collect()
}
