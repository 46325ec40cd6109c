//! A piece of a page as HTML from the server, put in place and kept fresh by the browser itself. It exists
//! for the download's sake: the usual way (a resource and a server function) brings a JSON parser, an
//! asynchronous state machine and every view along, half of a page's bytes.

use super::events;
use js_sys::Reflect;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Element, HtmlElement, RequestInit, Response};

/// What a piece of HTML marks that is renewed by itself.
const PARTS: &str = "[data-part]";
/// Attributes of a part that come with a newer one.
const RENEWED: [&str; 6] = ["class", "aria-label", OPTION, "max", "value", STAMP];
/// What a chart is drawn from: such a part has nothing of the server's in it.
pub const OPTION: &str = "data-option";
/// Of which rows the HTML was made, see [`crate::ports::Analytics::stamp`].
const STAMP: &str = "data-stamp";
const UNREACHABLE: &str = "The server could not be reached. Check that it is running.";

/// A place whose HTML is asked for and renewed whenever something moves it.
pub struct Fragment {
    place: Element,
    /// The server function that makes it.
    address: &'static str,
    /// With what it is to be asked, written as in a form.
    wanted: RefCell<String>,
    /// With what that was asked which is shown.
    shown: RefCell<Option<String>>,
    /// Of what is wanted.
    news: RefCell<Rc<News>>,
    /// The newest stamp there was at the last connection, until it is compared.
    newest: RefCell<Option<String>>,
    /// Called whenever something has been put in place.
    on_put: Box<dyn Fn()>,
}

impl Fragment {
    /// Takes over what the server has put into `place` for these arguments, or asks for it.
    pub fn new(
        place: Element,
        address: &'static str,
        arguments: String,
        on_put: impl Fn() + 'static,
    ) -> Rc<Self> {
        let is_there = place
            .first_element_child()
            .is_some_and(|first| !is_problem(&first));
        let fragment = Rc::new(Self {
            place,
            address,
            wanted: RefCell::new(arguments.clone()),
            shown: RefCell::new(is_there.then_some(arguments)),
            news: RefCell::default(),
            newest: RefCell::default(),
            on_put: Box::new(on_put),
        });
        if !is_there {
            fragment.read();
        }
        fragment
    }

    /// Shows what belongs to these arguments, if it does not yet.
    pub fn show(self: &Rc<Self>, arguments: String) {
        let mut is_fresh = self.shown.borrow().as_ref() == Some(&arguments);
        if self.wanted.replace(arguments.clone()) != arguments {
            // Whatever is under way for the others has come too late, and takes its news along.
            is_fresh &= !self.news.take().is_read.get();
        }
        if !is_fresh {
            self.read();
        }
    }

    /// Follows the account's changes of these names; each may have moved what is shown.
    pub fn follow(self: &Rc<Self>, names: &[&'static str]) -> events::Follower {
        let fragment = Rc::clone(self);
        events::follow(names, move |_, data| {
            let Some(stamp) = events::text_in(data, "stamp") else {
                return fragment.read();
            };
            fragment.newest.replace(Some(stamp));
            if !fragment.news.borrow().is_read.get() {
                fragment.compare();
            }
        })
    }

    /// Asks again when the newest stamp is not that of what is shown.
    fn compare(self: &Rc<Self>) {
        let Some(newest) = self.newest.take() else {
            return;
        };
        let stamp = self
            .place
            .query_selector("[data-stamp]")
            .ok()
            .flatten()
            .and_then(|mark| mark.get_attribute(STAMP));
        if stamp != Some(newest) {
            self.read();
        }
    }

    /// One reading at a time: what moves meanwhile is read once after it, so that nothing older can come
    /// last.
    fn read(self: &Rc<Self>) {
        let news = Rc::clone(&self.news.borrow());
        if !news.heard() {
            return;
        }
        let fragment = Rc::clone(self);
        spawn_local(async move {
            while news.take() {
                let arguments = fragment.wanted.borrow().clone();
                let answer = fetch(fragment.address, &arguments).await;
                let is_late = !Rc::ptr_eq(&news, &fragment.news.borrow());
                if is_late || !fragment.place.is_connected() {
                    return;
                }
                fragment.put(arguments, answer);
            }
            fragment.compare();
        });
    }

    fn put(&self, arguments: String, answer: Result<String, Refusal>) {
        let is_shown = self.shown.borrow().as_ref() == Some(&arguments);
        match answer {
            Ok(html) => {
                renew(&self.place, &html);
                self.shown.replace(Some(arguments));
            }
            // What cannot be renewed now is renewed with the next news.
            Err(_) if is_shown => return,
            Err(refusal) => {
                say(&self.place, &refusal);
                self.shown.replace(None);
            }
        }
        (self.on_put)();
    }
}

/// Whether there is something to read, and whether somebody is reading.
#[derive(Default)]
struct News {
    is_fresh: Cell<bool>,
    is_read: Cell<bool>,
}

impl News {
    /// Something has moved. True when somebody has to begin to read.
    fn heard(&self) -> bool {
        self.is_fresh.set(true);
        !self.is_read.replace(true)
    }

    /// True when there is something to read; else the reader is done.
    fn take(&self) -> bool {
        let is_fresh = self.is_fresh.replace(false);
        self.is_read.set(is_fresh);
        is_fresh
    }
}

/// Why the server did not answer with HTML.
struct Refusal {
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

/// Asks a server function for HTML. Its arguments are written as those of a form.
///
/// # Errors
///
/// When the server refuses, or cannot be reached.
async fn fetch(address: &str, arguments: &str) -> Result<String, Refusal> {
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
fn say(place: &Element, refusal: &Refusal) {
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
fn is_problem(element: &Element) -> bool {
    element.class_name().contains("problem")
}

/// Puts newer HTML in the place of older. Where both have the same parts, only parts that differ are
/// replaced, so that what a person has opened, or has drawn, stays.
fn renew(place: &Element, html: &str) {
    let Some(fresh) = place
        .clone_node()
        .ok()
        .and_then(|node| node.dyn_into::<Element>().ok())
    else {
        return;
    };
    fresh.set_inner_html(html);
    let (old, new) = (parts(place), parts(&fresh));
    // Every piece has its stamp.
    if old.len() < 2 || old.len() != new.len() {
        put(place, html);
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

/// Puts HTML into a place. Whoever stood on one of its links by keyboard stands on the same one after it.
fn put(place: &Element, html: &str) {
    let document = web_sys::window().and_then(|window| window.document());
    let held = document
        .and_then(|document| document.active_element())
        .filter(|element| place.contains(Some(element)))
        .and_then(|element| element.get_attribute("href"));
    place.set_inner_html(html);
    let Some(address) = held else { return };
    let links = place.get_elements_by_tag_name("a");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_that_come_while_somebody_reads_are_read_once_after_it() {
        let news = News::default();
        assert!(news.heard());
        assert!(news.take());
        assert!(!news.heard() && !news.heard(), "somebody is reading");
        assert!(news.take());
        assert!(!news.take());
        assert!(news.heard(), "and has ended");
    }
}
