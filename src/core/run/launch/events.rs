//! The events of a stage's tasks.

use crate::run::manifest::{PART, offsets};
use crate::run::{RunContext, RunError, RunHeader, Sets};
use std::collections::HashMap;
use std::sync::Arc;
use throng_contract::group::INLINE;
use throng_contract::{EventFiles, ManifestSlice, TaskEvent, TaskFiles, TaskRef};
use tokio::sync::Mutex;

/// The event of a task of one file that has been sent `send` times before. The header is that of the task's stage.
pub(super) fn task_event(
    header: &RunHeader,
    sets: &Sets,
    task: Option<TaskRef>,
    send: u32,
    (bucket, key): (&str, &str),
) -> TaskEvent {
    // What outputs start has the variables of no launch.
    let number = task.as_ref().and_then(|task| task.task.as_number());
    let of_group = task.as_ref().and_then(|task| sets.group_of(&task.task));
    TaskEvent {
        task,
        send,
        retries: header.retries,
        group: of_group.or_else(|| header.group.clone()),
        variables: number.map(|number| sets.all_variables(header, number)).unwrap_or_default(),
        timeout_s: number.and(header.overrides.timeout_s),
        parameters: number.and_then(|number| sets.of_task(number).1).map(|set| set.to_string()),
        bucket: if header.without_inputs { String::new() } else { bucket.to_owned() },
        key: key.to_owned(),
        provider: header.provider.clone(),
        files: None,
    }
}

/// Makes them. The header is that of the tasks' stage.
pub(super) struct Events {
    context: RunContext,
    header: RunHeader,
    sets: Arc<Sets>,
    /// Where the lines of the manifest's parts begin, as far as somebody asked.
    offsets: Mutex<HashMap<usize, Arc<Vec<u64>>>>,
}

impl Events {
    pub fn new(context: &RunContext, header: &RunHeader, sets: &Arc<Sets>) -> Self {
        let (context, header, sets) = (context.clone(), header.clone(), sets.clone());
        Self { context, header, sets, offsets: Mutex::default() }
    }

    /// The event of a task that has been sent `send` times before, and all its files when it has several.
    pub async fn of(
        &self,
        task: Option<TaskRef>,
        send: u32,
        (bucket, key): (&str, &str),
        files: Option<TaskFiles>,
    ) -> Result<Vec<u8>, RunError> {
        let number = task.as_ref().and_then(|task| task.task.as_number());
        let mut event = task_event(&self.header, &self.sets, task, send, (bucket, key));
        event.files = files.map(EventFiles::Inline);
        let text = serde_json::to_vec(&event).unwrap_or_default();
        let Some(number) = number.filter(|_| event.files.is_some() && text.len() > INLINE) else {
            return Ok(text);
        };
        event.files = Some(EventFiles::Stored(self.slice(self.header.lister(number)).await?));
        Ok(serde_json::to_vec(&event).unwrap_or_default())
    }

    /// The line of the manifest that names the files of a task.
    async fn slice(&self, task: u64) -> Result<ManifestSlice, RunError> {
        let damaged = || RunError::Damaged {
            run: self.header.id.clone(),
            what: format!("its manifest has no line for task {task}"),
        };
        let part = usize::try_from(task / PART).map_err(|_| damaged())?;
        let mut known = self.offsets.lock().await;
        let offsets = if let Some(offsets) = known.get(&part) {
            offsets.clone()
        } else {
            let read = Arc::new(offsets(&self.context, &self.header, part).await?);
            known.entry(part).or_insert(read).clone()
        };
        let line = usize::try_from(task % PART).map_err(|_| damaged())?;
        let (Some(offset), Some(end)) = (offsets.get(line), offsets.get(line + 1)) else {
            return Err(damaged());
        };
        Ok(ManifestSlice { part, offset: *offset, length: end - offset })
    }
}
