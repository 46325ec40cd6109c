//! Decides whether what was found speaks about the question at all, so that the coach can say
//! "your materials do not cover this" instead of quoting whatever is least far away. Pure.

use crate::prose::{self, Keyword};

/// A word of the question and how rare it is in the student's library.
pub struct Asked {
    pub keyword: Keyword,
    /// Chunks that hold it.
    pub chunks: usize,
}

/// Passages that are looked into for the question's words: the answer stands in one of the first.
pub const LOOKED_INTO: usize = 5;

/// The least sum of best cosine and word share with which a question counts as covered.
const FLOOR: f32 = 0.75;
/// The least share of the question's words without any vectors.
const WORDS_FLOOR: f32 = 0.6;

/// Whether the best passages are about the question. `nearest` is the greatest cosine, if meanings
/// were compared; `chunks` is the size of the library.
pub fn covered(nearest: Option<f32>, asked: &[Asked], chunks: usize, best: &[&str]) -> bool {
    let share = best
        .iter()
        .take(LOOKED_INTO)
        .map(|text| word_share(asked, chunks, text))
        .fold(0.0, f32::max);
    match nearest {
        Some(cosine) => cosine + 0.5 * share >= FLOOR,
        None => share >= WORDS_FLOOR,
    }
}

/// The share of the question's words that stand in `text`, a rare word weighing more than one
/// that is everywhere.
fn word_share(asked: &[Asked], chunks: usize, text: &str) -> f32 {
    let words = prose::content_words(text);
    let (mut here, mut all) = (0.0, 0.0);
    for one in asked {
        let weight = rarity(one.chunks, chunks);
        all += weight;
        if words.iter().any(|word| alike(word, &one.keyword.stem)) {
            here += weight;
        }
    }
    if all > 0.0 { here / all } else { 0.0 }
}

fn rarity(with_word: usize, chunks: usize) -> f32 {
    let (with_word, chunks) = (with_word.min(chunks) as f32, chunks as f32);
    (1.0 + (chunks - with_word + 0.5) / (with_word + 0.5)).ln()
}

fn alike(left: &str, right: &str) -> bool {
    prose::same_word(left, right)
}
