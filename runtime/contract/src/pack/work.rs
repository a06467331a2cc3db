//! What is to be done of a pack, and in which order.

use super::{Pack, is_unsuccessful};
use crate::keys::RecordName;
use crate::{TaskState, hash};
use std::collections::{HashMap, VecDeque};

/// A task that is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Due {
    /// Its place in the pack.
    at: usize,
    /// How often it was tried.
    tried: u32,
}

/// The tasks of a pack that are to be done: in order, and what has failed once more behind the others.
#[derive(Clone, Debug)]
pub struct Work {
    due: VecDeque<Due>,
    retries: u32,
}

impl Work {
    /// Everything of a pack.
    #[must_use]
    pub fn of(pack: &Pack) -> Self {
        let tried = |at: usize| {
            let task = pack.tasks.get(at).and_then(|event| event.task.as_ref());
            task.and_then(|task| pack.tried.get(task.task.as_str())).copied().unwrap_or(0)
        };
        let due = (0..pack.tasks.len()).map(|at| Due { at, tried: tried(at) }).collect();
        Self { due, retries: pack.retries() }
    }

    /// The place in the pack of the task that is next.
    #[must_use]
    pub fn next(&self) -> Option<usize> {
        self.due.front().map(|due| due.at)
    }

    /// The task that was next has a record: it ended so.
    pub fn ended(&mut self, state: TaskState) {
        let Some(Due { at, tried }) = self.due.pop_front() else { return };
        let tried = tried.saturating_add(1);
        if is_unsuccessful(state) && tried <= self.retries {
            self.due.push_back(Due { at, tried });
        }
    }

    /// What is left, in order: places in the pack, and how often each was tried.
    #[must_use]
    pub fn left(&self) -> Vec<(usize, u32)> {
        self.due.iter().map(|due| (due.at, due.tried)).collect()
    }

    /// Follows what an invocation that died has done, by the names of records: what is next then is what it was at.
    pub fn replay<'a>(&mut self, pack: &Pack, names: impl Iterator<Item = &'a RecordName>) {
        let ends = ends_of(pack, names);
        let of = |due: &Due| ends.get(&due.at).map(Vec::as_slice).unwrap_or_default();
        while let Some(due) = self.due.front() {
            let ends = of(due);
            if ends.contains(&TaskState::Succeeded) {
                self.due.pop_front();
                continue;
            }
            let Some(state) = ends.get(usize::try_from(due.tried).unwrap_or(usize::MAX)) else { break };
            self.ended(*state);
        }
        // Somebody else may have done them.
        self.due.retain(|due| !of(due).contains(&TaskState::Succeeded));
    }
}

/// How tasks of a pack have ended, by their place, in order of time.
fn ends_of<'a>(pack: &Pack, names: impl Iterator<Item = &'a RecordName>) -> HashMap<usize, Vec<TaskState>> {
    let mut places = HashMap::new();
    for (at, event) in pack.tasks.iter().enumerate() {
        if let (Some(task), Some(id)) = (&event.task, event.id()) {
            places.insert(task.task.clone(), (at, hash::short(&[id.as_bytes()])));
        }
    }
    let mut ends = HashMap::<usize, Vec<(u64, TaskState)>>::new();
    for name in names.filter(|name| name.state.is_final()) {
        let Some((at, event)) = name.task.as_ref().and_then(|task| places.get(task)) else { continue };
        // A success counts whoever it is of; a try only of this event.
        if name.state == TaskState::Succeeded || name.event.as_ref() == Some(event) {
            ends.entry(*at).or_default().push((name.ended_ms(), name.state));
        }
    }
    let in_order = |mut ends: Vec<(u64, TaskState)>| {
        ends.sort_by_key(|(ended_ms, _)| *ended_ms);
        ends.into_iter().map(|(_, state)| state).collect()
    };
    ends.into_iter().map(|(at, ends)| (at, in_order(ends))).collect()
}
