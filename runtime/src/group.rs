//! Tasks of several files: which they are, and how they come into the input folder.
//!
//! A launch says them in its event, or where in the run's manifest they stand. What arrives by itself completes a group: then
//! the folder is listed, or the partners are looked for.

use crate::event::{Input, Job};
use crate::s3::{Fetched, S3Error};
use crate::several::{fetch_all, refuse_too_large, relative};
use crate::stage::{Folders, StageError, Staged, of_io, of_s3};
use crate::stores::Stores;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;
use throng_contract::keys::manifest_key;
use throng_contract::layout::ENV_INPUT_DIR;
use throng_contract::selection::{Candidate, leaves_out};
use throng_contract::{
    EventFiles, FailureClass, FunctionConfig, Grouping, ManifestSlice, Partner, TaskFile, TaskFiles,
};

/// What to do about files that have no room.
const ADVICE: &str = "give the function more ephemeral storage (`ephemeral_storage` in its definition)";
/// The longest line of a manifest that is read, in bytes.
const LONGEST: u64 = 256 << 20;

/// What of a line of a manifest is read here.
#[derive(Deserialize)]
struct Line {
    files: TaskFiles,
}

fn of_input(message: impl Into<String>) -> StageError {
    StageError { class: FailureClass::Input, message: message.into() }
}

