//! From the days of a period to charts, as the JSON of ECharts options. Pure, and called on the
//! server: the browser gets the text. Charts name no colours; those belong to the page.

use crate::{model::analytics::DayActivity, widgets::label};
use charming::{
    Chart,
    component::{Axis, Calendar, Grid},
    datatype::DataPoint,
    element::{
        AxisPointer, AxisPointerType, AxisType, CoordinateSystem, Orient, SplitLine, Tooltip,
        Trigger,
    },
    series::{Bar, Heatmap, Line},
};
use chrono::{Datelike, NaiveDate};

/// The least minutes of each step of the heatmap; the page has one colour for each.
pub const HEAT_STEPS: [u32; 5] = [0, 1, 15, 30, 60];
/// The step of a day without study time that a freeze bridged.
const FROZEN: i64 = HEAT_STEPS.len() as i64;
/// Up to so many days, the calendar has room for large cells.
pub const LARGE_CELLS_DAYS: usize = 92;
/// Side of a day's cell in pixels. All lengths here hold for letters of the usual size, 16 pixels: the
/// page's script makes them larger with larger letters, and its style sheet gives the charts the room.
const CELL: f64 = 14.0;
const CELL_LARGE: f64 = 22.0;

/// A calendar of the days: the longer the study time, the stronger the colour.
///
/// Each row of its data holds the day, the step of [`HEAT_STEPS`] that colours it, and what a tooltip says.
/// The script colours by the step, which saves a component of ECharts' own.
pub fn calendar(days: &[DayActivity]) -> String {
    let (Some(first), Some(last)) = (days.first(), days.last()) else {
        return text_of(&Chart::new());
    };
    let cell = if days.len() <= LARGE_CELLS_DAYS {
        CELL_LARGE
    } else {
        CELL
    };
    let weeks = weeks(first.date, last.date);
    let data: Vec<Vec<DataPoint>> = days
        .iter()
        .map(|day| {
            vec![
                day.date.to_string().into(),
                step(day).into(),
                said(day).into(),
            ]
        })
        .collect();
    let chart = Chart::new()
        .tooltip(Tooltip::new().trigger(Trigger::Item))
        .calendar(
            Calendar::new()
                .left(40)
                .top(28)
                .orient(Orient::Horizontal)
                // charming writes a cell size that ECharts cannot read; the theme divides this.
                .width(f64::from(weeks) * cell)
                .height(7.0 * cell)
                .range((first.date.to_string(), last.date.to_string())),
        )
        .series(
            Heatmap::new()
                .name("Minutes")
                .coordinate_system(CoordinateSystem::Calendar)
                .data(data),
        );
    text_of(&chart)
}

/// XP of each day as bars, and what they add up to as a line.
pub fn xp(days: &[DayActivity]) -> String {
    let names: Vec<String> = days.iter().map(|day| label::short_date(day.date)).collect();
    let gained: Vec<i64> = days.iter().map(|day| i64::from(day.xp)).collect();
    let total: Vec<i64> = days.iter().map(|day| i64::from(day.xp_total)).collect();
    let value_axis = |name: &str| {
        Axis::new()
            .type_(AxisType::Value)
            .name(name)
            .min_interval(1.0)
            .min(0)
    };
    let chart = Chart::new()
        .tooltip(
            Tooltip::new()
                .trigger(Trigger::Axis)
                .axis_pointer(AxisPointer::new().type_(AxisPointerType::Shadow)),
        )
        .grid(Grid::new().left(48).right(56).top(40).bottom(28))
        .x_axis(Axis::new().type_(AxisType::Category).data(names))
        .y_axis(value_axis("XP a day"))
        .y_axis(value_axis("Total").split_line(SplitLine::new().show(false)))
        .series(Bar::new().name("XP that day").data(gained))
        .series(
            Line::new()
                .name("XP in total")
                .y_axis_index(1)
                .show_symbol(false)
                .data(total),
        );
    text_of(&chart)
}

