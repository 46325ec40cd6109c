//! The JSON API as a student's program meets it: tokens and what they open, the shapes of the answers,
//! and what is said to requests that are wrong.

use super::support::{Client, PASSWORD, TestApp, spawn_app, spawn_app_with};
use futures::{SinkExt, StreamExt};
use reqwest::{
    Method, Response, StatusCode,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

/// Far longer than any answer takes, short enough to end a stuck test.
const PATIENCE: Duration = Duration::from_secs(30);
const FORM: &str = "multipart/form-data; boundary=line";

/// Makes a token in the settings and reads it off the page.
async fn token(student: &Client, scope: &str) -> String {
    let answer = student
        .post_form("/settings/tokens", &[("name", "Script"), ("scope", scope)])
        .await;
    assert_eq!(answer.status(), StatusCode::OK);
    let page = answer.text().await.unwrap();
    let begin = page.find("studyin_").expect("the page shows the token");
    page[begin..begin + "studyin_".len() + 43].to_owned()
}

/// A student's program with her token.
struct Program {
    client: Client,
    token: String,
}

impl Program {
    async fn of(app: &TestApp, student: &Client, scope: &str) -> Self {
        Self {
            client: app.visitor(),
            token: token(student, scope).await,
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Response {
        let mut all = HeaderMap::new();
        let token = format!("Bearer {}", self.token);
        all.insert(header::AUTHORIZATION, token.parse().unwrap());
        for (name, value) in headers {
            all.insert(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        self.client.send(method, path, all, body).await
    }

    async fn get(&self, path: &str) -> Response {
        self.send(Method::GET, path, &[], "").await
    }

    async fn get_json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    }

    async fn upload(&self, name: &str, text: &str) -> Response {
        let body = format!(
            "--line\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{text}\r\n--line--\r\n"
        );
        let headers = [("content-type", FORM)];
        self.send(Method::POST, "/api/materials/", &headers, body)
            .await
    }

    async fn search(&self, request: Value) -> Response {
        let headers = [("content-type", "application/json")];
        let body = request.to_string();
        self.send(Method::POST, "/api/search", &headers, body).await
    }
}

async fn assert_problem(answer: Response, status: StatusCode) -> Value {
    assert_eq!(answer.status(), status);
    assert_eq!(
        answer.headers()[header::CONTENT_TYPE],
        "application/problem+json"
    );
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["status"], status.as_u16());
    assert!(!problem["detail"].as_str().unwrap().is_empty());
    problem
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

async fn until_ready(program: &Program) {
    let ready = async {
        loop {
            let list = program.get_json("/api/materials/").await;
            if list["items"][0]["status"] == "ready" {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, ready)
        .await
        .expect("the document never got ready");
}

#[tokio::test]
async fn a_token_is_shown_once_and_a_revoked_one_is_refused() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let program = Program::of(&app, &mara, "read").await;
    assert_eq!(
        program.get("/api/materials/").await.status(),
        StatusCode::OK
    );
    let page = mara.get("/settings").await.text().await.unwrap();
    assert!(page.contains("Script") && !page.contains(&program.token));
    let (_, tokens) = mara.call("access_tokens", &[]).await;
    assert_eq!(tokens[0]["scope"], "read");
    assert!(tokens[0]["last_used_at"].is_string());

    let path = format!(
        "/settings/tokens/{}/revoke",
        tokens[0]["id"].as_str().unwrap()
    );
    let eve = app.sign_up("eve@example.org").await;
    eve.post_form(&path, &[]).await;
    assert_eq!(
        program.get("/api/materials/").await.status(),
        StatusCode::OK,
        "nobody else revokes it"
    );
    let revoked = mara.post_form(&path, &[]).await;
    assert_eq!(revoked.status(), StatusCode::SEE_OTHER);
    let refused = program.get("/api/materials/").await;
    assert!(
        refused.headers()[header::WWW_AUTHENTICATE]
            .to_str()
            .unwrap()
            .starts_with("Bearer")
    );
    assert_problem(refused, StatusCode::UNAUTHORIZED).await;
}

#[tokio::test]
async fn a_changed_password_leaves_tokens_as_they_are() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let program = Program::of(&app, &mara, "read").await;
    let fields = [
        ("current_password", PASSWORD),
        ("new_password", "another long sentence"),
    ];
    let changed = mara.post_form("/settings/password", &fields).await;
    assert_eq!(changed.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        program.get("/api/materials/").await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn tokens_need_a_name_and_a_scope_and_are_limited_in_number() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    for fields in [
        [("name", "  "), ("scope", "read")],
        [("name", "Script"), ("scope", "all")],
    ] {
        let refused = mara.post_form("/settings/tokens", &fields).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    for _ in 0..20 {
        token(&mara, "read").await;
    }
    let fields = [("name", "One more"), ("scope", "read")];
    let refused = mara.post_form("/settings/tokens", &fields).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().await.unwrap().contains("Revoke one first"));
}

#[tokio::test]
async fn a_reading_token_searches_but_changes_nothing() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let program = Program::of(&app, &mara, "read").await;
    let searched = program.search(json!({ "query": "heart" })).await;
    assert_eq!(searched.status(), StatusCode::OK);
    let upload = program.upload("Heart.md", "The heart pumps.").await;
    assert_problem(upload, StatusCode::FORBIDDEN).await;
    let path = "/api/materials/0192f0c1-2345-7000-8000-000000000000";
    let deleted = program.send(Method::DELETE, path, &[], "").await;
    assert_problem(deleted, StatusCode::FORBIDDEN).await;
    assert_eq!(
        socket(&app, &program.token).await.err(),
        Some(StatusCode::FORBIDDEN)
    );
}

#[tokio::test]
async fn a_token_opens_neither_pages_nor_the_pages_functions() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let program = Program::of(&app, &mara, "write").await;
    let page = program.get("/library").await;
    assert_eq!(page.status(), StatusCode::SEE_OTHER);
    let function = program
        .send(Method::POST, "/api/fn/materials", &[], "")
        .await;
    assert_eq!(function.status(), StatusCode::UNAUTHORIZED);
    let uploads = program.get("/api/uploads").await;
    assert_eq!(uploads.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn beside_a_token_the_origin_is_not_asked_and_cookies_are_ignored() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let ben = app.sign_up("ben@example.org").await;
    let mut program = Program::of(&app, &mara, "write").await;
    assert_eq!(
        program
            .upload("Heart.md", "The heart pumps.")
            .await
            .status(),
        StatusCode::CREATED
    );
    let cookie = ben.cookie().unwrap();
    let elsewhere = [
        ("origin", "https://elsewhere.example"),
        ("sec-fetch-site", "cross-site"),
        ("cookie", cookie.as_str()),
    ];
    let answer = program
        .send(Method::GET, "/api/materials/", &elsewhere, "")
        .await;
    let list: Value = answer.json().await.unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "hers, not his");
    let without_token = app.visitor();
    let mut headers = HeaderMap::new();
    headers.insert(header::COOKIE, cookie.parse().unwrap());
    headers.insert(
        header::ORIGIN,
        HeaderValue::from_static("https://elsewhere.example"),
    );
    let forged = without_token
        .send(Method::GET, "/api/materials/", headers, "")
        .await;
    assert_problem(forged, StatusCode::FORBIDDEN).await;
    program.token = "studyin_nonsense".to_owned();
    let answer = program
        .send(Method::GET, "/api/materials/", &[("cookie", &cookie)], "")
        .await;
    assert_problem(answer, StatusCode::UNAUTHORIZED).await;
}

#[tokio::test]
async fn a_document_is_uploaded_found_and_deleted() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let program = Program::of(&app, &mara, "write").await;
    let text = "# Preload\n\nPreload is the stretch of the heart muscle before it contracts.";
    let answer = program.upload("Heart.md", text).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let added: Value = answer.json().await.unwrap();
    let shape = [
        "chunk_count",
        "filename",
        "id",
        "media_type",
        "page_count",
        "size_bytes",
        "status",
        "uploaded_at",
    ];
    assert_eq!(keys(&added), shape);
    assert_eq!(added["filename"], "Heart.md");
    assert_eq!(added["media_type"], "text/markdown");
    let again = program.upload("Again.md", text).await;
    assert_eq!(again.status(), StatusCode::OK);
    assert_eq!(again.json::<Value>().await.unwrap()["id"], added["id"]);
    until_ready(&program).await;
    let list = program.get_json("/api/materials/").await;
    assert!(list["items"][0]["chunk_count"].as_u64().unwrap() > 0);

    let request = json!({ "query": "What is preload?", "limit": 3 });
    let found: Value = program.search(request).await.json().await.unwrap();
    assert_eq!(found["cached"], false);
    let passage = &found["passages"][0];
    let shape = [
        "material_id",
        "page_first",
        "page_last",
        "score",
        "section",
        "text",
        "title",
    ];
    assert_eq!(keys(passage), shape);
    assert_eq!(passage["material_id"], added["id"]);
    let nowhere = json!({ "query": "preload", "material_ids": [uuid::Uuid::from_u128(7)] });
    let found: Value = program.search(nowhere).await.json().await.unwrap();
    assert_eq!(found["passages"], json!([]));

    // The same words of another part of the library are another search.
    let id = added["id"].as_str().unwrap();
    let tagged = [("id", id), ("tags", "Exam 2, web")];
    let (status, material) = mara.call("tag_material", &tagged).await;
    assert_eq!(
        (status, &material["tags"]),
        (StatusCode::OK, &json!(["exam 2", "web"]))
    );
    for (part, expected) in [
        (json!({ "tags": ["EXAM 2", "other"] }), 1),
        (json!({ "tags": ["other"] }), 0),
        (json!({ "page_first": 1, "page_last": 1 }), 1),
        (json!({ "page_first": 9 }), 0),
        (json!({ "tags": ["web"], "material_ids": [] }), 0),
    ] {
        let mut request = part.clone();
        request["query"] = json!("What is preload?");
        request["limit"] = json!(1);
        let found: Value = program.search(request).await.json().await.unwrap();
        assert_eq!(
            found["passages"].as_array().unwrap().len(),
            expected,
            "{part}"
        );
        assert_eq!(found["cached"], false, "{part}");
    }
    let reversed = json!({ "query": "preload", "page_first": 3, "page_last": 2 });
    let refused = program.search(reversed).await;
    assert_problem(refused, StatusCode::UNPROCESSABLE_ENTITY).await;

    let path = format!("/api/materials/{}", added["id"].as_str().unwrap());
    let eve = app.sign_up("eve@example.org").await;
    let hers = Program::of(&app, &eve, "write").await;
    let foreign = hers.send(Method::DELETE, &path, &[], "").await;
    let foreign = assert_problem(foreign, StatusCode::NOT_FOUND).await;
    let deleted = program.send(Method::DELETE, &path, &[], "").await;
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    let missing = program.send(Method::DELETE, &path, &[], "").await;
    assert_eq!(
        assert_problem(missing, StatusCode::NOT_FOUND).await,
        foreign
    );
}

#[tokio::test]
async fn pages_of_the_list_stay_whole_while_documents_come_and_go() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let program = Program::of(&app, &mara, "write").await;
    for number in 0..5 {
        let text = format!("Chapter {number} is about the heart.");
        program.upload(&format!("{number}.md"), &text).await;
        app.advance(chrono::TimeDelta::seconds(1));
    }
    let first = program.get_json("/api/materials/?limit=2").await;
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["filename"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&first), ["4.md", "3.md"]);
    program.upload("New.md", "A new chapter.").await;
    let last_seen = first["items"][1]["id"].as_str().unwrap();
    let path = format!("/api/materials/{last_seen}");
    program.send(Method::DELETE, &path, &[], "").await;
    let next = |page: &Value| {
        format!(
            "/api/materials/?limit=2&cursor={}",
            page["next_cursor"].as_str().unwrap()
        )
    };
    let second = program.get_json(&next(&first)).await;
    assert_eq!(names(&second), ["2.md", "1.md"]);
    let third = program.get_json(&next(&second)).await;
    assert_eq!(names(&third), ["0.md"]);
    assert!(third["next_cursor"].is_null());
}

