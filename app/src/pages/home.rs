//! `/`: what this is for a visitor; the desk as she left it for a student.

use super::PageHtml;
use crate::{
    browser::{fragment::Fragment, kept::Kept},
    model::home::{GoOn, Home, RecentMaterial},
    widgets::{
        icon::{Glyph, Icon},
        notice::EmptyState,
        pixel::Flame,
    },
};
use leptos::{html, prelude::*};
use leptos_meta::Title;

/// The changes that move what is on the desk.
const MOVERS: [&str; 3] = ["material", "material_deleted", "figures"];

/// The home page.
///
/// It is part of the first download, so it holds no view and parses nothing: the server sends HTML,
/// and the browser leaves it in place, or asks for it when it comes from another page.
#[component]
pub fn HomePage() -> impl IntoView {
    let html = use_context::<PageHtml>()
        .map(|page| page.0)
        .unwrap_or_default();
    let place = NodeRef::<html::Div>::new();
    let follower = Kept::empty();
    Effect::new(move |_| {
        if let Some(place) = place.get() {
            let desk = Fragment::new(place.into(), "/api/fn/home", String::new(), || {});
            follower.keep(desk.follow(&MOVERS));
        }
    });
    view! {
        <Title text="" />
        <div class="home" node_ref=place inner_html=html></div>
    }
}

/// A student's desk as HTML.
pub fn desk_html(home: Home) -> String {
    view! { <Desk home /> }.to_html()
}

/// The visitor's page as HTML.
pub fn landing_html(signups_open: bool) -> String {
    view! { <Landing signups_open /> }.to_html()
}

#[component]
fn Desk(home: Home) -> impl IntoView {
    let title = if home.is_new {
        "Your desk is ready"
    } else {
        "Your desk"
    };
    let body = if home.is_new {
        view! { <FirstSteps /> }.into_any()
    } else {
        view! {
            <Today home=home.clone() />
            <Continue go_on=home.go_on />
            <Recent materials=home.recent />
        }
        .into_any()
    };
    view! {
        <div class="desk">
            <h1>{title}</h1>
            {body}
        </div>
    }
}

/// A plain form, so that one click needs no script of its own.
#[component]
fn FirstSteps() -> impl IntoView {
    view! {
        <EmptyState
            title="Start with one document"
            sentence="Add a chapter, a paper or your notes; then ask the coach about it and see which page the answer stands on."
        >
            <a class="button" href="/library"><Icon glyph=Glyph::Upload />"Upload a document"</a>
            <form method="post" action="/api/fn/add_sample">
                <button class="button quiet" type="submit">"Add the two-page sample"</button>
            </form>
        </EmptyState>
    }
}

#[component]
fn Today(home: Home) -> impl IntoView {
    let streak = if home.streak_days == 0 {
        "No streak yet".to_owned()
    } else {
        home.streak_days.to_string() + "-day streak"
    };
    let advice = if home.streak_safe_today {
        "Today counts."
    } else {
        "Five minutes or three questions make today count."
    };
    let xp = home.xp_today.to_string() + " XP today";
    let level = [
        "Level ",
        &home.level.to_string(),
        ", ",
        &home.xp_to_next_level.to_string(),
        " XP to the next",
    ]
    .concat();
    view! {
        <section class="today" aria-label="Today">
            <Flame lit=home.streak_safe_today || home.streak_days != 0 />
            <p>
                <strong>{streak}</strong>
                <span>{advice}</span>
            </p>
            <p>
                <strong>{xp}</strong>
                <a href="/analytics">{level}</a>
            </p>
        </section>
    }
}

#[component]
fn Continue(go_on: GoOn) -> impl IntoView {
    view! {
        <section class="continue">
            <p class="kicker">{go_on.kicker}</p>
            <h2><a href=go_on.href>{go_on.title}<Icon glyph=Glyph::Arrow /></a></h2>
        </section>
    }
}

#[component]
fn Recent(materials: Vec<RecentMaterial>) -> impl IntoView {
    view! {
        <section class="recent" aria-labelledby="recent-title">
            <div class="section-head">
                <h2 id="recent-title">"Recent documents"</h2>
                <a href="/library">"Library"</a>
            </div>
            <ul class="shelf">
                {materials.into_iter().map(|material| view! {
                    <li>
                        <a class="title" href=material.href>{material.title}</a>
                        <div class="material-state" data-testid="material-state" data-stage=material.stage>
                            <span class="phrase">{material.state}</span>
                        </div>
                        <p class="facts">{material.facts}</p>
                    </li>
                }).collect_view()}
            </ul>
        </section>
    }
}

/// What a visitor sees.
#[component]
fn Landing(signups_open: bool) -> impl IntoView {
    view! {
        <div class="landing">
            <section class="pitch">
                <h1>"Ask your " <mark>"own pages."</mark></h1>
                <p class="lead">
                    "Studyin reads the documents you study from and answers out of them. Every answer says which page it stands on, and opens it at the passage."
                </p>
                <div class="actions">
                    {signups_open.then(|| view! { <a class="button" href="/signup" rel="external">"Create an account"</a> })}
                    <a class="button quiet" href="/login" rel="external">"Log in"</a>
                </div>
            </section>
            <figure class="specimen" role="img" aria-label="A question, its answer with a numbered citation, and the page with the cited sentence highlighted">
                <div class="leaf" aria-hidden="true">
                    <p class="folio">"Cardiac output, page 1"</p>
                    <p>
                        "The heart is two pumps in series. Each beat pushes a stroke volume into the arteries, and the rate says how often. "
                        <mark>"At rest this comes to about five litres a minute: some seventy beats of seventy millilitres."</mark>
                        " In hard exercise both factors rise, the rate first."
                    </p>
                    <p class="rest">
                        "What a ventricle can push out depends on how far it was filled, on the pressure it works against, and on its own strength."
                    </p>
                </div>
                <div class="exchange" aria-hidden="true">
                    <p class="specimen-question">"How much does the heart pump at rest?"</p>
                    <p class="specimen-answer">"About five litres a minute, from seventy beats of seventy millilitres." <span class="specimen-citation">"1"</span></p>
                </div>
            </figure>
            <ul class="promises">
                <li>
                    <h2>"Checked, not guessed"</h2>
                    <p>"A citation is compared with the page before it becomes a link. What your documents do not cover, Studyin says so."</p>
                </li>
                <li>
                    <h2>"Kept where it runs"</h2>
                    <p>"Files, questions and study days stay on this server. It needs no other service; a language model is yours to connect, or not."</p>
                </li>
                <li>
                    <h2>"Days that add up"</h2>
                    <p>"Study time, a streak that forgives a missed day, and a calendar of the year, from what you really did."</p>
                </li>
            </ul>
        </div>
    }
}
