//! How often one student, or one address, may do what costs the server work.
//! It knows keys and rates only, not what is being limited for.
//!
//! Memory is bounded: past [`KEYS_BEFORE_SWEEP`] keys, those whose allowance is full again are
//! forgotten.

use crate::config::Rates;
use app::model::id::UserId;
use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    state::keyed::DefaultKeyedStateStore,
};
use std::{hash::Hash, net::IpAddr, num::NonZeroU32, time::Duration};

/// Keys remembered before the idle ones are swept out: about 1 MB.
const KEYS_BEFORE_SWEEP: usize = 10_000;
/// Page views a student may have in a minute: more than anybody turns pages, in all her tabs.
const PAGE_VIEWS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(120).unwrap();
/// Heartbeats in a minute: one tab sends two, and one more whenever a page of a document or the tab is left.
const HEARTBEATS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).unwrap();
/// Pages of documents a student may have read in a minute. One counts after 3 seconds on screen, and nobody
/// looks at a dozen tabs.
const PAGE_READS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(240).unwrap();

/// An allowance for each key.
pub struct Limit<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock>,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    /// `count` at once, growing back evenly over `period`.
    fn new(count: NonZeroU32, period: Duration) -> Self {
        let quota = Quota::with_period(period / count.get())
            .unwrap_or_else(|| Quota::per_second(count))
            .allow_burst(count);
        Self {
            limiter: RateLimiter::keyed(quota),
        }
    }

    /// Takes one from the key's allowance.
    ///
    /// # Errors
    /// How long to wait, when the allowance is used up.
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        if self.limiter.len() > KEYS_BEFORE_SWEEP {
            self.limiter.retain_recent();
        }
        self.limiter
            .check_key(key)
            .map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }
}

/// The allowances of this server.
pub struct Limits {
    /// Questions a student may ask.
    pub questions: Limit<UserId>,
    /// Files a student may upload.
    pub uploads: Limit<UserId>,
    /// Searches a student's programs may make.
    pub searches: Limit<UserId>,
    /// Heartbeats of a student's open readers.
    pub heartbeats: Limit<UserId>,
    /// Pages of documents a student may have read.
    pub page_reads: Limit<UserId>,
    /// Page views whose figures a student's browser may send.
    pub page_views: Limit<UserId>,
    /// Accounts that may be asked for from one address.
    pub sign_ups: Limit<IpAddr>,
}

impl Limits {
    /// The allowances the configuration names.
    pub fn new(rates: &Rates) -> Self {
        const MINUTE: Duration = Duration::from_secs(60);
        const HOUR: Duration = Duration::from_secs(3_600);
        Self {
            questions: Limit::new(rates.questions_per_minute, MINUTE),
            uploads: Limit::new(rates.uploads_per_minute, MINUTE),
            searches: Limit::new(rates.searches_per_minute, MINUTE),
            heartbeats: Limit::new(HEARTBEATS_PER_MINUTE, MINUTE),
            page_reads: Limit::new(PAGE_READS_PER_MINUTE, MINUTE),
            page_views: Limit::new(PAGE_VIEWS_PER_MINUTE, MINUTE),
            sign_ups: Limit::new(rates.sign_ups_per_hour, HOUR),
        }
    }
}

/// A wait in words: "in 40 seconds", "in 3 minutes".
pub fn in_words(wait: Duration) -> String {
    let seconds = wait.as_secs().max(1);
    let (count, unit) = if seconds <= 90 {
        (seconds, "second")
    } else {
        (seconds.div_ceil(60), "minute")
    };
    format!("in {count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_ends_and_says_how_long_to_wait() {
        let limit = Limit::new(NonZeroU32::new(3).unwrap(), Duration::from_secs(60));
        for _ in 0..3 {
            assert!(limit.take(&1).is_ok());
        }
        let wait = limit.take(&1).unwrap_err();
        assert!(wait <= Duration::from_secs(20) && wait > Duration::from_secs(10));
        assert!(limit.take(&2).is_ok(), "another key has its own allowance");
    }

    #[test]
    fn waits_read_like_a_sentence() {
        assert_eq!(in_words(Duration::from_millis(10)), "in 1 second");
        assert_eq!(in_words(Duration::from_secs(61)), "in 61 seconds");
        assert_eq!(in_words(Duration::from_secs(91)), "in 2 minutes");
    }
}
