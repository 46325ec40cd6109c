//! The home page in one call.

use super::json_text::JsonText;
use crate::{
    error::AppError,
    model::{
        home::{GoOn, Home, RecentMaterial},
        id::UserId,
    },
    pages::{
        home::{desk_html, landing_html},
        stamped,
    },
    ports::Services,
    widgets::{label, material as words},
};
use leptos::prelude::*;

/// Materials shown on the home page.
const RECENT: usize = 4;

/// The home page as HTML: the desk of a student, or what a visitor sees. The browser asks for it
/// when it comes to the page from another one, and when something on it has changed.
#[server(name = FetchHome, prefix = "/api/fn", endpoint = "home", output = JsonText)]
pub async fn home() -> Result<String, AppError> {
    use crate::ports::{CurrentUser, FormState};

    let services = use_context::<Services>().ok_or_else(AppError::signed_out)?;
    let user = use_context::<CurrentUser>().and_then(|current| current.0);
    let signups_open = use_context::<FormState>().is_some_and(|form| form.signups_open);
    rendered(&services, user.map(|user| user.id), signups_open).await
}

/// What [`home`] answers; the server calls it before it renders the page itself.
pub async fn rendered(
    services: &Services,
    user: Option<UserId>,
    signups_open: bool,
) -> Result<String, AppError> {
    let Some(user) = user else {
        return Ok(landing_html(signups_open));
    };
    let stamp = services.analytics.stamp(user).await?;
    let materials = services.materials.list(user).await?;
    let last = services.coach.conversations(user).await?.into_iter().next();
    let standing = services.analytics.standing(user).await?;
    let desk = desk_html(Home {
        is_new: materials.is_empty() && last.is_none(),
        streak_days: standing.current_streak_days,
        streak_safe_today: standing.streak_safe_today,
        xp_today: standing.xp_today,
        level: standing.level,
        xp_to_next_level: standing.next_level_at_xp.saturating_sub(standing.xp_total),
        go_on: match last {
            Some(last) => GoOn {
                href: format!("/coach/{}", last.id),
                kicker: format!(
                    "Continue where you stopped, {}",
                    label::day(last.updated_at)
                ),
                title: last.title,
            },
            None => GoOn {
                href: "/coach".to_owned(),
                kicker: "Your documents are waiting".to_owned(),
                title: "Ask your first question".to_owned(),
            },
        },
        recent: materials
            .iter()
            .take(RECENT)
            .map(|material| RecentMaterial {
                href: format!("/library/{}", material.id),
                title: material.title.clone(),
                stage: words::stage(&material.state).to_owned(),
                state: words::phrase(material),
                facts: words::facts(material),
            })
            .collect(),
    });
    Ok(stamped(desk, &stamp))
}
