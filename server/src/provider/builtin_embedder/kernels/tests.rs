//! The kernels against sums in f64, on every kind of processor this machine can play.

use super::{super::processor::Portable, *};

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
        let error = (f64::from(erf::<Portable>(x)) - erf_exact(f64::from(x))).abs();
        assert!(error < 1e-6, "erf({x}) is off by {error}");
    }
    for step in 0..=87_000_u32 {
        let x = -(step as f32) / 1_000.0;
        let exact = f64::from(x).exp();
        let error = (f64::from(exp::<Portable>(x)) - exact).abs() / exact;
        assert!(error < 1e-6, "exp({x}) is off by {error} of its size");
    }
    assert_eq!(exp::<Portable>(0.0), 1.0);
    assert!(exp::<Portable>(f32::NEG_INFINITY) < 1e-37);
}

/// Numbers between -1 and 1 without a pattern.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|i| ((i + seed) * 7_919 % 2_003) as f32 / 1_001.0 - 1.0)
        .collect()
}

fn dense(inputs: usize, outputs: usize) -> (Dense, Vec<f32>) {
    let columns = numbers(inputs * outputs, 5);
    let mut dense = Dense::default();
    dense.matrix.fit(inputs, outputs);
    for (number, column) in columns.chunks_exact(inputs).enumerate() {
        dense.matrix.set_column(number, column);
    }
    dense.bias = numbers(outputs, 9);
    (dense, columns)
}

fn taken(rows: &[f32], depth: usize) -> Rows {
    let mut out = Rows::default();
    take_rows(rows, depth, &mut out);
    out
}

#[test]
fn a_dense_layer_is_right_for_any_number_of_rows_and_a_great_depth() {
    for (rows, inputs, outputs) in [(1, 32, 16), (5, 384, 48), (13, 1_536, 32), (6, 2, 16)] {
        let left = numbers(rows * inputs, 1);
        let (dense, columns) = dense(inputs, outputs);
        let mut out = vec![0.0; rows * outputs];
        through(
            taken(&left, inputs).all(),
            &dense,
            &mut Sums::new(),
            &mut out,
        );
        let mut onto = vec![1.0; rows * outputs];
        through_onto(
            taken(&left, inputs).all(),
            &dense,
            &mut Sums::new(),
            &mut onto,
        );
        let mut gelu = vec![0.0; rows * outputs];
        through_gelu(
            taken(&left, inputs).all(),
            &dense,
            &mut Sums::new(),
            &mut gelu,
        );
        for (at, &x) in out.iter().enumerate() {
            let (row, col) = (at / outputs, at % outputs);
            let exact = f64::from(dense.bias[col])
                + (0..inputs)
                    .map(|i| {
                        f64::from(left[row * inputs + i]) * f64::from(columns[col * inputs + i])
                    })
                    .sum::<f64>();
            let bound = 1e-3 * (inputs as f64).sqrt();
            assert!((f64::from(x) - exact).abs() < bound, "{x} for {exact}");
            assert!((f64::from(onto[at]) - exact - 1.0).abs() < bound);
            let exact = 0.5 * exact * (1.0 + erf_exact((exact / 2.0_f64.sqrt()).clamp(-5.0, 5.0)));
            assert!(
                (f64::from(gelu[at]) - exact).abs() < 1.2 * bound,
                "{} for {exact}",
                gelu[at]
            );
        }
    }
}

/// One kernel on the portable processor and on the one that is picked here.
fn both(kernel: impl Fn(bool) -> Vec<f32>) {
    for (fast, portable) in kernel(true).iter().zip(kernel(false)) {
        assert!((fast - portable).abs() < 1e-3, "{fast} and {portable}");
    }
}

#[test]
fn all_builds_of_the_kernels_agree() {
    let (rows, inputs) = (11, 64);
    let left = numbers(rows * inputs, 2);
    let (dense, _) = dense(inputs, 48);
    both(|fast| {
        let mut out = vec![0.0; rows * 48];
        let taken = taken(&left, inputs);
        if fast {
            through_gelu(taken.all(), &dense, &mut Sums::new(), &mut out);
        } else {
            through_gelu_on::<Portable>(taken.all(), &dense, &mut Sums::new(), &mut out);
        }
        out
    });
    let norm = Norm {
        weight: numbers(inputs, 3),
        shift: numbers(inputs, 4),
    };
    both(|fast| {
        let (mut out, mut taken) = (left.clone(), Rows::default());
        taken.fit(rows, inputs);
        if fast {
            norm_rows(&mut out, &norm, &mut taken, 0);
        } else {
            norm_rows_on::<Portable>(&mut out, &norm, &mut taken, 0);
        }
        out
    });
}

#[test]
fn attention_is_the_mean_of_the_values_weighted_by_likeness() {
    for tokens in [1, 2, 15, 16, 17, 33] {
        let step = 3 * HEAD;
        let qkv: Vec<f32> = numbers(tokens * step, 7).iter().map(|x| x * 3.0).collect();
        let at = Places {
            tokens,
            step,
            key: HEAD,
            value: 2 * HEAD,
        };
        let part = |token: usize, from: usize| &qkv[token * step + from..][..HEAD];
        let mut out = vec![f32::NAN; tokens * HEAD];
        attend(&qkv, at, &mut Attention::default(), &mut out, HEAD);
        for (token, out) in out.chunks_exact(HEAD).enumerate() {
            let likeness = |other| {
                let dot = part(token, 0).iter().zip(part(other, HEAD));
                let dot: f64 = dot.map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
                (dot / (HEAD as f64).sqrt()).exp()
            };
            let total: f64 = (0..tokens).map(likeness).sum();
            for (col, x) in out.iter().enumerate() {
                let exact: f64 = (0..tokens)
                    .map(|other| likeness(other) * f64::from(part(other, 2 * HEAD)[col]))
                    .sum::<f64>()
                    / total;
                assert!(
                    (f64::from(*x) - exact).abs() < 5e-3,
                    "{x} for {exact} of {tokens}"
                );
            }
        }
    }
}

#[test]
fn no_numbers_overflow_the_sums() {
    let depth = 1_536;
    let spike = |at: usize| -> Vec<f32> {
        (0..depth)
            .map(|i| if i == at { 1e6 } else { 0.0 })
            .collect()
    };
    let flat = vec![1e6; depth];
    let columns = [
        flat.clone(),
        spike(3),
        flat.iter().map(|x| -x).collect(),
        vec![0.0; depth],
    ];
    let mut dense = Dense {
        bias: vec![0.0; 16],
        ..Dense::default()
    };
    dense.matrix.fit(depth, 16);
    for (number, column) in columns.iter().enumerate() {
        dense.matrix.set_column(number, column);
    }
    let rows = [flat.clone(), spike(3), vec![0.0; depth], vec![1e-30; depth]];
    let mut out = vec![0.0; rows.len() * 16];
    let left = taken(&rows.concat(), depth);
    through(left.all(), &dense, &mut Sums::new(), &mut out);
    for (row, out) in rows.iter().zip(out.chunks_exact(16)) {
        for (column, x) in columns.iter().zip(out) {
            let exact: f64 = row
                .iter()
                .zip(column)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum();
            assert!(
                (f64::from(*x) - exact).abs() <= 2e-3 * exact.abs() + 1e-6,
                "{x} for {exact}"
            );
        }
    }
    let broken = taken(&vec![f32::NAN; depth], depth);
    let mut out = vec![1.0; 16];
    through(broken.all(), &dense, &mut Sums::new(), &mut out);
    assert_eq!(out, [0.0; 16]);
}
