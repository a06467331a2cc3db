//! All runs, newest first. Each is looked at on its own: one that is slow or damaged holds up no other.
//!
//! ```text
//! look   one look at one run
//! ```

use super::header::{is_run_id, started_of};
use super::{Follower, RunContext, RunError, standing};
use crate::dataset::objects::{List, each_page};
use crate::model::{InvocationInfo, RunSummary, RunTrouble};
pub(super) use look::has_ended;
use look::{Looked, counted, trouble, unread, what_it_is};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use throng_contract::keys::RUNS;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};

mod look;

/// Runs that are looked at together.
const AT_ONCE: usize = 32;
/// A run that was launched this long ago and is still open is looked at seldom; so is one that cannot be read.
const STALE: Duration = Duration::from_hours(24);
const STALE_EVERY: Duration = Duration::from_mins(1);
/// What runs are is waited for so long; those that are later are shown by their names.
const NAMES_WITHIN: Duration = Duration::from_secs(2);
/// Who asks once waits so long for either.
const ONCE_WITHIN: Duration = Duration::from_secs(20);
/// Which standing runs there are is read this often.
const STANDING_EVERY: Duration = Duration::from_mins(1);
const STANDING_EVERY_LOCAL: Duration = Duration::from_secs(2);
/// Runs that are looked at to find the newest: folders that no launch has made may come first.
const FEW: usize = 5;
/// Characters of an id that tell the second of the launch; the first version's ids tell no more.
const SECOND: usize = 15;

/// Lists runs and remembers what it saw of them, so that the next list costs little.
#[derive(Debug)]
pub struct Lister {
    context: RunContext,
    known: HashMap<String, Known>,
    /// Names of the runs that are listed, newest first.
    listed: Vec<String>,
    /// Names of the standing runs that are listed, and when they were read.
    standing: Vec<String>,
    standing_read: Option<Instant>,
    looks: JoinSet<(String, u64, Looked)>,
    /// Runs whose look is waited for.
    awaited: HashSet<String>,
    /// Looks that were begun.
    begun: u64,
    names_within: Duration,
    /// After so long without a word, what is provably lost of open runs is sent once more.
    resend_after: Option<Duration>,
    at_once: Arc<Semaphore>,
    /// Folders without a run.json, and when that was seen.
    without: HashMap<String, Instant>,
    /// Why a run could not be read just now.
    failed: Option<RunError>,
}

/// What is known of a run.
#[derive(Debug)]
struct Known {
    summary: RunSummary,
    /// Attempts under way.
    running: Vec<InvocationInfo>,
    state: State,
    /// Its last look took longer than anybody waits: now nobody does.
    is_slow: bool,
}

/// What can be done with a run.
#[derive(Debug)]
enum State {
    /// Nothing more will come.
    Ended,
    /// It can be looked at; when that was done last, if it was.
    Open(Box<Follower>, Option<Instant>),
    /// It could not be read, and when.
    Unread(Instant),
    /// The look of this number is under way.
    Looked(u64),
}

impl Lister {
    /// For a context.
    #[must_use]
    pub fn new(context: RunContext) -> Self {
        Self {
            context,
            known: HashMap::new(),
            listed: Vec::new(),
            standing: Vec::new(),
            standing_read: None,
            looks: JoinSet::new(),
            awaited: HashSet::new(),
            begun: 0,
            names_within: NAMES_WITHIN,
            resend_after: None,
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
            without: HashMap::new(),
            failed: None,
        }
    }

    /// Sends what is provably lost of open runs once more; see [`Follower::resend_after`].
    #[must_use]
    pub const fn resend_after(mut self, quiet: Option<Duration>) -> Self {
        self.resend_after = quiet;
        self
    }

    /// The newest `most` runs, newest first. Open runs are counted; ended ones are read from their end.json. What could not
    /// be read in time is shown as [`RunSummary::reading`], what cannot be read with its [`RunSummary::trouble`].
    ///
    /// # Errors
    /// The cloud does not answer.
    pub async fn list(&mut self, most: usize) -> Result<Vec<RunSummary>, RunError> {
        self.names_within = ONCE_WITHIN;
        self.names(most).await?;
        self.count(ONCE_WITHIN, |_| ()).await;
        Ok(self.summaries())
    }

    /// The run that was launched last.
    ///
    /// # Errors
    /// The cloud does not answer, or that run cannot be read: an older one is not what is meant.
    pub async fn newest(&mut self) -> Result<Option<RunSummary>, RunError> {
        self.names_within = ONCE_WITHIN;
        self.names(FEW).await?;
        let launched =
            |run: &RunSummary| !run.standing && (run.trouble.is_none() || started_of(&run.id).is_some());
        let newest = self.summaries().into_iter().find(launched);
        match newest {
            Some(RunSummary { id: run, trouble: Some(RunTrouble { why: what, .. }), .. }) => {
                Err(RunError::Damaged { run, what })
            }
            newest => Ok(newest),
        }
    }

