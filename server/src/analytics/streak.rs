//! Streaks over a list of days. Pure: it is told which days counted.
//!
//! A streak is consecutive days that counted. In each week, Monday to Sunday, one missed day is
//! bridged by a freeze: it keeps the streak and is not counted in it. A freeze is used up only
//! once it has bridged; today is never missed before it is over.

use chrono::{NaiveDate, Weekday};

/// What a student's days make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Streak {
    /// Days of the streak that today is part of, or can still become part of.
    pub current: u32,
    pub longest: u32,
    /// Missed days that a freeze bridges, oldest first.
    pub frozen: Vec<NaiveDate>,
    /// The first day that counted.
    first: Option<NaiveDate>,
    /// How long the streak was at the end of each day, from the first that counted to today.
    history: Vec<u32>,
}

impl Streak {
    /// How long the streak was at the end of a day, until today; a missed day counts as missed, unless
    /// it is today.
    pub fn on(&self, date: NaiveDate) -> u32 {
        self.until(date).last().copied().unwrap_or_default()
    }

    /// The longest streak there had been at the end of a day.
    pub fn longest_on(&self, date: NaiveDate) -> u32 {
        self.until(date).iter().copied().max().unwrap_or_default()
    }

    /// The history up to and including a day.
    fn until(&self, date: NaiveDate) -> &[u32] {
        let days = self.first.map_or(0, |first| (date - first).num_days() + 1);
        let days = usize::try_from(days).unwrap_or_default();
        self.history.get(..days).unwrap_or(&self.history)
    }
}

/// All streaks there were, each with the days that counted; those are given in ascending order.
pub fn all(counted: &[NaiveDate]) -> impl Iterator<Item = &[NaiveDate]> {
    let last = counted.last().copied().unwrap_or_default();
    let lengths = of(counted, last);
    counted.chunk_by(move |_, next| lengths.on(*next) > 1)
}

/// The streak on `today`, from the days that counted, in ascending order. Days after today (a
/// student who moved west) are left out.
pub fn of(counted: &[NaiveDate], today: NaiveDate) -> Streak {
    let mut streak = Streak::default();
    let Some(first) = counted.first() else {
        return streak;
    };
    streak.first = Some(*first);
    let mut counted = counted.iter().peekable();
    let mut bridged_week = None;
    // Missed days whose freeze holds the streak until a day that counts makes it a bridge: two at
    // most, the last of a week and the first of the next.
    let mut held: Vec<NaiveDate> = Vec::new();
    for date in first.iter_days().take_while(|date| *date <= today) {
        if counted.next_if_eq(&&date).is_some() {
            streak.current += 1;
            streak.longest = streak.longest.max(streak.current);
            bridged_week = held.last().copied().map(monday).or(bridged_week);
            streak.frozen.append(&mut held);
        } else if date != today && streak.current > 0 {
            let week = Some(monday(date));
            if bridged_week == week || held.last().copied().map(monday) == week {
                streak.current = 0;
                held.clear();
            } else {
                held.push(date);
            }
        }
        streak.history.push(streak.current);
    }
    streak.frozen.append(&mut held);
    streak
}

