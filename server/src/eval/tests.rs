use super::*;
use crate::provider::stub_embedder::StubEmbedder;
use std::fs;

fn options(args: &[&str]) -> Result<Options, EvalError> {
    Options::parse(args.iter().map(OsString::from))
}

#[test]
fn arguments_are_read_and_unknown_ones_refused() {
    let all = options(&[
        "set", "--json", "out.json", "--keep", "db", "--filler", "10",
    ])
    .unwrap();
    assert_eq!(
        all,
        Options {
            folder: "set".into(),
            json: Some("out.json".into()),
            keep: Some("db".into()),
            filler: 10,
        }
    );
    for wrong in [
        &[][..],
        &["a", "b"],
        &["a", "--filler", "x"],
        &["a", "--json"],
        &["a", "--x"],
    ] {
        assert!(options(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn the_figures_of_a_list_are_those_of_the_books() {
    let mut quality = Quality::default();
    let relevant = ["b".to_owned(), "d".to_owned()];
    quality.add(["a", "b", "a", "c", "d"].into_iter(), &relevant);
    quality.add(["x"].into_iter(), &relevant);
    let mean = quality.mean();
    assert_eq!((mean.hit1, mean.hit5, mean.mrr), (0.0, 0.5, 0.25));
    let gain = 1.0 / 3.0_f64.log2() + 1.0 / 5.0_f64.log2();
    let ideal = 1.0 + 1.0 / 3.0_f64.log2();
    assert!((mean.ndcg10 - gain / ideal / 2.0).abs() < 1e-9);
}

#[tokio::test]
async fn documents_are_stored_once_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let line = |id: &str, text: &str| serde_json::json!({"id": id, "text": text}).to_string();
    let corpus = [
        line("heart", "The heart ejects blood with every beat."),
        line("lung", "The lungs take up oxygen from the air."),
    ];
    fs::write(folder.path().join("corpus.jsonl"), corpus.join("\n")).unwrap();
    let question = r#"{"id":"q","text":"What takes up oxygen?","relevant":["lung"]}"#;
    fs::write(folder.path().join("queries.jsonl"), question).unwrap();
    let collection = Collection::read(folder.path()).unwrap();
    let shelf = Shelf::open(Some(folder.path())).await.unwrap();
    for _ in 0..2 {
        assert_eq!(shelf.fill(&collection, &StubEmbedder).await.unwrap(), 2);
    }
    let slot = EmbedderSlot::empty();
    slot.fill(Arc::new(StubEmbedder));
    let retrieval = Retrieval::new(shelf.db.clone(), slot, &Caches::off());
    for quality in quality(&shelf, &retrieval, &collection).await.unwrap() {
        assert_eq!((quality.hit1, quality.ndcg10), (1.0, 1.0));
    }
    shelf.fill_up(&collection, 20, "stub/1", 384).await.unwrap();
    let speed = speed(&shelf, &retrieval, &collection, shelf.hoarder)
        .await
        .unwrap();
    assert!(speed.p50 > 0.0 && speed.p50 <= speed.p99);
    shelf.close().await;
}

#[test]
fn a_line_that_is_no_document_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("corpus.jsonl"),
        "{\"id\":\"a\",\"text\":\"b\"}\n\nnothing",
    )
    .unwrap();
    let error = Collection::read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("line 3"), "{error}");
}
