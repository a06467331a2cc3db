//! What groups files would be, before anything is launched.

use super::{Groups, Others, Roots, by_folder, by_partner};
use crate::dataset::FileList;
use crate::definition::{Definition, counted};
use crate::model::Place;
use crate::run::FunctionFacts;
use crate::run::launch::select::Sieve;
use futures::FutureExt as _;
use std::path::PathBuf;

/// What tasks a function would make of files that were given by some paths, in sentences: groups, and what is left out. `None` when
/// each file is a task.
///
/// # Errors
/// Why they could not be launched: a partner is missing, nothing fits.
#[must_use]
pub fn groups_of_files(
    definition: &Definition,
    paths: &[PathBuf],
    files: &FileList,
) -> Option<Result<Vec<String>, String>> {
    let rule = definition.grouping.clone()?;
    let facts = FunctionFacts {
        selections: definition.selections_with_rules().to_vec(),
        grouping: Some(rule.clone()),
        ..FunctionFacts::default()
    };
    let mut list = files.clone();
    let others: Others = files.iter().map(|file| (file.name.to_owned(), (0, file.size))).collect();
    let mut sieve = Sieve::of(&facts, false, crate::cloud::now_ms());
    sieve.sift(&mut list, &Place { bucket: String::new(), prefix: String::new() });
    let roots = Roots::of_paths(paths);
    let made = if rule.folder.is_some() {
        by_folder(&mut list, &rule, &roots).map(|(groups, _, told)| (groups, told))
    } else {
        // Files of this machine are looked for without waiting.
        let paired = by_partner(&list, &rule, &roots, others, None).now_or_never()?;
        paired.map(|(files, groups)| {
            list = files;
            (groups, None)
        })
    };
    let said = |(groups, told): (Groups, Option<String>)| {
        let count = counted(&rule, groups.len() as u64, list.len() as u64);
        std::iter::once(count).chain(told).chain(sieve.told()).collect()
    };
    Some(made.map(said).map_err(|error| error.to_string()))
}