fn monday(date: NaiveDate) -> NaiveDate {
    date.week(Weekday::Mon).checked_first_day().unwrap_or(date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{Datelike, Days};
    use proptest::prelude::*;

    /// Monday.
    const FIRST: NaiveDate = NaiveDate::from_ymd_opt(2026, 3, 2).expect("a day");

    fn nth(n: usize) -> NaiveDate {
        FIRST + Days::new(n as u64)
    }

    /// Draws days from a Monday on: `x` counted, `.` did not; the last is today. Answers with the
    /// streak and the same drawing, frozen days marked `f`.
    fn drawn(days: &str) -> (u32, u32, String) {
        let days: String = days.chars().filter(|c| *c != ' ').collect();
        let counted: Vec<NaiveDate> = days
            .chars()
            .enumerate()
            .filter(|(_, c)| *c == 'x')
            .map(|(n, _)| nth(n))
            .collect();
        let streak = of(&counted, nth(days.len() - 1));
        let marked = days
            .chars()
            .enumerate()
            .map(|(n, c)| {
                if streak.frozen.contains(&nth(n)) {
                    'f'
                } else {
                    c
                }
            })
            .collect();
        (streak.current, streak.longest, marked)
    }

    #[test]
    fn streaks_are_counted_frozen_and_broken_by_the_rule() {
        for (days, current, longest, marked, why) in [
            (".", 0, 0, ".", "nothing yet"),
            ("x", 1, 1, "x", "the first day"),
            ("xx.", 2, 2, "xx.", "today is not missed before it is over"),
            (
                "xx.x",
                3,
                3,
                "xxfx",
                "one missed day is bridged and not counted",
            ),
            ("xx..", 2, 2, "xxf.", "yesterday is held by a freeze"),
            ("xx...", 0, 2, "xx...", "two missed days in a week break it"),
            (
                "x.x.x",
                1,
                2,
                "xfx.x",
                "the second miss of a week breaks it",
            ),
            (
                "xxxxxx. .x",
                7,
                7,
                "xxxxxxf fx",
                "Sunday and Monday belong to two weeks",
            ),
            ("xxxxxx. ..", 6, 6, "xxxxxxf f.", "and hold it until today"),
            ("xxxxxx. ..x", 1, 6, "xxxxxx. ..x", "but not a third day"),
            (
                "x..x.x",
                2,
                2,
                "x..xfx",
                "a freeze that bridged nothing is still there",
            ),
            (
                "x.xxxxx x.xxxxx",
                12,
                12,
                "xfxxxxx xfxxxxx",
                "every week has its own",
            ),
            ("....x", 1, 1, "....x", "no freeze before the first day"),
        ] {
            let marked: String = marked.chars().filter(|c| *c != ' ').collect();
            assert_eq!(drawn(days), (current, longest, marked), "{days}: {why}");
        }
    }

    #[test]
    fn days_after_today_are_left_out() {
        assert_eq!(of(&[nth(0), nth(1), nth(5)], nth(1)).current, 2);
        let ahead = of(&[nth(5)], nth(1));
        assert_eq!(
            (ahead.longest, ahead.on(nth(1)), ahead.on(nth(9))),
            (0, 0, 0)
        );
    }

    #[test]
    fn a_day_that_is_over_was_missed_though_it_was_not_while_it_lasted() {
        let streak = of(&[nth(0), nth(1), nth(5)], nth(6));
        let on = |n| (streak.on(nth(n)), streak.longest_on(nth(n)));
        assert_eq!([1, 2, 3, 5].map(on), [(2, 2), (2, 2), (0, 2), (1, 2)]);
        assert_eq!(streak.on(FIRST - Days::new(1)), 0);
    }

    #[test]
    fn each_streak_has_the_days_that_counted() {
        let counted = [nth(0), nth(2), nth(5), nth(6), nth(8)];
        let streaks: Vec<_> = all(&counted).collect();
        assert_eq!(streaks, [&counted[..2], &counted[2..]]);
        assert_eq!(all(&[]).count(), 0);
    }

    proptest! {
        #[test]
        fn a_week_has_one_frozen_day_at_most_and_none_that_counted(
            days in proptest::collection::vec(any::<bool>(), 1..120),
        ) {
            let counted: Vec<NaiveDate> =
                (0..days.len()).filter(|n| days[*n]).map(nth).collect();
            let streak = of(&counted, nth(days.len() - 1));
            let mut weeks: Vec<_> = streak.frozen.iter().map(|date| date.iso_week()).collect();
            let frozen = weeks.len();
            weeks.dedup();
            prop_assert_eq!(weeks.len(), frozen);
            prop_assert!(streak.frozen.iter().all(|date| !counted.contains(date)));
            prop_assert!(streak.current <= streak.longest);
            prop_assert!(streak.longest as usize <= counted.len());
        }

        #[test]
        fn a_day_more_never_ends_a_streak(days in proptest::collection::vec(any::<bool>(), 1..60)) {
            let counted: Vec<NaiveDate> =
                (0..days.len()).filter(|n| days[*n]).map(nth).collect();
            let today = nth(days.len() - 1);
            let before = of(&counted, today).current;
            let mut with_today = counted;
            if with_today.last() != Some(&today) {
                with_today.push(today);
                prop_assert_eq!(of(&with_today, today).current, before + 1);
            }
        }
    }
}