    /// Reads which runs there are, and of new ones what was launched and how they ended. Counts nothing.
    ///
    /// # Errors
    /// The cloud does not answer.
    pub async fn names(&mut self, most: usize) -> Result<(), RunError> {
        let ids = run_ids(&self.context).await?;
        let mut rest =
            ids.into_iter().filter(|id| !waits(&self.without, id)).collect::<Vec<_>>().into_iter().peekable();
        let mut listed: Vec<String> = Vec::new();
        // A launch that was killed early leaves a folder that is not a run: then an older one is looked at.
        while listed.len() < most {
            let mut wanted: Vec<String> = rest.by_ref().take(most - listed.len()).collect();
            // Ids of the first version do not say which of one second is newer.
            while let Some(id) =
                rest.next_if(|id| wanted.last().is_some_and(|last| second(last) == second(id)))
            {
                wanted.push(id);
            }
            if wanted.is_empty() {
                break;
            }
            for id in &wanted {
                self.look_at_new(id);
            }
            self.collect(self.names_within, &mut |_| ()).await;
            listed.extend(wanted.into_iter().filter(|id| self.known.contains_key(id)));
        }
        let started = |id: &String| self.known.get(id).map_or(0, |known| known.summary.started_ms);
        listed.sort_by(|a, b| (second(b), started(b), b.as_str()).cmp(&(second(a), started(a), a.as_str())));
        listed.truncate(most);
        self.standing_names().await?;
        let standing: HashSet<String> = self.standing.iter().cloned().collect();
        self.known.retain(|id, _| standing.contains(id) || listed.contains(id));
        self.listed = listed;
        self.any_was_read()
    }

    /// Reads which standing runs there are, now and then: a list for each function that has some.
    async fn standing_names(&mut self) -> Result<(), RunError> {
        let every = if self.context.local { STANDING_EVERY_LOCAL } else { STANDING_EVERY };
        if self.standing_read.is_none_or(|read| read.elapsed() >= every) {
            self.standing = standing::ids(&self.context, crate::cloud::now_ms()).await?;
            self.standing_read = Some(Instant::now());
            for id in self.standing.clone() {
                self.look_at_new(&id);
            }
            self.collect(self.names_within, &mut |_| ()).await;
        }
        Ok(())
    }

    /// A run that cannot be read is shown so. When none can, it is the cloud that does not answer.
    fn any_was_read(&mut self) -> Result<(), RunError> {
        let refused = |id: &String| {
            self.known.get(id).is_some_and(|known| matches!(known.state, State::Unread(_)))
                && !self.is_damaged(id)
        };
        let none = !self.listed.is_empty() && self.listed.iter().all(refused);
        self.failed.take().filter(|_| none).map_or(Ok(()), Err)
    }

    fn is_damaged(&self, id: &str) -> bool {
        let trouble = self.known.get(id).and_then(|known| known.summary.trouble.as_ref());
        trouble.is_some_and(|trouble| trouble.damaged)
    }

    /// Counts the open runs, each on its own; `each` hears of every one that was. Who is not done in time goes on, and is
    /// heard of the next time.
    pub async fn count(&mut self, within: Duration, mut each: impl FnMut(&RunSummary) + Send) {
        for id in self.listed.iter().chain(&self.standing).cloned().collect::<Vec<_>>() {
            self.count_one(&id);
        }
        self.collect(within, &mut each).await;
    }

    /// The runs that [`Lister::names`] found, with what is known of them.
    #[must_use]
    pub fn summaries(&self) -> Vec<RunSummary> {
        let known = |id: &String| Some(self.known.get(id)?.summary.clone());
        let mut all: Vec<RunSummary> = self.listed.iter().filter_map(known).collect();
        for run in self.standing.iter().filter_map(known) {
            let at = all.iter().position(|other| other.started_ms <= run.started_ms).unwrap_or(all.len());
            all.insert(at, run);
        }
        all
    }

    /// Attempts under way in all open runs, as far as the last [`Lister::count`] saw.
    #[must_use]
    pub fn running(&self) -> Vec<InvocationInfo> {
        let mut all: Vec<_> = self.known.values().flat_map(|known| known.running.iter().cloned()).collect();
        all.sort_by(|a, b| (a.started_ms, &a.run, &a.task).cmp(&(b.started_ms, &b.run, &b.task)));
        all
    }

    /// Forgets what is remembered of a run, because something was done to it.
    pub fn forget(&mut self, run: &str) {
        self.known.remove(run);
        self.awaited.remove(run);
        self.without.remove(run);
    }

