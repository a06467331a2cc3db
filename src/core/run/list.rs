//! All runs, newest first.

use super::header::{RunEnd, is_run_id};
use super::tracker::digest_of;
use super::{FollowOptions, Follower, RunContext, RunError, RunHeader};
use crate::dataset::objects::{List, each_page, read};
use crate::model::{InvocationInfo, RunSummary};
use futures::StreamExt;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use throng_contract::keys::{RUNS, end_key};

/// Runs that are looked at together.
const AT_ONCE: usize = 8;
/// A run that was launched this long ago and is still open is looked at seldom.
const STALE: Duration = Duration::from_hours(24);
/// Inputs of runs with at most this many tasks are named in the list of what is running.
const NAMED: u64 = 20_000;
const STALE_EVERY: Duration = Duration::from_mins(1);

/// Lists runs and remembers those that ended, so that the next list costs little.
#[derive(Debug)]
pub struct Lister {
    context: RunContext,
    ended: HashMap<String, RunSummary>,
    open: HashMap<String, (Follower, Instant)>,
    /// Folders without a readable run.json, and when that was seen.
    without: HashMap<String, Instant>,
}

/// What became of looking at a run.
enum Looked {
    Ended(Box<RunSummary>),
    Open(Box<Follower>),
    Nothing(String),
}

impl Lister {
    /// For a context.
    #[must_use]
    pub fn new(context: RunContext) -> Self {
        Self { context, ended: HashMap::new(), open: HashMap::new(), without: HashMap::new() }
    }

    /// The newest `most` runs, newest first. Open runs are counted; ended ones are read from their end.json.
    ///
    /// # Errors
    /// The cloud does not answer.
    pub async fn list(&mut self, most: usize) -> Result<Vec<RunSummary>, RunError> {
        let mut rest = self.ids().await?.into_iter();
        let mut shown: Vec<String> = Vec::new();
        // A launch that was killed early leaves a folder that is not a run: then an older one is looked at.
        loop {
            let wanted = rest.by_ref().filter(|id| !self.waits(id)).take(most - shown.len());
            let wanted: Vec<String> = wanted.collect();
            if wanted.is_empty() {
                break;
            }
            self.look_at(&wanted).await?;
            shown.extend(wanted.into_iter().filter(|id| self.summary(id).is_some()));
        }
        self.ended.retain(|id, _| shown.contains(id));
        self.open.retain(|id, _| shown.contains(id));
        Ok(shown.iter().filter_map(|id| self.summary(id)).collect())
    }

    /// Whether a folder was seen not to be a run a moment ago.
    fn waits(&self, id: &str) -> bool {
        self.without.get(id).is_some_and(|at| at.elapsed() < STALE_EVERY)
    }

    fn summary(&self, id: &str) -> Option<RunSummary> {
        let open = || self.open.get(id).map(|(follower, _)| follower.summary());
        self.ended.get(id).cloned().or_else(open)
    }

    /// Looks at those that have not ended as far as is known.
    async fn look_at(&mut self, ids: &[String]) -> Result<(), RunError> {
        let open = ids.iter().filter(|id| !self.ended.contains_key(*id)).cloned();
        let looks: Vec<_> = open.map(|id| (self.open.remove(&id), id)).collect();
        let context = &self.context;
        let mut looked =
            futures::stream::iter(looks).map(|(open, id)| look(context, id, open)).buffer_unordered(AT_ONCE);
        let mut failed = None;
        while let Some(outcome) = looked.next().await {
            match outcome {
                Ok(Looked::Ended(summary)) => drop(self.ended.insert(summary.id.clone(), *summary)),
                Ok(Looked::Open(follower)) => {
                    let id = follower.tracker().header().id.clone();
                    self.open.insert(id, (*follower, Instant::now()));
                }
                Ok(Looked::Nothing(id)) => drop(self.without.insert(id, Instant::now())),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Attempts under way in all open runs, as far as the last [`Lister::list`] saw.
    ///
    /// # Errors
    /// The cloud does not answer.
    pub async fn running(&mut self) -> Result<Vec<InvocationInfo>, RunError> {
        let mut all = Vec::new();
        for (follower, _) in self.open.values_mut() {
            let tracker = follower.tracker();
            // A huge manifest is not read only to name a handful of inputs.
            if tracker.counts().running > 0 && tracker.header().tasks <= NAMED {
                follower.load_inputs().await?;
            }
            all.extend(follower.tracker().running());
        }
        all.sort_by(|a, b| (a.started_ms, &a.run, a.task).cmp(&(b.started_ms, &b.run, b.task)));
        Ok(all)
    }

    /// Forgets what is remembered of a run, because something was done to it.
    pub fn forget(&mut self, run: &str) {
        self.ended.remove(run);
        self.open.remove(run);
        self.without.remove(run);
    }

    /// The names of all folders of runs, newest first.
    async fn ids(&self) -> Result<Vec<String>, RunError> {
        let list =
            List { bucket: self.context.home.clone(), prefix: RUNS.into(), folders: true, ..List::default() };
        let mut ids = Vec::new();
        let outcome = each_page(self.context.store.as_ref(), list, |page| {
            let id = |folder: &String| folder.strip_prefix(RUNS)?.strip_suffix('/').map(str::to_owned);
            ids.extend(page.folders.iter().filter_map(id).filter(|id| is_run_id(id)));
            true
        })
        .await;
        match outcome {
            // Before the first deployment there is no home bucket, and no run.
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            outcome => outcome?,
        }
        ids.sort_unstable_by(|a, b| b.cmp(a));
        Ok(ids)
    }
}

async fn look(
    context: &RunContext,
    id: String,
    open: Option<(Follower, Instant)>,
) -> Result<Looked, RunError> {
    let mut follower = if let Some((follower, at)) = open {
        let age = crate::cloud::now_ms().saturating_sub(follower.tracker().header().started_ms);
        if Duration::from_millis(age) > STALE && at.elapsed() < STALE_EVERY {
            return Ok(Looked::Open(Box::new(follower)));
        }
        follower
    } else {
        let header = match super::follow::read_header(context, &id).await {
            Ok(header) => header,
            Err(RunError::NoRun(_) | RunError::Damaged { .. }) => return Ok(Looked::Nothing(id)),
            Err(error) => return Err(error),
        };
        let end = read(context.store.as_ref(), &context.home, &end_key(&id)).await?;
        if let Some(summary) = end.and_then(|end| of_end(&header, &end)) {
            return Ok(Looked::Ended(Box::new(summary)));
        }
        let mut follower = Follower::of(context, header);
        // Reading logs is rationed; a list can wait for the ledger.
        follower.set_options(FollowOptions { reports: false, ..FollowOptions::of(context) });
        follower
    };
    follower.poll().await?;
    if follower.is_settled() {
        return Ok(Looked::Ended(Box::new(follower.summary())));
    }
    Ok(Looked::Open(Box::new(follower)))
}

/// The summary of an ended run. `None` when end.json does not fit the run: then it is counted.
fn of_end(header: &RunHeader, end: &[u8]) -> Option<RunSummary> {
    let end: RunEnd = serde_json::from_slice(end).ok()?;
    let counts = end.counts();
    (counts.total() == header.tasks).then(|| RunSummary {
        id: header.id.clone(),
        function: header.function.clone(),
        image: digest_of(&header.image),
        started_ms: header.started_ms,
        ended_ms: Some(end.ended_ms),
        counts,
        classes: end.failure_classes(),
        cancelled: end.cancelled,
        rate: 0.0,
        eta_s: None,
        unsent: 0,
        stalled_ms: None,
        settled: true,
        waiting: 0,
        reading: false,
    })
}
