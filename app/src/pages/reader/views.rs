//! What is shown and how large: the text, the page as it looks, or both; the page from half to three
//! times the width it is given.
//!
//! The choice is a set of radio buttons that style sheets look at, so it works before, and without,
//! any script; the script only remembers it.

use crate::browser::remember;
use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;

/// Widths a page may be shown at, in percent of what it is given; style/reader.css knows them too.
const STEPS: [u32; 8] = [50, 75, 100, 125, 150, 200, 250, 300];
/// The one it begins with.
const WHOLE: usize = 2;
/// What the choice is remembered under.
const REMEMBERED: &str = "reader-view";
const CHOICES: [(&str, &str); 3] = [("both", "Both"), ("text", "Text"), ("page", "Page")];

/// How large the page is shown.
#[derive(Clone, Copy)]
pub struct Zoom(RwSignal<usize>);

impl Zoom {
    pub fn new() -> Self {
        Self(RwSignal::new(WHOLE))
    }

    /// In percent.
    pub fn percent(self) -> u32 {
        STEPS.get(self.0.get()).copied().unwrap_or(100)
    }

    pub fn larger(self) {
        self.0
            .update(|step| *step = (*step + 1).min(STEPS.len() - 1));
    }

    pub fn smaller(self) {
        self.0.update(|step| *step = step.saturating_sub(1));
    }

    pub fn whole(self) {
        self.0.set(WHOLE);
    }
}

/// The two choices as a toolbar.
#[component]
pub fn Views(zoom: Zoom) -> impl IntoView {
    let set = NodeRef::<html::Fieldset>::new();
    Effect::new(move |_| {
        let (Some(set), Some(choice)) = (set.get(), remember::read(REMEMBERED)) else {
            return;
        };
        // Only words of ours can be chosen, whatever is stored there.
        let known = CHOICES.iter().find(|(value, _)| *value == choice);
        let input = known.and_then(|(value, _)| {
            set.query_selector(&["input[value=", value, "]"].concat())
                .ok()
                .flatten()
        });
        if let Some(input) =
            input.and_then(|input| input.dyn_into::<web_sys::HtmlInputElement>().ok())
        {
            input.set_checked(true);
        }
    });
    let choose = move |event| remember::write(REMEMBERED, &event_target_value(&event));
    view! {
        <fieldset class="views" node_ref=set on:change=choose>
            <legend class="visually-hidden">"Show"</legend>
            {CHOICES
                .map(|(value, word)| view! {
                    <label>
                        <input type="radio" name="view" value=value checked=value == "both" autocomplete="off" />
                        <span>{word}</span>
                    </label>
                })
                .into_iter()
                .collect_view()}
        </fieldset>
        <div class="zoom needs-script" role="group" aria-label="Size of the page">
            <button type="button" class="button quiet" aria-label="Smaller" on:click=move |_| zoom.smaller()>"\u{2212}"</button>
            <button type="button" class="button quiet" aria-label="As wide as it fits" data-testid="zoom" on:click=move |_| zoom.whole()>
                {move || zoom.percent()} " %"
            </button>
            <button type="button" class="button quiet" aria-label="Larger" on:click=move |_| zoom.larger()>"+"</button>
        </div>
    }
}
