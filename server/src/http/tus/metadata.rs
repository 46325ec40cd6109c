//! `Upload-Metadata`: comma-separated keys, each with a Base64 value. It comes from anybody, so that
//! everything about it is bounded and nothing of it is trusted.

use axum::http::HeaderValue;
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Longest header that is read, in bytes: a name of 4 KB and a fingerprint, as Base64.
const HEADER_MAX_BYTES: usize = 8 * 1024;

/// What the browser says about a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// As it was sent; may be empty.
    pub file_name: String,
    /// What it wants to know the file by after a reload.
    pub fingerprint: Option<String>,
}

impl Metadata {
    /// Reads the header; without one, the file has no name.
    ///
    /// # Errors
    /// What is wrong with it, for whoever wrote the script.
    pub fn parse(header: Option<&HeaderValue>) -> Result<Self, &'static str> {
        let mut metadata = Self::default();
        let Some(header) = header else {
            return Ok(metadata);
        };
        if header.len() > HEADER_MAX_BYTES {
            return Err("The file's name is too long. Give it a shorter one.");
        }
        let text = header.to_str().map_err(|_| NOT_READABLE)?;
        for pair in text.split(',') {
            let (key, value) = pair.trim().split_once(' ').unwrap_or((pair.trim(), ""));
            match key {
                "filename" => metadata.file_name = decoded(value)?,
                "fingerprint" => metadata.fingerprint = Some(decoded(value)?),
                _ => {}
            }
        }
        Ok(metadata)
    }
}

const NOT_READABLE: &str = "Upload-Metadata must hold keys and Base64 values of UTF-8 text.";

fn decoded(value: &str) -> Result<String, &'static str> {
    let bytes = STANDARD.decode(value.trim()).map_err(|_| NOT_READABLE)?;
    String::from_utf8(bytes).map_err(|_| NOT_READABLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Metadata, &'static str> {
        Metadata::parse(Some(&HeaderValue::from_str(text).unwrap()))
    }

    #[test]
    fn the_keys_it_knows_are_read_and_others_left_alone() {
        let read = parse("filename SGVyei5wZGY=, is_private,fingerprint NDI=,type eHg=").unwrap();
        assert_eq!(read.file_name, "Herz.pdf");
        assert_eq!(read.fingerprint.as_deref(), Some("42"));
        assert_eq!(Metadata::parse(None).unwrap(), Metadata::default());
        assert_eq!(parse("filename").unwrap().file_name, "");
    }

    #[test]
    fn what_is_no_base64_no_text_or_too_long_is_refused() {
        for text in ["filename ***", "filename /w==", "fingerprint a"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&format!("filename {}", "QUFB".repeat(3_000))).is_err());
    }
}
