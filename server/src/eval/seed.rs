//! A database that benchmarks run on: students who have been here for a year, with materials and a
//! history. What `make bench-backend` starts its servers with. Figures of the year come about as they
//! do in life, one activity after another by the same rules; only that they are stored all at once.

use super::{
    EvalError,
    document::{self, Document, hash, stored},
    random::Random,
};
use crate::{
    DATABASE_FILE,
    accounts::{Accounts, Policy},
    analytics::{
        event::{Deed, Event, READING_SLOT_SECONDS, Sha256},
        ledger::Paper,
        recorder, sittings,
    },
    clock::Clock,
    ingest::chunk::Chunk,
    provider::{Embedder as _, stub_embedder::StubEmbedder},
    store::{
        Db, StoreError,
        accounts::{self, NewUser},
        activity::{self, recount},
        materials::text::{ChunkKey, NewVectors},
    },
};
use app::model::{
    account::TokenScope,
    id::{MaterialId, MessageId, UserId},
};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
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
/// Events stored by one statement.
const EVENTS_AT_ONCE: usize = 1_000;
/// Minutes between two activities of a session, if there is time for it.
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
    db.forget_durability().await?;
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

/// Sessions spread evenly over the year until now, the activities evenly over the sessions: questions,
/// pages read, and going on reading them. Each session has one document.
async fn add_history(db: &Db, system: &Clock, user: UserId, seed: &Seed) -> Result<(), EvalError> {
    let now = system.now();
    let hand = Arc::new(Mutex::new(now));
    let turned = Arc::clone(&hand);
    let clock = Clock::driven_by(move || *turned.lock().unwrap_or_else(PoisonError::into_inner));
    let span = TimeDelta::days(i64::from(DAYS - 1)).num_seconds();
    let pace = pace_seconds(span, seed);
    let mut books = Book::of_all(recount::documents(db, user).await?, pace);
    let mut paper = Paper::default();
    let mut events = Vec::with_capacity(EVENTS_AT_ONCE);
    let (mut done, mut stored) = (0, 0);
    let mut tx = db.write().await?;
    for session in 0..seed.sessions {
        let start = share(span, session, seed.sessions) - span;
        let until = seed.activities * (session + 1) / seed.sessions;
        let shelf = books.len().max(1);
        for activity in 0..(until - done) {
            let at = moved(now, start + i64::try_from(activity).unwrap_or(0) * pace);
            *hand.lock().unwrap_or_else(PoisonError::into_inner) = at;
            let question = Deed::Question {
                message: MessageId::new(clock.new_id()),
            };
            let book = books.get_mut(session % shelf);
            let deed = match (activity % 3, book) {
                (1, Some(book)) => book.read_on(),
                (2, Some(book)) => book.keep_reading(at),
                _ => None,
            };
            let event = Event::new(clock.new_id(), at, Tz::UTC, deed.unwrap_or(question));
            recorder::enter(&mut paper, &event).await?;
            events.push(event);
            if events.len() == EVENTS_AT_ONCE {
                recount::insert_events(&mut tx, user, stored + 1, &events).await?;
                stored += i64::try_from(events.len()).unwrap_or(0);
                events.clear();
            }
        }
        done = until;
    }
    recount::insert_events(&mut tx, user, stored + 1, &events).await?;
    for book in &books {
        for page in 1..=book.seen {
            activity::see_page(&mut tx, user, book.id, page).await?;
        }
    }
    recount::replace(&mut tx, user, &paper).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(())
}

/// Seconds between two activities of a session: so few that the next session begins after a pause.
fn pace_seconds(span: i64, seed: &Seed) -> i64 {
    let count = |number: usize| i64::try_from(number.max(1)).unwrap_or(i64::MAX);
    let pause = (sittings::GAP + sittings::LAST).num_seconds();
    let room = span / count(seed.sessions) - pause;
    let each = seed.activities.div_ceil(seed.sessions.max(1));
    (room / count(each)).clamp(1, PACE_MINUTES * 60)
}

/// A document being read from its first page to its last, again and again.
struct Book {
    id: MaterialId,
    sha256: Sha256,
    pages: u32,
    /// The page that is open; 0 before the first.
    at: u32,
    /// Pages that have been on screen.
    seen: u32,
    last_beat: i64,
}

impl Book {
    /// Those with enough pages for none to be read twice within a minute.
    fn of_all(documents: Vec<(MaterialId, Sha256, u32)>, pace: i64) -> Vec<Self> {
        let book = |(id, sha256, pages): (MaterialId, Sha256, u32)| Self {
            id,
            sha256,
            pages,
            at: 0,
            seen: 0,
            last_beat: i64::MIN,
        };
        let long_enough = |book: &Self| i64::from(book.pages) * 3 * pace > 60;
        documents
            .into_iter()
            .map(book)
            .filter(long_enough)
            .collect()
    }

    fn read_on(&mut self) -> Option<Deed> {
        self.at = self.at % self.pages + 1;
        let is_new = self.at > self.seen;
        self.seen = self.seen.max(self.at);
        Some(Deed::PageRead {
            material: self.id,
            page: self.at,
            finishes: (is_new && self.seen == self.pages).then_some(self.sha256),
        })
    }

    /// `None` when the last heartbeat is too near.
    fn keep_reading(&mut self, at: DateTime<Utc>) -> Option<Deed> {
        let slot = at.timestamp().div_euclid(READING_SLOT_SECONDS);
        if std::mem::replace(&mut self.last_beat, slot) >= slot || self.at == 0 {
            return None;
        }
        Some(Deed::Reading {
            material: self.id,
            page: self.at,
            finishes: None,
        })
    }
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
