//! What the tasks of a run have stored, as their records say: each record of a success is read once. What starts tasks of the
//! next stage is read at once, the rest while there is time, and all before the run is called settled.

use super::Follower;
use crate::dataset::objects::read;
use crate::model::{Collision, OutputObject, TaskName, TaskState};
use crate::run::RunError;
use crate::run::chain::{Chain, Unread, digest};
use futures::StreamExt as _;
use std::collections::{BTreeSet, HashMap};
use throng_contract::AttemptRecord;

/// Records that are read at a time.
const AT_ONCE: usize = 16;
/// Records that are read between two looks at the ledger.
const AT_MOST: usize = 400;
/// Collisions that are named.
const NAMED: usize = 20;

/// What is known of outputs.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    /// By stage and index of the task.
    stored: HashMap<(usize, u64), Vec<OutputObject>>,
    /// Who stored an object, by a digest of its place.
    places: HashMap<u64, (usize, u64)>,
    /// Places that several tasks have stored, with those tasks.
    collided: HashMap<u64, (OutputObject, BTreeSet<(usize, u64)>)>,
}

impl Outputs {
    /// What a task has stored, when that is known.
    pub fn of(&self, stage: usize, index: u64) -> Option<&[OutputObject]> {
        self.stored.get(&(stage, index)).map(Vec::as_slice)
    }

    /// A summary tells what a task has stored.
    pub fn told(&mut self, chain: &mut Chain, task: &TaskName, outputs: Vec<OutputObject>) {
        let Some((stage, index)) = chain.find(task) else { return };
        let key = chain.stage(stage).and_then(|stage| stage.row(index)?.record_key.clone());
        if let Some(key) = key {
            self.read(chain, &Unread { stage, index, key }, outputs);
        }
    }

    /// A record was read.
    fn read(&mut self, chain: &mut Chain, of: &Unread, outputs: Vec<OutputObject>) {
        chain.declare(of, &outputs);
        let task = (of.stage, of.index);
        for output in &outputs {
            let place = digest((&output.provider, &output.bucket, &output.key));
            let first = *self.places.entry(place).or_insert(task);
            if first != task {
                let (_, tasks) =
                    self.collided.entry(place).or_insert_with(|| (output.clone(), BTreeSet::from([first])));
                tasks.insert(task);
            }
        }
        self.stored.insert(task, outputs);
    }

    /// How many objects several tasks have stored, and the first of them. What functions may overwrite is none.
    pub fn collisions(&self, chain: &Chain) -> (u64, Vec<Collision>) {
        let may = |stage: usize| chain.stage(stage).is_some_and(|stage| stage.header().overwrites);
        let wanted = |(_, tasks): &&(_, BTreeSet<(usize, u64)>)| tasks.iter().all(|(stage, _)| may(*stage));
        let mut named: Vec<_> = self.collided.values().filter(|collided| !wanted(collided)).collect();
        let count = named.len() as u64;
        named.sort_by(|a, b| (&a.0.bucket, &a.0.key).cmp(&(&b.0.bucket, &b.0.key)));
        let name = |(stage, index): &(usize, u64)| Some(chain.stage(*stage)?.row(*index)?.task.clone());
        let named = named.into_iter().take(NAMED).map(|(output, tasks)| Collision {
            provider: output.provider.clone(),
            bucket: output.bucket.clone(),
            key: output.key.clone(),
            tasks: tasks.iter().filter_map(name).take(NAMED).collect(),
        });
        (count, named.collect())
    }
}

impl Follower {
    /// Reads all records that name the inputs of a standing run's tasks.
    pub(super) async fn read_names(&mut self) -> Result<(), RunError> {
        while self.chain.is_standing() && self.chain.has_unread(true) {
            self.read_outputs(true).await?;
        }
        Ok(())
    }

    /// Reads records of successes: those that start tasks, and all others when `all`. Returns whether anything changed.
    pub(super) async fn read_outputs(&mut self, all: bool) -> Result<bool, RunError> {
        // The first layout has no chains, and what its runs stored is read where it is asked for.
        let unread = match self.reader {
            super::Reader::First(_) => Vec::new(),
            super::Reader::Blocks(_) | super::Reader::Days(_) => self.chain.take_unread(AT_MOST, all),
        };
        if unread.is_empty() {
            return Ok(false);
        }
        let (store, home) = (&self.context.store, &self.context.home);
        let bodies: Vec<_> = futures::stream::iter(unread)
            .map(|unread| async move { (read(store.as_ref(), home, &unread.key).await, unread) })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut failed = None;
        for (body, unread) in bodies {
            match body {
                Ok(body) => {
                    let record = body.and_then(|body| serde_json::from_slice::<AttemptRecord>(&body).ok());
                    if let Some(record) = &record {
                        self.chain.describe(&unread, record);
                    }
                    // What cannot be read declares nothing: `verify` names it.
                    let succeeded = record.filter(|record| record.state == TaskState::Succeeded);
                    let outputs = succeeded.map(|record| record.outputs).unwrap_or_default();
                    self.outputs.read(&mut self.chain, &unread, outputs);
                }
                Err(error) => {
                    self.chain.not_read(&unread);
                    failed = failed.or(Some(error));
                }
            }
        }
        if let super::Reader::Blocks(reader) = &mut self.reader {
            reader.judge_later(&self.chain, &self.options);
        }
        failed.map_or(Ok(true), |error| Err(error.into()))
    }
}
