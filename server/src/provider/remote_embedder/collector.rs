//! Texts of several callers on their way into shared calls: one of each caller in turn, a short
//! wait for more while a call is not full. Knows nothing of services.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, timeout_at},
};

/// One text and where its answer goes.
pub struct Waiting<Out> {
    pub text: String,
    pub number: usize,
    pub answers: mpsc::UnboundedSender<(usize, Out)>,
}

/// The texts that wait.
pub struct Collector<Out> {
    callers: Mutex<VecDeque<Caller<Out>>>,
    more: Notify,
}

struct Caller<Out> {
    /// Never empty.
    texts: VecDeque<(usize, String)>,
    answers: mpsc::UnboundedSender<(usize, Out)>,
}

impl<Out> Default for Collector<Out> {
    fn default() -> Self {
        Self {
            callers: Mutex::default(),
            more: Notify::new(),
        }
    }
}

impl<Out> Collector<Out> {
    /// Hands in the texts of one caller. The answers come with the texts' numbers, in no order.
    /// Texts that were not taken yet when the receiver is dropped never are.
    pub fn submit(
        &self,
        texts: impl IntoIterator<Item = String>,
    ) -> mpsc::UnboundedReceiver<(usize, Out)> {
        let (answers, receiver) = mpsc::unbounded_channel();
        let texts: VecDeque<_> = texts.into_iter().enumerate().collect();
        if !texts.is_empty() {
            self.lock().push_back(Caller { texts, answers });
            self.more.notify_one();
        }
        receiver
    }

    /// The next texts for one call: as soon as there are `most`, or `linger` after the first.
    pub async fn take(&self, most: usize, linger: Duration) -> Vec<Waiting<Out>> {
        let mut taken = Vec::new();
        let mut until = None;
        loop {
            self.take_now(most, &mut taken);
            if taken.len() >= most {
                return taken;
            }
            let more = self.more.notified();
            if taken.is_empty() {
                more.await;
                continue;
            }
            let until = *until.get_or_insert_with(|| Instant::now() + linger);
            if timeout_at(until, more).await.is_err() {
                return taken;
            }
        }
    }

    fn take_now(&self, most: usize, taken: &mut Vec<Waiting<Out>>) {
        let mut callers = self.lock();
        while taken.len() < most
            && let Some(mut caller) = callers.pop_front()
        {
            if caller.answers.is_closed() {
                continue;
            }
            if let Some((number, text)) = caller.texts.pop_front() {
                taken.push(Waiting {
                    text,
                    number,
                    answers: caller.answers.clone(),
                });
                if !caller.texts.is_empty() {
                    callers.push_back(caller);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Caller<Out>>> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// Whoever waits this long in a test hangs.
    const FOR_EVER: Duration = Duration::from_secs(86_400);

    fn texts(name: &str, count: usize) -> Vec<String> {
        (0..count).map(|number| format!("{name}{number}")).collect()
    }

    fn names(taken: &[Waiting<()>]) -> Vec<&str> {
        taken.iter().map(|waiting| waiting.text.as_str()).collect()
    }

    #[tokio::test]
    async fn callers_take_turns_so_that_a_few_texts_do_not_wait_for_many() {
        let collector = Collector::<()>::default();
        let _many = collector.submit(texts("m", 100));
        let _few = collector.submit(texts("f", 2));
        assert_eq!(
            names(&collector.take(4, FOR_EVER).await),
            ["m0", "f0", "m1", "f1"]
        );
        assert_eq!(names(&collector.take(2, FOR_EVER).await), ["m2", "m3"]);
    }

    #[tokio::test]
    async fn a_call_that_is_not_full_waits_for_others_but_not_for_ever() {
        let collector = Arc::new(Collector::<()>::default());
        let taking = tokio::spawn({
            let collector = Arc::clone(&collector);
            async move { collector.take(2, FOR_EVER).await.len() }
        });
        let _first = collector.submit(texts("a", 1));
        while !collector.lock().is_empty() {
            tokio::task::yield_now().await;
        }
        let _second = collector.submit(texts("b", 1));
        assert_eq!(taking.await.unwrap(), 2);

        let _third = collector.submit(texts("c", 1));
        let linger = Duration::from_millis(1);
        assert_eq!(names(&collector.take(2, linger).await), ["c0"]);
    }

    #[tokio::test]
    async fn texts_nobody_waits_for_are_left_out() {
        let collector = Collector::<()>::default();
        drop(collector.submit(texts("gone", 5)));
        let _answers = collector.submit(texts("here", 1));
        assert_eq!(names(&collector.take(1, FOR_EVER).await), ["here0"]);
    }
}
