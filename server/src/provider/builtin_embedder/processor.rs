//! The innermost sums, once for each kind of processor, and the choice between them. The only
//! `unsafe` arithmetic; knows of rows and panels, not of what they mean.

/// Columns that are worked on together.
pub const WIDTH: usize = 16;
/// Rows that are worked on together: 6 by 16 sums fill the registers of AVX2.
pub const TILE_ROWS: usize = 6;

/// Two rows of a panel, number by number side by side, as processors multiply them.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Pair(pub [i16; 2 * WIDTH]);

impl Pair {
    /// Nothing yet.
    pub const ZERO: Self = Self([0; 2 * WIDTH]);
}

/// One kind of processor.
pub trait Processor {
    /// Adds to `sums` the products of as many rows of `left`, `step` numbers apart, with `panel`.
    ///
    /// # Safety
    /// The program must run on such a processor; `left` must be readable for `sums.len()` rows of
    /// `2 * panel.len()` numbers; there must be 1 to [`TILE_ROWS`] sums.
    #[allow(unsafe_code)]
    unsafe fn multiply(left: *const i16, step: usize, panel: &[Pair], sums: &mut [[i32; WIDTH]]);

    /// `a * b + c`, rounded once where that costs nothing.
    fn fused(a: f32, b: f32, c: f32) -> f32;
}

/// Any processor.
pub struct Portable;

impl Processor for Portable {
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn multiply(left: *const i16, step: usize, panel: &[Pair], sums: &mut [[i32; WIDTH]]) {
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: the caller vouches for `sums.len()` rows of this length.
            let left = unsafe { std::slice::from_raw_parts(left.add(row * step), panel.len() * 2) };
            for (left, pair) in left.as_chunks::<2>().0.iter().zip(panel) {
                for (sum, right) in sums.iter_mut().zip(pair.0.as_chunks::<2>().0) {
                    *sum += i32::from(left[0]) * i32::from(right[0])
                        + i32::from(left[1]) * i32::from(right[1]);
                }
            }
        }
    }

    #[inline(always)]
    fn fused(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
}

/// x86-64 with AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
pub struct Avx2;

#[cfg(target_arch = "x86_64")]
impl Processor for Avx2 {
    #[inline(always)]
    #[allow(unsafe_code)]
    unsafe fn multiply(left: *const i16, step: usize, panel: &[Pair], sums: &mut [[i32; WIDTH]]) {
        // SAFETY: the caller vouches for the processor and for what is read and written.
        unsafe {
            match sums.len() {
                0 => {}
                1 => avx2::<1>(left, step, panel, sums),
                2 => avx2::<2>(left, step, panel, sums),
                3 => avx2::<3>(left, step, panel, sums),
                4 => avx2::<4>(left, step, panel, sums),
                5 => avx2::<5>(left, step, panel, sums),
                _ => avx2::<TILE_ROWS>(left, step, panel, sums),
            }
        }
    }

    #[inline(always)]
    fn fused(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

/// # Safety
/// As [`Processor::multiply`], with `ROWS` or more sums.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[allow(unsafe_code)]
unsafe fn avx2<const ROWS: usize>(
    left: *const i16,
    step: usize,
    panel: &[Pair],
    sums: &mut [[i32; WIDTH]],
) {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi32, _mm256_load_si256, _mm256_loadu_si256, _mm256_madd_epi16,
        _mm256_set1_epi32, _mm256_setzero_si256, _mm256_storeu_si256,
    };
    let Some(sums) = sums.first_chunk_mut::<ROWS>() else {
        return;
    };
    // Counted loops: an iterator's own functions are not always compiled into this one, and would
    // then keep the sums in memory.
    let mut tile = [[_mm256_setzero_si256(); 2]; ROWS];
    let mut row = 0;
    while row < ROWS {
        let from: *const __m256i = sums[row].as_ptr().cast();
        // SAFETY: 16 numbers of 32 bits are two such registers.
        tile[row] = unsafe { [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))] };
        row += 1;
    }
    let pairs = panel.len();
    let panel: *const __m256i = panel.as_ptr().cast();
    let mut pair = 0;
    while pair < pairs {
        // SAFETY: a pair is two such registers, aligned to 64 bytes, and this one is in `panel`.
        let (one, two) = unsafe {
            (
                _mm256_load_si256(panel.add(pair * 2)),
                _mm256_load_si256(panel.add(pair * 2 + 1)),
            )
        };
        let mut row = 0;
        while row < ROWS {
            // SAFETY: the caller vouches for this row, two numbers for each pair.
            let both = unsafe {
                left.add(row * step + pair * 2)
                    .cast::<i32>()
                    .read_unaligned()
            };
            let both = _mm256_set1_epi32(both);
            tile[row][0] = _mm256_add_epi32(tile[row][0], _mm256_madd_epi16(both, one));
            tile[row][1] = _mm256_add_epi32(tile[row][1], _mm256_madd_epi16(both, two));
            row += 1;
        }
        pair += 1;
    }
    let mut row = 0;
    while row < ROWS {
        let to: *mut __m256i = sums[row].as_mut_ptr().cast();
        // SAFETY: as above.
        unsafe {
            _mm256_storeu_si256(to, tile[row][0]);
            _mm256_storeu_si256(to.add(1), tile[row][1]);
        }
        row += 1;
    }
}

/// Compiles a kernel for each kind of processor and picks at run time.
macro_rules! dispatched {
    ($(#[$doc:meta])* $name:ident = $kernel:ident ( $($arg:ident : $ty:ty),* $(,)? )) => {
        $(#[$doc])*
        #[allow(unsafe_code)]
        pub fn $name($($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            {
                use $crate::provider::builtin_embedder::processor::Avx2;
                #[target_feature(enable = "avx2,fma")]
                fn with_avx2($($arg: $ty),*) {
                    $kernel::<Avx2>($($arg),*);
                }
                if std::arch::is_x86_feature_detected!("avx2")
                    && std::arch::is_x86_feature_detected!("fma")
                {
                    // SAFETY: the processor has just been found to have both.
                    return unsafe { with_avx2($($arg),*) };
                }
            }
            $kernel::<$crate::provider::builtin_embedder::processor::Portable>($($arg),*);
        }
    };
}
pub(super) use dispatched;
