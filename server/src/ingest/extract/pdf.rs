//! PDFs: `lopdf` opens the file (encryption, page count, bookmarks, pictures), `pdf_oxide` says which
//! glyphs stand where on a page, [`layout`] reads them; `lopdf` again for a page that cannot be read.
//! (For pages that merely come back empty it adds nothing but noise: measured on real documents.)
//! Knows nothing of cleaning.
//!
//! One page that fails or panics is a page at fault, never a failed document.

mod outline;

use super::{
    Failure, Nameless, PAGES_MAX, PageWriter, Stop,
    layout::{self, Glyph, Turn},
    nameless,
    outline::Outline,
    picture::Painter,
};
use lopdf::{Document, LoadOptions, Object, ObjectId};
use pdf_oxide::PdfDocument;
use std::{
    collections::{HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Most bytes one stream may unpack to: an eighth of the address space, far above real streams.
const STREAM_MAX_BYTES: usize = 128 * 1024 * 1024;
/// Files larger than this are not opened a second time for their unreadable pages.
const SECOND_TRY_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Share of letters, digits and spaces below which a second try's text is taken for noise.
const READABLE_SHARE: f32 = 0.7;
/// What is said of a page whose drawing instructions cannot be made out.
const PAGE_DAMAGED: &str = "This page is damaged in the file, so its text could not be read. The other pages are not affected.";
/// Writes the document's pages and answers how many there are.
pub fn read(bytes: Vec<u8>, password: Option<String>, out: &mut PageWriter) -> Result<u32, Stop> {
    let structure = open(&bytes, password)?;
    // Before the second reader: opening a million pages is work too.
    if structure.pages > PAGES_MAX {
        return Err(Failure::too_many_pages().into());
    }
    let bytes = structure.decrypted.unwrap_or(bytes);
    let mut second = SecondTry::new(&bytes);
    let reader = catch_unwind(|| PdfDocument::from_bytes(bytes.clone()).ok())
        .ok()
        .flatten();
    let pages = match structure.pages {
        0 => reader.as_ref().map_or(0, count_pages),
        pages => pages,
    };
    if pages == 0 {
        return Err(match structure.opened {
            true => Failure::empty().into(),
            false => Failure::damaged().into(),
        });
    }
    if pages > PAGES_MAX {
        return Err(Failure::too_many_pages().into());
    }
    let count = u32::try_from(pages).unwrap_or(u32::MAX);
    out.opened(count, structure.outline)?;
    let mut painter = Painter::default();
    let mut has_text = out.first_page > 1;
    let mut has_faults = false;
    for page in out.first_page.max(1)..=count {
        let read = match reader.as_ref().and_then(|reader| read_page(reader, page)) {
            Some(read) => Some(read),
            None => second.page_text(page).map(untitled),
        };
        let (text, title) = read.map_or((None, None), |read| (Some(read.text), read.title));
        let needs_eyes = text
            .as_deref()
            .is_none_or(|text| is_blank(text) || nameless(text) != Nameless::Little);
        if needs_eyes
            && out.wants_pictures
            && let Some(picture) = painter.page(&bytes, page)
        {
            has_text = true;
            out.picture(page, count, &picture)?;
            continue;
        }
        match text {
            None => {
                has_faults = true;
                out.fault(page, count, PAGE_DAMAGED)?;
            }
            Some(text) => {
                // Letters without a meaning are still what the page says.
                has_text |= !is_blank(&text) || nameless(&text) != Nameless::Little;
                out.write_titled(page, count, text, title)?;
            }
        }
    }
    if has_text {
        Ok(count)
    } else if has_faults || is_cut_short(&bytes) {
        Err(Failure::damaged().into())
    } else if structure.has_images {
        Err(Failure::scanned().into())
    } else {
        Err(Failure::empty().into())
    }
}

/// What the file's structure says before any page is read.
#[derive(Default)]
struct Structure {
    /// lopdf could make sense of it.
    opened: bool,
    pages: usize,
    has_images: bool,
    outline: Outline,
    /// The file without its encryption, where it had any.
    decrypted: Option<Vec<u8>>,
}

fn open(bytes: &[u8], password: Option<String>) -> Result<Structure, Failure> {
    let locked = match password {
        Some(_) => Failure::wrong_password(),
        None => Failure::locked(),
    };
    let mut document = match catch_unwind(|| load(bytes, password)) {
        Ok(Ok(document)) => document,
        Ok(Err(lopdf::Error::InvalidPassword)) => return Err(locked),
        Ok(Err(lopdf::Error::UnsupportedSecurityHandler(_))) => return Err(Failure::protected()),
        // What lopdf cannot open, the other reader may still.
        Ok(Err(_)) | Err(_) => return Ok(Structure::default()),
    };
    if document.trailer.has(b"Encrypt") && !document.was_encrypted() {
        return Err(locked);
    }
    let read = catch_unwind(AssertUnwindSafe(|| {
        let pages: Vec<ObjectId> = document.page_iter().take(PAGES_MAX + 1).collect();
        let numbers: HashMap<ObjectId, u32> = pages.iter().copied().zip(1..).collect();
        Structure {
            opened: true,
            pages: pages.len(),
            has_images: document.objects.values().any(is_image),
            outline: outline::read(&document, &numbers),
            decrypted: document
                .was_encrypted()
                .then(|| decrypt(&mut document))
                .flatten(),
        }
    }));
    Ok(read.unwrap_or_default())
}

fn load(bytes: &[u8], password: Option<String>) -> lopdf::Result<Document> {
    let options = LoadOptions {
        password,
        ..LoadOptions::with_max_decompressed_size(STREAM_MAX_BYTES)
    };
    Document::load_mem_with_options(bytes, options)
}

/// lopdf has taken the encryption off while loading; written out again, any reader can read it.
fn decrypt(document: &mut Document) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).ok()?;
    Some(bytes)
}

