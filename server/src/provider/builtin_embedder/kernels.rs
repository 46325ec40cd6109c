//! The arithmetic of the forward pass: matrix products (through `gemm`) and the element-wise
//! functions, written so that the compiler can vectorise them. Knows nothing of BERT.
//!
//! Element-wise kernels are compiled twice, for any x86-64 and for AVX2, and the better one is
//! picked at run time; everything here gives the same result on both up to rounding.

use gemm::Parallelism;

/// Compiles a kernel for AVX2 beside the portable one and picks at run time.
macro_rules! dispatched {
    ($(#[$doc:meta])* $name:ident, $portable:ident ( $($arg:ident : $ty:ty),* )) => {
        $(#[$doc])*
        #[allow(unsafe_code)]
        pub fn $name($($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn with_avx2($($arg: $ty),*) {
                    $portable($($arg),*);
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has just been found to have AVX2.
                    return unsafe { with_avx2($($arg),*) };
                }
            }
            $portable($($arg),*);
        }
    };
}

/// A matrix in somebody's slice: `rows` by `cols`, an element `row * row_step + col * col_step` in.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub data: &'a [f32],
    pub rows: usize,
    pub cols: usize,
    pub row_step: usize,
    pub col_step: usize,
}

impl<'a> View<'a> {
    /// Rows one after the other, each `cols` long.
    pub fn rows(data: &'a [f32], rows: usize, cols: usize) -> Self {
        Self {
            data,
            rows,
            cols,
            row_step: cols,
            col_step: 1,
        }
    }

    /// The same numbers with rows and columns swapped.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_step: self.col_step,
            col_step: self.row_step,
            ..self
        }
    }

    fn fits(&self) -> bool {
        fits(
            self.data.len(),
            self.rows,
            self.cols,
            self.row_step,
            self.col_step,
        )
    }
}

fn fits(len: usize, rows: usize, cols: usize, row_step: usize, col_step: usize) -> bool {
    rows > 0 && cols > 0 && (rows - 1) * row_step + (cols - 1) * col_step < len
}

