//! Making and changing trees.

use crate::definition::node::{Key, Node, Value};
use crate::definition::problem::Position;

/// An empty map.
pub(in crate::definition) const fn empty(at: Position) -> Node {
    Node { at, value: Value::Map(Vec::new()) }
}

/// A text, which stands for numbers too.
pub(in crate::definition) fn text(at: Position, text: impl Into<String>) -> Node {
    Node { at, value: Value::Text { text: text.into(), plain: false } }
}

/// A map of a few entries.
pub(in crate::definition) fn map(at: Position, entries: Vec<(&str, Node)>) -> Node {
    let entries = entries.into_iter().map(|(key, node)| (Key { at: node.at, text: key.to_owned() }, node));
    Node { at, value: Value::Map(entries.collect()) }
}

/// Sets what is at a path, making maps on the way. An entry that is there already is replaced.
pub(in crate::definition) fn put(node: &mut Node, path: &[&str], value: Node) {
    let [key, rest @ ..] = path else {
        *node = value;
        return;
    };
    if !matches!(node.value, Value::Map(_)) {
        node.value = Value::Map(Vec::new());
    }
    let Value::Map(entries) = &mut node.value else { return };
    let known = entries.iter().position(|(known, _)| known.text == *key);
    let at = known.unwrap_or_else(|| {
        entries.push((Key { at: value.at, text: (*key).to_owned() }, empty(value.at)));
        entries.len() - 1
    });
    put(&mut entries[at].1, rest, value);
}

/// Takes an entry out of a map.
pub(super) fn take(node: &mut Node, key: &str) -> Option<Node> {
    let Value::Map(entries) = &mut node.value else { return None };
    let at = entries.iter().position(|(known, _)| known.text == key)?;
    Some(entries.remove(at).1)
}

/// The longest value that a note repeats, in characters.
const LONGEST: usize = 80;

/// `key: value`, or the key alone when the value is no text, or secret.
pub(in crate::definition) fn setting(key: &str, node: &Node) -> String {
    let Value::Text { text, .. } = &node.value else { return key.to_owned() };
    if key == "token" {
        return key.to_owned();
    }
    let short: String = text.chars().take(LONGEST).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{key}: {}{more}", short.replace(char::is_control, " "))
}
