//! `/analytics`: figures first, then the charts, each with its table, then lists and achievements. All of
//! that is HTML which the server renders, so that it is there before any script runs and the browser needs no
//! code for reading figures; that code keeps it fresh and has the charts drawn. The period is in the address.

mod chart;
mod figures;
mod more;
mod table;

use super::PageHtml;
use crate::{
    browser::{echarts::Drawings, fragment::Fragment, kept::Kept},
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
use std::rc::Rc;
use table::{calendar_table, hours_table, xp_table};
use web_sys::Element;

/// The periods the switch offers, in days.
const PERIODS: [u32; 4] = [7, 30, 90, 365];
/// The period of an address that names none.
const PERIOD_USUAL: u32 = 30;
/// The longest period there is.
const PERIOD_MAX: u32 = 365;

/// The changes that move the figures.
const MOVERS: [&str; 4] = [
    "figures",
    "conversation",
    "conversation_deleted",
    "material_deleted",
];

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
        Effect::new(move |report: Option<Option<Rc<Fragment>>>| {
            let place: Element = place.get()?.into();
            let arguments = "days=".to_owned() + &period.get().to_string();
            if let Some(report) = report.flatten() {
                report.show(arguments);
                return Some(report);
            }
            let drawings = Drawings::new(place.clone());
            drawings.draw();
            let draw = move || drawings.draw();
            let report = Fragment::new(place, "/api/fn/analytics", arguments, draw);
            follower.keep(report.follow(&MOVERS));
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

/// The report of a period as HTML. What is marked as a part is renewed while the rest stays.
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
}
