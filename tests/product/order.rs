//! Inside a package the rooms stand in an order, and a room names only those before it.
//!
//! Reads every path in every source: `use`, in bodies, with any number of `super::`. Test modules may name anything.

use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The rooms of the engine, each after those that it may name.
const CORE: [&str; 18] = [
    "model",
    "words",
    "private",
    "regular",
    "dirs",
    "config",
    "image",
    "definition",
    "cloud",
    "cost",
    "policies",
    "logs",
    "dataset",
    "deploy",
    "run",
    "doctor",
    "jobs",
    "engine",
];
/// The rooms of the local cloud.
const LOCAL: [&str; 15] = [
    "private", "identity", "policy", "access", "protocol", "faults", "db", "iam", "sandbox", "outside",
    "registry", "logs", "s3", "lambda", "server",
];

/// A lease gives an environment back to the pool that it is of; neither is anything without the other.
const BELONG_TOGETHER: [&str; 1] = ["lambda::environment <-> lambda::pool"];

/// A source text and where it is: the folder of its package, the path below it.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

/// One name of another module, and the line that it is in.
#[derive(Debug, PartialEq, Eq)]
struct Mention {
    line: usize,
    path: Vec<String>,
}

/// The module that a file is, from the root of its package.
fn module_of(path: &Path) -> Vec<String> {
    let mut parts: Vec<_> =
        path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
        parts.pop();
    }
    parts
}

/// A text with its comments blanked and its test modules cut off, lines kept.
fn code_of(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut depth = 0_usize;
    let mut attributed = false;
    let mut inside = false;
    for line in text.lines() {
        let code = line.split_once("//").map_or(line, |(code, _)| code);
        if code.trim() == "#[cfg(test)]" {
            attributed = true;
        } else if attributed && !inside && code.trim_end().ends_with('{') {
            (inside, depth) = (true, 0);
        } else if attributed && !inside && code.trim_end().ends_with(';') {
            attributed = false;
            out.push('\n');
            continue;
        }
        if inside {
            depth += code.matches('{').count();
            depth = depth.saturating_sub(code.matches('}').count());
            (attributed, inside) = (depth > 0, depth > 0);
        } else if !attributed {
            out.push_str(code);
        }
        out.push('\n');
    }
    out
}

/// Every path of a source that begins with `crate` or `super`, from the root of the package, braces written out.
fn mentions(source: &Source<'_>) -> Vec<Mention> {
    let begin = Regex::new(r"\b(crate|super)(\s*::\s*super)*\s*::").expect("a pattern");
    let here = module_of(source.path);
    let code = code_of(source.text);
    let mut found = Vec::new();
    for start in begin.find_iter(&code) {
        let supers = start.as_str().matches("super").count();
        let base = if supers == 0 { &[][..] } else { &here[..here.len().saturating_sub(supers)] };
        let line = code[..start.start()].matches('\n').count() + 1;
        for rest in tree(&code[start.end()..]) {
            let path = base.iter().cloned().chain(rest).collect();
            found.push(Mention { line, path });
        }
    }
    found
}

/// The paths of a use tree: `a::{b, c::d}` are `a::b` and `a::c::d`. Stops where the path ends.
fn tree(text: &str) -> Vec<Vec<String>> {
    let text = text.trim_start();
    if let Some(inner) = text.strip_prefix('{') {
        return branches(inner).into_iter().flat_map(tree).collect();
    }
    let end = text.find(|char: char| !(char.is_alphanumeric() || char == '_')).unwrap_or(text.len());
    if end == 0 {
        return vec![Vec::new()];
    }
    let name = text[..end].to_owned();
    let Some(rest) = text[end..].trim_start().strip_prefix("::") else { return vec![vec![name]] };
    tree(rest).into_iter().map(|path| [vec![name.clone()], path].concat()).collect()
}

