//! Time: what is waited for can be scaled, so that tests need not wait for minutes.

use std::time::Duration;

/// Milliseconds since 1970.
#[must_use]
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Factor on retry delays, event ages and idle times; 1 is AWS's own clock, 0.01 is a hundred times faster. Time
/// limits of functions are not scaled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeScale(f64);

impl TimeScale {
    /// `factor` 0.01 makes 100 seconds one. Anything that is not a positive number counts as 1.
    #[must_use]
    pub fn new(factor: f64) -> Self {
        Self(if factor.is_finite() && factor > 0.0 { factor } else { 1.0 })
    }

    /// How long `nominal` takes on the wall clock.
    #[must_use]
    pub fn wall(self, nominal: Duration) -> Duration {
        nominal.mul_f64(self.0)
    }

    /// [`Self::wall`] in milliseconds, for points in time that are stored.
    #[must_use]
    pub fn wall_ms(self, nominal: Duration) -> i64 {
        i64::try_from(self.wall(nominal).as_millis()).unwrap_or(i64::MAX)
    }
}

/// As AWS writes `LastModified`: `2026-01-31T12:00:00.000+0000`.
#[must_use]
pub fn aws_time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map(|time| time.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string())
        .unwrap_or_default()
}

/// RFC 3339 in UTC with milliseconds: `2026-01-31T12:00:00.000Z`.
#[must_use]
pub fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map(|time| time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_look_as_aws_writes_them() {
        assert_eq!(aws_time(1_732_396_500_120), "2024-11-23T21:15:00.120+0000");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn nonsense_scales_are_one() {
        for factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(TimeScale::new(factor), TimeScale::new(1.0));
        }
        assert_eq!(TimeScale::new(0.5).wall_ms(Duration::from_secs(2)), 1000);
    }
}
