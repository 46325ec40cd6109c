//! The files on their way, one after the other. In the browser only; it lives as long as the tab, so
//! that sending goes on while the student visits other pages.

use crate::{
    browser::upload::{self, End, Job, Step, chosen::Chosen, desk, fingerprint},
    model::{
        id::MaterialId,
        material::UploadOutcome,
        upload::{Allowance, FILES_AT_ONCE, Unfinished},
    },
    pages::library::shelf::Shelf,
    widgets::label,
};
use leptos::{prelude::*, task::spawn_local};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use web_sys::File;

/// A file on its way, as a line below the upload area.
#[derive(Clone)]
pub struct Upload {
    pub key: u32,
    pub name: String,
    pub phase: ArcRwSignal<Phase>,
}

#[derive(Clone, PartialEq)]
pub enum Phase {
    Waiting,
    /// Per cent sent.
    Sending(u32),
    /// Goes on by itself after so many seconds.
    Holding {
        seconds: u32,
        is_broken: bool,
    },
    Paused,
    /// Of an earlier visit: the browser needs the file again. Per cent the server has.
    Unfinished(u32),
    Duplicate {
        id: MaterialId,
        title: String,
    },
    /// May be tried again.
    Failed(String),
    Refused(String),
}

impl Phase {
    /// Whether it is being sent or will be by itself.
    pub const fn is_moving(&self) -> bool {
        matches!(
            self,
            Self::Waiting | Self::Sending(_) | Self::Holding { .. }
        )
    }

    /// Whether nothing more will become of it.
    const fn is_over(&self) -> bool {
        matches!(self, Self::Duplicate { .. } | Self::Refused(_))
    }
}

/// Sends files one at a time.
#[derive(Default)]
pub struct Queue {
    pub lines: ArcRwSignal<Vec<Upload>>,
    /// A word on the last choice: what was left out of it.
    pub note: ArcRwSignal<String>,
    /// Files that arrived since the queue was last empty.
    pub sent: ArcRwSignal<u32>,
    shelf: Cell<Option<Shelf>>,
    jobs: RefCell<Vec<(u32, Rc<Job>)>>,
    /// Lines of earlier visits.
    begun: RefCell<Vec<(u32, Unfinished)>>,
    is_busy: Cell<bool>,
    next_key: Cell<u32>,
}

thread_local! {
    static QUEUE: Rc<Queue> = Rc::default();
}

impl Queue {
    /// The tab's queue; from now on its news go to `shelf`.
    pub fn of_tab(shelf: Shelf) -> Rc<Self> {
        let queue = QUEUE.with(Rc::clone);
        queue.shelf.set(Some(shelf));
        queue
    }

    /// Asks the server what was begun and not finished.
    pub fn look_back(self: &Rc<Self>) {
        let queue = Rc::clone(self);
        spawn_local(async move {
            if let Some(desk) = desk().await {
                for upload in desk.unfinished {
                    queue.remember(upload);
                }
            }
        });
    }

    fn remember(&self, upload: Unfinished) {
        let is_known = self.jobs.borrow().iter().any(|(_, job)| job.is(&upload))
            || self
                .begun
                .borrow()
                .iter()
                .any(|(_, other)| other.id == upload.id);
        if is_known {
            return;
        }
        let percent = upload.received_bytes * 100 / upload.size_bytes.max(1);
        let line = self.line(upload.file_name.clone(), Phase::Unfinished(percent as u32));
        self.begun.borrow_mut().push((line.key, upload));
    }

    /// Takes in what was chosen: goes on with what was begun, refuses what cannot fit, queues the rest.
    pub fn add(self: &Rc<Self>, chosen: Chosen) {
        let queue = Rc::clone(self);
        spawn_local(async move {
            let allowance = desk().await.map(|desk| {
                for upload in desk.unfinished {
                    queue.remember(upload);
                }
                desk.allowance
            });
            queue.take(chosen, allowance);
        });
    }

