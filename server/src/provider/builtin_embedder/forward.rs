//! The forward pass: token ids in, one L2-normalised vector out. A BERT encoder of six layers,
//! the mean over all tokens, nothing else. One text on one thread; it knows nothing of batches.

use super::{
    kernels::{View, add_and_norm, add_bias, add_bias_gelu, multiply, softmax_rows},
    weights::{Dense, HIDDEN, INTERMEDIATE, Layer, Weights},
};

/// Attention heads.
const HEADS: usize = 12;
/// Numbers per token each head sees.
const HEAD: usize = HIDDEN / HEADS;
/// Query, key and value lie side by side in one row.
const QKV: usize = 3 * HIDDEN;

/// Room for the values between the steps, kept from one text to the next (5 MB at 256 tokens).
#[derive(Default)]
pub struct Scratch {
    hidden: Vec<f32>,
    qkv: Vec<f32>,
    scores: Vec<f32>,
    mixed: Vec<f32>,
    wide: Vec<f32>,
    result: Vec<f32>,
}

impl Scratch {
    fn fit(&mut self, tokens: usize) {
        self.hidden.resize(tokens * HIDDEN, 0.0);
        self.qkv.resize(tokens * QKV, 0.0);
        self.scores.resize(tokens * tokens, 0.0);
        self.mixed.resize(tokens * HIDDEN, 0.0);
        self.wide.resize(tokens * INTERMEDIATE, 0.0);
        self.result.resize(tokens * HIDDEN, 0.0);
    }
}

/// The vector of one text, of length 1.
pub fn embed(weights: &Weights, ids: &[u32], scratch: &mut Scratch) -> Vec<f32> {
    if ids.is_empty() {
        return vec![0.0; HIDDEN];
    }
    scratch.fit(ids.len());
    for (position, (row, &id)) in scratch.hidden.chunks_exact_mut(HIDDEN).zip(ids).enumerate() {
        weights.embed(id, position, row);
    }
    let nothing = [0.0; HIDDEN];
    let norm = &weights.embedding_norm;
    // `result` is only lent as a residual of zeros.
    scratch.result.fill(0.0);
    add_and_norm(
        &mut scratch.hidden,
        &nothing,
        &scratch.result,
        &norm.weight,
        &norm.shift,
    );
    for layer in &weights.layers {
        run(layer, ids.len(), scratch);
    }
    mean_of_length_one(&scratch.hidden)
}

/// One layer; reads and replaces `scratch.hidden`.
fn run(layer: &Layer, tokens: usize, scratch: &mut Scratch) {
    let Scratch {
        hidden,
        qkv,
        scores,
        mixed,
        wide,
        result,
    } = scratch;

    through(&layer.attention_in, hidden, HIDDEN, qkv);
    add_bias(qkv, &layer.attention_in.bias);
    for head in 0..HEADS {
        attend(head, tokens, qkv, scores, mixed);
    }
    through(&layer.attention_out, mixed, HIDDEN, result);
    let norm = &layer.attention_norm;
    add_and_norm(
        result,
        &layer.attention_out.bias,
        hidden,
        &norm.weight,
        &norm.shift,
    );

    through(&layer.widen, result, HIDDEN, wide);
    add_bias_gelu(wide, &layer.widen.bias);
    through(&layer.narrow, wide, INTERMEDIATE, hidden);
    let norm = &layer.output_norm;
    add_and_norm(
        hidden,
        &layer.narrow.bias,
        result,
        &norm.weight,
        &norm.shift,
    );
}

/// `out = rows * dense`, without the bias.
fn through(dense: &Dense, rows: &[f32], inputs: usize, out: &mut [f32]) {
    let outputs = dense.bias.len();
    multiply(
        out,
        outputs,
        1.0,
        View::rows(rows, rows.len() / inputs, inputs),
        View::rows(&dense.matrix, inputs, outputs),
    );
}

/// Lets every token look at all others through one head; writes the head's columns of `mixed`.
fn attend(head: usize, tokens: usize, qkv: &[f32], scores: &mut [f32], mixed: &mut [f32]) {
    let part = |offset: usize| View {
        data: &qkv[offset + head * HEAD..],
        rows: tokens,
        cols: HEAD,
        row_step: QKV,
        col_step: 1,
    };
    let (query, key, value) = (part(0), part(HIDDEN), part(2 * HIDDEN));
    let scale = 1.0 / (HEAD as f32).sqrt();
    multiply(scores, tokens, scale, query, key.transposed());
    softmax_rows(scores, tokens);
    multiply(
        &mut mixed[head * HEAD..],
        HIDDEN,
        1.0,
        View::rows(scores, tokens, tokens),
        value,
    );
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
