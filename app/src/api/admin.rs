//! What only the owner may see and do.

use crate::{error::AppError, model::admin::CachePage};
use leptos::prelude::*;

/// The caches at work.
#[server(prefix = "/api/fn", endpoint = "caches")]
pub async fn caches() -> Result<CachePage, AppError> {
    let (services, user) = super::signed_in()?;
    services.admin.caches(user).await
}

/// Ends everything kept in a namespace.
#[server(prefix = "/api/fn", endpoint = "end_cache")]
pub async fn end_cache(namespace: String) -> Result<CachePage, AppError> {
    let (services, user) = super::signed_in()?;
    services.admin.end_cache(user, &namespace).await
}