/// Study time by the hour of the day, a row for each day of the week: `minutes` begins with Monday's
/// hour from midnight on. The rows of its data hold the hour, the day, the step from 0 (none) to 4 (near
/// the busiest hour), and what a tooltip says.
pub fn hours(minutes: &[[u32; 24]; 7]) -> String {
    let busiest = minutes.iter().flatten().copied().max().unwrap_or_default();
    let data: Vec<Vec<DataPoint>> = minutes
        .iter()
        .enumerate()
        .flat_map(|(weekday, hours)| {
            hours.iter().enumerate().map(move |(hour, &minutes)| {
                vec![
                    whole(hour).into(),
                    whole(weekday).into(),
                    share(minutes, busiest).into(),
                    said_of_hour(weekday, hour, minutes).into(),
                ]
            })
        })
        .collect();
    let category = |names: Vec<String>| Axis::new().type_(AxisType::Category).data(names);
    let chart = Chart::new()
        .tooltip(Tooltip::new().trigger(Trigger::Item))
        .grid(Grid::new().left(40).right(8).top(8).bottom(28))
        .x_axis(category((0..24).map(label::hour).collect()))
        .y_axis(category(WEEKDAYS.map(|day| day[..3].to_owned()).into()).inverse(true))
        .series(
            Heatmap::new()
                .name("Minutes")
                .coordinate_system(CoordinateSystem::Cartesian2d)
                .data(data),
        );
    text_of(&chart)
}

/// Monday first, as the streak's weeks begin.
pub const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// Indices here stay below 24.
fn whole(index: usize) -> i64 {
    i64::try_from(index).unwrap_or_default()
}

/// `Monday, 14:00 to 15:00`, and the minutes.
fn said_of_hour(weekday: usize, hour: usize, minutes: u32) -> String {
    let (from, to) = (label::hour(hour), label::hour((hour + 1) % 24));
    let minutes = label::count(u64::from(minutes), "minute");
    [
        WEEKDAYS[weekday % 7],
        ", ",
        &from,
        " to ",
        &to,
        "\n",
        &minutes,
    ]
    .concat()
}

/// In which quarter of the busiest hour's minutes these lie, from 1; 0 for none.
fn share(minutes: u32, busiest: u32) -> i64 {
    i64::from((minutes * 4).div_ceil(busiest.max(1)))
}

/// The step of a day's colour.
fn step(day: &DayActivity) -> i64 {
    if day.frozen && day.minutes == 0 {
        return FROZEN;
    }
    let reached = HEAT_STEPS.iter().filter(|least| day.minutes >= **least);
    whole(reached.count().saturating_sub(1))
}

/// Weeks, Monday to Sunday, that a period touches.
fn weeks(first: NaiveDate, last: NaiveDate) -> u32 {
    let days = u32::try_from((last - first).num_days()).unwrap_or_default();
    (first.weekday().num_days_from_monday() + days) / 7 + 1
}

/// A day in words: what was done on it, and whether a freeze bridged it.
fn said(day: &DayActivity) -> String {
    let date = label::date(day.date);
    let freeze = if day.frozen {
        "\nA freeze kept the streak"
    } else {
        ""
    };
    if day.frozen && day.activities == 0 && day.minutes == 0 && day.xp == 0 {
        return date + freeze;
    }
    let activities = match day.activities {
        1 => "1 activity".to_owned(),
        activities => activities.to_string() + " activities",
    };
    let minutes = label::count(u64::from(day.minutes), "minute");
    let xp = day.xp.to_string();
    [
        &date,
        "\n",
        &activities,
        ", ",
        &minutes,
        ", ",
        &xp,
        " XP",
        freeze,
    ]
    .concat()
}

