//! Names of files that were given one by one: those of equal names keep as many of their last folders as tell them apart.

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

/// Folders that a name keeps at most.
const DEEPEST: usize = 8;

/// How many folders each single file's name keeps; what is not here keeps none.
pub(super) fn depths(paths: &[PathBuf]) -> HashMap<PathBuf, usize> {
    let mut groups: HashMap<_, HashMap<PathBuf, &Path>> = HashMap::new();
    for path in paths.iter().filter(|path| path.is_file()) {
        let same = path.canonicalize().unwrap_or_else(|_| path.clone());
        let Some(name) = path.file_name() else { continue };
        groups.entry(name).or_default().entry(same).or_insert(path);
    }
    let mut depths = HashMap::new();
    for group in groups.into_values().filter(|group| group.len() > 1) {
        let files: Vec<&Path> = group.into_values().collect();
        let told_apart = |depth: &usize| {
            let mut seen = HashSet::new();
            files.iter().all(|path| seen.insert(split(path, *depth).1))
        };
        // What eight folders do not tell apart is a collision, which says what to do.
        let depth = (1..=DEEPEST).find(told_apart).unwrap_or(0);
        depths.extend(files.into_iter().map(|path| (path.to_owned(), depth)));
    }
    depths
}

/// A file's base and its name with its last folders, as far as the path has so many.
pub(super) fn split(path: &Path, depth: usize) -> (PathBuf, PathBuf) {
    let mut parts: Vec<_> = path.components().collect();
    let last = parts.len().saturating_sub(1);
    let plain = parts[..last].iter().rev().take_while(|part| matches!(part, Component::Normal(_))).count();
    let name = parts.split_off(last - plain.min(depth));
    (parts.into_iter().collect(), name.into_iter().collect())
}
