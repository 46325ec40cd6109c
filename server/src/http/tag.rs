//! Entity tags: what names the content of an answer, so that whoever has it need not be sent it again.
//! It knows bytes and headers only.

use axum::http::{HeaderMap, header};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// Bytes of the digest that become the tag: 128 bits never meet by chance.
const TAG_BYTES: usize = 16;

/// The tag of this content, as `ETag` has it.
pub fn of(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let tag = BASE64_URL_SAFE_NO_PAD.encode(&digest[..TAG_BYTES]);
    format!("\"{tag}\"")
}

/// Whether `If-None-Match` names the tag. What was compressed on the way comes back as a weak one.
pub fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_in_a_list_when_weak_and_to_whoever_takes_anything() {
        let tag = of(b"lighthouse");
        for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, known.parse().unwrap());
            assert!(is_known(&headers, &tag), "{known}");
            assert_eq!(is_known(&headers, &of(b"harbour")), known == "*", "{known}");
        }
        assert!(!is_known(&HeaderMap::new(), &tag));
    }
}
