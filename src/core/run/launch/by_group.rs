//! Which tasks are in which group, when joins start once for each (`by`), and the manifest sorted by that.

use super::LaunchRequest;
use super::groups::{Groups, Roots};
use crate::dataset::FileList;
use crate::definition::folders_of;
use crate::model::JoinGroups;
use crate::model::Place;
use crate::run::cloud::{FunctionFacts, TriggerPlace};
use crate::run::join_groups::JoinGroupsHeader;
use crate::run::{RunError, Sets};
use crate::words::plural;
use std::collections::BTreeMap;
use throng_contract::{Grouping, InputPlace, Selection, Template, Values, folder_below};

/// Where inputs are.
pub(super) struct At<'a> {
    /// The input places of the function, by provider.
    pub places: Vec<(Option<String>, InputPlace)>,
    /// Where their dataset may begin.
    pub roots: Roots,
    /// The provider that they are at.
    pub provider: Option<&'a str>,
    /// The place that they are in, or go to.
    pub place: &'a Place,
    /// The home bucket.
    pub home: &'a str,
    /// Whether they are files, whose names begin below the place.
    pub files: bool,
}

/// The input places of a function.
pub(super) fn places(facts: &FunctionFacts) -> Vec<(Option<String>, InputPlace)> {
    let place = |Selection { provider, bucket, path, .. }| (provider, InputPlace { bucket, path });
    let triggers = facts.triggers.iter().map(TriggerPlace::selection);
    facts.selections.iter().cloned().chain(triggers).map(place).collect()
}

/// Refuses what is not sorted by groups.
pub(super) fn refuse(by: &str, packed: bool) -> Result<(), RunError> {
    if !packed {
        return Ok(());
    }
    Err(RunError::Refused(format!(
        "a join behind this function starts once for each group (`by: {by}`), and packed tasks are not sorted by it: launch without \
         packs (--pack 1)"
    )))
}

/// Names the group of each task and sorts inputs, or their sets, so that the tasks of a group follow each other.
///
/// # Errors
/// A task has none of what names its group.
pub(super) fn sort(
    by: Option<&str>,
    (inputs, folders): (&mut FileList, Option<&mut Groups>),
    request: &mut LaunchRequest,
    at: &At<'_>,
    without: Option<u64>,
) -> Result<Option<JoinGroupsHeader>, RunError> {
    let Some(by) = by else { return Ok(None) };
    let refuse = |why: String| RunError::Refused(format!("what a join starts for (`by: {by}`): {why}"));
    let rule = Grouping { folder: folders_of(by).map(str::to_owned), ..Grouping::default() };
    let template = if rule.folder.is_some() { "{dir}" } else { by };
    let template = Template::parse(template).map_err(|error| refuse(error.to_string()))?;
    let count = folders.as_ref().map_or(inputs.len(), |folders| folders.len());
    let all = request.sets.tasks(without.unwrap_or(count as u64));
    let called = |input: usize| match &folders {
        Some(folders) => folders.path(input, inputs),
        None => inputs.get(input).map(|file| file.name.to_owned()),
    };
    let name = |task: u64| {
        let (input, set) = request.sets.of_task(task);
        let variables = variables(&template, request, set);
        let input = usize::try_from(input).ok().filter(|_| without.is_none());
        let mut name = input.and_then(called).unwrap_or_default();
        if rule.folder.is_some() {
            let found = at.roots.folder(&rule, &name);
            name = found.map(|(root, folder)| format!("{root}{folder}/x")).unwrap_or_default();
        }
        expand(&template, at, &name, &variables)
    };
    let names: Result<Vec<String>, String> = (0..all).map(name).collect();
    let (groups, order) = JoinGroups::of_names(&names.map_err(refuse)?);
    let header = JoinGroupsHeader { by: by.to_owned(), count: groups.len() as u64 };
    if order.iter().enumerate().any(|(at, task)| at != *task) {
        put_in_order((inputs, folders), &mut request.sets, &order);
    }
    request.sets.groups = groups;
    Ok(Some(header))
}

/// What a person should know of it.
pub(super) fn told(groups: &JoinGroupsHeader) -> String {
    format!("{} by {}: a join starts for each", plural(groups.count, "group"), groups.by)
}

