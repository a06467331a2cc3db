//! Room of a task's own for what programs write beside results: a folder to work in, a home, caches.
//!
//! A function's root cannot be written. Many programs write into the folder they start in, or into the home of their
//! user, and fail where they cannot. So each task has such folders below its own, which go away with it. What an image
//! names and can be written stays as it is.

use crate::config::RuntimeSettings;
use crate::logs::Log;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Variables that name folders to write into, and where those are below a task's folder: the XDG base directory specification's,
/// POSIX's for temporary files, and those of programs that ask for neither.
const FOLDERS: [(&str, &str); 12] = [
    ("HOME", "home"),
    ("TMPDIR", "tmp"),
    ("XDG_CACHE_HOME", "home/.cache"),
    ("XDG_CONFIG_HOME", "home/.config"),
    ("XDG_DATA_HOME", "home/.local/share"),
    ("XDG_STATE_HOME", "home/.local/state"),
    ("XDG_RUNTIME_DIR", "run"),
    ("MPLCONFIGDIR", "home/.config/matplotlib"),
    ("NUMBA_CACHE_DIR", "home/.cache/numba"),
    ("R_USER_CACHE_DIR", "home/.cache/R"),
    ("R_USER_CONFIG_DIR", "home/.config/R"),
    ("R_USER_DATA_DIR", "home/.local/share/R"),
];
/// The folder to work in, below a task's.
const WORK: &str = "work";

/// Which of the variables a task gets: those that the image does not set, or sets to what cannot be written.
pub struct Room {
    folders: Vec<(&'static str, &'static str)>,
    /// Where scripts start; a folder of the task's own when `None`.
    workdir: Option<PathBuf>,
    /// Why they do not start where they were meant to.
    astray: Option<String>,
}

impl Room {
    /// Looks at what the image and the function's settings say.
    pub fn of(settings: &RuntimeSettings, variables: &BTreeMap<OsString, OsString>) -> Self {
        let usable = |name: &str| {
            variables.get(&OsString::from(name)).is_some_and(|folder| is_writable(Path::new(folder)))
        };
        let folders = FOLDERS.into_iter().filter(|(name, _)| !usable(name)).collect();
        let wanted = Some(&settings.function.workdir).filter(|folder| !folder.is_empty());
        let can_enter = |folder: &str| rustix::fs::access(folder, rustix::fs::Access::EXEC_OK).is_ok();
        let missing = wanted.filter(|folder| !Path::new(folder).is_dir() || !can_enter(folder));
        let astray = missing.map(|folder| {
            format!("the working directory {folder} is not there or cannot be entered: the script starts in a folder of its own")
        });
        let workdir = wanted.filter(|_| astray.is_none()).map(PathBuf::from);
        Self { folders, workdir, astray }
    }

    /// Makes the folders below a task's folder and enters the one that its script starts in. Says what is set for them.
    pub fn enter(&self, task: &Path, log: &mut Log<'_>) -> io::Result<Vec<(OsString, OsString)>> {
        let mut variables = Vec::with_capacity(self.folders.len());
        for (name, below) in &self.folders {
            let folder = task.join(below);
            fs::create_dir_all(&folder)?;
            if *name == "XDG_RUNTIME_DIR" {
                // The specification wants it to be the user's alone.
                fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
            }
            variables.push((OsString::from(name), folder.into()));
        }
        if let Some(astray) = &self.astray {
            log.note("WARN", astray);
        }
        let own = task.join(WORK);
        if self.workdir.is_none() {
            fs::create_dir_all(&own)?;
        }
        let start = self.workdir.as_ref().unwrap_or(&own);
        // A process of its own for each would cost more than this.
        std::env::set_current_dir(start)?;
        Ok(variables)
    }

    /// What to do about a script that said that it could not write.
    pub fn advice<'a>(&self, mut said: impl Iterator<Item = &'a str>) -> Option<String> {
        let read_only = |line: &str| line.to_ascii_lowercase().contains("read-only file system");
        said.any(read_only).then(|| {
            let where_to = "a function can write below /tmp only: results into $TMP_OUTPUT_DIR, anything else into $TMPDIR";
            match &self.workdir {
                Some(folder) => format!(
                    "{where_to}; it started in {}: `workdir: task` in its definition starts it in a fresh folder, which can be \
                     written",
                    folder.display()
                ),
                None => format!("{where_to} or the folder it starts in"),
            }
        })
    }
}

/// Leaves a task's folder, so that it can be removed.
pub fn leave() {
    let _ = std::env::set_current_dir("/");
}

fn is_writable(folder: &Path) -> bool {
    folder.is_dir() && rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}
