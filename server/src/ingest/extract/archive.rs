//! ZIP containers of office documents and books: members by name, unpacked into memory and counted,
//! so that a small file cannot unpack into a large one. Nothing is ever written to disk.

use super::Failure;
use std::{
    collections::HashMap,
    io::{Cursor, Read},
};
use zip::ZipArchive;

/// Most bytes one member may unpack to; the text of a thousand pages has 5 MB.
const MEMBER_MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Most bytes unpacked of one file altogether: a fifth of the address space.
const TOTAL_MAX_BYTES: u64 = 200 * 1024 * 1024;

pub struct Archive {
    zip: ZipArchive<Cursor<Vec<u8>>>,
    /// Bytes that may still be unpacked.
    left: u64,
}

impl Archive {
    pub fn open(bytes: Vec<u8>) -> Result<Self, Failure> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|_| Failure::damaged())?;
        Ok(Self {
            zip,
            left: TOTAL_MAX_BYTES,
        })
    }

    /// A member's bytes; `None` when there is no such member.
    pub fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let Some(index) = self.zip.index_for_name(name) else {
            return Ok(None);
        };
        let member = self.zip.by_index(index).map_err(|_| Failure::damaged())?;
        let most = MEMBER_MAX_BYTES.min(self.left);
        let mut bytes = Vec::new();
        member
            .take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(|_| Failure::damaged())?;
        let length = bytes.len() as u64;
        if length > most {
            return Err(Failure::too_much_text());
        }
        self.left -= length;
        Ok(Some(bytes))
    }

    /// A member without which the document makes no sense.
    pub fn require(&mut self, name: &str) -> Result<Vec<u8>, Failure> {
        self.read(name)?.ok_or_else(Failure::damaged)
    }

    /// What a part of an office document points to: targets by relation id, and by type.
    pub fn relations(&mut self, part: &str) -> Result<Relations, Failure> {
        let (folder, name) = part.rsplit_once('/').unwrap_or(("", part));
        let mut relations = Relations::default();
        let Some(xml) = self.read(&format!("{folder}/_rels/{name}.rels"))? else {
            return Ok(relations);
        };
        super::xml::walk(&xml, &mut |token| {
            if let super::xml::Token::Open(element) = token
                && element.name == "Relationship"
                && let (Some(id), Some(target)) =
                    (element.attribute("Id"), element.attribute("Target"))
            {
                let target = resolve(folder, &target);
                if let Some(kind) = element.attribute("Type") {
                    let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                    relations
                        .by_type
                        .entry(kind)
                        .or_insert_with(|| target.clone());
                }
                relations.by_id.insert(id, target);
            }
            Ok(())
        })?;
        Ok(relations)
    }
}

#[derive(Debug, Default)]
pub struct Relations {
    pub by_id: HashMap<String, String>,
    /// The first of each type, by the type's last word.
    pub by_type: HashMap<String, String>,
}

/// A member's name from a path relative to `folder`.
pub fn resolve(folder: &str, path: &str) -> String {
    let path = path.split(['#', '?']).next().unwrap_or_default();
    let mut parts: Vec<&str> = match path.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => folder.split('/').filter(|part| !part.is_empty()).collect(),
    };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_resolved_inside_the_archive() {
        assert_eq!(resolve("ppt/slides", "../media/a.png"), "ppt/media/a.png");
        assert_eq!(resolve("word", "/word/document.xml"), "word/document.xml");
        assert_eq!(resolve("OEBPS", "a/./b.xhtml#top"), "OEBPS/a/b.xhtml");
        assert_eq!(resolve("", "../../etc/passwd"), "etc/passwd");
    }

    #[test]
    fn what_is_no_archive_is_damaged() {
        assert!(Archive::open(b"PK\x03\x04 nothing more".to_vec()).is_err());
    }
}
