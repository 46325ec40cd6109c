//! What the next question is asked of: all documents, or the documents, tags and pages chosen here.

use crate::{
    api::coach::askable,
    model::{
        coach::Askable,
        filter::{Filter, Narrowed, PageRange},
        id::MaterialId,
    },
};
use leptos::{ev, prelude::*, task::spawn_local};
use wasm_bindgen::JsCast;

/// Documents from which on one looks for a title.
const FIND_FROM: usize = 9;

/// No form of this name is there: Enter in a field must not send the question around it.
const NO_FORM: &str = "narrowing";

/// The choice.
#[derive(Clone, Copy)]
pub struct Choice {
    pub filter: RwSignal<Filter>,
    /// What there is to choose from, read when it is first needed.
    documents: RwSignal<Option<Vec<Askable>>>,
    /// The words of a choice that was made before, for as long as the titles are not known.
    kept_words: RwSignal<String>,
}

impl Choice {
    /// All documents.
    pub fn everything() -> Self {
        Self {
            filter: RwSignal::default(),
            documents: RwSignal::default(),
            kept_words: RwSignal::default(),
        }
    }

    /// What an earlier question was asked of.
    pub fn take_up(self, narrowed: Option<Narrowed>) {
        let (filter, words) = narrowed
            .map(|narrowed| (narrowed.filter, narrowed.words))
            .unwrap_or_default();
        self.kept_words.set(words);
        self.filter.set(filter);
    }

    /// What a link to the coach names.
    pub fn follow(self, material: Option<MaterialId>, tag: Option<String>) {
        self.filter.set(Filter {
            materials: material.map(|id| vec![id]),
            tags: tag.into_iter().collect(),
            pages: None,
        });
        self.load();
    }

    /// Reads what there is to choose from; what was read before stays until then.
    fn load(self) {
        spawn_local(async move {
            // What cannot be read now is read when it is opened the next time.
            if let Ok(documents) = askable().await {
                self.documents.try_set(Some(documents));
            }
        });
    }

    /// The choice in words, tracked; empty for all documents.
    fn words(self) -> String {
        self.documents.with(|documents| match documents {
            None => self.kept_words.get(),
            Some(documents) => self.filter.with(|filter| {
                let is_chosen = |one: &&Askable| is_chosen(filter, one.id);
                let titles: Vec<String> = documents
                    .iter()
                    .filter(is_chosen)
                    .map(|one| one.title.clone())
                    .collect();
                filter.words(&titles)
            }),
        })
    }

    /// The one chosen document, tracked: pages are of one.
    fn single(self) -> Option<Askable> {
        let id = self.filter.with(|filter| match &filter.materials {
            Some(chosen) if chosen.len() == 1 => chosen.first().copied(),
            _ => None,
        })?;
        self.documents.with(|documents| {
            let mut documents = documents.iter().flatten();
            documents.find(|one| one.id == id).cloned()
        })
    }

    fn toggle_document(self, id: MaterialId) {
        self.filter.update(|filter| {
            let mut chosen = filter.materials.take().unwrap_or_default();
            match chosen.iter().position(|one| *one == id) {
                Some(place) => {
                    chosen.remove(place);
                }
                None => chosen.push(id),
            }
            filter.materials = (!chosen.is_empty()).then_some(chosen);
            filter.pages = None;
        });
    }

    /// Documents without any of the tags are no longer chosen, as they are no longer shown.
    fn toggle_tag(self, tag: &str) {
        self.filter.update(|filter| {
            match filter.tags.iter().position(|one| one == tag) {
                Some(place) => {
                    filter.tags.remove(place);
                }
                None => filter.tags.push(tag.to_owned()),
            }
            let Some(mut chosen) = filter.materials.take() else {
                return;
            };
            self.documents.with_untracked(|documents| {
                chosen.retain(|id| {
                    documents
                        .iter()
                        .flatten()
                        .any(|one| one.id == *id && has_tag(one, &filter.tags))
                });
            });
            if chosen.len() != 1 {
                filter.pages = None;
            }
            filter.materials = (!chosen.is_empty()).then_some(chosen);
        });
    }

