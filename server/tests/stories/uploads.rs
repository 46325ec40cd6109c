//! Uploads by the tus protocol: in pieces, cut off, resumed after a restart, contested, hostile; and
//! the plain form beside them.

use crate::support::{Client, TestApp, location, spawn_app, spawn_app_in, spawn_app_with};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use reqwest::{
    Method, Response, StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
};
use tokio_stream::wrappers::ReceiverStream;

const DOCUMENT: &[u8] = b"# The heart\n\nThe heart pumps about five litres of blood a minute.\n";
const MISSING: &str = "/api/uploads/01900000-0000-7000-8000-000000000000";

/// A request of the protocol with these headers beside its own.
async fn tus(
    client: &Client,
    method: Method,
    path: &str,
    pairs: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> Response {
    let mut headers = HeaderMap::new();
    let own = [
        ("tus-resumable", "1.0.0"),
        ("sec-fetch-site", "same-origin"),
        ("accept", "application/json"),
    ];
    for (name, value) in own.iter().chain(pairs) {
        headers.insert(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    client.send(method, path, headers, body).await
}

async fn begin(client: &Client, name: &str, bytes: usize) -> Response {
    let metadata = format!(
        "filename {},fingerprint {}",
        STANDARD.encode(name),
        STANDARD.encode("the same")
    );
    let length = bytes.to_string();
    let pairs = [("upload-length", &*length), ("upload-metadata", &metadata)];
    tus(client, Method::POST, "/api/uploads", &pairs, "").await
}

/// The address of an upload that could be begun.
pub async fn begun(client: &Client, name: &str, bytes: usize) -> String {
    let answer = begin(client, name, bytes).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    assert_eq!(answer.headers()["tus-resumable"], "1.0.0");
    assert!(answer.headers().contains_key("upload-expires"));
    location(&answer).to_owned()
}

pub async fn piece(
    client: &Client,
    upload: &str,
    at: usize,
    body: impl Into<reqwest::Body>,
) -> Response {
    let at = at.to_string();
    let pairs = [
        ("upload-offset", &*at),
        ("content-type", "application/offset+octet-stream"),
    ];
    tus(client, Method::PATCH, upload, &pairs, body).await
}

pub async fn offset(client: &Client, upload: &str) -> usize {
    let answer = tus(client, Method::HEAD, upload, &[], "").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    number(&answer)
}

fn number(answer: &Response) -> usize {
    let text = answer.headers()["upload-offset"].to_str().unwrap();
    text.parse().unwrap()
}

async fn desk(client: &Client) -> Value {
    let answer = client.get_json("/api/uploads").await;
    assert_eq!(answer.status(), StatusCode::OK);
    answer.json().await.unwrap()
}

pub async fn materials(client: &Client) -> Vec<Value> {
    let (_, list) = client.call("materials", &[]).await;
    list.as_array().unwrap().clone()
}

pub fn parts(app: &TestApp) -> usize {
    std::fs::read_dir(app.data_dir.join("incoming"))
        .unwrap()
        .count()
}

#[tokio::test]
async fn a_file_arrives_in_pieces_and_its_outcome_can_be_asked_for_again() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let upload = begun(&mara, "Heart.md", DOCUMENT.len()).await;
    assert_eq!(offset(&mara, &upload).await, 0);
    let first = piece(&mara, &upload, 0, &DOCUMENT[..10]).await;
    assert_eq!(first.status(), StatusCode::NO_CONTENT);
    assert_eq!(number(&first), 10);
    let unfinished = desk(&mara).await["unfinished"][0].clone();
    assert_eq!(unfinished["file_name"], "Heart.md");
    assert_eq!(unfinished["fingerprint"], "the same");
    assert_eq!(unfinished["received_bytes"], 10);

    let last = piece(&mara, &upload, 10, &DOCUMENT[10..]).await;
    assert_eq!(last.status(), StatusCode::OK);
    assert_eq!(number(&last), DOCUMENT.len());
    let outcome: Value = last.json().await.unwrap();
    assert_eq!(outcome["outcome"], "added", "{outcome}");
    assert_eq!(outcome["material"]["title"], "Heart");
    assert_eq!(desk(&mara).await["unfinished"], serde_json::json!([]));
    assert_eq!(parts(&app), 0);

    // The answer was lost on the way: where was I, and what became of it?
    assert_eq!(offset(&mara, &upload).await, DOCUMENT.len());
    let repeated = piece(&mara, &upload, 10, &DOCUMENT[10..]).await;
    assert_eq!(repeated.status(), StatusCode::CONFLICT);
    assert_eq!(number(&repeated), DOCUMENT.len());
    let again = piece(&mara, &upload, DOCUMENT.len(), "").await;
    let again: Value = again.json().await.unwrap();
    assert_eq!(again["outcome"], "added");
    assert_eq!(again["material"]["id"], outcome["material"]["id"]);

    let twin = begun(&mara, "Another name.md", DOCUMENT.len()).await;
    let twin = piece(&mara, &twin, 0, DOCUMENT).await;
    let twin: Value = twin.json().await.unwrap();
    assert_eq!(twin["outcome"], "duplicate");
    assert_eq!(twin["material"]["id"], outcome["material"]["id"]);
    assert_eq!(materials(&mara).await.len(), 1);
    assert_eq!(parts(&app), 0);

    // Another student's copy is a document of its own: nothing says that it was here already.
    let noor = app.sign_up("noor@example.org").await;
    let own = begun(&noor, "Heart.md", DOCUMENT.len()).await;
    let own: Value = piece(&noor, &own, 0, DOCUMENT).await.json().await.unwrap();
    assert_eq!(own["outcome"], "added");
}

#[tokio::test]
async fn what_arrived_before_the_connection_broke_need_not_be_sent_again() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let upload = begun(&mara, "Heart.md", DOCUMENT.len()).await;
    let mut line = TcpStream::connect(app.url.trim_start_matches("http://"))
        .await
        .unwrap();
    let head = format!(
        "PATCH {upload} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nSec-Fetch-Site: same-origin\r\n\
         Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Length: {}\r\n\
         Content-Type: application/offset+octet-stream\r\n\r\n",
        app.url.trim_start_matches("http://"),
        mara.cookie().unwrap(),
        DOCUMENT.len()
    );
    line.write_all(head.as_bytes()).await.unwrap();
    line.write_all(&DOCUMENT[..20]).await.unwrap();
    line.shutdown().await.unwrap();
    let _ = line.read_to_end(&mut Vec::new()).await;
    drop(line);

    let arrived = loop {
        // The server may still be noticing.
        let answer = piece(&mara, &upload, 20, &DOCUMENT[20..]).await;
        match answer.status() {
            StatusCode::LOCKED | StatusCode::CONFLICT => tokio::task::yield_now().await,
            status => break (status, answer.json::<Value>().await.unwrap()),
        }
    };
    assert_eq!(arrived.0, StatusCode::OK, "{}", arrived.1);
    let id = arrived.1["material"]["id"].as_str().unwrap();
    let original = mara.get(&format!("/files/{id}")).await;
    assert_eq!(original.bytes().await.unwrap(), DOCUMENT);
}

#[tokio::test]
async fn an_upload_goes_on_after_the_server_was_started_again() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let upload = begun(&mara, "Heart.md", DOCUMENT.len()).await;
    piece(&mara, &upload, 0, &DOCUMENT[..20]).await;
    let dropped = begun(&mara, "Never begun.md", 10).await;
    let folder = app.stop().await;
    // A power cut may leave bytes that were never acknowledged, and files of nobody.
    let part = folder
        .path()
        .join("incoming")
        .join(upload.rsplit('/').next().unwrap());
    let mut bytes = std::fs::read(&part).unwrap();
    assert_eq!(bytes, &DOCUMENT[..20]);
    bytes.extend(b"???");
    std::fs::write(&part, bytes).unwrap();
    std::fs::write(folder.path().join("incoming/nobody"), "?").unwrap();

    let app = spawn_app_in(folder, &[], |_| {}).await;
    let after = Client::new(app.url.clone());
    after.set_cookie(mara.cookie());
    assert_eq!(parts(&app), 1);
    assert_eq!(offset(&after, &upload).await, 20);
    assert_eq!(offset(&after, &dropped).await, 0);
    let answer = piece(&after, &upload, 20, &DOCUMENT[20..]).await;
    let outcome: Value = answer.json().await.unwrap();
    assert_eq!(outcome["outcome"], "added", "{outcome}");
    let id = outcome["material"]["id"].as_str().unwrap();
    let original = after.get(&format!("/files/{id}")).await;
    assert_eq!(original.bytes().await.unwrap(), DOCUMENT);
}

