//! One file per route. Pages compose widgets and call `api`; they hold no rules of their own.

pub mod admin;
pub mod analytics;
pub mod coach;
pub mod copy;
pub mod home;
pub mod library;
pub mod login;
pub mod not_found;
pub mod reader;
pub mod settings;
pub mod signup;

use crate::{error::AppError, widgets::notice::Problem};
use leptos::prelude::*;

/// The inside of a page as the server has rendered it, provided as context while that page is answered.
#[derive(Clone, Debug)]
pub struct PageHtml(pub String);

/// What went wrong instead, as HTML.
pub fn problem_html(error: AppError) -> String {
    view! { <Problem error /> }.to_html()
}
