//! Documents made to crash, exhaust, hang or mislead their reader.

use super::files::{
    CATALOG, FONT, PAGE, PAGES, deflated, docx, epub, pdf, pdf_of, pdf_with_bookmarks, png, png_of,
    pptx, scanned_pdf, stream, text_pdf, xlsx, zip,
};

type Named = (String, Vec<u8>);

pub fn all() -> Vec<Named> {
    let mut documents = Vec::new();
    damaged_pdfs(&mut documents);
    looping_pdfs(&mut documents);
    deep_pdfs(&mut documents);
    huge_pdfs(&mut documents);
    lying_pdfs(&mut documents);
    archives(&mut documents);
    pictures(&mut documents);
    texts(&mut documents);
    documents
}

fn add(documents: &mut Vec<Named>, name: &str, bytes: Vec<u8>) {
    documents.push((name.to_owned(), bytes));
}

/// The same noise every time.
fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    (0..length).map(|_| next()).collect()
}

fn one_page(page: &[u8], content: Vec<u8>, more: &[Vec<u8>]) -> Vec<u8> {
    let first = [
        CATALOG.to_vec(),
        PAGES.to_vec(),
        page.to_vec(),
        content,
        FONT.to_vec(),
    ];
    pdf(&[&first, more].concat())
}

fn damaged_pdfs(documents: &mut Vec<Named>) {
    let wholes = [
        ("text", text_pdf()),
        ("bookmarks", pdf_with_bookmarks()),
        ("scan", scanned_pdf()),
    ];
    for (what, whole) in wholes {
        for tenth in 1..10 {
            let cut = whole[..whole.len() * tenth / 10].to_vec();
            add(
                documents,
                &format!("{what} cut after {tenth} tenths.pdf"),
                cut,
            );
        }
        // Bytes in the middle are changed, the frame stays.
        for seed in 1..4 {
            let mut bytes = whole.clone();
            for (at, byte) in noise(seed, 20).into_iter().enumerate() {
                let place = (usize::from(byte) * 31 + at * 97 + seed as usize) % bytes.len();
                bytes[place] = byte;
            }
            add(
                documents,
                &format!("{what} with wrong bytes {seed}.pdf"),
                bytes,
            );
        }
    }
    for seed in 1..4 {
        let bytes = [b"%PDF-1.7\n".to_vec(), noise(seed, 200_000)].concat();
        add(documents, &format!("noise {seed}.pdf"), bytes);
    }
    add(documents, "header alone.pdf", b"%PDF-1.4".to_vec());
    add(
        documents,
        "zeros under a header.pdf",
        [b"%PDF-1.4\n".to_vec(), vec![0; 50_000_000]].concat(),
    );
    add(
        documents,
        "a program.pdf",
        [b"MZ\x90\0".to_vec(), noise(9, 100_000)].concat(),
    );
}

