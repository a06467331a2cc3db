//! The top level of a file in today's form.

use super::aws::{self, Context};
use super::fields::Fields;
use super::node::{Node, Value};
use super::problem::Report;
use super::secrets::{Environment, expand};
use super::{Definition, check};
use std::collections::BTreeMap;
use std::path::Path;

const TOP: &[&str] = &["functions", "storage_providers", "scar", "supervisor"];
/// Providers and the keys of each entry.
const PROVIDERS: &[(&str, &[&str])] = &[
    ("s3", &["access_key", "secret_key", "region"]),
    ("minio", &["endpoint", "verify", "region", "access_key", "secret_key"]),
    ("onedata", &["oneprovider_host", "token", "space"]),
    ("webdav", &["hostname", "login", "password"]),
    ("rucio", &["endpoint", "account", "auth_host", "rse", "oidc_agent", "client_id", "refresh_token"]),
];

/// Reads every function of a file in today's form.
pub(super) fn read(
    root: &Node,
    base: &Path,
    environment: Environment<'_>,
    report: &mut Report,
) -> Vec<Definition> {
    let top = Fields::new(root, "", TOP, report);
    let functions = top.map("functions", &["aws", "oscar"], report);
    let providers = read_providers(&top, environment, report);
    let context = Context { base, environment, providers: &providers };
    let list = functions.list("aws");
    if list.is_empty() {
        let message = "there is no function: the file needs `functions: aws:` with a list of `lambda: …`";
        report.error(functions.node("aws").unwrap_or(root).at, "functions.aws", message);
        return Vec::new();
    }
    let read: Vec<_> = list.iter().map(|(node, key)| aws::read(node, key, &context, report)).collect();
    check::all(&read, report);
    read.into_iter().map(|read| read.definition).collect()
}

/// The storage providers, as `type.id`, and whether each has credentials of its own. Secrets are not kept.
fn read_providers(
    top: &Fields<'_>,
    environment: Environment<'_>,
    report: &mut Report,
) -> BTreeMap<String, bool> {
    let kinds: Vec<&str> = PROVIDERS.iter().map(|(kind, _)| *kind).collect();
    let block = top.map("storage_providers", &kinds, report);
    let mut found = BTreeMap::new();
    for (kind, keys) in PROVIDERS {
        let Some(node) = block.node(kind) else { continue };
        let path = block.key(kind);
        let Value::Map(entries) = &node.value else {
            let message = format!("must be a map from ids to credentials, this is {}", node.kind());
            report.error(node.at, &path, message);
            continue;
        };
        for (id, entry) in entries {
            let fields = Fields::new(entry, &format!("{path}.{}", id.text), keys, report);
            for key in *keys {
                if let Some(text) = fields.text(key, report) {
                    expand(&text, &environment, &fields.key(key), report);
                }
            }
            let own = ["access_key", "secret_key"].iter().any(|key| fields.node(key).is_some());
            found.insert(format!("{kind}.{}", id.text), own);
        }
    }
    found
}
