//! Study sessions as stretches of time, and how they fall into a student's local days. Pure: it
//! knows time zones, no database.
//!
//! A session is activity with gaps under [`GAP`]. It lasts from its first to its last activity
//! plus [`LAST`], and is cut at the hours of the local clock, so that each hour and each day gets the
//! seconds that were its own.
//!
//! A clock may be set back, and activities come late. So the order in which they come makes no
//! difference: an activity joins what is less than [`GAP`] before or behind it, be it two sessions, and
//! there are never two so near to each other.

use app::model::id::MaterialId;
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
    /// The document that its last activity was about.
    pub material: Option<MaterialId>,
}

impl Sitting {
    /// A session of one activity.
    pub const fn begun(at: DateTime<Utc>, zone: Tz, material: Option<MaterialId>) -> Self {
        Self {
            started_at: at,
            last_activity_at: at,
            zone,
            material,
        }
    }

    /// When it is over.
    pub fn ends_at(&self) -> DateTime<Utc> {
        self.last_activity_at + LAST
    }

    /// The local day it began on.
    pub fn first_date(&self) -> NaiveDate {
        local_date(self.started_at, self.zone)
    }

    /// The local day of the last activity.
    fn last_date(&self) -> NaiveDate {
        local_date(self.last_activity_at, self.zone)
    }
}

/// Moments from the first up to, and without, the second.
pub type Span = (DateTime<Utc>, DateTime<Utc>);

/// A session that has an activity after the first of these moments, and one before the second, takes an
/// activity at `at`.
pub fn reach(at: DateTime<Utc>) -> Span {
    (at - GAP, at + GAP)
}

