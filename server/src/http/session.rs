//! Who is asking: the session cookie, the middleware that reads it, and the extractors handlers use.
//! What a session is worth is decided by `accounts`.

use super::{
    origin,
    problem::{Problem, wants_page},
    state::AppState,
};
use crate::accounts::sessions::{SESSION_IDLE, SessionToken};
use app::model::account::Profile;
use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::convert::Infallible;

const COOKIE: &str = "studyin_session";
/// The prefix makes browsers refuse the cookie without `Secure`, with a `Domain`, or from http.
const SECURE_COOKIE: &str = "__Host-studyin_session";

/// A live session and its owner.
#[derive(Clone, Debug)]
pub struct Session {
    pub profile: Profile,
    pub token: SessionToken,
}

/// The asking student, or nobody.
#[derive(Clone, Debug)]
pub struct Visitor(pub Option<Session>);

impl Visitor {
    /// The profile of the signed-in student.
    pub fn profile(&self) -> Option<&Profile> {
        self.0.as_ref().map(|session| &session.profile)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or(Self(None)))
    }
}

/// Lets only signed-in students through: programs get a 401, a browser is sent to sign in first.
pub struct SignedIn(pub Profile);

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let visitor = parts.extensions.get::<Visitor>();
        match visitor.and_then(Visitor::profile) {
            Some(profile) => Ok(Self(profile.clone())),
            None => Err(refusal(parts)),
        }
    }
}

fn refusal(parts: &Parts) -> Response {
    if parts.method == Method::GET && wants_page(&parts.uri, &parts.headers) {
        let wanted = parts
            .uri
            .path_and_query()
            .map_or("/", |path_and_query| path_and_query.as_str());
        super::next::to_sign_in(wanted)
    } else {
        Problem::signed_out().into_response()
    }
}

/// Finds the session of each request, puts it where the extractors look, and lets through what may
/// come with it ([`origin`]).
pub async fn enter(State(state): State<AppState>, request: Request, next: Next) -> Response {
    with_session(&state, request, next).await
}

/// The same, inside of another layer.
pub async fn with_session(state: &AppState, mut request: Request, next: Next) -> Response {
    let mut renew = None;
    let mut session = None;
    if let Some(token) = cookie_token(request.headers(), state.config.is_https()) {
        match state.accounts.authenticate(&token).await {
            Ok(Some(found)) => {
                if found.touched {
                    renew = Some(token.clone());
                }
                session = Some(Session {
                    profile: found.profile,
                    token,
                });
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "a session could not be looked up");
                return Problem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "The database did not answer. Try again in a moment.",
                )
                .answer_to(&request);
            }
        }
    }
    request.extensions_mut().insert(Visitor(session));
    let mut response = match origin::refusal(&request, &state.config) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    if let Some(token) = renew
        && !response.headers().contains_key(header::SET_COOKIE)
    {
        set_cookie(&mut response, &token, state.config.is_https());
    }
    response
}

/// Whether the request carries a session cookie, live or not.
pub fn has_cookie(headers: &HeaderMap) -> bool {
    cookie_value(headers, COOKIE).is_some() || cookie_value(headers, SECURE_COOKIE).is_some()
}

fn cookie_token(headers: &HeaderMap, secure: bool) -> Option<SessionToken> {
    cookie_value(headers, if secure { SECURE_COOKIE } else { COOKIE })
        .and_then(|value| SessionToken::parse(&value))
}

fn cookie_value(headers: &HeaderMap, name: &str) -> Option<String> {
    axum_extra::extract::CookieJar::from_headers(headers)
        .get(name)
        .map(|cookie| cookie.value().to_owned())
}

/// Hands the browser its session.
pub fn set_cookie(response: &mut Response, token: &SessionToken, secure: bool) {
    append(
        response,
        &cookie_text(token.as_str(), SESSION_IDLE.num_seconds(), secure),
    );
}

/// Takes the session from the browser.
pub fn clear_cookie(response: &mut Response, secure: bool) {
    append(response, &cookie_text("", 0, secure));
}

fn cookie_text(value: &str, max_age_seconds: i64, secure: bool) -> String {
    let (name, flag) = if secure {
        (SECURE_COOKIE, "; Secure")
    } else {
        (COOKIE, "")
    };
    format!("{name}={value}; Path=/; Max-Age={max_age_seconds}; HttpOnly; SameSite=Lax{flag}")
}

fn append(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
