//! One file per route. Pages compose widgets and call `api`; they hold no rules of their own.

pub mod analytics;
pub mod cache;
pub mod coach;
pub mod home;
pub mod library;
pub mod login;
pub mod not_found;
pub mod performance;
pub mod reader;
pub mod settings;
pub mod signup;
