//! Looking for words in the document: the field, what was found, and the way from one place to the
//! next. A plain form, so that it works without a script.

use super::{
    Desk,
    address::{Wanted, hit_address, page_address},
};
use crate::{
    model::material::{FIND_MAX_CHARS, HITS_MAX, MaterialState, PageHit},
    widgets::{label, notice::Problem},
};
use leptos::{either::EitherOf3, ev::SubmitEvent, html, prelude::*};
use leptos_router::{NavigateOptions, hooks::use_navigate};

/// The field.
#[component]
pub fn FindForm(desk: Desk, field: NodeRef<html::Input>) -> impl IntoView {
    let navigate = use_navigate();
    let on_submit = move |event: SubmitEvent| {
        let Some(input) = field.get_untracked() else {
            return;
        };
        event.prevent_default();
        let page = desk.wanted.with_untracked(|wanted| wanted.page);
        let words = input.value();
        navigate(
            &page_address(desk.material, page.max(1), words.trim()),
            Default::default(),
        );
    };
    view! {
        <form
            class="find"
            role="search"
            aria-label="This document"
            action="/library/".to_owned() + &desk.material.to_string()
            method="get"
            on:submit=on_submit
        >
            <input type="hidden" name="page" value=move || desk.page().max(1).to_string() />
            <input
                node_ref=field
                type="search"
                name="find"
                aria-label="Find in this document"
                placeholder="Find in this document"
                maxlength=FIND_MAX_CHARS.to_string()
                autocomplete="off"
                prop:value=move || desk.find()
                value=move || desk.find()
            />
            <button type="submit" class="button quiet">"Find"</button>
        </form>
    }
}

/// Once the places are known and none of them was asked for, goes to the first from here on.
pub fn go_to_first(desk: Desk) {
    let navigate = use_navigate();
    Effect::new(move |_| {
        let Some(Ok(hits)) = desk.hits.get() else {
            return;
        };
        let wanted = desk.wanted.get_untracked();
        if wanted.find.is_empty() || wanted.has_passage() {
            return;
        }
        if let Some(hit) = following(&hits, &wanted).or(hits.first()) {
            let options = NavigateOptions {
                replace: true,
                ..NavigateOptions::default()
            };
            navigate(&hit_address(desk.material, hit, &wanted.find), options);
        }
    });
}

/// What was found; nothing while nothing is looked for.
#[component]
pub fn Found(desk: Desk) -> impl IntoView {
    view! {
        <Transition>
            {move || Suspend::new(async move {
                let hits = desk.hits.await;
                let find = desk.wanted.with_untracked(|wanted| wanted.find.clone());
                match hits {
                    _ if find.is_empty() => EitherOf3::A(()),
                    Ok(hits) => EitherOf3::B(view! { <Places desk find hits /> }),
                    Err(error) => EitherOf3::C(view! { <Problem error /> }),
                }
            })}
        </Transition>
    }
}

#[component]
fn Places(desk: Desk, find: String, hits: Vec<PageHit>) -> impl IntoView {
    let hits = StoredValue::new(hits);
    let find = StoredValue::new(find);
    let address =
        move |hit: &PageHit| find.with_value(|find| hit_address(desk.material, hit, find));
    let previous = move || {
        hits.with_value(|hits| {
            desk.wanted
                .with(|wanted| preceding(hits, wanted).map(address))
        })
    };
    let next = move || {
        hits.with_value(|hits| {
            desk.wanted
                .with(|wanted| following(hits, wanted).map(address))
        })
    };
    let summary = move || {
        let count = hits.with_value(Vec::len);
        let at = hits.with_value(|hits| {
            desk.wanted
                .with(|wanted| hits.iter().position(|hit| wanted.is_at(hit)))
        });
        let is_ready = desk
            .live
            .with(|material| material.state == MaterialState::Ready);
        find.with_value(|find| summary(find, count, at, is_ready))
    };
    let count = hits.with_value(Vec::len);
    view! {
        <section class="found" aria-label="Places found">
            <p role="status" data-testid="found">{summary}</p>
            {(count > 0).then(|| view! {
                <p class="found-steps">
                    {move || found_step(previous(), "Previous place")}
                    {move || found_step(next(), "Next place")}
                </p>
            })}
            <a class="found-end" href=move || page_address(desk.material, desk.page().max(1), "")>"End the search"</a>
            {(count > 1).then(|| view! {
                <details>
                    <summary>"All places"</summary>
                    <ol>
                        {hits.get_value().into_iter().map(|hit| view! { <Place desk hit find /> }).collect_view()}
                    </ol>
                </details>
            })}
        </section>
    }
}

