//! Tells the program which commit it was built from, for `throng --version`.
//!
//! Without git, or outside of a checkout of this repository (an archive, a package of a distribution), nothing is told
//! and nothing is said about it. The script runs again only when another commit is checked out.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| env::var_os(name).unwrap_or_default();
    let version = variable("CARGO_PKG_VERSION").to_string_lossy().into_owned();
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let commit = if is_checkout(&root) { commit(&root) } else { None };
    let described = commit.map_or_else(|| version.clone(), |commit| format!("{version} ({commit})"));
    println!("cargo::rustc-env=THRONG_VERSION={described}");
}

/// The newest tag of a version and how far it is from there, or the commit's digest.
fn commit(root: &Path) -> Option<String> {
    for path in where_the_commit_stands(root) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let description = git(root, &["describe", "--tags", "--always", "--match", "v[0-9]*"]);
    description.filter(|text| is_plain(text))
}

/// Whether the folder is a checkout's own, not a folder within somebody else's.
fn is_checkout(root: &Path) -> bool {
    let top = git(root, &["rev-parse", "--show-toplevel"]);
    let top = top.and_then(|top| Path::new(&top).canonicalize().ok());
    top.is_some() && top == root.canonicalize().ok()
}

/// The files that change when another commit is checked out: `HEAD`, and the branch that it names. A branch without a
/// file of its own stands in `packed-refs`. Only files that are there: cargo would run the script every time for others.
fn where_the_commit_stands(root: &Path) -> Vec<PathBuf> {
    let file = |name: &str| git(root, &["rev-parse", "--git-path", name]).map(|path| root.join(path));
    let branch = git(root, &["symbolic-ref", "--quiet", "HEAD"]).and_then(|branch| file(&branch));
    let branch = branch.filter(|path| path.is_file()).or_else(|| file("packed-refs"));
    file("HEAD").into_iter().chain(branch).filter(|path| path.is_file()).collect()
}

fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").current_dir(root).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// A tag may hold anything; what is compiled in is a word.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte))
}
