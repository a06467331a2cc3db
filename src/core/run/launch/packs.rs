//! Tasks that share invocations: a pack is sent when all of its inputs are stored.

use super::events::task_event;
use super::gate::Gate;
use super::invoke::AT_ONCE;
use super::{Launch, SendReport};
use crate::cloud::CloudError;
use crate::dataset::pace::{Pace, drive};
use crate::dataset::upload::{AroundPut, NotSent};
use crate::dataset::{Journal, Meter};
use crate::run::{FunctionApi, ManifestEntry, RunError, RunHeader, Sets};
use async_trait::async_trait;
use std::collections::{BTreeMap, HashSet};
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex, PoisonError};
use throng_contract::TaskEvent;
use throng_contract::pack::Pack;
use tokio_util::sync::CancellationToken;

/// Sends the packs of a run. They are cut the same way at every launch and resumption, so that a pack is known by its number.
pub(super) struct Packer {
    functions: Arc<dyn FunctionApi>,
    header: RunHeader,
    sets: Arc<Sets>,
    bucket: String,
    /// Tasks of a pack.
    each: u64,
    gate: Option<Arc<Gate>>,
    journal: Journal,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Packs that were sent.
    sent: HashSet<u64>,
    /// Keys of inputs that are stored, of packs that still lack some, by number of the input.
    stored: BTreeMap<u64, String>,
}

