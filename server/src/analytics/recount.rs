//! Counting a student's figures again from her events. It comes to exactly what was kept while they
//! happened, for the same rules are at work.

use super::{AnalyticsError, event::Event, ledger::Paper, recorder};
use crate::store::{
    Db,
    activity::recount::{due, events_after, replace, students},
};
use app::model::id::UserId;

/// What a recount went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recounted {
    pub students: usize,
    pub events: usize,
    pub days: usize,
}

/// Puts what the events add up to in the place of a student's sessions, days, hours, awards and
/// achievements. Writers wait only while the rows are exchanged, not while events are read.
///
/// # Errors
/// When the database fails; then nothing has changed.
pub async fn recount(db: &Db, user: UserId) -> Result<Recounted, AnalyticsError> {
    let mut paper = Paper::default();
    let mut recounted = Recounted {
        students: 1,
        ..Recounted::default()
    };
    let mut last = 0;
    let mut reader = db.read().acquire().await?;
    loop {
        let events = events_after(&mut reader, user, last).await?;
        if events.is_empty() {
            break;
        }
        last = enter(&mut paper, events, &mut recounted).await?;
    }
    drop(reader);
    let mut tx = db.write().await?;
    // What happened meanwhile.
    loop {
        let events = events_after(&mut tx, user, last).await?;
        if events.is_empty() {
            break;
        }
        last = enter(&mut paper, events, &mut recounted).await?;
    }
    replace(&mut tx, user, &paper).await?;
    tx.commit().await?;
    recounted.days = paper.days.len();
    Ok(recounted)
}

/// Counts everybody's figures again, or those of the account with this e-mail address.
///
/// # Errors
/// When the database fails; students before the failure are done.
pub async fn recount_all(db: &Db, email: Option<&str>) -> Result<Recounted, AnalyticsError> {
    let mut all = Recounted::default();
    let email = email.map(|email| email.trim().to_lowercase());
    for user in students(db, email.as_deref()).await? {
        let one = recount(db, user).await?;
        all.students += one.students;
        all.events += one.events;
        all.days += one.days;
    }
    Ok(all)
}

/// Counts again what an upgrade left to be counted.
///
/// # Errors
/// When the database fails.
pub async fn catch_up(db: &Db) -> Result<(), AnalyticsError> {
    for user in due(db).await? {
        let Recounted { events, days, .. } = recount(db, user).await?;
        tracing::info!(events, days, "analytics.recounted");
    }
    Ok(())
}

/// Enters the events and answers with the number of the last.
async fn enter(
    paper: &mut Paper,
    events: Vec<(i64, Event)>,
    recounted: &mut Recounted,
) -> Result<i64, AnalyticsError> {
    let mut last = 0;
    recounted.events += events.len();
    for (number, event) in events {
        recorder::enter(paper, &event).await?;
        last = number;
    }
    Ok(last)
}
