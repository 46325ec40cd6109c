//! One chart with its title and its table. Without a script only the table is there.

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
            <details>
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
