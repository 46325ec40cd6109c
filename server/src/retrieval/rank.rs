//! Ranks one library for one question: by words, by meaning, fused. Reads nothing and asks nobody.

use super::{coverage::Asked, fusion, library::Library, matrix, query, words};
use crate::{prose::Keyword, store::generations::Generation};
use app::model::filter::Filter;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// How much of each list is fused: nDCG@10 on MedQuAD was .820 with 30, .825 with 100 and .826 with
/// 500.
const LIST: usize = 100;
/// Passages that are searched on the spot: half a millisecond. A larger library is searched where it
/// keeps no other request waiting.
const SEARCHED_AT_ONCE: usize = 15_000;

/// A passage that was found, not read yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub chunk: i64,
    /// Fused, 0 to 1.
    pub score: f32,
    /// BM25.
    pub words: f32,
    /// Of the passage's vector and the question's; none when either is missing.
    pub cosine: Option<f32>,
}

impl Hit {
    /// Takes in what a neighbour was found by.
    pub fn take_in(&mut self, other: &Self) {
        self.score = self.score.max(other.score);
        self.words = self.words.max(other.words);
        self.cosine = match (self.cosine, other.cosine) {
            (Some(left), Some(right)) => Some(left.max(right)),
            (left, right) => left.or(right),
        };
    }
}

/// Both lists and what became of them; scores as each list has them, the best first.
#[derive(Clone, Debug, Default)]
pub struct Ranked {
    pub by_words: Vec<(i64, f32)>,
    /// None without vectors.
    pub by_meaning: Option<Vec<(i64, f32)>>,
    pub fused: Vec<Hit>,
    /// The greatest cosine of all allowed passages.
    pub nearest: Option<f32>,
    /// Of those found by words, the ones without a vector.
    pub words_alone: HashSet<i64>,
}

/// What is searched with: a library, and the question's vector or why there is none.
pub struct Tools {
    pub library: Arc<Library>,
    /// Of the passages, read before the library was.
    pub generation: Generation,
    /// The id of what compares meanings; empty without it.
    pub embedder: String,
    pub vector: Option<Vec<f32>>,
    pub problem: Option<String>,
}

/// Ranks on the spot what is small, and elsewhere what would keep other requests waiting.
pub async fn rank(tools: Tools, question: String, filter: Filter) -> Ranked {
    if tools.library.len() <= SEARCHED_AT_ONCE {
        return ranked(&tools, &question, &filter);
    }
    tokio::task::spawn_blocking(move || ranked(&tools, &question, &filter))
        .await
        .unwrap_or_default()
}

fn ranked(tools: &Tools, question: &str, filter: &Filter) -> Ranked {
    let library = &*tools.library;
    let allowed = library.allowed(filter);
    let allowed = allowed.as_deref();
    let mut rows: HashMap<i64, usize> = HashMap::with_capacity(2 * LIST);
    let mut ids = |list: Vec<(usize, f32)>| -> Vec<(i64, f32)> {
        let mut list: Vec<(i64, f32)> = list
            .into_iter()
            .map(|(row, score)| {
                rows.insert(library.chunk(row), row);
                (library.chunk(row), score)
            })
            .collect();
        list.sort_unstable_by(matrix::best_first);
        list
    };
    let word_scores = library.word_scores(&query::terms(question));
    let by_words = ids(library.best(&word_scores, LIST, allowed));
    let vector = tools.vector.as_deref().filter(|_| library.has_vectors());
    let (by_meaning, nearest) = vector
        .map(|vector| library.nearest(vector, LIST, allowed))
        .map(|nearest| {
            let list = nearest.list.iter().map(|near| (near.row, near.score));
            (ids(list.collect()), nearest.greatest)
        })
        .unzip();
    let lacks_vector = |(id, _): &&(i64, f32)| !library.has_vector(rows[id]);
    let words_alone: HashSet<i64> = match vector {
        Some(_) => by_words
            .iter()
            .filter(lacks_vector)
            .map(|one| one.0)
            .collect(),
        None => HashSet::new(),
    };
    let fused = fusion::fuse(by_meaning.as_deref(), &by_words, &words_alone)
        .into_iter()
        .map(|(chunk, score)| Hit {
            chunk,
            score,
            words: word_scores[rows[&chunk]],
            cosine: vector.and_then(|vector| library.cosine(rows[&chunk], vector)),
        })
        .collect();
    Ranked {
        by_words,
        by_meaning,
        fused,
        nearest,
        words_alone,
    }
}

/// Adds to each word of the question in how many of the library's passages it stands.
pub fn asked(library: &Library, keywords: Vec<Keyword>) -> Vec<Asked> {
    keywords
        .into_iter()
        .map(|keyword| {
            let terms = words::terms(&keyword.word);
            // A word that is not indexed is taken for one that is everywhere.
            let chunks = terms.iter().map(|term| library.count(term)).min();
            Asked {
                chunks: chunks.unwrap_or(library.len()),
                keyword,
            }
        })
        .collect()
}
