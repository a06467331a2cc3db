//! A run as a chain of stages: the function that was launched, and those that its outputs start.
//!
//! Each stage has a tracker of its own. What a later stage owes is not guessed: the records of the stage before name their
//! outputs, and each that lies where a function is started *declares* a task of it. What is told of a task before it is
//! declared waits; what nobody ever declares is foreign, and not counted. So the counts of every stage add up to what was
//! declared, at every moment.
//!
//! Functions are stages; the ledger's keys count something else: how many outputs lead to a task (its *depth*). A function
//! that is started from two depths is one stage.
//!
//! ```text
//! anew      joins that are done anew, as something before them is
//! declare   outputs of records become tasks of later stages
//! groups    joins that start once for each group of launched tasks
//! joins     stages that begin when others have ended
//! known     what is asked of a chain
//! places    what tells places and records apart, in few bytes
//! shown     what is shown of a run: its end, its summary and view
//! told      what a chain is told: records, markers, what Lambda and the platform's log say
//! unreads   successes whose outputs are to be read, and how many each block has
//! ```

use super::cloud::TriggerPlace;
use super::header::{LaterStage, RunHeader};
use super::tracker::RunTracker;
use crate::model::Millis;
use std::collections::{BTreeSet, HashMap};
use throng_contract::barrier::Join;
use throng_contract::{Selection, TaskId};

mod anew;
mod declare;
mod groups;
mod joins;
mod known;
mod places;
mod shown;
mod told;
mod unreads;

pub use anew::BegunJoins;
pub use declare::Unread;
pub use known::BlockState;
pub use places::{Owner, Places, digest};

/// Tasks of a standing run whose inputs are named: each costs a request.
const NAMED: usize = 5_000;
/// Most outputs and joins that lead to a join: more is no launch of ours.
const DEEPEST: u32 = 256;

/// One stage.
#[derive(Clone, Debug)]
struct Stage {
    tracker: RunTracker,
    /// Where its outputs start which stage.
    next: Vec<(TriggerPlace, usize)>,
    /// The stages whose outputs start it.
    from: Vec<usize>,
    /// What of what arrives is an input of it.
    selections: Vec<Selection>,
    /// How many outputs lead to its tasks.
    depths: BTreeSet<u32>,
    /// Successes whose outputs have been read, and from which record.
    declared: places::Marks,
    /// Successes whose outputs are to be read, in the order in which they were told.
    unread: unreads::Unreads,
    /// What makes it a join: then its task, or that of each group, is known from the start.
    join: Option<Join>,
}

impl Stage {
    /// Whether records are read only for what is shown of them, and enough were.
    fn may_read_more(&self, standing: bool) -> bool {
        !standing || !self.next.is_empty() || self.declared.len() < NAMED
    }

    /// Whether everything is known that its tasks have declared so far.
    fn is_declared(&self) -> bool {
        self.next.is_empty() || self.unread.is_empty()
    }
}

/// Something that was told of a task that nobody has declared yet.
#[derive(Clone, Debug)]
struct Early {
    key: String,
    at_ms: Option<Millis>,
}

/// A run's stages.
#[derive(Clone, Debug)]
pub struct Chain {
    header: RunHeader,
    stages: Vec<Stage>,
    early: HashMap<TaskId, Vec<Early>>,
    /// Declared tasks by depth and block: their stage and index.
    blocks: HashMap<(u32, u64), Vec<(usize, u64)>>,
    /// Declared tasks by a digest of their input's place, and the places that several tasks share.
    places: Places,
    shared: HashMap<u64, Vec<(usize, u64)>>,
    same_clock: bool,
    /// Groups of launched tasks.
    groups: groups::Grouping,
    /// The bucket of start markers.
    home: String,
    /// How often later stages were begun anew.
    rebuilt: u32,
    /// Tasks that a person has sent once more, with how many attempts had ended.
    retried: HashMap<TaskId, u32>,
    /// Tasks of joins that are done anew, as something before them is.
    anew: HashMap<TaskId, anew::Anew>,
    /// Of a standing run: when nothing more can come.
    open_until_ms: Option<Millis>,
}

impl Chain {
    /// A run of which nothing is known but its header.
    #[must_use]
    pub fn new(header: RunHeader) -> Self {
        let stages = stages_of(&header);
        let mut chain = Self {
            header,
            stages,
            early: HashMap::new(),
            blocks: HashMap::new(),
            places: Places::default(),
            shared: HashMap::new(),
            same_clock: false,
            groups: groups::Grouping::default(),
            home: String::new(),
            rebuilt: 0,
            retried: HashMap::new(),
            anew: HashMap::new(),
            open_until_ms: None,
        };
        chain.declare_joins();
        chain
    }

    /// A standing run, which nobody has launched; it is open until then.
    #[must_use]
    pub fn standing(header: RunHeader, open_until_ms: Millis) -> Self {
        let mut chain = Self::new(header);
        if let Some(first) = chain.stages.first_mut() {
            first.tracker = RunTracker::standing(first.tracker.header().clone());
        }
        chain.open_until_ms = Some(open_until_ms);
        chain
    }

    /// The cloud has the clock of who launched: an event from before the launch is not the run's.
    pub fn same_clock(&mut self) {
        self.same_clock = true;
        self.stages.iter_mut().for_each(|stage| stage.tracker.same_clock());
    }
}

/// The stages of a run, without tasks but the launched ones. What a header says of stages that are not there is left out:
/// anybody may write into a bucket.
fn stages_of(header: &RunHeader) -> Vec<Stage> {
    let first = RunHeader { stages: Vec::new(), ..header.clone() };
    let mut stages = vec![stage(RunTracker::new(first.clone()), Vec::new())];
    for LaterStage { function, image, retries, overwrites, from, selections, join, .. } in &header.stages {
        let own = RunHeader {
            function: function.clone(),
            image: image.clone(),
            retries: Some(*retries),
            overwrites: *overwrites,
            ..first.clone()
        };
        let join = join.clone().filter(|join| join.depth <= DEEPEST);
        let later = stage(RunTracker::later(own), from.clone());
        stages.push(Stage { join, selections: selections.clone(), ..later });
    }
    for (at, LaterStage { starts, from, .. }) in (1..).zip(&header.stages) {
        for from in from.iter().filter(|from| **from != at) {
            if let Some(before) = stages.get_mut(*from) {
                before.next.extend(starts.iter().map(|place| (place.clone(), at)));
            }
        }
    }
    // As many rounds as there are stages reach every depth; a loop, which no launch makes, ends there.
    if let Some(first) = stages.first_mut() {
        first.depths.insert(0);
    }
    for _ in 1..stages.len() {
        for at in 1..stages.len() {
            let before = stages[at].from.iter().filter_map(|from| stages.get(*from));
            let depths: BTreeSet<u32> =
                before.flat_map(|stage| stage.depths.iter().map(|depth| depth + 1)).collect();
            stages[at].depths = match &stages[at].join {
                Some(join) => BTreeSet::from([join.depth]),
                None => depths,
            };
        }
    }
    stages
}

fn stage(tracker: RunTracker, from: Vec<usize>) -> Stage {
    Stage {
        tracker,
        next: Vec::new(),
        from,
        selections: Vec::new(),
        depths: BTreeSet::new(),
        declared: places::Marks::default(),
        unread: unreads::Unreads::default(),
        join: None,
    }
}

#[cfg(test)]
mod tests;
