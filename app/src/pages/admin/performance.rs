//! `/admin/performance`: how fast the pages were for the students, for the owner of the server.

use crate::{
    api::admin::performance,
    model::vitals::{PerformancePage, Verdict, Vital, VitalFigures},
    ports::AnswerStatus,
    widgets::notice::Problem,
};
use leptos::prelude::*;
use leptos_meta::Title;

/// The owner's page of what browsers measured.
#[component]
pub fn Performance() -> impl IntoView {
    let page = Resource::new(|| (), |()| performance());
    let status = use_context::<AnswerStatus>();
    view! {
        <Title text="Performance" />
        <div class="performance">
            <h1>"Performance"</h1>
            <Transition fallback=|| view! { <div class="skeleton"></div> }>
                {move || {
                    let status = status.clone();
                    Suspend::new(async move {
                        match page.await {
                            Ok(page) => view! { <Page page /> }.into_any(),
                            Err(error) => {
                                if let Some(status) = status {
                                    (status.0)(error.status());
                                }
                                view! { <Problem error /> }.into_any()
                            }
                        }
                    })
                }}
            </Transition>
        </div>
    }
}

#[component]
fn Page(page: PerformancePage) -> impl IntoView {
    let days = page.days.to_string();
    if page.figures.is_empty() {
        return view! {
            <p>"Nothing has been measured in the last " {days} " days. Browsers send their figures when a page is left."</p>
        }
        .into_any();
    }
    let rows = page.figures.into_iter().map(row).collect_view();
    view! {
        <p>
            "What students' browsers measured in the last " {days}
            " days, as counts that name no student. The figures are estimates from those counts."
        </p>
        <div class="scroll" tabindex="0" role="region" aria-label="Figures of the pages">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Page"</th>
                        <th scope="col">"Figure"</th>
                        <th scope="col">"Views"</th>
                        <th scope="col">"p50"</th>
                        <th scope="col">"p75"</th>
                        <th scope="col">"p95"</th>
                        <th scope="col">"At p75"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        <dl>{Vital::ALL.map(meaning).collect_view()}</dl>
    }
    .into_any()
}

fn row(one: VitalFigures) -> impl IntoView {
    let vital = one.vital;
    let (word, class) = verdict(vital.verdict(one.p75));
    view! {
        <tr>
            <th scope="row">{one.route}</th>
            <td>{title(vital)}</td>
            <td>{one.views}</td>
            <td>{value(vital, one.p50)}</td>
            <td>{value(vital, one.p75)}</td>
            <td>{value(vital, one.p95)}</td>
            <td class=class>{word}</td>
        </tr>
    }
}

fn meaning(vital: Vital) -> impl IntoView {
    let (good, not_poor) = vital.bounds();
    view! {
        <dt>{title(vital)}</dt>
        <dd>
            {sentence(vital)} " Good up to " {value(vital, good)} ", poor above " {value(vital, not_poor)} "."
        </dd>
    }
}

const fn title(vital: Vital) -> &'static str {
    match vital {
        Vital::Lcp => "LCP",
        Vital::Inp => "INP",
        Vital::Cls => "CLS",
        Vital::Ttfb => "TTFB",
    }
}

const fn sentence(vital: Vital) -> &'static str {
    match vital {
        Vital::Lcp => "Until the largest part of the page was there.",
        Vital::Inp => "From a click or a key until the page showed what it did.",
        Vital::Cls => "How much of the page moved by itself, as a share of the window.",
        Vital::Ttfb => "Until the server's answer began.",
    }
}

const fn verdict(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Good => ("good", "good"),
        Verdict::NeedsWork => ("needs work", ""),
        Verdict::Poor => ("poor", "poor"),
    }
}

/// `1250 ms`, or `0.012` for what has no unit.
fn value(vital: Vital, value: u32) -> String {
    if vital != Vital::Cls {
        return value.to_string() + " ms";
    }
    let thousandths = (value % 1_000 + 1_000).to_string();
    [&(value / 1_000).to_string(), ".", &thousandths[1..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_are_written_as_a_share_and_times_in_milliseconds() {
        for (thousandths, text) in [
            (0, "0.000"),
            (12, "0.012"),
            (100, "0.100"),
            (1_250, "1.250"),
        ] {
            assert_eq!(value(Vital::Cls, thousandths), text);
        }
        assert_eq!(value(Vital::Lcp, 1_250), "1250 ms");
    }
}