#[tokio::test]
async fn what_a_program_has_already_is_not_sent_again() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let program = Program::of(&app, &mara, "write").await;
    for path in [
        "/api/materials/",
        "/api/analytics/learning/overview?days=7",
        "/api/analytics/learning/heatmap?days=7",
        "/api/analytics/gamification/progress?days=7",
        "/api/analytics/learning/more?days=7",
        "/api/analytics/gamification/achievements",
    ] {
        let first = program.get(path).await;
        assert_eq!(first.headers()[header::CACHE_CONTROL], "private, no-cache");
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        let known = [("if-none-match", tag.as_str())];
        let same = program.send(Method::GET, path, &known, "").await;
        assert_eq!(same.status(), StatusCode::NOT_MODIFIED, "{path}");
        assert_eq!(same.headers()[header::ETAG], tag.as_str());
    }
    let first = program.get("/api/materials/").await;
    let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
    program.upload("Heart.md", "The heart pumps.").await;
    let known = [("if-none-match", tag.as_str())];
    let changed = program
        .send(Method::GET, "/api/materials/", &known, "")
        .await;
    assert_eq!(changed.status(), StatusCode::OK);
}

#[tokio::test]
async fn figures_have_the_shapes_that_are_described() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let program = Program::of(&app, &mara, "write").await;
    program.upload("Heart.md", "The heart pumps.").await;
    let overview = program
        .get_json("/api/analytics/learning/overview?days=1")
        .await;
    assert_eq!(overview["materials_added"], 1);
    assert_eq!(overview["before"]["materials_added"], 0);
    let more = program
        .get_json("/api/analytics/learning/more?days=1")
        .await;
    assert_eq!(more["hours"].as_array().unwrap().len(), 7);
    assert_eq!(more["hours"][0].as_array().unwrap().len(), 24);
    let unlocked = program
        .get_json("/api/analytics/gamification/achievements")
        .await;
    assert_eq!(unlocked["achievements"][1]["id"], "first_material");
    assert_eq!(overview["standing"]["level"], 1);
    let heatmap = program
        .get_json("/api/analytics/learning/heatmap?days=7")
        .await;
    assert_eq!(heatmap["days"].as_array().unwrap().len(), 7);
    assert_eq!(
        keys(&heatmap["days"][6]),
        ["activities", "date", "frozen", "minutes", "xp"]
    );
    let progress = program
        .get_json("/api/analytics/gamification/progress?days=365")
        .await;
    let days = progress["days"].as_array().unwrap();
    assert_eq!(days.len(), 365);
    assert_eq!(days[364]["xp_total"], progress["standing"]["xp_total"]);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_request_is_a_problem_document() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let program = Program::of(&app, &mara, "write").await;
    for (path, status) in [
        ("/api/materials/?limit=0", 422),
        ("/api/materials/?limit=101", 422),
        ("/api/materials/?limit=many", 400),
        ("/api/materials/?limit=1&limit=2", 400),
        ("/api/materials/?cursor=abc", 400),
        ("/api/analytics/learning/overview?days=0", 422),
        ("/api/analytics/learning/heatmap?days=6", 422),
        ("/api/analytics/gamification/progress?days=366", 422),
        ("/api/analytics/gamification/progress?days=-7", 400),
    ] {
        let answer = program.get(path).await;
        let status = StatusCode::from_u16(status).unwrap();
        assert_problem(answer, status).await;
    }
    for (request, status) in [
        (json!({}), 422),
        (json!({ "query": "" }), 422),
        (json!({ "query": "x".repeat(8_001) }), 422),
        (json!({ "query": "x", "limit": 51 }), 422),
        (json!({ "query": "x", "more": 1 }), 422),
        (json!({ "query": "x", "material_ids": ["no id"] }), 422),
    ] {
        let answer = program.search(request).await;
        assert_problem(answer, StatusCode::from_u16(status).unwrap()).await;
    }
    let post = |path: &'static str, kind: &'static str, body: &'static str| {
        let program = &program;
        async move {
            let headers = [("content-type", kind)];
            program.send(Method::POST, path, &headers, body).await
        }
    };
    let cases = [
        ("/api/search", "application/json", "{", 400),
        ("/api/search", "text/plain", "{}", 415),
        ("/api/materials/", "application/json", "{}", 415),
        ("/api/materials/", "multipart/form-data", "", 400),
        ("/api/materials/", FORM, "--line\r\nnonsense", 400),
        ("/api/materials/", FORM, "--line--\r\n", 422),
    ];
    for (path, kind, body, status) in cases {
        let answer = post(path, kind, body).await;
        assert_problem(answer, StatusCode::from_u16(status).unwrap()).await;
    }
    let empty = program.upload("Empty.md", "").await;
    assert_problem(empty, StatusCode::UNPROCESSABLE_ENTITY).await;
    let path = "/api/materials/no-id";
    let answer = program.send(Method::DELETE, path, &[], "").await;
    assert_problem(answer, StatusCode::NOT_FOUND).await;
    let answer = program
        .send(Method::PATCH, "/api/materials/", &[], "")
        .await;
    let allowed = answer.headers()[header::ALLOW].to_str().unwrap().to_owned();
    assert!(
        allowed.contains("GET") && allowed.contains("POST"),
        "{allowed}"
    );
    assert_problem(answer, StatusCode::METHOD_NOT_ALLOWED).await;
}

