//! Services of OSCAR (<https://docs.oscar.grycap.net/fdl/>), read for what they share with a function on Lambda.
//!
//! | in OSCAR | becomes |
//! |---|---|
//! | `memory: 256Mi` (its default) | `memory` in MiB, at least Lambda's 128 |
//! | no time limit | `timeout: 900`, Lambda's longest |
//! | `script` | `init_script` |
//! | `environment.variables` (older: `Variables`) | `container.environment.Variables` |
//! | `environment.secrets` | `secrets`: in an encrypted object of the home bucket |
//! | `script: |`, the script itself | `init_script` that holds it |
//! | `storage_providers` of a service | the file's |
//! | `minio`, `minio.default`: the cluster's own store | `s3`: the context's; other clusters: [`clusters`](super::clusters) |
//! | `path` without a slash | `<service>/<path>`, as OSCAR's `normalizeStoragePaths` does |

use super::clusters::{self, Standing};
use super::draft::Draft;
use super::quantity::mebibytes;
use super::{Dialect, missed, setting, text};
use crate::definition::fields::{Fields, Spanned, show};
use crate::definition::node::{Key, Node, Value};
use crate::definition::problem::Report;
use crate::definition::script::is_inline;

const KNOWN: &[&str] = &[
    "name",
    "image",
    "memory",
    "script",
    "environment",
    "input",
    "output",
    "log_level",
    "cpu",
    "storage_providers",
    "expose",
    "mount",
    "volume",
    "synchronous",
    "enable_gpu",
    "enable_sgx",
    "file_stage_in",
    "total_cpu",
    "total_memory",
    "alpine",
    "annotations",
    "labels",
    "allowed_users",
    "visibility",
    "isolation_level",
    "bucket_list",
    "vo",
    "clusters",
    "cluster_id",
    "replicas",
    "delegation",
    "federation",
    "rescheduler_threshold",
    "kserve",
    "image_prefetch",
    "image_pull_secrets",
    "image_rules",
    "interlink_node_name",
    "token",
    "namespace",
    "owner",
];
const ENVIRONMENT: &[&str] = &["Variables", "variables", "secrets"];
const END: &[&str] = &["storage_provider", "path", "prefix", "suffix"];

/// What has no counterpart and needs none.
const DROPPED: &[(&str, &str)] = &[
    ("cpu", "comes with the memory: Lambda gives one CPU at 1769 MiB"),
    ("synchronous", "not needed: Lambda scales by itself"),
    ("total_cpu", "not used; `concurrency` limits how much runs at a time"),
    ("total_memory", "not used; `concurrency` limits how much runs at a time"),
    ("alpine", "not needed: the runtime is one static program for every image"),
    ("image_prefetch", "not needed: the image is brought to the context when the function is deployed"),
    ("image_pull_secrets", "the registry's credentials are those of Docker's configuration on this machine"),
    ("allowed_users", "not used: AWS says who may do what"),
    ("visibility", "not used: AWS says who may do what"),
    ("isolation_level", "not used: AWS says who may do what"),
    ("bucket_list", "not used: AWS says who may do what"),
    ("vo", "not used: AWS says who may do what"),
    ("annotations", "not used: there is no Kubernetes"),
    ("labels", "not used: there is no Kubernetes"),
    ("namespace", "not used: there is no Kubernetes"),
    ("interlink_node_name", "not used: there is no Kubernetes"),
    ("clusters", "not used: the context says where the function runs (`--context`)"),
    ("cluster_id", "not used: the context says where the function runs (`--context`)"),
    ("replicas", "not used: one context runs it"),
    ("delegation", "not used: one context runs it"),
    ("federation", "not used: one context runs it"),
    ("rescheduler_threshold", "not used: one context runs it"),
    ("token", "not used"),
    ("owner", "not used: AWS says who may do what"),
];

/// Memory of a service that says nothing, in MiB.
const DEFAULT_MEMORY: u32 = 256;
/// Lambda's least memory, in MiB.
const LEAST_MEMORY: u32 = 128;
/// Lambda's most memory, in MiB.
const MOST_MEMORY: u32 = 10_240;

/// Whether a file is one service and nothing else.
pub(super) fn is_service(root: &Node) -> bool {
    root.get("functions").is_none()
        && root.get("name").is_some()
        && (root.get("script").is_some() || root.get("image").is_some())
}

