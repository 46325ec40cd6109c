//! Random lives against figures that are counted from nothing but their steps, by other means than the
//! rules': second by second, and over all days at once.

use super::{
    lives::{Life, lives, starts, zones},
    *,
};
use chrono::{Datelike as _, Timelike as _};
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeSet;

/// Lives that are tried.
const LIVES: u32 = 800;
/// Pages of the one document.
const PAGES: u8 = 3;

#[derive(Clone, Debug)]
enum Step {
    Ask,
    Add(u8),
    Read(u8),
    /// A heartbeat on this page.
    Keep(u8),
}

fn any_life() -> impl Strategy<Value = Life<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Ask),
        1 => (0_u8..3).prop_map(Step::Add),
        2 => (1..=PAGES).prop_map(Step::Read),
        3 => (1..=PAGES).prop_map(Step::Keep),
    ];
    let finished = Just((1..=PAGES).map(Step::Read).collect::<Vec<_>>());
    lives(step.boxed(), Step::Ask, finished.boxed())
}

/// What the days must hold, without the XP of streaks and achievements.
fn counted(started: DateTime<Utc>, zone: Tz, life: &Life<Step>) -> Vec<Day> {
    let mut days: BTreeMap<NaiveDate, Day> = BTreeMap::new();
    let mut moments = BTreeSet::new();
    let (mut seen, mut shas) = (BTreeSet::new(), BTreeSet::new());
    let (mut read_on, mut read_in) = (BTreeSet::new(), BTreeSet::new());
    let (mut beats, mut is_finished) = (BTreeSet::new(), false);
    let mut now = started;
    for (pause, step) in life {
        now += TimeDelta::seconds(*pause);
        let date = now.with_timezone(&zone).date_naive();
        let is_new = match step {
            Step::Read(page) => read_in.insert((now.timestamp() / 60, *page)),
            Step::Keep(page) => beats.insert((now.timestamp() / 5, *page)),
            Step::Ask | Step::Add(_) => true,
        };
        if !is_new {
            continue;
        }
        moments.insert(now);
        let day = days.entry(date).or_default();
        day.xp += if day.activities == 0 { 10 } else { 0 };
        if day.activities == 0 || !matches!(step, Step::Keep(_)) {
            day.activities += 1;
        }
        day.active_hours |= 1 << now.with_timezone(&zone).hour();
        match step {
            Step::Ask => {
                day.questions += 1;
                day.xp += if day.questions <= 20 { 5 } else { 0 };
            }
            Step::Add(document) => {
                let new = shas.insert(*document);
                day.materials_added += u32::from(new);
                day.xp += if new { 50 } else { 0 };
            }
            Step::Read(page) => {
                day.pages_read += u32::from(read_on.insert((date, *page)));
                seen.insert(*page);
            }
            Step::Keep(page) => {
                seen.insert(*page);
            }
        }
        if !is_finished && seen.len() == usize::from(PAGES) {
            is_finished = true;
            day.xp += 50;
            day.materials_finished += 1;
        }
    }
    count_time(zone, &moments.into_iter().collect::<Vec<_>>(), &mut days);
    for (date, day) in &mut days {
        day.date = *date;
    }
    days.into_values().collect()
}

/// Goes through all moments in the order of time, whatever order they came in.
fn count_time(zone: Tz, moments: &[DateTime<Utc>], days: &mut BTreeMap<NaiveDate, Day>) {
    let quarter = TimeDelta::minutes(15);
    let mut open: Option<(DateTime<Utc>, NaiveDate)> = None;
    for (n, moment) in moments.iter().enumerate() {
        let date = moment.with_timezone(&zone).date_naive();
        let continues = open.is_some_and(|(last, _)| *moment - last < quarter);
        if !continues || open.is_some_and(|(_, last)| last != date) {
            days.entry(date).or_default().study_sessions += 1;
        }
        open = Some((*moment, date));
        let until = match moments.get(n + 1) {
            Some(next) if *next - *moment < quarter => *next,
            _ => *moment + TimeDelta::minutes(1),
        };
        // A second belongs to the day in which it ends by the clock.
        for second in moment.timestamp()..until.timestamp() {
            let second = DateTime::from_timestamp(second, 0).expect("in range");
            let date = second.with_timezone(&zone).date_naive();
            days.entry(date).or_default().study_seconds += 1;
        }
    }
}

