use super::*;

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
async fn what_is_searched_is_the_users_own_with_vectors_of_one_embedder() {
    let library = Library::open().await;
    let old = library.chunk(ANNA, "old", Some(&[0.5, -1.0])).await;
    library.chunk(ANNA, "not yet embedded", None).await;
    let bens = library.chunk(BEN, "his", Some(&[9.0, 9.0])).await;
    let materials = [Uuid::from_u128(11), Uuid::from_u128(12)];

    let annas = of_materials(&library.db, ANNA, "e", &materials)
        .await
        .unwrap();
    let ids: Vec<i64> = annas.iter().map(|one| one.id).collect();
    assert_eq!((annas.len(), ids[0]), (2, old));
    assert_eq!(annas[0].numbers(2).unwrap(), Some(vec![0.5, -1.0]));
    assert_eq!(annas[1].numbers(2).unwrap(), None);
    assert!(matches!(
        annas[0].numbers(3),
        Err(StoreError::Corrupt {
            column: "embeddings.vector",
            ..
        })
    ));
    let other = of_materials(&library.db, ANNA, "other", &materials)
        .await
        .unwrap();
    assert!(other.iter().all(|one| one.vector.is_none()));
    let his = of_materials(&library.db, BEN, "e", &materials)
        .await
        .unwrap();
    assert_eq!(his.iter().map(|one| one.id).collect::<Vec<_>>(), [bens]);
}

#[tokio::test]
async fn a_print_moves_with_the_text_and_with_the_vectors() {
    let library = Library::open().await;
    assert!(prints(&library.db, ANNA, "e").await.unwrap().is_empty());
    library.chunk(ANNA, "old", Some(&[0.5, -1.0])).await;
    library.chunk(BEN, "his", None).await;
    let first = prints(&library.db, ANNA, "e").await.unwrap();
    assert_eq!(
        (first.len(), first[0].passages, first[0].settled),
        (1, 1, 1)
    );
    let other = prints(&library.db, ANNA, "other").await.unwrap();
    assert_eq!(other[0].settled, 0);
    library.chunk(ANNA, "new", None).await;
    let second = prints(&library.db, ANNA, "e").await.unwrap();
    assert_ne!(first, second);
    assert_eq!(second[0].passages, 2);
}
