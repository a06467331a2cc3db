//! Folders of invocations between two functions of a file.
//!
//! SCAR v1 to v3 gave every invocation a folder of its own. Where that folder starts the next function, the request id would be
//! another at every try, so that one task would start the next function twice: a folder for each task stands there.

use super::{Dialect, Translated};
use crate::definition::node::{Node, Value};
use throng_contract::Word;

/// Words in place of [`Word::RequestId`].
const INSTEAD: &str = "{run}/{task}";

/// Gives outputs that are inputs of another function a folder for each task.
pub(super) fn by_task(translated: &mut Translated) {
    let Some(Value::List(entries)) = translated
        .root
        .get_mut("functions")
        .and_then(|functions| functions.get_mut("aws"))
        .map(|list| &mut list.value)
    else {
        return;
    };
    let inputs: Vec<_> = entries.iter().map(|entry| path_of(entry, "input").map(str::to_owned)).collect();
    let word = Word::RequestId.to_string();
    for (index, entry) in entries.iter_mut().enumerate() {
        // Who writes today's form is told.
        if translated.origins.get(index).is_none_or(|origin| origin.dialect == Dialect::ScarV4) {
            continue;
        }
        let Some(path) = path_of(entry, "output").map(str::to_owned) else { continue };
        let Some(folder) = path.strip_suffix(&word) else { continue };
        let starts = |(other, input): (usize, &Option<String>)| {
            let below = |input: &String| {
                folder.strip_prefix(input.as_str()).is_some_and(|rest| rest.starts_with('/'))
            };
            other != index && input.as_ref().is_some_and(below)
        };
        if !inputs.iter().enumerate().any(starts) {
            continue;
        }
        let now = format!("{folder}{INSTEAD}");
        if let Some(Value::Text { text, .. }) = first(entry, "output").map(|node| &mut node.value) {
            text.clone_from(&now);
        }
        let notes = translated.origins.get_mut(index).map(|origin| &mut origin.notes);
        for note in notes.into_iter().flatten().filter(|note| note.became.contains(&path)) {
            note.became = note.became.replace(&path, &now).replace(
                "a folder for each invocation, as SCAR made it",
                "a folder for each task: SCAR made one for each invocation, which would start the next function twice when a \
                 task is tried again",
            );
        }
    }
}

/// The path of the only input or output.
fn path_of<'n>(entry: &'n Node, side: &str) -> Option<&'n str> {
    let Value::List(items) = &entry.get("lambda")?.get(side)?.value else { return None };
    match &items.first()?.get("path")?.value {
        Value::Text { text, .. } => Some(text),
        _ => None,
    }
}

fn first<'n>(entry: &'n mut Node, side: &str) -> Option<&'n mut Node> {
    let Value::List(items) = &mut entry.get_mut("lambda")?.get_mut(side)?.value else { return None };
    items.first_mut()?.get_mut("path")
}
