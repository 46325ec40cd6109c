//! A PDF's bookmarks as an outline. Walks what may be a cyclic or endless structure, so every step
//! is counted; a bookmark that leads nowhere is left out.

use super::super::outline::Outline;
use lopdf::{Dictionary, Document, Object, ObjectId, decode_text_string};
use std::collections::{HashMap, HashSet};

/// Bookmarks, and entries of name trees, looked at in one document.
const STEPS_MAX: usize = 20_000;
/// References followed until an object is reached.
const HOPS_MAX: usize = 16;

/// The bookmarks that lead to a page, in their own order.
pub fn read(document: &Document, pages: &HashMap<ObjectId, u32>) -> Outline {
    let mut outline = Outline::default();
    let Some(root) =
        catalog(document).and_then(|catalog| dictionary(document, catalog.get(b"Outlines").ok()?))
    else {
        return outline;
    };
    let names = Names::read(document);
    let mut seen = HashSet::new();
    // What is still to be read, the next one last.
    let mut waiting: Vec<(u8, ObjectId)> = Vec::new();
    waiting.extend(reference(root, b"First").map(|first| (1, first)));
    while let Some((level, id)) = waiting.pop() {
        if !seen.insert(id) || seen.len() > STEPS_MAX {
            continue;
        }
        let Ok(item) = document.get_dictionary(id) else {
            continue;
        };
        waiting.extend(reference(item, b"Next").map(|next| (level, next)));
        waiting.extend(reference(item, b"First").map(|first| (level.saturating_add(1), first)));
        let title = item
            .get(b"Title")
            .ok()
            .and_then(|title| resolve(document, title));
        let title = title.and_then(|title| decode_text_string(title).ok());
        let page = target(document, item, &names).and_then(|id| pages.get(&id));
        if let (Some(title), Some(&page)) = (title, page) {
            outline.push(level, &title, page);
        }
    }
    outline
}

/// The page a bookmark leads to.
fn target(document: &Document, item: &Dictionary, names: &Names) -> Option<ObjectId> {
    let place = match item.get(b"Dest") {
        Ok(place) => place,
        Err(_) => {
            let action = dictionary(document, item.get(b"A").ok()?)?;
            action.get(b"D").ok()?
        }
    };
    match resolve(document, place)? {
        Object::String(name, _) | Object::Name(name) => names.pages.get(name).copied(),
        place => page_of(document, place),
    }
}

/// The page of a destination: an array that begins with it, or a dictionary that holds the array.
fn page_of(document: &Document, place: &Object) -> Option<ObjectId> {
    let place = match resolve(document, place)? {
        Object::Dictionary(holder) => resolve(document, holder.get(b"D").ok()?)?,
        place => place,
    };
    place.as_array().ok()?.first()?.as_reference().ok()
}

/// Places a document gives names to.
#[derive(Default)]
struct Names {
    pages: HashMap<Vec<u8>, ObjectId>,
}

impl Names {
    fn read(document: &Document) -> Self {
        let mut names = Self::default();
        let Some(catalog) = catalog(document) else {
            return names;
        };
        // PDF 1.1 keeps them in a dictionary, later versions in a tree.
        let flat = catalog.get(b"Dests").ok();
        for (name, place) in flat
            .and_then(|dests| dictionary(document, dests))
            .into_iter()
            .flatten()
        {
            names.add(document, name, place);
        }
        let tree = catalog.get(b"Names").ok();
        let tree = tree.and_then(|names| dictionary(document, names));
        let tree = tree.and_then(|names| dictionary(document, names.get(b"Dests").ok()?));
        let mut waiting: Vec<&Dictionary> = tree.into_iter().collect();
        let mut steps = 0;
        while let Some(node) = waiting.pop() {
            let list = |key| {
                let list = node.get(key).ok().and_then(|list| resolve(document, list));
                list.and_then(|list| list.as_array().ok())
                    .map_or(&[][..], Vec::as_slice)
            };
            for pair in list(b"Names").chunks_exact(2) {
                if let Some(name) = resolve(document, &pair[0]).and_then(|name| name.as_str().ok())
                {
                    names.add(document, name, &pair[1]);
                }
                steps += 1;
            }
            for kid in list(b"Kids") {
                steps += 1;
                waiting.extend(dictionary(document, kid));
                if steps > STEPS_MAX {
                    return names;
                }
            }
        }
        names
    }

