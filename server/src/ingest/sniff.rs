//! What a file is, told from its bytes alone: the name and the browser's claim are never believed.
//! Also decodes text files, because being decodable is what makes a file text.

use app::model::material::MediaType;
use std::io::Read as _;

/// What is read, said to a student whose file is something else.
pub const UNSUPPORTED: &str = "Studyin reads PDF, Word (DOCX), PowerPoint (PPTX), Excel (XLSX), EPUB, web pages (HTML), Markdown and plain text, and pictures of text (PNG, JPEG). Export or print this one to PDF, then upload the PDF.";

/// Bytes looked at to tell the type; a PDF's header may stand anywhere in its first 1,024.
pub const HEAD_BYTES: usize = 64 * 1024;
/// Most bytes an archive's table of contents may unpack to; a long one has 20 KB.
const CONTENTS_MAX_BYTES: u64 = 1024 * 1024;
/// Share of characters (one in this many) that may be odd control characters in a text.
const ODD_ONE_IN: usize = 500;

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Pdf,
    Docx,
    Pptx,
    Xlsx,
    Epub,
    Html,
    Png,
    Jpeg,
    Text,
    Empty,
    Other,
}

/// Tells what `bytes` (a whole file, or its first [`HEAD_BYTES`]) are.
pub fn sniff(bytes: &[u8]) -> Kind {
    if bytes.is_empty() {
        return Kind::Empty;
    }
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    // What stands at the very beginning wins: a picture may hold a PDF's mark in its remarks.
    if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Kind::Png;
    }
    if head.starts_with(b"\xff\xd8\xff") {
        return Kind::Jpeg;
    }
    if head.starts_with(b"PK\x03\x04") {
        return archive_kind(head);
    }
    if head[..head.len().min(1_024)]
        .windows(5)
        .any(|w| w == b"%PDF-")
    {
        return Kind::Pdf;
    }
    if is_web_page(head) {
        return Kind::Html;
    }
    if is_known_binary(head) {
        return Kind::Other;
    }
    // A head may end inside a character: leave the last few bytes out of the judgement.
    let whole = bytes.len() <= HEAD_BYTES;
    let judged = if whole {
        head
    } else {
        trim_cut_character(head)
    };
    match decode(judged) {
        Some(text) if text.trim().is_empty() && whole => Kind::Empty,
        Some(text) if looks_like_text(&text) => Kind::Text,
        _ => Kind::Other,
    }
}

/// The media type to store for a file of this kind; only here the name has a say, because no byte
/// tells Markdown from plain text.
pub fn media_type(kind: Kind, file_name: &str) -> Option<MediaType> {
    match kind {
        Kind::Pdf => Some(MediaType::Pdf),
        Kind::Docx => Some(MediaType::Docx),
        Kind::Pptx => Some(MediaType::Pptx),
        Kind::Xlsx => Some(MediaType::Xlsx),
        Kind::Epub => Some(MediaType::Epub),
        Kind::Html => Some(MediaType::Html),
        Kind::Png => Some(MediaType::Png),
        Kind::Jpeg => Some(MediaType::Jpeg),
        Kind::Text if is_markdown_name(file_name) => Some(MediaType::Markdown),
        Kind::Text => Some(MediaType::PlainText),
        Kind::Empty | Kind::Other => None,
    }
}

/// What an archive holds, told by the names and contents of its first members.
fn archive_kind(head: &[u8]) -> Kind {
    let mut contents = None;
    for member in members(head) {
        match member.name {
            b"mimetype" if member.data.starts_with(b"application/epub+zip") => return Kind::Epub,
            b"META-INF/container.xml" => return Kind::Epub,
            b"[Content_Types].xml" => contents = unpack(&member),
            name if name.starts_with(b"word/") => return Kind::Docx,
            name if name.starts_with(b"ppt/") => return Kind::Pptx,
            name if name.starts_with(b"xl/") => return Kind::Xlsx,
            _ => {}
        }
    }
    let contents = contents.unwrap_or_default();
    let speaks_of = |what: &str| contents.windows(what.len()).any(|w| w == what.as_bytes());
    if speaks_of("wordprocessingml.document.main") || speaks_of("ms-word.document") {
        Kind::Docx
    } else if speaks_of("presentationml.presentation.main") || speaks_of("ms-powerpoint") {
        Kind::Pptx
    } else if speaks_of("spreadsheetml.sheet.main") || speaks_of("ms-excel.sheet.macro") {
        Kind::Xlsx
    } else {
        Kind::Other
    }
}

/// A member of an archive as its own header describes it.
struct Member<'a> {
    name: &'a [u8],
    packed: bool,
    /// From its first byte to the end of what is known of the archive.
    data: &'a [u8],
}

