//! Drawing charts: brings in the chart library, which only the page with charts asks for, and shows it
//! the place whose elements hold options. That script knows colours, sizes and motion; see
//! `frontend/echarts.js`.

use super::fragment::{OPTION, parts};
use js_sys::{Function, Reflect};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Document, Element};

/// The id of the element in which the server says in which file the library lies.
pub const ADDRESS: &str = "charts";
/// The class of a place whose charts could not be drawn.
const UNCHARTED: &str = "uncharted";
/// The id of the script's element, so that it is brought in once.
const SCRIPT_ID: &str = "charts-script";

/// The charts in one place of the page; dropping it takes them down.
pub struct Drawings {
    place: Element,
}

impl Drawings {
    /// Those of `place`, of which none is drawn yet.
    pub fn new(place: Element) -> Self {
        Self { place }
    }

    /// Draws every element that holds an option, or what has become of it since. To be called in an
    /// effect or later.
    pub fn draw(&self) {
        if call("draw", &self.place) {
            return;
        }
        let has_charts = parts(&self.place)
            .iter()
            .any(|part| part.has_attribute(OPTION));
        if !has_charts {
            return;
        }
        let Some(script) = script() else { return };
        let place = self.place.clone();
        let loaded = Closure::once_into_js(move || {
            let _ = place.class_list().remove_1(UNCHARTED);
            call("draw", &place);
        });
        // Without the script the table beside each chart says the same; the next figures try again.
        let (place, broken) = (self.place.clone(), script.clone());
        let failed = Closure::once_into_js(move || {
            let _ = place.class_list().add_1(UNCHARTED);
            broken.remove();
        });
        let _ = script.add_event_listener_with_callback("load", loaded.unchecked_ref());
        let _ = script.add_event_listener_with_callback("error", failed.unchecked_ref());
    }
}

impl Drop for Drawings {
    fn drop(&mut self) {
        call("erase", &self.place);
    }
}

/// Calls one of the script's two functions; false when it is not loaded.
fn call(name: &str, place: &Element) -> bool {
    let charts = Reflect::get(&js_sys::global(), &"studyinCharts".into()).unwrap_or_default();
    let function = Reflect::get(&charts, &name.into())
        .ok()
        .and_then(|value| value.dyn_into::<Function>().ok());
    let Some(function) = function else {
        return false;
    };
    let _ = function.call1(&charts, place);
    true
}

/// The script's element, brought in by the first who asks.
fn script() -> Option<Element> {
    let document = web_sys::window()?.document()?;
    document
        .get_element_by_id(SCRIPT_ID)
        .or_else(|| bring_in(&document))
}

fn bring_in(document: &Document) -> Option<Element> {
    let address = document.get_element_by_id(ADDRESS)?;
    let script = document.create_element("script").ok()?;
    script.set_id(SCRIPT_ID);
    if let Some(checksum) = address.get_attribute("data-integrity") {
        script.set_attribute("integrity", &checksum).ok()?;
        script.set_attribute("crossorigin", "anonymous").ok()?;
    }
    let source = address.get_attribute("content")?;
    script.set_attribute("src", &source).ok()?;
    address.parent_node()?.append_child(&script).ok()?;
    Some(script)
}
