//! The settings' forms for access tokens: plain HTML posts that work without a script. A new token is
//! shown on the answer itself, because an address would keep it.

use super::{pages, problem::Problem, session::Visitor, state::AppState};
use crate::{
    accounts::{AccountError, tokens::TOKENS_PER_USER},
    services,
};
use app::{
    error::AppError,
    model::account::TokenScope,
    ports::{FormState, ShownOnce},
};
use axum::{
    extract::{Form, Path, State, rejection::FormRejection},
    http::{HeaderMap, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

/// Where the section is.
const SECTION: &str = "/settings#tokens";

/// Fields of the form for a new token.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct TokenForm {
    name: String,
    scope: String,
}

/// `POST /settings/tokens`.
pub async fn create(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Result<Form<TokenForm>, FormRejection>,
) -> Response {
    let Some(profile) = visitor.profile() else {
        return super::next::to_sign_in("/settings");
    };
    let form = form.map(|Form(form)| form).unwrap_or_default();
    let scope = match form.scope.as_str() {
        "read" => TokenScope::Read,
        "write" => TokenScope::Write,
        _ => {
            let problem = invalid("Choose what the token may do.");
            return refused(&state, &visitor, &headers, problem).await;
        }
    };
    match state
        .accounts
        .create_token(profile.id, &form.name, scope)
        .await
    {
        Ok(token) => {
            let form = FormState {
                new_token: Some(ShownOnce(token.as_str().to_owned())),
                ..pages::usual_form(&state)
            };
            settings(&state, &visitor, &headers, form).await
        }
        Err(error) => refused(&state, &visitor, &headers, problem_of(&error)).await,
    }
}

/// `POST /settings/tokens/{id}/revoke`. One that is gone already is as revoked as can be.
pub async fn revoke(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let Some(profile) = visitor.profile() else {
        return super::next::to_sign_in("/settings");
    };
    let Ok(id) = id.parse() else {
        return Redirect::to(SECTION).into_response();
    };
    match state.accounts.revoke_token(profile.id, id).await {
        Ok(_) => Redirect::to(SECTION).into_response(),
        Err(error) => refused(&state, &visitor, &headers, problem_of(&error)).await,
    }
}

fn problem_of(error: &AccountError) -> Problem {
    match error {
        AccountError::TooManyTokens => invalid(&format!(
            "You have {TOKENS_PER_USER} tokens, as many as fit. Revoke one first."
        )),
        other => services::account_error(other).into(),
    }
}

fn invalid(sentence: &str) -> Problem {
    AppError::invalid(sentence).into()
}

/// The settings with what was wrong.
async fn refused(
    state: &AppState,
    visitor: &Visitor,
    headers: &HeaderMap,
    problem: Problem,
) -> Response {
    let form = FormState {
        token_problem: Some(problem.detail().to_owned()),
        ..pages::usual_form(state)
    };
    problem.over(settings(state, visitor, headers, form).await)
}

async fn settings(
    state: &AppState,
    visitor: &Visitor,
    headers: &HeaderMap,
    form: FormState,
) -> Response {
    let request = pages::get_of("/settings", headers.get(header::HOST).cloned());
    pages::render(state, visitor, form, request).await
}
