//! Wildcards of policies: `*` stands for any text, `?` for one character.

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
