//! Sends a launch's inputs; a file that cannot be sent becomes a failed task.

use super::cancel::watch;
use super::complete::Completed;
use super::gate::Gate;
use super::held::Held;
use super::packs::Packer;
use super::{Launch, SendReport, invoke};
use crate::cloud::{CloudError, now_ms};
use crate::dataset::Meter;
use crate::dataset::objects::Put;
use crate::dataset::pace::{Pace, drive};
use crate::dataset::upload::{AroundPut, NotSent, Upload, UploadError, UploadRun};
use crate::model::TaskState;
use crate::run::header::StartedBy;
use crate::run::{RunError, plan};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use throng_contract::keys::record_key;
use throng_contract::{AttemptRecord, FailureClass};
use tokio_util::sync::CancellationToken;

impl Launch {
    /// Sends every input that was not sent yet. It ends early when the run is cancelled, by this or any other
    /// throng.
    ///
    /// # Errors
    /// [`RunError`]; the rest can be sent by [`resume`](super::resume()).
    pub async fn send(self, meter: Arc<Meter>, cancel: &CancellationToken) -> Result<SendReport, RunError> {
        let token = cancel.child_token();
        let watcher = tokio::spawn(watch(self.context.clone(), self.header.id.clone(), token.clone()));
        let held = self.held(&meter);
        let gate = held.as_ref().map(Held::gate);
        let packer = self.packer(gate.clone()).await?;
        let report = if self.header.files {
            self.send_files((packer, gate), meter, &token).await
        } else if let Some(packer) = packer {
            meter.total(self.header.tasks, 0);
            packer.rest(&self, &[], Some(&meter), &token).await
        } else {
            invoke::send(&self, gate, meter, &token).await
        };
        watcher.abort();
        if let Some(held) = held.filter(|_| report.is_ok()) {
            held.end().await;
        }
        match report {
            // Not by our caller, so by the run's cancel.json.
            Err(RunError::Cancelled) if !cancel.is_cancelled() => {
                self.forget().await;
                Ok(SendReport { cancelled: true, ..SendReport::default() })
            }
            Ok(report) => {
                self.forget().await;
                Ok(report)
            }
            other => other,
        }
    }

    /// What sends its packs, when it has some.
    async fn packer(&self, gate: Option<Arc<Gate>>) -> Result<Option<Arc<Packer>>, RunError> {
        match &self.header.pack {
            Some(rule) => Ok(Some(Arc::new(Packer::open(self, rule.tasks.max(1), gate).await?))),
            None => Ok(None),
        }
    }

    /// Everything was sent: the plan and the journal have served.
    async fn forget(&self) {
        let folder = self.context.folder(&self.header.id);
        let _ = tokio::task::spawn_blocking(move || plan::remove(&folder)).await;
    }

    async fn send_files(
        &self,
        (packer, gate): (Option<Arc<Packer>>, Option<Arc<Gate>>),
        meter: Arc<Meter>,
        cancel: &CancellationToken,
    ) -> Result<SendReport, RunError> {
        let invokes = self.header.started_by == StartedBy::Invoke;
        let journal = self.context.folder(&self.header.id).join("sent.journal");
        let completed =
            self.groups.as_ref().map(|groups| Arc::new(Completed::of(self, groups, gate.clone())));
        let around: Option<Arc<dyn AroundPut>> = match (&completed, &packer) {
            (Some(completed), _) => Some(completed.clone()),
            (None, Some(packer)) => Some(packer.clone()),
            (None, None) if invokes || gate.is_some() => Some(Arc::new(invoke::Untriggered::of(self, gate))),
            (None, None) => None,
        };
        let one_each = completed.is_none();
        let upload = Upload {
            files: self.inputs.clone(),
            place: self.place.clone(),
            // A file of several tasks is the input of none of them alone: their events say whose it is.
            run: (self.sets.is_one_each() || !one_each).then(|| UploadRun {
                id: self.header.id.clone(),
                ledger: self.header.version,
                group: self.header.group.clone(),
                one_each,
            }),
            journal,
            options: self.context.upload,
            around,
        };
        let uploaded = upload.send(self.context.store.clone(), meter, cancel).await;
        let uploaded = uploaded.map_err(|error| match error {
            UploadError::Cancelled => RunError::Cancelled,
            other => other.into(),
        })?;
        let each = self.sets.per_input();
        let (failed, sent, skipped) = if let Some(completed) = &completed {
            let (sent, skipped) = completed.counted();
            (by_group(completed, &uploaded.failed), sent, skipped)
        } else {
            let failed = uploaded.failed.iter().map(|file| (file.index, file.reason.clone())).collect();
            (failed, uploaded.sent, uploaded.skipped)
        };
        self.record_failures(&failed).await?;
        if let Some(packer) = packer {
            packer.rest(self, &uploaded.failed, None, cancel).await?;
        }
        let of = |input: &u64| self.sets.tasks_of(*input).count() as u64;
        let not_sent: u64 = failed.keys().map(of).sum();
        let skipped = skipped * each;
        let sent = if completed.is_some() {
            sent * each
        } else {
            self.header.tasks.saturating_sub(not_sent + skipped)
        };
        Ok(SendReport { sent, skipped, failed: uploaded.failed, ..SendReport::default() })
    }

    /// A file that cannot be sent is a task that failed: without a record it would be pending for ever.
    async fn record_failures(&self, failed: &BTreeMap<u64, String>) -> Result<(), RunError> {
        let pace = Pace::new(32);
        let mut error = None;
        let tasks = |input: u64| self.sets.tasks_of(input);
        let mut records = failed
            .iter()
            .flat_map(|(input, reason)| tasks(*input).filter_map(|task| self.failure(task, reason)));
        let next = || {
            let put = records.next()?;
            let store = self.context.store.clone();
            Some(async move { Pace::new(1).insist(|| store.put(put.clone())).await })
        };
        let done = |outcome: Result<String, CloudError>| match outcome {
            Ok(_) => ControlFlow::Continue(()),
            Err(failed) => {
                error = Some(failed);
                ControlFlow::Break(())
            }
        };
        drive(&pace, &CancellationToken::new(), next, done).await;
        error.map_or(Ok(()), |error| Err(error.into()))
    }

    fn failure(&self, task: u64, reason: &str) -> Option<Put> {
        let entry = self.entry(task)?;
        let request_id = format!("not-sent-{:08x}", rand::random::<u32>());
        let record = AttemptRecord {
            task: Some(self.header.task(task)),
            bucket: entry.bucket,
            key: entry.key,
            provider: entry.provider,
            state: TaskState::Failed,
            class: Some(FailureClass::Input),
            error: Some(reason.to_owned()),
            parameters: entry.set.map(|set| set.to_string()),
            ..AttemptRecord::begun(&self.header.function, &request_id, now_ms())
        };
        let body = serde_json::to_vec(&record).ok()?;
        Some(Put {
            bucket: self.context.home.clone(),
            key: record_key(&record),
            body: body.into(),
            ..Put::default()
        })
    }
}

/// The groups of files that were not sent, with the first reason of each.
fn by_group(completed: &Completed, failed: &[NotSent]) -> BTreeMap<u64, String> {
    let mut groups = BTreeMap::new();
    for file in failed {
        for group in completed.groups_of(file.index) {
            groups
                .entry(u64::from(*group))
                .or_insert_with(|| format!("{}: {}", file.path.display(), file.reason));
        }
    }
    groups
}
