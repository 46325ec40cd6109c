//! One chart with its title and its table. Without a script only the table is there.

use crate::{
    browser::{echarts::Drawing, kept::Kept},
    charts::LARGE_CELLS_DAYS,
    model::analytics::AnalyticsPage,
};
use leptos::{html, prelude::*};

/// A chart that `option` takes from the page, `summary` puts into a sentence, and `table` says in
/// numbers.
#[component]
pub fn ChartFigure(
    title: &'static str,
    page: RwSignal<AnalyticsPage>,
    testid: &'static str,
    option: fn(&AnalyticsPage) -> String,
    summary: fn(&AnalyticsPage) -> String,
    table: fn(&AnalyticsPage) -> AnyView,
    /// Whether its colours need one.
    legend: bool,
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
    let class = match (legend, days <= LARGE_CELLS_DAYS) {
        (true, true) => "chart heat short",
        (true, false) => "chart heat long",
        (false, _) => "chart",
    };
    view! {
        <figure class="chart-figure">
            <figcaption><h2>{title}</h2></figcaption>
            <div class="chart-scroll" tabindex="0" role="group" aria-label=title.to_owned() + " chart">
                <div
                    class=class
                    data-testid=testid
                    role="img"
                    aria-label=move || page.with(summary)
                    node_ref=place
                ></div>
            </div>
            {legend.then(|| view! { <HeatLegend /> })}
            <details>
                <summary>"Show as table"</summary>
                {move || page.with(table)}
            </details>
        </figure>
    }
}

/// What the colours of the calendar mean; its squares are styled like the chart's steps.
#[component]
fn HeatLegend() -> impl IntoView {
    view! {
        <p class="heat-legend" aria-hidden="true">
            <span>
                "0"
                <i class="step-0"></i><i class="step-1"></i><i class="step-2"></i><i class="step-3"></i><i class="step-4"></i>
                "60 minutes or more"
            </span>
            <span><i class="frozen"></i>"kept by a freeze"</span>
        </p>
    }
}
