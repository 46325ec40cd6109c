//! From the days a student was active to the figures the pages show. Pure: rows in, model out.

use super::{
    rules,
    streak::{self, Streak},
};
use app::model::{
    analytics::{DayActivity, MaterialTime, Overview, PeriodFigures, Standing},
    id::MaterialId,
};
use chrono::{Days, NaiveDate};

/// What happened on one local day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    pub date: NaiveDate,
    pub activities: u32,
    pub questions: u32,
    pub materials_added: u32,
    pub pages_read: u32,
    pub study_sessions: u32,
    pub study_seconds: u32,
    pub xp: u32,
    pub materials_finished: u32,
    pub achievements: u32,
    /// One bit for each hour of the day in which something was done, the lowest for the first.
    pub active_hours: u32,
}

impl Day {
    /// Whether enough was done for the streak.
    pub const fn counts_for_streak(&self) -> bool {
        self.study_seconds >= rules::STREAK_DAY_SECONDS
            || self.questions >= rules::STREAK_DAY_QUESTIONS
    }

    const fn minutes(&self) -> u32 {
        whole_minutes(self.study_seconds)
    }
}

/// Whole minutes, so that a day shown with five of them is one that counts for the streak.
const fn whole_minutes(seconds: u32) -> u32 {
    seconds / 60
}

/// The days that count for the streak. `history` is in ascending order, as everywhere here.
pub fn counted_days(history: &[Day]) -> Vec<NaiveDate> {
    history
        .iter()
        .filter(|day| day.counts_for_streak())
        .map(|day| day.date)
        .collect()
}

/// Level, XP and streak on `today`.
pub fn standing(history: &[Day], today: NaiveDate) -> Standing {
    standing_with(history, today, &streak_on(history, today))
}

/// The streak as it stood on a day.
fn streak_on(history: &[Day], today: NaiveDate) -> Streak {
    streak::of(&counted_days(history), today)
}

fn standing_with(history: &[Day], today: NaiveDate, streak: &Streak) -> Standing {
    let xp_total = sum(history, |day| day.xp);
    let level = rules::level(xp_total);
    let on_today = history.iter().rfind(|day| day.date == today);
    Standing {
        xp_total,
        xp_today: on_today.map_or(0, |day| day.xp),
        level,
        level_starts_at_xp: rules::level_starts_at(level),
        next_level_at_xp: rules::level_starts_at(level.saturating_add(1)),
        current_streak_days: streak.current,
        longest_streak_days: streak.longest,
        streak_safe_today: on_today.is_some_and(Day::counts_for_streak),
    }
}

/// Different documents of which something was read in a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    pub materials: u32,
    /// Those of them that were finished when it ended.
    pub finished: u32,
}

/// The two periods of an overview: the one of `days` days that ends with `today`, and the one before
/// it, as first and last day.
pub fn periods(today: NaiveDate, days: u32) -> [(NaiveDate, NaiveDate); 2] {
    let first = first_day(today, days);
    let last_before = first.pred_opt().unwrap_or(first);
    [(first, today), (first_day(last_before, days), last_before)]
}

/// Figures of the `days` days that end with `today`, and of as many before; `opened` likewise.
pub fn overview(history: &[Day], today: NaiveDate, days: u32, opened: [Opened; 2]) -> Overview {
    let [current, before] = periods(today, days);
    let streak = streak_on(history, today);
    Overview {
        days,
        current: period(history, current, opened[0], &streak),
        before: period(history, before, opened[1], &streak),
        standing: standing_with(history, today, &streak),
        has_activity: history.iter().any(|day| day.activities > 0),
    }
}

/// The days of a period with anything on them.
pub fn within(history: &[Day], (first, last): (NaiveDate, NaiveDate)) -> &[Day] {
    let until = until(history, last);
    &until[until.partition_point(|day| day.date < first)..]
}

fn until(history: &[Day], last: NaiveDate) -> &[Day] {
    &history[..history.partition_point(|day| day.date <= last)]
}

/// Figures of one period, as they stood on its last day.
fn period(
    history: &[Day],
    (first, last): (NaiveDate, NaiveDate),
    opened: Opened,
    streak: &Streak,
) -> PeriodFigures {
    let period = within(history, (first, last));
    let study_sessions = sum(period, |day| day.study_sessions);
    let minutes = whole_minutes(sum(period, |day| day.study_seconds));
    PeriodFigures {
        study_sessions,
        minutes,
        mean_minutes: minutes.checked_div(study_sessions).unwrap_or_default(),
        materials_opened: opened.materials,
        materials_finished: sum(period, |day| day.materials_finished),
        completion_percent: opened
            .finished
            .saturating_mul(100)
            .checked_div(opened.materials),
        questions: sum(period, |day| day.questions),
        materials_added: sum(period, |day| day.materials_added),
        pages_read: sum(period, |day| day.pages_read),
        xp: sum(period, |day| day.xp),
        level: rules::level(sum(until(history, last), |day| day.xp)),
        current_streak_days: streak.on(last),
        longest_streak_days: streak.longest_on(last),
        active_days: sum(period, |day| u32::from(day.activities > 0)),
        achievements: sum(period, |day| day.achievements),
    }
}

