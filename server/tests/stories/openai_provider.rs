//! The provider for OpenAI-compatible servers against a scripted one: what comes in, what a student
//! is told when it does not, and what never leaves.

use super::scripted_openai::{Reply, ScriptedOpenAi};
use bytes::Bytes;
use futures::StreamExt;
use secrecy::SecretString;
use server::provider::{
    EmbedderSlot,
    chat::{
        ANSWER_MAX_CHARS, ChatConfig, ChatError, ChatRequest, Evidence, PromptMessage, Role,
        chat_from,
    },
};
use std::time::Duration;
use tokio::time::timeout;

const KEY: &str = "sk-secret-key";

fn request() -> ChatRequest {
    ChatRequest {
        question: "What does the heart do?".to_owned(),
        evidence: vec![Evidence {
            number: 1,
            title: "Notes".to_owned(),
            page: 1,
            parts: vec!["The heart pumps blood.".to_owned()],
            score: 1.0,
        }],
        prompt: vec![PromptMessage {
            role: Role::User,
            content: "What does the heart do?".to_owned(),
        }],
    }
}

/// Asks once; the words that arrived, and how it ended.
async fn ask(server: &ScriptedOpenAi) -> (String, Result<(), ChatError>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = ChatConfig::OpenAi {
        base_url: server.base_url().parse().unwrap(),
        model: "tiny".to_owned(),
        api_key: Some(SecretString::from(KEY)),
    };
    let chat = chat_from(&config, EmbedderSlot::empty()).unwrap();
    let mut words = String::new();
    let mut answer = match chat.stream(request()).await {
        Ok(answer) => answer,
        Err(error) => return (words, Err(error)),
    };
    while let Some(piece) = answer.next().await {
        match piece {
            Ok(piece) => words.push_str(&piece),
            Err(error) => return (words, Err(error)),
        }
    }
    (words, Ok(()))
}

async fn ask_once(reply: Reply) -> (String, Result<(), ChatError>) {
    ask(&ScriptedOpenAi::start([reply]).await).await
}

#[tokio::test]
async fn an_answer_streams_in_and_the_key_goes_to_the_server_only() {
    let server = ScriptedOpenAi::start([Reply::words("It pumps blood [1].")]).await;
    let (words, ended) = ask(&server).await;
    assert_eq!((words.as_str(), ended), ("It pumps blood [1].", Ok(())));
    let asked = &server.asked()[0];
    assert_eq!(asked.authorization.as_deref(), Some("Bearer sk-secret-key"));
    assert_eq!(asked.body["model"], "tiny");
    assert_eq!(asked.body["stream"], true);
    assert_eq!(asked.prompt(), "What does the heart do?");
    assert!(!asked.body.to_string().contains(KEY));
}

#[tokio::test]
async fn characters_cut_between_chunks_arrive_whole_with_any_line_ends() {
    let body = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\r\n\r\n: ping\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"Größe 🫀\"}}]}\r\n\r\ndata: {\"choices\":[],\"usage\":{}}\n\ndata: [DONE]";
    let chunks = body.as_bytes().iter().map(|byte| Bytes::from(vec![*byte]));
    let (words, ended) = ask_once(Reply::Chunks(chunks.collect())).await;
    assert_eq!((words.as_str(), ended), ("Größe 🫀", Ok(())));
}

#[tokio::test]
async fn a_refused_key_is_said_and_not_tried_again() {
    let server = ScriptedOpenAi::start([Reply::Status(401, None)]).await;
    let (_, ended) = ask(&server).await;
    let sentence = ended.clone().unwrap_err().to_string();
    assert_eq!(ended, Err(ChatError::KeyRefused));
    assert!(sentence.starts_with("The language model refused the key. Check OPENAI_API_KEY"));
    assert!(!sentence.contains(KEY) && !sentence.contains("secret body"));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn an_unknown_model_is_named() {
    let (_, ended) = ask_once(Reply::Status(404, None)).await;
    assert!(ended.unwrap_err().to_string().contains("\"tiny\""));
}

#[tokio::test]
async fn a_short_retry_after_is_waited_and_a_long_one_told() {
    let server = ScriptedOpenAi::start([Reply::Status(429, Some(1)), Reply::words("Here.")]).await;
    let (words, ended) = ask(&server).await;
    assert_eq!((words.as_str(), ended), ("Here.", Ok(())));
    assert_eq!(server.asked().len(), 2);

    let server = ScriptedOpenAi::start([Reply::Status(429, Some(120))]).await;
    let (_, ended) = ask(&server).await;
    assert!(
        ended
            .unwrap_err()
            .to_string()
            .ends_with("Ask again in 2 minutes.")
    );
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_failing_server_is_tried_twice_more_before_the_first_word() {
    let server = ScriptedOpenAi::start([Reply::Status(500, None), Reply::words("Here.")]).await;
    assert_eq!(ask(&server).await.0, "Here.");

    let server = ScriptedOpenAi::start([Reply::Status(503, None)]).await;
    let (_, ended) = ask(&server).await;
    assert_eq!(ended, Err(ChatError::ServerFailed { status: 503 }));
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_stream_cut_in_the_middle_is_a_failure_that_keeps_the_part() {
    let server = ScriptedOpenAi::start([Reply::cut_after("It pumps ")]).await;
    let (words, ended) = ask(&server).await;
    assert_eq!(
        (words.as_str(), ended),
        ("It pumps ", Err(ChatError::CutOff))
    );
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn an_error_inside_the_stream_is_told_without_the_server_s_words() {
    let (words, ended) = ask_once(Reply::ErrorAfter(vec!["It ".to_owned()])).await;
    assert_eq!(words, "It ");
    let sentence = ended.unwrap_err().to_string();
    assert!(!sentence.contains("secret body"), "{sentence}");
}

#[tokio::test]
async fn an_answer_without_end_is_stopped() {
    let word = "x".repeat(1_000);
    let (words, ended) = ask_once(Reply::Words(vec![word; 50])).await;
    assert_eq!(ended, Err(ChatError::TooLong));
    assert!(words.len() <= ANSWER_MAX_CHARS);
}

#[tokio::test]
async fn a_page_instead_of_a_stream_points_at_the_address() {
    let (_, ended) = ask_once(Reply::Page).await;
    assert!(ended.unwrap_err().to_string().contains("OPENAI_BASE_URL"));
}

#[tokio::test]
async fn nobody_listening_is_said_to_be_unreachable() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let config = ChatConfig::OpenAi {
        base_url: format!("http://{address}/v1").parse().unwrap(),
        model: "tiny".to_owned(),
        api_key: None,
    };
    let chat = chat_from(&config, EmbedderSlot::empty()).unwrap();
    assert_eq!(
        chat.stream(request()).await.err(),
        Some(ChatError::Unreachable)
    );
}

#[tokio::test]
async fn dropping_the_answer_closes_the_connection() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = ScriptedOpenAi::start([Reply::SilentAfter(vec!["It ".to_owned()])]).await;
    let config = ChatConfig::OpenAi {
        base_url: server.base_url().parse().unwrap(),
        model: "tiny".to_owned(),
        api_key: None,
    };
    let chat = chat_from(&config, EmbedderSlot::empty()).unwrap();
    let mut answer = chat.stream(request()).await.unwrap();
    assert_eq!(answer.next().await, Some(Ok("It ".to_owned())));
    drop(answer);
    timeout(Duration::from_secs(10), server.dropped())
        .await
        .expect("the server sees the connection close");
}
