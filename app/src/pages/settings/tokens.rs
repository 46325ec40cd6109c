//! The settings' section on access tokens: which there are, a form for another, and the text of one
//! that was just made. Plain forms, so that it works without a script.

use crate::{
    api::account::access_tokens,
    model::account::{AccessToken, TOKEN_NAME_MAX_CHARS, TokenScope},
    ports::FormState,
    widgets::{label, notice::Problem},
};
use leptos::prelude::*;

/// The section.
#[component]
pub fn Tokens() -> impl IntoView {
    let tokens = Resource::new(|| (), |()| access_tokens());
    let form = use_context::<FormState>().unwrap_or_default();
    view! {
        <section class="tokens" id="tokens" aria-labelledby="tokens-title">
            <h2 id="tokens-title">"Access tokens"</h2>
            <p>
                "With a token, your own programs can use your library without your password. "
                <a href="/api/docs" rel="external">"What programs can ask for"</a>
            </p>
            {form.token_problem.map(|problem| view! { <div class="notice problem" role="alert">{problem}</div> })}
            {form.new_token.map(|token| view! {
                <div class="notice" role="status">
                    <p>"This is your new token. Copy it now; it is not shown again."</p>
                    <p><code class="token-text">{token.0}</code></p>
                </div>
            })}
            <Suspense fallback=|| view! { <div class="skeleton"></div> }>
                {move || Suspend::new(async move {
                    match tokens.await {
                        Ok(tokens) => view! { <List tokens /> }.into_any(),
                        Err(error) => view! { <Problem error /> }.into_any(),
                    }
                })}
            </Suspense>
            <form method="post" action="/settings/tokens">
                <div class="field">
                    <label for="token-name">"Name of the new token"</label>
                    <input id="token-name" name="name" type="text" required maxlength=TOKEN_NAME_MAX_CHARS.to_string() autocomplete="off" aria-describedby="token-name-hint" />
                    <p class="hint" id="token-name-hint">"What you will use it for, such as Backup script."</p>
                </div>
                <div class="field">
                    <label for="token-scope">"It may"</label>
                    <select id="token-scope" name="scope">
                        <option value="read">"look at everything and search"</option>
                        <option value="write">"also upload, delete and ask the coach"</option>
                    </select>
                </div>
                <button class="button quiet" type="submit">"Create token"</button>
            </form>
            <p class="hint">"Tokens stay valid when you change your password. Revoke those you no longer need."</p>
        </section>
    }
}

#[component]
fn List(tokens: Vec<AccessToken>) -> impl IntoView {
    if tokens.is_empty() {
        return view! { <p class="hint">"You have no tokens."</p> }.into_any();
    }
    let rows = tokens.into_iter().map(|token| {
        let scope = match token.scope {
            TokenScope::Read => "Read",
            TokenScope::Write => "Read and write",
        };
        let used = match token.last_used_at {
            Some(moment) => ["last used ", &label::day(moment)].concat(),
            None => "never used".to_owned(),
        };
        let facts = [
            scope,
            ", created ",
            &label::day(token.created_at),
            ", ",
            &used,
        ]
        .concat();
        let action = ["/settings/tokens/", &token.id.to_string(), "/revoke"].concat();
        let revoke = ["Revoke ", &token.name].concat();
        view! {
            <li>
                <div>
                    <strong dir="auto">{token.name}</strong>
                    <p class="hint">{facts}</p>
                </div>
                <form method="post" action=action>
                    <button class="button quiet" type="submit" aria-label=revoke>"Revoke"</button>
                </form>
            </li>
        }
    });
    view! { <ul class="token-list">{rows.collect_view()}</ul> }.into_any()
}
