//! The steps of the forward pass as kernels: products with what follows them fused in, the layer
//! norm, attention of one head. Knows the shape of a transformer, not the model's sizes.
//!
//! Each kernel is compiled for any processor and for AVX2, and the better one is picked at run
//! time; both give the same result up to rounding. Loops are counted for the reason given in
//! [`super::integers`].

// A counted loop is what these kernels need.
#![allow(clippy::needless_range_loop)]

use super::{
    integers::{Panels, Rows, RowsView, WIDTH, product},
    processor::{Processor, dispatched},
};

/// Sums of a product before they are scaled; kept to be used again.
pub type Sums = Vec<[i32; WIDTH]>;

/// A dense layer: one column per output.
#[derive(Default)]
pub struct Dense {
    pub matrix: Panels,
    pub bias: Vec<f32>,
}

/// Weight and shift of a layer norm.
pub struct Norm {
    pub weight: Vec<f32>,
    pub shift: Vec<f32>,
}

/// The place in `out` for numbers of one row, and their bias.
#[inline(always)]
fn place<'a>(
    out: &'a mut [f32],
    dense: &'a Dense,
    row: usize,
    col: usize,
) -> (&'a mut [f32], &'a [f32]) {
    let from = row * dense.bias.len() + col;
    (&mut out[from..from + WIDTH], &dense.bias[col..col + WIDTH])
}

