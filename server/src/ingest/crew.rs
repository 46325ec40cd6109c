//! Who works on what right now: which due job to take next, and how to stop one. In memory only;
//! after a crash nobody works on anything, which is the truth.

use crate::store::jobs::{Job, Kind};
use app::model::id::{MaterialId, UserId};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// Documents worked on side by side. Extraction is one process each and embedding uses all cores
/// anyway, so more would only take memory.
pub const WORKERS: usize = 2;
/// Of these, how many may be catching up on vectors while a new upload could come in.
const EMBEDDING_MAX: usize = 1;

/// The jobs under way.
#[derive(Clone, Default)]
pub struct Crew(Arc<Mutex<HashMap<MaterialId, Working>>>);

struct Working {
    user: UserId,
    kind: Kind,
    cancel: CancellationToken,
}

/// A job that is being worked on, until this is dropped.
pub struct Shift {
    pub job: Job,
    pub cancel: CancellationToken,
    crew: Crew,
}

impl Crew {
    /// Takes the next of the `due` jobs, which come in order; nobody's second job goes before
    /// somebody else's first.
    pub fn take(&self, due: Vec<Job>, can_embed: bool, stop: &CancellationToken) -> Option<Shift> {
        let mut working = self.lock();
        let embedding = working.values().filter(|w| w.kind == Kind::Embed).count();
        let mut open: Vec<Job> = due
            .into_iter()
            .filter(|job| !working.contains_key(&job.material))
            .filter(|job| job.kind == Kind::Read || (can_embed && embedding < EMBEDDING_MAX))
            .collect();
        if working.len() >= WORKERS || open.is_empty() {
            return None;
        }
        let next = open
            .iter()
            .position(|job| !working.values().any(|w| w.user == job.user))
            .unwrap_or(0);
        let job = open.swap_remove(next);
        let cancel = stop.child_token();
        working.insert(
            job.material,
            Working {
                user: job.user,
                kind: job.kind,
                cancel: cancel.clone(),
            },
        );
        Some(Shift {
            job,
            cancel,
            crew: self.clone(),
        })
    }

    /// Stops the work on a material, if there is any.
    pub fn cancel(&self, material: MaterialId) {
        if let Some(working) = self.lock().get(&material) {
            working.cancel.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MaterialId, Working>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shift {
    fn drop(&mut self) {
        self.crew.lock().remove(&self.job.material);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn job(material: u128, user: u128, kind: Kind) -> Job {
        Job {
            material: MaterialId::new(Uuid::from_u128(material)),
            user: UserId::new(Uuid::from_u128(user)),
            kind,
            attempt: 0,
        }
    }

    fn number(shift: Option<&Shift>) -> Option<u128> {
        shift.map(|shift| shift.job.material.uuid().as_u128())
    }

    #[test]
    fn a_waiting_user_goes_before_anybodys_second_job() {
        let crew = Crew::default();
        let stop = CancellationToken::new();
        let due = vec![
            job(1, 1, Kind::Read),
            job(2, 1, Kind::Read),
            job(3, 2, Kind::Read),
        ];
        let first = crew.take(due.clone(), true, &stop);
        let second = crew.take(due.clone(), true, &stop);
        assert_eq!(number(first.as_ref()), Some(1));
        assert_eq!(number(second.as_ref()), Some(3));
        assert!(
            crew.take(due.clone(), true, &stop).is_none(),
            "both are busy"
        );
        drop(first);
        assert_eq!(number(crew.take(due, true, &stop).as_ref()), Some(1));
    }

    #[test]
    fn catching_up_on_vectors_leaves_a_worker_for_uploads() {
        let crew = Crew::default();
        let stop = CancellationToken::new();
        let due = vec![job(1, 1, Kind::Embed), job(2, 2, Kind::Embed)];
        assert!(
            crew.take(due.clone(), false, &stop).is_none(),
            "no model yet"
        );
        let first = crew.take(due.clone(), true, &stop);
        assert_eq!(number(first.as_ref()), Some(1));
        assert!(crew.take(due, true, &stop).is_none());
        let upload = crew.take(vec![job(3, 1, Kind::Read)], true, &stop);
        assert_eq!(number(upload.as_ref()), Some(3));
    }

    #[test]
    fn cancelling_reaches_the_job_and_no_other() {
        let crew = Crew::default();
        let stop = CancellationToken::new();
        let shift = crew.take(vec![job(1, 1, Kind::Read)], true, &stop).unwrap();
        crew.cancel(MaterialId::new(Uuid::from_u128(2)));
        assert!(!shift.cancel.is_cancelled());
        crew.cancel(shift.job.material);
        assert!(shift.cancel.is_cancelled() && !stop.is_cancelled());
    }
}
