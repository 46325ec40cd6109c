//! The numbers: where the student stands today, and what the period held beside the one before.
//! Every figure says what it means, in a popover that needs no script.

use crate::{
    model::analytics::{Overview, PeriodFigures, Standing},
    widgets::{label, pixel::Flame},
};
use leptos::prelude::*;

/// One figure of a period.
struct Figure {
    name: &'static str,
    /// Names it in tests, and its popover.
    id: &'static str,
    meaning: &'static str,
    unit: Unit,
    /// `None` where there is nothing to count.
    of: fn(&PeriodFigures) -> Option<u32>,
}

/// What a figure counts.
#[derive(Clone, Copy)]
enum Unit {
    Number,
    Minutes,
    Percent,
    Days,
}

impl Unit {
    fn written(self, number: u32) -> String {
        match self {
            Self::Number => grouped(number),
            Self::Minutes => time(number),
            Self::Percent => number.to_string() + " %",
            Self::Days => label::count(number.into(), "day"),
        }
    }

    /// A difference; that of two percentages is in points.
    fn difference(self, number: u32) -> String {
        match self {
            Self::Percent => label::count(number.into(), "point"),
            unit => unit.written(number),
        }
    }
}

const FIGURES: [Figure; 15] = [
    Figure {
        name: "Study time",
        id: "stat-minutes",
        meaning: "From the first to the last thing you did in each study session, plus one minute. Reading \
                  counts while its tab is on screen and you did something within the last two minutes.",
        unit: Unit::Minutes,
        of: |period| Some(period.minutes),
    },
    Figure {
        name: "Sessions",
        id: "stat-sessions",
        meaning: "A study session is activity with pauses under 15 minutes. One that goes on past midnight \
                  counts on both days.",
        unit: Unit::Number,
        of: |period| Some(period.study_sessions),
    },
    Figure {
        name: "A session on average",
        id: "stat-mean",
        meaning: "Study time divided by the number of sessions.",
        unit: Unit::Minutes,
        of: |period| (period.study_sessions > 0).then_some(period.mean_minutes),
    },
    Figure {
        name: "Active days",
        id: "stat-days",
        meaning: "Days of your own calendar on which you did anything here.",
        unit: Unit::Number,
        of: |period| Some(period.active_days),
    },
    Figure {
        name: "Questions",
        id: "stat-questions",
        meaning: "Questions you asked the coach.",
        unit: Unit::Number,
        of: |period| Some(period.questions),
    },
    Figure {
        name: "Pages read",
        id: "stat-pages",
        meaning: "Pages you had on screen in the reader. A page counts once a day.",
        unit: Unit::Number,
        of: |period| Some(period.pages_read),
    },
    Figure {
        name: "New documents",
        id: "stat-materials",
        meaning: "Documents you added that were never here before.",
        unit: Unit::Number,
        of: |period| Some(period.materials_added),
    },
    Figure {
        name: "Documents opened",
        id: "stat-opened",
        meaning: "Different documents of which you read something.",
        unit: Unit::Number,
        of: |period| Some(period.materials_opened),
    },
    Figure {
        name: "Documents finished",
        id: "stat-finished",
        meaning: "Documents of which you read the last page you had not seen yet. Each counts once, also \
                  when it is deleted and added again.",
        unit: Unit::Number,
        of: |period| Some(period.materials_finished),
    },
    Figure {
        name: "Completion",
        id: "stat-completion",
        meaning: "Of the documents you opened in the period, the share that you had finished by its end, \
                  whenever you read the rest of them.",
        unit: Unit::Percent,
        of: |period| period.completion_percent,
    },
    Figure {
        name: "XP",
        id: "stat-period-xp",
        meaning: XP_MEANING,
        unit: Unit::Number,
        of: |period| Some(period.xp),
    },
    Figure {
        name: "Level",
        id: "stat-period-level",
        meaning: LEVEL_MEANING,
        unit: Unit::Number,
        of: |period| Some(period.level),
    },
    Figure {
        name: "Streak",
        id: "stat-period-streak",
        meaning: STREAK_MEANING,
        unit: Unit::Days,
        of: |period| Some(period.current_streak_days),
    },
    Figure {
        name: "Longest streak",
        id: "stat-longest",
        meaning: "The longest streak you have ever had, up to the end of the period.",
        unit: Unit::Days,
        of: |period| Some(period.longest_streak_days),
    },
    Figure {
        name: "Achievements",
        id: "stat-achievements",
        meaning: "Achievements you unlocked.",
        unit: Unit::Number,
        of: |period| Some(period.achievements),
    },
];

const XP_MEANING: &str = "A question is worth 5 XP (the first 20 of a day), a new document 50, a finished one 50, the \
     first activity of a day 10, and every seventh day of a streak 25. Nothing counts twice.";
