//! The embedder against golden vectors. `tests/fixtures/minilm_golden.json` says which reference
//! made them; its texts cover the empty text, one cut at 256 tokens, accents, other scripts, code.

use super::*;
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Deserialize)]
struct Golden {
    vectors: Vec<GoldenVector>,
}

#[derive(Deserialize)]
struct GoldenVector {
    text: String,
    vector: Vec<f32>,
}

fn golden() -> Vec<GoldenVector> {
    let text = include_str!("../../../tests/fixtures/minilm_golden.json");
    serde_json::from_str::<Golden>(text).unwrap().vectors
}

/// Where the tests look for the model.
#[allow(clippy::disallowed_methods)]
pub fn model_dir() -> PathBuf {
    std::env::var("MODEL_DIR").map_or_else(
        |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../data/models/all-MiniLM-L6-v2"),
        PathBuf::from,
    )
}

/// The installed model. Its absence fails the test: `make test` installs it.
pub fn installed() -> BuiltinEmbedder {
    ModelFiles::open(&model_dir())
        .and_then(BuiltinEmbedder::load)
        .unwrap_or_else(|problem| panic!("{problem} Run `make model`, then test again."))
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| {
        a.iter()
            .zip(b)
            .map(|(&x, &y)| f64::from(x) * f64::from(y))
            .sum::<f64>()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// This model embeds every text.
async fn embed(embedder: &BuiltinEmbedder, texts: Vec<String>) -> Vec<Vec<f32>> {
    let vectors = embedder.embed_documents(texts).await.unwrap();
    vectors.into_iter().map(Option::unwrap).collect()
}

#[tokio::test]
async fn vectors_agree_with_the_reference() {
    let embedder = installed();
    let golden = golden();
    let texts = golden.iter().map(|one| one.text.clone()).collect();
    let vectors = embed(&embedder, texts).await;
    assert_eq!(vectors.len(), golden.len());
    for (ours, reference) in vectors.iter().zip(&golden) {
        let agreement = cosine(ours, &reference.vector);
        assert!(agreement >= 0.9999, "{agreement} for {:?}", reference.text);
        let length = cosine(ours, ours) * ours.iter().map(|x| x * x).sum::<f32>() as f64;
        assert!((length - 1.0).abs() < 1e-4, "length {length}");
    }
}

#[tokio::test]
async fn a_question_and_a_document_with_the_same_words_get_the_same_vector() {
    let embedder = installed();
    let text = "What does the left ventricle do?";
    let question = embedder.embed_query(text).await.unwrap();
    let document = embed(&embedder, vec![text.to_owned()]).await;
    assert!(cosine(&question, &document[0]) > 0.999_999);
}

#[tokio::test]
async fn texts_keep_their_order_beyond_one_share_whatever_their_length() {
    let embedder = installed();
    let texts: Vec<String> = (0..90_usize)
        .map(|n| format!("Chapter {n}{}", " goes on".repeat(n % 5 * 20)))
        .collect();
    assert!(shares(texts.clone()).len() > 10);
    let vectors = embed(&embedder, texts.clone()).await;
    for (text, vector) in texts.iter().zip(&vectors) {
        let alone = embedder.embed_query(text).await.unwrap();
        assert!(cosine(vector, &alone) > 0.999_99, "{text}");
    }
    assert!(embed(&embedder, Vec::new()).await.is_empty());
}

#[test]
fn tokens_are_counted_without_special_ones_and_without_an_end() {
    let embedder = installed();
    assert_eq!(embedder.count_tokens(""), 0);
    assert_eq!(embedder.count_tokens("What is cardiac output?"), 5);
    assert_eq!(embedder.count_tokens(&"heart ".repeat(1_000)), 1_000);
}

#[tokio::test]
async fn no_text_is_too_odd_to_embed() {
    let embedder = installed();
    let texts = vec![
        "\u{0}\u{1}\u{2}".to_owned(),
        " ".repeat(200_000),
        "x".repeat(200_000),
        "é".repeat(100_000),
        "\u{202e}\u{feff}\u{10ffff}".to_owned(),
    ];
    for vector in embed(&embedder, texts).await {
        assert!(vector.iter().all(|x| x.is_finite()));
    }
}

/// What `scripts/bench-embed.sh` compares with other embedders: texts of some 200 words, one a line
/// in the file that `EMBED_TEXTS` names, in batches of 32 as an ingest hands them in.
#[tokio::test]
#[ignore = "measures; run by scripts/bench-embed.sh"]
#[allow(clippy::disallowed_methods)]
async fn texts_a_second() {
    const BATCH: usize = 32;
    let file = std::env::var("EMBED_TEXTS").expect("EMBED_TEXTS names a file of texts");
    let texts: Vec<String> = std::fs::read_to_string(file)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    let embedder = installed();
    embed(&embedder, texts[..BATCH.min(texts.len())].to_vec()).await;
    let begin = std::time::Instant::now();
    for batch in texts.chunks(BATCH) {
        embed(&embedder, batch.to_vec()).await;
    }
    println!(
        "texts_a_second {}",
        texts.len() as f64 / begin.elapsed().as_secs_f64()
    );
    let begin = std::time::Instant::now();
    for _ in 0..BATCH {
        embedder
            .embed_query("What does the left ventricle do?")
            .await
            .unwrap();
    }
    let question = begin.elapsed() / BATCH as u32;
    println!("question_ms {}", question.as_secs_f64() * 1e3);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status.lines().filter(|line| line.starts_with("VmHWM")) {
        println!("{line}");
    }
}
