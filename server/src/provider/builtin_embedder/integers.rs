//! Matrix products in 16-bit integers: about 1.7 times as fast as in f32 with AVX2, and as good for
//! this model. Knows nothing of BERT.
//!
//! Each row on the left and each column on the right is scaled by itself. Its length (the root of
//! the sum of its squares) is what is bounded: by the inequality of Cauchy and Schwarz neither a
//! sum nor a part of one can then leave 32 bits, whatever the numbers are.
//!
//! Hot loops are counted: the functions of an adapted iterator (`zip`) are not always compiled into
//! the loop with the processor's better instructions, and one call a number costs half the speed.

// See above.
#![allow(clippy::needless_range_loop)]

pub use super::processor::{Pair, WIDTH};
use super::processor::{Processor, TILE_ROWS};

/// Pairs of a panel that are taken at a time: 16 KB, half of a first-level cache.
const PAIRS_AT_ONCE: usize = 256;
/// Length of a row on the left. Its product with [`RIGHT_LENGTH`] stays below 2^31, also with what
/// rounding may add to both (half of the root of the depth: 20 at 1,536).
const LEFT_LENGTH: f32 = 32_700.0;
/// Length of a column on the right.
const RIGHT_LENGTH: f32 = 65_000.0;
/// Greatest number on either side.
const GREATEST: f32 = 32_700.0;
/// Adding it to a number of 16 bits rounds to a whole one, which then stands in the lowest bits.
const ROUND: f32 = 12_582_912.0;

/// The nearest whole number to one of at most [`GREATEST`].
#[inline(always)]
fn whole(x: f32) -> i16 {
    (x + ROUND).to_bits() as i16
}

/// What has to be multiplied for a length, and what one unit is worth then. A row of zeros, or one
/// that is no longer finite, becomes zero.
#[inline(always)]
fn scale(length: f32) -> (f32, f32) {
    if length > f32::MIN_POSITIVE && length < f32::MAX {
        (1.0 / length, length)
    } else {
        (0.0, 0.0)
    }
}

/// The left side of a product: rows one after the other.
#[derive(Default)]
pub struct Rows {
    numbers: Vec<i16>,
    /// What one unit of each row is worth.
    units: Vec<f32>,
    depth: usize,
}

impl Rows {
    /// Makes room for `rows` of `depth` numbers, which have to be [`set`](Self::set) then.
    pub fn fit(&mut self, rows: usize, depth: usize) {
        self.depth = depth.next_multiple_of(2);
        self.numbers.resize(rows * self.depth, 0);
        self.units.resize(rows, 0.0);
    }

    /// All rows.
    pub fn all(&self) -> RowsView<'_> {
        self.part(0, self.units.len())
    }

    /// `count` rows from `first` on.
    pub fn part(&self, first: usize, count: usize) -> RowsView<'_> {
        RowsView {
            numbers: &self.numbers[first * self.depth..][..count * self.depth],
            units: &self.units[first..][..count],
            depth: self.depth,
        }
    }

    /// Sets `row` to `factor` times `numbers`, whose squares sum up to `squares`.
    #[inline(always)]
    pub fn set(&mut self, row: usize, numbers: &[f32], squares: f32, factor: f32) {
        let (scale, unit) = scale(squares.sqrt() / LEFT_LENGTH);
        self.units[row] = unit * factor;
        let out = &mut self.numbers[row * self.depth..][..self.depth];
        let count = numbers.len().min(out.len());
        for i in 0..count {
            out[i] = whole(numbers[i] * scale);
        }
        out[count..].fill(0);
    }
}

/// Some rows of [`Rows`].
#[derive(Clone, Copy)]
pub struct RowsView<'a> {
    numbers: &'a [i16],
    units: &'a [f32],
    depth: usize,
}

/// The right side of a product: columns in panels of [`WIDTH`], the last one filled up with zeros.
#[derive(Default)]
pub struct Panels {
    pairs: Vec<Pair>,
    /// What one unit of each column is worth.
    units: Vec<f32>,
    /// Pairs of rows in each panel.
    depth: usize,
}

impl Panels {
    /// Makes room for `cols` columns of `rows` numbers, all zero.
    pub fn fit(&mut self, rows: usize, cols: usize) {
        let panels = cols.div_ceil(WIDTH);
        self.depth = rows.div_ceil(2);
        self.pairs.clear();
        self.pairs.resize(panels * self.depth, Pair::ZERO);
        self.units.clear();
        self.units.resize(panels * WIDTH, 0.0);
    }

