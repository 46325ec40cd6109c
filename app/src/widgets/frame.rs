//! What stands around every page: the rail for a student, a plain header for a visitor.

use super::{
    icon::{Glyph, Icon},
    pixel::Mark,
};
use crate::ports::CurrentUser;
use leptos::{either::Either, prelude::*};
use leptos_router::components::A;

/// The rail, or the visitors' header.
///
/// Only pages of signed-in students are woken up by script, so in the browser (where the server's
/// contexts are absent) it is always the rail.
#[component]
pub fn Chrome() -> impl IntoView {
    let signed_in = use_context::<CurrentUser>().is_none_or(|user| user.0.is_some());
    if signed_in {
        Either::Left(view! { <Rail /> })
    } else {
        Either::Right(view! { <VisitorHeader /> })
    }
}

#[component]
fn Rail() -> impl IntoView {
    view! {
        <nav class="rail" aria-label="Studyin">
            <a class="wordmark" href="/" aria-label="Studyin, home">
                <Mark />
                <span>"Studyin"</span>
            </a>
            <ul>
                <li><A href="/" exact=true><Icon glyph=Glyph::Home /><span>"Home"</span></A></li>
                <li><A href="/library"><Icon glyph=Glyph::Library /><span>"Library"</span></A></li>
                <li><A href="/coach"><Icon glyph=Glyph::Coach /><span>"Coach"</span></A></li>
                <li><A href="/analytics"><Icon glyph=Glyph::Analytics /><span>"Analytics"</span></A></li>
                <li><A href="/settings"><Icon glyph=Glyph::Settings /><span>"Settings"</span></A></li>
            </ul>
        </nav>
    }
}

#[component]
fn VisitorHeader() -> impl IntoView {
    view! {
        <header class="visitor-header">
            <a class="wordmark" href="/" rel="external">
                <Mark />
                <span>"Studyin"</span>
            </a>
        </header>
    }
}
