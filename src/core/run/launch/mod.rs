//! Inputs → manifest → run.json → upload or invoke. What was killed half-way goes on.
//!
//! Order of writing: the plan (this machine), the manifest, run.json (from now on the run exists), then each input
//! with its journal line. A task that a trigger starts is sent by storing its object; any other by an invocation.
//! An invocation whose journal line was lost to a kill is repeated: at least once, counted exactly.
//!
//! ```text
//! allow     what refuses a launch before its inputs are looked at
//! chain     the functions that outputs start
//! by_group  which tasks are in which group, and the manifest sorted by that
//! fix       what the inputs of a run are, and where
//! inputs    files found, objects listed
//! groups    which files belong together, of a function whose tasks have several
//! select    which of them are tasks: the rules of the function's `input`
//! changed   inputs that earlier runs have done are no tasks
//! skip      what cannot be run is refused, or left out when a person says so
//! prepare   the run is made: plan, manifest, run.json
//! resume    a run whose sending broke off
//! send      files uploaded; those that cannot be are failed tasks
//! gate      at most so many tasks under way
//! held      what opens the gate, and how others hear of what is held back
//! pacing    how many drain in the function's queue before they are too old
//! limits    of a run, instead of its function's own
//! invoke    tasks that no trigger starts
//! complete  tasks of several files: invoked when the last is stored
//! events    what a task's invocation says
//! packs     tasks that share invocations
//! pack_size  how many do
//! again     what was sent and never began
//! reopen    a run whose tasks are sent once more is open again
//! rerun     what did not succeed of a run that has ended, as the inputs of a new one
//! barrier   what joins of the run wait for, written where its tasks find it
//! cancel    cancel.json, written and watched for
//! ```

mod again;
mod allow;
mod barrier;
mod by_group;
mod cancel;
mod chain;
mod changed;
mod complete;
mod events;
mod fix;
mod gate;
mod groups;
mod held;
mod inputs;
mod invoke;
mod limits;
mod pacing;
mod pack_size;
mod packs;
mod prepare;
mod reopen;
mod rerun;
mod resume;
mod select;
mod send;
mod skip;

pub use super::header::PackRule;
pub(super) use again::invoke_again;
pub use again::{Resend, send_again};
pub use cancel::cancel;
pub(super) use chain::behind;
pub use groups::groups_of_files;
pub(super) use pacing::Ended;
pub use prepare::{SOURCES, prepare};
pub(super) use reopen::{Again, agains};
pub use resume::{resume, unsent};

use super::cloud::{FunctionFacts, TriggerPlace};
use super::header::RunHeader;
use super::manifest::ManifestEntry;
use super::{JoinGroups, ReusedTask, RunContext, RunError, Sets};
use crate::cloud::now_ms;
use crate::dataset::FileList;
use crate::dataset::upload::NotSent;
use crate::model::{Overrides, PackSize, Place};
use crate::words::plural;
use groups::Groups;
use pacing::Pacing;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use throng_contract::{TaskFiles, versions};

/// What to process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// Files of this machine, to be uploaded.
    Files {
        /// Files, folders and globs.
        paths: Vec<PathBuf>,
        /// Where they go; the function's first trigger when `None`, else the home bucket.
        dest: Option<Place>,
    },
    /// Objects that are there already.
    Objects {
        /// The storage provider of the function that the bucket is at, as `minio.lab`; the context's own storage when
        /// `None`.
        provider: Option<String>,
        /// The bucket they are in.
        bucket: String,
        /// Keys, or prefixes ending with `/` (the empty one: everything).
        keys: Vec<String>,
    },
    /// None: so many tasks, which differ in their number and in their set of parameters.
    Nothing {
        /// How many.
        tasks: u64,
    },
    /// The inputs of every task of a run that ended without success, as far as they are still there.
    Unsuccessful {
        /// The run's id. It has ended.
        run: String,
    },
}

/// What to launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchRequest {
    /// The function's name.
    pub function: String,
    /// Its inputs.
    pub inputs: Inputs,
    /// Variables for every task's script.
    pub parameters: BTreeMap<String, String>,
    /// Sets of further variables: each input becomes a task for each.
    pub sets: Sets,
    /// Limits instead of the function's own.
    pub overrides: Overrides,
    /// What else the person chose.
    pub options: LaunchOptions,
}

