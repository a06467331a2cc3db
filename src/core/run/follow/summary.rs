//! Ten thousand tasks whose blocks are final, as one object: who opens the run later reads it in place of their records'
//! names.

use super::super::chain::Chain;
use super::super::failure::FailedEvent;
use super::super::{RunContext, RunError};
use super::outputs::Outputs;
use crate::dataset::objects::{List, Put, each_page, read};
use crate::model::{OutputObject, TaskName};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use throng_contract::keys::{
    BLOCK, PART, RecordName, again_prefix, block_prefix, parse_summary, summaries_prefix, summary_key,
};
use throng_contract::{FailureClass, TaskState, versions};

/// Summaries that are read at a time.
const AT_ONCE: usize = 8;
/// Blocks of a part.
pub(super) const BLOCKS: u64 = PART / BLOCK;

/// `runs/<run>/summary/<stage>/<part>.<generation>.json`. The names are those of the records: nothing is told that they do not
/// tell.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Summary {
    /// Version of the ledger's layout.
    version: u32,
    /// Names of records, by block.
    blocks: BTreeMap<u64, Vec<String>>,
    /// Attempts of which only Lambda told.
    #[serde(default)]
    given_up: Vec<GivenUp>,
    /// What the succeeded tasks have stored, in order, as their deciding records say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<(TaskName, Vec<OutputObject>)>,
}

/// What Lambda told of an event that it gave up on.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct GivenUp {
    /// Key of what it wrote.
    key: String,
    task: TaskName,
    request_id: String,
    at_ms: u64,
    state: TaskState,
    class: FailureClass,
    /// How often it was tried; 0 where an older throng has not said.
    #[serde(default)]
    tries: u32,
}

impl Summary {
    /// Of a part whose blocks are final, at a depth of the chain.
    pub fn of(chain: &Chain, (depth, part): (u32, u64), outputs: &Outputs) -> Self {
        let mut summary = Self { version: versions::LEDGER, ..Self::default() };
        for block in part * BLOCKS..(part + 1) * BLOCKS {
            for (stage, index) in tasks_of(chain, depth, block) {
                let Some(tracker) = chain.stage(stage) else { continue };
                let Some(row) = tracker.row(index) else { continue };
                for key in tracker.attempt_keys(index) {
                    if RecordName::parse(&key).is_some() {
                        let name = key.rsplit('/').next().unwrap_or_default().to_owned();
                        summary.blocks.entry(block).or_default().push(name);
                    }
                }
                for (key, event) in tracker.given_up(index) {
                    let FailedEvent { request_id, at_ms, state, class, tries, .. } = event;
                    let task = row.task.clone();
                    summary.given_up.push(GivenUp { key, task, request_id, at_ms, state, class, tries });
                }
                if let Some(stored) = outputs.of(stage, index) {
                    summary.outputs.push((row.task.clone(), stored.to_vec()));
                }
            }
        }
        summary
    }

    /// Tells a chain; gives the outputs of tasks, whose names are those of the chain's run.
    fn tell(self, chain: &mut Chain, depth: u32) -> Vec<(TaskName, Vec<OutputObject>)> {
        let run = chain.header().id.clone();
        for (block, names) in &self.blocks {
            let prefix = block_prefix(&run, depth, *block);
            for name in names.iter().filter(|name| !name.contains('/')) {
                chain.see(&format!("{prefix}{name}"), None);
            }
        }
        for GivenUp { key, task, request_id, at_ms, state, class, tries } in self.given_up {
            let tries = tries.max(1);
            let task = chain.task_ref(&task);
            let (objects, event_ms, message) = (Vec::new(), None, String::new());
            let event = FailedEvent {
                request_id,
                at_ms,
                task,
                pack: Vec::new(),
                objects,
                event_ms,
                state,
                class,
                message,
                tries,
            };
            chain.gave_up_on(&event, &key);
        }
        self.outputs
    }
}

/// The tasks of a block: their stage and index.
fn tasks_of(chain: &Chain, depth: u32, block: u64) -> Vec<(usize, u64)> {
    if depth > 0 {
        return chain.tasks_of_block(depth, block).to_vec();
    }
    let last = chain.header().tasks.min((block + 1) * BLOCK);
    (block * BLOCK..last).map(|index| (0, index)).collect()
}

/// Reads what summaries there are and tells the chain, one depth after the other: what is declared at one is known at the
/// next. Gives the parts that they are of, with their generation. One that cannot be read is as if it were not there: the
/// records are.
pub(super) async fn read_all(
    context: &RunContext,
    chain: &mut Chain,
    outputs: &mut Outputs,
) -> Result<BTreeMap<(u32, u64), u32>, RunError> {
    let run = chain.header().id.clone();
    let mut parts = BTreeMap::new();
    for depth in 0..chain.deepest() {
        let newest = newest(context, &run, depth).await?;
        if newest.is_empty() {
            break;
        }
        let mut bodies = futures::stream::iter(newest)
            .map(|(part, generation)| {
                let key = summary_key(&run, depth, part, generation);
                async move {
                    let body = read(context.store.as_ref(), &context.home, &key).await?;
                    Ok::<_, RunError>((part, generation, body))
                }
            })
            .buffer_unordered(AT_ONCE);
        while let Some((part, generation, body)) = bodies.try_next().await? {
            let summary = body.and_then(|body| serde_json::from_slice::<Summary>(&body).ok());
            if let Some(summary) = summary.filter(|summary| summary.version <= versions::LEDGER) {
                for (task, stored) in summary.tell(chain, depth) {
                    outputs.told(chain, &task, stored);
                }
                parts.insert((depth, part), generation);
            }
        }
    }
    Ok(parts)
}

/// The newest generation of each part's summary, without parts that were opened again since.
async fn newest(context: &RunContext, run: &str, depth: u32) -> Result<BTreeMap<u64, u32>, RunError> {
    let mut newest: BTreeMap<u64, u32> = BTreeMap::new();
    let list = |prefix| List { bucket: context.home.clone(), prefix, ..List::default() };
    each_page(context.store.as_ref(), list(summaries_prefix(run, depth)), |page| {
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
pub(super) async fn write(
    context: &RunContext,
    chain: &Chain,
    outputs: &Outputs,
    place: (u32, u64),
    generation: u32,
) -> bool {
    let body = serde_json::to_vec(&Summary::of(chain, place, outputs)).unwrap_or_default();
    let key = summary_key(&chain.header().id, place.0, place.1, generation);
    let put = Put { bucket: context.home.clone(), key, body: body.into(), only_new: true, ..Put::default() };
    let outcome = context.store.put(put).await;
    if let Err(error) = &outcome {
        tracing::debug!(%error, "a summary was not written");
    }
    outcome.is_ok()
}
