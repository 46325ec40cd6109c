//! Where a material stands, in words a student reads.

use super::label;
use crate::model::material::{FailureKind, Material, MaterialState};
use leptos::prelude::*;

/// The state as a short phrase; a failure's reason is [`state_label`]'s business.
pub fn phrase(material: &Material) -> String {
    match &material.state {
        MaterialState::Queued => "Waiting for its turn".to_owned(),
        MaterialState::Reading { page, pages: None } if *page == 0 => "Opening".to_owned(),
        MaterialState::Reading { page, pages } => {
            let total = pages.map(|pages| " of ".to_owned() + &pages.to_string());
            [
                "Reading page ",
                &page.to_string(),
                &total.unwrap_or_default(),
            ]
            .concat()
        }
        MaterialState::Embedding { done, total } => [
            "Making it searchable: ",
            &done.to_string(),
            " of ",
            &total.to_string(),
        ]
        .concat(),
        MaterialState::Ready if !material.embedded => "Ready, by words only".to_owned(),
        MaterialState::Ready => "Ready".to_owned(),
        MaterialState::Failed {
            kind: FailureKind::Cancelled,
            ..
        } => "Stopped".to_owned(),
        MaterialState::Failed {
            kind: FailureKind::Locked,
            ..
        } => "Locked".to_owned(),
        MaterialState::Failed { .. } => "Failed".to_owned(),
    }
}

/// How fast it moves: `, 14 pages a second, about 6 s left`. Empty while that is not known.
pub fn pace(material: &Material) -> String {
    material.pace.map_or_else(String::new, |pace| {
        label::pace(f64::from(pace.pages_per_second), pace.remaining_seconds)
    })
}

/// How far it is, for a progress bar: done and total. `None` when it is settled or not yet known.
fn progress(state: &MaterialState) -> Option<(u32, u32)> {
    match state {
        MaterialState::Reading {
            page,
            pages: Some(pages),
        } => Some((*page, *pages)),
        MaterialState::Embedding { done, total } => Some((*done, *total)),
        _ => None,
    }
}

/// One word for style sheets and tests.
pub fn stage(state: &MaterialState) -> &'static str {
    match state {
        MaterialState::Queued => "queued",
        MaterialState::Reading { .. } => "reading",
        MaterialState::Embedding { .. } => "embedding",
        MaterialState::Ready => "ready",
        MaterialState::Failed { .. } => "failed",
    }
}

/// Pages, size and day of upload: `12 pages, 3.4 MB, 22 Nov 2026`.
pub fn facts(material: &Material) -> String {
    let mut facts = String::new();
    if let Some(pages) = material.page_count {
        facts += &label::count(u64::from(pages), "page");
        facts += ", ";
    }
    facts += &label::size(material.size_bytes);
    facts += ", ";
    facts += &label::day(material.uploaded_at);
    facts
}

/// Where it stands: a phrase, a bar while it moves, the reason when it failed.
pub fn state_label(material: &Material) -> impl IntoView + use<> {
    let mut words = phrase(material) + &pace(material);
    if let MaterialState::Failed { message, .. } = &material.state {
        words += ": ";
        words += message;
    }
    let bar = progress(&material.state).map(|(done, total)| {
        view! {
            <progress max=total.to_string() value=done.to_string() aria-hidden="true"></progress>
        }
    });
    view! {
        <div class="material-state" data-testid="material-state" data-stage=stage(&material.state)>
            <span class="phrase">{words}</span>
            {bar}
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_read_like_a_person_would_say_them() {
        let reading = MaterialState::Reading {
            page: 12,
            pages: Some(80),
        };
        assert_eq!(phrase(&Material::example(reading)), "Reading page 12 of 80");
        let embedding = MaterialState::Embedding {
            done: 40,
            total: 160,
        };
        assert_eq!(
            phrase(&Material::example(embedding)),
            "Making it searchable: 40 of 160"
        );
        assert_eq!(phrase(&Material::example(MaterialState::Ready)), "Ready");
    }

    #[test]
    fn facts_leave_out_pages_that_are_not_known_yet() {
        let mut material = Material::example(MaterialState::Queued);
        assert_eq!(facts(&material), "2 pages, 2 KB, 1 Jan 1970");
        material.page_count = None;
        assert_eq!(facts(&material), "2 KB, 1 Jan 1970");
    }
}
