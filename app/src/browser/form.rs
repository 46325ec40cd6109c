//! A plain form sent by script, so that the page stays: the same address, the same fields. One way for
//! all forms of a page weighs far less than an action of its own for each.

use crate::error::{AppError, ErrorKind};
use js_sys::{Array, Function, Reflect};
use leptos::ev::SubmitEvent;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Element, RequestInit, Response};

/// A form that was submitted and is sent by script instead.
pub struct Submitted {
    form: Element,
    /// The server function it calls.
    pub address: String,
}

impl Submitted {
    /// Keeps the browser from sending the form; `None` when it is none.
    pub fn take(event: &SubmitEvent) -> Option<Self> {
        let form: Element = event.target()?.dyn_into().ok()?;
        let address = form.get_attribute("action")?;
        event.prevent_default();
        Some(Self { form, address })
    }

    /// What its field of this name was drawn with.
    pub fn value(&self, name: &str) -> Option<String> {
        let field = ["[name=", name, "]"].concat();
        let field = self.form.query_selector(&field).ok()??;
        field.get_attribute("value")
    }

    /// Sends it; the JSON of the answer, or what was refused.
    ///
    /// # Errors
    /// The server function's own error, or that the server cannot be reached.
    pub async fn send(&self) -> Result<String, AppError> {
        let (is_ok, text) = self.exchange().await.map_err(|_| unreachable())?;
        if is_ok {
            Ok(text)
        } else {
            Err(serde_json::from_str(&text).unwrap_or_else(|_| unreachable()))
        }
    }

    async fn exchange(&self) -> Result<(bool, String), JsValue> {
        let fields = made("FormData", &self.form)?;
        let body = made("URLSearchParams", &fields)?;
        let window = web_sys::window().ok_or(JsValue::NULL)?;
        let init = RequestInit::new();
        init.set_method("POST");
        init.set_body(&body);
        let response = JsFuture::from(window.fetch_with_str_and_init(&self.address, &init)).await?;
        let response: Response = response.dyn_into()?;
        let text = JsFuture::from(response.text()?).await?;
        Ok((response.ok(), text.as_string().unwrap_or_default()))
    }
}

/// A new object of one of the browser's classes.
fn made(class: &str, of: &JsValue) -> Result<JsValue, JsValue> {
    let class: Function = Reflect::get(&js_sys::global(), &class.into())?.dyn_into()?;
    Reflect::construct(&class, &Array::of1(of))
}

fn unreachable() -> AppError {
    AppError::new(
        ErrorKind::Unavailable,
        "The server could not be reached. Check that it is running, then try again.",
    )
}
