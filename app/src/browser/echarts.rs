//! Drawing charts: brings in the chart library, which only the page with charts asks for, and hands
//! it an element and an option. That script knows colours, sizes and motion; see
//! `frontend/echarts.js`.

use js_sys::{Function, Reflect};
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Document, Element};

/// Where the server says in which file the library lies.
const ADDRESS: &str = "meta[name=charts]";
/// The id of the script's element, so that it is brought in once.
const SCRIPT_ID: &str = "charts-script";

/// A chart on the page; dropping it takes it down.
pub struct Drawing {
    element: Element,
    /// What to draw once the script is there; nothing when the drawing has been dropped before.
    option: Rc<RefCell<Option<String>>>,
}

impl Drawing {
    /// Draws `option`, the JSON of an ECharts option, into `element`. To be called in an effect.
    pub fn new(element: Element, option: String) -> Self {
        let drawing = Self {
            element,
            option: Rc::new(RefCell::new(Some(option))),
        };
        if !drawing.draw() {
            drawing.draw_when_loaded();
        }
        drawing
    }

    /// Draws newer figures in the same place.
    pub fn update(&self, option: String) {
        self.option.replace(Some(option));
        // While the script is on its way, it will find the newer option when it arrives.
        self.draw();
    }

    /// False when the script is not there yet.
    fn draw(&self) -> bool {
        draw(&self.element, &self.option)
    }

    fn draw_when_loaded(&self) {
        let Some(script) = script() else { return };
        let (element, option) = (self.element.clone(), Rc::clone(&self.option));
        let loaded = Closure::once_into_js(move || {
            draw(&element, &option);
        });
        // Without the script the table beside each chart says the same; the next charts try again.
        let (element, broken) = (self.element.clone(), script.clone());
        let failed = Closure::once_into_js(move || {
            let _ = element.set_attribute("hidden", "");
            broken.remove();
        });
        for (event, handler) in [("load", loaded), ("error", failed)] {
            let _ = script.add_event_listener_with_callback(event, handler.unchecked_ref());
        }
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        self.option.replace(None);
        call("erase", &[&self.element]);
    }
}

fn draw(element: &Element, option: &RefCell<Option<String>>) -> bool {
    match option.borrow().as_deref() {
        Some(option) => call("draw", &[element, &option.into()]),
        None => true,
    }
}

/// Calls one of the script's two functions; false when it is not loaded.
fn call(name: &str, arguments: &[&JsValue]) -> bool {
    let charts = Reflect::get(&js_sys::global(), &"studyinCharts".into()).unwrap_or_default();
    let function = Reflect::get(&charts, &name.into())
        .ok()
        .and_then(|value| value.dyn_into::<Function>().ok());
    let Some(function) = function else {
        return false;
    };
    let _ = function.apply(&charts, &arguments.iter().copied().collect());
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
