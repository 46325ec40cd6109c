//! Embedders behind a service against a scripted one: what is sent, what comes in, what is done and
//! said when it does not, and what never leaves.

use super::{
    scripted_embeddings::{BAD, DIMENSIONS, Reply, ScriptedEmbeddings},
    support::spawn_app_with,
};
use server::provider::{
    EmbedError, Embedder,
    remote_embedder::{Patience, RemoteConfig, RemoteEmbedder, Service, Trouble, Wire},
};
use std::{sync::Arc, time::Duration};

const KEY: &str = "sk-secret-key";

/// Waits short enough for a test and long enough for a loaded machine.
fn patience() -> Patience {
    Patience {
        linger: Duration::from_millis(30),
        call: Duration::from_secs(20),
        question: Duration::from_secs(20),
        retry: Duration::from_millis(2),
        retry_max: Duration::from_secs(2),
        rest: Duration::from_millis(60),
        rest_max: Duration::from_secs(1),
    }
}

fn config(server: &ScriptedEmbeddings, service: Service) -> RemoteConfig {
    let version = match service {
        Service::OpenAi => "v1",
        Service::Gemini => "v1beta",
    };
    RemoteConfig {
        service,
        base_url: server.base_url(version).parse().unwrap(),
        model: "wise-model".to_owned(),
        dimensions: Some(DIMENSIONS),
        api_key: Some(KEY.into()),
    }
}

async fn embedder_with(
    server: &ScriptedEmbeddings,
    service: Service,
    patience: Patience,
) -> RemoteEmbedder {
    // Fails only when it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let wire = Wire::new(&config(server, service)).unwrap();
    RemoteEmbedder::connect(wire, patience, None, str::len)
        .await
        .unwrap()
}

async fn openai(server: &ScriptedEmbeddings) -> RemoteEmbedder {
    embedder_with(server, Service::OpenAi, patience()).await
}

fn texts(count: usize) -> Vec<String> {
    (1..=count).map(|length| "x".repeat(length)).collect()
}

/// The vector of a text of `length` bytes.
fn direction(length: usize) -> Vec<f32> {
    let length = length as f64;
    let inverse = 1.0 / (length * length + 1.0).sqrt();
    vec![(length * inverse) as f32, inverse as f32, 0.0]
}

