//! The pages: Leptos renders them, this file decides who may see which and what they are given.

use super::{forms, headers::page_policy, next, origin, session::Visitor, state::AppState};
use app::{
    api::{analytics, home},
    pages::{PageHtml, analytics::days_of, problem_html},
    ports::{AnswerStatus, CurrentUser, FormState, PlainPage},
};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use leptos::prelude::{provide_context, use_context};
use leptos_axum::ResponseOptions;
use std::sync::Arc;

/// Pages a visitor may see.
const OPEN: [&str; 3] = ["/", "/login", "/signup"];
/// Of these, the ones that must work as plain forms.
const PLAIN: [&str; 2] = ["/login", "/signup"];

/// Tells the service worker that a page was made for nobody, which means that whoever used this browser
/// is signed out: it then removes what it kept for her.
const SESSION: HeaderName = HeaderName::from_static("x-session");
const NOBODYS: HeaderValue = HeaderValue::from_static("none");

/// A route for each page of the app.
pub fn routes() -> Router<AppState> {
    leptos_axum::generate_route_list(app::erased)
        .iter()
        .fold(Router::new(), |router, listing| {
            router.route(listing.path(), get(page))
        })
}

#[derive(Debug, Default, PartialEq)]
struct PageQuery {
    next: String,
    /// The period of the analytics page.
    days: Option<String>,
}

/// Answers with a page, or sends a visitor to sign in first.
async fn page(State(state): State<AppState>, visitor: Visitor, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let query = query_of(request.uri());
    if PLAIN.contains(&path.as_str()) {
        if visitor.0.is_some() {
            return Redirect::to(&next::local_path(&query.next)).into_response();
        }
        let form = match forms::blank(&state).await {
            Ok(form) => form,
            Err(problem) => return problem.answer(request.headers()),
        };
        let form = FormState {
            next: next::local_path(&query.next),
            ..form
        };
        return render(&state, &visitor, form, request).await;
    }
    if visitor.0.is_none() && !OPEN.contains(&path.as_str()) {
        let wanted = request.uri().path_and_query();
        return next::to_sign_in(wanted.map_or("/", |wanted| wanted.as_str()));
    }
    render(&state, &visitor, usual_form(&state), request).await
}

/// The form state of pages without an account form.
pub fn usual_form(state: &AppState) -> FormState {
    FormState {
        signups_open: state.config.signups == crate::config::Signups::Open,
        file_max_bytes: state.config.file_max_bytes,
        ..FormState::default()
    }
}

/// Renders the page of the request's path; sign-in, sign-up and refused forms go without scripts.
pub async fn render(
    state: &AppState,
    visitor: &Visitor,
    form: FormState,
    request: Request,
) -> Response {
    let is_plain = PLAIN.contains(&request.uri().path()) || form.is_answer();
    let host = origin::host(request.uri(), request.headers()).map(str::to_owned);
    let reload_port = state.reload_port;
    let ports = ports(state, visitor);
    let prepared = prepared(state, visitor, &form, request.uri()).await;
    let assets = state.config.assets.clone();
    let files = Arc::clone(&state.assets.files);
    let has_scripts = !is_plain && visitor.0.is_some();
    let context = move || {
        ports();
        provide_context(Arc::clone(&files));
        if let Some((html, _)) = &prepared {
            provide_context(html.clone());
        }
        provide_context(form.clone());
        if is_plain {
            provide_context(PlainPage);
        }
        let policy = leptos::nonce::use_nonce()
            .and_then(|nonce| page_policy(&nonce, host.as_deref(), reload_port, assets.as_ref()));
        let Some(options) = use_context::<ResponseOptions>() else {
            return;
        };
        if let Some(policy) = policy {
            options.insert_header(header::CONTENT_SECURITY_POLICY, policy);
        }
        if let Some((_, Some(status))) = prepared {
            options.set_status(status);
        }
        provide_context(AnswerStatus(Arc::new(move |status| {
            if let Ok(status) = StatusCode::from_u16(status) {
                options.set_status(status);
            }
        })));
    };
    let options = state.leptos.clone();
    let handler =
        leptos_axum::render_app_async_with_context(context, move || app::shell(options.clone()));
    let mut response = handler(request).await;
    // A page shows whose it is; a shared computer must not show it again after signing out.
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    response
        .headers_mut()
        .insert(header::LINK, state.assets.link(has_scripts));
    if visitor.0.is_none() {
        response.headers_mut().insert(SESSION, NOBODYS);
    }
    response
}

/// What is rendered beforehand, of pages that come as HTML; or what went wrong, and the status of that.
async fn prepared(
    state: &AppState,
    visitor: &Visitor,
    form: &FormState,
    address: &Uri,
) -> Option<(PageHtml, Option<StatusCode>)> {
    let user = visitor.profile().map(|profile| profile.id);
    let html = match (address.path().trim_end_matches('/'), user) {
        ("", user) => home::rendered(&state.services, user, form.signups_open).await,
        ("/analytics", Some(user)) => {
            let days = days_of(query_of(address).days.as_deref());
            analytics::rendered(&state.services, user, days).await
        }
        _ => return None,
    };
    Some(match html {
        Ok(html) => (PageHtml(html), None),
        Err(error) => {
            let status = StatusCode::from_u16(error.status()).ok();
            (PageHtml(problem_html(error)), status)
        }
    })
}

/// What every page and every server function finds in its context.
pub fn ports(
    state: &AppState,
    visitor: &Visitor,
) -> impl Fn() + Clone + Send + Sync + 'static + use<> {
    let services = state.services.clone();
    let user = CurrentUser(visitor.profile().cloned());
    move || {
        provide_context(services.clone());
        provide_context(user.clone());
    }
}

/// The app's own page for an address that leads nowhere.
pub async fn not_found(state: &AppState, visitor: &Visitor, request: Request) -> Response {
    let mut response = render(state, visitor, usual_form(state), request).await;
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

/// A GET of `address`, for rendering a page that was not asked for by its own address.
pub fn get_of(address: &str, host: Option<HeaderValue>) -> Request {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = address.parse().unwrap_or_else(|_| Uri::from_static("/"));
    if let Some(host) = host {
        request.headers_mut().insert(header::HOST, host);
    }
    request
}

/// What stands there twice is what it is the last time, as it is to the router in the browser.
fn query_of(uri: &Uri) -> PageQuery {
    let mut query = PageQuery::default();
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        match &*name {
            "next" => query.next = value.into_owned(),
            "days" => query.days = Some(value.into_owned()),
            _ => {}
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_means_here_what_it_means_to_the_router_in_the_browser() {
        let days = |address: &'static str| query_of(&Uri::from_static(address)).days;
        assert_eq!(days("/analytics"), None);
        assert_eq!(days("/analytics?days=7").as_deref(), Some("7"));
        assert_eq!(days("/analytics?days=30&days=7").as_deref(), Some("7"));
        assert_eq!(
            days("/analytics?days=7&next=a&next=b").as_deref(),
            Some("7")
        );
        let next = query_of(&Uri::from_static("/login?next=%2Flibrary%3Fa%3Db+c")).next;
        assert_eq!(next, "/library?a=b c");
    }
}
