//! What a join gets: a list of everything that the stages before it have stored, and the files.
//!
//! ```text
//! key <tab> size <tab> sha256 <tab> task <tab> file <tab> bucket
//! ```
//!
//! One line for each output, in order of tasks, then of keys. `file` is the path below `TMP_INPUT_DIR`, empty when files are not
//! staged; a bucket at a storage provider is `minio.lab://bucket`. A tab, an end of line or a backslash in a name is written
//! `\t`, `\n`, `\r`, `\\`.
//!
//! ```text
//! claim    whose a start is, when it is told of more than once
//! gather   the outputs of the stages before, from their records
//! ```

mod claim;
mod gather;

use crate::barrier::Barrier;
use crate::config::RuntimeSettings;
use crate::event::{Input, Job};
use crate::s3::{Fetched, S3};
use crate::several::{fetch_all, refuse_too_large, relative};
use crate::stage::{Folders, StageError, Staged, of_io, of_s3};
use crate::stores::Stores;
pub use claim::is_another_s;
use gather::Given;
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;
use throng_contract::barrier::{ALL, Join, Start, first_success};
use throng_contract::keys::{RecordName, records_prefix};
use throng_contract::{FailureClass, TaskRef, TaskState};

/// Name of the list, beside the input folder.
const LIST: &str = "inputs.tsv";
/// What to do about files that have no room.
const ADVICE: &str = "write `stage_in: false` and fetch what is needed by INPUT_LIST, or give the function more ephemeral storage";

/// An event about a start marker of this function is the start of a join, not an input.
pub fn recognise(job: &mut Job, settings: &RuntimeSettings) {
    let Input::Object { bucket, key } = &job.input else { return };
    if settings.home_bucket.as_deref() != Some(bucket) {
        return;
    }
    let Some(start) = Start::parse(key).filter(|start| start.function == settings.function.name) else {
        return;
    };
    job.task = Some(start.task.clone());
    job.group = Some(ALL.to_owned());
    job.start = Some(start);
}

/// Whether the start of a join has led to its success already: events come more than once. Who cannot know it does it again.
pub fn is_done(s3: &S3, home: &str, start: &Start, until: Instant) -> bool {
    let task = &start.task;
    let prefix = format!("{}{}_", records_prefix(task), task.task);
    let keys = s3.list_all(home, &prefix, until).unwrap_or_default();
    let names: Vec<_> = keys.iter().filter_map(|key| Some((RecordName::parse(key)?, key.as_str()))).collect();
    if start.generation == 0 {
        return first_success(names.iter().map(|(name, key)| (name, *key))).is_some();
    }
    // It had begun before, for less.
    let Some(whose) = claim::whose(s3, home, start, until) else { return false };
    let own = |name: &RecordName| name.state == TaskState::Succeeded && name.attempt.request_id == whose;
    names.iter().any(|(name, _)| own(name))
}

