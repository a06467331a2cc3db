//! `group`, `with`, `trigger_on`: tasks of several files.

use super::fields::{Fields, Spanned, show};
use super::node::Value;
use super::problem::{Position, Report};
use super::{Definition, InputRule};
use crate::words;
use std::collections::HashSet;
use throng_contract::{Grouping, Partner, Template, Word};

/// What all of it has room for, in bytes of JSON: it travels in tags of the function, six of 256 characters.
const BYTES: usize = 1100;
/// Most partners of an input.
const MOST: usize = 16;
/// Names whose variables have another meaning.
const TAKEN: [&str; 4] = ["dir", "file_path", "list", "file"];

/// Reads how inputs become tasks. What starts the function follows from it: nothing, or what completes a group.
pub(super) fn read(
    lambda: &Fields<'_>,
    positions: &mut Vec<Position>,
    definition: &mut Definition,
    report: &mut Report,
) {
    let folder = read_folder(lambda, report);
    let with = read_partners(lambda, report);
    let trigger_on = lambda.text("trigger_on", report).filter(|text| !text.value.trim().is_empty());
    if lambda.node("group").is_none() && lambda.node("with").is_none() {
        if let Some(end) = trigger_on {
            let message = "is of a function with `group` or `with`: for another, `suffix` of the input says what starts it";
            report.error(end.at, &lambda.key("trigger_on"), message);
        }
        return;
    }
    let both = lambda.node("group").and(lambda.node("with"));
    if let Some(node) = both {
        let message = "give `group` or `with`: a task is a folder, or an input with its partners";
        report.error(node.at, &lambda.key("with"), message);
    }
    for name in ["group", "with"] {
        if let Some(node) = lambda.node(name).filter(|_| lambda.node("after").is_some()) {
            let message = "a function with `after` has no inputs that could be grouped: it gets what others have stored";
            report.error(node.at, &lambda.key(name), message);
        }
    }
    if let Some(end) = &trigger_on
        && definition.inputs.is_empty()
    {
        let message = "needs an `input` of the function's own storage: objects there start it";
        report.error(end.at, &lambda.key("trigger_on"), message);
    }
    let grouping =
        Grouping { folder, with, trigger_on: trigger_on.as_ref().map(|end| end.value.trim().to_owned()) };
    let length = serde_json::to_string(&grouping).map_or(0, |text| text.len());
    if length > BYTES
        && let Some(node) = lambda.node("with").or(lambda.node("group"))
    {
        let message = format!("has {length} bytes: {BYTES} are allowed; use fewer or shorter partners");
        report.error(node.at, &lambda.key("with"), message);
    }
    start_by(&mut definition.inputs, positions, trigger_on);
    definition.grouping = Some(grouping);
}

/// Of several suffixes of a place one trigger is left, or none.
fn start_by(inputs: &mut Vec<InputRule>, positions: &mut Vec<Position>, end: Option<Spanned<String>>) {
    let before = std::mem::take(inputs).into_iter().zip(std::mem::take(positions)).collect::<Vec<_>>();
    let Some(end) = end else { return };
    for (rule, at) in before {
        let rule = InputRule { suffix: end.value.trim().to_owned(), ..rule };
        if !inputs.contains(&rule) {
            inputs.push(rule);
            positions.push(at);
        }
    }
}

fn read_folder(lambda: &Fields<'_>, report: &mut Report) -> Option<String> {
    let text = lambda.text("group", report)?;
    match folder_glob(&text.value) {
        Ok(pattern) => Some(pattern),
        Err(message) => {
            report.error(text.at, &lambda.key("group"), message);
            None
        }
    }
}

/// A glob of folders, without slashes at either end.
pub(super) fn folder_glob(text: &str) -> Result<String, String> {
    let pattern = text.trim().trim_start_matches("./").trim_matches('/').to_owned();
    let wrong = |why: &str| {
        Err(format!(
            "{} {why}: a glob of folders below the input place or the dataset is expected, such as `sub-*/`",
            show(text)
        ))
    };
    if pattern.is_empty() {
        return wrong("names no folder");
    }
    for part in pattern.split('/') {
        if part.contains("**") || matches!(part, "" | "." | "..") {
            return wrong("is no depth: each part between slashes is one folder");
        }
        if let Err(error) = globset::Glob::new(part) {
            return wrong(&format!("is not a pattern ({})", error.kind()));
        }
    }
    Ok(pattern)
}