/// Each of the `days` days that end with `today`, oldest first, the empty ones too.
pub fn days(history: &[Day], today: NaiveDate, days: u32) -> Vec<DayActivity> {
    let each = each_day(history, today, days);
    each.into_iter().map(|(_, activity)| activity).collect()
}

/// The same, beside all that was counted on the day.
pub fn each_day(history: &[Day], today: NaiveDate, days: u32) -> Vec<(Day, DayActivity)> {
    let first = first_day(today, days);
    let streak = streak_on(history, today);
    let begin = history.partition_point(|day| day.date < first);
    let (earlier, rest) = history.split_at(begin);
    let mut xp_total = sum(earlier, |day| day.xp);
    let mut rest = rest.iter().peekable();
    first
        .iter_days()
        .take_while(|date| *date <= today)
        .map(|date| {
            let day = rest
                .next_if(|day| day.date == date)
                .copied()
                .unwrap_or_default();
            xp_total = xp_total.saturating_add(day.xp);
            let activity = DayActivity {
                date,
                activities: day.activities,
                minutes: day.minutes(),
                xp: day.xp,
                xp_total,
                frozen: streak.frozen.binary_search(&date).is_ok(),
                streak_days: streak.on(date),
            };
            (day, activity)
        })
        .collect()
}

/// The days from the first with anything on it to `today`, at least one.
pub fn all_days(history: &[Day], today: NaiveDate) -> u32 {
    let first = history.first().map_or(today, |day| day.date.min(today));
    u32::try_from((today - first).num_days() + 1).unwrap_or(1)
}

/// Whole minutes by weekday (Monday first) and hour, from seconds by weekday (Monday is 0) and hour.
pub fn hours(seconds: &[(u32, u32, i64)]) -> [[u32; 24]; 7] {
    let mut minutes = [[0; 24]; 7];
    for (weekday, hour, seconds) in seconds {
        let hours = minutes.get_mut(*weekday as usize);
        if let Some(cell) = hours.and_then(|hours| hours.get_mut(*hour as usize)) {
            *cell = minutes_of(*seconds);
        }
    }
    minutes
}

/// The documents read longest, and the minutes of all others, from seconds by document, the longest
/// first. A document that is gone has no title, and is one of the others.
pub fn longest_read(
    materials: Vec<(MaterialId, Option<String>, i64)>,
    most: usize,
) -> (Vec<MaterialTime>, u32) {
    let mut named = Vec::new();
    let mut others = 0;
    for (material, title, seconds) in materials {
        match title {
            Some(title) if named.len() < most && seconds > 0 => named.push(MaterialTime {
                material,
                title,
                minutes: minutes_of(seconds),
            }),
            _ => others += seconds,
        }
    }
    (named, minutes_of(others))
}

fn minutes_of(seconds: i64) -> u32 {
    whole_minutes(u32::try_from(seconds.max(0)).unwrap_or(u32::MAX))
}

fn first_day(today: NaiveDate, days: u32) -> NaiveDate {
    today
        .checked_sub_days(Days::new(u64::from(days.saturating_sub(1))))
        .unwrap_or(today)
}

