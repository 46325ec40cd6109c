//! The search and the conversations as the pages want them.

use super::{answer, retrieval_error, store_error};
use crate::{
    cache::Cached,
    coach::{Coach, CoachError},
    retrieval::{Query, Retrieval},
};
use app::{
    error::AppError,
    model::{
        coach::{CoachStatus, Conversation, ConversationSummary, Question},
        filter::Filter,
        id::{ConversationId, UserId},
    },
    ports::{self, Answer, SearchAnswer},
};
use async_trait::async_trait;
use std::sync::Arc;

pub(super) struct SearchPort(pub(super) Retrieval);

#[async_trait]
impl ports::Search for SearchPort {
    async fn search(
        &self,
        user: UserId,
        query: &Question,
        limit: u32,
        filter: &Filter,
    ) -> Answer<SearchAnswer> {
        let query = Query {
            filter: filter.clone(),
            ..Query::new(query.as_str(), usize::try_from(limit).unwrap_or(usize::MAX))
        };
        let found = self.0.search(user, &query).await;
        let found = found.map_err(|error| retrieval_error(&error))?;
        Ok(SearchAnswer {
            passages: Arc::clone(&found.value.passages),
            cached: found.cached || found.value.similar_to.is_some(),
            is_whole: found.value.problem.is_none(),
        })
    }
}

pub(super) struct CoachPort {
    pub(super) conversations: Cached<Vec<ConversationSummary>>,
    pub(super) conversation: Cached<Conversation>,
    pub(super) coach: Arc<Coach>,
}

fn coach_error(error: &CoachError) -> AppError {
    match error {
        CoachError::Store(error) => store_error(error),
    }
}

#[async_trait]
impl ports::Coach for CoachPort {
    async fn conversations(&self, user: UserId) -> Answer<Vec<ConversationSummary>> {
        let list = async {
            let listed = self.coach.conversations(user).await;
            listed.map_err(|error| coach_error(&error))
        };
        answer(self.conversations.get(user, &[], list).await)
    }

    async fn conversation(&self, user: UserId, id: ConversationId) -> Answer<Conversation> {
        let find = async {
            let found = self.coach.conversation(user, id).await;
            found
                .map_err(|error| coach_error(&error))?
                .ok_or_else(|| AppError::not_found("conversation"))
        };
        answer(self.conversation.get(user, &[&id.to_string()], find).await)
    }

    async fn delete(&self, user: UserId, id: ConversationId) -> Answer<()> {
        match self.coach.delete(user, id).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(AppError::not_found("conversation")),
            Err(error) => Err(coach_error(&error)),
        }
    }

    async fn status(&self, user: UserId) -> Answer<CoachStatus> {
        self.coach
            .status(user)
            .await
            .map_err(|error| coach_error(&error))
    }
}
