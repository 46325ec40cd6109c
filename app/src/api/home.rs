//! The home page in one call.

use crate::{error::AppError, model::home::Home};
use leptos::prelude::*;

/// The student's desk; `None` for a visitor.
#[server(name = FetchHome, prefix = "/api/fn", endpoint = "home")]
pub async fn home() -> Result<Option<Home>, AppError> {
    /// Materials shown on the home page.
    const RECENT: usize = 4;

    let Ok((services, user)) = super::signed_in() else {
        return Ok(None);
    };
    let mut recent_materials = services.materials.list(user).await?;
    recent_materials.truncate(RECENT);
    Ok(Some(Home {
        last_conversation: services.coach.conversations(user).await?.into_iter().next(),
        recent_materials,
        standing: services.analytics.standing(user).await?,
    }))
}
