//! The reader's addresses: what one asks for, and the ones its links lead to. Pure.

use crate::model::{
    id::MaterialId,
    material::{FIND_MAX_CHARS, HighlightRequest, PageHit, Span},
};
use leptos_router::params::ParamsMap;

/// What the address asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// `None` when it is no id.
    pub material: Option<MaterialId>,
    /// From 1; 0 when it is no number, and then there is no such page.
    pub page: u32,
    pub highlight: HighlightRequest,
    /// Words looked for in the material; empty when nothing is.
    pub find: String,
}

impl Wanted {
    /// What is wanted where nothing can be understood.
    pub fn nothing() -> Self {
        Self {
            material: None,
            page: 1,
            highlight: HighlightRequest::default(),
            find: String::new(),
        }
    }

    /// `None` for the address of another page.
    pub fn of(path: &str, query: &ParamsMap) -> Option<Self> {
        let id = path.strip_prefix("/library/")?.trim_end_matches('/');
        let number = |name| query.get_str(name).and_then(|text| text.parse().ok());
        let span = match (number("from"), number("to")) {
            (Some(start), Some(end)) if start < end => Some(Span { start, end }),
            _ => None,
        };
        Some(Self {
            material: id.parse().ok(),
            page: match query.get_str("page") {
                None | Some("") => 1,
                Some(text) => text.trim().parse().unwrap_or(0),
            },
            highlight: HighlightRequest {
                chunk: query.get_str("chunk").and_then(|text| text.parse().ok()),
                span,
            },
            find: query
                .get_str("find")
                .map(|words| words.trim().chars().take(FIND_MAX_CHARS).collect())
                .unwrap_or_default(),
        })
    }

    /// Whether a passage is asked for.
    pub const fn has_passage(&self) -> bool {
        self.highlight.span.is_some() || self.highlight.chunk.is_some()
    }

    /// Whether this hit is the passage asked for.
    pub fn is_at(&self, hit: &PageHit) -> bool {
        self.page == hit.page && self.highlight.span == Some(hit.span)
    }
}

/// A page's address; a search that is under way goes along.
pub fn page_address(material: MaterialId, page: u32, find: &str) -> String {
    let mut address = [
        "/library/",
        &material.to_string(),
        "?page=",
        &page.to_string(),
    ]
    .concat();
    if !find.is_empty() {
        address.push_str("&find=");
        address.push_str(&encoded(find));
    }
    address
}

/// The address of a place that was found.
pub fn hit_address(material: MaterialId, hit: &PageHit, find: &str) -> String {
    [
        &page_address(material, hit.page, find),
        "&from=",
        &hit.span.start.to_string(),
        "&to=",
        &hit.span.end.to_string(),
    ]
    .concat()
}

/// The picture of a page.
pub fn picture_address(material: MaterialId, page: u32, width: u32) -> String {
    [
        "/files/",
        &material.to_string(),
        "/pages/",
        &page.to_string(),
        ".png?width=",
        &width.to_string(),
    ]
    .concat()
}

/// Percent-encoded, all but letters, digits and a few signs.
fn encoded(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(char::from(DIGITS[usize::from(byte >> 4)]));
            encoded.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190c0de-0000-7000-8000-000000000001";

    fn wanted(query: &[(&'static str, &str)]) -> Wanted {
        let mut map = ParamsMap::new();
        for (name, value) in query {
            map.insert(*name, (*value).to_owned());
        }
        Wanted::of(&format!("/library/{ID}"), &map).unwrap()
    }

    #[test]
    fn an_address_without_a_page_means_the_first() {
        assert_eq!(wanted(&[]).page, 1);
        assert_eq!(wanted(&[("page", "7")]).page, 7);
        assert_eq!(wanted(&[("page", "seven")]).page, 0);
        assert_eq!(wanted(&[("page", "-1")]).page, 0);
    }

    #[test]
    fn offsets_that_make_no_passage_are_ignored() {
        let good = wanted(&[("from", "3"), ("to", "9"), ("chunk", "12")]).highlight;
        assert_eq!(good.span, Some(Span { start: 3, end: 9 }));
        assert_eq!(good.chunk, Some(12));
        assert_eq!(wanted(&[("from", "9"), ("to", "3")]).highlight.span, None);
        assert_eq!(wanted(&[("from", "9")]).highlight.span, None);
    }

    #[test]
    fn another_page_is_not_the_readers() {
        assert_eq!(Wanted::of("/library", &ParamsMap::new()), None);
        assert_eq!(Wanted::of("/coach", &ParamsMap::new()), None);
    }

    #[test]
    fn words_looked_for_survive_the_address_they_are_put_in() {
        let address = page_address(ID.parse().unwrap(), 3, "100 % größe&x=1#y");
        assert_eq!(
            address,
            format!("/library/{ID}?page=3&find=100%20%25%20gr%C3%B6%C3%9Fe%26x%3D1%23y")
        );
        assert_eq!(wanted(&[("find", "  heart ")]).find, "heart");
        let long = "x".repeat(FIND_MAX_CHARS + 9);
        assert_eq!(wanted(&[("find", &long)]).find.len(), FIND_MAX_CHARS);
    }
}
