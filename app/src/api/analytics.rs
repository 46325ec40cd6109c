//! The analytics page, and the reader's word that a page was read.

use super::json_text::JsonText;
use crate::{
    error::AppError,
    model::id::{MaterialId, UserId},
    pages::{analytics::report_html, stamped},
    ports::Services,
};
use leptos::prelude::*;

/// The report of the last `days` days as HTML. The browser asks for it when it comes to the page from
/// another one, for another period, and when something has moved the figures.
#[server(name = FetchAnalytics, prefix = "/api/fn", endpoint = "analytics", output = JsonText)]
pub async fn analytics(days: u32) -> Result<String, AppError> {
    let (services, user) = super::signed_in()?;
    rendered(&services, user, days).await
}

/// What [`analytics`] answers; the server calls it before it renders the page itself.
pub async fn rendered(services: &Services, user: UserId, days: u32) -> Result<String, AppError> {
    let stamp = services.analytics.stamp(user).await?;
    let page = services.analytics.page(user, days).await?;
    Ok(stamped(report_html(&page), &stamp))
}

/// A page has been on screen in the reader.
#[server(prefix = "/api/fn", endpoint = "record_page_read", output = JsonText)]
pub async fn record_page_read(id: MaterialId, page: u32) -> Result<(), AppError> {
    let (services, user) = super::signed_in()?;
    services.analytics.record_page_read(user, id, page).await
}
