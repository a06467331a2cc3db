//! The inputs and sets of parameters that remain when some tasks need not be run.

use crate::dataset::FileList;
use crate::run::{ReusedTask, Sets};
use std::collections::BTreeMap;

/// Leaves out tasks. Where every input that remains has the same sets, every input still has every set; else each task
/// has one of its own.
pub(super) fn keep_rest(inputs: &mut FileList, sets: &mut Sets, done: &BTreeMap<u64, ReusedTask>) {
    if done.is_empty() {
        return;
    }
    let left: Vec<Vec<u64>> = (0..inputs.len() as u64)
        .map(|input| sets.tasks_of(input).filter(|task| !done.contains_key(task)).collect())
        .collect();
    let mut at = left.iter();
    inputs.retain(|_| at.next().is_some_and(|tasks| !tasks.is_empty()));
    if sets.is_empty() {
        return;
    }
    let set = |task: &u64| sets.of_task(*task).1.and_then(|set| usize::try_from(set).ok());
    let remaining: Vec<Vec<usize>> = left
        .iter()
        .filter(|tasks| !tasks.is_empty())
        .map(|tasks| tasks.iter().filter_map(set).collect())
        .collect();
    let row = |at: &usize| sets.rows.get(*at).cloned();
    let Some(first) = remaining.first() else { return };
    if remaining.iter().all(|sets| sets == first) {
        sets.rows = first.iter().filter_map(row).collect();
        return;
    }
    let rows = remaining.iter().flatten().filter_map(row).collect();
    let inputs =
        remaining.iter().zip(0..).flat_map(|(sets, input)| sets.iter().map(move |_| input)).collect();
    *sets = Sets { names: sets.names.clone(), rows, paired: true, inputs, ..Sets::default() };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> FileList {
        let mut list = FileList::default();
        let base = list.add_base("/x".into());
        for name in ["a", "b", "c"] {
            list.push(base, name, 1);
        }
        list
    }

    fn sets() -> Sets {
        let rows = ["1", "2"].map(|value| vec![value.to_owned()]).to_vec();
        Sets { names: vec!["X".into()], rows, ..Sets::default() }
    }

    /// What remains, as `a1 b2`.
    fn left(sets: Sets, done: &[u64]) -> (String, bool) {
        let reused: ReusedTask =
            serde_json::from_str(r#"{"run": "r", "task": 0}"#).unwrap_or_else(|_| unreachable!());
        let (mut inputs, mut sets) = (list(), sets);
        let done = done.iter().map(|task| (*task, reused.clone())).collect();
        keep_rest(&mut inputs, &mut sets, &done);
        let tasks = sets.tasks(inputs.len() as u64);
        let name = |task: u64| {
            let (input, set) = sets.of_task(task);
            let name = inputs.get(usize::try_from(input).ok()?)?.name.to_owned();
            let value = set.into_iter().flat_map(|set| sets.variables(set)).map(|(_, value)| value);
            assert!(sets.tasks_of(input).any(|of| of == task));
            Some(name + &value.collect::<String>())
        };
        let names: Vec<_> = (0..tasks).filter_map(name).collect();
        (names.join(" "), sets.paired)
    }

    #[test]
    fn exactly_the_rest_remains() {
        assert_eq!(left(Sets::default(), &[1]), ("a c".into(), false));
        assert_eq!(left(sets(), &[2, 3]), ("a1 a2 c1 c2".into(), false), "an input");
        assert_eq!(left(sets(), &[0, 2, 4]), ("a2 b2 c2".into(), false), "a set");
        assert_eq!(left(sets(), &[0, 2, 3]), ("a2 c1 c2".into(), true), "single tasks");
        assert_eq!(left(sets(), &[]), ("a1 a2 b1 b2 c1 c2".into(), false));
    }
}
