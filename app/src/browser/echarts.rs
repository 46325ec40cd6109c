//! Drawing charts: brings in the chart library, which only the page with charts asks for, and shows it
//! the place whose elements hold options. That script knows colours, sizes and motion; see
//! `frontend/echarts.js`.

use js_sys::{Function, Reflect};
use std::{cell::Cell, rc::Rc};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Document, Element};

/// Where the server says in which file the library lies.
const ADDRESS: &str = "meta[name=charts]";
/// The id of the script's element, so that it is brought in once.
const SCRIPT_ID: &str = "charts-script";

/// The charts in one place of the page; dropping it takes them down.
pub struct Drawings {
    place: Element,
    /// False once nothing is to be drawn here any more.
    is_open: Rc<Cell<bool>>,
}

impl Drawings {
    /// Those of `place`, of which none is drawn yet.
    pub fn new(place: Element) -> Self {
        Self {
            place,
            is_open: Rc::new(Cell::new(true)),
        }
    }

    /// Draws every element that holds an option, or what has become of it since. To be called in an
    /// effect or later.
    pub fn draw(&self) {
        if !has_charts(&self.place) || call("draw", &self.place) {
            return;
        }
        let Some(script) = script() else { return };
        let (place, is_open) = (self.place.clone(), Rc::clone(&self.is_open));
        let loaded = Closure::once_into_js(move || {
            if is_open.get() {
                call("draw", &place);
            }
        });
        // Without the script the table beside each chart says the same; the next visit tries again.
        let (place, broken) = (self.place.clone(), script.clone());
        let failed = Closure::once_into_js(move || {
            let _ = place.class_list().add_1("uncharted");
            broken.remove();
        });
        for (event, handler) in [("load", loaded), ("error", failed)] {
            let _ = script.add_event_listener_with_callback(event, handler.unchecked_ref());
        }
    }
}

impl Drop for Drawings {
    fn drop(&mut self) {
        self.is_open.set(false);
        call("erase", &self.place);
    }
}

fn has_charts(place: &Element) -> bool {
    place
        .query_selector("[data-option]")
        .ok()
        .flatten()
        .is_some()
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
    let address = document.query_selector(ADDRESS).ok()??;
    let script = document.create_element("script").ok()?;
    script.set_id(SCRIPT_ID);
    if let Some(checksum) = address.get_attribute("data-integrity") {
        script.set_attribute("integrity", &checksum).ok()?;
        script.set_attribute("crossorigin", "anonymous").ok()?;
    }
    let source = address.get_attribute("content")?;
    script.set_attribute("src", &source).ok()?;
    document
        .query_selector("head")
        .ok()??
        .append_child(&script)
        .ok()?;
    Some(script)
}
