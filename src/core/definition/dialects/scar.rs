//! What SCAR v1, v2 and v3 have in common: `functions` maps a function's name to its settings.
//!
//! Sources: `src/parser/yaml.py` of v1.0.0 and v2.1.0, `scar/parser/yaml.py` of 3.2.2. SCAR used only the first function
//! of a file; here every one is read.

use super::draft::Draft;
use super::{Dialect, text, v2, v3};
use crate::definition::fields::Fields;
use crate::definition::node::{Key, Node, Value};
use crate::definition::problem::Report;

const KNOWN: &[&str] = &[
    "image",
    "image_file",
    "memory",
    "time",
    "timeout_threshold",
    "init_script",
    "run_script",
    "extra_payload",
    "log_level",
    "description",
    "environment",
    "environment_variables",
    "lambda_environment",
    "execution_mode",
    "s3",
    "iam",
    "lambda_role",
    "region",
    "cloudwatch",
    "api_gateway",
    "batch",
    "layers",
    "supervisor_version",
    "asynchronous",
    "c_args",
    "data_binary",
    "profile",
    "boto_profile",
];

/// Keys that stay as they are, with their place today.
const MOVED: &[(&str, &[&str])] = &[
    ("image", &["lambda", "container", "image"]),
    ("image_file", &["lambda", "container", "image_file"]),
    ("memory", &["lambda", "memory"]),
    ("time", &["lambda", "timeout"]),
    ("timeout_threshold", &["lambda", "container", "timeout_threshold"]),
    ("init_script", &["lambda", "init_script"]),
    ("run_script", &["lambda", "run_script"]),
    ("extra_payload", &["lambda", "extra_payload"]),
    ("layers", &["lambda", "layers"]),
    ("log_level", &["lambda", "log_level"]),
    ("description", &["lambda", "description"]),
    ("region", &["lambda", "region"]),
    ("execution_mode", &["lambda", "execution_mode"]),
    ("environment_variables", &["lambda", "container", "environment", "Variables"]),
    ("environment", &["lambda", "container", "environment", "Variables"]),
    ("lambda_environment", &["lambda", "environment", "Variables"]),
    ("iam", &["iam"]),
    ("lambda_role", &["iam", "role"]),
    ("cloudwatch", &["cloudwatch"]),
    ("api_gateway", &["api_gateway"]),
];

/// Keys that have no place today, and why.
const DROPPED: &[(&str, &str)] = &[
    ("batch", "not used: functions run on Lambda only"),
    ("supervisor_version", "not needed: the runtime is part of throng"),
    (
        "asynchronous",
        "not needed: `throng run` never waits unless it is told to, `throng invoke --async` does not",
    ),
    ("c_args", "given with each invocation: `throng invoke NAME -- ARGUMENTS`"),
    ("data_binary", "given with each invocation: `throng invoke NAME --data-binary FILE`"),
    ("profile", "the context says which AWS profile is used (`--context`)"),
    ("boto_profile", "the context says which AWS profile is used (`--context`)"),
];

/// Whether a value of `functions` is a function of these dialects.
pub(super) fn is_function(node: &Node) -> bool {
    const TELLING: [&str; 7] =
        ["image", "image_file", "memory", "time", "init_script", "s3", "execution_mode"];
    TELLING.iter().any(|key| node.get(key).is_some())
}

/// Every function of a file.
pub(super) fn read_all(entries: &[(Key, Node)], report: &mut Report) -> Vec<Draft> {
    let read = |(index, (name, node)): (usize, &(Key, Node))| {
        let mut draft = read(name, node, report);
        if index > 0 {
            let why = "read as a function of its own: SCAR used only the first of a file";
            draft.note(name.at, &name.text, why);
        }
        draft
    };
    entries.iter().enumerate().map(read).collect()
}

fn read(name: &Key, node: &Node, report: &mut Report) -> Draft {
    let called = format!("functions.{}", name.text);
    let dialect = dialect(node);
    let fields = Fields::new(node, &called, KNOWN, report);
    let mut draft = Draft::new(dialect, &called, node.at);
    draft.set(&["lambda", "name"], text(name.at, &name.text), "");
    draft.note(name.at, &name.text, format!("name: {}", name.text));
    draft.rename("lambda", "");
    draft.rename("lambda.container", "");
    for (from, path) in MOVED {
        draft.moved(&fields, from, path);
    }
    for (from, why) in DROPPED {
        draft.dropped(&fields, from, why);
    }
    match dialect {
        Dialect::ScarV3 => v3::storage(&fields, &name.text, &mut draft, report),
        _ => v2::storage(&fields, &name.text, &mut draft, report),
    }
    draft
}

/// Tells the dialects apart by what only one of them has.
fn dialect(node: &Node) -> Dialect {
    let s3 = |key: &str| node.get("s3").and_then(|s3| s3.get(key));
    let slash = |key: &str| matches!(s3(key).map(|node| &node.value), Some(Value::Text { text, .. }) if text.trim_matches('/').contains('/'));
    if s3("input_folder").is_some() || s3("output_folder").is_some() {
        Dialect::ScarV2
    } else if slash("input_bucket")
        || slash("output_bucket")
        || ["layers", "lambda_environment", "supervisor_version"].iter().any(|key| node.get(key).is_some())
    {
        Dialect::ScarV3
    } else {
        Dialect::ScarV1To3
    }
}
