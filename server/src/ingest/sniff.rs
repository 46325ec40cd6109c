//! What a file is, told from its bytes alone: the name and the browser's claim are never believed.
//! Also decodes text files, because being decodable is what makes a file text.

use app::model::material::MediaType;

/// What is read, said to a student whose file is something else.
pub const UNSUPPORTED: &str = "Studyin reads PDF, Markdown and plain text files. Export or print this one to PDF, then upload the PDF.";

/// Bytes looked at to tell the type; a PDF's header may stand anywhere in its first 1,024.
pub const HEAD_BYTES: usize = 64 * 1024;
/// Share of characters (one in this many) that may be odd control characters in a text.
const ODD_ONE_IN: usize = 500;

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Pdf,
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
    if head[..head.len().min(1_024)]
        .windows(5)
        .any(|w| w == b"%PDF-")
    {
        return Kind::Pdf;
    }
    if is_known_binary(head) || is_web_page(head) {
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
        Kind::Text if is_markdown_name(file_name) => Some(MediaType::Markdown),
        Kind::Text => Some(MediaType::PlainText),
        Kind::Empty | Kind::Other => None,
    }
}

/// Decodes UTF-8 (with or without mark), UTF-16 with mark, else Windows-1252; `None` for bytes that
/// are no text in any of them.
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
        return None;
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
    let start = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    [&b"<!doctype html"[..], b"<html"]
        .iter()
        .any(|tag| start.len() >= tag.len() && start[..tag.len()].eq_ignore_ascii_case(tag))
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
        assert_eq!(sniff(b"\x89PNG\r\n\x1a\n\0\0"), Kind::Other);
        assert_eq!(sniff(b"PK\x03\x04 a zip"), Kind::Other);
        assert_eq!(sniff(b"<!DOCTYPE html><html>"), Kind::Other);
        assert_eq!(sniff(b"<p align=center>A readme</p>"), Kind::Text);
        assert_eq!(media_type(Kind::Text, "a.MD"), Some(MediaType::Markdown));
        assert_eq!(media_type(Kind::Text, "a.pdf"), Some(MediaType::PlainText));
        assert_eq!(media_type(Kind::Pdf, "a.md"), Some(MediaType::Pdf));
        assert_eq!(media_type(Kind::Other, "a.md"), None);
    }

    #[test]
    fn every_promised_encoding_is_decoded() {
        assert_eq!(decode("Größe".as_bytes()).unwrap(), "Größe");
        assert_eq!(decode(b"\xef\xbb\xbfok").unwrap(), "ok");
        assert_eq!(decode(b"\xff\xfeH\0i\0").unwrap(), "Hi");
        assert_eq!(decode(b"\xfe\xff\0H\0i").unwrap(), "Hi");
        assert_eq!(decode(b"Gr\xf6\xdfe \x80").unwrap(), "Größe €");
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