dispatched! {
    /// `out = rows * dense`.
    through = through_on(rows: RowsView<'_>, dense: &Dense, sums: &mut Sums, out: &mut [f32])
}

#[inline(always)]
fn through_on<P: Processor>(rows: RowsView<'_>, dense: &Dense, sums: &mut Sums, out: &mut [f32]) {
    product::<P>(rows, &dense.matrix, sums, |row, col, values| {
        let (out, bias) = place(out, dense, row, col);
        for i in 0..WIDTH {
            out[i] = values[i] + bias[i];
        }
    });
}

dispatched! {
    /// `out += rows * dense`.
    through_onto = through_onto_on(
        rows: RowsView<'_>, dense: &Dense, sums: &mut Sums, out: &mut [f32]
    )
}

#[inline(always)]
fn through_onto_on<P: Processor>(
    rows: RowsView<'_>,
    dense: &Dense,
    sums: &mut Sums,
    out: &mut [f32],
) {
    product::<P>(rows, &dense.matrix, sums, |row, col, values| {
        let (out, bias) = place(out, dense, row, col);
        for i in 0..WIDTH {
            out[i] += values[i] + bias[i];
        }
    });
}

dispatched! {
    /// `out = gelu(rows * dense)`, the exact one with the error function.
    through_gelu = through_gelu_on(
        rows: RowsView<'_>, dense: &Dense, sums: &mut Sums, out: &mut [f32]
    )
}

#[inline(always)]
fn through_gelu_on<P: Processor>(
    rows: RowsView<'_>,
    dense: &Dense,
    sums: &mut Sums,
    out: &mut [f32],
) {
    product::<P>(rows, &dense.matrix, sums, |row, col, values| {
        let (out, bias) = place(out, dense, row, col);
        for i in 0..WIDTH {
            let x = values[i] + bias[i];
            let half = 0.5 * x;
            out[i] = P::fused(half, erf::<P>(x * std::f32::consts::FRAC_1_SQRT_2), half);
        }
    });
}

dispatched! {
    /// Takes rows of `depth` numbers to be the left side of a product.
    take_rows = take_rows_on(rows: &[f32], depth: usize, out: &mut Rows)
}

#[inline(always)]
fn take_rows_on<P: Processor>(rows: &[f32], depth: usize, out: &mut Rows) {
    out.fit(rows.len() / depth, depth);
    for (number, row) in rows.chunks_exact(depth).enumerate() {
        let squares = sum(row, |sum, x| P::fused(x, x, sum));
        out.set(number, row, squares, 1.0);
    }
}

/// Added to the variance, as the model was trained.
const LAYER_NORM_EPSILON: f32 = 1e-12;

dispatched! {
    /// `rows = layer_norm(rows)`, each row on its own, and taken to be the left side of a product:
    /// as those of `out` from `first` on.
    norm_rows = norm_rows_on(rows: &mut [f32], norm: &Norm, out: &mut Rows, first: usize)
}

#[inline(always)]
fn norm_rows_on<P: Processor>(rows: &mut [f32], norm: &Norm, out: &mut Rows, first: usize) {
    let depth = norm.weight.len();
    let count = depth as f32;
    for (number, row) in rows.chunks_exact_mut(depth).enumerate() {
        let mean = sum(row, |sum, x| sum + x) / count;
        let variance = sum(row, |sum, x| P::fused(x - mean, x - mean, sum)) / count;
        let inverse = 1.0 / (variance + LAYER_NORM_EPSILON).sqrt();
        let (weight, shift) = (&norm.weight[..depth], &norm.shift[..depth]);
        for i in 0..depth {
            row[i] = P::fused((row[i] - mean) * inverse, weight[i], shift[i]);
        }
        let squares = sum(row, |sum, x| P::fused(x, x, sum));
        out.set(first + number, row, squares, 1.0);
    }
}

/// Room for the attention of one head.
#[derive(Default)]
pub struct Attention {
    queries: Rows,
    keys: Panels,
    values: Panels,
    weights: Rows,
    scores: Vec<f32>,
    sums: Sums,
}

/// Rows of scores that are worked on together, so that they stay in the first-level cache.
const SCORE_ROWS: usize = 12;

/// Where one head finds its numbers: `step` is from token to token, `key` and `value` are from a
/// token's query to its key and its value.
#[derive(Clone, Copy)]
pub struct Places {
    pub tokens: usize,
    pub step: usize,
    pub key: usize,
    pub value: usize,
}

dispatched! {
    /// Lets every token look at all others through one head of `HEAD` numbers. `qkv` begins at the
    /// head's first query, `out` at its first result; rows of `out` are `out_step` apart.
    attend = attend_on(
        qkv: &[f32], at: Places, room: &mut Attention, out: &mut [f32], out_step: usize
    )
}

/// Numbers per token each head sees.
pub const HEAD: usize = 32;

#[inline(always)]
fn attend_on<P: Processor>(
    qkv: &[f32],
    at: Places,
    room: &mut Attention,
    out: &mut [f32],
    out_step: usize,
) {
    let Attention {
        queries,
        keys,
        values,
        weights,
        scores,
        sums,
    } = room;
    let Places { tokens, step, .. } = at;
    queries.fit(tokens, HEAD);
    keys.fit(HEAD, tokens);
    for token in 0..tokens {
        let query = &qkv[token * step..][..HEAD];
        let squares = sum(query, |sum, x| P::fused(x, x, sum));
        queries.set(token, query, squares, 1.0);
        keys.set_column(token, &qkv[token * step + at.key..][..HEAD]);
    }
    values.fit(tokens, HEAD);
    values.set_rows::<HEAD>(&qkv[at.value..], step, tokens);

    let width = keys.width();
    scores.resize(SCORE_ROWS * width, 0.0);
    weights.fit(SCORE_ROWS, tokens);
    let scale = 1.0 / (HEAD as f32).sqrt();
    for first in (0..tokens).step_by(SCORE_ROWS) {
        let count = SCORE_ROWS.min(tokens - first);
        product::<P>(
            queries.part(first, count),
            keys,
            sums,
            |row, col, values| {
                scores[row * width + col..][..WIDTH].copy_from_slice(&values);
            },
        );
        for (row, scores) in scores.chunks_exact_mut(width).take(count).enumerate() {
            let scores = &mut scores[..tokens];
            let (total, squares) = exp_all::<P>(scores, scale);
            weights.set(row, scores, squares, 1.0 / total);
        }
        product::<P>(weights.part(0, count), values, sums, |row, col, values| {
            out[(first + row) * out_step + col..][..WIDTH].copy_from_slice(&values);
        });
    }
}

/// Replaces each `x` by `exp(scale * (x - greatest))`; answers their sum and that of their squares.
#[inline(always)]
fn exp_all<P: Processor>(row: &mut [f32], scale: f32) -> (f32, f32) {
    let greatest = fold(row, f32::NEG_INFINITY, f32::max, f32::max);
    let shift = -greatest * scale;
    for x in row.iter_mut() {
        *x = exp::<P>(P::fused(*x, scale, shift));
    }
    (
        sum(row, |sum, x| sum + x),
        sum(row, |sum, x| P::fused(x, x, sum)),
    )
}

/// Partial results kept side by side, so that folding vectorises.
const LANES: usize = 16;

/// Folds a row in lanes of their own, and those together.
#[inline(always)]
fn fold(
    row: &[f32],
    start: f32,
    step: impl Fn(f32, f32) -> f32,
    join: impl Fn(f32, f32) -> f32,
) -> f32 {
    let mut lanes = [start; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] = step(lanes[i], chunk[i]);
        }
    }
    let mut all = start;
    for &x in rest {
        all = step(all, x);
    }
    for lane in lanes {
        all = join(all, lane);
    }
    all
}

