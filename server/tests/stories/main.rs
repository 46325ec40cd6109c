//! Black-box stories: each starts a whole server on a free port with a data folder of its own, and
//! speaks HTTP with it. One binary, because linking one takes longer than running it.

mod accounts;
mod analytics;
mod api;
mod caches;
mod coach_socket;
mod crash;
mod extraction;
mod fairness;
mod first_quotes;
mod ingest;
mod lifecycle;
mod measure;
mod openai_provider;
mod reader;
mod redis_server;
mod remote_embedder;
mod scripted_embeddings;
mod scripted_openai;
mod security;
mod storage;
mod support;
mod uploads;
