//! The charts' figures as tables: the newest day first, days on which nothing happened left out.

use crate::{
    charts::WEEKDAYS,
    model::analytics::{AnalyticsPage, DayActivity},
    widgets::label,
};
use leptos::prelude::*;

/// The rows worth showing.
fn rows(page: &AnalyticsPage) -> Vec<DayActivity> {
    page.days
        .iter()
        .rev()
        .filter(|day| day.activities > 0 || day.minutes > 0 || day.xp > 0 || day.frozen)
        .copied()
        .collect()
}

/// Minutes, activities and XP of each day, and whether a freeze bridged it.
pub fn calendar_table(page: &AnalyticsPage) -> AnyView {
    let columns = ["Minutes", "Activities", "XP"];
    of_days(page, "Study time of each day.", columns, |day| {
        vec![minutes(day), day.activities.to_string(), day.xp.to_string()]
    })
}

fn minutes(day: DayActivity) -> String {
    match (day.frozen, day.minutes) {
        (true, 0) => "Kept by a freeze".to_owned(),
        (true, minutes) => minutes.to_string() + ", kept by a freeze",
        (false, minutes) => minutes.to_string(),
    }
}

/// XP of each day, the sum, and the streak.
pub fn xp_table(page: &AnalyticsPage) -> AnyView {
    let columns = ["XP that day", "XP in total", "Streak"];
    of_days(page, "XP and streak of each day.", columns, |day| {
        let streak = if day.frozen {
            "Frozen".to_owned()
        } else {
            label::count(day.streak_days.into(), "day")
        };
        vec![day.xp.to_string(), day.xp_total.to_string(), streak]
    })
}

/// Minutes of every hour of the week that has any.
pub fn hours_table(page: &AnalyticsPage) -> AnyView {
    let rows = page
        .more
        .hours
        .iter()
        .zip(WEEKDAYS)
        .flat_map(|(hours, weekday)| {
            hours
                .iter()
                .enumerate()
                .filter(|(_, minutes)| **minutes > 0)
                .map(move |(hour, minutes)| {
                    let name = [weekday, ", ", &label::hour(hour)].concat();
                    (name, vec![minutes.to_string()])
                })
        })
        .collect();
    let caption = "Study time by the hour it was spent in. Hours without any are left out.";
    table(caption.to_owned(), "Hour", ["Minutes"], rows)
}

fn of_days<const N: usize>(
    page: &AnalyticsPage,
    caption: &str,
    columns: [&'static str; N],
    cells: fn(DayActivity) -> Vec<String>,
) -> AnyView {
    let rows = rows(page)
        .into_iter()
        .map(|day| (label::date(day.date), cells(day)))
        .collect();
    let caption = caption.to_owned() + " Days without any activity are left out.";
    table(caption, "Day", columns, rows)
}

fn table<const N: usize>(
    caption: String,
    first: &'static str,
    columns: [&'static str; N],
    rows: Vec<(String, Vec<String>)>,
) -> AnyView {
    let rows = rows
        .into_iter()
        .map(|(name, cells)| {
            let cells = cells
                .into_iter()
                .map(|cell| view! { <td>{cell}</td> })
                .collect_view();
            view! { <tr><th scope="row">{name}</th>{cells}</tr> }
        })
        .collect_view();
    let heads = columns.map(|column| view! { <th scope="col">{column}</th> });
    view! {
        <table>
            <caption>{caption}</caption>
            <thead>
                <tr><th scope="col">{first}</th>{Vec::from(heads)}</tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::analytics::Overview;
    use chrono::NaiveDate;

    #[test]
    fn empty_days_are_left_out_and_frozen_ones_kept() {
        let day = |day: u32, activities: u32, frozen: bool| DayActivity {
            date: NaiveDate::from_ymd_opt(2026, 3, day).unwrap(),
            activities,
            minutes: 0,
            xp: 0,
            xp_total: 0,
            frozen,
            streak_days: 1,
        };
        let page = AnalyticsPage {
            overview: Overview {
                days: 3,
                current: Default::default(),
                before: Default::default(),
                standing: Default::default(),
                has_activity: true,
            },
            days: vec![day(2, 1, false), day(3, 0, false), day(4, 0, true)],
            more: Default::default(),
            achievements: Vec::new(),
            calendar_chart: String::new(),
            xp_chart: String::new(),
            hours_chart: String::new(),
            badges: Vec::new(),
        };
        let bridged = DayActivity {
            minutes: 4,
            ..page.days[2]
        };
        let said = [page.days[0], page.days[2], bridged].map(minutes);
        assert_eq!(said, ["0", "Kept by a freeze", "4, kept by a freeze"]);
        let shown: Vec<_> = rows(&page).iter().map(|day| day.date.to_string()).collect();
        assert_eq!(shown, ["2026-03-04", "2026-03-02"]);
    }
}
