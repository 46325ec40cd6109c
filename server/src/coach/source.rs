//! The passages of one retrieval with the page texts they lie on: what a provider is given as
//! evidence, and what citations are checked against.

use crate::{
    prose,
    provider::chat::Evidence,
    store::{Db, Stored, materials},
};
use app::model::{coach::Passage, id::UserId, material::Span};

/// Most pages one passage is followed over; chunks join a neighbour page at most.
const PAGES_MAX: u32 = 3;
/// How many characters of a passage's end are looked for to see where it stops on its last page.
const TAIL_CHARS: usize = 60;

/// A passage and its pages.
#[derive(Clone, Debug)]
pub struct Source {
    pub passage: Passage,
    /// At least one, in order; a page twice where two of its stretches were joined.
    pub pages: Vec<SourcePage>,
}

/// One page a passage lies on.
#[derive(Clone, Debug)]
pub struct SourcePage {
    /// From 1.
    pub number: u32,
    /// The whole page as it is stored.
    pub text: String,
    /// What of it belongs to the passage.
    pub span: Span,
}

impl Source {
    /// What a provider is given of it.
    pub fn evidence(&self) -> Evidence {
        Evidence {
            number: self.passage.number,
            title: self.passage.title.clone(),
            page: self.passage.page_first,
            parts: self
                .pages
                .iter()
                .map(|page| prose::slice(&page.text, page.span))
                .collect(),
            score: self.passage.score,
        }
    }
}

/// Reads the pages of `passages`. A passage whose material has gone since the search is left out;
/// the others keep their numbers.
pub async fn load(db: &Db, user: UserId, passages: Vec<Passage>) -> Stored<Vec<Source>> {
    let mut sources = Vec::with_capacity(passages.len());
    for passage in passages {
        let last = passage.page_last.min(passage.page_first + PAGES_MAX - 1);
        let mut pages = Vec::new();
        for number in passage.page_first..=last {
            let text = materials::page_text(db, user, passage.material_id, number).await?;
            if let Some(text) = text
                && let Some(span) = span_on(&passage, number, &text)
            {
                for span in cut(span, &passage.seams) {
                    let text = text.clone();
                    pages.push(SourcePage { number, text, span });
                }
            }
        }
        if !pages.is_empty() {
            sources.push(Source { passage, pages });
        }
    }
    Ok(sources)
}

/// The stretches a span was joined from, without what they share: quotes are chosen from them as if
/// they had not been joined, for where a page's lines are broken is read from a whole stretch.
fn cut(span: Span, seams: &[u32]) -> Vec<Span> {
    let mut start = span.start;
    let mut stretches = Vec::with_capacity(seams.len() + 1);
    for end in seams.iter().copied().chain([span.end]) {
        if start < end && end <= span.end {
            stretches.push(Span { start, end });
            start = end;
        }
    }
    stretches
}

/// What of page `number` belongs to the passage.
fn span_on(passage: &Passage, number: u32, text: &str) -> Option<Span> {
    let length = u32::try_from(text.chars().count()).ok()?;
    let start = if number == passage.page_first {
        passage.span.start
    } else {
        0
    };
    let end = if number == passage.page_last && number == passage.page_first {
        passage.span.end.min(length)
    } else if number == passage.page_last {
        let from = passage.text.chars().count().saturating_sub(TAIL_CHARS);
        let tail: String = passage.text.chars().skip(from).collect();
        end_on_last_page(text, &tail)?
    } else {
        length
    };
    (start < end).then_some(Span { start, end })
}

/// Where a passage's `tail` ends on a page; part of the tail may still stand on the page before.
fn end_on_last_page(page: &str, tail: &str) -> Option<u32> {
    let mut rest = tail.trim_start();
    while !rest.is_empty() {
        if let Some(span) = prose::locate(page, rest, 0) {
            return Some(span.end);
        }
        rest = rest
            .split_once(char::is_whitespace)
            .map_or("", |(_, after)| after.trim_start());
    }
    None
}

/// Sources for the tests of this story: each text is the whole first page of a material.
#[cfg(test)]
pub fn of_texts(texts: &[&str]) -> Vec<Source> {
    use app::model::id::MaterialId;
    (1_u32..)
        .zip(texts)
        .map(|(number, text)| {
            let span = Span {
                start: 0,
                end: u32::try_from(text.chars().count()).unwrap(),
            };
            Source {
                passage: Passage {
                    number,
                    material_id: MaterialId::new(uuid::Uuid::from_u128(u128::from(number))),
                    title: format!("Notes {number}"),
                    chunk_id: i64::from(number),
                    page_first: 1,
                    page_last: 1,
                    section: None,
                    span,
                    text: prose::one_line(text),
                    score: 1.0,
                    score_words: 1.0,
                    score_meaning: None,
                    seams: Vec::new(),
                },
                pages: vec![SourcePage {
                    number: 1,
                    text: (*text).to_owned(),
                    span,
                }],
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passage_that_runs_on_ends_where_its_last_words_stand() {
        let mut passage = of_texts(&["first page starts here and"]).remove(0).passage;
        passage.page_last = 2;
        passage.text = "starts here and goes on there.".to_owned();
        passage.span.start = 11;
        let first = span_on(&passage, 1, "first page starts here and").unwrap();
        assert_eq!((first.start, first.end), (11, 26));
        let second = span_on(&passage, 2, "goes on\nthere. Something else.").unwrap();
        assert_eq!((second.start, second.end), (0, 14));
    }
}
