//! What one student can search, in memory: the words and vectors of her passages, row by row, and
//! where each stands. Knows nothing of stores, fusion or answers.

use super::{
    matrix::{Matrix, Nearest, keep_best},
    words::{Index, ROWS_MAX, Reader},
};
use crate::store::{
    Stored,
    passages::{Print, Searched},
};
use app::model::filter::{Filter, PageRange};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Most passages that are compared by meaning: about 70,000 full pages, 390 MB. What lies beyond is
/// found by its words.
const VECTORS_MAX: usize = 200_000;
/// Most passages that are searched at all, 180 MB of words; the index has room for twice as many.
pub const PASSAGES_MAX: usize = 400_000;
const _: () = assert!(PASSAGES_MAX <= ROWS_MAX);

/// Where a row's passage stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    chunk: i64,
    material: u32,
    page_first: u32,
    page_last: u32,
}

/// A student's passages.
#[derive(Clone, Default)]
pub struct Library {
    places: Vec<Place>,
    /// What the rows' materials are, and what they looked like when they were read.
    materials: Vec<Print>,
    index: Index,
    matrix: Matrix,
    dimension: usize,
}

impl Library {
    /// Without passages, for vectors of `dimension` numbers.
    pub fn new(dimension: usize) -> Self {
        Self {
            matrix: Matrix::new(dimension),
            dimension,
            ..Self::default()
        }
    }

    /// Those of `prints` whose passages are not here as they are now.
    pub fn changed(&self, prints: &[Print]) -> Vec<Print> {
        let known: HashMap<Uuid, &Print> = self
            .materials
            .iter()
            .map(|print| (print.material, print))
            .collect();
        prints
            .iter()
            .filter(|print| known.get(&print.material) != Some(print))
            .copied()
            .collect()
    }

    /// What is here of `prints`, unchanged; everything else is left out.
    pub fn retained(&self, prints: &[Print]) -> Self {
        let wanted: HashMap<Uuid, &Print> =
            prints.iter().map(|print| (print.material, print)).collect();
        let mut numbers = Vec::with_capacity(self.materials.len());
        let mut materials = Vec::new();
        for print in &self.materials {
            let stays = wanted.get(&print.material) == Some(&print);
            numbers.push(stays.then_some(number(materials.len())));
            if stays {
                materials.push(*print);
            }
        }
        let renumbered = |place: &Place| {
            numbers[place.material as usize].map(|material| Place { material, ..*place })
        };
        let keep: Vec<bool> = self
            .places
            .iter()
            .map(|place| renumbered(place).is_some())
            .collect();
        Self {
            places: self.places.iter().filter_map(renumbered).collect(),
            materials,
            index: self.index.retained(&keep),
            matrix: self.matrix.retained(&keep),
            dimension: self.dimension,
        }
    }

    /// Adds the passages of materials that are not here yet; `prints` are read before `passages`
    /// were. [`finish`](Self::finish) comes after the last.
    ///
    /// # Errors
    /// When a vector is none of this library's.
    pub fn add(
        &mut self,
        prints: &[Print],
        passages: &[Searched],
        reader: &mut Reader,
    ) -> Stored<()> {
        let mut numbers = HashMap::new();
        for print in prints {
            numbers.insert(print.material, number(self.materials.len()));
            self.materials.push(*print);
        }
        for passage in passages {
            let Some(material) = numbers.get(&passage.material) else {
                continue;
            };
            let row = self.places.len();
            if row == PASSAGES_MAX {
                break;
            }
            self.places.push(Place {
                chunk: passage.id,
                material: *material,
                page_first: u32::try_from(passage.page_first).unwrap_or_default(),
                page_last: u32::try_from(passage.page_last).unwrap_or_default(),
            });
            // Found by its title too, as in what is embedded of it.
            match &passage.section {
                Some(section) => {
                    reader.add(&mut self.index, &format!("{section}\n{}", passage.text))
                }
                None => reader.add(&mut self.index, &passage.text),
            }
            if row < VECTORS_MAX
                && let Some(vector) = passage.numbers(self.dimension)?
            {
                self.matrix.push(row, &vector);
            }
        }
        Ok(())
    }

    /// Makes what was added ready to be searched.
    pub fn finish(&mut self) {
        self.index.shrink();
        self.matrix.finish();
    }

    /// How many passages there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether any passage can be compared by meaning.
    pub fn has_vectors(&self) -> bool {
        !self.matrix.is_empty()
    }

    /// Whether this passage can.
    pub fn has_vector(&self, row: usize) -> bool {
        self.matrix.has(row)
    }

    /// The id of a row's passage.
    pub fn chunk(&self, row: usize) -> i64 {
        self.places[row].chunk
    }

    /// The rows a filter lets through; `None`: all.
    pub fn allowed(&self, filter: &Filter) -> Option<Vec<bool>> {
        let (materials, pages) = (filter.materials.as_deref(), filter.pages);
        if materials.is_none() && pages.is_none() {
            return None;
        }
        let wanted: Option<HashSet<Uuid>> =
            materials.map(|list| list.iter().map(|material| material.uuid()).collect());
        let chosen: Vec<bool> = self
            .materials
            .iter()
            .map(|print| {
                wanted
                    .as_ref()
                    .is_none_or(|wanted| wanted.contains(&print.material))
            })
            .collect();
        let touches = |place: &Place, pages: PageRange| {
            place.page_first <= pages.last && place.page_last >= pages.first
        };
        Some(
            self.places
                .iter()
                .map(|place| {
                    chosen[place.material as usize]
                        && pages.is_none_or(|pages| touches(place, pages))
                })
                .collect(),
        )
    }

    /// BM25 of every row for `terms`, 0 for those that hold none of them.
    pub fn word_scores(&self, terms: &[String]) -> Vec<f32> {
        self.index.scores(terms)
    }

    /// The `count` best of `scores` that are allowed, greater than 0, in no order.
    pub fn best(
        &self,
        scores: &[f32],
        count: usize,
        allowed: Option<&[bool]>,
    ) -> Vec<(usize, f32)> {
        let mut list: Vec<(usize, f32)> = scores
            .iter()
            .copied()
            .enumerate()
            .filter(|(row, score)| *score > 0.0 && allowed.is_none_or(|allowed| allowed[*row]))
            .collect();
        keep_best(&mut list, count, |one| one.1);
        list
    }

    /// The `count` nearest rows that are allowed.
    pub fn nearest(&self, vector: &[f32], count: usize, allowed: Option<&[bool]>) -> Nearest {
        self.matrix.nearest(vector, count, allowed)
    }

    /// How near one row is, if it has a vector.
    pub fn cosine(&self, row: usize, vector: &[f32]) -> Option<f32> {
        self.matrix.cosine(row, vector)
    }

    /// In how many passages a term stands.
    pub fn count(&self, term: &str) -> usize {
        self.index.count(term)
    }

    /// Memory it takes, about.
    pub fn bytes(&self) -> usize {
        self.places.capacity() * size_of::<Place>()
            + self.materials.capacity() * size_of::<Print>()
            + self.index.bytes()
            + self.matrix.bytes()
    }
}

/// Materials are bounded far below this.
fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
