//! `/analytics`: figures first, then the charts, each with its table, then lists and achievements. All of
//! that is HTML which the server renders, so that it is there before any script runs and the browser needs no
//! code for reading figures; that code keeps it fresh and has the charts drawn. The period is in the address.

mod chart;
mod figures;
mod more;
mod table;

use super::PageHtml;
use crate::{
    browser::{
        echarts::Drawings,
        events,
        fragment::{self, Refusal},
        kept::Kept,
    },
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
        let period = period();
        let place = NodeRef::<html::Div>::new();
        let follower = Kept::empty();
        Effect::new(move |report: Option<Option<Rc<Report>>>| {
            let place = place.get()?;
            let days = period.get();
            let report = report.flatten().unwrap_or_else(|| {
                let report = Rc::new(Report::new(place.into(), days));
                follower.keep(follow(&report));
                report
            });
            report.show(days);
            Some(report)
        });
        view! {
            <Title text="Analytics" />
            <div class="analytics">
                <div class="analytics-head">
                    <h1>"Analytics"</h1>
                    <PeriodSwitch period />
                </div>
                <div class="report" node_ref=place inner_html=html></div>
            </div>
        }
        .into_any()
    }
}

/// The days the address asks for. On the way to another page it stays what it was.
fn period() -> Memo<u32> {
    let location = use_location();
    Memo::new(move |before: Option<&u32>| {
        if location
            .pathname
            .with(|path| path.trim_end_matches('/') != "/analytics")
        {
            return before.copied().unwrap_or(PERIOD_USUAL);
        }
        location.query.with(|query| days_of(query.get_str("days")))
    })
}

/// The days an address names, brought into the bounds of a period.
pub fn days_of(text: Option<&str>) -> u32 {
    let days: Option<u32> = text.and_then(|days| days.parse().ok());
    days.map_or(PERIOD_USUAL, |days| days.clamp(1, PERIOD_MAX))
}

#[component]
fn PeriodSwitch(period: Memo<u32>) -> impl IntoView {
    view! {
        <nav class="period-switch" aria-label="Period">
            {PERIODS.map(|days| {
                let current = move || (period.get() == days).then_some("true");
                let name = if days == 365 { "Year".to_owned() } else { days.to_string() + " days" };
                view! { <a href="/analytics?days=".to_owned() + &days.to_string() aria-current=current>{name}</a> }
            }).collect_view()}
        </nav>
    }
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
        // With its first connection a page is as fresh as what it shows, or is about to.
        if name != "hello" || connected_before.replace(true) || report.is_without() {
            report.read();
        }
    })
}

/// What stands under the period: asked for, kept fresh, and drawn.
struct Report {
    place: Element,
    drawings: Drawings,
    /// The period that is to be shown, in days.
    wanted: Cell<u32>,
    /// The one that is.
    shown: Cell<Option<u32>>,
    /// Of the period that is to be shown.
    news: RefCell<Rc<News>>,
}

impl Report {
    /// Takes over what the server has put into `place` for this period, and has its charts drawn.
    fn new(place: Element, days: u32) -> Self {
        let drawings = Drawings::new(place.clone());
        drawings.draw();
        let is_there = place
            .first_element_child()
            .is_some_and(|first| !fragment::is_problem(&first));
        Self {
            place,
            drawings,
            wanted: Cell::new(days),
            shown: Cell::new(is_there.then_some(days)),
            news: RefCell::default(),
        }
    }

    /// Shows the last `days` days, if it does not yet.
    fn show(self: &Rc<Self>, days: u32) {
        if self.wanted.replace(days) != days {
            // Whatever is under way for the other period has come too late.
            self.news.take();
        }
        if self.shown.get() != Some(days) {
            self.read();
        }
    }

    /// Nothing is shown, and nobody is about to change that.
    fn is_without(&self) -> bool {
        self.shown.get().is_none() && !self.news.borrow().is_read.get()
    }

    /// One reading of a period at a time: what moves meanwhile is read once after it, so that no older
    /// figures can come last.
    fn read(self: &Rc<Self>) {
        let news = Rc::clone(&self.news.borrow());
        if !news.heard() {
            return;
        }
        let report = Rc::clone(self);
        leptos::task::spawn_local(async move {
            while news.take() {
                let days = report.wanted.get();
                let arguments = "days=".to_owned() + &days.to_string();
                let answer = fragment::fetch("/api/fn/analytics", &arguments).await;
                let is_late = !Rc::ptr_eq(&news, &report.news.borrow());
                if is_late || !report.place.is_connected() {
                    return;
                }
                report.put(days, answer);
            }
        });
    }

    fn put(&self, days: u32, answer: Result<String, Refusal>) {
        match answer {
            Ok(html) => {
                fragment::renew(&self.place, &html);
                self.shown.set(Some(days));
            }
            // What cannot be renewed now is renewed at the next activity.
            Err(_) if self.shown.get() == Some(days) => return,
            Err(refusal) => {
                fragment::say(&self.place, &refusal);
                self.shown.set(None);
            }
        }
        self.drawings.draw();
    }
}

/// The report of a period as HTML. What is marked as a part is renewed while the rest stays, see
/// [`fragment::renew`].
pub fn report_html(page: &AnalyticsPage) -> String {
    if page.overview.has_activity {
        view! { <Everything page /> }.to_html()
    } else {
        view! { <NothingYet /> }.to_html()
    }
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