/// The files of a job that has several; `None` for one with a single input.
pub fn files_of(
    job: &Job,
    function: &FunctionConfig,
    (stores, home): (&Stores<'_>, Option<&str>),
    until: Instant,
) -> Result<Option<TaskFiles>, StageError> {
    match &job.files {
        Some(EventFiles::Inline(files)) => Ok(Some(files.clone())),
        Some(EventFiles::Stored(slice)) => stored(job, *slice, (stores, home), until).map(Some),
        None => match &function.grouping {
            // An event of our own that names no files is of one that has a single input.
            Some(grouping) if job.sequencer.is_some() => {
                arrived(job, (function, grouping), stores, until).map(Some)
            }
            _ => Ok(None),
        },
    }
}

/// The files as the run's manifest says them.
fn stored(
    job: &Job,
    slice: ManifestSlice,
    (stores, home): (&Stores<'_>, Option<&str>),
    until: Instant,
) -> Result<TaskFiles, StageError> {
    let (Some(task), Some(home)) = (&job.task, home) else {
        return Err(of_input("the event says where a manifest names its files, but not of which run"));
    };
    let (key, range) = (manifest_key(&task.run, slice.part), (slice.offset, slice.length.min(LONGEST)));
    let text = stores.own().get_range(home, &key, range, until).map_err(|error| of_s3(&error, until))?;
    let line = serde_json::from_slice::<Line>(&text);
    line.map(|line| line.files).map_err(|error| {
        of_input(format!("{home}/{key} does not name the task's files where the event says: {error}"))
    })
}

/// The files of the group that an object completes which has arrived.
fn arrived(
    job: &Job,
    (function, grouping): (&FunctionConfig, &Grouping),
    stores: &Stores<'_>,
    until: Instant,
) -> Result<TaskFiles, StageError> {
    let Input::Object { bucket, key } = &job.input else {
        return Err(of_input("the function takes groups of files, and the event is no object"));
    };
    if !grouping.is_completed_by(key) {
        return Err(of_input(format!(
            "{bucket}/{key} is one file of a group, and nothing says that it completes it: name the end of the file that does in \
             `trigger_on` of the definition, or launch groups with `throng run`"
        )));
    }
    let provider = stores.provider_of(job).map_err(|error| of_s3(&error, until))?;
    let root = root_of(function, (provider, bucket), key);
    let name = &key[root.len()..];
    if grouping.folder.is_none() {
        return with_partners(&grouping.with, (root, name), (stores, provider, bucket), until);
    }
    let Some(folder) = grouping.folder_of(name) else {
        let pattern = grouping.folder.as_deref().unwrap_or_default();
        return Err(of_input(format!("{bucket}/{key} is in no folder that fits `group: {pattern}/`")));
    };
    let prefix = format!("{root}{folder}/");
    let found = stores.with(provider, until, |storage| storage.list_sizes(bucket, &prefix, until));
    let found = found.map_err(|error| of_s3(&error, until))?;
    let is_input = |key: &str, size: u64| {
        let found = Candidate { name: key, size: Some(size), modified_ms: None };
        !key.ends_with('/') && leaves_out(&function.selections, (provider, bucket), key, found, 0).is_none()
    };
    let file =
        |(key, size): (String, u64)| TaskFile { name: key[prefix.len()..].to_owned(), size, with: None };
    let list: Vec<_> = found.into_iter().filter(|(key, size)| is_input(key, *size)).map(file).collect();
    if list.is_empty() {
        return Err(of_input(format!("there is no input in {bucket}/{prefix}, whose group {key} completes")));
    }
    Ok(TaskFiles { root: root.to_owned(), folder: folder.to_owned(), list })
}

/// An input that has arrived, with its partners: those that must be there are.
fn with_partners(
    partners: &[Partner],
    (root, input): (&str, &str),
    (stores, provider, bucket): (&Stores<'_>, Option<&str>, &str),
    until: Instant,
) -> Result<TaskFiles, StageError> {
    let size_of = |name: &str| -> Result<Option<u64>, S3Error> {
        let key = format!("{root}{name}");
        let found = stores.with(provider, until, |storage| storage.list_sizes(bucket, &key, until))?;
        Ok(found.into_iter().find(|(other, _)| *other == key).map(|(_, size)| size))
    };
    let failed = |error: S3Error| of_s3(&error, until);
    let size = size_of(input).map_err(failed)?.unwrap_or(0);
    let mut list = vec![TaskFile { name: input.to_owned(), size, with: None }];
    for partner in partners {
        let name = partner.of(input).unwrap_or_default();
        let with = Some(partner.name.clone());
        match size_of(&name).map_err(failed)? {
            Some(size) => list.push(TaskFile { name, size, with }),
            None if partner.optional => {}
            None => {
                return Err(of_input(format!(
                    "the partner `{}` of {bucket}/{root}{input} is missing: there is no {bucket}/{root}{name}. Store it before the \
                     file that starts the function, or declare it `optional`",
                    partner.name
                )));
            }
        }
    }
    Ok(TaskFiles { root: root.to_owned(), folder: String::new(), list })
}

/// What a key begins with before its name below the deepest input place that holds it.
fn root_of<'k>(function: &FunctionConfig, (provider, bucket): (Option<&str>, &str), key: &'k str) -> &'k str {
    let own = function.inputs.iter().filter(|place| provider.is_none() && place.bucket == bucket);
    let remote = function.provider_inputs.iter();
    let remote = remote.filter(|place| provider == Some(place.provider.as_str()) && place.bucket == bucket);
    let paths = own.map(|place| &place.path).chain(remote.map(|place| &place.path));
    let root = paths.filter_map(|path| match path.as_str() {
        "" => Some(0),
        path => key.strip_prefix(path)?.starts_with('/').then_some(path.len() + 1),
    });
    &key[..root.max().unwrap_or(0)]
}

/// Puts all files of a task into its input folder, sub-folders kept.
pub fn stage(
    files: TaskFiles,
    job: &Job,
    folders: &Folders,
    stores: &Stores<'_>,
    until: Instant,
) -> Result<Staged, StageError> {
    let Input::Object { bucket, .. } = &job.input else {
        return Err(of_input("the event names several files, and no bucket"));
    };
    let provider = stores.provider_of(job).map_err(|error| of_s3(&error, until))?;
    let mut seen = HashSet::new();
    let mut places: Vec<(String, PathBuf)> = Vec::with_capacity(files.list.len());
    for file in &files.list {
        let path = folders.input.join(relative("", &files.below_root(file)));
        if !seen.insert(path.clone()) {
            let path = path.strip_prefix(&folders.input).unwrap_or(&path).display().to_string();
            return Err(of_input(format!("two files of the group would be one in /tmp: {path}")));
        }
        places.push((files.key(file), path));
    }
    let Some((_, first)) = places.first().cloned() else {
        return Err(of_input("the group has no files"));
    };
    refuse_too_large(files.bytes(), places.len(), &folders.input, ("of this task", ADVICE))?;
    let fetched = fetch_all(&places, |(key, to)| {
        if let Some(above) = to.parent() {
            fs::create_dir_all(above).map_err(|error| of_io(&error))?;
        }
        let fetched = stores.with(provider, until, |storage| storage.get_file(bucket, key, to, until));
        fetched.map_err(|error| of_s3(&error, until))
    })?;
    let variables = variables(&files, &places, folders);
    let fetched = Fetched {
        bytes: fetched.iter().map(|one| one.bytes).sum(),
        etag: digest(&files, &fetched),
        ..Fetched::default()
    };
    Ok(Staged { file: first, fetched, variables, files: Some(files), group: None })
}

/// The folder of the group, and each partner that is there.
fn variables(
    files: &TaskFiles,
    places: &[(String, PathBuf)],
    folders: &Folders,
) -> Vec<(OsString, OsString)> {
    let folder = match files.folder.as_str() {
        "" => folders.input.clone(),
        folder => folders.input.join(relative("", folder)),
    };
    let mut variables = vec![(ENV_INPUT_DIR.into(), folder.into())];
    for (file, (_, path)) in files.list.iter().zip(places) {
        if let Some(with) = &file.with {
            let partner = Partner { name: with.clone(), ..Partner::default() };
            variables.push((partner.variable().into(), path.into()));
        }
    }
    variables
}

/// What stands for all files in the fingerprint: their names and entity tags; empty when one has none.
fn digest(files: &TaskFiles, fetched: &[Fetched]) -> String {
    if fetched.iter().any(|one| one.etag.is_empty()) {
        return String::new();
    }
    let mut digest = Sha256::new();
    for (file, one) in files.list.iter().zip(fetched) {
        for text in [&files.below_root(file), file.with.as_deref().unwrap_or_default(), &one.etag] {
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text);
        }
    }
    hex::encode(digest.finalize())
}
