//! A small root filesystem with a shell, from programs of this machine: an image that needs no network.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What scripts of the examples use, and what those of a beginner are likely to.
const PROGRAMS: [&str; 26] = [
    "sh", "awk", "basename", "cat", "cp", "cut", "date", "dirname", "env", "grep", "head", "ls", "mkdir",
    "mv", "od", "rm", "sed", "seq", "sleep", "sort", "tail", "touch", "tr", "uniq", "wc", "xargs",
];
/// Where programs are, besides the folders of `PATH`.
const FOLDERS: [&str; 2] = ["/bin", "/usr/bin"];

/// Fills `root`. A static busybox is taken, if this machine has one; else its own programs with their libraries.
///
/// # Errors
/// A program is missing, or the folder cannot be written to. Nothing is left behind then.
pub fn make(root: &Path) -> io::Result<()> {
    let bin = root.join("bin");
    fs::create_dir_all(&bin)?;
    let made = match find("busybox").filter(|program| has_all_applets(program)) {
        Some(busybox) => from_busybox(&busybox, &bin),
        None => from_programs(root, &bin),
    };
    if made.is_err() {
        let _ = fs::remove_dir_all(root);
    }
    made
}

fn from_busybox(program: &Path, bin: &Path) -> io::Result<()> {
    fs::copy(program, bin.join("busybox"))?;
    PROGRAMS.iter().try_for_each(|name| symlink("busybox", bin.join(name)))
}

fn from_programs(root: &Path, bin: &Path) -> io::Result<()> {
    let mut libraries = BTreeSet::new();
    for name in PROGRAMS {
        let missing = || io::Error::other(format!("it has no `{name}`"));
        let program = find(name).ok_or_else(missing)?;
        libraries.extend(libraries_of(&program)?);
        fs::copy(&program, bin.join(name))?;
    }
    for library in libraries {
        let to = root.join(library.strip_prefix("/").unwrap_or(&library));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(&library, to)?;
    }
    Ok(())
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = FOLDERS.iter().map(PathBuf::from).chain(std::env::split_paths(&path));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Whether a busybox stands alone and can do all that is wanted.
fn has_all_applets(program: &Path) -> bool {
    if !libraries_of(program).is_ok_and(|libraries| libraries.is_empty()) {
        return false;
    }
    let Ok(output) = Command::new(program).arg("--list").output() else { return false };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let applets: BTreeSet<&str> = text.lines().collect();
    PROGRAMS.iter().all(|name| applets.contains(name))
}

/// The shared libraries of a program and its loader, by their paths. None when it is static, of which `ldd` says so by
/// an exit code.
fn libraries_of(program: &Path) -> io::Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output()?;
    Ok(paths(&String::from_utf8_lossy(&output.stdout)))
}

/// The paths in what `ldd` prints: `libc.so.6 => /lib/libc.so.6 (0x…)`, `/lib64/ld-linux-x86-64.so.2 (0x…)`.
fn paths(printed: &str) -> Vec<PathBuf> {
    printed.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn libraries_are_the_paths_that_ldd_prints() {
        let printed = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f10)\n\
                       \t/lib64/ld-linux-x86-64.so.2 (0x00007f14)\n";
        let found = paths(printed);
        assert_eq!(
            found,
            ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from)
        );
        assert_eq!(paths("\tnot a dynamic executable\n"), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_root_has_every_program_or_is_not_there() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("root");
        match make(&root) {
            Ok(()) => assert!(PROGRAMS.iter().all(|name| root.join("bin").join(name).is_file())),
            Err(_) => assert!(!root.exists()),
        }
    }
}
