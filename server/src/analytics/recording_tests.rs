//! Recording against a real database: awards happen once, foreign pages are absent, and the days
//! always equal what the events add up to.
//! Over 400 lines because the second-by-second recount at the end shares the desk of the stories.

mod recount_tests;

use super::*;
use chrono::{DateTime, TimeDelta, Timelike as _, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};
use uuid::Uuid;

/// A database with one student and a clock to turn.
struct Desk {
    analytics: Arc<Analytics>,
    changes: Arc<Changes>,
    db: Db,
    user: UserId,
    now: Arc<Mutex<DateTime<Utc>>>,
    _folder: tempfile::TempDir,
}

impl Desk {
    async fn new(zone: &str, now: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let db = Db::open(&folder.path().join("test.db"))
            .await
            .expect("a database");
        let now = Arc::new(Mutex::new(now.parse().expect("a moment")));
        let driven = Arc::clone(&now);
        let clock = Clock::driven_by(move || *driven.lock().expect("not poisoned"));
        let changes = Arc::new(Changes::default());
        let analytics = Analytics::new(db.clone(), Arc::clone(&changes), clock);
        let user = UserId::new(Uuid::from_u128(1));
        let desk = Self {
            analytics,
            changes,
            db,
            user,
            now,
            _folder: folder,
        };
        desk.add_student(user, zone).await;
        desk
    }

    async fn add_student(&self, user: UserId, zone: &str) {
        let mut tx = self.db.write().await.expect("a transaction");
        sqlx::query(
            "INSERT INTO users (id, email, password_hash, role, time_zone, created_at)
             VALUES ($1, $2, 'x', 'student', $3, $4)",
        )
        .bind(user.uuid())
        .bind(user.to_string())
        .bind(zone)
        .bind(DateTime::UNIX_EPOCH)
        .execute(&mut *tx)
        .await
        .expect("a student");
        tx.commit().await.expect("kept");
    }

    /// A document of `pages` pages that is ready to read.
    async fn add_material(&self, user: UserId, id: u128, pages: u32) -> MaterialId {
        let material = MaterialId::new(Uuid::from_u128(id));
        let mut tx = self.db.write().await.expect("a transaction");
        sqlx::query(
            "INSERT INTO materials (id, user_id, title, file_name, media_type, size_bytes, sha256,
                                    state, page_count, uploaded_at)
             VALUES ($1, $2, 't', 'f', 'text/plain', 1, $3, 'ready', $4, $5)",
        )
        .bind(material.uuid())
        .bind(user.uuid())
        .bind(sha(id).to_vec())
        .bind(i64::from(pages))
        .bind(DateTime::UNIX_EPOCH)
        .execute(&mut *tx)
        .await
        .expect("a material");
        for page in 1..=pages {
            sqlx::query("INSERT INTO pages (material_id, page_number, text) VALUES ($1, $2, '')")
                .bind(material.uuid())
                .bind(i64::from(page))
                .execute(&mut *tx)
                .await
                .expect("a page");
        }
        tx.commit().await.expect("kept");
        material
    }

    async fn delete_material(&self, material: MaterialId) {
        let mut tx = self.db.write().await.expect("a transaction");
        sqlx::query("DELETE FROM materials WHERE id = $1")
            .bind(material.uuid())
            .execute(&mut *tx)
            .await
            .expect("deleted");
        tx.commit().await.expect("kept");
    }

    fn set(&self, now: &str) {
        *self.now.lock().expect("not poisoned") = now.parse().expect("a moment");
    }

    fn pass(&self, time: TimeDelta) {
        *self.now.lock().expect("not poisoned") += time;
    }

    async fn ask(&self, number: u128) {
        let message = MessageId::new(Uuid::from_u128(number));
        self.record(Activity::Question { message })
            .await
            .expect("recorded");
    }

    async fn record(&self, what: Activity) -> Result<(), AnalyticsError> {
        self.analytics.record(self.user, what).await
    }

    async fn overview(&self) -> Overview {
        self.analytics
            .overview(self.user, 365)
            .await
            .expect("figures")
    }
}

fn sha(id: u128) -> [u8; 32] {
    let mut bytes = [0; 32];
    // The last digits only: a document that is added again has another id and the same bytes.
    bytes[0] = u8::try_from(id % 100).expect("small");
    bytes
}

fn added(id: u128) -> Activity {
    Activity::MaterialAdded {
        material: MaterialId::new(Uuid::from_u128(id)),
        sha256: sha(id),
    }
}

