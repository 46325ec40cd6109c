//! The figures of learning as the pages want them.

use super::{answer, store_error};
use crate::{
    analytics::{Activity, Analytics, AnalyticsError},
    cache::Cached,
    limits::{Limits, in_words},
};
use app::{
    badges, charts,
    error::{AppError, ErrorKind},
    model::{
        analytics::{Achievement, AnalyticsPage, DayActivity, More, Overview, Progress, Standing},
        id::{MaterialId, UserId},
    },
    ports::{self, Answer},
};
use async_trait::async_trait;
use std::sync::Arc;

/// Longest period the analytics page covers, in days.
const DAYS_MAX: u32 = 365;

pub(super) struct AnalyticsPort {
    pub(super) overview: Cached<Overview>,
    pub(super) page: Cached<AnalyticsPage>,
    pub(super) days: Cached<Vec<DayActivity>>,
    pub(super) standing: Cached<Standing>,
    pub(super) more: Cached<More>,
    pub(super) achievements: Cached<Vec<Achievement>>,
    pub(super) analytics: Arc<Analytics>,
    pub(super) limits: Arc<Limits>,
}

/// What a failed step of the figures is called towards a user.
pub fn analytics_error(error: &AnalyticsError) -> AppError {
    match error {
        AnalyticsError::Store(error) => store_error(error),
        AnalyticsError::NotFound => AppError::not_found("page"),
    }
}

/// A period the page can show.
fn parse_days(days: u32) -> Answer<u32> {
    if (1..=DAYS_MAX).contains(&days) {
        Ok(days)
    } else {
        Err(AppError::invalid(format!(
            "A period has 1 to {DAYS_MAX} days; {days} was asked for."
        )))
    }
}

#[async_trait]
impl ports::Analytics for AnalyticsPort {
    async fn overview(&self, user: UserId, days: u32) -> Answer<Overview> {
        let days = parse_days(days)?;
        let overview = async {
            let overview = self.analytics.overview(user, days).await;
            overview.map_err(|error| analytics_error(&error))
        };
        let what = [&*days.to_string(), &self.analytics.quarter()];
        answer(self.overview.get(user, &what, overview).await)
    }

    async fn days(&self, user: UserId, days: u32) -> Answer<Vec<DayActivity>> {
        let days = parse_days(days)?;
        let list = async {
            let list = self.analytics.days(user, days).await;
            list.map_err(|error| analytics_error(&error))
        };
        let what = [&*days.to_string(), &self.analytics.quarter()];
        answer(self.days.get(user, &what, list).await)
    }

    async fn more(&self, user: UserId, days: u32) -> Answer<More> {
        let days = parse_days(days)?;
        let more = async {
            let more = self.analytics.more(user, days).await;
            more.map_err(|error| analytics_error(&error))
        };
        let what = [&*days.to_string(), &self.analytics.quarter()];
        answer(self.more.get(user, &what, more).await)
    }

    async fn achievements(&self, user: UserId) -> Answer<Vec<Achievement>> {
        let achievements = async {
            let achievements = self.analytics.achievements(user).await;
            achievements.map_err(|error| analytics_error(&error))
        };
        answer(self.achievements.get(user, &[], achievements).await)
    }

    async fn page(&self, user: UserId, days: u32) -> Answer<AnalyticsPage> {
        let page = async {
            let overview = self.overview(user, days).await?;
            let more = self.more(user, days).await?;
            let achievements = self.achievements(user).await?;
            let days = self.days(user, days).await?;
            Ok(AnalyticsPage {
                overview,
                calendar_chart: charts::calendar(&days),
                xp_chart: charts::xp(&days),
                hours_chart: charts::hours(&more.hours),
                badges: achievements
                    .iter()
                    .map(|one| badges::markup(&one.id))
                    .collect(),
                more,
                achievements,
                days,
            })
        };
        let what = [&*days.to_string(), &self.analytics.quarter()];
        answer(self.page.get(user, &what, page).await)
    }

    async fn stamp(&self, user: UserId) -> Answer<String> {
        let stamp = self.analytics.stamp(user).await;
        stamp.map_err(|error| analytics_error(&error))
    }

    async fn standing(&self, user: UserId) -> Answer<Standing> {
        let standing = async {
            let standing = self.analytics.standing(user).await;
            standing.map_err(|error| analytics_error(&error))
        };
        answer(
            self.standing
                .get(user, &[&self.analytics.quarter()], standing)
                .await,
        )
    }

    async fn progress(&self, user: UserId, days: u32) -> Answer<Progress> {
        let days = parse_days(days)?;
        let progress = self.analytics.progress(user, days).await;
        progress.map_err(|error| analytics_error(&error))
    }

    async fn record_page_read(&self, user: UserId, id: MaterialId, page: u32) -> Answer<()> {
        if let Err(wait) = self.limits.page_reads.take(&user) {
            return Err(AppError::new(
                ErrorKind::Limited,
                format!(
                    "That is more than anybody reads. Try again {}.",
                    in_words(wait)
                ),
            ));
        }
        self.analytics
            .record(user, Activity::PageRead { material: id, page })
            .await
            .map_err(|error| analytics_error(&error))
    }

    async fn record_reading(&self, user: UserId, id: MaterialId, page: u32) -> Answer<()> {
        self.analytics
            .record(user, Activity::Reading { material: id, page })
            .await
            .map_err(|error| analytics_error(&error))
    }
}
