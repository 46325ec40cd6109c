//! A question that is asked again.

use super::*;
use crate::cache::Namespace;
use std::sync::atomic::{AtomicU32, Ordering};

/// [`Topics`], counting the questions.
struct Counting(AtomicU32);

#[async_trait]
impl Embedder for Counting {
    fn id(&self) -> &str {
        Topics.id()
    }

    fn label(&self) -> String {
        Topics.label()
    }

    fn dimension(&self) -> usize {
        Topics.dimension()
    }

    async fn embed_documents(
        &self,
        texts: Vec<String>,
    ) -> Result<Vec<Option<Vec<f32>>>, EmbedError> {
        Topics.embed_documents(texts).await
    }

    async fn embed_query(&self, text: &str) -> Result<Vec<f32>, EmbedError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Topics.embed_query(text).await
    }

    fn count_tokens(&self, text: &str) -> usize {
        Topics.count_tokens(text)
    }
}

/// A desk whose searches are kept, and its embedder.
async fn keeping() -> (Desk, Caches, Arc<Counting>) {
    keeping_similar(None).await
}

/// The same, where questions of this cosine are taken for one.
async fn keeping_similar(similar_questions: Option<f32>) -> (Desk, Caches, Arc<Counting>) {
    let mut desk = Desk::open().await;
    let caches = Caches::small(&desk.db, similar_questions);
    desk.retrieval = Retrieval::new(desk.db.clone(), desk.slot.clone(), &caches);
    let embedder = Arc::new(Counting(AtomicU32::new(0)));
    desk.slot.fill(embedder.clone());
    (desk, caches, embedder)
}

#[tokio::test]
async fn a_hundred_identical_questions_at_once_make_one_embedding_call_and_one_search() {
    let (desk, caches, embedder) = keeping().await;
    desk.add(ANNA, "The heart pumps blood.").await;
    let asked = (0..100).map(|_| {
        let retrieval = desk.retrieval.clone();
        tokio::spawn(async move {
            let query = Query::new("What does the  heart do?", 3);
            retrieval.search(ANNA, &query).await.unwrap().value
        })
    });
    for found in futures::future::join_all(asked).await {
        assert_eq!(texts(&found.unwrap()), ["The heart pumps blood."]);
    }
    assert_eq!(embedder.0.load(Ordering::SeqCst), 1);
    let figures = caches.figures().unwrap();
    let rag = figures
        .iter()
        .find(|one| one.namespace == Namespace::Rag)
        .unwrap();
    assert_eq!((rag.hits, rag.misses), (99, 1));
}

#[tokio::test]
async fn two_students_asking_the_same_words_are_answered_from_their_own_pages() {
    let (desk, ..) = keeping().await;
    desk.add(ANNA, "The heart pumps blood.").await;
    desk.add(BEN, "A heart has four chambers.").await;
    for _ in 0..2 {
        let anna = desk.search(ANNA, "the heart").await;
        assert_eq!(texts(&anna), ["The heart pumps blood."]);
        let ben = desk.search(BEN, "the heart").await;
        assert_eq!(texts(&ben), ["A heart has four chambers."]);
    }
}

#[tokio::test]
async fn a_question_is_searched_again_once_the_materials_have_changed() {
    let (desk, ..) = keeping().await;
    desk.add(ANNA, "The heart pumps blood.").await;
    assert_eq!(desk.search(ANNA, "heart").await.passages.len(), 1);
    desk.add(ANNA, "The heart of a mouse beats 600 times a minute.")
        .await;
    assert_eq!(desk.search(ANNA, "heart").await.passages.len(), 2);
}

#[tokio::test]
async fn what_went_wrong_once_is_tried_again() {
    let (desk, _, embedder) = keeping().await;
    desk.add(ANNA, "The heart pumps blood.").await;
    for asked in 1..=2 {
        let found = desk.search(ANNA, "When does a heart fail?").await;
        assert!(found.problem.is_some());
        assert_eq!(embedder.0.load(Ordering::SeqCst), asked);
    }
}

#[tokio::test]
async fn a_question_that_means_the_same_is_answered_from_the_earlier_one_where_that_is_wanted() {
    let (desk, ..) = keeping_similar(Some(0.97)).await;
    desk.add(ANNA, "The heart pumps blood.").await;
    desk.add(BEN, "A heart has four chambers.").await;
    let ask = async |user, question| {
        let query = Query::new(question, 3);
        desk.retrieval.search(user, &query).await.unwrap().value
    };
    let first = ask(ANNA, "What does the heart do?").await;
    assert_eq!(first.similar_to, None);
    let again = ask(ANNA, "Explain the cardiac task").await;
    assert_eq!(again.similar_to.as_deref(), Some("What does the heart do?"));
    assert_eq!(again.passages, first.passages);
    assert_eq!(ask(ANNA, "How is bread made?").await.similar_to, None);
    assert_eq!(ask(BEN, "Explain the cardiac task").await.similar_to, None);
    desk.add(ANNA, "The heart beats.").await;
    let later = ask(ANNA, "The cardiac task?").await;
    assert_eq!(
        (later.similar_to.as_deref(), later.passages.len()),
        (None, 2)
    );

    let (desk, ..) = keeping().await;
    desk.add(ANNA, "The heart pumps blood.").await;
    for question in ["What does the heart do?", "Explain the cardiac task"] {
        let query = Query::new(question, 3);
        let found = desk.retrieval.search(ANNA, &query).await.unwrap();
        assert_eq!(found.value.similar_to, None);
    }
}

#[tokio::test]
async fn what_is_kept_elsewhere_comes_back_with_the_seams_of_its_passages() {
    let desk = Desk::open().await;
    desk.add(ANNA, "The heart pumps blood.").await;
    let found = desk.search(ANNA, "heart").await;
    let with_seams = |one: &Passage| Passage {
        seams: vec![5, 9],
        ..one.clone()
    };
    let found = Found {
        passages: found.passages.iter().map(with_seams).collect(),
        ..found
    };
    let bytes = rmp_serde::to_vec_named(&found).unwrap();
    assert_eq!(rmp_serde::from_slice::<Found>(&bytes).unwrap(), found);
    // A browser is not told.
    let told = serde_json::to_string(&found.passages[0]).unwrap();
    assert!(!told.contains("seams"));
}
