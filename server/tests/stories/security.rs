//! What the server refuses: visitors, other sites, foreign names; and what its answers carry.

use super::support::{Client, PASSWORD, location, spawn_app, spawn_app_with};
use reqwest::{
    Method, StatusCode,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};

const ID: &str = "01900000-0000-7000-8000-000000000000";

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn without_a_session_every_page_leads_to_the_sign_in_page_and_back() {
    let app = spawn_app().await;
    let visitor = app.visitor();
    for path in [
        "/library".to_owned(),
        format!("/library/{ID}?page=7&chunk=3"),
        "/coach".to_owned(),
        format!("/coach/{ID}"),
        "/analytics".to_owned(),
        "/settings".to_owned(),
    ] {
        let answer = visitor.get(&path).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        let encoded: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
        assert_eq!(location(&answer), format!("/login?next={encoded}"));
        assert_eq!(answer.text().await.unwrap(), "");
    }
    let form = visitor.get("/login?next=%2Flibrary%3Fa%3D1").await;
    assert!(form.text().await.unwrap().contains("/library?a=1"));
    app.sign_up("mara@example.org").await;
    let answer = visitor
        .post_form(
            "/login",
            &[
                ("email", "mara@example.org"),
                ("password", PASSWORD),
                ("next", "/library?a=1"),
            ],
        )
        .await;
    assert_eq!(location(&answer), "/library?a=1");
}

