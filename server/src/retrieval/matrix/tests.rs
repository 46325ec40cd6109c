use super::*;

fn matrix(rows: &[Option<&[f32]>]) -> Matrix {
    let mut matrix = Matrix::new(2);
    for (row, vector) in rows.iter().enumerate() {
        if let Some(vector) = vector {
            matrix.push(row, vector);
        }
    }
    matrix.finish();
    matrix
}

fn rows(nearest: &Nearest) -> Vec<usize> {
    nearest.list.iter().map(|near| near.row).collect()
}

#[test]
fn the_nearest_come_first_and_no_more_than_asked_for() {
    let matrix = matrix(&[
        Some(&[1.0, 0.0]),
        Some(&[0.0, 1.0]),
        None,
        Some(&[0.6, 0.8]),
        Some(&[1.0, 0.0]),
    ]);
    let found = |count| rows(&matrix.nearest(&[1.0, 0.0], count, None));
    assert_eq!(found(3), [0, 4, 3]);
    assert_eq!(found(100), [0, 4, 3, 1]);
    assert!(found(0).is_empty());
    assert!(matrix.nearest(&[1.0], 3, None).list.is_empty());
    assert!(!matrix.has(2) && matrix.cosine(2, &[1.0, 0.0]).is_none());
}

#[test]
fn what_is_not_allowed_is_neither_listed_nor_the_nearest() {
    let matrix = matrix(&[Some(&[1.0, 0.0]), Some(&[0.6, 0.8]), Some(&[0.0, 1.0])]);
    let nearest = matrix.nearest(&[1.0, 0.0], 3, Some(&[false, true, true]));
    assert_eq!(rows(&nearest), [1, 2]);
    assert!((nearest.greatest - 0.6).abs() < 1e-6);
    let none = matrix.nearest(&[1.0, 0.0], 3, Some(&[false; 3]));
    assert_eq!(none, Nearest::default());
}

/// Numbers that look random and are the same in every run.
fn scattered(count: usize, dimension: usize) -> Vec<Vec<f32>> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count)
        .map(|_| {
            let row: Vec<f32> = (0..dimension).map(|_| next()).collect();
            let length = scan::dot(&row, &row).sqrt();
            row.iter().map(|x| x / length).collect()
        })
        .collect()
}

fn push_all(matrix: &mut Matrix, vectors: &[Vec<f32>]) {
    for (row, vector) in vectors.iter().enumerate() {
        matrix.push(row, vector);
    }
}

#[test]
fn rows_behind_the_last_vector_take_no_memory_and_keep_their_places() {
    let [right, up] = [[1.0, 0.0], [0.0, 1.0]];
    let mut some = matrix(&[Some(&right), None, Some(&right)]);
    let without = matrix(&[Some(&right), None, Some(&right), None, None]);
    assert_eq!(without.bytes(), some.bytes());
    // Two rows more without a vector, then one with.
    some.push(5, &up);
    some.finish();
    assert_eq!(rows(&some.nearest(&up, 1, None)), [5]);
    // The first is taken out, and another row behind the last vector.
    let mut left = some.retained(&[false, true, true, true, true, true, false]);
    left.finish();
    assert_eq!(rows(&left.nearest(&up, 3, Some(&[true; 6]))), [4, 1]);
}

#[test]
fn small_numbers_find_what_full_numbers_find() {
    let vectors = scattered(3_000, 96);
    let mut matrix = Matrix::new(96);
    push_all(&mut matrix, &vectors);
    matrix.finish();
    for question in vectors.iter().step_by(300) {
        let nearest = matrix.nearest(question, 100, None);
        let length = |v: &[f32]| scan::dot(v, v).sqrt();
        let middle =
            |v: &[f32]| -> Vec<f32> { v.iter().zip(&matrix.mean).map(|(x, m)| x - m).collect() };
        let asked = middle(question);
        let mut exact: Vec<(i64, f32)> = (0_i64..)
            .zip(&vectors)
            .map(|(row, vector)| {
                let vector = middle(vector);
                let score = scan::dot(&asked, &vector) / length(&vector) / length(&asked);
                (row, score)
            })
            .collect();
        exact.sort_unstable_by(best_first);
        let expected: Vec<usize> = exact[..100].iter().map(|(row, _)| *row as usize).collect();
        let found = rows(&nearest);
        let missing = expected.iter().filter(|row| !found.contains(row)).count();
        assert!(missing <= 1, "{missing} of 100 were missed");
        assert_eq!(found[..50], expected[..50]);
        assert!((nearest.greatest - 1.0).abs() < 1e-5);
        assert!((nearest.list[0].score - exact[0].1).abs() < 1e-4);
    }
}

#[test]
fn what_is_taken_out_leaves_the_rest_as_it_was() {
    let vectors = scattered(50, 8);
    let mut all = Matrix::new(8);
    push_all(&mut all, &vectors);
    let keep: Vec<bool> = (0..50).map(|row| row % 3 != 0).collect();
    let mut some = all.retained(&keep);
    some.finish();
    let mut fresh = Matrix::new(8);
    let kept = vectors.iter().zip(&keep).filter(|(_, keep)| **keep);
    for (row, (vector, _)) in kept.enumerate() {
        fresh.push(row, vector);
    }
    fresh.finish();
    assert_eq!(
        some.nearest(&vectors[0], 10, None),
        fresh.nearest(&vectors[0], 10, None)
    );
}