fn looping_pdfs(documents: &mut Vec<Named>) {
    let text = text_pdf();
    let table = String::from_utf8_lossy(&text).find("xref\n").unwrap();
    let with_trailer = |entries: &str| {
        let whole = String::from_utf8(text.clone()).unwrap();
        whole
            .replace("/Root 1 0 R", &format!("/Root 1 0 R{entries}"))
            .into_bytes()
    };
    add(
        documents,
        "cross references that lead to themselves.pdf",
        with_trailer(&format!("/Prev {table}")),
    );
    add(
        documents,
        "cross references to nowhere.pdf",
        with_trailer("/Prev 99999999"),
    );
    add(
        documents,
        "a hybrid table to itself.pdf",
        with_trailer(&format!("/XRefStm {table}")),
    );
    let tree = |pages: &[u8], page: &[u8]| {
        pdf(&[
            CATALOG.into(),
            pages.into(),
            page.into(),
            stream("", b""),
            FONT.into(),
        ])
    };
    add(
        documents,
        "a page tree in itself.pdf",
        tree(b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>", PAGE),
    );
    add(
        documents,
        "two page trees in each other.pdf",
        tree(PAGES, b"<</Type/Pages/Kids[2 0 R]/Parent 2 0 R/Count 1>>"),
    );
    add(
        documents,
        "a page that inherits from itself.pdf",
        tree(PAGES, b"<</Type/Page/Parent 3 0 R/Contents 4 0 R>>"),
    );
    let form = stream(
        "/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 6 0 R>>>>",
        b"/X Do /X Do",
    );
    add(
        documents,
        "a form that draws itself.pdf",
        one_page(PAGE, stream("", b"/X Do"), &[form]),
    );
    add(
        documents,
        "contents that are themselves.pdf",
        one_page(PAGE, b"[4 0 R 4 0 R]".to_vec(), &[]),
    );
    add(
        documents,
        "an object that is itself.pdf",
        one_page(PAGE, b"4 0 R".to_vec(), &[]),
    );
    let length = b"<</Length 4 0 R>>\nstream\nBT ET\nendstream".to_vec();
    add(
        documents,
        "a length that is its own stream.pdf",
        one_page(PAGE, length, &[]),
    );
    let font =
        b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/DescendantFonts[5 0 R]>>"
            .to_vec();
    let content = stream("", b"BT /F1 12 Tf (x) Tj ET");
    let objects = [
        CATALOG.to_vec(),
        PAGES.to_vec(),
        PAGE.to_vec(),
        content,
        font,
    ];
    add(
        documents,
        "a font that descends from itself.pdf",
        pdf(&objects),
    );
    let glyphs = b"<</Type/Font/Subtype/Type3/FontBBox[0 0 1 1]/FontMatrix[1 0 0 1 0 0]/CharProcs<</a 4 0 R>>/Encoding<</Differences[97/a]>>/FirstChar 97/LastChar 97/Widths[1]/Resources<</Font<</F1 5 0 R>>>>>>".to_vec();
    let content = stream("", b"1 0 d0 BT /F1 12 Tf (aaaa) Tj ET");
    let objects = [
        CATALOG.to_vec(),
        PAGES.to_vec(),
        PAGE.to_vec(),
        content,
        glyphs,
    ];
    add(
        documents,
        "a drawn font that writes with itself.pdf",
        pdf(&objects),
    );
    let mut bookmarks = String::from_utf8(pdf_with_bookmarks()).unwrap();
    bookmarks = bookmarks.replace("/First 12 0 R/Last 12 0 R", "/First 11 0 R/Next 11 0 R");
    add(
        documents,
        "bookmarks in a circle.pdf",
        bookmarks.into_bytes(),
    );
}

fn deep_pdfs(documents: &mut Vec<Named>) {
    for depth in [20_000, 1_000_000] {
        let nested = |open: &[u8], close: &[u8]| [open.repeat(depth), close.repeat(depth)].concat();
        let page = |value: Vec<u8>| {
            [
                b"<</Type/Page/Parent 2 0 R/A ".to_vec(),
                value,
                b">>".to_vec(),
            ]
            .concat()
        };
        let arrays = nested(b"[", b"]");
        add(
            documents,
            &format!("arrays {depth} deep.pdf"),
            one_page(&page(arrays.clone()), stream("", b""), &[]),
        );
        let dictionaries = nested(b"<</A", b">>");
        add(
            documents,
            &format!("dictionaries {depth} deep.pdf"),
            one_page(&page(dictionaries), stream("", b""), &[]),
        );
        add(
            documents,
            &format!("content {depth} deep.pdf"),
            pdf_of(&[b"BT ".to_vec(), arrays].concat()),
        );
        let text = [b"BT ".to_vec(), nested(b"(", b")"), b" Tj ET".to_vec()].concat();
        add(
            documents,
            &format!("brackets {depth} deep.pdf"),
            pdf_of(&text),
        );
        add(
            documents,
            &format!("states {depth} deep.pdf"),
            pdf_of(&b"q ".repeat(depth)),
        );
    }
    let open = [b"%PDF-1.4\n1 0 obj\n".to_vec(), b"<<".repeat(2_000_000)].concat();
    add(documents, "dictionaries never closed.pdf", open);
    // A tree of pages that is one long branch.
    let mut branch = vec![CATALOG.to_vec()];
    branch.extend(
        (2..20_000).map(|n| format!("<</Type/Pages/Kids[{} 0 R]/Count 1>>", n + 1).into_bytes()),
    );
    branch.push(b"<</Type/Page>>".to_vec());
    add(documents, "pages 20,000 branches deep.pdf", pdf(&branch));
}

fn huge_pdfs(documents: &mut Vec<Named>) {
    // Packed twice, half a gigabyte is a few kilobytes.
    let bomb = deflated(&deflated(&vec![b' '; 512 * 1024 * 1024]));
    let content = stream("/Filter[/FlateDecode/FlateDecode]", &bomb);
    add(
        documents,
        "a content of half a gigabyte.pdf",
        one_page(PAGE, content, &[]),
    );
    let map = stream("/Filter[/FlateDecode/FlateDecode]", &bomb);
    let font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>".to_vec();
    let objects = [
        CATALOG.to_vec(),
        PAGES.to_vec(),
        PAGE.to_vec(),
        stream("", b"BT /F1 9 Tf (x) Tj ET"),
        font,
        map,
    ];
    add(
        documents,
        "a character map of half a gigabyte.pdf",
        pdf(&objects),
    );
    let image = "/Type/XObject/Subtype/Image/ColorSpace/DeviceGray/BitsPerComponent 8/Filter[/FlateDecode/FlateDecode]/Width 60000/Height 60000";
    add(
        documents,
        "a picture of 3.6 gigapixels.pdf",
        one_page(
            PAGE,
            stream("", b"q 500 0 0 500 0 0 cm /X Do Q"),
            &[stream(image, &bomb)],
        ),
    );
    let objects = stream(
        "/Type/ObjStm/N 1000000/First 10/Filter[/FlateDecode/FlateDecode]",
        &bomb,
    );
    add(
        documents,
        "a stream of objects of half a gigabyte.pdf",
        one_page(PAGE, stream("", b""), &[objects]),
    );
    let kids = "3 0 R ".repeat(10_000);
    let pages = format!("<</Type/Pages/Kids[{kids}]/Count 10000>>").into_bytes();
    let many = [
        CATALOG.to_vec(),
        pages,
        PAGE.to_vec(),
        stream("", b""),
        FONT.to_vec(),
    ];
    add(documents, "one page 10,000 times.pdf", pdf(&many));
    let mut many = vec![CATALOG.to_vec(), Vec::new()];
    many.extend((0..10_000).map(|_| b"<</Type/Page/Parent 2 0 R>>".to_vec()));
    let kids: String = (3..10_003).map(|n| format!("{n} 0 R ")).collect();
    many[1] = format!("<</Type/Pages/Kids[{kids}]/Count 10000>>").into_bytes();
    add(documents, "10,000 pages.pdf", pdf(&many));
    let operators = b"BT /F1 1 Tf 1 0 0 1 5 5 Tm (x) Tj ET\n".repeat(150_000);
    add(
        documents,
        "a page of 5 MB of operators.pdf",
        pdf_of(&operators),
    );
    let glyphs = [
        b"BT /F1 9 Tf ".to_vec(),
        b"(heart pumps blood ) Tj T* ".repeat(100_000),
        b"ET".to_vec(),
    ]
    .concat();
    add(
        documents,
        "a page of a million letters.pdf",
        pdf_of(&glyphs),
    );
    let spread: String = (0..100_000)
        .map(|n| format!("1 0 0 1 {} {} Tm (w{n}) Tj ", n * 37 % 600, n * 91 % 800))
        .collect();
    let spread = format!("BT /F1 4 Tf {spread} ET");
    add(
        documents,
        "a page of words everywhere.pdf",
        pdf_of(spread.as_bytes()),
    );
    add(
        documents,
        "half a million objects.pdf",
        [b"%PDF-1.4\n".to_vec(), b"1 0 obj\n".repeat(500_000)].concat(),
    );
    let paper = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 1e30 1e30]/Resources<</XObject<</X 6 0 R>>>>/Contents 4 0 R>>";
    add(
        documents,
        "paper without an end.pdf",
        one_page(paper, stream("", b"0 0 9 9 re f"), &[]),
    );
    let paper = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 0 0]/Contents 4 0 R>>";
    add(
        documents,
        "paper of no size.pdf",
        one_page(paper, stream("", b"0 0 9 9 re f"), &[]),
    );
}