/// The members whose headers lie in `head`, found by their mark: their lengths may be unknown.
fn members(head: &[u8]) -> impl Iterator<Item = Member<'_>> {
    const MARK: &[u8] = b"PK\x03\x04";
    const HEADER_BYTES: usize = 30;
    let starts = (0..head.len()).filter(|&at| head[at..].starts_with(MARK));
    starts.filter_map(|at| {
        let header = head.get(at..at + HEADER_BYTES)?;
        let number = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let name = at + HEADER_BYTES;
        let data = name + number(26) + number(28);
        Some(Member {
            name: head.get(name..name + number(26))?,
            packed: number(8) == 8,
            data: head.get(data..)?,
        })
    })
}

fn unpack(member: &Member<'_>) -> Option<Vec<u8>> {
    if !member.packed {
        return Some(member.data[..member.data.len().min(CONTENTS_MAX_BYTES as usize)].to_vec());
    }
    let mut contents = Vec::new();
    let mut unpacking = flate2::read::DeflateDecoder::new(member.data).take(CONTENTS_MAX_BYTES);
    // What was unpacked before an error still tells.
    let _ = unpacking.read_to_end(&mut contents);
    Some(contents)
}

/// Decodes UTF-8 (with or without mark), UTF-16 (with mark, or told by its zero bytes), else
/// Windows-1252; `None` for bytes that are no text in any of them.
pub fn decode(bytes: &[u8]) -> Option<String> {
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return Some(String::from_utf8_lossy(rest).into_owned());
    }
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return Some(decode_utf16(rest, u16::from_le_bytes));
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return Some(decode_utf16(rest, u16::from_be_bytes));
    }
    if bytes.contains(&0) {
        return unmarked_utf16(bytes);
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => return Some(text.to_owned()),
        Err(_) => String::from_utf8_lossy(bytes),
    };
    // A few broken bytes in a text that is UTF-8 otherwise do not make it Windows-1252.
    let broken = text
        .chars()
        .filter(|&c| c == char::REPLACEMENT_CHARACTER)
        .count();
    let good = text.chars().filter(|c| !c.is_ascii()).count() - broken;
    if good > broken * 10 {
        return Some(text.into_owned());
    }
    bytes.iter().map(|&byte| windows_1252(byte)).collect()
}

/// UTF-16 without a mark: text in it has zeros in every second byte, and only there.
fn unmarked_utf16(bytes: &[u8]) -> Option<String> {
    /// Share of characters (one in this many) that at least are of the Latin alphabet.
    const LATIN_ONE_IN: usize = 3;
    /// Fewer bytes tell nothing.
    const LEAST_BYTES: usize = 8;
    if bytes.len() < LEAST_BYTES {
        return None;
    }
    let zeros = |from: usize| {
        bytes
            .iter()
            .skip(from)
            .step_by(2)
            .filter(|&&b| b == 0)
            .count()
    };
    let (even, odd) = (zeros(0), zeros(1));
    let enough = bytes.len() / 2 / LATIN_ONE_IN;
    match (even, odd) {
        (0, odd) if odd > enough => Some(decode_utf16(bytes, u16::from_le_bytes)),
        (even, 0) if even > enough => Some(decode_utf16(bytes, u16::from_be_bytes)),
        _ => None,
    }
}

