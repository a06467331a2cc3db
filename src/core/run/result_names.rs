//! The paths that a run's results get on this machine: their names below the output place; a folder for each task only where
//! two would be one file.

use crate::dataset::download::{Named, NotFetched, common_folder};
use crate::dataset::names::{SafePath, safe_path};
use crate::model::OutputObject;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// An output as its record names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored<'a> {
    task: &'a str,
    output: &'a OutputObject,
}

impl<'a> Stored<'a> {
    /// Of a task.
    pub const fn of(task: &'a str, output: &'a OutputObject) -> Self {
        Self { task, output }
    }

    /// What the key is below the output place, when the record says which that is.
    fn below_place(&self) -> Option<&'a str> {
        let place = self.output.place.as_deref()?;
        let key = self.output.key.as_str();
        if place.is_empty() { Some(key) } else { key.strip_prefix(place)?.strip_prefix('/') }
    }

    fn at(&self) -> (Option<String>, String) {
        (self.output.provider.clone(), self.output.bucket.clone())
    }
}

/// One object and what it is called.
struct Entry<'a> {
    first: Stored<'a>,
    /// Of every record that names it.
    sha256: Vec<String>,
    /// The key below the output place.
    name: &'a str,
    /// 0: the name; 1: below a folder of the task; 2: the whole key below that.
    level: u8,
}

/// How far a name may be lengthened.
const LONGEST: u8 = 2;
/// A longer name may clash with one that was alone so far: how often that is looked at.
const ROUNDS: usize = 8;

impl Entry<'_> {
    fn path(&self) -> Result<SafePath, String> {
        let (provider, bucket) = self.first.at();
        let scheme = provider.as_deref().unwrap_or("s3");
        let task = self.first.task;
        match self.level {
            0 => safe_path(self.name),
            1 => safe_path(&format!("task-{task}/{}", self.name)),
            _ => safe_path(&format!("task-{task}/{scheme}/{bucket}/{}", self.first.output.key)),
        }
    }
}

/// By the storage provider (the context's own when `None`) and bucket.
pub type ByBucket = BTreeMap<(Option<String>, String), Vec<Named>>;

/// Gives every object a path of its own. What can have none is told.
pub(super) fn name(stored: Vec<Stored<'_>>) -> (ByBucket, Vec<NotFetched>) {
    let mut entries = objects(stored);
    let mut paths: Vec<_> = entries.iter().map(Entry::path).collect();
    for _ in 0..ROUNDS {
        for at in clashing(&paths) {
            if entries[at].level < LONGEST {
                entries[at].level += 1;
                paths[at] = entries[at].path();
            }
        }
    }
    let without: HashSet<usize> = clashing(&paths).into_iter().collect();
    let (mut named, mut failed) = (ByBucket::new(), Vec::new());
    for (at, (entry, path)) in entries.into_iter().zip(paths).enumerate() {
        let OutputObject { key, size, .. } = entry.first.output;
        let path = path.and_then(|path| {
            let clash = "another result would become the same file: fetch it alone";
            if without.contains(&at) { Err(clash.to_owned()) } else { Ok(path) }
        });
        match path {
            Ok(path) => named.entry(entry.first.at()).or_default().push(Named {
                key: key.clone(),
                path,
                size: *size,
                sha256: entry.sha256,
            }),
            Err(reason) => failed.push(NotFetched { key: key.clone(), reason }),
        }
    }
    (named, failed)
}