fn lying_pdfs(documents: &mut Vec<Named>) {
    let text = String::from_utf8(text_pdf()).unwrap();
    let mut lie = |name: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        add(documents, name, text.replace(from, to).into_bytes());
    };
    lie("a length too long.pdf", "<</Length ", "<</Length 99999");
    lie("a length below nothing.pdf", "<</Length ", "<</Length -");
    lie(
        "more pages than there are.pdf",
        "/Count 1",
        "/Count 2147483647",
    );
    lie("fewer pages than there are.pdf", "/Count 1", "/Count -1");
    lie(
        "a table larger than the world.pdf",
        "/Size 6",
        "/Size 2147483647",
    );
    lie("a start at nothing.pdf", "startxref\n", "startxref\n-");
    lie(
        "a number without an end.pdf",
        "50 700 Td",
        &format!("{} 700 Td", "9".repeat(100_000)),
    );
    lie(
        "a name without an end.pdf",
        "/F1 12",
        &format!("/{} 12", "F".repeat(1_000_000)),
    );
    lie(
        "a lock nobody knows.pdf",
        "/Root 1 0 R",
        "/Root 1 0 R/Encrypt<</Filter/Unknown/V 9/R 9>>",
    );
    lie(
        "a lock without a key.pdf",
        "/Root 1 0 R",
        "/Root 1 0 R/Encrypt<</Filter/Standard/V 5/R 6/Length 256/P -1/O()/U()>>",
    );
    lie(
        "a lock that is nowhere.pdf",
        "/Root 1 0 R",
        "/Root 1 0 R/Encrypt 99 0 R",
    );
    let jpeg = [b"\xff\xd8\xff\xe0\0\x10JFIF\0".to_vec(), text_pdf()].concat();
    add(documents, "a photograph that is a document.pdf", jpeg);
    let archive = [zip(&[("a.txt", b"x")]), text_pdf()].concat();
    add(documents, "an archive that is a document.pdf", archive);
    add(
        documents,
        "a web page that is a document.pdf",
        [b"<html><script>%PDF-1.4\n".to_vec(), text_pdf()].concat(),
    );
}

