//! Sees to it that a list of passages does not say the same thing twice, and that what belongs
//! together stands together: neighbours of one page become one passage. Pure.

use super::rank::Hit;
use crate::store::passages::StoredPassage;
use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

/// Passages of one page that may stand before those of other pages.
const PER_PAGE: usize = 2;
/// Characters of a passage that has grown by its neighbours: what a prompt takes of one; two or three
/// chunks.
const GROWN_MAX_CHARS: u32 = 3_000;
/// Characters of white space between two chunks that follow each other: a paragraph's end, a line
/// of blanks.
const GAP_MAX_CHARS: u32 = 8;

/// The first `limit` of `ranked` (the best first). The same words again, or a stretch mostly inside
/// one already taken, are left out; a page's third passage waits until the other pages have had
/// their turn. Also answers whether more candidates could not change it.
pub fn chosen(
    ranked: Vec<(StoredPassage, Hit)>,
    limit: usize,
) -> (Vec<(StoredPassage, Hit)>, bool) {
    let mut texts = HashSet::new();
    let mut taken: Vec<(StoredPassage, Hit)> = Vec::new();
    let mut waiting = Vec::new();
    for (passage, hit) in ranked {
        if taken.len() == limit {
            break;
        }
        if !texts.insert(fingerprint(&passage.text)) || repeats(&taken, &passage) {
            continue;
        }
        let on_same_page = taken.iter().filter(|(other, _)| same_page(other, &passage));
        if on_same_page.count() < PER_PAGE {
            taken.push((passage, hit));
        } else {
            waiting.push((passage, hit));
        }
    }
    let is_final = taken.len() == limit;
    for (passage, hit) in waiting {
        if taken.len() == limit {
            break;
        }
        if !repeats(&taken, &passage) {
            taken.push((passage, hit));
        }
    }
    taken.sort_by(|left, right| right.1.score.total_cmp(&left.1.score));
    (taken, is_final)
}

/// Adds each of the chosen passages to the better one it touches, if there is one. Only what was good
/// enough by itself is joined: with every neighbour that was found at all, quotes were picked from
/// worse text.
pub fn joined_neighbours(taken: Vec<(StoredPassage, Hit)>) -> Vec<(StoredPassage, Hit)> {
    let mut taken = taken;
    loop {
        let before = taken.len();
        let mut whole: Vec<(StoredPassage, Hit)> = Vec::with_capacity(before);
        for (passage, hit) in taken {
            match whole.iter_mut().find(|(other, _)| touches(other, &passage)) {
                Some((other, found)) => {
                    grow(other, &passage);
                    found.take_in(&hit);
                }
                None => whole.push((passage, hit)),
            }
        }
        // One that has grown may touch what it did not touch before.
        if whole.len() == before {
            return whole;
        }
        taken = whole;
    }
}

/// Equal for the same words, however they are spaced; by chance once in 10^19 pairs.
fn fingerprint(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    for word in text.split_whitespace() {
        word.hash(&mut hasher);
    }
    hasher.finish()
}

fn repeats(taken: &[(StoredPassage, Hit)], passage: &StoredPassage) -> bool {
    taken.iter().any(|(other, _)| mostly_inside(other, passage))
}

fn same_page(left: &StoredPassage, right: &StoredPassage) -> bool {
    left.material_id == right.material_id && left.page_first == right.page_first
}

/// Whether at least half of the shorter passage also stands in the other.
fn mostly_inside(left: &StoredPassage, right: &StoredPassage) -> bool {
    if !same_page(left, right) {
        return false;
    }
    let start = left.span.start.max(right.span.start);
    let end = left.span.end.min(right.span.end);
    let shorter = length(left).min(length(right));
    shorter > 0 && end.saturating_sub(start).saturating_mul(2) >= shorter
}

fn length(passage: &StoredPassage) -> u32 {
    passage.span.end.saturating_sub(passage.span.start)
}

/// Whether two passages of one page and section follow each other and are short enough for one.
fn touches(left: &StoredPassage, right: &StoredPassage) -> bool {
    let on_one_page = |passage: &StoredPassage| passage.page_first == passage.page_last;
    let (first, second) = in_order(left, right);
    same_page(left, right)
        && on_one_page(left)
        && on_one_page(right)
        && left.section == right.section
        && second.span.start <= first.span.end.saturating_add(GAP_MAX_CHARS)
        && second.span.end.saturating_sub(first.span.start) <= GROWN_MAX_CHARS
}

fn in_order<'a>(
    left: &'a StoredPassage,
    right: &'a StoredPassage,
) -> (&'a StoredPassage, &'a StoredPassage) {
    if left.span.start <= right.span.start {
        (left, right)
    } else {
        (right, left)
    }
}

/// Adds a neighbour to a passage, which keeps its id.
fn grow(passage: &mut StoredPassage, neighbour: &StoredPassage) {
    let (first, second) = in_order(passage, neighbour);
    let text = joined(&first.text, &second.text);
    let seam = first.span.end.min(second.span.end);
    passage.seams.extend_from_slice(&neighbour.seams);
    passage.seams.push(seam);
    passage.seams.sort_unstable();
    passage.span.start = passage.span.start.min(neighbour.span.start);
    passage.span.end = passage.span.end.max(neighbour.span.end);
    passage.text = text;
}

