//! Searches over a real database, with an embedder whose vectors a reader can predict: one number
//! for each topic word a text holds.

mod kept;

use super::*;
use crate::{changeover, provider::EmbedError};
use app::model::{filter::PageRange, id::MaterialId};
use async_trait::async_trait;
use uuid::Uuid;

const ANNA: UserId = UserId::new(Uuid::from_u128(1));
const BEN: UserId = UserId::new(Uuid::from_u128(2));

const TOPICS: [&str; 4] = ["heart", "lung", "bread", "chess"];

struct Topics;

impl Topics {
    fn vector(text: &str) -> Vec<f32> {
        // "cardiac" has no word in common with "heart", only the meaning.
        let text = text.to_lowercase().replace("cardiac", "heart");
        let counts = TOPICS.map(|topic| text.matches(topic).count() as f32);
        let length = counts.iter().map(|x| x * x).sum::<f32>().sqrt().max(1.0);
        counts.iter().map(|x| x / length).collect()
    }
}

#[async_trait]
impl Embedder for Topics {
    fn id(&self) -> &str {
        "topics"
    }

    fn label(&self) -> String {
        "topics".to_owned()
    }

    fn dimension(&self) -> usize {
        TOPICS.len()
    }

    async fn embed_documents(
        &self,
        texts: Vec<String>,
    ) -> Result<Vec<Option<Vec<f32>>>, EmbedError> {
        Ok(texts.iter().map(|text| Some(Self::vector(text))).collect())
    }

    async fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        if text.contains("fail") {
            return Err(EmbedError::Stopped);
        }
        Ok(Self::vector(text))
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.split_whitespace().count()
    }
}

struct Desk {
    _dir: tempfile::TempDir,
    db: Db,
    slot: EmbedderSlot,
    retrieval: Retrieval,
}

impl Desk {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("test.db")).await.unwrap();
        let mut tx = db.write().await.unwrap();
        for (user, title) in [(ANNA, "Anna's notes"), (BEN, "Ben's notes")] {
            sqlx::query(
                "INSERT INTO users (id, email, password_hash, role, time_zone, created_at)
                 VALUES ($1, $2, '', 'student', 'UTC', '2026-01-01T00:00:00Z')",
            )
            .bind(user.uuid())
            .bind(title)
            .execute(&mut *tx)
            .await
            .unwrap();
            // Each student's one material has the student's own id.
            sqlx::query(
                "INSERT INTO materials (id, user_id, title, file_name, media_type, size_bytes,
                     sha256, state, uploaded_at)
                 VALUES ($1, $1, $2, 'f', 'pdf', 1, x'00', 'ready', '2026-01-01T00:00:00Z')",
            )
            .bind(user.uuid())
            .bind(title)
            .execute(&mut *tx)
            .await
            .unwrap();
        }
        tx.commit().await.unwrap();
        let slot = EmbedderSlot::empty();
        let retrieval = Retrieval::new(db.clone(), slot.clone(), &Caches::off());
        Self {
            _dir: dir,
            db,
            slot,
            retrieval,
        }
    }

    /// Adds a page of one passage, with its vector.
    async fn add(&self, user: UserId, text: &str) {
        let vector: Vec<u8> = Topics::vector(text)
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        let mut tx = self.db.write().await.unwrap();
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO chunks (material_id, user_id, ordinal, page_first, page_last, char_start,
                 char_end, text)
             SELECT $1, $1, count(*), count(*) + 1, count(*) + 1, 0, 100, $2 FROM chunks
             RETURNING id",
        )
        .bind(user.uuid())
        .bind(text)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
        sqlx::query(
            "INSERT INTO embeddings (chunk_id, embedder, vector) VALUES ($1, 'topics', $2)",
        )
        .bind(id)
        .bind(vector)
        .execute(&mut *tx)
        .await
        .unwrap();
        sqlx::query("UPDATE materials SET revision = revision + 1 WHERE id = $1")
            .bind(user.uuid())
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// Takes the vectors away of what holds `word`, as if they were not made yet.
    async fn forget_vectors(&self, word: &str) {
        let mut tx = self.db.write().await.unwrap();
        sqlx::query(
            "DELETE FROM embeddings WHERE chunk_id IN
                 (SELECT id FROM chunks WHERE instr(text, $1) > 0)",
        )
        .bind(word)
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }

    async fn search(&self, user: UserId, question: &str) -> Found {
        self.retrieval
            .search(user, &Query::new(question, 3))
            .await
            .map(|got| Arc::unwrap_or_clone(got.value))
            .unwrap()
    }
}

fn texts(found: &Found) -> Vec<&str> {
    found.passages.iter().map(|one| one.text.as_str()).collect()
}

#[tokio::test]
async fn an_empty_library_covers_nothing() {
    let desk = Desk::open().await;
    let found = desk.search(ANNA, "What does the heart do?").await;
    assert!(found.passages.is_empty() && !found.covered && !found.by_meaning);
    desk.slot.fill(Arc::new(Topics));
    let found = desk.search(ANNA, "What does the heart do?").await;
    assert!(found.passages.is_empty() && !found.covered && !found.by_meaning);
}

