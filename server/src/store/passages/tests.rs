use super::*;
use proptest::prelude::*;

struct Library {
    _dir: tempfile::TempDir,
    db: Db,
}

const ANNA: UserId = UserId::new(Uuid::from_u128(1));
const BEN: UserId = UserId::new(Uuid::from_u128(2));

impl Library {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("test.db")).await.unwrap();
        let mut tx = db.write().await.unwrap();
        for (user, material, title) in [(ANNA, 11_u128, "Hearts"), (BEN, 12, "Ben's secrets")] {
            sqlx::query(
                "INSERT INTO users (id, email, password_hash, role, time_zone, created_at)
                 VALUES ($1, $2, '', 'student', 'UTC', '2026-01-01T00:00:00Z')",
            )
            .bind(user.uuid())
            .bind(title)
            .execute(&mut *tx)
            .await
            .unwrap();
            sqlx::query(
                "INSERT INTO materials (id, user_id, title, file_name, media_type, size_bytes,
                     sha256, state, uploaded_at)
                 VALUES ($1, $2, $3, 'f', 'pdf', 1, x'00', 'ready', '2026-01-01T00:00:00Z')",
            )
            .bind(Uuid::from_u128(material))
            .bind(user.uuid())
            .bind(title)
            .execute(&mut *tx)
            .await
            .unwrap();
        }
        tx.commit().await.unwrap();
        Self { _dir: dir, db }
    }

    /// Adds a chunk to Anna's or Ben's material: its id.
    async fn chunk(&self, user: UserId, text: &str, vector: Option<&[f32]>) -> i64 {
        let material = if user == ANNA { 11 } else { 12 };
        let mut tx = self.db.write().await.unwrap();
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO chunks (material_id, user_id, ordinal, page_first, page_last, char_start,
                 char_end, text)
             VALUES ($1, $2, (SELECT count(*) FROM chunks), 3, 3, 10, 90, $3) RETURNING id",
        )
        .bind(Uuid::from_u128(material))
        .bind(user.uuid())
        .bind(text)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
        if let Some(vector) = vector {
            let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
            sqlx::query("INSERT INTO embeddings (chunk_id, embedder, vector) VALUES ($1, 'e', $2)")
                .bind(id)
                .bind(bytes)
                .execute(&mut *tx)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        id
    }

    async fn found(&self, user: UserId, words: &[&str]) -> Vec<i64> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        search_words(&self.db, user, &words, 10)
            .await
            .unwrap()
            .into_iter()
            .map(|(id, _)| id)
            .collect()
    }
}

#[tokio::test]
async fn words_find_only_the_users_own_chunks_the_best_first() {
    let library = Library::open().await;
    let weak = library
        .chunk(
            ANNA,
            "The heart is here among many other words of a long text",
            None,
        )
        .await;
    let strong = library.chunk(ANNA, "heart ventricles", None).await;
    library.chunk(ANNA, "nothing of the kind", None).await;
    let bens = library.chunk(BEN, "heart ventricles", None).await;

    assert_eq!(
        library.found(ANNA, &["heart", "ventricle"]).await,
        [strong, weak]
    );
    assert_eq!(library.found(BEN, &["heart"]).await, [bens]);
    assert_eq!(
        count_with_word(&library.db, ANNA, "hearts", 10)
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        count_with_word(&library.db, ANNA, "hearts", 1)
            .await
            .unwrap(),
        1
    );
    assert_eq!(count(&library.db, ANNA).await.unwrap(), 3);
}

#[tokio::test]
async fn chunks_of_others_and_those_that_are_gone_have_no_details() {
    let library = Library::open().await;
    let own = library.chunk(ANNA, "mine", None).await;
    let bens = library.chunk(BEN, "his", None).await;
    let details = details(&library.db, ANNA, &[own, bens, 4_711])
        .await
        .unwrap();
    assert_eq!(details.len(), 1);
    assert_eq!(details[0].chunk_id, own);
    assert_eq!(details[0].title, "Hearts");
    assert_eq!((details[0].page_first, details[0].page_last), (3, 3));
    assert_eq!(details[0].span, Span { start: 10, end: 90 });
    assert_eq!(details[0].text, "mine");
}