/// Every service of `functions.oscar`, a list of `cluster: service`. A service without a cluster's id is one, too: which
/// cluster is meant does not matter here.
pub(super) fn read_all(root: &Node, report: &mut Report) -> Vec<Draft> {
    let Some(list) = root.get("functions").and_then(|functions| functions.get("oscar")) else {
        return Vec::new();
    };
    let Value::List(items) = &list.value else {
        if !list.is_null() {
            let message = format!("must be a list of `cluster: service`, this is {}", list.kind());
            report.error(list.at, "functions.oscar", message);
        }
        return Vec::new();
    };
    let mut services = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("functions.oscar[{index}]");
        match &item.value {
            Value::Map(_) if clusters::is_bare(item) => services.push(Standing::new(None, item, path)),
            Value::Map(clusters) => services.extend(clusters.iter().map(|(cluster, service)| {
                Standing::new(Some(cluster), service, format!("{path}.{}", cluster.text))
            })),
            _ => report.error(item.at, &path, format!("must be `cluster: service`, this is {}", item.kind())),
        }
    }
    let mut drafts = Vec::new();
    for Standing { cluster, service, path, also } in clusters::once(services, report) {
        if !matches!(service.value, Value::Map(_)) {
            let message = format!("must be the settings of a service, this is {}", service.kind());
            report.error(service.at, &path, message);
            continue;
        }
        let mut draft = read(service, &path, root, report);
        let why = "the context says where the function runs (`--context`)";
        match cluster {
            Some(cluster) => draft.note(cluster.at, format!("cluster {}", cluster.text), why),
            None => draft.note(service.at, "no cluster's id", why),
        }
        for (at, was, became) in also {
            draft.note(at, was, became);
        }
        drafts.push(draft);
    }
    drafts
}

/// One service. `root` is the file, whose storage providers it may name.
pub(super) fn read(service: &Node, called: &str, root: &Node, report: &mut Report) -> Draft {
    let fields = Fields::new(service, called, KNOWN, report);
    let mut draft = Draft::new(Dialect::Oscar, called, service.at);
    draft.rename("lambda", "");
    draft.rename("lambda.container", "");
    draft.moved(&fields, "name", &["lambda", "name"]);
    draft.moved(&fields, "log_level", &["lambda", "log_level"]);
    draft.moved(&fields, "image", &["lambda", "container", "image"]);
    memory(&fields, service, &mut draft, report);
    draft.set(&["lambda", "timeout"], text(service.at, "900"), "");
    draft.note(service.at, "no time limit", "timeout: 900 (Lambda's longest)");
    script(&fields, &mut draft, report);
    variables(&fields, &mut draft, report);
    let name = match fields.node("name").map(|node| &node.value) {
        Some(Value::Text { text, .. }) => text.clone(),
        _ => String::new(),
    };
    for side in ["input", "output"] {
        ends(&fields, side, &name, root, &mut draft, report);
    }
    missed::tell(&fields, &mut draft, report);
    own_providers(&fields, service, root, &mut draft, report);
    for (key, why) in DROPPED {
        draft.dropped(&fields, key, why);
    }
    draft
}

/// Storage providers that a service defines for itself become the file's. Those that stand for a cluster's own store do not.
fn own_providers(fields: &Fields<'_>, service: &Node, root: &Node, draft: &mut Draft, report: &mut Report) {
    // A file that is one service has them where the file's own are.
    let Some(block) = fields.node("storage_providers").filter(|_| !std::ptr::eq(service, root)) else {
        return;
    };
    let Value::Map(kinds) = &block.value else {
        let message = format!("must be a map, this is {}", block.kind());
        return report.error(block.at, &fields.key("storage_providers"), message);
    };
    for (kind, entries) in kinds {
        let Value::Map(entries) = &entries.value else { continue };
        for (id, entry) in entries {
            let name = format!("{}.{}", kind.text, id.text);
            if clusters::is_own_store(&name, service, root) {
                draft.note(
                    id.at,
                    format!("storage_providers.{name}"),
                    "s3: the context's, in place of the cluster's own store",
                );
            } else {
                draft.note(
                    id.at,
                    format!("storage_providers.{name} of the service"),
                    "the file's: `storage_providers`",
                );
                draft.provider(kind, id, entry);
            }
        }
    }
}

fn memory(fields: &Fields<'_>, service: &Node, draft: &mut Draft, report: &mut Report) {
    let (at, was, mib) = match fields.text("memory", report) {
        None => (service.at, "OSCAR's default of 256Mi".to_owned(), DEFAULT_MEMORY),
        Some(amount) => {
            let Some(mib) = mebibytes(&amount.value) else {
                let message =
                    format!("{} is not an amount of memory: such as 256Mi or 1.5Gi", show(&amount.value));
                return report.error(amount.at, &fields.key("memory"), message);
            };
            (amount.at, format!("memory: {}", amount.value), mib)
        }
    };
    if mib > MOST_MEMORY {
        let message = format!("{was} is more than Lambda has: {MOST_MEMORY} MiB at most");
        return report.error(at, &fields.key("memory"), message);
    }
    let raised = if mib < LEAST_MEMORY { " (Lambda's least)" } else { "" };
    let mib = mib.max(LEAST_MEMORY);
    draft.note(at, was, format!("memory: {mib}{raised}"));
    draft.set(&["lambda", "memory"], text(at, mib.to_string()), "memory");
}

