//! Numbers with units, for people.

#![allow(clippy::cast_precision_loss, reason = "figures for people")]

use std::time::Duration;
pub use throng_core::words::{are, how_many, plural};

/// Reads `90`, `90s`, `15m`, `2h`, `7d`.
pub fn duration(text: &str) -> Result<Duration, String> {
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

/// `1.4 MiB`
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value < 10.0 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// `850 ms`, `12.3 s`, `4m 05s`, `2h 03m`
pub fn millis(millis: u64) -> String {
    match millis {
        0..1000 => format!("{millis} ms"),
        1000..60_000 => format!("{:.1} s", millis as f64 / 1000.0),
        60_000..3_600_000 => format!("{}m {:02}s", millis / 60_000, millis / 1000 % 60),
        _ => format!("{}h {:02}m", millis / 3_600_000, millis / 60_000 % 60),
    }
}

/// `2026-11-23 21:15:00` in local time.
pub fn time(millis: u64) -> String {
    let Ok(timestamp) = jiff::Timestamp::from_millisecond(i64::try_from(millis).unwrap_or(0)) else {
        return String::new();
    };
    timestamp.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("7d", 604_800)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "m", "5y", "-1s", "1.5h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_are_short() {
        assert_eq!((plural(0, "file"), plural(1, "file")), ("0 files".into(), "1 file".into()));
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(50 << 30), "50 GiB");
        assert_eq!(millis(999), "999 ms");
        assert_eq!(millis(12_340), "12.3 s");
        assert_eq!(millis(245_000), "4m 05s");
        assert_eq!(millis(7_380_000), "2h 03m");
    }
}
