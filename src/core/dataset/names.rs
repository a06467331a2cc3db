//! Keys become names of files. What is not fit for a file name or for a terminal is written as `%` and two hexadecimal
//! digits a byte; whoever has such a name in hand can tell what it was.

use std::path::PathBuf;

/// The longest name of a file or folder, in bytes, on common file systems.
const LONGEST_PART: usize = 255;
/// The longest path below the destination, in bytes.
const LONGEST_PATH: usize = 3000;

/// Where an object goes below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafePath {
    /// Parts that are safe to join.
    pub path: PathBuf,
    /// Whether something of the key is written in another way.
    pub encoded: bool,
}

/// The path for a key below a folder, in parts that are safe to join.
///
/// # Errors
/// A sentence: why this key is not made a path.
pub fn safe_path(key: &str) -> Result<SafePath, String> {
    if key.len() > LONGEST_PATH {
        return Err("the key is longer than a path can be".into());
    }
    let (mut path, mut encoded) = (PathBuf::new(), false);
    for part in key.split('/') {
        let name = match part {
            "" => return Err("the key has an empty part (`//`, or `/` at an end)".into()),
            "." | ".." => return Err(format!("the key has a part `{part}`, which would lead elsewhere")),
            _ if part.contains(['\\', ':']) && cfg!(windows) => {
                return Err("the key has characters that paths here cannot have".into());
            }
            _ if part.chars().any(is_unfit) => {
                encoded = true;
                encode(part)
            }
            _ => part.to_owned(),
        };
        if name.len() > LONGEST_PART {
            return Err("a part of the key is longer than 255 bytes".into());
        }
        path.push(name);
    }
    Ok(SafePath { path, encoded })
}

/// Control characters, and marks that reorder what a terminal shows.
fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// A part with unfit characters encoded, and `%` too, so that it can be read back.
fn encode(part: &str) -> String {
    use std::fmt::Write as _;
    let mut name = String::with_capacity(part.len() + 8);
    for c in part.chars() {
        if is_unfit(c) || c == '%' {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(name, "%{byte:02X}");
            }
        } else {
            name.push(c);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_files_or_terminals_cannot_take_are_encoded() {
        for (key, path, encoded) in [
            ("a/b.txt", "a/b.txt", false),
            ("100%.txt", "100%.txt", false),
            ("a\tb", "a%09b", true),
            ("line\nend\r", "line%0Aend%0D", true),
            ("nul\0", "nul%00", true),
            ("\u{1b}[2J/x", "%1B[2J/x", true),
            ("50%\t", "50%25%09", true),
            ("\u{202e}gnp.exe", "%E2%80%AEgnp.exe", true),
            ("é\u{85}", "é%C2%85", true),
        ] {
            let expected = SafePath { path: path.into(), encoded };
            assert_eq!(safe_path(key), Ok(expected), "{key:?}");
        }
        for key in ["", "/etc/passwd", "..", "a/../b", "./a", "a//b"] {
            assert!(safe_path(key).is_err(), "{key}");
        }
        // Each byte becomes three: what fits as a key may be too long as a name.
        assert!(safe_path(&"\t".repeat(100)).is_err());
    }
}
