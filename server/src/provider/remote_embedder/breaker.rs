//! Leaves a failing service alone for a while, then tries it with one call; and keeps retries from
//! making a service's bad time worse. Knows nothing of what a call is about.

use super::{Patience, trouble::Trouble};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Failed calls in a row after which the service is left alone.
const FAILURES_MAX: u32 = 5;
/// Retries that may be made before any call succeeded.
const RETRIES_AT_FIRST: f32 = 10.0;
/// Retries that each success allows: a service that works is asked a tenth more than once.
const RETRIES_PER_SUCCESS: f32 = 0.1;

/// Decides whether the service is asked now.
pub struct Breaker {
    patience: Patience,
    state: Mutex<State>,
    /// Tests turn it forward.
    now: Box<dyn Fn() -> Instant + Send + Sync>,
}

struct State {
    failures: u32,
    retries: f32,
    rest: Option<Rest>,
}

struct Rest {
    until: Instant,
    length: Duration,
    why: Trouble,
    is_being_tried: bool,
}

impl Breaker {
    /// One that lets calls through.
    pub fn new(patience: Patience) -> Self {
        Self::driven_by(patience, Instant::now)
    }

    fn driven_by(patience: Patience, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self {
            now: Box::new(now),
            patience,
            state: Mutex::new(State {
                failures: 0,
                retries: RETRIES_AT_FIRST,
                rest: None,
            }),
        }
    }

