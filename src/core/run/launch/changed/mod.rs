//! Only what changed: inputs whose last success had the same fingerprint are no tasks.
//!
//! A fingerprint is a digest of the function, the input's checksum and the variables. The last runs of the function are looked at,
//! newest first: the newest success of an input (by its name below the input place) with the same variables decides, and
//! only when what it stored is still there, as it stored it. Each input costs at most one GET (that success's record) and one HEAD for
//! each of its outputs.
//!
//! ```text
//! compare   whether a success was of the same input, and what it stored is there
//! past      the last runs of a function, and what has succeeded in them
//! rest      the inputs and sets of parameters that remain
//! ```

mod compare;
mod past;
mod rest;

use super::{Inputs, LaunchRequest};
use crate::dataset::FileList;
use crate::model::{Place, Reuse};
use crate::run::cloud::FunctionFacts;
use crate::run::header::LaterStage;
use crate::run::{ReusedTask, RunContext, RunError, Sets};
use compare::Comparison;
use futures::future::BoxFuture;
use futures::{StreamExt as _, TryStreamExt as _};
use rest::keep_rest;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use throng_contract::keys::inputs_run;
use tokio_util::sync::CancellationToken;

/// Runs of a function that are looked at.
const RUNS: usize = 20;
/// Tasks that are compared at a time.
const AT_ONCE: u32 = 64;

/// The inputs of a launch.
struct Asked<'a> {
    pub context: &'a RunContext,
    pub function: &'a str,
    pub facts: &'a FunctionFacts,
    pub inputs: &'a FileList,
    pub sets: &'a Sets,
    pub parameters: &'a BTreeMap<String, String>,
    /// Where they are, or will be.
    pub place: &'a Place,
    pub provider: Option<&'a str>,
    /// Of objects: their `ETag`s by key. `None`: they are files of this machine.
    pub etags: Option<&'a HashMap<String, String>>,
}

/// What need not be run.
#[derive(Debug, Default)]
pub(super) struct Same {
    /// By the number that the task would have had.
    pub tasks: BTreeMap<u64, ReusedTask>,
    /// What a person should know, in sentences.
    pub told: Vec<String>,
}

impl Same {
    /// The runs that have done it with how many tasks, and these; what there is to say is added.
    pub fn into_parts(mut self, told: &mut Vec<String>) -> (Reuse, Vec<ReusedTask>) {
        told.append(&mut self.told);
        (self.reuse(), self.tasks.into_values().collect())
    }

    /// The runs that have done it, newest first.
    fn reuse(&self) -> Reuse {
        let mut runs: Vec<_> =
            self.tasks.values().map(|task| task.run.clone()).collect::<HashSet<_>>().into_iter().collect();
        runs.sort_unstable_by(|a, b| b.cmp(a));
        Reuse { tasks: self.tasks.len() as u64, runs }
    }
}

/// Refuses launches of which it cannot be told what changed.
pub(super) fn refuse(
    request: &LaunchRequest,
    facts: &FunctionFacts,
    later: &[LaterStage],
) -> Result<(), RunError> {
    let LaunchRequest { function, inputs, options, .. } = request;
    let refuse = |why: String| Err(RunError::Refused(why));
    if !options.changed {
        return Ok(());
    }
    if !later.is_empty() {
        let later: Vec<_> = later.iter().map(|stage| stage.function.as_str()).collect();
        return refuse(format!(
            "--changed looks at one function alone, and `{function}` has others behind it ({}), which need all of its outputs in \
             one run: leave --changed out",
            later.join(", ")
        ));
    }
    match inputs {
        Inputs::Nothing { .. } => {
            refuse("--changed compares inputs, and these tasks have none: leave it out".into())
        }
        Inputs::Unsuccessful { .. } => {
            refuse("what did not succeed is always run: leave --changed out".into())
        }
        _ if facts.grouping.is_some() => refuse(format!(
            "--changed compares single files, and a task of `{function}` has several: leave it out"
        )),
        _ if facts.fingerprint.is_empty() => refuse(format!(
            "it is not known what decides the results of `{function}`, because an older throng deployed it: deploy its definition \
             again, and --changed knows from the next run on"
        )),
        _ => Ok(()),
    }
}

/// Takes what need not be run out of the inputs and sets of a launch, when that was asked for. `at`: where the inputs are, at which
/// provider, and of objects their `ETag`s.
pub(super) async fn leave_out(
    context: &RunContext,
    request: &mut LaunchRequest,
    facts: &FunctionFacts,
    inputs: &mut FileList,
    at: (&Place, Option<&str>, Option<&HashMap<String, String>>),
    cancel: &CancellationToken,
) -> Result<Same, RunError> {
    if !request.options.changed {
        return Ok(Same::default());
    }
    let (place, provider, etags) = at;
    let LaunchRequest { function, sets, parameters, .. } = &*request;
    let asked = Asked { context, function, facts, inputs, sets, parameters, place, provider, etags };
    let same = asked.same(cancel).await?;
    keep_rest(inputs, &mut request.sets, &same.tasks);
    Ok(same)
}

