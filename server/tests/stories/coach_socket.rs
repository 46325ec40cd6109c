//! The coach's socket as a browser tab meets it: who gets in, what it says to nonsense, and how an
//! answer comes and stops.

use super::{
    scripted_openai::{Reply, ScriptedOpenAi},
    support::{Client, TestApp, spawn_app, spawn_app_with},
};
use futures::{SinkExt, StreamExt};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        Error, Message, client::IntoClientRequest, http::HeaderValue,
        protocol::frame::coding::CloseCode,
    },
};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Far longer than any event takes, short enough to end a stuck test.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens the socket as a page of `origin` would.
async fn open(app: &TestApp, cookie: Option<String>, origin: &str) -> Result<Socket, StatusCode> {
    let address = app.url.replacen("http://", "ws://", 1) + "/api/chat/ws";
    let mut request = address.into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("origin", HeaderValue::from_str(origin).unwrap());
    if let Some(cookie) = cookie {
        headers.insert("cookie", HeaderValue::from_str(&cookie).unwrap());
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status()),
        Err(error) => panic!("the connection itself failed: {error}"),
    }
}

async fn open_for(app: &TestApp, student: &Client) -> Socket {
    open(app, student.cookie(), &app.url).await.unwrap()
}

async fn say(socket: &mut Socket, message: Value) {
    socket
        .send(Message::text(message.to_string()))
        .await
        .unwrap();
}

async fn ask(socket: &mut Socket, content: &str) {
    say(
        socket,
        json!({ "type": "user_message", "content": content }),
    )
    .await;
}

/// The next message that is not a ping.
async fn next(socket: &mut Socket) -> Option<Message> {
    loop {
        match timeout(PATIENCE, socket.next())
            .await
            .expect("the socket stayed silent")
        {
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(message)) => return Some(message),
            Some(Err(_)) | None => return None,
        }
    }
}

async fn event(socket: &mut Socket) -> Value {
    match next(socket).await {
        Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
        other => panic!("an event was expected, not {other:?}"),
    }
}

/// Events up to and with the last one of an answer.
async fn answer(socket: &mut Socket) -> Vec<Value> {
    let mut events = Vec::new();
    loop {
        let event = event(socket).await;
        let is_last = event["type"] == "complete" || event["type"] == "error";
        events.push(event);
        if is_last {
            return events;
        }
    }
}

async fn close_code(socket: &mut Socket) -> Option<CloseCode> {
    loop {
        match next(socket).await {
            Some(Message::Close(frame)) => return frame.map(|frame| frame.code),
            Some(_) => {}
            None => return None,
        }
    }
}

/// A server whose language model follows a script.
async fn with_model(replies: impl IntoIterator<Item = Reply>) -> (TestApp, ScriptedOpenAi) {
    let model = ScriptedOpenAi::start(replies).await;
    let base_url = model.base_url().to_string();
    let settings = [
        ("CHAT_PROVIDER", "openai"),
        ("OPENAI_BASE_URL", base_url.as_str()),
        ("OPENAI_MODEL", "scripted"),
    ];
    (spawn_app_with(&settings, |_| {}).await, model)
}

