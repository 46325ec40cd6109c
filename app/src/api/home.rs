//! The home page in one call.

use crate::{error::AppError, model::home::Home};
use leptos::prelude::*;

/// The student's desk; `None` for a visitor.
#[server(name = FetchHome, prefix = "/api/fn", endpoint = "home")]
pub async fn home() -> Result<Option<Home>, AppError> {
    use crate::widgets::{label, material as words};

    /// Materials shown on the home page.
    const RECENT: usize = 4;

    let Ok((services, user)) = super::signed_in() else {
        return Ok(None);
    };
    let materials = services.materials.list(user).await?;
    let last = services.coach.conversations(user).await?.into_iter().next();
    let standing = services.analytics.standing(user).await?;
    Ok(Some(Home {
        is_new: materials.is_empty() && last.is_none(),
        streak_days: standing.current_streak_days,
        streak_safe_today: standing.streak_safe_today,
        xp_today: standing.xp_today,
        level: standing.level,
        xp_to_next_level: standing
            .next_level_at_xp
            .saturating_sub(standing.xp_total),
        go_on: match last {
            Some(last) => crate::model::home::GoOn {
                href: format!("/coach/{}", last.id),
                kicker: format!("Continue where you stopped, {}", label::day(last.updated_at)),
                title: last.title,
            },
            None => crate::model::home::GoOn {
                href: "/coach".to_owned(),
                kicker: "Your documents are waiting".to_owned(),
                title: "Ask your first question".to_owned(),
            },
        },
        recent: materials
            .iter()
            .take(RECENT)
            .map(|material| crate::model::home::RecentMaterial {
                href: format!("/library/{}", material.id),
                title: material.title.clone(),
                stage: words::stage(&material.state).to_owned(),
                state: words::phrase(material),
                facts: words::facts(material),
            })
            .collect(),
    }))
}