fn archives(documents: &mut Vec<Named>) {
    let spaces = vec![b' '; 300 * 1024 * 1024];
    let types: (&str, &[u8]) = ("[Content_Types].xml", b"<Types/>");
    add(
        documents,
        "a bomb.docx",
        zip(&[types, ("word/document.xml", &spaces)]),
    );
    add(
        documents,
        "a bomb of styles.docx",
        zip(&[
            types,
            ("word/styles.xml", &spaces),
            ("word/document.xml", b"<a/>"),
        ]),
    );
    add(
        documents,
        "a bomb.pptx",
        zip(&[types, ("ppt/presentation.xml", &spaces)]),
    );
    add(
        documents,
        "a bomb of texts.xlsx",
        zip(&[
            types,
            ("xl/workbook.xml", b"<workbook/>"),
            ("xl/sharedStrings.xml", &spaces),
        ]),
    );
    let container: (&str, &[u8]) = (
        "META-INF/container.xml",
        br#"<c><rootfile full-path="b.opf"/></c>"#,
    );
    add(
        documents,
        "a bomb.epub",
        zip(&[
            ("mimetype", b"application/epub+zip"),
            container,
            ("b.opf", &spaces),
        ]),
    );
    let chapter = format!("<p>{}</p>", "word ".repeat(12_000_000));
    let chapters: Vec<(String, &str)> = (0..8)
        .map(|n| (format!("{n}.xhtml"), chapter.as_str()))
        .collect();
    let chapters: Vec<(&str, &str)> = chapters
        .iter()
        .map(|(name, html)| (name.as_str(), *html))
        .collect();
    add(documents, "eight chapters of 60 MB.epub", epub(&chapters));

    let slip: [(&str, &[u8]); 4] = [
        types,
        ("../../../../tmp/escaped", b"no"),
        ("/tmp/escaped", b"no"),
        (
            "word/document.xml",
            b"<w:document><w:p><w:r><w:t>A heart.</w:t></w:r></w:p></w:document>",
        ),
    ];
    add(documents, "a way out.docx", zip(&slip));
    add(
        documents,
        "a way out.epub",
        epub(&[("../../../etc/passwd", "<p>words</p>")]),
    );

    let levels: String = (1..30)
        .map(|n| format!("<!ENTITY e{n} \"&e{0};&e{0};&e{0};&e{0};\">", n - 1))
        .collect();
    let entities = format!("<!DOCTYPE a [<!ENTITY e0 \"ha\">{levels}]>");
    let document =
        format!("{entities}<w:document><w:p><w:r><w:t>&e29;</w:t></w:r></w:p></w:document>");
    add(
        documents,
        "entities of entities.docx",
        zip(&[types, ("word/document.xml", document.as_bytes())]),
    );
    add(
        documents,
        "entities of entities.epub",
        epub(&[("a.xhtml", &format!("{entities}<p>&e29;</p>"))]),
    );
    let outside =
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><w:p><w:t>&x;</w:t></w:p>";
    add(
        documents,
        "an entity from outside.docx",
        zip(&[types, ("word/document.xml", outside.as_bytes())]),
    );

    add(
        documents,
        "elements a million deep.docx",
        docx(&"<w:p>".repeat(1_000_000)),
    );
    add(
        documents,
        "tables in tables.docx",
        docx(&"<w:tbl><w:tr><w:tc>".repeat(600)),
    );
    add(documents, "a style that is based on itself.docx", {
        let styles: &[u8] = br#"<w:style w:styleId="a"><w:basedOn w:val="a"/></w:style>"#;
        zip(&[
            types,
            ("word/styles.xml", styles),
            (
                "word/document.xml",
                b"<w:p><w:pPr><w:pStyle w:val='a'/></w:pPr><w:t>x</w:t></w:p>",
            ),
        ])
    });
    let whole = docx("<w:p><w:r><w:t>The heart pumps.</w:t></w:r></w:p>");
    for tenth in [2, 5, 8, 9] {
        add(
            documents,
            &format!("cut after {tenth} tenths.docx"),
            whole[..whole.len() * tenth / 10].to_vec(),
        );
    }
    let mut wrong = whole.clone();
    for (at, byte) in noise(3, 30).into_iter().enumerate() {
        wrong[100 + at * 7] ^= byte;
    }
    add(documents, "wrong bytes.docx", wrong);
    add(
        documents,
        "an archive in name alone.docx",
        [b"PK\x03\x04".to_vec(), noise(4, 50_000)].concat(),
    );
    let names: Vec<String> = (0..60_000).map(|n| format!("word/{n}")).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    add(documents, "60,000 members.docx", zip(&members));

    add(
        documents,
        "a cell at the end of the world.xlsx",
        xlsx(
            &[(
                "S",
                r#"<row r="1048576"><c r="XFD1048576"><v>1</v></c><c r="ZZZZZZZZ9"><v>2</v></c></row>"#,
            )],
            &[],
        ),
    );
    add(
        documents,
        "texts that are not there.xlsx",
        xlsx(
            &[(
                "S",
                r#"<row><c t="s"><v>99999999999</v></c><c s="9999" t="?"><v>NaN</v></c></row>"#,
            )],
            &[],
        ),
    );
    add(
        documents,
        "a million rows.xlsx",
        xlsx(
            &[("S", &"<row><c><v>1</v></c></row>".repeat(1_000_000))],
            &[],
        ),
    );
    add(
        documents,
        "slides that are not there.pptx",
        zip(&[
            types,
            ("ppt/presentation.xml", b"<p><p:sldId r:id='x'/></p>"),
        ]),
    );
    add(
        documents,
        "slides without words.pptx",
        pptx(&[("", "", "")]),
    );
    add(documents, "a book without chapters.epub", epub(&[]));
    add(
        documents,
        "a book without contents.epub",
        zip(&[("mimetype", b"application/epub+zip")]),
    );
    let locked = br#"<encryption><EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/></encryption>"#;
    add(
        documents,
        "a book under lock.epub",
        zip(&[
            ("mimetype", b"application/epub+zip"),
            container,
            (
                "b.opf",
                br#"<p><item id="a" href="a.xhtml"/><itemref idref="a"/></p>"#,
            ),
            ("a.xhtml", &noise(5, 3_000)),
            ("META-INF/encryption.xml", locked),
        ]),
    );
}

