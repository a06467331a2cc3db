//! The `s3` block of SCAR v3: `bucket/folder` in one.
//!
//! Without a folder the input is `<function>/input/` and the output `<function>/output`, as the manual of 3.2.2 has it.
//! Without an output bucket SCAR v3 stored outputs where the inputs are, so that a function started itself for ever
//! (`lambdafunction.py`, `_add_s3_environment_vars`): this is not copied, they go to `<function>/output` of the input bucket.

use super::draft::Draft;
use super::ends::{BucketEnd, drop_deployment, set_end};
use super::setting;
use super::text;
use crate::definition::fields::{Fields, Spanned};
use crate::definition::node::Node;
use crate::definition::problem::Report;

const S3: &[&str] = &["input_bucket", "output_bucket", "deployment_bucket"];

/// Reads it.
pub(super) fn storage(fields: &Fields<'_>, name: &str, draft: &mut Draft, report: &mut Report) {
    let s3 = fields.map("s3", S3, report);
    drop_deployment(&s3, draft);
    let mut read = |key| s3.text(key, report).filter(|text| !text.value.trim().is_empty());
    let (input, output) = (read("input_bucket"), read("output_bucket"));
    if let Some(input) = &input {
        let (path, remark) = path(input, name, "input");
        let was = setting("s3.input_bucket", &text(input.at, &input.value));
        set_end(draft, "input", BucketEnd { path, key: "input_bucket", was, remark });
    }
    if let Some(output) = &output {
        let (path, remark) = path(output, name, "output");
        let was = setting("s3.output_bucket", &text(output.at, &output.value));
        set_end(draft, "output", BucketEnd { path, key: "output_bucket", was, remark });
    } else if let Some(input) = &input {
        let bucket = input.value.trim().trim_matches('/').split('/').next().unwrap_or_default();
        let path = text(input.at, format!("{bucket}/{name}/output"));
        let remark = " (not the input's folder: that would start the function again for ever)";
        set_end(draft, "output", BucketEnd { path, key: "input_bucket", was: "outputs".into(), remark });
    }
}

fn path(place: &Spanned<String>, name: &str, side: &str) -> (Node, &'static str) {
    let value = place.value.trim().trim_matches('/');
    if value.contains('/') {
        (text(place.at, value), "")
    } else {
        (text(place.at, format!("{value}/{name}/{side}")), " (SCAR's default folder)")
    }
}
