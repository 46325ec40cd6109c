//! Study sessions as stretches of time, and how they fall into a student's local days. Pure: it
//! knows time zones, no database.
//!
//! A session is activity with gaps under [`GAP`]. It lasts from its first to its last activity
//! plus [`LAST`], and is cut at the hours of the local clock, so that each hour and each day gets the
//! seconds that were its own.

use chrono::{DateTime, NaiveDate, TimeDelta, Timelike as _, Utc};
use chrono_tz::Tz;

/// A pause this long ends a session.
pub const GAP: TimeDelta = TimeDelta::minutes(15);
/// What the last activity is taken to have lasted.
pub const LAST: TimeDelta = TimeDelta::minutes(1);
const HOUR: TimeDelta = TimeDelta::hours(1);

/// One study session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sitting {
    pub started_at: DateTime<Utc>,
    pub last_activity_at: DateTime<Utc>,
    /// The zone it was begun in; it is cut into days by this one to its end.
    pub zone: Tz,
}

impl Sitting {
    /// A session of one activity.
    pub const fn begun(at: DateTime<Utc>, zone: Tz) -> Self {
        Self {
            started_at: at,
            last_activity_at: at,
            zone,
        }
    }

    /// Whether an activity at `at` still belongs to this session.
    pub fn takes(&self, at: DateTime<Utc>) -> bool {
        // A clock that was set back must not begin a session inside another.
        at - self.last_activity_at < GAP && at >= self.started_at
    }

    /// The session with one more activity.
    pub fn continued(mut self, at: DateTime<Utc>) -> Self {
        self.last_activity_at = self.last_activity_at.max(at);
        self
    }

    /// The local day of the last activity.
    fn last_date(&self) -> NaiveDate {
        local_date(self.last_activity_at, self.zone)
    }

    /// How the time between two of its moments falls into local hours, oldest first.
    fn stretches(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<Stretch> {
        let mut stretches = Vec::with_capacity(2);
        let mut from = from;
        while from < to {
            // Clocks change on the hour, so nothing but the hour's end has to be looked for.
            let local = from.with_timezone(&self.zone).naive_local();
            let into_hour = TimeDelta::seconds(i64::from(local.minute() * 60 + local.second()))
                + TimeDelta::nanoseconds(i64::from(local.nanosecond()));
            let until = (from + HOUR - into_hour).min(to);
            let seconds =
                whole_seconds(self.started_at, until) - whole_seconds(self.started_at, from);
            if seconds > 0 {
                stretches.push(Stretch {
                    date: local.date(),
                    hour: local.hour(),
                    seconds,
                });
            }
            from = until;
        }
        stretches
    }
}

/// Study time within one hour of the local clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub date: NaiveDate,
    /// 0 to 23.
    pub hour: u32,
    pub seconds: i64,
}

/// The seconds of each day, oldest first.
pub fn by_day(stretches: &[Stretch]) -> Vec<(NaiveDate, i64)> {
    let mut days: Vec<(NaiveDate, i64)> = Vec::with_capacity(2);
    for stretch in stretches {
        match days.last_mut() {
            Some((date, seconds)) if *date == stretch.date => *seconds += stretch.seconds,
            _ => days.push((stretch.date, stretch.seconds)),
        }
    }
    days
}

/// Seconds between two moments, cut to whole ones: sums of neighbouring stretches then stay exact.
fn whole_seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
    (to - from).num_seconds()
}

