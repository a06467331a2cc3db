//! Services of OSCAR (<https://docs.oscar.grycap.net/fdl/>), read for what they share with a function on Lambda.
//!
//! | in OSCAR | becomes |
//! |---|---|
//! | `memory: 256Mi` (its default) | `memory` in MiB, at least Lambda's 128 |
//! | no time limit | `timeout: 900`, Lambda's longest |
//! | `script` | `init_script` |
//! | `environment.variables` (older: `Variables`) | `container.environment.Variables` |
//! | `environment.secrets` | `environment.Variables`: of the function, not in the image |
//! | `minio`, `minio.default`: the cluster's own store | `s3`: the context's |
//! | `path` without a slash | `<service>/<path>`, as OSCAR's `normalizeStoragePaths` does |

use super::draft::Draft;
use super::quantity::mebibytes;
use super::setting;
use super::{Dialect, text};
use crate::definition::fields::{Fields, show};
use crate::definition::node::{Key, Node, Value};
use crate::definition::problem::Report;

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
    "image_prefetch",
    "image_pull_secrets",
    "image_rules",
    "interlink_node_name",
    "token",
    "namespace",
];
const ENVIRONMENT: &[&str] = &["Variables", "variables", "secrets"];
const END: &[&str] = &["storage_provider", "path", "prefix", "suffix"];

/// What a function on Lambda does not do: the service may not do its work without it.
const LOST: &[(&str, &str)] = &[
    ("expose", "a function listens on no port: it runs once for each input"),
    ("mount", "no bucket is mounted: each input is fetched, and outputs are stored at the end"),
    ("volume", "there is no volume: /tmp is a task's own"),
    ("enable_gpu", "Lambda has no GPU"),
    ("enable_sgx", "Lambda has no SGX"),
    ("file_stage_in", "the input is always fetched"),
];

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
];

/// Memory of a service that says nothing, in MiB.
const DEFAULT_MEMORY: u32 = 256;
/// Lambda's least memory, in MiB.
const LEAST_MEMORY: u32 = 128;

/// Whether a file is one service and nothing else.
pub(super) fn is_service(root: &Node) -> bool {
    root.get("functions").is_none()
        && root.get("name").is_some()
        && (root.get("script").is_some() || root.get("image").is_some())
}

/// Every service of `functions.oscar`, a list of `cluster: service`.
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
    let mut drafts = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("functions.oscar[{index}]");
        let Value::Map(clusters) = &item.value else {
            report.error(item.at, &path, format!("must be `cluster: service`, this is {}", item.kind()));
            continue;
        };
        for (cluster, service) in clusters {
            let mut draft = read(service, &format!("{path}.{}", cluster.text), root, report);
            let why = "the context says where the function runs (`--context`)";
            draft.note(cluster.at, format!("cluster {}", cluster.text), why);
            drafts.push(draft);
        }
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
    for (key, why) in LOST {
        if let Some(node) = fields.node(key).filter(|node| !is_false(node)) {
            report.warn(node.at, &fields.key(key), format!("not possible: {why}"));
            draft.note(node.at, setting(key, node), format!("not possible: {why}"));
        }
    }
    for (key, why) in DROPPED {
        draft.dropped(&fields, key, why);
    }
    draft
}

fn is_false(node: &Node) -> bool {
    matches!(&node.value, Value::Text { text, .. } if text.eq_ignore_ascii_case("false"))
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
    let raised = if mib < LEAST_MEMORY { " (Lambda's least)" } else { "" };
    let mib = mib.max(LEAST_MEMORY);
    draft.note(at, was, format!("memory: {mib}{raised}"));
    draft.set(&["lambda", "memory"], text(at, mib.to_string()), "memory");
}

fn script(fields: &Fields<'_>, draft: &mut Draft, report: &mut Report) {
    let Some(script) = fields.text("script", report) else { return };
    if script.value.contains('\n') || script.value.starts_with("#!") {
        let message = "holds the script itself: save it as a file beside this one and give its name";
        return report.error(script.at, &fields.key("script"), message);
    }
    draft.moved(fields, "script", &["lambda", "init_script"]);
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
        let became = "environment.Variables (of the function, not in the image)";
        draft.note(node.at, "environment.secrets", became);
        draft.set(&["lambda", "environment", "Variables"], node.clone(), "environment.secrets");
    }
}

/// Inputs or outputs.
fn ends(fields: &Fields<'_>, side: &str, name: &str, root: &Node, draft: &mut Draft, report: &mut Report) {
    let mut items = Vec::new();
    for (index, (node, path)) in fields.list(side).into_iter().enumerate() {
        let end = Fields::new(node, &path, END, report);
        let mut item = node.clone();
        if let Some(provider) = end.text("storage_provider", report)
            && is_own_store(&provider.value, root)
        {
            let was = format!("{side}[{index}].storage_provider: {}", provider.value);
            draft.note(provider.at, was, "s3: the context's, in place of the cluster's own store");
            super::put(&mut item, &["storage_provider"], text(provider.at, "s3"));
        }
        if let Some(place) = end.text("path", report) {
            let trimmed = place.value.trim().trim_matches('/');
            if !trimmed.contains('/') && !trimmed.is_empty() {
                let whole = format!("{name}/{trimmed}");
                let was = setting(&format!("{side}[{index}].path"), &text(place.at, &place.value));
                draft.note(
                    place.at,
                    was,
                    format!("path: {whole} (a path without a slash is a folder of the service)"),
                );
                super::put(&mut item, &["path"], text(place.at, whole));
            }
        }
        items.push(item);
    }
    if let Some(first) = items.first() {
        let at = first.at;
        draft.set(&["lambda", side], Node { at, value: Value::List(items) }, side);
    }
}

/// Whether a provider is the cluster's `MinIO`, which the file does not define.
fn is_own_store(provider: &str, root: &Node) -> bool {
    let (kind, id) = provider.split_once('.').unwrap_or((provider, "default"));
    let defined = || {
        let providers = root.get("storage_providers").and_then(|providers| providers.get("minio"));
        providers.and_then(|minio| minio.get(id)).is_some()
    };
    kind == "minio" && id == "default" && !defined()
}
