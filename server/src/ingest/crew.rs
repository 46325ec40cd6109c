//! Which due job to begin next, and how to stop one. Knows only what this process works on; the rows
//! say who holds a job.
//!
//! Reading is quick, embedding is not: a document whose text is stored gives its place to the next one,
//! so that a whole folder can soon be searched by its words while the vectors follow.
//!
//! Work of one student fills the cores. Beyond that there are places for students of whom nothing is
//! being worked on, so that somebody's fifty documents, or her one of a thousand pages, never keep
//! another's first one waiting; the machine then shares its cores between them.

use crate::store::jobs::Job;
use app::model::id::{MaterialId, UserId};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::available_parallelism,
};
use tokio_util::sync::CancellationToken;

/// Documents worked on beyond the cores, each of another student: a child process of some 50 MB
/// each, and more would only slow each other down.
const EXTRA_PLACES: usize = 8;
/// Documents that are being embedded or wait for their turn to be: each holds a lease and a few
/// batches of text, some 100 KB. A folder of more is read when the first are done.
const EMBEDDING_MAX: usize = 64;
/// Fewest documents worked on side by side, also on one core: one may wait for its child process
/// while the other one is embedded.
const PLACES_MIN: usize = 2;

/// The jobs under way.
#[derive(Clone)]
pub struct Crew {
    working: Arc<Mutex<HashMap<MaterialId, Working>>>,
    /// Documents of anybody that are being read.
    places: usize,
}

struct Working {
    user: UserId,
    /// Its text is still being read.
    is_reading: bool,
    cancel: CancellationToken,
}

/// A job that is being worked on, until this is dropped.
pub struct Shift {
    pub job: Job,
    pub cancel: CancellationToken,
    crew: Crew,
}

impl Default for Crew {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self::of(cores.max(PLACES_MIN))
    }
}

impl Crew {
    fn of(places: usize) -> Self {
        Self {
            working: Arc::default(),
            places,
        }
    }

    /// Jobs of one student that can be begun together at most.
    pub fn places(&self) -> usize {
        self.places
    }

    /// Takes the next of the `due` jobs, which come in order: of the student of whom least is being
    /// worked on, the first.
    pub fn take(&self, due: &[Job], can_embed: bool, stop: &CancellationToken) -> Option<Shift> {
        let mut working = self.lock();
        let reading = working.values().filter(|w| w.is_reading).count();
        let embedding = working.len() - reading;
        let of_user = |user: UserId| working.values().filter(|w| w.user == user).count();
        let read_of = |user: UserId| {
            let reads = |w: &&Working| w.user == user && w.is_reading;
            working.values().filter(reads).count()
        };
        let job = due
            .iter()
            .filter(|job| !working.contains_key(&job.material))
            .filter(|job| match job.reads() {
                true if reading < self.places => true,
                true => reading < self.places + EXTRA_PLACES && read_of(job.user) == 0,
                false => can_embed,
            })
            .filter(|job| embedding < EMBEDDING_MAX || of_user(job.user) == 0)
            .min_by_key(|job| of_user(job.user))?
            .clone();
        if working.len() >= EMBEDDING_MAX + self.places + EXTRA_PLACES {
            return None;
        }
        let cancel = stop.child_token();
        working.insert(
            job.material,
            Working {
                user: job.user,
                is_reading: job.reads(),
                cancel: cancel.clone(),
            },
        );
        Some(Shift {
            job,
            cancel,
            crew: self.clone(),
        })
    }

    /// The text of a material is stored; what is left of its job needs no place.
    pub fn has_read(&self, material: MaterialId) {
        if let Some(working) = self.lock().get_mut(&material) {
            working.is_reading = false;
        }
    }