/// `out = scale * left * right`, `out` having rows of `left.rows` by `right.cols` elements whose
/// starts lie `out_row_step` apart. One thread: parallelism is over texts.
///
/// # Panics
/// When a slice is too short for its matrix; that would be a mistake in this program.
#[allow(unsafe_code)]
pub fn multiply(out: &mut [f32], out_row_step: usize, scale: f32, left: View, right: View) {
    let (m, n, k) = (left.rows, right.cols, left.cols);
    assert!(
        left.fits() && right.fits() && k == right.rows && n <= out_row_step,
        "matrices do not match"
    );
    assert!(fits(out.len(), m, n, out_row_step, 1), "result too short");
    // Steps are below a slice's length, which is at most `isize::MAX`.
    let step = |step: usize| step.cast_signed();
    // SAFETY: the assertions above keep every access inside the three slices; `out` is borrowed
    // mutably, so it overlaps neither input.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            step(out_row_step),
            false,
            left.data.as_ptr(),
            step(left.col_step),
            step(left.row_step),
            right.data.as_ptr(),
            step(right.col_step),
            step(right.row_step),
            0.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

dispatched! {
    /// Adds `bias` to every row.
    add_bias, add_bias_portable(rows: &mut [f32], bias: &[f32])
}

#[inline(always)]
fn add_bias_portable(rows: &mut [f32], bias: &[f32]) {
    for row in rows.chunks_exact_mut(bias.len()) {
        for (x, b) in row.iter_mut().zip(bias) {
            *x += b;
        }
    }
}

dispatched! {
    /// Adds `bias` to every row and applies the exact (error function) GELU.
    add_bias_gelu, add_bias_gelu_portable(rows: &mut [f32], bias: &[f32])
}

#[inline(always)]
fn add_bias_gelu_portable(rows: &mut [f32], bias: &[f32]) {
    for row in rows.chunks_exact_mut(bias.len()) {
        for (x, b) in row.iter_mut().zip(bias) {
            let y = *x + b;
            *x = 0.5 * y * (1.0 + erf(y * std::f32::consts::FRAC_1_SQRT_2));
        }
    }
}

dispatched! {
    /// Turns each row of `width` numbers into weights that are positive and sum to 1.
    softmax_rows, softmax_rows_portable(rows: &mut [f32], width: usize)
}

#[inline(always)]
fn softmax_rows_portable(rows: &mut [f32], width: usize) {
    for row in rows.chunks_exact_mut(width) {
        let greatest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for x in row.iter_mut() {
            *x = exp(*x - greatest);
        }
        let inverse = 1.0 / sum(row, |x| x);
        for x in row.iter_mut() {
            *x *= inverse;
        }
    }
}

/// Added to the variance, as the model was trained.
const LAYER_NORM_EPSILON: f32 = 1e-12;

dispatched! {
    /// `rows = layer_norm(rows + bias + residual)`, each row on its own. `bias`, `weight` and
    /// `shift` are one row long.
    add_and_norm, add_and_norm_portable(
        rows: &mut [f32], bias: &[f32], residual: &[f32], weight: &[f32], shift: &[f32]
    )
}

#[inline(always)]
fn add_and_norm_portable(
    rows: &mut [f32],
    bias: &[f32],
    residual: &[f32],
    weight: &[f32],
    shift: &[f32],
) {
    let width = bias.len();
    for (row, residual) in rows
        .chunks_exact_mut(width)
        .zip(residual.chunks_exact(width))
    {
        for ((x, b), r) in row.iter_mut().zip(bias).zip(residual) {
            *x += b + r;
        }
        let count = width as f32;
        let mean = sum(row, |x| x) / count;
        let variance = sum(row, |x| (x - mean) * (x - mean)) / count;
        let inverse = 1.0 / (variance + LAYER_NORM_EPSILON).sqrt();
        for ((x, w), s) in row.iter_mut().zip(weight).zip(shift) {
            *x = (*x - mean) * inverse * w + s;
        }
    }
}

/// Partial sums kept side by side, so that adding vectorises.
const LANES: usize = 16;

/// Sums `term(x)` over a row.
#[inline(always)]
fn sum(row: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().map(|&x| term(x)).sum();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane += term(x);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// The error function as a ratio of odd and even polynomials, within 5e-7 everywhere.
#[inline(always)]
fn erf(x: f32) -> f32 {
    // Beyond 4, f32 cannot tell the result from 1.
    let x = x.clamp(-4.0, 4.0);
    let x2 = x * x;
    let mut above = -2.726_142_3e-10;
    for coefficient in [
        2.770_681_4e-8,
        -2.101_024e-6,
        -5.692_506_5e-5,
        -7.349_906_3e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ] {
        above = above * x2 + coefficient;
    }
    let mut below = -1.456_607_2e-5;
    for coefficient in [
        -2.133_740_5e-4,
        -1.682_827e-3,
        -7.373_329e-3,
        -1.426_473_9e-2,
    ] {
        below = below * x2 + coefficient;
    }
    x * above / below
}

/// e to the power of `x`, for `x` of at most 0, within 1e-6 of its size.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding it rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    // Below this the result is no longer a normal number; it weighs nothing anyway.
    let x = x.max(-87.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let whole = shifted - ROUND;
    // ln 2 in two parts, so that the difference keeps its precision.
    let rest = (x - whole * 0.693_359_4) + whole * 2.121_944_4e-4;
    let mut power = 1.987_569_1e-4;
    for coefficient in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        0.166_666_65,
        0.5,
    ] {
        power = power * rest + coefficient;
    }
    let power = power * rest * rest + rest + 1.0;
    let exponent = (shifted.to_bits() << 23).wrapping_add(0x3f80_0000);
    power * f32::from_bits(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error function in f64 by its everywhere convergent series.
    fn erf_exact(x: f64) -> f64 {
        let mut term = x;
        let mut sum = x;
        for n in 1..200 {
            term *= 2.0 * x * x / f64::from(2 * n + 1);
            sum += term;
        }
        2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp() * sum
    }

    #[test]
    fn the_error_function_and_the_exponential_are_right_everywhere() {
        for step in -6_000..=6_000_i16 {
            let x = f32::from(step) / 1_000.0;
            let error = (f64::from(erf(x)) - erf_exact(f64::from(x))).abs();
            assert!(error < 1e-6, "erf({x}) is off by {error}");
        }
        for step in 0..=87_000_u32 {
            let x = -(step as f32) / 1_000.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 1e-6, "exp({x}) is off by {error} of its size");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn both_builds_of_a_kernel_agree() {
        let width = 37;
        let source: Vec<f32> = (0..width * 3)
            .map(|i| ((i * 31 % 17) as f32 - 8.0) / 3.0)
            .collect();
        let (mut fast, mut portable) = (source.clone(), source.clone());
        softmax_rows(&mut fast, width);
        softmax_rows_portable(&mut portable, width);
        for (a, b) in fast.iter().zip(&portable) {
            assert!((a - b).abs() < 1e-6);
        }
        for row in fast.chunks(width) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn a_product_with_a_transposed_matrix_is_right() {
        let left = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let right = [1.0, 0.0, -1.0, 2.0, 1.0, 0.0];
        let mut out = [0.0; 4];
        multiply(
            &mut out,
            2,
            0.5,
            View::rows(&left, 2, 3),
            View::rows(&right, 2, 3).transposed(),
        );
        assert_eq!(out, [-1.0, 2.0, -1.0, 6.5]);
    }
}
