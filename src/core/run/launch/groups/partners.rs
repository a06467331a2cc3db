//! Inputs with partners, which are found by their names.

use super::roots::beside;
use super::{Group, Groups, Roots};
use crate::dataset::FileList;
use crate::run::{RunError, Store};
use crate::words::plural;
use futures::{StreamExt as _, TryStreamExt as _};
use std::collections::{HashMap, HashSet};
use throng_contract::Grouping;

/// Objects that are looked for at a time.
const AT_ONCE: usize = 64;
/// Inputs without a partner that a message names.
const NAMED: usize = 3;

/// Files that are no inputs by the function's rules, and may be partners: by name, with a base and a size.
pub(in crate::run::launch) type Others = HashMap<String, (u32, u64)>;

/// Gives each input of a list its partners. Partners that are not listed are looked for: on this machine, or in a store's bucket.
/// A partner that would be an input as well is no task of its own.
///
/// # Errors
/// A partner that must be there is missing, or nothing is left that is no partner.
pub(in crate::run::launch) async fn by_partner(
    list: &FileList,
    rule: &Grouping,
    roots: &Roots,
    mut others: Others,
    store: Option<(&Store, &str)>,
) -> Result<(FileList, Groups), RunError> {
    let bases = (0..list.len()).map(|at| list.base_of(at).unwrap_or(0));
    for (file, base) in list.iter().zip(bases) {
        others.insert(file.name.to_owned(), (base, file.size));
    }
    look(list, rule, roots, &mut others, store).await?;
    let choices: Vec<Choice> = list.iter().map(|file| Choice::of(file.name, rule, roots, &others)).collect();
    let partners: HashSet<&str> =
        choices.iter().flat_map(|choice| choice.partners.iter().flatten()).map(String::as_str).collect();
    let tasks: Vec<&Choice> =
        choices.iter().filter(|choice| !partners.contains(choice.input.as_str())).collect();
    refuse_missing(&tasks, rule)?;
    if tasks.is_empty() {
        return Err(RunError::Refused(
            "there is nothing to run: each of these files is the partner of another (or its own) by the function's `with`"
                .to_owned(),
        ));
    }
    Ok(build(list, rule, &tasks, &others))
}

/// An input with its partners, below the root at which they are there.
struct Choice {
    input: String,
    root: usize,
    /// In the order of the rule; `None` for one that is not there.
    partners: Vec<Option<String>>,
    /// What the first missing one should be called, and its number in the rule.
    missing: Option<(usize, String)>,
}

impl Choice {
    fn of(input: &str, rule: &Grouping, roots: &Roots, known: &Others) -> Self {
        let mut first = None;
        for root in roots.of(input).chain(std::iter::once(0)) {
            let choice = Self::below(input, root, rule, known);
            if choice.missing.is_none() && choice.partners.iter().any(Option::is_some) {
                return choice;
            }
            first.get_or_insert(choice);
        }
        first.unwrap_or_else(|| Self::below(input, 0, rule, known))
    }

    fn below(input: &str, root: usize, rule: &Grouping, known: &Others) -> Self {
        let names = rule.with.iter().map(|partner| name_of(partner, input, root));
        let names: Vec<Option<String>> = names.collect();
        let is_there = |name: &Option<String>| name.clone().filter(|name| known.contains_key(name));
        let partners: Vec<_> = names.iter().map(is_there).collect();
        let missing = (0..).zip(&rule.with).find(|(at, partner): &(usize, _)| {
            !partner.optional && partners.get(*at).is_some_and(Option::is_none)
        });
        let missing = missing.map(|(at, _)| (at, names.get(at).cloned().flatten().unwrap_or_default()));
        Self { input: input.to_owned(), root, partners, missing }
    }
}

fn name_of(partner: &throng_contract::Partner, input: &str, root: usize) -> Option<String> {
    Some(format!("{}{}", &input[..root], partner.of(&input[root..])?))
}

/// Looks for partners that are not among what was listed.
async fn look(
    list: &FileList,
    rule: &Grouping,
    roots: &Roots,
    known: &mut Others,
    store: Option<(&Store, &str)>,
) -> Result<(), RunError> {
    let mut unknown: HashMap<String, u32> = HashMap::new();
    for (at, file) in list.iter().enumerate() {
        for root in roots.of(file.name) {
            for name in rule.with.iter().filter_map(|partner| name_of(partner, file.name, root)) {
                if !known.contains_key(&name) {
                    unknown.insert(name, list.base_of(at).unwrap_or(0));
                }
            }
        }
    }
    if let Some((store, bucket)) = store {
        let look = futures::stream::iter(unknown.into_keys()).map(async |name| {
            let head = store.objects.head(bucket, &name).await?;
            Ok(head.map(|head| (name, head.size)))
        });
        let found: Result<Vec<_>, _> = look.buffer_unordered(AT_ONCE).try_collect().await;
        let found = found.map_err(|error| store.error(error))?;
        known.extend(found.into_iter().flatten().map(|(name, size)| (name, (0, size))));
        return Ok(());
    }
    for (name, base) in unknown {
        let path = beside(list, base, &name);
        let metadata = path.and_then(|path| std::fs::metadata(path).ok());
        if let Some(metadata) = metadata.filter(std::fs::Metadata::is_file) {
            known.insert(name, (base, metadata.len()));
        }
    }
    Ok(())
}