fn read_partners(lambda: &Fields<'_>, report: &mut Report) -> Vec<Partner> {
    let Some(node) = lambda.node("with") else { return Vec::new() };
    let Value::Map(entries) = &node.value else {
        let message = "must be a map of names and paths, such as `{mask: \"{dir}/{stem}_mask.nii.gz\"}`";
        report.error(node.at, &lambda.key("with"), message);
        return Vec::new();
    };
    if entries.is_empty() || entries.len() > MOST {
        let message = format!("names {} partners: 1 to {MOST} are allowed", entries.len());
        report.error(node.at, &lambda.key("with"), message);
    }
    let mut seen = HashSet::new();
    let mut partners = Vec::new();
    for (name, node) in entries {
        let key = format!("{}.{}", lambda.key("with"), name.text);
        let lower = name.text.to_ascii_lowercase();
        let mut letters = lower.bytes();
        let good = letters.next().is_some_and(|c| c.is_ascii_alphabetic())
            && letters.all(|c| c.is_ascii_alphanumeric() || c == b'_');
        if !good || TAKEN.contains(&lower.as_str()) {
            let message = format!(
                "{} is no name of a partner: a letter, then letters, digits and _ (it becomes the variable INPUT_…), none of {}",
                show(&name.text),
                TAKEN.join(", ")
            );
            report.error(name.at, &key, message);
            continue;
        }
        if !seen.insert(lower) {
            report.error(name.at, &key, "would be the variable of another partner");
            continue;
        }
        let (path, optional) = match &node.value {
            Value::Map(_) => {
                let fields = Fields::new(node, &key, &["path", "optional"], report);
                let optional = fields.flag("optional", report).unwrap_or(false);
                (fields.text("path", report), optional)
            }
            Value::Text { text, .. } => (Some(Spanned { at: node.at, value: text.clone() }), false),
            Value::List(_) => (None, false),
        };
        let Some(path) = path else {
            report.error(node.at, &key, "needs a path, such as `{dir}/{stem}_mask.nii.gz`");
            continue;
        };
        if let Some(path) = checked(&path, &key, report) {
            partners.push(Partner { name: name.text.clone(), path, optional });
        }
    }
    partners
}

/// A partner's path, if it is one.
fn checked(path: &Spanned<String>, key: &str, report: &mut Report) -> Option<String> {
    let template = match Template::parse(&path.value) {
        Ok(template) => template,
        Err(error) => {
            report.error(path.at, key, error.to_string());
            return None;
        }
    };
    let known = |word: &&Word| !matches!(word, Word::Dir | Word::Name | Word::Stem | Word::Ext);
    if let Some(word) = template.words().find(known) {
        let message =
            format!("`{word}` says nothing of an input: {{dir}}, {{name}}, {{stem}} and {{ext}} do");
        report.error(path.at, key, message);
        return None;
    }
    if path.value.trim().is_empty() || path.value.split('/').any(|part| matches!(part, "." | "..")) {
        let message = format!(
            "{} is no path below the input place or the dataset, where partners are looked for",
            show(&path.value)
        );
        report.error(path.at, key, message);
        return None;
    }
    Some(path.value.trim().trim_start_matches('/').to_owned())
}

/// What it does, in words.
pub(super) fn lines(grouping: &Grouping) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(folder) = &grouping.folder {
        lines.push(format!(
            "each folder `{folder}/` is a task: the script finds its files in INPUT_DIR, the first as INPUT_FILE_PATH"
        ));
    }
    for partner in &grouping.with {
        let missing = if partner.optional { ", if it is there" } else { "; without it nothing is launched" };
        lines.push(format!("with each input goes {} as {}{missing}", partner.path, partner.variable()));
    }
    lines.push(match &grouping.trigger_on {
        Some(end) => format!("objects whose names end with {end} complete a task and start it"),
        None => {
            "nothing that arrives starts it: `throng run` does (`trigger_on` names what completes a task)"
                .to_owned()
        }
    });
    lines
}

/// As lines of a definition.
pub(super) fn yaml(grouping: &Grouping, quote: impl Fn(&str) -> String) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(folder) = &grouping.folder {
        lines.push(format!("group: {}", quote(&format!("{folder}/"))));
    }
    if !grouping.with.is_empty() {
        lines.push("with:".to_owned());
    }
    for partner in &grouping.with {
        let path = quote(&partner.path);
        lines.push(if partner.optional {
            format!("  {}: {{path: {path}, optional: true}}", partner.name)
        } else {
            format!("  {}: {path}", partner.name)
        });
    }
    if let Some(end) = &grouping.trigger_on {
        lines.push(format!("trigger_on: {}", quote(end)));
    }
    lines
}