    /// Columns, with those that fill up the last panel.
    pub fn width(&self) -> usize {
        self.units.len()
    }

    /// Sets column `col` to `numbers`.
    #[inline(always)]
    pub fn set_column(&mut self, col: usize, numbers: &[f32]) {
        let (mut squares, mut greatest) = (0.0_f32, 0.0_f32);
        for x in numbers {
            squares += x * x;
            greatest = greatest.max(x.abs());
        }
        let (scale, unit) = scale((squares.sqrt() / RIGHT_LENGTH).max(greatest / GREATEST));
        self.units[col] = unit;
        let panel = &mut self.pairs[col / WIDTH * self.depth..][..self.depth];
        let at = col % WIDTH * 2;
        for (row, x) in numbers.iter().enumerate() {
            panel[row / 2].0[at + row % 2] = whole(x * scale);
        }
    }

    /// Sets all columns at once from `rows` that are `step` apart and `COLS` long, as many as there
    /// was made room for.
    #[inline(always)]
    pub fn set_rows<const COLS: usize>(&mut self, rows: &[f32], step: usize, count: usize) {
        let row = |number: usize| -> &[f32; COLS] {
            rows[number * step..]
                .first_chunk()
                .unwrap_or(const { &[0.0; COLS] })
        };
        let (mut squares, mut greatest) = ([0.0_f32; COLS], [0.0_f32; COLS]);
        for number in 0..count {
            let row = row(number);
            for col in 0..COLS {
                squares[col] += row[col] * row[col];
                greatest[col] = greatest[col].max(row[col].abs());
            }
        }
        let mut scales = [0.0_f32; COLS];
        for col in 0..COLS {
            let length = (squares[col].sqrt() / RIGHT_LENGTH).max(greatest[col] / GREATEST);
            (scales[col], self.units[col]) = scale(length);
        }
        for pair in 0..count.div_ceil(2) {
            let first = row(pair * 2);
            let second = match pair * 2 + 1 {
                number if number < count => row(number),
                _ => &[0.0; COLS],
            };
            for col in 0..COLS {
                let out = &mut self.pairs[col / WIDTH * self.depth + pair].0;
                out[col % WIDTH * 2] = whole(first[col] * scales[col]);
                out[col % WIDTH * 2 + 1] = whole(second[col] * scales[col]);
            }
        }
    }
}

/// `left * right`, handed to `take` as (row, first column, numbers from there on).
///
/// # Panics
/// When the depths differ; that would be a mistake in this program.
#[inline(always)]
#[allow(unsafe_code)]
pub fn product<P: Processor>(
    left: RowsView<'_>,
    right: &Panels,
    sums: &mut Vec<[i32; WIDTH]>,
    mut take: impl FnMut(usize, usize, [f32; WIDTH]),
) {
    let rows = left.units.len();
    let (step, depth) = (left.depth, right.depth);
    assert!(
        step == depth * 2 && left.numbers.len() == rows * step,
        "matrices do not match"
    );
    if sums.len() < rows {
        sums.resize(rows, [0; WIDTH]);
    }
    let sums = &mut sums[..rows];
    let (units, _) = right.units.as_chunks::<WIDTH>();
    for (number, units) in units.iter().enumerate() {
        let panel = &right.pairs[number * depth..][..depth];
        sums.fill([0; WIDTH]);
        for (part, panel) in panel.chunks(PAIRS_AT_ONCE).enumerate() {
            let from = part * PAIRS_AT_ONCE * 2;
            for (block, sums) in sums.chunks_mut(TILE_ROWS).enumerate() {
                let left = &left.numbers[block * TILE_ROWS * step + from..];
                let last = (sums.len() - 1) * step + panel.len() * 2;
                assert!(last <= left.len(), "a row is too short");
                // SAFETY: the processor was found to be P by who calls this. The rows end before
                // `left` does, as has just been seen; `panel` and `sums` give their own lengths.
                unsafe { P::multiply(left.as_ptr(), step, panel, sums) };
            }
        }
        for row in 0..rows {
            let (sums, unit) = (&sums[row], left.units[row]);
            let mut values = [0.0; WIDTH];
            for col in 0..WIDTH {
                values[col] = sums[col] as f32 * (unit * units[col]);
            }
            take(row, number * WIDTH, values);
        }
    }
}
