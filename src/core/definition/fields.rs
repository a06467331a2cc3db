//! Typed access to a map of a definition: unknown keys are warned about, wrong values are reported and go on.

use super::node::{Node, Value};
use super::problem::{Position, Report, closest};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// A value that was read and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Spanned<T> {
    pub at: Position,
    pub value: T,
}

/// One map of a definition.
pub(super) struct Fields<'a> {
    node: Option<&'a Node>,
    /// Path of the map, for messages.
    pub path: String,
}

impl<'a> Fields<'a> {
    /// The map `node`; anything else is an error, and reads as an empty map. Keys that are not in `known` are
    /// warned about.
    pub fn new(node: &'a Node, path: &str, known: &[&str], report: &mut Report) -> Self {
        let mut this = Self { node: None, path: path.to_owned() };
        match &node.value {
            Value::Map(entries) => {
                this.node = Some(node);
                for (key, _) in entries.iter().filter(|(key, _)| !known.contains(&key.text.as_str())) {
                    // SCAR's own example has this stray quote.
                    if known.contains(&key.text.trim_matches('"')) {
                        continue;
                    }
                    let hint = match closest(&key.text, known) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => format!("known keys: {}", known.join(", ")),
                    };
                    report.warn(key.at, &this.key(&key.text), format!("unknown key, ignored; {hint}"));
                }
            }
            _ if node.is_null() => {}
            _ => report.error(node.at, path, format!("must be a map, this is {}", node.kind())),
        }
        this
    }

    /// A map that is not there.
    pub fn absent(path: &str) -> Self {
        Self { node: None, path: path.to_owned() }
    }

    /// The map itself, unless it is not there.
    pub const fn whole(&self) -> Option<&'a Node> {
        self.node
    }

    /// The path of a key.
    pub fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The node of a key, unless it is absent or null.
    pub fn node(&self, name: &str) -> Option<&'a Node> {
        let node = self.node?;
        let found = node.get(name).or_else(|| node.get(&format!("{name}\"")))?;
        (!found.is_null()).then_some(found)
    }

    /// A map within.
    pub fn map(&self, name: &str, known: &[&str], report: &mut Report) -> Self {
        match self.node(name) {
            Some(node) => Self::new(node, &self.key(name), known, report),
            None => Self::absent(&self.key(name)),
        }
    }

    /// A scalar's text.
    pub fn text(&self, name: &str, report: &mut Report) -> Option<Spanned<String>> {
        text_of(self.node(name)?, &self.key(name), report)
    }

    /// A whole number within a range.
    pub fn number(
        &self,
        name: &str,
        range: RangeInclusive<u32>,
        unit: &str,
        report: &mut Report,
    ) -> Option<Spanned<u32>> {
        let text = self.text(name, report)?;
        let (low, high) = (range.start(), range.end());
        match text.value.trim().parse::<u32>() {
            Ok(value) if range.contains(&value) => Some(Spanned { at: text.at, value }),
            _ => {
                let shown = show(&text.value);
                let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
                let message = format!("{shown} is not allowed: a whole number from {low} to {high}{unit}");
                report.error(text.at, &self.key(name), message);
                None
            }
        }
    }

    /// Yes or no.
    pub fn flag(&self, name: &str, report: &mut Report) -> Option<bool> {
        let text = self.text(name, report)?;
        match text.value.to_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => {
                let message = format!("{} is not allowed: true or false", show(&text.value));
                report.error(text.at, &self.key(name), message);
                None
            }
        }
    }

    /// One of a few words.
    pub fn word<T: Copy>(&self, name: &str, words: &[(&str, T)], report: &mut Report) -> Option<Spanned<T>> {
        let text = self.text(name, report)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(Spanned { at: text.at, value: *value });
        }
        let allowed: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let message = format!("{} is not allowed: {}", show(&text.value), allowed.join(" or "));
        report.error(text.at, &self.key(name), message);
        None
    }

    /// A list of nodes; a single value stands for a list of one.
    pub fn list(&self, name: &str) -> Vec<(&'a Node, String)> {
        let Some(node) = self.node(name) else { return Vec::new() };
        match &node.value {
            Value::List(items) => {
                items.iter().enumerate().map(|(i, item)| (item, format!("{}[{i}]", self.key(name)))).collect()
            }
            _ => vec![(node, self.key(name))],
        }
    }

    /// A list of texts; a single text stands for a list of one.
    pub fn texts(&self, name: &str, report: &mut Report) -> Vec<Spanned<String>> {
        self.list(name).into_iter().filter_map(|(node, key)| text_of(node, &key, report)).collect()
    }

    /// A map of texts (`environment.Variables`, `tags`).
    pub fn pairs(&self, name: &str, report: &mut Report) -> BTreeMap<String, Spanned<String>> {
        let Some(node) = self.node(name) else { return BTreeMap::new() };
        let Value::Map(entries) = &node.value else {
            report.error(node.at, &self.key(name), format!("must be a map, this is {}", node.kind()));
            return BTreeMap::new();
        };
        let read = |report: &mut Report, key: &super::node::Key, node: &Node| {
            let path = format!("{}.{}", self.key(name), key.text);
            let value = if node.is_null() {
                Some(Spanned { at: node.at, value: String::new() })
            } else {
                text_of(node, &path, report)
            };
            value.map(|value| (key.text.clone(), value))
        };
        entries.iter().filter_map(|(key, node)| read(report, key, node)).collect()
    }
}

fn text_of(node: &Node, path: &str, report: &mut Report) -> Option<Spanned<String>> {
    if let Value::Text { text, .. } = &node.value {
        return Some(Spanned { at: node.at, value: text.clone() });
    }
    let hint = match &node.value {
        Value::List(items) if items.len() == 1 => ": `[` and `]` make a list of what is between them",
        _ => "",
    };
    report.error(node.at, path, format!("must be one value, this is {}{hint}", node.kind()));
    None
}

/// A value for a message: quoted, on one line, not too long.
pub(super) fn show(value: &str) -> String {
    let mut short: String = value.chars().take(80).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    format!("{short:?}")
}
