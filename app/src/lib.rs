//! Studyin's pages: everything that is rendered, once on the server and then woken up in the
//! browser.
//!
//! The map, from the outside in:
//!
//! - [`shell`] is the HTML document, [`App`] the frame and the routes; both live here.
//! - [`pages`]: one file per route. Home is part of the first download; every other page is a
//!   [`leptos_router::LazyRoute`] with a WASM file of its own. Sign-in and sign-up are the server's alone.
//! - [`widgets`]: what more than one page shows.
//! - [`api`]: server functions, the only way pages get at data. They call the traits of [`ports`],
//!   which the server implements; nothing here knows how.
//! - [`model`]: the values both sides speak. [`error`]: what a user may be told.
//! - [`charts`]: days as charts, and [`badges`]: achievements as pixel art; the server calls them and
//!   the browser gets their JSON and markup.
//! - [`browser`]: the only code that talks to the browser itself (events, uploads, sockets).
#![recursion_limit = "256"]

pub mod api;
pub mod badges;
pub mod browser;
pub mod charts;
pub mod error;
pub mod model;
pub mod pages;
pub mod ports;
pub mod widgets;

use browser::{echarts::ADDRESS as CHARTS, events::ANNOUNCEMENT};
use leptos::{
    hydration::{AutoReload, HydrationScripts},
    nonce::use_nonce,
    prelude::*,
};
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::{
    Lazy, SsrMode,
    components::{FlatRoutes, Route, Router},
    path,
};
use pages::{
    LoginPage, SignupPage, admin::AdminRoute, analytics::AnalyticsRoute, coach::CoachRoute,
    home::HomePage, library::LibraryRoute, not_found::NotFound, reader::ReaderRoute,
    settings::SettingsRoute,
};
use ports::{CurrentUser, FormState, PageFiles, PlainPage};
use std::sync::Arc;
use widgets::frame::Chrome;

/// Has the page's own requests for built files checked as well; see the file.
const CHECKED_FETCH: &str = include_str!("checked_fetch.js");

/// The HTML document around [`App`].
///
/// Visitors and plain pages get no script at all: they are forms and links, and work as such.
/// Its type is erased so that the views are compiled here once, and not again in every program
/// and test of the server.
pub fn shell(options: LeptosOptions) -> AnyView {
    let student = use_context::<CurrentUser>().and_then(|user| user.0);
    let plain = student.is_none() || use_context::<PlainPage>().is_some();
    let files = use_context::<Arc<PageFiles>>().unwrap_or_default();
    let root = files.root.clone();
    let is_elsewhere = root.is_some().then_some("anonymous");
    let student = student.map(|student| student.id.to_string());
    let file_max_bytes = use_context::<FormState>()
        .map(|form| form.file_max_bytes)
        .filter(|bytes| *bytes > 0);
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover" />
                <meta name="color-scheme" content="light dark" />
                <meta name="theme-color" media="(prefers-color-scheme: light)" content="#f8f5ee" />
                <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#191a1d" />
                {file_max_bytes.map(|bytes| view! { <meta name="file-max-bytes" content=bytes.to_string() /> })}
                <link
                    rel="stylesheet"
                    href=files.style.address.clone()
                    integrity=files.style.integrity.clone()
                    crossorigin=is_elsewhere
                />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="manifest" href="/site.webmanifest" />
                {(!plain).then(|| view! { <script src="/vitals.js" nonce=use_nonce() defer fetchpriority="low"></script> })}
                {(!plain).then(|| view! {
                    <meta name="student" content=student />
                    <meta name="chunks" content=files.chunks.clone() />
                    <meta
                        id=CHARTS
                        name="charts"
                        content=files.charts.address.clone()
                        data-integrity=files.charts.integrity.clone()
                    />
                    // Before anything that is checked by it.
                    {files.checksums.clone().map(|checksums| view! {
                        <script type="importmap" nonce=use_nonce()>{checksums}</script>
                        <script nonce=use_nonce()>{CHECKED_FETCH}</script>
                    })}
                    {root.clone().map(|root| view! { <meta name="assets" content=root /> })}
                    <AutoReload options=options.clone() />
                    <HydrationScripts options=options.clone() root=root.unwrap_or_default() />
                    // Neither is needed for what the page shows first.
                    <script type="module" src="/ahead.js" nonce=use_nonce() fetchpriority="low"></script>
                    <script type="module" src="/offline.js" nonce=use_nonce() fetchpriority="low"></script>
                })}
                <MetaTags />
            </head>
            <body>
                <App />
                <p class="announcement" id=ANNOUNCEMENT role="status"></p>
            </body>
        </html>
    }
    .into_any()
}

/// [`App`] with its type erased, for the server's list of routes.
pub fn erased() -> AnyView {
    App().into_any()
}

/// The frame around every page, and the routes.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title formatter=|title: String| if title.is_empty() { "Studyin".to_owned() } else { title + " - Studyin" } />
        <Router>
            <a class="skip-link" href="#main" rel="external">"Skip to the page"</a>
            <div class="frame">
                <Chrome />
                <main id="main" tabindex="-1">
                    <FlatRoutes fallback=NotFound>
                        <Route path=path!("/") view=HomePage ssr=SsrMode::Async />
                        <Route path=path!("/login") view=LoginPage ssr=SsrMode::Async />
                        <Route path=path!("/signup") view=SignupPage ssr=SsrMode::Async />
                        <Route path=path!("/settings") view={Lazy::<SettingsRoute>::new()} ssr=SsrMode::Async />
                        <Route path=path!("/library") view={Lazy::<LibraryRoute>::new()} ssr=SsrMode::Async />
                        <Route path=path!("/library/:id") view={Lazy::<ReaderRoute>::new()} ssr=SsrMode::Async />
                        // One route, so that the page stays while a new conversation gets its address.
                        <Route path=path!("/coach/:conversation?") view={Lazy::<CoachRoute>::new()} ssr=SsrMode::Async />
                        <Route path=path!("/analytics") view={Lazy::<AnalyticsRoute>::new()} ssr=SsrMode::Async />
                        <Route path=path!("/admin/cache") view={Lazy::<AdminRoute>::new()} ssr=SsrMode::Async />
                        <Route path=path!("/admin/performance") view={Lazy::<AdminRoute>::new()} ssr=SsrMode::Async />
                    </FlatRoutes>
                </main>
            </div>
        </Router>
    }
}
