//! The signed-in account.

use super::json_text::JsonText;
use crate::{
    error::AppError,
    model::account::{AccessToken, Profile},
};
use leptos::prelude::*;

/// Who is signed in; `None` for a visitor.
#[server(name = FetchProfile, prefix = "/api/fn", endpoint = "profile", output = JsonText)]
pub async fn profile() -> Result<Option<Profile>, AppError> {
    Ok(use_context::<crate::ports::CurrentUser>().and_then(|current| current.0))
}

/// Sets the time zone days are counted in.
#[server(prefix = "/api/fn", endpoint = "set_time_zone", output = JsonText)]
pub async fn set_time_zone(time_zone: String) -> Result<Profile, AppError> {
    let (services, user) = super::signed_in()?;
    services.accounts.set_time_zone(user, &time_zone).await
}

/// The access tokens of the student's programs, newest first.
#[server(prefix = "/api/fn", endpoint = "access_tokens", output = JsonText)]
pub async fn access_tokens() -> Result<Vec<AccessToken>, AppError> {
    let (services, user) = super::signed_in()?;
    services.accounts.access_tokens(user).await
}