    fn take(self: &Rc<Self>, chosen: Chosen, mut allowance: Option<Allowance>) {
        self.lines.update(|lines| {
            lines.retain(|line| !line.phase.with_untracked(Phase::is_over));
        });
        self.note.set(left_out(&chosen));
        for file in chosen.files {
            match self.begun(&file) {
                Some((key, upload)) => {
                    let job = Job::new(file, Some(upload.id));
                    self.jobs.borrow_mut().push((key, job));
                    self.set(key, Phase::Waiting);
                }
                None => match refusal(&file, &mut allowance) {
                    Some(sentence) => {
                        self.line(file.name(), Phase::Refused(sentence));
                    }
                    None => {
                        let line = self.line(file.name(), Phase::Waiting);
                        self.jobs
                            .borrow_mut()
                            .push((line.key, Job::new(file, None)));
                    }
                },
            }
        }
        self.next();
    }

    /// The upload of an earlier visit that this file belongs to.
    fn begun(&self, file: &File) -> Option<(u32, Unfinished)> {
        let fingerprint = fingerprint(file);
        let mut begun = self.begun.borrow_mut();
        let at = begun
            .iter()
            .position(|(_, upload)| fingerprint.is_some() && upload.fingerprint == fingerprint)?;
        Some(begun.swap_remove(at))
    }

    fn line(&self, name: String, phase: Phase) -> Upload {
        let key = self.next_key.get();
        self.next_key.set(key + 1);
        let phase = ArcRwSignal::new(phase);
        let line = Upload { key, name, phase };
        self.lines.update(|lines| lines.push(line.clone()));
        line
    }

    /// Pauses a file.
    pub fn pause(&self, key: u32) {
        self.set(key, Phase::Paused);
        if let Some(job) = self.job(key) {
            job.stop();
        }
    }

    /// Lets a paused or failed file go on.
    pub fn resume(self: &Rc<Self>, key: u32) {
        self.set(key, Phase::Waiting);
        self.next();
    }

    /// Takes a file out, and what the server has of it.
    pub fn remove(&self, key: u32) {
        self.lines
            .update(|lines| lines.retain(|line| line.key != key));
        if let Some(job) = self.forget(key) {
            spawn_local(async move { job.remove().await });
        }
        let mut begun = self.begun.borrow_mut();
        if let Some(at) = begun.iter().position(|(other, _)| *other == key) {
            let (_, upload) = begun.swap_remove(at);
            spawn_local(async move { upload::remove(&upload.id.to_string()).await });
        }
    }

    /// Pauses all that moves.
    pub fn pause_all(&self) {
        for line in self.lines.get_untracked() {
            if line.phase.with_untracked(Phase::is_moving) {
                self.pause(line.key);
            }
        }
    }

    /// Lets all go on that are paused.
    pub fn resume_all(self: &Rc<Self>) {
        for line in self.lines.get_untracked() {
            if line.phase.with_untracked(|phase| *phase == Phase::Paused) {
                line.phase.set(Phase::Waiting);
            }
        }
        self.next();
    }

    /// Takes everything out.
    pub fn remove_all(&self) {
        for line in self.lines.get_untracked() {
            self.remove(line.key);
        }
        self.note.set(String::new());
    }

    fn next(self: &Rc<Self>) {
        if self.is_busy.get() {
            return;
        }
        let waiting = self.lines.with_untracked(|lines| {
            lines
                .iter()
                .find(|line| line.phase.with_untracked(|phase| *phase == Phase::Waiting))
                .cloned()
        });
        let Some(line) = waiting else {
            return self.rest();
        };
        let Some(job) = self.job(line.key) else {
            return;
        };
        self.is_busy.set(true);
        line.phase.set(Phase::Sending(0));
        let queue = Rc::clone(self);
        spawn_local(async move {
            let phase = line.phase.clone();
            let is_sent = |phase: &Phase| phase.is_moving();
            let on_step = move |step| {
                // A paused file may still hear of its last piece.
                if phase.with_untracked(is_sent) {
                    phase.set(match step {
                        Step::Sent(percent) => Phase::Sending(percent),
                        Step::Waits { seconds, is_broken } => Phase::Holding { seconds, is_broken },
                    });
                }
            };
            let end = job.send(Rc::new(on_step)).await;
            queue.settle(&line, end);
            queue.is_busy.set(false);
            queue.next();
        });
    }