#[tokio::test]
async fn without_an_embedder_the_words_find_the_passage() {
    let desk = Desk::open().await;
    desk.add(ANNA, "Yeast makes bread rise overnight.").await;
    desk.add(ANNA, "Every heart beat ejects a stroke volume.")
        .await;
    let found = desk
        .search(ANNA, "What is the stroke volume of the hearts?")
        .await;
    assert_eq!(texts(&found), ["Every heart beat ejects a stroke volume."]);
    assert!(found.covered);
    assert!(!found.by_meaning);
    assert!(!desk.search(ANNA, "Who won the world cup?").await.covered);
    assert!(!desk.search(ANNA, "cardiac").await.covered);
}

#[tokio::test]
async fn a_meaning_is_found_without_a_common_word_and_passages_are_numbered() {
    let desk = Desk::open().await;
    desk.slot.fill(Arc::new(Topics));
    desk.add(ANNA, "Yeast makes bread rise overnight.").await;
    desk.add(ANNA, "Every heart beat ejects a volume.").await;
    let found = desk.search(ANNA, "cardiac physiology").await;
    assert_eq!(texts(&found)[0], "Every heart beat ejects a volume.");
    assert!(found.covered && found.by_meaning);
    let numbers: Vec<u32> = found.passages.iter().map(|one| one.number).collect();
    assert_eq!(numbers, [1, 2]);
    assert!(
        found
            .passages
            .iter()
            .all(|one| (0.0..=1.0).contains(&one.score))
    );
    assert!(!desk.search(ANNA, "Sicilian opening in chess").await.covered);
}

#[tokio::test]
async fn what_has_no_vector_yet_is_found_and_judged_by_its_words() {
    let desk = Desk::open().await;
    desk.slot.fill(Arc::new(Topics));
    desk.add(ANNA, "Yeast makes bread rise overnight.").await;
    desk.add(ANNA, "Memcheck detects reads of memory that was freed.")
        .await;
    desk.forget_vectors("Memcheck").await;
    let found = desk.search(ANNA, "What does Memcheck detect?").await;
    assert_eq!(
        texts(&found)[0],
        "Memcheck detects reads of memory that was freed."
    );
    assert!(found.covered && found.by_meaning);
    assert!(!desk.search(ANNA, "Who won the world cup?").await.covered);
}

#[tokio::test]
async fn what_is_added_is_found_by_the_next_question() {
    let desk = Desk::open().await;
    desk.slot.fill(Arc::new(Topics));
    desk.add(ANNA, "Yeast makes bread rise overnight.").await;
    assert!(!desk.search(ANNA, "cardiac").await.covered);
    desk.add(ANNA, "Every heart beat ejects a volume.").await;
    let found = desk.search(ANNA, "cardiac").await;
    assert!(found.covered);
    assert_eq!(texts(&found)[0], "Every heart beat ejects a volume.");
}

#[tokio::test]
async fn a_student_never_finds_what_another_has_uploaded() {
    let desk = Desk::open().await;
    desk.slot.fill(Arc::new(Topics));
    desk.add(ANNA, "Every heart beat ejects a volume.").await;
    desk.add(BEN, "Chess openings.").await;
    for question in ["heart", "cardiac", "chess", "openings volume"] {
        let found = desk.search(BEN, question).await;
        assert_eq!(texts(&found), ["Chess openings."], "{question}");
    }
}

#[tokio::test]
async fn a_failing_embedder_leaves_the_search_by_words() {
    let desk = Desk::open().await;
    desk.slot.fill(Arc::new(Topics));
    desk.add(ANNA, "Why a heart may fail.").await;
    let found = desk.search(ANNA, "When does a heart fail?").await;
    assert_eq!(texts(&found), ["Why a heart may fail."]);
    assert!(!found.by_meaning);
}

#[tokio::test]
async fn no_question_is_too_odd_or_too_long() {
    let desk = Desk::open().await;
    desk.slot.fill(Arc::new(Topics));
    desk.add(ANNA, "Every heart beat ejects a volume.").await;
    let long = "heart \"( AND* ".repeat(600);
    for question in [
        "?",
        "\"",
        "the of and",
        "NEAR(",
        "\u{0}",
        "🫀",
        long.as_str(),
    ] {
        desk.search(ANNA, question).await;
    }
}