fn refuse_missing(tasks: &[&Choice], rule: &Grouping) -> Result<(), RunError> {
    let lacking = tasks.iter().filter_map(|task| Some((task, task.missing.as_ref()?)));
    let lacking: Vec<_> = lacking.collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let named: Vec<_> = lacking
        .iter()
        .take(NAMED)
        .map(|(task, (at, name))| {
            let partner = rule.with.get(*at).map(|partner| partner.name.as_str()).unwrap_or_default();
            format!("`{}` has no {partner} (`{name}`)", task.input)
        })
        .collect();
    let more = match lacking.len().saturating_sub(NAMED) as u64 {
        0 => String::new(),
        more => format!(", nor have {more} more theirs"),
    };
    Err(RunError::Refused(format!(
        "{} without a partner, and nothing was sent: {}{more}. Add what is missing, leave these inputs out, or write `optional: true` \
         in the function's `with`",
        plural(lacking.len() as u64, "input"),
        named.join(", ")
    )))
}

/// The list of all files, each input followed by what is new with it.
fn build(list: &FileList, rule: &Grouping, tasks: &[&Choice], known: &Others) -> (FileList, Groups) {
    let mut files = list.clone();
    // Bases and what could not be read stay.
    files.retain(|_| false);
    let mut numbers: HashMap<String, u32> = HashMap::new();
    let mut number_of = |name: &str| {
        if let Some(number) = numbers.get(name) {
            return *number;
        }
        let (base, size) = known.get(name).copied().unwrap_or_default();
        files.push(base, name, size);
        let number = u32::try_from(files.len() - 1).unwrap_or(u32::MAX);
        numbers.insert(name.to_owned(), number);
        number
    };
    let mut groups = Vec::with_capacity(tasks.len());
    for task in tasks {
        let mut members = vec![(number_of(&task.input), None)];
        for (role, name) in (0_u8..).zip(&task.partners) {
            members.extend(name.as_ref().map(|name| (number_of(name), Some(role))));
        }
        let root = task.input[..task.root].to_owned();
        groups.push(Group { root, folder: String::new(), files: members });
    }
    (files, Groups::new(rule.clone(), groups))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::Place;
    use throng_contract::Partner;

    fn rule(partners: &[(&str, &str, bool)]) -> Grouping {
        let partner = |(name, path, optional): &(&str, &str, bool)| Partner {
            name: (*name).into(),
            path: (*path).into(),
            optional: *optional,
        };
        Grouping { with: partners.iter().map(partner).collect(), ..Grouping::default() }
    }

    async fn paired(names: &[&str], others: &[&str], rule: &Grouping) -> Result<Vec<String>, String> {
        let mut list = FileList::default();
        let base = list.add_base("/nowhere".into());
        for name in names {
            list.push(base, name, 1);
        }
        let others = others.iter().map(|name| ((*name).to_owned(), (0, 1))).collect();
        let roots = Roots::of_keys(&["s/".to_owned()], &crate::run::FunctionFacts::default(), "b");
        let paired = by_partner(&list, rule, &roots, others, None).await;
        let (files, groups) = paired.map_err(|error| error.to_string())?;
        let place = Place { bucket: "b".into(), prefix: String::new() };
        let told = |group| {
            let files = groups.files(group, &files, &place).unwrap();
            let with = files.list.iter().skip(1).map(|file| file.with.clone().unwrap_or_default());
            let keys = files.keys().skip(1).zip(with).map(|(key, with)| format!(" {with}={key}"));
            format!("{}{}", files.key(&files.list[0]), keys.collect::<String>())
        };
        Ok((0..groups.len() as u64).map(told).collect())
    }

    #[tokio::test]
    async fn partners_are_found_and_are_no_tasks_of_their_own() {
        let mask = rule(&[("mask", "{dir}/{stem}_mask.nii", false)]);
        let found = paired(&["s/1/a.nii", "s/1/a_mask.nii", "s/b.nii"], &["s/b_mask.nii"], &mask).await;
        assert_eq!(found.unwrap(), ["s/1/a.nii mask=s/1/a_mask.nii", "s/b.nii mask=s/b_mask.nii"]);
        let elsewhere = rule(&[("mask", "masks/{dir}/{name}", false), ("atlas", "atlas.nii", false)]);
        let files = ["s/x/a", "s/x/b", "s/masks/x/a", "s/masks/x/b"];
        let found = paired(&files, &["s/atlas.nii"], &elsewhere).await.unwrap();
        assert_eq!(
            found,
            ["s/x/a mask=s/masks/x/a atlas=s/atlas.nii", "s/x/b mask=s/masks/x/b atlas=s/atlas.nii"]
        );
    }

    #[tokio::test]
    async fn a_missing_partner_is_named_unless_it_is_optional() {
        let needed = rule(&[("mask", "{dir}/{stem}_mask.nii", false)]);
        let said = paired(&["s/a.nii", "s/b.nii", "s/b_mask.nii"], &[], &needed).await.unwrap_err();
        assert!(
            said.contains(
                "1 input without a partner, and nothing was sent: `s/a.nii` has no mask (`s/a_mask.nii`)"
            ),
            "{said}"
        );
        let optional = rule(&[("mask", "{dir}/{stem}_mask.nii", true)]);
        let found = paired(&["s/a.nii", "s/b.nii", "s/b_mask.nii"], &[], &optional).await;
        assert_eq!(found.unwrap(), ["s/a.nii", "s/b.nii mask=s/b_mask.nii"]);
        let own = paired(&["s/t1"], &[], &rule(&[("t1", "{dir}/t1", false)])).await.unwrap_err();
        assert!(own.contains("nothing to run"), "{own}");
    }
}