/// The variables of a task that name its group.
fn variables(template: &Template, request: &LaunchRequest, set: Option<u64>) -> BTreeMap<String, String> {
    let wanted: Vec<&str> = template.variables().collect();
    let own = set.into_iter().flat_map(|set| request.sets.variables(set));
    let run = request.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let named = run.chain(own).filter(|(name, _)| wanted.contains(name));
    named.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn expand(
    template: &Template,
    at: &At<'_>,
    name: &str,
    variables: &BTreeMap<String, String>,
) -> Result<String, String> {
    let own = at.places.iter().filter(|(provider, _)| provider.as_deref() == at.provider);
    let places: Vec<InputPlace> = own.map(|(_, place)| place.clone()).collect();
    let dir = if at.files {
        name.rsplit_once('/').map_or("", |(folder, _)| folder)
    } else {
        // Places at a provider are looked for as those of the function's own storage are.
        folder_below((&places, &[]), Some(at.home), (None, &at.place.bucket, name))
    };
    let values = Values {
        run: "",
        stage: 0,
        task: "",
        attempt: "",
        request_id: "",
        dir,
        name: name.rsplit('/').next().unwrap_or_default(),
        group: None,
        variables,
    };
    let text = template.expand(&values)?;
    Ok(if text.is_empty() { ".".to_owned() } else { text })
}

/// Puts tasks into an order: their inputs where each is that of one task, else which task is which.
fn put_in_order((inputs, folders): (&mut FileList, Option<&mut Groups>), sets: &mut Sets, order: &[usize]) {
    if !sets.is_one_each() {
        sets.order = order.iter().map(|task| *task as u64).collect::<Vec<_>>().into();
        return;
    }
    match folders {
        Some(folders) => folders.reorder(order),
        None if inputs.is_empty() => {}
        None => inputs.reorder(order),
    }
    if sets.paired {
        sets.rows = order.iter().filter_map(|task| sets.rows.get(*task).cloned()).collect();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::run::{Inputs, read_axis};

    fn list(names: &[&str]) -> FileList {
        let mut list = FileList::default();
        let base = list.add_base("/d".into());
        for name in names {
            list.push(base, name, 1);
        }
        list
    }

    fn sorted(by: &str, names: &[&str], axes: &[&str]) -> Result<(Vec<String>, Vec<String>), String> {
        let mut request = LaunchRequest::new("f", Inputs::Nothing { tasks: 0 });
        request.sets = Sets::grid(axes.iter().map(|axis| read_axis(axis).unwrap()).collect()).unwrap();
        let mut inputs = list(names);
        let place = Place { bucket: "b".into(), prefix: String::new() };
        let roots = Roots::of_paths(&[]);
        let at = At { places: Vec::new(), roots, provider: None, place: &place, home: "home", files: true };
        let header = sort(Some(by), (&mut inputs, None), &mut request, &at, None)
            .map_err(|error| error.to_string())?;
        let header = header.unwrap();
        let tasks = inputs.len() as u64 * request.sets.per_input();
        let told = |task: u64| {
            let (input, set) = request.sets.of_task(task);
            let values: String =
                set.into_iter().flat_map(|set| request.sets.variables(set)).map(|(_, value)| value).collect();
            // Who uploads an input knows its tasks.
            assert!(request.sets.tasks_of(input).any(|of| of == task));
            format!("{}{values}", inputs.get(usize::try_from(input).unwrap()).unwrap().name)
        };
        let groups = (0..header.count).map(|group| request.sets.groups.name(group).unwrap().to_owned());
        let groups = groups.collect();
        Ok(((0..tasks).map(told).collect(), groups))
    }

    #[test]
    fn inputs_are_sorted_by_their_folder() {
        let (tasks, groups) = sorted("{dir}", &["s1/a", "s1/x/b", "s1/z", "top"], &[]).unwrap();
        assert_eq!(tasks, ["top", "s1/a", "s1/z", "s1/x/b"]);
        assert_eq!(groups, [".", "s1", "s1/x"]);
    }

    #[test]
    fn inputs_are_sorted_by_the_folder_that_a_glob_names() {
        let names = ["sub-2/func/b", "notes", "sub-1/anat/t1", "sub-2/anat/t1", "sub-1/func/b"];
        let (tasks, groups) = sorted("sub-*/", &names, &[]).unwrap();
        assert_eq!(tasks, ["notes", "sub-1/anat/t1", "sub-1/func/b", "sub-2/func/b", "sub-2/anat/t1"]);
        assert_eq!(groups, [".", "sub-1", "sub-2"]);
    }

    #[test]
    fn values_of_a_sweep_make_groups_and_inputs_are_sent_once() {
        let (tasks, groups) = sorted("{ALPHA}", &["a", "b"], &["ALPHA=1,2", "BETA=8,9"]).unwrap();
        assert_eq!(tasks, ["a18", "a19", "b18", "b19", "a28", "a29", "b28", "b29"]);
        assert_eq!(groups, ["1", "2"]);
        let (tasks, groups) = sorted("{dir}/{ALPHA}", &["s/a", "s/b"], &["ALPHA=2,1"]).unwrap();
        assert_eq!((tasks.join(" "), groups.join(" ")), ("s/a1 s/b1 s/a2 s/b2".into(), "s/1 s/2".into()));
    }

    #[test]
    fn who_has_no_group_is_named_before_anything_is_sent() {
        let said = sorted("{ext}", &["a.txt", "notes"], &[]).unwrap_err();
        assert!(said.contains("`by: {ext}`") && said.contains("`notes`"), "{said}");
        let said = sorted("{ALPHA}", &["a"], &[]).unwrap_err();
        assert!(said.contains("no variable ALPHA"), "{said}");
    }
}
