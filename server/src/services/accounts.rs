//! Accounts, and what their owner sees, as the pages want them.

use super::{answer, store_error, told};
use crate::{
    accounts::{AccountError, Accounts},
    analytics::Analytics,
    cache::{Cached, Caches, Namespace},
    vitals::Vitals,
};
use app::{
    error::{AppError, ErrorKind},
    model::{
        account::{AccessToken, Profile, Role},
        admin::{CacheNamespace, CachePage},
        id::UserId,
        vitals::PerformancePage,
    },
    ports::{self, Answer},
};
use async_trait::async_trait;
use std::sync::Arc;

/// What a failed step on an account is called towards a user.
pub fn account_error(error: &AccountError) -> AppError {
    match error {
        AccountError::Store(error) => store_error(error),
        AccountError::Invalid(sentence) => AppError::invalid(*sentence),
        other => told(
            ErrorKind::Internal,
            "The account could not be changed. Try again; if it stays, look at the server's log.",
            other,
        ),
    }
}

#[derive(Clone)]
pub(super) struct AccountsPort {
    pub(super) profile: Cached<Profile>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) analytics: Arc<Analytics>,
}

#[async_trait]
impl ports::Accounts for AccountsPort {
    async fn profile(&self, user: UserId) -> Answer<Profile> {
        let profile = async {
            let profile = self.accounts.profile(user).await;
            profile
                .map_err(|error| account_error(&error))?
                .ok_or_else(AppError::signed_out)
        };
        answer(self.profile.get(user, &[], profile).await)
    }

    async fn set_time_zone(&self, user: UserId, time_zone: &str) -> Answer<Profile> {
        let profile = self.accounts.set_time_zone(user, time_zone).await;
        let profile = profile.map_err(|error| account_error(&error))?;
        self.analytics.figures_changed(user);
        Ok(profile)
    }

    async fn access_tokens(&self, user: UserId) -> Answer<Vec<AccessToken>> {
        self.accounts
            .access_tokens(user)
            .await
            .map_err(|error| account_error(&error))
    }
}

pub(super) struct AdminPort {
    pub(super) accounts: AccountsPort,
    pub(super) caches: Caches,
    pub(super) vitals: Vitals,
}

impl AdminPort {
    /// Lets the owner through; for anybody else there is nothing.
    async fn admit(&self, user: UserId) -> Answer<()> {
        match ports::Accounts::profile(&self.accounts, user).await? {
            profile if profile.role == Role::Owner => Ok(()),
            _ => Err(AppError::not_found("page")),
        }
    }

    fn page(&self) -> CachePage {
        let figures = self.caches.figures();
        CachePage {
            is_on: figures.is_some(),
            redis_answers: self.caches.redis_answers(),
            namespaces: figures
                .into_iter()
                .flatten()
                .map(|one| CacheNamespace {
                    name: one.namespace.name().to_owned(),
                    hits: one.hits,
                    misses: one.misses,
                    errors: one.errors,
                    evictions: one.evictions,
                    held: one.held,
                    held_bytes: one.held_bytes,
                    stored_bytes: one.stored_bytes,
                    compression_ratio: one.compression_ratio,
                    saved_seconds: one.saved_seconds,
                    ends_with: one
                        .namespace
                        .ending_with()
                        .map(|other| other.name().to_owned())
                        .collect(),
                })
                .collect(),
        }
    }
}

#[async_trait]
impl ports::Admin for AdminPort {
    async fn caches(&self, user: UserId) -> Answer<CachePage> {
        self.admit(user).await?;
        Ok(self.page())
    }

    async fn end_cache(&self, user: UserId, namespace: &str) -> Answer<CachePage> {
        self.admit(user).await?;
        let namespace =
            Namespace::parse(namespace).ok_or_else(|| AppError::not_found("namespace"))?;
        self.caches
            .end(namespace)
            .await
            .map_err(|error| store_error(&error))?;
        Ok(self.page())
    }

    async fn performance(&self, user: UserId) -> Answer<PerformancePage> {
        self.admit(user).await?;
        let page = self.vitals.page().await;
        page.map_err(|error| store_error(&error))
    }
}
