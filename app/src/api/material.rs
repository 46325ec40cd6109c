//! The library and the reader.

use super::json_text::JsonText;
use crate::{
    error::AppError,
    model::{
        id::MaterialId,
        material::{
            Area, HighlightRequest, Material, OutlineEntry, PageFault, PageHit, PageView, Span,
        },
    },
};
use leptos::prelude::*;

/// All materials, newest first.
#[server(prefix = "/api/fn", endpoint = "materials", output = JsonText)]
pub async fn materials() -> Result<Vec<Material>, AppError> {
    let (services, user) = super::signed_in()?;
    services.materials.list(user).await
}

/// One material.
#[server(name = FetchMaterial, prefix = "/api/fn", endpoint = "material", output = JsonText)]
pub async fn material(id: MaterialId) -> Result<Material, AppError> {
    let (services, user) = super::signed_in()?;
    services.materials.get(user, id).await
}

/// One page of a material.
#[server(prefix = "/api/fn", endpoint = "material_page", output = JsonText)]
pub async fn material_page(
    id: MaterialId,
    page: u32,
    // Nothing to highlight leaves no trace in the encoded form.
    #[server(default)] highlight: HighlightRequest,
) -> Result<PageView, AppError> {
    let (services, user) = super::signed_in()?;
    services.materials.page(user, id, page, highlight).await
}

/// A material's bookmarks, chapters or slide titles.
#[server(prefix = "/api/fn", endpoint = "outline", output = JsonText)]
pub async fn outline(id: MaterialId) -> Result<Vec<OutlineEntry>, AppError> {
    let (services, user) = super::signed_in()?;
    services.materials.outline(user, id).await
}

/// Where words stand in a material.
#[server(prefix = "/api/fn", endpoint = "find_in", output = JsonText)]
pub async fn find_in(id: MaterialId, words: String) -> Result<Vec<PageHit>, AppError> {
    let (services, user) = super::signed_in()?;
    services.materials.find_in(user, id, &words).await
}

/// Where stretches of a page's text are on its picture.
#[server(prefix = "/api/fn", endpoint = "page_areas", output = JsonText)]
pub async fn page_areas(
    id: MaterialId,
    page: u32,
    #[server(default)] spans: Vec<Span>,
) -> Result<Vec<Vec<Area>>, AppError> {
    let (services, user) = super::signed_in()?;
    services.materials.page_areas(user, id, page, &spans).await
}

/// Gives a material another title.
#[server(prefix = "/api/fn", endpoint = "rename_material", output = JsonText)]
pub async fn rename_material(id: MaterialId, title: String) -> Result<Material, AppError> {
    let (services, user) = super::signed_in()?;
    services.materials.rename(user, id, &title).await
}

/// Gives a material the tags that are written here, with commas between them, and no others.
#[server(prefix = "/api/fn", endpoint = "tag_material", output = JsonText)]
pub async fn tag_material(id: MaterialId, tags: String) -> Result<Material, AppError> {
    let (services, user) = super::signed_in()?;
    let tags: Vec<&str> = tags.split(',').collect();
    services.materials.tag(user, id, &tags).await
}

/// Removes a material and everything made from it.
#[server(prefix = "/api/fn", endpoint = "delete_material", output = JsonText)]
pub async fn delete_material(id: MaterialId) -> Result<(), AppError> {
    let (services, user) = super::signed_in()?;
    services.materials.delete(user, id).await
}

/// Reads a failed material again.
#[server(prefix = "/api/fn", endpoint = "retry_material", output = JsonText)]
pub async fn retry_material(id: MaterialId) -> Result<Material, AppError> {
    let (services, user) = super::signed_in()?;
    services.materials.retry(user, id).await
}

/// Stops the reading of a material; what has been read stays.
#[server(prefix = "/api/fn", endpoint = "cancel_material", output = JsonText)]
pub async fn cancel_material(id: MaterialId) -> Result<Material, AppError> {
    let (services, user) = super::signed_in()?;
    services.materials.cancel(user, id).await
}

/// Reads a settled material again from its file.
#[server(prefix = "/api/fn", endpoint = "reprocess_material", output = JsonText)]
pub async fn reprocess_material(id: MaterialId) -> Result<Material, AppError> {
    let (services, user) = super::signed_in()?;
    services.materials.reprocess(user, id).await
}

/// Reads a locked material with its password.
#[server(prefix = "/api/fn", endpoint = "unlock_material", output = JsonText)]
pub async fn unlock_material(id: MaterialId, password: String) -> Result<Material, AppError> {
    let (services, user) = super::signed_in()?;
    services.materials.unlock(user, id, &password).await
}

/// The pages of a material that could not be read.
#[server(name = FetchPageFaults, prefix = "/api/fn", endpoint = "page_faults", output = JsonText)]
pub async fn page_faults(id: MaterialId) -> Result<Vec<PageFault>, AppError> {
    let (services, user) = super::signed_in()?;
    services.materials.page_faults(user, id).await
}

/// Adds the built-in sample.
#[server(prefix = "/api/fn", endpoint = "add_sample", output = JsonText)]
pub async fn add_sample() -> Result<Material, AppError> {
    let (services, user) = super::signed_in()?;
    services.materials.add_sample(user).await
}
