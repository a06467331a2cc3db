//! A folder for each task.

use super::{Group, Groups, Roots};
use crate::dataset::FileList;
use crate::run::RunError;
use crate::words::plural;
use std::collections::HashMap;
use throng_contract::Grouping;

/// Groups the files of a list by folders. What is in none is taken out of the list: how many that were, and a sentence about it.
///
/// # Errors
/// Nothing is in a group.
pub(in crate::run::launch) fn by_folder(
    list: &mut FileList,
    rule: &Grouping,
    roots: &Roots,
) -> Result<(Groups, u64, Option<String>), RunError> {
    let pattern = rule.folder.as_deref().unwrap_or_default();
    let (mut outside, mut first) = (0_u64, None);
    list.retain(|file| {
        let fits = roots.folder(rule, file.name).is_some();
        if !fits {
            outside += 1;
            first.get_or_insert_with(|| file.name.to_owned());
        }
        fits
    });
    let told = first.map(|first| {
        let (files, are) = (plural(outside, "file"), if outside == 1 { "is" } else { "are" });
        let such = if outside == 1 { "" } else { "such as " };
        format!("left out: {files}, {such}`{first}`, {are} in no folder that fits `group: {pattern}/`")
    });
    if list.is_empty() {
        let told = told.unwrap_or_default();
        return Err(RunError::Refused(format!(
            "there is nothing to run: {told}. Give the folder that these are in (the dataset's own), or change `group`"
        )));
    }
    let mut at: HashMap<(&str, &str), usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    let names: Vec<String> = list.iter().map(|file| file.name.to_owned()).collect();
    for (number, name) in (0_u32..).zip(&names) {
        let Some((root, folder)) = roots.folder(rule, name) else { continue };
        let group = *at.entry((root, folder)).or_insert_with(|| {
            groups.push(Group { root: root.to_owned(), folder: folder.to_owned(), files: Vec::new() });
            groups.len() - 1
        });
        groups[group].files.push((number, None));
    }
    Ok((Groups::new(rule.clone(), groups), outside, told))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn list(names: &[&str]) -> FileList {
        let mut list = FileList::default();
        let base = list.add_base("/x".into());
        for name in names {
            list.push(base, name, 1);
        }
        list
    }

    #[test]
    fn what_fits_no_group_is_named_and_left_out() {
        let rule = Grouping { folder: Some("sub-*".into()), ..Grouping::default() };
        let roots = Roots::of_keys(&["s/".to_owned()], &crate::run::FunctionFacts::default(), "b");
        let mut files = list(&["s/README", "s/sub-1/a", "s/sub-1/x/b", "s/sub-2/a", "s/participants.tsv"]);
        let (groups, outside, told) = by_folder(&mut files, &rule, &roots).unwrap();
        assert_eq!((groups.len(), outside, files.len()), (2, 2, 3));
        assert_eq!(groups.name(0, &files), "s/sub-1");
        assert_eq!(groups.numbers(0).collect::<Vec<_>>(), [0, 1]);
        let told = told.unwrap();
        assert!(told.contains("2 files, such as `s/README`") && told.contains("`group: sub-*/`"), "{told}");
        let none = by_folder(&mut list(&["s/README"]), &rule, &roots).unwrap_err().to_string();
        assert!(none.contains("nothing to run") && none.contains("Give the folder"), "{none}");
    }
}