fn pictures(documents: &mut Vec<Named>) {
    add(
        documents,
        "a picture of 2.5 gigapixels.png",
        png_of(50_000, 50_000, &vec![0; 10_000_000]),
    );
    add(
        documents,
        "a picture larger than it says.png",
        png_of(10, 10, &vec![0; 50_000_000]),
    );
    add(
        documents,
        "400 megapixels.png",
        png_of(20_000, 20_000, &vec![0; 20_001 * 20_000]),
    );
    add(documents, "no pixels.png", png_of(0, 0, b""));
    let whole = png(300, 300, 0);
    add(
        documents,
        "cut in the middle.png",
        whole[..whole.len() / 2].to_vec(),
    );
    add(documents, "a head alone.jpg", b"\xff\xd8\xff\xe0".to_vec());
    add(
        documents,
        "noise.jpg",
        [b"\xff\xd8\xff\xe0\0\x10JFIF\0".to_vec(), noise(6, 100_000)].concat(),
    );
    add(
        documents,
        "a size without pixels.jpg",
        b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03\x01\x22\0\x02\x11\x01\x03\x11\x01"
            .to_vec(),
    );
}

fn texts(documents: &mut Vec<Named>) {
    add(documents, "nothing.txt", Vec::new());
    add(documents, "white space.txt", b" \n\t\r\n".repeat(100_000));
    add(documents, "50 MB of zeros.txt", vec![0; 50_000_000]);
    add(documents, "noise.txt", noise(7, 1_000_000));
    add(documents, "one line.txt", b"heart ".repeat(3_000_000));
    add(documents, "one word.txt", vec![b'x'; 20_000_000]);
    add(documents, "one page too long.txt", b"a\x0c".repeat(6_000));
    add(
        documents,
        "half characters.txt",
        [b"\xff\xfe".to_vec(), b"\0\xd8".repeat(500_000)].concat(),
    );
    add(documents, "headings.md", b"# a\n\n".repeat(200_000));
    add(
        documents,
        "elements a million deep.html",
        [
            b"<html>".to_vec(),
            b"<div>".repeat(1_000_000),
            b"heart".to_vec(),
        ]
        .concat(),
    );
    add(
        documents,
        "a script without an end.html",
        [b"<html><script>".to_vec(), b"<b>".repeat(1_000_000)].concat(),
    );
    add(
        documents,
        "an attribute without an end.html",
        [b"<html><p a=\"".to_vec(), vec![b'x'; 5_000_000]].concat(),
    );
    add(
        documents,
        "cells.html",
        [b"<html><table><tr>".to_vec(), b"<td>x".repeat(500_000)].concat(),
    );
    add(
        documents,
        "references.html",
        [
            b"<html>".to_vec(),
            b"&amp;&#x41;&nosuch;&#99999999;".repeat(100_000),
        ]
        .concat(),
    );
}
