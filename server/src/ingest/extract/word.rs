//! DOCX: the paragraphs, headings, lists and tables of `word/document.xml`, then the notes. Knows
//! nothing of pages: Word lays them out anew on every machine.

use super::{
    Failure, PageWriter, Stop,
    archive::Archive,
    flow::{self, Flow},
    xml::{self, Element, Token},
};
use std::collections::HashMap;

const DOCUMENT: &str = "word/document.xml";
/// Styles a style may be based on in turn.
const STYLE_HOPS_MAX: usize = 12;

/// Writes the document's pages and answers how many there are.
pub fn read(bytes: Vec<u8>, out: &mut PageWriter) -> Result<u32, Stop> {
    let mut archive = Archive::open(bytes)?;
    let styles = match archive.read("word/styles.xml")? {
        Some(xml) => heading_styles(&xml)?,
        None => HashMap::new(),
    };
    let mut story = Story::new(styles);
    let document = archive.require(DOCUMENT)?;
    xml::walk(&document, &mut |token| story.token(token))?;
    for notes in ["word/footnotes.xml", "word/endnotes.xml"] {
        if let Some(xml) = archive.read(notes)? {
            xml::walk(&xml, &mut |token| story.token(token))?;
        }
    }
    story.flow.finish(out)
}

/// The heading level of each style that has one.
fn heading_styles(xml: &[u8]) -> Result<HashMap<String, u8>, Failure> {
    #[derive(Default)]
    struct Style {
        level: Option<u8>,
        based_on: Option<String>,
    }
    let mut styles: HashMap<String, Style> = HashMap::new();
    let mut current: Option<(String, Style)> = None;
    xml::walk(xml, &mut |token| {
        match token {
            Token::Open(element) if element.name == "style" => {
                current = element
                    .attribute("styleId")
                    .map(|id| (id, Style::default()));
            }
            Token::Open(element) => {
                if let Some((_, style)) = &mut current {
                    let value = || element.attribute("val").unwrap_or_default();
                    match element.name {
                        "name" => style.level = style.level.or_else(|| level_of_name(&value())),
                        "outlineLvl" => style.level = level_of_number(&value()).or(style.level),
                        "basedOn" => style.based_on = Some(value()),
                        _ => {}
                    }
                }
            }
            Token::Close("style") => styles.extend(current.take()),
            _ => {}
        }
        Ok(())
    })?;
    let level = |id: &String| {
        let mut style = styles.get(id)?;
        for _ in 0..STYLE_HOPS_MAX {
            match (&style.level, &style.based_on) {
                (Some(level), _) => return Some(*level),
                (None, Some(base)) => style = styles.get(base)?,
                (None, None) => return None,
            }
        }
        None
    };
    Ok(styles
        .keys()
        .filter_map(|id| Some((id.clone(), level(id)?)))
        .collect())
}

fn level_of_name(name: &str) -> Option<u8> {
    let name = name.to_lowercase();
    match name.strip_prefix("heading ") {
        Some(number) => number
            .trim()
            .parse()
            .ok()
            .filter(|level| (1..=9).contains(level)),
        None => (name == "title").then_some(1),
    }
}

/// Word counts outline levels from 0; 9 is running text.
fn level_of_number(number: &str) -> Option<u8> {
    let level: u8 = number.parse().ok()?;
    (level < 9).then_some(level + 1)
}

#[derive(Default)]
struct Paragraph {
    text: String,
    level: Option<u8>,
    is_point: bool,
}

#[derive(Default)]
struct Table {
    cells: Vec<String>,
    cell: String,
}

struct Story {
    flow: Flow,
    styles: HashMap<String, u8>,
    /// Text boxes are paragraphs within paragraphs.
    paragraphs: Vec<Paragraph>,
    tables: Vec<Table>,
    /// Depth of elements whose content is not part of the text.
    skipped: usize,
    in_properties: usize,
    in_text: usize,
}

