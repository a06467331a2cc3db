//! Packs: several tasks in one invocation, each with its own record, log lines and tries.
//!
//! An invocation says first that it has begun, under a key that only one can write. Lambda repeats it only when it could not
//! answer, so that who finds the key taken knows that an environment has died: the task it was at is the first without a record.
//! That task has failed once, and the others go on.
//!
//! ```text
//!  event ──▶ packs/<run>/…  new ──▶ task, task, task … ──▶ answer
//!                │ taken: repeated                 │ little time is left, or it was the last repetition
//!                ▼                                 ▼
//!            the task that broke it has failed    start/<function>/<run>.…: the rest, which starts the function again
//! ```
//!
//! A task that fails is tried again behind the others, as often as Lambda would repeat the event of a task alone; the tries are
//! records of one event, which any reader counts as it counts repetitions.
//!
//! ```text
//! work   what is to be done, in which order, and what a dead environment had done of it; no input or output
//! ```

mod work;

pub use work::Work;

use crate::keys::{PACKS, start_key};
use crate::{TaskEvent, TaskState, is_id};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Largest event of a pack in bytes: half of what Lambda takes of an asynchronous invocation.
pub const INLINE_BYTES: usize = 128 << 10;
/// How names of packs in keys of start markers begin.
const NAME: &str = "pack-";

/// Our own event: process several tasks, one after the other. Recognised by its member `throng_pack`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackEvent {
    /// The pack.
    #[serde(rename = "throng_pack")]
    pub pack: Pack,
}

/// Tasks of one stage of a run that are done by one invocation, or what is left of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pack {
    /// The run's id.
    pub run: String,
    /// The depth of its tasks.
    #[serde(default)]
    pub stage: u32,
    /// The number of the first task that it was made of: with `send`, that names it within the run.
    pub number: u64,
    /// Tells sendings of the same tasks apart.
    #[serde(default)]
    pub send: u32,
    /// How often what was left of it has gone on in another invocation.
    #[serde(default)]
    pub generation: u32,
    /// Its tasks, as each would be sent alone.
    pub tasks: Vec<TaskEvent>,
    /// How often tasks of it have been tried before, by task.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tried: BTreeMap<String, u32>,
}

impl Pack {
    /// How often a failed task is tried again.
    #[must_use]
    pub fn retries(&self) -> u32 {
        self.tasks.first().and_then(|event| event.retries).unwrap_or(0)
    }

    /// `packs/<run>/<stage>.<number>.<send>.<generation>`, and `…r<n>` of the n-th repetition: that an invocation of it has begun.
    #[must_use]
    pub fn begun_key(&self, repetition: u32) -> String {
        let Self { run, stage, number, send, generation, .. } = self;
        let again = if repetition == 0 { String::new() } else { format!(".r{repetition}") };
        format!("{}{stage}.{number}.{send}.{generation}{again}", packs_prefix(run))
    }

    /// The marker whose arrival starts the function with this pack.
    #[must_use]
    pub fn start_key(&self, function: &str) -> String {
        let Self { run, stage, number, send, generation, .. } = self;
        start_key(function, run, *stage, &format!("{NAME}{number}-{send}"), *generation)
    }

    /// What is left of it, for another invocation: these of its tasks, by their places, with how often each was tried.
    #[must_use]
    pub fn rest(&self, left: &[(usize, u32)]) -> Self {
        let some = left.iter().filter_map(|(at, tried)| Some((self.tasks.get(*at)?, *tried)));
        let tried = some
            .clone()
            .filter(|(_, tried)| *tried > 0)
            .filter_map(|(event, tried)| Some((event.task.as_ref()?.task.to_string(), tried)));
        Self {
            generation: self.generation.saturating_add(1),
            tried: tried.collect(),
            tasks: some.map(|(event, _)| event.clone()).collect(),
            ..self.clone()
        }
    }

    /// As the event of an invocation.
    #[must_use]
    pub fn event(self) -> Vec<u8> {
        serde_json::to_vec(&PackEvent { pack: self }).unwrap_or_default()
    }

    /// Cuts it into packs whose events are small enough, each named by its first task. A task alone is never cut.
    #[must_use]
    pub fn cut(self) -> Vec<Self> {
        let size = serde_json::to_vec(&self).map_or(0, |text| text.len());
        if size <= INLINE_BYTES || self.tasks.len() < 2 {
            return vec![self];
        }
        let (first, second) = self.tasks.split_at(self.tasks.len() / 2);
        let number = second.first().and_then(|event| event.task.as_ref()?.task.as_number());
        let part = |number, tasks: &[TaskEvent]| Self { number, tasks: tasks.to_vec(), ..self.clone() };
        let parts = [part(self.number, first), part(number.unwrap_or(self.number), second)];
        parts.into_iter().flat_map(Self::cut).collect()
    }
}

/// `packs/<run>/`
#[must_use]
pub fn packs_prefix(run: &str) -> String {
    format!("{PACKS}{run}/")
}

/// The function and the run of a start marker that holds what is left of a pack; `None` when a key is none.
#[must_use]
pub fn parse_start(key: &str) -> Option<(&str, &str)> {
    let (function, name) = key.strip_prefix(crate::keys::STARTS)?.split_once('/')?;
    let mut parts = name.split('.');
    let (run, stage, pack, generation) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let (number, send) = pack.strip_prefix(NAME)?.split_once('-')?;
    let good = parts.next().is_none()
        && is_id(run)
        && !function.is_empty()
        && [stage, number, send, generation].iter().all(|text| text.parse::<u64>().is_ok());
    good.then_some((function, run))
}

/// What is written under [`Pack::begun_key`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackBegun {
    /// The request that does it.
    pub request_id: String,
    /// When Lambda ends that at the latest, in milliseconds since 1970.
    pub until_ms: u64,
}

/// Whether a task that ended so is tried again by who packed it.
const fn is_unsuccessful(state: TaskState) -> bool {
    matches!(state, TaskState::Failed | TaskState::TimedOut)
}

#[cfg(test)]
mod tests;
