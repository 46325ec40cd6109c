//! Places where a test may end the process as a power cut would. A server never does: nothing but a
//! test program can say what is to happen there, by calling [`on_reach`] before it starts a server
//! of its own; no setting leads here.

use std::sync::OnceLock;

type Hook = Box<dyn Fn(&str) + Send + Sync>;

static HOOK: OnceLock<Hook> = OnceLock::new();

/// Calls `hook` with the name of every place that is reached from now on. The first caller wins.
pub fn on_reach(hook: impl Fn(&str) + Send + Sync + 'static) {
    // A second hook would be a mistake of the test, which then sees the first one's effects.
    let _ = HOOK.set(Box::new(hook));
}

/// Says that `place` is reached.
pub fn reached(place: &str) {
    if let Some(hook) = HOOK.get() {
        hook(place);
    }
}
