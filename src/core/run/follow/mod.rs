//! Feeds a chain from the home bucket.
//!
//! What lies in the bucket decides how it is read: runs of the first layout have one folder of records, those of today a
//! folder for each block of a thousand tasks.
//!
//! ```text
//! again     that tasks were sent once more
//! beside    what is read beside records: cancellation, what Lambda gave up on, the platform's log
//! blocks    reads the ledger of today, block by block, and what summaries say of those that are final
//! closed    a standing run whose day is over, as one object
//! days      reads standing runs
//! drive     looks again and again, until the run or the person who watches has ended
//! ending    when tasks are lost, when everything is read, and the end.json that is written then
//! first     reads the first layout
//! joins     joins that nobody has started are started by whoever follows the run
//! lost      tasks whose events are provably lost, sent once more
//! options   how to follow
//! outputs   what tasks have stored, as their records say
//! packs     what is left of packs and was not started
//! replaced  inputs that another run has stored over
//! shown     what is shown of a run that is followed
//! summary   ten thousand tasks whose blocks are final, as one object
//! ```

use super::chain::Chain;
use super::header::{RunEnd, is_run_id};
use super::launch::{Ended, Launch};
use super::manifest::{parts, read_parts};
use super::{RunContext, RunError, RunHeader, sets_of, standing};
use crate::cloud::now_ms;
use crate::dataset::Meter;
use crate::dataset::objects::read;
use crate::model::{JoinGroups, Millis, Sets};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use throng_contract::keys::{is_day, run_key};

mod again;
mod beside;
mod blocks;
mod closed;
mod days;
mod drive;
mod ending;
mod first;
mod joins;
mod lost;
mod options;
mod outputs;
mod packs;
mod replaced;
mod shown;
mod summary;

pub(super) use closed::closed;
pub use drive::{follow, wait};
pub use options::FollowOptions;

/// Stages that a run can have: no launch makes more, and anybody may write into a bucket.
const MOST_STAGES: usize = 64;
/// Pause of somebody who waits for everything to be read.
const READ_PAUSE: Duration = Duration::from_millis(50);

/// When something was last done.
#[derive(Debug, Default)]
struct Due(Option<Instant>);

impl Due {
    fn is_due(&mut self, every: Duration) -> bool {
        let due = self.0.is_none_or(|at| at.elapsed() >= every);
        if due {
            self.0 = Some(Instant::now());
        }
        due
    }
}

/// How a run's records are read.
#[derive(Debug)]
enum Reader {
    First(first::Reader),
    Blocks(blocks::Reader),
    Days(days::Reader),
}

/// Follows one run.
#[derive(Debug)]
pub struct Follower {
    context: RunContext,
    options: FollowOptions,
    chain: Chain,
    sets: Arc<Sets>,
    outputs: outputs::Outputs,
    meter: Option<Arc<Meter>>,
    reader: Reader,
    folder: Due,
    events: Due,
    reports: Due,
    /// What was read beside the records of each stage.
    beside: Vec<beside::Beside>,
    /// Keys of failed events that were read.
    events_seen: HashSet<String>,
    /// What of the run was not sent, as its folder says.
    held: beside::Held,
    /// end.json as it is in the bucket.
    end: Option<RunEnd>,
    /// Whether there is an end.json, be it that of a run that was opened again.
    has_end: bool,
    agains: again::Agains,
    /// When tasks were last sent once more.
    sent_again_ms: Millis,
    resent: lost::Resent,
    replaced: replaced::Looked,
    joins: joins::Joins,
    packs: packs::Packs,
    settled: bool,
    /// Whether what others read in place of records was written since it settled.
    finished: bool,
    pause: Duration,
    quiet_since_ms: Millis,
}

/// Reads what was launched.
pub(super) async fn read_header(context: &RunContext, run: &str) -> Result<RunHeader, RunError> {
    if !is_run_id(run) {
        return Err(RunError::NoRun(run.chars().filter(|c| !c.is_control()).take(64).collect()));
    }
    if is_day(run) {
        return standing::header(context, run).await;
    }
    let damaged = |what: String| RunError::Damaged { run: run.to_owned(), what };
    let body = match read(context.store.as_ref(), &context.home, &run_key(run)).await {
        // The first deployment makes the home bucket.
        Err(error) if error.is_not_found() => None,
        read => read?,
    };
    let body = body.ok_or_else(|| RunError::NoRun(run.to_owned()))?;
    let header: RunHeader = serde_json::from_slice(&body)
        .map_err(|error| damaged(format!("its run.json cannot be read: {error}")))?;
    if header.version > throng_contract::versions::LEDGER {
        return Err(damaged("it was launched by a newer throng: update this one".into()));
    }
    if header.id != run || header.tasks > u64::from(u32::MAX) || header.stages.len() > MOST_STAGES {
        return Err(damaged("its run.json is about something else".into()));
    }
    Ok(header)
}

