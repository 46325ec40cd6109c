//! The upload area. As plain HTML it is a multipart form; with a script, files are dropped or
//! chosen, queued, and sent one after the other with a progress bar each.

use super::{row::anchor, shelf::Shelf};
use crate::{
    browser::{
        self,
        kept::Kept,
        upload::{Step, send},
    },
    model::{id::MaterialId, material::UploadOutcome},
    ports::FormState,
    widgets::{
        icon::{Glyph, Icon},
        label,
    },
};
use leptos::{
    ev::{DragEvent, Event},
    html,
    prelude::*,
};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    time::Duration,
};
use web_sys::{File, FileList};

/// A file on its way, as a line below the upload area.
#[derive(Clone)]
struct Upload {
    key: u32,
    name: String,
    phase: ArcRwSignal<Phase>,
}

#[derive(Clone, PartialEq)]
enum Phase {
    Waiting,
    /// Per cent sent.
    Sending(u32),
    Duplicate {
        id: MaterialId,
        title: String,
    },
    Refused(String),
}

impl Phase {
    const fn is_over(&self) -> bool {
        matches!(self, Self::Duplicate { .. } | Self::Refused(_))
    }
}

/// Sends files one at a time; goes on when the student visits another page meanwhile.
struct Queue {
    shelf: Shelf,
    lines: RwSignal<Vec<Upload>>,
    waiting: RefCell<VecDeque<(File, Upload)>>,
    is_busy: Cell<bool>,
    next_key: Cell<u32>,
}

impl Queue {
    fn add(self: &Rc<Self>, files: &FileList) {
        self.lines.try_update(|lines| {
            lines.retain(|line| line.phase.with_untracked(|phase| !phase.is_over()));
        });
        let max_bytes = browser::file_max_bytes();
        for file in (0..files.length()).filter_map(|index| files.item(index)) {
            let key = self.next_key.get();
            self.next_key.set(key + 1);
            let is_too_large = file.size() > max_bytes;
            let phase = if is_too_large {
                Phase::Refused(too_large(file.size(), max_bytes))
            } else {
                Phase::Waiting
            };
            let line = Upload {
                key,
                name: file.name(),
                phase: ArcRwSignal::new(phase),
            };
            self.lines.try_update(|lines| lines.push(line.clone()));
            if !is_too_large {
                self.waiting.borrow_mut().push_back((file, line));
            }
        }
        self.next();
    }

    fn next(self: &Rc<Self>) {
        if self.is_busy.get() {
            return;
        }
        let Some((file, line)) = self.waiting.borrow_mut().pop_front() else {
            return;
        };
        self.is_busy.set(true);
        line.phase.set(Phase::Sending(0));
        let queue = Rc::clone(self);
        let again = file.clone();
        send(&file, move |step| match step {
            Step::Sent(percent) => line.phase.set(Phase::Sending(percent)),
            Step::Later(seconds) => {
                line.phase.set(Phase::Waiting);
                queue
                    .waiting
                    .borrow_mut()
                    .push_front((again.clone(), line.clone()));
                let queue = Rc::clone(&queue);
                set_timeout(
                    move || queue.go_on(),
                    Duration::from_secs(u64::from(seconds)),
                );
            }
            Step::Done(outcome) => {
                queue.settle(&line, outcome);
                queue.go_on();
            }
            Step::Failed(sentence) => {
                queue.refuse(&line, sentence);
                queue.go_on();
            }
        });
    }

    fn go_on(self: &Rc<Self>) {
        self.is_busy.set(false);
        self.next();
    }

    fn settle(&self, line: &Upload, outcome: UploadOutcome) {
        match outcome {
            UploadOutcome::Added { material } => {
                self.shelf
                    .say(material.title.clone() + " is in your library.");
                self.shelf.put(material);
                self.lines
                    .try_update(|lines| lines.retain(|other| other.key != line.key));
            }
            UploadOutcome::Duplicate { material } => {
                self.shelf
                    .say(line.name.clone() + " is already in your library.");
                line.phase.set(Phase::Duplicate {
                    id: material.id,
                    title: material.title.clone(),
                });
                self.shelf.put(material);
            }
            UploadOutcome::Refused { message, .. } => self.refuse(line, message),
        }
    }

