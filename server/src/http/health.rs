//! What machines ask: is it alive, can it serve, how is it doing. Nothing here names a student.

use super::{client, measure, problem::Problem, session::Visitor, state::AppState};
use crate::{
    accounts::is_owner,
    provider::{EmbedderConfig, chat::ChatConfig},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::time::Duration;

/// Longest the database may take to answer before it counts as unavailable.
const DATABASE_WAIT: Duration = Duration::from_secs(2);
/// What fetches the embedding model.
const MODEL_FIX: &str = "make model";

/// `GET /health/live`: the process answers.
pub async fn live() -> &'static str {
    "ok"
}

#[derive(Serialize)]
struct Ready {
    /// ok, degraded (serves, but not at its best) or unavailable.
    status: &'static str,
    database: &'static str,
    /// Where the original files are stored.
    storage: &'static str,
    embedding_model: Model,
    chat_provider: &'static str,
}

#[derive(Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Model {
    Ready {
        id: String,
    },
    /// There, but it does not work at the moment.
    Failing {
        id: String,
        problem: String,
    },
    Missing {
        problem: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        fix: Option<&'static str>,
    },
}

/// `GET /health/ready`: it can serve. Without the embedding model it still can, by words alone; without
/// the storage of the files everything that needs no original.
pub async fn ready(State(state): State<AppState>) -> Response {
    let answered =
        tokio::time::timeout(DATABASE_WAIT, crate::store::accounts::any_user(&state.db)).await;
    let database = matches!(answered, Ok(Ok(_)));
    if let Ok(Err(error)) = &answered {
        tracing::error!(%error, "the database does not answer");
    }
    let embedding_model = match (state.slot.current(), state.slot.problem()) {
        (Some(embedder), None) => Model::Ready {
            id: embedder.id().to_owned(),
        },
        (Some(embedder), Some(problem)) => Model::Failing {
            id: embedder.id().to_owned(),
            problem,
        },
        (None, problem) => Model::Missing {
            problem: problem.unwrap_or_else(|| "The embedding model is being loaded.".to_owned()),
            fix: matches!(state.config.embedder, EmbedderConfig::Builtin).then_some(MODEL_FIX),
        },
    };
    let storage = state.files.answers().await;
    let status = match (database, storage, &embedding_model) {
        (false, ..) => "unavailable",
        (true, true, Model::Ready { .. }) => "ok",
        (true, ..) => "degraded",
    };
    let ready = Ready {
        status,
        database: if database { "ok" } else { "unavailable" },
        storage: if storage { "ok" } else { "unavailable" },
        embedding_model,
        chat_provider: match state.config.chat {
            ChatConfig::Builtin => "builtin",
            ChatConfig::OpenAi { .. } => "openai",
        },
    };
    let code = if database {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (code, [(header::CACHE_CONTROL, "no-store")], Json(ready)).into_response()
}

/// `GET /metrics`: for this machine, or the owner.
pub async fn metrics(visitor: Visitor, headers: HeaderMap, parts: Parts) -> Response {
    let is_allowed = client::is_local(&parts) || visitor.profile().is_some_and(is_owner);
    if !is_allowed {
        return Problem::new(StatusCode::NOT_FOUND, "There is nothing at this address.")
            .answer(&headers);
    }
    (
        [
            (header::CONTENT_TYPE, "text/plain; version=0.0.4"),
            (header::CACHE_CONTROL, "no-store"),
        ],
        measure::rendered(),
    )
        .into_response()
}