#[tokio::test]
async fn a_first_day_with_a_document_and_a_question_is_worth_sixty_five() {
    let desk = Desk::new("Europe/Berlin", "2026-03-02T10:00:00Z").await;
    let mut changes = desk.changes.subscribe();
    desk.record(added(1)).await.expect("recorded");
    assert_eq!(
        changes.try_recv().ok(),
        Some(Change::ActivityRecorded { user: desk.user })
    );
    desk.pass(TimeDelta::minutes(2));
    desk.ask(1).await;
    let overview = desk.overview().await;
    assert_eq!(overview.standing.xp_today, 65);
    assert_eq!(
        (overview.current.questions, overview.current.materials_added),
        (1, 1)
    );
    assert_eq!(
        (overview.current.study_sessions, overview.current.minutes),
        (1, 3)
    );
}

#[tokio::test]
async fn the_same_activity_again_changes_nothing_and_is_not_announced() {
    let desk = Desk::new("UTC", "2026-03-02T10:00:00Z").await;
    desk.ask(1).await;
    let before = desk.overview().await;
    desk.pass(TimeDelta::minutes(5));
    let mut changes = desk.changes.subscribe();
    desk.ask(1).await;
    assert_eq!(desk.overview().await, before);
    assert!(changes.try_recv().is_err());
}

#[tokio::test]
async fn only_the_first_twenty_questions_of_a_day_are_worth_xp() {
    let desk = Desk::new("UTC", "2026-03-02T10:00:00Z").await;
    for number in 0..25 {
        desk.ask(number).await;
    }
    let overview = desk.overview().await;
    assert_eq!(overview.current.questions, 25);
    assert_eq!(overview.current.xp, 20 * 5 + 10);
    desk.set("2026-03-03T10:00:00Z");
    desk.ask(100).await;
    assert_eq!(desk.overview().await.standing.xp_today, 15);
}

#[tokio::test]
async fn the_same_bytes_are_worth_xp_once_even_after_deletion() {
    let desk = Desk::new("UTC", "2026-03-02T10:00:00Z").await;
    let first = desk.add_material(desk.user, 1, 1).await;
    desk.record(added(1)).await.expect("recorded");
    let read = |material| Activity::PageRead { material, page: 1 };
    desk.record(read(first)).await.expect("recorded");
    assert_eq!(desk.overview().await.current.xp, 10 + 50 + 50);

    desk.delete_material(first).await;
    let again = desk.add_material(desk.user, 101, 1).await;
    desk.record(added(101)).await.expect("recorded");
    desk.record(read(again)).await.expect("recorded");
    let overview = desk.overview().await;
    assert_eq!(overview.current.xp, 10 + 50 + 50);
    assert_eq!(
        (
            overview.current.materials_added,
            overview.current.pages_read
        ),
        (1, 2)
    );
}

#[tokio::test]
async fn a_document_is_finished_when_every_page_has_been_on_screen() {
    let desk = Desk::new("UTC", "2026-03-02T10:00:00Z").await;
    let material = desk.add_material(desk.user, 1, 3).await;
    for (page, xp) in [(1, 10), (3, 10), (1, 10), (2, 60), (2, 60)] {
        desk.pass(TimeDelta::minutes(1));
        desk.record(Activity::PageRead { material, page })
            .await
            .expect("recorded");
        assert_eq!(desk.overview().await.current.xp, xp, "after page {page}");
    }
    let overview = desk.overview().await;
    assert_eq!(overview.current.pages_read, 3, "a page counts once a day");
    assert_eq!(
        overview.current.minutes, 5,
        "reading it again is study time"
    );
}

#[tokio::test]
async fn foreign_pages_and_missing_ones_are_absent_alike() {
    let desk = Desk::new("UTC", "2026-03-02T10:00:00Z").await;
    let other = UserId::new(Uuid::from_u128(2));
    desk.add_student(other, "UTC").await;
    let foreign = desk.add_material(other, 1, 1).await;
    let own = desk.add_material(desk.user, 2, 1).await;
    let nobodys = MaterialId::new(Uuid::from_u128(3));
    for (material, page) in [(foreign, 1), (own, 0), (own, 2), (nobodys, 1)] {
        let refused = desk.record(Activity::PageRead { material, page }).await;
        assert!(
            matches!(refused, Err(AnalyticsError::NotFound)),
            "{material} {page}"
        );
    }
    assert!(!desk.overview().await.has_activity);
}