    fn refuse(&self, line: &Upload, sentence: String) {
        self.shelf
            .say([&line.name, " was not added. ", &sentence].concat());
        line.phase.set(Phase::Refused(sentence));
    }
}

fn too_large(bytes: f64, max_bytes: f64) -> String {
    [
        "It has ",
        &label::size(bytes as u64),
        "; a file can have ",
        &label::size(max_bytes as u64),
        ". Split it, or save it with smaller pictures.",
    ]
    .concat()
}

/// The upload area and the files on their way.
#[component]
pub fn Uploads(shelf: Shelf) -> impl IntoView {
    let lines = RwSignal::new(Vec::<Upload>::new());
    let queue = Kept::<Rc<Queue>>::empty();
    let input = NodeRef::<html::Input>::new();
    let is_awake = RwSignal::new(false);
    let is_over = RwSignal::new(false);
    // The server knows the limit from its settings, the browser from the document's head.
    let limit = RwSignal::new(
        use_context::<FormState>()
            .map(|form| limit_hint(form.file_max_bytes))
            .unwrap_or_default(),
    );

    let take = move || {
        let Some(input) = input.get_untracked() else {
            return;
        };
        if let Some(files) = input.files().filter(|files| files.length() > 0) {
            queue.update(|queue| queue.add(&files));
            input.set_value("");
        }
    };
    Effect::new(move |_| {
        queue.keep(Rc::new(Queue {
            shelf,
            lines,
            waiting: RefCell::default(),
            is_busy: Cell::new(false),
            next_key: Cell::new(0),
        }));
        limit.set(limit_hint(browser::file_max_bytes() as u64));
        is_awake.set(true);
        // Files chosen before the page woke up.
        take();
    });
    let hover = move |event: DragEvent| {
        event.prevent_default();
        is_over.set(true);
    };
    let leave = move |_: DragEvent| is_over.set(false);
    let drop_files = move |event: DragEvent| {
        event.prevent_default();
        is_over.set(false);
        if let Some(files) = event.data_transfer().and_then(|data| data.files()) {
            queue.update(|queue| queue.add(&files));
        }
    };

    view! {
        <form
            class="drop"
            class:over=is_over
            class:awake=is_awake
            method="post"
            enctype="multipart/form-data"
            action="/library/upload"
            on:dragenter=hover
            on:dragover=hover
            on:dragleave=leave
            on:drop=drop_files
        >
            <Icon glyph=Glyph::Upload />
            <p>
                <label for="upload-input">"Choose documents"</label>
                <span class="or-drop">" or drop them here"</span>
            </p>
            <p class="hint">"PDF, Markdown or plain text" {move || limit.get()}</p>
            <input
                id="upload-input"
                data-testid="upload-input"
                type="file"
                name="file"
                multiple
                required
                accept=".pdf,.md,.markdown,.txt,application/pdf,text/markdown,text/plain"
                node_ref=input
                on:change=move |_: Event| take()
            />
            <button class="button" type="submit">"Upload"</button>
        </form>
        <ul class="uploads">
            <For each=move || lines.get() key=|line| line.key let:line>
                <Line line />
            </For>
        </ul>
    }
}

fn limit_hint(bytes: u64) -> String {
    if bytes == 0 {
        return String::new();
    }
    [", up to ", &label::size(bytes), " each"].concat()
}

#[component]
fn Line(line: Upload) -> impl IntoView {
    let phase = RwSignal::from(line.phase);
    view! {
        <li data-testid="upload-line">
            <span class="name">{line.name}</span>
            {move || match phase.get() {
                Phase::Waiting => view! { <span class="facts">"Waiting"</span> }.into_any(),
                Phase::Sending(percent) => view! {
                    <progress max="100" value=percent.to_string() aria-label="Sent"></progress>
                    <span class="facts">{if percent < 100 { percent.to_string() + " %" } else { "Storing".to_owned() }}</span>
                }.into_any(),
                Phase::Duplicate { id, title } => view! {
                    <span class="facts">
                        "Already in your library: "
                        <a href="#".to_owned() + &anchor(&id.to_string()) rel="external">{title}</a>
                    </span>
                }.into_any(),
                Phase::Refused(sentence) => view! { <span class="refusal">{sentence}</span> }.into_any(),
            }}
        </li>
    }
}
