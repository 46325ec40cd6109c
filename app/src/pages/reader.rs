//! The reader: one page of a document as text, the cited passage marked, the original a click away.
//! This file is the route, the address and the layout; the text and the pager have their own.

mod pager;
mod text;

use crate::{
    api,
    error::{AppError, ErrorKind},
    model::{
        id::MaterialId,
        material::{HighlightRequest, Material, MaterialState, MediaType, PageView, Span},
    },
    widgets::{
        icon::{Glyph, Icon},
        material::{StateLabel, facts},
        notice::Problem,
    },
};
use leptos::{either::Either, prelude::*};
use leptos_meta::Title;
use leptos_router::{LazyRoute, hooks::use_location, lazy_route, params::ParamsMap};
use pager::{Pager, turn_with_arrow_keys};
use text::PageText;

/// What the address asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    /// `None` when it is no id.
    material: Option<MaterialId>,
    /// From 1; 0 when it is no number, and then there is no such page.
    page: u32,
    highlight: HighlightRequest,
}

impl Wanted {
    /// `None` for the address of another page.
    fn of(path: &str, query: &ParamsMap) -> Option<Self> {
        let id = path.strip_prefix("/library/")?.trim_end_matches('/');
        let number = |name| query.get_str(name).and_then(|text| text.parse().ok());
        let span = match (number("from"), number("to")) {
            (Some(start), Some(end)) if start < end => Some(Span { start, end }),
            _ => None,
        };
        Some(Self {
            material: id.parse().ok(),
            page: match query.get_str("page") {
                None | Some("") => 1,
                Some(text) => text.trim().parse().unwrap_or(0),
            },
            highlight: HighlightRequest {
                chunk: query.get_str("chunk").and_then(|text| text.parse().ok()),
                span,
            },
        })
    }
}

/// The reader's address for a page.
fn address(material: MaterialId, page: u32) -> String {
    [
        "/library/",
        &material.to_string(),
        "?page=",
        &page.to_string(),
    ]
    .concat()
}

/// `/library/:id`
pub struct ReaderRoute;

#[lazy_route]
impl LazyRoute for ReaderRoute {
    fn data() -> Self {
        Self
    }

    fn view(_this: ReaderRoute) -> AnyView {
        reader().into_any()
    }
}

fn reader() -> impl IntoView {
    let location = use_location();
    // While another page is on its way the address is no longer ours: stay with the last one.
    let wanted = Memo::new(move |last: Option<&Wanted>| {
        let now = location
            .pathname
            .with(|path| location.query.with(|query| Wanted::of(path, query)));
        now.or(last.copied()).unwrap_or(Wanted {
            material: None,
            page: 1,
            highlight: HighlightRequest::default(),
        })
    });
    let material = Resource::new(
        move || wanted.with(|wanted| wanted.material),
        |id| async move {
            match id {
                Some(id) => api::material::material(id).await,
                None => Err(AppError::not_found("document")),
            }
        },
    );
    let page = Resource::new(
        move || wanted.get(),
        |wanted| async move {
            match wanted.material {
                Some(id) => api::material::material_page(id, wanted.page, wanted.highlight).await,
                None => Err(AppError::not_found("document")),
            }
        },
    );
    turn_with_arrow_keys(wanted, material);

    view! {
        <div class="reader">
            <Transition fallback=|| view! { <Skeleton /> }>
                {move || Suspend::new(async move {
                    match material.await {
                        Ok(material) => {
                            let page = page.await;
                            view! { <Document material page wanted=wanted.get_untracked() /> }.into_any()
                        }
                        Err(error) => view! {
                            <Title text="Reader" />
                            <Problem error />
                            <p><a class="button" href="/library">"Back to the library"</a></p>
                        }
                        .into_any(),
                    }
                })}
            </Transition>
        </div>
    }
}