impl Asked<'_> {
    /// Finds what need not be run.
    pub fn same<'b>(&'b self, cancel: &'b CancellationToken) -> BoxFuture<'b, Result<Same, RunError>> {
        // Boxed with one lifetime: the compiler cannot prove the plain future to be `Send`.
        Box::pin(self.look(cancel))
    }

    async fn look(&self, cancel: &CancellationToken) -> Result<Same, RunError> {
        let mut wanted = self.wanted();
        let runs = past::runs(self.context, self.function, RUNS).await?;
        let mut found = Vec::new();
        let alike = runs.iter().filter(|run| past::is_alike(run, self.facts));
        for run in alike.cloned().map(Arc::new) {
            if cancel.is_cancelled() {
                return Err(RunError::Cancelled);
            }
            if wanted.is_empty() {
                break;
            }
            past::successes(self.context, &run, |row, variables| {
                let name = self.name_of(run.provider.as_deref(), &row.bucket, &row.key);
                if let Some(Some(task)) = wanted.remove(&identity(&name, variables)) {
                    found.push((task, run.clone(), row.clone()));
                }
            })
            .await?;
        }
        let comparison = Comparison::of(self);
        let compare = futures::stream::iter(found)
            .map(|(task, run, row)| comparison.of_task(task, run, row))
            .buffer_unordered(AT_ONCE as usize)
            .try_collect::<Vec<_>>();
        let compared = cancel.run_until_cancelled(compare).await.ok_or(RunError::Cancelled)??;
        let mut same = Same { tasks: compared.into_iter().flatten().collect(), told: Vec::new() };
        same.told.push(told(&same, runs.len(), self.function));
        same.told.extend(comparison.doubt());
        Ok(same)
    }

    /// The tasks by what tells them from others. Two that nothing tells apart are both run.
    fn wanted(&self) -> HashMap<u64, Option<u64>> {
        let mut wanted = HashMap::new();
        for (file, input) in self.inputs.iter().zip(0..) {
            let name = self.name_of(self.provider, &self.place.bucket, &self.place.key(file.name));
            for task in self.sets.tasks_of(input) {
                let known = wanted.entry(identity(&name, &self.variables(task)));
                known.and_modify(|known| *known = None).or_insert(Some(task));
            }
        }
        wanted
    }

    fn variables(&self, task: u64) -> BTreeMap<String, String> {
        self.sets.with(self.parameters, task)
    }

    /// The name of an input below the place that it is at: what scripts and paths of results see of it.
    fn name_of(&self, provider: Option<&str>, bucket: &str, key: &str) -> String {
        if let Some(run) = inputs_run(key).filter(|_| provider.is_none() && bucket == self.context.home) {
            let beside = throng_contract::keys::inputs_folder(run);
            return key.get(beside.len() + 1..).unwrap_or(key).to_owned();
        }
        let own = self.facts.places.iter().filter(|place| provider.is_none() && place.bucket == bucket);
        let folders = own.map(|place| place.prefix.rsplit_once('/').map_or("", |(folder, _)| folder));
        let chosen = self.facts.selections.iter();
        let chosen = chosen.filter(|entry| entry.provider.as_deref() == provider && entry.bucket == bucket);
        let folders = folders.chain(chosen.map(|entry| entry.path.trim_matches('/')));
        let below = |folder: &str| match folder {
            "" => Some(key),
            folder => key.strip_prefix(folder)?.strip_prefix('/'),
        };
        match folders.filter_map(below).min_by_key(|rest| rest.len()) {
            Some(name) => name.to_owned(),
            None => format!("{}://{bucket}/{key}", provider.unwrap_or("s3")),
        }
    }
}

/// What tells a task from others, as a digest.
fn identity(name: &str, variables: &BTreeMap<String, String>) -> u64 {
    let mut hash = DefaultHasher::new();
    (name, variables).hash(&mut hash);
    hash.finish()
}

fn told(same: &Same, runs: usize, function: &str) -> String {
    let looked = match runs {
        0 => format!("`{function}` has no earlier runs"),
        1 => format!("looked at the one run of `{function}` that there is"),
        runs => format!("looked at the last {runs} runs of `{function}`"),
    };
    let reuse = same.reuse();
    match reuse.tasks {
        0 => format!("--changed: nothing can be reused ({looked})"),
        1 => format!("reused: 1 task of {} ({looked})", reuse.of_runs()),
        tasks => format!("reused: {} tasks of {} ({looked})", crate::words::count(tasks), reuse.of_runs()),
    }
}
