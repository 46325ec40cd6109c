//! PDFs: `lopdf` opens the file (encryption, page count, pictures), `pdf_oxide` reads the pages,
//! `lopdf` again for a page that cannot be read. (For pages that merely come back empty it adds
//! nothing but noise: measured on real documents.) Knows nothing of cleaning.
//!
//! One page that fails or panics is an empty page, never a failed document.

use super::{Failure, PAGES_MAX, PageWriter, Stop};
use lopdf::{Document, LoadOptions, Object};
use pdf_oxide::PdfDocument;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Most bytes one stream may unpack to: an eighth of the address space, far above real streams.
const STREAM_MAX_BYTES: usize = 128 * 1024 * 1024;
/// Files larger than this are not opened a second time for their unreadable pages.
const SECOND_TRY_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Share of letters, digits and spaces below which a second try's text is taken for noise.
const READABLE_SHARE: f32 = 0.7;

/// Writes the document's pages and answers how many there are.
pub fn read(bytes: Vec<u8>, out: &mut PageWriter) -> Result<u32, Stop> {
    let structure = open(&bytes)?;
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
    let mut has_text = out.first_page > 1;
    for page in out.first_page.max(1)..=count {
        let text = match reader.as_ref().and_then(|reader| page_text(reader, page)) {
            Some(text) => text,
            None => second.page_text(page),
        };
        has_text |= !is_blank(&text);
        out.write(page, count, text)?;
    }
    if has_text {
        Ok(count)
    } else if is_cut_short(&bytes) {
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
    /// The file without its encryption, where an owner's password alone had locked it.
    decrypted: Option<Vec<u8>>,
}

fn open(bytes: &[u8]) -> Result<Structure, Failure> {
    let mut document = match catch_unwind(|| load(bytes)) {
        Ok(Ok(document)) => document,
        Ok(Err(lopdf::Error::InvalidPassword | lopdf::Error::UnsupportedSecurityHandler(_))) => {
            return Err(Failure::locked());
        }
        // What lopdf cannot open, the other reader may still.
        Ok(Err(_)) | Err(_) => return Ok(Structure::default()),
    };
    if document.trailer.has(b"Encrypt") && !document.was_encrypted() {
        return Err(Failure::locked());
    }
    let read = catch_unwind(AssertUnwindSafe(|| Structure {
        opened: true,
        pages: document.page_iter().take(PAGES_MAX + 1).count(),
        has_images: document.objects.values().any(is_image),
        decrypted: document
            .was_encrypted()
            .then(|| decrypt(&mut document))
            .flatten(),
    }));
    Ok(read.unwrap_or_default())
}

fn load(bytes: &[u8]) -> lopdf::Result<Document> {
    Document::load_mem_with_options(
        bytes,
        LoadOptions::with_max_decompressed_size(STREAM_MAX_BYTES),
    )
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
fn page_text(reader: &PdfDocument, page: u32) -> Option<String> {
    catch_unwind(AssertUnwindSafe(|| {
        reader.extract_text(page as usize - 1).ok()
    }))
    .ok()
    .flatten()
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

    fn page_text(&mut self, page: u32) -> String {
        let document = self.document.get_or_insert_with(|| {
            (self.bytes.len() <= SECOND_TRY_MAX_BYTES)
                .then(|| catch_unwind(|| load(self.bytes).ok()).ok().flatten())
                .flatten()
        });
        let Some(document) = document else {
            return String::new();
        };
        let text = catch_unwind(AssertUnwindSafe(|| {
            document
                .extract_text_with_limit(&[page], STREAM_MAX_BYTES)
                .unwrap_or_default()
        }))
        .unwrap_or_default();
        if is_readable(&text) {
            text
        } else {
            String::new()
        }
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
    fn noise_of_a_second_try_is_not_taken_for_words() {
        assert!(is_readable("The heart pumps blood."));
        assert!(!is_readable("\u{1}\u{3}%&/()=#*~"));
        assert!(!is_readable("   \n"));
    }
}
