//! Trees as YAML.

use super::node::{Key, Node, Value};
use std::fmt::Write as _;

/// The longest key that is written without `?`, in characters; YAML 1.2.2, 7.4.2, allows 1024 with what is around it.
const LONGEST_KEY: usize = 1000;

/// Writes a tree so that it reads back as itself. The root is a map.
pub(super) fn yaml(root: &Node) -> String {
    let mut out = String::new();
    block(root, 0, false, &mut out);
    out
}

/// A value behind `key:` or `-`. Lists stand below their key's own column, as everywhere in these files.
fn after(node: &Node, indent: usize, in_list: bool, out: &mut String) {
    match &node.value {
        Value::Text { text, .. } if !in_list && is_block(text) => {
            out.push_str(if text.ends_with('\n') { " |\n" } else { " |-\n" });
            for line in text.lines() {
                let spaces = if line.is_empty() { 0 } else { indent + 2 };
                let _ = writeln!(out, "{:spaces$}{line}", "");
            }
        }
        Value::Text { text, plain } => {
            let _ = writeln!(out, " {}", scalar(text, *plain));
        }
        Value::List(items) if items.is_empty() => out.push_str(" []\n"),
        Value::Map(entries) if entries.is_empty() => out.push_str(" {}\n"),
        Value::Map(_) if in_list => {
            out.push(' ');
            block(node, indent + 2, true, out);
        }
        Value::Map(_) => {
            out.push('\n');
            block(node, indent + 2, false, out);
        }
        Value::List(_) => {
            out.push('\n');
            block(node, if in_list { indent + 2 } else { indent }, false, out);
        }
    }
}

/// Whether a text of several lines can stand as it is, for people to read: a script. Nothing may depend on what editors change
/// unseen, such as spaces at ends of lines.
fn is_block(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let shown = |c: char| matches!(c, ' '..='~' | '\n' | '\t') || c.is_alphanumeric();
    body.contains('\n')
        && body.starts_with(|c: char| !c.is_whitespace())
        && !body.ends_with('\n')
        && body.chars().all(shown)
        && body.split('\n').all(|line| line == line.trim_end())
}

/// A map or list over lines. The first line is `inline` when its indentation is there already.
fn block(node: &Node, indent: usize, inline: bool, out: &mut String) {
    let mut inline = inline;
    let mut begin = |out: &mut String| {
        if !std::mem::take(&mut inline) {
            out.extend(std::iter::repeat_n(' ', indent));
        }
    };
    match &node.value {
        Value::Map(entries) => {
            for (Key { text, .. }, child) in entries {
                begin(out);
                out.push_str(&key(text, indent));
                after(child, indent, false, out);
            }
        }
        Value::List(items) => {
            for child in items {
                begin(out);
                out.push('-');
                after(child, indent, true, out);
            }
        }
        Value::Text { .. } => {}
    }
}

/// A key with its colon. YAML looks only so far for the colon of a key that does not say that it is one.
fn key(text: &str, indent: usize) -> String {
    let text = scalar(text, false);
    if text.chars().count() <= LONGEST_KEY {
        return text + ":";
    }
    format!("? {text}\n{}:", " ".repeat(indent))
}

/// A text on one line. What stood without quotes stays so where that is safe.
fn scalar(text: &str, plain: bool) -> String {
    if plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return "~".to_owned();
    }
    let safe =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '+' | '=' | '$');
    let first = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.');
    // A colon ends a key when a space or the line's end follows; no space is safe, the end is looked at.
    let bare = text.starts_with(first)
        && text.chars().all(safe)
        && !text.ends_with(':')
        && !matches!(text, "null" | "Null" | "NULL")
        && !text.starts_with("---")
        && !text.starts_with("...");
    if bare { text.to_owned() } else { quoted(text) }
}

