//! Studyin's server. `main.rs` reads the configuration, builds an [`Application`] and runs it.

pub mod accounts;
pub mod analytics;
pub mod changes;
pub mod clock;
pub mod coach;
pub mod config;
pub mod http;
pub mod ingest;
pub mod provider;
pub mod retrieval;
pub mod services;
pub mod store;
pub mod telemetry;
