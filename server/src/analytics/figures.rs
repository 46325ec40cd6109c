//! From the days a student was active to the figures the pages show. Pure: rows in, model out.

use super::{
    rules,
    streak::{self, Streak},
};
use app::model::analytics::{DayActivity, Overview, Standing};
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

/// The days up to `today` that count for the streak. `history` is in ascending order, as
/// everywhere here.
pub fn streak_days(history: &[Day], today: NaiveDate) -> Vec<NaiveDate> {
    history
        .iter()
        .filter(|day| day.date <= today && day.counts_for_streak())
        .map(|day| day.date)
        .collect()
}

/// Level, XP and streak on `today`.
pub fn standing(history: &[Day], today: NaiveDate) -> Standing {
    let streak = streak::of(&streak_days(history, today), today);
    standing_with(history, today, &streak)
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

/// Figures of the `days` days that end with `today`.
pub fn overview(history: &[Day], today: NaiveDate, days: u32) -> Overview {
    let first = first_day(today, days);
    let period: Vec<Day> = history
        .iter()
        .filter(|day| (first..=today).contains(&day.date))
        .copied()
        .collect();
    Overview {
        days,
        study_sessions: sum(&period, |day| day.study_sessions),
        minutes: whole_minutes(sum(&period, |day| day.study_seconds)),
        questions: sum(&period, |day| day.questions),
        materials_added: sum(&period, |day| day.materials_added),
        pages_read: sum(&period, |day| day.pages_read),
        active_days: sum(&period, |day| u32::from(day.activities > 0)),
        xp: sum(&period, |day| day.xp),
        standing: standing(history, today),
        has_activity: history.iter().any(|day| day.activities > 0),
    }
}

/// Each of the `days` days that end with `today`, oldest first, the empty ones too.
pub fn days(history: &[Day], today: NaiveDate, days: u32) -> Vec<DayActivity> {
    let first = first_day(today, days);
    let frozen = streak::of(&streak_days(history, today), today).frozen;
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
            DayActivity {
                date,
                activities: day.activities,
                minutes: day.minutes(),
                xp: day.xp,
                xp_total,
                frozen: frozen.binary_search(&date).is_ok(),
            }
        })
        .collect()
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
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("2026-03-03".to_owned(), 1, 25, 125, false),
                ("2026-03-04".to_owned(), 0, 0, 125, true),
                ("2026-03-05".to_owned(), 5, 10, 135, false),
                ("2026-03-06".to_owned(), 0, 10, 145, false),
            ]
        );
    }

    #[test]
    fn an_overview_counts_its_period_and_stands_on_everything() {
        let overview = overview(&history(), date("2026-03-06"), 2);
        assert_eq!(
            (overview.xp, overview.active_days, overview.minutes),
            (20, 2, 5)
        );
        assert_eq!(overview.standing.xp_total, 145);
        assert_eq!(overview.standing.level, 2);
        assert_eq!(overview.standing.next_level_at_xp, 300);
        assert_eq!(overview.standing.current_streak_days, 3);
        assert!(!overview.standing.streak_safe_today);
        assert!(overview.has_activity);
    }

    #[test]
    fn a_new_account_stands_at_level_one_with_nothing() {
        let overview = overview(&[], date("2026-03-06"), 365);
        assert!(!overview.has_activity);
        assert_eq!(overview.standing.level, 1);
        assert_eq!(overview.standing.next_level_at_xp, 100);
        assert_eq!(days(&[], date("2026-03-06"), 365).len(), 365);
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
