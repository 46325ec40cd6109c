//! The reader's side of the server: pictures of pages, places on them, words found in a document,
//! and addresses that lead nowhere.

use crate::support::{Client, TestApp, spawn_app, spawn_app_in, spawn_app_with};
use reqwest::{
    Method, Response, StatusCode,
    header::{self, HeaderMap, HeaderValue},
};
use serde_json::Value;
use std::{
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    time::{Duration, Instant},
};

/// Longest a small document may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A PDF with one line of text a page, in Helvetica, at 72 points from the left and 700 from below.
pub fn pdf(pages: &[&str]) -> Vec<u8> {
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        String::new(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_owned(),
    ];
    let mut kids = String::new();
    for text in pages {
        let content = format!("BT /F1 14 Tf 72 700 Td ({text}) Tj ET");
        objects.push(format!(
            "<< /Length {} >>\nstream\n{content}\nendstream",
            content.len()
        ));
        let content_id = objects.len();
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {content_id} 0 R \
             /Resources << /Font << /F1 3 0 R >> >> >>"
        ));
        kids.push_str(&format!("{} 0 R ", objects.len()));
    }
    objects[1] = format!("<< /Type /Pages /Count {} /Kids [{kids}] >>", pages.len());
    let mut file = b"%PDF-1.4\n".to_vec();
    let mut offsets = Vec::new();
    for (index, body) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.extend_from_slice(format!("{} 0 obj\n{body}\nendobj\n", index + 1).as_bytes());
    }
    let xref = file.len();
    file.extend_from_slice(
        format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).as_bytes(),
    );
    for offset in offsets {
        file.extend_from_slice(format!("{offset:010} 00000 n \n").as_bytes());
    }
    file.extend_from_slice(
        format!(
            "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{xref}\n%%EOF\n",
            objects.len() + 1
        )
        .as_bytes(),
    );
    file
}

/// Uploads a document, waits until nothing more will happen to it, and answers its id.
pub async fn upload(client: &Client, name: &str, bytes: &[u8]) -> String {
    let outcome: Value = client.upload(name, bytes).await.json().await.unwrap();
    let id = outcome[0]["material"]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{outcome}"))
        .to_owned();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, material) = client.call("material", &[("id", &id)]).await;
        if matches!(
            material["state"]["stage"].as_str(),
            Some("ready" | "failed")
        ) {
            return id;
        }
        assert!(Instant::now() < deadline, "still on the way: {material}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asks for a picture as an `<img>` does.
async fn picture(client: &Client, address: &str, known: Option<&HeaderValue>) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(
        header::ACCEPT,
        HeaderValue::from_static("image/avif,image/webp,image/*,*/*;q=0.8"),
    );
    if let Some(tag) = known {
        headers.insert(header::IF_NONE_MATCH, tag.clone());
    }
    client.send(Method::GET, address, headers, "").await
}

fn address(id: &str, page: u32, width: u32) -> String {
    format!("/files/{id}/pages/{page}.png?width={width}")
}

/// Width and height a PNG says it has.
fn size(png: &[u8]) -> (u32, u32) {
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

/// How many files of pictures the server keeps.
fn kept(app: &TestApp) -> usize {
    fn count(folder: PathBuf) -> usize {
        std::fs::read_dir(folder).map_or(0, |entries| {
            entries
                .map(|entry| entry.unwrap().path())
                .map(|path| if path.is_dir() { count(path) } else { 1 })
                .sum()
        })
    }
    count(app.data_dir.join("cache/pages"))
}

#[tokio::test]
async fn a_page_is_shown_as_a_picture_of_the_width_asked_for() {
    let app = spawn_app().await;
    let ada = app.sign_up("ada@example.org").await;
    let id = upload(&ada, "Heart.pdf", &pdf(&["The heart", "pumps blood"])).await;
    for width in [200, 900, 1_800] {
        let answer = picture(&ada, &address(&id, 2, width), None).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "image/png");
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "private, no-cache");
        let (drawn, height) = size(&answer.bytes().await.unwrap());
        assert_eq!(drawn, width);
        assert!(height.abs_diff(width * 4 / 3) <= 1, "{height}");
    }
    let odd = ada.get_json(&address(&id, 2, 901)).await;
    assert_eq!(odd.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let usual = ada.get_json(&format!("/files/{id}/pages/1.png")).await;
    assert_eq!(size(&usual.bytes().await.unwrap()).0, 900);
}

