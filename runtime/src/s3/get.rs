//! Objects to files.

use super::{ANSWER, Call, Payload, S3, S3Error, S3ErrorKind, TRIES};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Instant;
use throng_contract::{Lineage, TaskRef, keys, layout};
use ureq::http::HeaderMap;
use ureq::{Body, http::Response};

/// Bytes moved at a time.
const CHUNK: usize = 128 * 1024;
/// Objects above this size are compared with the free space before anything is written.
const LOOK_FIRST: u64 = 1 << 20;

/// What was fetched.
#[derive(Debug, Default)]
pub struct Fetched {
    /// How many bytes were written to the file.
    pub bytes: u64,
    /// Where the object came from, as its metadata tells.
    pub origin: Origin,
    /// The object's entity tag; empty when it has none.
    pub etag: String,
}

/// Where an object came from.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The task that it is for.
    pub task: Option<TaskRef>,
    /// The task and attempt that stored it, as `<task>_<attempt>`.
    pub parent: Option<String>,
    /// The group that it belongs to.
    pub group: Option<String>,
}

impl S3 {
    /// A small object: at most [`ANSWER`] bytes.
    pub fn get_bytes(&self, bucket: &str, key: &str, until: Instant) -> Result<Vec<u8>, S3Error> {
        let call =
            Call { method: "GET", bucket, key, query: "", headers: &[], payload: Payload::Empty, until };
        let mut response = self.call(&call)?;
        let read = response.body_mut().with_config().limit(ANSWER).read_to_vec();
        read.map_err(|error| S3Error::broken(&self.place(bucket, key), &error.to_string()))
    }

    /// So many bytes of an object, from an offset on.
    pub fn get_range(
        &self,
        bucket: &str,
        key: &str,
        (offset, length): (u64, u64),
        until: Instant,
    ) -> Result<Vec<u8>, S3Error> {
        let range = format!("bytes={offset}-{}", offset.saturating_add(length.max(1) - 1));
        let headers = &[("range", range.as_str())][..];
        let call = Call { method: "GET", bucket, key, query: "", headers, payload: Payload::Empty, until };
        let mut response = self.call(&call)?;
        let read = response.body_mut().with_config().limit(length).read_to_vec();
        read.map_err(|error| S3Error::broken(&self.place(bucket, key), &error.to_string()))
    }

    /// Streams an object into a new file. A broken connection is taken up where it broke.
    pub fn get_file(&self, bucket: &str, key: &str, to: &Path, until: Instant) -> Result<Fetched, S3Error> {
        let place = self.place(bucket, key);
        let mut file = File::create(to).map_err(|error| S3Error::local(&place, &error))?;
        let mut fetched = Fetched::default();
        let mut total = None;
        let mut tries = 0;
        loop {
            let range = format!("bytes={}-", fetched.bytes);
            let etag = fetched.etag.clone();
            let resumed = [("if-match", etag.as_str()), ("range", range.as_str())];
            let headers = if fetched.bytes > 0 { &resumed[..] } else { &[] };
            let call =
                Call { method: "GET", bucket, key, query: "", headers, payload: Payload::Empty, until };
            let mut response = self.call(&call)?;
            if total.is_none() {
                fetched.origin = origin_of(response.headers(), bucket, key);
                header(response.headers(), "etag").unwrap_or_default().clone_into(&mut fetched.etag);
                total = header(response.headers(), "content-length").and_then(|value| value.parse().ok());
                refuse_too_large(&place, total.unwrap_or(0), to)?;
            }
            let ended = copy(&place, &mut response, &mut file, &mut fetched.bytes);
            match ended {
                Ok(()) if total.is_none_or(|total| total == fetched.bytes) => return Ok(fetched),
                Err(error) if error.kind != S3ErrorKind::Transient => return Err(error),
                _ if tries == TRIES || Instant::now() > until => {
                    return Err(S3Error::broken(&place, "the connection broke again and again"));
                }
                _ => tries += 1,
            }
        }
    }
}

/// Moves the rest of an answer into a file, and counts.
pub fn copy(place: &str, from: &mut Response<Body>, to: &mut File, bytes: &mut u64) -> Result<(), S3Error> {
    let mut reader = from.body_mut().with_config().limit(u64::MAX).reader();
    let mut buffer = vec![0; CHUNK];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                to.write_all(&buffer[..read]).map_err(|error| S3Error::local(place, &error))?;
                *bytes += read as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(S3Error::broken(place, &error.to_string())),
        }
    }
}

/// An error when the folder of `to` has less space than `size`.
pub fn refuse_too_large(place: &str, size: u64, to: &Path) -> Result<(), S3Error> {
    if size < LOOK_FIRST {
        return Ok(());
    }
    let Some(Ok(space)) = to.parent().map(rustix::fs::statvfs) else { return Ok(()) };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    if free >= size {
        return Ok(());
    }
    let text =
        format!("{size} bytes, but /tmp has {free} bytes left; give the function more ephemeral storage");
    Err(S3Error::local(place, &std::io::Error::new(std::io::ErrorKind::StorageFull, text)))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// What the metadata of an object says that was found at this place. Inputs of runs of the first contract have names of
/// their own.
fn origin_of(headers: &HeaderMap, bucket: &str, key: &str) -> Origin {
    let read = |name: &str| header(headers, &format!("x-amz-meta-{name}"));
    if let Some(lineage) = read(layout::META_LINEAGE).and_then(|text| Lineage::parse(text, bucket, key)) {
        let parent = lineage.output.as_ref().map(|(attempt, _)| format!("{}_{attempt}", lineage.task));
        return Origin { task: lineage.starts(), parent, group: lineage.group };
    }
    let first = || Some(keys::first::task(read(layout::META_RUN)?, read(layout::META_TASK)?.parse().ok()?));
    Origin { task: first(), ..Origin::default() }
}
