//! Sends once more what was sent and never began: events can be lost on their way from a bucket to a function. When a person
//! asks for it, also what has ended without success: in the same run, so that what waits for it begins.

use super::events::Events;
use super::reopen::Again;
use super::{SendReport, invoke};
use crate::cloud::now_ms;
use crate::dataset::Meter;
use crate::dataset::pace::Pace;
use crate::dataset::upload::NotSent;
use crate::model::{FailureClass, TaskName, TaskRow, TaskState};
use crate::run::chain::{BegunJoins, Chain};
use crate::run::tracker::RunTracker;
use crate::run::{
    Follower, RunContext, RunError, RunHeader, Store, Stores, files_of, refuse_standing, sets_of, variant,
};
use crate::words;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use throng_contract::{TaskFiles, TaskRef};
use tokio_util::sync::CancellationToken;

/// Invocations in flight.
const AT_ONCE: u32 = 64;

/// Which tasks of a run are sent once more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resend {
    /// Those without a sign of life.
    #[default]
    Silent,
    /// These, and those that have ended without success.
    Unsuccessful,
}

/// Invokes the function for tasks of a run, each by its object: by default for every one without a sign of life. What was not
/// lost but only late may be done twice; it is counted once.
///
/// # Errors
/// [`RunError::Refused`] when the run was cancelled or nothing is left to be sent.
pub async fn send_again(
    context: &RunContext,
    run: &str,
    which: Resend,
    meter: Arc<Meter>,
    cancel: &CancellationToken,
) -> Result<SendReport, RunError> {
    refuse_standing(run, "sent again", "`throng run --again` runs what did not succeed")?;
    let mut follower = Follower::open(context, run).await?;
    follower.read().await?;
    refuse_closed(&follower, run)?;
    follower.load_inputs().await?;
    let mut tasks = to_send(follower.chain(), which);
    if tasks.iter().all(|(_, rows)| rows.is_empty()) {
        return Err(RunError::Refused(nothing(follower.chain(), which)));
    }
    for (stage, rows) in &tasks {
        if let Some(stage) = follower.chain().stage(*stage).filter(|_| !rows.is_empty()) {
            super::facts_of(context, &stage.header().function).await?;
        }
    }
    let BegunJoins { anew, left, about_to } = follower.chain().begun_before(&tasks);
    if let Some(join) = about_to.first().filter(|_| which == Resend::Unsuccessful) {
        return Err(RunError::Refused(format!(
            "run `{run}`: {join} is about to begin with what there is (`when: all-ended`); once it has begun, --failed does \
             again what has failed and then {join}"
        )));
    }
    // Their turn comes when what is before them has ended.
    let is_anew = |row: &TaskRow| anew.iter().any(|(join, _)| *join == row.task);
    for (_, rows) in &mut tasks {
        rows.retain(|row| !is_anew(row));
    }
    let notes = about_joins(follower.chain(), &anew, left);
    let again = Again { retried: retried(follower.chain(), &tasks), anew, ..Again::now() };
    super::reopen::reopen(context, run, again).await?;
    let report = invoke_again(context, follower.chain(), tasks, meter, cancel).await?;
    Ok(SendReport { notes, ..report })
}

/// Refuses a run that was cancelled, or of which some is still held back.
fn refuse_closed(follower: &Follower, run: &str) -> Result<(), RunError> {
    if follower.chain().is_cancelled() {
        return Err(RunError::Refused(format!("run `{run}` was cancelled")));
    }
    let held = follower.held_back();
    if held > 0 {
        return Err(RunError::Refused(format!(
            "run `{run}`: {} held back by the throng that launched it, and sent as others end: `throng run --resume {run}` on its machine \
             goes on when it was ended. Where that machine is gone, `throng cancel {run}`, then `throng run --again {run}`, does them anew",
            words::plural(held, "task")
        )));
    }
    Ok(())
}

/// What joins that have begun make of it.
fn about_joins(chain: &Chain, anew: &[(TaskName, u32)], left: BTreeSet<String>) -> Vec<String> {
    let functions: BTreeSet<&str> = anew.iter().filter_map(|(task, _)| chain.function_of(task)).collect();
    let begins = |function: &str| {
        format!(
            "{function} had begun: it begins once more when these have ended, as soon as somebody follows the run \
             (`--wait`, `throng runs {} --wait`, the screen)",
            chain.header().id
        )
    };
    let stays = |function: String| {
        format!(
            "{function} had begun, and what it stored has started others: it does not get what these store \
             (`throng run --again` makes a new run)"
        )
    };
    functions.into_iter().map(begins).chain(left.into_iter().map(stays)).collect()
}

