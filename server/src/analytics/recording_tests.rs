//! Recording against a real database: awards happen once, foreign pages are absent, and the days
//! always equal what the events add up to.
//! Over 400 lines because each is a story of its own, and they share a desk.

mod lives;
mod oracle_tests;
mod recount_tests;

use super::*;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Mutex};
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

    /// Reads on, every 30 seconds and so many times.
    async fn read_on(&self, material: MaterialId, times: u32) {
        for _ in 0..times {
            self.pass(TimeDelta::seconds(30));
            self.record(Activity::Reading { material, page: 1 })
                .await
                .expect("recorded");
        }
    }

    async fn move_to(&self, user: UserId, zone: Tz) {
        self.change(
            "UPDATE users SET time_zone = $2 WHERE id = $1",
            user.uuid(),
            zone.name(),
        )
        .await;
    }

    async fn change(&self, sql: &'static str, id: Uuid, value: &str) {
        let mut tx = self.db.write().await.expect("a transaction");
        let query = sqlx::query(sql).bind(id).bind(value);
        query.execute(&mut *tx).await.expect("changed");
        tx.commit().await.expect("kept");
    }

    /// The days that streaks were rewarded for.
    async fn rewarded(&self) -> Vec<String> {
        sqlx::query_scalar(
            "SELECT substr(natural_key, 8) FROM awards
             WHERE user_id = $1 AND natural_key LIKE 'streak:%' ORDER BY 1",
        )
        .bind(self.user.uuid())
        .fetch_all(self.db.read())
        .await
        .expect("awards")
    }

    /// Minutes of reading of the last week by document.
    async fn minutes(&self) -> BTreeMap<MaterialId, u32> {
        let more = self.analytics.more(self.user, 7).await.expect("figures");
        let read = more.materials.iter();
        read.map(|one| (one.material, one.minutes)).collect()
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

/// A desk, and what it runs on, for tests of thousands of lives: its database need not outlive a crash.
fn desk_of_many_lives() -> (tokio::runtime::Runtime, Desk) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let desk = runtime.block_on(async {
        let desk = Desk::new("UTC", "2026-01-01T00:00:00Z").await;
        desk.db.forget_durability().await.expect("a setting");
        desk
    });
    (runtime, desk)
}

#[tokio::test]
async fn what_cannot_be_counted_leaves_the_rest_of_its_transaction_as_it_is() {
    let desk = Desk::new("Europe/Berlin", "2026-03-02T09:00:00Z").await;
    let material = desk.add_material(desk.user, 7, 1).await;
    let mut tx = desk.db.write().await.expect("a transaction");
    for statement in [
        "CREATE TRIGGER broken BEFORE INSERT ON awards BEGIN SELECT RAISE(ABORT, 'broken'); END",
        "UPDATE materials SET title = 'kept'",
    ] {
        sqlx::query(statement)
            .execute(&mut *tx)
            .await
            .expect("executed");
    }
    let activity = Activity::MaterialAdded {
        material,
        sha256: sha(7),
    };
    let counted = desk.analytics.count_within(&mut tx, desk.user, activity);
    assert!(counted.await.expect("the transaction goes on").is_none());
    tx.commit().await.expect("kept");
    let found: (String, i64, i64) = sqlx::query_as(
        "SELECT title, (SELECT count(*) FROM events), (SELECT count(*) FROM daily_activity)
         FROM materials",
    )
    .fetch_one(desk.db.read())
    .await
    .expect("found");
    assert_eq!(found, ("kept".to_owned(), 0, 0));
}

