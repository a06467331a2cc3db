//! Stage out: what the script left in its output folder becomes objects.

use crate::s3::S3ErrorKind;
use crate::stores::Stores;
use rustix::fs::OFlags;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;
use throng_contract::{FailureClass, Lineage, OutputObject, OutputRule};

/// Uploads under way at a time.
const PARALLEL: usize = 4;

/// A file of the output folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Relative to the output folder, with `/` between its parts.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// Every file below a folder, sorted. Links to files are files; links to folders, pipes and the like are not followed.
pub fn files(folder: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut stack = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = stack.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            let name = format!("{prefix}{}", text(&entry.file_name()));
            let kind = entry.file_type()?;
            if kind.is_dir() {
                stack.push((path, format!("{name}/")));
            } else if kind.is_file()
                || (kind.is_symlink() && path.metadata().is_ok_and(|data| data.is_file()))
            {
                found.push(Found { name, path });
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A file's name as a key can have it: bytes that are no UTF-8 become `%` and two digits, so that no two names are one.
fn text(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// One object to make.
struct Upload<'a> {
    /// The storage provider; the function's own storage when `None`.
    provider: Option<&'a str>,
    bucket: &'a str,
    key: String,
    path: &'a Path,
    lineage: Option<String>,
}

/// What was stored, and the first thing that was not.
#[derive(Default)]
pub struct Stored {
    /// Objects, in order of provider, bucket and key.
    pub objects: Vec<OutputObject>,
    /// Class and sentence.
    pub failure: Option<(FailureClass, String)>,
}

/// Stores files by the rules; `failed` is the request id of a failed task, whose outputs are kept apart. `lineage` gives the
/// lineage of an output by its ordinal.
pub fn store(
    files: &[Found],
    rules: &[OutputRule],
    failed: Option<&str>,
    lineage: impl Fn(u32) -> Option<Lineage>,
    storage: &Stores<'_>,
    until: Instant,
) -> Stored {
    let mut uploads = plan(files, rules, failed);
    for (upload, ordinal) in uploads.iter_mut().zip(0..) {
        upload.lineage = lineage(ordinal).map(|lineage| lineage.header(upload.bucket, &upload.key));
    }
    let results = if uploads.len() < 2 {
        uploads.iter().map(|upload| send(upload, storage, until)).collect()
    } else {
        send_all(&uploads, storage, until)
    };
    let mut stored = Stored::default();
    for result in results {
        match result {
            Ok(object) => stored.objects.push(object),
            Err(failure) => stored.failure = stored.failure.or(Some(failure)),
        }
    }
    stored.objects.sort_by(|a, b| (&a.provider, &a.bucket, &a.key).cmp(&(&b.provider, &b.bucket, &b.key)));
    stored
}

/// What goes where, in order of provider, bucket and key. No object is made twice: where two rules say the same, one upload is enough.
fn plan<'a>(files: &'a [Found], rules: &'a [OutputRule], failed: Option<&str>) -> Vec<Upload<'a>> {
    let mut uploads = BTreeMap::new();
    for rule in rules {
        for file in files {
            let Some(key) = rule.key_for(&file.name) else { continue };
            let key = match (failed, rule.path.trim_matches('/')) {
                (None, _) => key,
                (Some(id), "") => format!("failed/{id}/{key}"),
                (Some(id), path) => format!("{path}/failed/{id}{}", key.strip_prefix(path).unwrap_or(&key)),
            };
            let target = (rule.provider.as_deref(), rule.bucket.as_str(), key);
            uploads.insert(target, file.path.as_path());
        }
    }
    let upload = |((provider, bucket, key), path)| Upload { provider, bucket, key, path, lineage: None };
    uploads.into_iter().map(upload).collect()
}

type Sent = Result<OutputObject, (FailureClass, String)>;

fn send_all(uploads: &[Upload<'_>], storage: &Stores<'_>, until: Instant) -> Vec<Sent> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let work = || {
        let mut sent = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let Some(upload) = uploads.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            let result = send(upload, storage, until);
            if result.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
            sent.push(result);
        }
        sent
    };
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..PARALLEL.min(uploads.len())).map(|_| scope.spawn(work)).collect();
        let mut sent = work();
        for helper in helpers {
            let lost = || vec![Err((FailureClass::Output, "a sender ended early".to_owned()))];
            sent.extend(helper.join().unwrap_or_else(|_| lost()));
        }
        sent
    })
}

