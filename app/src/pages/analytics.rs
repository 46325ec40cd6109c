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
use table::{calendar_table, hours_table, xp_table};

/// The periods the switch offers, in days.
const PERIODS: [u32; 4] = [7, 30, 90, 365];
/// The period of an address that names none.
const PERIOD_USUAL: u32 = 30;

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
        location.query.with(|query| {
            query
                .get_str("days")
                .and_then(|days| days.parse().ok())
                .unwrap_or(PERIOD_USUAL)
        })
    })
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
                page
                testid="calendar-chart"
                option=|page: &AnalyticsPage| page.calendar_chart.clone()
                summary=said_of_calendar
                table=calendar_table
                look=Look::Calendar
            />
            <ChartFigure
                title="XP"
                page
                testid="xp-chart"
                option=|page: &AnalyticsPage| page.xp_chart.clone()
                summary=said_of_xp
                table=xp_table
                look=Look::Trend
            />
            <ChartFigure
                title="Hours of the week"
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

/// Reads the figures again whenever the account's activity or its conversations move.
fn follow(page: RwSignal<AnalyticsPage>) {
    let follower = Kept::empty();
    Effect::new(move |_| {
        let opened = events::follow(&["activity", "conversation", "resync"], move |_, _| {
            leptos::task::spawn_local(async move {
                let Some(days) = page.try_with_untracked(|page| page.overview.days) else {
                    return;
                };
                // What cannot be read now is read at the next activity.
                if let Ok(fresh) = analytics(days).await {
                    page.try_set(fresh);
                }
            });
        });
        follower.keep(opened);
    });
}
