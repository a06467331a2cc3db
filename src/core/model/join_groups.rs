//! Groups of launched tasks, for joins that start once for each (`by`): slices of the manifest, which is sorted by them.

use std::collections::BTreeMap;
use throng_contract::TaskId;
use throng_contract::barrier::{Group, NamedGroup};

/// The groups of a run, in the order of their names and tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JoinGroups {
    pub(crate) list: Vec<NamedGroup>,
}

impl JoinGroups {
    /// Of names of tasks, in any order; and the tasks in the order in which they are to stand in the manifest.
    pub(crate) fn of_names(names: &[String]) -> (Self, Vec<usize>) {
        let mut members = BTreeMap::<&str, Vec<usize>>::new();
        for (task, name) in names.iter().enumerate() {
            members.entry(name).or_default().push(task);
        }
        let (mut list, mut order) = (Vec::with_capacity(members.len()), Vec::with_capacity(names.len()));
        for (name, tasks) in members {
            let (first, count) = (order.len() as u64, tasks.len() as u64);
            list.push(NamedGroup { first, count, name: name.to_owned() });
            order.extend(tasks);
        }
        (Self { list }, order)
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What a group is called.
    #[must_use]
    pub fn name(&self, number: u64) -> Option<&str> {
        self.list.get(usize::try_from(number).ok()?).map(|group| group.name.as_str())
    }

    /// The group of a task, which is launched, of a join for a group, or came of such a one.
    #[must_use]
    pub fn of(&self, task: &TaskId) -> Option<Group> {
        let number = match task.root() {
            Some(root) => self.list.partition_point(|group| group.first <= root).checked_sub(1)? as u64,
            None => task.group()?,
        };
        let NamedGroup { first, count, .. } = self.list.get(usize::try_from(number).ok()?)?;
        let group = Group { number, first: *first, count: *count };
        task.root().is_none_or(|root| group.tasks().contains(&root)).then_some(group)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tasks_of_a_group_stand_together() {
        let names = ["b", "a", "b", ".", "a"].map(str::to_owned);
        let (groups, order) = JoinGroups::of_names(&names);
        assert_eq!(order, [3, 1, 4, 0, 2]);
        assert_eq!((groups.len(), groups.name(1), groups.name(3)), (3, Some("a"), None));
        let of = |task: &str| groups.of(&task.parse().unwrap()).map(|group| group.to_string());
        assert_eq!(of("0").as_deref(), Some("0-0-1"));
        assert_eq!(of("2.7").as_deref(), Some("1-1-2"));
        assert_eq!(of("join-g2.1").as_deref(), Some("2-3-2"));
        assert_eq!((of("5"), of("join"), of("join-g3")), (None, None, None));
    }
}