/// Groups in words: `3 groups of 12 files`.
pub(crate) fn counted(grouping: &Grouping, groups: u64, files: u64) -> String {
    let files = words::plural(files, "file");
    if let Some(folder) = &grouping.folder {
        return format!("{} of {files}, a task for each folder `{folder}/`", words::plural(groups, "group"));
    }
    let names: Vec<_> = grouping.with.iter().map(|partner| partner.name.as_str()).collect();
    format!("{} with {}: {files}", words::plural(groups, "input"), names.join(", "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Environment, explain, parse, to_yaml};
    use super::*;
    use std::path::Path;

    fn read(more: &str) -> Result<Definition, String> {
        let text = format!(
            "functions:\n  aws:\n  - lambda:\n      name: fit\n      container: {{image: ubuntu:22.04}}\n      {more}\n"
        );
        let document = parse(&text, Path::new("/d/f.yaml"), Environment(&|_| None));
        document.map(|mut document| document.definitions.remove(0)).map_err(|errors| errors.to_string())
    }

    const INPUT: &str = "input: [{storage_provider: s3, path: study/in, suffix: [.nii, .json]}]";

    #[test]
    fn a_grouped_function_is_started_by_nothing_or_by_what_completes_a_group() {
        let definition = read(&format!("group: sub-*/\n      {INPUT}")).unwrap();
        assert_eq!(definition.grouping.clone().unwrap().folder.as_deref(), Some("sub-*"));
        assert!(definition.inputs.is_empty());
        let places: Vec<_> = definition.input_places().collect();
        assert_eq!(places, [("study", "in")], "it is read all the same");
        let told = explain(&definition).to_string();
        assert!(told.contains("each folder `sub-*/` is a task") && !told.contains("notification"), "{told}");
        let started = read(&format!("group: sub-*/\n      trigger_on: done.txt\n      {INPUT}")).unwrap();
        let rules: Vec<_> = started.inputs.iter().map(|rule| rule.suffix.as_str()).collect();
        assert_eq!(rules, ["done.txt"]);
        assert!(explain(&started).to_string().contains("end with done.txt complete a task"));
        for definition in [definition, started] {
            let again = parse(&to_yaml(&definition), Path::new("/d/f.yaml"), Environment(&|_| None)).unwrap();
            assert_eq!(again.definitions[0].grouping, definition.grouping);
            assert_eq!(again.definitions[0].inputs, definition.inputs);
        }
    }

    #[test]
    fn partners_are_read_and_written() {
        let with = "with: {mask: \"{dir}/{stem}_mask.nii.gz\", T1: {path: \"t1/{name}\", optional: true}}";
        let definition = read(with).unwrap();
        let grouping = definition.grouping.clone().unwrap();
        let told: Vec<_> = grouping.with.iter().map(|p| (p.variable(), p.optional)).collect();
        assert_eq!(told, [("INPUT_MASK".to_owned(), false), ("INPUT_T1".to_owned(), true)]);
        let again = parse(&to_yaml(&definition), Path::new("/d/f.yaml"), Environment(&|_| None)).unwrap();
        assert_eq!(again.definitions[0].grouping, Some(grouping));
        assert!(explain(&definition).to_string().contains("t1/{name} as INPUT_T1, if it is there"));
    }

    #[test]
    fn what_makes_no_groups_is_refused_with_what_does() {
        for (more, why) in [
            ("group: /", "names no folder"),
            ("group: \"**/sub-*/\"", "one folder"),
            ("group: \"sub-[/\"", "is not a pattern"),
            ("group: sub-*/\n      with: {mask: \"{dir}/m\"}", "`group` or `with`"),
            ("with: {dir: \"{dir}/m\"}", "is no name of a partner"),
            ("with: {a: x, A: y}", "variable of another"),
            ("with: {mask: \"{run}/m\"}", "says nothing of an input"),
            ("with: {mask: \"../m\"}", "is no path below"),
            ("with: {mask: \"{nam}/m\"}", "is not known"),
            ("with: [a]", "must be a map"),
            ("trigger_on: .nii", "is of a function with `group` or `with`"),
            ("group: sub-*/\n      trigger_on: .nii", "needs an `input`"),
            ("group: sub-*/\n      after: fit2", "has no inputs that could be grouped"),
        ] {
            let said = read(more).unwrap_err();
            assert!(said.contains(why), "{more}: {said}");
        }
    }
}
