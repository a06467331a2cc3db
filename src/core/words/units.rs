//! Amounts with their units: one scale for screen and command line.

/// An amount of bytes in three digits: `999 B`, `1.4 MiB`, `118 MiB`.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "a figure for people")]
pub fn bytes(number: u64) -> String {
    scaled(number as f64)
}

/// Bytes in a second: `3.2 MiB/s`.
#[must_use]
pub fn bytes_per_second(number: f64) -> String {
    format!("{}/s", scaled(number))
}

/// Tasks, or whatever else is counted, in a second: `18.4/s`.
#[must_use]
pub fn per_second(number: f64) -> String {
    format!("{number:.1}/s")
}

fn scaled(number: f64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let (mut value, mut unit) = (number, 0);
    // Three digits are enough: 1,000 KiB is said as 1.0 MiB.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 || value >= 9.95 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        for (number, said) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (10_239, "10 KiB"),
            (1_048_575, "1.0 MiB"),
            (118 << 20, "118 MiB"),
            (50 << 30, "50 GiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(bytes(number), said);
        }
        assert_eq!(bytes_per_second(3_355_443.2), "3.2 MiB/s");
        assert_eq!(per_second(18.44), "18.4/s");
    }
}