impl Packer {
    /// For a launch whose header says how tasks are packed; reads what an earlier process has sent.
    pub async fn open(launch: &Launch, each: u64, gate: Option<Arc<Gate>>) -> Result<Self, RunError> {
        let path = launch.context.folder(&launch.header.id).join("packs.journal");
        let opened = tokio::task::spawn_blocking(move || Journal::open::<u64>(&path)).await;
        let (journal, sent) =
            opened.map_err(std::io::Error::other).and_then(|opened| opened).map_err(journal_error)?;
        let packer = Self {
            functions: launch.context.functions.clone(),
            header: launch.header.clone(),
            sets: launch.sets.clone(),
            bucket: launch.place.bucket.clone(),
            each,
            gate,
            journal,
            state: Mutex::new(State { sent: sent.into_iter().collect(), ..State::default() }),
        };
        if let Some(gate) = &packer.gate {
            gate.had_sent(packer.state().sent.iter().flat_map(|pack| packer.tasks(*pack)));
        }
        Ok(packer)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tasks of a pack.
    fn tasks(&self, pack: u64) -> Range<u64> {
        let first = pack.saturating_mul(self.each);
        first..first.saturating_add(self.each).min(self.header.tasks)
    }

    fn packs(&self) -> u64 {
        self.header.tasks.div_ceil(self.each)
    }

    /// The inputs of a pack, by their numbers.
    fn inputs(&self, pack: u64) -> Range<u64> {
        let tasks = self.tasks(pack);
        let last = tasks.end.checked_sub(1).map_or(0, |last| self.sets.of_task(last).0 + 1);
        self.sets.of_task(tasks.start).0..last
    }

    /// The packs that an input has tasks in.
    fn packs_of(&self, input: u64) -> Range<u64> {
        // In a packed run, the tasks of an input follow each other.
        let (mut tasks, count) = (self.sets.tasks_of(input), self.sets.tasks_of(input).count() as u64);
        let first = tasks.next().unwrap_or_default();
        first / self.each..(first + count).min(self.header.tasks).div_ceil(self.each)
    }

    /// Invokes the function with a pack, or with its parts where it is too large for an event; `key` gives the keys of inputs, and
    /// `None` leaves their tasks out.
    async fn send(&self, pack: u64, key: impl Fn(u64) -> Option<String>) -> Result<(), CloudError> {
        let event = |task: u64| -> Option<TaskEvent> {
            let key = key(self.sets.of_task(task).0)?;
            let task = Some(self.header.task(task));
            Some(task_event(&self.header, &self.sets, task, 0, (&self.bucket, &key)))
        };
        let tasks: Vec<_> = self.tasks(pack).filter_map(event).collect();
        if !tasks.is_empty() {
            if let Some(gate) = &self.gate {
                gate.pass_together(self.tasks(pack)).await;
            }
            let run = self.header.id.clone();
            let number = self.tasks(pack).start;
            let whole = Pack { run, stage: 0, number, send: 0, generation: 0, tasks, tried: BTreeMap::new() };
            for part in whole.cut() {
                self.functions.invoke_async(&self.header.function, part.event()).await?;
            }
        }
        Ok(())
    }

    /// A pack was sent: says so for whoever goes on after a kill.
    fn note(&self, pack: u64) -> Result<(), RunError> {
        self.journal.append(&pack).map_err(journal_error)?;
        let inputs = self.inputs(pack);
        let mut state = self.state();
        state.sent.insert(pack);
        // An input at the border has tasks in the next one, too.
        let done: Vec<_> = state.stored.range(inputs).map(|(input, _)| *input).collect();
        for input in done {
            if self.packs_of(input).all(|pack| state.sent.contains(&pack)) {
                state.stored.remove(&input);
            }
        }
        Ok(())
    }

    /// Sends every pack that was not sent yet. Tasks of the inputs in `failed` are left out: they have failed.
    pub async fn rest(
        self: &Arc<Self>,
        launch: &Launch,
        failed: &[NotSent],
        meter: Option<&Meter>,
        cancel: &CancellationToken,
    ) -> Result<SendReport, RunError> {
        let mut report = SendReport::default();
        let left: Vec<u64> = {
            let state = self.state();
            report.skipped = state.sent.iter().map(|pack| self.tasks(*pack).count() as u64).sum();
            (0..self.packs()).filter(|pack| !state.sent.contains(pack)).collect()
        };
        let count = |tasks: u64, skipped: bool| {
            let meter = meter.into_iter();
            meter.for_each(|meter| {
                for _ in 0..tasks {
                    if skipped {
                        meter.skip(0);
                    } else {
                        meter.item();
                    }
                }
            });
        };
        count(report.skipped, true);
        let failed: Arc<HashSet<u64>> = Arc::new(failed.iter().map(|not_sent| not_sent.index).collect());
        let pace = Arc::new(Pace::new(AT_ONCE));
        let mut queue = left.into_iter();
        let next = || {
            let number = queue.next()?;
            let keys: BTreeMap<u64, String> = self
                .tasks(number)
                .filter_map(|task| launch.entry(task))
                .map(|ManifestEntry { task, key, .. }| (self.sets.of_task(task).0, key))
                .filter(|(input, _)| !failed.contains(input))
                .collect();
            let (packer, pace) = (self.clone(), pace.clone());
            Some(async move {
                pace.insist(|| packer.send(number, |input| keys.get(&input).cloned())).await?;
                packer.note(number)?;
                Ok::<_, RunError>(packer.tasks(number).count() as u64)
            })
        };
        let mut fatal = None;
        let done = |outcome: Result<u64, RunError>| match outcome {
            Ok(tasks) => {
                report.sent += tasks;
                count(tasks, false);
                ControlFlow::Continue(())
            }
            Err(error) => {
                fatal = Some(error);
                ControlFlow::Break(())
            }
        };
        drive(&pace.clone(), cancel, next, done).await;
        match fatal {
            Some(error) => Err(error),
            None if cancel.is_cancelled() => Err(RunError::Cancelled),
            None => Ok(report),
        }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn journal_error(error: std::io::Error) -> RunError {
    RunError::Io(format!("cannot keep the launch's journal: {error}"))
}

#[async_trait]
impl AroundPut for Packer {
    /// Sends the packs that have all of their inputs now. What lacks inputs for good is sent at the end.
    async fn stored(&self, index: u64, key: &str) -> Result<(), CloudError> {
        let due: Vec<(u64, BTreeMap<u64, String>)> = {
            let mut state = self.state();
            state.stored.insert(index, key.to_owned());
            let whole = |pack: &u64| {
                let inputs = self.inputs(*pack);
                let stored = state.stored.range(inputs.clone());
                !state.sent.contains(pack) && stored.count() as u64 == inputs.end - inputs.start
            };
            let due: Vec<_> = self.packs_of(index).filter(whole).collect();
            let keys =
                |pack: &u64| state.stored.range(self.inputs(*pack)).map(|(n, k)| (*n, k.clone())).collect();
            due.iter().map(|pack| (*pack, keys(pack))).collect()
        };
        for (pack, keys) in due {
            self.send(pack, |input| keys.get(&input).cloned()).await?;
            // A line that is not written costs a repetition that is seen as one.
            if let Err(error) = self.note(pack) {
                tracing::error!(%error, pack, "cannot note that a pack was sent");
            }
        }
        Ok(())
    }
}
