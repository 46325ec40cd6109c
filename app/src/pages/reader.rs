//! The reader: a page of a document as text and as it looks in the original, side by side, with the
//! cited passage marked on both. This file is the route, what it loads, and the layout; each part
//! of the layout has a file of its own.
//!
//! The page number comes from the address and from nowhere else, so links, the history and plain
//! forms without a script all work alike. What the student chooses for herself (text, page or both;
//! how large) is no part of it.

mod address;
mod find;
mod keys;
mod live;
mod outline;
mod pager;
mod picture;
mod strip;
mod text;
mod views;

use crate::{
    api,
    error::AppError,
    model::{
        id::MaterialId,
        material::{HighlightRequest, Material, MaterialState, MediaType, PageHit, PageView},
    },
    ports::AnswerStatus,
    widgets::{
        icon::{Glyph, Icon},
        label,
        material::{facts, state_label},
        notice::Problem,
    },
};
use address::{Wanted, page_address};
use find::{FindForm, Found, go_to_first};
use keys::{Keys, listen};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::{LazyRoute, hooks::use_location, lazy_route};
use outline::Outline;
use pager::Pager;
use picture::PagePicture;
use strip::Strip;
use text::TextPane;
use views::{Views, Zoom};

/// What the page loads.
type Hits = Resource<Result<Vec<PageHit>, AppError>>;
type Loaded = Resource<Result<Material, AppError>>;
type Opened = Resource<Result<PageView, AppError>>;
/// What events have said of the document since it was loaded.
type News = StoredValue<Option<Material>>;

/// What every part of the reader is given.
#[derive(Clone, Copy)]
struct Desk {
    material: MaterialId,
    wanted: Memo<Wanted>,
    /// The document as it was when the page was opened.
    loaded: Loaded,
    /// As it is now; moves while the document is still being read.
    live: RwSignal<Material>,
    /// The same for what is loaded, which is there before the document is.
    news: News,
    /// The text of the page in the address.
    opened: Opened,
    /// Where the words in the address stand.
    hits: Hits,
    zoom: Zoom,
}

impl Desk {
    fn page(self) -> u32 {
        self.wanted.with(|wanted| wanted.page)
    }

    fn pages(self) -> u32 {
        self.live
            .with(|material| material.page_count.unwrap_or_default())
    }

    fn find(self) -> String {
        self.wanted.with(|wanted| wanted.find.clone())
    }

    /// The address of another page.
    fn address(self, page: u32) -> String {
        page_address(self.material, page, &self.find())
    }
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
        now.or(last.cloned()).unwrap_or_else(Wanted::nothing)
    });
    let material = Resource::new(
        move || wanted.with(|wanted| wanted.material),
        |id| async move {
            match id {
                Some(id) => api::material::material(id).await,
                None => Err(AppError::not_found("material")),
            }
        },
    );
    let news: News = StoredValue::new(None);
    let opened = Resource::new(
        move || wanted.with(|wanted| (wanted.material, wanted.page, wanted.highlight)),
        move |(id, page, highlight)| async move {
            let loaded = material.await?;
            let known = news
                .get_value()
                .filter(|news| Some(news.id) == id && news.revision >= loaded.revision)
                .unwrap_or(loaded);
            open(&known, page, highlight).await
        },
    );
    let hits = Resource::new(
        move || wanted.with(|wanted| (wanted.material, wanted.find.clone())),
        |(material, find)| async move {
            match material {
                Some(id) if !find.is_empty() => api::material::find_in(id, find).await,
                _ => Ok(Vec::new()),
            }
        },
    );
    let status = use_context::<AnswerStatus>();

    view! {
        <div class="reader">
            <Transition fallback=|| view! { <Skeleton /> }>
                {move || {
                    let status = status.clone();
                    Suspend::new(async move {
                        match material.await {
                            Ok(document) => view! { <Document material=document wanted loaded=material opened hits news /> }.into_any(),
                            Err(error) => {
                                if let Some(status) = status {
                                    (status.0)(error.status());
                                }
                                view! { <NoDocument error /> }.into_any()
                            }
                        }
                    })
                }}
            </Transition>
        </div>
    }
}

/// A page's text. One that could not be read is an error with the reason; one that is not there, or
/// not yet, is not asked for: that would only fail, aloud in the browser's console.
async fn open(
    material: &Material,
    page: u32,
    highlight: HighlightRequest,
) -> Result<PageView, AppError> {
    let opened = match is_readable(material, page) {
        true => api::material::material_page(material.id, page, highlight).await,
        false => Err(AppError::not_found("page")),
    };
    let has_text = opened
        .as_ref()
        .is_ok_and(|page| !page.text.trim().is_empty());
    if !has_text && material.page_fault_count > 0 {
        let faults = api::material::page_faults(material.id).await?;
        if let Some(fault) = faults.into_iter().find(|fault| fault.page == page) {
            return Err(AppError::invalid(fault.reason));
        }
    }
    opened
}