#[tokio::test]
async fn a_picture_is_drawn_once_and_not_sent_to_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("calls");
    let program = folder.path().join("server");
    std::fs::write(
        &program,
        format!(
            "#!/bin/sh\necho \"$1\" >> {}\nexec {} \"$@\"\n",
            log.display(),
            env!("CARGO_BIN_EXE_server")
        ),
    )
    .unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let app = spawn_app_with(&[], |config| config.extractor = program).await;
    let ada = app.sign_up("ada@example.org").await;
    let id = upload(&ada, "Heart.pdf", &pdf(&["The heart"])).await;
    let drawn = || {
        let calls = std::fs::read_to_string(&log).unwrap();
        calls.lines().filter(|call| *call == "render").count()
    };
    let first = picture(&ada, &address(&id, 1, 200), None).await;
    let tag = first.headers()[header::ETAG].clone();
    let bytes = first.bytes().await.unwrap();
    assert_eq!(drawn(), 1);
    let second = picture(&ada, &address(&id, 1, 200), None).await;
    assert_eq!(second.bytes().await.unwrap(), bytes);
    let third = picture(&ada, &address(&id, 1, 200), Some(&tag)).await;
    assert_eq!(third.status(), StatusCode::NOT_MODIFIED);
    assert!(third.bytes().await.unwrap().is_empty());
    assert_eq!(drawn(), 1);
    assert_eq!(kept(&app), 1);
}

#[tokio::test]
async fn nobody_sees_pages_of_others_or_pages_that_are_not_there() {
    let app = spawn_app().await;
    let ada = app.sign_up("ada@example.org").await;
    let eve = app.sign_up("eve@example.org").await;
    let id = upload(&ada, "Heart.pdf", &pdf(&["The heart"])).await;
    let notes = upload(&ada, "Notes.txt", b"The heart pumps blood.").await;
    let missing = "0190c0de-0000-7000-8000-000000000001";
    // Once for a page that was never drawn, once for one that is kept.
    for _ in 0..2 {
        let foreign = picture(&eve, &address(&id, 1, 200), None).await;
        let absent = picture(&eve, &address(missing, 1, 200), None).await;
        assert_eq!(foreign.status(), StatusCode::NOT_FOUND);
        assert_eq!(absent.status(), StatusCode::NOT_FOUND);
        assert_eq!(foreign.text().await.unwrap(), absent.text().await.unwrap());
        let own = picture(&ada, &address(&id, 1, 200), None).await;
        assert_eq!(own.status(), StatusCode::OK);
    }
    let visitor = picture(&app.visitor(), &address(&id, 1, 200), None).await;
    assert_eq!(visitor.status(), StatusCode::UNAUTHORIZED);
    for nowhere in [
        address(&id, 2, 200),
        address(&id, 0, 200),
        format!("/files/{id}/pages/one.png"),
        format!("/files/{id}/pages/1.gif"),
        address(&notes, 1, 200),
    ] {
        let answer = picture(&ada, &nowhere, None).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{nowhere}");
    }
    for function in ["outline", "find_in", "page_areas"] {
        let fields = [
            ("id", id.as_str()),
            ("words", "heart"),
            ("page", "1"),
            ("spans[0][start]", "0"),
            ("spans[0][end]", "3"),
        ];
        let (status, _) = eve.call(function, &fields).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{function}");
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_drawn_says_so_and_the_server_goes_on() {
    let app = spawn_app().await;
    let ada = app.sign_up("ada@example.org").await;
    let mut broken = b"%PDF-1.7\n".to_vec();
    broken.extend((0..4_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8));
    let broken = upload(&ada, "Broken.pdf", &broken).await;
    let answer = picture(&ada, &address(&broken, 1, 900), None).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "image/svg+xml");
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains("This page is damaged")
    );
    let program = ada.get_json(&address(&broken, 1, 900)).await;
    assert_eq!(program.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let problem: Value = program.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().ends_with('.'));
    assert_eq!(kept(&app), 0);
    let fine = upload(&ada, "Fine.pdf", &pdf(&["fine words here"])).await;
    let fine = picture(&ada, &address(&fine, 1, 200), None).await;
    assert_eq!(fine.headers()[header::CONTENT_TYPE], "image/png");
}

