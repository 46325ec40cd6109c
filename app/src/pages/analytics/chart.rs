//! One chart with its title and its table. Without a script only the table is there, and open.

use super::figures::explained;
use crate::{
    browser::{echarts::Drawing, kept::Kept},
    charts::LARGE_CELLS_DAYS,
    model::analytics::AnalyticsPage,
};
use leptos::{html, prelude::*};

/// What a chart looks like: how much room it needs, and what its colours mean.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Calendar,
    Trend,
    Hours,
}

/// Whether each chart's table is open. It belongs to the page: another period draws other charts, and
/// leaves open what was open.
#[derive(Clone, Copy)]
pub struct OpenTables(StoredValue<[bool; 3]>);

impl OpenTables {
    /// All of them closed.
    pub fn none() -> Self {
        Self(StoredValue::new([false; 3]))
    }

    fn has(self, look: Look) -> bool {
        self.0
            .try_with_value(|open| open[look as usize])
            .unwrap_or_default()
    }

    fn note(self, look: Look, is_open: bool) {
        self.0
            .try_update_value(|open| open[look as usize] = is_open);
    }
}

/// A chart that `option` takes from the page, `summary` puts into a sentence, and `table` says in
/// numbers. With the arrow keys one walks through its values, which are also said.
#[component]
pub fn ChartFigure(
    title: &'static str,
    meaning: &'static str,
    page: RwSignal<AnalyticsPage>,
    testid: &'static str,
    option: fn(&AnalyticsPage) -> String,
    summary: fn(&AnalyticsPage) -> String,
    table: fn(&AnalyticsPage) -> AnyView,
    look: Look,
) -> impl IntoView {
    let tables = expect_context::<OpenTables>();
    let details = NodeRef::<html::Details>::new();
    let note = move |_| {
        if let Some(details) = details.get_untracked() {
            tables.note(look, details.open());
        }
    };
    let place = NodeRef::<html::Div>::new();
    let drawing = Kept::<Drawing>::empty();
    let option = Memo::new(move |_| page.with(option));
    Effect::new(move |_| {
        let Some(element) = place.get() else { return };
        let option = option.get();
        if drawing.is_empty() {
            drawing.keep(Drawing::new(element.into(), option));
        } else {
            drawing.update(|drawing| drawing.update(option));
        }
    });
    // A period has one length as long as this stands.
    let days = page.with_untracked(|page| page.days.len());
    let class = match look {
        Look::Calendar if days <= LARGE_CELLS_DAYS => "chart heat short",
        Look::Calendar => "chart heat long",
        Look::Trend => "chart",
        Look::Hours => "chart heat hours",
    };
    view! {
        <figure class="chart-figure">
            <figcaption class="titled"><h2>{title}</h2>{explained(testid, title, meaning)}</figcaption>
            <div class="chart-scroll" tabindex="0" role="group" aria-label=title.to_owned() + " chart: walk through it with the arrow keys">
                <div
                    class=class
                    data-testid=testid
                    role="img"
                    aria-label=move || page.with(summary)
                    node_ref=place
                ></div>
            </div>
            <p class="visually-hidden" role="status"></p>
            {legend(look)}
            <details open=tables.has(look) on:toggle=note node_ref=details>
                <summary>"Show as table"</summary>
                {move || page.with(table)}
            </details>
        </figure>
    }
}

/// What the colours mean; the squares are styled like the chart's steps.
fn legend(look: Look) -> Option<AnyView> {
    let (least, most, frozen) = match look {
        Look::Calendar => ("0", "60 minutes or more", true),
        Look::Trend => return None,
        Look::Hours => ("no study time", "your busiest hour", false),
    };
    let steps = ["step-0", "step-1", "step-2", "step-3", "step-4"]
        .map(|class| view! { <i class=class></i> });
    Some(
        view! {
            <p class="heat-legend" aria-hidden="true">
                <span>{least}{Vec::from(steps)}{most}</span>
                {frozen.then(|| view! { <span><i class="frozen"></i>"kept by a freeze"</span> })}
            </p>
        }
        .into_any(),
    )
}