#[tokio::test]
async fn without_a_session_no_address_gives_any_data() {
    let app = spawn_app().await;
    let visitor = app.visitor();
    for path in [format!("/files/{ID}"), "/api/events".to_owned()] {
        let answer = visitor.get_json(&path).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(
            answer.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
    }
    let upload = visitor.upload("notes.txt", b"some words").await;
    assert_eq!(upload.status(), StatusCode::UNAUTHORIZED);
    let mut functions = 0;
    for (path, _) in leptos::server_fn::axum::server_fn_paths() {
        let name = path.strip_prefix("/api/fn/").unwrap();
        let (status, value) = visitor.call(name, &[]).await;
        // The home page of a visitor says what this is, and nothing else.
        let is_landing = name == "home" && value.to_string().contains("/login");
        let is_nothing = status == StatusCode::OK && (value.is_null() || is_landing);
        let is_refused = status == StatusCode::UNAUTHORIZED && value["kind"] == "signed_out";
        assert!(is_nothing || is_refused, "{path}: {status} {value}");
        functions += 1;
    }
    assert!(functions >= 10, "the functions are registered");
    let (status, _) = visitor.call("no_such_function", &[]).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn after_signing_in_nobody_is_sent_to_another_site() {
    let app = spawn_app().await;
    app.sign_up("mara@example.org").await;
    for next in [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:1",
        "",
    ] {
        let answer = app
            .visitor()
            .post_form(
                "/login",
                &[
                    ("email", "mara@example.org"),
                    ("password", PASSWORD),
                    ("next", next),
                ],
            )
            .await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(location(&answer), "/", "{next:?}");
    }
}

#[tokio::test]
async fn what_another_site_sends_is_refused() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let forged: [&[(&str, &str)]; 5] = [
        &[
            form,
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://evil.example"),
        ],
        &[form, ("sec-fetch-site", "same-site"), ("origin", &app.url)],
        &[form, ("origin", "https://evil.example")],
        &[form, ("origin", "null")],
        &[form],
    ];
    for pairs in forged {
        for path in [
            "/logout",
            "/settings/password",
            "/api/fn/set_time_zone",
            "/library/upload",
        ] {
            let answer = mara.send(Method::POST, path, headers(pairs), "").await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path} {pairs:?}");
        }
    }
    let socket = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let mut pairs = socket.to_vec();
    pairs.push(("origin", "https://evil.example"));
    let answer = mara
        .send(Method::GET, "/api/chat/ws", headers(&pairs), "")
        .await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(mara.is_signed_in().await);

    let own = headers(&[form, ("sec-fetch-site", "same-origin")]);
    let answer = mara.send(Method::POST, "/logout", own, "").await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_server_of_this_machine_answers_to_no_foreign_name() {
    let app = spawn_app_with(&[("PUBLIC_URL", "http://study.example.org")], |_| {}).await;
    let ask = async |host: &str| {
        app.visitor()
            .send(Method::GET, "/health/live", headers(&[("host", host)]), "")
            .await
            .status()
    };
    assert_eq!(ask("evil.example").await, StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(ask("localhost:3000").await, StatusCode::OK);
    assert_eq!(ask("study.example.org").await, StatusCode::OK);
}

#[tokio::test]
async fn every_answer_carries_the_protecting_headers() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    for path in [
        "/",
        "/library",
        "/settings",
        "/health/ready",
        "/pkg/none.js",
        "/no/such/page",
    ] {
        let answer = mara.get(path).await;
        let carried = answer.headers();
        assert_eq!(carried["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(carried["referrer-policy"], "same-origin");
        assert_eq!(carried["cross-origin-opener-policy"], "same-origin");
        assert!(carried.contains_key("permissions-policy"));
        assert!(carried.contains_key("x-request-id"));
        let policy = carried["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe-inline"));
    }
}

#[tokio::test]
async fn each_page_has_a_fresh_nonce_and_no_inline_script_without_it() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let nonce_of = async |client: &Client, path: &str| {
        let answer = client.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(answer.headers()["cache-control"], "private, no-store");
        let policy = answer.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned();
        let nonce = policy
            .split("'nonce-")
            .nth(1)
            .and_then(|rest| rest.split('\'').next())
            .unwrap()
            .to_owned();
        let page = answer.text().await.unwrap();
        for script in page.split("<script").skip(1) {
            let tag = script.split('>').next().unwrap();
            assert!(
                tag.contains(&format!("nonce=\"{nonce}\"")),
                "{path}: <script{tag}>"
            );
        }
        assert!(!page.contains(" style=\""), "{path} has an inline style");
        nonce
    };
    for path in ["/", "/library", "/coach", "/analytics", "/settings"] {
        let first = nonce_of(&mara, path).await;
        assert_ne!(first, nonce_of(&mara, path).await);
    }
    for path in ["/", "/login", "/signup"] {
        nonce_of(&app.visitor(), path).await;
    }
}

#[tokio::test]
async fn sign_in_pages_work_without_the_built_scripts() {
    let app = spawn_app().await;
    for path in ["/login", "/signup"] {
        let page = app.visitor().get(path).await.text().await.unwrap();
        assert!(page.contains("method=\"post\""), "{page}");
        assert!(!page.contains(".wasm"), "{path} loads the browser code");
    }
    let mara = app.sign_up("mara@example.org").await;
    let answer = mara.get("/login?next=%2Flibrary").await;
    assert_eq!(location(&answer), "/library", "she is signed in already");
}

#[tokio::test]
async fn an_unknown_address_is_not_found_in_the_form_that_was_asked_for() {
    let app = spawn_app().await;
    let visitor = app.visitor();
    let page = visitor.get("/no/such/page").await;
    assert_eq!(page.status(), StatusCode::NOT_FOUND);
    assert!(page.text().await.unwrap().contains("<html"));
    let json = visitor.get_json("/no/such/page").await;
    assert_eq!(json.status(), StatusCode::NOT_FOUND);
    assert_eq!(json.headers()["content-type"], "application/problem+json");
    let file = visitor.get("/pkg/app.none.js").await;
    assert_eq!(file.status(), StatusCode::NOT_FOUND);
    assert!(
        file.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
}

#[tokio::test]
async fn built_files_are_sent_compressed_as_they_lie_there() {
    let app = spawn_app_with(&[], |config| {
        let folder = config.site_root.join("pkg");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("chunk.js"), "a".repeat(2_000)).unwrap();
        std::fs::write(folder.join("chunk.js.br"), "brotli").unwrap();
        std::fs::write(folder.join("chunk.js.gz"), "gzip").unwrap();
        std::fs::write(config.site_root.join("favicon.svg"), "<svg/>").unwrap();
    })
    .await;
    let visitor = app.visitor();
    let get = async |path: &str, fields: &[(&str, &str)]| {
        visitor.send(Method::GET, path, headers(fields), "").await
    };
    let whole = "a".repeat(2_000);
    for (accepted, encoding, body) in [
        ("br, gzip", Some("br"), "brotli"),
        ("gzip", Some("gzip"), "gzip"),
        ("identity", None, whole.as_str()),
    ] {
        let file = get("/pkg/chunk.js", &[("accept-encoding", accepted)]).await;
        let sent = file.headers().get("content-encoding");
        assert_eq!(sent.map(|value| value.to_str().unwrap()), encoding);
        assert_eq!(file.headers()["vary"], "accept-encoding", "{accepted}");
        assert_eq!(file.text().await.unwrap(), body);
    }
    let file = get("/pkg/chunk.js", &[("accept-encoding", "br")]).await;
    assert_eq!(
        file.headers()["cache-control"],
        "no-cache",
        "names without a hash are asked for again"
    );
    let modified = file.headers()["last-modified"].to_str().unwrap().to_owned();
    let unchanged = get("/pkg/chunk.js", &[("if-modified-since", &modified)]).await;
    assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(unchanged.headers()["cache-control"], "no-cache");
    let part = get("/pkg/chunk.js", &[("range", "bytes=0-9")]).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["cache-control"], "no-cache");
    let icon = visitor.get("/favicon.svg").await;
    assert_eq!(icon.headers()["cache-control"], "public, max-age=3600");
    assert_eq!(icon.headers()["vary"], "accept-encoding");
    let tag = icon.headers()["etag"].to_str().unwrap().to_owned();
    let head = visitor.send(Method::HEAD, "/favicon.svg", HeaderMap::new(), "");
    assert_eq!(head.await.headers()["etag"], tag);
    let again = get("/favicon.svg", &[("if-none-match", &tag)]).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(again.headers()["etag"], tag);
    assert_eq!(again.headers()["cache-control"], "public, max-age=3600");
    assert_eq!(again.text().await.unwrap(), "");
    // An older build that is put back has older files.
    let later = "Fri, 01 Jan 2100 00:00:00 GMT";
    let fields = [("if-none-match", "\"other\""), ("if-modified-since", later)];
    assert_eq!(get("/favicon.svg", &fields).await.status(), StatusCode::OK);
    for path in [
        "/../studyin.sqlite",
        "/%2e%2e/studyin.sqlite",
        "/pkg/../../studyin.sqlite",
    ] {
        let answer = visitor.get(path).await;
        assert!(answer.status().is_client_error(), "{path}");
    }
}

