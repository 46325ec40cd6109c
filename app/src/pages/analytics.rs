//! `/analytics`: figures first, then the charts, each with its table, then lists and achievements. The
//! server renders all of it as HTML, so that it is there before any script runs and the browser needs no
//! code for reading figures; that code keeps it fresh and has the charts drawn. The period is in the address.
//!
//! What runs in the browser is written with what home is written with: code that it shares with some of the
//! other pages would come in a file for each combination of them, and every file costs a slow phone's first
//! paint some milliseconds.

mod chart;
mod figures;
mod more;
mod table;

use super::PageHtml;
use crate::{
    browser::{echarts::Drawings, events, fragment, kept::Kept},
    charts::WEEKDAYS,
    model::analytics::AnalyticsPage,
    widgets::{
        icon::{Glyph, Icon},
        label,
        notice::EmptyState,
    },
};
use chart::{ChartFigure, Look};
use figures::figures;
use leptos::{html, prelude::*};
use leptos_meta::Title;
use leptos_router::{LazyRoute, hooks::use_location, lazy_route};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use table::{calendar_table, hours_table, xp_table};
use web_sys::Element;

/// The periods the switch offers, in days.
const PERIODS: [u32; 4] = [7, 30, 90, 365];
/// The period of an address that names none.
const PERIOD_USUAL: u32 = 30;
/// The longest period there is.
const PERIOD_MAX: u32 = 365;

/// The analytics page.
pub struct AnalyticsRoute;

#[lazy_route]
impl LazyRoute for AnalyticsRoute {
    fn data() -> Self {
        Self
    }

    fn view(_this: Self) -> AnyView {
        let html = use_context::<PageHtml>()
            .map(|page| page.0)
            .unwrap_or_default();
        let place = NodeRef::<html::Section>::new();
        let follower = Kept::empty();
        let address = use_location();
        Effect::new(move |report: Option<Option<Rc<Report>>>| {
            let place = place.get()?;
            let query = address.search.get();
            // On the way to another page it stays what it was.
            let is_left = address.pathname.with(|path| path != "/analytics");
            let report = report.flatten();
            if is_left {
                return report;
            }
            let report = report.unwrap_or_else(|| {
                let report = Rc::new(Report::new(place.into(), &query));
                follower.keep(follow(&report));
                report
            });
            report.show(query);
            Some(report)
        });
        // Another element than home's: what looks the same to Leptos would be taken over from it.
        view! {
            <Title text="Analytics" />
            <section class="analytics" node_ref=place inner_html=html></section>
        }
        .into_any()
    }
}

/// The days an address names, brought into the bounds of a period.
pub fn days_of(text: Option<&str>) -> u32 {
    let days: Option<u32> = text.and_then(|days| days.parse().ok());
    days.map_or(PERIOD_USUAL, |days| days.clamp(1, PERIOD_MAX))
}

/// Reads the figures again whenever something moves them, and after a break in the connection.
fn follow(report: &Rc<Report>) -> Option<events::Follower> {
    let names = [
        "hello",
        "resync",
        "activity",
        "conversation",
        "conversation_deleted",
        "material_deleted",
    ];
    let (report, connected_before) = (Rc::clone(report), Cell::new(false));
    events::follow(&names, move |name, _| {
        // The page came with its figures.
        if name != "hello" || connected_before.replace(true) {
            report.read();
        }
    })
}

/// What is on the page: asked for, kept fresh, and drawn.
struct Report {
    place: Element,
    drawings: Drawings,
    /// The query of the page's address, which names the period.
    wanted: RefCell<String>,
    /// That of what is in the place.
    shown: RefCell<Option<String>>,
    news: News,
}

impl Report {
    /// Takes over what the server has put into `place` for this query, and has its charts drawn.
    fn new(place: Element, query: &str) -> Self {
        let drawings = Drawings::new(place.clone());
        drawings.draw();
        let is_there = place.first_element_child().is_some();
        Self {
            place,
            drawings,
            wanted: RefCell::new(query.to_owned()),
            shown: RefCell::new(is_there.then(|| query.to_owned())),
            news: News::default(),
        }
    }

    /// Shows the period of this query, if it does not yet.
    fn show(self: &Rc<Self>, query: String) {
        let is_shown = self.shown.borrow().as_ref() == Some(&query);
        self.wanted.replace(query);
        if !is_shown {
            self.read();
        }
    }

    /// One reading at a time: what moves meanwhile, also the period, is read once after it, so that no
    /// older figures can come last.
    fn read(self: &Rc<Self>) {
        if !self.news.heard() {
            return;
        }
        let report = Rc::clone(self);
        leptos::task::spawn_local(async move {
            while report.news.take() {
                let wanted = report.wanted.borrow().clone();
                let answer = fragment::fetch("/api/fn/analytics", &wanted).await;
                if *report.wanted.borrow() == wanted {
                    report.put(wanted, answer);
                }
            }
        });
    }

    fn put(&self, query: String, answer: Result<String, String>) {
        match answer {
            Ok(html) => {
                fragment::renew(&self.place, &html);
                self.drawings.draw();
                self.shown.replace(Some(query));
            }
            // What cannot be renewed now is renewed at the next activity.
            Err(_) if self.shown.borrow().as_ref() == Some(&query) => {}
            Err(sentence) => {
                // The title and the other periods stay.
                let report = self.place.last_element_child();
                fragment::say(report.as_ref().unwrap_or(&self.place), &sentence);
                self.shown.replace(None);
            }
        }
    }
}

