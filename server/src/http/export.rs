//! `GET /analytics/export.csv` and `.json`: everything that was counted, for the student herself. Events
//! are streamed, for a year may hold millions; the other tables are bounded by the days they cover.
//!
//! A spreadsheet takes a cell that begins like a formula for one, so such cells of the CSV begin with
//! an apostrophe.

use super::{
    api::input::{Parameters, within},
    problem::Problem,
    session::SignedIn,
    state::AppState,
};
use crate::{
    analytics::{DAYS_MAX, figures, sittings::LAST},
    services,
    store::{StoreError, activity::export as stored},
};
use app::{
    error::{AppError, ErrorKind},
    model::{
        analytics::{Achievement, DayActivity},
        id::UserId,
    },
};
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, NaiveDate, Utc};
use futures::{Stream, StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One table of the export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Table {
    #[default]
    Days,
    Events,
    Awards,
    Sessions,
    Achievements,
}

impl Table {
    const fn name(self) -> &'static str {
        match self {
            Self::Days => "days",
            Self::Events => "events",
            Self::Awards => "awards",
            Self::Sessions => "sessions",
            Self::Achievements => "achievements",
        }
    }
}

/// Which table, and how many days of it; today is the last.
#[derive(Deserialize)]
pub struct ExportQuery {
    #[serde(default)]
    what: Table,
    #[serde(default = "all_days")]
    days: u32,
}

const fn all_days() -> u32 {
    DAYS_MAX
}

/// One thing a student did.
#[derive(Serialize)]
struct EventLine {
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

impl EventLine {
    /// As it is safe in a spreadsheet; nothing else in the export is in anybody's own words.
    fn harmless(mut self) -> Self {
        self.material_title = self.material_title.map(harmless);
        self.question = self.question.map(harmless);
        self
    }
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text
    }
}

/// XP that was given.
#[derive(Serialize)]
struct AwardLine {
    awarded_at: DateTime<Utc>,
    local_date: NaiveDate,
    reason: String,
    xp: u32,
}

/// One study session.
#[derive(Serialize)]
struct SessionLine {
    started_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
    seconds: i64,
    local_date: String,
    time_zone: String,
}

/// Everything but the events.
#[derive(Serialize)]
struct Bounded {
    days: Vec<DayActivity>,
    sessions: Vec<SessionLine>,
    awards: Vec<AwardLine>,
    achievements: Vec<Achievement>,
}

/// Reads one student's tables.
struct Export {
    app: AppState,
    user: UserId,
    days: u32,
    first: NaiveDate,
}

impl Export {
    async fn begin(app: AppState, user: UserId, days: u32) -> Result<Self, Problem> {
        let days = within("days", days, 1, DAYS_MAX)?;
        let today = app.analytics.today(user).await;
        let today = today.map_err(|error| services::analytics_error(&error))?;
        let [(first, _), _] = figures::periods(today, days);
        Ok(Self {
            app,
            user,
            days,
            first,
        })
    }

    async fn days(&self) -> Result<Vec<DayActivity>, AppError> {
        self.app.services.analytics.days(self.user, self.days).await
    }

    async fn achievements(&self) -> Result<Vec<Achievement>, AppError> {
        self.app.services.analytics.achievements(self.user).await
    }

    async fn sessions(&self) -> Result<Vec<SessionLine>, AppError> {
        let rows = stored::sessions(&self.app.db, self.user, self.first).await;
        let rows = rows.map_err(|error| services::store_error(&error))?;
        let line = |row: stored::SessionRow| SessionLine {
            started_at: row.started_at,
            ended_at: row.last_activity_at + LAST,
            seconds: (row.last_activity_at + LAST - row.started_at).num_seconds(),
            local_date: row.local_date,
            time_zone: row.time_zone,
        };
        Ok(rows.into_iter().map(line).collect())
    }

    async fn awards(&self) -> Result<Vec<AwardLine>, AppError> {
        let awards = stored::awards(&self.app.db, self.user, self.first).await;
        let awards = awards.map_err(|error| services::store_error(&error))?;
        let line = |award: crate::analytics::ledger::Award| AwardLine {
            awarded_at: award.awarded_at,
            local_date: award.local_date,
            reason: award.natural_key,
            xp: award.xp,
        };
        Ok(awards.into_iter().map(line).collect())
    }