#[tokio::test]
async fn a_week_in_a_row_is_worth_twenty_five_once() {
    let desk = Desk::new("America/New_York", "2026-03-02T15:00:00Z").await;
    // Over the night on which clocks go forward.
    for day in 0..7 {
        for number in 0..3 {
            desk.ask(day * 10 + number).await;
        }
        desk.pass(TimeDelta::days(1));
    }
    desk.pass(-TimeDelta::days(1));
    let overview = desk.overview().await;
    assert_eq!(overview.standing.current_streak_days, 7);
    assert_eq!(overview.current.xp, 7 * (10 + 15) + 25);
    desk.ask(99).await;
    assert_eq!(desk.overview().await.current.xp, 7 * (10 + 15) + 25 + 5);
}

#[tokio::test]
async fn a_session_past_midnight_makes_the_day_before_count_after_all() {
    let desk = Desk::new("Europe/Berlin", "2026-01-10T22:48:00Z").await;
    desk.ask(1).await;
    assert_eq!(desk.overview().await.standing.current_streak_days, 0);
    desk.set("2026-01-10T23:01:00Z");
    desk.ask(2).await;
    let overview = desk.overview().await;
    assert_eq!(overview.standing.current_streak_days, 1);
    assert!(!overview.standing.streak_safe_today);
    assert_eq!(
        (overview.current.study_sessions, overview.current.minutes),
        (2, 14)
    );
}

#[tokio::test]
async fn going_on_reading_is_study_time_of_its_document_and_no_xp() {
    let desk = Desk::new("Europe/Berlin", "2026-03-02T10:00:00Z").await;
    let material = desk.add_material(desk.user, 1, 3).await;
    let page = 2;
    desk.record(Activity::PageRead { material, page })
        .await
        .expect("recorded");
    let xp = desk.overview().await.current.xp;
    for _ in 0..20 {
        desk.pass(TimeDelta::seconds(30));
        for _ in 0..2 {
            desk.record(Activity::Reading { material, page })
                .await
                .expect("recorded");
        }
    }
    let overview = desk.overview().await;
    assert_eq!((overview.current.xp, overview.current.minutes), (xp, 11));
    assert_eq!(overview.current.materials_opened, 1);
    let days = desk.analytics.days(desk.user, 1).await.expect("days");
    assert_eq!(days[0].activities, 1, "heartbeats are none of their own");
    let more = desk.analytics.more(desk.user, 7).await.expect("figures");
    assert_eq!((more.materials[0].minutes, more.other_minutes), (11, 0));
    assert_eq!(more.hours[0][11], 11, "Monday at eleven in Berlin");

    desk.delete_material(material).await;
    let refused = desk.record(Activity::Reading { material, page }).await;
    assert!(matches!(refused, Err(AnalyticsError::NotFound)));
    let more = desk.analytics.more(desk.user, 7).await.expect("figures");
    assert_eq!((more.materials.len(), more.other_minutes), (0, 11));
}

#[tokio::test]
async fn achievements_are_unlocked_once_with_the_local_date_and_announced() {
    let desk = Desk::new("Pacific/Auckland", "2026-03-02T11:30:00Z").await;
    let mut changes = desk.changes.subscribe();
    desk.ask(1).await;
    desk.ask(2).await;
    let unlocked: Vec<&str> = std::iter::from_fn(|| changes.try_recv().ok())
        .filter_map(|change| match change {
            Change::AchievementUnlocked { achievement, .. } => Some(achievement),
            _ => None,
        })
        .collect();
    assert_eq!(unlocked, ["first_question"]);
    // It is half past midnight on the next day there.
    for night in 0..2 {
        desk.pass(TimeDelta::days(1));
        desk.ask(10 + night).await;
    }
    let all = desk.analytics.achievements(desk.user).await.expect("all");
    let on = |id: &str| {
        let one = all.iter().find(|one| one.id == id).expect("there");
        one.unlocked_on.map(|date| date.to_string())
    };
    assert_eq!(on("first_question").as_deref(), Some("2026-03-03"));
    assert_eq!(on("night_owl").as_deref(), Some("2026-03-05"));
    assert_eq!(on("early_bird"), None);
    assert_eq!(desk.overview().await.current.achievements, 2);
}

/// One step of a random life: a pause, then something done.
#[derive(Clone, Debug)]
enum Step {
    Ask,
    Add(u8),
    Read(u8),
    /// A heartbeat on this page.
    Keep(u8),
}

fn steps() -> impl Strategy<Value = Vec<(i64, Step)>> {
    let pause = prop_oneof![
        3 => 0_i64..120,
        3 => 120_i64..1_000,
        1 => 1_000_i64..100_000,
    ];
    let step = prop_oneof![
        3 => Just(Step::Ask),
        1 => (0_u8..3).prop_map(Step::Add),
        2 => (1_u8..4).prop_map(Step::Read),
        2 => (1_u8..4).prop_map(Step::Keep),
    ];
    proptest::collection::vec((pause, step), 1..60)
}

