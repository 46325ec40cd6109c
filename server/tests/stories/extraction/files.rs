//! Small documents of every format, made here so that no file of anybody's need be kept.

use lopdf::{
    Document, EncryptionState, EncryptionVersion, Object, Permissions, StringFormat,
    encryption::crypt_filters::{Aes128CryptFilter, Aes256CryptFilter, CryptFilter},
};
use std::{collections::BTreeMap, io::Write as _, sync::Arc};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// An archive with these members.
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, data) in members {
        // A book's first member tells what it is, and may not be packed.
        let method = match *name {
            "mimetype" => CompressionMethod::Stored,
            _ => CompressionMethod::Deflated,
        };
        let options = SimpleFileOptions::default().compression_method(method);
        writer.start_file(*name, options).unwrap();
        writer.write_all(data).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub fn docx(body: &str) -> Vec<u8> {
    let document = format!(
        r#"<?xml version="1.0"?><w:document xmlns:w="w"><w:body>{body}</w:body></w:document>"#
    );
    let styles = r#"<w:styles xmlns:w="w"><w:style w:styleId="Basis"><w:name w:val="heading 1"/></w:style>
        <w:style w:styleId="berschrift1"><w:name w:val="Mine"/><w:basedOn w:val="Basis"/></w:style></w:styles>"#;
    zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("word/document.xml", document.as_bytes()),
        ("word/styles.xml", styles.as_bytes()),
    ])
}