/// The calendar day of a moment where the student is.
pub fn local_date(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

/// The study time gained when `before` becomes `after`.
pub fn gained(before: Option<&Sitting>, after: &Sitting) -> Vec<Stretch> {
    let from = before.map_or(after.started_at, |before| before.last_activity_at + LAST);
    after.stretches(from, after.last_activity_at + LAST)
}

/// The day on which `after` counts as one more session: the day it began, and each day that a
/// session reaching past midnight goes on.
pub fn newly_entered(before: Option<&Sitting>, after: &Sitting) -> Option<NaiveDate> {
    let date = after.last_date();
    before
        .is_none_or(|before| before.last_date() < date)
        .then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{
        America::New_York,
        Asia::Kolkata,
        Europe::Berlin,
        Pacific::{Apia, Auckland},
    };
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a moment")
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn days(sitting: &Sitting) -> Vec<(NaiveDate, i64)> {
        by_day(&gained(None, sitting))
    }

    fn sitting(from: &str, to: &str, zone: Tz) -> Sitting {
        Sitting::begun(at(from), zone).continued(at(to))
    }

    #[test]
    fn a_single_activity_lasts_a_minute() {
        let one = Sitting::begun(at("2026-03-02T10:00:00Z"), Berlin);
        assert_eq!(days(&one), [(day("2026-03-02"), 60)]);
    }

    #[test]
    fn a_pause_of_fifteen_minutes_ends_a_session_and_a_second_less_does_not() {
        let one = Sitting::begun(at("2026-03-02T10:00:00Z"), Berlin);
        assert!(one.takes(at("2026-03-02T10:14:59Z")));
        assert!(!one.takes(at("2026-03-02T10:15:00Z")));
    }

    #[test]
    fn a_session_past_midnight_is_cut_where_the_student_is() {
        for (from, to, zone, expected) in [
            // Berlin in winter: midnight is 23:00 UTC.
            (
                "2026-01-10T22:50:00Z",
                "2026-01-10T23:05:00Z",
                Berlin,
                [("2026-01-10", 600), ("2026-01-11", 360)],
            ),
            // Berlin in summer: 22:00 UTC.
            (
                "2026-07-10T21:50:00Z",
                "2026-07-10T22:05:00Z",
                Berlin,
                [("2026-07-10", 600), ("2026-07-11", 360)],
            ),
            // Into the short day on which clocks go forward, and into the long one.
            (
                "2026-03-28T22:50:00Z",
                "2026-03-28T23:05:00Z",
                Berlin,
                [("2026-03-28", 600), ("2026-03-29", 360)],
            ),
            (
                "2026-10-24T21:50:00Z",
                "2026-10-24T22:05:00Z",
                Berlin,
                [("2026-10-24", 600), ("2026-10-25", 360)],
            ),
            // Out of them: the offset has changed since the morning.
            (
                "2026-03-29T21:50:00Z",
                "2026-03-29T22:05:00Z",
                Berlin,
                [("2026-03-29", 600), ("2026-03-30", 360)],
            ),
            (
                "2026-10-25T22:50:00Z",
                "2026-10-25T23:05:00Z",
                Berlin,
                [("2026-10-25", 600), ("2026-10-26", 360)],
            ),
            (
                "2026-03-09T03:50:00Z",
                "2026-03-09T04:05:00Z",
                New_York,
                [("2026-03-08", 600), ("2026-03-09", 360)],
            ),
            (
                "2026-11-02T04:50:00Z",
                "2026-11-02T05:05:00Z",
                New_York,
                [("2026-11-01", 600), ("2026-11-02", 360)],
            ),
            (
                "2026-05-05T18:20:00Z",
                "2026-05-05T18:35:00Z",
                Kolkata,
                [("2026-05-05", 600), ("2026-05-06", 360)],
            ),
            // Auckland: out of the day on which clocks go forward, and of the one on which they go back.
            (
                "2026-09-27T10:50:00Z",
                "2026-09-27T11:05:00Z",
                Auckland,
                [("2026-09-27", 600), ("2026-09-28", 360)],
            ),
            (
                "2026-04-05T11:50:00Z",
                "2026-04-05T12:05:00Z",
                Auckland,
                [("2026-04-05", 600), ("2026-04-06", 360)],
            ),
        ] {
            let expected = expected.map(|(date, seconds)| (day(date), seconds));
            assert_eq!(days(&sitting(from, to, zone)), expected, "{from} {zone}");
        }
    }

    #[test]
    fn the_hour_that_clocks_repeat_or_skip_is_counted_as_it_was_lived() {
        // 01:30 to 03:30 by the wall clock: one hour in spring, three in autumn.
        let spring = sitting("2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", Berlin);
        assert_eq!(days(&spring), [(day("2026-03-29"), 3_660)]);
        let autumn = sitting("2026-11-01T05:30:00Z", "2026-11-01T08:30:00Z", New_York);
        assert_eq!(days(&autumn), [(day("2026-11-01"), 10_860)]);
    }

    #[test]
    fn hours_are_the_ones_of_the_local_clock() {
        let hours = |from: &str, to: &str, zone: Tz| -> Vec<(u32, i64)> {
            let gained = gained(None, &sitting(from, to, zone));
            gained.iter().map(|s| (s.hour, s.seconds)).collect()
        };
        // Kolkata's hours begin at the half of UTC's.
        let half = hours("2026-05-05T03:20:00Z", "2026-05-05T03:39:00Z", Kolkata);
        assert_eq!(half, [(8, 600), (9, 600)]);
        // Berlin skips the hour from two to three, New York lives the one from one to two twice.
        let skipped = hours("2026-03-29T00:30:00Z", "2026-03-29T01:29:00Z", Berlin);
        assert_eq!(skipped, [(1, 1_800), (3, 1_800)]);
        let twice = hours("2026-11-01T05:30:00Z", "2026-11-01T07:29:00Z", New_York);
        assert_eq!(twice, [(1, 1_800), (1, 3_600), (2, 1_800)]);
        let auckland = hours("2026-04-04T13:30:00Z", "2026-04-04T15:29:00Z", Auckland);
        assert_eq!(auckland, [(2, 1_800), (2, 3_600), (3, 1_800)]);
    }

    #[test]
    fn a_day_that_never_was_is_passed_over() {
        // Samoa went from Thursday the 29th straight to Saturday the 31st.
        let over = sitting("2011-12-30T09:50:00Z", "2011-12-30T10:05:00Z", Apia);
        assert_eq!(
            days(&over),
            [(day("2011-12-29"), 600), (day("2011-12-31"), 360)]
        );
    }

    #[test]
    fn a_session_past_midnight_counts_on_both_days_and_only_when_the_second_is_used() {
        let late = Sitting::begun(at("2026-01-10T22:59:40Z"), Berlin);
        assert_eq!(newly_entered(None, &late), Some(day("2026-01-10")));
        assert_eq!(days(&late).len(), 2, "its minute reaches over");
        let later = late.continued(at("2026-01-10T23:02:00Z"));
        assert_eq!(newly_entered(Some(&late), &later), Some(day("2026-01-11")));
        let latest = later.continued(at("2026-01-10T23:03:00Z"));
        assert_eq!(newly_entered(Some(&later), &latest), None);
    }

    #[test]
    fn a_clock_set_back_takes_nothing_away() {
        let one = sitting("2026-03-02T10:00:00Z", "2026-03-02T10:10:00Z", Berlin);
        assert_eq!(one.continued(at("2026-03-02T10:05:00Z")), one);
    }

    proptest! {
        #[test]
        fn what_the_days_gain_adds_up_to_the_session(
            start in 1_700_000_000_i64..1_800_000_000,
            gaps in proptest::collection::vec(0_i64..900, 0..200),
            zone in prop_oneof![Just(Berlin), Just(New_York), Just(Kolkata)],
        ) {
            let mut now = DateTime::from_timestamp(start, 0).expect("in range");
            let mut sitting = Sitting::begun(now, zone);
            let mut total: i64 = gained(None, &sitting).iter().map(|s| s.seconds).sum();
            for gap in gaps {
                now += TimeDelta::seconds(gap);
                prop_assert!(sitting.takes(now));
                let next = sitting.continued(now);
                total += gained(Some(&sitting), &next).iter().map(|s| s.seconds).sum::<i64>();
                sitting = next;
            }
            let whole: i64 = gained(None, &sitting).iter().map(|s| s.seconds).sum();
            prop_assert_eq!(total, whole);
            prop_assert_eq!(total, (sitting.last_activity_at - sitting.started_at + LAST).num_seconds());
        }
    }
}
