//! What only the owner may see and do.

use super::json_text::JsonText;
use crate::{
    error::AppError,
    model::{admin::CachePage, vitals::PerformancePage},
};
use leptos::prelude::*;

/// The caches at work.
#[server(prefix = "/api/fn", endpoint = "caches", output = JsonText)]
pub async fn caches() -> Result<CachePage, AppError> {
    let (services, user) = super::signed_in()?;
    services.admin.caches(user).await
}

/// Ends everything kept in a namespace.
#[server(prefix = "/api/fn", endpoint = "end_cache", output = JsonText)]
pub async fn end_cache(namespace: String) -> Result<CachePage, AppError> {
    let (services, user) = super::signed_in()?;
    services.admin.end_cache(user, &namespace).await
}

/// How fast the pages were for the students.
#[server(prefix = "/api/fn", endpoint = "performance", output = JsonText)]
pub async fn performance() -> Result<PerformancePage, AppError> {
    let (services, user) = super::signed_in()?;
    services.admin.performance(user).await
}
