//! The documents for people who change throng say what is there: paths in `ARCHITECTURE.md`, maps of the modules.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Paths that `ARCHITECTURE.md` names and that are not there yet. One that has come must be taken out.
const NOT_YET: &[&str] = &["src/core/jobs/", "src/core/model/", "src/core/words/"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_path_that_the_architecture_names_is_there() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let paths = paths_in(&text);
    assert!(paths.len() > 50, "only {} paths were found: is the test blind?", paths.len());
    let is_there = |path: &str| root().join(path).exists();
    let missing: Vec<_> =
        paths.iter().filter(|path| !is_there(path) && !NOT_YET.contains(&path.as_str())).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not there: {missing:#?}");
    let come: Vec<_> = NOT_YET.iter().filter(|path| is_there(path)).collect();
    assert!(come.is_empty(), "is there now, and no exception any more: {come:?}");
}

#[test]
fn every_folder_of_modules_has_a_map_of_all_of_them() {
    let mut looked_at = 0;
    let mut problems = Vec::new();
    for file in files_with_children() {
        let source = std::fs::read_to_string(&file).unwrap();
        let missing = missing_from_map(&source);
        looked_at += 1;
        if !missing.is_empty() {
            let shown = file.strip_prefix(root()).unwrap_or(&file).display();
            problems.push(format!("{shown}: {}", missing.join(", ")));
        }
    }
    assert!(looked_at > 40, "only {looked_at} files were found: is the test blind?");
    assert!(
        problems.is_empty(),
        "modules that are not in the map (a ```text block) of the file that declares them:\n{}",
        problems.join("\n")
    );
}

/// The files that declare modules: of `src` and `runtime`, without tests.
fn files_with_children() -> impl Iterator<Item = PathBuf> {
    let names = ["lib.rs", "main.rs", "mod.rs"];
    let entries = ["src", "runtime"].into_iter().flat_map(|folder| WalkDir::new(root().join(folder)));
    entries
        .map(|entry| entry.expect("the folder can be read").into_path())
        .filter(move |path| path.file_name().is_some_and(|name| names.iter().any(|known| name == *known)))
        .filter(|path| !path.components().any(|part| part.as_os_str() == "tests"))
}

/// The paths in backticks of a text: words with a slash, of plain characters, that begin with no slash.
fn paths_in(text: &str) -> Vec<String> {
    let plain = |char: char| char.is_ascii_alphanumeric() || "._/-".contains(char);
    let quoted = text.split('`').skip(1).step_by(2);
    quoted
        .filter(|word| word.contains('/') && !word.starts_with('/') && word.chars().all(plain))
        .map(str::to_owned)
        .collect()
}

/// The child modules of a source file that its map leaves out. The map is every ` ```text ` block of the file's head
/// documentation: a name begins a line, or a column of one, behind two spaces. Modules for tests need not be in it.
fn missing_from_map(source: &str) -> Vec<String> {
    let mut known = Vec::new();
    let mut in_map = false;
    for line in source.lines().map_while(|line| line.strip_prefix("//!")) {
        let line = line.trim();
        if line.starts_with("```") {
            in_map = line == "```text";
        } else if in_map {
            known.extend(line.split("  ").map(|column| column.trim().to_owned()));
        }
    }
    children(source).into_iter().filter(|name| !known.contains(name)).collect()
}

/// The modules that a source file declares in files of their own, but for those of tests.
fn children(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut of_tests = false;
    for line in source.lines() {
        if line.starts_with("#[") {
            of_tests |= line.starts_with("#[cfg(test)") || line.starts_with("#[cfg(any(test");
            continue;
        }
        let name = line.strip_suffix(';').and_then(|line| line.rsplit_once("mod ").map(|(_, name)| name));
        let declares = line.starts_with("mod ") || line.starts_with("pub");
        if let Some(name) = name.filter(|_| declares && !of_tests) {
            found.push(name.to_owned());
        }
        of_tests = false;
    }
    found
}

#[test]
fn a_module_that_the_map_leaves_out_is_found() {
    let map = "//! Fruit.\n//!\n//! ```text\n//! apple   grows\n//! pear    too      plum   blue\n//! ```\n//! quince\n\n";
    let all = format!("{map}mod apple;\npub mod pear;\npub(crate) mod plum;\n#[cfg(test)]\nmod tests;\n");
    assert_eq!(missing_from_map(&all), Vec::<String>::new());
    let planted = format!("{all}#[cfg(target_os = \"linux\")]\nmod cherry;\nmod quince;\nmod inline {{\n}}\n");
    assert_eq!(missing_from_map(&planted), ["cherry", "quince"], "prose is no map");
    assert_eq!(missing_from_map("//! No map.\nmod apple;\n"), ["apple"]);
}

#[test]
fn paths_are_words_in_backticks_with_a_slash() {
    let text = "`src/main.rs` and `Cargo.toml`, `a key/with spaces`, `/tmp`, `runs/{run}`, `docs/`, src/none.rs";
    assert_eq!(paths_in(text), ["src/main.rs", "docs/"]);
}
