//! The page as it looks in the original: a picture the server has drawn, with the passage and the
//! places found marked on it. An uploaded photo or scan is shown as it is.

use super::{Desk, address::picture_address, is_readable};
use crate::{
    api,
    error::AppError,
    model::material::{Area, HighlightRequest, PICTURE_WIDTHS, Span},
};
use leptos::{prelude::*, svg};
use serde::{Deserialize, Serialize};
use web_sys::{ScrollIntoViewOptions, ScrollLogicalPosition};

/// Below this many pixels the text stands above the picture, and is what one is led to.
const BESIDE_FROM_PX: f64 = 1_000.0;

/// Where something is on the picture.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Place {
    areas: Vec<Area>,
    /// The passage that was asked for, rather than one more place where the words stand.
    is_passage: bool,
}

/// The marks of a page: what could be placed, and whether the passage was asked for in vain.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
struct Marks {
    places: Vec<Place>,
    is_passage_missing: bool,
}

/// The picture of the page in the address.
#[component]
pub fn PagePicture(desk: Desk, is_drawn: bool) -> impl IntoView {
    let exists = move || {
        let (page, pages) = (desk.page(), desk.pages());
        page >= 1 && (pages == 0 || page <= pages)
    };
    view! {
        <section class="picture-pane" aria-label="The page as it looks" data-zoom=move || desk.zoom.percent().to_string()>
            {move || exists().then(|| view! {
                <div class="sheet">
                    {if is_drawn {
                        view! { <Drawn desk page=desk.page() /> }.into_any()
                    } else {
                        view! {
                            <img
                                data-testid="page-picture"
                                src="/files/".to_owned() + &desk.material.to_string()
                                alt=move || desk.live.with(|material| material.title.clone())
                                decoding="async"
                            />
                        }
                        .into_any()
                    }}
                </div>
            })}
        </section>
    }
}

#[component]
fn Drawn(desk: Desk, page: u32) -> impl IntoView {
    let [_, usual, large] = PICTURE_WIDTHS;
    let source = picture_address(desk.material, page, usual);
    let enlarged = picture_address(desk.material, page, large);
    let sources = [
        &source,
        " ",
        &usual.to_string(),
        "w, ",
        &enlarged,
        " ",
        &large.to_string(),
        "w",
    ]
    .concat();
    let name = move || {
        desk.live.with(|material| {
            [
                "Page ",
                &page.to_string(),
                " of ",
                &material.title,
                ", as it looks in the original",
            ]
            .concat()
        })
    };
    view! {
        <a class="enlarge" href=enlarged.clone() target="_blank" rel="external noopener" aria-label="Open the picture of this page">
            <img
                data-testid="page-picture"
                src=source
                srcset=sources
                sizes=move || sizes(desk.zoom.percent())
                alt=name
                loading="lazy"
                decoding="async"
            />
        </a>
        <Overlay desk page />
    }
}

/// How wide the picture is shown, as far as a browser has to know to choose a file.
fn sizes(percent: u32) -> String {
    let of = |share: u32| (share * percent / 100).to_string();
    ["(width < 1000px) ", &of(92), "vw, ", &of(42), "vw"].concat()
}

#[component]
fn Overlay(desk: Desk, page: u32) -> impl IntoView {
    let marks = Resource::new(
        move || {
            let can_be_asked = desk.live.with(|material| is_readable(material, page));
            // Not what is marked in the end, but a reason to mark anew: places arrive after the
            // words that were looked for have changed.
            let places: Vec<Span> = desk
                .hits
                .get()
                .and_then(Result::ok)
                .unwrap_or_default()
                .into_iter()
                .filter(|hit| hit.page == page)
                .map(|hit| hit.span)
                .collect();
            let highlight = desk.wanted.with(|wanted| wanted.highlight);
            (can_be_asked, highlight, places)
        },
        move |(can_be_asked, highlight, _)| async move {
            match can_be_asked {
                true => marks(desk, page, highlight).await,
                false => Ok(Marks::default()),
            }
        },
    );
    view! {
        <Transition>
            {move || Suspend::new(async move {
                let marks = marks.await.unwrap_or_default();
                view! {
                    {(!marks.places.is_empty()).then(|| view! { <Marked places=marks.places /> })}
                    {marks.is_passage_missing.then(|| view! {
                        <p class="hint unplaced">"The passage could not be found on this picture; it is marked in the text."</p>
                    })}
                }
            })}
        </Transition>
    }
}

/// Asks where the passage and the places found are; asks nothing where there is nothing to mark.
async fn marks(desk: Desk, page: u32, highlight: HighlightRequest) -> Result<Marks, AppError> {
    let passage = match highlight {
        // Old links name a chunk alone; the page says where that is.
        HighlightRequest {
            span: None,
            chunk: Some(_),
        } => desk.opened.await.ok().and_then(|view| view.highlight),
        HighlightRequest { span, .. } => span,
    };
    let hits = desk.hits.await.unwrap_or_default();
    let mut spans: Vec<Span> = passage.into_iter().collect();
    spans.extend(
        hits.iter()
            .filter(|hit| hit.page == page && Some(hit.span) != passage)
            .map(|hit| hit.span),
    );
    if spans.is_empty() {
        return Ok(Marks::default());
    }
    let found = api::material::page_areas(desk.material, page, spans).await?;
    let places: Vec<Place> = found
        .into_iter()
        .enumerate()
        .map(|(index, areas)| Place {
            areas,
            is_passage: index == 0 && passage.is_some(),
        })
        .filter(|place| !place.areas.is_empty())
        .collect();
    let is_passage_missing = passage.is_some() && !places.iter().any(|place| place.is_passage);
    Ok(Marks {
        places,
        is_passage_missing,
    })
}

#[component]
fn Marked(places: Vec<Place>) -> impl IntoView {
    let passage = NodeRef::<svg::G>::new();
    Effect::new(move |_| {
        if let Some(passage) = passage.get() {
            // The marks enter the page right after this effect.
            request_animation_frame(move || show(&passage));
        }
    });
    let rects = |is_passage| {
        places
            .iter()
            .filter(|place| place.is_passage == is_passage)
            .flat_map(|place| place.areas.iter())
            .map(|area| {
                view! {
                    <rect
                        x=area.left.to_string()
                        y=area.top.to_string()
                        width=area.width.to_string()
                        height=area.height.to_string()
                    />
                }
            })
            .collect::<Vec<_>>()
    };
    let cited = rects(true);
    view! {
        <svg class="marks" data-testid="picture-marks" viewBox="0 0 10000 10000" preserveAspectRatio="none" aria-hidden="true">
            <g class="place">{rects(false)}</g>
            {(!cited.is_empty()).then(|| view! { <g class="passage" node_ref=passage>{cited}</g> })}
        </svg>
    }
}

/// Scrolls the picture's own pane to the passage. Where the panes are stacked the page stays with
/// the text.
fn show(passage: &web_sys::Element) {
    let is_beside = web_sys::window()
        .and_then(|window| window.inner_width().ok())
        .and_then(|width| width.as_f64())
        .is_some_and(|width| width >= BESIDE_FROM_PX);
    if is_beside {
        let options = ScrollIntoViewOptions::new();
        options.set_block(ScrollLogicalPosition::Nearest);
        passage.scroll_into_view_with_scroll_into_view_options(&options);
    }
}
