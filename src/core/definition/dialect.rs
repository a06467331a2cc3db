//! Which dialect a file is written in, and its top level.

use super::aws::{self, Context};
use super::fields::{Fields, show};
use super::node::{Node, Value};
use super::problem::Report;
use super::secrets::Environment;
use super::{Definition, check, providers};
use std::path::Path;

const TOP: &[&str] = &["functions", "storage_providers", "scar", "supervisor"];

/// Reads every function of a file.
pub(super) fn read(
    root: &Node,
    base: &Path,
    environment: Environment<'_>,
    report: &mut Report,
) -> Vec<Definition> {
    if let Some(dialect) = other_dialect(root) {
        let message = format!(
            "this is {dialect}; this release reads the dialect of SCAR v4 (`functions: aws: [lambda: …]`). \
             Rewrite it so; `throng check` tells what is still missing"
        );
        report.error(root.at, "", message);
        return Vec::new();
    }
    let top = Fields::new(root, "", TOP, report);
    let functions = top.map("functions", &["aws", "oscar"], report);
    let providers = providers::read(&top, environment, report);
    let context = Context { base, environment, providers: &providers };
    let list = functions.list("aws");
    if list.is_empty() {
        let message = "there is no function: the file needs `functions: aws:` with a list of `lambda: …`";
        report.error(functions.node("aws").unwrap_or(root).at, "functions.aws", message);
        return Vec::new();
    }
    if let Some(oscar) = functions.node("oscar") {
        let message =
            "OSCAR services are not deployed by this release; only the functions under `aws` are read";
        report.warn(oscar.at, "functions.oscar", message);
    }
    let read: Vec<_> = list.iter().map(|(node, key)| aws::read(node, key, &context, report)).collect();
    check::all(&read, report);
    read.into_iter().map(|read| read.definition).collect()
}

/// Names a dialect that we do not read yet.
fn other_dialect(root: &Node) -> Option<String> {
    let Some(functions) = root.get("functions") else {
        let service = root.get("name").is_some() && root.get("script").is_some();
        return service.then(|| "a service definition of OSCAR".to_owned());
    };
    let Value::Map(entries) = &functions.value else { return None };
    if entries.is_empty() || entries.iter().any(|(key, _)| key.text == "aws") {
        return None;
    }
    if entries.iter().any(|(key, _)| key.text == "oscar") {
        return Some("a definition of OSCAR services".to_owned());
    }
    // v1 to v3: the function's name is the key.
    let (name, first) =
        entries.iter().find(|(_, node)| node.get("image").or(node.get("image_file")).is_some())?;
    let text = |node: &Node| match &node.value {
        Value::Text { text, .. } => text.clone(),
        _ => String::new(),
    };
    let s3 = first.get("s3");
    let s3_has = |key: &str| s3.is_some_and(|s3| s3.get(key).is_some());
    let with_folder = ["input_bucket", "output_bucket"]
        .iter()
        .any(|key| s3.and_then(|s3| s3.get(key)).is_some_and(|node| text(node).contains('/')));
    let version3 =
        ["layers", "lambda_environment", "supervisor_version"].iter().any(|key| first.get(key).is_some());
    let version = if with_folder || version3 {
        "SCAR v3"
    } else if s3_has("input_folder") || s3_has("output_folder") || first.get("time").is_some() {
        "SCAR v1 or v2"
    } else {
        "SCAR v1, v2 or v3"
    };
    Some(format!("the dialect of {version} (function {} is a key of `functions`)", show(&name.text)))
}