impl LaunchRequest {
    /// A launch without variables or options.
    #[must_use]
    pub fn new(function: impl Into<String>, inputs: Inputs) -> Self {
        Self {
            function: function.into(),
            inputs,
            parameters: BTreeMap::new(),
            sets: Sets::default(),
            overrides: Overrides::default(),
            options: LaunchOptions::default(),
        }
    }

    /// Whether storing its files is enough to start its tasks, where there is a trigger. What no notification of S3 can say is
    /// sent by an event of our own.
    fn is_plain(&self) -> bool {
        self.parameters.is_empty()
            && self.sets.is_empty()
            && self.overrides.is_none()
            && !self.options.everything
    }
}

/// What a person chose of a launch.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaunchOptions {
    /// Every input, whatever the rules of the function's `input` say.
    pub everything: bool,
    /// Leave out what cannot be read, and say so; else the launch is refused.
    pub skip_unreadable: bool,
    /// Leave out what is larger than the function's /tmp, and say so; else the launch is refused.
    pub skip_too_large: bool,
    /// Leave out the values of the function's `sweep`.
    pub no_sweep: bool,
    /// Only inputs whose last success was of something else, or is not there any more.
    pub changed: bool,
    /// Launch although an open run of the chain stores under the same keys.
    pub force: bool,
    /// How many tasks share an invocation; what the function was deployed with when `None`.
    pub pack: Option<PackSize>,
}

/// What came of sending a run's inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendReport {
    /// Tasks sent now.
    pub sent: u64,
    /// Tasks that had been sent before.
    pub skipped: u64,
    /// Files that could not be sent. Their tasks have failed, with a record.
    pub failed: Vec<NotSent>,
    /// Whether a person cancelled the run meanwhile.
    pub cancelled: bool,
    /// What follows for joins that had begun.
    pub notes: Vec<String>,
}

/// A run that exists and whose inputs are to be sent.
pub struct Launch {
    context: RunContext,
    header: RunHeader,
    /// Files, or keys of objects.
    inputs: Arc<FileList>,
    /// Which of them are a task together; each alone when there are none.
    groups: Option<Arc<Groups>>,
    sets: Arc<Sets>,
    place: Place,
    triggers: Vec<TriggerPlace>,
    /// Inputs that were asked for and are not there.
    absent: u64,
    /// Tasks that it has not, because earlier runs had done them.
    reused: Vec<ReusedTask>,
    /// What a person should know of inputs that were left out, and of those that were not.
    told: Vec<String>,
    /// Whether S3 may not start the function yet.
    triggers_too_new: bool,
    /// Where its stages store their outputs, the launched one first.
    stored: Vec<Vec<Place>>,
    /// Functions of later stages whose triggers S3 may not act on yet.
    later_too_new: Vec<String>,
    /// Why its tasks may not be able to read their inputs.
    doubt: Option<String>,
    /// What holds its tasks back, so that none grows too old in the function's queue.
    pacing: Option<Pacing>,
    /// Held while this launch lives, so that nobody else sends the same inputs.
    claim: Option<std::fs::File>,
}

impl std::fmt::Debug for Launch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Launch")
            .field("run", &self.header.id)
            .field("tasks", &self.header.tasks)
            .finish_non_exhaustive()
    }
}

impl Launch {
    /// Where it is launched.
    #[must_use]
    pub const fn context(&self) -> &RunContext {
        &self.context
    }

    /// What is launched.
    #[must_use]
    pub const fn header(&self) -> &RunHeader {
        &self.header
    }

    /// Where its inputs are, or go.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// The groups that its tasks are in.
    #[must_use]
    pub fn join_groups(&self) -> &JoinGroups {
        &self.sets.groups
    }

    /// Files that were left out because file managers made them.
    #[must_use]
    pub fn junk(&self) -> u64 {
        self.inputs.junk
    }

    /// Inputs of [`Inputs::Unsuccessful`] that are no longer there, or never were: they are left out.
    #[must_use]
    pub const fn absent(&self) -> u64 {
        self.absent
    }

