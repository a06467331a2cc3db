//! Wildcards: `*` stands for any text, `?` for one character.

pub use throng_contract::pattern::fits;

/// Colon-separated parts of an ARN; the last may contain colons.
const PARTS: usize = 6;

/// The same, whatever the case, as actions are compared.
#[must_use]
pub fn fits_action(pattern: &str, action: &str) -> bool {
    fits(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase())
}

/// Whether an ARN fits a pattern: part by part, so that no wildcard reaches over a colon, but in the last one.
#[must_use]
pub fn fits_arn(pattern: &str, arn: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let (patterns, parts) = (parts(pattern), parts(arn));
    patterns.len() == parts.len() && patterns.iter().zip(&parts).all(|(pattern, part)| fits(pattern, part))
}

/// Whether a text is a pattern for ARNs. Partitions and services have no capitals, and IAM refuses what has.
#[must_use]
pub fn is_arn(pattern: &str) -> bool {
    let small = |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_ascii_uppercase());
    let parts = parts(pattern);
    parts.len() == PARTS && parts[0] == "arn" && small(parts[1]) && small(parts[2])
}

fn parts(arn: &str) -> Vec<&str> {
    arn.splitn(PARTS, ':').collect()
}
