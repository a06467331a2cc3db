//! Where a dataset begins within the names of a list: a person may give it by its folder, by what is in it, or by a place of a
//! bucket.

use crate::dataset::FileList;
use crate::run::cloud::FunctionFacts;
use std::path::{Path, PathBuf};
use throng_contract::Grouping;

/// Beginnings of names that may be a dataset's root, likeliest first: empty, or with a slash at their end.
#[derive(Clone, Debug, Default)]
pub(in crate::run::launch) struct Roots(Vec<String>);

impl Roots {
    /// Of files that were given by these paths: names begin below the dataset, or with its folder.
    pub fn of_paths(paths: &[PathBuf]) -> Self {
        let mut roots = vec![String::new()];
        for path in paths.iter().filter(|path| path.is_dir()) {
            let text = path.to_string_lossy();
            let name = path.file_name().filter(|_| !text.ends_with("/.")).and_then(|name| name.to_str());
            if let Some(root) = name.map(|name| format!("{name}/")).filter(|root| !roots.contains(root)) {
                roots.push(root);
            }
        }
        Self(roots)
    }

    /// Of objects that were asked for by these keys and prefixes: what was asked for, else the function's input places, else
    /// the folder above, when one group was asked for.
    pub fn of_keys(keys: &[String], facts: &FunctionFacts, bucket: &str) -> Self {
        let mut roots: Vec<String> = Vec::new();
        let mut add = |root: String| {
            if !roots.contains(&root) {
                roots.push(root);
            }
        };
        let folder = |key: &str| key[..key.rfind('/').map_or(0, |slash| slash + 1)].to_owned();
        for key in keys {
            add(folder(key));
        }
        for entry in facts.selections.iter().filter(|entry| entry.bucket == bucket && !entry.path.is_empty())
        {
            add(format!("{}/", entry.path));
        }
        for key in keys {
            add(folder(folder(key).trim_end_matches('/')));
        }
        Self(roots)
    }

    /// The root and the folder below it of the group that a name belongs to. Where nobody knows where the dataset begins, the first
    /// folder that fits.
    pub fn folder<'n>(&self, rule: &Grouping, name: &'n str) -> Option<(&'n str, &'n str)> {
        if self.0.is_empty() {
            let roots = std::iter::once(0).chain(name.match_indices('/').map(|(at, _)| at + 1));
            return roots.into_iter().find_map(|root| Some((&name[..root], rule.folder_of(&name[root..])?)));
        }
        self.of(name).find_map(|root| Some((&name[..root], rule.folder_of(&name[root..])?)))
    }

    /// Lengths of the roots that a name may have.
    pub fn of<'s>(&'s self, name: &'s str) -> impl Iterator<Item = usize> + 's {
        self.0.iter().filter(move |root| name.starts_with(root.as_str())).map(String::len)
    }
}

/// Where a partner of a file that was listed would be on this machine.
pub(super) fn beside(list: &FileList, base: u32, name: &str) -> Option<PathBuf> {
    let base: &Path = list.bases().get(base as usize)?;
    Some(base.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(roots: &Roots, name: &str) -> Option<String> {
        let rule = Grouping { folder: Some("sub-*".into()), ..Grouping::default() };
        roots.folder(&rule, name).map(|(root, folder)| format!("{root}|{folder}"))
    }

    #[test]
    fn a_dataset_may_be_given_by_its_folder_or_by_what_is_in_it() {
        let home = tempfile::tempdir().unwrap_or_else(|error| unreachable!("{error}"));
        let study = home.path().join("study");
        assert!(std::fs::create_dir_all(study.join("sub-1")).is_ok());
        let whole = Roots::of_paths(std::slice::from_ref(&study));
        assert_eq!(folder(&whole, "study/sub-1/t1").as_deref(), Some("study/|sub-1"));
        assert_eq!(folder(&whole, "study/derivatives/sub-1/t1"), None, "another dataset within");
        let inside = Roots::of_paths(&[study.join(".")]);
        assert_eq!(folder(&inside, "sub-1/t1").as_deref(), Some("|sub-1"));
        assert_eq!(folder(&inside, "derivatives/sub-1/t1"), None);
        let one = Roots::of_paths(&[study.join("sub-1")]);
        assert_eq!(folder(&one, "sub-1/t1").as_deref(), Some("|sub-1"));
    }

    #[test]
    fn a_dataset_in_a_bucket_is_what_was_asked_for_or_what_it_is_a_part_of() {
        let facts = FunctionFacts::default();
        let of = |keys: &[&str]| {
            let keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
            Roots::of_keys(&keys, &facts, "b")
        };
        assert_eq!(folder(&of(&["in/study/"]), "in/study/sub-1/t1").as_deref(), Some("in/study/|sub-1"));
        assert_eq!(
            folder(&of(&["in/study/sub-1/"]), "in/study/sub-1/t1").as_deref(),
            Some("in/study/|sub-1")
        );
        assert_eq!(folder(&of(&[""]), "sub-1/t1").as_deref(), Some("|sub-1"));
        assert_eq!(folder(&of(&["in/"]), "in/study/sub-1/t1"), None);
    }
}