fn is_image(object: &Object) -> bool {
    object.as_stream().is_ok_and(|stream| {
        stream
            .dict
            .get(b"Subtype")
            .and_then(Object::as_name)
            .is_ok_and(|name| name == b"Image")
    })
}

fn count_pages(reader: &PdfDocument) -> usize {
    catch_unwind(AssertUnwindSafe(|| reader.page_count().unwrap_or(0))).unwrap_or(0)
}

/// `None` when the page cannot be read; a page without text is read, and empty.
fn read_page(reader: &PdfDocument, page: u32) -> Option<layout::Page> {
    let index = page as usize - 1;
    let read = catch_unwind(AssertUnwindSafe(|| {
        // Filtered by nothing: the unfiltered call would keep every page's glyphs in memory.
        let chars = reader.extract_chars_filtered(index, HashSet::new(), HashSet::new());
        let glyphs: Vec<Glyph> = chars.ok()?.iter().map(glyph).collect();
        layout::read(&glyphs).filter(|read| !is_blank(&read.text))
    }));
    let ours = read.ok().flatten();
    if let Some(read) = &ours
        && !has_odd_words(&read.text)
    {
        return ours;
    }
    // No glyphs, far too many, or a font that lies about their widths: the reader's own arrangement,
    // and its word on the page's state.
    let theirs = catch_unwind(AssertUnwindSafe(|| {
        let text = reader.extract_text(index).ok()?;
        if is_blank(&text) && reader.get_page_content_data(index).is_err() {
            return None;
        }
        Some(text)
    }));
    let theirs = theirs.ok().flatten();
    match &theirs {
        Some(text) if !is_blank(text) && !has_odd_words(text) => theirs.map(untitled),
        _ => ours.or(theirs.map(untitled)),
    }
}

/// A page of which only the words are known.
const fn untitled(text: String) -> layout::Page {
    layout::Page { text, title: None }
}

/// Whether the words are single letters, or whole lines run together.
fn has_odd_words(text: &str) -> bool {
    /// Fewer words prove nothing.
    const ENOUGH: usize = 40;
    /// The longest languages stay under 10 on average.
    const MEAN_MAX_CHARS: usize = 25;
    /// Where scripts begin that put no space between words.
    const UNSPACED: char = '\u{2e80}';
    let is_plain = |word: &&str| word.chars().all(|c| c.is_alphabetic() && c < UNSPACED);
    let (mut words, mut singles, mut chars) = (0, 0, 0);
    for word in text.split_whitespace().filter(is_plain) {
        let length = word.chars().count();
        words += 1;
        singles += usize::from(length == 1);
        chars += length;
    }
    let fused = text.len() > ENOUGH * MEAN_MAX_CHARS && chars > words * MEAN_MAX_CHARS;
    fused || (words >= ENOUGH && singles * 5 > words * 4)
}

fn glyph(char: &pdf_oxide::layout::TextChar) -> Glyph {
    Glyph {
        char: char.char,
        x: char.origin_x,
        y: char.origin_y,
        advance: char.advance_width,
        size: char.font_size,
        turn: Turn::of_degrees(char.rotation_degrees),
    }
}

/// Whether the end of the file is missing; readers repair that, but its pages may be lost.
fn is_cut_short(bytes: &[u8]) -> bool {
    /// The mark may be followed by a mail program's or a server's leftovers, in bytes.
    const TAIL: usize = 4_096;
    let tail = &bytes[bytes.len().saturating_sub(TAIL)..];
    !tail.windows(5).any(|window| window == b"%%EOF")
}

fn is_blank(text: &str) -> bool {
    !text.chars().any(char::is_alphanumeric)
}

/// lopdf's own text, opened when the first page cannot be read.
struct SecondTry<'a> {
    bytes: &'a [u8],
    document: Option<Option<Document>>,
}

impl<'a> SecondTry<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            document: None,
        }
    }

    fn page_text(&mut self, page: u32) -> Option<String> {
        let document = self.document.get_or_insert_with(|| {
            (self.bytes.len() <= SECOND_TRY_MAX_BYTES)
                .then(|| catch_unwind(|| load(self.bytes, None).ok()).ok().flatten())
                .flatten()
        });
        let document = document.as_ref()?;
        let text = catch_unwind(AssertUnwindSafe(|| {
            document
                .extract_text_with_limit(&[page], STREAM_MAX_BYTES)
                .ok()
        }));
        text.ok().flatten().filter(|text| is_readable(text))
    }
}

/// Whether the text looks like words; lopdf answers raw glyph numbers for fonts it cannot map.
#[allow(clippy::cast_precision_loss)]
fn is_readable(text: &str) -> bool {
    let total = text.chars().count();
    let good = text
        .chars()
        .filter(|c| c.is_alphanumeric() || c.is_whitespace())
        .count();
    total > 0 && good as f32 / total as f32 >= READABLE_SHARE && !is_blank(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shredded_and_fused_words_are_noticed() {
        assert!(has_odd_words(&"T h e h e a r t ".repeat(10)));
        assert!(has_odd_words(
            &"Theheartpumpsbloodthroughthebody ".repeat(50)
        ));
        assert!(!has_odd_words(&"The heart pumps blood. ".repeat(50)));
        assert!(!has_odd_words(
            &"心臓は血液を全身に送り出す器官であり、".repeat(50)
        ));
        assert!(!has_odd_words("a b c"));
    }

    #[test]
    fn noise_of_a_second_try_is_not_taken_for_words() {
        assert!(is_readable("The heart pumps blood."));
        assert!(!is_readable("\u{1}\u{3}%&/()=#*~"));
        assert!(!is_readable("   \n"));
    }
}
