//! The charts' figures as tables: the newest day first, days on which nothing happened left out.

use crate::{
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

/// Minutes and activities of each day.
pub fn calendar_table(page: &AnalyticsPage) -> AnyView {
    table(
        page,
        "Study time of each day",
        ["Minutes", "Activities"],
        |day| {
            let minutes = if day.frozen && day.minutes == 0 {
                "Kept by a freeze".to_owned()
            } else {
                day.minutes.to_string()
            };
            [minutes, day.activities.to_string()]
        },
    )
}

/// XP of each day and the sum.
pub fn xp_table(page: &AnalyticsPage) -> AnyView {
    table(
        page,
        "XP of each day",
        ["XP that day", "XP in total"],
        |day| [day.xp.to_string(), day.xp_total.to_string()],
    )
}

fn table(
    page: &AnalyticsPage,
    caption: &'static str,
    [first, second]: [&'static str; 2],
    cells: fn(DayActivity) -> [String; 2],
) -> AnyView {
    let rows = rows(page)
        .into_iter()
        .map(|day| {
            let [first, second] = cells(day);
            view! {
                <tr>
                    <th scope="row">{label::date(day.date)}</th>
                    <td>{first}</td>
                    <td>{second}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <table>
            <caption>{caption} ". Days without any activity are left out."</caption>
            <thead>
                <tr>
                    <th scope="col">"Day"</th>
                    <th scope="col">{first}</th>
                    <th scope="col">{second}</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
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
            overview: crate::model::analytics::Overview {
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
        };
        let shown: Vec<_> = rows(&page).iter().map(|day| day.date.to_string()).collect();
        assert_eq!(shown, ["2026-03-04", "2026-03-02"]);
    }
}
