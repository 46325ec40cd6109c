//! The coach's line to the server: one WebSocket per tab that opens itself again.
//! It knows messages and connections, not conversations.
//!
//! Messages wait in a short queue while the line is down. A question that had already gone out
//! when the line broke is not sent again: the server may have stored it.

use crate::model::coach::{ClientMessage, CoachEvent};
use leptos::prelude::{TimeoutHandle, set_timeout_with_handle};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    time::Duration,
};
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{CloseEvent, Event, MessageEvent, WebSocket};

const PATH: &str = "/api/chat/ws";
/// Messages that may wait for the line: a question and the word to stop it, with room to spare.
const QUEUE_MAX: usize = 8;
/// Waits before the attempts to open the line again, in milliseconds; past the last one it rests
/// until there is something to send.
const BACKOFF_MS: [u64; 8] = [300, 700, 1_500, 3_000, 6_000, 12_000, 24_000, 30_000];
/// A line that lived this long, in milliseconds, was a good one: the next break starts over.
const GOOD_LIFE_MS: f64 = 20_000.0;
/// Close code of a session that has ended (RFC 6455: policy violation).
const SIGNED_OUT: u16 = 1008;

/// What happens on the line.
#[derive(Clone, Debug, PartialEq)]
pub enum LineEvent {
    /// It is open; what waited has gone out.
    Opened,
    /// The server says something.
    Heard(CoachEvent),
    /// It broke and will be tried again. `waiting` says whether a message has not gone out yet.
    Broken { waiting: bool },
    /// It could not be opened for a while; what waited is dropped. The next message tries again.
    GivenUp,
    /// The session has ended; it stays closed.
    SignedOut,
}

/// A page's hold on the line. Plain data, so that it can live in any closure; the line itself
/// stays in the browser's one thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoachLine(u32);

thread_local! {
    static LINE: RefCell<Option<Line>> = const { RefCell::new(None) };
    static NEXT: Cell<u32> = const { Cell::new(0) };
}

type Listener = Rc<dyn Fn(LineEvent)>;

struct Line {
    id: u32,
    listener: Listener,
    socket: Option<Wire>,
    queue: VecDeque<String>,
    failures: usize,
    /// When it last opened, in milliseconds of the browser's clock.
    opened_at: f64,
    retry: Option<TimeoutHandle>,
    signed_out: bool,
}

/// A socket with the callbacks that keep it heard; dropping it silences and closes it.
struct Wire {
    socket: WebSocket,
    _on_open: Closure<dyn FnMut(Event)>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}

impl CoachLine {
    /// Opens the line for a page; a line another page held is closed.
    pub fn open(listener: impl Fn(LineEvent) + 'static) -> Self {
        let id = NEXT.with(|next| {
            next.set(next.get().wrapping_add(1));
            next.get()
        });
        let line = Line {
            id,
            listener: Rc::new(listener),
            socket: None,
            queue: VecDeque::new(),
            failures: 0,
            opened_at: f64::INFINITY,
            retry: None,
            signed_out: false,
        };
        let earlier = LINE.with(|slot| slot.borrow_mut().replace(line));
        if let Some(retry) = earlier.and_then(|line| line.retry) {
            retry.clear();
        }
        connect(id);
        Self(id)
    }

    /// Sends a message, now or when the line is open again. False when it cannot be taken.
    pub fn send(self, message: &ClientMessage) -> bool {
        let Ok(json) = serde_json::to_string(message) else {
            return false;
        };
        let taken = with_line(self.0, |line| {
            if line.signed_out {
                return None;
            }
            if let Some(wire) = &line.socket
                && wire.socket.ready_state() == WebSocket::OPEN
            {
                return wire.socket.send_with_str(&json).ok().map(|()| false);
            }
            if line.queue.len() >= QUEUE_MAX {
                return None;
            }
            line.queue.push_back(json);
            // Something to send is reason enough to try at once.
            let is_down = line.socket.is_none();
            if is_down {
                line.failures = 0;
                if let Some(retry) = line.retry.take() {
                    retry.clear();
                }
            }
            Some(is_down)
        })
        .flatten();
        if taken == Some(true) {
            connect(self.0);
        }
        taken.is_some()
    }

