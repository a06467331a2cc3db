//! Tasks of several files that are uploaded: each is invoked when the last of its files is stored.

use super::Launch;
use super::events::Events;
use super::gate::Gate;
use super::groups::Groups;
use crate::cloud::CloudError;
use crate::dataset::FileList;
use crate::dataset::upload::AroundPut;
use crate::model::Place;
use crate::run::{FunctionApi, RunError, RunHeader, Sets};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Invokes the function for groups that are complete.
pub(super) struct Completed {
    functions: Arc<dyn FunctionApi>,
    header: RunHeader,
    sets: Arc<Sets>,
    events: Events,
    groups: Arc<Groups>,
    files: Arc<FileList>,
    place: Place,
    /// The groups of each file.
    of_file: HashMap<u32, Vec<u32>>,
    gate: Option<Arc<Gate>>,
    progress: Mutex<Progress>,
    invoked: AtomicU64,
}

/// What is stored.
struct Progress {
    stored: Vec<bool>,
    /// Files of each group that are not stored yet.
    open: Vec<u32>,
    /// Groups that are invoked, or were.
    taken: Vec<bool>,
    /// Of these, those that an earlier process has invoked.
    before: u64,
    /// How many of a group's tasks are invoked, while not all are.
    tasks: HashMap<u32, u64>,
}

impl Completed {
    pub fn of(launch: &Launch, groups: &Arc<Groups>, gate: Option<Arc<Gate>>) -> Self {
        let mut of_file: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut open = vec![0; groups.len()];
        for (group, open) in open.iter_mut().enumerate() {
            for number in groups.numbers(group) {
                let known = of_file.entry(number).or_default();
                let group = u32::try_from(group).unwrap_or(u32::MAX);
                // A file may be an input's partner under two names.
                if !known.contains(&group) {
                    known.push(group);
                    *open += 1;
                }
            }
        }
        let progress = Progress {
            stored: vec![false; launch.inputs.len()],
            taken: vec![false; groups.len()],
            open,
            before: 0,
            tasks: HashMap::new(),
        };
        Self {
            functions: launch.context.functions.clone(),
            header: launch.header.clone(),
            sets: launch.sets.clone(),
            events: Events::new(&launch.context, &launch.header, &launch.sets),
            groups: groups.clone(),
            files: launch.inputs.clone(),
            place: launch.place.clone(),
            of_file,
            gate,
            progress: Mutex::new(progress),
            invoked: AtomicU64::new(0),
        }
    }

    /// Groups invoked now, and those that had been before.
    pub fn counted(&self) -> (u64, u64) {
        let before = self.progress().before;
        (self.invoked.load(Ordering::Relaxed), before)
    }

    /// The groups of a file.
    pub fn groups_of(&self, file: u64) -> &[u32] {
        let file = u32::try_from(file).ok().and_then(|file| self.of_file.get(&file));
        file.map(Vec::as_slice).unwrap_or_default()
    }

    /// Notes that a file is there. Returns groups that are complete by now and that nobody invokes yet: whoever asks does.
    fn note(&self, index: u64) -> Vec<u32> {
        let mut guard = self.progress();
        let progress = &mut *guard;
        let groups = self.groups_of(index);
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        if let Some(stored) = progress.stored.get_mut(at).filter(|stored| !**stored) {
            *stored = true;
            for group in groups {
                progress.open[*group as usize] -= 1;
            }
        }
        let ready = |group: &&u32| progress.open[**group as usize] == 0 && !progress.taken[**group as usize];
        let ready: Vec<u32> = groups.iter().filter(ready).copied().collect();
        for group in &ready {
            progress.taken[*group as usize] = true;
        }
        ready
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the invocations of a group that were not made yet: one for each set of parameters.
    async fn invoke(&self, group: u32) -> Result<(), CloudError> {
        let files = self.groups.files(u64::from(group), &self.files, &self.place);
        let input = files.as_ref().and_then(|files| Some(files.key(files.list.first()?)));
        let key = input.unwrap_or_default();
        let begin = self.progress().tasks.remove(&group).unwrap_or(0);
        let tasks: Vec<u64> = self.sets.tasks_of(u64::from(group)).collect();
        for (task, done) in tasks.into_iter().zip(0..).filter(|(_, done)| *done >= begin) {
            if let Some(gate) = &self.gate {
                gate.pass(task).await;
            }
            let at = (self.place.bucket.as_str(), key.as_str());
            let event = self.events.of(Some(self.header.task(task)), 0, at, files.clone()).await;
            let event = event.map_err(RunError::into_cloud)?;
            if let Err(error) = self.functions.invoke_async(&self.header.runs_on(), event).await {
                self.progress().tasks.insert(group, done);
                return Err(error);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl AroundPut for Completed {
    async fn stored(&self, index: u64, _key: &str) -> Result<(), CloudError> {
        let mut ready = self.note(index).into_iter();
        while let Some(group) = ready.next() {
            if let Err(error) = self.invoke(group).await {
                // Tried again with this file.
                let mut progress = self.progress();
                for group in std::iter::once(group).chain(ready) {
                    progress.taken[group as usize] = false;
                }
                return Err(error);
            }
            self.invoked.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Whose files are all noted was invoked: that comes before the note.
    fn was_sent(&self, index: u64) {
        let complete = self.note(index);
        self.progress().before += complete.len() as u64;
        if let Some(gate) = &self.gate {
            gate.had_sent(complete.into_iter().flat_map(|group| self.sets.tasks_of(u64::from(group))));
        }
    }
}
