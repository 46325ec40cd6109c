//! A database that benchmarks run on: students who have been here for a year, with materials and a
//! history. What `make bench-backend` starts its servers with. Figures of the year come about as they
//! do in life, one recorded activity after another; only the clock is turned.

use super::{
    EvalError,
    document::{self, Document, hash, stored},
    random::Random,
};
use crate::{
    DATABASE_FILE,
    accounts::{Accounts, Policy},
    analytics::{Activity, Analytics},
    changes::Changes,
    clock::Clock,
    ingest::chunk::Chunk,
    provider::{Embedder as _, stub_embedder::StubEmbedder},
    store::{
        Db,
        accounts::{self, NewUser},
        materials::text::{ChunkKey, NewVectors},
    },
};
use app::model::{
    account::TokenScope,
    id::{MessageId, UserId},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use std::{
    collections::HashMap,
    ffi::OsString,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// Words a made-up language has.
const VOCABULARY: usize = 8_000;
/// Words of a made-up passage, about what a chunk holds.
const PASSAGE_WORDS: usize = 140;
/// Words of a question.
const QUESTION_WORDS: usize = 7;
/// Questions that are made up, each different.
const QUESTIONS: usize = 2_000;
/// Days the history goes back.
const DAYS: u32 = 365;
/// Minutes between two activities of a session.
const PACE_MINUTES: i64 = 2;

const USAGE: &str = "server seed FOLDER [--students N] [--materials N] [--passages N] [--sessions N] \
                     [--activities N]; the numbers are of each student";

/// How much of everything, for each student.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// Becomes the server's data folder.
    folder: PathBuf,
    students: usize,
    materials: usize,
    passages: usize,
    sessions: usize,
    activities: usize,
}

impl Seed {
    /// Reads the arguments after `seed`.
    ///
    /// # Errors
    /// When one is missing or unknown.
    pub fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Self, EvalError> {
        let usage = || EvalError::Usage(USAGE);
        let mut seed = Self {
            folder: args.next().ok_or_else(usage)?.into(),
            students: 1,
            materials: 50,
            passages: 5_000,
            sessions: 3_000,
            activities: 20_000,
        };
        while let Some(option) = args.next() {
            let number = args.next().ok_or_else(usage)?;
            let number = number.to_str().and_then(|text| text.parse().ok());
            let number: usize = number.ok_or_else(usage)?;
            *match option.to_str() {
                Some("--students") => &mut seed.students,
                Some("--materials") => &mut seed.materials,
                Some("--passages") => &mut seed.passages,
                Some("--sessions") => &mut seed.sessions,
                Some("--activities") => &mut seed.activities,
                _ => return Err(usage()),
            } = number;
        }
        Ok(seed)
    }
}

/// What a benchmark has to know of the database.
#[derive(Serialize)]
struct Seeded {
    /// An access token of each student.
    tokens: Vec<String>,
    questions: Vec<String>,
}

/// The command: fills the folder's database and prints tokens and questions as JSON.
///
/// # Errors
/// When the database fails or is there already.
pub async fn seed_command(seed: Seed) -> Result<(), EvalError> {
    let in_vain = |error| EvalError::File(seed.folder.clone(), error);
    std::fs::create_dir_all(&seed.folder).map_err(in_vain)?;
    let database = seed.folder.join(DATABASE_FILE);
    if database.exists() {
        return Err(EvalError::Empty("There is a database in this folder."));
    }
    let db = Db::open(&database).await?;
    let system = Clock::system();
    let keeper = Accounts::new(
        db.clone(),
        system.clone(),
        Policy {
            open: true,
            setup_token: None,
        },
    );
    let language = Language::new();
    let mut random = Random(7);
    let mut tokens = Vec::with_capacity(seed.students);
    for number in 0..seed.students {
        let user = NewUser {
            id: UserId::new(system.new_id()),
            email: &format!("student{number}@example.org"),
            password_hash: "",
            time_zone: "UTC",
            created_at: system.now(),
        };
        accounts::insert_user(&db, &user, false).await?;
        let token = keeper
            .create_token(user.id, "benchmark", TokenScope::Write)
            .await?;
        tokens.push(token.as_str().to_owned());
        add_materials(&db, &system, user.id, &seed, &language, &mut random).await?;
        add_history(&db, &system, user.id, &seed).await?;
    }
    let questions = (0..QUESTIONS)
        .map(|_| language.sentence(QUESTION_WORDS, &mut random))
        .collect();
    db.close().await;
    let seeded = Seeded { tokens, questions };
    println!("{}", serde_json::to_string(&seeded).unwrap_or_default());
    Ok(())
}

async fn add_materials(
    db: &Db,
    clock: &Clock,
    user: UserId,
    seed: &Seed,
    language: &Language,
    random: &mut Random,
) -> Result<(), EvalError> {
    let each = seed.passages.div_ceil(seed.materials.max(1));
    let mut left = seed.passages;
    for number in 1..=seed.materials {
        let chunks: Vec<Chunk> = (1..=u32::try_from(each.min(left)).unwrap_or(u32::MAX))
            .map(|page| {
                let text = language.sentence(PASSAGE_WORDS, random);
                Chunk {
                    page_first: page,
                    page_last: page,
                    char_start: 0,
                    char_end: u32::try_from(text.chars().count()).unwrap_or(u32::MAX),
                    section: Some(language.sentence(3, random)),
                    text,
                }
            })
            .collect();
        left -= chunks.len();
        let pages: Vec<String> = chunks.iter().map(|chunk| chunk.text.clone()).collect();
        let made = StubEmbedder.embed_documents(pages.clone()).await?;
        let keys = chunks.iter().map(|chunk| stored(chunk).key());
        let vectors: HashMap<ChunkKey, Option<Vec<f32>>> = keys.zip(made).collect();
        let name = format!("Lecture {number}");
        let document = Document {
            user,
            name: &name,
            hash: hash(&[&user.to_string(), &name]),
            pages: &pages,
            chunks: &chunks,
            vectors: NewVectors {
                embedder: StubEmbedder.id(),
                vectors: &vectors,
            },
        };
        document::store(db, clock, &document).await?;
    }
    Ok(())
}

/// Sessions spread evenly over the year until now, the activities evenly over the sessions.
async fn add_history(db: &Db, system: &Clock, user: UserId, seed: &Seed) -> Result<(), EvalError> {
    let now = system.now();
    let hand = Arc::new(Mutex::new(now));
    let turned = Arc::clone(&hand);
    let clock = Clock::driven_by(move || *turned.lock().unwrap_or_else(PoisonError::into_inner));
    let analytics = Analytics::new(db.clone(), Arc::new(Changes::default()), clock.clone());
    let span = TimeDelta::days(i64::from(DAYS - 1)).num_seconds();
    let mut done = 0;
    for session in 0..seed.sessions {
        let start = share(span, session, seed.sessions) - span;
        let until = seed.activities * (session + 1) / seed.sessions;
        for activity in 0..(until - done) {
            let seconds = start + i64::try_from(activity).unwrap_or(0) * PACE_MINUTES * 60;
            *hand.lock().unwrap_or_else(PoisonError::into_inner) = moved(now, seconds);
            let message = MessageId::new(clock.new_id());
            analytics
                .record(user, Activity::Question { message })
                .await?;
        }
        done = until;
    }
    Ok(())
}

/// `part` of `all` equal parts of `span`.
fn share(span: i64, part: usize, all: usize) -> i64 {
    let part = i64::try_from(part).unwrap_or(0);
    span * part / i64::try_from(all.max(1)).unwrap_or(1)
}

fn moved(time: DateTime<Utc>, seconds: i64) -> DateTime<Utc> {
    time + TimeDelta::seconds(seconds)
}

/// Made-up words, a few of them common and most rare, as in any language.
struct Language(Vec<String>);

impl Language {
    fn new() -> Self {
        const SYLLABLES: [&str; 20] = [
            "car", "di", "o", "pul", "mon", "re", "nal", "he", "pa", "tic", "neu", "ro", "gas",
            "tri", "der", "ma", "vas", "cu", "lar", "gen",
        ];
        let words = (0..VOCABULARY).map(|number| {
            // Every number has syllables of its own: the digits of a number.
            let (first, rest) = (number % 20, number / 20);
            format!(
                "{}{}{}",
                SYLLABLES[first],
                SYLLABLES[rest % 20],
                SYLLABLES[rest / 20]
            )
        });
        Self(words.collect())
    }

    fn sentence(&self, words: usize, random: &mut Random) -> String {
        let word = |random: &mut Random| {
            // The product of two even draws: low numbers come often, high ones seldom.
            let first = random.below(self.0.len());
            &*self.0[random.below(first + 1)]
        };
        let words: Vec<&str> = (0..words).map(|_| word(random)).collect();
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_seeded_database_holds_what_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let args = [
            "data",
            "--students",
            "2",
            "--materials",
            "2",
            "--passages",
            "5",
        ];
        let more = ["--sessions", "3", "--activities", "8"];
        let mut seed = Seed::parse(args.into_iter().chain(more).map(OsString::from)).unwrap();
        seed.folder = folder.path().to_owned();
        seed_command(seed.clone()).await.unwrap();

        let db = Db::open(&folder.path().join(DATABASE_FILE)).await.unwrap();
        for (rows_of, rows) in [
            ("SELECT count(*) FROM users", 2),
            ("SELECT count(*) FROM access_tokens", 2),
            ("SELECT count(*) FROM materials", 4),
            ("SELECT count(*) FROM chunks", 10),
            ("SELECT count(*) FROM embeddings", 10),
            ("SELECT count(*) FROM study_sessions", 6),
            ("SELECT count(*) FROM events", 16),
        ] {
            let count: i64 = sqlx::query_scalar(rows_of)
                .fetch_one(db.read())
                .await
                .unwrap();
            assert_eq!(count, rows, "{rows_of}");
        }
        assert!(
            seed_command(seed).await.is_err(),
            "never over what is there"
        );
    }

    #[test]
    fn an_argument_that_means_nothing_is_refused() {
        for args in [
            vec![],
            vec!["data", "--students"],
            vec!["data", "--sheep", "3"],
        ] {
            assert!(Seed::parse(args.into_iter().map(OsString::from)).is_err());
        }
    }
}
