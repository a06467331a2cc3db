//! Clusters of OSCAR. A file names the cluster that each service is for; here one context takes the place of all of them.
//!
//! | in OSCAR | becomes |
//! |---|---|
//! | a service that stands for several clusters (a replica of it in each) | one function, as it stands first |
//! | `minio.CLUSTER-ID`: the store of the cluster of that id | `s3`, where a service of the file stands for that cluster |

use crate::definition::emit;
use crate::definition::fields::show;
use crate::definition::node::{Key, Node, Value};
use crate::definition::problem::{Position, Report};

/// A service where it stands in its file.
pub(super) struct Standing<'n> {
    /// The cluster that it is for, if it says one.
    pub cluster: Option<&'n Key>,
    pub service: &'n Node,
    /// How the file calls it.
    pub path: String,
    /// What became of the same service for other clusters: where, what, and what is done.
    pub also: Vec<(Position, String, String)>,
}

impl<'n> Standing<'n> {
    pub fn new(cluster: Option<&'n Key>, service: &'n Node, path: String) -> Self {
        Self { cluster, service, path, also: Vec::new() }
    }

    fn name(&self) -> Option<&'n str> {
        text(self.service.get("name")?)
    }
}

fn text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text { text, .. } => Some(text),
        _ => None,
    }
}

/// Whether an item of `functions.oscar` is a service itself, without the id of a cluster above it.
pub(super) fn is_bare(item: &Node) -> bool {
    item.get("name").and_then(text).is_some()
        && ["image", "script"].iter().any(|key| item.get(key).and_then(text).is_some())
}

/// The first of the services of each name. Of those that differ from it, a warning says in what.
pub(super) fn once<'n>(services: Vec<Standing<'n>>, report: &mut Report) -> Vec<Standing<'n>> {
    let mut kept: Vec<Standing<'n>> = Vec::new();
    for other in services {
        let first = other.name().and_then(|name| kept.iter_mut().find(|first| first.name() == Some(name)));
        // Under one cluster, too, a name is that of one service.
        let Some(first) = first else {
            kept.push(other);
            continue;
        };
        let line = first.service.at.line;
        let which = other
            .cluster
            .map_or_else(|| "the same service".to_owned(), |cluster| format!("cluster {}", cluster.text));
        let at = other.cluster.map_or(other.service.at, |cluster| cluster.at);
        let different = differences(first.service, other.service);
        let became = if different.is_empty() {
            format!("the same service as in line {line}: it is one function here")
        } else {
            let message = format!(
                "{} stands for several clusters and is one function here: what stands first (line {line}) is read, and what \
                 differs here is not: {}",
                show(other.name().unwrap_or_default()),
                different.join(", ")
            );
            report.warn(at, &other.path, message);
            format!("not read: it is one function here, as it stands in line {line}")
        };
        first.also.push((at, which, became));
    }
    kept
}

/// The keys of two services whose values differ.
fn differences(a: &Node, b: &Node) -> Vec<String> {
    let (Value::Map(first), Value::Map(second)) = (&a.value, &b.value) else { return Vec::new() };
    let mut keys: Vec<&str> = first.iter().chain(second).map(|(key, _)| key.text.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    let differs = |key: &&str| match (a.get(key), b.get(key)) {
        (Some(a), Some(b)) => !same(a, b),
        _ => true,
    };
    keys.into_iter().filter(differs).map(|key| format!("`{key}`")).collect()
}

/// Whether two nodes say the same, wherever they stand.
pub(super) fn same(a: &Node, b: &Node) -> bool {
    let written = |node: &Node| {
        let key = Key { at: Position::default(), text: "x".into() };
        emit::yaml(&Node { at: Position::default(), value: Value::Map(vec![(key, node.clone())]) })
    };
    written(a) == written(b)
}

/// Whether a service of the file stands for a cluster, with its name.
pub(super) fn service_at<'n>(root: &'n Node, cluster: &'n str) -> Option<&'n str> {
    let Value::List(items) = &root.get("functions")?.get("oscar")?.value else { return None };
    let item = items.iter().filter(|item| !is_bare(item)).find_map(|item| item.get(cluster))?;
    Some(item.get("name").and_then(text).unwrap_or(cluster))
}

/// A storage provider as a service, or else the file, defines it.
pub(super) fn provider<'n>(service: &'n Node, root: &'n Node, id: &str) -> Option<&'n Node> {
    let of = |node: &'n Node| node.get("storage_providers")?.get("minio")?.get(id);
    of(service).or_else(|| of(root))
}

/// Whether a provider is the store of a cluster that the context takes the place of: its own, or that of another cluster of
/// the file, and nobody gave keys for it.
pub(super) fn is_own_store(provider_name: &str, service: &Node, root: &Node) -> bool {
    let (kind, id) = provider_name.split_once('.').unwrap_or((provider_name, "default"));
    let given = |entry: &Node| {
        ["access_key", "secret_key"].iter().any(|key| entry.get(key).is_some_and(|node| !node.is_null()))
    };
    kind == "minio"
        && (id == "default" || service_at(root, id).is_some())
        && !provider(service, root, id).is_some_and(given)
}
