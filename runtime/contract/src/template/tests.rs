#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn values<'a>(dir: &'a str, name: &'a str, variables: &'a BTreeMap<String, String>) -> Values<'a> {
    Values {
        run: "20261123-214500123-k3x9",
        stage: 1,
        task: "7.2",
        attempt: "5ca4a8d2.m1",
        request_id: "5ca4a8d2",
        dir,
        name,
        group: Some("sub%2001/a"),
        variables,
    }
}

fn expanded(path: &str, dir: &str, name: &str) -> Result<String, String> {
    let variables = BTreeMap::from([("ALPHA".to_owned(), "0.1/x".to_owned())]);
    Template::parse(path).map_err(|error| error.to_string())?.expand(&values(dir, name, &variables))
}

#[test]
fn every_word_has_its_value() {
    for (path, expected) in [
        ("out", "out"),
        ("", ""),
        ("out/{run}/{stage}/{task}", "out/20261123-214500123-k3x9/1/7.2"),
        ("{attempt}/x-{request_id}", "5ca4a8d2.m1/x-5ca4a8d2"),
        ("out/{dir}/{stem}", "out/sub-01/anat/brain"),
        ("{name}", "brain.nii.gz"),
        ("by-{ext}-{stem}", "by-nii.gz-brain"),
        ("a={ALPHA}", "a=0.1%2Fx"),
        ("out/{group}/{stem}", "out/sub%2001/a/brain"),
    ] {
        assert_eq!(expanded(path, "sub-01/anat", "brain.nii.gz").as_deref(), Ok(expected), "{path}");
    }
}

#[test]
fn a_folder_that_is_none_vanishes() {
    for (path, expected) in
        [("out/{dir}", "out"), ("out/{dir}/x", "out/x"), ("{dir}", ""), ("{dir}/{stem}", "a")]
    {
        assert_eq!(expanded(path, "", "a.txt").as_deref(), Ok(expected), "{path}");
    }
    let none = BTreeMap::new();
    let of =
        |group| Template::parse("out/{group}").unwrap().expand(&Values { group, ..values("", "a", &none) });
    assert_eq!(of(Some(".")).as_deref(), Ok("out"));
    assert!(of(None).unwrap_err().contains("{group}") && of(Some("..")).is_err());
    assert!(Template::parse("out/x-{group}").is_err());
    let without = Template::parse("a/{dir}/b/{run}").unwrap().without_dir();
    assert_eq!(without, Template::parse("a/b/{run}").unwrap());
}

#[test]
fn names_are_split_before_their_endings() {
    for (name, stem, ext) in [
        ("a.txt", "a", "txt"),
        ("brain.nii.gz", "brain", "nii.gz"),
        ("all.tar.zst", "all", "tar.zst"),
        ("2026.11.gz", "2026.11", "gz"),
        ("v1.2.txt", "v1.2", "txt"),
        (".profile", ".profile", ""),
        (".x.gz", ".x", "gz"),
        ("notes", "notes", ""),
        ("end.", "end.", ""),
    ] {
        assert_eq!(stem_and_ext(name), (stem, ext), "{name}");
    }
}

#[test]
fn values_that_are_no_names_are_refused() {
    for (path, dir, name, said) in [
        ("{ext}", "", "notes", "`{ext}` is empty for the input `notes`"),
        ("{name}", "", "..", "`{name}` is `..`"),
        ("{dir}", "a//b", "x", "(a//b) is empty"),
        ("{dir}", "../up", "x", "is `..`"),
        ("{BETA}", "", "x", "no variable BETA"),
    ] {
        let error = expanded(path, dir, name).unwrap_err();
        assert!(error.contains(said), "{path}: {error}");
    }
}

#[test]
fn what_is_no_template_is_told_with_its_place() {
    for (path, at, what, said) in [
        ("out/{input}", 4, "{input}", "is not known: {run} {task}"),
        ("out/x-{Run}", 6, "{Run}", "is not known"),
        ("{}", 0, "{}", "is not known"),
        ("a/b}", 3, "}", "no `{` before it"),
        ("a/{run", 2, "{run", "no `}`"),
        ("a/{{run}}", 2, "{{run}}", "no `}`"),
        ("{r/un}", 0, "{r", "no `}`"),
        ("x/a-{dir}", 4, "{dir}", "between slashes"),
    ] {
        let error = Template::parse(path).unwrap_err();
        assert_eq!((error.at, error.what.as_str()), (at, what), "{path}");
        assert!(error.message.contains(said), "{error}");
    }
}

