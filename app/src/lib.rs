//! Studyin's pages.
#![recursion_limit = "256"]

pub mod api;
pub mod error;
pub mod model;
pub mod ports;
