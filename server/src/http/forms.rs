//! The account forms: plain HTML posts that work without a script. A refused form is shown again
//! with what was wrong; it never shows a password.

use super::{
    client::ClientAddress,
    next::{local_path, to_sign_in},
    pages,
    problem::Problem,
    session::{self, Visitor},
    state::AppState,
};
use crate::{
    accounts::{AccountError, SignUp, network, sessions::SessionToken},
    changes::Change,
    limits::in_words,
    services,
};
use app::{error::AppError, model::account::Profile, ports::FormState};
use axum::{
    extract::{Form, State, rejection::FormRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use secrecy::SecretString;
use serde::Deserialize;
use std::time::Duration;

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");
/// What a browser removes when its student logs out or another one takes her place: pictures of pages it
/// has shown, the copies and the questions she kept, the choices in the reader.
const NOTHING_STAYS: HeaderValue = HeaderValue::from_static("\"cache\", \"storage\"");

/// Fields of the sign-in form.
#[derive(Deserialize)]
#[serde(default)]
pub struct SignInForm {
    email: String,
    password: SecretString,
    next: String,
}

/// Fields of the sign-up form.
#[derive(Deserialize)]
#[serde(default)]
pub struct SignUpForm {
    email: String,
    password: SecretString,
    setup_token: String,
    time_zone: String,
    next: String,
}

/// Fields of the password form in the settings.
#[derive(Deserialize)]
#[serde(default)]
pub struct PasswordForm {
    current_password: SecretString,
    new_password: SecretString,
}

fn empty() -> SecretString {
    SecretString::from(String::new())
}

impl Default for SignInForm {
    fn default() -> Self {
        Self {
            email: String::new(),
            password: empty(),
            next: String::new(),
        }
    }
}

impl Default for SignUpForm {
    fn default() -> Self {
        Self {
            email: String::new(),
            password: empty(),
            setup_token: String::new(),
            time_zone: String::new(),
            next: String::new(),
        }
    }
}

impl Default for PasswordForm {
    fn default() -> Self {
        Self {
            current_password: empty(),
            new_password: empty(),
        }
    }
}

/// `POST /login`.
pub async fn sign_in(
    State(state): State<AppState>,
    visitor: Visitor,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    form: Result<Form<SignInForm>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else {
        return unreadable(&headers);
    };
    match state
        .accounts
        .sign_in(&form.email, form.password, address)
        .await
    {
        Ok((student, token)) => welcome(&state, &visitor, &student, &token, &form.next).await,
        Err(error) => {
            let shown = Shown {
                page: "/login",
                email: form.email,
                next: form.next,
            };
            again(&state, &Visitor(None), &headers, shown, Refusal::of(&error)).await
        }
    }
}

/// `POST /signup`.
pub async fn sign_up(
    State(state): State<AppState>,
    visitor: Visitor,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    form: Result<Form<SignUpForm>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else {
        return unreadable(&headers);
    };
    let shown = Shown {
        page: "/signup",
        email: form.email.clone(),
        next: form.next.clone(),
    };
    if let Err(wait) = state.limits.sign_ups.take(&network(address)) {
        let sentence = format!(
            "Too many accounts were asked for from your network. Try again {}.",
            in_words(wait)
        );
        let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, sentence).after(wait);
        return again(&state, &Visitor(None), &headers, shown, refusal).await;
    }
    let asked = SignUp {
        email: form.email,
        password: form.password,
        setup_token: form.setup_token,
        time_zone: form.time_zone,
    };
    match state.accounts.sign_up(asked).await {
        Ok((student, token)) => welcome(&state, &visitor, &student, &token, &form.next).await,
        Err(error) => again(&state, &Visitor(None), &headers, shown, Refusal::of(&error)).await,
    }
}

/// `POST /logout`.
pub async fn sign_out(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Response {
    if let Some(session) = &visitor.0
        && let Err(error) = state.accounts.sign_out(&session.token).await
    {
        // The browser keeps its cookie: it would be wrong to show her as signed out.
        return Refusal::of(&error).into_problem().answer(&headers);
    }
    if let Some(session) = &visitor.0 {
        let user = session.profile.id;
        state.changes.publish(Change::SessionEnded { user });
    }
    let mut response = Redirect::to("/").into_response();
    session::clear_cookie(&mut response, state.config.is_https());
    response
        .headers_mut()
        .insert(CLEAR_SITE_DATA, NOTHING_STAYS);
    response
}

/// `POST /settings/password`.
pub async fn change_password(
    State(state): State<AppState>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Result<Form<PasswordForm>, FormRejection>,
) -> Response {
    let Some(session) = &visitor.0 else {
        return to_sign_in("/settings");
    };
    let Ok(Form(form)) = form else {
        return unreadable(&headers);
    };
    let changed = state
        .accounts
        .change_password(
            &session.profile,
            form.current_password,
            form.new_password,
            &session.token,
        )
        .await;
    let refusal = match changed {
        Ok(()) => {
            let user = session.profile.id;
            state.changes.publish(Change::SessionEnded { user });
            return Redirect::to("/settings?changed").into_response();
        }
        Err(AccountError::WrongCredentials) => Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Your current password is not that one. Nothing was changed.",
        ),
        Err(error) => Refusal::of(&error),
    };
    let shown = Shown {
        page: "/settings",
        email: session.profile.email.clone(),
        next: String::new(),
    };
    again(&state, &visitor, &headers, shown, refusal).await
}

/// What a refused form keeps.
struct Shown {
    page: &'static str,
    email: String,
    next: String,
}

/// Why a form was refused.
struct Refusal {
    status: StatusCode,
    sentence: String,
    wait: Option<Duration>,
}

impl Refusal {
    fn new(status: StatusCode, sentence: impl Into<String>) -> Self {
        Self {
            status,
            sentence: sentence.into(),
            wait: None,
        }
    }

    fn after(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    fn of(error: &AccountError) -> Self {
        match error {
            AccountError::Store(error) => Self::from(services::store_error(error)),
            AccountError::Invalid(sentence) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, *sentence)
            }
            AccountError::WrongCredentials => Self::new(
                StatusCode::UNAUTHORIZED,
                "That e-mail address and password do not belong together. Check both and try again.",
            ),
            AccountError::EmailTaken => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "There is already an account with that e-mail address. Sign in instead.",
            ),
            AccountError::SignupsClosed => Self::new(
                StatusCode::FORBIDDEN,
                "New accounts cannot be made on this server. Ask the person who runs it.",
            ),
            AccountError::WrongSetupToken => Self::new(
                StatusCode::FORBIDDEN,
                "The first account needs the set-up token. It stands in the server's log, printed when the server started.",
            ),
            AccountError::Throttled(wait) => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                format!("Too many attempts failed. Try again {}.", in_words(*wait)),
            )
            .after(*wait),
            AccountError::Busy => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "Many people are signing in right now. Try again in a moment.",
            )
            .after(Duration::from_secs(5)),
            AccountError::NoRandomness | AccountError::Hashing | AccountError::TooManyTokens => {
                Self::from(services::told(
                    app::error::ErrorKind::Internal,
                    "The server could not work with that password. Try again; if it stays, look at the server's log.",
                    error,
                ))
            }
        }
    }

    fn into_problem(self) -> Problem {
        let problem = Problem::new(self.status, self.sentence);
        match self.wait {
            Some(wait) => problem.retry_after(wait),
            None => problem,
        }
    }
}

