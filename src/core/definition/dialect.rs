//! The top level of a file in today's form.

use super::aws::{self, Context, SettingPosition};
use super::fields::Fields;
use super::node::{Node, Value};
use super::problem::Report;
use super::secrets::Environment;
use super::{Definition, check, providers};
use std::path::Path;

const TOP: &[&str] = &["functions", "storage_providers", "scar", "supervisor", "clusters"];

/// Reads every function of a file in today's form, and where its region stands.
pub(super) fn read(
    root: &Node,
    base: &Path,
    environment: Environment<'_>,
    report: &mut Report,
) -> Vec<(Definition, Option<SettingPosition>)> {
    let top = Fields::new(root, "", TOP, report);
    // That it is not a map has been said; of nothing, nothing has.
    if !matches!(root.value, Value::Map(_)) && !root.is_null() {
        return Vec::new();
    }
    let functions = top.map("functions", &["aws", "oscar"], report);
    let providers = providers::read(&top, root, environment, report);
    let context = Context { base, environment, providers: &providers };
    let list = functions.list("aws");
    if list.is_empty() {
        let message = "there is no function: the file needs `functions: aws:` with a list of `lambda: …`";
        report.error(functions.node("aws").unwrap_or(root).at, "functions.aws", message);
        return Vec::new();
    }
    let read: Vec<_> = list.iter().map(|(node, key)| aws::read(node, key, &context, report)).collect();
    check::all(&read, report);
    read.into_iter().map(|read| (read.definition, read.region)).collect()
}
