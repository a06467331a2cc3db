//! One function on its way into today's form.

use super::{Dialect, Note, Origin, empty, ignored, put, setting};
use crate::definition::fields::Fields;
use crate::definition::node::{Key, Node};
use crate::definition::problem::Position;

/// An entry of `functions.aws` that is being written.
pub(super) struct Draft {
    entry: Node,
    origin: Origin,
    /// How the file calls the function: `functions.darknet`.
    called: String,
    /// Paths below the entry, and below the function in the file.
    renames: Vec<(String, String)>,
    /// Storage providers that it defines for itself.
    providers: Vec<OwnProvider>,
}

/// A storage provider that stands with a function in the file.
pub(super) struct OwnProvider {
    pub kind: String,
    pub id: Key,
    pub entry: Node,
    /// How the file calls it.
    pub called: String,
}

impl Draft {
    /// Nothing yet. `called` is the function's path in the file; empty for a file that is one function.
    pub fn new(dialect: Dialect, called: &str, at: Position) -> Self {
        let origin = Origin { dialect, notes: Vec::new() };
        Self {
            entry: empty(at),
            origin,
            called: called.to_owned(),
            renames: Vec::new(),
            providers: Vec::new(),
        }
    }

    /// An entry that is today's already.
    pub fn of(entry: Node, called: &str) -> Self {
        Self {
            entry,
            origin: Origin::default(),
            called: called.to_owned(),
            renames: Vec::new(),
            providers: Vec::new(),
        }
    }

    /// Says in which words it was written.
    pub fn of_dialect(&mut self, dialect: Dialect) {
        self.origin.dialect = dialect;
    }

    /// Keeps a storage provider that it defines for itself.
    pub fn provider(&mut self, kind: &Key, id: &Key, entry: &Node) {
        let called = format!("{}.storage_providers.{}.{}", self.called, kind.text, id.text);
        let (kind, id, entry) = (kind.text.clone(), id.clone(), entry.clone());
        self.providers.push(OwnProvider { kind, id, entry, called });
    }

    /// Those that were kept.
    pub fn take_providers(&mut self) -> Vec<OwnProvider> {
        std::mem::take(&mut self.providers)
    }

    /// Sets a value, and says which key of the file it comes from.
    pub fn set(&mut self, path: &[&str], value: Node, from: &str) {
        put(&mut self.entry, path, value);
        self.rename(&path.join("."), from);
    }

    /// Messages about `path` are about `from`, which is the function itself when it is empty.
    pub fn rename(&mut self, path: &str, from: &str) {
        self.renames.push((path.to_owned(), from.to_owned()));
    }

    /// Moves a value as it is. A note says so when its place has another name now.
    pub fn moved(&mut self, fields: &Fields<'_>, from: &str, path: &[&str]) {
        let Some(node) = fields.node(from) else { return };
        let now = path.join(".");
        let now = now.strip_prefix("lambda.").unwrap_or(&now);
        if now != from {
            self.note(node.at, setting(from, node), setting(now, node));
        }
        self.set(path, node.clone(), from);
    }

    /// Leaves a value out, and says why.
    pub fn dropped(&mut self, fields: &Fields<'_>, from: &str, why: &str) {
        if let Some(node) = fields.node(from) {
            self.note(node.at, setting(from, node), why);
        }
    }

    /// Says what a setting became.
    pub fn note(&mut self, at: Position, was: impl Into<String>, became: impl Into<String>) {
        self.origin.notes.push(Note { at, was: was.into(), became: became.into() });
    }

    /// Says what stands for the settings that are read over, and gives their paths.
    pub fn sweep(&mut self) -> Vec<Vec<String>> {
        let found = ignored::find(&self.entry);
        found
            .into_iter()
            .map(|useless| {
                self.note(useless.at, useless.was, useless.became);
                useless.path
            })
            .collect()
    }

    /// The entry, where it comes from, and how its paths are called in the file. `path` is the entry's own.
    pub fn finish(mut self, path: &str) -> (Node, Origin, Vec<(String, String)>) {
        self.origin.notes.sort_by_key(|note| note.at);
        let join = |head: &str, tail: &str| match (head, tail) {
            ("", tail) => tail.to_owned(),
            (head, "") => head.to_owned(),
            (head, tail) => format!("{head}.{tail}"),
        };
        let called = &self.called;
        let mut names: Vec<_> =
            self.renames.iter().map(|(new, old)| (join(path, new), join(called, old))).collect();
        names.push((path.to_owned(), called.clone()));
        (self.entry, self.origin, names)
    }
}
