//! Removes what nothing on this machine needs any more: journals of transfers, plans of runs, layers of images.

use crate::dataset::Journal;
use crate::dirs::Dirs;
use crate::image::Cache;
use crate::run;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Folders of journals, below the folder of state.
const JOURNALS: [&str; 2] = ["uploads", "downloads"];

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Journals of uploads and downloads: the same transfer would look at every file anew.
    pub journals: u64,
    /// Folders of runs that were launched here: what they have not sent cannot be sent from here any more.
    pub launches: u64,
    /// Layers and notes about them.
    pub layers: u64,
    /// Bytes of layers.
    pub bytes: u64,
}

/// Removes what was not touched for so long. What another throng has open stays, and so does what cannot be removed.
#[must_use]
pub fn collect(dirs: &Dirs, age: Duration) -> Collected {
    let mut collected = Collected::default();
    for folder in JOURNALS {
        let old = entries(&dirs.state.join(folder)).filter(|path| is_old(path, age) && is_journal(path));
        // Opening it claims it.
        let removed = old.filter(|path| {
            Journal::open::<serde_json::Value>(path).is_ok_and(|(journal, _)| journal.remove().is_ok())
        });
        collected.journals += removed.count() as u64;
    }
    for context in entries(&run::launches_of(&dirs.state)) {
        let old = entries(&context).filter(|folder| newest(folder).is_some_and(|at| is_past(at, age)));
        collected.launches += old.filter(|folder| run::forget_launch(folder)).count() as u64;
    }
    for path in Cache::of(dirs).files() {
        let size = path.metadata().map_or(0, |found| found.len());
        if is_old(&path, age) && std::fs::remove_file(&path).is_ok() {
            collected.layers += 1;
            collected.bytes += size;
        }
    }
    collected
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn is_journal(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "journal")
}

fn touched(path: &Path) -> Option<SystemTime> {
    path.symlink_metadata().ok()?.modified().ok()
}

/// When anything in a folder was touched last.
fn newest(folder: &Path) -> Option<SystemTime> {
    entries(folder).chain([folder.to_owned()]).filter_map(|path| touched(&path)).max()
}

fn is_past(at: SystemTime, age: Duration) -> bool {
    SystemTime::now().duration_since(at).is_ok_and(|since| since >= age)
}

fn is_old(path: &Path, age: Duration) -> bool {
    touched(path).is_some_and(|at| is_past(at, age))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::fs::{File, create_dir_all, write};

    const DAY: Duration = Duration::from_hours(24);

    fn age(path: &Path, days: u32) {
        let at = SystemTime::now() - DAY * days;
        File::open(path).unwrap().set_modified(at).unwrap();
    }

    #[test]
    fn what_is_old_goes_and_what_is_in_use_or_young_stays() {
        let home = tempfile::tempdir().unwrap();
        let dirs = Dirs::under(home.path());
        let uploads = dirs.state.join("uploads");
        let journal = |name: &str, days| {
            let path = uploads.join(name);
            drop(Journal::open::<u64>(&path).unwrap());
            age(&path, days);
            path
        };
        let (old, young, open) =
            (journal("a.journal", 40), journal("b.journal", 20), journal("c.journal", 40));
        let held = Journal::open::<u64>(&open).unwrap();
        age(&open, 40);
        let run = dirs.state.join("runs/local/20260101-120000000-aaaa");
        create_dir_all(&run).unwrap();
        write(run.join("sent.journal"), "").unwrap();
        let [layers, notes] =
            ["cache/images/blobs/sha256", "cache/images/notes"].map(|name| home.path().join(name));
        for folder in [&layers, &notes] {
            create_dir_all(folder).unwrap();
            write(folder.join("old"), "12345").unwrap();
            write(folder.join("new"), "1").unwrap();
            age(&folder.join("old"), 40);
        }
        age(&run.join("sent.journal"), 40);
        assert_eq!(collect(&dirs, DAY * 30), Collected { journals: 1, launches: 0, layers: 2, bytes: 10 });
        age(&run, 40);
        assert_eq!(collect(&dirs, DAY * 30), Collected { launches: 1, ..Collected::default() });
        assert!(!old.exists() && young.exists() && open.exists() && !run.exists());
        assert!(layers.join("new").exists() && !layers.join("old").exists());
        drop(held);
    }
}
