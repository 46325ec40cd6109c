//! The numbers: where the student stands today, and what the period held.

use crate::{
    model::analytics::{Overview, Standing},
    widgets::{label, pixel::Flame},
};
use leptos::prelude::*;

/// Streak, level and today's XP, then the period's figures.
pub fn figures(overview: &Overview) -> AnyView {
    let (standing, period) = (overview.standing, overview.current);
    let numbers = [
        ("Study time", "stat-minutes", time(period.minutes)),
        ("Sessions", "stat-sessions", grouped(period.study_sessions)),
        ("Questions", "stat-questions", grouped(period.questions)),
        ("Pages read", "stat-pages", grouped(period.pages_read)),
        (
            "New documents",
            "stat-materials",
            grouped(period.materials_added),
        ),
        ("Active days", "stat-days", grouped(period.active_days)),
    ]
    .map(|(name, testid, value)| {
        view! {
            <div data-testid=testid>
                <dt>{name}</dt>
                <dd>{value}</dd>
            </div>
        }
    });
    view! {
        <section class="standing" aria-label="Where you stand">
            <div class="streak">
                <Flame lit={standing.current_streak_days > 0} />
                <p>
                    <strong>{streak(standing.current_streak_days)}</strong>
                    <span>{advice(standing)}</span>
                </p>
            </div>
            <div class="level">
                <p>
                    <strong>{"Level ".to_owned() + &grouped(standing.level)}</strong>
                    <span>{grouped(standing.xp_total) + " XP in all"}</span>
                </p>
                <progress
                    aria-label="Way to the next level"
                    max=width(standing).to_string()
                    value=gained(standing).to_string()
                ></progress>
                <span class="hint">{ahead(standing)}</span>
            </div>
            <p class="xp-today" data-testid="stat-xp">
                <strong>{grouped(standing.xp_today)}</strong>
                <span>"XP today"</span>
            </p>
        </section>
        <section class="period" aria-labelledby="period-title">
            <h2 id="period-title">{title(overview.days)}</h2>
            <dl>{Vec::from(numbers)}</dl>
        </section>
    }
    .into_any()
}

/// `35 XP to level 2`.
fn ahead(standing: Standing) -> String {
    let missing = standing.next_level_at_xp.saturating_sub(standing.xp_total);
    [
        &grouped(missing),
        " XP to level ",
        &grouped(standing.level + 1),
    ]
    .concat()
}

/// XP from this level to the next.
fn width(standing: Standing) -> u32 {
    standing
        .next_level_at_xp
        .saturating_sub(standing.level_starts_at_xp)
        .max(1)
}

/// XP gained within this level.
fn gained(standing: Standing) -> u32 {
    standing
        .xp_total
        .saturating_sub(standing.level_starts_at_xp)
}

fn streak(days: u32) -> String {
    match days {
        0 => "No streak yet".to_owned(),
        days => days.to_string() + "-day streak",
    }
}

/// What to know about the streak today.
fn advice(standing: Standing) -> String {
    let longest = [
        "Longest: ",
        &label::count(standing.longest_streak_days.into(), "day"),
        ".",
    ]
    .concat();
    let today = if standing.streak_safe_today {
        "Today counts. "
    } else {
        "Five minutes or three questions make today count. "
    };
    if standing.longest_streak_days > standing.current_streak_days {
        today.to_owned() + &longest
    } else {
        today.trim_end().to_owned()
    }
}

fn title(days: u32) -> String {
    match days {
        1 => "Today".to_owned(),
        365 => "The last year".to_owned(),
        days => ["The last ", &days.to_string(), " days"].concat(),
    }
}

/// `17,115`.
fn grouped(number: u32) -> String {
    let rest = number % 1_000;
    match number / 1_000 {
        0 => rest.to_string(),
        thousands => {
            // Four digits, the first of which is a 1 that keeps the zeros after it.
            let digits = (1_000 + rest).to_string();
            [
                &grouped(thousands),
                ",",
                digits.get(1..).unwrap_or_default(),
            ]
            .concat()
        }
    }
}

/// `12 min`, `1 h 20 min`.
fn time(minutes: u32) -> String {
    let rest = (minutes % 60).to_string() + " min";
    match minutes / 60 {
        0 => rest,
        hours => [&grouped(hours), " h ", &rest].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_told_in_hours_and_minutes() {
        assert_eq!(time(0), "0 min");
        assert_eq!(time(80), "1 h 20 min");
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_017_115, "1,017,115"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn a_day_that_counts_is_not_asked_for_more() {
        let mut standing = Standing {
            current_streak_days: 2,
            longest_streak_days: 2,
            ..Standing::default()
        };
        assert_eq!(
            advice(standing),
            "Five minutes or three questions make today count."
        );
        standing.streak_safe_today = true;
        assert_eq!(advice(standing), "Today counts.");
        standing.longest_streak_days = 9;
        assert_eq!(advice(standing), "Today counts. Longest: 9 days.");
    }
}
