//! The home page in one call.

use crate::error::AppError;
use leptos::prelude::*;

/// The home page as HTML: the desk of a student, or what a visitor sees.
#[server(name = FetchHome, prefix = "/api/fn", endpoint = "home")]
pub async fn home() -> Result<String, AppError> {
    use crate::{
        model::home::{GoOn, Home, RecentMaterial},
        pages::home::{desk_html, landing_html},
        ports::FormState,
        widgets::{label, material as words},
    };

    /// Materials shown on the home page.
    const RECENT: usize = 4;

    let Ok((services, user)) = super::signed_in() else {
        let signups_open = use_context::<FormState>().is_some_and(|form| form.signups_open);
        return Ok(landing_html(signups_open));
    };
    let materials = services.materials.list(user).await?;
    let last = services.coach.conversations(user).await?.into_iter().next();
    let standing = services.analytics.standing(user).await?;
    Ok(desk_html(Home {
        is_new: materials.is_empty() && last.is_none(),
        streak_days: standing.current_streak_days,
        streak_safe_today: standing.streak_safe_today,
        xp_today: standing.xp_today,
        level: standing.level,
        xp_to_next_level: standing
            .next_level_at_xp
            .saturating_sub(standing.xp_total),
        go_on: match last {
            Some(last) => GoOn {
                href: format!("/coach/{}", last.id),
                kicker: format!("Continue where you stopped, {}", label::day(last.updated_at)),
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
    }))
}