#[tokio::test]
async fn deleting_a_document_removes_its_pictures() {
    let app = spawn_app().await;
    let ada = app.sign_up("ada@example.org").await;
    let gone = upload(&ada, "Gone.pdf", &pdf(&["one", "two words"])).await;
    let stays = upload(&ada, "Stays.pdf", &pdf(&["other words"])).await;
    for (id, page) in [(&gone, 1), (&gone, 2), (&stays, 1)] {
        let answer = picture(&ada, &address(id, page, 200), None).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }
    assert_eq!(kept(&app), 3);
    let (status, _) = ada.call("delete_material", &[("id", &gone)]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(kept(&app), 1);
    let answer = picture(&ada, &address(&gone, 1, 200), None).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pictures_that_a_crash_left_behind_are_removed_at_the_next_start() {
    let app = spawn_app().await;
    let ada = app.sign_up("ada@example.org").await;
    let id = upload(&ada, "Heart.pdf", &pdf(&["The heart"])).await;
    let answer = picture(&ada, &address(&id, 1, 200), None).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let user = std::fs::read_dir(app.data_dir.join("cache/pages"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let orphan = user.join("0190c0de-0000-7000-8000-000000000001");
    std::fs::create_dir(&orphan).unwrap();
    std::fs::copy(user.join(&id).join("1-200.png"), orphan.join("1-200.png")).unwrap();
    let folder = app.stop().await;
    let app = spawn_app_in(folder, &[], |_| {}).await;
    assert!(!orphan.exists());
    assert_eq!(kept(&app), 1);
}

#[tokio::test]
async fn a_passage_is_found_on_the_picture_of_its_page() {
    let app = spawn_app().await;
    let ada = app.sign_up("ada@example.org").await;
    let text = "The heart pumps five litres a minute.";
    let id = upload(&ada, "Heart.pdf", &pdf(&["Nothing of note", text])).await;
    let start = text.find("five").unwrap().to_string();
    let end = (text.find("five").unwrap() + "five litres".len()).to_string();
    let (status, areas) = ada
        .call(
            "page_areas",
            &[
                ("id", &id),
                ("page", "2"),
                ("spans[0][start]", &start),
                ("spans[0][end]", &end),
            ],
        )
        .await;
    assert_eq!(status, StatusCode::OK, "{areas}");
    let area = &areas[0][0];
    let side = |name: &str| area[name].as_u64().unwrap();
    // The line stands 100 points below the page's upper edge and begins 72 from the left.
    assert!((1_050..1_250).contains(&side("top")), "{area}");
    assert!((150..260).contains(&side("height")), "{area}");
    assert!((2_500..4_500).contains(&side("left")), "{area}");
    assert!((700..1_800).contains(&side("width")), "{area}");
    let (status, none) = ada.call("page_areas", &[("id", &id), ("page", "2")]).await;
    assert_eq!((status, none), (StatusCode::OK, serde_json::json!([])));
}

#[tokio::test]
async fn words_are_found_in_reading_order_however_they_are_written() {
    let app = spawn_app().await;
    let ada = app.sign_up("ada@example.org").await;
    let pages = "Das Herz schl\u{e4}gt.\u{c}Nothing here.\u{c}HERZ und Herzog";
    let id = upload(&ada, "Herz.txt", pages.as_bytes()).await;
    let (_, hits) = ada.call("find_in", &[("id", &id), ("words", "herz")]).await;
    let pages: Vec<u64> = hits
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["page"].as_u64().unwrap())
        .collect();
    assert_eq!(pages, [1, 3, 3], "{hits}");
    assert_eq!(hits[0]["span"], serde_json::json!({"start": 4, "end": 8}));
    assert_eq!(hits[0]["before"], "Das ");
    let (_, plain) = ada
        .call("find_in", &[("id", &id), ("words", "SCHLAGT")])
        .await;
    assert_eq!(plain[0]["found"], "schl\u{e4}gt");
    let long = "x".repeat(300);
    let (status, _) = ada.call("find_in", &[("id", &id), ("words", &long)]).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_reader_works_without_a_script() {
    let app = spawn_app().await;
    let ada = app.sign_up("ada@example.org").await;
    let text = "The heart pumps five litres a minute.";
    let id = upload(&ada, "Heart.pdf", &pdf(&["Nothing of note", text])).await;
    let cited = ada
        .get(&format!("/library/{id}?page=2&from=4&to=9"))
        .await
        .text()
        .await
        .unwrap();
    assert!(cited.contains(&format!("/files/{id}/pages/2.png?width=900")));
    assert!(cited.contains("class=\"passage\""), "{cited}");
    assert!(cited.contains("data-testid=\"highlight\""));
    assert!(!cited.contains("style=\""), "the policy forbids it");
    let found = ada
        .get(&format!("/library/{id}?page=1&find=litres"))
        .await
        .text()
        .await
        .unwrap();
    assert!(found.contains("1 place for"), "{found}");
    assert!(found.contains(&format!(
        "/library/{id}?page=2&amp;find=litres&amp;from=21&amp;to=27"
    )));
}

#[tokio::test]
async fn an_address_of_nothing_of_ones_own_answers_404_with_a_sentence() {
    let app = spawn_app().await;
    let ada = app.sign_up("ada@example.org").await;
    let eve = app.sign_up("eve@example.org").await;
    let id = upload(&ada, "Heart.txt", b"The heart pumps blood.").await;
    let own = ada.get(&format!("/library/{id}")).await;
    assert_eq!(own.status(), StatusCode::OK);
    for nowhere in [
        format!("/library/{id}"),
        "/library/0190c0de-0000-7000-8000-000000000001".to_owned(),
        "/library/no-id".to_owned(),
        "/coach/0190c0de-0000-7000-8000-000000000001".to_owned(),
        "/coach/no-id".to_owned(),
    ] {
        let answer = eve.get(&nowhere).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{nowhere}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("There is no such"), "{nowhere}: {page}");
    }
}
