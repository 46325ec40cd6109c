//! Threads that work for several callers in turn: each thread takes one share of the next caller,
//! so that five pages are not kept waiting by a thousand. Knows nothing of models.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};
use tokio::sync::mpsc;

/// The threads; they end after this is dropped.
pub struct Turns<In, Out>(Arc<Shared<In, Out>>);

struct Shared<In, Out> {
    state: Mutex<State<In, Out>>,
    wake: Condvar,
}

struct State<In, Out> {
    /// Those with shares that no thread has taken yet; the next one's turn is in front.
    callers: VecDeque<Caller<In, Out>>,
    is_over: bool,
}

struct Caller<In, Out> {
    /// Never empty.
    shares: VecDeque<(usize, In)>,
    answers: mpsc::UnboundedSender<(usize, Out)>,
}

impl<In: Send + 'static, Out: Send + 'static> Turns<In, Out> {
    /// Starts `threads`; each works with what `worker` made for it.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start<Work>(threads: usize, worker: impl Fn() -> Work) -> io::Result<Self>
    where
        Work: FnMut(In) -> Out + Send + 'static,
    {
        let turns = Self(Arc::new(Shared {
            state: Mutex::new(State {
                callers: VecDeque::new(),
                is_over: false,
            }),
            wake: Condvar::new(),
        }));
        for number in 0..threads.max(1) {
            let (shared, mut work) = (Arc::clone(&turns.0), worker());
            thread::Builder::new()
                .name(format!("embed-{number}"))
                .spawn(move || {
                    while let Some((number, share, answers)) = shared.next() {
                        // Without its answer the caller notices that this share is lost.
                        if let Ok(done) = catch_unwind(AssertUnwindSafe(|| work(share))) {
                            let _ = answers.send((number, done));
                        }
                    }
                })?;
        }
        Ok(turns)
    }

    /// Hands in the shares of one caller. The answers come with the shares' numbers, in no order;
    /// fewer than shares when one was lost. Once the receiver is dropped, no further share is begun.
    pub fn submit(
        &self,
        shares: impl IntoIterator<Item = In>,
    ) -> mpsc::UnboundedReceiver<(usize, Out)> {
        let (answers, receiver) = mpsc::unbounded_channel();
        let shares: VecDeque<_> = shares.into_iter().enumerate().collect();
        if !shares.is_empty() {
            self.0.lock().callers.push_back(Caller { shares, answers });
            self.0.wake.notify_all();
        }
        receiver
    }
}

impl<In, Out> Drop for Turns<In, Out> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_over = true;
        state.callers.clear();
        self.0.wake.notify_all();
    }
}

/// A share with its number, and where its answer goes.
type Taken<In, Out> = (usize, In, mpsc::UnboundedSender<(usize, Out)>);

impl<In, Out> Shared<In, Out> {
    /// Waits for the next share; `None` when it is all over.
    fn next(&self) -> Option<Taken<In, Out>> {
        let mut state = self.lock();
        loop {
            if state.is_over {
                return None;
            }
            match state.take() {
                Some(taken) => return Some(taken),
                None => {
                    state = self
                        .wake
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner)
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<In, Out>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<In, Out> State<In, Out> {
    fn take(&mut self) -> Option<Taken<In, Out>> {
        while let Some(mut caller) = self.callers.pop_front() {
            if caller.answers.is_closed() {
                continue;
            }
            if let Some((number, share)) = caller.shares.pop_front() {
                let answers = caller.answers.clone();
                if !caller.shares.is_empty() {
                    self.callers.push_back(caller);
                }
                return Some((number, share, answers));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc as std_mpsc;

    /// One thread that reports what it begins and goes on when it is let.
    fn slow() -> (
        Turns<&'static str, &'static str>,
        std_mpsc::Receiver<&'static str>,
        std_mpsc::Sender<()>,
    ) {
        let (begun, reports) = std_mpsc::channel();
        let (go, gate) = std_mpsc::channel();
        let gate = Arc::new(Mutex::new(gate));
        let turns = Turns::start(1, || {
            let (begun, gate) = (begun.clone(), Arc::clone(&gate));
            move |share| {
                let _ = begun.send(share);
                let _ = gate.lock().unwrap().recv();
                assert!(share != "panic");
                share
            }
        })
        .unwrap();
        (turns, reports, go)
    }

    #[tokio::test]
    async fn a_short_list_is_done_before_a_long_one_that_came_first() {
        let (turns, begun, go) = slow();
        let _long = turns.submit(["long 1", "long 2", "long 3", "long 4"]);
        assert_eq!(begun.recv().unwrap(), "long 1");
        let mut short = turns.submit(["short 1", "short 2"]);
        let mut order = Vec::new();
        for _ in 0..4 {
            go.send(()).unwrap();
            order.push(begun.recv().unwrap());
        }
        assert_eq!(order, ["long 2", "short 1", "long 3", "short 2"]);
        go.send(()).unwrap();
        assert_eq!(short.recv().await, Some((0, "short 1")));
        assert_eq!(short.recv().await, Some((1, "short 2")));
        assert_eq!(short.recv().await, None);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_begun() {
        let (turns, begun, go) = slow();
        let dropped = turns.submit(["dropped 1", "dropped 2", "dropped 3"]);
        assert_eq!(begun.recv().unwrap(), "dropped 1");
        let _kept = turns.submit(["kept"]);
        drop(dropped);
        go.send(()).unwrap();
        assert_eq!(begun.recv().unwrap(), "kept");
    }

    #[tokio::test]
    async fn a_panic_costs_its_share_and_nothing_else() {
        let (turns, _begun, go) = slow();
        let mut answers = turns.submit(["panic", "fine"]);
        go.send(()).unwrap();
        go.send(()).unwrap();
        assert_eq!(answers.recv().await, Some((1, "fine")));
        assert_eq!(answers.recv().await, None);
    }

    #[tokio::test]
    async fn nothing_is_answered_at_once() {
        let (turns, _begun, _go) = slow();
        assert_eq!(turns.submit([]).recv().await, None);
    }
}
