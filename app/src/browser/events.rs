//! `/api/events`: the account's changes as they happen. Each connection begins with the stamp of the newest
//! rows: in a `hello` when the page has just been made, in a `resync` when it has been without a connection
//! and should read the rows again. Whoever follows also announces achievements, in the place the document
//! has for it.
//!
//! Only a tab that is on screen is connected: browsers open six connections to a server that is spoken to
//! without encryption, over all tabs, and a seventh tab would never load.

use super::is_visible;
use js_sys::{JSON, Object, Reflect};
use leptos::prelude::{document, set_timeout};
use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    time::Duration,
};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{CustomEvent, CustomEventInit, EventSource, MessageEvent};

/// What `public/offline.js` is told of, on the document.
const LIVE: &str = "studyin:live";
/// The event that tells of an achievement.
const ACHIEVEMENT: &str = "achievement";
/// The server's first word on each connection.
const HELLO: &str = "hello";
/// Rows should be read again; also the server's word when it has more news than it can tell.
const RESYNC: &str = "resync";
/// What moves a tab on and off the screen.
const VISIBILITY: &str = "visibilitychange";
/// Waits before a connection is tried again that the browser gave up, because a proxy or the server refused
/// it: the first, and the longest, each twice the one before. Whose session has ended is refused for good.
const GIVEN_UP_WAIT: Duration = Duration::from_secs(5);
const GIVEN_UP_WAIT_MAX: Duration = Duration::from_secs(600);
/// The document's place for announcements, a live region.
pub const ANNOUNCEMENT: &str = "announcement";
/// Long enough to look up and read four words.
const ANNOUNCED_FOR: Duration = Duration::from_secs(8);

/// Follows the account's changes; dropping it ends that.
pub struct Follower {
    line: Rc<Line>,
    on_visibility: Closure<dyn Fn()>,
}

/// The connection while there is one, and what hears it.
struct Line {
    source: RefCell<Option<EventSource>>,
    names: Vec<&'static str>,
    on_message: Closure<dyn Fn(MessageEvent)>,
    on_error: Closure<dyn Fn()>,
    /// Whether the page has been on its own since it was made.
    was_alone: Cell<bool>,
    /// What is waited when the browser gives up the next time.
    wait: Cell<Duration>,
}

impl Line {
    /// Connected while the tab is on screen.
    fn look(&self) {
        let is_visible = is_visible();
        let mut source = self.source.borrow_mut();
        if !is_visible {
            if let Some(source) = source.take() {
                source.close();
            }
            self.was_alone.set(true);
        } else if source.is_none() {
            // Where the browser has no event streams the page does without.
            *source = self.connect().ok();
        }
    }

    fn connect(&self) -> Result<EventSource, JsValue> {
        let source = EventSource::new("/api/events")?;
        source.set_onerror(Some(self.on_error.as_ref().unchecked_ref()));
        for name in self.names.iter().chain(&[HELLO, RESYNC, ACHIEVEMENT]) {
            let hear = self.on_message.as_ref().unchecked_ref();
            source.add_event_listener_with_callback(name, hear)?;
        }
        Ok(source)
    }

    fn hear(&self, event: &MessageEvent, on_event: &dyn Fn(&str, &str)) {
        let (mut name, data) = (event.type_(), event.data().as_string().unwrap_or_default());
        if name == HELLO {
            self.wait.set(GIVEN_UP_WAIT);
            if self.was_alone.replace(false) {
                RESYNC.clone_into(&mut name);
            }
        }
        pass_on(&name, &data);
        if name == ACHIEVEMENT {
            // Without a name or a place there is nothing to say, and nothing is lost by that.
            let _ = announce(&data);
        } else {
            on_event(&name, &data);
        }
    }

    /// The connection is lost. What the browser does not take up again by itself is taken up here.
    fn lose(self: &Rc<Self>) {
        self.was_alone.set(true);
        pass_on("lost", "");
        let mut source = self.source.borrow_mut();
        let is_given_up = |source: &EventSource| source.ready_state() == EventSource::CLOSED;
        if source.as_ref().is_some_and(is_given_up) {
            *source = None;
            let wait = self.wait.get();
            self.wait.set((wait * 2).min(GIVEN_UP_WAIT_MAX));
            let line = Rc::downgrade(self);
            let look = move || {
                if let Some(line) = line.upgrade() {
                    line.look();
                }
            };
            set_timeout(look, wait);
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let hear = self.on_visibility.as_ref().unchecked_ref();
        let _ = document().remove_event_listener_with_callback(VISIBILITY, hear);
        if let Some(source) = self.line.source.take() {
            source.close();
        }
    }
}

/// Follows the named events, `hello` and `resync`. `on_event` gets the event's name and its JSON. To be
/// called in an effect.
pub fn follow(names: &[&'static str], on_event: impl Fn(&str, &str) + 'static) -> Follower {
    let line = Rc::new_cyclic(|line: &Weak<Line>| {
        let (hearing, losing) = (Weak::clone(line), Weak::clone(line));
        Line {
            source: RefCell::default(),
            names: names.to_vec(),
            on_message: Closure::new(move |event: MessageEvent| {
                if let Some(line) = hearing.upgrade() {
                    line.hear(&event, &on_event);
                }
            }),
            on_error: Closure::new(move || {
                if let Some(line) = losing.upgrade() {
                    line.lose();
                }
            }),
            was_alone: Cell::new(false),
            wait: Cell::new(GIVEN_UP_WAIT),
        }
    });
    let looking = Rc::clone(&line);
    let on_visibility = Closure::<dyn Fn()>::new(move || looking.look());
    let hear = on_visibility.as_ref().unchecked_ref();
    let _ = document().add_event_listener_with_callback(VISIBILITY, hear);
    line.look();
    Follower {
        line,
        on_visibility,
    }
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

/// Says which achievement was unlocked, quietly and for a while, below those of the same moment.
fn announce(news: &str) -> Option<()> {
    let place = document().get_element_by_id(ANNOUNCEMENT)?;
    let sentence = document().create_element("span").ok()?;
    sentence.set_text_content(Some(
        &["Achievement unlocked: ", &text_in(news, "name")?].concat(),
    ));
    place.append_child(&sentence).ok()?;
    set_timeout(move || sentence.remove(), ANNOUNCED_FOR);
    Some(())
}

/// The text that an event's JSON has under a name.
pub fn text_in(data: &str, name: &str) -> Option<String> {
    Reflect::get(&JSON::parse(data).ok()?, &name.into())
        .ok()?
        .as_string()
}