impl From<AppError> for Refusal {
    fn from(error: AppError) -> Self {
        let status =
            StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let sentence = match error.reference {
            Some(reference) => format!("{} (Reference {reference}.)", error.message),
            None => error.message,
        };
        Self::new(status, sentence)
    }
}

/// Shows a form's page again with what was wrong.
async fn again(
    state: &AppState,
    visitor: &Visitor,
    headers: &HeaderMap,
    shown: Shown,
    refusal: Refusal,
) -> Response {
    let blank = match blank(state).await {
        Ok(blank) => blank,
        Err(_) => return refusal.into_problem().answer(headers),
    };
    let form = FormState {
        problem: Some(refusal.sentence),
        email: shown.email.chars().take(254).collect(),
        next: local_path(&shown.next),
        ..blank
    };
    let request = pages::get_of(shown.page, headers.get(header::HOST).cloned());
    let mut response = pages::render(state, visitor, form, request).await;
    *response.status_mut() = refusal.status;
    if let Some(wait) = refusal.wait {
        response.headers_mut().insert(
            header::RETRY_AFTER,
            HeaderValue::from(wait.as_secs().max(1)),
        );
    }
    response
}

/// The form state of an account page nobody has filled in yet.
pub async fn blank(state: &AppState) -> Result<FormState, Problem> {
    let now = state
        .accounts
        .signup_state()
        .await
        .map_err(|error| Refusal::of(&error).into_problem())?;
    Ok(FormState {
        signups_open: now.open,
        needs_setup_token: now.needs_setup_token,
        ..pages::usual_form(state)
    })
}

/// Hands the browser its new session and ends the one it held before, with all that was another
/// student's.
async fn welcome(
    state: &AppState,
    visitor: &Visitor,
    student: &Profile,
    token: &SessionToken,
    next: &str,
) -> Response {
    let mut response = Redirect::to(&local_path(next)).into_response();
    session::set_cookie(&mut response, token, state.config.is_https());
    if let Some(session) = &visitor.0 {
        if let Err(error) = state.accounts.sign_out(&session.token).await {
            tracing::warn!(%error, "a replaced session was not ended");
        }
        if session.profile.id != student.id {
            response
                .headers_mut()
                .insert(CLEAR_SITE_DATA, NOTHING_STAYS);
        }
    }
    response
}

fn unreadable(headers: &HeaderMap) -> Response {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "That form could not be read. Load the page again and fill it in once more.",
    )
    .answer(headers)
}
