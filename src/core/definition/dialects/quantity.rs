//! Amounts of memory as Kubernetes writes them.

/// MiB of `256Mi`, `1.5Gi`, `512M`, `1073741824`, rounded up; `None` when it is no such amount.
/// Source: Kubernetes, "Quantity" in the API conventions.
pub(super) fn mebibytes(text: &str) -> Option<u32> {
    let text = text.trim();
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor: f64 = match unit {
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    let mib = (number * factor / 1_048_576.0).ceil();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    (mib >= 1.0 && mib <= f64::from(u32::MAX)).then_some(mib as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_rounded_up_to_mebibytes() {
        for (text, mib) in [("256Mi", 256), ("1.5Gi", 1536), ("512M", 489), ("1073741824", 1024), ("1Ki", 1)]
        {
            assert_eq!(mebibytes(text), Some(mib), "{text}");
        }
        for text in ["", "0", "Mi", "256MB", "-1Gi", "1e3", "many", "9999999999Ti"] {
            assert_eq!(mebibytes(text), None, "{text}");
        }
    }
}
