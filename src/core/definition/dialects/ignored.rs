//! Settings of SCAR that are read over: what stands for each today. They stay in the tree, so that they are checked and
//! warned about like everything else, and [`Translated::without_ignored`] leaves them out of what is written.
//!
//! [`Translated::without_ignored`]: super::Translated::without_ignored

use super::setting;
use crate::definition::node::{Node, Value};
use crate::definition::problem::Position;

const PROFILE: &str = "not needed: the context says which AWS profile and region are used (`--context`)";
const IMAGE: &str = "not needed: every function runs from its own image";
const INVOKE: &str = "given with each invocation: `throng invoke`, `throng invoke --async`";

/// Settings below an entry of `functions.aws`, and what stands for each. A map stands for everything in it.
const USELESS: &[(&[&str], &str)] = &[
    (&["boto_profile"], PROFILE),
    (&["iam", "boto_profile"], PROFILE),
    (&["cloudwatch", "boto_profile"], PROFILE),
    (&["cloudwatch", "region"], PROFILE),
    (&["s3"], PROFILE),
    (
        &["ecr"],
        "not needed: the image goes to the context's registry, and `throng rm function` removes it with the function",
    ),
    (&["batch"], "not used: functions run on Lambda only"),
    (&["api_gateway"], "not used: there are no HTTP endpoints; `throng invoke` sends the same requests"),
    (&["lambda", "boto_profile"], PROFILE),
    (&["lambda", "log_level"], "not used: the runtime logs what the script prints, and how it ended"),
    (&["lambda", "runtime"], IMAGE),
    (
        &["lambda", "layers"],
        "not used: a function made of an image has no layers; put what is in them into the image",
    ),
    (&["lambda", "invocation_type"], INVOKE),
    (&["lambda", "asynchronous"], INVOKE),
    (&["lambda", "log_type"], INVOKE),
    (&["lambda", "deployment"], "not needed: the image goes to the context's registry"),
    (&["lambda", "preheat"], "not needed: the first tasks of a run warm the function up"),
    (&["lambda", "supervisor"], "not needed: the runtime is part of throng"),
    (&["lambda", "container", "alpine"], IMAGE),
    (&["lambda", "container", "create_image"], IMAGE),
    (&["lambda", "tags", "createdby"], "not needed: throng tags what it makes"),
    (&["lambda", "tags", "owner"], "not needed: throng tags what it makes"),
];

/// The same beside `functions`.
pub(super) const BESIDE: &[(&str, &str)] = &[
    ("scar", "not needed: config.toml has throng's own settings"),
    ("supervisor", "not needed: the runtime is part of throng"),
    ("clusters", "not used: the context says where functions run (`--context`)"),
];

/// A setting that is read over.
pub(super) struct IgnoredSetting {
    /// Where it is below the entry.
    pub path: Vec<String>,
    pub at: Position,
    pub was: String,
    pub became: &'static str,
}

/// Those of an entry.
pub(super) fn find(entry: &Node) -> Vec<IgnoredSetting> {
    let mut found = Vec::new();
    let mut add = |path: &[&str], node: &Node, became| {
        let shown = path.strip_prefix(&["lambda"]).unwrap_or(path).join(".");
        let path = path.iter().map(ToString::to_string).collect();
        found.push(IgnoredSetting { path, at: node.at, was: setting(&shown, node), became });
    };
    for (path, became) in USELESS {
        if let Some(node) = at(entry, path) {
            add(path, node, *became);
        }
    }
    // Batch is refused where it is named, so that what is left says what is so anyway.
    if let Some(node) = at(entry, &["lambda", "execution_mode"]).filter(|node| is(node, "lambda")) {
        add(&["lambda", "execution_mode"], node, "not needed: functions run on Lambda");
    }
    if let (Some(_), Some(node)) =
        (at(entry, &["lambda", "init_script"]), at(entry, &["lambda", "run_script"]))
    {
        add(&["lambda", "run_script"], node, "not used: `init_script` is what runs for each input");
    }
    for block in ["Variables", "variables"] {
        let Some(Value::Map(entries)) = at(entry, &["lambda", "environment", block]).map(|node| &node.value)
        else {
            continue;
        };
        for (key, node) in entries.iter().filter(|(key, _)| key.text.starts_with("UDOCKER_")) {
            let path = ["lambda", "environment", block, key.text.as_str()];
            add(&path, node, "not needed: the image runs as it is, without udocker");
        }
    }
    found
}

fn at<'n>(node: &'n Node, path: &[&str]) -> Option<&'n Node> {
    path.iter().try_fold(node, |node, key| node.get(key))
}

fn is(node: &Node, wanted: &str) -> bool {
    matches!(&node.value, Value::Text { text, .. } if text == wanted)
}

/// Takes what is at a path out, and the maps above it that are empty then.
pub(super) fn cut(node: &mut Node, path: &[String]) {
    let ([key, rest @ ..], Value::Map(entries)) = (path, &mut node.value) else { return };
    let Some(index) = entries.iter().position(|(known, _)| known.text == *key) else { return };
    if !rest.is_empty() {
        cut(&mut entries[index].1, rest);
    }
    if rest.is_empty() || matches!(&entries[index].1.value, Value::Map(left) if left.is_empty()) {
        entries.remove(index);
    }
}
