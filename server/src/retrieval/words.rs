//! The words of one student's passages: an inverted index in memory, and BM25 over it. Knows nothing
//! of vectors, stores or questions.
//!
//! Rare words and the lengths of passages are the student's own, whoever else uses the server, and
//! a search touches nobody else's words. Through SQLite's FTS5, one index for all, a question over
//! 5,000 passages took 2.8 ms of CPU when one student used the server and 34 ms when twenty did, for
//! its ranking counts everybody's rows; this takes less than 0.05 ms with any number of students.
//!
//! An occurrence is one number, the passage's row above the word's place in it, so that "the word
//! right after" is the next number.

mod spelling;

pub use spelling::terms;

use spelling::{each_word, stem};
use std::collections::{HashMap, HashSet};

/// How soon a word's repetition stops counting: passages are short, and a second mention says
/// little. On MedQuAD nDCG@10 of the fused list was .835 to .837 from 0.2 to 0.6, .832 at 0.9 and
/// .828 at the usual 1.2 (which was found for whole articles).
const SATURATION: f32 = 0.6;
/// How much a long passage is held against it (0 not at all, 1 in full); from .3 to .75 nDCG@10 moved
/// by .003.
const LENGTH_SHARE: f32 = 0.5;
/// What two words of the question count when they stand side by side, beside one word of the same
/// rarity. nDCG@10 of the list by words was .746 without, .770 at .3 and .762 at .6; of the fused one
/// .827 and .836 at both.
const NEIGHBOURS_WEIGHT: f32 = 0.4;
/// Bits of an occurrence that hold the place. A passage holds at most about 4,000 characters of
/// text, far fewer words.
const PLACE_BITS: u32 = 12;
/// Words from here on stand at this place; one less than there is room for, so that the number after
/// it is no place of the next passage.
const PLACE_MAX: u32 = (1 << PLACE_BITS) - 2;
/// Most passages there is room for.
pub const ROWS_MAX: usize = 1 << (u32::BITS - PLACE_BITS);

/// Which rows hold a word, and where.
#[derive(Clone, Default)]
struct Posting {
    rows: u32,
    occurrences: Vec<u32>,
}

impl Posting {
    fn push(&mut self, row: u32, place: u32) {
        if self.occurrences.last().map(|last| last >> PLACE_BITS) != Some(row) {
            self.rows += 1;
        }
        self.occurrences
            .push(row << PLACE_BITS | place.min(PLACE_MAX));
    }
}

/// The index. Rows are numbered from 0 in the order they came.
#[derive(Clone, Default)]
pub struct Index {
    terms: HashMap<Box<str>, u32>,
    postings: Vec<Posting>,
    /// Words of each row.
    lengths: Vec<u16>,
    words: u64,
}

/// Adds passages to an index; remembers what each spelling is a form of.
#[derive(Default)]
pub struct Reader {
    /// `None`: a stop word.
    spellings: HashMap<Box<str>, Option<u32>>,
}

impl Reader {
    /// Adds one row.
    pub fn add(&mut self, index: &mut Index, text: &str) {
        let row = u32::try_from(index.lengths.len()).unwrap_or(u32::MAX);
        let mut place = 0;
        each_word(text, &mut |word| {
            let term = match self.spellings.get(word) {
                Some(term) => *term,
                None => {
                    let term = stem(word).map(|stem| index.term(stem));
                    self.spellings.insert(word.into(), term);
                    term
                }
            };
            if let Some(term) = term {
                index.postings[term as usize].push(row, place);
                place += 1;
            }
        });
        index.lengths.push(u16::try_from(place).unwrap_or(u16::MAX));
        index.words += u64::from(place);
    }
}

impl Index {
    fn term(&mut self, stem: String) -> u32 {
        let next = u32::try_from(self.postings.len()).unwrap_or(u32::MAX);
        let postings = &mut self.postings;
        *self.terms.entry(stem.into()).or_insert_with(|| {
            postings.push(Posting::default());
            next
        })
    }

    /// The rows for which `keep` is true, numbered anew in their order.
    pub fn retained(&self, keep: &[bool]) -> Self {
        let mut left = 0;
        let numbers: Vec<Option<u32>> = keep
            .iter()
            .map(|keep| {
                keep.then(|| {
                    left += 1;
                    left - 1
                })
            })
            .collect();
        let mut index = Self::default();
        for (term, id) in &self.terms {
            let mut posting = Posting::default();
            for occurrence in &self.postings[*id as usize].occurrences {
                let row = (occurrence >> PLACE_BITS) as usize;
                if let Some(Some(row)) = numbers.get(row) {
                    posting.push(*row, occurrence & (PLACE_MAX | 1));
                }
            }
            if posting.rows > 0 {
                let id = u32::try_from(index.postings.len()).unwrap_or(u32::MAX);
                index.terms.insert(term.clone(), id);
                index.postings.push(posting);
            }
        }
        let kept = |(length, keep): (&u16, &bool)| keep.then_some(*length);
        index.lengths = self.lengths.iter().zip(keep).filter_map(kept).collect();
        index.words = index.lengths.iter().copied().map(u64::from).sum();
        index
    }

    /// In how many rows `term` stands.
    pub fn count(&self, term: &str) -> usize {
        self.posting(term)
            .map_or(0, |posting| posting.rows as usize)
    }

