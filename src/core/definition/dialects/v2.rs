//! The `s3` block of SCAR v1 and v2: buckets and folders apart.
//!
//! | setting | meaning (v2.1.0, `s3.py`, `scarsupervisor.py`) |
//! |---|---|
//! | `input_folder` | default `<function>/input/` |
//! | `output_bucket` | default the input bucket |
//! | `output_folder` | default `<function>/output`; files were stored in `<folder>/<request id>/` |
//!
//! Every invocation keeps a folder of its own ([`Word::RequestId`]): scripts of that time give their outputs names
//! that do not come from the input, and would overwrite them in one folder. What SCAR v1 to v3 have in common is read in
//! the same way, because nothing can be lost by it.

use super::draft::Draft;
use super::ends::{BucketEnd, drop_deployment, set_end};
use super::text;
use crate::definition::fields::{Fields, Spanned};
use crate::definition::node::{Node, Value};
use crate::definition::problem::Report;
use throng_contract::Word;

const S3: &[&str] = &["input_bucket", "input_folder", "output_bucket", "output_folder", "deployment_bucket"];

/// Reads it.
pub(super) fn storage(fields: &Fields<'_>, name: &str, draft: &mut Draft, report: &mut Report) {
    let s3 = fields.map("s3", S3, report);
    drop_deployment(&s3, draft);
    let mut read = |key| s3.text(key, report).filter(|text| !text.value.trim().is_empty());
    let (in_bucket, in_folder) = (read("input_bucket"), read("input_folder"));
    let (out_bucket, out_folder) = (read("output_bucket"), read("output_folder"));
    for (key, folder) in [("s3.input_folder", &in_folder), ("s3.output_folder", &out_folder)] {
        if let (Some(folder), None, None) = (folder, &in_bucket, &out_bucket) {
            report.warn(folder.at, &fields.key(key), "has no effect without a bucket");
        }
    }
    if let Some(bucket) = &in_bucket {
        let remark = if in_folder.is_none() { " (SCAR's default folder)" } else { "" };
        let path = path(bucket, in_folder.as_ref(), name, "input");
        let was = was("input", Some(bucket), in_folder.as_ref());
        set_end(draft, "input", BucketEnd { path, key: "input_bucket", was, remark });
    }
    let (key, bucket) = match (&out_bucket, &in_bucket) {
        (Some(bucket), _) => ("output_bucket", bucket),
        (None, Some(bucket)) => ("input_bucket", bucket),
        (None, None) => return,
    };
    let remark = match (&out_bucket, &out_folder) {
        (_, Some(_)) => " (a folder for each invocation, as SCAR made it)",
        (Some(_), None) => " (SCAR's default folder, with one for each invocation)",
        (None, None) => " (SCAR's default: in the input bucket, with a folder for each invocation)",
    };
    let mut path = path(bucket, out_folder.as_ref(), name, "output");
    if let Value::Text { text, .. } = &mut path.value {
        text.push('/');
        text.push_str(&Word::RequestId.to_string());
    }
    let was = match (&out_bucket, &out_folder) {
        (None, None) => "outputs".to_owned(),
        (bucket, folder) => was("output", bucket.as_ref(), folder.as_ref()),
    };
    let at = path.at;
    set_end(draft, "output", BucketEnd { path, key, was, remark });
    draft.note(at, "public outputs", "private: the bucket's own policy says who may read them");
}

fn path(bucket: &Spanned<String>, folder: Option<&Spanned<String>>, name: &str, side: &str) -> Node {
    let inside = folder.map_or_else(|| format!("{name}/{side}"), |folder| folder.value.clone());
    text(
        bucket.at,
        format!("{}/{}", bucket.value.trim().trim_end_matches('/'), inside.trim().trim_matches('/')),
    )
}

fn was(side: &str, bucket: Option<&Spanned<String>>, folder: Option<&Spanned<String>>) -> String {
    let part = |key: &str, text: Option<&Spanned<String>>| {
        text.map(|text| format!("s3.{side}_{key}: {}", text.value.replace(char::is_control, " ")))
    };
    [part("bucket", bucket), part("folder", folder)].into_iter().flatten().collect::<Vec<_>>().join(", ")
}
