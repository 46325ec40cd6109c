//! `/api/events`: the account's changes as they happen. The browser reconnects by itself; each
//! (re)connection begins with a `hello`, after which whatever was missed should be read again.
//! Whoever follows also announces achievements, in the place the document has for it.

use js_sys::{JSON, Object, Reflect};
use leptos::prelude::{document, set_timeout};
use std::time::Duration;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{CustomEvent, CustomEventInit, Event, EventSource, MessageEvent};

/// What `public/offline.js` is told of, on the document.
const LIVE: &str = "studyin:live";
/// The event that tells of an achievement.
const ACHIEVEMENT: &str = "achievement";
/// The document's place for announcements, a live region.
pub const ANNOUNCEMENT: &str = "announcement";
/// Long enough to look up and read four words.
const ANNOUNCED_FOR: Duration = Duration::from_secs(8);

/// An open connection; dropping it closes it.
pub struct Follower {
    source: EventSource,
    _on_event: Closure<dyn Fn(MessageEvent)>,
    _on_error: Closure<dyn Fn(Event)>,
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
        let (name, data) = (event.type_(), event.data().as_string().unwrap_or_default());
        pass_on(&name, &data);
        if name == ACHIEVEMENT {
            // Without a name or a place there is nothing to say, and nothing is lost by that.
            let _ = announce(&data);
        } else {
            on_event(&name, &data);
        }
    });
    let on_error = Closure::<dyn Fn(Event)>::new(|_| pass_on("lost", ""));
    source.set_onerror(Some(on_error.as_ref().unchecked_ref()));
    for name in names.iter().chain(&[ACHIEVEMENT]) {
        // Fails only for a name the browser cannot represent.
        let _ = source.add_event_listener_with_callback(name, on_event.as_ref().unchecked_ref());
    }
    Some(Follower {
        source,
        _on_event: on_event,
        _on_error: on_error,
    })
}

/// Lets the page's plain scripts hear it too; they do without it.
fn pass_on(name: &str, data: &str) {
    let detail = Object::new();
    let init = CustomEventInit::new();
    init.set_detail(&detail);
    let _ = Reflect::set(&detail, &"name".into(), &name.into());
    let _ = Reflect::set(&detail, &"data".into(), &data.into());
    if let Ok(event) = CustomEvent::new_with_event_init_dict(LIVE, &init) {
        let _ = document().dispatch_event(&event);
    }
}

/// Says which achievement was unlocked, quietly and for a while.
fn announce(news: &str) -> Option<()> {
    let name = Reflect::get(&JSON::parse(news).ok()?, &"name".into()).ok()?;
    let place = document().get_element_by_id(ANNOUNCEMENT)?;
    place.set_text_content(Some(
        &["Achievement unlocked: ", &name.as_string()?].concat(),
    ));
    set_timeout(move || place.set_text_content(None), ANNOUNCED_FOR);
    Some(())
}