    /// What a person should know of it before it is sent, in sentences.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let absent = (self.absent > 0)
            .then(|| format!("{} not there any more: left out", plural(self.absent, "input")));
        let invoked = self.triggers_too_new.then(|| {
            "the function's triggers are less than five minutes old, and S3 may not act on them yet: each task is invoked"
                .to_owned()
        });
        let later = self.later_too_new.first().map(|function| {
            format!(
                "the trigger of {function} is less than five minutes old, and S3 may not act on it yet: outputs that start \
                 nothing are sent once more after a while"
            )
        });
        let first = absent.into_iter().chain(self.told.iter().cloned());
        let paced = self.pacing.as_ref().map(|pacing| pacing.told(self.header.tasks));
        first.chain(self.doubt.clone()).chain(invoked).chain(later).chain(paced).collect()
    }

    /// Sets of parameters of its tasks.
    pub(super) fn sets(&self) -> Arc<Sets> {
        Arc::clone(&self.sets)
    }

    /// The inputs, for a follower that need not read them again.
    #[must_use]
    pub fn manifest(&self) -> Vec<ManifestEntry> {
        (0..self.header.tasks).filter_map(|task| self.entry(task)).collect()
    }

    fn key(&self, name: &str) -> String {
        self.place.key(name)
    }

    fn is_triggered(&self, key: &str) -> bool {
        self.triggers.iter().any(|trigger| trigger.starts(&self.place.bucket, key))
    }

    fn entry(&self, task: u64) -> Option<ManifestEntry> {
        let (input, set) = self.sets.of_task(task);
        let (bucket, provider) = (self.place.bucket.clone(), self.header.provider.clone());
        let entry = ManifestEntry { task, bucket, provider, set, ..ManifestEntry::default() };
        if self.header.without_inputs {
            return Some(entry);
        }
        if let Some(groups) = &self.groups {
            let files = groups.files(input, &self.inputs, &self.place)?;
            let first = files.list.first().map(|file| files.key(file))?;
            return Some(ManifestEntry {
                key: first,
                size: files.bytes(),
                count: u32::try_from(files.list.len()).unwrap_or(u32::MAX),
                files: (self.header.lister(task) == task).then_some(files),
                ..entry
            });
        }
        let file = self.inputs.get(usize::try_from(input).ok()?)?;
        Some(ManifestEntry { key: self.key(file.name), size: file.size, ..entry })
    }

    /// All files of a task that has several.
    fn files(&self, task: u64) -> Option<TaskFiles> {
        self.groups.as_ref()?.files(self.sets.of_task(task).0, &self.inputs, &self.place)
    }
}

/// A runtime of another contract would not know what it is sent, or would write records where nobody reads them.
fn refuse_other_contract(function: &str, facts: &FunctionFacts) -> Result<(), RunError> {
    let known = versions::CONTRACT;
    match facts.contract {
        Some(older) if older < known => Err(RunError::Refused(format!(
            "the function `{function}` was deployed by an older throng, whose records this one does not write: \
             `throng upgrade {function}` gives it today's runtime and leaves its image and settings as they are"
        ))),
        Some(newer) if newer > known => Err(RunError::Refused(format!(
            "the function `{function}` was deployed by a newer throng: update this one"
        ))),
        _ => Ok(()),
    }
}

/// Whether S3 may not act on the function's triggers yet.
fn are_too_new(facts: &FunctionFacts) -> bool {
    now_ms() < facts.triggers_apply_from_ms
}

async fn facts_of(context: &RunContext, function: &str) -> Result<FunctionFacts, RunError> {
    let facts = context.functions.facts(function).await?;
    let mut facts = facts.ok_or_else(|| RunError::NoFunction(function.to_owned()))?;
    if facts.state == "Failed" {
        let message = format!("the function `{function}` is in state Failed: deploy it again first");
        return Err(RunError::Refused(message));
    }
    // What nothing starts yet is invoked; what S3 starts all the same counts once.
    if are_too_new(&facts) {
        facts.triggers.clear();
    }
    Ok(facts)
}

#[cfg(test)]
pub(crate) mod tests;
