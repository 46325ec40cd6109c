//! The analytics page's numbers, and the reader's word that a page was read.

use crate::{
    error::AppError,
    model::{analytics::AnalyticsPage, id::MaterialId},
};
use leptos::prelude::*;

/// Figures, days and charts of the last `days` days.
#[server(prefix = "/api/fn", endpoint = "analytics")]
pub async fn analytics(days: u32) -> Result<AnalyticsPage, AppError> {
    let (services, user) = super::signed_in()?;
    services.analytics.page(user, days).await
}

/// A page has been on screen in the reader.
#[server(prefix = "/api/fn", endpoint = "record_page_read")]
pub async fn record_page_read(id: MaterialId, page: u32) -> Result<(), AppError> {
    let (services, user) = super::signed_in()?;
    services.analytics.record_page_read(user, id, page).await
}
