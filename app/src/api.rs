//! Server functions, one file per noun. Each finds the signed-in student and calls one port.

pub mod account;
pub mod admin;
pub mod analytics;
pub mod coach;
pub mod home;
pub mod json_text;
pub mod material;

use crate::{
    error::AppError,
    model::id::UserId,
    ports::{CurrentUser, Services},
};
use leptos::prelude::use_context;

/// The ports and the signed-in user's id, or the error a visitor gets.
#[allow(
    dead_code,
    reason = "called in the functions' bodies, which the browser's build leaves out"
)]
pub fn signed_in() -> Result<(Services, UserId), AppError> {
    let user = use_context::<CurrentUser>()
        .and_then(|current| current.0)
        .ok_or_else(AppError::signed_out)?;
    let services = use_context::<Services>().ok_or_else(AppError::signed_out)?;
    Ok((services, user.id))
}
