//! Counts failed attempts per key within a span of time, and says when to try again.
//! It knows neither accounts nor addresses, only keys. Memory is bounded by [`KEYS_MAX`].
//!
//! An attempt counts as failed from its beginning and is taken back when it succeeds, so that many
//! at once cannot slip past the limit, and an abandoned one still counts.

use crate::clock::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Keys remembered at most: about 1 MB.
const KEYS_MAX: usize = 10_000;

struct Window {
    failures: u32,
    ends: DateTime<Utc>,
}

/// A limit on failures, for each key.
pub struct Throttle {
    clock: Clock,
    failures_max: u32,
    span: TimeDelta,
    windows: Mutex<HashMap<String, Window>>,
}

/// An attempt under way; it stays counted unless [`Attempt::succeeded`] is called.
#[must_use]
pub struct Attempt<'a> {
    throttle: &'a Throttle,
    key: String,
}

impl Throttle {
    /// At most `failures_max` within `span` of the first.
    pub fn new(clock: Clock, failures_max: u32, span: TimeDelta) -> Self {
        Self {
            clock,
            failures_max,
            span,
            windows: Mutex::default(),
        }
    }

    /// Begins an attempt.
    ///
    /// # Errors
    /// How long to wait, when too many have failed.
    pub fn begin(&self, key: &str) -> Result<Attempt<'_>, Duration> {
        let now = self.clock.now();
        let mut windows = self.lock();
        if windows.len() >= KEYS_MAX && !windows.contains_key(key) {
            make_room(&mut windows, now);
        }
        let window = windows.entry(key.to_owned()).or_insert(Window {
            failures: 0,
            ends: now + self.span,
        });
        if window.ends <= now {
            *window = Window {
                failures: 0,
                ends: now + self.span,
            };
        }
        if window.failures >= self.failures_max {
            return Err((window.ends - now).to_std().unwrap_or_default());
        }
        window.failures += 1;
        Ok(Attempt {
            throttle: self,
            key: key.to_owned(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Window>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// Takes the attempt back from the count.
    pub fn succeeded(self) {
        let mut windows = self.throttle.lock();
        if let Some(window) = windows.get_mut(&self.key) {
            window.failures = window.failures.saturating_sub(1);
            if window.failures == 0 {
                windows.remove(&self.key);
            }
        }
    }
}

/// Drops what has ended; if that frees nothing, the window that would end first.
fn make_room(windows: &mut HashMap<String, Window>, now: DateTime<Utc>) {
    windows.retain(|_, window| window.ends > now);
    if windows.len() >= KEYS_MAX
        && let Some(first) = windows
            .iter()
            .min_by_key(|(_, window)| window.ends)
            .map(|(key, _)| key.clone())
    {
        windows.remove(&first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    fn throttle(failures: u32) -> (Throttle, Arc<AtomicI64>) {
        let seconds = Arc::new(AtomicI64::new(1_800_000_000));
        let driven = Arc::clone(&seconds);
        let clock = Clock::driven_by(move || {
            DateTime::from_timestamp(driven.load(Ordering::SeqCst), 0).unwrap_or_default()
        });
        (
            Throttle::new(clock, failures, TimeDelta::minutes(15)),
            seconds,
        )
    }

    #[test]
    fn failures_close_the_door_until_the_span_is_over() {
        let (throttle, seconds) = throttle(3);
        for _ in 0..3 {
            drop(throttle.begin("mara").unwrap());
        }
        assert_eq!(throttle.begin("mara").err(), Some(Duration::from_secs(900)));
        assert!(throttle.begin("jon").is_ok());
        seconds.fetch_add(900, Ordering::SeqCst);
        assert!(throttle.begin("mara").is_ok());
    }

    #[test]
    fn successes_never_add_up() {
        let (throttle, _) = throttle(2);
        for _ in 0..10 {
            throttle.begin("mara").unwrap().succeeded();
        }
        assert!(throttle.lock().is_empty());
    }

    #[test]
    fn attempts_at_the_same_time_cannot_pass_the_limit() {
        let (throttle, _) = throttle(2);
        let _first = throttle.begin("mara").unwrap();
        let _second = throttle.begin("mara").unwrap();
        assert!(throttle.begin("mara").is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let (throttle, _) = throttle(2);
        for key in 0..KEYS_MAX + 10 {
            drop(throttle.begin(&key.to_string()).unwrap());
        }
        assert!(throttle.lock().len() <= KEYS_MAX);
    }
}
