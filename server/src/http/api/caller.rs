//! Who calls the API: by an access token in the `Authorization` header, else by the session's cookie.
//! What either is worth is decided by `accounts`.

use crate::{
    accounts::{AccountError, Accounts, sessions::SessionToken, tokens::TokenText},
    http::{
        problem::Problem,
        session::{self, Visitor},
        state::AppState,
    },
};
use app::model::account::{Profile, TokenScope};
use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};

const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer");
const INVALID: HeaderValue = HeaderValue::from_static("Bearer error=\"invalid_token\"");
const TOO_NARROW: HeaderValue =
    HeaderValue::from_static("Bearer error=\"insufficient_scope\", scope=\"write\"");

/// What a caller showed, to look at it again later.
#[derive(Clone, Debug)]
pub enum Credential {
    Session(SessionToken),
    Token(TokenText),
}

impl Credential {
    /// Whether it still allows to write.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn may_write(&self, accounts: &Accounts) -> Result<bool, AccountError> {
        match self {
            Self::Session(token) => Ok(accounts.authenticate(token).await?.is_some()),
            Self::Token(token) => Ok(accounts
                .open_with(token)
                .await?
                .is_some_and(|opened| opened.scope == TokenScope::Write)),
        }
    }
}

/// Whoever showed a good access token. Its presence says that no browser added anything by itself.
#[derive(Clone, Debug)]
pub struct TokenHolder {
    profile: Profile,
    scope: TokenScope,
    token: TokenText,
}

/// Reads the access token, if there is one; from then on the request has no cookies. Without one,
/// it comes in by its session.
pub async fn enter(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let Some(shown) = bearer(request.headers()) else {
        return session::with_session(&state, request, next).await;
    };
    let Some(token) = TokenText::parse(shown) else {
        return invalid();
    };
    match state.accounts.open_with(&token).await {
        Ok(Some(opened)) => {
            request.headers_mut().remove(header::COOKIE);
            request.extensions_mut().insert(TokenHolder {
                profile: opened.profile,
                scope: opened.scope,
                token,
            });
            session::with_session(&state, request, next).await
        }
        Ok(None) => invalid(),
        Err(error) => {
            tracing::error!(%error, "an access token could not be looked up");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "The database did not answer. Try again in a moment.",
            )
            .into_response()
        }
    }
}

/// The text behind `Bearer`, whatever it is.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?;
    // What is no text is no token either, but it was meant as one.
    let Ok(value) = value.to_str() else {
        return Some("");
    };
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn invalid() -> Response {
    challenge(
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "This access token is not known. It may have been revoked; create another in your settings.",
        ),
        INVALID,
    )
}

fn challenge(problem: Problem, how: HeaderValue) -> Response {
    let mut response = problem.into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
    response
}

/// A caller who may look at things.
pub struct Reader(pub Profile);

/// A caller who may change things.
pub struct Writer {
    pub profile: Profile,
    pub credential: Credential,
}

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let (profile, _, _) = caller(parts).ok_or_else(nobody)?;
        Ok(Self(profile))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Writer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let (profile, scope, credential) = caller(parts).ok_or_else(nobody)?;
        if scope == TokenScope::Write {
            return Ok(Self {
                profile,
                credential,
            });
        }
        Err(challenge(
            Problem::new(
                StatusCode::FORBIDDEN,
                "This access token may only read. Create one that may also write in your settings.",
            ),
            TOO_NARROW,
        ))
    }
}

/// Who showed a token or, without one, a session.
fn caller(parts: &Parts) -> Option<(Profile, TokenScope, Credential)> {
    if let Some(holder) = parts.extensions.get::<TokenHolder>().cloned() {
        return Some((
            holder.profile,
            holder.scope,
            Credential::Token(holder.token),
        ));
    }
    let session = parts.extensions.get::<Visitor>()?.0.clone()?;
    Some((
        session.profile,
        TokenScope::Write,
        Credential::Session(session.token),
    ))
}

fn nobody() -> Response {
    challenge(
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "Sign in, or send an access token in the Authorization header.",
        ),
        CHALLENGE,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &'static [u8]) -> Option<String> {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_bytes(value).unwrap();
        headers.insert(header::AUTHORIZATION, value);
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn only_the_bearer_scheme_is_taken_for_a_token() {
        assert_eq!(read(b"Bearer abc").as_deref(), Some("abc"));
        assert_eq!(read(b"bearer  abc").as_deref(), Some("abc"));
        assert_eq!(read(b"Bearer").as_deref(), Some(""));
        assert_eq!(read(b"Bearer \xff").as_deref(), Some(""));
        assert_eq!(read(b"Basic abc"), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
