//! What was derived of a document once.

use super::*;

fn keeping(db: &Db) -> Caches {
    Caches::small(db, None)
}

/// A script that also leaves a line for each document it was given.
fn counted(script: &str) -> String {
    format!("[ \"$1\" = extract ] && echo run >> \"$0.runs\"\n{script}")
}

fn runs(house: &House) -> usize {
    let runs = std::fs::read_to_string(house.dir.path().join("child.runs"));
    runs.unwrap_or_default().lines().count()
}

async fn read_again(house: &House, id: MaterialId) {
    house.ingest.reprocess(alice(), id).await.unwrap().unwrap();
    // It stays as it is until it has been read.
    let read = async {
        while house.count("SELECT count(*) FROM ingest_jobs").await > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), read)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_document_that_is_read_again_is_taken_out_once_unless_a_page_of_it_failed() {
    let house = House::with(&counted(TWO_PAGES), keeping).await;
    house.slot.fill(Arc::new(Fake::default()));
    let id = house.add(alice(), "some bytes").await;
    house.settled(id).await;
    read_again(&house, id).await;
    assert_eq!(runs(&house), 1);
    let text = materials::page_text(&house.db, alice(), id, 2).await;
    let lungs = "The lungs take up oxygen from the air.";
    assert_eq!(text.unwrap().unwrap(), lungs);

    house.ingest.delete(alice(), id).await.unwrap();
    let id = house.add(alice(), "some bytes").await;
    house.settled(id).await;
    assert_eq!(runs(&house), 2, "nothing outlives a deletion");

    house.set_script(&counted(
        r#"echo '{"page":1,"pages":2,"text":"one"}'
echo '{"page":2,"pages":2,"fault":"This page is damaged."}'
echo '{"done":{"pages":2}}'"#,
    ));
    let id = house.add(alice(), "other bytes").await;
    house.settled(id).await;
    read_again(&house, id).await;
    assert_eq!(runs(&house), 4);
}

#[tokio::test]
async fn a_passage_that_stands_in_two_documents_of_a_student_is_embedded_once() {
    // Of one page, whose words are the same from the first batch to the last.
    let page =
        r#"echo '{"page":1,"pages":1,"text":"The heart pumps."}'; echo '{"done":{"pages":1}}'"#;
    let house = House::with(page, keeping).await;
    let embedder = Arc::new(Fake::default());
    house.slot.fill(embedder.clone());
    let first = house.add(alice(), "some bytes").await;
    house.settled(first).await;
    let asked = || embedder.texts.load(Ordering::Relaxed);
    let once = asked();
    let second = house.add(alice(), "other bytes").await;
    assert!(house.settled(second).await.embedded);
    assert_eq!(asked(), once);
    assert_eq!(
        house.count("SELECT count(*) FROM embeddings").await,
        house.count("SELECT count(*) FROM chunks").await
    );
    // Another student's pages are embedded for himself, and a deletion ends what was kept.
    house.add(bob(), "some bytes").await;
    let third = "SELECT count(*) FROM materials WHERE state = 'ready' AND chunks_embedded > 0";
    let both = async {
        while house.count(third).await < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), both)
        .await
        .unwrap();
    let twice = asked();
    assert!(twice > once);
    house.ingest.delete(alice(), first).await.unwrap();
    let third = house.add(alice(), "more bytes").await;
    assert!(house.settled(third).await.embedded);
    assert!(asked() > twice);
}

#[tokio::test]
async fn a_text_is_taken_out_again_when_pictures_are_read_in_other_languages() {
    let house = House::with(&counted(TWO_PAGES), keeping).await;
    let kept = Kept::new(&house.caches);
    let extractor = house.ingest.shop.extractor.clone();
    let request = sandbox::Request {
        file: house.dir.path().join("any"),
        password: None,
    };
    let tesseract = ocr::Tesseract::for_tests(&extractor.program);
    for (tool, expected) in [
        (None, 1),
        (None, 1),
        (Some(&tesseract), 2),
        (Some(&tesseract), 2),
    ] {
        let (sender, mut events) = tokio::sync::mpsc::channel(8);
        let (whose, cancel) = ((alice(), &[1; 32][..]), CancellationToken::new());
        kept.extract((&extractor, tool), whose, &request, &sender, &cancel)
            .await
            .unwrap();
        assert!(events.recv().await.is_some());
        assert_eq!(runs(&house), expected);
    }
}

#[tokio::test]
async fn a_deletion_frees_the_memory_of_what_was_made_of_the_document() {
    let house = House::with(TWO_PAGES, keeping).await;
    house.slot.fill(Arc::new(Fake::default()));
    let held = || {
        let figures = house.caches.figures().unwrap();
        let made = figures.iter().filter(|one| one.namespace.is_bulk());
        made.map(|one| one.held).sum::<u64>()
    };
    let id = house.add(alice(), "some bytes").await;
    house.settled(id).await;
    assert!(held() > 1);
    house.ingest.delete(alice(), id).await.unwrap();
    assert_eq!(held(), 0);
}
