//! `/signup`: a plain form. One line of script names the browser's time zone; without it the
//! account starts in UTC and the zone can be set later.

use crate::ports::FormState;
use leptos::{nonce::use_nonce, prelude::*};
use leptos_meta::Title;

const FILL_TIME_ZONE: &str =
    "document.getElementById('time-zone').value=Intl.DateTimeFormat().resolvedOptions().timeZone";

/// The sign-up page.
#[component]
pub fn SignupPage() -> impl IntoView {
    let form: FormState = use_context().unwrap_or_default();
    let nonce = use_nonce().map(|nonce| nonce.to_string());
    let problem = form
        .problem
        .map(|problem| view! { <div class="notice problem" role="alert">{problem}</div> });
    if !form.signups_open {
        return view! {
            <Title text="Sign up" />
            <section class="account">
                <h1>"No new accounts"</h1>
                {problem}
                <p>"This Studyin takes no new accounts at the moment. Ask the person who runs it to open sign-ups."</p>
                <p class="aside">"You have one already? " <a href="/login" rel="external">"Log in"</a></p>
            </section>
        }
        .into_any();
    }
    view! {
        <Title text="Sign up" />
        <section class="account">
            <h1>"Make yourself a desk"</h1>
            <p class="lead">"One account for your documents, questions and study days. They stay on this server."</p>
            {problem}
            <form method="post" action="/signup">
                <input type="hidden" name="next" value=form.next />
                <input type="hidden" name="time_zone" id="time-zone" value="" />
                <script nonce=nonce inner_html=FILL_TIME_ZONE></script>
                {form.needs_setup_token.then(|| view! {
                    <div class="field">
                        <label for="setup-token">"Set-up token"</label>
                        <input id="setup-token" name="setup_token" type="text" autocomplete="off" required aria-describedby="setup-token-hint" />
                        <p class="hint" id="setup-token-hint">
                            "The first account owns this server. The token stands in the server's log, printed when it started."
                        </p>
                    </div>
                })}
                <div class="field">
                    <label for="email">"E-mail"</label>
                    <input id="email" name="email" type="email" autocomplete="username" required maxlength="254" value=form.email aria-describedby="email-hint" />
                    <p class="hint" id="email-hint">"Only for logging in. Studyin sends no mail."</p>
                </div>
                <div class="field">
                    <label for="password">"Password"</label>
                    <input id="password" name="password" type="password" autocomplete="new-password" required minlength="8" maxlength="256" aria-describedby="password-hint" />
                    <p class="hint" id="password-hint">
                        "At least 8 characters of any kind. A few words in a row work well; the most common passwords are refused."
                    </p>
                </div>
                <button class="button" type="submit">"Create account"</button>
            </form>
            <p class="aside">"You have one already? " <a href="/login" rel="external">"Log in"</a></p>
        </section>
    }
    .into_any()
}