/// Slides of title, body and notes; their members are numbered against the order of the show.
pub fn pptx(slides: &[(&str, &str, &str)]) -> Vec<u8> {
    let shape = |kind: &str, text: &str| match text {
        "" => String::new(),
        _ => format!(
            r#"<p:sp><p:nvSpPr><p:nvPr><p:ph type="{kind}"/></p:nvPr></p:nvSpPr><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"#
        ),
    };
    let count = slides.len();
    let mut members: Vec<(String, String)> =
        vec![("[Content_Types].xml".into(), "<Types/>".into())];
    let mut ids = String::new();
    let mut relations = String::new();
    for (index, (title, body, notes)) in slides.iter().enumerate() {
        let number = count - index;
        ids.push_str(&format!(
            r#"<p:sldId id="{}" r:id="rId{number}"/>"#,
            256 + index
        ));
        relations.push_str(&format!(
            r#"<Relationship Id="rId{number}" Type="x/slide" Target="slides/slide{number}.xml"/>"#
        ));
        let number_shape = shape("sldNum", "7");
        members.push((
            format!("ppt/slides/slide{number}.xml"),
            format!(
                "<p:sld>{}{}{number_shape}</p:sld>",
                shape("body", body),
                shape("title", title)
            ),
        ));
        members.push((
            format!("ppt/slides/_rels/slide{number}.xml.rels"),
            format!(r#"<Relationships><Relationship Id="n" Type="x/notesSlide" Target="../notesSlides/n{number}.xml"/></Relationships>"#),
        ));
        members.push((
            format!("ppt/notesSlides/n{number}.xml"),
            format!("<p:notes>{}</p:notes>", shape("body", notes)),
        ));
    }
    members.push((
        "ppt/presentation.xml".into(),
        format!("<p:presentation><p:sldIdLst>{ids}</p:sldIdLst></p:presentation>"),
    ));
    members.push((
        "ppt/_rels/presentation.xml.rels".into(),
        format!("<Relationships>{relations}</Relationships>"),
    ));
    let members: Vec<(&str, &[u8])> = members
        .iter()
        .map(|(name, data)| (name.as_str(), data.as_bytes()))
        .collect();
    zip(&members)
}

/// Sheets of name and rows; style 1 is a date.
pub fn xlsx(sheets: &[(&str, &str)], texts: &[&str]) -> Vec<u8> {
    let mut members: Vec<(String, String)> =
        vec![("[Content_Types].xml".into(), "<Types/>".into())];
    let mut names = String::new();
    let mut relations = String::new();
    for (number, (name, rows)) in (1..).zip(sheets) {
        names.push_str(&format!(
            r#"<sheet name="{name}" sheetId="{number}" r:id="r{number}"/>"#
        ));
        relations.push_str(&format!(
            r#"<Relationship Id="r{number}" Type="x/worksheet" Target="/xl/worksheets/s{number}.xml"/>"#
        ));
        members.push((
            format!("xl/worksheets/s{number}.xml"),
            format!("<worksheet><sheetData>{rows}</sheetData></worksheet>"),
        ));
    }
    let texts: String = texts
        .iter()
        .map(|text| format!("<si><t>{text}</t></si>"))
        .collect();
    members.extend([
        (
            "xl/workbook.xml".into(),
            format!("<workbook><sheets>{names}</sheets></workbook>"),
        ),
        (
            "xl/_rels/workbook.xml.rels".into(),
            format!("<Relationships>{relations}</Relationships>"),
        ),
        ("xl/sharedStrings.xml".into(), format!("<sst>{texts}</sst>")),
        (
            "xl/styles.xml".into(),
            r#"<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#
                .into(),
        ),
    ]);
    let members: Vec<(&str, &[u8])> = members
        .iter()
        .map(|(name, data)| (name.as_str(), data.as_bytes()))
        .collect();
    zip(&members)
}

/// A book with these chapters, all of them in its contents.
pub fn epub(chapters: &[(&str, &str)]) -> Vec<u8> {
    let mut items = String::new();
    let mut spine = String::new();
    let mut contents = String::new();
    for (number, (name, _)) in (1..).zip(chapters) {
        items.push_str(&format!(
            r#"<item id="c{number}" href="{name}" media-type="application/xhtml+xml"/>"#
        ));
        spine.push_str(&format!(r#"<itemref idref="c{number}"/>"#));
        contents.push_str(&format!(r#"<li><a href="{name}">Title of {name}</a></li>"#));
    }
    let package = format!(
        r#"<package><manifest><item id="nav" href="nav.xhtml" properties="nav"/>{items}</manifest><spine>{spine}</spine></package>"#
    );
    let contents = format!("<html><body><nav><ol>{contents}</ol></nav></body></html>");
    let mut members: Vec<(String, &[u8])> = vec![
        ("mimetype".into(), b"application/epub+zip"),
        ("META-INF/container.xml".into(), br#"<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>"#),
        ("OEBPS/book.opf".into(), package.as_bytes()),
        ("OEBPS/nav.xhtml".into(), contents.as_bytes()),
    ];
    for (name, html) in chapters {
        members.push((format!("OEBPS/{name}"), html.as_bytes()));
    }
    let members: Vec<(&str, &[u8])> = members
        .iter()
        .map(|(name, data)| (name.as_str(), *data))
        .collect();
    zip(&members)
}

/// A grey picture of one shade.
pub fn png(width: u32, height: u32, shade: u8) -> Vec<u8> {
    let row = vec![shade; width as usize];
    png_of(
        width,
        height,
        &[&[0], row.as_slice()].concat().repeat(height as usize),
    )
}

/// A picture that claims a size, with these rows packed in it.
pub fn png_of(width: u32, height: u32, rows: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8], data: &[u8]| {
        bytes.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        let mut sum = flate2::Crc::new();
        sum.update(kind);
        sum.update(data);
        bytes.extend(kind);
        bytes.extend(data);
        bytes.extend(sum.sum().to_be_bytes());
    };
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 0, 0, 0, 0]);
    chunk(b"IHDR", &header);
    chunk(b"IDAT", &deflated(rows));
    chunk(b"IEND", b"");
    bytes
}

pub fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// A PDF with these objects, numbered from 1; the first is the catalog.
pub fn pdf(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"%PDF-1.5\n".to_vec();
    let mut offsets = Vec::new();
    for (number, object) in (1..).zip(objects) {
        offsets.push(out.len());
        out.extend(format!("{number} 0 obj\n").bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let table = out.len();
    let size = objects.len() + 1;
    out.extend(format!("xref\n0 {size}\n0000000000 65535 f \n").bytes());
    for offset in offsets {
        out.extend(format!("{offset:010} 00000 n \n").bytes());
    }
    out.extend(
        format!("trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n").bytes(),
    );
    out
}

pub const CATALOG: &[u8] = b"<</Type/Catalog/Pages 2 0 R>>";
pub const PAGES: &[u8] = b"<</Type/Pages/Kids[3 0 R]/Count 1>>";
pub const PAGE: &[u8] = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<</F1 5 0 R>>/XObject<</X 6 0 R>>>>/Contents 4 0 R>>";
pub const FONT: &[u8] = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>";

/// A stream object; `entries` go into its dictionary.
pub fn stream(entries: &str, data: &[u8]) -> Vec<u8> {
    let mut object = format!("<<{entries}/Length {}>>\nstream\n", data.len()).into_bytes();
    object.extend(data);
    object.extend(b"\nendstream");
    object
}

/// One page with this content.
pub fn pdf_of(content: &[u8]) -> Vec<u8> {
    pdf(&[
        CATALOG.into(),
        PAGES.into(),
        PAGE.into(),
        stream("", content),
        FONT.into(),
    ])
}

pub fn text_pdf() -> Vec<u8> {
    pdf_of(b"BT /F1 12 Tf 50 700 Td (The heart pumps.) Tj ET")
}

pub fn pdf_with_bookmarks() -> Vec<u8> {
    let page = |content: u8| {
        let page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<</F1 6 0 R>>>>/Contents N 0 R>>";
        page.replace('N', &content.to_string()).into_bytes()
    };
    let content = |text: &str| {
        stream(
            "",
            format!("BT /F1 12 Tf 50 700 Td ({text}) Tj ET").as_bytes(),
        )
    };
    pdf(&[
        b"<</Type/Catalog/Pages 2 0 R/Outlines 10 0 R>>".to_vec(),
        b"<</Type/Pages/Kids[3 0 R 4 0 R 5 0 R]/Count 3>>".to_vec(),
        page(7),
        page(8),
        page(9),
        FONT.to_vec(),
        content("Heart and blood"),
        content("Valves and doors"),
        content("More of them"),
        b"<</First 11 0 R/Last 11 0 R>>".to_vec(),
        b"<</Title(Heart)/Dest[3 0 R/Fit]/First 12 0 R/Last 12 0 R>>".to_vec(),
        b"<</Title(Valves)/A<</S/GoTo/D[4 0 R/XYZ 0 0 0]>>>>".to_vec(),
    ])
}

/// A page that shows one dark picture.
pub fn scanned_pdf() -> Vec<u8> {
    let picture =
        "/Type/XObject/Subtype/Image/Width 10/Height 10/ColorSpace/DeviceGray/BitsPerComponent 8";
    pdf(&[
        CATALOG.into(),
        PAGES.into(),
        PAGE.into(),
        stream("", b"q 500 0 0 500 50 50 cm /X Do Q"),
        FONT.into(),
        stream(picture, &[0; 100]),
    ])
}

#[derive(Clone, Copy, Debug)]
pub enum Method {
    Rc4With40Bits,
    Rc4With128Bits,
    Aes128,
    Aes256,
}

pub const METHODS: [Method; 4] = [
    Method::Rc4With40Bits,
    Method::Rc4With128Bits,
    Method::Aes128,
    Method::Aes256,
];

pub fn encrypted_pdf(method: Method, user_password: &str, owner_password: &str) -> Vec<u8> {
    let mut document = Document::load_mem(&text_pdf()).unwrap();
    let id = Object::String(vec![7; 16], StringFormat::Hexadecimal);
    document.trailer.set("ID", vec![id.clone(), id]);
    let permissions = Permissions::all();
    let filter = |filter: Arc<dyn CryptFilter>| BTreeMap::from([(b"StdCF".to_vec(), filter)]);
    let name = b"StdCF".to_vec();
    let version = match method {
        Method::Rc4With40Bits => EncryptionVersion::V1 {
            document: &document,
            owner_password,
            user_password,
            permissions,
        },
        Method::Rc4With128Bits => EncryptionVersion::V2 {
            document: &document,
            owner_password,
            user_password,
            key_length: 128,
            permissions,
        },
        Method::Aes128 => EncryptionVersion::V4 {
            document: &document,
            encrypt_metadata: true,
            crypt_filters: filter(Arc::new(Aes128CryptFilter)),
            stream_filter: name.clone(),
            string_filter: name,
            owner_password,
            user_password,
            permissions,
        },
        Method::Aes256 => EncryptionVersion::V5 {
            encrypt_metadata: true,
            crypt_filters: filter(Arc::new(Aes256CryptFilter)),
            file_encryption_key: &[42; 32],
            stream_filter: name.clone(),
            string_filter: name,
            owner_password,
            user_password,
            permissions,
        },
    };
    let state = EncryptionState::try_from(version).unwrap();
    document.encrypt(&state).unwrap();
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}