impl Follower {
    /// Follows a run of which nothing is known.
    ///
    /// # Errors
    /// There is no such run, or the cloud does not answer.
    pub async fn open(context: &RunContext, run: &str) -> Result<Self, RunError> {
        Ok(Self::of(context, read_header(context, run).await?))
    }

    /// Follows a run that was just launched; `meter` counts what is being sent.
    #[must_use]
    pub fn launched(launch: &Launch, context: &RunContext, meter: Arc<Meter>) -> Self {
        let mut follower = Self::of(context, launch.header().clone());
        follower.chain.inputs(launch.manifest());
        follower.sets = launch.sets();
        if launch.header().join_groups.is_some() {
            follower.chain.grouped(Arc::new(launch.join_groups().clone()));
        }
        follower.meter = Some(meter);
        follower
    }

    pub(super) fn of(context: &RunContext, header: RunHeader) -> Self {
        let options = FollowOptions::of(context);
        let quiet_since_ms = header.started_ms;
        let mut chain = match standing::open_until(&header.id) {
            Some(until) => Chain::standing(header, until),
            None => Chain::new(header),
        };
        chain.markers_in(&context.home);
        if context.local {
            chain.same_clock();
        }
        let reader = match chain.header().version {
            _ if chain.is_standing() => Reader::Days(days::Reader::new(&chain)),
            ..=1 => Reader::First(first::Reader::default()),
            _ => Reader::Blocks(blocks::Reader::new(&chain, context.local)),
        };
        let beside = chain.stages().map(|_| beside::Beside::from(quiet_since_ms)).collect();
        Self {
            context: context.clone(),
            options,
            beside,
            quiet_since_ms,
            reader,
            chain,
            sets: Arc::default(),
            outputs: outputs::Outputs::default(),
            meter: None,
            folder: Due::default(),
            events: Due::default(),
            reports: Due::default(),
            events_seen: HashSet::new(),
            held: beside::Held::default(),
            end: None,
            has_end: false,
            agains: again::Agains::default(),
            sent_again_ms: 0,
            resent: lost::Resent::default(),
            replaced: replaced::Looked::default(),
            joins: joins::Joins::default(),
            packs: packs::Packs::default(),
            settled: false,
            finished: false,
            pause: options.fast,
        }
    }

    /// Follows in another way.
    pub const fn set_options(&mut self, options: FollowOptions) {
        self.options = options;
        self.pause = options.fast;
    }

    /// How it follows.
    #[must_use]
    pub const fn options(&self) -> &FollowOptions {
        &self.options
    }

    /// The inputs of this run are being sent by this process.
    pub fn set_meter(&mut self, meter: Arc<Meter>) {
        self.meter = Some(meter);
    }