#[tokio::test]
async fn one_piece_at_a_time_and_only_where_the_last_one_ended() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let upload = begun(&mara, "Heart.md", DOCUMENT.len()).await;
    for at in [1, DOCUMENT.len(), usize::MAX] {
        let answer = piece(&mara, &upload, at, "x").await;
        assert_eq!(answer.status(), StatusCode::CONFLICT, "{at}");
        assert_eq!(number(&answer), 0);
    }
    let (sender, receiver) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let slow = reqwest::Body::wrap_stream(ReceiverStream::new(receiver));
    let first = async { piece(&mara, &upload, 0, slow).await };
    let second = async {
        sender
            .send(Ok(Bytes::from_static(&DOCUMENT[..1])))
            .await
            .unwrap();
        // The first has its turn once its part lies there.
        while parts(&app) == 0 {
            tokio::task::yield_now().await;
        }
        let second = piece(&mara, &upload, 0, "x").await;
        assert_eq!(second.status(), StatusCode::LOCKED);
        sender
            .send(Ok(Bytes::from_static(&DOCUMENT[1..])))
            .await
            .unwrap();
        drop(sender);
    };
    let (first, ()) = tokio::join!(first, second);
    assert_eq!(first.status(), StatusCode::OK);
    assert_eq!(materials(&mara).await.len(), 1);
}