fn trouble(error: EmbedError) -> Trouble {
    // What a student or a log may see.
    let told = format!("{error} {error:?}");
    assert!(
        !told.contains(KEY) && !told.contains("secret body"),
        "{told}"
    );
    match error {
        EmbedError::Service { service, trouble } => {
            assert_eq!(service, "wise-model at 127.0.0.1");
            trouble
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_list_goes_out_and_vectors_come_back_in_order_and_of_length_one() {
    let server = ScriptedEmbeddings::start([]).await;
    let embedder = openai(&server).await;
    assert_eq!(embedder.id(), "openai/wise-model/3");
    let vectors = embedder.embed_documents(texts(5)).await.unwrap();
    let expected: Vec<_> = (1..=5).map(|length| Some(direction(length))).collect();
    assert_eq!(vectors, expected);
    assert!(
        embedder
            .embed_documents(Vec::new())
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(embedder.embed_query("xx").await.unwrap(), direction(2));

    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].key.as_deref(), Some("Bearer sk-secret-key"));
    assert_eq!(asked[0].body["model"], "wise-model");
    assert_eq!(asked[0].body["dimensions"], DIMENSIONS);
    assert_eq!(asked[0].texts, texts(5));
    assert!(embedder.problem().is_none());
}

#[tokio::test]
async fn a_model_is_asked_once_how_long_its_vectors_are() {
    let server = ScriptedEmbeddings::start([]).await;
    let mut config = config(&server, Service::OpenAi);
    config.dimensions = None;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let wire = Wire::new(&config).unwrap();
    let embedder = RemoteEmbedder::connect(wire, patience(), None, str::len)
        .await
        .unwrap();
    assert_eq!(embedder.dimension(), DIMENSIONS);
    assert_eq!(embedder.id(), "openai/wise-model/3");
    assert!(server.asked()[0].body["dimensions"].is_null());
}

#[tokio::test]
async fn gemini_is_spoken_to_in_its_own_way() {
    let server = ScriptedEmbeddings::start([]).await;
    let embedder = embedder_with(&server, Service::Gemini, patience()).await;
    let vectors = embedder.embed_documents(texts(100)).await.unwrap();
    assert_eq!(vectors[99], Some(direction(100)));
    embedder.embed_query("why?").await.unwrap();

    let asked = server.asked();
    assert_eq!(asked.len(), 2, "100 texts are one call");
    assert_eq!(asked[0].path, "wise-model:batchEmbedContents");
    assert_eq!(asked[0].key.as_deref(), Some(KEY));
    let request = &asked[0].body["requests"][0];
    assert_eq!(request["model"], "models/wise-model");
    assert_eq!(request["taskType"], "RETRIEVAL_DOCUMENT");
    assert_eq!(request["outputDimensionality"], DIMENSIONS);
    assert_eq!(asked[1].body["requests"][0]["taskType"], "RETRIEVAL_QUERY");
}

#[tokio::test]
async fn texts_of_several_materials_share_calls() {
    let server = ScriptedEmbeddings::start([]).await;
    let embedder = openai(&server).await;
    let materials = (0..8).map(|_| embedder.embed_documents(texts(16)));
    for vectors in futures::future::join_all(materials).await {
        assert_eq!(vectors.unwrap()[15], Some(direction(16)));
    }
    // 128 texts in calls of 64; one by one the materials would have made 8.
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_refused_key_is_not_tried_again_and_the_setting_is_named() {
    for refusal in [
        Reply::Status(401, None),
        Reply::Status(403, None),
        Reply::Refusal(
            400,
            "{\"error\":{\"details\":[{\"reason\":\"API_KEY_INVALID\"}]}}",
        ),
    ] {
        let server = ScriptedEmbeddings::start([refusal]).await;
        let embedder = embedder_with(&server, Service::Gemini, Patience::default()).await;
        let error = embedder.embed_documents(texts(2)).await.unwrap_err();
        assert!(error.to_string().contains("EMBEDDING_API_KEY"), "{error}");
        assert_eq!(trouble(error), Trouble::KeyRefused);
        assert_eq!(server.asked().len(), 1);
        let problem = embedder.problem().unwrap();
        assert!(problem.contains("EMBEDDING_API_KEY"), "{problem}");
        assert!(problem.contains("wise-model at 127.0.0.1"), "{problem}");
        assert!(!problem.contains(KEY), "{problem}");
    }
}

#[tokio::test]
async fn failures_that_pass_are_tried_again() {
    for failures in [
        vec![Reply::Status(500, None), Reply::Status(503, None)],
        vec![Reply::Status(429, Some(1))],
        vec![Reply::Cut],
        vec![Reply::Body("{\"data\":[]}".to_owned())],
    ] {
        let tries = failures.len() + 1;
        let waits = matches!(failures[0], Reply::Status(429, _));
        let server = ScriptedEmbeddings::start(failures).await;
        let embedder = openai(&server).await;
        let begin = std::time::Instant::now();
        let vectors = embedder.embed_documents(texts(3)).await.unwrap();
        assert_eq!(vectors[2], Some(direction(3)));
        assert_eq!(server.asked().len(), tries);
        assert!(!waits || begin.elapsed() >= Duration::from_secs(1));
        assert!(embedder.problem().is_none());
    }
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_told_instead_of_waited() {
    let server = ScriptedEmbeddings::start([Reply::Status(429, Some(90))]).await;
    let embedder = embedder_with(&server, Service::OpenAi, Patience::default()).await;
    let error = embedder.embed_documents(texts(1)).await.unwrap_err();
    assert!(matches!(trouble(error), Trouble::Limited { .. }));
    let problem = embedder.problem().unwrap();
    assert!(
        problem.contains("again in 2 minutes") || problem.contains("again in 89"),
        "{problem}"
    );
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn one_bad_text_among_64_costs_its_own_vector_alone() {
    let server = ScriptedEmbeddings::start([]).await;
    let embedder = openai(&server).await;
    let mut all = texts(64);
    all[41] = format!("something {BAD}");
    let vectors = embedder.embed_documents(all).await.unwrap();
    for (at, vector) in vectors.iter().enumerate() {
        let expected = (at != 41).then(|| direction(at + 1));
        assert_eq!(*vector, expected, "text {at}");
    }
    assert!(embedder.problem().is_none());
    // The whole, a plain text, and two halves on each of six levels.
    assert_eq!(server.asked().len(), 14);
}

#[tokio::test]
async fn a_service_that_refuses_every_text_is_a_matter_of_the_settings() {
    let server =
        ScriptedEmbeddings::start([Reply::Status(400, None), Reply::Status(400, None)]).await;
    let embedder = openai(&server).await;
    let error = embedder.embed_documents(texts(64)).await.unwrap_err();
    assert_eq!(trouble(error), Trouble::SettingsRejected { status: 400 });
    assert_eq!(server.asked().len(), 2);
    assert!(embedder.problem().unwrap().contains("EMBEDDING_MODEL"));
}

#[tokio::test]
async fn vectors_of_another_length_name_the_setting() {
    let body = "{\"data\":[{\"index\":0,\"embedding\":[1,2]}]}".to_owned();
    let server = ScriptedEmbeddings::start([Reply::Body(body)]).await;
    let embedder = openai(&server).await;
    let error = embedder.embed_documents(texts(1)).await.unwrap_err();
    assert!(error.to_string().contains("EMBEDDING_DIMENSIONS"));
    assert_eq!(trouble(error), Trouble::Dimension { got: 2, wanted: 3 });
}

#[tokio::test]
async fn what_is_no_embedding_service_is_called_so() {
    let page = "<html>hello</html>".to_owned();
    let server = ScriptedEmbeddings::start([Reply::Body(page)]).await;
    let embedder = openai(&server).await;
    let error = embedder.embed_documents(texts(1)).await.unwrap_err();
    assert_eq!(trouble(error), Trouble::Unreadable);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn after_failures_in_a_row_the_service_is_left_alone_and_tried_with_one_call() {
    let server = ScriptedEmbeddings::start(vec![Reply::Status(500, None); 5]).await;
    let patience = Patience {
        rest: Duration::from_secs(1),
        ..patience()
    };
    let embedder = embedder_with(&server, Service::OpenAi, patience).await;
    let error = embedder.embed_documents(texts(1)).await.unwrap_err();
    trouble(error);
    let problem = embedder.problem().unwrap();
    assert!(
        problem.contains("failed (status 500)") && problem.contains("tried again"),
        "{problem}"
    );
    let before = server.asked().len();
    let resting = trouble(embedder.embed_query("q").await.unwrap_err());
    assert!(matches!(resting, Trouble::Resting { .. }));
    assert_eq!(server.asked().len(), before, "it is left alone");

    // The rest ends by itself; the first call afterwards goes through.
    loop {
        match embedder.embed_documents(texts(1)).await {
            Ok(vectors) => break assert_eq!(vectors, [Some(direction(1))]),
            Err(error) => assert!(matches!(trouble(error), Trouble::Resting { .. })),
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(server.asked().len(), before + 1);
    assert!(embedder.problem().is_none());
}

#[tokio::test]
async fn a_question_waits_neither_for_documents_nor_long() {
    let server = ScriptedEmbeddings::start(vec![Reply::Silence; 5]).await;
    let patience = Patience {
        question: Duration::from_millis(100),
        ..patience()
    };
    let embedder = Arc::new(embedder_with(&server, Service::OpenAi, patience).await);
    // Four calls for documents hang, as many as are made at once.
    let documents = tokio::spawn({
        let embedder = Arc::clone(&embedder);
        async move { embedder.embed_documents(texts(64 * 5)).await }
    });
    while server.asked().len() < 4 {
        tokio::task::yield_now().await;
    }
    let silent = trouble(embedder.embed_query("q").await.unwrap_err());
    assert!(matches!(silent, Trouble::Silent { .. }));
    assert!(
        embedder.problem().is_none(),
        "its short time says nothing of the service"
    );
    assert_eq!(embedder.embed_query("xx").await.unwrap(), direction(2));
    documents.abort();
}

#[tokio::test]
async fn readiness_says_which_embedder_there_is_and_what_is_wrong_with_it() {
    let server = ScriptedEmbeddings::start([]).await;
    let base_url = server.base_url("v1");
    let settings = [
        ("EMBEDDER", "openai"),
        ("EMBEDDING_BASE_URL", base_url.as_str()),
        ("EMBEDDING_MODEL", "wise-model"),
    ];
    let app = spawn_app_with(&settings, |_| {}).await;
    let client = app.visitor();
    let state = async || {
        let ready: serde_json::Value = client.get_json("/health/ready").await.json().await.unwrap();
        ready["embedding_model"].clone()
    };
    let ready = loop {
        let model = state().await;
        if model["state"] == "ready" {
            break model;
        }
    };
    assert_eq!(ready["id"], "openai/wise-model/3");

    server.replies([Reply::Status(401, None)]);
    let app = spawn_app_with(&settings, |_| {}).await;
    let client = app.visitor();
    let missing = loop {
        let ready: serde_json::Value = client.get_json("/health/ready").await.json().await.unwrap();
        let model = ready["embedding_model"].clone();
        if model["problem"]
            .as_str()
            .is_some_and(|it| it.contains("KEY"))
        {
            break model;
        }
    };
    assert_eq!(missing["state"], "missing");
    assert!(missing["fix"].is_null());
}