/// Writes the list, and stages the files unless the join does without.
pub fn stage(
    task: &TaskRef,
    barrier: &Barrier<'_>,
    (stores, home): (&Stores<'_>, &str),
    folders: &Folders,
    until: Instant,
) -> Result<Staged, StageError> {
    let input = |message: String| StageError { class: FailureClass::Input, message };
    let plan = barrier.plan(&task.run, until).map_err(|error| of_s3(&error, until))?;
    let number = task.task.group();
    let group = number.map(|number| barrier.group(&task.run, number, until)).transpose();
    let group = group.map_err(|error| of_s3(&error, until))?;
    let slice = group.as_ref().map(|(group, _)| *group);
    let sources = plan.as_deref().and_then(|plan| Some((plan, plan.join_of(&task.task, slice)?)));
    let Some((plan, sources)) = sources else {
        return Err(input(format!("the run {} has no such join (any more)", task.run)));
    };
    let mut given = gather::given(stores.own(), home, (plan, &sources), &task.run, until)
        .map_err(|error| of_s3(&error, until))?;
    let Join { stage_in, .. } = *sources.join;
    let mut bytes = 0;
    if stage_in {
        name_files(&mut given);
        bytes = given.iter().map(|given| given.output.size).sum();
        refuse_too_large(bytes, given.len(), &folders.input, ("before this join", ADVICE))?;
        fetch_all(&given, |one| fetch(one, stores, &folders.input, until))?;
    } else {
        for given in &mut given {
            given.file.clear();
        }
    }
    let file = folders.beside(LIST);
    let etag =
        fs::File::create(&file).and_then(|file| write_list(file, &given)).map_err(|error| of_io(&error))?;
    let fetched = Fetched { bytes, etag, ..Fetched::default() };
    Ok(Staged { group, ..Staged::one(file, fetched) })
}

/// Writes the list; gives its digest.
fn write_list(file: impl Write, given: &[Given]) -> io::Result<String> {
    let (mut file, mut digest) = (BufWriter::new(file), Sha256::new());
    for Given { task, output, file: name } in given {
        let bucket = match &output.provider {
            Some(provider) => format!("{provider}://{}", output.bucket),
            None => output.bucket.clone(),
        };
        let (key, name, bucket) = (escaped(&output.key), escaped(name), escaped(&bucket));
        let line = format!("{key}\t{}\t{}\t{task}\t{name}\t{bucket}\n", output.size, output.sha256);
        digest.update(line.as_bytes());
        file.write_all(line.as_bytes())?;
    }
    file.flush()?;
    Ok(hex::encode(digest.finalize()))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

/// Gives each file a path of its own below the input folder: that below the place where its task stores, and where several
/// would be one, a folder named after the task.
fn name_files(given: &mut [Given]) {
    let mut seen: HashSet<String> = HashSet::new();
    // A file cannot be where another has a folder.
    let mut folders: HashSet<String> = HashSet::new();
    for (number, one) in given.iter_mut().enumerate() {
        let path = relative(&one.file, &one.output.key);
        let ways = [path.clone(), format!("{}/{path}", one.task), format!("{}-{number}/{path}", one.task)];
        let free = ways.iter().find(|way| {
            let above = ancestors(way);
            !seen.contains(*way) && !folders.contains(*way) && above.iter().all(|above| !seen.contains(above))
        });
        let path = free.unwrap_or(&ways[2]).clone();
        folders.extend(ancestors(&path));
        seen.insert(path.clone());
        one.file = path;
    }
}

fn ancestors(path: &str) -> Vec<String> {
    path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect()
}

fn fetch(one: &Given, stores: &Stores<'_>, folder: &Path, until: Instant) -> Result<(), StageError> {
    let to = folder.join(&one.file);
    if let Some(above) = to.parent() {
        fs::create_dir_all(above).map_err(|error| of_io(&error))?;
    }
    let (bucket, key) = (&one.output.bucket, &one.output.key);
    let fetched =
        stores.with(one.output.provider.as_deref(), until, |s3| s3.get_file(bucket, key, &to, until));
    let fetched = fetched.map_err(|error| of_s3(&error, until))?;
    if fetched.bytes == one.output.size {
        return Ok(());
    }
    Err(StageError {
        class: FailureClass::Input,
        message: format!(
            "s3://{bucket}/{key} has {} bytes, and task {} has stored {}: something has overwritten it since",
            fetched.bytes, one.task, one.output.size
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use throng_contract::{OutputObject, TaskId};

    fn given(task: u64, place: &str, key: &str) -> Given {
        let output = OutputObject {
            bucket: "b".into(),
            key: key.into(),
            size: 1,
            sha256: "00".into(),
            provider: None,
            place: None,
        };
        Given { task: TaskId::number(task), output, file: place.into() }
    }

    #[test]
    fn equal_names_get_the_folder_of_their_task() {
        let mut all = vec![
            given(0, "a/", "a/x"),
            given(1, "b/", "b/x"),
            given(1, "c/", "c/x"),
            given(2, "a/", "a/x/y"),
            given(3, "a/", "a/1"),
        ];
        name_files(&mut all);
        let paths: Vec<_> = all.iter().map(|one| one.file.as_str()).collect();
        assert_eq!(paths, ["x", "1/x", "1-2/x", "2/x/y", "3/1"]);
    }

    #[test]
    fn a_line_is_a_line_whatever_the_name() {
        let mut one = given(7, "", "odd\tname\nwith\\all");
        one.file = "odd\tname".into();
        let mut list = Vec::new();
        assert!(write_list(&mut list, &[one]).is_ok());
        assert_eq!(String::from_utf8_lossy(&list), "odd\\tname\\nwith\\\\all\t1\t00\t7\todd\\tname\tb\n");
    }
}