#[tokio::test]
async fn fifty_uploads_at_once_reserve_no_more_than_there_is_room_for() {
    let settings = [("FILE_MAX_MB", "1"), ("USER_MAX_MB", "5")];
    let app = spawn_app_with(&settings, |_| {}).await;
    let mara = app.sign_up("mara@example.org").await;
    let mb = 1024 * 1024;
    let answers = futures::future::join_all((0..50).map(|_| begin(&mara, "Big.txt", mb))).await;
    let begun: Vec<String> = answers
        .iter()
        .filter(|answer| answer.status() == StatusCode::CREATED)
        .map(|answer| location(answer).to_owned())
        .collect();
    assert_eq!(begun.len(), 5);
    let refused = answers
        .into_iter()
        .find(|answer| answer.status() != StatusCode::CREATED)
        .unwrap();
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let refused: Value = refused.json().await.unwrap();
    assert!(refused["detail"].as_str().unwrap().contains("0 MB left"));
    assert_eq!(desk(&mara).await["allowance"]["bytes_left"], 0);
    // The plain form looks at the same room.
    let outcomes: Value = mara
        .upload("notes.txt", DOCUMENT)
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(outcomes[0]["outcome"], "refused", "{outcomes}");

    let gone = tus(&mara, Method::DELETE, &begun[0], &[], "").await;
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert_eq!(desk(&mara).await["allowance"]["bytes_left"], mb);
    let outcomes: Value = mara
        .upload("notes.txt", DOCUMENT)
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(outcomes[0]["outcome"], "added", "{outcomes}");
    // Fifty plain forms together hold no more than what is left, either.
    let line = |n: usize| format!("{n} {}", "heart ".repeat(40_000)).into_bytes();
    let forms = (0..50).map(|n| {
        let mara = &mara;
        async move {
            mara.upload("notes.txt", &line(n))
                .await
                .json::<Value>()
                .await
        }
    });
    let outcomes = futures::future::join_all(forms).await;
    let added = outcomes
        .iter()
        .filter(|outcome| outcome.as_ref().unwrap()[0]["outcome"] == "added")
        .count();
    assert!((1..=4).contains(&added), "{added}");
    let held: u64 = materials(&mara)
        .await
        .iter()
        .map(|material| material["size_bytes"].as_u64().unwrap())
        .sum();
    assert!(held <= mb as u64, "{held}");
}

