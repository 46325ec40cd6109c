//! The values the browser and the server both speak. Plain serde data: no store, no HTTP, no view.

pub mod account;
pub mod admin;
pub mod analytics;
pub mod coach;
pub mod filter;
pub mod home;
pub mod id;
pub mod material;
pub mod upload;
pub mod vitals;