fn script(fields: &Fields<'_>, draft: &mut Draft, report: &mut Report) {
    let Some(script) = fields.text("script", report) else { return };
    if !is_inline(&script.value) {
        return draft.moved(fields, "script", &["lambda", "init_script"]);
    }
    let lines = script.value.lines().count();
    let was = format!("script: {lines} lines that stand in the file");
    draft.note(script.at, was, "init_script, which holds the script itself");
    if let Some(node) = fields.node("script") {
        draft.set(&["lambda", "init_script"], node.clone(), "script");
    }
}

fn variables(fields: &Fields<'_>, draft: &mut Draft, report: &mut Report) {
    let block = fields.map("environment", ENVIRONMENT, report);
    let mut entries: Vec<(Key, Node)> = Vec::new();
    for key in ["variables", "Variables"] {
        let Some(node) = block.node(key) else { continue };
        let Value::Map(more) = &node.value else {
            report.error(node.at, &block.key(key), format!("must be a map, this is {}", node.kind()));
            continue;
        };
        draft.note(node.at, format!("environment.{key}"), "container.environment.Variables");
        for (name, value) in more {
            if entries.iter().all(|(known, _)| known.text != name.text) {
                entries.push((name.clone(), value.clone()));
            }
        }
        draft.rename("lambda.container.environment.Variables", &format!("environment.{key}"));
    }
    if let Some((first, _)) = entries.first() {
        let node = Node { at: first.at, value: Value::Map(entries) };
        draft.set(&["lambda", "container", "environment", "Variables"], node, "environment.variables");
    }
    if let Some(node) = block.node("secrets") {
        draft.note(node.at, "environment.secrets", "secrets (in an encrypted object, not in the image)");
        draft.set(&["lambda", "secrets"], node.clone(), "environment.secrets");
    }
}

/// Inputs or outputs.
fn ends(fields: &Fields<'_>, side: &str, name: &str, root: &Node, draft: &mut Draft, report: &mut Report) {
    let mut items: Vec<Node> = Vec::new();
    for (index, (node, path)) in fields.list(side).into_iter().enumerate() {
        let end = Fields::new(node, &path, END, report);
        let mut item = node.clone();
        if let Some(provider) = end.text("storage_provider", report) {
            let was = format!("{side}[{index}].storage_provider: {}", provider.value);
            if clusters::is_own_store(&provider.value, fields.whole().unwrap_or(root), root) {
                draft.note(provider.at, was, "s3: the context's, in place of the cluster's own store");
                super::put(&mut item, &["storage_provider"], text(provider.at, "s3"));
            } else if let Some(id) = provider.value.strip_prefix("minio.")
                && let Some(other) = clusters::service_at(root, id)
            {
                let message = format!(
                    "is the store of cluster {id}, with keys of its own, and {} of this file, which stands for that cluster, \
                     reads the context's s3: what is stored there does not start it; write `s3`, or take the provider's keys \
                     out of the file",
                    show(other)
                );
                report.warn(provider.at, &end.key("storage_provider"), message);
            }
        }
        if let Some(place) = end.text("path", report) {
            whole_path(&place, side, index, name, &mut item, draft);
        }
        match items.iter().position(|earlier| clusters::same(earlier, &item)) {
            Some(earlier) => {
                draft.note(
                    item.at,
                    format!("{side}[{index}]"),
                    format!("the same place as {side}[{earlier}]"),
                );
            }
            None => items.push(item),
        }
    }
    if let Some(first) = items.first() {
        let at = first.at;
        draft.set(&["lambda", side], Node { at, value: Value::List(items) }, side);
    }
}

/// A path without a slash is a folder of the service.
fn whole_path(
    place: &Spanned<String>,
    side: &str,
    index: usize,
    name: &str,
    item: &mut Node,
    draft: &mut Draft,
) {
    let trimmed = place.value.trim().trim_matches('/');
    let was = setting(&format!("{side}[{index}].path"), &text(place.at, &place.value));
    let whole = match trimmed {
        "" => return,
        _ if !trimmed.contains('/') => {
            let whole = format!("{name}/{trimmed}");
            let became = format!("path: {whole} (a path without a slash is a folder of the service)");
            draft.note(place.at, was, became);
            whole
        }
        _ if trimmed == place.value => return,
        _ => {
            draft.note(place.at, was, format!("path: {trimmed}"));
            trimmed.to_owned()
        }
    };
    super::put(item, &["path"], text(place.at, whole));
}