/// Gives a student something to ask about.
async fn add_sample(student: &Client) {
    let (status, _) = student.call("add_sample", &[]).await;
    assert_eq!(status, StatusCode::OK);
    let ready = async {
        loop {
            let (_, materials) = student.call("materials", &[]).await;
            if materials[0]["state"]["stage"] == "ready" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, ready)
        .await
        .expect("the sample never got ready");
}

#[tokio::test]
async fn only_a_signed_in_student_on_this_site_gets_a_socket() {
    let app = spawn_app().await;
    let student = app.sign_up("mara@example.org").await;
    let without_session = open(&app, None, &app.url).await;
    assert_eq!(without_session.unwrap_err(), StatusCode::UNAUTHORIZED);
    let from_elsewhere = open(&app, student.cookie(), "https://evil.example").await;
    assert_eq!(from_elsewhere.unwrap_err(), StatusCode::FORBIDDEN);
    open(&app, student.cookie(), &app.url).await.unwrap();
}

#[tokio::test]
async fn nonsense_and_questions_that_break_a_rule_are_answered_in_words() {
    let app = spawn_app().await;
    let student = app.sign_up("mara@example.org").await;
    let mut socket = open_for(&app, &student).await;
    socket.send(Message::text("{not json")).await.unwrap();
    let refused = event(&mut socket).await;
    assert_eq!(refused["type"], "error");
    assert_eq!(refused["error"]["kind"], "invalid");
    say(&mut socket, json!({ "type": "dance" })).await;
    assert_eq!(event(&mut socket).await["error"]["kind"], "invalid");
    ask(&mut socket, "   ").await;
    assert_eq!(event(&mut socket).await["error"]["kind"], "invalid");
    ask(&mut socket, &"x".repeat(8_001)).await;
    let too_long = event(&mut socket).await;
    assert!(
        too_long["error"]["message"]
            .as_str()
            .unwrap()
            .contains("8000"),
        "{too_long}"
    );
}

#[tokio::test]
async fn a_message_over_the_limit_and_bytes_that_are_no_text_end_the_socket() {
    let app = spawn_app().await;
    let student = app.sign_up("mara@example.org").await;
    let mut socket = open_for(&app, &student).await;
    // The server may hang up before all of it has been taken.
    let _ = socket.send(Message::text("x".repeat(70_000))).await;
    assert!(matches!(
        close_code(&mut socket).await,
        Some(CloseCode::Size) | None
    ));
    let mut socket = open_for(&app, &student).await;
    socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(close_code(&mut socket).await, Some(CloseCode::Unsupported));
}

#[tokio::test]
async fn an_answer_comes_as_context_words_and_the_stored_message() {
    let (app, model) = with_model([Reply::words("Preload and afterload [1].")]).await;
    let student = app.sign_up("mara@example.org").await;
    add_sample(&student).await;
    let mut socket = open_for(&app, &student).await;
    ask(&mut socket, "What sets the stroke volume?").await;
    let events = answer(&mut socket).await;
    assert_eq!(events[0]["type"], "context");
    assert!(!events[0]["passages"].as_array().unwrap().is_empty());
    assert!(events.iter().any(|event| event["type"] == "token"));
    let last = events.last().unwrap();
    assert_eq!(last["type"], "complete", "{last}");
    assert_eq!(last["message"]["state"], "complete");
    let id = events[0]["conversation_id"].as_str().unwrap();
    let (status, stored) = student.call("conversation", &[("id", id)]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(stored["messages"].as_array().unwrap().len(), 2);
    assert_eq!(stored["messages"][1], last["message"]);
    assert_eq!(model.asked().len(), 1);
}

#[tokio::test]
async fn one_question_at_a_time_and_cancel_keeps_what_has_arrived() {
    let (app, _model) = with_model([Reply::SilentAfter(vec![
        "Preload is the stretch".to_owned(),
    ])])
    .await;
    let student = app.sign_up("mara@example.org").await;
    add_sample(&student).await;
    let mut socket = open_for(&app, &student).await;
    ask(&mut socket, "What sets the stroke volume?").await;
    let context = event(&mut socket).await;
    assert_eq!(context["type"], "context", "{context}");
    assert_eq!(event(&mut socket).await["type"], "token");
    ask(&mut socket, "And the heart rate?").await;
    let refused = loop {
        let event = event(&mut socket).await;
        if event["type"] == "error" {
            break event;
        }
    };
    assert_eq!(refused["error"]["kind"], "limited");
    say(&mut socket, json!({ "type": "cancel" })).await;
    let events = answer(&mut socket).await;
    let last = events.last().unwrap();
    assert_eq!(last["message"]["state"], "cancelled", "{last}");
    assert!(
        last["message"]["text"]
            .as_str()
            .unwrap()
            .contains("Preload")
    );
}

#[tokio::test]
async fn a_closed_tab_stops_the_answer_and_keeps_what_there_is() {
    let (app, _model) = with_model([Reply::SilentAfter(vec![
        "Preload is the stretch".to_owned(),
    ])])
    .await;
    let student = app.sign_up("mara@example.org").await;
    add_sample(&student).await;
    let mut socket = open_for(&app, &student).await;
    ask(&mut socket, "What sets the stroke volume?").await;
    let context = event(&mut socket).await;
    assert_eq!(event(&mut socket).await["type"], "token");
    drop(socket);
    let id = context["conversation_id"].as_str().unwrap();
    let kept = async {
        loop {
            let (_, stored) = student.call("conversation", &[("id", id)]).await;
            if stored["messages"][1]["state"] == "cancelled" {
                return stored;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let stored = timeout(PATIENCE, kept)
        .await
        .expect("the answer was never filed as cancelled");
    assert!(
        stored["messages"][1]["text"]
            .as_str()
            .unwrap()
            .contains("Preload")
    );
}

#[tokio::test]
async fn a_session_that_ended_ends_the_socket_at_the_next_question() {
    let app = spawn_app().await;
    let student = app.sign_up("mara@example.org").await;
    let mut socket = open_for(&app, &student).await;
    student.post_form("/logout", &[]).await;
    ask(&mut socket, "What sets the stroke volume?").await;
    assert_eq!(event(&mut socket).await["error"]["kind"], "signed_out");
    assert_eq!(close_code(&mut socket).await, Some(CloseCode::Policy));
}

#[tokio::test]
async fn a_question_meant_for_another_account_is_not_taken() {
    let app = spawn_app().await;
    let student = app.sign_up("mara@example.org").await;
    let other = app.sign_up("ada@example.org").await;
    let mut socket = open_for(&app, &other).await;
    let whose = |profile: Value| json!({ "type": "user_message", "content": "What is preload?", "user_id": profile["id"] });
    say(&mut socket, whose(student.profile().await)).await;
    assert_eq!(event(&mut socket).await["error"]["kind"], "signed_out");
    say(&mut socket, whose(other.profile().await)).await;
    assert_eq!(
        answer(&mut socket).await.last().unwrap()["type"],
        "complete"
    );
}

#[tokio::test]
async fn a_question_sent_again_on_another_socket_is_one_question() {
    let app = spawn_app().await;
    let student = app.sign_up("mara@example.org").await;
    let question = json!({
        "type": "user_message",
        "content": "What is preload?",
        "client_id": "3c1b6a52-8a0e-4c53-9d65-0c7a8f0f5f11",
    });
    let mut answers = Vec::new();
    for _ in 0..2 {
        let mut socket = open_for(&app, &student).await;
        say(&mut socket, question.clone()).await;
        let events = answer(&mut socket).await;
        answers.push((events[0]["question"]["id"].clone(), events.last().cloned()));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn too_many_questions_in_a_minute_are_told_when_to_go_on() {
    let app = spawn_app_with(&[("QUESTIONS_PER_MINUTE", "2")], |_| {}).await;
    let student = app.sign_up("mara@example.org").await;
    let mut socket = open_for(&app, &student).await;
    for _ in 0..2 {
        ask(&mut socket, "What is preload?").await;
        assert_eq!(
            answer(&mut socket).await.last().unwrap()["type"],
            "complete"
        );
    }
    ask(&mut socket, "What is preload?").await;
    let refused = event(&mut socket).await;
    assert_eq!(refused["error"]["kind"], "limited", "{refused}");
    assert!(
        refused["error"]["message"]
            .as_str()
            .unwrap()
            .contains("Ask again in")
    );
}

#[tokio::test]
async fn a_stopping_server_says_that_it_goes_away() {
    let app = spawn_app().await;
    let student = app.sign_up("mara@example.org").await;
    let mut socket = open_for(&app, &student).await;
    let (code, _folder) = tokio::join!(close_code(&mut socket), app.stop());
    assert_eq!(code, Some(CloseCode::Away));
}
