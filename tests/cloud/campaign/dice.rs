//! What the seed decides.

use crate::faults::world::rule;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::time::Duration;

/// The dice of one round.
pub struct Dice(StdRng);

impl Dice {
    pub fn of(seed: u64, round: u64) -> Self {
        Self(StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(round)))
    }

    /// A number from the first to before the second.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0.random_range(from..to)
    }

    /// Whether, so many times of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.between(0, 100) < percent
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let last = u64::try_from(from.len()).ok().filter(|length| *length > 0)?;
        from.get(usize::try_from(self.between(0, last)).ok()?).copied()
    }

    /// Waits for as long as the dice say: the moment of a kill is what they are for. Many are close to what happened
    /// before, some far from it.
    pub fn moment(&mut self, longest_ms: u64) {
        let longest = if self.chance(50) { longest_ms / 8 } else { longest_ms };
        std::thread::sleep(Duration::from_millis(self.between(0, longest + 1)));
    }

    /// What else goes wrong in a round: none of it costs a task.
    pub fn faults(&mut self) -> String {
        let rules: &[(&str, &str)] = match self.between(0, 8) {
            // Not for ever: who is throttled slows down.
            0 => &[("s3:*", "throttled, every = 9, count = 5"), ("s3:*", "error, share = 0.03")],
            1 => &[("s3:event", "duplicated, share = 0.3"), ("lambda:event", "duplicated, share = 0.2")],
            2 => &[("s3:event", "shuffled, ms = 400, share = 0.6")],
            3 => &[
                ("s3:PutObject", "reset-response, share = 0.05"),
                ("s3:GetObject", "truncate, bytes = 3, share = 0.05"),
            ],
            4 => &[
                ("s3:ListObjectsV2", "unavailable, every = 5"),
                ("s3:UploadPart", "throttled, every = 3, count = 3"),
            ],
            _ => &[],
        };
        let seed = self.between(0, 1 << 30);
        rules.iter().fold(format!("seed = {seed}\n"), |plan, (on, fault)| plan + &rule(on, fault))
    }
}