#[tokio::test]
async fn documents_are_counted_with_the_uploads_under_way() {
    let app = spawn_app_with(&[("USER_MAX_MATERIALS", "3")], |_| {}).await;
    let mara = app.sign_up("mara@example.org").await;
    mara.upload("notes.txt", DOCUMENT).await;
    let answers = futures::future::join_all((0..20).map(|_| begin(&mara, "a.txt", 10))).await;
    let created = answers
        .iter()
        .filter(|answer| answer.status() == StatusCode::CREATED)
        .count();
    assert_eq!(created, 2);
    let outcomes: Value = mara.upload("b.txt", b"words").await.json().await.unwrap();
    let message = outcomes[0]["message"].as_str().unwrap();
    assert!(message.contains("holds 3 documents"), "{message}");
    assert_eq!(desk(&mara).await["allowance"]["files_left"], 0);
}

#[tokio::test]
async fn somebody_elses_upload_is_as_absent_as_none() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let noor = app.sign_up("noor@example.org").await;
    let upload = begun(&mara, "Heart.md", DOCUMENT.len()).await;
    for path in [&*upload, MISSING, "/api/uploads/..%2f..%2fstudyin.sqlite"] {
        let head = tus(&noor, Method::HEAD, path, &[], "").await;
        assert_eq!(head.status(), StatusCode::NOT_FOUND);
        let patch = piece(&noor, path, 0, DOCUMENT).await;
        assert_eq!(patch.status(), StatusCode::NOT_FOUND);
        let problem: Value = patch.json().await.unwrap();
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("no such upload")
        );
        let delete = tus(&noor, Method::DELETE, path, &[], "").await;
        assert_eq!(delete.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(desk(&noor).await["unfinished"], serde_json::json!([]));
    assert_eq!(offset(&mara, &upload).await, 0);
    for (method, path) in [
        (Method::GET, "/api/uploads"),
        (Method::POST, "/api/uploads"),
        (Method::HEAD, MISSING),
        (Method::PATCH, MISSING),
        (Method::DELETE, MISSING),
    ] {
        let visitor = tus(&app.visitor(), method.clone(), path, &[], "").await;
        assert_eq!(visitor.status(), StatusCode::UNAUTHORIZED, "{method}");
        let foreign = [("sec-fetch-site", "cross-site")];
        let forged = tus(&mara, method.clone(), path, &foreign, "").await;
        assert_eq!(forged.status(), StatusCode::FORBIDDEN, "{method}");
    }
}

#[tokio::test]
async fn a_forgotten_upload_expires_and_gives_its_room_back() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let upload = begun(&mara, "Heart.md", DOCUMENT.len()).await;
    let before = desk(&mara).await["allowance"]["bytes_left"].clone();
    piece(&mara, &upload, 0, &DOCUMENT[..20]).await;
    app.advance(chrono::TimeDelta::hours(47));
    // Each piece renews its time.
    piece(&mara, &upload, 20, &DOCUMENT[20..30]).await;
    app.advance(chrono::TimeDelta::hours(47));
    assert_eq!(offset(&mara, &upload).await, 30);
    app.advance(chrono::TimeDelta::hours(2));
    let late = piece(&mara, &upload, 30, &DOCUMENT[30..]).await;
    assert_eq!(late.status(), StatusCode::GONE);
    assert_eq!(desk(&mara).await["unfinished"], serde_json::json!([]));
    assert!(desk(&mara).await["allowance"]["bytes_left"].as_u64() > before.as_u64());
    begun(&mara, "Another.md", 10).await;
    let swept = tus(&mara, Method::HEAD, &upload, &[], "").await;
    assert_eq!(swept.status(), StatusCode::NOT_FOUND);
    assert_eq!(parts(&app), 0);
}

#[tokio::test]
async fn a_removed_upload_leaves_nothing_also_while_a_piece_is_arriving() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let upload = begun(&mara, "Heart.md", DOCUMENT.len()).await;
    let (sender, receiver) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let slow = reqwest::Body::wrap_stream(ReceiverStream::new(receiver));
    let sending = async { piece(&mara, &upload, 0, slow).await };
    let removing = async {
        sender
            .send(Ok(Bytes::from_static(&DOCUMENT[..20])))
            .await
            .unwrap();
        while parts(&app) == 0 {
            tokio::task::yield_now().await;
        }
        let gone = tus(&mara, Method::DELETE, &upload, &[], "").await;
        assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    };
    let (answer, ()) = tokio::join!(sending, removing);
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    drop(sender);
    assert_eq!(parts(&app), 0);
    let again = tus(&mara, Method::DELETE, &upload, &[], "").await;
    assert_eq!(again.status(), StatusCode::NOT_FOUND);
    assert_eq!(desk(&mara).await["unfinished"], serde_json::json!([]));
    assert!(materials(&mara).await.is_empty());
}