fn decode_utf16(bytes: &[u8], read: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn windows_1252(byte: u8) -> Option<char> {
    /// The code points of 0x80 to 0x9F; five bytes stand for nothing.
    const HIGH: [u16; 32] = [
        0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039,
        0x0152, 0, 0x017d, 0, 0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc,
        0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178,
    ];
    match byte {
        0x80..=0x9f => match HIGH[usize::from(byte - 0x80)] {
            0 => None,
            code => char::from_u32(u32::from(code)),
        },
        _ => Some(char::from(byte)),
    }
}

fn looks_like_text(text: &str) -> bool {
    let total = text.chars().count();
    let odd = text
        .chars()
        .filter(|&c| {
            (c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
                || c == char::REPLACEMENT_CHARACTER
        })
        .count();
    // A single stray character does not condemn a short note.
    total > 0 && odd <= 1 + total / ODD_ONE_IN && text.chars().any(char::is_alphanumeric)
}

fn is_known_binary(head: &[u8]) -> bool {
    infer::get(head).is_some_and(|found| found.matcher_type() != infer::MatcherType::Text)
}

/// A whole web page, not Markdown that opens with a tag.
fn is_web_page(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let mut rest = head;
    loop {
        rest = rest.trim_ascii_start();
        // Remarks and XML's own declarations may stand before it.
        let skipped = [(&b"<!--"[..], &b"-->"[..]), (b"<?xml", b"?>")]
            .iter()
            .find_map(|(open, close)| {
                let inside = rest.strip_prefix(*open)?;
                let end = inside.windows(close.len()).position(|w| w == *close)?;
                Some(&inside[end + close.len()..])
            });
        match skipped {
            Some(after) => rest = after,
            None => break,
        }
    }
    [&b"<!doctype html"[..], b"<html", b"<head>", b"<body"]
        .iter()
        .any(|tag| rest.len() >= tag.len() && rest[..tag.len()].eq_ignore_ascii_case(tag))
}

fn trim_cut_character(head: &[u8]) -> &[u8] {
    let cut = head
        .iter()
        .rev()
        .take(4)
        .position(|&byte| byte < 0x80)
        .unwrap_or(0);
    &head[..head.len() - cut]
}

fn is_markdown_name(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| {
        ["md", "markdown", "mdown", "mkd"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_decide_and_the_name_only_tells_markdown_from_text() {
        assert_eq!(sniff(b"%PDF-1.7\n..."), Kind::Pdf);
        assert_eq!(sniff(b"junk before\n%PDF-1.4"), Kind::Pdf);
        assert_eq!(sniff(b"# Notes\n\nSome words."), Kind::Text);
        assert_eq!(sniff(b""), Kind::Empty);
        assert_eq!(sniff(b" \n\n"), Kind::Empty);
        assert_eq!(sniff(b"\x89PNG\r\n\x1a\n\0\0"), Kind::Png);
        assert_eq!(sniff(b"\xff\xd8\xff\xe0 JFIF %PDF-1.4"), Kind::Jpeg);
        assert_eq!(sniff(b"PK\x03\x04 a zip"), Kind::Other);
        assert_eq!(sniff(b"MZ\x90\0 a program"), Kind::Other);
        assert_eq!(sniff(b"<!DOCTYPE html><html>"), Kind::Html);
        assert_eq!(
            sniff(b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a --> <HTML lang=en>"),
            Kind::Html
        );
        assert_eq!(sniff(b"<p align=center>A readme</p>"), Kind::Text);
        assert_eq!(media_type(Kind::Text, "a.MD"), Some(MediaType::Markdown));
        assert_eq!(media_type(Kind::Text, "a.pdf"), Some(MediaType::PlainText));
        assert_eq!(media_type(Kind::Pdf, "a.md"), Some(MediaType::Pdf));
        assert_eq!(media_type(Kind::Other, "a.md"), None);
    }

    /// The local header of one stored member.
    fn member(name: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"PK\x03\x04\x14\0\0\0\0\0".to_vec();
        bytes.resize(26, 0);
        bytes.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(name.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn archives_are_told_apart_by_their_members() {
        let types = |main: &str| member("[Content_Types].xml", main.as_bytes());
        let zip = |parts: &[(&str, &[u8])]| -> Vec<u8> {
            parts
                .iter()
                .flat_map(|(name, data)| member(name, data))
                .collect()
        };
        assert_eq!(
            sniff(&zip(&[("mimetype", b"application/epub+zip")])),
            Kind::Epub
        );
        assert_eq!(
            sniff(&zip(&[("_rels/.rels", b""), ("word/document.xml", b"")])),
            Kind::Docx
        );
        assert_eq!(sniff(&zip(&[("ppt/presentation.xml", b"")])), Kind::Pptx);
        assert_eq!(sniff(&zip(&[("xl/workbook.xml", b"")])), Kind::Xlsx);
        assert_eq!(
            sniff(&types("..wordprocessingml.document.main+xml..")),
            Kind::Docx
        );
        assert_eq!(
            sniff(&zip(&[("mimetype", b"application/vnd.oasis")])),
            Kind::Other
        );
    }

    #[test]
    fn every_promised_encoding_is_decoded() {
        assert_eq!(decode("Größe".as_bytes()).unwrap(), "Größe");
        assert_eq!(decode(b"\xef\xbb\xbfok").unwrap(), "ok");
        assert_eq!(decode(b"\xff\xfeH\0i\0").unwrap(), "Hi");
        assert_eq!(decode(b"\xfe\xff\0H\0i").unwrap(), "Hi");
        assert_eq!(decode(b"Gr\xf6\xdfe \x80").unwrap(), "Größe €");
        assert_eq!(decode(b"H\0e\0a\0r\0t\0").unwrap(), "Heart");
        assert_eq!(decode(b"\0H\0e\0a\0r\0t").unwrap(), "Heart");
        assert_eq!(decode(b"a\0b"), None);
    }

    #[test]
    fn a_head_cut_inside_a_character_is_still_text() {
        let mut bytes = "ä".repeat(HEAD_BYTES).into_bytes();
        bytes.insert(0, b'a');
        assert_eq!(sniff(&bytes), Kind::Text);
    }

    #[test]
    fn noise_is_not_text() {
        let noise: Vec<u8> = (0_u32..4_000)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .filter(|&byte| byte != 0)
            .collect();
        assert_eq!(sniff(&noise), Kind::Other);
    }
}
