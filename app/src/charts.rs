//! From the days of a period to charts, as the JSON of ECharts options. Pure, and called on the
//! server: the browser gets the text. Charts name no colours; those belong to the page.

use crate::{model::analytics::DayActivity, widgets::label};
use charming::{
    Chart,
    component::{Axis, Calendar, Grid, VisualMap, VisualMapPiece, VisualMapType},
    datatype::DataPoint,
    element::{AxisPointer, AxisPointerType, AxisType, CoordinateSystem, Orient, Tooltip, Trigger},
    series::{Bar, Heatmap, Line},
};
use chrono::{Datelike, NaiveDate};

/// The least minutes of each step of the heatmap; the page has one colour for each.
pub const HEAT_STEPS: [u32; 5] = [0, 1, 15, 30, 60];
/// Up to so many days, the calendar has room for large cells.
pub const LARGE_CELLS_DAYS: usize = 92;
/// Side of a day's cell in pixels; the page's style sheet gives the chart the room.
const CELL: f64 = 14.0;
const CELL_LARGE: f64 = 22.0;

/// A calendar of the days: the longer the study time, the stronger the colour.
///
/// Each row of its data holds the day, its minutes, what a tooltip says, and 1 for a frozen day.
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
                i64::from(day.minutes).into(),
                said(day).into(),
                i64::from(day.frozen).into(),
            ]
        })
        .collect();
    let pieces = HEAT_STEPS
        .iter()
        .enumerate()
        .map(|(step, &least)| {
            let piece = VisualMapPiece::new().gte(f64::from(least));
            match HEAT_STEPS.get(step + 1) {
                Some(&next) => piece.lt(f64::from(next)),
                None => piece,
            }
        })
        .collect::<Vec<_>>();
    let chart = Chart::new()
        .tooltip(Tooltip::new().trigger(Trigger::Item))
        .visual_map(
            VisualMap::new()
                .type_(VisualMapType::Piecewise)
                .show(false)
                .dimension(1)
                .pieces(pieces),
        )
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
        .y_axis(value_axis("Total").split_line(charming::element::SplitLine::new().show(false)))
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

/// Weeks, Monday to Sunday, that a period touches.
fn weeks(first: NaiveDate, last: NaiveDate) -> u32 {
    let days = u32::try_from((last - first).num_days()).unwrap_or_default();
    (first.weekday().num_days_from_monday() + days) / 7 + 1
}

/// A day in words.
fn said(day: &DayActivity) -> String {
    let date = label::date(day.date);
    if day.frozen {
        return date + "\nA freeze kept the streak";
    }
    let minutes = label::count(u64::from(day.minutes), "minute");
    [&date, "\n", &minutes, ", ", &day.xp.to_string(), " XP"].concat()
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
                ["2026-03-02", 0, "2 Mar 2026\n0 minutes, 15 XP", 0],
                ["2026-03-03", 10, "3 Mar 2026\nA freeze kept the streak", 1],
                ["2026-03-04", 20, "4 Mar 2026\n20 minutes, 15 XP", 0],
            ])
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
    fn the_steps_of_the_heatmap_leave_no_gap() {
        let chart = parsed(&calendar(&days(365)));
        let pieces = chart["visualMap"][0]["pieces"].as_array().unwrap();
        assert_eq!(pieces.len(), HEAT_STEPS.len());
        for pair in pieces.windows(2) {
            assert_eq!(pair[0]["lt"], pair[1]["gte"]);
        }
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
        for text in [calendar(&days(30)), xp(&days(30))] {
            assert!(!text.to_lowercase().contains("color"), "{text}");
        }
    }

    #[test]
    fn no_days_make_an_empty_chart() {
        assert!(parsed(&calendar(&[]))["series"].is_null());
    }
}