const XP_TOTAL_MEANING: &str = "All XP since your first day here. Your level follows from it.";
const LEVEL_MEANING: &str = "Level 2 starts at 100 XP, level 3 at 300, level 4 at 600: each takes 100 XP more than the one before.";
const STREAK_MEANING: &str = "Days in a row with at least five minutes or three questions. One missed day in each week, \
     Monday to Sunday, is bridged by a freeze: it keeps the streak and is not counted in it.";

/// Streak, level and today's XP, then the period's figures.
pub fn figures(overview: &Overview) -> AnyView {
    let standing = overview.standing;
    view! {
        <section class="standing" aria-label="Where you stand">
            <div class="streak">
                <Flame lit={standing.current_streak_days > 0} attr:data-part="" />
                <div>
                    <p><strong data-part="">{streak(standing.current_streak_days)}</strong>{explained("stat-streak", "Streak", STREAK_MEANING)}</p>
                    <p class="hint" data-part="">{advice(standing)}</p>
                </div>
            </div>
            <div class="level">
                <p>
                    <strong data-part="">{"Level ".to_owned() + &grouped(standing.level)}</strong>
                    {explained("stat-level", "Level", LEVEL_MEANING)}
                    <span class="hint">
                        <span data-part="">{grouped(standing.xp_total) + " XP in all"}</span>
                        {explained("stat-xp-total", "XP in all", XP_TOTAL_MEANING)}
                    </span>
                </p>
                <progress
                    data-part=""
                    aria-label="Way to the next level"
                    max=width(standing).to_string()
                    value=gained(standing).to_string()
                ></progress>
                <p class="hint" data-part="">{ahead(standing)}</p>
            </div>
            <div class="xp-today" data-testid="stat-xp">
                <p><strong data-part="">{grouped(standing.xp_today)}</strong></p>
                <p class="hint">"XP today"{explained("stat-xp", "XP", XP_MEANING)}</p>
            </div>
        </section>
        <section class="period" aria-labelledby="period-title">
            <h2 id="period-title" data-part="">{title(overview.days)}</h2>
            <p class="hint" data-part="">{"Small figures: compared with ".to_owned() + &before(overview.days)}</p>
            <dl>{FIGURES.iter().map(|figure| shown(figure, overview)).collect_view()}</dl>
        </section>
    }
    .into_any()
}

fn shown(figure: &Figure, overview: &Overview) -> AnyView {
    let (now, was) = (
        (figure.of)(&overview.current),
        (figure.of)(&overview.before),
    );
    let change = now.zip(was).map(|(now, was)| change(now, was, figure.unit));
    let value = now.map_or_else(|| "–".to_owned(), |now| figure.unit.written(now));
    view! {
        <div data-testid=figure.id>
            <dt>{figure.name}{explained(figure.id, figure.name, figure.meaning)}</dt>
            <dd data-part="">{value}{change.map(|change| view! { <span class="change">{change}</span> })}</dd>
        </div>
    }
    .into_any()
}

/// The button that says what a figure means.
pub fn explained(id: &'static str, name: &'static str, text: &'static str) -> AnyView {
    let id = id.to_owned() + "-meaning";
    view! {
        <button
            class="meaning"
            type="button"
            popovertarget=id.clone()
            aria-label="What does this mean: ".to_owned() + name
        >
            "?"
        </button>
        // Spans only: it stands in paragraphs too, and a browser ends those at the first block.
        <span class="meaning-text" id=id popover="auto" role="note">
            <strong>{name}</strong>
            <span>{text}</span>
        </span>
    }
    .into_any()
}

/// `+12`, `−1 h 5 min`, `±0`.
fn change(now: u32, was: u32, unit: Unit) -> String {
    if now == was {
        return "±0".to_owned();
    }
    let sign = if now > was { "+" } else { "−" };
    sign.to_owned() + &unit.difference(now.abs_diff(was))
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

fn before(days: u32) -> String {
    match days {
        1 => "yesterday.".to_owned(),
        365 => "the year before.".to_owned(),
        days => ["the ", &days.to_string(), " days before."].concat(),
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
pub fn time(minutes: u32) -> String {
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
    fn a_change_says_its_direction_in_the_figures_own_unit() {
        assert_eq!(change(12, 12, Unit::Number), "±0");
        assert_eq!(change(100, 35, Unit::Minutes), "+1 h 5 min");
        assert_eq!(change(0, 1_200, Unit::Number), "−1,200");
        assert_eq!(change(60, 50, Unit::Percent), "+10 points");
        assert_eq!(change(0, 1, Unit::Days), "−1 day");
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
