//! Whether somebody is reading, and the heartbeats that say so to the server. It knows a page of a
//! document, not how it is shown.
//!
//! Reading is a visible tab with some input within the last two minutes. While it lasts, a heartbeat
//! goes out every 30 seconds, and one more when the page or the tab is left. Without input the timer ends, and the
//! next input starts it again: an idle page does nothing at all.

use super::is_visible;
use crate::model::id::MaterialId;
use leptos::leptos_dom::helpers::{
    IntervalHandle, TimeoutHandle, set_interval_with_handle, set_timeout_with_handle,
};
use std::{cell::Cell, rc::Rc, time::Duration};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{Event, Window};

const ADDRESS: &str = "/api/heartbeat";
const BEAT_EVERY: Duration = Duration::from_secs(30);
/// How long a page is on screen before it counts as read.
const READ_AFTER: Duration = Duration::from_secs(3);
/// How long after an input somebody is still taken to be reading, in milliseconds.
const ATTENTION_MS: f64 = 120_000.0;
/// What counts as input, and what ends or resumes a visit. All are heard on the window before any
/// element can keep them to itself.
const INPUTS: [&str; 5] = [
    "pointerdown",
    "pointermove",
    "keydown",
    "scroll",
    "touchstart",
];
const VISITS: [&str; 2] = ["visibilitychange", "pagehide"];

/// Follows the reading of one page; dropping it ends that.
pub struct Reading {
    state: Rc<State>,
    on_event: Closure<dyn Fn(Event)>,
}

struct State {
    window: Window,
    /// The heartbeat as JSON.
    beat: String,
    on_read: Box<dyn Fn(Told)>,
    /// When the last input was, in milliseconds since 1970. Opening the page is one.
    last_input: Cell<f64>,
    beating: Cell<Option<IntervalHandle>>,
    /// Runs until the page has been on screen for long enough.
    until_read: Cell<Option<TimeoutHandle>>,
    is_read: Cell<bool>,
    /// Whether the server has been told that it is.
    is_told: Told,
}

/// True once it has been told that a page was read; whoever told it in vain sets it to false again, and
/// is called once more with the next heartbeat.
pub type Told = Rc<Cell<bool>>;

/// Follows the reading of a page from now on; `on_read` is called once it has been read. To be called
/// in an effect; `None` outside of a browser.
pub fn follow(
    material: MaterialId,
    page: u32,
    on_read: impl Fn(Told) + 'static,
) -> Option<Reading> {
    let window = web_sys::window()?;
    let beat = [
        "{\"material\":\"",
        &material.to_string(),
        "\",\"page\":",
        &page.to_string(),
        "}",
    ];
    let state = Rc::new(State {
        window,
        beat: beat.concat(),
        on_read: Box::new(on_read),
        last_input: Cell::new(js_sys::Date::now()),
        beating: Cell::default(),
        until_read: Cell::default(),
        is_read: Cell::default(),
        is_told: Told::default(),
    });
    let heard = Rc::clone(&state);
    let on_event = Closure::<dyn Fn(Event)>::new(move |event: Event| {
        let is_leaving = match &*event.type_() {
            "pagehide" => true,
            "visibilitychange" => !is_visible(),
            _ => false,
        };
        if is_leaving {
            heard.leave();
        } else {
            // Turning to a tab is input too.
            heard.last_input.set(js_sys::Date::now());
            heard.start();
        }
    });
    for name in INPUTS.into_iter().chain(VISITS) {
        // Fails only for a name the browser cannot represent.
        let _ = state.window.add_event_listener_with_callback_and_bool(
            name,
            on_event.as_ref().unchecked_ref(),
            true,
        );
    }
    state.start();
    Some(Reading { state, on_event })
}

impl Drop for Reading {
    fn drop(&mut self) {
        for name in INPUTS.into_iter().chain(VISITS) {
            let _ = self
                .state
                .window
                .remove_event_listener_with_callback_and_bool(
                    name,
                    self.on_event.as_ref().unchecked_ref(),
                    true,
                );
        }
        self.state.leave();
    }
}

impl State {
    fn is_attended(&self) -> bool {
        is_visible() && self.had_input()
    }

    /// An input that is yet to come was before the clock was set back, nobody knows how long.
    fn had_input(&self) -> bool {
        (0.0..ATTENTION_MS).contains(&(js_sys::Date::now() - self.last_input.get()))
    }

    /// Starts what is to run while somebody reads, unless it runs.
    fn start(self: &Rc<Self>) {
        if !is_visible() {
            return;
        }
        let beating = self.beating.take().or_else(|| {
            let state = Rc::clone(self);
            set_interval_with_handle(move || state.tick(), BEAT_EVERY).ok()
        });
        self.beating.set(beating);
        if self.is_read.get() {
            return;
        }
        let until_read = self.until_read.take().or_else(|| {
            let state = Rc::clone(self);
            let read = move || {
                state.is_read.set(true);
                state.tell();
            };
            set_timeout_with_handle(read, READ_AFTER).ok()
        });
        self.until_read.set(until_read);
    }

    fn tick(&self) {
        if self.is_attended() {
            self.send();
            if self.is_read.get() {
                self.tell();
            }
        } else {
            self.stop();
        }
    }

    /// Says that the page has been read, unless that was said before.
    fn tell(&self) {
        if !self.is_told.replace(true) {
            (self.on_read)(Rc::clone(&self.is_told));
        }
    }

    /// Says a last time that somebody was reading, if so: the tab is being hidden, or the page left.
    fn leave(&self) {
        if self.stop() && self.is_read.get() && self.had_input() {
            self.send();
        }
    }

    /// Whether anything ran.
    fn stop(&self) -> bool {
        if let Some(until_read) = self.until_read.take() {
            until_read.clear();
        }
        let beating = self.beating.take();
        if let Some(beating) = beating {
            beating.clear();
        }
        beating.is_some()
    }

    fn send(&self) {
        // A beacon that cannot be queued costs half a minute of study time and nothing else.
        let navigator = self.window.navigator();
        let _ = navigator.send_beacon_with_opt_str(ADDRESS, Some(&self.beat));
    }
}
