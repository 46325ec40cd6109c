//! One chart with its title and its table. Without a script only the table is there, and open.

use super::figures::explained;
use crate::charts::LARGE_CELLS_DAYS;
use leptos::prelude::*;

/// What a chart looks like: how much room it needs, and what its colours mean.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A calendar with room for large cells.
    ShortCalendar,
    LongCalendar,
    Trend,
    Hours,
}

impl Look {
    /// That of a calendar of so many days.
    pub fn calendar(days: usize) -> Self {
        if days <= LARGE_CELLS_DAYS {
            Self::ShortCalendar
        } else {
            Self::LongCalendar
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::ShortCalendar => "chart heat short",
            Self::LongCalendar => "chart heat long",
            Self::Trend => "chart",
            Self::Hours => "chart heat hours",
        }
    }
}

/// A chart of `option`, the JSON of an ECharts option, which `summary` puts into a sentence and `table`
/// says in numbers. With the arrow keys one walks through its values, which are also said.
#[component]
pub fn ChartFigure(
    title: &'static str,
    meaning: &'static str,
    testid: &'static str,
    option: String,
    summary: String,
    table: AnyView,
    look: Look,
) -> impl IntoView {
    view! {
        <figure class="chart-figure">
            <figcaption class="titled"><h2>{title}</h2>{explained(testid, title, meaning)}</figcaption>
            <div class="chart-scroll" tabindex="0" role="group" aria-label=title.to_owned() + " chart: walk through it with the arrow keys">
                <div
                    class=look.class()
                    data-testid=testid
                    role="img"
                    aria-label=summary
                    data-part=""
                    data-option=option
                ></div>
            </div>
            <p class="visually-hidden" role="status"></p>
            {legend(look)}
            <details>
                <summary>"Show as table"</summary>
                <div data-part="">{table}</div>
            </details>
        </figure>
    }
}

/// What the colours mean; the squares are styled like the chart's steps.
fn legend(look: Look) -> Option<AnyView> {
    let (least, most, frozen) = match look {
        Look::ShortCalendar | Look::LongCalendar => ("0", "60 minutes or more", true),
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
