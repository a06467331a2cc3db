//! One look at one run: what it is, or what its records say.

use crate::dataset::objects::read;
use crate::model::{Counts, Overrides, Reuse, RunSummary, RunTrouble, StageSummary};
use crate::run::follow::read_header;
use crate::run::header::{RunEnd, StageEnd, started_of};
use crate::run::tracker::digest_of;
use crate::run::{FollowOptions, Follower, RunContext, RunError, RunHeader};
use std::collections::BTreeMap;
use std::time::Duration;
use throng_contract::keys::{day_end_key, day_of, end_key, is_day};

/// Inputs of runs with at most this many tasks are named in the list of what is running.
const NAMED: u64 = 20_000;

/// What became of looking at a run.
#[derive(Debug)]
pub enum Looked {
    Ended(Box<RunSummary>),
    /// `counted` says whether records were looked at, `trouble` why that went wrong.
    Open {
        follower: Box<Follower>,
        counted: bool,
        trouble: Option<RunTrouble>,
    },
    /// It is no run.
    Nothing,
    Unread(RunError),
}

/// Whether it is written that a run has ended, and it was not opened again since.
pub(in crate::run) async fn has_ended(context: &RunContext, id: &str) -> Result<bool, RunError> {
    let header = read_header(context, id).await?;
    let end = read(context.store.as_ref(), &context.home, &end_key(id)).await?;
    Ok(end.is_some_and(|end| of_end(&header, &end).is_some()))
}

/// Reads what was launched, and how it ended if that was written.
pub async fn what_it_is(context: &RunContext, id: &str, resend_after: Option<Duration>) -> Looked {
    let look = async {
        let header = read_header(context, id).await?;
        let key = day_of(id).map_or_else(|| end_key(id), |day| day_end_key(&header.function, day));
        let end = read(context.store.as_ref(), &context.home, &key).await?;
        Ok((header, end))
    };
    match look.await {
        Err(RunError::NoRun(_)) => Looked::Nothing,
        Err(error) => Looked::Unread(error),
        Ok((header, end)) => {
            if let Some(summary) = end.and_then(|end| of_end(&header, &end)) {
                return Looked::Ended(Box::new(summary));
            }
            let mut follower = Follower::of(context, header);
            // Reading logs is rationed; a list can wait for the ledger.
            follower.set_options(FollowOptions {
                reports: false,
                outputs: false,
                resend_after,
                ..FollowOptions::of(context)
            });
            Looked::Open { follower: Box::new(follower), counted: false, trouble: None }
        }
    }
}

/// Looks at the records of an open run, of all its stages.
pub async fn counted(mut follower: Box<Follower>) -> Looked {
    let trouble = look_once(&mut follower).await.err().map(|error| trouble(&error));
    if follower.is_settled() && trouble.is_none() {
        if let Err(error) = follower.finish().await {
            tracing::debug!(%error, "a run was not summarised");
        }
        return Looked::Ended(Box::new(follower.summary()));
    }
    Looked::Open { follower, counted: true, trouble }
}

async fn look_once(follower: &mut Follower) -> Result<(), RunError> {
    // What is known of one stage tells where to read of the next; what is rationed waits for the next look.
    for _ in 0..follower.chain().deepest().max(1) {
        follower.poll().await?;
        if follower.has_read_all() {
            break;
        }
    }
    follower.start_some().await;
    let chain = follower.chain();
    // A huge manifest is not read only to name a handful of inputs.
    if chain.counts().running > 0 && chain.header().tasks <= NAMED {
        follower.load_inputs().await?;
    }
    Ok(())
}

pub fn trouble(error: &RunError) -> RunTrouble {
    match error {
        RunError::Damaged { what, .. } => RunTrouble { damaged: true, why: what.clone() },
        RunError::Cloud(error) => RunTrouble { damaged: false, why: error.sentence() },
        error => RunTrouble { damaged: false, why: error.to_string() },
    }
}

/// A run of which nothing is known but its name.
pub fn unread(id: &str) -> RunSummary {
    RunSummary {
        id: id.to_owned(),
        function: String::new(),
        image: String::new(),
        started_ms: started_of(id).unwrap_or(0),
        ended_ms: None,
        counts: Counts::default(),
        classes: BTreeMap::new(),
        cancelled: false,
        rate: 0.0,
        eta_s: None,
        unsent: 0,
        held: 0,
        stalled_ms: None,
        settled: false,
        waiting: 0,
        standing: is_day(id),
        stages: Vec::new(),
        collisions: 0,
        collided: Vec::new(),
        reused: Reuse::default(),
        overrides: Overrides::default(),
        resent: 0,
        reading: true,
        trouble: None,
    }
}

/// The summary of an ended run. `None` when end.json does not fit the run: then it is counted.
fn of_end(header: &RunHeader, end: &[u8]) -> Option<RunSummary> {
    let end: RunEnd = serde_json::from_slice(end).ok()?;
    let counts = end.counts();
    let launched = end.stages.first().map_or(counts, StageEnd::counts);
    // A standing run has no manifest that its counts could be held against.
    (is_day(&header.id) || launched.total() == header.tasks).then(|| RunSummary {
        id: header.id.clone(),
        function: header.function.clone(),
        image: digest_of(&header.image),
        started_ms: header.started_ms,
        ended_ms: Some(end.ended_ms),
        counts,
        classes: end.failure_classes(),
        cancelled: end.cancelled,
        standing: is_day(&header.id),
        stages: stages_of(header, &end),
        collisions: end.collisions,
        collided: end.collided,
        reused: header.reused.clone(),
        overrides: header.overrides,
        settled: true,
        reading: false,
        ..unread(&header.id)
    })
}

/// The stages of an ended run.
fn stages_of(header: &RunHeader, end: &RunEnd) -> Vec<StageSummary> {
    let from =
        |at: usize| header.stages.get(at.wrapping_sub(1)).map_or_else(Vec::new, |stage| stage.from.clone());
    let stage = |(at, stage): (usize, &StageEnd)| StageSummary {
        function: stage.function.clone(),
        counts: stage.counts(),
        waiting: 0,
        complete: true,
        from: from(at),
        join: header.stages.get(at.wrapping_sub(1)).is_some_and(|stage| stage.join.is_some()),
        waits: false,
    };
    end.stages.iter().enumerate().map(stage).collect()
}
