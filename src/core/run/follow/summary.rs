//! Ten thousand tasks whose blocks are final, as one object: who opens the run later reads it in place of their records'
//! names.

use super::super::chain::Chain;
use super::super::failure::FailedEvent;
use super::super::manifest::{ManifestEntry, read_part};
use super::super::{RunContext, RunError};
use super::outputs::Outputs;
use crate::cloud::ErrorKind;
use crate::dataset::objects::{List, Put, each_page, read};
use crate::model::{OutputObject, TaskName};
use crate::run::chain::Owner;
use crate::run::tracker::RunTracker;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
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
    /// Of launched tasks: their inputs, which are those of a part of the manifest. Older summaries have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<ManifestEntry>,
}

/// What Lambda told of an event that it gave up on.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GivenUp {
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

impl GivenUp {
    /// All that is known of a task.
    pub fn of(tracker: &RunTracker, index: u64) -> Vec<Self> {
        let Some(row) = tracker.row(index) else { return Vec::new() };
        let of = |(key, event)| {
            let FailedEvent { request_id, at_ms, state, class, tries, .. } = event;
            Self { key, task: row.task.clone(), request_id, at_ms, state, class, tries }
        };
        tracker.given_up(index).into_iter().map(of).collect()
    }

    /// Tells a chain.
    pub fn tell(self, chain: &mut Chain) {
        let Self { key, task, request_id, at_ms, state, class, tries } = self;
        let (tries, task) = (tries.max(1), chain.task_ref(&task));
        let (objects, event_ms, message) = (Vec::new(), None, String::new());
        let pack = Vec::new();
        let event =
            FailedEvent { request_id, at_ms, task, pack, objects, event_ms, state, class, message, tries };
        chain.gave_up_on(&event, &key);
    }
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
                summary.given_up.extend(GivenUp::of(tracker, index));
                if let Some(stored) = outputs.of(stage, index) {
                    summary.outputs.push((row.task.clone(), stored.to_vec()));
                }
            }
        }
        summary
    }

    /// Tells a chain all that it says.
    fn tell(self, chain: &mut Chain, outputs: &mut Outputs, depth: u32) {
        let run = chain.header().id.clone();
        if depth == 0 {
            chain.inputs(self.inputs);
        }
        for (block, names) in &self.blocks {
            let prefix = block_prefix(&run, depth, *block);
            for name in names.iter().filter(|name| !name.contains('/')) {
                chain.see(&format!("{prefix}{name}"), None);
            }
        }
        self.given_up.into_iter().for_each(|event| event.tell(chain));
        for (task, stored) in self.outputs {
            outputs.told(chain, &task, stored);
        }
    }

    /// Adds what an older summary of the part knew to have been stored, of tasks of which nothing else is known now.
    fn add_outputs(&mut self, older: Self) {
        let known: HashSet<TaskName> = self.outputs.iter().map(|(task, _)| task.clone()).collect();
        self.outputs.extend(older.outputs.into_iter().filter(|(task, _)| !known.contains(task)));
        self.outputs.sort_by(|a, b| a.0.cmp(&b.0));
    }
}

/// The tasks of a part, each with its stage and index.
pub(super) fn tasks_of_part(chain: &Chain, (depth, part): (u32, u64)) -> impl Iterator<Item = Owner> {
    (part * BLOCKS..(part + 1) * BLOCKS).flat_map(move |block| tasks_of(chain, depth, block))
}

/// The tasks of a block: their stage and index.
fn tasks_of(chain: &Chain, depth: u32, block: u64) -> Vec<Owner> {
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
                async move { Ok::<_, RunError>((part, generation, fetch(context, &key).await?)) }
            })
            .buffer_unordered(AT_ONCE);
        while let Some((part, generation, summary)) = bodies.try_next().await? {
            if let Some(summary) = summary {
                summary.tell(chain, outputs, depth);
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

/// Reads one summary; `None` when it is not there, or cannot be read.
async fn fetch(context: &RunContext, key: &str) -> Result<Option<Summary>, RunError> {
    let body = read(context.store.as_ref(), &context.home, key).await?;
    let summary = body.and_then(|body| serde_json::from_slice::<Summary>(&body).ok());
    Ok(summary.filter(|summary| summary.version <= versions::LEDGER))
}

/// Reads the summary of a part that somebody else has written first, if anybody has, and tells the chain.
pub(super) async fn read_other(
    context: &RunContext,
    (chain, outputs): (&mut Chain, &mut Outputs),
    (depth, part): (u32, u64),
) -> Result<bool, RunError> {
    let summary = fetch(context, &summary_key(&chain.header().id, depth, part, 0)).await?;
    let there = summary.is_some();
    if let Some(summary) = summary {
        summary.tell(chain, outputs, depth);
    }
    Ok(there)
}

/// What became of writing a summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Here,
    /// Somebody else has written it first.
    Elsewhere,
    /// It could not be written.
    No,
}

/// Writes the summary of a part. A convenience: when it cannot be written, the records are read.
pub(super) async fn write(
    context: &RunContext,
    (chain, outputs): (&Chain, &Outputs),
    (depth, part): (u32, u64),
    generation: u32,
) -> Written {
    match try_to_write(context, (chain, outputs), (depth, part), generation).await {
        Ok(()) => Written::Here,
        Err(RunError::Cloud(error)) if error.kind == ErrorKind::Conflict => Written::Elsewhere,
        Err(error) => {
            tracing::debug!(%error, "a summary was not written");
            Written::No
        }
    }
}

async fn try_to_write(
    context: &RunContext,
    (chain, outputs): (&Chain, &Outputs),
    (depth, part): (u32, u64),
    generation: u32,
) -> Result<(), RunError> {
    let run = &chain.header().id;
    let key = |generation| summary_key(run, depth, part, generation);
    let mut summary = Summary::of(chain, (depth, part), outputs);
    if let Some(before) = generation.checked_sub(1) {
        // What the part's tasks have stored was forgotten when it was summarised.
        let older = fetch(context, &key(before)).await?;
        summary.inputs = older.as_ref().map(|older| older.inputs.clone()).unwrap_or_default();
        if let Some(older) = older {
            summary.add_outputs(older);
        }
    }
    if depth == 0 && summary.inputs.is_empty() {
        let part = usize::try_from(part).unwrap_or(usize::MAX);
        summary.inputs = read_part(context, chain.header(), part).await?;
    }
    let body = serde_json::to_vec(&summary).unwrap_or_default();
    let put = Put {
        bucket: context.home.clone(),
        key: key(generation),
        body: body.into(),
        only_new: true,
        ..Put::default()
    };
    context.store.put(put).await?;
    Ok(())
}
