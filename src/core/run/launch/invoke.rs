//! Tasks that no trigger starts: one asynchronous invocation each.

use super::events::Events;
use super::gate::Gate;
use super::{Launch, SendReport};
use crate::cloud::CloudError;
use crate::dataset::pace::{Pace, drive};
use crate::dataset::upload::{AroundPut, NotSent};
use crate::dataset::{Journal, Meter};
use crate::run::cloud::TriggerPlace;
use crate::run::{FunctionApi, RunError, RunHeader, Sets};
use async_trait::async_trait;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Invocations in flight.
pub(super) const AT_ONCE: u32 = 128;

/// Invokes the function for uploaded files that do not trigger it; what does, is sent by being stored.
pub(super) struct Untriggered {
    functions: Arc<dyn FunctionApi>,
    function: String,
    header: RunHeader,
    sets: Arc<Sets>,
    events: Events,
    bucket: String,
    triggers: Vec<TriggerPlace>,
    gate: Option<Arc<Gate>>,
}

impl Untriggered {
    pub fn of(launch: &Launch, gate: Option<Arc<Gate>>) -> Self {
        Self {
            functions: launch.context.functions.clone(),
            function: launch.header.runs_on(),
            header: launch.header.clone(),
            sets: launch.sets.clone(),
            events: Events::new(&launch.context, &launch.header, &launch.sets),
            bucket: launch.place.bucket.clone(),
            triggers: launch.triggers.clone(),
            gate,
        }
    }

    fn is_triggered(&self, key: &str) -> bool {
        self.triggers.iter().any(|trigger| trigger.starts(&self.bucket, key))
    }
}

#[async_trait]
impl AroundPut for Untriggered {
    async fn admit(&self, index: u64, key: &str) {
        let Some(gate) = self.gate.as_ref().filter(|_| self.is_triggered(key)) else { return };
        for task in self.sets.tasks_of(index) {
            gate.pass(task).await;
        }
    }

    fn not_sent(&self, index: u64) {
        if let Some(gate) = &self.gate {
            gate.were_not_sent(self.sets.tasks_of(index));
        }
    }

    fn was_sent(&self, index: u64) {
        if let Some(gate) = &self.gate {
            gate.had_sent(self.sets.tasks_of(index));
        }
    }

    async fn stored(&self, index: u64, key: &str) -> Result<(), CloudError> {
        if self.is_triggered(key) {
            return Ok(());
        }
        // All of them again after a kill among them: at least once, counted exactly.
        for task in self.sets.tasks_of(index) {
            if let Some(gate) = &self.gate {
                gate.pass(task).await;
            }
            let event = self.events.of(Some(self.header.task(task)), 0, (&self.bucket, key), None).await;
            let payload = event.map_err(RunError::into_cloud)?;
            self.functions.invoke_async(&self.function, payload).await?;
        }
        Ok(())
    }
}

/// Invokes the function for objects that are there already.
pub(super) async fn send(
    launch: &Launch,
    gate: Option<Arc<Gate>>,
    meter: Arc<Meter>,
    cancel: &CancellationToken,
) -> Result<SendReport, RunError> {
    let header = &launch.header;
    let path = launch.context.folder(&header.id).join("sent.journal");
    let opened = tokio::task::spawn_blocking(move || Journal::open::<u64>(&path)).await;
    let io = |error: std::io::Error| RunError::Io(format!("cannot keep the launch's journal: {error}"));
    let (journal, sent) = opened.map_err(std::io::Error::other).and_then(|opened| opened).map_err(io)?;
    let sent: HashSet<u64> = sent.into_iter().collect();
    meter.total(header.tasks, 0);
    let pace = Arc::new(Pace::new(AT_ONCE));
    let journal = Arc::new(journal);
    let report = SendReport { skipped: sent.len() as u64, ..SendReport::default() };
    (0..report.skipped).for_each(|_| meter.skip(0));
    if let Some(gate) = &gate {
        gate.had_sent(sent.iter().copied());
    }
    let mut tasks = (0..header.tasks).filter(|task| !sent.contains(task));
    let events = Arc::new(Events::new(&launch.context, header, &launch.sets));
    let next = || {
        let task = tasks.next()?;
        let (key, files) = (launch.entry(task)?.key, launch.files(task));
        let (events, named, bucket) = (events.clone(), header.task(task), launch.place.bucket.clone());
        let (functions, function) = (launch.context.functions.clone(), header.runs_on());
        let (pace, journal, gate) = (pace.clone(), journal.clone(), gate.clone());
        Some(async move {
            if let Some(gate) = gate {
                gate.pass(task).await;
            }
            let payload = events.of(Some(named), 0, (&bucket, &key), files).await?;
            pace.insist(|| functions.invoke_async(&function, payload.clone())).await?;
            journal.append(&task).map_err(io)?;
            Ok(None)
        })
    };
    all(&pace.clone(), cancel, &meter, report, next).await
}

/// Makes invocations and adds to the report what came of each: nothing to say, or why it was not made. The first error
/// ends it.
pub(super) async fn all<F>(
    pace: &Pace,
    cancel: &CancellationToken,
    meter: &Meter,
    mut report: SendReport,
    next: impl FnMut() -> Option<F> + Send,
) -> Result<SendReport, RunError>
where
    F: Future<Output = Result<Option<NotSent>, RunError>> + Send + 'static,
{
    let mut fatal = None;
    let done = |outcome| match outcome {
        Ok(None) => {
            report.sent += 1;
            meter.item();
            ControlFlow::Continue(())
        }
        Ok(Some(missing)) => {
            report.failed.push(missing);
            ControlFlow::Continue(())
        }
        Err(error) => {
            fatal = Some(error);
            ControlFlow::Break(())
        }
    };
    drive(pace, cancel, next, done).await;
    match fatal {
        Some(error) => Err(error),
        None if cancel.is_cancelled() => Err(RunError::Cancelled),
        None => Ok(report),
    }
}