    fn add(&mut self, document: &Document, name: &[u8], place: &Object) {
        if self.pages.len() < STEPS_MAX
            && let Some(page) = page_of(document, place)
        {
            self.pages.insert(name.to_vec(), page);
        }
    }
}

fn catalog(document: &Document) -> Option<&Dictionary> {
    dictionary(document, document.trailer.get(b"Root").ok()?)
}

fn reference(holder: &Dictionary, key: &[u8]) -> Option<ObjectId> {
    holder.get(key).ok()?.as_reference().ok()
}

fn dictionary<'a>(document: &'a Document, object: &'a Object) -> Option<&'a Dictionary> {
    resolve(document, object)?.as_dict().ok()
}

fn resolve<'a>(document: &'a Document, mut object: &'a Object) -> Option<&'a Object> {
    for _ in 0..HOPS_MAX {
        match object {
            Object::Reference(id) => object = document.objects.get(id)?,
            found => return Some(found),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use lopdf::dictionary;

    fn document() -> (Document, HashMap<ObjectId, u32>) {
        let mut document = Document::with_version("1.5");
        let pages: HashMap<ObjectId, u32> = (1..=3)
            .map(|number| {
                (
                    document.add_object(dictionary! { "Type" => "Page" }),
                    number,
                )
            })
            .collect();
        (document, pages)
    }

    fn page(pages: &HashMap<ObjectId, u32>, number: u32) -> Object {
        let (id, _) = pages.iter().find(|(_, n)| **n == number).unwrap();
        Object::Array(vec![Object::Reference(*id), "Fit".into()])
    }

    fn finish(document: &mut Document, first: ObjectId) {
        let outlines = document.add_object(dictionary! { "First" => first });
        let names = dictionary! { "Names" => vec![Object::string_literal("here"), Object::Null] };
        let catalog = document.add_object(dictionary! {
            "Type" => "Catalog",
            "Outlines" => outlines,
            "Names" => dictionary! { "Dests" => names },
        });
        document.trailer.set("Root", catalog);
    }

    #[test]
    fn bookmarks_come_in_their_own_order_with_level_and_page() {
        let (mut document, pages) = document();
        let last = document.add_object(dictionary! {
            "Title" => Object::string_literal("Lungs"),
            "A" => dictionary! { "S" => "GoTo", "D" => page(&pages, 3) },
        });
        let inner = document.add_object(dictionary! {
            "Title" => Object::string_literal(b"\xfe\xff\0V\0a\0l\0v\0e\0s".to_vec()),
            "Dest" => page(&pages, 2),
        });
        let first = document.add_object(dictionary! {
            "Title" => Object::string_literal("  The \n heart "),
            "Dest" => page(&pages, 1),
            "First" => inner,
            "Next" => last,
        });
        finish(&mut document, first);
        let found: Vec<_> = read(&document, &pages)
            .entries()
            .iter()
            .map(|entry| (entry.level, entry.title.clone(), entry.page))
            .collect();
        assert_eq!(
            found,
            [
                (1, "The heart".to_owned(), 1),
                (2, "Valves".to_owned(), 2),
                (1, "Lungs".to_owned(), 3)
            ]
        );
    }

    #[test]
    fn bookmarks_that_lead_in_a_circle_come_to_an_end() {
        let (mut document, pages) = document();
        let id = document.new_object_id();
        let item = dictionary! {
            "Title" => Object::string_literal("Again"),
            "Dest" => page(&pages, 1),
            "First" => id,
            "Next" => id,
        };
        document.objects.insert(id, Object::Dictionary(item));
        finish(&mut document, id);
        assert_eq!(read(&document, &pages).entries().len(), 1);
    }
}
