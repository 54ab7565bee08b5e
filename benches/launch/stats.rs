//! Medians with intervals, by bootstrap. Pure.

/// How often a series is drawn anew for an interval.
const RESAMPLES: u64 = 1000;

/// A number and its 95 % interval.
#[derive(Clone, Copy)]
pub(crate) struct Estimate {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Random numbers that are the same in each run (xorshift64*, <https://doi.org/10.1145/2845077>).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `bound`, which must fit in 32 bits.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        usize::try_from((high * bound as u64) >> 32).unwrap_or_default()
    }

    /// Shuffles (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// The upper median. `values` must not be empty.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

pub(crate) fn estimate_median(values: &[f64]) -> Estimate {
    estimate(median(values), |seed| median(&resample(values, seed)))
}

/// The median of `values` divided by that of `others`. Series of the same length are taken for pairs measured at the
/// same time, which are drawn together.
pub(crate) fn estimate_ratio(values: &[f64], others: &[f64]) -> Estimate {
    let value = median(values) / median(others);
    estimate(value, |seed| median(&resample(values, seed)) / median(&resample(others, seed)))
}

/// As many of the values, drawn with replacement. The same seed draws the same indices from series of the same length.
fn resample(values: &[f64], seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    values.iter().map(|_| values[random.below(values.len())]).collect()
}

fn estimate(value: f64, resampled: impl Fn(u64) -> f64) -> Estimate {
    let mut values: Vec<f64> = (0..RESAMPLES).map(resampled).collect();
    values.sort_by(f64::total_cmp);
    Estimate { value, low: values[values.len() / 40], high: values[values.len() * 39 / 40] }
}
