//! The walls between the packages: which of them may name which, and who speaks to AWS and to terminals. Read from the
//! `Cargo.toml` of each; what is named there is what its code can use.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use toml::{Table, Value};

/// A package, and which of the other packages of throng it may name.
const MAY_NAME: [(&str, &[&str]); 8] = [
    ("throng-contract", &[]),
    ("throng-embedded", &[]),
    ("throng-runtime", &["throng-contract"]),
    ("throng-core", &["throng-contract"]),
    ("throng-local", &["throng-contract"]),
    ("throng-tui", &["throng-contract", "throng-core"]),
    ("throng-cli", &["throng-contract", "throng-core"]),
    (
        "throng",
        &["throng-contract", "throng-core", "throng-local", "throng-tui", "throng-cli", "throng-embedded"],
    ),
];

/// What only these packages may name. A name that ends with `*` stands for all that begin so.
const ONLY_FOR: [(&str, &[&str]); 8] = [
    ("aws-sdk-*", &["throng-core"]),
    ("aws-config", &["throng-core"]),
    ("oci-client", &["throng-core"]),
    ("ratatui*", &["throng-tui"]),
    ("crossterm", &["throng-tui", "throng-cli"]),
    ("clap*", &["throng-cli"]),
    ("rusqlite", &["throng-local"]),
    ("s3s", &["throng-local"]),
];

/// Everything that the contract may name: what reads JSON, tables of content types, which both sides set, and globs, which launch
/// and runtime must match alike.
const CONTRACT: [&str; 5] = ["serde", "serde_json", "mime_guess", "infer", "fast-glob"];

/// Sections of a `Cargo.toml` with what the package itself is made of, for any platform. Those of tests do not count.
fn dependencies(manifest: &Table) -> Vec<String> {
    let empty = Table::new();
    let of = |table: &Table| -> Vec<String> {
        let sections = ["dependencies", "build-dependencies"];
        let found = sections.iter().filter_map(|section| table.get(*section)?.as_table());
        // A dependency may have another name here than its package has.
        let package = |(name, value): (&String, &Value)| {
            value.get("package").and_then(Value::as_str).unwrap_or(name).to_owned()
        };
        found.flat_map(|table| table.iter().map(package).collect::<Vec<_>>()).collect()
    };
    let targets = manifest.get("target").and_then(Value::as_table).unwrap_or(&empty);
    let of_targets = targets.iter().filter_map(|(_, target)| target.as_table()).flat_map(&of);
    of(manifest).into_iter().chain(of_targets).collect()
}

fn is_meant(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |begin| name.starts_with(begin))
}

/// A sentence for each dependency that goes through a wall.
fn violations(manifests: &BTreeMap<String, Vec<String>>) -> String {
    let mut said = String::new();
    for (package, dependencies) in manifests {
        let Some((_, may_name)) = MAY_NAME.iter().find(|(name, _)| name == package) else {
            let _ = writeln!(
                said,
                "{package}: a package that has no line in MAY_NAME of tests/product/packages.rs"
            );
            continue;
        };
        for name in dependencies {
            let of_throng = MAY_NAME.iter().any(|(package, _)| package == name);
            if of_throng && !may_name.contains(&name.as_str()) {
                let _ = writeln!(said, "{package} must not name {name}");
            }
            for (pattern, packages) in ONLY_FOR {
                if is_meant(pattern, name) && !packages.contains(&package.as_str()) {
                    let _ =
                        writeln!(said, "{package} must not name {name}: only {} may", packages.join(", "));
                }
            }
            if package == "throng-contract" && !CONTRACT.contains(&name.as_str()) {
                let _ = writeln!(
                    said,
                    "{package} must not name {name}: only {} is in every function",
                    CONTRACT.join(", ")
                );
            }
        }
    }
    said
}

/// What each package of the workspace names.
fn workspace() -> BTreeMap<String, Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |folder: &str| -> Table {
        let path = root.join(folder).join("Cargo.toml");
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let members = read(".")["workspace"]["members"].as_array().expect("members").clone();
    let members = members.iter().map(|member| read(member.as_str().expect("a folder")));
    members
        .map(|manifest| {
            (manifest["package"]["name"].as_str().expect("a name").to_owned(), dependencies(&manifest))
        })
        .collect()
}

#[test]
fn every_package_names_only_what_it_may() {
    let workspace = workspace();
    assert_eq!(workspace.len(), MAY_NAME.len(), "{:?}", workspace.keys());
    assert!(workspace["throng-core"].contains(&"aws-sdk-s3".to_owned()), "the sections are read");
    let violations = violations(&workspace);
    assert!(violations.is_empty(), "\n{violations}");
}

#[test]
fn what_goes_through_a_wall_is_found() {
    let of = |text: &str| dependencies(&text.parse::<Table>().expect("TOML"));
    let found = |package: &str, text: &str| violations(&BTreeMap::from([(package.to_owned(), of(text))]));
    assert_eq!(found("throng-cli", "[dependencies]\nthrong-core = '1'\nclap_complete = '1'"), "");
    let tui = found("throng-cli", "[dependencies]\nthrong-tui.workspace = true");
    assert_eq!(tui, "throng-cli must not name throng-tui\n");
    let hidden = "[target.'cfg(unix)'.dependencies]\ncloud = { package = 'aws-sdk-lambda', version = '1' }";
    assert_eq!(
        found("throng-local", hidden),
        "throng-local must not name aws-sdk-lambda: only throng-core may\n"
    );
    let build = found("throng-contract", "[build-dependencies]\nregex = '1'");
    assert!(build.starts_with("throng-contract must not name regex"), "{build}");
    assert_eq!(found("throng-local", "[dev-dependencies]\naws-sdk-s3 = '1'"), "", "tests may");
    assert!(found("throng-new", "").contains("MAY_NAME"));
}

/// Names of `[profile.*.package.NAME]` in a manifest, and of all packages in the lock beside it.
fn profiles_and_lock(folder: &str) -> (Vec<String>, Vec<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let read = |name: &str| -> Table {
        std::fs::read_to_string(root.join(name))
            .expect(name)
            .parse()
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let manifest = read("Cargo.toml");
    let profiles = manifest["profile"].as_table().expect("profiles").values();
    let names = profiles.filter_map(|profile| profile.get("package")?.as_table()).flat_map(Table::keys);
    let names = names.filter(|name| *name != "*").cloned().collect();
    let lock = read("Cargo.lock");
    let locked = lock["package"].as_array().expect("packages").iter();
    (names, locked.map(|package| package["name"].as_str().expect("a name").to_owned()).collect())
}

/// cargo ignores settings for a package that is not there, with a warning; builds and fuzzing would get slow in silence.
#[test]
fn settings_of_profiles_are_for_packages_that_are_there() {
    for folder in [".", "fuzz"] {
        let (names, locked) = profiles_and_lock(folder);
        let unknown: Vec<_> = names.iter().filter(|name| !locked.contains(name)).collect();
        assert!(!names.is_empty() && unknown.is_empty(), "{folder}/Cargo.toml: no package {unknown:?}");
    }
    let (names, locked) = profiles_and_lock("fuzz");
    let ours = locked.iter().filter(|name| name.starts_with("throng-") && *name != "throng-fuzz");
    let slow: Vec<_> = ours.filter(|name| !names.contains(name)).collect();
    assert!(slow.is_empty(), "fuzz/Cargo.toml has no settings for {slow:?}");
}
