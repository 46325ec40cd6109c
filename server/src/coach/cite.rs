//! Checking what an answer cites: `[n]` has to be one of the passages it was given, and what it
//! says has to have a place on that passage's page. Pure: pages come in as text.
//!
//! A quotation must stand on the page word for word. A claim in the model's own words is led to
//! the sentence of the passage that shares most of its words. Anything else is unverified.

use super::{
    markup::{self, Piece},
    source::{Source, SourcePage},
};
use crate::prose;
use app::model::{
    coach::{Citation, CitationSource},
    material::Span,
};
use pulldown_cmark::{Event, Tag, TagEnd};
use std::collections::HashSet;

/// Most markers of an answer that are checked; one in every line of the longest answer.
pub const CITATIONS_MAX: usize = 300;
/// A claim with fewer letters and digits says nothing of its own: "(see [2])".
const CLAIM_MIN_CHARS: usize = 4;
/// Claims shorter than this may stand on a page by chance.
const EXACT_MIN_CHARS: usize = 20;
/// From this many words on, words in quotation marks are a quotation, not a term.
const QUOTATION_MIN_WORDS: usize = 4;
/// Sharing less of its words with every sentence, a claim is led to the passage as a whole.
const LIKENESS_MIN: f32 = 0.2;
/// Most characters of a stored quote.
const QUOTE_MAX_CHARS: usize = 1_200;

/// One number of a marker, with what stands before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    pub number: u32,
    /// The words between the marker before, or the beginning of the paragraph, and this one.
    pub claim: String,
    /// Whether it stands in a block quote.
    pub quoted: bool,
}

/// The markers of an answer in the order of its text, at most [`CITATIONS_MAX`].
pub fn markers(text: &str) -> Vec<Marker> {
    let mut markers = Vec::new();
    let mut claim = String::new();
    let mut last = String::new();
    let mut quotes = 0_u32;
    for piece in markup::read(text) {
        match piece {
            Piece::Marker(number) => {
                let letters = claim.chars().filter(|c| c.is_alphanumeric()).count();
                if letters >= CLAIM_MIN_CHARS {
                    last = std::mem::take(&mut claim);
                }
                claim.clear();
                markers.push(Marker {
                    number,
                    claim: last.trim().to_owned(),
                    quoted: quotes > 0,
                });
            }
            Piece::Markup(Event::Text(words) | Event::Code(words)) => claim.push_str(&words),
            Piece::Markup(Event::SoftBreak | Event::HardBreak) => claim.push(' '),
            Piece::Markup(Event::Start(tag)) if begins_claim(&tag) => {
                quotes += u32::from(matches!(tag, Tag::BlockQuote(_)));
                claim.clear();
                last.clear();
            }
            Piece::Markup(Event::End(TagEnd::BlockQuote(_))) => {
                quotes = quotes.saturating_sub(1);
            }
            Piece::Markup(_) => {}
        }
    }
    markers.truncate(CITATIONS_MAX);
    markers
}

const fn begins_claim(tag: &Tag<'_>) -> bool {
    matches!(
        tag,
        Tag::Paragraph
            | Tag::Heading { .. }
            | Tag::BlockQuote(_)
            | Tag::Item
            | Tag::TableCell
            | Tag::CodeBlock(_)
    )
}

/// Checks one marker against the passages of its retrieval.
pub fn check(marker: &Marker, sources: &[Source]) -> Citation {
    let source = sources
        .iter()
        .find(|source| source.passage.number == marker.number)
        .and_then(|source| {
            let (page, span) = place(marker, source)?;
            Some(CitationSource {
                material_id: source.passage.material_id,
                title: source.passage.title.clone(),
                chunk_id: source.passage.chunk_id,
                section: source.passage.section.clone(),
                page: page.number,
                span,
                quote: prose::one_line(&prose::slice(&page.text, span))
                    .chars()
                    .take(QUOTE_MAX_CHARS)
                    .collect(),
            })
        });
    Citation {
        number: marker.number,
        verified: source.is_some(),
        source,
    }
}

/// The page and the stretch of it a marker leads to.
fn place<'a>(marker: &Marker, source: &'a Source) -> Option<(&'a SourcePage, Span)> {
    let claim = trim_quotation_marks(&marker.claim);
    if marker.quoted {
        return exact(claim, source);
    }
    let quotations = quotations(&marker.claim);
    if !quotations.is_empty() {
        return quotations.iter().find_map(|words| exact(words, source));
    }
    if claim.chars().count() >= EXACT_MIN_CHARS
        && let Some(place) = exact(claim, source)
    {
        return Some(place);
    }
    nearest(claim, source).or_else(|| {
        let page = source.pages.first()?;
        Some((page, page.span))
    })
}

fn exact<'a>(words: &str, source: &'a Source) -> Option<(&'a SourcePage, Span)> {
    source
        .pages
        .iter()
        .find_map(|page| Some((page, prose::locate(&page.text, words, page.span.start)?)))
}

