//! The documents say what is there: paths in `ARCHITECTURE.md`, maps of the modules, keys and examples in `docs`.

use std::path::{Path, PathBuf};
use throng_core::config::Config;
use throng_core::definition::{self, Environment};
use throng_local::faults::Plan;
use walkdir::WalkDir;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_path_that_the_architecture_names_is_there() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let paths = paths_in(&text);
    assert!(paths.len() > 50, "only {} paths were found: is the test blind?", paths.len());
    let is_there = |path: &str| root().join(path).exists();
    let missing: Vec<_> = paths.iter().filter(|path| !is_there(path)).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not there: {missing:#?}");
}

#[test]
fn every_folder_of_modules_has_a_map_of_all_of_them() {
    let mut looked_at = 0;
    let mut problems = Vec::new();
    for file in files_with_children() {
        let source = std::fs::read_to_string(&file).unwrap();
        looked_at += 1;
        let shown = file.strip_prefix(root()).unwrap_or(&file).display();
        let missing = missing_from_map(&source).into_iter().map(|name| format!("{shown}: {name} is missing"));
        let stale = stale_in_map(&source).into_iter().map(|name| format!("{shown}: {name} is not there"));
        problems.extend(missing.chain(stale));
    }
    assert!(looked_at > 40, "only {looked_at} files were found: is the test blind?");
    assert!(
        problems.is_empty(),
        "maps (the ```text blocks at the head of the file that declares the modules) are wrong:\n{}",
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

/// The lines of a source file's map: of every ` ```text ` block of its head documentation.
fn map_lines(source: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut in_map = false;
    for line in source.lines().map_while(|line| line.strip_prefix("//!")) {
        let text = line.trim();
        if text.starts_with("```") {
            in_map = text == "```text";
        } else if in_map {
            lines.push(line.strip_prefix(' ').unwrap_or(line));
        }
    }
    lines
}

/// The child modules of a source file that its map leaves out. A name begins a line, or a column of one, behind two
/// spaces. Modules for tests need not be in it.
fn missing_from_map(source: &str) -> Vec<String> {
    let lines = map_lines(source);
    let known: Vec<_> = lines.iter().flat_map(|line| line.split("  ")).map(str::trim).collect();
    children(source).into_iter().filter(|name| !known.contains(&name.as_str())).collect()
}

/// What begins a line of the map as a module's name does, and is none of the file's.
fn stale_in_map(source: &str) -> Vec<String> {
    let children = children(source);
    let name = |line: &str| {
        let (name, _) = line.split_once("  ")?;
        let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_';
        (!name.is_empty() && name.chars().all(plain)).then(|| name.to_owned())
    };
    map_lines(source).into_iter().filter_map(name).filter(|name| !children.contains(name)).collect()
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

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The blocks of a document in one language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    text.split(&begin).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn every_key_of_a_definition_is_in_its_reference() {
    let reference = read("docs/definitions.md");
    let source = read("src/core/definition/aws.rs");
    for list in ["LAMBDA", "CONTAINER", "ENTRY"] {
        let after = source.split_once(&format!("const {list}: &[&str] =")).expect("the list").1;
        let keys: Vec<_> = after.split(';').next().unwrap().split('"').skip(1).step_by(2).collect();
        assert!(keys.len() > 5, "{list}: {keys:?}");
        let is_named = |key: &&&str| {
            let quoted = [format!("`{key}`"), format!("`{key}."), format!(".{key}`"), format!(".{key}.")];
            quoted.iter().any(|quoted| reference.contains(quoted))
        };
        let missing: Vec<_> = keys.iter().filter(|key| !is_named(key)).collect();
        assert!(missing.is_empty(), "docs/definitions.md does not name {missing:?}");
    }
}

#[test]
fn definitions_in_documents_are_right() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["statistics.sh", "thumbnails.sh"] {
        std::fs::write(folder.path().join(file), "#!/bin/sh\n").unwrap();
    }
    std::fs::create_dir(folder.path().join("root")).unwrap();
    for document in ["README.md", "docs/definitions.md"] {
        let text = read(document);
        let whole: Vec<_> =
            blocks(&text, "yaml").into_iter().filter(|block| block.starts_with("functions:")).collect();
        assert!(!whole.is_empty(), "{document}");
        for block in whole {
            let environment = Environment(&|_| None);
            let parsed = definition::parse(block, &folder.path().join("function.yaml"), environment);
            let parsed = parsed.unwrap_or_else(|errors| panic!("{document}: {errors}"));
            assert!(parsed.warnings.is_empty(), "{document}: {:?}", parsed.warnings);
        }
    }
}

#[test]
fn settings_and_plans_of_faults_in_documents_are_right() {
    let config = blocks(&read("docs/aws.md"), "toml").concat();
    let config = Config::parse(&config, Path::new("docs/aws.md")).unwrap();
    assert!(config.contexts.contains_key("lab") && config.warnings.is_empty(), "{:?}", config.warnings);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), blocks(&read("docs/local-cloud.md"), "toml").concat()).unwrap();
    Plan::read(file.path()).unwrap_or_else(|error| panic!("docs/local-cloud.md: {error}"));
}

#[test]
fn links_between_documents_lead_somewhere() {
    let documents = WalkDir::new(root().join("docs")).into_iter().flatten().map(walkdir::DirEntry::into_path);
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md"];
    let documents = documents.filter(|path| path.is_file()).chain(top.map(|name| root().join(name)));
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(link, _)| link)) {
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            if file.contains("://") {
                continue;
            }
            let target =
                if file.is_empty() { document.clone() } else { document.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link}", document.display());
            if !place.is_empty() {
                let headings = std::fs::read_to_string(&target).unwrap();
                let found =
                    headings.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == place);
                assert!(found, "{}: no heading for {link}", document.display());
            }
        }
    }
}

/// The name by which a heading is linked to: small letters, digits, `-` and `_`, blanks as `-`.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    text.chars().filter(|char| char.is_alphanumeric() || "-_".contains(*char)).collect()
}

#[test]
fn a_module_that_the_map_leaves_out_is_found() {
    let map = "//! Fruit.\n//!\n//! ```text\n//! apple   grows\n//! pear    too      plum   blue\n//! ```\n//! quince\n\n";
    let all = format!("{map}mod apple;\npub mod pear;\npub(crate) mod plum;\n#[cfg(test)]\nmod tests;\n");
    assert_eq!(missing_from_map(&all), Vec::<String>::new());
    let planted =
        format!("{all}#[cfg(target_os = \"linux\")]\nmod cherry;\nmod quince;\nmod inline {{\n}}\n");
    assert_eq!(missing_from_map(&planted), ["cherry", "quince"], "prose is not a map");
    assert_eq!(missing_from_map("//! No map.\nmod apple;\n"), ["apple"]);
    assert_eq!(stale_in_map(&all), Vec::<String>::new());
    assert_eq!(stale_in_map(&all.replace("mod apple;", "")), ["apple"]);
}

#[test]
fn paths_are_words_in_backticks_with_a_slash() {
    let text =
        "`src/main.rs` and `Cargo.toml`, `a key/with spaces`, `/tmp`, `runs/{run}`, `docs/`, src/none.rs";
    assert_eq!(paths_in(text), ["src/main.rs", "docs/"]);
}