    /// Sets the first or the last page; the other one follows where it must.
    fn set_page(self, of: Askable, is_first: bool, page: Option<u32>) {
        self.filter.update(|filter| {
            let whole = PageRange {
                first: 1,
                last: of.pages.max(1),
            };
            let mut pages = filter.pages.unwrap_or(whole);
            let page = page.map(|page| page.clamp(1, whole.last));
            if is_first {
                pages.first = page.unwrap_or(1);
                pages.last = pages.last.max(pages.first);
            } else {
                pages.last = page.unwrap_or(whole.last);
                pages.first = pages.first.min(pages.last);
            }
            filter.pages = (pages != whole).then_some(pages);
        });
    }
}

fn is_chosen(filter: &Filter, id: MaterialId) -> bool {
    filter
        .materials
        .as_ref()
        .is_some_and(|chosen| chosen.contains(&id))
}

fn has_tag(document: &Askable, tags: &[String]) -> bool {
    tags.is_empty() || document.tags.iter().any(|tag| tags.contains(tag))
}

/// A line that says what is asked, and opens to where that is chosen.
#[component]
pub fn Narrowing(choice: Choice) -> impl IntoView {
    let words = Memo::new(move |_| choice.words());
    let summary = move || {
        words.with(|words| {
            if words.is_empty() {
                "Asking all documents".to_owned()
            } else {
                "Asking only: ".to_owned() + words
            }
        })
    };
    let on_toggle = move |event: ev::Event| {
        let is_open = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::Element>().ok())
            .is_some_and(|details| details.has_attribute("open"));
        if is_open {
            choice.load();
        }
    };
    view! {
        <details class="narrowing" on:toggle=on_toggle>
            <summary data-testid="narrowing">{summary}</summary>
            <div class="narrowing-panel">
                {move || match choice.documents.with(|documents| documents.as_ref().map(Vec::len)) {
                    None => view! { <p class="facts">"Looking what there is"</p> }.into_any(),
                    Some(0) => view! { <p class="facts">"No document can be searched yet."</p> }.into_any(),
                    Some(count) => view! { <Choices choice count /> }.into_any(),
                }}
                <button
                    type="button"
                    class="link"
                    disabled=move || choice.filter.with(Filter::is_everything)
                    on:click=move |_| choice.take_up(None)
                >
                    "Ask all documents"
                </button>
            </div>
        </details>
    }
}

#[component]
fn Choices(choice: Choice, count: usize) -> impl IntoView {
    let wanted = RwSignal::new(String::new());
    let tags = move || {
        let mut tags = choice.documents.with(|documents| {
            let all = documents.iter().flatten();
            all.flat_map(|one| one.tags.clone()).collect::<Vec<_>>()
        });
        tags.sort_unstable();
        tags.dedup();
        tags
    };
    let chosen_tags = Memo::new(move |_| choice.filter.with(|filter| filter.tags.clone()));
    let shown = move || {
        let wanted = wanted.with(|wanted| wanted.trim().to_lowercase());
        choice.documents.with(|documents| {
            let shown = documents.iter().flatten().filter(|one| {
                chosen_tags.with(|tags| has_tag(one, tags))
                    && one.title.to_lowercase().contains(&wanted)
            });
            shown.cloned().collect::<Vec<_>>()
        })
    };
    let single = Memo::new(move |_| choice.single());
    view! {
        {move || {
            let tags = tags();
            (!tags.is_empty()).then(|| view! {
                <fieldset class="tags">
                    <legend>"Tags"</legend>
                    {tags.into_iter().map(|tag| {
                        let (own, name) = (tag.clone(), tag.clone());
                        view! {
                            <label class="tag">
                                <input
                                    type="checkbox"
                                    form=NO_FORM
                                    prop:checked=move || chosen_tags.with(|tags| tags.contains(&own))
                                    on:change=move |_| choice.toggle_tag(&tag)
                                />
                                {name}
                            </label>
                        }
                    }).collect_view()}
                </fieldset>
            })
        }}
        <fieldset>
            <legend>"Documents"</legend>
            {(count >= FIND_FROM).then(|| view! {
                <input
                    type="search"
                    form=NO_FORM
                    aria-label="Find a document by its title"
                    placeholder="Find by title"
                    on:input=move |event| wanted.set(event_target_value(&event))
                />
            })}
            <ul>
                {move || shown().into_iter().map(|one| {
                    let id = one.id;
                    view! {
                        <li>
                            <label>
                                <input
                                    type="checkbox"
                                    form=NO_FORM
                                    prop:checked=move || choice.filter.with(|filter| is_chosen(filter, id))
                                    on:change=move |_| choice.toggle_document(id)
                                />
                                {one.title}
                            </label>
                        </li>
                    }
                }).collect_view()}
            </ul>
        </fieldset>
        {move || single.get().filter(|one| one.pages > 1).map(|one| view! { <Pages choice one /> })}
    }
}