#[tokio::test]
async fn only_what_the_filter_lets_through_is_ranked() {
    let desk = Desk::open().await;
    desk.slot.fill(Arc::new(Topics));
    desk.add(ANNA, "Every heart beat ejects a volume.").await;
    desk.add(ANNA, "The heart rests between two beats.").await;
    desk.add(ANNA, "Yeast makes bread rise overnight.").await;
    let material = MaterialId::new(ANNA.uuid());
    let search = |filter: Filter| {
        let query = Query {
            filter,
            ..Query::new("heart beat", 3)
        };
        let retrieval = desk.retrieval.clone();
        async move { Arc::unwrap_or_clone(retrieval.search(ANNA, &query).await.unwrap().value) }
    };
    let of_pages = |first, last| Filter {
        pages: Some(PageRange { first, last }),
        ..Filter::default()
    };
    assert_eq!(
        texts(&search(of_pages(2, 2)).await),
        ["The heart rests between two beats."]
    );
    // The rest is far from the question, but the best of what may be looked into.
    let bread = search(of_pages(3, 9)).await;
    assert_eq!(texts(&bread), ["Yeast makes bread rise overnight."]);
    assert!(!bread.covered);

    let of_materials = |materials| Filter {
        materials: Some(materials),
        ..Filter::default()
    };
    assert_eq!(search(of_materials(vec![material])).await.passages.len(), 3);
    let foreign = MaterialId::new(BEN.uuid());
    assert!(
        search(of_materials(vec![foreign]))
            .await
            .passages
            .is_empty()
    );
    assert!(search(of_materials(Vec::new())).await.passages.is_empty());

    let tagged = |tag: &str| Filter {
        tags: vec![tag.to_owned()],
        ..Filter::default()
    };
    assert!(search(tagged("exam")).await.passages.is_empty());
    let tags = ["exam".to_owned()];
    assert!(
        tags::set(&desk.db, ANNA, material, &tags)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        tags::set(&desk.db, BEN, material, &tags)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(search(tagged("exam")).await.passages.len(), 3);
    assert!(search(tagged("other")).await.passages.is_empty());
}

#[tokio::test]
async fn every_passage_says_by_what_it_was_found() {
    let desk = Desk::open().await;
    desk.slot.fill(Arc::new(Topics));
    desk.add(ANNA, "Every heart beat ejects a volume.").await;
    desk.add(ANNA, "Cardiac arrest.").await;
    let found = desk.search(ANNA, "heart beat").await;
    assert_eq!(found.passages.len(), 2);
    let [first, second] = &found.passages[..] else {
        panic!("{found:?}")
    };
    assert!(first.score_words > 0.0 && second.score_words == 0.0);
    for passage in [first, second] {
        assert!((passage.score_meaning.unwrap() - 1.0).abs() < 1e-5);
    }
    desk.forget_vectors("arrest").await;
    let found = desk.search(ANNA, "arrest").await;
    assert_eq!(found.passages[0].score_meaning, None);
}

/// Another embedder, whose vectors have another length.
struct Lengths;

#[async_trait]
impl Embedder for Lengths {
    fn id(&self) -> &str {
        "lengths"
    }

    fn label(&self) -> String {
        "lengths".to_owned()
    }

    fn dimension(&self) -> usize {
        2
    }

    async fn embed_documents(
        &self,
        texts: Vec<String>,
    ) -> Result<Vec<Option<Vec<f32>>>, EmbedError> {
        Ok(texts.iter().map(|_| Some(vec![1.0, 0.0])).collect())
    }

    async fn embed_query(&self, _: &str) -> Result<Vec<f32>, EmbedError> {
        Ok(vec![1.0, 0.0])
    }

    fn count_tokens(&self, text: &str) -> usize {
        text.len()
    }
}

#[tokio::test]
async fn the_old_embedder_answers_until_the_new_one_is_complete_and_then_its_vectors_are_freed() {
    let desk = Desk::open().await;
    desk.add(ANNA, "Every heart beat ejects a volume.").await;
    desk.add(ANNA, "Yeast makes bread rise overnight.").await;
    desk.slot.fill(Arc::new(Lengths));
    desk.slot.stand_by(Some(Arc::new(Topics)));
    let best = async || {
        let found = desk.search(ANNA, "cardiac").await;
        assert!(found.by_meaning && found.problem.is_none());
        (texts(&found)[0].to_owned(), found.passages[1].score_meaning)
    };
    let by_old = ("Every heart beat ejects a volume.".to_owned(), Some(0.0));
    assert_eq!(best().await, by_old);

    let embed = async |word: &str| {
        let mut tx = desk.db.write().await.unwrap();
        sqlx::query(
            "INSERT INTO embeddings (chunk_id, embedder, vector)
             SELECT id, 'lengths', $2 FROM chunks WHERE instr(text, $1) > 0",
        )
        .bind(word.to_owned())
        .bind([1.0_f32, 0.0].map(f32::to_le_bytes).concat())
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
    };
    let progress = async || {
        let counted = vectors::progress(&desk.db, ANNA, "lengths").await;
        counted.unwrap()
    };
    assert_eq!(progress().await, (0, 2));
    embed("heart").await;
    assert_eq!(progress().await, (1, 2));
    assert_eq!(best().await, by_old);
    assert_eq!(changeover::free(&desk.db, &desk.slot).await.unwrap(), 1);
    assert!(vectors::is_used(&desk.db, "topics").await.unwrap());

    embed("bread").await;
    assert_eq!(best().await.1, Some(1.0));
    assert_eq!(changeover::free(&desk.db, &desk.slot).await.unwrap(), 0);
    assert!(!vectors::is_used(&desk.db, "topics").await.unwrap());
    assert_eq!(best().await.1, Some(1.0));
}
