//! `/api/events`: the account's changes as they happen. The browser reconnects by itself; each
//! (re)connection begins with a `hello`, after which whatever was missed should be read again.

use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{EventSource, MessageEvent};

/// An open connection; dropping it closes it.
pub struct Follower {
    source: EventSource,
    _on_event: Closure<dyn Fn(MessageEvent)>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.source.close();
    }
}

/// Follows the named events. `on_event` gets the event's name and its JSON. To be called in an
/// effect; `None` where the browser has no event streams.
pub fn follow(names: &[&str], on_event: impl Fn(&str, &str) + 'static) -> Option<Follower> {
    let source = EventSource::new("/api/events").ok()?;
    let on_event = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
        let data = event.data().as_string().unwrap_or_default();
        on_event(&event.type_(), &data);
    });
    for name in names {
        // Fails only for a name the browser cannot represent.
        let _ = source.add_event_listener_with_callback(name, on_event.as_ref().unchecked_ref());
    }
    Some(Follower {
        source,
        _on_event: on_event,
    })
}
