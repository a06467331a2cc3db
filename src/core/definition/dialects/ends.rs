//! The input and the output that SCAR v1 to v3 name by their buckets.

use super::draft::Draft;
use super::{setting, text};
use crate::definition::fields::Fields;
use crate::definition::node::{Node, Value};

/// One end of a function's storage: a bucket, and the folder in it.
pub(super) struct BucketEnd {
    /// `bucket/folder`, where the bucket stands.
    pub path: Node,
    /// The key of `s3` that names the bucket.
    pub key: &'static str,
    /// How it was written, for the note.
    pub was: String,
    /// More about it.
    pub remark: &'static str,
}

/// Sets the only input or output of a function.
pub(super) fn set_end(draft: &mut Draft, side: &str, end: BucketEnd) {
    let BucketEnd { path, key, was, remark } = end;
    let now = setting(&format!("{side}[0].path"), &path);
    draft.note(path.at, was, format!("{now}{remark}"));
    let at = path.at;
    let item = super::map(at, vec![("storage_provider", text(at, "s3")), ("path", path)]);
    draft.set(&["lambda", side], Node { at, value: Value::List(vec![item]) }, "s3");
    draft.rename(&format!("lambda.{side}[0]"), "s3");
    draft.rename(&format!("lambda.{side}[0].path"), &format!("s3.{key}"));
}

/// What is the same in every dialect about a bucket for packages.
pub(super) fn drop_deployment(s3: &Fields<'_>, draft: &mut Draft) {
    if let Some(node) = s3.node("deployment_bucket") {
        let why = "not needed: the image goes to the context's registry";
        draft.note(node.at, setting("s3.deployment_bucket", node), why);
    }
}
