//! One file per route. Pages compose widgets and call `api`; they hold no rules of their own.

pub mod admin;
pub mod analytics;
pub mod coach;
pub mod copy;
pub mod home;
pub mod library;
#[cfg(feature = "ssr")]
pub mod login;
pub mod not_found;
pub mod reader;
pub mod settings;
#[cfg(feature = "ssr")]
pub mod signup;

use crate::{error::AppError, widgets::notice::Problem};
use leptos::prelude::*;
#[cfg(feature = "ssr")]
pub use {login::LoginPage, signup::SignupPage};

/// Sign-in and sign-up come without a script, so in the browser there is nothing to draw at their addresses.
#[cfg(not(feature = "ssr"))]
#[component]
pub fn LoginPage() -> impl IntoView {}

/// See [`LoginPage`].
#[cfg(not(feature = "ssr"))]
#[component]
pub fn SignupPage() -> impl IntoView {}

/// The inside of a page as the server has rendered it, provided as context while that page is answered.
#[derive(Clone, Debug)]
pub struct PageHtml(pub String);

/// What went wrong instead, as HTML.
pub fn problem_html(error: AppError) -> String {
    view! { <Problem error /> }.to_html()
}

/// HTML with the stamp of the rows it was made of ([`crate::ports::Analytics::stamp`]). Whoever connects is
/// told the newest one, and so sees whether something has happened between the two.
pub fn stamped(html: String, stamp: &str) -> String {
    html + "<template data-part data-stamp=\"" + stamp + "\"></template>"
}
