//! The database an evaluation works on: two students, one with the collection as her materials, one
//! with as many made-up passages as wanted. Stores through what an ingest stores through.

use super::{
    EvalError,
    collection::Collection,
    document::{self, Document, hash, stored},
    random::Random,
};
use crate::{
    clock::Clock,
    ingest::chunk::{Chunk, chunk},
    provider::Embedder,
    store::{
        Db,
        accounts::{self, NewUser},
        materials::{
            self,
            text::{ChunkKey, NewVectors},
        },
        passages,
    },
};
use app::model::id::UserId;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};
use uuid::Uuid;

/// Documents embedded together: enough to keep every core busy.
const BATCH: usize = 64;
/// Made-up passages of one material: a large book.
const FILLER_BATCH: usize = 5_000;
/// Words of a made-up passage, about what a chunk holds.
const FILLER_WORDS: usize = 140;
/// Ids of the two students, so that a database that was kept knows them.
const STUDENT: UserId = UserId::new(Uuid::from_u128(1));
const HOARDER: UserId = UserId::new(Uuid::from_u128(2));

/// The database and its students.
pub struct Shelf {
    pub db: Db,
    /// Has the collection.
    pub student: UserId,
    /// Has what is made up.
    pub hoarder: UserId,
    clock: Clock,
    /// Removed at the end.
    passing: Option<PathBuf>,
}

impl Shelf {
    /// Opens the database in `keep`, or a passing one.
    pub async fn open(keep: Option<&Path>) -> Result<Self, EvalError> {
        let clock = Clock::system();
        let passing = match keep {
            Some(_) => None,
            None => Some(std::env::temp_dir().join(format!("studyin-eval-{}", clock.new_id()))),
        };
        let folder = keep.or(passing.as_deref()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)
            .map_err(|error| EvalError::File(folder.to_owned(), error))?;
        let shelf = Self {
            db: Db::open(&folder.join("eval.sqlite")).await?,
            student: STUDENT,
            hoarder: HOARDER,
            clock,
            passing,
        };
        for (id, email) in [
            (STUDENT, "student@localhost"),
            (HOARDER, "hoarder@localhost"),
        ] {
            let user = NewUser {
                id,
                email,
                password_hash: "",
                time_zone: "UTC",
                created_at: shelf.clock.now(),
            };
            accounts::insert_user(&shelf.db, &user, false).await?;
        }
        Ok(shelf)
    }

    /// Stores the documents that are not there yet, each a material of one page, and answers how many
    /// passages there are.
    pub async fn fill(
        &self,
        collection: &Collection,
        embedder: &dyn Embedder,
    ) -> Result<usize, EvalError> {
        for batch in collection.documents.chunks(BATCH) {
            let mut documents = Vec::new();
            for document in batch {
                let pages = [document.text.clone()];
                let hash = hash(&[embedder.id(), &document.id, &document.text]);
                let mut tx = self.db.write().await?;
                let there = materials::find_by_hash(&mut tx, self.student, &hash).await?;
                drop(tx);
                if there.is_none() {
                    let count_tokens = |text: &str| embedder.count_tokens(text);
                    documents.push((document, hash, chunk(&pages, 1, &[], &count_tokens)));
                }
            }
            let texts: Vec<String> = documents
                .iter()
                .flat_map(|(_, _, chunks)| chunks.iter().map(|chunk| chunk.text.clone()))
                .collect();
            let mut vectors = embedder.embed_documents(texts).await?.into_iter();
            for (document, hash, chunks) in documents {
                let vectors = chunks.iter().zip(vectors.by_ref());
                let vectors: HashMap<ChunkKey, Option<Vec<f32>>> = vectors
                    .map(|(chunk, vector)| (stored(chunk).key(), vector))
                    .collect();
                let document = Document {
                    user: self.student,
                    name: &document.id,
                    hash,
                    pages: std::slice::from_ref(&document.text),
                    chunks: &chunks,
                    vectors: NewVectors {
                        embedder: embedder.id(),
                        vectors: &vectors,
                    },
                };
                document::store(&self.db, &self.clock, &document).await?;
            }
        }
        self.passages(self.student, embedder.id()).await
    }

    /// Stores made-up passages until there are `count`: words of the collection in any order, and
    /// vectors that point anywhere.
    pub async fn fill_up(
        &self,
        collection: &Collection,
        count: usize,
        embedder: &str,
        dimension: usize,
    ) -> Result<(), EvalError> {
        let mut random = Random(1);
        let words: Vec<&str> = collection
            .documents
            .iter()
            .flat_map(|document| document.text.split_whitespace())
            .collect();
        let mut there = self.passages(self.hoarder, embedder).await?;
        while there < count {
            let size = FILLER_BATCH.min(count - there);
            let (mut pages, mut chunks) = (Vec::new(), Vec::new());
            let mut vectors = HashMap::new();
            for page in 1..=u32::try_from(size).unwrap_or(u32::MAX) {
                let drawn: Vec<&str> = (0..FILLER_WORDS)
                    .map(|_| words[random.below(words.len())])
                    .collect();
                let made = Chunk {
                    page_first: page,
                    page_last: page,
                    char_start: 0,
                    char_end: 1,
                    text: drawn.join(" "),
                    section: None,
                };
                vectors.insert(stored(&made).key(), Some(random.direction(dimension)));
                pages.push(made.text.clone());
                chunks.push(made);
            }
            let name = format!("filler {there}");
            let document = Document {
                user: self.hoarder,
                name: &name,
                hash: hash(&[embedder, &name]),
                pages: &pages,
                chunks: &chunks,
                vectors: NewVectors {
                    embedder,
                    vectors: &vectors,
                },
            };
            document::store(&self.db, &self.clock, &document).await?;
            there += size;
        }
        Ok(())
    }

    async fn passages(&self, user: UserId, embedder: &str) -> Result<usize, EvalError> {
        let prints = passages::prints(&self.db, user, embedder).await?;
        let passages: i64 = prints.iter().map(|print| print.passages).sum();
        Ok(usize::try_from(passages).unwrap_or_default())
    }

    /// Which document each passage of the student belongs to.
    pub async fn documents(&self) -> Result<HashMap<i64, String>, EvalError> {
        let names: HashMap<Uuid, String> = materials::list(&self.db, self.student)
            .await?
            .into_iter()
            .map(|material| (material.id.uuid(), material.file_name))
            .collect();
        let mut documents = HashMap::new();
        let ids: Vec<Uuid> = names.keys().copied().collect();
        for ids in ids.chunks(passages::MATERIALS_MAX) {
            for passage in passages::of_materials(&self.db, self.student, "", ids).await? {
                if let Some(name) = names.get(&passage.material) {
                    documents.insert(passage.id, name.clone());
                }
            }
        }
        Ok(documents)
    }

    /// Processor time this process has taken, as far as Linux says it (ticks of 10 ms).
    pub fn cpu_time(&self) -> Duration {
        const TICK: Duration = Duration::from_millis(10);
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // After the name in brackets, the 12th and 13th: user and system time.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks = rest.split_whitespace().skip(11).take(2);
        let ticks: u32 = ticks.filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
        TICK * ticks
    }

    /// Closes the database and removes it unless it was to be kept.
    pub async fn close(mut self) {
        self.db.close().await;
        self.remove();
    }

    fn remove(&mut self) {
        if let Some(folder) = self.passing.take() {
            // What cannot be removed lies in the system's folder for such things.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.remove();
    }
}