/// The sentence of the passage that shares most of the claim's words.
fn nearest<'a>(claim: &str, source: &'a Source) -> Option<(&'a SourcePage, Span)> {
    let sentences = prose::sentences(claim);
    // What a marker stands behind is the sentence it ends; what came before is its run-up.
    let claimed: HashSet<String> = sentences
        .last()
        .map(|last| prose::content_words(&last.text))
        .filter(|words| words.len() >= 3)
        .unwrap_or_else(|| prose::content_words(claim))
        .into_iter()
        .collect();
    source
        .pages
        .iter()
        .flat_map(|page| {
            prose::sentences(&prose::slice(&page.text, page.span))
                .into_iter()
                .map(move |sentence| (page, sentence))
        })
        .map(|(page, sentence)| {
            let words: HashSet<String> = prose::content_words(&sentence.text).into_iter().collect();
            let span = Span {
                start: page.span.start + sentence.start,
                end: page.span.start + sentence.end,
            };
            (likeness(&claimed, &words), page, span)
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, ..)| *likeness >= LIKENESS_MIN)
        .map(|(_, page, span)| (page, span))
}

/// The words two sets share, against the size of both.
fn likeness(claimed: &HashSet<String>, words: &HashSet<String>) -> f32 {
    if claimed.is_empty() || words.is_empty() {
        return 0.0;
    }
    let shared = claimed
        .iter()
        .filter(|word| words.iter().any(|own| prose::same_word(word, own)))
        .count();
    shared as f32 / ((claimed.len() * words.len()) as f32).sqrt()
}

/// The quotations in a claim: several words between quotation marks.
fn quotations(claim: &str) -> Vec<&str> {
    const MARKS: &[(char, char)] = &[('"', '"'), ('“', '”'), ('„', '“'), ('«', '»')];
    let mut found = Vec::new();
    for &(open, close) in MARKS {
        let mut rest = claim;
        while let Some((_, after)) = rest.split_once(open)
            && let Some((inside, next)) = after.split_once(close)
        {
            if inside.split_whitespace().count() >= QUOTATION_MIN_WORDS {
                found.push(inside.trim_end_matches(['.', ',', '…']));
            }
            rest = next;
        }
    }
    found
}

fn trim_quotation_marks(claim: &str) -> &str {
    claim.trim_matches(|c: char| c.is_whitespace() || "\"“”„«»".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coach::source::of_texts;

    const HEART: &str = "Introduction\nThe heart pumps blood through\nthe vessels. Cardiac output is the volume\nof blood the heart pumps in one minute. It is about five litres at rest.";

    fn checked(answer: &str) -> Vec<Citation> {
        let sources = of_texts(&[HEART, "The lung takes up oxygen from the air."]);
        markers(answer)
            .iter()
            .map(|marker| check(marker, &sources))
            .collect()
    }

    fn quote(citation: &Citation) -> &str {
        &citation.source.as_ref().unwrap().quote
    }

    #[test]
    fn a_claim_is_led_to_the_sentence_it_shares_most_words_with() {
        let citations = checked(
            "At rest it comes to roughly five litres [1]. The lungs take oxygen from air [2].",
        );
        assert_eq!(quote(&citations[0]), "It is about five litres at rest.");
        assert_eq!(
            quote(&citations[1]),
            "The lung takes up oxygen from the air."
        );
    }

    #[test]
    fn the_span_is_the_place_of_the_quote_on_the_page() {
        let citation =
            checked("> Cardiac output is the volume of blood the heart pumps in one minute. [1]")
                .remove(0);
        let source = citation.source.unwrap();
        assert_eq!(
            prose::one_line(&prose::slice(HEART, source.span)),
            source.quote
        );
        assert_eq!(
            source.quote,
            "Cardiac output is the volume of blood the heart pumps in one minute."
        );
    }

    #[test]
    fn a_number_that_is_no_passage_is_unverified() {
        let citations = checked("The heart pumps blood [3]. And [0] too.");
        assert!(citations.iter().all(|c| !c.verified && c.source.is_none()));
    }

    #[test]
    fn a_quotation_that_is_not_on_the_page_is_unverified() {
        let citations = checked(
            "It says \"the heart pumps blood through the vessels\" [1]. It says \"The heart pumps blood through the vessels\" [1].\n\n> The heart is made of cheese. [1]",
        );
        let verified: Vec<bool> = citations.iter().map(|c| c.verified).collect();
        assert_eq!(verified, [false, true, false]);
    }

    #[test]
    fn neighbouring_markers_share_their_claim() {
        let found = markers("One claim [1][2]. Another one [1, 2].\n\n[2] alone");
        let claims: Vec<&str> = found.iter().map(|m| m.claim.as_str()).collect();
        assert_eq!(
            claims,
            [
                "One claim",
                "One claim",
                ". Another one",
                ". Another one",
                ""
            ]
        );
    }

    #[test]
    fn a_claim_in_other_words_is_led_to_the_passage_as_a_whole() {
        let citation = checked("Das Herz schlägt [1].").remove(0);
        assert_eq!(citation.source.unwrap().span.start, 0);
    }
}
