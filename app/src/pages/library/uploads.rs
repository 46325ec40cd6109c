//! The upload area. As plain HTML it is a multipart form; with a script, files and folders are
//! dropped or chosen, queued, and sent one after the other with a progress bar each.

mod line;
mod queue;

use super::shelf::Shelf;
use crate::{
    browser::{
        self,
        kept::Kept,
        upload::chosen::{Chosen, entries, walk},
    },
    model::upload::ACCEPT,
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
    task::spawn_local,
};
use line::Line;
use queue::{Phase, Queue, Upload};
use std::rc::Rc;

/// The upload area and the files on their way.
#[component]
pub fn Uploads(shelf: Shelf) -> impl IntoView {
    let lines = RwSignal::new(Vec::<Upload>::new());
    let note = RwSignal::new(String::new());
    let sent = RwSignal::new(0);
    let queue = Kept::<Rc<Queue>>::empty();
    let input = NodeRef::<html::Input>::new();
    let folder = NodeRef::<html::Input>::new();
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
            queue.update(|queue| queue.add(Chosen::files(&files)));
            input.set_value("");
        }
    };
    let take_folder = move || {
        let Some(input) = folder.get_untracked() else {
            return;
        };
        if let Some(files) = input.files().filter(|files| files.length() > 0) {
            queue.update(|queue| queue.add(Chosen::folder(&files)));
            input.set_value("");
        }
    };
    Effect::new(move |_| {
        let of_tab = Queue::of_tab(shelf);
        of_tab.look_back();
        queue.keep(of_tab);
        limit.set(limit_hint(browser::file_max_bytes() as u64));
        is_awake.set(true);
        // Files chosen before the page woke up.
        take();
    });
    // The queue outlives the page: its news are copied into the page's own signals.
    Effect::new(move |_| {
        is_awake.track();
        queue.update(|queue| {
            lines.set(queue.lines.get());
            note.set(queue.note.get());
            sent.set(queue.sent.get());
        });
    });
    Effect::new(move |_| {
        if let Some(input) = folder.get() {
            // Known to every browser, and to no standard.
            let _ = input.set_attribute("webkitdirectory", "");
        }
    });
    let hover = move |event: DragEvent| {
        event.prevent_default();
        is_over.set(true);
    };
    let leave = move |_: DragEvent| is_over.set(false);
    let drop_files = move |event: DragEvent| {
        event.prevent_default();
        is_over.set(false);
        if let Some(data) = event.data_transfer() {
            let dropped = entries(&data);
            let files = data.files();
            queue.update(|queue| {
                let queue = Rc::clone(queue);
                spawn_local(async move {
                    let chosen = match files {
                        // Something that hands out files and no entries.
                        Some(files) if dropped.is_empty() => Chosen::files(&files),
                        _ => walk(dropped).await,
                    };
                    queue.add(chosen);
                });
            });
        }
    };
    let choose_folder = move |_| {
        if let Some(input) = folder.get_untracked() {
            input.click();
        }
    };

    view! {
        <div class="sending">
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
                    <span class="or-drop">" or drop them here, folders too"</span>
                </p>
                <p class="hint" id="upload-hint">
                    "PDF, Word, PowerPoint, Excel, web pages, EPUB books, Markdown, plain text, and pictures of pages"
                    {move || limit.get()}
                </p>
                <input
                    id="upload-input"
                    data-testid="upload-input"
                    type="file"
                    name="file"
                    multiple
                    required
                    accept=ACCEPT
                    aria-describedby="upload-hint"
                    node_ref=input
                    on:change=move |_: Event| take()
                />
                <button class="button" type="submit">"Upload"</button>
            </form>
            <p class="folder" class:awake=is_awake>
                <button class="link" type="button" on:click=choose_folder>"Choose a whole folder"</button>
                <input
                    data-testid="folder-input"
                    type="file"
                    hidden
                    multiple
                    node_ref=folder
                    on:change=move |_: Event| take_folder()
                />
            </p>
            {move || Some(note.get()).filter(|note| !note.is_empty()).map(|note| view! {
                <p class="hint" role="status">{note}</p>
            })}
            <Together lines sent queue />
            <ul class="uploads">
                <For each=move || lines.get() key=|line| line.key let:line>
                    <Line line queue />
                </For>
            </ul>
        </div>
    }
}

/// All files at once, when there are several.
#[component]
fn Together(
    lines: RwSignal<Vec<Upload>>,
    sent: RwSignal<u32>,
    queue: Kept<Rc<Queue>>,
) -> impl IntoView {
    // How many move, how many are paused, how many are still to come.
    let counts = Memo::new(move |_| {
        let (mut moving, mut paused) = (0, 0);
        for line in lines.get() {
            line.phase.with(|phase| {
                moving += u32::from(phase.is_moving());
                paused += u32::from(*phase == Phase::Paused);
            });
        }
        (moving, paused)
    });
    let is_shown = Memo::new(move |_| {
        let (moving, paused) = counts.get();
        moving + paused > 1 || (moving + paused > 0 && sent.get() > 0)
    });
    view! {
        {move || is_shown.get().then(|| view! {
            <p class="together" data-testid="sending-together">
                <span class="facts">
                    {move || {
                        let (moving, paused) = counts.get();
                        let total = sent.get() + moving + paused;
                        [&sent.get().to_string(), " of ", &label::count(u64::from(total), "file"), " sent"].concat()
                    }}
                </span>
                <span class="row-actions">
                    {move || (counts.get().0 > 0).then(|| view! {
                        <button class="link" type="button" on:click=move |_| queue.update(|queue| queue.pause_all())>"Pause all"</button>
                    })}
                    {move || (counts.get().1 > 0).then(|| view! {
                        <button class="link" type="button" on:click=move |_| queue.update(|queue| queue.resume_all())>"Resume all"</button>
                    })}
                    <button class="link" type="button" on:click=move |_| queue.update(|queue| queue.remove_all())>"Remove all"</button>
                </span>
            </p>
        })}
    }
}

fn limit_hint(bytes: u64) -> String {
    if bytes == 0 {
        return String::new();
    }
    [", up to ", &label::size(bytes), " each"].concat()
}