/// The session that an activity makes of those that take it, in the order they began: none, one or two.
pub fn joined(near: &[Sitting], activity: Sitting) -> Sitting {
    let latest = near
        .last()
        .filter(|last| last.last_activity_at > activity.started_at);
    Sitting {
        started_at: near.first().map_or(activity.started_at, |first| {
            first.started_at.min(activity.started_at)
        }),
        last_activity_at: latest.map_or(activity.started_at, |last| last.last_activity_at),
        zone: near.first().map_or(activity.zone, |first| first.zone),
        material: latest.map_or(activity.material, |last| last.material),
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

/// The calendar day of a moment where the student is.
pub fn local_date(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

/// The study time gained when `near` becomes `after`.
pub fn gained(near: &[Sitting], after: &Sitting) -> Vec<Stretch> {
    let mut gained = Vec::with_capacity(2);
    let mut from = after.started_at;
    for before in near {
        cut((from, before.started_at), after.zone, &mut gained);
        from = before.ends_at();
    }
    cut((from, after.ends_at()), after.zone, &mut gained);
    gained
}

/// Whose the moments are that an activity about `material` adds to the sessions that take it, and with
/// -1 takes back: the time between two activities belongs to the document of the earlier one, the minute
/// after the last to the last one's. An activity within a session changes nothing.
pub fn shares(
    near: &[Sitting],
    at: DateTime<Utc>,
    material: Option<MaterialId>,
) -> Vec<(MaterialId, Span, i64)> {
    let is_within = |sitting: &Sitting| sitting.started_at <= at && at < sitting.last_activity_at;
    if near.iter().any(is_within) {
        return Vec::new();
    }
    let earlier = near.iter().find(|sitting| sitting.last_activity_at <= at);
    let later = near.iter().find(|sitting| sitting.started_at > at);
    let until = later.map_or(at + LAST, |later| later.started_at);
    let between = earlier.and_then(|earlier| {
        let ends_at = earlier.ends_at();
        let (span, sign) = match at < ends_at {
            true => ((at, ends_at), -1),
            false => ((ends_at, at), 1),
        };
        earlier.material.map(|material| (material, span, sign))
    });
    let own = material.map(|material| (material, (at, until), 1));
    between.into_iter().chain(own).collect()
}

/// How a span falls into local hours, oldest first.
pub fn stretches(span: Span, zone: Tz) -> Vec<Stretch> {
    let mut stretches = Vec::with_capacity(2);
    cut(span, zone, &mut stretches);
    stretches
}

/// Cuts a span at the hours of the local clock.
fn cut((mut from, to): Span, zone: Tz, stretches: &mut Vec<Stretch>) {
    while from < to {
        // Clocks change on the hour, so nothing but the hour's end has to be looked for.
        let local = from.with_timezone(&zone).naive_local();
        let into_hour = TimeDelta::seconds(i64::from(local.minute() * 60 + local.second()))
            + TimeDelta::nanoseconds(i64::from(local.nanosecond()));
        let until = (from + HOUR - into_hour).min(to);
        // Seconds by the clock, so that sums of neighbouring stretches stay exact.
        let seconds = until.timestamp() - from.timestamp();
        if seconds > 0 {
            stretches.push(Stretch {
                date: local.date(),
                hour: local.hour(),
                seconds,
            });
        }
        from = until;
    }
}

/// The day that has one session more, or with -1 one less, when `near` becomes `after`: a session counts
/// on the day it began, and on each that it goes on past midnight.
pub fn entered(near: &[Sitting], after: &Sitting) -> Option<(NaiveDate, i32)> {
    let (first, last) = (after.first_date(), after.last_date());
    match near {
        [] => Some((last, 1)),
        [before] if last > before.last_date() => Some((last, 1)),
        [before] if first < before.first_date() => Some((first, 1)),
        [earlier, later, ..] if earlier.last_date() == later.first_date() => {
            Some((later.first_date(), -1))
        }
        _ => None,
    }
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

    fn whole(sitting: &Sitting) -> Vec<Stretch> {
        stretches((sitting.started_at, sitting.ends_at()), sitting.zone)
    }

    fn days(sitting: &Sitting) -> Vec<(NaiveDate, i64)> {
        by_day(&whole(sitting))
    }

    fn sitting(from: &str, to: &str, zone: Tz) -> Sitting {
        Sitting {
            last_activity_at: at(to),
            ..Sitting::begun(at(from), zone, None)
        }
    }

    /// What another activity makes of sessions.
    fn after(near: &[Sitting], time: &str) -> Sitting {
        joined(near, Sitting::begun(at(time), Berlin, None))
    }

    #[test]
    fn a_single_activity_lasts_a_minute() {
        let one = Sitting::begun(at("2026-03-02T10:00:00Z"), Berlin, None);
        assert_eq!(days(&one), [(day("2026-03-02"), 60)]);
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
            let whole = whole(&sitting(from, to, zone));
            whole.iter().map(|s| (s.hour, s.seconds)).collect()
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
        let late = Sitting::begun(at("2026-01-10T22:59:40Z"), Berlin, None);
        assert_eq!(entered(&[], &late), Some((day("2026-01-10"), 1)));
        assert_eq!(days(&late).len(), 2, "its minute reaches over");
        let later = after(&[late], "2026-01-10T23:02:00Z");
        assert_eq!(entered(&[late], &later), Some((day("2026-01-11"), 1)));
        let latest = after(&[later], "2026-01-10T23:03:00Z");
        assert_eq!(entered(&[later], &latest), None);
    }

    #[test]
    fn an_activity_within_a_session_changes_nothing() {
        let one = sitting("2026-03-02T10:00:00Z", "2026-03-02T10:10:00Z", Berlin);
        assert_eq!(after(&[one], "2026-03-02T10:05:00Z"), one);
        assert!(gained(&[one], &one).is_empty());
        let book = Some(MaterialId::new(uuid::Uuid::nil()));
        assert!(shares(&[one], at("2026-03-02T10:05:00Z"), book).is_empty());
    }

    #[test]
    fn what_comes_late_is_gained_in_front() {
        let one = sitting("2026-01-10T23:01:00Z", "2026-01-10T23:05:00Z", Berlin);
        let more = after(&[one], "2026-01-10T22:58:00Z");
        let expected = [(day("2026-01-10"), 120), (day("2026-01-11"), 60)];
        assert_eq!(by_day(&gained(&[one], &more)), expected);
        assert_eq!(entered(&[one], &more), Some((day("2026-01-10"), 1)));
        assert_eq!(more.first_date(), day("2026-01-10"));
    }

    #[test]
    fn an_activity_between_two_sessions_makes_them_one() {
        let first = sitting("2026-03-02T10:00:00Z", "2026-03-02T10:10:00Z", Berlin);
        let second = sitting("2026-03-02T10:30:00Z", "2026-03-02T10:35:00Z", Berlin);
        let both = after(&[first, second], "2026-03-02T10:20:00Z");
        let expected = sitting("2026-03-02T10:00:00Z", "2026-03-02T10:35:00Z", Berlin);
        assert_eq!(both, expected);
        let gained = by_day(&gained(&[first, second], &both));
        assert_eq!(gained, [(day("2026-03-02"), 19 * 60)]);
        let fewer = Some((day("2026-03-02"), -1));
        assert_eq!(entered(&[first, second], &both), fewer);
    }

    #[test]
    fn the_time_between_two_documents_belongs_to_the_first() {
        let id = |number| Some(MaterialId::new(uuid::Uuid::from_u128(number)));
        let (book, other) = (id(1), id(2));
        let seconds = |steps: &[(&str, Option<MaterialId>)], of: Option<MaterialId>| -> i64 {
            let mut sum = 0;
            let mut near: Vec<Sitting> = Vec::new();
            for (time, material) in steps {
                for (whose, (from, to), sign) in shares(&near, at(time), *material) {
                    if Some(whose) == of {
                        sum += sign * (to - from).num_seconds();
                    }
                }
                near = vec![joined(&near, Sitting::begun(at(time), Berlin, *material))];
            }
            sum
        };
        let pause = [
            ("2026-03-02T10:00:00Z", book),
            ("2026-03-02T10:05:00Z", book),
            ("2026-03-02T10:19:00Z", other),
        ];
        assert_eq!(
            (seconds(&pause, book), seconds(&pause, other)),
            (19 * 60, 60)
        );
        let quick = [
            ("2026-03-02T10:00:00Z", book),
            ("2026-03-02T10:00:20Z", other),
            ("2026-03-02T10:00:50Z", None),
        ];
        assert_eq!((seconds(&quick, book), seconds(&quick, other)), (20, 30));
        let late = [
            ("2026-03-02T10:10:00Z", other),
            ("2026-03-02T10:00:00Z", book),
        ];
        assert_eq!((seconds(&late, book), seconds(&late, other)), (10 * 60, 60));
    }

    proptest! {
        #[test]
        fn what_the_days_gain_adds_up_to_the_session(
            start in 1_700_000_000_000_i64..1_800_000_000_000,
            gaps in proptest::collection::vec(-899_999_i64..900_000, 0..200),
            zone in prop_oneof![Just(Berlin), Just(New_York), Just(Kolkata), Just(Auckland)],
        ) {
            let first = DateTime::from_timestamp_millis(start).expect("in range");
            let mut sitting = Sitting::begun(first, zone, None);
            let mut total: i64 = gained(&[], &sitting).iter().map(|s| s.seconds).sum();
            for gap in gaps {
                let from = if gap < 0 { sitting.started_at } else { sitting.last_activity_at };
                let activity = Sitting::begun(from + TimeDelta::milliseconds(gap), zone, None);
                let next = joined(&[sitting], activity);
                total += gained(&[sitting], &next).iter().map(|s| s.seconds).sum::<i64>();
                sitting = next;
            }
            let all: i64 = whole(&sitting).iter().map(|s| s.seconds).sum();
            prop_assert_eq!(total, all);
            let exact = (sitting.ends_at() - sitting.started_at).num_milliseconds();
            prop_assert!((total * 1_000 - exact).abs() < 1_000);
        }
    }
}
