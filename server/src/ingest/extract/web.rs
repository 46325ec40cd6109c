//! HTML, as pages on their own and as the chapters of books: headings, paragraphs, lists, tables and
//! listings, in the order of the source. Builds no tree, runs no script, fetches nothing.

use super::{
    Failure, PageWriter, Stop,
    flow::{self, Flow},
};
use crate::ingest::sniff;
use html5ever::{
    tendril::StrTendril,
    tokenizer::{
        BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
        states::RawKind,
    },
};
use std::cell::RefCell;

/// Bytes in which a page says how it is encoded.
const ENCODING_WITHIN: usize = 4_096;

/// Writes the page's text and answers how many pages it makes.
pub fn read(bytes: &[u8], out: &mut PageWriter) -> Result<u32, Stop> {
    let html = decode(bytes).ok_or_else(Failure::damaged)?;
    let mut flow = Flow::default();
    append(&html, &mut flow)?;
    flow.finish(out)
}

/// Adds a page's text to what is there.
pub fn append(html: &str, flow: &mut Flow) -> Result<(), Failure> {
    let story = Story {
        flow: std::mem::take(flow),
        text: String::new(),
        block: Block::Paragraph,
        skipping: None,
        pre: 0,
        cells: None,
        failure: None,
    };
    let tokenizer = Tokenizer::new(Sink(RefCell::new(story)), TokenizerOpts::default());
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from_slice(html));
    // The sink never asks the tokenizer to wait for a script.
    let _ = tokenizer.feed(&queue);
    tokenizer.end();
    let mut story = tokenizer.sink.0.into_inner();
    story.end_block();
    *flow = story.flow;
    story.failure.map_or(Ok(()), Err)
}

/// UTF-8 or UTF-16 by its mark, else what the page says of itself, else as any text.
fn decode(bytes: &[u8]) -> Option<String> {
    let marked = [&b"\xef\xbb\xbf"[..], b"\xff\xfe", b"\xfe\xff"];
    if marked.iter().any(|mark| bytes.starts_with(mark)) {
        return sniff::decode(bytes);
    }
    match declared_encoding(bytes) {
        Some(encoding) if encoding != encoding_rs::UTF_8 => {
            Some(encoding.decode(bytes).0.into_owned())
        }
        _ => sniff::decode(bytes),
    }
}

fn declared_encoding(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let head = bytes[..bytes.len().min(ENCODING_WITHIN)].to_ascii_lowercase();
    let at = [&b"charset="[..], b"encoding="]
        .iter()
        .find_map(|key| Some(head.windows(key.len()).position(|w| w == *key)? + key.len()))?;
    let label: Vec<u8> = head[at..]
        .iter()
        .copied()
        .skip_while(|c| matches!(c, b'"' | b'\'' | b' '))
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b':'))
        .collect();
    encoding_rs::Encoding::for_label(&label)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    Paragraph,
    Heading(u8),
    Point,
    /// Its line breaks are kept.
    Listing,
}

struct Story {
    flow: Flow,
    /// Of the block being read.
    text: String,
    block: Block,
    /// An element whose content is not read, and how many of it are open.
    skipping: Option<(String, usize)>,
    pre: usize,
    /// Of the row being read.
    cells: Option<Vec<String>>,
    failure: Option<Failure>,
}

