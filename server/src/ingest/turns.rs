//! Whose texts are embedded next. All materials share the embedder batch by batch; a free turn goes
//! to the waiting student who has been served least recently, so that neither a long document nor
//! fifty documents of one student keep another's five pages waiting for more than a batch. Of one
//! student's documents the one that is nearest to its end goes first: most are ready soonest so.

use app::model::id::UserId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// Students remembered who wait for nothing now; forgetting one only makes her next turn early.
const REMEMBERED_MAX: usize = 1_000;

/// The turns there are. Cheap to clone; all clones share them.
#[derive(Clone)]
pub struct Turns(Arc<Mutex<Desk>>);

struct Desk {
    free: usize,
    waiting: Vec<Waiting>,
    /// When each student was last served, as the number of that turn.
    served: HashMap<UserId, u64>,
    turns: u64,
}

struct Waiting {
    user: UserId,
    /// Passages its document has to go.
    left: usize,
    call: oneshot::Sender<Turn>,
}

/// The right to embed one batch, until it is dropped.
pub struct Turn(Turns);

impl Turns {
    /// `at_once` batches may be under way together.
    pub fn new(at_once: usize) -> Self {
        Self(Arc::new(Mutex::new(Desk {
            free: at_once,
            waiting: Vec::new(),
            served: HashMap::new(),
            turns: 0,
        })))
    }

    /// Waits for the turn of `user`'s document that has `left` passages to go. Dropping the future leaves the queue. `None` is never answered while
    /// these turns exist.
    pub async fn take(&self, user: UserId, left: usize) -> Option<Turn> {
        let (call, called) = oneshot::channel();
        self.lock().waiting.push(Waiting { user, left, call });
        self.hand_out();
        called.await.ok()
    }

    fn hand_out(&self) {
        loop {
            let next = {
                let mut desk = self.lock();
                desk.waiting.retain(|waiting| !waiting.call.is_closed());
                if desk.free == 0 {
                    return;
                }
                let Some(next) = desk.next() else { return };
                desk.free -= 1;
                next
            };
            // One who has just left gives the turn back at once. Not under the lock, for that does.
            drop(next.call.send(Turn(self.clone())));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    fn next(&mut self) -> Option<Waiting> {
        let served = &self.served;
        let (at, _) = self.waiting.iter().enumerate().min_by_key(|(_, waiting)| {
            let last = served.get(&waiting.user).copied().unwrap_or_default();
            (last, waiting.left)
        })?;
        let next = self.waiting.remove(at);
        if self.served.len() >= REMEMBERED_MAX {
            self.served.clear();
        }
        self.turns += 1;
        self.served.insert(next.user, self.turns);
        Some(next)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.lock().free += 1;
        self.0.hand_out();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use uuid::Uuid;

    fn user(number: u128) -> UserId {
        UserId::new(Uuid::from_u128(number))
    }

    #[tokio::test]
    async fn a_newcomer_goes_before_those_who_were_just_served() {
        let turns = Turns::new(1);
        let first = turns.take(user(1), 10).await.unwrap();
        let mut again = Box::pin(turns.take(user(1), 10));
        let mut once_more = Box::pin(turns.take(user(1), 10));
        assert!((&mut again).now_or_never().is_none());
        assert!((&mut once_more).now_or_never().is_none());
        let mut other = Box::pin(turns.take(user(2), 10));
        assert!((&mut other).now_or_never().is_none());
        drop(first);
        let others = other.now_or_never().flatten().unwrap();
        assert!((&mut again).now_or_never().is_none(), "one at a time");
        drop(others);
        assert!(again.now_or_never().flatten().is_some());
    }

    #[tokio::test]
    async fn whoever_leaves_the_queue_holds_up_nobody() {
        let turns = Turns::new(1);
        let first = turns.take(user(1), 10).await.unwrap();
        let mut left = Box::pin(turns.take(user(2), 10));
        assert!((&mut left).now_or_never().is_none());
        let mut stays = Box::pin(turns.take(user(3), 10));
        assert!((&mut stays).now_or_never().is_none());
        drop(left);
        drop(first);
        assert!(stays.now_or_never().flatten().is_some());
    }

    #[tokio::test]
    async fn of_one_students_documents_the_one_nearest_its_end_goes_first() {
        let turns = Turns::new(1);
        let first = turns.take(user(1), 900).await.unwrap();
        let mut long = Box::pin(turns.take(user(1), 884));
        assert!((&mut long).now_or_never().is_none());
        let mut short = Box::pin(turns.take(user(1), 5));
        assert!((&mut short).now_or_never().is_none());
        drop(first);
        let shorts = short.now_or_never().flatten().unwrap();
        assert!((&mut long).now_or_never().is_none());
        drop(shorts);
        assert!(long.now_or_never().flatten().is_some());
    }
}
