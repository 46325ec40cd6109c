//! The forward pass: token ids of some texts in, one L2-normalised vector for each out. A BERT
//! encoder of six layers, the mean over all tokens, nothing else. One thread.
//!
//! The rows of all texts lie one after the other, so that short texts share the products; nothing
//! is filled up. Only attention looks at one text at a time.

use super::{
    integers::Rows,
    kernels::{
        Attention, HEAD, Places, Sums, attend, norm_rows, take_rows, through, through_gelu,
        through_onto,
    },
    weights::{HIDDEN, INTERMEDIATE, Layer, Weights},
};
use std::ops::Range;

/// Attention heads.
const HEADS: usize = HIDDEN / HEAD;
/// Query, key and value lie side by side in one row.
const QKV: usize = 3 * HIDDEN;
/// Tokens that go through the feed-forward part together: what lies between its two products
/// (6 KB a token) then stays in the second-level cache.
const TOKENS_AT_ONCE: usize = 96;

/// Room for the values between the steps, kept from one call to the next (3 MB at 256 tokens).
#[derive(Default)]
pub struct Scratch {
    hidden: Vec<f32>,
    rows: Rows,
    qkv: Vec<f32>,
    mixed: Vec<f32>,
    wide: Vec<f32>,
    wide_rows: Rows,
    attention: Attention,
    sums: Sums,
}

/// The vectors of some texts, of length 1; zero for a text without tokens.
pub fn embed(weights: &Weights, texts: &[Vec<u32>], scratch: &mut Scratch) -> Vec<Vec<f32>> {
    let tokens: usize = texts.iter().map(Vec::len).sum();
    scratch.hidden.resize(tokens * HIDDEN, 0.0);
    scratch.qkv.resize(tokens * QKV, 0.0);
    scratch.mixed.resize(tokens * HIDDEN, 0.0);
    scratch.rows.fit(tokens, HIDDEN);

    let ids = texts.iter().flat_map(|ids| ids.iter().enumerate());
    for (row, (position, &id)) in scratch.hidden.chunks_exact_mut(HIDDEN).zip(ids) {
        weights.embed(id, position, row);
    }
    norm_rows(
        &mut scratch.hidden,
        &weights.embedding_norm,
        &mut scratch.rows,
        0,
    );
    let texts = ranges(texts);
    for layer in &weights.layers {
        run(layer, &texts, scratch);
    }
    texts
        .into_iter()
        .map(|text| mean_of_length_one(&scratch.hidden[text.start * HIDDEN..text.end * HIDDEN]))
        .collect()
}

/// The rows of each text.
fn ranges(texts: &[Vec<u32>]) -> Vec<Range<usize>> {
    texts
        .iter()
        .scan(0, |end, ids| {
            let start = *end;
            *end += ids.len();
            Some(start..*end)
        })
        .collect()
}

/// One layer; reads and replaces `scratch.hidden` and, the same as a left side, `scratch.rows`.
fn run(layer: &Layer, texts: &[Range<usize>], scratch: &mut Scratch) {
    let Scratch {
        hidden,
        rows,
        qkv,
        mixed,
        wide,
        wide_rows,
        attention,
        sums,
    } = scratch;

    through(rows.all(), &layer.attention_in, sums, qkv);
    for text in texts {
        let at = Places {
            tokens: text.len(),
            step: QKV,
            key: HIDDEN,
            value: 2 * HIDDEN,
        };
        for head in 0..HEADS {
            let qkv = &qkv[text.start * QKV + head * HEAD..];
            let mixed = &mut mixed[text.start * HIDDEN + head * HEAD..];
            attend(qkv, at, attention, mixed, HIDDEN);
        }
    }
    take_rows(mixed, HIDDEN, rows);
    through_onto(rows.all(), &layer.attention_out, sums, hidden);
    norm_rows(hidden, &layer.attention_norm, rows, 0);

    for (block, hidden) in hidden.chunks_mut(TOKENS_AT_ONCE * HIDDEN).enumerate() {
        let first = block * TOKENS_AT_ONCE;
        let tokens = hidden.len() / HIDDEN;
        wide.resize(tokens * INTERMEDIATE, 0.0);
        through_gelu(rows.part(first, tokens), &layer.widen, sums, wide);
        take_rows(wide, INTERMEDIATE, wide_rows);
        through_onto(wide_rows.all(), &layer.narrow, sums, hidden);
        norm_rows(hidden, &layer.output_norm, rows, first);
    }
}

/// The mean of the rows, scaled to length 1.
fn mean_of_length_one(rows: &[f32]) -> Vec<f32> {
    // Dividing by the number of rows would be undone by the scaling.
    let mut vector = vec![0.0_f32; HIDDEN];
    for row in rows.chunks_exact(HIDDEN) {
        for (sum, x) in vector.iter_mut().zip(row) {
            *sum += x;
        }
    }
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        for x in &mut vector {
            *x /= length;
        }
    }
    vector
}
