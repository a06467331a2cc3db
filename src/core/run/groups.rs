//! Groups of launched tasks, for joins that start once for each (`by`): slices of the manifest, which is sorted by them.

use super::{RunContext, RunError, RunHeader};
use crate::dataset::objects::{Put, read};
use crate::dataset::pace::Pace;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use throng_contract::TaskId;
use throng_contract::barrier::{GROUPS_PART, Group, NamedGroup, groups_key};

/// What run.json says of a run's groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupsHeader {
    /// The template that names a task's group.
    pub by: String,
    /// How many there are.
    pub count: u64,
}

/// The groups of a run, in the order of their names and tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    list: Vec<NamedGroup>,
}

impl Groups {
    /// Of names of tasks, in any order; and the tasks in the order in which they are to stand in the manifest.
    pub(super) fn of_names(names: &[String]) -> (Self, Vec<usize>) {
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

    /// Stores them where tasks and followers find them.
    pub(super) async fn store(&self, context: &RunContext, run: &str) -> Result<(), RunError> {
        let part = usize::try_from(GROUPS_PART).unwrap_or(usize::MAX);
        for (number, groups) in (0..).zip(self.list.chunks(part)) {
            let body = serde_json::to_vec(groups).map_err(|error| RunError::Io(error.to_string()))?;
            let key = groups_key(run, number);
            let put = Put { bucket: context.home.clone(), key, body: body.into(), ..Put::default() };
            Pace::new(1).insist(|| context.store.put(put.clone())).await?;
        }
        Ok(())
    }

    /// Those of a run; none when its joins have none.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn read(context: &RunContext, header: &RunHeader) -> Result<Self, RunError> {
        let mut groups = Self::default();
        let Some(said) = &header.groups else { return Ok(groups) };
        let damaged =
            || RunError::Damaged { run: header.id.clone(), what: "its groups cannot be read".to_owned() };
        // Anybody may write into a bucket: a group has a task at least.
        if said.count > header.tasks {
            return Err(damaged());
        }
        for part in 0..said.count.div_ceil(GROUPS_PART) {
            let body = read(context.store.as_ref(), &context.home, &groups_key(&header.id, part)).await?;
            let list: Option<Vec<NamedGroup>> = body.and_then(|body| serde_json::from_slice(&body).ok());
            groups.list.extend(list.ok_or_else(damaged)?);
        }
        let mut next = 0;
        let follow = groups.list.iter().all(|group| {
            let fits = group.first == next && group.count > 0;
            next = group.first.saturating_add(group.count);
            fits
        });
        let whole = follow && next == header.tasks && groups.list.len() as u64 == said.count;
        whole.then_some(groups).ok_or_else(damaged)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tasks_of_a_group_stand_together() {
        let names = ["b", "a", "b", ".", "a"].map(str::to_owned);
        let (groups, order) = Groups::of_names(&names);
        assert_eq!(order, [3, 1, 4, 0, 2]);
        assert_eq!((groups.len(), groups.name(1), groups.name(3)), (3, Some("a"), None));
        let of = |task: &str| groups.of(&task.parse().unwrap()).map(|group| group.to_string());
        assert_eq!(of("0").as_deref(), Some("0-0-1"));
        assert_eq!(of("2.7").as_deref(), Some("1-1-2"));
        assert_eq!(of("join-g2.1").as_deref(), Some("2-3-2"));
        assert_eq!((of("5"), of("join"), of("join-g3")), (None, None, None));
    }
}
