//! What a terminal pastes when files are dropped on it.

use std::path::PathBuf;
use throng_core::dataset::drop::{self, NoDrop};

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
    match drop::parse(text, &|path| path.exists()) {
        Ok(drop) => Dropped::Here(unique(drop.paths)),
        Err(NoDrop::Missing(missing)) => Dropped::Elsewhere(missing),
        Err(NoDrop::Text | NoDrop::Control) => Dropped::Text,
    }
}

/// A file that was dropped twice is one file.
fn unique(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = std::collections::HashSet::new();
    paths.into_iter().filter(|path| seen.insert(path.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_and_what_comes_twice_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f1.txt");
        std::fs::write(&file, "x").unwrap();
        let (here, missing) = (file.display(), folder.path().join("nosuch.txt").display().to_string());
        assert_eq!(parse(&format!("{here} {missing}")), Dropped::Elsewhere(vec![missing]));
        assert_eq!(parse(&format!("{here}\n{here}\n")), Dropped::Here(vec![file.clone()]));
        for text in ["hello world", "", "/", "a/b", "\x1b[31m/here/x", "/etc is a folder"] {
            assert_eq!(parse(text), Dropped::Text, "{text:?}");
        }
    }
}
