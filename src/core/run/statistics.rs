//! Quantiles of many durations in little memory: a histogram whose buckets are 1/64 of their value wide.

const SUB_BITS: u32 = 6;
const SUB: usize = 1 << SUB_BITS;

/// Counts of values by size.
#[derive(Clone, Debug, Default)]
pub(super) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
}

fn index_of(value: u64) -> usize {
    let bits = u64::BITS - value.leading_zeros();
    let shift = bits.saturating_sub(SUB_BITS + 1);
    let top = usize::try_from(value >> shift).unwrap_or(usize::MAX);
    shift as usize * SUB + top
}

/// The middle of a bucket.
fn value_of(index: usize) -> u64 {
    if index < 2 * SUB {
        return index as u64;
    }
    let shift = index / SUB - 1;
    ((index - shift * SUB) as u64 * 2 + 1) << (shift - 1)
}

impl Histogram {
    pub fn add(&mut self, value: u64) {
        let index = index_of(value);
        if index >= self.buckets.len() {
            self.buckets.resize(index + 1, 0);
        }
        if let Some(bucket) = self.buckets.get_mut(index) {
            *bucket += 1;
        }
        self.count += 1;
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: &Self) {
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (own, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *own += theirs;
        }
        self.count += other.count;
    }

    /// The value below which `percent` of all values are, to 1 %. 0 when there are none.
    pub fn quantile(&self, percent: u64) -> u64 {
        let rank = (self.count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return value_of(index);
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_one_percent() {
        for scale in [1_u64, 7, 1000, 123_457] {
            let mut histogram = Histogram::default();
            assert_eq!(histogram.quantile(50), 0);
            for n in 1..=1000 {
                histogram.add(n * scale);
            }
            for percent in [1, 50, 95, 100] {
                let (exact, found) = (percent * 10 * scale, histogram.quantile(percent));
                assert!(found.abs_diff(exact) * 100 <= exact, "{percent} % of {scale}: {found} for {exact}");
            }
        }
    }
}