/// The pages of the one document that is chosen.
#[component]
fn Pages(choice: Choice, one: Askable) -> impl IntoView {
    let most = one.pages.to_string();
    let field = |name: &'static str, is_first: bool| {
        let (of, most) = (one.clone(), most.clone());
        let usual = if is_first { 1 } else { one.pages };
        // What the placeholder says is not said again: it would be in the way of what she types.
        let shown = move || {
            choice.filter.with(|filter| {
                let page = filter
                    .pages
                    .map(|pages| if is_first { pages.first } else { pages.last });
                page.filter(|page| *page != usual)
                    .map(|page| page.to_string())
                    .unwrap_or_default()
            })
        };
        let placeholder = if is_first {
            "1".to_owned()
        } else {
            most.clone()
        };
        let set =
            move |value: String| choice.set_page(of.clone(), is_first, value.trim().parse().ok());
        let entered = set.clone();
        view! {
            <label>
                {name}
                <input
                    type="number"
                    form=NO_FORM
                    min="1"
                    max=most
                    placeholder=placeholder
                    prop:value=shown
                    on:change=move |event| set(event_target_value(&event))
                    on:keydown=move |event| {
                        if event.key() == "Enter" {
                            entered(event_target_value(&event));
                        }
                    }
                />
            </label>
        }
    };
    view! {
        <fieldset class="page-range">
            <legend>"Pages"</legend>
            {field("From", true)}
            {field("to", false)}
        </fieldset>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn document(number: u128, tags: &[&str]) -> Askable {
        Askable {
            id: MaterialId::new(Uuid::from_u128(number)),
            title: number.to_string(),
            pages: 20,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        }
    }

    #[test]
    fn a_tag_takes_away_what_it_hides_and_pages_belong_to_one_document() {
        Owner::new().with(|| {
            let choice = Choice::everything();
            let (heart, lung) = (document(1, &["heart"]), document(2, &[]));
            choice
                .documents
                .set(Some(vec![heart.clone(), lung.clone()]));
            choice.toggle_document(heart.id);
            choice.set_page(heart.clone(), true, Some(3));
            assert_eq!(choice.words(), "1, pages 3 to 20");
            choice.toggle_document(lung.id);
            assert_eq!(choice.words(), "1, 2");
            choice.toggle_tag("heart");
            assert_eq!(choice.words(), "1, tagged heart");
            choice.toggle_document(heart.id);
            choice.toggle_tag("heart");
            assert!(choice.filter.get().is_everything());
        });
    }

    #[test]
    fn the_last_page_never_comes_before_the_first() {
        Owner::new().with(|| {
            let choice = Choice::everything();
            let one = document(1, &[]);
            choice.set_page(one.clone(), false, Some(4));
            choice.set_page(one.clone(), true, Some(9));
            let pages = choice.filter.get().pages;
            assert_eq!(pages, Some(PageRange { first: 9, last: 9 }));
            choice.set_page(one.clone(), true, None);
            choice.set_page(one, false, None);
            assert_eq!(choice.filter.get().pages, None);
        });
    }
}