fn sum(days: &[Day], figure: impl Fn(&Day) -> u32) -> u32 {
    days.iter().map(figure).fold(0, u32::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(date: &str, study_seconds: u32, questions: u32, xp: u32) -> Day {
        Day {
            date: date.parse().expect("a day"),
            activities: 1,
            questions,
            study_sessions: 1,
            study_seconds,
            xp,
            ..Day::default()
        }
    }

    fn history() -> Vec<Day> {
        vec![
            day("2026-03-02", 600, 1, 100),
            day("2026-03-03", 60, 3, 25),
            day("2026-03-05", 300, 0, 10),
            day("2026-03-06", 30, 0, 10),
        ]
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn a_period_ends_today_and_holds_every_day_of_it() {
        let days = days(&history(), date("2026-03-06"), 4);
        let seen: Vec<_> = days
            .iter()
            .map(|day| {
                (
                    day.date.to_string(),
                    day.minutes,
                    day.xp,
                    day.xp_total,
                    day.frozen,
                    day.streak_days,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("2026-03-03".to_owned(), 1, 25, 125, false, 2),
                ("2026-03-04".to_owned(), 0, 0, 125, true, 2),
                ("2026-03-05".to_owned(), 5, 10, 135, false, 3),
                ("2026-03-06".to_owned(), 0, 10, 145, false, 3),
            ]
        );
    }

    #[test]
    fn an_overview_counts_its_period_and_the_one_before_it() {
        let opened = Opened {
            materials: 3,
            finished: 1,
        };
        let opened = [opened, Opened::default()];
        let overview = overview(&history(), date("2026-03-06"), 2, opened);
        let (current, before) = (overview.current, overview.before);
        assert_eq!(
            (current.xp, current.active_days, current.minutes),
            (20, 2, 5)
        );
        assert_eq!((current.study_sessions, current.mean_minutes), (2, 2));
        assert_eq!(
            (current.materials_opened, current.completion_percent),
            (3, Some(33))
        );
        assert_eq!((current.level, current.current_streak_days), (2, 3));
        assert_eq!((before.xp, before.active_days, before.minutes), (25, 1, 1));
        assert_eq!(before.completion_percent, None);
        assert_eq!((before.level, before.current_streak_days), (2, 2));
        assert_eq!(overview.standing.xp_total, 145);
        assert_eq!(overview.standing.level, 2);
        assert_eq!(overview.standing.next_level_at_xp, 300);
        assert_eq!(overview.standing.current_streak_days, 3);
        assert!(!overview.standing.streak_safe_today);
        assert!(overview.has_activity);
    }

    #[test]
    fn a_new_account_stands_at_level_one_with_nothing() {
        let overview = overview(&[], date("2026-03-06"), 365, Default::default());
        assert!(!overview.has_activity);
        assert_eq!(overview.standing.level, 1);
        assert_eq!(overview.standing.next_level_at_xp, 100);
        assert_eq!(overview.current.mean_minutes, 0);
        assert_eq!(days(&[], date("2026-03-06"), 365).len(), 365);
    }

    #[test]
    fn a_period_that_is_over_ended_with_a_missed_day() {
        let counted = |text: &str| day(text, 300, 0, 10);
        let history = [
            counted("2026-03-02"),
            counted("2026-03-03"),
            counted("2026-03-05"),
            counted("2026-03-09"),
        ];
        let figures = |today: &str| {
            let overview = overview(&history, date(today), 1, Default::default());
            let streak =
                |period: PeriodFigures| (period.current_streak_days, period.longest_streak_days);
            (streak(overview.current), streak(overview.before))
        };
        assert_eq!(figures("2026-03-05"), ((3, 3), (2, 2)), "held by a freeze");
        assert_eq!(figures("2026-03-06"), ((3, 3), (3, 3)), "today is not over");
        assert_eq!(figures("2026-03-07"), ((0, 3), (0, 3)), "the sixth is");
        assert_eq!(figures("2026-03-10"), ((1, 3), (1, 3)));
    }

    #[test]
    fn the_days_begin_with_the_first_that_has_anything_on_it() {
        assert_eq!(all_days(&history(), date("2027-04-30")), 425);
        assert_eq!(all_days(&[], date("2027-04-30")), 1);
        let west = all_days(&history(), date("2026-03-01"));
        assert_eq!(west, 1, "all of it is tomorrow where she is now");
    }

    #[test]
    fn hours_have_whole_minutes() {
        let hours = hours(&[
            (0, 9, 180),
            (6, 23, 60),
            (1, 9, 59),
            (7, 0, 60),
            (0, 24, 60),
        ]);
        assert_eq!((hours[0][9], hours[6][23], hours[1][9]), (3, 1, 0));
    }

    #[test]
    fn only_the_longest_read_are_named_and_nothing_is_lost() {
        let id = |number: u128| MaterialId::new(uuid::Uuid::from_u128(number));
        let read = vec![
            (id(1), None, 900),
            (id(2), Some("Heart".to_owned()), 600),
            (id(3), Some("Lung".to_owned()), 300),
            (id(4), Some("Skin".to_owned()), 60),
        ];
        let (named, others) = longest_read(read, 2);
        let titles: Vec<_> = named.iter().map(|one| (&*one.title, one.minutes)).collect();
        assert_eq!(titles, [("Heart", 10), ("Lung", 5)]);
        assert_eq!(others, 16);
    }

    #[test]
    fn five_minutes_or_three_questions_make_a_day_count() {
        for (seconds, questions, counts) in [(299, 2, false), (300, 0, true), (0, 3, true)] {
            assert_eq!(
                day("2026-03-06", seconds, questions, 0).counts_for_streak(),
                counts
            );
        }
    }
}
