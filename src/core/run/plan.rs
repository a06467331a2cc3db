//! Where the files of a launch are on this machine. Written before the run exists; read when it goes on.

use super::RunError;
use crate::dataset::FileList;
use crate::private;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

const FILE: &str = "plan.jsonl";
const LOCK: &str = "sender.lock";

/// Claims the sending of a run until the file is dropped or the process ends: two senders would start every task
/// twice. `None` when there is no folder: everything was sent, or another machine sends.
pub(super) fn claim(folder: &Path) -> Result<Option<File>, RunError> {
    let path = folder.join(LOCK);
    let file = match private::options().create(true).truncate(false).write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(&path)(error)),
    };
    match file.try_lock() {
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(RunError::Refused("its inputs are being sent already, here or by another throng".to_owned()))
        }
        Err(std::fs::TryLockError::Error(error)) => {
            tracing::debug!(%error, folder = %folder.display(), "this file system has no locks");
            Ok(Some(file))
        }
        Ok(()) => Ok(Some(file)),
    }
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    bucket: String,
    prefix: String,
    /// Folders that names start from.
    bases: Vec<PathBuf>,
}

/// A file: index of its base, name, size.
#[derive(Debug, Serialize, Deserialize)]
struct Line<'a>(u32, std::borrow::Cow<'a, str>, u64);

/// The files of a launch.
#[derive(Debug)]
pub(super) struct Plan {
    pub bucket: String,
    pub prefix: String,
    pub files: FileList,
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> RunError + '_ {
    move |error| RunError::Io(format!("{}: {error}", path.display()))
}

/// Writes a plan into the run's folder: whole or not at all.
pub(super) fn write(folder: &Path, bucket: &str, prefix: &str, files: &FileList) -> Result<(), RunError> {
    let path = folder.join(FILE);
    let fail = io(&path);
    private::folder(folder).map_err(&fail)?;
    let temporary = tempfile::NamedTempFile::new_in(folder).map_err(&fail)?;
    let mut out = BufWriter::new(temporary.as_file());
    // With the dot, or an empty base, which is the current folder, could not be made absolute.
    let absolute = |base: &PathBuf| std::path::absolute(base.join(".")).unwrap_or_else(|_| base.clone());
    let bases = files.bases().iter().map(absolute).collect();
    let head = Head { bucket: bucket.to_owned(), prefix: prefix.to_owned(), bases };
    let mut line = |json: Result<String, serde_json::Error>| -> std::io::Result<()> {
        writeln!(out, "{}", json.map_err(std::io::Error::other)?)
    };
    line(serde_json::to_string(&head)).map_err(&fail)?;
    for (index, file) in files.iter().enumerate() {
        let base = files.base_of(index).unwrap_or(0);
        line(serde_json::to_string(&Line(base, file.name.into(), file.size))).map_err(&fail)?;
    }
    out.flush().map_err(&fail)?;
    drop(out);
    temporary.as_file().sync_data().map_err(&fail)?;
    temporary.persist(&path).map_err(|error| fail(error.error))?;
    Ok(())
}

/// Whether there is something to send from this machine, be it files or invocations.
pub(super) fn is_there(folder: &Path) -> bool {
    folder.exists()
}

/// Reads the plan of a run's folder. `None` when there is none: everything was sent, or another machine sends.
pub(super) fn read(folder: &Path) -> Result<Option<Plan>, RunError> {
    let path = folder.join(FILE);
    let fail = io(&path);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    let mut lines = BufReader::new(file).lines();
    let bad = |error: serde_json::Error| fail(std::io::Error::other(error));
    let Some(head) = lines.next() else { return Ok(None) };
    let head: Head = serde_json::from_str(&head.map_err(&fail)?).map_err(bad)?;
    let mut files = FileList::default();
    let bases: Vec<u32> = head.bases.into_iter().map(|base| files.add_base(base)).collect();
    for line in lines {
        let line = line.map_err(&fail)?;
        let Line(base, name, size) = serde_json::from_str(&line).map_err(bad)?;
        let base = usize::try_from(base).ok().and_then(|base| bases.get(base)).copied().unwrap_or(0);
        files.push(base, &name, size);
    }
    Ok(Some(Plan { bucket: head.bucket, prefix: head.prefix, files }))
}

/// Forgets a run's folder: everything was sent.
pub(super) fn remove(folder: &Path) {
    if let Err(error) = std::fs::remove_dir_all(folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, folder = %folder.display(), "cannot remove a launch's journal");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn files_that_were_named_from_the_current_folder_are_found_from_any_other() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = FileList::default();
        for base in ["", "."] {
            let base = files.add_base(base.into());
            files.push(base, &format!("in/{base}"), 1);
        }
        write(dir.path(), "b", "in", &files).unwrap();
        let here = std::env::current_dir().unwrap();
        let plan = read(dir.path()).unwrap().unwrap();
        assert_eq!(plan.files.bases(), [here]);
    }

    #[test]
    fn a_plan_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = FileList::default();
        let (a, b) = (files.add_base("/x".into()), files.add_base("/y \"z\"".into()));
        files.push(a, "one", 1);
        files.push(b, "d/two\n", 2);
        write(dir.path(), "b", "in", &files).unwrap();
        let claimed = claim(dir.path()).unwrap();
        assert!(claimed.is_some());
        assert!(matches!(claim(dir.path()), Err(RunError::Refused(_))), "one sender at a time");
        drop(claimed);
        assert!(claim(dir.path()).unwrap().is_some());
        let plan = read(dir.path()).unwrap().unwrap();
        assert_eq!((plan.bucket.as_str(), plan.prefix.as_str(), &plan.files), ("b", "in", &files));
        remove(dir.path());
        assert!(claim(dir.path()).unwrap().is_none());
        assert!(read(dir.path()).unwrap().is_none());
    }
}
