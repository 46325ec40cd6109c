//! Which uploads a piece is arriving for: one at a time each. In memory, since a connection does not
//! outlive its process.

use app::model::id::UploadId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio_util::sync::CancellationToken;

type Running = Arc<Mutex<HashMap<UploadId, CancellationToken>>>;

/// The uploads at work.
#[derive(Default)]
pub struct AtWork(Running);

/// The right to move one upload on, until it is dropped.
pub struct Turn {
    id: UploadId,
    stop: CancellationToken,
    running: Running,
}

impl AtWork {
    /// Takes the upload's turn, which also ends when `stopping` does; `None` while another has it.
    pub fn take(&self, id: UploadId, stopping: &CancellationToken) -> Option<Turn> {
        let mut running = lock(&self.0);
        if running.contains_key(&id) {
            return None;
        }
        let stop = stopping.child_token();
        running.insert(id, stop.clone());
        Some(Turn {
            id,
            stop,
            running: Arc::clone(&self.0),
        })
    }

    /// Asks whoever has the upload's turn to end it.
    pub fn stop(&self, id: UploadId) {
        if let Some(stop) = lock(&self.0).get(&id) {
            stop.cancel();
        }
    }
}

impl Turn {
    /// Cancelled when the turn is to end early.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.id);
    }
}

fn lock(running: &Running) -> MutexGuard<'_, HashMap<UploadId, CancellationToken>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn an_upload_has_one_turn_at_a_time() {
        let at_work = AtWork::default();
        let (one, other) = (
            UploadId::new(Uuid::from_u128(1)),
            UploadId::new(Uuid::from_u128(2)),
        );
        let stopping = CancellationToken::new();
        let turn = at_work.take(one, &stopping).unwrap();
        assert!(at_work.take(one, &stopping).is_none());
        let second = at_work.take(other, &stopping).unwrap();
        at_work.stop(one);
        assert!(turn.stop().is_cancelled() && !second.stop().is_cancelled());
        drop(turn);
        assert!(at_work.take(one, &stopping).is_some());
        stopping.cancel();
        assert!(second.stop().is_cancelled());
    }
}
