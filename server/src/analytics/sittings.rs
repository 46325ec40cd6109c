//! Study sessions as stretches of time, and how they fall into a student's local days. Pure: it
//! knows time zones, no database.
//!
//! A session is activity with gaps under [`GAP`]. It lasts from its first to its last activity
//! plus [`LAST`], and is cut at local midnight, so that each day gets the seconds that were its own.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// A pause this long ends a session.
pub const GAP: TimeDelta = TimeDelta::minutes(15);
/// What the last activity is taken to have lasted.
pub const LAST: TimeDelta = TimeDelta::minutes(1);

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

    /// The seconds of each local day it touches, oldest first.
    pub fn by_day(&self) -> Vec<(NaiveDate, i64)> {
        let end = self.last_activity_at + LAST;
        let mut days = Vec::with_capacity(2);
        let mut from = self.started_at;
        while from < end {
            let date = local_date(from, self.zone);
            let midnight = end_of_day(date, self.zone);
            // A zone whose rules confuse us costs exactness at midnight, never an endless loop.
            let to = if midnight > from {
                midnight.min(end)
            } else {
                end
            };
            days.push((
                date,
                whole_seconds(self.started_at, to) - whole_seconds(self.started_at, from),
            ));
            from = to;
        }
        days
    }
}

/// Seconds between two moments, cut to whole ones: sums of neighbouring stretches then stay exact.
fn whole_seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
    (to - from).num_seconds()
}

/// The calendar day of a moment where the student is.
pub fn local_date(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

/// The first moment after a local day. Where clocks skip midnight, the day ends with the skip.
fn end_of_day(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    /// Steps in which a skipped midnight is looked for; all known skips are multiples of it.
    const STEP: TimeDelta = TimeDelta::minutes(15);
    let Some(next) = date.checked_add_days(Days::new(1)) else {
        return DateTime::<Utc>::MAX_UTC;
    };
    let mut local = next.and_time(NaiveTime::MIN);
    // One whole day was skipped once (Samoa, 2011).
    for _ in 0..=(24 * 4) {
        if let Some(moment) = zone.from_local_datetime(&local).earliest() {
            return moment.with_timezone(&Utc);
        }
        local += STEP;
    }
    next.and_time(NaiveTime::MIN).and_utc()
}

/// The study time each day gains when `before` becomes `after`.
pub fn gained(before: Option<&Sitting>, after: &Sitting) -> Vec<(NaiveDate, i64)> {
    let before = before.map(Sitting::by_day).unwrap_or_default();
    after
        .by_day()
        .into_iter()
        .map(|(date, seconds)| {
            let had = before
                .iter()
                .find_map(|(day, had)| (*day == date).then_some(*had));
            (date, seconds - had.unwrap_or_default())
        })
        .filter(|(_, seconds)| *seconds != 0)
        .collect()
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
    use chrono_tz::{America::New_York, Asia::Kolkata, Europe::Berlin, Pacific::Apia};
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a moment")
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn sitting(from: &str, to: &str, zone: Tz) -> Sitting {
        Sitting::begun(at(from), zone).continued(at(to))
    }

    #[test]
    fn a_single_activity_lasts_a_minute() {
        let one = Sitting::begun(at("2026-03-02T10:00:00Z"), Berlin);
        assert_eq!(one.by_day(), [(day("2026-03-02"), 60)]);
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
        ] {
            let expected = expected.map(|(date, seconds)| (day(date), seconds));
            assert_eq!(sitting(from, to, zone).by_day(), expected, "{from} {zone}");
        }
    }

    #[test]
    fn the_hour_that_clocks_repeat_or_skip_is_counted_as_it_was_lived() {
        // 01:30 to 03:30 by the wall clock: one hour in spring, three in autumn.
        let spring = sitting("2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", Berlin);
        assert_eq!(spring.by_day(), [(day("2026-03-29"), 3_660)]);
        let autumn = sitting("2026-11-01T05:30:00Z", "2026-11-01T08:30:00Z", New_York);
        assert_eq!(autumn.by_day(), [(day("2026-11-01"), 10_860)]);
    }

    #[test]
    fn a_day_that_never_was_is_passed_over() {
        // Samoa went from Thursday the 29th straight to Saturday the 31st.
        let over = sitting("2011-12-30T09:50:00Z", "2011-12-30T10:05:00Z", Apia);
        assert_eq!(
            over.by_day(),
            [(day("2011-12-29"), 600), (day("2011-12-31"), 360)]
        );
    }

    #[test]
    fn a_session_past_midnight_counts_on_both_days_and_only_when_the_second_is_used() {
        let late = Sitting::begun(at("2026-01-10T22:59:40Z"), Berlin);
        assert_eq!(newly_entered(None, &late), Some(day("2026-01-10")));
        assert_eq!(late.by_day().len(), 2, "its minute reaches over");
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
            let mut total: i64 = gained(None, &sitting).iter().map(|(_, seconds)| seconds).sum();
            for gap in gaps {
                now += TimeDelta::seconds(gap);
                prop_assert!(sitting.takes(now));
                let next = sitting.continued(now);
                total += gained(Some(&sitting), &next).iter().map(|(_, seconds)| seconds).sum::<i64>();
                sitting = next;
            }
            prop_assert_eq!(total, (sitting.last_activity_at - sitting.started_at + LAST).num_seconds());
        }
    }
}