#[tokio::test]
async fn sizes_are_held_to_what_was_said_and_allowed() {
    let app = spawn_app_with(&[("FILE_MAX_MB", "1")], |_| {}).await;
    let mara = app.sign_up("mara@example.org").await;
    let large = begin(&mara, "Large.pdf", 1024 * 1024 + 1).await;
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let large: Value = large.json().await.unwrap();
    assert!(
        large["detail"]
            .as_str()
            .unwrap()
            .contains("larger than 1 MB")
    );
    let empty = begin(&mara, "Empty.pdf", 0).await;
    assert_eq!(empty.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let empty: Value = empty.json().await.unwrap();
    assert!(empty["detail"].as_str().unwrap().contains("is empty"));
    for length in ["", "-1", "1e3", "99999999999999999999999", "0x10"] {
        let pairs = [("upload-length", length)];
        let answer = tus(&mara, Method::POST, "/api/uploads", &pairs, "").await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{length}");
    }

    let upload = begun(&mara, "Short.txt", 4).await;
    let announced = piece(&mara, &upload, 0, "12345").await;
    assert_eq!(announced.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let stream = futures::stream::iter(["12", "345"].map(Ok::<_, std::io::Error>));
    let unannounced = piece(&mara, &upload, 0, reqwest::Body::wrap_stream(stream)).await;
    assert_eq!(unannounced.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(offset(&mara, &upload).await, 0);
    let outcome = piece(&mara, &upload, 0, "\u{1}\u{2}\u{0}\u{3}").await;
    let outcome: Value = outcome.json().await.unwrap();
    assert_eq!(outcome["outcome"], "refused", "{outcome}");
    assert_eq!(parts(&app), 0);
    let again: Value = piece(&mara, &upload, 4, "").await.json().await.unwrap();
    assert_eq!(again, outcome);
}

#[tokio::test]
async fn hostile_names_become_plain_ones_and_broken_requests_are_refused() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let long = "x".repeat(4_096);
    for (number, (sent, kept)) in [
        ("../../etc/passwd", "passwd"),
        ("in\u{202e}fdp.txt\0", "infdp.txt"),
        ("a\r\nSet-Cookie: x=1.txt", "a  Set-Cookie: x=1.txt"),
        (&*long, &long[..255]),
        ("", "Untitled"),
    ]
    .into_iter()
    .enumerate()
    {
        let text = format!("Document {number} about the heart.");
        let upload = begun(&mara, sent, text.len()).await;
        assert_eq!(desk(&mara).await["unfinished"][0]["file_name"], kept);
        let outcome: Value = piece(&mara, &upload, 0, text).await.json().await.unwrap();
        assert_eq!(outcome["material"]["file_name"], kept, "{outcome}");
    }
    for metadata in ["filename ***", "filename /w=="] {
        let pairs = [("upload-length", "4"), ("upload-metadata", metadata)];
        let answer = tus(&mara, Method::POST, "/api/uploads", &pairs, "").await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{metadata}");
    }
    let other = [("tus-resumable", "0.2.2"), ("upload-length", "4")];
    let version = tus(&mara, Method::POST, "/api/uploads", &other, "").await;
    assert_eq!(version.status(), StatusCode::PRECONDITION_FAILED);
    assert_eq!(version.headers()["tus-version"], "1.0.0");
    let upload = begun(&mara, "a.txt", 4).await;
    let plain = [("upload-offset", "0"), ("content-type", "text/plain")];
    let media = tus(&mara, Method::PATCH, &upload, &plain, "1234").await;
    assert_eq!(media.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let nowhere = [("content-type", "application/offset+octet-stream")];
    let nowhere = tus(&mara, Method::PATCH, &upload, &nowhere, "1234").await;
    assert_eq!(nowhere.status(), StatusCode::BAD_REQUEST);
    let able = tus(&mara, Method::OPTIONS, "/api/uploads", &[], "").await;
    assert_eq!(able.status(), StatusCode::NO_CONTENT);
    assert_eq!(able.headers()["tus-max-size"], "52428800");
    // Where PATCH is not let through, POST says what it stands for.
    let pairs = [
        ("x-http-method-override", "PATCH"),
        ("upload-offset", "0"),
        ("content-type", "application/offset+octet-stream"),
    ];
    let instead = tus(&mara, Method::POST, &upload, &pairs, "abcd").await;
    assert_eq!(instead.status(), StatusCode::OK);
}

#[tokio::test]
async fn more_uploads_than_a_minute_allows_are_asked_to_wait() {
    let app = spawn_app_with(&[("UPLOADS_PER_MINUTE", "2")], |_| {}).await;
    let mara = app.sign_up("mara@example.org").await;
    let noor = app.sign_up("noor@example.org").await;
    for _ in 0..2 {
        begun(&mara, "a.txt", 4).await;
    }
    let limited = begin(&mara, "a.txt", 4).await;
    assert_eq!(limited.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = limited.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    begun(&noor, "a.txt", 4).await;
}

#[tokio::test]
async fn a_refused_plain_form_is_answered_with_the_library_itself() {
    let app = spawn_app_with(&[("FILE_MAX_MB", "1")], |_| {}).await;
    let mara = app.sign_up("mara@example.org").await;
    let boundary = "a-line-between-the-parts";
    let form = |files: &[(&str, Vec<u8>)]| {
        let mut body = Vec::new();
        for (name, bytes) in files {
            body.extend(
                format!(
                    "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; \
                     filename=\"{name}\"\r\n\r\n"
                )
                .bytes(),
            );
            body.extend(bytes);
            body.extend(b"\r\n");
        }
        body.extend(format!("--{boundary}--\r\n").bytes());
        body
    };
    let send = async |body: Vec<u8>, media: &str| {
        let pairs = [("accept", "text/html"), ("content-type", media)];
        tus(&mara, Method::POST, "/library/upload", &pairs, body).await
    };
    let media = format!("multipart/form-data; boundary={boundary}");
    let fine = ("fine.txt", DOCUMENT.to_vec());
    let huge = ("<b>huge</b>.txt", vec![b'a'; 1024 * 1024 + 1]);
    let answer = send(form(&[fine.clone(), huge]), &media).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(page.contains("class=\"frame\"") && page.contains("rel=\"stylesheet\""));
    assert!(page.contains("1 of 2 files were not added"), "{page}");
    assert!(page.contains("larger than 1 MB"), "{page}");
    assert!(page.contains("&lt;b>huge") || page.contains("&lt;b&gt;huge"));
    assert!(page.contains("material-row"), "the shelf is there too");
    assert!(!page.contains(".wasm"), "it is not the library's address");

    let answer = send(form(&[fine]), &media).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(location(&answer), "/library");
    let broken = send(b"no form at all".to_vec(), "text/plain").await;
    assert_eq!(broken.status(), StatusCode::BAD_REQUEST);
    assert!(broken.text().await.unwrap().contains("class=\"frame\""));
}

#[tokio::test]
async fn the_sample_added_by_a_plain_form_leads_to_the_library() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let home = format!("{}/", app.url);
    let pairs = [
        ("accept", "text/html"),
        ("referer", &*home),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let answer = tus(&mara, Method::POST, "/api/fn/add_sample", &pairs, "").await;
    assert!(answer.status().is_redirection());
    assert_eq!(location(&answer), "/library");
    assert_eq!(materials(&mara).await.len(), 1);

    // What a plain form is refused for stands in the library, not in the address.
    let id = materials(&mara).await[0]["id"].as_str().unwrap().to_owned();
    let library = format!("{}/library", app.url);
    let pairs = [
        ("accept", "text/html"),
        ("referer", &*library),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let rename = format!("id={id}&title=+");
    let answer = tus(
        &mara,
        Method::POST,
        "/api/fn/rename_material",
        &pairs,
        rename,
    )
    .await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(page.contains("Give the material a title."), "{page}");
    assert!(page.contains("material-row"));
    let rename = format!("id={id}&title=The+heart");
    let answer = tus(
        &mara,
        Method::POST,
        "/api/fn/rename_material",
        &pairs,
        rename,
    )
    .await;
    assert!(answer.status().is_redirection());
    assert_eq!(location(&answer), library);
}