    /// What is known.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Whether every task is final and every record has been read.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.settled
    }

    /// How long to wait before the next [`Follower::poll`]: little while records flow, longer when nothing happens.
    #[must_use]
    pub const fn pause(&self) -> Duration {
        self.pause
    }

    fn unsent(&self) -> u64 {
        self.meter.as_ref().map_or(0, |meter| self.chain.header().tasks.saturating_sub(meter.items_done()))
    }

    /// Reads the inputs, unless they are known; of a standing run those that its records, as far as they were read, name.
    ///
    /// # Errors
    /// [`RunError`]
    pub async fn load_inputs(&mut self) -> Result<(), RunError> {
        if self.chain.is_standing() {
            return self.read_names().await;
        }
        // Summaries tell inputs, but no values.
        if self.sets.is_empty() && self.chain.header().sets.is_some() {
            self.sets = Arc::new(sets_of(&self.context, self.chain.header()).await?);
        }
        if self.chain.has_inputs() {
            return Ok(());
        }
        let (context, header) = (self.context.clone(), self.chain.header().clone());
        let unknown: Vec<_> =
            (0..parts(header.tasks)).filter(|part| !self.chain.has_inputs_of(*part)).collect();
        read_parts(&context, &header, unknown, |entries| self.chain.inputs(entries)).await
    }

    /// Looks until every record has been read that was there: then the counts are what the ledger says. Lists are rationed, so
    /// that a run of a hundred thousand open tasks takes some seconds.
    ///
    /// # Errors
    /// The cloud does not answer.
    pub async fn read(&mut self) -> Result<(), RunError> {
        loop {
            self.poll().await?;
            if self.has_read_all() {
                return Ok(());
            }
            tokio::time::sleep(self.options.fast.max(READ_PAUSE)).await;
        }
    }

    /// Looks once. Returns whether anything changed.
    ///
    /// # Errors
    /// The cloud does not answer; the next look may go well.
    pub async fn poll(&mut self) -> Result<bool, RunError> {
        let first = self.folder.0.is_none();
        if self.chain.lacks_groups() {
            let groups = JoinGroups::read(&self.context, self.chain.header()).await?;
            self.chain.grouped(Arc::new(groups));
        }
        let mut changed = self.read_closed().await? || self.records().await?;
        // Who watches reads what was stored while there is time; else it is read when the run ends.
        let all = self.options.outputs && self.end.is_none();
        changed |= self.read_outputs(all).await?;
        // What one stage declares may have stored something already, too.
        for _ in 1..self.chain.deepest() {
            changed |= self.read_outputs(false).await?;
        }
        let slow = self.options.slow;
        if !self.chain.is_standing() && self.folder.is_due(slow) {
            changed |= self.look_at_folder().await?;
        }
        if !self.chain.is_complete() {
            if self.events.is_due(self.events_every()) {
                changed |= self.look_at_events().await?;
            }
            if self.options.reports && self.reports.is_due(slow * 4) {
                changed |= self.look_at_reports().await;
            }
        }
        if changed {
            // What the first look finds is old news.
            let heard = self.chain.last_ended_ms().min(now_ms()).max(self.quiet_since_ms);
            self.quiet_since_ms = if first { heard } else { now_ms() };
        }
        if !self.chain.is_complete() {
            self.summarise(false).await?;
        }
        self.note_joins();
        if let Some(meter) = &self.meter {
            let Ended { tasks, total_ms } = self.ended_tasks();
            meter.has_ended(tasks, total_ms);
        }
        changed |= self.check_overwritten();
        changed |= self.check_overdue();
        changed |= self.settle().await?;
        self.pause = if self.is_behind() {
            Duration::ZERO
        } else if changed || self.unsent() > 0 {
            self.options.fast
        } else {
            self.pause.mul_f64(1.5).min(self.options.slow)
        };
        Ok(changed)
    }

    /// Reads what is due of records and of what Lambda gave up on, and nothing else. Gives what of the launched tasks has ended.
    ///
    /// # Errors
    /// The cloud does not answer; the next look may go well.
    pub(in crate::run) async fn count_ended(&mut self) -> Result<Ended, RunError> {
        let mut changed = self.records().await?;
        if self.events.is_due(self.events_every()) {
            changed |= self.look_at_events().await?;
        }
        let longer = self.pause.mul_f64(1.5).min(self.options.slow);
        self.pause = if changed { self.options.fast } else { longer };
        Ok(self.ended_tasks())
    }

    /// What of the launched tasks has ended.
    fn ended_tasks(&self) -> Ended {
        let first = self.chain.stages().next();
        first.map_or_else(Ended::default, |stage| Ended {
            tasks: stage.counts().done(),
            total_ms: stage.measured().1.total_ms,
        })
    }

    /// Reads what is due.
    async fn records(&mut self) -> Result<bool, RunError> {
        let (context, chain) = (&self.context, &mut self.chain);
        let sent = self.meter.as_ref().map(|meter| meter.items_done());
        Ok(match &mut self.reader {
            Reader::First(reader) => reader.read(context, chain, &self.options).await?,
            Reader::Days(reader) => reader.read(context, chain, &self.options).await?,
            Reader::Blocks(reader) => {
                reader.read(context, (chain, &mut self.outputs), &self.options, sent).await?
            }
        })
    }

    /// Reads everything once more, before the counts are called settled.
    async fn read_all(&mut self) -> Result<(), RunError> {
        let (context, chain) = (&self.context, &mut self.chain);
        match &mut self.reader {
            Reader::First(reader) => drop(reader.records(context, chain, None).await?),
            Reader::Days(reader) => drop(reader.all(context, chain).await?),
            Reader::Blocks(reader) => reader.read_open(context, (chain, &mut self.outputs)).await?,
        }
        Ok(())
    }

    /// Everything is due.
    #[cfg(test)]
    fn look_again(&mut self) {
        match &mut self.reader {
            Reader::First(reader) => *reader = first::Reader::default(),
            Reader::Days(reader) => *reader = days::Reader::new(&self.chain),
            Reader::Blocks(reader) => reader.look_again(),
        }
    }

    /// Whether every record that there was at the beginning has been read: until then counts say less than the ledger.
    #[must_use]
    pub fn has_read_all(&self) -> bool {
        match &self.reader {
            Reader::First(reader) => reader.has_read_all(),
            Reader::Days(reader) => reader.has_read_all(),
            Reader::Blocks(reader) => reader.has_read_all() && !self.chain.has_unread(false),
        }
    }
}

#[cfg(test)]
mod tests;
