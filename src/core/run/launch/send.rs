//! Sends a launch's inputs; a file that cannot be sent becomes a failed task.

use super::cancel::watch;
use super::{Launch, SendReport, invoke};
use crate::cloud::{CloudError, now_ms};
use crate::dataset::Meter;
use crate::dataset::objects::Put;
use crate::dataset::pace::{Pace, drive};
use crate::dataset::upload::{AfterPut, NotSent, Upload, UploadError, UploadRun};
use crate::model::TaskState;
use crate::run::header::StartedBy;
use crate::run::{RunError, plan};
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
        let report = if self.header.files {
            self.send_files(meter, &token).await
        } else {
            invoke::send(&self, meter, &token).await
        };
        watcher.abort();
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

    /// Everything was sent: the plan and the journal have served.
    async fn forget(&self) {
        let folder = self.context.folder(&self.header.id);
        let _ = tokio::task::spawn_blocking(move || plan::remove(&folder)).await;
    }

    async fn send_files(
        &self,
        meter: Arc<Meter>,
        cancel: &CancellationToken,
    ) -> Result<SendReport, RunError> {
        let invokes = self.header.started_by == StartedBy::Invoke;
        let after: Option<Arc<dyn AfterPut>> =
            if invokes { Some(Arc::new(invoke::Untriggered::of(self))) } else { None };
        let upload = Upload {
            files: self.inputs.clone(),
            place: self.place.clone(),
            // A file of several tasks is the input of none of them alone: their events say whose it is.
            run: (self.sets.per_input() == 1).then(|| UploadRun {
                id: self.header.id.clone(),
                ledger: self.header.version,
                group: self.header.group.clone(),
            }),
            journal: self.context.folder(&self.header.id).join("sent.journal"),
            options: self.context.upload,
            after,
        };
        let uploaded = upload.send(self.context.store.clone(), meter, cancel).await;
        let uploaded = uploaded.map_err(|error| match error {
            UploadError::Cancelled => RunError::Cancelled,
            other => other.into(),
        })?;
        self.record_failures(&uploaded.failed).await?;
        let each = self.sets.per_input();
        let (sent, skipped) = (uploaded.sent * each, uploaded.skipped * each);
        Ok(SendReport { sent, skipped, failed: uploaded.failed, cancelled: false })
    }

    /// A file that cannot be sent is a task that failed: without a record it would be pending for ever.
    async fn record_failures(&self, failed: &[NotSent]) -> Result<(), RunError> {
        let pace = Pace::new(32);
        let mut error = None;
        let tasks = |not_sent: &NotSent| self.sets.of_input(not_sent.index);
        let mut records = failed
            .iter()
            .flat_map(|not_sent| tasks(not_sent).filter_map(|task| self.failure(task, &not_sent.reason)));
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
