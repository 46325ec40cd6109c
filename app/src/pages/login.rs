//! `/login`: a plain form. It needs no script and ships none.

use crate::ports::FormState;
use leptos::prelude::*;
use leptos_meta::Title;

/// The sign-in page.
#[component]
pub fn LoginPage() -> impl IntoView {
    let form: FormState = use_context().unwrap_or_default();
    let returns = !form.next.is_empty() && form.next != "/";
    view! {
        <Title text="Log in" />
        <section class="account">
            <h1>"Welcome back"</h1>
            {returns.then(|| view! { <p class="lead">"Log in to see the page you asked for."</p> })}
            {form.notice.map(|notice| view! { <div class="notice" role="status">{notice}</div> })}
            {form.problem.map(|problem| view! { <div class="notice problem" role="alert" id="problem">{problem}</div> })}
            <form method="post" action="/login">
                <input type="hidden" name="next" value=form.next />
                <div class="field">
                    <label for="email">"E-mail"</label>
                    <input id="email" name="email" type="email" autocomplete="username" required maxlength="254" value=form.email />
                </div>
                <div class="field">
                    <label for="password">"Password"</label>
                    <input id="password" name="password" type="password" autocomplete="current-password" required maxlength="256" />
                </div>
                <button class="button" type="submit">"Log in"</button>
            </form>
            {form.signups_open.then(|| view! {
                <p class="aside">"New here? " <a href="/signup" rel="external">"Create an account"</a></p>
            })}
        </section>
    }
}