#[tokio::test]
async fn a_passage_over_two_pages_ends_with_its_first_page() {
    let library = Library::open().await;
    let id = library.chunk(ANNA, "long", None).await;
    let mut tx = library.db.write().await.unwrap();
    sqlx::query("UPDATE chunks SET page_last = 4, char_end = 7")
        .execute(&mut *tx)
        .await
        .unwrap();
    sqlx::query("INSERT INTO pages (material_id, page_number, text) VALUES ($1, 3, $2)")
        .bind(Uuid::from_u128(11))
        .bind("Zwölf Zeichen und 🫀")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let details = details(&library.db, ANNA, &[id]).await.unwrap();
    assert_eq!(details[0].span, Span { start: 10, end: 19 });
    assert_eq!(details[0].page_last, 4);
}

#[tokio::test]
async fn vectors_are_the_users_own_of_one_embedder_the_newest_first() {
    let library = Library::open().await;
    let old = library.chunk(ANNA, "old", Some(&[0.5, -1.0])).await;
    library.chunk(ANNA, "not yet embedded", None).await;
    library.chunk(BEN, "his", Some(&[9.0, 9.0])).await;
    let new = library.chunk(ANNA, "new", Some(&[1.0, 0.25])).await;

    let (ids, rows) = vectors(&library.db, ANNA, "e", 2, 10).await.unwrap();
    assert_eq!(ids, [new, old]);
    assert_eq!(rows, [1.0, 0.25, 0.5, -1.0]);
    let (ids, rows) = vectors(&library.db, ANNA, "e", 2, 1).await.unwrap();
    assert_eq!((ids, rows), (vec![new], vec![1.0, 0.25]));
    assert!(
        vectors(&library.db, ANNA, "other", 2, 10)
            .await
            .unwrap()
            .0
            .is_empty()
    );
    assert!(matches!(
        vectors(&library.db, ANNA, "e", 3, 10).await,
        Err(StoreError::Corrupt {
            column: "embeddings.vector",
            ..
        })
    ));
}

#[tokio::test]
async fn no_question_is_a_syntax_error() {
    let library = Library::open().await;
    library.chunk(ANNA, "heart", None).await;
    let nasty = [
        "\"",
        "\"\"",
        "\"a",
        "a\"b",
        "'",
        "*",
        "a*",
        "^a",
        "a:b",
        "text:heart",
        "NEAR(a b)",
        "NOT",
        "AND",
        "OR",
        "a AND",
        "-a",
        "+a",
        "(",
        ")",
        "{a}",
        "\\",
        "\0",
        "a\0b",
        "%",
        "_",
        "",
        " ",
        "א\"ב",
        "東京",
        "🫀",
        "\u{301}",
        "a\u{0}\"",
        "\u{1f1e6}",
        "ⅷ",
        "²",
    ];
    for word in nasty {
        library.found(ANNA, &[word]).await;
        library.found(ANNA, &[word, "heart"]).await;
        count_with_word(&library.db, ANNA, word, 5).await.unwrap();
    }
    assert_eq!(library.found(ANNA, &["\"", "heart", "NOT"]).await.len(), 1);
    let many: Vec<String> = (0..2_000).map(|n| format!("w{n}")).collect();
    search_words(&library.db, ANNA, &many, 10).await.unwrap();
}

proptest! {
    #[test]
    fn every_word_stays_inside_its_quotation_marks(words in proptest::collection::vec("\\PC{0,12}", 0..40)) {
        if let Some(expression) = any_of(&words) {
            let outside: String = expression
                .replace("\"\"", "")
                .split('"')
                .step_by(2)
                .collect();
            prop_assert_eq!(outside.replace(" OR ", ""), "");
            prop_assert!(expression.matches(" OR ").count() < 200);
        }
    }
}

#[test]
fn a_pasted_page_is_cut_to_a_bounded_search() {
    let words: Vec<String> = (0..500).map(|n| format!("word{n}")).collect();
    let expression = any_of(&words).unwrap();
    assert_eq!(expression.matches(" OR ").count(), WORDS_MAX - 1);
    assert_eq!(any_of(&[]), None);
    assert_eq!(any_of(&["?!".to_owned()]), None);
}
