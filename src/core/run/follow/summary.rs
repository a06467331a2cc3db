//! Ten thousand tasks whose blocks are final, as one object: who opens the run later reads it in place of their records'
//! names.

use super::super::failure::FailedEvent;
use super::super::{RunContext, RunError, RunTracker};
use crate::dataset::objects::{List, Put, each_page, read};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use throng_contract::keys::{
    BLOCK, PART, RecordName, again_prefix, block_prefix, parse_summary, summaries_prefix, summary_key,
};
use throng_contract::{FailureClass, TaskRef, TaskState, versions};

/// Summaries that are read at a time.
const AT_ONCE: usize = 8;
/// Blocks of a part.
pub(super) const BLOCKS: u64 = PART / BLOCK;

/// `runs/<run>/summary/<stage>/<part>.<generation>.json`. The names are those of the records: nothing is told that they do not
/// tell.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Summary {
    /// Version of the ledger's layout.
    version: u32,
    /// Names of records, by block.
    blocks: BTreeMap<u64, Vec<String>>,
    /// Attempts of which only Lambda told.
    #[serde(default)]
    given_up: Vec<GivenUp>,
}

/// What Lambda told of an event that it gave up on.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct GivenUp {
    /// Key of what it wrote.
    key: String,
    task: u64,
    request_id: String,
    at_ms: u64,
    state: TaskState,
    class: FailureClass,
    /// How often it was tried; 0 where an older throng has not said.
    #[serde(default)]
    tries: u32,
}

impl Summary {
    /// Of a part whose blocks are final.
    pub fn of(tracker: &RunTracker, part: u64) -> Self {
        let tasks = part * PART..tracker.header().tasks.min((part + 1) * PART);
        let mut summary = Self { version: versions::LEDGER, blocks: BTreeMap::new(), given_up: Vec::new() };
        for task in tasks {
            for key in tracker.attempt_keys(task) {
                if RecordName::parse(&key).is_some() {
                    let name = key.rsplit('/').next().unwrap_or_default().to_owned();
                    summary.blocks.entry(task / BLOCK).or_default().push(name);
                }
            }
            for (key, event) in tracker.given_up(task) {
                let FailedEvent { request_id, at_ms, state, class, tries, .. } = event;
                summary.given_up.push(GivenUp { key, task, request_id, at_ms, state, class, tries });
            }
        }
        summary
    }

    /// Tells a tracker. `stage` and run are the tracker's.
    fn tell(self, tracker: &mut RunTracker) {
        let run = tracker.header().id.clone();
        for (block, names) in &self.blocks {
            let prefix = block_prefix(&run, 0, *block);
            for name in names.iter().filter(|name| !name.contains('/')) {
                tracker.record(&format!("{prefix}{name}"));
            }
        }
        for GivenUp { key, task, request_id, at_ms, state, class, tries } in self.given_up {
            let tries = tries.max(1);
            let task = Some(TaskRef::launched(&run, task));
            let (objects, event_ms, message) = (Vec::new(), None, String::new());
            let event =
                FailedEvent { request_id, at_ms, task, objects, event_ms, state, class, message, tries };
            tracker.gave_up(&event, &key);
        }
    }
}

/// Reads what summaries there are and tells the tracker. Gives the parts that they are of, with their generation. One that cannot be read is as if it
/// were not there: the records are.
pub(super) async fn read_all(
    context: &RunContext,
    tracker: &mut RunTracker,
) -> Result<BTreeMap<u64, u32>, RunError> {
    let run = tracker.header().id.clone();
    let newest = newest(context, &run).await?;
    let mut bodies = futures::stream::iter(newest)
        .map(|(part, generation)| {
            let key = summary_key(&run, 0, part, generation);
            async move {
                Ok::<_, RunError>((
                    part,
                    generation,
                    read(context.store.as_ref(), &context.home, &key).await?,
                ))
            }
        })
        .buffer_unordered(AT_ONCE);
    let mut parts = BTreeMap::new();
    while let Some((part, generation, body)) = bodies.try_next().await? {
        let summary = body.and_then(|body| serde_json::from_slice::<Summary>(&body).ok());
        if let Some(summary) = summary.filter(|summary| summary.version <= versions::LEDGER) {
            summary.tell(tracker);
            parts.insert(part, generation);
        }
    }
    Ok(parts)
}

/// The newest generation of each part's summary, without parts that were opened again since.
async fn newest(context: &RunContext, run: &str) -> Result<BTreeMap<u64, u32>, RunError> {
    let mut newest: BTreeMap<u64, u32> = BTreeMap::new();
    let list = |prefix| List { bucket: context.home.clone(), prefix, ..List::default() };
    each_page(context.store.as_ref(), list(summaries_prefix(run, 0)), |page| {
        for (part, generation) in page.objects.iter().filter_map(|object| parse_summary(&object.key)) {
            let known = newest.entry(part).or_default();
            *known = generation.max(*known);
        }
        true
    })
    .await?;
    if newest.is_empty() {
        return Ok(newest);
    }
    let mut opened = Vec::new();
    each_page(context.store.as_ref(), list(again_prefix(run)), |page| {
        opened.extend(page.objects.iter().map(|object| object.key.clone()));
        true
    })
    .await?;
    for key in opened {
        let body = read(context.store.as_ref(), &context.home, &key).await?;
        let again = body.and_then(|body| serde_json::from_slice::<Again>(&body).ok()).unwrap_or_default();
        for (block, generation) in again.blocks {
            newest.retain(|part, known| *part != block / BLOCKS || *known >= generation);
        }
    }
    Ok(newest)
}

/// `runs/<run>/again/<n>.json`: blocks in which tasks are sent again, with the generation that their next summary will have.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Again {
    #[serde(default)]
    blocks: BTreeMap<u64, u32>,
}

/// Writes the summary of a part. A convenience: when it cannot be written, the records are read.
pub(super) async fn write(context: &RunContext, tracker: &RunTracker, part: u64, generation: u32) -> bool {
    let run = &tracker.header().id;
    let body = serde_json::to_vec(&Summary::of(tracker, part)).unwrap_or_default();
    let key = summary_key(run, 0, part, generation);
    let put = Put { bucket: context.home.clone(), key, body: body.into(), only_new: true, ..Put::default() };
    let outcome = context.store.put(put).await;
    if let Err(error) = &outcome {
        tracing::debug!(%error, "a summary was not written");
    }
    outcome.is_ok()
}
