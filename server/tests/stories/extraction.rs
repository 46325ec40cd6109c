//! What the extracting child makes of documents of every format and of locked ones. The real child
//! under its real limits, without a server.

pub mod files;
pub mod hostile;

use files::{docx, encrypted_pdf, epub, pdf_of, pptx, text_pdf, xlsx};
use serde_json::Value;
use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// What one run of the child said.
#[derive(Debug)]
pub struct Said {
    pub outline: Vec<(u64, String, u64)>,
    pub pages: Vec<String>,
    pub sections: Vec<Option<String>>,
    pub pictures: usize,
    /// `done`, or the kind of failure.
    pub ending: String,
    pub message: String,
}

/// Runs the child on `bytes`.
pub fn extract(bytes: &[u8], flags: &[&str], password: Option<&str>) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("document");
    std::fs::write(&file, bytes).unwrap();
    extract_file(&file, flags, password)
}

fn extract_file(file: &Path, flags: &[&str], password: Option<&str>) -> Said {
    let mut child = Command::new(env!("CARGO_BIN_EXE_server"))
        .arg("extract")
        .arg(file)
        .args(flags)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    if let Some(password) = password {
        stdin.write_all(password.as_bytes()).unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let mut said = Said {
        outline: Vec::new(),
        pages: Vec::new(),
        sections: Vec::new(),
        pictures: 0,
        ending: "nothing".to_owned(),
        message: String::new(),
    };
    for line in output.stdout.split(|&byte| byte == b'\n') {
        let Ok(line) = serde_json::from_slice::<Value>(line) else {
            continue;
        };
        if let Some(outline) = line["outline"].as_array() {
            let entry = |entry: &Value| {
                let title = entry["title"].as_str().unwrap().to_owned();
                (
                    entry["level"].as_u64().unwrap(),
                    title,
                    entry["page"].as_u64().unwrap(),
                )
            };
            said.outline = outline.iter().map(entry).collect();
        } else if let Some(text) = line["text"].as_str() {
            said.pages.push(text.to_owned());
            said.sections
                .push(line["section"].as_str().map(str::to_owned));
        } else if line["picture"].is_string() {
            said.pictures += 1;
        } else if line["done"].is_object() {
            said.ending = "done".to_owned();
        } else if let Some(kind) = line["failed"]["kind"].as_str() {
            said.ending = kind.to_owned();
            said.message = line["failed"]["message"].as_str().unwrap().to_owned();
        }
    }
    said
}

fn read(bytes: &[u8]) -> Said {
    let said = extract(bytes, &[], None);
    assert_eq!(said.ending, "done", "{said:?}");
    said
}

#[test]
fn word_documents_keep_headings_lists_and_tables() {
    let body = r#"
        <w:p><w:pPr><w:pStyle w:val="berschrift1"/></w:pPr><w:r><w:t>The heart</w:t></w:r></w:p>
        <w:p><w:r><w:t xml:space="preserve">It pumps </w:t></w:r><w:r><w:t>blood &amp; more.</w:t></w:r>
          <w:del><w:r><w:delText>Not this.</w:delText></w:r></w:del></w:p>
        <w:p><w:pPr><w:numPr><w:ilvl w:val="0"/></w:numPr></w:pPr><w:r><w:t>left side</w:t></w:r></w:p>
        <w:tbl><w:tr><w:tc><w:p><w:r><w:t>Rate</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>70</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
        <w:p><w:pPr><w:outlineLvl w:val="1"/></w:pPr><w:r><w:t>Valves</w:t></w:r></w:p>"#;
    let said = read(&docx(body));
    assert_eq!(
        said.pages,
        ["# The heart\n\nIt pumps blood & more.\n\n- left side\nRate | 70\n\n## Valves"]
    );
    assert_eq!(
        said.outline,
        [(1, "The heart".into(), 1), (2, "Valves".into(), 1)]
    );
}

#[test]
fn slides_are_pages_with_titles_and_notes() {
    let said = read(&pptx(&[
        ("The heart", "It pumps.", "Say this."),
        ("", "No title", ""),
    ]));
    assert_eq!(
        said.pages,
        ["# The heart\n\nIt pumps.\n\nNotes: Say this.", "No title"]
    );
    assert_eq!(said.outline, [(1, "The heart".into(), 1)]);
    assert_eq!(said.sections[1].as_deref(), Some("The heart"));
}

#[test]
fn sheets_are_sections_and_rows_are_lines() {
    let rows = r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="inlineStr"><is><t>Rate</t></is></c></row>
        <row r="2"><c r="A2" s="1"><v>45000</v></c><c r="C2"><v>70.100000000000009</v></c><c r="D2" t="b"><v>1</v></c></row>"#;
    let said = read(&xlsx(&[("Pulse", rows), ("Empty", "")], &["Day"]));
    assert_eq!(
        said.pages[0],
        "# Pulse\n\nDay |  | Rate\n2023-03-15 |  | 70.1 | TRUE"
    );
    assert_eq!(said.outline[0], (1, "Pulse".into(), 1));
}

#[test]
fn books_are_read_chapter_by_chapter() {
    let said = read(&epub(&[
        (
            "one.xhtml",
            "<html><body><h1>Heart</h1><p>It pumps.</p></body></html>",
        ),
        (
            "two.xhtml",
            "<html><body><p>A chapter that only the contents name.</p></body></html>",
        ),
    ]));
    assert_eq!(
        said.pages,
        [
            "# Heart\n\nIt pumps.",
            "A chapter that only the contents name."
        ]
    );
    assert_eq!(
        said.outline,
        [(1, "Heart".into(), 1), (1, "Title of two.xhtml".into(), 2)]
    );
}

#[test]
fn web_pages_markdown_and_text_of_any_encoding_are_read() {
    let html = b"<!doctype html><title>no</title><nav>no</nav><h2>Heart</h2><p>Gr\xf6\xdfe";
    assert_eq!(read(html).pages, ["## Heart\n\nGröße"]);
    let said = read(b"# Heart\n\nIt pumps.\n\n## Valves\n\nThey open.");
    assert_eq!(
        said.outline,
        [(1, "Heart".into(), 1), (2, "Valves".into(), 1)]
    );
    let utf16: Vec<u8> = "Herzgröße"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(read(&utf16).pages, ["Herzgröße"]);
    assert_eq!(read(b"Gr\xf6\xdfe \x80").pages, ["Größe €"]);
}

#[test]
fn bookmarks_are_the_sections_of_a_pdf() {
    let said = read(&files::pdf_with_bookmarks());
    assert_eq!(
        said.outline,
        [(1, "Heart".into(), 1), (2, "Valves".into(), 2)]
    );
    assert_eq!(
        said.sections,
        [None, Some("Heart".to_owned()), Some("Valves".to_owned())]
    );
}

#[test]
fn an_owners_password_alone_asks_nobody_and_a_users_is_asked_for() {
    for method in files::METHODS {
        let open = encrypted_pdf(method, "", "owner");
        assert_eq!(read(&open).pages, ["The heart pumps."], "{method:?}");
        let locked = encrypted_pdf(method, "user", "owner");
        let said = extract(&locked, &[], None);
        assert_eq!(said.ending, "locked", "{method:?}");
        assert!(said.message.starts_with("This PDF needs a password"));
        let said = extract(&locked, &["--password"], Some("wrong"));
        assert_eq!(said.ending, "locked", "{method:?}");
        assert!(said.message.starts_with("That password does not open"));
        for password in ["user", "owner"] {
            let said = extract(&locked, &["--password"], Some(password));
            assert_eq!(said.pages, ["The heart pumps."], "{method:?} {password}");
        }
    }
}

#[test]
fn pictures_come_as_pictures_only_to_those_who_can_use_them() {
    let png = files::png(400, 300, 0);
    assert_eq!(extract(&png, &[], None).ending, "scanned");
    let said = extract(&png, &["--pictures"], None);
    assert_eq!((said.ending.as_str(), said.pictures), ("done", 1));
    let scan = files::scanned_pdf();
    let said = extract(&scan, &[], None);
    assert_eq!(said.ending, "scanned");
    assert!(said.message.contains("Install tesseract"));
    let said = extract(&scan, &["--pictures"], None);
    assert_eq!((said.ending.as_str(), said.pictures), ("done", 1));
    // A page with text is no picture, and an empty one shows nothing.
    let said = extract(&text_pdf(), &["--pictures"], None);
    assert_eq!((said.pages.len(), said.pictures), (1, 0));
    let said = extract(&pdf_of(b""), &["--pictures"], None);
    assert_eq!((said.ending.as_str(), said.pictures), ("empty", 0));
}
