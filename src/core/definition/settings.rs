//! Settings given one by one, as options of a command line: alone, or over those of a file.

use super::dialects::{Translated, empty, map, put, text};
use super::document::{Document, finish, read_text, translate};
use super::node::{Key, Node, Value};
use super::problem::{Position, Report};
use super::{DefinitionErrors, Environment};
use std::path::{Path, PathBuf};

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The key below `lambda`, with dots between its parts.
    pub key: &'static str,
    /// The option, for messages.
    pub option: &'static str,
    /// Its value.
    pub value: T,
}

/// Settings of one function, as text. What is not set is left to the file, or to the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefinitionSettings {
    /// Single values.
    pub values: Vec<Setting<String>>,
    /// Names and values.
    pub maps: Vec<Setting<Vec<(String, String)>>>,
    /// `input` and `output`: `bucket[/folder]`.
    pub places: Vec<Setting<String>>,
    /// Role ARN. It stands beside `lambda`; its key says nothing.
    pub role: Option<Setting<String>>,
}

impl DefinitionSettings {
    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads a definition file with settings that win over its own, or a definition of settings alone. Relative paths of
/// settings alone start at the current folder.
///
/// # Errors
/// Everything that is wrong; keys of settings are the options.
pub fn with_settings(
    file: Option<&Path>,
    settings: &DefinitionSettings,
) -> Result<Document, DefinitionErrors> {
    let environment = Environment(&|name| std::env::var(name).ok());
    let path = file.map_or_else(PathBuf::new, Path::to_owned);
    let mut report = Report::new(path.clone());
    let mut translated = match file {
        Some(file) => translate(&read_text(file)?, &mut report),
        None => Some(Translated::plain(single())),
    };
    if let Some(translated) = translated.as_mut().filter(|_| !settings.is_empty()) {
        apply(translated, settings, &mut report);
    }
    finish(translated.as_ref(), &path, environment, report)
}

/// A file with one function that has no settings.
fn single() -> Node {
    let at = Position::default();
    let entry = map(at, vec![("lambda", empty(at))]);
    let list = Node { at, value: Value::List(vec![entry]) };
    map(at, vec![("functions", map(at, vec![("aws", list)]))])
}

fn apply(translated: &mut Translated, settings: &DefinitionSettings, report: &mut Report) {
    let at = Position::default();
    let entry = match entries(&mut translated.root) {
        Some([entry]) => entry,
        // That there is no function is said later.
        Some([]) | None => return,
        Some(several) => {
            let count = several.len();
            let message =
                format!("options are for one function, and the file has {count}: change the file itself");
            return report.error(at, "functions", message);
        }
    };
    if settings.maps.iter().any(|setting| setting.key == "secrets") {
        listed_secrets(entry);
    }
    let mut renames = Vec::new();
    let mut set = |path: &[&str], option: &str, node: Node| {
        put(entry, path, node);
        renames.push((format!("functions.aws[0].{}", path.join(".")), option.to_owned()));
    };
    let below =
        |key: &'static str| -> Vec<&str> { std::iter::once("lambda").chain(key.split('.')).collect() };
    for Setting { key, option, value } in &settings.values {
        if let Some(other) = other_image(key) {
            set(&below(other), option, text(at, ""));
        }
        set(&below(key), option, text(at, value));
    }
    for Setting { key, option, value } in &settings.maps {
        for (name, value) in value {
            let mut path = below(key);
            path.push(name);
            set(&path, &format!("{option} {name}"), text(at, value));
        }
    }
    if let Some(Setting { option, value, .. }) = &settings.role {
        set(&["iam", "role"], option, text(at, value));
    }
    for Setting { key: side, option, value: place } in &settings.places {
        let item = map(at, vec![("storage_provider", text(at, "s3")), ("path", text(at, place))]);
        set(&["lambda", side], option, Node { at, value: Value::List(vec![item]) });
    }
    for Setting { key: side, option, .. } in &settings.places {
        renames.push((format!("functions.aws[0].lambda.{side}[0].path"), (*option).to_owned()));
    }
    if translated.origins.is_empty() {
        for (path, option) in [("", ""), (".lambda.name", "--name"), (".lambda.container.image", "--image")] {
            renames.push((format!("functions.aws[0]{path}"), option.to_owned()));
        }
    }
    // Of two names for one path the last counts: the option's.
    translated.renames.extend(renames);
}

/// A list of secrets as a map, so that options add to it.
fn listed_secrets(entry: &mut Node) {
    let Some(listed) = entry.get_mut("lambda").and_then(|lambda| lambda.get_mut("secrets")) else { return };
    let names = match &listed.value {
        Value::Map(_) => return,
        Value::Text { .. } if listed.is_null() => Vec::new(),
        Value::Text { .. } => vec![listed.clone()],
        Value::List(items) => items.clone(),
    };
    let own = |name: &Node| match &name.value {
        Value::Text { text: name_of, .. } => {
            Some((Key { at: name.at, text: name_of.clone() }, text(name.at, format!("${{{name_of}}}"))))
        }
        _ => None,
    };
    // What is no name stays as it is, and is refused.
    if let Some(entries) = names.iter().map(own).collect() {
        listed.value = Value::Map(entries);
    }
}

/// An image given by an option takes the place of the file's, however that is written.
fn other_image(key: &str) -> Option<&'static str> {
    match key {
        "container.image" => Some("container.image_file"),
        "container.image_file" => Some("container.image"),
        _ => None,
    }
}

fn entries(root: &mut Node) -> Option<&mut [Node]> {
    fn step<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
        let Value::Map(entries) = &mut node.value else { return None };
        entries.iter_mut().find(|(name, _)| name.text == key).map(|(_, node)| node)
    }
    match &mut step(step(root, "functions")?, "aws")?.value {
        Value::List(items) => Some(items),
        _ => None,
    }
}
