//! What a terminal pastes when files are dropped on it.

use std::path::{Path, PathBuf};

/// What a pasted text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// Files or folders that are on this machine.
    Here(Vec<PathBuf>),
    /// Paths, but not all of them are on this machine: those that are not.
    Elsewhere(Vec<String>),
    /// Something else.
    Text,
}

/// Reads a pasted text.
#[must_use]
pub fn parse(text: &str) -> Dropped {
    parse_with(text, &|path| path.exists())
}

fn parse_with(text: &str, exists: &dyn Fn(&Path) -> bool) -> Dropped {
    let text = text.trim_matches(['\r', '\n', ' ']);
    let controls = |char: char| char.is_control() && !matches!(char, '\n' | '\r' | '\t');
    if text.is_empty() || text.contains(controls) {
        return Dropped::Text;
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let mut seen = None;
    for candidate in [whole(text), each_line(&lines), words(text)].into_iter().flatten() {
        let missing: Vec<String> =
            candidate.iter().filter(|path| !exists(path)).map(|path| path.display().to_string()).collect();
        if missing.is_empty() {
            return Dropped::Here(candidate);
        }
        seen.get_or_insert(missing);
    }
    seen.filter(|_| looks_dropped(text)).map_or(Dropped::Text, Dropped::Elsewhere)
}

/// Only texts that consist of absolute paths are taken for a drop from elsewhere.
fn looks_dropped(text: &str) -> bool {
    let first = text.trim_start_matches(['\'', '"']);
    first.starts_with("file://") || windows(first) || (first.starts_with('/') && first[1..].contains('/'))
}

fn windows(text: &str) -> bool {
    let bytes = text.as_bytes();
    text.starts_with("\\\\")
        || (bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && bytes[2] == b'\\')
}

fn absolute(text: &str) -> Option<PathBuf> {
    if let Some(rest) = text.strip_prefix("file://") {
        let path = rest.find('/').map(|at| &rest[at..])?;
        return Some(PathBuf::from(
            percent_encoding::percent_decode_str(path).decode_utf8().ok()?.into_owned(),
        ));
    }
    (text.starts_with('/') || text.starts_with("~/") || windows(text))
        .then(|| crate::tui::actions::program::expand(text))
}

fn whole(text: &str) -> Option<Vec<PathBuf>> {
    if text.contains('\n') {
        return None;
    }
    absolute(text).map(|path| vec![path])
}

fn each_line(lines: &[&str]) -> Option<Vec<PathBuf>> {
    lines
        .iter()
        .map(|line| absolute(line).or_else(|| words(line).filter(|words| words.len() == 1)?.pop()))
        .collect()
}

fn words(text: &str) -> Option<Vec<PathBuf>> {
    if windows(text.trim_start_matches(['\'', '"'])) {
        return text.split('"').map(str::trim).filter(|part| !part.is_empty()).map(absolute).collect();
    }
    let words = shlex::split(text)?;
    if words.is_empty() { None } else { words.iter().map(|word| absolute(word)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Dropped {
        parse_with(text, &|path| path.starts_with("/here"))
    }

    #[test]
    fn the_shapes_of_terminals_are_understood() {
        for (text, paths) in [
            ("/here/a b.png ", vec!["/here/a b.png"]),
            ("/here/a\n/here/b c\n", vec!["/here/a", "/here/b c"]),
            ("'/here/a b' /here/c", vec!["/here/a b", "/here/c"]),
            ("/here/a\\ b.png /here/c", vec!["/here/a b.png"]),
            ("file:///here/a%20b\r\nfile://host/here/c", vec!["/here/a b", "/here/c"]),
            ("\"/here/x y\"", vec!["/here/x y"]),
        ] {
            let Dropped::Here(found) = parsed(text) else { panic!("{text:?}") };
            if text.contains("\\ ") {
                // With everything below /here "existing", the whole text is a path too; real names decide.
                continue;
            }
            assert_eq!(found, paths.iter().map(PathBuf::from).collect::<Vec<_>>(), "{text:?}");
        }
        let escaped = parse_with("/here/a\\ b.png /here/c", &|path| {
            path == Path::new("/here/a b.png") || path == Path::new("/here/c")
        });
        assert_eq!(escaped, Dropped::Here(vec!["/here/a b.png".into(), "/here/c".into()]));
    }

    #[test]
    fn paths_of_another_machine_are_told_apart_from_text() {
        assert_eq!(parsed("/Users/me/a.png"), Dropped::Elsewhere(vec!["/Users/me/a.png".into()]));
        assert!(matches!(parsed(r"C:\Users\me\a.png"), Dropped::Elsewhere(_)));
        for text in ["hello world", "", "/", "a/b", "\x1b[31m/here/x", "/etc is a folder"] {
            assert_eq!(parsed(text), Dropped::Text, "{text:?}");
        }
    }
}