    /// Nothing waits any more: the count begins anew with the next choice.
    fn rest(&self) {
        let is_empty = self.lines.with_untracked(|lines| {
            lines
                .iter()
                .all(|line| line.phase.with_untracked(Phase::is_over))
        });
        if is_empty {
            self.sent.set(0);
        }
    }

    fn settle(&self, line: &Upload, end: End) {
        let outcome = match end {
            End::Stopped => return,
            End::Failed(sentence) => {
                self.say([&line.name, " was not sent. ", &sentence].concat());
                return line.phase.set(Phase::Failed(sentence));
            }
            End::Done(outcome) => outcome,
        };
        self.forget(line.key);
        self.sent.update(|sent| *sent += 1);
        match outcome {
            UploadOutcome::Added { material } => {
                self.say(material.title.clone() + " is in your library.");
                self.lines
                    .update(|lines| lines.retain(|other| other.key != line.key));
                self.put(material);
            }
            UploadOutcome::Duplicate { material } => {
                self.say(line.name.clone() + " is already in your library.");
                line.phase.set(Phase::Duplicate {
                    id: material.id,
                    title: material.title.clone(),
                });
                self.put(material);
            }
            UploadOutcome::Refused { message, .. } => {
                self.say([&line.name, " was not added. ", &message].concat());
                line.phase.set(Phase::Refused(message));
            }
        }
    }

    fn put(&self, material: crate::model::material::Material) {
        if let Some(shelf) = self.shelf.get() {
            shelf.put(material);
        }
    }

    fn say(&self, sentence: String) {
        if let Some(shelf) = self.shelf.get() {
            shelf.say(sentence);
        }
    }

    fn set(&self, key: u32, phase: Phase) {
        self.lines.with_untracked(|lines| {
            if let Some(line) = lines.iter().find(|line| line.key == key) {
                line.phase.set(phase);
            }
        });
    }

    fn job(&self, key: u32) -> Option<Rc<Job>> {
        let jobs = self.jobs.borrow();
        jobs.iter()
            .find(|(other, _)| *other == key)
            .map(|(_, job)| Rc::clone(job))
    }

    fn forget(&self, key: u32) -> Option<Rc<Job>> {
        let mut jobs = self.jobs.borrow_mut();
        let at = jobs.iter().position(|(other, _)| *other == key)?;
        Some(jobs.swap_remove(at).1)
    }
}

/// Why a file need not be sent at all; takes its room otherwise. The server checks again.
fn refusal(file: &File, allowance: &mut Option<Allowance>) -> Option<String> {
    let bytes = file.size() as u64;
    if bytes == 0 {
        return Some("This file is empty (0 bytes). Save it again and choose the new copy.".into());
    }
    let room = allowance.as_mut()?;
    if bytes > room.file_max_bytes {
        return Some(too_large(bytes, room.file_max_bytes));
    }
    if room.files_left == 0 {
        return Some("Your library holds as many documents as it may. Delete some you no longer need, then choose this file again.".into());
    }
    if bytes > room.bytes_left {
        let left = label::size(room.bytes_left);
        return Some(
            ["Your library has ", &left, " left, too little for this file. Delete something you no longer need, then choose it again."].concat(),
        );
    }
    room.files_left -= 1;
    room.bytes_left -= bytes;
    None
}

fn too_large(bytes: u64, max_bytes: u64) -> String {
    [
        "It has ",
        &label::size(bytes),
        "; a file can have ",
        &label::size(max_bytes),
        ". Split it, or save it with smaller pictures.",
    ]
    .concat()
}

/// What a choice held that is not in the queue.
fn left_out(chosen: &Chosen) -> String {
    let mut note = String::new();
    if chosen.left_out > 0 {
        note += &label::count(chosen.left_out, "file");
        note += " of the folder left out: no kind of document Studyin reads. ";
    }
    if chosen.has_more {
        note += "Only the first ";
        note += &FILES_AT_ONCE.to_string();
        note += " files were taken. Choose the others once these have arrived.";
    }
    note
}
