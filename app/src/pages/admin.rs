//! `/admin/cache` and `/admin/performance`: what only the owner of the server sees. Both travel in one
//! file, because a file more costs every page a little.

mod cache;
mod performance;

use leptos::prelude::*;
use leptos_router::{LazyRoute, hooks::use_location, lazy_route};

/// The owner's pages.
pub struct AdminRoute;

#[lazy_route]
impl LazyRoute for AdminRoute {
    fn data() -> Self {
        Self
    }

    fn view(_this: Self) -> AnyView {
        let path = use_location().pathname.get_untracked();
        if path.trim_end_matches('/').ends_with("/performance") {
            view! { <performance::Performance /> }.into_any()
        } else {
            view! { <cache::Caches /> }.into_any()
        }
    }
}
