//! Where the time went and what to do about it: documents by reading time, the pages answers point
//! to, the questions the documents could not answer; then the achievements and the way to take
//! everything along.

use super::figures::{explained, time};
use crate::{
    model::analytics::{
        Achievement, AnalyticsPage, CitedPage, MaterialTime, More, UnansweredQuestion,
    },
    widgets::label,
};
use leptos::prelude::*;

/// The lists of the period; what is empty says when it will not be.
pub fn lists(more: &More) -> AnyView {
    view! {
        <section class="list-of" aria-labelledby="by-document">
            {titled(
                "by-document",
                "Reading time by document",
                "Study time of the period that you spent reading. A pause between two documents counts for \
                 the one you came from. Documents you have deleted are among the others.",
            )}
            <div data-part="">{by_document(more)}</div>
        </section>
        <section class="list-of" aria-labelledby="most-cited">
            {titled(
                "most-cited",
                "Pages your answers point to most",
                "How often the coach's answers point to a page, over all time. Only checked places count.",
            )}
            <div data-part="">{most_cited(&more.cited_pages)}</div>
        </section>
        <section class="list-of" aria-labelledby="unanswered">
            {titled(
                "unanswered",
                "Questions your documents could not answer",
                "Questions of all time for which the coach found nothing in your documents, or nothing its \
                 answer could point to. One that is answered later leaves the list.",
            )}
            <div data-part="">{unanswered(&more.unanswered)}</div>
        </section>
    }
    .into_any()
}

/// A title that says what stands under it.
fn titled(id: &'static str, title: &'static str, meaning: &'static str) -> AnyView {
    view! { <div class="titled"><h2 id=id>{title}</h2>{explained(id, title, meaning)}</div> }
        .into_any()
}

fn by_document(more: &More) -> AnyView {
    if more.materials.is_empty() && more.other_minutes == 0 {
        return empty(
            "Nothing was read in this period. Reading time starts when you open a document.",
        );
    }
    let longest = more
        .materials
        .iter()
        .map(|one| one.minutes)
        .max()
        .unwrap_or_default();
    let rows = more
        .materials
        .iter()
        .map(|one| document(one, longest))
        .collect_view();
    let others = (more.other_minutes > 0).then(|| {
        view! {
            <li>
                <span>"All others"</span>
                <span class="amount">{time(more.other_minutes)}</span>
            </li>
        }
    });
    view! { <ol class="bars">{rows}{others}</ol> }.into_any()
}

fn document(one: &MaterialTime, longest: u32) -> AnyView {
    let share = (u64::from(one.minutes) * 100 / u64::from(longest.max(1))).max(1);
    view! {
        <li>
            <a href="/library/".to_owned() + &one.material.to_string()>{one.title.clone()}</a>
            <span class="amount">{time(one.minutes)}</span>
            <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
                <rect width=share.to_string() height="4"></rect>
            </svg>
        </li>
    }
    .into_any()
}

fn most_cited(pages: &[CitedPage]) -> AnyView {
    if pages.is_empty() {
        return empty("No answer has pointed to a page yet. Ask the coach about your documents.");
    }
    let rows = pages
        .iter()
        .map(|cited| {
            let page = cited.page.to_string();
            let href = ["/library/", &cited.material.to_string(), "?page=", &page].concat();
            view! {
                <li>
                    <a href=href>{cited.title.clone() + ", page " + &page}</a>
                    <span class="amount">{label::count(cited.times.into(), "time")}</span>
                </li>
            }
        })
        .collect_view();
    view! { <ol>{rows}</ol> }.into_any()
}

fn unanswered(questions: &[UnansweredQuestion]) -> AnyView {
    if questions.is_empty() {
        return empty(
            "None so far. A question your documents say nothing about will stand here, so that you know what to add.",
        );
    }
    let rows = questions
        .iter()
        .map(|question| {
            view! {
                <li>
                    <a href="/coach/".to_owned() + &question.conversation.to_string()>{question.text.clone()}</a>
                    <span class="amount">{label::date(question.asked_on)}</span>
                </li>
            }
        })
        .collect_view();
    view! { <ol>{rows}</ol> }.into_any()
}

fn empty(sentence: &'static str) -> AnyView {
    view! { <p class="hint">{sentence}</p> }.into_any()
}

/// Every achievement with its badge; locked ones say how far it is.
pub fn achievements(page: &AnalyticsPage) -> AnyView {
    let unlocked = page
        .achievements
        .iter()
        .filter(|one| one.unlocked_on.is_some())
        .count();
    let badges = page
        .badges
        .iter()
        .cloned()
        .chain(std::iter::repeat(String::new()));
    let rows = page
        .achievements
        .iter()
        .zip(badges)
        .map(|(one, badge)| achievement(one, badge))
        .collect_view();
    view! {
        <section class="achievements" id="achievements" aria-labelledby="achievements-title">
            {titled(
                "achievements-title",
                "Achievements",
                "Each is unlocked once and stays, whatever happens later. The numbers say how far you are.",
            )}
            <p class="hint" data-part="">{[&unlocked.to_string(), " of ", &page.achievements.len().to_string(), " unlocked"].concat()}</p>
            <ul data-part="">{rows}</ul>
        </section>
    }
    .into_any()
}

fn achievement(one: &Achievement, badge: String) -> AnyView {
    let (class, state) = match one.unlocked_on {
        Some(date) => ("unlocked", label::date(date)),
        None => (
            "locked",
            [&one.have.to_string(), " of ", &one.need.to_string()].concat(),
        ),
    };
    view! {
        <li class=class data-testid="achievement-".to_owned() + &one.id>
            <svg class="pixel badge" viewBox="0 0 12 12" aria-hidden="true" inner_html=badge></svg>
            <div>
                <h3>{one.name.clone()}</h3>
                <p class="hint">{one.sentence.clone()}</p>
                <p class="hint state">{state}</p>
            </div>
        </li>
    }
    .into_any()
}

/// Links to everything as files, of the period and of all time.
pub fn downloads(days: u32) -> AnyView {
    let days = days.to_string();
    let csv = |what: &'static str, name: &'static str| {
        let href = ["/analytics/export.csv?what=", what, "&days=", &days].concat();
        view! { <li><a href=href rel="external" download>{name}</a></li> }
    };
    view! {
        <section class="downloads" aria-labelledby="downloads-title">
            <h2 id="downloads-title">"Take it along"</h2>
            <p class="hint">"The figures of this period as files. CSV opens in any spreadsheet."</p>
            <ul data-part="">
                {csv("overview", "Figures (CSV)")}
                {csv("standing", "Where you stand (CSV)")}
                {csv("days", "Days (CSV)")}
                {csv("hours", "Hours of the week (CSV)")}
                {csv("sessions", "Study sessions (CSV)")}
                {csv("materials", "Reading time (CSV)")}
                {csv("events", "Activities (CSV)")}
                {csv("awards", "XP (CSV)")}
                {csv("achievements", "Achievements (CSV)")}
                {csv("cited_pages", "Cited pages (CSV)")}
                {csv("unanswered", "Open questions (CSV)")}
                <li><a href="/analytics/export.json?days=".to_owned() + &days rel="external" download>"This period (JSON)"</a></li>
                <li><a href="/analytics/export.json?days=all" rel="external" download>"Everything since your first day (JSON)"</a></li>
            </ul>
        </section>
    }
    .into_any()
}