/// The parts between commas of what is in braces, up to the brace that closes them.
fn branches(text: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0_usize, 0, Vec::new());
    for (at, char) in text.char_indices() {
        match char {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
                if char == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// What is wrong with a source: rooms that it names although they come after its own.
fn against_the_order(order: &[&str], source: &Source<'_>) -> Vec<String> {
    let place = |name: &str| order.iter().position(|room| *room == name);
    let here = module_of(source.path);
    let Some(mine) = here.first().and_then(|room| place(room)) else { return Vec::new() };
    let wrong =
        |mention: &Mention| mention.path.first().and_then(|room| place(room)).is_some_and(|at| at > mine);
    let tell = |mention: Mention| {
        let line = source.text.lines().nth(mention.line - 1).unwrap_or_default().trim();
        let (path, number) = (source.path.display(), mention.line);
        format!("{path}:{number}: `{line}` names {}, which comes after {}", mention.path[0], here[0])
    };
    let told: BTreeSet<_> = mentions(source).into_iter().filter(wrong).map(tell).collect();
    told.into_iter().collect()
}

/// The circles of modules below a room: each file once, as the modules that name each other.
fn circles(sources: &[(PathBuf, String)]) -> Vec<String> {
    let modules: BTreeSet<Vec<String>> = sources.iter().map(|(path, _)| module_of(path)).collect();
    let mut names: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
    for (path, text) in sources {
        let here = module_of(path);
        for mention in mentions(&Source { path, text }) {
            let target =
                (1..=mention.path.len()).rev().find_map(|length| modules.get(&mention.path[..length]));
            // A folder's own module and what is in it belong together.
            if let Some(target) = target
                && !target.starts_with(&here)
                && !here.starts_with(target)
            {
                names.entry(here.clone()).or_default().insert(target.clone());
            }
        }
    }
    let mut found = Vec::new();
    for (from, targets) in &names {
        for to in targets.iter().filter(|to| *to > from && reaches(&names, to, from)) {
            found.push(format!("{} <-> {}", from.join("::"), to.join("::")));
        }
    }
    found
}

fn reaches(names: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>, from: &[String], to: &[String]) -> bool {
    let (mut open, mut seen) = (vec![from], BTreeSet::new());
    while let Some(at) = open.pop() {
        for next in names.get(at).into_iter().flatten() {
            if next == to {
                return true;
            }
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    false
}

fn sources_of(package: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(package);
    let is_test =
        |path: &Path| path.iter().any(|part| part == "tests" || part == "tests.rs" || part == "fixtures.rs");
    walkdir::WalkDir::new(&folder)
        .into_iter()
        .map(|entry| entry.expect("a folder").into_path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .map(|path| {
            (
                path.strip_prefix(&folder).expect("below it").to_owned(),
                std::fs::read_to_string(&path).expect("a source"),
            )
        })
        .filter(|(path, _)| !is_test(path))
        .collect()
}

fn check(package: &str, order: &[&str]) {
    let sources = sources_of(package);
    let rooms: BTreeSet<_> =
        sources.iter().filter_map(|(path, _)| module_of(path).into_iter().next()).collect();
    for room in order.iter().filter(|room| **room != "jobs" || rooms.contains("jobs")) {
        assert!(rooms.contains(*room), "{package}: there is no room {room}");
    }
    let wrong: Vec<_> =
        sources.iter().flat_map(|(path, text)| against_the_order(order, &Source { path, text })).collect();
    assert!(wrong.is_empty(), "{package}:\n{}", wrong.join("\n"));
}

#[test]
fn the_rooms_of_the_engine_name_only_those_before_them() {
    check("src/core", &CORE);
}

#[test]
fn every_room_of_the_engine_has_its_place() {
    let rooms: BTreeSet<_> =
        sources_of("src/core").iter().filter_map(|(path, _)| module_of(path).into_iter().next()).collect();
    let unknown: Vec<_> = rooms.iter().filter(|room| !CORE.contains(&room.as_str())).collect();
    assert!(unknown.is_empty(), "say where they stand: {unknown:?}");
}

#[test]
fn the_rooms_of_the_local_cloud_name_only_those_before_them() {
    check("src/local", &LOCAL);
}

#[test]
fn no_files_of_the_engine_or_the_local_cloud_name_each_other_in_a_circle() {
    for package in ["src/core", "src/local"] {
        let mut found = circles(&sources_of(package));
        found.retain(|circle| !BELONG_TOGETHER.contains(&circle.as_str()));
        assert!(found.is_empty(), "{package}:\n{}", found.join("\n"));
    }
}

/// The check is no use if it does not see what it looks for.
#[test]
fn a_planted_violation_is_found() {
    let path = Path::new("logs/merge/mod.rs");
    let wrong = |text: &str| against_the_order(&CORE, &Source { path, text });
    for (text, line) in [
        ("use crate::engine::Snapshot;", 1),
        ("fn f() {\n    let x = crate::run::follow();\n}", 2),
        ("use super::super::deploy::Plan;", 1),
        ("use crate::{\n    model::Millis,\n    engine::{Command, Scope},\n};", 1),
        ("//! About it.\n\nuse crate::{model::Millis, jobs};", 3),
        ("#[cfg(test)]\nmod tests {\n    use crate::engine::Hub;\n}\nfn f(x: crate::engine::Hub) {}", 5),
    ] {
        let told = wrong(text);
        assert_eq!(told.len(), 1, "{text}: {told:?}");
        assert!(told[0].starts_with(&format!("logs/merge/mod.rs:{line}: `")), "{told:?}");
    }
    for text in [
        "use crate::model::Millis;",
        "use super::super::cloud::Cloud;",
        "use super::engine;",
        "/// See [`crate::engine`].\nfn f() {}",
        "#[cfg(test)]\nmod tests {\n    use crate::engine::Hub;\n}",
        "use std::run::engine;",
    ] {
        assert_eq!(wrong(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_planted_circle_is_found() {
    let file = |path: &str, text: &str| (PathBuf::from(path), text.to_owned());
    let files = [
        file("a/mod.rs", "mod one; mod two; use two::Two;"),
        file("a/one.rs", "use super::two::Two;"),
        file("a/two.rs", "use crate::b::B; use super::A;"),
        file("b.rs", "fn f() { crate::a::one::f() }"),
    ];
    assert_eq!(circles(&files).len(), 2, "{:?}", circles(&files));
    assert!(circles(&files[..3]).is_empty());
}
