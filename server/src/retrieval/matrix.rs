//! One student's vectors in memory, and the exact search over them. Knows nothing of questions.

use std::{cmp::Ordering, collections::HashSet};

/// Partial sums kept side by side, so that the compiler vectorises the product.
const LANES: usize = 16;

/// Vectors of length 1, row after row, with the chunk each belongs to.
pub struct Matrix {
    ids: Vec<i64>,
    rows: Vec<f32>,
    dimension: usize,
}

impl Matrix {
    /// `rows` holds one vector of `dimension` numbers for each id; what is left over is ignored.
    pub fn new(ids: Vec<i64>, rows: Vec<f32>, dimension: usize) -> Self {
        Self {
            ids,
            rows,
            dimension: dimension.max(1),
        }
    }

    /// Whether there is nothing to search.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Memory it takes.
    pub fn bytes(&self) -> usize {
        self.ids.capacity() * size_of::<i64>() + self.rows.capacity() * size_of::<f32>()
    }

    /// Those of `ids` that have no vector here.
    pub fn lacking(&self, ids: impl Iterator<Item = i64>) -> HashSet<i64> {
        let mut lacking: HashSet<i64> = ids.collect();
        for id in &self.ids {
            if lacking.is_empty() {
                break;
            }
            lacking.remove(id);
        }
        lacking
    }

    /// The `count` chunks nearest to `vector` with their cosines, the nearest first.
    pub fn nearest(&self, vector: &[f32], count: usize) -> Vec<(i64, f32)> {
        if vector.len() != self.dimension || count == 0 {
            return Vec::new();
        }
        let mut scored: Vec<(i64, f32)> = self
            .ids
            .iter()
            .zip(self.rows.chunks_exact(self.dimension))
            .map(|(&id, row)| (id, dot(row, vector)))
            .collect();
        if scored.len() > count {
            scored.select_nth_unstable_by(count - 1, best_first);
            scored.truncate(count);
        }
        scored.sort_unstable_by(best_first);
        scored
    }
}

/// Greater scores first; equal ones by id, so that the same question gives the same list.
pub fn best_first(left: &(i64, f32), right: &(i64, f32)) -> Ordering {
    right.1.total_cmp(&left.1).then(left.0.cmp(&right.0))
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    let (left, left_rest) = left.as_chunks::<LANES>();
    let (right, right_rest) = right.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (a, b) in left.iter().zip(right) {
        for ((sum, x), y) in sums.iter_mut().zip(a).zip(b) {
            *sum += x * y;
        }
    }
    let rest: f32 = left_rest.iter().zip(right_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_come_first_and_no_more_than_asked_for() {
        let matrix = Matrix::new(
            vec![10, 11, 12, 13],
            vec![1.0, 0.0, 0.0, 1.0, 0.6, 0.8, 1.0, 0.0],
            2,
        );
        let ids = |count| {
            matrix
                .nearest(&[1.0, 0.0], count)
                .iter()
                .map(|(id, _)| *id)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(3), [10, 13, 12]);
        assert_eq!(ids(100), [10, 13, 12, 11]);
        assert!(ids(0).is_empty());
        assert!(matrix.nearest(&[1.0], 3).is_empty());
    }

    #[test]
    fn a_product_counts_every_number() {
        let numbers: Vec<f32> = (0..37_u8).map(f32::from).collect();
        let exact: f32 = numbers.iter().map(|x| x * x).sum();
        assert_eq!(dot(&numbers, &numbers), exact);
    }
}
