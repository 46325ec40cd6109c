//! The files of a choice or a drop, folders and what lies in them included. Browsers hand folders out
//! entry by entry; a page that only reads the list of files would see them as empty files.

use crate::model::upload::{EXTENSIONS, FILES_AT_ONCE};
use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DataTransfer, File, FileList};

/// Entries looked at in dropped folders: past it, somebody has dropped a whole disk.
const ENTRIES_MAX: usize = 20_000;

/// What was chosen.
#[derive(Default)]
pub struct Chosen {
    pub files: Vec<File>,
    /// Files of folders that are of no kind Studyin reads.
    pub left_out: u64,
    /// There were more than [`FILES_AT_ONCE`].
    pub has_more: bool,
}

impl Chosen {
    /// Files chosen one by one: each is tried, whatever it is called.
    pub fn files(list: &FileList) -> Self {
        let mut chosen = Self::default();
        for file in (0..list.length()).filter_map(|index| list.item(index)) {
            chosen.add(file);
        }
        chosen
    }

    /// A chosen folder: only what can be read.
    pub fn folder(list: &FileList) -> Self {
        let mut chosen = Self::default();
        for file in (0..list.length()).filter_map(|index| list.item(index)) {
            chosen.add_of_folder(file);
        }
        chosen
    }

    fn add(&mut self, file: File) {
        if self.files.len() < FILES_AT_ONCE {
            self.files.push(file);
        } else {
            self.has_more = true;
        }
    }

    fn add_of_folder(&mut self, file: File) {
        let name = file.name();
        let is_hidden = name.starts_with('.') || name.starts_with("~$");
        let is_readable = name
            .rsplit_once('.')
            .is_some_and(|(_, ending)| EXTENSIONS.contains(&&*ending.to_lowercase()));
        if is_readable && !is_hidden {
            self.add(file);
        } else if !is_hidden {
            self.left_out += 1;
        }
    }
}

/// What was dropped, in the browser's own terms. To be asked for in the event itself: afterwards the
/// browser has forgotten it.
pub fn entries(data: &DataTransfer) -> Vec<JsValue> {
    let Ok(items) = Reflect::get(data, &"items".into()) else {
        return Vec::new();
    };
    Array::from(&items)
        .iter()
        .filter_map(|item| method(&item, "webkitGetAsEntry")?.call0(&item).ok())
        .filter(JsValue::is_object)
        .collect()
}

/// The files behind the entries, folder by folder.
pub async fn walk(entries: Vec<JsValue>) -> Chosen {
    let mut chosen = Chosen::default();
    // Whether it was dropped by itself, not found in a folder.
    let mut open: Vec<(JsValue, bool)> = entries.into_iter().map(|entry| (entry, true)).collect();
    open.reverse();
    let mut seen = 0;
    while let Some((entry, is_own)) = open.pop() {
        seen += 1;
        if seen > ENTRIES_MAX || chosen.has_more {
            chosen.has_more = true;
            break;
        }
        if is(&entry, "isFile") {
            if let Some(file) = file(&entry).await {
                if is_own {
                    chosen.add(file);
                } else {
                    chosen.add_of_folder(file);
                }
            }
        } else if is(&entry, "isDirectory") {
            open.extend(inside(&entry).await.into_iter().map(|entry| (entry, false)));
        }
    }
    chosen
}

async fn file(entry: &JsValue) -> Option<File> {
    ask(entry, "file").await?.dyn_into().ok()
}

/// A folder's entries; the browser gives them out in batches until one is empty.
async fn inside(folder: &JsValue) -> Vec<JsValue> {
    let mut all = Vec::new();
    let reader = method(folder, "createReader").and_then(|create| create.call0(folder).ok());
    let Some(reader) = reader else {
        return all;
    };
    while let Some(batch) = ask(&reader, "readEntries").await {
        let batch = Array::from(&batch);
        if batch.length() == 0 || all.len() > ENTRIES_MAX {
            break;
        }
        all.extend(batch.iter());
    }
    all.reverse();
    all
}

/// Calls a method that answers by a callback; `None` when it fails.
async fn ask(target: &JsValue, name: &str) -> Option<JsValue> {
    let function = method(target, name)?;
    let answer = Promise::new(&mut |resolve, reject| {
        if function.call2(target, &resolve, &reject).is_err() {
            let _ = reject.call0(&JsValue::NULL);
        }
    });
    JsFuture::from(answer).await.ok()
}

fn method(target: &JsValue, name: &str) -> Option<Function> {
    Reflect::get(target, &name.into()).ok()?.dyn_into().ok()
}

fn is(target: &JsValue, name: &str) -> bool {
    Reflect::get(target, &name.into()).is_ok_and(|value| value.is_truthy())
}