/// The page of a period as HTML. What is marked as a part is renewed while the rest stays, see
/// [`fragment::renew`].
pub fn page_html(page: &AnalyticsPage) -> String {
    let report = if page.overview.has_activity {
        view! { <Everything page /> }.into_any()
    } else {
        view! { <NothingYet /> }.into_any()
    };
    view! {
        <div class="analytics-head">
            <h1>"Analytics"</h1>
            <PeriodSwitch days=page.overview.days />
        </div>
        <div class="report">{report}</div>
    }
    .to_html()
}

#[component]
fn PeriodSwitch(days: u32) -> impl IntoView {
    let period = move |period: u32| {
        let href = "/analytics?days=".to_owned() + &period.to_string();
        let name = match period {
            365 => "Year".to_owned(),
            period => period.to_string() + " days",
        };
        view! { <a href=href aria-current=(period == days).then_some("true") data-part="">{name}</a> }
    };
    view! { <nav class="period-switch" aria-label="Period">{PERIODS.map(period).collect_view()}</nav> }
}

#[component]
fn Everything<'a>(page: &'a AnalyticsPage) -> impl IntoView {
    view! {
        {figures(&page.overview)}
        <ChartFigure
            title="Study days"
            meaning="Each square is a day of your own calendar, the darker the longer you studied. An \
                     activity is a question, a new document or a page read. A freeze bridges one missed \
                     day in each week, so that your streak goes on."
            testid="calendar-chart"
            option=page.calendar_chart.clone()
            summary=said_of_calendar(page)
            table=calendar_table(page)
            look=Look::calendar(page.days.len())
        />
        <ChartFigure
            title="XP"
            meaning="The bars are the XP of each day, the line is what they add up to over all time."
            testid="xp-chart"
            option=page.xp_chart.clone()
            summary=said_of_xp(page)
            table=xp_table(page)
            look=Look::Trend
        />
        <ChartFigure
            title="Hours of the week"
            meaning="Each square is an hour of your week, all weeks of the period together. The darker, \
                     the longer you studied in it; the darkest is near your busiest hour."
            testid="hours-chart"
            option=page.hours_chart.clone()
            summary=said_of_hours(page)
            table=hours_table(page)
            look=Look::Hours
        />
        {more::lists(&page.more)}
        {more::achievements(page)}
        {more::downloads(page.overview.days)}
    }
    .into_any()
}

#[component]
fn NothingYet() -> impl IntoView {
    view! {
        <EmptyState
            title="Your days will add up here"
            sentence="Add a document and read it, or ask the coach about it: study time, XP and your streak start with the first thing you do."
        >
            <a class="button" href="/library">
                <Icon glyph=Glyph::Library />
                "Go to the library"
            </a>
        </EmptyState>
    }
}

/// What the calendar shows, for those who cannot see it.
fn said_of_calendar(page: &AnalyticsPage) -> String {
    [
        "Calendar of study time: ",
        &page.overview.current.active_days.to_string(),
        " of ",
        &page.overview.days.to_string(),
        " days with activity. The table below holds the same figures.",
    ]
    .concat()
}

/// What the XP chart shows, for those who cannot see it.
fn said_of_xp(page: &AnalyticsPage) -> String {
    [
        "XP of each day and in total: ",
        &page.overview.current.xp.to_string(),
        " XP gained in ",
        &page.overview.days.to_string(),
        " days. The table below holds the same figures.",
    ]
    .concat()
}

/// What the grid shows, for those who cannot see it.
fn said_of_hours(page: &AnalyticsPage) -> String {
    let all = page
        .more
        .hours
        .iter()
        .zip(WEEKDAYS)
        .flat_map(|(hours, day)| {
            hours
                .iter()
                .enumerate()
                .map(move |(hour, minutes)| (*minutes, day, hour))
        });
    match all.max_by_key(|(minutes, ..)| *minutes) {
        Some((minutes, day, hour)) if minutes > 0 => [
            "Study time by weekday and hour; the busiest hour is ",
            day,
            ", ",
            &label::hour(hour),
            ". The table below holds the same figures.",
        ]
        .concat(),
        _ => "Study time by weekday and hour: none in this period.".to_owned(),
    }
}

/// Whether there is something to read, and whether somebody is reading.
#[derive(Default)]
struct News {
    is_fresh: Cell<bool>,
    is_read: Cell<bool>,
}

impl News {
    /// Something has moved. True when somebody has to begin to read.
    fn heard(&self) -> bool {
        self.is_fresh.set(true);
        !self.is_read.replace(true)
    }

    /// True when there is something to read; else the reader is done.
    fn take(&self) -> bool {
        let is_fresh = self.is_fresh.replace(false);
        self.is_read.set(is_fresh);
        is_fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_period_within_its_bounds() {
        for (text, expected) in [
            (None, 30),
            (Some("7"), 7),
            (Some("365"), 365),
            (Some("0"), 1),
            (Some("366"), 365),
            (Some("4000"), 365),
            (Some("a week"), 30),
            (Some("-7"), 30),
        ] {
            assert_eq!(days_of(text), expected, "{text:?}");
        }
    }

    #[test]
    fn news_that_come_while_somebody_reads_are_read_once_after_it() {
        let news = News::default();
        assert!(news.heard());
        assert!(news.take());
        assert!(!news.heard() && !news.heard(), "somebody is reading");
        assert!(news.take());
        assert!(!news.take());
        assert!(news.heard(), "and has ended");
    }
}
