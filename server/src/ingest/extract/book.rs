//! EPUB: the chapters in the order of the spine, each beginning on a page of its own. Chapters are
//! read as web pages; the table of contents names those that have no heading.

use super::{
    Failure, PageWriter, Stop,
    archive::{self, Archive},
    flow::{self, Flow},
    web,
    xml::{self, Token},
};
use crate::ingest::sniff;
use std::collections::HashMap;

const CONTAINER: &str = "META-INF/container.xml";
const ENCRYPTION: &str = "META-INF/encryption.xml";
/// Chapters read; a long novel has a hundred.
const CHAPTERS_MAX: usize = 5_000;

/// Writes the book's pages and answers how many there are.
pub fn read(bytes: Vec<u8>, out: &mut PageWriter) -> Result<u32, Stop> {
    let mut archive = Archive::open(bytes)?;
    let package = package_part(&archive.require(CONTAINER)?)?;
    let folder = package
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder)
        .to_owned();
    let book = Package::read(&archive.require(&package)?, &folder)?;
    let titles = match &book.contents {
        Some(part) => match archive.read(part)? {
            Some(xml) => chapter_titles(&xml, part)?,
            None => HashMap::new(),
        },
        None => HashMap::new(),
    };
    let mut flow = Flow::default();
    for part in book.chapters.iter().take(CHAPTERS_MAX) {
        let Some(bytes) = archive.read(part)? else {
            continue;
        };
        let Some(html) = sniff::decode(&bytes) else {
            continue;
        };
        flow.end_page()?;
        let mut chapter = Flow::default();
        web::append(&html, &mut chapter)?;
        if chapter.outline_len() == 0
            && let Some(title) = titles.get(part)
        {
            flow.chapter(title);
        }
        web::append(&html, &mut flow)?;
    }
    if flow.is_blank() && is_locked(&mut archive)? {
        return Err(Failure::copy_protected().into());
    }
    flow.finish(out)
}

fn package_part(container: &[u8]) -> Result<String, Failure> {
    let mut part = None;
    xml::walk(container, &mut |token| {
        if let Token::Open(element) = token
            && element.name == "rootfile"
            && part.is_none()
        {
            part = element.attribute("full-path");
        }
        Ok(())
    })?;
    part.map(|part| archive::resolve("", &part))
        .ok_or_else(Failure::damaged)
}

/// What the package document says.
#[derive(Debug, Default)]
struct Package {
    chapters: Vec<String>,
    /// The table of contents.
    contents: Option<String>,
}

impl Package {
    fn read(xml: &[u8], folder: &str) -> Result<Self, Failure> {
        let mut parts = HashMap::new();
        let mut package = Self::default();
        let mut old_contents = None;
        let mut spine = Vec::new();
        xml::walk(xml, &mut |token| {
            if let Token::Open(element) = token {
                match element.name {
                    "item" => {
                        let part = element.attribute("href").map(|href| member(folder, &href));
                        let properties = element.attribute("properties").unwrap_or_default();
                        if properties.split(' ').any(|property| property == "nav") {
                            package.contents.clone_from(&part);
                        }
                        if element.attribute("media-type").as_deref()
                            == Some("application/x-dtbncx+xml")
                        {
                            old_contents.clone_from(&part);
                        }
                        parts.extend(element.attribute("id").zip(part));
                    }
                    "itemref" => spine.extend(element.attribute("idref")),
                    _ => {}
                }
            }
            Ok(())
        })?;
        package.contents = package.contents.or(old_contents);
        package.chapters = spine
            .iter()
            .filter_map(|id| parts.get(id).cloned())
            .collect();
        Ok(package)
    }
}

/// The first title that leads to each chapter, from either kind of table of contents.
fn chapter_titles(xml: &[u8], part: &str) -> Result<HashMap<String, String>, Failure> {
    let folder = part.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut titles = HashMap::new();
    let mut title = String::new();
    let mut target: Option<String> = None;
    let mut in_title = false;
    xml::walk(xml, &mut |token| {
        match token {
            Token::Open(element) if element.name == "a" => {
                target = element.attribute("href");
                title.clear();
                in_title = true;
            }
            Token::Open(element) if element.name == "text" => {
                title.clear();
                in_title = true;
            }
            Token::Open(element) if element.name == "content" => target = element.attribute("src"),
            Token::Text(text) if in_title => title.push_str(&text),
            Token::Close("text") => in_title = false,
            Token::Close("a" | "content") => {
                in_title = false;
                let name = flow::one_line(&title);
                if let Some(target) = target.take()
                    && !name.is_empty()
                {
                    titles.entry(member(folder, &target)).or_insert(name);
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(titles)
}

/// The archive's member behind a link, whose odd characters are written as `%20`.
fn member(folder: &str, link: &str) -> String {
    let link = link.split('#').next().unwrap_or_default();
    let mut bytes = Vec::with_capacity(link.len());
    let mut rest = link.as_bytes();
    while let [first, after @ ..] = rest {
        let code = match (first, after) {
            (b'%', [high, low, ..]) => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|hex| u8::from_str_radix(hex, 16).ok()),
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    archive::resolve(folder, &String::from_utf8_lossy(&bytes))
}

/// Whether more than fonts is encrypted: a shop's copy protection.
fn is_locked(archive: &mut Archive) -> Result<bool, Failure> {
    let Some(xml) = archive.read(ENCRYPTION)? else {
        return Ok(false);
    };
    let mut locked = false;
    xml::walk(&xml, &mut |token| {
        if let Token::Open(element) = token
            && element.name == "EncryptionMethod"
        {
            let method = element.attribute("Algorithm").unwrap_or_default();
            locked |= !method.contains("obfuscation") && !method.contains("/font");
        }
        Ok(())
    })?;
    Ok(locked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_members() {
        assert_eq!(
            member("OEBPS", "text/ch%201.xhtml#top"),
            "OEBPS/text/ch 1.xhtml"
        );
        assert_eq!(member("", "100%.xhtml"), "100%.xhtml");
    }

    #[test]
    fn both_kinds_of_contents_name_the_chapters() {
        let nav = b"<nav><ol><li><a href='a.xhtml'>The <b>heart</b></a></li><li><a href='b.xhtml#x'>Lungs</a></li></ol></nav>";
        let titles = chapter_titles(nav, "OEBPS/nav.xhtml").unwrap();
        assert_eq!(titles["OEBPS/a.xhtml"], "The heart");
        assert_eq!(titles["OEBPS/b.xhtml"], "Lungs");
        let ncx = b"<navMap><navPoint><navLabel><text>Heart</text></navLabel><content src='a.xhtml'/></navPoint></navMap>";
        assert_eq!(chapter_titles(ncx, "toc.ncx").unwrap()["a.xhtml"], "Heart");
    }
}
