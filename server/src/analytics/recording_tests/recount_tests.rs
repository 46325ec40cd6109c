//! What is kept while things happen equals what is counted again from the events, row by row.

use super::{
    lives::{lives, starts, zones},
    *,
};
use proptest::test_runner::{Config, TestRunner};
use recount::recount;

/// Histories the property is tried on.
const HISTORIES: u32 = 1_000;
/// Every table that is counted again, each row as one text.
const TABLES: [&str; 7] = [
    "SELECT 'session ' || quote(id) || started_at || ' ' || last_activity_at || time_zone || local_date
         || coalesce(quote(material_id), '-')
     FROM study_sessions WHERE user_id = $1 ORDER BY 1",
    "SELECT 'day ' || local_date || ' ' || activities || ' ' || questions || ' ' || materials_added || ' '
         || pages_read || ' ' || study_sessions || ' ' || study_seconds || ' ' || xp || ' '
         || materials_finished || ' ' || achievements || ' ' || active_hours
     FROM daily_activity WHERE user_id = $1 ORDER BY 1",
    "SELECT 'hour ' || local_date || ' ' || hour || ' ' || weekday || ' ' || study_seconds
     FROM hourly_activity WHERE user_id = $1 ORDER BY 1",
    "SELECT 'material ' || local_date || ' ' || quote(material_id) || ' ' || study_seconds || ' ' || opened
     FROM material_activity WHERE user_id = $1 ORDER BY 1",
    "SELECT 'opened ' || quote(material_id) || coalesce(finished_on, '-') FROM opened_materials WHERE user_id = $1 ORDER BY 1",
    "SELECT 'award ' || natural_key || ' ' || awarded_at || ' ' || local_date || ' ' || xp
     FROM awards WHERE user_id = $1 ORDER BY 1",
    "SELECT 'achievement ' || achievement || ' ' || unlocked_at || ' ' || local_date
     FROM achievements WHERE user_id = $1 ORDER BY 1",
];

/// One step of a random life.
#[derive(Clone, Debug)]
enum Step {
    Ask,
    Upload(u8),
    Read(u8, u8),
    Keep(u8, u8),
    /// Deletes a document with all that hangs on it.
    Delete(u8),
    Move(Tz),
}

fn any_life() -> impl Strategy<Value = Vec<(i64, Step)>> {
    let step = prop_oneof![
        5 => Just(Step::Ask),
        1 => (0_u8..3).prop_map(Step::Upload),
        4 => (0_u8..3, 1_u8..4).prop_map(|(book, page)| Step::Read(book, page)),
        4 => (0_u8..3, 1_u8..4).prop_map(|(book, page)| Step::Keep(book, page)),
        1 => (0_u8..3).prop_map(Step::Delete),
        1 => zones().prop_map(Step::Move),
    ];
    let finished = (0_u8..3).prop_map(|book| {
        let read = (1..4).map(move |page| Step::Read(book, page));
        [Step::Upload(book)].into_iter().chain(read).collect()
    });
    lives(step.boxed(), Step::Ask, finished.boxed())
}

/// One student among many, with the documents she has at the moment.
struct Life<'a> {
    desk: &'a Desk,
    user: UserId,
    books: [Option<MaterialId>; 3],
    steps: u128,
}

impl Life<'_> {
    async fn step(&mut self, step: &Step) {
        self.steps += 1;
        let id = self.user.uuid().as_u128() * 100_000 + self.steps * 100;
        let what = match *step {
            Step::Ask => Activity::Question {
                message: MessageId::new(Uuid::from_u128(id)),
            },
            Step::Upload(book) => {
                let slot = &mut self.books[usize::from(book)];
                let id = id + u128::from(book);
                if slot.is_none() {
                    *slot = Some(self.desk.add_material(self.user, id, 3).await);
                }
                added(id)
            }
            Step::Read(book, page) => match self.books[usize::from(book)] {
                Some(material) => Activity::PageRead {
                    material,
                    page: page.into(),
                },
                None => return,
            },
            Step::Keep(book, page) => match self.books[usize::from(book)] {
                Some(material) => Activity::Reading {
                    material,
                    page: page.into(),
                },
                None => return,
            },
            Step::Delete(book) => {
                if let Some(material) = self.books[usize::from(book)].take() {
                    self.desk.delete_material(material).await;
                }
                return;
            }
            Step::Move(zone) => return self.desk.move_to(self.user, zone).await,
        };
        self.desk
            .analytics
            .record(self.user, what)
            .await
            .expect("recorded");
    }

    async fn rows(&self) -> Vec<String> {
        let mut rows = Vec::new();
        for table in TABLES {
            let more: Vec<String> = sqlx::query_scalar(table)
                .bind(self.user.uuid())
                .fetch_all(self.desk.db.read())
                .await
                .expect("rows");
            rows.extend(more);
        }
        rows
    }

    /// The days the pages are made from, as the rows have them.
    async fn history(&self) -> Vec<String> {
        let days = stored::history(&self.desk.db, self.user)
            .await
            .expect("days");
        days.iter()
            .map(|day| {
                let figures = [
                    day.activities,
                    day.questions,
                    day.materials_added,
                    day.pages_read,
                    day.study_sessions,
                    day.study_seconds,
                    day.xp,
                    day.materials_finished,
                    day.achievements,
                    day.active_hours,
                ];
                let figures = figures.map(|figure| figure.to_string()).join(" ");
                format!("day {} {figures}", day.date)
            })
            .collect()
    }
}