#[tokio::test]
async fn a_visitor_is_told_how_to_come_in() {
    let app = spawn_app().await;
    let answer = app.visitor().get_json("/api/materials/").await;
    assert_eq!(answer.headers()[header::WWW_AUTHENTICATE], "Bearer");
    assert_problem(answer, StatusCode::UNAUTHORIZED).await;
}

#[tokio::test]
async fn too_many_searches_in_a_minute_are_told_when_to_go_on() {
    let app = spawn_app_with(&[("SEARCHES_PER_MINUTE", "1")], |_| {}).await;
    let mara = app.sign_up("mara@example.org").await;
    let program = Program::of(&app, &mara, "read").await;
    program.search(json!({ "query": "heart" })).await;
    let refused = program.search(json!({ "query": "heart" })).await;
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    assert_problem(refused, StatusCode::TOO_MANY_REQUESTS).await;
}

#[tokio::test]
async fn the_api_describes_itself_to_programs_and_to_people() {
    let app = spawn_app().await;
    let document = app.visitor().get_json("/api/openapi.json").await;
    let document: Value = document.json().await.unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"]["/api/search"]["post"].is_object());
    let page = app.visitor().get("/api/docs").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains("/api/search"));
    let style = app.visitor().get("/api/docs.css").await;
    assert_eq!(style.status(), StatusCode::OK);
}

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// The coach's socket as a program opens it: with a token, without an origin.
async fn socket(app: &TestApp, token: &str) -> Result<Socket, StatusCode> {
    let address = app.url.replacen("http://", "ws://", 1) + "/api/chat/ws";
    let mut request = address.into_client_request().unwrap();
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    request.headers_mut().insert("authorization", value);
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status()),
        Err(error) => panic!("the connection itself failed: {error}"),
    }
}

#[tokio::test]
async fn the_coach_answers_a_program_until_its_token_is_revoked() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let program = Program::of(&app, &mara, "write").await;
    let mut socket = socket(&app, &program.token).await.unwrap();
    let question = json!({ "type": "user_message", "content": "What is preload?" });
    socket
        .send(Message::text(question.to_string()))
        .await
        .unwrap();
    let mut types = Vec::new();
    while types.last().is_none_or(|last| last != "complete") {
        let message = timeout(PATIENCE, socket.next()).await.unwrap();
        if let Some(Ok(Message::Text(text))) = message {
            let event: Value = serde_json::from_str(&text).unwrap();
            types.push(event["type"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(types[0], "context");
    let (_, tokens) = mara.call("access_tokens", &[]).await;
    let path = format!(
        "/settings/tokens/{}/revoke",
        tokens[0]["id"].as_str().unwrap()
    );
    mara.post_form(&path, &[]).await;
    socket
        .send(Message::text(question.to_string()))
        .await
        .unwrap();
    let refused = timeout(PATIENCE, socket.next()).await.unwrap();
    let Some(Ok(Message::Text(text))) = refused else {
        panic!("an error was expected, not {refused:?}");
    };
    let event: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(event["error"]["kind"], "signed_out");
}
