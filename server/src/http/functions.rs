//! Server functions: what the pages call once they run in the browser, and plain forms without it.
//! It knows no function; each finds the student and the ports in its context.

use super::{
    next, pages,
    problem::{Problem, wants_html},
    session::Visitor,
    state::AppState,
};
use app::{error::AppError, ports::FormState};
use axum::{
    RequestExt as _,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use leptos::{prelude::provide_context, server_fn::error::ServerFnUrlError};

/// Functions that answer a visitor too, with what anybody may see.
const OPEN: [&str; 2] = ["/api/fn/profile", "/api/fn/home"];
/// Adds the sample; the home page has a form for it too.
const ADD_SAMPLE: &str = "/api/fn/add_sample";
/// What plain forms call, and the page that says why one was refused.
const FORMS: [(&str, &str); 9] = [
    (ADD_SAMPLE, "/library"),
    ("/api/fn/cancel_material", "/library"),
    ("/api/fn/retry_material", "/library"),
    ("/api/fn/reprocess_material", "/library"),
    ("/api/fn/unlock_material", "/library"),
    ("/api/fn/rename_material", "/library"),
    ("/api/fn/tag_material", "/library"),
    ("/api/fn/delete_material", "/library"),
    ("/api/fn/delete_conversation", "/coach"),
];
/// Largest error a function answers with, in bytes; larger ones are not looked into.
const ERROR_MAX_BYTES: usize = 64 * 1024;

/// `/api/fn/{name}`.
pub async fn call(State(state): State<AppState>, visitor: Visitor, request: Request) -> Response {
    if visitor.0.is_none() && !OPEN.contains(&request.uri().path()) {
        return refuse_visitor(request.headers());
    }
    if !is_function(&request) {
        return Problem::new(StatusCode::NOT_FOUND, "There is nothing at this address.")
            .into_response();
    }
    let path = request.uri().path().to_owned();
    let host = request.headers().get(header::HOST).cloned();
    let ports = pages::ports(&state, &visitor);
    let form = pages::usual_form(&state);
    let context = move || {
        ports();
        provide_context(form.clone());
    };
    let response =
        leptos_axum::handle_server_fns_with_context(context, request.with_limited_body())
            .await
            .into_response();
    let mut response = with_its_status(response).await;
    if let Some((page, error)) = refused_form(&path, &response) {
        return show(&state, &visitor, pages::get_of(page, host), error).await;
    }
    send_to_a_page(&path, &mut response);
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    response
}

/// What a plain form was refused for, and its page. Leptos sends such a form back there with the error
/// in the address; the page itself says it better.
fn refused_form(path: &str, response: &Response) -> Option<(&'static str, AppError)> {
    let (_, page) = FORMS.iter().find(|(form, _)| *form == path)?;
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    let (_, query) = location.split_once('?')?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == "__err")
        .map(|(_, error)| (*page, ServerFnUrlError::decode_err(&error)))
}

/// The page with what was refused, in the place of the form's own address.
async fn show(state: &AppState, visitor: &Visitor, page: Request, error: AppError) -> Response {
    let form = FormState {
        problem: Some(error.message.clone()),
        ..pages::usual_form(state)
    };
    let page = pages::render(state, visitor, form, page).await;
    Problem::from(error).over(page)
}

/// Where a plain form leads: back to its page without the question mark Leptos leaves there, and the
/// sample to the library, where it can be seen.
fn send_to_a_page(path: &str, response: &mut Response) {
    let location = response.headers().get(header::LOCATION);
    let Some(location) = location.and_then(|location| location.to_str().ok()) else {
        return;
    };
    let page = match path {
        ADD_SAMPLE => "/library",
        _ => location.strip_suffix('?').unwrap_or(location),
    };
    if let Ok(page) = HeaderValue::try_from(page) {
        response.headers_mut().insert(header::LOCATION, page);
    }
}

fn is_function(request: &Request) -> bool {
    leptos::server_fn::axum::server_fn_paths()
        .any(|(path, method)| path == request.uri().path() && method == *request.method())
}

fn refuse_visitor(headers: &HeaderMap) -> Response {
    if wants_html(headers) {
        let came_from = headers
            .get(header::REFERER)
            .and_then(|value| value.to_str().ok())
            .and_then(|address| address.parse::<Uri>().ok())
            .and_then(|address| address.path_and_query().map(ToString::to_string));
        return next::to_sign_in(came_from.as_deref().unwrap_or("/"));
    }
    let error = serde_json::to_vec(&AppError::signed_out()).unwrap_or_default();
    (
        StatusCode::UNAUTHORIZED,
        [(header::CONTENT_TYPE, "application/json")],
        error,
    )
        .into_response()
}

/// Leptos answers every error with 500; the error itself says which status it is.
async fn with_its_status(response: Response) -> Response {
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, ERROR_MAX_BYTES).await else {
        return Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong on the server. Try again.",
        )
        .into_response();
    };
    if let Ok(error) = serde_json::from_slice::<AppError>(&bytes) {
        parts.status = StatusCode::from_u16(error.status()).unwrap_or(parts.status);
        parts.headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
    }
    Response::from_parts(parts, Body::from(bytes))
}
