//! What a service of OSCAR has and a function on Lambda has not: what its script will miss.

use super::draft::Draft;
use super::setting;
use crate::definition::fields::Fields;
use crate::definition::node::{Node, Value};
use crate::definition::problem::Report;

/// What is missed, of the setting that asks for it.
type Missed = fn(&Node) -> String;

/// Keys that nothing stands for here, and what to say of each.
const LOST: &[(&str, Missed)] = &[
    ("expose", expose),
    ("mount", mount),
    ("volume", volume),
    ("enable_gpu", |_| {
        "Lambda has no GPU: the script finds no device, and a program that wants one must be told to use the CPU".into()
    }),
    ("enable_sgx", |_| "Lambda has no SGX: nothing that the script does is in an enclave".into()),
    ("kserve", |_| {
        "no model server is started: what the script would ask of it, it must do itself, with the model in the image".into()
    }),
    ("file_stage_in", |_| {
        "the input is always fetched: the script finds it at INPUT_FILE_PATH and need not fetch it itself"
            .into()
    }),
];

/// Warns of each, and keeps a note.
pub(super) fn tell(fields: &Fields<'_>, draft: &mut Draft, report: &mut Report) {
    for (key, why) in LOST {
        let Some(node) = fields.node(key).filter(|node| !is_false(node)) else { continue };
        let why = why(node);
        report.warn(node.at, &fields.key(key), format!("not possible: {why}"));
        draft.note(node.at, setting(key, node), format!("not possible: {why}"));
    }
}

fn is_false(node: &Node) -> bool {
    matches!(&node.value, Value::Text { text, .. } if text.eq_ignore_ascii_case("false"))
}

/// The text of a key, with nothing in it that a terminal would take for a command.
fn text<'n>(node: &'n Node, key: &str) -> Option<std::borrow::Cow<'n, str>> {
    match &node.get(key)?.value {
        Value::Text { text, .. } if !text.trim().is_empty() => {
            let text = text.trim();
            Some(if text.chars().any(char::is_control) {
                text.replace(char::is_control, " ").into()
            } else {
                text.into()
            })
        }
        _ => None,
    }
}

fn expose(node: &Node) -> String {
    let port = text(node, "api_port").or_else(|| text(node, "port"));
    let port = port.map_or_else(|| "no port".to_owned(), |port| format!("no port ({port} here)"));
    format!(
        "a function listens on {port}: the script is run once for each input and must end; a server that it starts answers \
         nobody, and keeps the task until its time is up"
    )
}

/// OSCAR mounts a bucket or a folder of one at `/mnt/<path>` (docs, "Mounting external storage").
fn mount(node: &Node) -> String {
    let path = text(node, "path").map_or_else(String::new, |path| path.trim_matches('/').to_owned());
    let place = if path.is_empty() { "/mnt".to_owned() } else { format!("/mnt/{path}") };
    format!(
        "no bucket is mounted: the script will not find {place}. Each input is fetched to INPUT_FILE_PATH, and what is left in \
         TMP_OUTPUT_DIR is stored at the end; what else it reads goes into the image"
    )
}

fn volume(node: &Node) -> String {
    let place = text(node, "mount_path").unwrap_or("of the volume".into());
    format!(
        "there is no volume: the script will not find the folder {place}, and nothing outlives a task: /tmp is its own. On AWS a \
         file system of EFS can be mounted below /mnt (`file_system`)"
    )
}
