//! `/analytics`: figures first, then the charts, each with its table, then lists and achievements. Everything but the
//! drawn charts is rendered by the server and works without a script; the period is in the address.
//!
//! Everything is created in `view` and nothing in `data`, so that the code which reads the figures
//! travels with the page and not with the first download.

mod chart;
mod figures;
mod more;
mod table;

use crate::{
    api::analytics::analytics,
    browser::{events, kept::Kept},
    charts::WEEKDAYS,
    model::analytics::AnalyticsPage,
    ports::AnswerStatus,
    widgets::{
        icon::{Glyph, Icon},
        label,
        notice::{EmptyState, Problem},
    },
};
use chart::{ChartFigure, Look, OpenTables};
use figures::figures;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::{LazyRoute, hooks::use_location, lazy_route};
use std::{cell::Cell, rc::Rc};
use table::{calendar_table, hours_table, xp_table};

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
        provide_context(OpenTables::none());
        let period = period();
        let page = Resource::new(move || period.get(), analytics);
        let status = use_context::<AnswerStatus>();
        view! {
            <Title text="Analytics" />
            <div class="analytics">
                <div class="analytics-head">
                    <h1>"Analytics"</h1>
                    <PeriodSwitch period />
                </div>
                <Transition fallback=|| view! { <div class="skeleton"></div> }>
                    {move || {
                        let status = status.clone();
                        Suspend::new(async move {
                            match page.await {
                                Ok(page) => view! { <Report page /> }.into_any(),
                                Err(error) => {
                                    if let Some(status) = status {
                                        (status.0)(error.status());
                                    }
                                    view! { <Problem error /> }.into_any()
                                }
                            }
                        })
                    }}
                </Transition>
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
fn days_of(text: Option<&str>) -> u32 {
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

/// The figures of one period, kept fresh while the page is open.
///
/// Numbers are drawn anew as a whole when they change: one effect, where one for each number would
/// weigh more than the numbers. The charts stay, and take the newer figures in.
#[component]
fn Report(page: AnalyticsPage) -> impl IntoView {
    let page = RwSignal::new(page);
    follow(page);
    let has_activity = Memo::new(move |_| page.with(|page| page.overview.has_activity));
    move || {
        if !has_activity.get() {
            return view! { <NothingYet /> }.into_any();
        }
        view! {
            {move || page.with(|page| figures(&page.overview))}
            <ChartFigure
                title="Study days"
                meaning="Each square is a day of your own calendar, the darker the longer you studied. An \
                         activity is a question, a new document or a page read. A freeze bridges one missed \
                         day in each week, so that your streak goes on."
                page
                testid="calendar-chart"
                option=|page: &AnalyticsPage| page.calendar_chart.clone()
                summary=said_of_calendar
                table=calendar_table
                look=Look::Calendar
            />
            <ChartFigure
                title="XP"
                meaning="The bars are the XP of each day, the line is what they add up to over all time."
                page
                testid="xp-chart"
                option=|page: &AnalyticsPage| page.xp_chart.clone()
                summary=said_of_xp
                table=xp_table
                look=Look::Trend
            />
            <ChartFigure
                title="Hours of the week"
                meaning="Each square is an hour of your week, all weeks of the period together. The darker, \
                         the longer you studied in it; the darkest is near your busiest hour."
                page
                testid="hours-chart"
                option=|page: &AnalyticsPage| page.hours_chart.clone()
                summary=said_of_hours
                table=hours_table
                look=Look::Hours
            />
            {move || page.with(|page| more::lists(&page.more))}
            {move || page.with(more::achievements)}
            {more::downloads(page.with_untracked(|page| page.overview.days))}
        }
        .into_any()
    }
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

/// Reads the figures again whenever something moves them, and after a break in the connection. One
/// reading at a time: what moves meanwhile is read once after it, so that no older figures can come last.
fn follow(page: RwSignal<AnalyticsPage>) {
    let follower = Kept::empty();
    Effect::new(move |_| {
        let names = [
            "hello",
            "resync",
            "activity",
            "conversation",
            "conversation_deleted",
            "material_deleted",
        ];
        let (connected_before, news) = (Cell::new(false), Rc::new(News::default()));
        let opened = events::follow(&names, move |name, _| {
            // The page came with its figures.
            if name == "hello" && !connected_before.replace(true) {
                return;
            }
            let news = Rc::clone(&news);
            if news.heard() {
                leptos::task::spawn_local(async move {
                    while news.take() {
                        let Some(days) = page.try_with_untracked(|page| page.overview.days) else {
                            return;
                        };
                        // What cannot be read now is read at the next activity.
                        if let Ok(fresh) = analytics(days).await {
                            page.try_set(fresh);
                        }
                    }
                });
            }
        });
        follower.keep(opened);
    });
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