/// In double quotes, with every character that YAML calls unprintable, and every line break, escaped.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(char),
            _ if char.is_alphanumeric() => out.push(char),
            _ if u32::from(char) <= 0xffff => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            _ => {
                let _ = write!(out, "\\U{:08x}", u32::from(char));
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::definition::node::parse;
    use proptest::prelude::*;

    /// The tree without positions; whether a text was quoted matters for nothing but "nothing".
    fn bare(node: &Node) -> String {
        match &node.value {
            _ if node.is_null() => "null".to_owned(),
            Value::Text { text, .. } => format!("{text:?}"),
            Value::List(items) => format!("{:?}", items.iter().map(bare).collect::<Vec<_>>()),
            Value::Map(entries) => {
                format!("{:?}", entries.iter().map(|(key, node)| (&key.text, bare(node))).collect::<Vec<_>>())
            }
        }
    }

    fn tree() -> impl Strategy<Value = Node> {
        let at = super::super::Position::default();
        let leaf = ("\\PC{0,12}|null|~|a: b|#|- x|\\.\\.\\.|---|[\\n\\t\"'\\\\]{0,3}", any::<bool>())
            .prop_map(move |(text, plain)| {
                // Only what can stand without quotes ever does.
                let plain = plain && matches!(text.as_str(), "" | "~" | "null");
                Node { at, value: Value::Text { text, plain } }
            });
        leaf.prop_recursive(4, 40, 5, move |inner| {
            let key = "[a-z]{1,4}|\\PC{1,5}";
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5)
                    .prop_map(move |items| Node { at, value: Value::List(items) }),
                proptest::collection::btree_map(key, inner, 0..5).prop_map(move |entries| {
                    let entries = entries.into_iter().filter(|(text, _)| text != "<<");
                    let entries = entries.map(|(text, node)| (Key { at, text }, node));
                    Node { at, value: Value::Map(entries.collect()) }
                }),
            ]
        })
    }

    #[test]
    fn keys_of_any_length_read_back() {
        for key in ["\u{6}".repeat(300), "k".repeat(2000)] {
            for value in ["1", "\n  a: {b: c}", "\n- a\n- {b: c, d: [e]}", "[]"] {
                let at = super::super::Position::default();
                let inner = parse(&format!("x: {value}")).unwrap().unwrap().get("x").unwrap().clone();
                let inner = Node { at, value: Value::Map(vec![(Key { at, text: key.clone() }, inner)]) };
                let list = Node { at, value: Value::List(vec![inner.clone()]) };
                let entries = [("map", inner), ("list", list)]
                    .map(|(text, node)| (Key { at, text: text.into() }, node));
                let root = Node { at, value: Value::Map(entries.into()) };
                let text = yaml(&root);
                let back = parse(&text).unwrap().unwrap();
                assert_eq!(bare(&back), bare(&root), "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn texts_of_several_lines_read_back(text in "[a#\\- ]([a-c#:\\- \t]{0,4}\n){0,4}[a-c]{0,2}\n?", in_list in any::<bool>()) {
            let at = super::super::Position::default();
            let leaf = Node { at, value: Value::Text { text, plain: false } };
            let inner = Node { at, value: Value::Map(vec![(Key { at, text: "k".into() }, leaf.clone()), (Key { at, text: "l".into() }, leaf)]) };
            let value = if in_list { Node { at, value: Value::List(vec![inner]) } } else { inner };
            let root = Node { at, value: Value::Map(vec![(Key { at, text: "root".into() }, value)]) };
            let text = yaml(&root);
            let back = parse(&text).map_err(|error| TestCaseError::fail(format!("{error:?}\n{text}")))?.unwrap();
            prop_assert_eq!(bare(&back), bare(&root), "{}", text);
        }

        #[test]
        fn every_tree_reads_back(node in tree()) {
            let at = node.at;
            let root = Node { at, value: Value::Map(vec![(Key { at, text: "root".into() }, node)]) };
            let text = yaml(&root);
            let back = parse(&text).map_err(|error| TestCaseError::fail(format!("{error:?}\n{text}")))?.unwrap();
            prop_assert_eq!(bare(&back), bare(&root), "{}", text);
        }
    }
}