    /// Begins to read what a run is, unless that is known.
    fn look_at_new(&mut self, id: &str) {
        match self.known.get(id).map(|known| &known.state) {
            // What is damaged stays so, most likely.
            Some(State::Unread(at)) if !self.is_damaged(id) || at.elapsed() >= STALE_EVERY => {}
            Some(_) => return,
            None => {}
        }
        let (context, resend_after) = (self.context.clone(), self.resend_after);
        let name = id.to_owned();
        let number = self.begin(id, async move { what_it_is(&context, &name, resend_after).await });
        let known = self.known.entry(id.to_owned()).or_insert_with(|| Known {
            summary: unread(id),
            running: Vec::new(),
            state: State::Ended,
            is_slow: false,
        });
        known.state = State::Looked(number);
    }

    /// Begins to count a run, if it is open and that is due.
    fn count_one(&mut self, id: &str) {
        let Some(known) = self.known.get_mut(id) else { return };
        let State::Open(follower, at) = &known.state else { return };
        let age = crate::cloud::now_ms().saturating_sub(follower.chain().header().started_ms);
        let stale = Duration::from_millis(age) > STALE;
        if stale && at.is_some_and(|at| at.elapsed() < STALE_EVERY) {
            return;
        }
        let slow = known.is_slow;
        let State::Open(follower, _) = std::mem::replace(&mut known.state, State::Ended) else { return };
        let number = self.begin(id, counted(follower));
        if slow {
            self.awaited.remove(id);
        }
        if let Some(known) = self.known.get_mut(id) {
            known.state = State::Looked(number);
        }
    }

    /// Begins a look, and gives its number.
    fn begin(&mut self, id: &str, look: impl Future<Output = Looked> + Send + 'static) -> u64 {
        self.begun += 1;
        let (number, name, at_once) = (self.begun, id.to_owned(), self.at_once.clone());
        self.awaited.insert(name.clone());
        self.looks.spawn(async move {
            // It is never closed.
            let _permit = at_once.acquire_owned().await;
            let looked = look.await;
            (name, number, looked)
        });
        number
    }

    /// Takes what looks have found until none is waited for, or the time is over.
    async fn collect(&mut self, within: Duration, each: &mut (impl FnMut(&RunSummary) + Send)) {
        let until = tokio::time::Instant::now() + within;
        while !self.awaited.is_empty() {
            match tokio::time::timeout_at(until, self.looks.join_next()).await {
                Ok(Some(done)) => self.take(done, each),
                Ok(None) => self.awaited.clear(),
                Err(_) => break,
            }
        }
        for late in std::mem::take(&mut self.awaited) {
            if let Some(known) = self.known.get_mut(&late) {
                known.is_slow = true;
            }
        }
        while let Some(done) = self.looks.try_join_next() {
            self.take(done, each);
        }
    }

    fn take(
        &mut self,
        done: Result<(String, u64, Looked), JoinError>,
        each: &mut (impl FnMut(&RunSummary) + Send),
    ) {
        let Ok((id, number, looked)) = done else { return };
        let was_awaited = self.awaited.remove(&id);
        // Who was forgotten meanwhile is looked at anew.
        let Some(known) =
            self.known.get_mut(&id).filter(|known| matches!(known.state, State::Looked(of) if of == number))
        else {
            return;
        };
        known.is_slow &= !was_awaited;
        match looked {
            Looked::Nothing => {
                self.known.remove(&id);
                self.without.insert(id, Instant::now());
                return;
            }
            Looked::Ended(summary) => {
                (known.summary, known.state) = (*summary, State::Ended);
                known.running.clear();
            }
            Looked::Unread(error) => {
                known.summary.trouble = Some(trouble(&error));
                known.state = State::Unread(Instant::now());
                self.failed = Some(error);
            }
            Looked::Open { follower, counted, trouble } => {
                known.summary = RunSummary { trouble, ..follower.summary() };
                known.running = follower.chain().running();
                known.state = State::Open(follower, counted.then(Instant::now));
            }
        }
        each(&known.summary);
    }
}

/// The names of all folders of runs, newest first.
pub(in crate::run) async fn run_ids(context: &RunContext) -> Result<Vec<String>, RunError> {
    let list = List { bucket: context.home.clone(), prefix: RUNS.into(), folders: true, ..List::default() };
    let mut ids = Vec::new();
    let outcome = each_page(context.store.as_ref(), list, |page| {
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

/// Whether a folder was seen not to be a run a moment ago.
fn waits(without: &HashMap<String, Instant>, id: &str) -> bool {
    without.get(id).is_some_and(|at| at.elapsed() < STALE_EVERY)
}

fn second(id: &str) -> &str {
    id.get(..SECOND).unwrap_or(id)
}

#[cfg(test)]
mod tests;
