//! `files`: what a script finds beside its input, in a layer of its own.

use super::fields::{Fields, Spanned, show};
use super::problem::Report;
use crate::image::MAX_UNCOMPRESSED;
use crate::words::{bytes, plural};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Files that are counted for an explanation; larger folders are told as more than that.
const COUNTED: u64 = 100_000;

/// Reads `files`, and SCAR's `extra_payload`, which means one of them. Paths are absolute.
pub(super) fn read(lambda: &Fields<'_>, base: &Path, report: &mut Report) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut names: HashMap<std::ffi::OsString, PathBuf> = HashMap::new();
    for key in ["files", "extra_payload"] {
        for text in lambda.texts(key, report) {
            if text.value.trim().is_empty() {
                continue;
            }
            let Some(path) = existing(&text, base, &lambda.key(key), report) else { continue };
            let name = path.file_name().unwrap_or_default().to_owned();
            if let Some(other) = names.insert(name, path.clone()) {
                let message = format!(
                    "{} would have the name of {}: give the folder that both are in, or rename one",
                    show(&text.value),
                    other.display()
                );
                report.error(text.at, &lambda.key(key), message);
                continue;
            }
            found.push(path);
        }
    }
    let all: u64 = found.iter().map(|path| amount(path).1).sum();
    if let Some(node) =
        lambda.node("files").or(lambda.node("extra_payload")).filter(|_| all > MAX_UNCOMPRESSED)
    {
        let message = format!(
            "{} in all: an image has 10 GiB at most. Put them into a bucket, and let the script fetch what it needs",
            bytes(all)
        );
        report.error(node.at, &lambda.key("files"), message);
    }
    found
}

fn existing(text: &Spanned<String>, base: &Path, key: &str, report: &mut Report) -> Option<PathBuf> {
    let path = base.join(text.value.trim());
    // `x/.` and `x/..` have no name of their own.
    let path: PathBuf = std::path::absolute(&path).unwrap_or(path).components().collect();
    let problem = match std::fs::metadata(&path) {
        Err(error) => format!(
            "no file or folder at {} ({error}); paths start at the definition's folder",
            path.display()
        ),
        Ok(found) if !found.is_file() && !found.is_dir() => {
            format!("{} is neither a file nor a folder", path.display())
        }
        Ok(_) if path.file_name().and_then(|name| name.to_str()).is_none() => {
            format!("{} has no name that the image can have", show(&text.value))
        }
        Ok(_) => return Some(path),
    };
    report.error(text.at, key, problem);
    None
}

/// How many files and bytes a path has. What cannot be read is told when the layer is made.
fn amount(path: &Path) -> (u64, u64) {
    let walk = walkdir::WalkDir::new(path).follow_links(true).into_iter().flatten();
    let files = walk.filter_map(|entry| entry.metadata().ok()).filter(std::fs::Metadata::is_file);
    files
        .take(usize::try_from(COUNTED).unwrap_or(usize::MAX))
        .fold((0, 0), |(count, bytes), file| (count + 1, bytes + file.len()))
}

/// An entry in words: `atlas/: 12 files, 340 MiB`.
pub(super) fn told(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (count, all) = amount(path);
    if path.is_dir() {
        let more = if count >= COUNTED { "more than " } else { "" };
        format!("{name}/: {more}{}, {}", plural(count, "file"), bytes(all))
    } else {
        format!("{name}: {}", bytes(all))
    }
}
