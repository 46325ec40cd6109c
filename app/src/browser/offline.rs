//! Without a connection: what a page hands to `public/offline.js`, which knows the service worker.

use crate::model::{filter::Filter, id::ConversationId};
use js_sys::{Object, Reflect};
use web_sys::{CustomEvent, CustomEventInit};

/// Leaves a question to be asked when the connection is back; false while there is one, and where
/// nobody takes questions. The student is told by who takes it.
pub fn leave_question(
    conversation: Option<ConversationId>,
    content: &str,
    filter: &Filter,
) -> bool {
    let detail = Object::new();
    let id = conversation.map(|id| id.to_string());
    // Setting a field of an object made here cannot fail.
    let _ = Reflect::set(&detail, &"conversation".into(), &id.into());
    let _ = Reflect::set(&detail, &"content".into(), &content.into());
    let filter = serde_json::to_string(filter).unwrap_or_default();
    let filter = js_sys::JSON::parse(&filter).unwrap_or_default();
    let _ = Reflect::set(&detail, &"filter".into(), &filter);
    let init = CustomEventInit::new();
    init.set_cancelable(true);
    init.set_detail(&detail);
    let event = CustomEvent::new_with_event_init_dict("studyin:ask", &init);
    let document = web_sys::window().and_then(|window| window.document());
    let (Ok(event), Some(document)) = (event, document) else {
        return false;
    };
    // Who takes it prevents the event's default.
    document.dispatch_event(&event) == Ok(false)
}