fn send(upload: &Upload<'_>, storage: &Stores<'_>, until: Instant) -> Sent {
    let Upload { provider, bucket, key, path, lineage } = upload;
    let failed = |class, error: &dyn std::fmt::Display| {
        (class, format!("the output {} could not be stored: {error}", path.display()))
    };
    let file = open(path).map_err(|error| failed(FailureClass::Output, &error))?;
    match storage
        .with(*provider, until, |storage| storage.put_file(bucket, key, &file, lineage.as_deref(), until))
    {
        Ok(stored) => Ok(OutputObject {
            bucket: (*bucket).to_owned(),
            key: key.clone(),
            size: stored.size,
            sha256: stored.sha256,
            provider: provider.map(str::to_owned),
        }),
        Err(error) if error.kind == S3ErrorKind::Transient && Instant::now() >= until => {
            Err(failed(FailureClass::Timeout, &error))
        }
        Err(error) => Err(failed(FailureClass::Output, &error)),
    }
}

/// Opens a file for reading; never waits, whatever it turned into since it was found.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a regular file")) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rule(path: &str, suffix: &[&str]) -> OutputRule {
        OutputRule {
            provider: None,
            bucket: "b".into(),
            path: path.into(),
            prefix: Vec::new(),
            suffix: suffix.iter().map(ToString::to_string).collect(),
        }
    }

    fn keys(rules: &[OutputRule], failed: Option<&str>) -> Vec<String> {
        let found = |name: &str| Found { name: name.into(), path: name.into() };
        let files = [found("a.txt"), found("sub/b.png")];
        plan(&files, rules, failed).into_iter().map(|upload| upload.key).collect()
    }

    #[test]
    fn no_two_files_are_one_object() {
        let folder = tempfile::tempdir().unwrap();
        for name in [&b"a"[..], b" a", b"a ", b"bad\xff", b"bad\xfe"] {
            std::fs::write(folder.path().join(OsStr::from_bytes(name)), "").unwrap();
        }
        let files = files(folder.path()).unwrap();
        let keys: Vec<_> =
            plan(&files, &[rule("out", &[])], None).into_iter().map(|upload| upload.key).collect();
        assert_eq!(keys, ["out/ a", "out/a", "out/a ", "out/bad%FE", "out/bad%FF"]);
    }

    #[test]
    fn every_rule_takes_its_files_and_equal_targets_are_one() {
        let rules = [rule("out/", &[]), rule("out", &[".png"]), rule("", &[".txt"])];
        assert_eq!(keys(&rules, None), ["a.txt", "out/a.txt", "out/sub/b.png"]);
    }

    #[test]
    fn equal_names_at_different_providers_are_two_objects() {
        let lab = OutputRule { provider: Some("minio.lab".into()), ..rule("out", &[".txt"]) };
        assert_eq!(keys(&[rule("out", &[".txt"]), lab.clone(), lab], None), ["out/a.txt", "out/a.txt"]);
    }

    #[test]
    fn outputs_of_failed_tasks_are_kept_apart() {
        assert_eq!(keys(&[rule("out", &[])], Some("id")), ["out/failed/id/a.txt", "out/failed/id/sub/b.png"]);
        assert_eq!(keys(&[rule("", &[".txt"])], Some("id")), ["failed/id/a.txt"]);
    }

    #[test]
    fn only_what_can_be_read_to_an_end_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("d/empty")).unwrap();
        fs::write(root.join("d/x"), "x").unwrap();
        std::os::unix::fs::symlink("d/x", root.join("link")).unwrap();
        std::os::unix::fs::symlink("d", root.join("folder-link")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("broken")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        let names: Vec<_> = files(root).unwrap().into_iter().map(|found| found.name).collect();
        assert_eq!(names, ["d/x", "link"]);
        assert!(open(&root.join("d")).is_err());
    }
}