/// The lengths of all streaks: days that counted follow each other when the missed ones between them lie
/// in weeks of their own, of which none has been bridged yet.
fn streaks(days: &[Day]) -> Vec<u32> {
    let counts = |day: &&Day| day.study_seconds >= 300 || day.questions >= 3;
    let counted = days.iter().filter(counts).map(|day| day.date);
    let mut lengths: Vec<u32> = Vec::new();
    let mut bridged = BTreeSet::new();
    let mut last: Option<NaiveDate> = None;
    for date in counted {
        let from = last.unwrap_or(date);
        let missed = from.iter_days().skip(1).take_while(|day| *day < date);
        let missed: Vec<_> = missed.map(|day| day.iso_week()).collect();
        let weeks: BTreeSet<_> = missed.iter().copied().collect();
        let holds = weeks.len() == missed.len() && weeks.is_disjoint(&bridged);
        match lengths.last_mut() {
            Some(length) if holds => {
                *length += 1;
                bridged.extend(weeks);
            }
            _ => lengths.push(1),
        }
        last = Some(date);
    }
    lengths
}

#[test]
fn the_days_equal_what_the_steps_add_up_to() {
    let (runtime, desk) = desk_of_many_lives();
    let students = std::cell::Cell::new(1_000_u128);
    let mut runner = TestRunner::new(Config {
        cases: LIVES,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&(zones(), starts(), any_life()), |(zone, start, life)| {
        students.set(students.get() + 1);
        let user = UserId::new(Uuid::from_u128(students.get()));
        let (days, given, heatmap) = runtime.block_on(live(&desk, user, zone, start, &life));
        let expected = counted(start.parse().expect("a moment"), zone, &life);
        let streak_xp = |date| 25 * given.iter().filter(|on| **on == date).count();
        let plain: Vec<Day> = days
            .iter()
            .map(|day| Day {
                xp: day.xp - u32::try_from(streak_xp(day.date)).expect("small"),
                achievements: 0,
                ..*day
            })
            .collect();
        prop_assert_eq!(&plain, &expected);
        let sevens: u32 = streaks(&expected).iter().map(|length| length / 7).sum();
        prop_assert_eq!(given.len(), usize::try_from(sevens).expect("small"));
        prop_assert_eq!(heatmap.len(), 365);
        prop_assert!(
            heatmap
                .windows(2)
                .all(|two| two[0].date.succ_opt() == Some(two[1].date))
        );
        let xp: u32 = heatmap.iter().map(|day| day.xp).sum();
        prop_assert_eq!(xp, days.iter().map(|day| day.xp).sum::<u32>());
        Ok(())
    });
    outcome.expect("the same days");
}

/// Lives a life. Answers with its days, the dates on which streaks were rewarded, and the heatmap on its
/// last day.
async fn live(
    desk: &Desk,
    user: UserId,
    zone: Tz,
    start: &str,
    life: &Life<Step>,
) -> (Vec<Day>, Vec<NaiveDate>, Vec<DayActivity>) {
    desk.add_student(user, zone.name()).await;
    desk.set(start);
    let first = user.uuid().as_u128() * 1_000_000;
    let book = desk.add_material(user, first + 7, PAGES.into()).await;
    let mut latest = *desk.now.lock().expect("not poisoned");
    for ((pause, step), n) in life.iter().zip(1_u128..) {
        desk.pass(TimeDelta::seconds(*pause));
        latest = latest.max(*desk.now.lock().expect("not poisoned"));
        let id = first + n * 100;
        let what = match step {
            Step::Ask => Activity::Question {
                message: MessageId::new(Uuid::from_u128(id)),
            },
            Step::Add(document) => added(id + u128::from(*document) + 50),
            Step::Read(page) => Activity::PageRead {
                material: book,
                page: (*page).into(),
            },
            Step::Keep(page) => Activity::Reading {
                material: book,
                page: (*page).into(),
            },
        };
        desk.analytics.record(user, what).await.expect("recorded");
    }
    // The year ends when the last thing of it has been done.
    *desk.now.lock().expect("not poisoned") = latest;
    let given: Vec<String> = sqlx::query_scalar(
        "SELECT local_date FROM awards WHERE user_id = $1 AND natural_key LIKE 'streak:%'",
    )
    .bind(user.uuid())
    .fetch_all(desk.db.read())
    .await
    .expect("awards");
    let given = given.iter().map(|date| date.parse().expect("a day"));
    let days = stored::history(&desk.db, user).await.expect("days");
    let heatmap = desk.analytics.days(user, 365).await.expect("days");
    (days, given.collect(), heatmap)
}