#[tokio::test]
async fn a_first_day_with_a_document_and_a_question_is_worth_sixty_five() {
    let desk = Desk::new("Europe/Berlin", "2026-03-02T10:00:00Z").await;
    let mut changes = desk.changes.subscribe();
    desk.record(added(1)).await.expect("recorded");
    assert_eq!(
        changes.try_recv().ok(),
        Some(Change::FiguresChanged { user: desk.user })
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
async fn the_last_heartbeat_of_a_page_counts_soon_after_another() {
    let desk = Desk::new("Europe/Berlin", "2026-03-02T10:00:25Z").await;
    let material = desk.add_material(desk.user, 1, 2).await;
    let page = 1;
    desk.record(Activity::PageRead { material, page })
        .await
        .expect("recorded");
    desk.set("2026-03-02T10:01:05Z");
    desk.record(Activity::Reading { material, page })
        .await
        .expect("recorded");
    assert_eq!(desk.overview().await.current.minutes, 1);
    desk.set("2026-03-02T10:01:26Z");
    desk.record(Activity::Reading { material, page })
        .await
        .expect("recorded");
    assert_eq!(desk.overview().await.current.minutes, 2);
    // The word that the second page was read is lost; its heartbeat is not.
    desk.pass(TimeDelta::seconds(1));
    desk.record(Activity::Reading { material, page: 2 })
        .await
        .expect("recorded");
    assert_eq!(desk.overview().await.current.materials_finished, 1);
}

#[tokio::test]
async fn who_goes_west_keeps_the_day_she_has_had_already() {
    let desk = Desk::new("Pacific/Auckland", "2026-03-02T21:00:00Z").await;
    for number in 1..=3 {
        desk.ask(number).await;
    }
    let before = desk.overview().await.current;
    let standing = desk.analytics.standing(desk.user).await.expect("figures");
    desk.move_to(desk.user, Tz::America__New_York).await;
    let after = desk.overview().await.current;
    assert_eq!((after.xp, after.level), (before.xp, before.level));
    assert_eq!((after.active_days, after.longest_streak_days), (1, 1));
    let now = desk.analytics.standing(desk.user).await.expect("figures");
    assert_eq!(now.longest_streak_days, standing.longest_streak_days);
    let days = desk.analytics.days(desk.user, 7).await.expect("days");
    let last = days.last().expect("a day");
    assert_eq!(
        (last.date.to_string().as_str(), last.activities),
        ("2026-03-03", 3)
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

#[tokio::test]
async fn a_clock_set_back_begins_one_session_and_counts_no_time_twice() {
    let desk = Desk::new("UTC", "2026-03-02T10:00:00Z").await;
    let material = desk.add_material(desk.user, 1, 1).await;
    desk.read_on(material, 20).await;
    let overview = desk.overview().await;
    assert_eq!(
        (overview.current.study_sessions, overview.current.minutes),
        (1, 10)
    );
    // Two hours back, and on until it is later than ever.
    desk.set("2026-03-02T08:00:00Z");
    desk.read_on(material, 120).await;
    let overview = desk.overview().await;
    assert_eq!(
        (overview.current.study_sessions, overview.current.minutes),
        (2, 71)
    );
    desk.read_on(material, 140).await;
    let overview = desk.overview().await;
    assert_eq!(
        (overview.current.study_sessions, overview.current.minutes),
        (1, 130)
    );
}

#[tokio::test]
async fn the_time_between_two_documents_belongs_to_the_first() {
    let desk = Desk::new("UTC", "2026-03-02T10:00:00Z").await;
    let book = desk.add_material(desk.user, 1, 1).await;
    let other = desk.add_material(desk.user, 2, 1).await;
    desk.read_on(book, 10).await;
    desk.pass(TimeDelta::minutes(14));
    let material = other;
    desk.record(Activity::PageRead { material, page: 1 })
        .await
        .expect("recorded");
    assert_eq!(
        desk.minutes().await,
        BTreeMap::from([(book, 18), (other, 1)])
    );
    assert_eq!(desk.overview().await.current.minutes, 19);
}

#[tokio::test]
async fn a_document_is_opened_on_the_day_it_was_read_and_not_on_the_next() {
    let desk = Desk::new("UTC", "2026-03-02T23:59:00Z").await;
    let material = desk.add_material(desk.user, 1, 2).await;
    desk.read_on(material, 1).await;
    desk.set("2026-03-03T12:00:00Z");
    let today = desk
        .analytics
        .overview(desk.user, 1)
        .await
        .expect("figures");
    assert_eq!(
        (
            today.current.materials_opened,
            today.before.materials_opened
        ),
        (0, 1)
    );
    desk.read_on(material, 1).await;
    let today = desk
        .analytics
        .overview(desk.user, 1)
        .await
        .expect("figures");
    assert_eq!(
        (
            today.current.materials_opened,
            today.before.materials_opened
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn a_document_whose_last_page_was_read_too_early_is_finished_by_reading_on() {
    let desk = Desk::new("UTC", "2026-03-02T10:00:00Z").await;
    let material = desk.add_material(desk.user, 1, 2).await;
    let set_state = "UPDATE materials SET state = $2 WHERE id = $1";
    desk.change(set_state, material.uuid(), "reading").await;
    for page in [1, 2] {
        desk.pass(TimeDelta::minutes(1));
        desk.record(Activity::PageRead { material, page })
            .await
            .expect("recorded");
    }
    assert_eq!(desk.overview().await.current.materials_finished, 0);
    desk.change(set_state, material.uuid(), "ready").await;
    desk.read_on(material, 2).await;
    let current = desk.overview().await.current;
    assert_eq!((current.materials_finished, current.xp), (1, 60));
    assert_eq!(current.completion_percent, Some(100));
}

#[tokio::test]
async fn a_page_that_was_only_read_on_has_been_on_screen_too() {
    let desk = Desk::new("UTC", "2026-03-02T10:00:00Z").await;
    let material = desk.add_material(desk.user, 1, 2).await;
    desk.read_on(material, 1).await;
    desk.pass(TimeDelta::minutes(1));
    desk.record(Activity::PageRead { material, page: 2 })
        .await
        .expect("recorded");
    assert_eq!(desk.overview().await.current.materials_finished, 1);
}

#[tokio::test]
async fn a_document_that_lost_its_unread_pages_is_finished_by_reading_on() {
    let desk = Desk::new("UTC", "2026-03-02T10:00:00Z").await;
    let material = desk.add_material(desk.user, 1, 3).await;
    for page in [1, 2] {
        desk.pass(TimeDelta::minutes(1));
        desk.record(Activity::PageRead { material, page })
            .await
            .expect("recorded");
    }
    let delete = "DELETE FROM pages WHERE material_id = $1 AND page_number = CAST($2 AS INTEGER)";
    desk.change(delete, material.uuid(), "3").await;
    desk.read_on(material, 1).await;
    assert_eq!(desk.overview().await.current.materials_finished, 1);
}

#[tokio::test]
async fn completion_is_of_the_documents_that_were_opened() {
    let desk = Desk::new("UTC", "2026-03-02T10:00:00Z").await;
    let book = desk.add_material(desk.user, 1, 1).await;
    let other = desk.add_material(desk.user, 2, 2).await;
    for material in [book, other] {
        desk.pass(TimeDelta::minutes(1));
        desk.record(Activity::PageRead { material, page: 1 })
            .await
            .expect("recorded");
    }
    let today = async || {
        desk.analytics
            .overview(desk.user, 1)
            .await
            .expect("figures")
    };
    assert_eq!(today().await.current.completion_percent, Some(50));
    desk.set("2026-03-03T10:00:00Z");
    desk.read_on(book, 1).await;
    let overview = today().await;
    assert_eq!(
        overview.current.completion_percent,
        Some(100),
        "finished before"
    );
    assert_eq!(overview.before.completion_percent, Some(50));
    desk.record(Activity::PageRead {
        material: other,
        page: 2,
    })
    .await
    .expect("recorded");
    let overview = today().await;
    assert_eq!(overview.current.completion_percent, Some(100));
    assert_eq!(
        overview.before.completion_percent,
        Some(50),
        "as it stood then"
    );
}

/// Three questions on each of these days of March, at noon UTC.
async fn study(desk: &Desk, days: impl IntoIterator<Item = u32>) {
    for day in days {
        desk.set(&format!("2026-03-{day:02}T12:00:00Z"));
        for number in 0..3 {
            desk.ask(u128::from(day) * 10 + number).await;
        }
    }
}

#[tokio::test]
async fn streaks_that_a_late_day_joins_are_rewarded_for_every_seven_days_once() {
    let desk = Desk::new("UTC", "2026-03-02T12:00:00Z").await;
    // Six days, three missed ones, and seven days that are the first with a reward.
    study(&desk, (2..=7).chain(11..=17)).await;
    assert_eq!(desk.rewarded().await, ["2026-03-17"]);
    // A Sunday and a Monday are left between them, and both are bridged.
    study(&desk, [10]).await;
    assert_eq!(
        desk.rewarded().await,
        ["2026-03-10", "2026-03-17"],
        "fourteen days"
    );
    study(&desk, [8, 9]).await;
    assert_eq!(desk.rewarded().await.len(), 2, "sixteen days");
    study(&desk, 18..=22).await;
    assert_eq!(desk.rewarded().await.len(), 3, "twenty-one days");
}

#[tokio::test]
async fn a_day_that_began_to_count_ahead_of_the_student_is_rewarded() {
    let desk = Desk::new("Pacific/Auckland", "2026-03-02T12:00:00Z").await;
    study(&desk, 2..=7).await;
    // The seventh day has begun in Auckland. She reads on, in Honolulu, where it is the day before.
    let material = desk.add_material(desk.user, 1, 1).await;
    desk.set("2026-03-08T12:00:00Z");
    desk.record(Activity::PageRead { material, page: 1 })
        .await
        .expect("recorded");
    desk.move_to(desk.user, Tz::Pacific__Honolulu).await;
    desk.read_on(material, 10).await;
    assert_eq!(desk.rewarded().await, ["2026-03-09"]);
    study(&desk, [9]).await;
    assert_eq!(
        desk.rewarded().await.len(),
        1,
        "and not again when it comes"
    );
    let all = desk.analytics.achievements(desk.user).await.expect("all");
    let week = all.iter().find(|one| one.id == "streak_7").expect("there");
    assert!(week.unlocked_on.is_some());
}

#[tokio::test]
async fn a_streak_that_was_rewarded_late_is_not_rewarded_for_the_same_days() {
    let desk = Desk::new("UTC", "2026-03-02T12:00:00Z").await;
    study(&desk, [2, 3, 5, 6, 7, 8]).await;
    assert!(desk.rewarded().await.is_empty());
    // The frozen fourth is filled in after the eighth.
    study(&desk, [4]).await;
    assert_eq!(desk.rewarded().await, ["2026-03-08"]);
    study(&desk, 9..=14).await;
    assert_eq!(desk.rewarded().await.len(), 1, "thirteen days");
    study(&desk, [15]).await;
    assert_eq!(desk.rewarded().await.len(), 2);
}

#[tokio::test]
async fn everything_there_is_is_taken_along_with_its_first_day() {
    let desk = Desk::new("UTC", "2025-01-02T12:00:00Z").await;
    desk.ask(1).await;
    desk.set("2026-03-02T10:00:00Z");
    desk.ask(2).await;
    let whole = desk
        .analytics
        .whole(desk.user, None)
        .await
        .expect("figures");
    assert_eq!(whole.first.to_string(), "2025-01-02");
    assert_eq!(
        (whole.days.len(), whole.overview.current.questions),
        (425, 2)
    );
    assert_eq!(whole.days[0].0.questions, 1);
    let week = desk
        .analytics
        .whole(desk.user, Some(7))
        .await
        .expect("figures");
    assert_eq!((week.days.len(), week.overview.current.questions), (7, 1));
}