#[component]
fn Document(material: Material, page: Result<PageView, AppError>, wanted: Wanted) -> impl IntoView {
    let id = material.id;
    let media_type = material.media_type;
    let number = page.as_ref().map_or(wanted.page, |page| page.page);
    let pages = material.page_count.filter(|pages| *pages > 0);
    let original = match material.media_type {
        MediaType::Pdf => [
            "/files/",
            &id.to_string(),
            "#page=",
            &number.max(1).to_string(),
        ]
        .concat(),
        _ => "/files/".to_owned() + &id.to_string(),
    };
    let download = ["/files/", &id.to_string(), "?download"].concat();
    let unsettled = material.state != MaterialState::Ready;
    let state = Signal::stored(material.clone());
    view! {
        <Title text=material.title.clone() />
        <header class="reader-head">
            <p class="crumb"><a href="/library">"Library"</a></p>
            <h1>{material.title.clone()}</h1>
            <p class="hint">{facts(&material)}</p>
            <p class="reader-actions">
                <a href=original target="_blank" rel="external noopener">
                    <Icon glyph=Glyph::Page />
                    "Open the original"
                </a>
                <a href=download rel="external" download="">"Download it"</a>
                <a href="/coach">
                    <Icon glyph=Glyph::Coach />
                    "Ask about this document"
                </a>
            </p>
        </header>
        {unsettled.then(|| view! { <StateLabel material=state /> })}
        {match page {
            Ok(page) => Either::Left(view! {
                {pages.map(|pages| view! { <Pager material=id page=number pages place="above the text" /> })}
                <PageText material=id media_type page />
                {pages.map(|pages| view! { <Pager material=id page=number pages place="below the text" /> })}
            }),
            Err(error) => Either::Right(view! { <NoPage error material /> }),
        }}
    }
}

/// Why there is no text to show.
#[component]
fn NoPage(error: AppError, material: Material) -> impl IntoView {
    if error.kind != ErrorKind::NotFound {
        return Either::Left(view! { <Problem error /> });
    }
    let sentence = match (&material.state, material.page_count) {
        (MaterialState::Failed { .. }, _) => {
            "There is no text to read here; the original can still be opened.".to_owned()
        }
        (MaterialState::Ready, Some(1)) => {
            "There is no such page: this document has one page.".to_owned()
        }
        (MaterialState::Ready, Some(pages)) => [
            "There is no such page: this document has ",
            &pages.to_string(),
            " pages.",
        ]
        .concat(),
        _ => "This page has not been read yet. Try again in a moment.".to_owned(),
    };
    let has_first = material.state == MaterialState::Ready;
    Either::Right(view! {
        <section class="empty-state">
            <p>{sentence}</p>
            {has_first.then(|| view! {
                <div class="actions">
                    <a class="button" href=address(material.id, 1)>"Go to page 1"</a>
                </div>
            })}
        </section>
    })
}

#[component]
fn Skeleton() -> impl IntoView {
    view! {
        <div class="skeleton" aria-hidden="true"><span></span><span></span><span></span></div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190c0de-0000-7000-8000-000000000001";

    fn wanted(query: &[(&'static str, &str)]) -> Wanted {
        let mut map = ParamsMap::new();
        for (name, value) in query {
            map.insert(*name, (*value).to_owned());
        }
        Wanted::of(&format!("/library/{ID}"), &map).unwrap()
    }

    #[test]
    fn an_address_without_a_page_means_the_first() {
        assert_eq!(wanted(&[]).page, 1);
        assert_eq!(wanted(&[("page", "7")]).page, 7);
        assert_eq!(wanted(&[("page", "seven")]).page, 0);
        assert_eq!(wanted(&[("page", "-1")]).page, 0);
    }

    #[test]
    fn offsets_that_make_no_passage_are_ignored() {
        let good = wanted(&[("from", "3"), ("to", "9"), ("chunk", "12")]).highlight;
        assert_eq!(good.span, Some(Span { start: 3, end: 9 }));
        assert_eq!(good.chunk, Some(12));
        assert_eq!(wanted(&[("from", "9"), ("to", "3")]).highlight.span, None);
        assert_eq!(wanted(&[("from", "9")]).highlight.span, None);
    }

    #[test]
    fn another_page_is_not_the_readers() {
        assert_eq!(Wanted::of("/library", &ParamsMap::new()), None);
        assert_eq!(Wanted::of("/coach", &ParamsMap::new()), None);
    }
}
