//! What the tasks of a run have stored, as their records say: each record of a success is read once. What starts tasks of the
//! next stage is read at once, the rest while there is time, and all before the run is called settled.
//!
//! What was read is kept until a summary holds it: of a million tasks that have ended, only digests of places stay.

use super::Follower;
use crate::cloud::{CloudError, ErrorKind};
use crate::dataset::Objects;
use crate::dataset::objects::read;
use crate::model::{Collision, OutputObject, TaskName, TaskState};
use crate::run::RunError;
use crate::run::chain::{Chain, Owner, Places, Unread, digest};
use futures::{FutureExt as _, StreamExt as _};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use throng_contract::AttemptRecord;

/// Records that are read at a time.
const AT_ONCE: usize = 128;
/// The same in the local cloud, which has the tasks to do, too.
const AT_ONCE_LOCAL: usize = 16;
/// Records that are read before the clock is looked at.
const AT_MOST: usize = 1_600;
/// Records are read for so long between two looks at the ledger.
const READ_FOR: Duration = Duration::from_millis(700);
/// Collisions that are named.
const NAMED: usize = 20;

/// What is known of outputs.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    /// Of tasks that no summary holds yet; of all, when they are asked for.
    stored: HashMap<Owner, Vec<OutputObject>>,
    /// Whether all are asked for.
    keeps: bool,
    /// Who stored an object first.
    places: Places,
    /// Places that several tasks have stored, with those tasks.
    collided: HashMap<u64, (OutputObject, BTreeSet<Owner>)>,
}

impl Outputs {
    /// What a task has stored, when that is known.
    pub fn of(&self, stage: usize, index: u64) -> Option<&[OutputObject]> {
        self.stored.get(&(stage, index)).map(Vec::as_slice)
    }

    /// What a task has stored, taken out.
    pub fn take(&mut self, stage: usize, index: u64) -> Option<Vec<OutputObject>> {
        self.stored.remove(&(stage, index))
    }

    /// A summary tells what a task has stored.
    pub fn told(&mut self, chain: &mut Chain, task: &TaskName, outputs: Vec<OutputObject>) {
        let Some((stage, index)) = chain.find(task) else { return };
        let key = chain.stage(stage).and_then(|stage| stage.record_key(index));
        if let Some(key) = key {
            self.note(chain, &Unread { stage, index, key }, &outputs);
            if self.keeps {
                self.stored.insert((stage, index), outputs);
            }
        }
    }

    /// A record was read.
    fn read(&mut self, chain: &mut Chain, of: &Unread, outputs: Vec<OutputObject>) {
        self.note(chain, of, &outputs);
        self.stored.insert((of.stage, of.index), outputs);
    }

    fn note(&mut self, chain: &mut Chain, of: &Unread, outputs: &[OutputObject]) {
        chain.declare(of, outputs);
        let task = (of.stage, of.index);
        for output in outputs {
            let place = digest((&output.provider, &output.bucket, &output.key));
            let first = self.places.first(place, task);
            if first != task {
                let (_, tasks) =
                    self.collided.entry(place).or_insert_with(|| (output.clone(), BTreeSet::from([first])));
                tasks.insert(task);
            }
        }
    }

    /// A summary holds what these tasks have stored.
    pub fn forget(&mut self, tasks: impl Iterator<Item = Owner>) {
        if self.keeps {
            return;
        }
        for task in tasks {
            self.stored.remove(&task);
        }
        if self.stored.capacity() > 4 * self.stored.len() {
            self.stored.shrink_to_fit();
        }
    }

    /// How many objects several tasks have stored, and the first of them. What functions may overwrite is none.
    pub fn collisions(&self, chain: &Chain) -> (u64, Vec<Collision>) {
        let may = |stage: usize| chain.stage(stage).is_some_and(|stage| stage.header().overwrites);
        let wanted = |(_, tasks): &&(_, BTreeSet<(usize, u64)>)| tasks.iter().all(|(stage, _)| may(*stage));
        let mut named: Vec<_> = self.collided.values().filter(|collided| !wanted(collided)).collect();
        let count = named.len() as u64;
        named.sort_by(|a, b| (&a.0.bucket, &a.0.key).cmp(&(&b.0.bucket, &b.0.key)));
        let name = |(stage, index): &Owner| Some(chain.stage(*stage)?.row(*index)?.task.clone());
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

    /// Keeps what tasks store, from now on: somebody asks for all of it.
    pub(in crate::run) const fn keep_outputs(&mut self) {
        self.outputs.keeps = true;
    }

    /// Reads what tasks have stored as far as summaries have not told it.
    pub(in crate::run) async fn read_all_outputs(&mut self) -> Result<(), RunError> {
        while self.chain.has_unread(true) && self.read_outputs(true).await? {}
        Ok(())
    }

    /// What is kept of what a task has stored, taken out.
    pub(in crate::run) fn take_outputs(&mut self, stage: usize, index: u64) -> Option<Vec<OutputObject>> {
        self.outputs.take(stage, index)
    }

    /// Reads records of successes for a while: those that start tasks, and all others when `all`. Returns whether anything
    /// changed.
    pub(super) async fn read_outputs(&mut self, all: bool) -> Result<bool, RunError> {
        let begin = Instant::now();
        let mut changed = false;
        while self.read_some_outputs(all).await? {
            changed = true;
            if begin.elapsed() >= READ_FOR {
                break;
            }
        }
        Ok(changed)
    }

    async fn read_some_outputs(&mut self, all: bool) -> Result<bool, RunError> {
        // The first layout has no chains, and what its runs stored is read where it is asked for.
        let unread = match self.reader {
            super::Reader::First(_) => Vec::new(),
            super::Reader::Blocks(_) | super::Reader::Days(_) => self.chain.take_unread(AT_MOST, all),
        };
        if unread.is_empty() {
            return Ok(false);
        }
        let at_once = if self.context.local { AT_ONCE_LOCAL } else { AT_ONCE };
        let records: Vec<_> = futures::stream::iter(unread)
            .map(|unread| {
                let key = unread.key.clone();
                read_record(self.context.store.clone(), self.context.home.clone(), key)
                    .map(|record| (record, unread))
            })
            .buffered(at_once)
            .collect()
            .await;
        let mut failed = None;
        for (record, unread) in records {
            match record {
                Ok(record) => {
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

/// Reads a record, in a task of its own: on all cores. What cannot be understood is `None`, as what is not there.
async fn read_record(
    store: Arc<dyn Objects>,
    home: String,
    key: Arc<str>,
) -> Result<Option<AttemptRecord>, CloudError> {
    let action = "s3:GetObject";
    let name = key.clone();
    let reading = tokio::spawn(async move {
        let body = read(store.as_ref(), &home, &key).await?;
        Ok(body.and_then(|body| serde_json::from_slice(&body).ok()))
    });
    let ended = |error: tokio::task::JoinError| {
        Err(CloudError::new(ErrorKind::Other, action, &name, error.to_string()))
    };
    reading.await.unwrap_or_else(ended)
}
