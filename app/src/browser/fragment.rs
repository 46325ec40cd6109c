//! A piece of a page as HTML from the server, put in place by the browser itself. It exists for the
//! download's sake: the usual way (a resource and a server function) brings a JSON parser, an
//! asynchronous state machine and every view along, half of a page's bytes.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Element, RequestInit, Response};

/// What a piece of HTML marks that is renewed by itself.
const PARTS: &str = "[data-part]";
/// Attributes of a part that come with a newer one.
const RENEWED: [&str; 6] = [
    "class",
    "aria-current",
    "aria-label",
    OPTION,
    "max",
    "value",
];
/// What a chart is drawn from: such a part has nothing of the server's in it.
pub const OPTION: &str = "data-option";
const UNREACHABLE: &str =
    "The server could not be reached. Check that it is running, then reload the page.";

/// Asks a server function without arguments for HTML and puts it into `place`; a failure's sentence
/// stands there as text.
pub fn show(address: &'static str, place: &Element) {
    let place = place.clone();
    spawn_local(async move {
        match fetch(address, "").await {
            Ok(html) => place.set_inner_html(&html),
            // What is already there is worth more than a word that it could not be renewed.
            Err(_) if place.first_element_child().is_some() => {}
            Err(sentence) => say(&place, &sentence),
        }
    });
}

/// Asks a server function for HTML. Its arguments are written as those of a form.
///
/// # Errors
///
/// A sentence that says what went wrong and what to do.
pub async fn fetch(address: &str, arguments: &str) -> Result<String, String> {
    let (is_ok, answer) = ask(address, arguments)
        .await
        .map_err(|_| UNREACHABLE.to_owned())?;
    if is_ok {
        return Ok(answer.as_string().unwrap_or_default());
    }
    let message = js_sys::Reflect::get(&answer, &"message".into());
    let sentence = message.ok().and_then(|message| message.as_string());
    Err(sentence.unwrap_or_else(|| UNREACHABLE.to_owned()))
}

/// Whether it went well, and the JSON of the answer.
async fn ask(address: &str, arguments: &str) -> Result<(bool, JsValue), JsValue> {
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(&arguments.into());
    let response = JsFuture::from(window.fetch_with_str_and_init(address, &init)).await?;
    let response: Response = response.dyn_into()?;
    Ok((response.ok(), JsFuture::from(response.json()?).await?))
}

/// Says a sentence in the place of what could not be had.
pub fn say(place: &Element, sentence: &str) {
    place.set_text_content(Some(sentence));
}

/// Puts newer HTML in the place of older. Where both have the same parts, only parts that differ are
/// replaced, so that what a person has opened, or has her keyboard in, stays.
pub fn renew(place: &Element, html: &str) {
    let Some(fresh) = place
        .clone_node()
        .ok()
        .and_then(|node| node.dyn_into::<Element>().ok())
    else {
        return;
    };
    fresh.set_inner_html(html);
    let (old, new) = (parts(place), parts(&fresh));
    if old.is_empty() || old.len() != new.len() {
        place.set_inner_html(html);
        return;
    }
    for (old, new) in old.iter().zip(&new) {
        for name in &RENEWED {
            let _ = match new.get_attribute(name) {
                Some(value) => old.set_attribute(name, &value),
                None => old.remove_attribute(name),
            };
        }
        let inside = new.inner_html();
        if !new.has_attribute(OPTION) && old.inner_html() != inside {
            old.set_inner_html(&inside);
        }
    }
}

/// The parts in a place, in their order.
pub fn parts(place: &Element) -> Vec<Element> {
    place
        .query_selector_all(PARTS)
        .map(|found| {
            (0..found.length())
                .filter_map(|index| found.item(index)?.dyn_into().ok())
                .collect()
        })
        .unwrap_or_default()
}
