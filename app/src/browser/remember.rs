//! Small choices kept in this browser, such as how the reader is laid out. Never anything about the
//! student: who shares the computer finds them too.

use js_sys::{Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};

/// What was kept under this name.
pub fn read(name: &str) -> Option<String> {
    call("getItem", &[name.into()])?.as_string()
}

/// Keeps a choice; a browser that keeps nothing only forgets it.
pub fn write(name: &str, value: &str) {
    call("setItem", &[name.into(), value.into()]);
}

/// `None` where the browser has no storage, or refuses it.
fn call(method: &str, arguments: &[JsValue]) -> Option<JsValue> {
    let storage = Reflect::get(&js_sys::global(), &"localStorage".into()).ok()?;
    let method: Function = Reflect::get(&storage, &method.into())
        .ok()?
        .dyn_into()
        .ok()?;
    method.apply(&storage, &arguments.iter().collect()).ok()
}