    /// Lets a call through. After a rest only one, until that one has succeeded.
    pub fn admit(&self) -> Result<Pass<'_>, Trouble> {
        let mut state = self.lock();
        let is_trial = match &mut state.rest {
            None => false,
            Some(rest) if rest.is_being_tried || (self.now)() < rest.until => {
                return Err(Trouble::Resting {
                    why: Box::new(rest.why.clone()),
                });
            }
            Some(rest) => {
                rest.is_being_tried = true;
                true
            }
        };
        Ok(Pass {
            breaker: self,
            is_trial,
        })
    }

    /// Whether a call may be tried again; takes it from what the successes allow.
    pub fn allows_retry(&self) -> bool {
        let mut state = self.lock();
        let allowed = state.retries >= 1.0 && state.rest.is_none();
        if allowed {
            state.retries -= 1.0;
        }
        allowed
    }

    /// Why the service is left alone, and for how much longer.
    pub fn resting(&self) -> Option<(Trouble, Duration)> {
        let state = self.lock();
        let rest = state.rest.as_ref()?;
        let wait = rest.until.saturating_duration_since((self.now)());
        Some((rest.why.clone(), wait))
    }

    /// Leaves the service alone from now on.
    pub fn open(&self, why: &Trouble) {
        let mut state = self.lock();
        let length = match &state.rest {
            Some(rest) => rest.length.saturating_mul(2),
            None => self.patience.rest,
        };
        let length = length
            .max(why.retry_after().unwrap_or_default())
            .min(self.patience.rest_max);
        tracing::warn!(%why, rest.seconds = length.as_secs(), "embedder.resting");
        state.rest = Some(Rest {
            until: (self.now)() + length,
            length,
            why: why.clone(),
            is_being_tried: false,
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that was let through. Dropped without a word (the caller gave up), it says nothing.
pub struct Pass<'a> {
    breaker: &'a Breaker,
    is_trial: bool,
}

impl Pass<'_> {
    /// The service works.
    pub fn succeeded(self) {
        let mut state = self.breaker.lock();
        state.failures = 0;
        state.retries = (state.retries + RETRIES_PER_SUCCESS).min(RETRIES_AT_FIRST);
        // A call from before the rest must not end it: others have failed since.
        if self.is_trial && state.rest.take().is_some() {
            tracing::info!("embedder.works_again");
        }
    }

    /// The service does not work.
    pub fn failed(self, trouble: &Trouble) {
        let opens = {
            let mut state = self.breaker.lock();
            state.failures += 1;
            let asks_for_long = trouble
                .retry_after()
                .is_some_and(|asked| asked > self.breaker.patience.retry_max);
            let is_enough =
                state.failures >= FAILURES_MAX || !trouble.is_passing() || asks_for_long;
            self.is_trial || (is_enough && state.rest.is_none())
        };
        if opens {
            self.breaker.open(trouble);
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_trial
            && let Some(rest) = &mut self.breaker.lock().rest
        {
            rest.is_being_tried = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    /// A breaker, and what turns its clock forward.
    fn with_clock() -> (Breaker, impl Fn(Duration)) {
        let ahead = Arc::new(AtomicU64::new(0));
        let (start, seen) = (Instant::now(), Arc::clone(&ahead));
        let now = move || start + Duration::from_millis(seen.load(Ordering::SeqCst));
        let advance = move |time: Duration| {
            let time = u64::try_from(time.as_millis()).unwrap();
            ahead.fetch_add(time, Ordering::SeqCst);
        };
        (Breaker::driven_by(Patience::default(), now), advance)
    }

    const FAILED: Trouble = Trouble::ServerFailed { status: 500 };

    fn fail(breaker: &Breaker, times: u32) {
        for _ in 0..times {
            breaker.admit().unwrap().failed(&FAILED);
        }
    }

    #[test]
    fn five_failures_in_a_row_bring_a_rest_and_one_success_ends_it() {
        let patience = Patience::default();
        let (breaker, advance) = with_clock();
        fail(&breaker, 4);
        breaker.admit().unwrap().succeeded();
        fail(&breaker, 4);
        assert!(breaker.resting().is_none());
        fail(&breaker, 1);
        assert_eq!(breaker.resting(), Some((FAILED, patience.rest)));
        assert!(matches!(breaker.admit(), Err(Trouble::Resting { .. })));
        assert!(!breaker.allows_retry());

        advance(patience.rest);
        let trial = breaker.admit().unwrap();
        assert!(breaker.admit().is_err(), "only one call tries");
        trial.succeeded();
        assert!(breaker.resting().is_none() && breaker.admit().is_ok());
    }

    #[test]
    fn a_trial_that_fails_doubles_the_rest_up_to_its_bound() {
        let patience = Patience::default();
        let (breaker, advance) = with_clock();
        fail(&breaker, 5);
        let mut rests = Vec::new();
        for _ in 0..8 {
            let (_, wait) = breaker.resting().unwrap();
            rests.push(wait);
            advance(wait);
            fail(&breaker, 1);
        }
        assert_eq!(rests[1], patience.rest * 2);
        assert_eq!(rests[7], patience.rest_max);
    }

    #[test]
    fn a_trial_that_is_given_up_leaves_room_for_the_next() {
        let patience = Patience::default();
        let (breaker, advance) = with_clock();
        fail(&breaker, 5);
        advance(patience.rest);
        drop(breaker.admit().unwrap());
        breaker.admit().unwrap().succeeded();
        assert!(breaker.resting().is_none());
    }

    #[test]
    fn a_refused_key_and_a_long_wait_asked_for_bring_a_rest_at_once() {
        let patience = Patience::default();
        let (breaker, _) = with_clock();
        breaker.admit().unwrap().failed(&Trouble::KeyRefused);
        assert_eq!(
            breaker.resting(),
            Some((Trouble::KeyRefused, patience.rest))
        );

        let (breaker, _) = with_clock();
        let limited = |seconds| Trouble::Limited {
            retry_after: Some(Duration::from_secs(seconds)),
        };
        breaker.admit().unwrap().failed(&limited(1));
        assert!(breaker.resting().is_none());
        breaker.admit().unwrap().failed(&limited(120));
        let (_, wait) = breaker.resting().unwrap();
        assert_eq!(wait, Duration::from_secs(120));
    }

    #[test]
    fn retries_are_bounded_by_successes() {
        let breaker = Breaker::new(Patience::default());
        let count = || (0..100).filter(|_| breaker.allows_retry()).count();
        assert_eq!(count(), 10);
        for _ in 0..21 {
            breaker.admit().unwrap().succeeded();
        }
        assert_eq!(count(), 2);
    }
}
