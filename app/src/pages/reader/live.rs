//! Keeping the reader true: the account's events move the document's state, and bring in the page and the
//! outline once they are there. Nothing here polls.

use super::Desk;
use crate::{
    api,
    browser::{events, kept::Kept},
    error::AppError,
    model::{
        id::MaterialId,
        material::{Material, MaterialState, OutlineEntry},
    },
};
use leptos::{prelude::*, task::spawn_local};

/// A document's outline.
pub type Entries = Resource<Result<Vec<OutlineEntry>, AppError>>;

/// Follows the document's events; hands the outline back, which it renews.
pub fn follow(desk: Desk, outline: Entries) -> Entries {
    #[derive(serde::Deserialize)]
    struct Deleted {
        id: MaterialId,
    }
    let follower = Kept::empty();
    Effect::new(move |_| {
        let is_settled = move || {
            let live = desk.live.try_get_untracked();
            live.is_none_or(|material| material.state.is_settled())
        };
        let names = ["material", "material_deleted"];
        let opened = events::follow(&names, move |name, data| match name {
            "material" => {
                if let Ok(material) = serde_json::from_str(data) {
                    take(desk, outline, material);
                }
            }
            "material_deleted" => {
                if serde_json::from_str(data).is_ok_and(|Deleted { id }| id == desk.material) {
                    desk.loaded.refetch();
                }
            }
            // The page has just been made, and nothing was moving.
            "hello" if is_settled() => {}
            _ => {
                spawn_local(async move {
                    match api::material::material(desk.material).await {
                        Ok(material) => take(desk, outline, material),
                        // It was deleted meanwhile.
                        Err(error) if error.status() == 404 => desk.loaded.refetch(),
                        Err(_) => {}
                    }
                });
            }
        });
        follower.keep(opened);
    });
    outline
}

/// Puts news of this document in place and reads again what they change.
fn take(desk: Desk, outline: Entries, news: Material) {
    if news.id != desk.material {
        return;
    }
    let Some(old) = desk
        .live
        .try_get_untracked()
        .filter(|old| old.revision <= news.revision)
    else {
        return;
    };
    let page = desk.wanted.try_with_untracked(|wanted| wanted.page);
    let became_ready = old.state != MaterialState::Ready && news.state == MaterialState::Ready;
    let became_readable =
        page.is_some_and(|page| old.pages_searchable < page && page <= news.pages_searchable);
    let was_opened = old.page_count.is_none() && news.page_count.is_some();
    if old != news {
        desk.news.set_value(Some(news.clone()));
        desk.live.set(news);
    }
    // Final cleaning may have changed a page that is on screen.
    if became_ready || became_readable {
        desk.opened.refetch();
    }
    if became_ready {
        desk.hits.refetch();
    }
    if became_ready || was_opened {
        outline.refetch();
    }
}