#[tokio::test]
async fn what_is_no_built_file_is_kept_by_nobody() {
    let app = spawn_app_with(&[], |config| {
        let folder = config.site_root.join("pkg");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("chunk.js"), "a".repeat(2_000)).unwrap();
    })
    .await;
    let visitor = app.visitor();
    for (method, path, range, status) in [
        (Method::GET, "/pkg/none.js", "", StatusCode::NOT_FOUND),
        (
            Method::DELETE,
            "/pkg/chunk.js",
            "",
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        (
            Method::GET,
            "/pkg/chunk.js",
            "bytes=5000-",
            StatusCode::RANGE_NOT_SATISFIABLE,
        ),
    ] {
        let fields = if range.is_empty() {
            vec![]
        } else {
            vec![("range", range)]
        };
        let answer = visitor.send(method, path, headers(&fields), "").await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["cache-control"], "no-store", "{status}");
    }
}

#[tokio::test]
async fn health_says_what_works_and_how_to_mend_the_rest() {
    let app = spawn_app().await;
    let visitor = app.visitor();
    let live = visitor.get_json("/health/live").await;
    assert_eq!(live.text().await.unwrap(), "ok");
    let ready = visitor.get_json("/health/ready").await;
    assert_eq!(ready.status(), StatusCode::OK);
    let ready: serde_json::Value = ready.json().await.unwrap();
    assert_eq!(ready["status"], "degraded");
    assert_eq!(ready["database"], "ok");
    assert_eq!(ready["embedding_model"]["state"], "missing");
    assert_eq!(ready["embedding_model"]["fix"], "make model");
    assert_eq!(ready["chat_provider"], "builtin");
}

#[tokio::test]
async fn figures_are_for_this_machine_and_the_owner() {
    let app = spawn_app().await;
    let owner = app.sign_up("owner@example.org").await;
    let student = app.sign_up("student@example.org").await;
    let local = app.visitor().get_json("/metrics").await;
    assert_eq!(local.status(), StatusCode::OK);
    let figures = local.text().await.unwrap();
    assert!(
        figures.contains("http_request_duration_seconds_count{"),
        "{figures}"
    );
    assert!(figures.contains("route=\"/signup\""), "{figures}");
    let behind_proxy = [("x-forwarded-for", "203.0.113.7")];
    let ask = async |client: &Client| {
        client
            .send(Method::GET, "/metrics", headers(&behind_proxy), "")
            .await
            .status()
    };
    assert_eq!(ask(&app.visitor()).await, StatusCode::NOT_FOUND);
    assert_eq!(ask(&student).await, StatusCode::NOT_FOUND);
    assert_eq!(ask(&owner).await, StatusCode::OK);
}

#[tokio::test]
async fn a_body_past_the_limit_is_refused() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let huge = "a".repeat(1_100_000);
    let (status, _) = mara.call("set_time_zone", &[("time_zone", &huge)]).await;
    assert!(
        status.is_client_error() || status.is_server_error(),
        "{status}"
    );
    assert_eq!(mara.profile().await["time_zone"], "UTC");
    let login = mara.post_form("/login", &[("email", &huge)]).await;
    assert!(login.status().is_client_error());
}

#[tokio::test]
async fn a_function_that_refuses_says_so_in_its_status() {
    let app = spawn_app().await;
    let mara = app.sign_up("mara@example.org").await;
    let (status, error) = mara
        .call("set_time_zone", &[("time_zone", "Mars/Olympus")])
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{error}");
    assert_eq!(error["kind"], "invalid");
    let (status, profile) = mara
        .call("set_time_zone", &[("time_zone", "Asia/Tokyo")])
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(profile["time_zone"], "Asia/Tokyo");
    let (status, error) = mara.call("material", &[("id", ID)]).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{error}");
}