/// Sums a row with `add(sum, x)`.
#[inline(always)]
fn sum(row: &[f32], add: impl Fn(f32, f32) -> f32) -> f32 {
    fold(row, 0.0, add, |all, lane| all + lane)
}

/// The polynomial with these coefficients, the highest power first.
#[inline(always)]
fn polynomial<P: Processor, const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut value = coefficients[0];
    let mut i = 1;
    while i < N {
        value = P::fused(value, x, coefficients[i]);
        i += 1;
    }
    value
}

/// The error function as a ratio of odd and even polynomials, within 1e-6 everywhere.
#[inline(always)]
fn erf<P: Processor>(x: f32) -> f32 {
    // Beyond 4, f32 cannot tell the result from 1.
    let x = x.clamp(-4.0, 4.0);
    let x2 = x * x;
    let above = polynomial::<P, 7>(
        x2,
        [
            -2.726_142_3e-10,
            2.770_681_4e-8,
            -2.101_024e-6,
            -5.692_506_5e-5,
            -7.349_906_3e-4,
            -2.954_6e-3,
            -1.609_603_3e-2,
        ],
    );
    let below = polynomial::<P, 5>(
        x2,
        [
            -1.456_607_2e-5,
            -2.133_740_5e-4,
            -1.682_827e-3,
            -7.373_329e-3,
            -1.426_473_9e-2,
        ],
    );
    x * above / below
}

/// e to the power of `x`, for `x` of at most 0, within 1e-6 of its size.
#[inline(always)]
fn exp<P: Processor>(x: f32) -> f32 {
    /// Adding it rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    // Below this the result is no longer a normal number; it weighs nothing anyway.
    let x = x.max(-87.0);
    let shifted = P::fused(x, std::f32::consts::LOG2_E, ROUND);
    let whole = shifted - ROUND;
    // ln 2 in two parts, so that the difference keeps its precision.
    let rest = P::fused(whole, 2.121_944_4e-4, P::fused(whole, -0.693_359_4, x));
    let power = polynomial::<P, 6>(
        rest,
        [
            1.987_569_1e-4,
            1.398_199_9e-3,
            8.333_452e-3,
            4.166_579_6e-2,
            0.166_666_65,
            0.5,
        ],
    );
    let power = P::fused(power, rest * rest, rest) + 1.0;
    let exponent = (shifted.to_bits() << 23).wrapping_add(0x3f80_0000);
    power * f32::from_bits(exponent)
}

#[cfg(test)]
mod tests;
