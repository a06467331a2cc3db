//! What functions cost: the price sheet and estimates.

use crate::definition::{Architecture, Definition};
use serde::Deserialize;
use std::fmt;
use std::time::Duration;

/// Prices in US dollars, from `assets/prices.toml`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Prices {
    /// The region they are for.
    pub region: String,
    /// The day on which they were looked up, `YYYY-MM-DD`.
    pub date: String,
    lambda: LambdaPrices,
    s3: S3Prices,
    logs: LogPrices,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
struct LambdaPrices {
    gib_second_x86_64: f64,
    gib_second_arm64: f64,
    tmp_gib_second: f64,
    request: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
struct S3Prices {
    write: f64,
    read: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
struct LogPrices {
    gb: f64,
}

/// What costs money about a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Memory in MiB.
    pub memory_mb: u32,
    /// /tmp in MiB; the first 512 are free.
    pub tmp_mb: u32,
    /// The instruction set, which has a price of its own.
    pub architecture: Architecture,
    /// Objects that are stored for each input, with the record.
    pub writes: u32,
    /// Longest time.
    pub timeout: Duration,
}

impl Shape {
    /// Of a definition: one object for each of its outputs, and the record.
    #[must_use]
    pub fn of(definition: &Definition) -> Self {
        Self {
            memory_mb: definition.memory_mb,
            tmp_mb: definition.tmp_mb,
            architecture: definition.architecture,
            writes: u32::try_from(definition.outputs.len()).unwrap_or(u32::MAX).saturating_add(1),
            timeout: Duration::from_secs(definition.timeout_s.into()),
        }
    }
}

/// What a number of invocations costs at a guess, for several durations.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    /// How many invocations.
    pub invocations: u32,
    /// Duration of each, and dollars for all; the last is the time limit.
    pub at: Vec<(Duration, f64)>,
    /// The region the prices are for.
    pub region: String,
    /// When they were looked up.
    pub date: String,
}

/// Bytes of log for each invocation that are reckoned with.
const LOGGED: f64 = 4_000.0;
const MIB_PER_GIB: f64 = 1024.0;
/// MiB of /tmp that cost nothing.
const FREE_TMP_MB: u32 = 512;

impl Prices {
    /// The sheet of this build.
    #[must_use]
    pub fn of_this_build() -> Self {
        toml::from_str(include_str!("../../../assets/prices.toml")).unwrap_or_default()
    }

    /// Dollars for one request of S3: to write or list, and to read.
    #[must_use]
    pub const fn requests(&self) -> (f64, f64) {
        (self.s3.write, self.s3.read)
    }

    /// Dollars for one invocation that takes `duration`.
    #[must_use]
    pub fn invocation(&self, shape: &Shape, duration: Duration) -> f64 {
        let gib = f64::from(shape.memory_mb) / MIB_PER_GIB;
        let tmp = f64::from(shape.tmp_mb.saturating_sub(FREE_TMP_MB)) / MIB_PER_GIB;
        let rate = match shape.architecture {
            Architecture::X86_64 => self.lambda.gib_second_x86_64,
            Architecture::Arm64 => self.lambda.gib_second_arm64,
        };
        // Billed by the millisecond, rounded up.
        let seconds = (duration.as_secs_f64() * 1000.0).ceil() / 1000.0;
        let compute = seconds * gib.mul_add(rate, tmp * self.lambda.tmp_gib_second);
        let storage = f64::from(shape.writes).mul_add(self.s3.write, self.s3.read);
        compute + self.lambda.request + storage + LOGGED / 1e9 * self.logs.gb
    }

    /// What `invocations` cost when each takes a second, ten, or all the time it may.
    #[must_use]
    pub fn guess(&self, shape: &Shape, invocations: u32) -> Guess {
        let usual = [1, 10].map(Duration::from_secs).into_iter().filter(|usual| *usual < shape.timeout);
        let at = usual
            .chain([shape.timeout])
            .map(|duration| (duration, f64::from(invocations) * self.invocation(shape, duration)))
            .collect();
        Guess { invocations, at, region: self.region.clone(), date: self.date.clone() }
    }
}

impl fmt::Display for Guess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} invocations:", crate::words::count(self.invocations.into()))?;
        for (number, (duration, dollars)) in self.at.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            let most = if number + 1 == self.at.len() { "at most " } else { "" };
            write!(f, "{comma} {most}{} ({} s each)", Dollars(*dollars), duration.as_secs())?;
        }
        write!(f, "; list prices of {} on {}, without transfer", self.region, self.date)
    }
}

/// An amount as people read it: cents, and more digits below a cent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dollars(pub f64);

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            amount if amount >= 0.1 => write!(f, "${amount:.2}"),
            amount if amount >= 0.01 => write!(f, "${amount:.3}"),
            amount => write!(f, "${amount:.4}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(memory_mb: u32, architecture: Architecture) -> Shape {
        Shape { memory_mb, tmp_mb: 512, architecture, writes: 2, timeout: Duration::from_mins(5) }
    }

    /// AWS's price sheet: 10,000 times 60 s at 2,048 MiB is $20.00 on x86, $16.00 on arm.
    #[test]
    fn compute_is_as_aws_bills_it() {
        let prices = Prices::of_this_build();
        let compute = |architecture| {
            let with = prices.invocation(&shape(2048, architecture), Duration::from_mins(1));
            let without = prices.invocation(&shape(2048, architecture), Duration::ZERO);
            10_000.0 * (with - without)
        };
        assert!((compute(Architecture::X86_64) - 20.0).abs() < 0.01);
        assert!((compute(Architecture::Arm64) - 16.0).abs() < 0.01);
    }

    #[test]
    fn a_guess_names_the_limit_and_where_the_prices_are_from() {
        let prices = Prices::of_this_build();
        let text = prices.guess(&shape(1024, Architecture::X86_64), 1000).to_string();
        assert!(text.starts_with("1,000 invocations: $0.029 (1 s each), "), "{text}");
        assert!(text.contains("at most $5.01 (300 s each)") && text.contains("us-east-1"), "{text}");
        let short = Shape { timeout: Duration::from_secs(1), ..shape(1024, Architecture::X86_64) };
        assert_eq!(prices.guess(&short, 1000).at.len(), 1, "nothing longer than the limit");
    }
}