    /// Batches of events, in the order they happened.
    fn events(self) -> impl Stream<Item = Result<Vec<EventLine>, StoreError>> + Send {
        stream::try_unfold((self, 0), |(export, after)| async move {
            let rows = stored::events_after(&export.app.db, export.user, export.first, after);
            let rows = rows.await?;
            let Some(last) = rows.last().map(|row| row.number) else {
                return Ok(None);
            };
            let lines = rows.into_iter().map(EventLine::from).collect();
            Ok(Some((lines, (export, last))))
        })
    }
}

/// One table as CSV.
pub async fn csv(
    State(app): State<AppState>,
    SignedIn(profile): SignedIn,
    Parameters(query): Parameters<ExportQuery>,
) -> Result<Response, Problem> {
    let export = Export::begin(app, profile.id, query.days).await?;
    let body = match query.what {
        Table::Days => written(&export.days().await?)?.into(),
        Table::Awards => written(&export.awards().await?)?.into(),
        Table::Sessions => written(&export.sessions().await?)?.into(),
        Table::Achievements => written(&export.achievements().await?)?.into(),
        Table::Events => Body::from_stream(export.events().enumerate().map(|(at, lines)| {
            let lines = lines.map_err(std::io::Error::other)?.into_iter();
            let lines: Vec<_> = lines.map(EventLine::harmless).collect();
            rows(&lines, at == 0).map_err(std::io::Error::other)
        })),
    };
    let name = query.what.name();
    Ok(attachment(body, name, "csv", "text/csv; charset=utf-8"))
}

/// All tables as one JSON object.
pub async fn json(
    State(app): State<AppState>,
    SignedIn(profile): SignedIn,
    Parameters(query): Parameters<ExportQuery>,
) -> Result<Response, Problem> {
    let export = Export::begin(app, profile.id, query.days).await?;
    let bounded = Bounded {
        days: export.days().await?,
        sessions: export.sessions().await?,
        awards: export.awards().await?,
        achievements: export.achievements().await?,
    };
    let mut head = serde_json::to_vec(&bounded).map_err(|error| unwritten(&error))?;
    // The object goes on with the events.
    head.pop();
    head.extend_from_slice(b",\"events\":[");
    let mut is_first = true;
    let events = export.events().map(move |lines| {
        let mut text = Vec::new();
        for line in lines.map_err(std::io::Error::other)? {
            if !std::mem::take(&mut is_first) {
                text.push(b',');
            }
            serde_json::to_writer(&mut text, &line)?;
        }
        Ok::<_, std::io::Error>(Bytes::from(text))
    });
    let whole = stream::iter([Ok(Bytes::from(head))])
        .chain(events)
        .chain(stream::iter([Ok(Bytes::from_static(b"]}"))]));
    let body = Body::from_stream(whole);
    Ok(attachment(body, "figures", "json", "application/json"))
}

/// Lines under their head; a table without lines has none.
fn written<T: Serialize>(lines: &[T]) -> Result<Vec<u8>, Problem> {
    rows(lines, true).map_err(|error| unwritten(&error))
}

fn rows<T: Serialize>(lines: &[T], with_head: bool) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(with_head)
        .from_writer(Vec::new());
    for line in lines {
        writer.serialize(line)?;
    }
    writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

fn unwritten(error: &dyn std::fmt::Display) -> Problem {
    let sentence =
        "The figures could not be written. Try again; if it stays, look at the server's log.";
    services::told(ErrorKind::Internal, sentence, error).into()
}

fn attachment(body: Body, name: &str, extension: &str, media_type: &'static str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    let disposition = format!("attachment; filename=\"studyin-{name}.{extension}\"");
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    let private = HeaderValue::from_static("private, no-store");
    headers.insert(header::CACHE_CONTROL, private);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_looks_like_a_formula_is_text() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"] {
            assert_eq!(harmless(text.to_owned()), format!("'{text}"));
        }
        assert_eq!(harmless("What is 1+1?".to_owned()), "What is 1+1?");
    }
}