/// Two stretches as one: what the first ends with and the second begins with is said once.
fn joined(first: &str, second: &str) -> String {
    // They share whole sentences: what is shared begins and ends where a word does.
    let at_edge = |side: Option<char>| side.is_none_or(char::is_whitespace);
    let shared = (1..=second.len().min(first.len()))
        .rev()
        .filter(|end| second.is_char_boundary(*end))
        .filter(|end| at_edge(second[*end..].chars().next()))
        .find(|end| {
            let before = first.strip_suffix(&second[..*end]);
            before.is_some_and(|before| at_edge(before.chars().next_back()))
        })
        .unwrap_or_default();
    let rest = &second[shared..];
    if shared == 0 {
        format!("{first}\n{rest}")
    } else {
        format!("{first}{rest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use app::model::{id::MaterialId, material::Span};
    use uuid::Uuid;

    fn passage(id: i64, page: u32, start: u32, end: u32) -> (StoredPassage, Hit) {
        let passage = StoredPassage {
            chunk_id: id,
            material_id: MaterialId::new(Uuid::nil()),
            title: String::new(),
            page_first: page,
            page_last: page,
            span: Span { start, end },
            section: None,
            text: format!("text {id}"),
            seams: Vec::new(),
        };
        let hit = Hit {
            chunk: id,
            score: 1.0 - id as f32 / 10.0,
            words: id as f32,
            cosine: None,
        };
        (passage, hit)
    }

    fn arrange(ranked: Vec<(StoredPassage, Hit)>, limit: usize) -> Vec<(StoredPassage, Hit)> {
        joined_neighbours(chosen(ranked, limit).0)
    }

    fn ids(list: &[(StoredPassage, Hit)]) -> Vec<i64> {
        list.iter().map(|(passage, _)| passage.chunk_id).collect()
    }

    #[test]
    fn a_stretch_inside_another_and_the_same_words_again_are_left_out() {
        let mut copy = passage(4, 9, 0, 100);
        copy.0.text = "text  1".to_owned();
        let list = vec![
            passage(1, 1, 0, 1_000),
            passage(2, 1, 400, 900),
            passage(3, 1, 2_850, 3_800),
            copy,
        ];
        assert_eq!(ids(&arrange(list, 5)), [1, 3]);
    }

    #[test]
    fn neighbours_of_a_page_become_one_passage_that_says_nothing_twice() {
        let (mut first, mut second, mut third) = (
            passage(1, 1, 100, 190),
            passage(2, 1, 0, 110),
            passage(3, 2, 0, 90),
        );
        first.0.text = "The heart rests. It beats again.".to_owned();
        second.0.text = "The lung fills. The heart rests.".to_owned();
        third.0.text = "Another page.".to_owned();
        let list = vec![first, third, second];
        let arranged = arrange(list, 5);
        assert_eq!(ids(&arranged), [1, 3]);
        let (whole, hit) = &arranged[0];
        assert_eq!(
            whole.text,
            "The lung fills. The heart rests. It beats again."
        );
        assert_eq!((whole.span.start, whole.span.end), (0, 190));
        assert_eq!((hit.score, hit.words), (0.9, 2.0));
        assert_eq!(joined("One.", "Two."), "One.\nTwo.");
        assert_eq!(joined("One two.", "two. Three."), "One two. Three.");
        assert_eq!(joined("Sour.", "our. Dough."), "Sour.\nour. Dough.");
    }

    #[test]
    fn three_neighbours_become_one_passage_in_whatever_order_they_were_found() {
        let [a, b, c] = [
            passage(1, 1, 0, 100),
            passage(2, 1, 100, 200),
            passage(3, 1, 200, 300),
        ];
        for order in [
            [&a, &b, &c],
            [&a, &c, &b],
            [&b, &a, &c],
            [&b, &c, &a],
            [&c, &a, &b],
            [&c, &b, &a],
        ] {
            let arranged = joined_neighbours(order.map(Clone::clone).to_vec());
            let [(whole, _)] = arranged.as_slice() else {
                panic!("{arranged:?}");
            };
            assert_eq!(whole.chunk_id, order[0].0.chunk_id, "the best keeps its id");
            assert_eq!(
                (whole.text.as_str(), whole.span.end),
                ("text 1\ntext 2\ntext 3", 300)
            );
            assert_eq!(whole.seams, [100, 200]);
        }
    }

    #[test]
    fn what_stands_under_another_title_or_would_grow_too_long_stays_apart() {
        let mut other = passage(2, 1, 100, 200);
        other.0.section = Some("Lungs".to_owned());
        assert_eq!(ids(&arrange(vec![passage(1, 1, 0, 100), other], 5)), [1, 2]);
        let list = vec![passage(1, 1, 0, 2_000), passage(2, 1, 2_000, 4_000)];
        assert_eq!(ids(&arrange(list, 5)), [1, 2]);
    }

    #[test]
    fn one_page_does_not_fill_the_list_while_others_have_something() {
        let list = vec![
            passage(1, 1, 0, 100),
            passage(2, 1, 190, 300),
            passage(3, 1, 390, 500),
            passage(4, 2, 0, 100),
        ];
        assert_eq!(ids(&arrange(list.clone(), 3)), [1, 2, 4]);
        // With room left the page's third passage comes after all, in its place.
        assert_eq!(ids(&arrange(list, 4)), [1, 2, 3, 4]);
    }
}
