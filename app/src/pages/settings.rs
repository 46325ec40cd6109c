//! `/settings`: the account, its time zone, its password, the tokens of its programs, and the way out.

mod tokens;

use crate::{
    api::account::{SetTimeZone, profile},
    browser,
    error::AppError,
    model::account::{Profile, Role},
    ports::FormState,
    widgets::notice::{Notice, Problem},
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::{LazyRoute, hooks::use_query_map, lazy_route};

/// The settings page.
pub struct SettingsRoute;

#[lazy_route]
impl LazyRoute for SettingsRoute {
    fn data() -> Self {
        Self
    }

    fn view(_this: Self) -> AnyView {
        let profile = Resource::new(|| (), |()| profile());
        // Why the password form was refused; such a page is plain HTML and never woken up.
        let problem = use_context::<FormState>().and_then(|form| form.problem);
        let query = use_query_map();
        let changed = move || query.with(|query| query.get_str("changed").is_some());
        view! {
            <Title text="Settings" />
            <div class="settings">
                <div class="section-head">
                    <h1>"Settings"</h1>
                    <form method="post" action="/logout">
                        <button class="button quiet" type="submit">"Log out"</button>
                    </form>
                </div>
                <Suspense fallback=|| view! { <div class="skeleton"></div> }>
                    {move || Suspend::new(async move {
                        match profile.await {
                            Ok(Some(profile)) => view! { <Account profile /> }.into_any(),
                            Ok(None) => view! { <Problem error=AppError::signed_out() /> }.into_any(),
                            Err(error) => view! { <Problem error /> }.into_any(),
                        }
                    })}
                </Suspense>
                <section aria-labelledby="password-title">
                    <h2 id="password-title">"Password"</h2>
                    {problem.map(|problem| view! { <div class="notice problem" role="alert">{problem}</div> })}
                    {move || changed().then(|| view! {
                        <Notice>"Your password is changed. Every other session has ended."</Notice>
                    })}
                    <form method="post" action="/settings/password">
                        <div class="field">
                            <label for="current-password">"Current password"</label>
                            <input id="current-password" name="current_password" type="password" autocomplete="current-password" required maxlength="256" />
                        </div>
                        <div class="field">
                            <label for="new-password">"New password"</label>
                            <input id="new-password" name="new_password" type="password" autocomplete="new-password" required minlength="8" maxlength="256" aria-describedby="new-password-hint" />
                            <p class="hint" id="new-password-hint">
                                "At least 8 characters of any kind. Every other device is logged out."
                            </p>
                        </div>
                        <button class="button quiet" type="submit">"Change password"</button>
                    </form>
                </section>
                <tokens::Tokens />
            </div>
        }
        .into_any()
    }
}

#[component]
fn Account(profile: Profile) -> impl IntoView {
    let is_owner = profile.role == Role::Owner;
    let set = ServerAction::<SetTimeZone>::new();
    let zone = RwSignal::new(profile.time_zone);
    let here = RwSignal::new(None::<String>);
    Effect::new(move |_| here.set(browser::time_zone()));
    Effect::new(move |_| {
        if let Some(Ok(profile)) = set.value().get() {
            zone.set(profile.time_zone);
        }
    });
    let elsewhere = move || here.get().filter(|here| zone.with(|zone| zone != here));
    view! {
        <section aria-labelledby="account-title">
            <h2 id="account-title">"Account"</h2>
            <p>
                {profile.email}
                {is_owner.then_some(" owns this server")}
            </p>
            {is_owner.then(|| view! {
                <p><a href="/admin/cache">"How the caches do"</a></p>
                <p><a href="/admin/performance">"How fast the pages are"</a></p>
            })}
        </section>
        <section aria-labelledby="zone-title">
            <h2 id="zone-title">"Time zone"</h2>
            <ActionForm action=set>
                <div class="field">
                    <label for="zone">"Your days begin at midnight in"</label>
                    <input id="zone" name="time_zone" type="text" required maxlength="64" autocomplete="off" spellcheck="false"
                        aria-describedby="zone-hint" prop:value=move || zone.get() value=zone.get_untracked() />
                    <p class="hint" id="zone-hint">"A place from the time zone list, such as Europe/Berlin or America/New_York."</p>
                </div>
                <div class="actions">
                    <button class="button quiet" type="submit">"Save time zone"</button>
                    {move || elsewhere().map(|here| {
                        let name = here.clone();
                        view! {
                            <button class="link" type="button" on:click=move |_| zone.set(name.clone())>
                                "Use " {here} ", where this browser is"
                            </button>
                        }
                    })}
                </div>
                {move || set.value().get().map(|saved| match saved {
                    Ok(_) => view! { <Notice>"Saved. Days are counted in this zone from now on."</Notice> }.into_any(),
                    Err(error) => view! { <Problem error /> }.into_any(),
                })}
            </ActionForm>
        </section>
    }
}
