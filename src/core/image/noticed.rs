//! What a person should know of the files of an image, told once each: what is left out, and what only root may read.

use super::names::safe;
use crate::words::plural;
use serde::{Deserialize, Serialize};

/// Names that a message has.
const SHOWN: usize = 3;
/// Folders of the system, where files for root alone are as they should be.
const SYSTEM: [&str; 9] = ["boot", "etc", "lost+found", "proc", "root", "run", "sys", "tmp", "var"];

/// What was noticed in an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Noticed {
    /// Devices, sockets and named pipes, which functions cannot have.
    special: Names,
    /// Files that others may not read, and folders that they may not enter: Lambda runs functions as an ordinary user.
    closed: Names,
}

/// How many, and the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Names {
    count: u64,
    first: Vec<String>,
}

impl Names {
    fn add(&mut self, name: &str) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push(safe(name));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        let room = SHOWN.saturating_sub(self.first.len());
        self.first.extend(other.first.iter().take(room).cloned());
    }

    /// The names for a sentence; `None` when there are none.
    fn told(&self) -> Option<String> {
        let names: Vec<String> = self.first.iter().map(|name| format!("`{name}`")).collect();
        let more = if self.count > names.len() as u64 { ", …" } else { "" };
        (self.count > 0).then(|| format!("({}{more})", names.join(", ")))
    }
}

impl Noticed {
    /// A device, socket or named pipe, which is left out.
    pub fn special(&mut self, name: &str) {
        self.special.add(name);
    }

    /// A file with this mode.
    pub fn file(&mut self, name: &str, mode: u32) {
        self.closed_to_others(name, mode & 0o004 == 0);
    }

    /// A folder with this mode.
    pub fn folder(&mut self, name: &str, mode: u32) {
        self.closed_to_others(name, mode & 0o001 == 0);
    }

    fn closed_to_others(&mut self, name: &str, closed: bool) {
        let top = name.split('/').next().unwrap_or(name);
        // What deletes something of a layer below is no file.
        let deletes = name.rsplit('/').next().is_some_and(|last| last.starts_with(".wh."));
        if closed && !deletes && !SYSTEM.contains(&top) {
            self.closed.add(name);
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.special.merge(&other.special);
        self.closed.merge(&other.closed);
    }

    /// A sentence about each kind that there was.
    pub fn told(&self, origin: &str) -> Vec<String> {
        let special = self.special.told().map(|names| {
            let what = plural(self.special.count, "device or pipe");
            let what = what.replace("device or pipes", "devices and pipes");
            format!("{origin}: left out {what} {names}: functions have a /dev of their own")
        });
        let closed = self.closed.told().map(|names| {
            let what = plural(self.closed.count, "file or folder");
            let what = what.replace("file or folders", "files or folders");
            format!(
                "{origin}: {what} closed to others {names}: it may work here and fail on AWS, where functions run as an ordinary \
                 user; `chmod -R a+rX` opens them"
            )
        });
        special.into_iter().chain(closed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Noticed;

    #[test]
    fn many_are_one_sentence() {
        let mut all = Noticed::default();
        assert!(all.told("x").is_empty());
        all.special("var/control");
        assert_eq!(
            all.told("x"),
            ["x: left out 1 device or pipe (`var/control`): functions have a /dev of their own"]
        );
        let mut more = Noticed::default();
        for name in ["dev/null", "dev/zero", "dev/tty"] {
            more.special(name);
        }
        all.merge(&more);
        assert_eq!(
            all.told("x"),
            [
                "x: left out 4 devices and pipes (`var/control`, `dev/null`, `dev/zero`, …): functions have a /dev of their own"
            ]
        );
    }

    #[test]
    fn what_root_alone_may_read_is_told_except_where_it_should_be_so() {
        let mut all = Noticed::default();
        all.file("etc/shadow", 0o640);
        all.folder("root", 0o700);
        all.file("app/.wh.old", 0);
        all.file("app/run.py", 0o100_755);
        all.folder("app", 0o040_755);
        assert!(all.told("x").is_empty());
        all.file("app/model.bin", 0o100_600);
        all.folder("data", 0o040_750);
        let told = all.told("x");
        assert_eq!(told.len(), 1);
        assert!(
            told[0].starts_with("x: 2 files or folders closed to others (`app/model.bin`, `data`)"),
            "{told:?}"
        );
    }
}
