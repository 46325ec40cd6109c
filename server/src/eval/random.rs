//! Made-up numbers. Pure.

/// Numbers that look random and are the same in every run (Marsaglia's xorshift,
/// <https://doi.org/10.18637/jss.v008.i14>).
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number from 0 up to `end`, which it never is.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or_default()
    }

    /// A vector of length 1 that points anywhere.
    pub fn direction(&mut self, dimension: usize) -> Vec<f32> {
        let mut vector: Vec<f32> = (0..dimension)
            .map(|_| (self.next() >> 40) as f32 / (1_u32 << 23) as f32 - 1.0)
            .collect();
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector
            .iter_mut()
            .for_each(|x| *x /= length.max(f32::MIN_POSITIVE));
        vector
    }
}
