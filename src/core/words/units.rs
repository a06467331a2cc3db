//! Amounts with their units: one scale for screen and command line.

/// An amount of bytes in three digits: `999 B`, `1.4 MiB`, `118 MiB`.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "a figure for people")]
pub fn bytes(number: u64) -> String {
    scaled(number as f64)
}

/// Reads an amount of bytes: `500`, `64KiB`, `1.5 MiB`; `kB`, `MB` … count in thousands.
///
/// # Errors
/// What is wrong with it.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an amount that a person wrote"
)]
pub fn read_bytes(text: &str) -> Result<u64, String> {
    const UNITS: [&str; 5] = ["", "k", "m", "g", "t"];
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = unit.trim().to_ascii_lowercase();
    let (scale, base) = match unit.strip_suffix("ib") {
        Some(scale) if !scale.is_empty() => (scale, 1024_u64),
        _ => (unit.strip_suffix('b').unwrap_or(&unit), 1000),
    };
    let power = UNITS.iter().position(|known| *known == scale);
    let (Some(power), Ok(number)) = (power, number.parse::<f64>()) else {
        return Err("a number of bytes expected, such as 500, 64KiB or 1.5GiB".to_owned());
    };
    let bytes = number * base.pow(u32::try_from(power).unwrap_or(0)) as f64;
    Ok(bytes.round() as u64)
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
    fn amounts_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("500", 500),
            ("1KiB", 1024),
            ("1.5 MiB", 1_572_864),
            ("2kB", 2000),
            ("3 GB", 3_000_000_000),
            ("7B", 7),
            ("1k", 1000),
        ] {
            assert_eq!(read_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "KiB", "1XiB", "1.2.3", "-1", "1 K iB"] {
            assert!(read_bytes(text).is_err(), "{text}");
        }
    }

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
