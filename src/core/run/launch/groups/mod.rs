//! Tasks of several files: which files of a launch belong together.
//!
//! ```text
//! folders    a folder for each task; what fits none is left out
//! partners   inputs with files that are found by their names
//! roots      where a dataset begins within the names of a list
//! told       what groups files would be, before anything is launched
//! ```

mod folders;
mod partners;
mod roots;
mod told;

pub(super) use folders::by_folder;
pub(super) use partners::{Others, by_partner};
pub(super) use roots::Roots;
pub use told::groups_of_files;

use crate::dataset::FileList;
use crate::model::Place;
use crate::run::RunError;
use crate::run::header::GroupsHeader;
use std::collections::HashMap;
use throng_contract::{Grouping, TaskFile, TaskFiles};

/// Files of a list, in groups. A file may be in several.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Groups {
    /// The rule that made them.
    pub rule: Grouping,
    list: Vec<Group>,
}

/// One group.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Group {
    /// What the names of its files begin with before those below the dataset's root: empty, or with a slash at its end.
    pub root: String,
    /// Its folder below the root; empty for an input with partners.
    pub folder: String,
    /// Its files by their numbers in the list, and what each is called as a partner, by its number in the rule.
    pub files: Vec<(u32, Option<u8>)>,
}

impl Groups {
    /// Of groups that are there.
    pub fn new(rule: Grouping, list: Vec<Group>) -> Self {
        Self { rule, list }
    }

    /// How many.
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// The groups of a run that was launched before, from what its manifest says; `numbers` has the files by their keys.
    pub fn read(
        rule: &Grouping,
        lists: impl IntoIterator<Item = TaskFiles>,
        numbers: &HashMap<String, u32>,
    ) -> Result<Self, String> {
        let role_of = |name: &String| {
            let at = rule.with.iter().position(|partner| partner.name == *name);
            at.and_then(|at| u8::try_from(at).ok())
        };
        let group = |files: TaskFiles| {
            let number = |file: &TaskFile| {
                let key = files.key(file);
                let number = numbers.get(&key).copied().ok_or_else(|| format!("{key} is no file of it"));
                Ok::<_, String>((number?, file.with.as_ref().and_then(role_of)))
            };
            let numbers = files.list.iter().map(number).collect::<Result<_, _>>()?;
            Ok(Group { root: files.root.clone(), folder: files.folder.clone(), files: numbers })
        };
        let list = lists.into_iter().map(group).collect::<Result<_, String>>()?;
        Ok(Self { rule: rule.clone(), list })
    }

    /// Takes the place that all files are in out of the roots.
    pub fn leave_place(&mut self, place: &str) {
        for group in &mut self.list {
            if let Some(root) = group.root.strip_prefix(place) {
                group.root = root.to_owned();
            }
        }
    }

    /// The files of a group, as its tasks are told them; `place` is where the list's files are.
    pub fn files(&self, group: u64, list: &FileList, place: &Place) -> Option<TaskFiles> {
        let group = self.list.get(usize::try_from(group).ok()?)?;
        let begin = match group.folder.as_str() {
            "" => group.root.clone(),
            folder => format!("{}{folder}/", group.root),
        };
        let file = |(number, role): &(u32, Option<u8>)| {
            let file = list.get(*number as usize)?;
            let name = file.name.strip_prefix(begin.as_str())?.to_owned();
            let with = role.and_then(|role| self.rule.with.get(usize::from(role)));
            Some(TaskFile { name, size: file.size, with: with.map(|partner| partner.name.clone()) })
        };
        let files = group.files.iter().map(file).collect::<Option<_>>()?;
        let root = if place.prefix.is_empty() && group.root.is_empty() {
            String::new()
        } else {
            place.key(&group.root)
        };
        Some(TaskFiles { root, folder: group.folder.clone(), list: files })
    }

    /// Numbers of a group's files.
    pub fn numbers(&self, group: usize) -> impl Iterator<Item = u32> {
        self.list.get(group).into_iter().flat_map(|group| group.files.iter().map(|(number, _)| *number))
    }

    /// What people call a group: its folder, or its input.
    pub fn name(&self, group: usize, list: &FileList) -> String {
        let Some(group) = self.list.get(group) else { return String::new() };
        if !group.folder.is_empty() {
            return format!("{}{}", group.root, group.folder);
        }
        let first = group.files.first().and_then(|(number, _)| list.get(*number as usize));
        first.map(|file| file.name.to_owned()).unwrap_or_default()
    }

