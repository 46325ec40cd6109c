//! `/`: what this is for a visitor; the desk as she left it for a student.

use crate::{
    api::{home::home, material::AddSample},
    browser::events,
    model::{
        analytics::Standing,
        coach::ConversationSummary,
        home::Home,
        material::Material,
    },
    ports::FormState,
    widgets::{
        icon::{Glyph, Icon},
        label,
        material::{StateLabel, facts},
        notice::{EmptyState, Problem},
        pixel::Flame,
    },
};
use leptos::{lazy, prelude::*};
use leptos_meta::Title;

/// The home page.
#[component]
pub fn HomePage() -> impl IntoView {
    let add = ServerAction::<AddSample>::new();
    let signups_open = use_context::<FormState>().is_some_and(|form| form.signups_open);
    let desk = Resource::new(move || add.version().get(), |_| home());
    view! {
        <Title text="" />
        <Transition fallback=|| view! { <div class="skeleton"></div> }>
            {move || Suspend::new(async move {
                match desk.await {
                    Ok(Some(home)) => view! { <Desk home add /> }.into_any(),
                    Ok(None) => landing(signups_open).await,
                    Err(error) => view! { <Problem error /> }.into_any(),
                }
            })}
        </Transition>
    }
}

#[component]
fn Desk(home: Home, add: ServerAction<AddSample>) -> impl IntoView {
    let is_new = home.recent_materials.is_empty() && home.last_conversation.is_none();
    view! {
        <div class="desk">
            <h1>{if is_new { "Your desk is ready" } else { "Your desk" }}</h1>
            {move || add.value().get().and_then(Result::err).map(|error| view! { <Problem error /> })}
            {if is_new {
                view! {
                    <EmptyState
                        title="Start with one document"
                        sentence="Add a chapter, a paper or your notes; then ask the coach about it and see which page the answer stands on."
                    >
                        <a class="button" href="/library"><Icon glyph=Glyph::Upload />"Upload a document"</a>
                        <ActionForm action=add>
                            <button class="button quiet" type="submit">"Add the two-page sample"</button>
                        </ActionForm>
                    </EmptyState>
                }.into_any()
            } else {
                view! {
                    <Today standing=home.standing />
                    <Continue last=home.last_conversation />
                    <Recent materials=home.recent_materials />
                }.into_any()
            }}
        </div>
    }
}

#[component]
fn Today(standing: Standing) -> impl IntoView {
    let days = standing.current_streak_days;
    let streak = if days == 0 {
        "No streak yet".to_owned()
    } else {
        days.to_string() + "-day streak"
    };
    let advice = if standing.streak_safe_today {
        "Today counts."
    } else {
        "Five minutes or three questions make today count."
    };
    view! {
        <section class="today" aria-label="Today">
            <Flame lit=standing.streak_safe_today || days != 0 />
            <p>
                <strong>{streak}</strong>
                <span>{advice}</span>
            </p>
            <p>
                <strong>{standing.xp_today.to_string()} " XP today"</strong>
                <a href="/analytics">
                    "Level " {standing.level.to_string()} ", "
                    {standing.next_level_at_xp.saturating_sub(standing.xp_total).to_string()} " XP to the next"
                </a>
            </p>
        </section>
    }
}

#[component]
fn Continue(last: Option<ConversationSummary>) -> impl IntoView {
    let (href, kicker, title) = match last {
        Some(last) => (
            "/coach/".to_owned() + &last.id.to_string(),
            "Continue where you stopped, ".to_owned() + &label::day(last.updated_at),
            last.title,
        ),
        None => (
            "/coach".to_owned(),
            "Your documents are waiting".to_owned(),
            "Ask your first question".to_owned(),
        ),
    };
    view! {
        <section class="continue">
            <p class="kicker">{kicker}</p>
            <h2><a href=href>{title}<Icon glyph=Glyph::Arrow /></a></h2>
        </section>
    }
}

#[component]
fn Recent(materials: Vec<Material>) -> impl IntoView {
    let moving = materials.iter().any(|material| !material.state.is_settled());
    let materials: Vec<_> = materials.into_iter().map(ArcRwSignal::new).collect();
    if moving {
        follow(materials.clone());
    }
    view! {
        <section class="recent" aria-labelledby="recent-title">
            <div class="section-head">
                <h2 id="recent-title">"Recent documents"</h2>
                <a href="/library">"Library"</a>
            </div>
            <ul class="shelf">
                {materials.into_iter().map(|material| {
                    let id = material.with_untracked(|material| material.id.to_string());
                    let material = RwSignal::from(material);
                    view! {
                        <li>
                            <a class="title" href="/library/".to_owned() + &id>
                                {move || material.with(|material| material.title.clone())}
                            </a>
                            <StateLabel material=material />
                            <p class="facts">{move || material.with(facts)}</p>
                        </li>
                    }
                }).collect_view()}
            </ul>
        </section>
    }
}

/// Keeps the states live while something is still being read; an idle desk asks for nothing.
fn follow(materials: Vec<ArcRwSignal<Material>>) {
    let follower = StoredValue::new_local(None);
    Effect::new(move |_| {
        let materials = materials.clone();
        let opened = events::follow(&["material"], move |_, data| {
            let Ok(news) = serde_json::from_str::<Material>(data) else {
                return;
            };
            let row = materials
                .iter()
                .find(|row| row.with_untracked(|material| material.id == news.id));
            if let Some(row) = row {
                row.set(news);
            }
        });
        follower.set_value(opened);
    });
}

/// What a visitor sees; a student's browser never downloads it.
#[lazy]
async fn landing(signups_open: bool) -> AnyView {
    view! {
        <div class="landing">
            <section class="pitch">
                <h1>"Ask your own pages."</h1>
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
                    <p class="question">"How much does the heart pump at rest?"</p>
                    <p class="answer">"About five litres a minute, from seventy beats of seventy millilitres." <span class="citation">"1"</span></p>
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
    .into_any()
}