/// What the days must hold, counted second by second from nothing but the steps.
fn counted(started: DateTime<Utc>, zone: Tz, life: &[(i64, Step)]) -> Vec<Day> {
    let mut days: BTreeMap<NaiveDate, Day> = BTreeMap::new();
    let mut moments = Vec::new();
    let mut seen = BTreeSet::new();
    let mut shas = BTreeSet::new();
    let mut read_on: BTreeSet<(NaiveDate, u8)> = BTreeSet::new();
    let mut read_in: BTreeSet<(i64, u8)> = BTreeSet::new();
    let mut beats = BTreeSet::new();
    let mut now = started;
    for (pause, step) in life {
        now += TimeDelta::seconds(*pause);
        let date = now.with_timezone(&zone).date_naive();
        if let Step::Read(page) = step
            && !read_in.insert((now.timestamp() / 60, *page))
        {
            continue;
        }
        if matches!(step, Step::Keep(_)) && !beats.insert(now.timestamp() / 30) {
            continue;
        }
        moments.push(now);
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
                let finishes = seen.insert(*page) && seen.len() == 3;
                day.xp += if finishes { 50 } else { 0 };
                day.materials_finished += u32::from(finishes);
            }
            Step::Keep(_) => {}
        }
    }
    let mut open: Option<(DateTime<Utc>, NaiveDate)> = None;
    for (n, moment) in moments.iter().enumerate() {
        let date = moment.with_timezone(&zone).date_naive();
        let continues = open.is_some_and(|(last, _)| *moment - last < TimeDelta::minutes(15));
        if !continues || open.is_some_and(|(_, last)| last != date) {
            days.entry(date).or_default().study_sessions += 1;
        }
        open = Some((*moment, date));
        let until = match moments.get(n + 1) {
            Some(next) if *next - *moment < TimeDelta::minutes(15) => *next,
            _ => *moment + TimeDelta::minutes(1),
        };
        let mut second = *moment;
        while second < until {
            let date = second.with_timezone(&zone).date_naive();
            days.entry(date).or_default().study_seconds += 1;
            second += TimeDelta::seconds(1);
        }
    }
    for (date, day) in &mut days {
        day.date = *date;
    }
    days.into_values().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn the_days_equal_what_the_events_add_up_to(
        life in steps(),
        zone in prop_oneof![
            Just(Tz::Europe__Berlin), Just(Tz::America__New_York), Just(Tz::Asia__Kathmandu)
        ],
        // Around the nights on which clocks change in Berlin and New York, and a plain one.
        start in prop_oneof![
            Just("2026-03-28T20:00:00Z"), Just("2026-11-01T02:00:00Z"), Just("2026-06-01T12:00:30Z")
        ],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let (days, streak_xp) = runtime.block_on(async {
            let desk = Desk::new(zone.name(), start).await;
            let book = desk.add_material(desk.user, 7, 3).await;
            for (n, (pause, step)) in life.iter().enumerate() {
                desk.pass(TimeDelta::seconds(*pause));
                match step {
                    Step::Ask => desk.ask(n as u128).await,
                    Step::Add(document) => {
                        let id = (n as u128 + 1) * 100 + u128::from(*document) + 50;
                        desk.record(added(id)).await.expect("recorded");
                    }
                    Step::Read(page) => {
                        let what = Activity::PageRead { material: book, page: (*page).into() };
                        desk.record(what).await.expect("recorded");
                    }
                    Step::Keep(page) => {
                        let what = Activity::Reading { material: book, page: (*page).into() };
                        desk.record(what).await.expect("recorded");
                    }
                }
            }
            let streak_xp: i64 = sqlx::query_scalar(
                "SELECT CAST(coalesce(sum(xp), 0) AS BIGINT) FROM awards WHERE natural_key LIKE 'streak:%'",
            )
            .fetch_one(desk.db.read())
            .await
            .expect("a sum");
            (stored::history(&desk.db, desk.user).await.expect("days"), streak_xp)
        });
        let expected = counted(start.parse().expect("a moment"), zone, &life);
        let without_xp = |days: &[Day]| -> Vec<Day> {
            days.iter().map(|day| Day { xp: 0, achievements: 0, ..*day }).collect()
        };
        prop_assert_eq!(without_xp(&days), without_xp(&expected));
        let xp = |days: &[Day]| days.iter().map(|day| i64::from(day.xp)).sum::<i64>();
        prop_assert_eq!(xp(&days), xp(&expected) + streak_xp);
    }
}
