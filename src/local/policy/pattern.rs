//! Wildcards: `*` stands for any text, `?` for one character.

/// Colon-separated parts of an ARN; the last may contain colons.
const PARTS: usize = 6;

/// Whether a text fits a pattern. In time of the product of their lengths at most.
#[must_use]
pub fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Where to go on when what follows the last `*` does not fit: one character later.
    let (mut at, mut seen, mut again) = (0, 0, None);
    while seen < text.len() {
        match pattern.get(at) {
            Some('*') => {
                again = Some((at, seen));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || text.get(seen) == Some(wanted) => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((star, from)) = again else { return false };
                again = Some((star, from + 1));
                at = star + 1;
                seen = from + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

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

/// Whether a text is a pattern for ARNs.
#[must_use]
pub fn is_arn(pattern: &str) -> bool {
    let parts = parts(pattern);
    parts.len() == PARTS && parts[0] == "arn"
}

fn parts(arn: &str) -> Vec<&str> {
    arn.splitn(PARTS, ':').collect()
}
