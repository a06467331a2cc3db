//! The outputs of the stages before a join, from their records: the first success of each task counts, and only what its
//! parent's outputs have started.

use crate::s3::{S3, S3Error};
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use throng_contract::barrier::{BarrierPlan, JoinSources, first_success};
use throng_contract::keys::{RecordName, block_of, block_prefix};
use throng_contract::{AttemptRecord, OutputObject, TaskId, TaskRef, versions};

/// Records that are read at a time.
const AT_ONCE: usize = 16;

/// An output that a join is given.
#[derive(Clone, Debug)]
pub struct Given {
    /// Who stored it.
    pub task: TaskId,
    /// What it is.
    pub output: OutputObject,
    /// The place that its function stores below, until it is given its own path below the input folder.
    pub file: String,
}

/// A success: its task, the task's stage, and the key of its record.
type Success = (TaskId, usize, String);

/// Everything that the stages which a join names have stored, in order of tasks and keys.
pub fn given(
    s3: &S3,
    home: &str,
    (plan, sources): (&BarrierPlan, &JoinSources<'_>),
    run: &str,
    until: Instant,
) -> Result<Vec<Given>, S3Error> {
    let named = plan.stages.get(sources.at).map(|join| join.from.clone()).unwrap_or_default();
    let mut waiting = plan.roots(sources);
    let mut given = Vec::new();
    while let Some((depth, tasks)) = waiting.pop_first() {
        let wanted = |stage: &usize| named.contains(stage) || plan.is_inner(*stage, sources);
        // Block by block: what a record says beside its outputs is forgotten at once.
        for (block, tasks) in by_block(run, depth, tasks.into_iter().filter(|(_, stage)| wanted(stage))) {
            let successes = successes(s3, home, &block_prefix(run, depth, block), tasks, until)?;
            for ((task, stage, _), outputs) in read_all(s3, home, &successes, until)? {
                for (ordinal, started) in plan.started(*stage, &outputs) {
                    if let Some(child) = task.child(ordinal).filter(|_| sources.stages.contains(&started)) {
                        waiting.entry(depth + 1).or_default().push((child, started));
                    }
                }
                if named.contains(stage) {
                    given.extend(outputs.into_iter().map(|output| {
                        let file = place(plan, *stage, &output);
                        Given { task: task.clone(), output, file }
                    }));
                }
            }
        }
    }
    given.sort_by(|a, b| order(a).cmp(&order(b)));
    Ok(given)
}

/// Tasks as people count, then keys.
fn order(given: &Given) -> (Vec<(bool, u64, &str)>, &str, &str) {
    let part = |part| str::parse::<u64>(part).map_or((true, 0, part), |number| (false, number, ""));
    (given.task.as_str().split('.').map(part).collect(), &given.output.key, &given.output.bucket)
}

/// The place that an output is in, with a slash at its end: the deepest of those that its function stores below.
fn place(plan: &BarrierPlan, stage: usize, output: &OutputObject) -> String {
    let places = plan.stages.get(stage).map(|stage| &stage.outputs[..]).unwrap_or_default();
    let holding = places.iter().filter(|place| place.holds(&output.bucket, &output.key));
    holding.map(|place| place.prefix.clone()).max_by_key(String::len).unwrap_or_default()
}

/// Tasks of a stage by the block that their records are in.
fn by_block(
    run: &str,
    stage: u32,
    tasks: impl Iterator<Item = (TaskId, usize)>,
) -> BTreeMap<u64, Vec<(TaskId, usize)>> {
    let mut blocks = BTreeMap::<u64, Vec<_>>::new();
    for (task, at) in tasks {
        let named = TaskRef { version: versions::LEDGER, run: run.to_owned(), stage, task };
        blocks.entry(block_of(&named)).or_default().push((named.task, at));
    }
    blocks
}

/// The first success of each task of a block that has one.
fn successes(
    s3: &S3,
    home: &str,
    prefix: &str,
    tasks: Vec<(TaskId, usize)>,
    until: Instant,
) -> Result<Vec<Success>, S3Error> {
    let mut names = HashMap::<TaskId, Vec<(RecordName, String)>>::new();
    for key in s3.list_all(home, prefix, until)? {
        if let Some(name) = RecordName::parse(&key)
            && let Some(task) = name.task.clone()
        {
            names.entry(task).or_default().push((name, key));
        }
    }
    let success = |(task, stage): (TaskId, usize)| {
        let told = names.get(&task)?;
        let key = first_success(told.iter().map(|(name, key)| (name, key.as_str())))?.to_owned();
        Some((task, stage, key))
    };
    Ok(tasks.into_iter().filter_map(success).collect())
}

/// What successes have stored, each with its task.
fn read_all<'s>(
    s3: &S3,
    home: &str,
    successes: &'s [Success],
    until: Instant,
) -> Result<Vec<(&'s Success, Vec<OutputObject>)>, S3Error> {
    let next = AtomicUsize::new(0);
    let read: Mutex<BTreeMap<usize, Result<Vec<OutputObject>, S3Error>>> = Mutex::default();
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((_, _, key)) = successes.get(at) else { return };
            let record = s3.get_bytes(home, key, until).and_then(|body| {
                let damaged =
                    |error| S3Error::permanent(format!("s3://{home}/{key} cannot be read: {error}"));
                serde_json::from_slice(&body).map(|record: AttemptRecord| record.outputs).map_err(damaged)
            });
            if record.is_err() {
                next.store(usize::MAX / 2, Ordering::Relaxed);
            }
            if let Ok(mut read) = read.lock() {
                read.insert(at, record);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..AT_ONCE.min(successes.len()) {
            scope.spawn(work);
        }
        work();
    });
    let read = read.into_inner().map_err(|_| S3Error::permanent("a reader of records ended early"))?;
    read.into_iter().map(|(at, record)| Ok((&successes[at], record?))).collect()
}
