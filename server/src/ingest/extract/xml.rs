//! XML as a stream of tokens. Entities a document defines itself are never expanded, nothing outside
//! it is ever fetched, and depth is bounded.

use super::Failure;
use crate::ingest::sniff;
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use std::borrow::Cow;

/// Elements within elements; a real document stays under 100.
const DEPTH_MAX: usize = 2_000;

pub enum Token<'a> {
    Open(Element<'a>),
    Text(Cow<'a, str>),
    /// An element's end, by its local name; also follows the opening of an empty element.
    Close(&'a str),
}

pub struct Element<'a> {
    /// Without its namespace's prefix.
    pub name: &'a str,
    start: &'a BytesStart<'a>,
}

impl Element<'_> {
    /// An attribute by its local name.
    pub fn attribute(&self, name: &str) -> Option<String> {
        self.attributes(name).next()
    }

    /// All attributes of this local name: prefixes may make several of one.
    pub fn attributes(&self, name: &str) -> impl Iterator<Item = String> {
        let mut attributes = self.start.attributes();
        // Two attributes of one name are an error to XML and none to a reader of documents.
        attributes.with_checks(false);
        attributes
            .flatten()
            .filter(move |attribute| local(attribute.key.0) == name)
            .map(|attribute| unescape(&attribute.value))
    }
}

/// Calls `visit` with every token in order.
pub fn walk(
    xml: &[u8],
    visit: &mut dyn FnMut(Token<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let text = sniff::decode(xml).ok_or_else(Failure::damaged)?;
    let mut reader = Reader::from_str(&text);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    let mut depth = 0_usize;
    loop {
        match reader.read_event().map_err(|_| Failure::damaged())? {
            Event::Start(start) => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(Failure::damaged());
                }
                open(&start, visit)?;
            }
            Event::Empty(start) => {
                open(&start, visit)?;
                visit(Token::Close(local(start.name().0)))?;
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                visit(Token::Close(local(end.name().0)))?;
            }
            Event::Text(text) => visit(Token::Text(text.xml10_content()))?,
            Event::CData(text) => visit(Token::Text(text.xml10_content()))?,
            Event::GeneralRef(reference) => {
                if let Some(c) = character(&reference) {
                    visit(Token::Text(Cow::Owned(c.to_string())))?;
                }
            }
            Event::Eof => return Ok(()),
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::DocType(_) => {}
        }
    }
}

fn open(
    start: &BytesStart<'_>,
    visit: &mut dyn FnMut(Token<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    visit(Token::Open(Element {
        name: local(start.name().0),
        start,
    }))
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// The character behind `&name;`, if it is one of XML's own or a number.
fn character(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        name => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

fn unescape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('&') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some((name, after)) = rest.split_once(';')
            && let Some(c) = character(name)
        {
            text.push(c);
            rest = after;
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(xml: &str) -> Result<String, Failure> {
        let mut found = String::new();
        walk(xml.as_bytes(), &mut |token| {
            match token {
                Token::Open(element) => found.push_str(&format!("<{}>", element.name)),
                Token::Text(text) => found.push_str(&text),
                Token::Close(name) => found.push_str(&format!("</{name}>")),
            }
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn prefixes_go_and_references_become_characters() {
        assert_eq!(
            text("<?xml version='1.0'?><w:p w:a='1'><w:t>a &lt; &#98;&#x63;</w:t><w:br/></w:p>")
                .unwrap(),
            "<p><t>a < bc</t><br></br></p>"
        );
    }

    #[test]
    fn entities_of_the_documents_own_are_not_expanded() {
        let bomb = "<!DOCTYPE a [<!ENTITY x \"xxxxxxxx\"><!ENTITY y \"&x;&x;&x;\">]><a>&y;ok</a>";
        assert_eq!(text(bomb).unwrap(), "<a>ok</a>");
    }

    #[test]
    fn endless_depth_ends() {
        assert!(text(&"<a>".repeat(100_000)).is_err());
    }

    #[test]
    fn attributes_are_found_by_their_local_name() {
        let mut found = None;
        walk(b"<x r:id='a&amp;b'/>", &mut |token| {
            if let Token::Open(element) = token {
                found = element.attribute("id");
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(found.as_deref(), Some("a&b"));
    }
}
