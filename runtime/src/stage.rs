//! Stage in: the folders of a task, and its input in a file.

use crate::event::{Input, Job};
use crate::s3::{Fetched, S3Error, S3ErrorKind};
use crate::stores::Stores;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;
use throng_contract::barrier::Group;
use throng_contract::{FailureClass, TaskFiles};

/// Longest file name that file systems take.
const LONGEST_NAME: usize = 255;

/// The folders of one task, where SCAR v1 and v2 had them: `input` and `output` below `/tmp/$REQUEST_ID`.
pub struct Folders {
    /// The folder of everything.
    pub root: PathBuf,
    /// Of the input.
    pub input: PathBuf,
    /// For outputs.
    pub output: PathBuf,
    /// Where a script that came with the event is written: outside the input folder, so that no input can take its
    /// place.
    pub script: PathBuf,
}

impl Folders {
    /// Makes them for an invocation.
    pub fn make(tmp: &Path, request_id: &str) -> io::Result<Self> {
        let root = tmp.join(folder_name(request_id));
        let (input, output, script) = (root.join("input"), root.join("output"), root.join("script"));
        fs::create_dir_all(&input)?;
        fs::create_dir(&output)?;
        Ok(Self { root, input, output, script })
    }

    /// A file of the runtime's own, outside the folders that scripts look into.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Leaves the files in which scripts of SCAR v1 and v2 find the event: `event.json`, and `api_event.json` for the
    /// body of an HTTP request. A script that does not look for them does not miss them: it is not a failure when they
    /// cannot be written.
    pub fn leave_event(&self, job: &Job, payload: &[u8], file: &Path) {
        let event = job.event.as_ref().map_or(payload, String::as_bytes);
        let _ = fs::write(self.root.join("event.json"), event);
        if job.json_body {
            let _ = std::os::unix::fs::symlink(file, self.root.join("api_event.json"));
        }
    }
}

/// A request id as one part of a path, whatever it is.
fn folder_name(request_id: &str) -> &str {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !request_id.is_empty() && request_id.len() <= 128 && request_id.chars().all(good) {
        request_id
    } else {
        "request"
    }
}

/// An input in its file.
pub struct Staged {
    /// The file; the folder where there is no input.
    pub file: PathBuf,
    /// What was fetched.
    pub fetched: Fetched,
    /// Of a task of several files: variables that name them.
    pub variables: Vec<(OsString, OsString)>,
    /// The files, when there are several.
    pub files: Option<TaskFiles>,
    /// The group that a join starts for, with its name.
    pub group: Option<(Group, String)>,
}

impl Staged {
    /// One input.
    pub const fn one(file: PathBuf, fetched: Fetched) -> Self {
        Self { file, fetched, variables: Vec::new(), files: None, group: None }
    }
}

/// Why an input is not there.
pub struct StageError {
    /// What to call it.
    pub class: FailureClass,
    /// A sentence.
    pub message: String,
}

/// Puts the input of a job into the input folder.
pub fn stage(
    job: &Job,
    folders: &Folders,
    stores: &Stores<'_>,
    id: &str,
    until: Instant,
) -> Result<Staged, StageError> {
    match &job.input {
        Input::Object { bucket, key } => {
            let file = folders.input.join(file_name(key));
            let fetched = stores
                .provider_of(job)
                .and_then(|name| {
                    stores.with(name, until, |storage| storage.get_file(bucket, key, &file, until))
                })
                .map_err(|error| of_s3(&error, until))?;
            Ok(Staged::one(file, fetched))
        }
        Input::Nothing => Ok(Staged::one(folders.input.clone(), Fetched::default())),
        Input::Bytes(bytes) => {
            let file = folders.input.join(format!("event-file-{id}"));
            fs::write(&file, bytes).map_err(|error| of_io(&error))?;
            Ok(Staged::one(file, Fetched { bytes: bytes.len() as u64, ..Fetched::default() }))
        }
    }
}

/// What an error of storage during stage in is.
pub fn of_s3(error: &S3Error, until: Instant) -> StageError {
    let class = match error.kind {
        S3ErrorKind::NoSpace => FailureClass::Storage,
        _ if Instant::now() >= until => FailureClass::Timeout,
        _ => FailureClass::Input,
    };
    StageError { class, message: format!("the input could not be fetched: {error}") }
}

/// What a local error during stage in is.
pub fn of_io(error: &io::Error) -> StageError {
    let class = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FailureClass::Storage,
        _ => FailureClass::Input,
    };
    StageError { class, message: format!("the task's folders in /tmp cannot be written: {error}") }
}

/// The last part of a key as a file name: never a path, never empty, never too long.
pub fn file_name(key: &str) -> String {
    let name = key.trim_end_matches('/').rsplit('/').next().unwrap_or("").replace('\0', "_");
    match name.as_str() {
        "" | "." | ".." => "input".into(),
        _ if name.len() > LONGEST_NAME => shorten(&name),
        _ => name,
    }
}

/// Cuts the stem, so that the extension stays.
fn shorten(name: &str) -> String {
    let at = name.rfind('.').filter(|at| name.len() - at <= 32).unwrap_or(name.len());
    let (stem, extension) = name.split_at(at);
    let mut end = LONGEST_NAME - extension.len();
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{extension}", &stem[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_never_become_paths() {
        assert_eq!(file_name("in/a b.txt"), "a b.txt");
        assert_eq!(file_name("in/.."), "input");
        assert_eq!(file_name("../../etc/passwd"), "passwd");
        assert_eq!(file_name("folder/"), "folder");
        assert_eq!(file_name("/"), "input");
        assert_eq!(file_name("a\0b"), "a_b");
    }

    #[test]
    fn request_ids_never_become_paths() {
        assert_eq!(
            folder_name("0e6bb2b8-8c4c-4f4c-9d5c-1f5b5d2a1a10"),
            "0e6bb2b8-8c4c-4f4c-9d5c-1f5b5d2a1a10"
        );
        for id in ["", "..", "../../etc", "a/b", "a\0b"] {
            assert_eq!(folder_name(id), "request", "{id}");
        }
    }

    #[test]
    fn long_names_keep_their_extension() {
        let name = file_name(&format!("x/{}.nii.gz", "é".repeat(300)));
        assert!(name.len() <= LONGEST_NAME && name.rsplit('.').next() == Some("gz"), "{name}");
    }
}