#[component]
fn Place(desk: Desk, hit: PageHit, find: StoredValue<String>) -> impl IntoView {
    let address = find.with_value(|find| hit_address(desk.material, &hit, find));
    let (page, before, found, after) = (
        hit.page,
        hit.before.clone(),
        hit.found.clone(),
        hit.after.clone(),
    );
    let is_current = move || {
        desk.wanted
            .with(|wanted| wanted.is_at(&hit))
            .then_some("true")
    };
    view! {
        <li>
            <a href=address aria-current=is_current>
                <span class="facts">"Page " {page}</span>
                <span>{before} <mark>{found}</mark> {after}</span>
            </a>
        </li>
    }
}

fn found_step(address: Option<String>, word: &'static str) -> impl IntoView {
    match address {
        Some(href) => view! { <a class="button quiet" href=href>{word}</a> }.into_any(),
        None => {
            view! { <span class="button quiet off" aria-hidden="true">{word}</span> }.into_any()
        }
    }
}

/// Where a place stands in reading order.
fn order(hit: &PageHit) -> (u32, u32) {
    (hit.page, hit.span.start)
}

/// Where the reader stands: at a passage, or before everything on its page.
fn standing(wanted: &Wanted) -> (u32, Option<u32>) {
    (
        wanted.page,
        wanted.highlight.span.map(|passage| passage.start),
    )
}

fn following<'a>(hits: &'a [PageHit], wanted: &Wanted) -> Option<&'a PageHit> {
    let (page, start) = standing(wanted);
    hits.iter().find(|hit| match start {
        Some(start) => order(hit) > (page, start),
        None => hit.page >= page,
    })
}

fn preceding<'a>(hits: &'a [PageHit], wanted: &Wanted) -> Option<&'a PageHit> {
    let (page, start) = standing(wanted);
    hits.iter()
        .rev()
        .find(|hit| order(hit) < (page, start.unwrap_or_default()))
}

fn summary(find: &str, count: usize, at: Option<usize>, is_ready: bool) -> String {
    let quoted = ["\u{201c}", find, "\u{201d}"].concat();
    let so_far = if is_ready { "" } else { " so far" };
    match (count, at) {
        (0, _) if find.chars().count() < 2 => "Look for two letters or more.".to_owned(),
        (0, _) => ["Nothing found for ", &quoted, so_far, "."].concat(),
        (_, Some(at)) => [
            "Place ",
            &(at + 1).to_string(),
            " of ",
            &counted(count),
            " for ",
            &quoted,
            so_far,
        ]
        .concat(),
        _ => [
            &label::count(count as u64, "place"),
            " for ",
            &quoted,
            so_far,
        ]
        .concat(),
    }
}

/// The search stops at a number of places; then there may be more.
fn counted(count: usize) -> String {
    if count < HITS_MAX {
        count.to_string()
    } else {
        count.to_string() + " or more"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::material::{HighlightRequest, Span};

    fn hit(page: u32, start: u32) -> PageHit {
        PageHit {
            page,
            span: Span {
                start,
                end: start + 5,
            },
            before: String::new(),
            found: "heart".into(),
            after: String::new(),
        }
    }

    fn at(page: u32, start: Option<u32>) -> Wanted {
        Wanted {
            page,
            highlight: HighlightRequest {
                chunk: None,
                span: start.map(|start| Span {
                    start,
                    end: start + 5,
                }),
            },
            ..Wanted::nothing()
        }
    }

    #[test]
    fn the_way_leads_from_place_to_place_and_ends_at_both_ends() {
        let hits = [hit(1, 10), hit(3, 5), hit(3, 50)];
        let next = |wanted| following(&hits, &wanted).map(order);
        let last = |wanted| preceding(&hits, &wanted).map(order);
        assert_eq!(next(at(1, Some(10))), Some((3, 5)));
        assert_eq!(next(at(3, Some(5))), Some((3, 50)));
        assert_eq!(next(at(3, Some(50))), None);
        assert_eq!(last(at(3, Some(5))), Some((1, 10)));
        assert_eq!(last(at(1, Some(10))), None);
    }

    #[test]
    fn a_page_without_a_passage_stands_before_its_own_places() {
        let hits = [hit(1, 10), hit(3, 5), hit(3, 50)];
        assert_eq!(following(&hits, &at(2, None)).map(order), Some((3, 5)));
        assert_eq!(following(&hits, &at(3, None)).map(order), Some((3, 5)));
        assert_eq!(preceding(&hits, &at(3, None)).map(order), Some((1, 10)));
    }

    #[test]
    fn the_summary_says_where_one_stands_and_when_there_may_be_more() {
        assert_eq!(
            summary("heart", 7, Some(2), true),
            "Place 3 of 7 for \u{201c}heart\u{201d}"
        );
        assert_eq!(
            summary("heart", HITS_MAX, Some(0), true),
            "Place 1 of 200 or more for \u{201c}heart\u{201d}"
        );
        assert_eq!(
            summary("heart", 0, None, false),
            "Nothing found for \u{201c}heart\u{201d} so far."
        );
        assert_eq!(summary("h", 0, None, true), "Look for two letters or more.");
    }
}
