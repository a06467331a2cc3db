//! SCAR v4, which is today's form but for slips that SCAR's own documentation and examples have:
//! a script that only `run_script` names, keys with a stray quote (`timeout_threshold":`), `environment.variables`, and
//! settings of the container that stand beside it.

use super::draft::Draft;
use super::setting;
use super::tree::{put, take};
use crate::definition::node::{Node, Value};

/// Settings of `container` that older examples have in `lambda`.
const OF_CONTAINER: [&str; 3] = ["image", "image_file", "timeout_threshold"];

/// Every entry of `functions.aws`.
pub(super) fn read(root: &Node) -> Vec<Draft> {
    let Some(list) = root.get("functions").and_then(|functions| functions.get("aws")) else {
        return Vec::new();
    };
    match &list.value {
        Value::List(items) => {
            let each = |(index, item)| tidy(item, &format!("functions.aws[{index}]"));
            items.iter().enumerate().map(each).collect()
        }
        _ if list.is_null() => Vec::new(),
        // A single function stands for a list of one.
        _ => vec![tidy(list, "functions.aws")],
    }
}

/// An entry with its slips mended.
pub(super) fn tidy(entry: &Node, called: &str) -> Draft {
    let mut entry = entry.clone();
    let mut notes = Vec::new();
    unquote(&mut entry, &mut notes);
    let mut renames = Vec::new();
    if let Value::Map(entries) = &mut entry.value
        && let Some((_, lambda)) = entries.iter_mut().find(|(key, _)| key.text == "lambda")
    {
        for key in OF_CONTAINER {
            let there = lambda.get("container").is_some_and(|container| container.get(key).is_some());
            if !there && let Some(node) = take(lambda, key) {
                notes.push((node.at, setting(key, &node), setting(&format!("container.{key}"), &node)));
                put(lambda, &["container", key], node);
                renames.push((format!("lambda.container.{key}"), format!("lambda.{key}")));
            }
        }
        if lambda.get("init_script").is_none()
            && let Some(node) = take(lambda, "run_script")
        {
            notes.push((node.at, setting("run_script", &node), setting("init_script", &node)));
            put(lambda, &["init_script"], node);
            renames.push(("lambda.init_script".to_owned(), "lambda.run_script".to_owned()));
        }
        capital(lambda, "environment", &mut notes);
        if let Value::Map(entries) = &mut lambda.value
            && let Some((_, container)) = entries.iter_mut().find(|(key, _)| key.text == "container")
        {
            capital(container, "container.environment", &mut notes);
        }
    }
    let mut draft = Draft::of(entry, called);
    for (at, was, became) in notes {
        draft.note(at, was, became);
    }
    for (path, from) in renames {
        draft.rename(&path, &from);
    }
    draft
}

type Noted = Vec<(super::Position, String, String)>;

/// Takes stray quotes off keys, unless the right key is there too.
fn unquote(node: &mut Node, notes: &mut Noted) {
    match &mut node.value {
        Value::Map(entries) => {
            for index in 0..entries.len() {
                let right = entries[index].0.text.trim_matches('"').to_owned();
                let known = entries.iter().any(|(key, _)| key.text == right);
                let (key, child) = &mut entries[index];
                if !known && !right.is_empty() {
                    notes.push((key.at, setting(&key.text, child), setting(&right, child)));
                    key.text = right;
                }
                // Names of variables and tags are the person's own.
                if !matches!(key.text.as_str(), "Variables" | "variables" | "tags") {
                    unquote(child, notes);
                }
            }
        }
        Value::List(items) => items.iter_mut().for_each(|item| unquote(item, notes)),
        Value::Text { .. } => {}
    }
}

/// `environment.variables` is `environment.Variables`.
fn capital(parent: &mut Node, path: &str, notes: &mut Noted) {
    let Value::Map(entries) = &mut parent.value else { return };
    let Some((_, block)) = entries.iter_mut().find(|(key, _)| key.text == "environment") else { return };
    if block.get("Variables").is_none()
        && let Value::Map(entries) = &mut block.value
        && let Some((key, _)) = entries.iter_mut().find(|(key, _)| key.text == "variables")
    {
        notes.push((key.at, format!("{path}.variables"), format!("{path}.Variables")));
        "Variables".clone_into(&mut key.text);
    }
}