fn text_of(chart: &Chart) -> String {
    // Charts are plain data: serde_json has no reason to refuse them, and the page draws nothing
    // for an empty text.
    serde_json::to_string(chart).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{Days, NaiveDate};
    use serde_json::{Value, json};

    fn days(count: u64) -> Vec<DayActivity> {
        let first = NaiveDate::from_ymd_opt(2026, 3, 2).unwrap();
        (0..count)
            .map(|n| DayActivity {
                date: first + Days::new(n),
                activities: 1,
                minutes: u32::try_from(n * 10).unwrap(),
                xp: 15,
                xp_total: u32::try_from((n + 1) * 15).unwrap(),
                frozen: n == 1,
                streak_days: 1,
            })
            .collect()
    }

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_calendar_spans_the_period_and_says_each_day() {
        let chart = parsed(&calendar(&days(3)));
        assert_eq!(
            chart["calendar"]["range"],
            json!(["2026-03-02", "2026-03-04"])
        );
        assert_eq!(chart["calendar"]["width"], json!(22.0));
        assert_eq!(
            chart["series"][0]["data"],
            json!([
                ["2026-03-02", 0, "2 Mar 2026\n1 activity, 0 minutes, 15 XP"],
                [
                    "2026-03-03",
                    1,
                    "3 Mar 2026\n1 activity, 10 minutes, 15 XP\nA freeze kept the streak"
                ],
                ["2026-03-04", 2, "4 Mar 2026\n1 activity, 20 minutes, 15 XP"],
            ])
        );
    }

    #[test]
    fn a_frozen_day_on_which_nothing_was_done_says_only_that() {
        let mut day = DayActivity {
            activities: 0,
            xp: 0,
            frozen: true,
            ..days(1)[0]
        };
        assert_eq!(said(&day), "2 Mar 2026\nA freeze kept the streak");
        assert_eq!(step(&day), FROZEN);
        day.activities = 2;
        assert_eq!(
            said(&day),
            "2 Mar 2026\n2 activities, 0 minutes, 0 XP\nA freeze kept the streak"
        );
    }

    #[test]
    fn a_period_takes_the_weeks_it_touches() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (first, last, expected) in [
            ("2026-03-02", "2026-03-08", 1),
            ("2026-03-08", "2026-03-09", 2),
            ("2025-11-23", "2026-11-22", 53),
        ] {
            assert_eq!(weeks(day(first), day(last)), expected, "{first} to {last}");
        }
    }

    #[test]
    fn a_day_is_coloured_by_the_last_step_it_reached() {
        for (minutes, expected) in [(0, 0), (1, 1), (14, 1), (15, 2), (59, 3), (60, 4), (900, 4)] {
            let day = DayActivity {
                minutes,
                ..days(1)[0]
            };
            assert_eq!(step(&day), expected, "{minutes} minutes");
        }
    }

    #[test]
    fn an_hour_is_coloured_by_its_share_of_the_busiest() {
        let mut minutes = [[0; 24]; 7];
        minutes[0][9] = 40;
        minutes[6][23] = 1;
        let chart = parsed(&hours(&minutes));
        let data = chart["series"][0]["data"].as_array().unwrap();
        assert_eq!(data.len(), 7 * 24);
        assert_eq!(
            data[9],
            json!([9, 0, 4, "Monday, 09:00 to 10:00\n40 minutes"])
        );
        assert_eq!(
            data[7 * 24 - 1],
            json!([23, 6, 1, "Sunday, 23:00 to 00:00\n1 minute"])
        );
        assert_eq!(parsed(&hours(&[[0; 24]; 7]))["series"][0]["data"][0][2], 0);
    }

    #[test]
    fn the_xp_chart_draws_the_day_and_the_sum() {
        let chart = parsed(&xp(&days(2)));
        assert_eq!(chart["xAxis"]["data"], json!(["2 Mar", "3 Mar"]));
        assert_eq!(chart["series"][0]["data"], json!([15, 15]));
        assert_eq!(chart["series"][1]["data"], json!([15, 30]));
        assert_eq!(chart["series"][1]["yAxisIndex"], json!(1.0));
    }

    #[test]
    fn charts_name_no_colours() {
        for text in [calendar(&days(30)), xp(&days(30)), hours(&[[1; 24]; 7])] {
            assert!(!text.to_lowercase().contains("color"), "{text}");
        }
    }

    #[test]
    fn no_days_make_an_empty_chart() {
        assert!(parsed(&calendar(&[]))["series"].is_null());
    }
}
