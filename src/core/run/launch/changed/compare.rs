//! Whether a success was of the same input, and what it stored is still there.

use super::Asked;
use crate::cloud::CloudError;
use crate::dataset::objects::{Head, read};
use crate::dataset::pace::Pace;
use crate::dataset::upload::{etag_of, is_checksum};
use crate::model::{AttemptRecord, OutputObject, TaskRow, TaskState};
use crate::run::{ReusedTask, RunError, RunHeader, Stores};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use throng_contract::layout::META_LINEAGE;
use throng_contract::{AttemptId, FINGERPRINT_BYTES, Lineage, fingerprinted};
use tokio::sync::Semaphore;

/// Files that are read at a time.
const READERS: usize = 4;

/// Compares tasks of a launch with earlier ones.
pub(super) struct Comparison<'a> {
    asked: &'a Asked<'a>,
    stores: Stores,
    pace: Pace,
    readers: Semaphore,
    /// Whether it was looked why tags differ.
    explained: AtomicBool,
    doubt: Mutex<Option<String>>,
}

impl<'a> Comparison<'a> {
    pub fn of(asked: &'a Asked<'a>) -> Self {
        Self {
            asked,
            stores: Stores::of(asked.context, asked.function),
            pace: Pace::new(super::AT_ONCE),
            readers: Semaphore::new(READERS),
            explained: AtomicBool::new(false),
            doubt: Mutex::default(),
        }
    }

    /// Why some inputs could not be compared, in a sentence.
    pub fn doubt(&self) -> Option<String> {
        self.doubt.lock().ok().and_then(|doubt| doubt.clone())
    }

    /// The earlier task, when it stands for this one.
    pub async fn of_task(
        &self,
        task: u64,
        run: Arc<RunHeader>,
        row: TaskRow,
    ) -> Result<Option<(u64, ReusedTask)>, RunError> {
        let asked = self.asked;
        let file = usize::try_from(asked.sets.of_task(task).0).ok().and_then(|input| asked.inputs.get(input));
        let Some(file) = file.filter(|file| file.size == row.size) else { return Ok(None) };
        let Some(record) = self.record(&run.id, &row).await? else { return Ok(None) };
        let variables = asked.variables(task);
        let tag = match asked.etags {
            Some(etags) => etags.get(&asked.place.key(file.name)).cloned(),
            None => self.tag_of_file(file.path, file.size).await,
        };
        let Some(tag) = tag.filter(|tag| !tag.is_empty()) else { return Ok(None) };
        if !self.is_same(&record, &tag, &variables) {
            if asked.etags.is_none() {
                self.explain(&row).await?;
            }
            return Ok(None);
        }
        for output in &record.outputs {
            if !self.is_there(&record, output).await? {
                return Ok(None);
            }
        }
        let reused = ReusedTask {
            run: run.id.clone(),
            task: row.task.number().unwrap_or(0),
            provider: run.provider.clone(),
            bucket: row.bucket.to_string(),
            key: row.key.to_string(),
            size: row.size,
            variables,
            outputs: record.outputs,
        };
        Ok(Some((task, reused)))
    }

    /// The record of a success.
    async fn record(&self, run: &str, row: &TaskRow) -> Result<Option<AttemptRecord>, RunError> {
        let Some(key) = row.record_key(run) else { return Ok(None) };
        let context = self.asked.context;
        let body = self.pace.insist(|| read(context.store.as_ref(), &context.home, &key)).await?;
        let record = body.and_then(|body| serde_json::from_slice::<AttemptRecord>(&body).ok());
        Ok(record.filter(|record| record.state == TaskState::Succeeded))
    }

    /// The tag that a file would get. One that cannot be read is told when it is sent.
    async fn tag_of_file(&self, path: std::path::PathBuf, size: u64) -> Option<String> {
        let _permit = self.readers.acquire().await.ok()?;
        let options = self.asked.context.upload;
        tokio::task::spawn_blocking(move || etag_of(&path, size, &options)).await.ok()?.ok()
    }

    fn is_same(&self, record: &AttemptRecord, tag: &str, variables: &BTreeMap<String, String>) -> bool {
        let function = self.asked.facts.fingerprint.split('.').next().unwrap_or_default();
        let is_it = |tag: &str| {
            let bytes = fingerprinted(function, tag.as_bytes(), variables);
            let digest = bytes.map(|bytes| hex::encode(&Sha256::digest(bytes)[..FINGERPRINT_BYTES]));
            digest.is_some() && digest == record.fingerprint
        };
        // Servers of WebDAV may leave the quotes out.
        is_it(&format!("\"{tag}\"")) || is_it(tag)
    }

    /// Where tags are no checksums, nobody can tell whether a file is the one that was stored.
    async fn explain(&self, row: &TaskRow) -> Result<(), RunError> {
        if self.explained.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let store = &self.asked.context.store;
        let head = self.pace.insist(|| store.head(&row.bucket, &row.key)).await?;
        if head.is_some_and(|head| head.kms || !is_checksum(&head.etag))
            && let Ok(mut doubt) = self.doubt.lock()
        {
            *doubt = Some(format!(
                "whether files are those that were stored in {} cannot be known: its ETags are no checksums (a bucket that \
                 encrypts with keys of KMS); they are run",
                row.bucket
            ));
        }
        Ok(())
    }

    /// Whether an output is as that attempt stored it.
    async fn is_there(&self, record: &AttemptRecord, output: &OutputObject) -> Result<bool, RunError> {
        let store = self.stores.get(output.provider.as_deref()).await?;
        let head: Result<Option<Head>, CloudError> =
            self.pace.insist(|| store.objects.head(&output.bucket, &output.key)).await;
        let head = match head {
            Err(error) if error.is_not_found() => None,
            head => head.map_err(|error| store.error(error))?,
        };
        Ok(head.is_some_and(|head| head.size == output.size && is_of(record, output, &head)))
    }
}

/// Whether an object says that this attempt stored it; what says nothing is believed.
fn is_of(record: &AttemptRecord, output: &OutputObject, head: &Head) -> bool {
    let Some((_, line)) = head.metadata.iter().find(|(name, _)| name == META_LINEAGE) else { return true };
    let attempt = AttemptId::new(&record.request_id, record.started_ms);
    Lineage::parse(line, &output.bucket, &output.key).is_some_and(|lineage| {
        record.task.as_ref().is_some_and(|task| task.run == lineage.run && task.task == lineage.task)
            && lineage.output.is_some_and(|(by, _)| by == attempt)
    })
}