/// Each object once, with the checksums of all records that name it: where tasks have overwritten each other's, one of them is
/// there.
fn objects(stored: Vec<Stored<'_>>) -> Vec<Entry<'_>> {
    let mut folders: BTreeMap<_, &str> = BTreeMap::new();
    for old in stored.iter().filter(|stored| stored.below_place().is_none()) {
        let key = old.output.key.as_str();
        let common = folders.entry(old.at()).or_insert(key);
        *common = common_folder([*common, key].into_iter());
    }
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut known = HashMap::new();
    for first in stored {
        let OutputObject { provider, bucket, key, sha256, .. } = first.output;
        let at = *known.entry((provider, bucket, key)).or_insert_with(|| {
            let folder = folders.get(&first.at()).map_or(0, |folder| folder.len());
            let name = first.below_place().unwrap_or_else(|| key.get(folder..).unwrap_or(key));
            entries.push(Entry { first, sha256: Vec::new(), name, level: 0 });
            entries.len() - 1
        });
        if !sha256.is_empty() && !entries[at].sha256.contains(sha256) {
            entries[at].sha256.push(sha256.clone());
        }
    }
    entries
}

/// Those whose path another has, or is in as in a folder.
fn clashing(paths: &[Result<SafePath, String>]) -> Vec<usize> {
    let all =
        || paths.iter().enumerate().filter_map(|(at, path)| Some((at, path.as_ref().ok()?.path.as_path())));
    let mut count: HashMap<&Path, u32> = HashMap::new();
    let mut folders: HashSet<&Path> = HashSet::new();
    for (_, path) in all() {
        *count.entry(path).or_default() += 1;
        folders.extend(path.ancestors().skip(1));
    }
    all().filter(|(_, path)| count[path] > 1 || folders.contains(path)).map(|(at, _)| at).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::AttemptRecord;
    use proptest::prelude::*;
    use std::path::PathBuf;
    use throng_contract::TaskRef;

    fn record(task: u64, outputs: &[(&str, Option<&str>)]) -> AttemptRecord {
        let output = |(key, place): &(&str, Option<&str>)| OutputObject {
            bucket: "out".into(),
            key: (*key).to_owned(),
            size: 1,
            sha256: format!("{task}-{key}"),
            provider: None,
            place: place.map(str::to_owned),
        };
        AttemptRecord {
            task: Some(TaskRef::launched("run", task)),
            outputs: outputs.iter().map(output).collect(),
            ..AttemptRecord::begun("f", "r", 1)
        }
    }

    fn named(records: &[AttemptRecord]) -> (Vec<(String, String)>, usize) {
        let stored = records
            .iter()
            .flat_map(|record| record.outputs.iter().map(move |output| Stored::of(task_of(record), output)));
        let (named, failed) = name(stored.collect());
        let shown = |named: Named| (named.key, named.path.path.display().to_string());
        (named.into_values().flatten().map(shown).collect(), failed.len())
    }

    fn task_of(record: &AttemptRecord) -> &str {
        record.task.as_ref().unwrap().task.as_str()
    }

    fn paths(records: &[AttemptRecord]) -> Vec<String> {
        named(records).0.into_iter().map(|(_, path)| path).collect()
    }

    #[test]
    fn folders_below_the_output_place_are_kept() {
        let place = Some("res/run");
        let records = [
            record(0, &[("res/run/sub-01/a.png", place), ("res/run/sub-01/b.png", place)]),
            record(1, &[("res/run/sub-02/a.png", place)]),
        ];
        assert_eq!(paths(&records), ["sub-01/a.png", "sub-01/b.png", "sub-02/a.png"]);
        assert_eq!(paths(&records[..1]), ["sub-01/a.png", "sub-01/b.png"], "whatever else is there");
        assert_eq!(paths(&[record(0, &[("x/a", Some(""))])]), ["x/a"]);
    }

    #[test]
    fn older_records_keep_what_their_keys_do_not_share() {
        let records =
            [record(0, &[("res/sub-01/a", None)]), record(1, &[("res/sub-02/a", None), ("res/b", None)])];
        assert_eq!(paths(&records), ["sub-01/a", "sub-02/a", "b"]);
        assert_eq!(paths(&[record(0, &[("res/a", None)])]), ["a"]);
        assert_eq!(
            paths(&[record(0, &[("res/x/a", Some("elsewhere"))])]),
            ["a"],
            "a place that does not hold it"
        );
    }

    #[test]
    fn a_folder_for_each_task_only_where_names_clash() {
        let records = [
            record(3, &[("one/a.csv", Some("one")), ("one/b.csv", Some("one"))]),
            record(7, &[("two/a.csv", Some("two")), ("two/b.csv/c", Some("two"))]),
        ];
        assert_eq!(paths(&records), ["task-3/a.csv", "task-3/b.csv", "task-7/a.csv", "b.csv/c"]);
        // Of one task, from two places.
        let records = [record(3, &[("one/a.csv", Some("one")), ("two/a.csv", Some("two"))])];
        assert_eq!(paths(&records), ["task-3/s3/out/one/a.csv", "task-3/s3/out/two/a.csv"]);
    }

    #[test]
    fn an_object_that_two_tasks_stored_is_one_with_either_checksum() {
        let records = [record(0, &[("res/a", Some("res"))]), record(1, &[("res/a", Some("res"))])];
        let stored = records
            .iter()
            .flat_map(|record| record.outputs.iter().map(move |output| Stored::of(task_of(record), output)));
        let (named, failed) = name(stored.collect());
        let all: Vec<_> = named.into_values().flatten().collect();
        assert_eq!((all.len(), failed.len()), (1, 0));
        assert_eq!(all[0].sha256, ["0-res/a", "1-res/a"]);
    }

    #[test]
    fn keys_that_can_have_no_path_are_told() {
        let records = [record(
            0,
            &[("res/../../etc/passwd", Some("res")), ("res//x", Some("res")), ("res/ok", Some("res"))],
        )];
        let (named, failed) = named(&records);
        assert_eq!((named.len(), failed), (1, 2));
    }

    proptest! {
        /// Whatever tasks have stored where: no two objects are one file, none is a folder of another, none is outside, and
        /// nothing is lost in silence.
        #[test]
        fn every_object_has_a_path_of_its_own(
            outputs in proptest::collection::vec((0u64..4, "(a|b|task-1|s3)(/(a|b|\\.\\.|out)){0,3}", 0usize..4), 0..12)
        ) {
            let records: Vec<_> = outputs
                .iter()
                .map(|(task, key, place)| {
                    let place: Vec<_> = key.split('/').take(*place).collect();
                    let place = place.join("/");
                    record(*task, &[(key.as_str(), (place != *key).then_some(place.as_str()))])
                })
                .collect();
            let (named, failed) = named(&records);
            let keys: HashSet<_> = outputs.iter().map(|(_, key, _)| key).collect();
            prop_assert_eq!(named.len() + failed, keys.len());
            let paths: HashSet<PathBuf> = named.iter().map(|(_, path)| PathBuf::from(path)).collect();
            prop_assert_eq!(paths.len(), named.len());
            for path in &paths {
                prop_assert!(path.components().all(|part| matches!(part, std::path::Component::Normal(_))));
                prop_assert!(path.ancestors().skip(1).all(|above| !paths.contains(above)), "{path:?}");
            }
        }
    }
}