#[test]
fn a_thousand_random_histories_are_counted_again_to_the_same_rows() {
    let (runtime, desk) = desk_of_many_lives();
    let students = std::cell::Cell::new(1_000);
    let mut runner = TestRunner::new(Config {
        cases: HISTORIES,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&(zones(), starts(), any_life()), |(zone, start, life)| {
        students.set(students.get() + 1);
        let (kept, again, history) = runtime.block_on(async {
            let user = UserId::new(Uuid::from_u128(students.get()));
            desk.add_student(user, zone.name()).await;
            desk.set(start);
            let mut student = Life {
                desk: &desk,
                user,
                books: [None; 3],
                steps: 0,
            };
            for (pause, step) in &life {
                desk.pass(TimeDelta::seconds(*pause));
                student.step(step).await;
            }
            let kept = student.rows().await;
            let history = student.history().await;
            recount(&desk.db, user).await.expect("counted");
            let again = student.rows().await;
            assert_eq!(history, student.history().await);
            (kept, again, history)
        });
        let days = kept.iter().filter(|row| row.starts_with("day "));
        prop_assert!(days.eq(&history), "{:?} but {:?}", kept, history);
        prop_assert_eq!(kept, again);
        Ok(())
    });
    outcome.expect("the same rows");
    for (rule, students) in [
        (
            "SELECT count(DISTINCT user_id) FROM awards WHERE natural_key LIKE 'streak:%'",
            100,
        ),
        (
            "SELECT count(DISTINCT user_id) FROM awards WHERE natural_key LIKE 'finished:%'",
            500,
        ),
        (
            "SELECT count(DISTINCT user_id) FROM daily_activity WHERE questions > 20",
            200,
        ),
    ] {
        let query = sqlx::query_scalar(rule).fetch_one(desk.db.read());
        let reached: i64 = runtime.block_on(query).expect("a count");
        assert!(reached > students, "{reached} lives reach {rule}");
    }
}

#[tokio::test]
async fn a_recount_of_an_older_version_is_done_once() {
    let desk = Desk::new("UTC", "2026-03-02T10:00:00Z").await;
    desk.ask(1).await;
    let before = desk.overview().await;
    let mut tx = desk.db.write().await.expect("a transaction");
    for change in [
        "DELETE FROM daily_activity WHERE user_id = $1",
        "INSERT INTO activity_recounts (user_id) VALUES ($1)",
    ] {
        let query = sqlx::query(change).bind(desk.user.uuid());
        query.execute(&mut *tx).await.expect("changed");
    }
    tx.commit().await.expect("kept");
    assert!(!desk.overview().await.has_activity);
    recount::catch_up(&desk.db).await.expect("counted");
    assert_eq!(desk.overview().await, before);
    let due = activity::recount::due(&desk.db).await;
    assert!(due.expect("a list").is_empty());
}

#[tokio::test]
async fn the_months_follow_their_days_and_go_with_the_last_of_them() {
    let desk = Desk::new("UTC", "2026-01-30T10:00:00Z").await;
    for number in 1..=4 {
        desk.ask(number).await;
        desk.pass(TimeDelta::days(1));
    }
    let changed = async |change: &'static str| {
        let mut tx = desk.db.write().await.expect("a transaction");
        let query = sqlx::query(change).bind(desk.user.uuid());
        query.execute(&mut *tx).await.expect("changed");
        tx.commit().await.expect("kept");
        let history = stored::history(&desk.db, desk.user).await.expect("days");
        let days = history.iter().map(|day| (day.date.to_string(), day.xp));
        days.collect::<Vec<_>>()
    };
    let days = changed("UPDATE daily_activity SET xp = 7 WHERE user_id = $1").await;
    let dates = ["2026-01-30", "2026-01-31", "2026-02-01", "2026-02-02"];
    assert_eq!(days, dates.map(|date| (date.to_owned(), 7)));
    let days = changed(
        "DELETE FROM daily_activity WHERE user_id = $1
         AND local_date IN ('2026-01-30', '2026-02-01', '2026-02-02')",
    )
    .await;
    assert_eq!(days, [("2026-01-31".to_owned(), 7)]);
    let months = "SELECT group_concat(month) FROM activity_months";
    let months = sqlx::query_scalar(months).fetch_one(desk.db.read());
    let months: String = months.await.expect("the months");
    assert_eq!(months, "2026-01");
}

#[tokio::test]
async fn an_account_that_goes_takes_its_months_with_it() {
    let desk = Desk::new("UTC", "2026-01-30T10:00:00Z").await;
    for number in 1..=4 {
        desk.ask(number).await;
        desk.pass(TimeDelta::days(1));
    }
    let mut tx = desk.db.write().await.expect("a transaction");
    let query = sqlx::query("DELETE FROM users WHERE id = $1").bind(desk.user.uuid());
    query.execute(&mut *tx).await.expect("deleted");
    tx.commit().await.expect("kept");
    let left =
        "SELECT (SELECT count(*) FROM activity_months) + (SELECT count(*) FROM daily_activity)";
    let left: i64 = sqlx::query_scalar(left)
        .fetch_one(desk.db.read())
        .await
        .expect("a count");
    assert_eq!(left, 0);
}