    /// Whether a message would go out at once.
    pub fn is_open(self) -> bool {
        with_line(self.0, |line| {
            let wire = line.socket.as_ref();
            wire.is_some_and(|wire| wire.socket.ready_state() == WebSocket::OPEN)
        })
        .unwrap_or(false)
    }

    /// Takes back what has not gone out yet; true if there was something.
    pub fn take_back(self) -> bool {
        with_line(self.0, |line| {
            let waiting = !line.queue.is_empty();
            line.queue.clear();
            waiting
        })
        .unwrap_or(false)
    }

    /// Closes the line for good.
    pub fn close(self) {
        let line = LINE.with(|slot| {
            let mut slot = slot.borrow_mut();
            if slot.as_ref().is_some_and(|line| line.id == self.0) {
                slot.take()
            } else {
                None
            }
        });
        if let Some(retry) = line.and_then(|line| line.retry) {
            retry.clear();
        }
    }
}

fn with_line<T>(id: u32, act: impl FnOnce(&mut Line) -> T) -> Option<T> {
    LINE.with(|slot| {
        let mut slot = slot.borrow_mut();
        slot.as_mut().filter(|line| line.id == id).map(act)
    })
}

/// Tells the page, outside of any borrow: it may answer by sending.
fn tell(id: u32, event: LineEvent) {
    if let Some(listener) = with_line(id, |line| Rc::clone(&line.listener)) {
        listener(event);
    }
}

fn connect(id: u32) {
    match wire(id) {
        Some(wire) => {
            with_line(id, |line| {
                line.retry = None;
                line.socket = Some(wire);
            });
        }
        None => lost(id),
    }
}

fn wire(id: u32) -> Option<Wire> {
    let location = web_sys::window()?.location();
    let scheme = if location.protocol().ok()? == "https:" {
        "wss"
    } else {
        "ws"
    };
    let socket = WebSocket::new(&format!("{scheme}://{}{PATH}", location.host().ok()?)).ok()?;

    let on_open = Closure::<dyn FnMut(Event)>::new(move |_| opened(id));
    let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        // Another version of the server may know events this page does not: they are skipped.
        if let Some(event) = event
            .data()
            .as_string()
            .and_then(|text| serde_json::from_str(&text).ok())
        {
            tell(id, LineEvent::Heard(event));
        }
    });
    let on_close = Closure::<dyn FnMut(CloseEvent)>::new(move |event: CloseEvent| {
        if event.code() == SIGNED_OUT {
            let ended = with_line(id, |line| {
                line.signed_out = true;
                line.queue.clear();
                line.socket.take()
            });
            tell(id, LineEvent::SignedOut);
            drop_later(ended.flatten());
        } else {
            lost(id);
        }
    });
    socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
    socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
    socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
    Some(Wire {
        socket,
        _on_open: on_open,
        _on_message: on_message,
        _on_close: on_close,
    })
}

/// A callback must not be freed while it runs, so a wire is dropped after the current task.
fn drop_later(wire: Option<Wire>) {
    if let Some(wire) = wire {
        leptos::prelude::set_timeout(move || drop(wire), Duration::ZERO);
    }
}

fn opened(id: u32) {
    tell(id, LineEvent::Opened);
    with_line(id, |line| {
        line.opened_at = js_sys::Date::now();
        let Some(wire) = &line.socket else { return };
        while let Some(message) = line.queue.pop_front() {
            if wire.socket.send_with_str(&message).is_err() {
                line.queue.push_front(message);
                break;
            }
        }
    });
}

fn lost(id: u32) {
    let outcome = with_line(id, |line| {
        let old = line.socket.take();
        let waiting = !line.queue.is_empty();
        if js_sys::Date::now() - line.opened_at > GOOD_LIFE_MS {
            line.failures = 0;
        }
        line.opened_at = f64::INFINITY;
        let Some(wait) = BACKOFF_MS.get(line.failures) else {
            line.queue.clear();
            return (old, LineEvent::GivenUp);
        };
        line.failures += 1;
        line.retry =
            set_timeout_with_handle(move || connect(id), Duration::from_millis(*wait)).ok();
        (old, LineEvent::Broken { waiting })
    });
    if let Some((old, event)) = outcome {
        drop_later(old);
        tell(id, event);
    }
}
