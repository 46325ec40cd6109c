//! PPTX: one slide is one page, its title a heading, the speaker's notes below. Knows nothing of
//! where things stand on a slide: the order in the file is the order on the screen reader.

use super::{
    Failure, PAGES_MAX, PageWriter, Stop,
    archive::{Archive, Relations},
    flow,
    outline::Outline,
    xml::{self, Token},
};

const PRESENTATION: &str = "ppt/presentation.xml";

/// Writes the slides and answers how many there are.
pub fn read(bytes: Vec<u8>, out: &mut PageWriter) -> Result<u32, Stop> {
    let mut archive = Archive::open(bytes)?;
    let parts = slide_parts(&mut archive)?;
    if parts.len() > PAGES_MAX {
        return Err(Failure::too_many_pages().into());
    }
    let mut outline = Outline::default();
    let mut pages = Vec::new();
    for (number, part) in (1..).zip(&parts) {
        let slide = match archive.read(part)? {
            Some(xml) => Slide::read(&xml)?,
            None => Slide::default(),
        };
        if let Some(title) = slide.title() {
            outline.push(1, &title, number);
        }
        let notes = match archive.relations(part)?.by_type.get("notesSlide") {
            Some(notes) => archive.read(notes)?,
            None => None,
        };
        let notes = match notes {
            Some(xml) => Slide::read(&xml)?.body(),
            None => String::new(),
        };
        pages.push(slide.page(&notes));
    }
    if !pages
        .iter()
        .any(|page| page.chars().any(char::is_alphanumeric))
    {
        return Err(Failure::empty().into());
    }
    flow::write_pages(pages, outline, out)
}

/// The members that hold the slides, in the order of the show.
fn slide_parts(archive: &mut Archive) -> Result<Vec<String>, Failure> {
    let Relations { by_id, .. } = archive.relations(PRESENTATION)?;
    let presentation = archive.require(PRESENTATION)?;
    let mut parts = Vec::new();
    xml::walk(&presentation, &mut |token| {
        if let Token::Open(element) = token
            && element.name == "sldId"
        {
            // Its own `id` is a number; the relation's comes under the name `r:id`.
            let part = element
                .attributes("id")
                .find_map(|id| by_id.get(&id).cloned());
            parts.extend(part);
        }
        Ok(())
    })?;
    Ok(parts)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Role {
    #[default]
    Body,
    Title,
    /// The number, date and footer of the slide, or a notes page's picture of it.
    Furniture,
}

#[derive(Debug, Default)]
struct Shape {
    role: Role,
    lines: Vec<String>,
    line: String,
    cells: Vec<String>,
    cell: Option<String>,
}

/// A slide's text, or that of its notes.
#[derive(Debug, Default)]
struct Slide {
    shapes: Vec<Shape>,
}

impl Slide {
    fn read(xml: &[u8]) -> Result<Self, Failure> {
        let mut slide = Self::default();
        let mut shape = Shape::default();
        let mut skipped = 0_usize;
        let mut in_text = false;
        xml::walk(xml, &mut |token| {
            match token {
                // The second version of what is drawn for old programs.
                Token::Open(element) if element.name == "Fallback" => skipped += 1,
                Token::Close("Fallback") => skipped = skipped.saturating_sub(1),
                _ if skipped > 0 => {}
                Token::Open(element) => match element.name {
                    "sp" | "graphicFrame" => shape = Shape::default(),
                    "ph" => shape.role = role(element.attribute("type").as_deref()),
                    "t" => in_text = true,
                    "br" => shape.line.push(' '),
                    "tc" => shape.cell = Some(String::new()),
                    _ => {}
                },
                Token::Text(text) if in_text => shape.line.push_str(&text),
                Token::Text(_) => {}
                Token::Close(name) => match name {
                    "t" => in_text = false,
                    "p" => shape.end_line(),
                    "tc" => {
                        let cell = shape.cell.take();
                        shape.cells.extend(cell);
                    }
                    "tr" => {
                        let cells = std::mem::take(&mut shape.cells);
                        shape.lines.push(flow::row(&cells));
                    }
                    "sp" | "graphicFrame" => slide.shapes.push(std::mem::take(&mut shape)),
                    _ => {}
                },
            }
            Ok(())
        })?;
        Ok(slide)
    }

    fn title(&self) -> Option<String> {
        let titles = self.shapes.iter().filter(|shape| shape.role == Role::Title);
        let lines: Vec<&str> = titles.flat_map(Shape::lines).collect();
        (!lines.is_empty()).then(|| lines.join(" "))
    }

    fn body(&self) -> String {
        let shapes = self.shapes.iter().filter(|shape| shape.role == Role::Body);
        let texts: Vec<String> = shapes
            .map(|shape| shape.lines().collect::<Vec<_>>().join("\n"))
            .filter(|text| !text.is_empty())
            .collect();
        texts.join("\n\n")
    }

    fn page(&self, notes: &str) -> String {
        let title = self.title().map(|title| format!("# {title}"));
        let notes = (!notes.is_empty()).then(|| format!("Notes: {notes}"));
        let body = Some(self.body()).filter(|body| !body.is_empty());
        let parts: Vec<String> = [title, body, notes].into_iter().flatten().collect();
        parts.join("\n\n")
    }
}

impl Shape {
    fn end_line(&mut self) {
        let line = flow::one_line(&std::mem::take(&mut self.line));
        match &mut self.cell {
            Some(cell) if !cell.is_empty() => {
                cell.push(' ');
                cell.push_str(&line);
            }
            Some(cell) => *cell = line,
            None => self.lines.push(line),
        }
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines
            .iter()
            .map(String::as_str)
            .filter(|line| !line.is_empty())
    }
}

fn role(placeholder: Option<&str>) -> Role {
    match placeholder {
        Some("title" | "ctrTitle") => Role::Title,
        Some("sldNum" | "dt" | "ftr" | "hdr" | "sldImg") => Role::Furniture,
        _ => Role::Body,
    }
}
