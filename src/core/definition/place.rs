//! Storage providers and `bucket/folder` paths.

use super::fields::{Fields, Spanned, show};
use super::limits;
use super::problem::{Position, Report, closest};
use std::collections::BTreeMap;

/// Checks the provider of an input or output. Only S3 is served in this release.
pub(super) fn provider(
    fields: &Fields<'_>,
    at: Position,
    providers: &BTreeMap<String, bool>,
    purpose: &str,
    report: &mut Report,
) {
    let key = fields.key("storage_provider");
    let Some(text) = fields.text("storage_provider", report) else {
        if fields.node("storage_provider").is_none() {
            report.error(at, &key, "is missing: write `s3`");
        }
        return;
    };
    let (kind, id) = text.value.split_once('.').unwrap_or((&text.value, "default"));
    match kind {
        "s3" => {}
        "minio" | "onedata" | "webdav" | "rucio" => {
            let message =
                format!("`{kind}` cannot {purpose} in this release (a later one reads it): use `s3`");
            return report.error(text.at, &key, message);
        }
        other => {
            let message = format!("{} is no storage provider: use `s3` or `s3.<id>`", show(other));
            return report.error(text.at, &key, message);
        }
    }
    match providers.get(&format!("s3.{id}")) {
        Some(false) => {}
        Some(true) => {
            let message = format!(
                "the credentials of `s3.{id}` are not used in this release: the function's role must be allowed \
                 to use the bucket"
            );
            report.warn(text.at, &key, message);
        }
        None if id == "default" => {}
        None => {
            let known: Vec<&str> = providers.keys().filter_map(|key| key.strip_prefix("s3.")).collect();
            let hint = closest(id, &known).map_or_else(
                || "define it under `storage_providers.s3`, or write `s3`".to_owned(),
                |meant| format!("did you mean `s3.{meant}`?"),
            );
            report.error(text.at, &key, format!("no storage provider {}; {hint}", show(&text.value)));
        }
    }
}

/// Reads `path` as a bucket and a folder without slashes at either end.
pub(super) fn bucket_path(
    fields: &Fields<'_>,
    at: Position,
    report: &mut Report,
) -> Option<(String, String)> {
    let key = fields.key("path");
    let Some(text) = fields.text("path", report) else {
        if fields.node("path").is_none() {
            report.error(at, &key, "is missing: `bucket` or `bucket/folder`");
        }
        return None;
    };
    split(&text, &key, report)
}

/// Splits and checks `bucket[/folder]`.
pub(super) fn split(text: &Spanned<String>, key: &str, report: &mut Report) -> Option<(String, String)> {
    let value = text.value.trim();
    let value = value.strip_prefix("s3://").unwrap_or(value);
    let (bucket, path) = value.split_once('/').unwrap_or((value, ""));
    if let Err(why) = limits::bucket(bucket) {
        report.error(text.at, key, format!("{} is no bucket name: {why}", show(bucket)));
        return None;
    }
    let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let path = path.join("/");
    if path.len() > 900 {
        report.error(text.at, key, "the folder is longer than 900 bytes: keys may have 1024 in all");
        return None;
    }
    Some((bucket.to_owned(), path))
}
