//! Counted things in sentences.

/// A number with its digits in groups: `12,345`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Which start of a join is shown; `None` for the first.
#[must_use]
pub fn generation(generation: u32) -> Option<String> {
    let times = plural(u64::from(generation), "time");
    (generation > 0)
        .then(|| format!("{generation}: had begun {times} before, for less; what this one stores counts"))
}

/// A number with its noun: `1 file`, `12,345 files`.
#[must_use]
pub fn plural(number: u64, one: &str) -> String {
    format!("{} {one}{}", count(number), if number == 1 { "" } else { "s" })
}

/// [`plural`] with its verb: `1 file is`, `2 files are`.
#[must_use]
pub fn are(number: u64, one: &str) -> String {
    format!("{} {}", plural(number, one), if number == 1 { "is" } else { "are" })
}

/// [`plural`] of something's length.
#[must_use]
pub fn how_many(length: usize, one: &str) -> String {
    plural(u64::try_from(length).unwrap_or(u64::MAX), one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_many_are_grouped() {
        assert_eq!([0, 1, 2].map(|number| plural(number, "file")), ["0 files", "1 file", "2 files"]);
        assert_eq!([999, 1000, 1_234_567].map(count), ["999", "1,000", "1,234,567"]);
        assert_eq!(how_many(1, "task"), "1 task");
    }
}
