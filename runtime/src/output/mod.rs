//! Stage out: what the script left in its output folder becomes objects.
//!
//! ```text
//! find   what the script left: files, and what is no file
//! plan   what goes where
//! ```

mod find;
mod plan;

pub use find::{Found, contents};
pub use plan::{Upload, lacks, plan, untaken};

use crate::s3::{Description, S3ErrorKind};
use crate::stores::Stores;
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;
use throng_contract::{FailureClass, HEAD_BYTES, Lineage, OutputObject, content_type};

/// Uploads under way at a time.
const PARALLEL: usize = 4;

/// What was stored, and the first thing that was not.
#[derive(Default)]
pub struct Stored {
    /// Objects, in order of provider, bucket and key.
    pub objects: Vec<OutputObject>,
    /// Class and sentence.
    pub failure: Option<(FailureClass, String)>,
}

/// Stores what was planned. `lineage` gives the lineage of an output by its ordinal.
pub fn store(
    mut uploads: Vec<Upload<'_>>,
    lineage: impl Fn(u32) -> Option<Lineage>,
    storage: &Stores<'_>,
    until: Instant,
) -> Stored {
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
    let Upload { provider, bucket, key, place, file, lineage } = upload;
    let failed = |class, error: &dyn std::fmt::Display| {
        (class, format!("the output {} could not be stored: {error}", file.path.display()))
    };
    let body = open(&file.path).map_err(|error| failed(FailureClass::Output, &error))?;
    let about = Description { lineage: lineage.as_deref(), kind: kind_of(&file.name, &body) };
    match storage.with(*provider, until, |storage| storage.put_file(bucket, key, &body, &about, until)) {
        Ok(stored) => Ok(OutputObject {
            bucket: (*bucket).to_owned(),
            key: key.clone(),
            size: stored.size,
            sha256: stored.sha256,
            provider: provider.map(str::to_owned),
            place: Some((*place).to_owned()),
        }),
        Err(error) if error.kind == S3ErrorKind::Transient && Instant::now() >= until => {
            Err(failed(FailureClass::Timeout, &error))
        }
        Err(error) => Err(failed(FailureClass::Output, &error)),
    }
}

/// The content type of a file. Its bytes are looked at when its name says nothing.
fn kind_of(name: &str, file: &File) -> Option<&'static str> {
    content_type(name, &[]).or_else(|| {
        let mut head = [0; HEAD_BYTES];
        let length = file.read_at(&mut head, 0).ok()?;
        content_type(name, &head[..length])
    })
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

    #[test]
    fn only_what_can_be_read_to_an_end_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x"), "x").unwrap();
        assert!(open(folder.path()).is_err() && open(&folder.path().join("x")).is_ok());
    }

    #[test]
    fn a_file_without_an_ending_is_known_by_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frame");
        std::fs::write(&path, b"\xff\xd8\xff\xe0\0\x10JFIF").unwrap();
        let file = open(&path).unwrap();
        assert_eq!(kind_of("frame", &file), Some("image/jpeg"));
        assert_eq!(kind_of("frame.txt", &file), Some("text/plain"));
    }
}
