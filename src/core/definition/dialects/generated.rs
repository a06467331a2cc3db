//! `function_config.yaml`, which SCAR v4 makes of a definition and puts beside the script in a function's package: the `lambda`
//! block alone, with every default filled in, and the file's `storage_providers` (SCAR 4.3.1, `functioncode.py`).

use super::draft::Draft;
use super::tree::{put, take};
use super::{Dialect, empty, setting, v4};
use crate::definition::node::{Node, Value};

/// Keys that SCAR writes for itself, and what stands for each.
const ITS_OWN: &[(&str, &str)] = &[
    ("handler", "not needed: the runtime is the function's entry point"),
    ("config_path", "not needed: paths start at this file's folder"),
    ("arn", "not needed: the context says where the function is"),
    ("zip_file_path", "not needed: the image goes to the context's registry"),
    ("max_payload_size", "not needed: the image goes to the context's registry"),
    ("max_s3_payload_size", "not needed: the image goes to the context's registry"),
];

/// Whether a file is such a block: settings of one function on its own.
pub(super) fn is_config(root: &Node) -> bool {
    root.get("functions").is_none()
        && root.get("name").is_some()
        && matches!(root.get("container").map(|node| &node.value), Some(Value::Map(_)))
}

/// Reads it.
pub(super) fn read(root: &Node) -> Draft {
    let mut lambda = root.clone();
    take(&mut lambda, "storage_providers");
    let mut dropped = Vec::new();
    for (key, why) in ITS_OWN {
        if let Some(node) = take(&mut lambda, key) {
            dropped.push((node.at, setting(key, &node), (*why).to_owned()));
        }
    }
    let mut entry = empty(root.at);
    // What SCAR writes beside `lambda` for Batch, it takes in here.
    if let Some(batch) = take(&mut lambda, "batch") {
        put(&mut entry, &["batch"], batch);
    }
    if let Some(image) = lambda.get("container").and_then(|container| container.get("image"))
        && let Value::Text { text, .. } = &image.value
        && text.contains(".dkr.ecr.")
    {
        let became =
            "used as it is: SCAR's own image, if it made that, holds its supervisor, which does not run here";
        dropped.push((image.at, setting("container.image", image), became.to_owned()));
    }
    put(&mut entry, &["lambda"], lambda);
    let mut draft = v4::tidy(&entry, "");
    draft.of_dialect(Dialect::ScarGenerated);
    draft.rename("lambda", "");
    for (at, was, became) in dropped {
        draft.note(at, was, became);
    }
    draft
}
