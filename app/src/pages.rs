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