impl Story {
    fn new(styles: HashMap<String, u8>) -> Self {
        Self {
            flow: Flow::default(),
            styles,
            paragraphs: Vec::new(),
            tables: Vec::new(),
            skipped: 0,
            in_properties: 0,
            in_text: 0,
        }
    }

    fn token(&mut self, token: Token<'_>) -> Result<(), Failure> {
        match token {
            Token::Open(element) if is_skipped(element.name) => self.skipped += 1,
            Token::Close(name) if is_skipped(name) => {
                self.skipped = self.skipped.saturating_sub(1);
            }
            _ if self.skipped > 0 => {}
            Token::Open(element) => self.open(&element),
            Token::Text(text) if self.in_text > 0 => self.push(&text),
            Token::Text(_) => {}
            Token::Close(name) => return self.close(name),
        }
        Ok(())
    }

    fn open(&mut self, element: &Element<'_>) {
        match element.name {
            "p" => self.paragraphs.push(Paragraph::default()),
            "pPr" | "rPr" => self.in_properties += 1,
            "t" => self.in_text += 1,
            "tbl" => self.tables.push(Table::default()),
            "tab" if self.in_properties == 0 => self.push(" "),
            "br" | "cr" => self.push("\n"),
            "noBreakHyphen" => self.push("-"),
            "pStyle" => {
                let style = element.attribute("val").unwrap_or_default();
                let level = self.styles.get(&style).copied();
                if let Some(paragraph) = self.paragraphs.last_mut() {
                    paragraph.level = paragraph.level.or(level);
                }
            }
            "outlineLvl" => {
                let level = element
                    .attribute("val")
                    .and_then(|val| level_of_number(&val));
                if let Some(paragraph) = self.paragraphs.last_mut() {
                    paragraph.level = level.or(paragraph.level);
                }
            }
            "numPr" => {
                if let Some(paragraph) = self.paragraphs.last_mut() {
                    paragraph.is_point = true;
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str) -> Result<(), Failure> {
        match name {
            "p" => {
                if let Some(paragraph) = self.paragraphs.pop() {
                    self.end_paragraph(&paragraph)?;
                }
            }
            "pPr" | "rPr" => self.in_properties = self.in_properties.saturating_sub(1),
            "t" => self.in_text = self.in_text.saturating_sub(1),
            "tc" => {
                if let Some(table) = self.tables.last_mut() {
                    table.cells.push(std::mem::take(&mut table.cell));
                }
            }
            "tr" => {
                let cells = self
                    .tables
                    .last_mut()
                    .map(|table| std::mem::take(&mut table.cells));
                let cells = cells.unwrap_or_default();
                // A table within a cell is read there.
                match self.tables.iter_mut().nth_back(1) {
                    Some(outer) => push_words(&mut outer.cell, &flow::row(&cells)),
                    None => self.flow.row(&cells)?,
                }
            }
            "tbl" => {
                self.tables.pop();
            }
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, text: &str) {
        if let Some(paragraph) = self.paragraphs.last_mut() {
            paragraph.text.push_str(text);
        }
    }

    fn end_paragraph(&mut self, paragraph: &Paragraph) -> Result<(), Failure> {
        if let Some(table) = self.tables.last_mut() {
            push_words(&mut table.cell, &paragraph.text);
            return Ok(());
        }
        match paragraph {
            Paragraph {
                level: Some(level),
                text,
                ..
            } => self.flow.heading(*level, text),
            Paragraph {
                is_point: true,
                text,
                ..
            } => self.flow.point(text),
            Paragraph { text, .. } => self.flow.paragraph(text),
        }
    }
}

fn push_words(cell: &mut String, text: &str) {
    if !cell.is_empty() && !text.trim().is_empty() {
        cell.push(' ');
    }
    cell.push_str(text.trim());
}

/// Deleted and moved text, field codes, and the second version of what is drawn for old programs.
fn is_skipped(name: &str) -> bool {
    matches!(
        name,
        "Fallback" | "del" | "moveFrom" | "instrText" | "delText"
    )
}
