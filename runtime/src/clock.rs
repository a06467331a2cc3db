//! Dates as text, in UTC.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds between two moments, with fractions of microseconds cut off.
pub fn millis(elapsed: Duration) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "microseconds of a task fit")]
    let micros = elapsed.as_micros() as f64;
    micros / 1000.0
}

/// What is left until `until`; zero when it has passed.
pub fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

/// Year, month, day, hour, minute, second, milliseconds.
struct Civil {
    date: (i64, u64, u64),
    time: (u64, u64, u64, u64),
}

/// The proleptic Gregorian date, by era of 400 years (the usual days-to-civil computation).
fn civil(ms: u64) -> Civil {
    let (days, in_day) = (ms / 86_400_000, ms % 86_400_000);
    let shifted = days + 719_468; // days since 0000-03-01
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = i64::try_from(year_of_era + era * 400).unwrap_or(0) + i64::from(month <= 2);
    let seconds = in_day / 1000;
    Civil { date: (year, month, day), time: (seconds / 3600, seconds / 60 % 60, seconds % 60, in_day % 1000) }
}

/// `2026-11-23T21:39:05.123Z`
pub fn rfc3339(ms: u64) -> String {
    let Civil { date: (year, month, day), time: (hour, minute, second, millis) } = civil(ms);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// `20261123T213905Z`, as signatures want it; its first 8 characters are the date.
pub fn amz(ms: u64) -> String {
    let Civil { date: (year, month, day), time: (hour, minute, second, _) } = civil(ms);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(rfc3339(1_709_251_199_999), "2024-02-29T23:59:59.999Z");
        assert_eq!(rfc3339(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
        assert_eq!(amz(1_440_938_160_000), "20150830T123600Z");
    }
}
