//! Conversations with the coach; the question itself travels over the socket.

use super::json_text::JsonText;
use crate::{
    error::AppError,
    model::{
        coach::{Askable, CoachStatus, Conversation, ConversationSummary},
        id::ConversationId,
    },
};
use leptos::prelude::*;

/// What a question can be narrowed to: the documents that can be searched, newest first.
#[server(name = FetchAskable, prefix = "/api/fn", endpoint = "askable", output = JsonText)]
pub async fn askable() -> Result<Vec<Askable>, AppError> {
    let (services, user) = super::signed_in()?;
    let materials = services.materials.list(user).await?;
    let searchable = materials
        .into_iter()
        .filter(|material| material.pages_searchable > 0);
    Ok(searchable.map(Askable::from).collect())
}

/// The conversation list, most recently used first.
#[server(prefix = "/api/fn", endpoint = "conversations", output = JsonText)]
pub async fn conversations() -> Result<Vec<ConversationSummary>, AppError> {
    let (services, user) = super::signed_in()?;
    services.coach.conversations(user).await
}

/// One conversation with its messages.
#[server(name = FetchConversation, prefix = "/api/fn", endpoint = "conversation", output = JsonText)]
pub async fn conversation(id: ConversationId) -> Result<Conversation, AppError> {
    let (services, user) = super::signed_in()?;
    services.coach.conversation(user, id).await
}

/// Removes a conversation.
#[server(prefix = "/api/fn", endpoint = "delete_conversation", output = JsonText)]
pub async fn delete_conversation(id: ConversationId) -> Result<(), AppError> {
    let (services, user) = super::signed_in()?;
    services.coach.delete(user, id).await
}

/// What would answer a question now.
#[server(name = FetchCoachStatus, prefix = "/api/fn", endpoint = "coach_status", output = JsonText)]
pub async fn coach_status() -> Result<CoachStatus, AppError> {
    let (services, user) = super::signed_in()?;
    services.coach.status(user).await
}