#[test]
fn what_tasks_have_in_common_is_known() {
    let variables = BTreeMap::new();
    for (path, fixed, begins, shared, apart) in [
        ("a/b", "a/b", ("a/b", true), "a/b", false),
        ("a/{run}/b/{dir}", "a", ("a/", false), "a/20261123-214500123-k3x9/b", true),
        ("a/run-{request_id}/b", "a", ("a/run-", false), "a", true),
        ("{request_id}", "", ("", false), "", true),
        ("a/{stage}-{stem}", "a", ("a/", false), "a", false),
        ("", "", ("", true), "", false),
    ] {
        let template = Template::parse(path).unwrap();
        assert_eq!(template.fixed(), fixed, "{path}");
        let (begin, whole) = template.beginning();
        assert_eq!((begin.as_str(), whole), begins, "{path}");
        assert_eq!(template.shared(&values("d", "n.x", &variables)).as_deref(), Ok(shared), "{path}");
        assert_eq!(template.keeps_apart(), apart, "{path}");
    }
    let template = Template::parse("{ALPHA}/{dir}/{B_2}").unwrap();
    assert_eq!(template.variables().collect::<Vec<_>>(), ["ALPHA", "B_2"]);
    assert!(template.has(&Word::Dir) && !template.has(&Word::Run));
}

#[test]
fn older_paths_stand_for_themselves() {
    let template = Template::literal("out/{input}");
    assert_eq!(template.expand(&values("d", "n", &BTreeMap::new())).as_deref(), Ok("out/{input}"));
    assert_eq!((template.fixed().as_str(), template.words().count()), ("out/{input}", 0));
}

#[test]
fn words_are_shown_as_they_are_written() {
    let path = "{run}{task}{attempt}{name}{stem}{ext}{stage}{request_id}{ALPHA}";
    let shown: String = Template::parse(path).unwrap().words().map(ToString::to_string).collect();
    assert_eq!(shown, path);
    assert_eq!(Word::Dir.to_string(), "{dir}");
}

/// Latin-1 names as file systems give them to us, once as characters and once as bytes that were encoded already.
#[test]
fn latin_1_names_stay_two() {
    let names = ["caf\u{e9}.txt", "cafe\u{301}.txt", "caf%E9.txt", "caf%C3%A9.txt", "café .txt"];
    let paths: BTreeSet<_> = names.iter().map(|name| expanded("{name}", "", name).unwrap()).collect();
    assert_eq!(paths.len(), names.len(), "{paths:?}");
    assert!(paths.contains("café.txt") && paths.contains("caf%25E9.txt"));
}

proptest! {
    /// Whatever is in braces or not: a path is refused with a place in it, or is one.
    #[test]
    fn any_text_is_read_or_refused(path in "[a-z{}/._]{0,40}|(\\{(run|dir|name|stem|ext|X)\\}|/|a|\\.){0,9}") {
        match Template::parse(&path) {
            Err(error) => {
                prop_assert!(path.is_char_boundary(error.at));
                prop_assert!(path[error.at..].starts_with(&error.what), "{error}");
            }
            Ok(template) => {
                let (begin, whole) = template.beginning();
                prop_assert!(begin.starts_with(&template.fixed()));
                prop_assert_eq!(whole, template.words().next().is_none());
            }
        }
    }

    /// No value gets out of its part, and everything is below what is said to be fixed and shared.
    #[test]
    fn values_stay_where_they_stand(
        path in "(([a-z]{1,3}|\\{run\\}|\\{stem\\}|\\{name\\}|\\{task\\})/){0,3}(\\{dir\\}|\\{name\\}|x)",
        dir in "\\PC{0,12}(/\\PC{1,6}){0,2}",
        name in "\\PC{0,16}",
    ) {
        let template = Template::parse(&path).unwrap();
        let variables = BTreeMap::new();
        let values = values(&dir, &name, &variables);
        if let Ok(out) = template.expand(&values) {
            let parts = out.split('/').count();
            let folders = if dir.is_empty() { 0 } else { dir.split('/').count() };
            let words = path.split('/').filter(|part| *part != "{dir}").count();
            if !out.is_empty() {
                prop_assert_eq!(parts, words + if path.contains("{dir}") { folders } else { 0 });
                prop_assert!(out.split('/').all(|part| !matches!(part, "" | "." | "..")), "{out}");
            }
            prop_assert!(out.chars().all(|c| c.is_alphanumeric() || "-_.%/".contains(c)), "{out}");
            let (begin, _) = template.beginning();
            prop_assert!(format!("{out}/").starts_with(&begin), "{out} {begin}");
            prop_assert!(out.starts_with(&template.shared(&values).unwrap()));
        }
    }

    /// Two inputs never get one path through their folder and name.
    #[test]
    fn two_inputs_have_two_paths(a in "\\PC{1,8}(/\\PC{1,8})?", b in "\\PC{1,8}(/\\PC{1,8})?") {
        prop_assume!(a != b);
        let path = |key: &str| {
            let (dir, name) = key.rsplit_once('/').unwrap_or(("", key));
            expanded("out/{dir}/{name}", dir, name)
        };
        if let (Ok(a), Ok(b)) = (path(&a), path(&b)) {
            prop_assert_ne!(a, b);
        }
    }

    /// A name is its stem and its ending.
    #[test]
    fn stem_and_ending_make_the_name(name in "[a-z.0-9]{0,12}(\\.(gz|nii|tar))*") {
        let (stem, ext) = stem_and_ext(&name);
        let joined = if ext.is_empty() { stem.to_owned() } else { format!("{stem}.{ext}") };
        prop_assert_eq!(&joined, &name);
        prop_assert!(name.is_empty() || !stem.is_empty());
    }
}
