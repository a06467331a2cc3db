//! Durations and dates: one form for screen and command line.

use crate::model::Waiting;
use jiff::{Timestamp, tz::TimeZone};
use std::time::Duration;

/// `44 ms`, `4.0 s`, `2m05s`, `1h04m`, `3d04h`
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "a figure for people")]
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        _ if ms < 1000 => format!("{ms} ms"),
        0..60 => format!("{:.1} s", ms as f64 / 1000.0),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// Like [`duration`], in whole seconds: what is guessed, and what is still running.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".to_owned();
    }
    let ms = Duration::try_from_secs_f64(seconds).map_or(0, |time| time.as_secs().saturating_mul(1000));
    if ms < 60_000 { format!("{} s", ms / 1000) } else { duration(ms) }
}

/// `waiting to be tried again (1 of 2, in 58 s)`
#[must_use]
pub fn waiting(waiting: &Waiting, now: u64) -> String {
    let Waiting { retry, of, due_ms } = waiting;
    let when = match due_ms.saturating_sub(now) {
        0 => "any moment".to_owned(),
        left @ ..60_000 => format!("in {} s", left.div_ceil(1000)),
        left => format!("in {}", duration(left)),
    };
    format!("waiting to be tried again ({retry} of {of}, {when})")
}

/// How long ago, in one unit: `5s`, `3m`, `2h`, `9d`.
#[must_use]
pub fn ago(then: u64, now: u64) -> String {
    let seconds = now.saturating_sub(then) / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `2026-11-23 21:43:44`
#[must_use]
pub fn date_time(ms: u64, zone: &TimeZone) -> String {
    formatted(ms, zone, "%Y-%m-%d %H:%M:%S")
}

/// [`date_time`] where this computer is.
#[must_use]
pub fn local_time(ms: u64) -> String {
    date_time(ms, &TimeZone::system())
}

/// `21:43:44.123`
#[must_use]
pub fn clock(ms: u64, zone: &TimeZone) -> String {
    formatted(ms, zone, "%H:%M:%S%.3f")
}

/// Day and minute, without the year: `11-27 23:41`.
#[must_use]
pub fn day_time(ms: u64, zone: &TimeZone) -> String {
    formatted(ms, zone, "%m-%d %H:%M")
}

fn formatted(ms: u64, zone: &TimeZone, format: &str) -> String {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .map_or_else(String::new, |time| time.to_zoned_datetime(zone.clone()).strftime(format).to_string())
}

/// Reads `90`, `90s`, `15m`, `2h`, `7d`.
///
/// # Errors
/// When it is something else, in a sentence.
pub fn read_duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit.trim() {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(format!("`{unit}` is not a unit: s, m, h or d")),
    };
    let number: u64 = number.parse().map_err(|_| "a number and a unit expected, such as 10m".to_owned())?;
    Ok(Duration::from_secs(number.saturating_mul(factor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_for_people() {
        for (ms, said) in [
            (999, "999 ms"),
            (4000, "4.0 s"),
            (12_340, "12.3 s"),
            (125_000, "2m05s"),
            (7_380_000, "2h03m"),
            (100_000_000, "1d03h"),
        ] {
            assert_eq!(duration(ms), said);
        }
        assert_eq!(seconds(f64::NAN), "?");
        assert_eq!([seconds(31.9), seconds(125.0)], ["31 s", "2m05s"]);
        assert_eq!(ago(0, 7_200_000), "2h");
        assert_eq!(date_time(1_700_000_000_000, &TimeZone::UTC), "2023-11-14 22:13:20");
        assert_eq!(date_time(u64::MAX, &TimeZone::UTC), "");
    }

    #[test]
    fn durations_are_read() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("7d", 604_800)] {
            assert_eq!(read_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "m", "5y", "-1s", "1.5h"] {
            assert!(read_duration(text).is_err(), "{text}");
        }
    }
}