    /// Stops the work on a material, if there is any.
    pub fn cancel(&self, material: MaterialId) {
        if let Some(working) = self.lock().get(&material) {
            working.cancel.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MaterialId, Working>> {
        self.working.lock().unwrap_or_else(PoisonError::into_inner)
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
    use crate::store::jobs::Kind;
    use uuid::Uuid;

    fn job(material: u128, user: u128, kind: Kind) -> Job {
        Job {
            material: MaterialId::new(Uuid::from_u128(material)),
            user: UserId::new(Uuid::from_u128(user)),
            kind,
            attempt: 0,
            text_is_stored: false,
        }
    }

    fn number(shift: Option<&Shift>) -> Option<u128> {
        shift.map(|shift| shift.job.material.uuid().as_u128())
    }

    #[test]
    fn a_waiting_student_goes_before_anybodys_second_job() {
        let crew = Crew::of(2);
        let stop = CancellationToken::new();
        let due = [
            job(1, 1, Kind::Read),
            job(2, 1, Kind::Read),
            job(3, 2, Kind::Read),
        ];
        let first = crew.take(&due, true, &stop);
        let second = crew.take(&due, true, &stop);
        assert_eq!(number(first.as_ref()), Some(1));
        assert_eq!(number(second.as_ref()), Some(3));
        assert!(crew.take(&due, true, &stop).is_none(), "both are busy");
        drop(first);
        assert_eq!(number(crew.take(&due, true, &stop).as_ref()), Some(1));
    }

    #[test]
    fn a_student_of_whom_nothing_is_worked_on_finds_a_place_beside_a_full_crew() {
        let crew = Crew::of(2);
        let stop = CancellationToken::new();
        let fifty: Vec<Job> = (1..=50).map(|n| job(n, 1, Kind::Read)).collect();
        let _first = crew.take(&fifty, true, &stop).unwrap();
        let _second = crew.take(&fifty, true, &stop).unwrap();
        assert!(crew.take(&fifty, true, &stop).is_none());
        let mut due = fifty;
        due.push(job(51, 2, Kind::Read));
        due.push(job(52, 2, Kind::Read));
        let other = crew.take(&due, true, &stop);
        assert_eq!(number(other.as_ref()), Some(51));
        assert!(crew.take(&due, true, &stop).is_none(), "one is enough");
    }

    #[test]
    fn making_vectors_keeps_no_place_from_reading() {
        let crew = Crew::of(2);
        let stop = CancellationToken::new();
        let due = [job(1, 1, Kind::Embed), job(2, 2, Kind::Embed)];
        assert!(crew.take(&due, false, &stop).is_none(), "no model yet");
        let _vectors = [crew.take(&due, true, &stop), crew.take(&due, true, &stop)];
        let folder: Vec<Job> = (3..=9).map(|n| job(n, 1, Kind::Read)).collect();
        let third = crew.take(&folder, true, &stop).unwrap();
        let _fourth = crew.take(&folder, true, &stop).unwrap();
        assert!(crew.take(&folder, true, &stop).is_none(), "two are read");
        crew.has_read(third.job.material);
        let next = crew.take(&folder, true, &stop);
        assert_eq!(number(next.as_ref()), Some(5));
    }

    #[test]
    fn a_folder_waits_when_many_documents_wait_for_their_vectors_but_no_other_student_does() {
        let crew = Crew::of(2);
        let stop = CancellationToken::new();
        let mut folder: Vec<Job> = (1..=200).map(|n| job(n, 1, Kind::Read)).collect();
        let mut shifts = Vec::new();
        while let Some(shift) = crew.take(&folder, true, &stop) {
            crew.has_read(shift.job.material);
            shifts.push(shift);
        }
        assert_eq!(shifts.len(), EMBEDDING_MAX);
        folder.push(job(201, 2, Kind::Read));
        assert_eq!(number(crew.take(&folder, true, &stop).as_ref()), Some(201));
    }

    #[test]
    fn cancelling_reaches_the_job_and_no_other() {
        let crew = Crew::of(2);
        let stop = CancellationToken::new();
        let shift = crew.take(&[job(1, 1, Kind::Read)], true, &stop).unwrap();
        crew.cancel(MaterialId::new(Uuid::from_u128(2)));
        assert!(!shift.cancel.is_cancelled());
        crew.cancel(shift.job.material);
        assert!(shift.cancel.is_cancelled() && !stop.is_cancelled());
    }
}