/// Whether the text of a page can be had.
fn is_readable(material: &Material, page: u32) -> bool {
    let last = match (&material.state, material.page_count) {
        (MaterialState::Ready, Some(pages)) => pages,
        (MaterialState::Ready, None) => u32::MAX,
        _ => material.pages_searchable,
    };
    (1..=last).contains(&page)
}

#[component]
fn NoDocument(error: AppError) -> impl IntoView {
    view! {
        <Title text="Reader" />
        <Problem error />
        <p><a class="button" href="/library">"Back to the library"</a></p>
    }
}

/// One document; turning its pages leaves this in place.
#[component]
fn Document(
    material: Material,
    wanted: Memo<Wanted>,
    loaded: Loaded,
    opened: Opened,
    hits: Hits,
    news: News,
) -> impl IntoView {
    let is_drawn = material.media_type == MediaType::Pdf;
    let has_picture = is_drawn || matches!(material.media_type, MediaType::Png | MediaType::Jpeg);
    let desk = Desk {
        material: material.id,
        wanted,
        loaded,
        live: RwSignal::new(material.clone()),
        news,
        opened,
        hits,
        zoom: Zoom::new(),
    };
    let outline = live::follow(
        desk,
        Resource::new(|| (), move |()| api::material::outline(desk.material)),
    );
    go_to_first(desk);
    let find_field = NodeRef::new();
    listen(desk, find_field);

    view! {
        <Title text=material.title.clone() />
        <Head material desk />
        <Progress desk />
        <div class="reader-tools" role="group" aria-label="Reading tools">
            <Pager desk place="above the page" />
            {has_picture.then(|| view! { <Views zoom=desk.zoom /> })}
            <FindForm desk field=find_field />
            <Keys has_picture />
        </div>
        <Found desk />
        <div class="reader-desk" class:bare=!has_picture>
            <aside class="reader-side" aria-label="Find your way">
                {is_drawn.then(|| view! { <Strip desk /> })}
                <Outline desk outline />
            </aside>
            <div class="panes">
                <TextPane desk />
                {has_picture.then(|| view! { <PagePicture desk is_drawn /> })}
            </div>
        </div>
        <Pager desk place="below the page" />
    }
}

#[component]
fn Head(material: Material, desk: Desk) -> impl IntoView {
    let id = material.id.to_string();
    let file = "/files/".to_owned() + &id;
    let is_pdf = material.media_type == MediaType::Pdf;
    let original = {
        let file = file.clone();
        move || match is_pdf {
            true => [&file, "#page=", &desk.page().max(1).to_string()].concat(),
            false => file.clone(),
        }
    };
    view! {
        <header class="reader-head">
            <p class="crumb"><a href="/library">"Library"</a></p>
            <h1>{material.title.clone()}</h1>
            <p class="hint">{move || desk.live.with(facts)}</p>
            <p class="reader-actions">
                <a href=original target="_blank" rel="external noopener">
                    <Icon glyph=Glyph::Page />
                    "Open the original"
                </a>
                <a href=file + "?download" rel="external" download="">"Download it"</a>
                <a href="/coach?material=".to_owned() + &id>
                    <Icon glyph=Glyph::Coach />
                    "Ask about this document"
                </a>
                <keep-offline data-address="/library/".to_owned() + &id></keep-offline>
            </p>
        </header>
    }
}

/// Where a document stands that is not ready: how much of it can be read already.
#[component]
fn Progress(desk: Desk) -> impl IntoView {
    let is_ready = Memo::new(move |_| {
        desk.live
            .with(|material| material.state == MaterialState::Ready)
    });
    let so_far = move || desk.live.with(so_far);
    view! {
        {move || (!is_ready.get()).then(|| view! {
            <div class="reader-progress">
                {move || desk.live.with(state_label)}
                <p class="hint" role="status" data-testid="so-far">{so_far}</p>
            </div>
        })}
    }
}

/// `12 of 80 pages so far`; nothing where no page can be read.
fn so_far(material: &Material) -> String {
    match material.page_count {
        _ if material.pages_searchable == 0 => String::new(),
        Some(pages) => [
            &material.pages_searchable.to_string(),
            " of ",
            &label::count(u64::from(pages), "page"),
            " so far",
        ]
        .concat(),
        None => label::count(u64::from(material.pages_searchable), "page") + " so far",
    }
}

#[component]
fn Skeleton() -> impl IntoView {
    view! {
        <div class="skeleton" aria-hidden="true"><span></span><span></span><span></span></div>
    }
}