impl Story {
    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        let opens = tag.kind == TagKind::StartTag;
        if let Some((skipped, depth)) = &mut self.skipping {
            if skipped == name && !tag.self_closing {
                *depth = if opens { *depth + 1 } else { *depth - 1 };
                if *depth == 0 {
                    self.skipping = None;
                }
            }
            return TokenSinkResult::Continue;
        }
        if opens && !tag.self_closing {
            let raw = match name {
                "script" => Some(RawKind::ScriptData),
                "style" | "noscript" | "iframe" | "noembed" | "noframes" | "xmp" => {
                    Some(RawKind::Rawtext)
                }
                "title" | "textarea" => Some(RawKind::Rcdata),
                _ => None,
            };
            // A head's end may be left out: what it holds is skipped piece by piece.
            if raw.is_some() || is_skipped(name) || is_hidden(tag) {
                self.skipping = Some((name.to_owned(), 1));
            }
            if let Some(raw) = raw {
                return TokenSinkResult::RawData(raw);
            }
        }
        match (name, opens) {
            ("h1" | "h2" | "h3" | "h4" | "h5" | "h6", true) => {
                self.end_block();
                self.block = Block::Heading(name.as_bytes()[1] - b'0');
            }
            ("li" | "dt" | "dd", true) => {
                self.end_block();
                self.block = Block::Point;
            }
            ("pre" | "listing", opens) => {
                self.end_block();
                self.pre = if opens {
                    self.pre + 1
                } else {
                    self.pre.saturating_sub(1)
                };
                self.block = if self.pre > 0 {
                    Block::Listing
                } else {
                    Block::Paragraph
                };
            }
            ("tr", true) => {
                self.end_row();
                self.end_block();
                self.cells = Some(Vec::new());
            }
            ("td" | "th", _) => self.end_cell(),
            ("tr" | "table" | "thead" | "tbody", false) => self.end_row(),
            ("br", true) => self.text.push('\n'),
            _ if is_block(name) => match self.cells {
                // Within a cell everything is one line.
                Some(_) => self.text.push(' '),
                None => self.end_block(),
            },
            _ => {}
        }
        TokenSinkResult::Continue
    }

    fn push(&mut self, text: &str) {
        if self.skipping.is_some() {
            return;
        }
        if self.pre > 0 {
            self.text.push_str(text);
            return;
        }
        // Line breaks of the source are spaces; several in a row are one.
        for c in text.chars() {
            if !c.is_ascii_whitespace() {
                self.text.push(c);
            } else if !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
                self.text.push(' ');
            }
        }
    }

    fn end_cell(&mut self) {
        let text = std::mem::take(&mut self.text);
        match &mut self.cells {
            Some(cells) if !text.trim().is_empty() => cells.push(text),
            // White space between cells, or an empty cell: told apart by nobody.
            Some(_) => {}
            None => self.text = text,
        }
    }

    fn end_row(&mut self) {
        self.end_cell();
        if let Some(cells) = self.cells.take() {
            let outcome = self.flow.row(&cells);
            self.note(outcome);
        }
    }

    fn end_block(&mut self) {
        if self.cells.is_some() {
            return;
        }
        let text = std::mem::take(&mut self.text);
        let next = if self.pre > 0 {
            Block::Listing
        } else {
            Block::Paragraph
        };
        let block = std::mem::replace(&mut self.block, next);
        let outcome = match block {
            Block::Heading(level) => self.flow.heading(level, &text),
            Block::Point => self.flow.point(&text),
            Block::Listing => self.flow.paragraph(text.trim_matches('\n')),
            Block::Paragraph => {
                let lines: Vec<String> = text.split('\n').map(flow::one_line).collect();
                self.flow.paragraph(lines.join("\n").trim())
            }
        };
        self.note(outcome);
    }

    fn note(&mut self, outcome: Result<(), Failure>) {
        if let Err(failure) = outcome {
            self.failure.get_or_insert(failure);
        }
    }
}

fn is_skipped(name: &str) -> bool {
    matches!(
        name,
        "nav" | "template" | "svg" | "object" | "select" | "audio" | "video" | "canvas" | "button"
    )
}

/// Whether the page's author hides it. Only of elements whose end may not be left out: the rest of
/// the page must not be taken for what is hidden.
fn is_hidden(tag: &Tag) -> bool {
    matches!(&*tag.name, "div" | "span" | "section" | "article" | "aside")
        && tag
            .attrs
            .iter()
            .any(|attribute| &*attribute.name.local == "hidden")
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "section"
            | "article"
            | "main"
            | "header"
            | "footer"
            | "aside"
            | "ul"
            | "ol"
            | "dl"
            | "li"
            | "dt"
            | "dd"
            | "table"
            | "caption"
            | "blockquote"
            | "figure"
            | "figcaption"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "hr"
            | "body"
            | "html"
            | "head"
            | "form"
            | "fieldset"
            | "address"
            | "details"
            | "summary"
            | "center"
    )
}

struct Sink(RefCell<Story>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut story = self.0.borrow_mut();
        // After a failure the rest is only run through.
        if story.failure.is_some() {
            return TokenSinkResult::Continue;
        }
        match token {
            Token::TagToken(tag) => return story.tag(&tag),
            Token::CharacterTokens(text) => story.push(&text),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(html: &str) -> String {
        let mut flow = Flow::default();
        append(html, &mut flow).unwrap();
        flow.into_text()
    }

    #[test]
    fn headings_lists_tables_and_listings_keep_their_shape() {
        let html =
            "<!doctype html><html><head><title>Not this</title><style>p{}</style></head><body>
            <nav><a>Home</a></nav><div hidden><div>Not</div> shown</div><h1>The  heart</h1><p>It pumps<br>blood &amp; more.</p>
            <ul><li>left<li>right <b>side</b></ul>
            <table><tr><th>Name<th>Rate<tr><td>rest</td><td><p>70</p></td></tr></table>
            <pre>a = 1\n  b = 2\n</pre><script>if (a<b) document.write('<p>no</p>')</script>
            <div>Last</div>";
        assert_eq!(
            text(html),
            "# The heart\n\nIt pumps\nblood & more.\n\n- left\n- right side\nName | Rate\nrest | 70\n\na = 1\n  b = 2\n\nLast"
        );
    }

    #[test]
    fn a_head_without_its_end_hides_nothing() {
        assert_eq!(text("<html><head><title>x</title><body><p>words"), "words");
        assert_eq!(text("<script/><p>words</p>"), "words");
    }

    #[test]
    fn the_encoding_a_page_declares_is_believed() {
        let bytes = b"<html><meta charset=\"koi8-r\"><p>\xf3\xc5\xd2\xc4\xc3\xc5</p>";
        assert!(decode(bytes).unwrap().contains("Сердце"));
        assert!(
            decode("<html><p>Größe".as_bytes())
                .unwrap()
                .contains("Größe")
        );
    }
}
