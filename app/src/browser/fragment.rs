//! A piece of a page as HTML from the server, put in place by the browser itself. It exists for the
//! download's sake: the usual way (a resource and a server function) brings a JSON parser, an
//! asynchronous state machine and every view along, half of a page's bytes.

use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Element, HtmlElement, RequestInit, Response};

/// What a piece of HTML marks that is renewed by itself.
const PARTS: &str = "[data-part]";
/// Attributes of a part that come with a newer one.
const RENEWED: [&str; 5] = ["class", "aria-label", OPTION, "max", "value"];
/// What a chart is drawn from: such a part has nothing of the server's in it.
pub const OPTION: &str = "data-option";
const UNREACHABLE: &str = "The server could not be reached. Check that it is running.";

/// Why the server did not answer with HTML.
pub struct Refusal {
    message: String,
    /// What finds it in the server's log.
    reference: Option<String>,
    is_signed_out: bool,
}

impl Refusal {
    fn unreachable() -> Self {
        Self {
            message: UNREACHABLE.to_owned(),
            reference: None,
            is_signed_out: false,
        }
    }

    /// As [`crate::error::AppError`] is written.
    fn of(answer: &JsValue) -> Self {
        let text = |name: &str| Reflect::get(answer, &name.into()).ok()?.as_string();
        Self {
            message: text("message").unwrap_or_else(|| UNREACHABLE.to_owned()),
            reference: text("reference"),
            is_signed_out: text("kind").as_deref() == Some("signed_out"),
        }
    }
}

/// Asks a server function without arguments for HTML and puts it into `place`, or says there why not.
pub fn show(address: &'static str, place: &Element) {
    let place = place.clone();
    spawn_local(async move {
        match fetch(address, "").await {
            Ok(html) => place.set_inner_html(&html),
            // What is already there is worth more than a word that it could not be renewed.
            Err(_) if place.first_element_child().is_some() => {}
            Err(refusal) => say(&place, &refusal),
        }
    });
}

/// Asks a server function for HTML. Its arguments are written as those of a form.
///
/// # Errors
///
/// When the server refuses, or cannot be reached.
pub async fn fetch(address: &str, arguments: &str) -> Result<String, Refusal> {
    match ask(address, arguments).await {
        Ok((true, html)) => Ok(html.as_string().unwrap_or_default()),
        Ok((false, error)) => Err(Refusal::of(&error)),
        Err(_) => Err(Refusal::unreachable()),
    }
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

/// Says why there is nothing else in this place, as [`crate::widgets::notice::Problem`] does, and what
/// leads on. The page's own address holds all it asks for, so loading it again is trying again.
pub fn say(place: &Element, refusal: &Refusal) {
    let link = if refusal.is_signed_out {
        r#"<p><a href="/login" rel="external">Log in</a></p>"#
    } else {
        r#"<p><a href="" rel="external">Try again</a></p>"#
    };
    place.set_inner_html(
        &[
            r#"<div class="notice problem" role="alert"><p></p>"#,
            link,
            "</div>",
        ]
        .concat(),
    );
    let Some(notice) = place.first_element_child() else {
        return;
    };
    // Words from outside are text, never HTML.
    let words = match &refusal.reference {
        Some(reference) => [&refusal.message, " Reference ", reference].concat(),
        None => refusal.message.clone(),
    };
    if let Some(sentence) = notice.first_element_child() {
        sentence.set_text_content(Some(&words));
    }
}

/// Whether an element says that something went wrong.
pub fn is_problem(element: &Element) -> bool {
    element.class_name().contains("problem")
}

/// Puts newer HTML in the place of older. Where both have the same parts, only parts that differ are
/// replaced, so that what a person has opened, or has drawn, stays.
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
            if let Some(value) = new.get_attribute(name) {
                let _ = old.set_attribute(name, &value);
            }
        }
        let inside = new.inner_html();
        if !new.has_attribute(OPTION) && old.inner_html() != inside {
            put(old, &inside);
        }
    }
}

/// Puts HTML into a part. Whoever stood on one of its links by keyboard stands on the same one after it.
fn put(part: &Element, html: &str) {
    let document = web_sys::window().and_then(|window| window.document());
    let held = document
        .and_then(|document| document.active_element())
        .filter(|element| part.contains(Some(element)))
        .and_then(|element| element.get_attribute("href"));
    part.set_inner_html(html);
    let Some(address) = held else { return };
    let links = part.get_elements_by_tag_name("a");
    let same = (0..links.length())
        .filter_map(|index| links.item(index))
        .find(|link| link.get_attribute("href").as_ref() == Some(&address));
    if let Some(link) = same.and_then(|link| link.dyn_into::<HtmlElement>().ok()) {
        let _ = link.focus();
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
