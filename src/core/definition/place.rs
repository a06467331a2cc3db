//! `bucket/folder` paths.

use super::fields::{Fields, Spanned, show};
use super::problem::{Position, Report};
use super::{limits, webdav};

/// Reads `path` as a bucket and a folder without slashes at either end; on a server of `WebDAV` the first folder stands in the
/// bucket's place.
pub(super) fn bucket_path(
    fields: &Fields<'_>,
    at: Position,
    of_webdav: bool,
    report: &mut Report,
) -> Option<(String, String)> {
    let key = fields.key("path");
    let Some(text) = fields.text("path", report) else {
        if fields.node("path").is_none() {
            report.error(at, &key, "is missing: `bucket` or `bucket/folder`");
        }
        return None;
    };
    if of_webdav { webdav::split(&text, &key, report) } else { split(&text, &key, report) }
}

/// Splits and checks `bucket[/folder]`.
pub(super) fn split(text: &Spanned<String>, key: &str, report: &mut Report) -> Option<(String, String)> {
    let value = text.value.trim();
    let value = value.strip_prefix("s3://").unwrap_or(value);
    let (bucket, path) = value.split_once('/').unwrap_or((value, ""));
    if let Err(why) = limits::bucket(bucket) {
        let message = match bucket {
            "" if value.starts_with('/') => {
                "begins with `/`: take that away, the bucket's name is first".to_owned()
            }
            _ => format!("{} is not a bucket name: {why}", show(bucket)),
        };
        report.error(text.at, key, message);
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
