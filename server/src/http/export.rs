//! `GET /analytics/export.csv` and `.json`: everything that was counted, for the student herself. Events
//! are streamed, for a year may hold millions; the other tables are bounded by the days they cover.

mod cells;
mod lines;

use super::{
    api::input::{Parameters, within},
    problem::Problem,
    session::SignedIn,
    state::AppState,
};
use crate::{
    analytics::{DAYS_MAX, Whole},
    services,
    store::{StoreError, activity::export as stored},
};
use app::{
    error::{AppError, ErrorKind},
    model::{
        analytics::{Overview, Standing},
        id::UserId,
    },
};
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures::{Stream, StreamExt as _, stream};
use lines::{
    AchievementLine, AwardLine, CitedLine, DayLine, EventLine, FigureLine, HourLine, MaterialLine,
    SessionLine, UnansweredLine,
};
use serde::{Deserialize, Serialize};

/// One table of the export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Table {
    #[default]
    Days,
    Overview,
    Standing,
    Events,
    Awards,
    Sessions,
    Hours,
    Materials,
    CitedPages,
    Unanswered,
    Achievements,
}

impl Table {
    const fn name(self) -> &'static str {
        match self {
            Self::Days => "days",
            Self::Overview => "overview",
            Self::Standing => "standing",
            Self::Events => "events",
            Self::Awards => "awards",
            Self::Sessions => "sessions",
            Self::Hours => "hours",
            Self::Materials => "materials",
            Self::CitedPages => "cited-pages",
            Self::Unanswered => "unanswered",
            Self::Achievements => "achievements",
        }
    }
}

/// Which table, and how many days of it; today is the last.
#[derive(Deserialize)]
pub struct ExportQuery {
    #[serde(default)]
    what: Table,
    #[serde(default)]
    days: Days,
}

/// The days that are exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
enum Days {
    /// From the first on which anything happened.
    #[default]
    All,
    Last(u32),
}

impl TryFrom<String> for Days {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match &*text {
            "all" => Ok(Self::All),
            number => number
                .parse()
                .map(Self::Last)
                .map_err(|_| "days is a number, or all"),
        }
    }
}

/// Everything but the events.
#[derive(Serialize)]
struct Bounded<'a> {
    overview: &'a Overview,
    days: Vec<DayLine>,
    sessions: Vec<SessionLine>,
    awards: Vec<AwardLine>,
    hours: Vec<HourLine>,
    materials: Vec<MaterialLine>,
    cited_pages: Vec<CitedLine>,
    unanswered: Vec<UnansweredLine>,
    achievements: Vec<AchievementLine>,
}

/// Reads one student's tables.
struct Export {
    app: AppState,
    user: UserId,
    whole: Whole,
}

impl Export {
    async fn begin(app: AppState, user: UserId, days: Days) -> Result<Self, Problem> {
        let days = match days {
            Days::All => None,
            Days::Last(days) => Some(within("days", days, 1, DAYS_MAX)?),
        };
        let whole = app.analytics.whole(user, days).await;
        let whole = whole.map_err(|error| services::analytics_error(&error))?;
        Ok(Self { app, user, whole })
    }

    async fn sessions(&self) -> Result<Vec<SessionLine>, AppError> {
        let rows = stored::sessions(&self.app.db, self.user, self.whole.first).await;
        let rows = rows.map_err(|error| services::store_error(&error))?;
        Ok(rows.into_iter().map(SessionLine::from).collect())
    }

    async fn awards(&self) -> Result<Vec<AwardLine>, AppError> {
        let awards = stored::awards(&self.app.db, self.user, self.whole.first).await;
        let awards = awards.map_err(|error| services::store_error(&error))?;
        Ok(awards.into_iter().map(AwardLine::from).collect())
    }

    /// Batches of events, day by day in the order they were recorded.
    fn events(self) -> impl Stream<Item = Result<Vec<EventLine>, StoreError>> + Send {
        let place = stored::before_day(self.whole.first);
        stream::try_unfold((self, place), |(export, place)| async move {
            let rows = stored::events_after(&export.app.db, export.user, &place).await?;
            let Some(last) = rows.last() else {
                return Ok(None);
            };
            let place = (last.local_date.clone(), last.number);
            let lines = rows.into_iter().map(EventLine::from).collect();
            Ok(Some((lines, (export, place))))
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
    let whole = &export.whole;
    let body = match query.what {
        Table::Days => written(&lines::of::<_, DayLine>(&whole.days))?,
        Table::Overview => written(&FigureLine::all(&whole.overview))?,
        Table::Standing => written::<Standing>(&[whole.overview.standing])?,
        Table::Awards => written(&export.awards().await?)?,
        Table::Sessions => written(&export.sessions().await?)?,
        Table::Hours => written(&HourLine::all(whole))?,
        Table::Materials => written(&MaterialLine::all(whole))?,
        Table::CitedPages => written(&lines::of::<_, CitedLine>(&whole.cited_pages))?,
        Table::Unanswered => written(&lines::of::<_, UnansweredLine>(&whole.unanswered))?,
        Table::Achievements => written(&lines::of::<_, AchievementLine>(&whole.achievements))?,
        Table::Events => {
            let head = stream::iter([Ok(Vec::new())]);
            let lines = head.chain(export.events()).enumerate();
            Body::from_stream(lines.map(|(at, lines)| {
                let lines = lines.map_err(std::io::Error::other)?;
                cells::rows(&lines, at == 0).map_err(std::io::Error::other)
            }))
        }
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
    let whole = &export.whole;
    let bounded = Bounded {
        overview: &whole.overview,
        days: lines::of(&whole.days),
        sessions: export.sessions().await?,
        awards: export.awards().await?,
        hours: HourLine::all(whole),
        materials: MaterialLine::all(whole),
        cited_pages: lines::of(&whole.cited_pages),
        unanswered: lines::of(&whole.unanswered),
        achievements: lines::of(&whole.achievements),
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

/// Lines under the names of their columns.
fn written<T: Serialize + Default>(lines: &[T]) -> Result<Body, Problem> {
    let rows = cells::rows(lines, true);
    rows.map(Body::from).map_err(|error| unwritten(&error))
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
    fn without_a_number_all_days_are_exported() {
        let days = |text: &str| Days::try_from(text.to_owned());
        assert_eq!(Days::default(), Days::All);
        assert_eq!(days("all"), Ok(Days::All));
        assert_eq!(days("7"), Ok(Days::Last(7)));
        assert!(days("-7").is_err() && days("").is_err());
    }
}
