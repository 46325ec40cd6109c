//! One chart with its title and its table. Without a script only the table is there.

use crate::{browser::{echarts::Drawing, kept::Kept}, charts::LARGE_CELLS_DAYS, model::analytics::AnalyticsPage};
use leptos::{html, prelude::*};

/// A chart that `option` takes from the page, `summary` puts into a sentence, and `children` show
/// as a table.
#[component]
pub fn ChartFigure(
    title: &'static str,
    page: RwSignal<AnalyticsPage>,
    testid: &'static str,
    option: fn(&AnalyticsPage) -> String,
    summary: fn(&AnalyticsPage) -> String,
    /// Whether its colours need a legend.
    heat: bool,
    children: Children,
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
    let size = move || {
        page.with(|page| {
            if page.days.len() <= LARGE_CELLS_DAYS {
                "short"
            } else {
                "long"
            }
        })
    };
    view! {
        <figure class="chart-figure">
            <figcaption><h2>{title}</h2></figcaption>
            <div class="chart-scroll" tabindex="0" role="group" aria-label=title.to_owned() + " chart">
                <div
                    class="chart"
                    class:heat=heat
                    data-size=size
                    data-testid=testid
                    role="img"
                    aria-label=move || page.with(summary)
                    node_ref=place
                ></div>
            </div>
            {heat.then(|| view! { <HeatLegend /> })}
            <details>
                <summary>"Show as table"</summary>
                {children()}
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
