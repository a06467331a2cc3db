//! What the input of a task is called.

use super::TaskRow;
use throng_contract::keys;

impl TaskRow {
    /// What people call its input: the key; of a file that a launch keeps beside the run, what it was launched as; a folder with
    /// the number of its files; of an input with partners, how many more files there are; of a join, its group. Empty
    /// where there is none.
    #[must_use]
    pub fn input(&self) -> String {
        if let Some(group) = self.group() {
            return group.to_owned();
        }
        if self.key.starts_with(keys::STARTS) {
            return String::new();
        }
        if self.depth > 0 {
            let (files, s) = (self.files.max(1), if self.files > 1 { "s" } else { "" });
            return format!("{} ({files} file{s})", self.folder());
        }
        let key = self.launched_as().unwrap_or(&self.key);
        match self.files {
            0 | 1 => key.to_owned(),
            all => format!("{key} (+{})", all - 1),
        }
    }

    /// Of a task that is a folder: its name, with a slash at its end.
    fn folder(&self) -> &str {
        let end = self.key.match_indices('/').nth(usize::from(self.depth) - 1).map(|(at, _)| at + 1);
        let folder = &self.key[..end.unwrap_or(self.key.len())];
        below_run(folder).unwrap_or(folder)
    }

    /// The input's name where a launch keeps it beside the run, without that place: nobody has chosen it.
    #[must_use]
    pub fn launched_as(&self) -> Option<&str> {
        below_run(&self.key)
    }
}

fn below_run(key: &str) -> Option<&str> {
    let run = keys::inputs_run(key)?;
    key.strip_prefix(&keys::inputs_folder(run))?.strip_prefix('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FailureClass, TaskName, TaskState};

    fn called(bucket: &str, key: &str, files: u32, depth: u8) -> String {
        let (task, class) = (TaskName::Number(0), None::<FailureClass>);
        let (bucket, key, state) = (bucket.into(), key.into(), TaskState::Pending);
        let told = crate::model::Told::default();
        TaskRow { task, bucket, key, size: 0, files, state, class, attempts: 0, depth, told }.input()
    }

    #[test]
    fn inputs_are_called_what_people_gave() {
        let beside = "inputs/20261201-030630153-jp4m/study/sub-01/func/a.json";
        for (bucket, key, files, depth, input) in [
            ("b", "in/a.txt", 0, 0, "in/a.txt"),
            ("home", beside, 0, 0, "study/sub-01/func/a.json"),
            ("home", beside, 4, 4, "study/sub-01/ (4 files)"),
            ("home", beside, 1, 4, "study/sub-01/ (1 file)"),
            ("b", "study/sub-01/func/a.json", 2, 2, "study/sub-01/ (2 files)"),
            ("b", "in/a.nii", 2, 0, "in/a.nii (+1)"),
            ("home", "start/table/20261201-030630153-jp4m.1.join.0", 0, 0, ""),
            ("", "sub-01", 0, 0, "sub-01"),
            ("b", "", 0, 0, ""),
        ] {
            assert_eq!(called(bucket, key, files, depth), input, "{key}");
        }
    }
}