/// Invokes the functions of a run's stages for some of their tasks, each with an event of its own.
pub(in crate::run) async fn invoke_again(
    context: &RunContext,
    chain: &Chain,
    tasks: Vec<(usize, Vec<TaskRow>)>,
    meter: Arc<Meter>,
    cancel: &CancellationToken,
) -> Result<SendReport, RunError> {
    let sets = Arc::new(sets_of(context, chain.header()).await?);
    meter.total(tasks.iter().map(|(_, rows)| rows.len() as u64).sum(), 0);
    let mut events = Vec::new();
    for (at, rows) in tasks {
        let Some(stage) = chain.stage(at).filter(|_| !rows.is_empty()) else { continue };
        let header = stage.header();
        variant::ready(context, header).await?;
        let store = Stores::of(context, &header.function).get(header.provider.as_deref()).await?;
        let files = files_of(context, header, rows.iter().filter_map(|row| row.task.number())).await?;
        let again = Arc::new(Sending {
            context: context.clone(),
            store: Arc::new(store),
            header: header.clone(),
            events: Events::new(context, header, &sets),
            files,
            send: send_number(),
        });
        events.extend(rows.into_iter().map(|row| {
            let input = chain.input_of(at, &row);
            (again.clone(), chain.task_ref(&row.task), row, input)
        }));
    }
    let pace = Arc::new(Pace::new(AT_ONCE));
    let mut rest = events.into_iter();
    let next = || {
        let (again, task, row, input) = rest.next()?;
        let pace = pace.clone();
        Some(async move { again.one(&pace, task, row, input).await })
    };
    invoke::all(&pace.clone(), cancel, &meter, SendReport::default(), next).await
}

/// Seconds since 1970: nobody counts how often a task was sent, and the same number twice would only look like a repetition.
fn send_number() -> u32 {
    u32::try_from(now_ms() / 1000).unwrap_or(u32::MAX)
}

/// Why there is nothing to send.
fn nothing(chain: &Chain, which: Resend) -> String {
    let run = &chain.header().id;
    match which {
        Resend::Unsuccessful => {
            format!("run `{run}`: every task that has ended has succeeded, and the others go on")
        }
        Resend::Silent if has_failed(chain) => format!(
            "run `{run}`: every task has begun; there is nothing to send. `throng run --resume {run} --failed` does again \
             what has failed, in this run"
        ),
        Resend::Silent => format!("run `{run}`: every task has begun; there is nothing to send"),
    }
}

fn has_failed(chain: &Chain) -> bool {
    chain.rows().any(is_unsuccessful)
}

/// Tasks that are to be sent, by stage.
fn to_send(chain: &Chain, which: Resend) -> Vec<(usize, Vec<TaskRow>)> {
    let wanted = |row: &&TaskRow| is_silent(row) || which == Resend::Unsuccessful && is_unsuccessful(row);
    let rows = |(at, stage): (usize, &RunTracker)| {
        // A join that waits for others was not sent yet.
        let rows = stage.rows().filter(wanted).filter(|row| !chain.waits_for_others(at, row));
        (at, rows.cloned().collect())
    };
    chain.stages().enumerate().map(rows).collect()
}

/// Whether nothing was ever heard of a task.
fn is_silent(row: &TaskRow) -> bool {
    row.attempts == 0 && (row.state == TaskState::Pending || row.class == Some(FailureClass::Lost))
}

/// Whether a task has ended without success, by itself; or was sent once more since and has not begun.
fn is_unsuccessful(row: &TaskRow) -> bool {
    match row.state {
        // What waits for others begins when they have succeeded; another's input does not come back.
        TaskState::Failed | TaskState::TimedOut | TaskState::Expired => {
            row.class != Some(FailureClass::Upstream)
        }
        TaskState::Pending => row.attempts > 0 && row.waiting().is_none(),
        _ => false,
    }
}

/// Those of the tasks that were done before, with how many attempts of each have ended.
fn retried(chain: &Chain, tasks: &[(usize, Vec<TaskRow>)]) -> Vec<(TaskName, u32)> {
    let of_stage = |(at, rows): &(usize, Vec<TaskRow>)| {
        let stage = chain.stage(*at);
        let ended = |row: &TaskRow| {
            let index = stage?.index_of(&row.task.id()?)?;
            Some((row.task.clone(), stage?.ended_attempts(index)))
        };
        rows.iter().filter_map(ended).filter(|(_, ended)| *ended > 0).collect::<Vec<_>>()
    };
    tasks.iter().flat_map(of_stage).collect()
}

/// Where inputs are and what is invoked for them.
struct Sending {
    context: RunContext,
    store: Arc<Store>,
    header: RunHeader,
    events: Events,
    /// Of tasks that have several, by the task that lists them.
    files: HashMap<u64, TaskFiles>,
    /// Tells this sending from others.
    send: u32,
}

impl Sending {
    /// Invokes for one task, if its object is there.
    async fn one(
        &self,
        pace: &Pace,
        task: Option<TaskRef>,
        row: TaskRow,
        (bucket, key): (String, String),
    ) -> Result<Option<NotSent>, RunError> {
        let (bucket, key) = (bucket.as_str(), key.as_str());
        let files = row.task.number().and_then(|task| self.files.get(&self.header.lister(task)));
        let is_there = async |key: &str| {
            pace.insist(|| self.store.objects.head(bucket, key)).await.map(|head| head.is_some())
        };
        let missing = |key: &str| {
            let reason =
                "it was never uploaded: `throng run --resume` on the machine that launched the run sends it";
            let path = PathBuf::from(format!("s3://{bucket}/{key}"));
            let index = row.task.number().unwrap_or(u64::MAX);
            Ok(Some(NotSent { index, path, reason: reason.into() }))
        };
        if !self.header.without_inputs && !is_there(key).await? {
            return missing(key);
        }
        for other in files.iter().flat_map(|files| files.keys().skip(1)) {
            if !is_there(&other).await? {
                return missing(&other);
            }
        }
        let function = &self.header.runs_on();
        // Another event than any before, whose repetitions are its own.
        let payload = self.events.of(task, self.send, (bucket, key), files.cloned()).await?;
        pace.insist(|| self.context.functions.invoke_async(function, payload.clone())).await?;
        Ok(None)
    }
}
