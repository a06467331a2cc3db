//! YAML as a tree that knows where each node stands.

use super::problem::Position;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use std::collections::HashMap;

/// Deeper files are refused: no definition needs it, and each level costs stack.
const MAX_DEPTH: usize = 64;
/// More nodes are refused, whether written or made by aliases.
const MAX_NODES: usize = 100_000;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub at: Position,
    pub value: Value,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Text as written; `plain` when it stands without quotes.
    Text { text: String, plain: bool },
    /// `[…]`
    List(Vec<Node>),
    /// `{…}`, in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    pub at: Position,
    pub text: String,
}

impl Node {
    /// Whether it stands for "nothing given".
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Text { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Whether a setting with it says nothing: it is empty, false, or holds nothing else.
    pub fn says_nothing(&self) -> bool {
        match &self.value {
            Value::Text { text, .. } => text.is_empty() || text == "false",
            Value::List(items) => items.is_empty(),
            Value::Map(entries) => entries.iter().all(|(_, node)| node.is_null() || node.says_nothing()),
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(name, _)| name.text == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The value of a key of a map, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match &mut self.value {
            Value::Map(entries) => {
                entries.iter_mut().find(|(name, _)| name.text == key).map(|(_, node)| node)
            }
            _ => None,
        }
    }

    /// What it is, for messages.
    pub const fn kind(&self) -> &'static str {
        match self.value {
            Value::Text { .. } => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    fn count(&self) -> usize {
        1 + match &self.value {
            Value::Text { .. } => 0,
            Value::List(items) => items.iter().map(Self::count).sum(),
            Value::Map(entries) => entries.iter().map(|(_, node)| 1 + node.count()).sum(),
        }
    }

    fn depth(&self) -> usize {
        1 + match &self.value {
            Value::Text { .. } => 0,
            Value::List(items) => items.iter().map(Self::depth).max().unwrap_or(0),
            Value::Map(entries) => entries.iter().map(|(_, node)| node.depth()).max().unwrap_or(0),
        }
    }
}

/// Why text is not YAML that we read.
#[derive(Debug, PartialEq)]
pub(super) struct YamlError {
    pub at: Position,
    pub message: String,
}

enum Frame {
    List { at: Position, anchor: usize, items: Vec<Node> },
    Map { at: Position, anchor: usize, entries: Vec<(Key, Node)>, key: Option<Key> },
}

/// The one document of `text`; `None` when it is empty.
pub(super) fn parse(text: &str) -> Result<Option<Node>, YamlError> {
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    let mut complete = false;
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| YamlError {
            at: position(*error.marker()),
            message: format!("this is not YAML: {}", error.info()),
        })?;
        if complete {
            nothing_more(&event, position(span.start))?;
        } else {
            complete = builder.take(event, position(span.start))?;
        }
    }
    Ok(builder.root)
}

/// Refuses a second document: what is in it would be ignored in silence.
fn nothing_more(event: &Event<'_>, at: Position) -> Result<(), YamlError> {
    let content = match event {
        // A `---` at the end begins one in which there is nothing.
        Event::Scalar(text, style, ..) => !(text.is_empty() && *style == ScalarStyle::Plain),
        Event::Alias(_) | Event::SequenceStart(..) | Event::MappingStart(..) => true,
        _ => false,
    };
    if content {
        let message = "a second document begins here (after `---`), and a file is one definition: put all functions into its \
                       list, or into files of their own";
        return Err(YamlError { at, message: message.into() });
    }
    Ok(())
}

fn position(marker: Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

#[derive(Default)]
struct Builder {
    frames: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

impl Builder {
    /// Takes an event; `true` when the document is complete.
    fn take(&mut self, event: Event<'_>, at: Position) -> Result<bool, YamlError> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                let value = Value::Text { text: text.into_owned(), plain };
                self.add(Node { at, value }, anchor, 1)?;
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned().ok_or_else(|| YamlError {
                    at,
                    message: "this alias names an anchor that is not complete yet".into(),
                })?;
                if self.frames.len() + node.depth() > MAX_DEPTH {
                    return Err(too_deep(at));
                }
                let count = node.count();
                self.add(node, 0, count)?;
            }
            Event::SequenceStart(anchor, _) => {
                self.open(Frame::List { at, anchor, items: Vec::new() }, at)?;
            }
            Event::MappingStart(anchor, _) => {
                self.open(Frame::Map { at, anchor, entries: Vec::new(), key: None }, at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
            Event::DocumentEnd => return Ok(true),
            _ => {}
        }
        Ok(false)
    }

    fn open(&mut self, frame: Frame, at: Position) -> Result<(), YamlError> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(too_deep(at));
        }
        self.frames.push(frame);
        Ok(())
    }

    fn close(&mut self) -> Result<(), YamlError> {
        match self.frames.pop() {
            Some(Frame::List { at, anchor, items }) => {
                self.add(Node { at, value: Value::List(items) }, anchor, 1)
            }
            Some(Frame::Map { at, anchor, entries, .. }) => {
                self.add(Node { at, value: Value::Map(merge(entries)) }, anchor, 1)
            }
            None => Ok(()),
        }
    }

    fn add(&mut self, node: Node, anchor: usize, count: usize) -> Result<(), YamlError> {
        let at = node.at;
        self.nodes += count;
        if self.nodes > MAX_NODES {
            return Err(YamlError { at, message: format!("more than {MAX_NODES} values: not a definition") });
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.frames.last_mut() {
            None => self.root = Some(node),
            Some(Frame::List { items, .. }) => items.push(node),
            Some(Frame::Map { entries, key, .. }) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(as_key(node, entries)?),
            },
        }
        Ok(())
    }
}

fn as_key(node: Node, entries: &[(Key, Node)]) -> Result<Key, YamlError> {
    let at = node.at;
    let Value::Text { text, .. } = node.value else {
        return Err(YamlError { at, message: format!("a key must be text, this is {}", node.kind()) });
    };
    if let Some((first, _)) = entries.iter().find(|(key, _)| key.text == text && text != "<<") {
        let line = first.at.line;
        return Err(YamlError { at, message: format!("key `{text}` is here twice (first in line {line})") });
    }
    Ok(Key { at, text })
}

fn too_deep(at: Position) -> YamlError {
    YamlError { at, message: format!("nested deeper than {MAX_DEPTH} levels: not a definition") }
}

/// Resolves merge keys (`<<`): entries of the merged maps that are not given here.
fn merge(entries: Vec<(Key, Node)>) -> Vec<(Key, Node)> {
    if entries.iter().all(|(key, _)| key.text != "<<") {
        return entries;
    }
    let (merged, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(key, _)| key.text == "<<");
    for (key, node) in merged {
        let sources = match node.value {
            Value::List(items) => items,
            _ => vec![node],
        };
        for source in sources {
            match source.value {
                Value::Map(more) => {
                    for (name, value) in more {
                        if own.iter().all(|(known, _)| known.text != name.text) {
                            own.push((name, value));
                        }
                    }
                }
                _ => own.push((key.clone(), source)),
            }
        }
    }
    own
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, clippy::panic)]

    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn a_second_document_is_refused_where_it_begins() {
        for text in ["a: 1\n---\nb: 2\n", "a: 1\n...\n---\n- b\n", "---\n---\na: 1\n"] {
            let error = parse(text).expect_err(text);
            assert!(error.message.contains("second document"), "{}", error.message);
            assert!(error.at.line >= 3, "{text}: line {}", error.at.line);
        }
        for text in ["---\na: 1\n", "a: 1\n---\n", "a: 1\n...\n", "a: 1\n---\n# no more\n"] {
            assert!(parse(text).expect(text).expect("a document").get("a").is_some(), "{text}");
        }
    }

    #[test]
    fn nodes_know_where_they_stand() {
        let root = parse("a:\n  - b: 1\n    c: \"x\"\n").expect("YAML").expect("a document");
        let list = root.get("a").expect("a");
        assert_eq!(list.at, Position { line: 2, column: 3 });
        let Value::List(items) = &list.value else { panic!("not a list") };
        let c = items[0].get("c").expect("c");
        assert_eq!(c.at, Position { line: 3, column: 8 });
        assert_eq!(c.value, Value::Text { text: "x".into(), plain: false });
    }

    #[test]
    fn bombs_and_towers_are_refused() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let before = level - 1;
            let row = vec![format!("*a{before}"); 10].join(", ");
            let _ = writeln!(bomb, "a{level}: &a{level} [{row}]");
        }
        assert!(parse(&bomb).expect_err("a bomb").message.contains("more than"));
        let tower = "[".repeat(100_000);
        assert!(parse(&tower).is_err());
        let tower = "- ".repeat(100_000);
        assert!(parse(&tower).is_err());
    }

    #[test]
    fn merge_keys_give_what_is_not_given() {
        let root =
            parse("base: &b {x: 1, y: 2}\nhere:\n  <<: *b\n  y: 3\n").expect("YAML").expect("document");
        let here = root.get("here").expect("here");
        let text = |key| here.get(key).map(|node| node.value.clone());
        assert_eq!(text("x"), Some(Value::Text { text: "1".into(), plain: true }));
        assert_eq!(text("y"), Some(Value::Text { text: "3".into(), plain: true }));
    }

    #[test]
    fn a_key_given_twice_is_an_error() {
        let error = parse("a: 1\na: 2\n").expect_err("twice");
        assert_eq!(error.at.line, 2);
        assert!(error.message.contains("`a`"), "{}", error.message);
    }
}