    /// The path of what its task is called after: its first file, or its folder, which is in itself as a file would be. Paths of
    /// outputs see it so: `{dir}` is the folder, `{name}` its last part.
    pub fn path(&self, group: usize, list: &FileList) -> Option<String> {
        let name = self.name(group, list);
        let folder = &self.list.get(group)?.folder;
        let end = folder.rsplit('/').next().filter(|end| !end.is_empty());
        Some(end.map_or_else(|| name.clone(), |end| format!("{name}/{end}")))
    }

    /// Puts the groups into another order: `order` has the number of each, once.
    pub fn reorder(&mut self, order: &[usize]) {
        self.list = order.iter().filter_map(|group| self.list.get(*group).cloned()).collect();
    }

    /// Bytes of a group's files.
    pub fn bytes(&self, group: usize, list: &FileList) -> u64 {
        let sizes = self.numbers(group).filter_map(|number| list.get(number as usize));
        sizes.fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// The groups by their names and sizes, as if each were a file.
    pub fn as_files(&self, list: &FileList) -> FileList {
        let mut all = FileList::default();
        let base = all.add_base(std::path::PathBuf::new());
        for group in 0..self.len() {
            all.push(base, &self.name(group, list), self.bytes(group, list));
        }
        all
    }

    /// Keeps only some of the groups, and takes files that are in no other out of the list.
    pub fn retain(&mut self, list: &mut FileList, mut keep: impl FnMut(usize) -> bool) {
        let mut at = 0;
        self.list.retain(|_| {
            at += 1;
            keep(at - 1)
        });
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        for (number, _) in self.list.iter().flat_map(|group| &group.files) {
            numbers.insert(*number, 0);
        }
        let mut old = 0_u32;
        let mut new = 0_u32;
        list.retain(|_| {
            let number = old;
            old += 1;
            let Some(entry) = numbers.get_mut(&number) else { return false };
            *entry = new;
            new += 1;
            true
        });
        for (number, _) in self.list.iter_mut().flat_map(|group| &mut group.files) {
            *number = numbers.get(number).copied().unwrap_or(*number);
        }
    }

    /// What run.json says of them.
    pub fn header(&self, list: &FileList) -> GroupsHeader {
        GroupsHeader { rule: self.rule.clone(), count: self.len() as u64, files: list.len() as u64 }
    }

    /// Groups of which a file cannot be read: they are no groups any more. An error when nobody can say which these are.
    pub fn broken(&self, list: &FileList, roots: &Roots) -> Result<Vec<usize>, RunError> {
        if list.problems.len() as u64 != list.unreadable {
            return Err(RunError::Refused(format!(
                "{} files cannot be read, too many to tell which groups are whole: nothing was sent",
                list.unreadable
            )));
        }
        let of_path = |path: &str| {
            let path = std::path::Path::new(path);
            let names = list.bases().iter().filter_map(|base| path.strip_prefix(base).ok()?.to_str());
            names
                .filter_map(|name| roots.folder(&self.rule, name))
                .map(|(root, folder)| format!("{root}{folder}"))
                .next()
        };
        let bad: Vec<String> = list.problems.iter().filter_map(|problem| of_path(&problem.path)).collect();
        Ok((0..self.len()).filter(|group| bad.contains(&self.name(*group, list))).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn files_that_are_in_no_group_any_more_leave_the_list() {
        let mut list = FileList::default();
        let base = list.add_base("/x".into());
        for name in ["a/1", "a/2", "b/1", "shared"] {
            list.push(base, name, 2);
        }
        let group = |folder: &str, files: &[u32]| Group {
            folder: folder.into(),
            files: files.iter().map(|number| (*number, None)).collect(),
            ..Group::default()
        };
        let rule = Grouping { folder: Some("*".into()), ..Grouping::default() };
        let mut groups = Groups::new(rule, vec![group("a", &[0, 1]), group("b", &[2])]);
        assert_eq!(groups.as_files(&list).iter().map(|file| file.size).collect::<Vec<_>>(), [4, 2]);
        groups.retain(&mut list, |group| group == 1);
        assert_eq!(list.iter().map(|file| file.name.to_owned()).collect::<Vec<_>>(), ["b/1"]);
        let place = Place { bucket: "b".into(), prefix: "inputs/r".into() };
        let files = groups.files(0, &list, &place).unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["inputs/r/b/1"]);
        let numbers = HashMap::from([("inputs/r/b/1".to_owned(), 0)]);
        let mut again = Groups::read(&groups.rule, [files], &numbers).unwrap();
        assert_eq!(again.list[0].root, "inputs/r/", "a run that goes on knows keys");
        again.leave_place(&place.key(""));
        assert_eq!(again, groups);
    }
}
