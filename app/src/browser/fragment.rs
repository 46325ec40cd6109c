//! A piece of a page as HTML from the server, put in place by the browser itself. It exists for the
//! first download's sake: the usual way (a resource and a server function) brings a JSON parser and
//! an asynchronous state machine along, a fifth of all its bytes.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Element, RequestInit, Response};

/// Asks a server function without arguments for HTML and puts it into `place`; a failure's sentence
/// stands there as text.
pub fn show(address: &'static str, place: &Element) {
    let place = place.clone();
    spawn_local(async move {
        match fetch(address).await {
            Ok((true, html)) => place.set_inner_html(&html.as_string().unwrap_or_default()),
            Ok((false, error)) => {
                let message = js_sys::Reflect::get(&error, &"message".into());
                say(&place, message.ok().and_then(|message| message.as_string()));
            }
            Err(_) => say(&place, None),
        }
    });
}

/// Whether it went well, and the JSON of the answer.
async fn fetch(address: &str) -> Result<(bool, JsValue), JsValue> {
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    let init = RequestInit::new();
    init.set_method("POST");
    let response = JsFuture::from(window.fetch_with_str_and_init(address, &init)).await?;
    let response: Response = response.dyn_into()?;
    Ok((response.ok(), JsFuture::from(response.json()?).await?))
}

fn say(place: &Element, sentence: Option<String>) {
    // What is already there is worth more than a word that it could not be renewed.
    if place.first_element_child().is_none() {
        place.set_text_content(Some(sentence.as_deref().unwrap_or(
            "The server could not be reached. Check that it is running, then reload the page.",
        )));
    }
}
