//! Without a connection: what a page hands to `public/offline.js`, which knows the service worker.

use crate::model::{coach::ClientMessage, id::ClientId};
use js_sys::{Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{CustomEvent, CustomEventInit};

/// What became of a question that did not go out at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It waits on this device. The student has been told.
    Kept,
    /// It could not be kept. The student has been told.
    Refused,
    /// The server can be reached after all: it is to be sent.
    Reachable,
}

/// Leaves a question to be asked when the connection is back; `is_open` says whether the line to the
/// coach seems to be there. `None`: send it, as far as anybody can tell, or nobody takes questions.
pub fn leave_question(
    message: &ClientMessage,
    is_open: bool,
) -> Option<impl Future<Output = Left> + use<>> {
    let detail = Object::new();
    let message = serde_json::to_string(message).ok()?;
    // Setting a field of an object made here cannot fail.
    let _ = Reflect::set(&detail, &"message".into(), &message.into());
    let _ = Reflect::set(&detail, &"open".into(), &is_open.into());
    let init = CustomEventInit::new();
    init.set_detail(&detail);
    let event = CustomEvent::new_with_event_init_dict("studyin:ask", &init).ok()?;
    web_sys::window()?.document()?.dispatch_event(&event).ok()?;
    // Who takes it says so at once, and later what became of it.
    let taken = Reflect::get(&detail, &"taken".into()).ok()?;
    let taken = JsFuture::from(taken.dyn_into::<Promise>().ok()?);
    Some(async move {
        match taken
            .await
            .ok()
            .and_then(|word| word.as_string())
            .as_deref()
        {
            Some("kept") => Left::Kept,
            Some("refused") => Left::Refused,
            _ => Left::Reachable,
        }
    })
}

/// An id for a question; `None` where the browser has no randomness.
pub fn client_id() -> Option<ClientId> {
    let crypto = Reflect::get(&js_sys::global(), &"crypto".into()).ok()?;
    let fill: Function = Reflect::get(&crypto, &"getRandomValues".into())
        .ok()?
        .dyn_into()
        .ok()?;
    let bytes = Uint8Array::new_with_length(16);
    fill.call1(&crypto, &bytes).ok()?;
    let bytes = bytes.to_vec().try_into().ok()?;
    Some(ClientId::new(
        uuid::Builder::from_random_bytes(bytes).into_uuid(),
    ))
}