    /// BM25 of each row for a question's `terms` in their order; 0 where none of them stands. Two
    /// neighbours in the question count as a word of their own where they are neighbours in a row.
    /// <https://doi.org/10.1561/1500000019> has the formula and its constants' meaning.
    pub fn scores(&self, terms: &[String]) -> Vec<f32> {
        let mut scores = vec![0.0; self.lengths.len()];
        let mut seen = HashSet::new();
        for term in terms {
            if let Some(posting) = self.posting(term).filter(|_| seen.insert((term, None))) {
                let rows = posting.rows;
                self.add(&mut scores, 1.0, rows, runs(posting.occurrences.iter()));
            }
        }
        for pair in terms.windows(2) {
            let [first, second] = pair else { continue };
            if let (Some(left), Some(right)) = (self.posting(first), self.posting(second))
                && seen.insert((first, Some(second)))
            {
                let together = neighbours(&left.occurrences, &right.occurrences);
                let rows = u32::try_from(runs(together.iter()).count()).unwrap_or(u32::MAX);
                self.add(&mut scores, NEIGHBOURS_WEIGHT, rows, runs(together.iter()));
            }
        }
        scores
    }

    fn add(
        &self,
        scores: &mut [f32],
        weight: f32,
        rows: u32,
        found: impl Iterator<Item = (usize, f32)>,
    ) {
        let (all, rows) = (self.lengths.len() as f32, rows as f32);
        let rarity = (1.0 + (all - rows + 0.5) / (rows + 0.5)).ln();
        let usual = (self.words as f32 / all).max(1.0);
        for (row, times) in found {
            let length = f32::from(self.lengths[row]) / usual;
            let held_back = SATURATION * (1.0 - LENGTH_SHARE + LENGTH_SHARE * length);
            scores[row] += weight * rarity * times * (SATURATION + 1.0) / (times + held_back);
        }
    }

    fn posting(&self, term: &str) -> Option<&Posting> {
        Some(&self.postings[*self.terms.get(term)? as usize])
    }

    /// Gives back what the last additions reserved.
    pub fn shrink(&mut self) {
        for posting in &mut self.postings {
            posting.occurrences.shrink_to_fit();
        }
        self.lengths.shrink_to_fit();
    }

    /// Memory it takes, about.
    pub fn bytes(&self) -> usize {
        /// A term's entry in the map, its letters and what the allocator adds to each.
        const TERM_BYTES: usize = 64;
        let postings: usize = self
            .postings
            .iter()
            .map(|one| size_of::<Posting>() + one.occurrences.capacity() * size_of::<u32>())
            .sum();
        postings + self.terms.len() * TERM_BYTES + self.lengths.capacity() * size_of::<u16>()
    }
}

/// Each row of sorted occurrences with how many there are of it.
fn runs<'a>(occurrences: impl Iterator<Item = &'a u32>) -> impl Iterator<Item = (usize, f32)> {
    let mut occurrences = occurrences.map(|one| one >> PLACE_BITS).peekable();
    std::iter::from_fn(move || {
        let row = occurrences.next()?;
        let mut times = 1.0;
        while occurrences.next_if_eq(&row).is_some() {
            times += 1.0;
        }
        Some((row as usize, times))
    })
}

/// The occurrences of `left` that one of `right` follows directly.
fn neighbours(left: &[u32], right: &[u32]) -> Vec<u32> {
    let mut right = right.iter().peekable();
    let followed = |occurrence: &u32| {
        while right.next_if(|next| **next <= *occurrence).is_some() {}
        right.peek() == Some(&&(occurrence + 1))
    };
    left.iter().copied().filter(followed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(texts: &[&str]) -> Index {
        let (mut index, mut reader) = (Index::default(), Reader::default());
        for text in texts {
            reader.add(&mut index, text);
        }
        index
    }

    fn best(index: &Index, question: &str) -> Option<usize> {
        let scores = index.scores(&terms(question));
        let (row, score) = scores
            .iter()
            .enumerate()
            .max_by(|left, right| left.1.total_cmp(right.1))?;
        (*score > 0.0).then_some(row)
    }

    #[test]
    fn a_rare_word_outweighs_a_common_one_and_a_short_passage_a_long_one() {
        let index = index(&[
            "heart and lung",
            "heart and ventricle",
            "heart and ventricle beside many other words that make it long",
            "heart",
        ]);
        assert_eq!(best(&index, "heart ventricle"), Some(1));
        assert_eq!(index.count("heart"), 4);
        assert_eq!(index.count("ventricl"), 2);
        assert_eq!(best(&index, "sourdough"), None);
    }

    #[test]
    fn words_side_by_side_as_asked_stand_before_the_same_words_apart() {
        let index = index(&[
            "pressure of the blood in the heart",
            "blood pressure in the heart",
            "pressure heart blood",
        ]);
        assert_eq!(best(&index, "blood pressure"), Some(1));
        // The last word of one passage and the first of the next are no neighbours.
        assert!(neighbours(&[7 << PLACE_BITS | PLACE_MAX], &[8 << PLACE_BITS]).is_empty());
    }

    #[test]
    fn what_is_taken_out_leaves_the_index_as_if_it_had_never_come() {
        let all = index(&["heart one", "lung two", "heart heart three", "bread"]);
        let some = all.retained(&[true, false, true, false]);
        let fresh = index(&["heart one", "heart heart three"]);
        for question in ["heart", "lung", "heart three", "bread"] {
            let question = terms(question);
            assert_eq!(some.scores(&question), fresh.scores(&question));
        }
        assert_eq!(some.terms.len(), fresh.terms.len());
    }
}
