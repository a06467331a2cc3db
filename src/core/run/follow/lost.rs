//! Tasks whose events are provably lost are sent once more by whoever follows the run, each once.
//!
//! An event is lost only if it can wait in no queue: nothing of the function has run for a while, although nothing holds it
//! back; or tasks that were sent so much later have ended. Who sends says so in the run's folder first, so that of several
//! who follow only one sends, and nobody sends a task a second time.

use super::{Due, Follower};
use crate::cloud::{CloudError, duration_ms, now_ms};
use crate::model::{Millis, TaskName, TaskRow, TaskState};
use crate::run::launch::{Again, agains, invoke_again};
use crate::run::tracker::RunTracker;
use crate::run::{RunError, plan};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Most tasks of one pass, or a hundredth of the run where that is more: never a storm.
const AT_MOST: u64 = 100;
/// Tasks that have ended whose inputs tell until when tasks were sent.
const WITNESSES: usize = 8;
/// It is looked this often within the time that has to pass.
const LOOKS: u32 = 5;

/// What was sent once more by this follower.
#[derive(Debug, Default)]
pub(super) struct Resent {
    looked: Due,
    tasks: u64,
}

impl Follower {
    /// Sends lost tasks once more when nothing has been heard for so long; `None`: leaves that to people.
    pub const fn resend_after(&mut self, quiet: Option<Duration>) {
        self.options.resend_after = quiet;
    }

    /// Tasks that this follower has sent once more by itself.
    #[must_use]
    pub const fn resent(&self) -> u64 {
        self.resent.tasks
    }

    /// Sends what is provably lost once more. Returns whether anything was sent. What cannot be asked proves nothing.
    pub(in crate::run) async fn send_lost(&mut self) -> bool {
        // What nobody launched, nobody has sent.
        let Some(quiet) = self.options.resend_after.filter(|_| !self.chain.is_standing()) else {
            return false;
        };
        let due = self.may_have_lost(quiet) && self.resent.looked.is_due(quiet / LOOKS);
        match self.look(due.then_some(quiet)).await {
            Ok(sent) => {
                self.resent.tasks += sent;
                sent > 0
            }
            Err(error) => {
                tracing::warn!(%error, run = self.chain.header().id, "lost tasks were not sent once more");
                false
            }
        }
    }

    /// Whether there are tasks of which nothing was heard and that have all been sent long ago.
    fn may_have_lost(&self, quiet: Duration) -> bool {
        let chain = &self.chain;
        let header = chain.header();
        let silent = chain.counts().pending > chain.waiting();
        let open = !chain.is_complete() && !chain.is_cancelled() && self.has_read_all();
        silent
            && open
            && self.unsent() == 0
            && self.held_back() == 0
            && is_past(header.started_ms.max(self.sent_again_ms), quiet)
            && !plan::is_there(&self.context.folder(&header.id))
    }

    /// Looks for inputs that were replaced and, when that is due, for events that are lost. Gives how many tasks were sent.
    async fn look(&mut self, lost: Option<Duration>) -> Result<u64, RunError> {
        let replaced = self.look_for_replaced().await?;
        match lost {
            Some(quiet) => Ok(replaced + self.look_for_lost(quiet).await?),
            None => Ok(replaced),
        }
    }

    /// Sends tasks once more whose input another run has replaced.
    async fn look_for_replaced(&mut self) -> Result<u64, RunError> {
        let mut rows = self.replaced().await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let (known, before) = self.sent_before().await?;
        rows.retain(|row| !before.contains(&row.task));
        self.send_once(vec![(0, rows)], known).await
    }

    /// How often tasks were sent once more, and which by a throng itself.
    async fn sent_before(&self) -> Result<(u32, HashSet<TaskName>), RunError> {
        let (known, agains) = agains(&self.context, &self.chain.header().id).await?;
        Ok((known, agains.iter().flat_map(|again| again.tasks.iter().cloned()).collect()))
    }

    async fn look_for_lost(&mut self, quiet: Duration) -> Result<u64, RunError> {
        self.load_inputs().await?;
        let (known, before) = self.sent_before().await?;
        let mut lost = Vec::new();
        for (at, stage) in self.chain.stages().enumerate() {
            let mut silent = silent(stage, &before);
            silent.retain(|row| !self.chain.waits_for_others(at, row));
            let of_stage = if silent.is_empty() || self.is_idle(stage, quiet).await? {
                silent
            } else {
                self.overtaken(stage, silent, quiet).await?
            };
            lost.push((at, of_stage));
        }
        self.send_once(lost, known).await
    }

    /// Says that these tasks are sent, by stage, and sends them, unless somebody else has said something since.
    async fn send_once(&mut self, lost: Vec<(usize, Vec<TaskRow>)>, known: u32) -> Result<u64, RunError> {
        let run = self.chain.header().id.clone();
        let tasks: Vec<_> =
            lost.iter().flat_map(|(_, rows)| rows.iter().map(|row| row.task.clone())).collect();
        if tasks.is_empty() {
            return Ok(0);
        }
        let again = Again { tasks, ..Again::now() };
        if !again.announce(&self.context, &run, known).await? {
            return Ok(0);
        }
        // They get their time to begin.
        self.sent_again_ms = now_ms();
        let token = CancellationToken::new();
        let sent = invoke_again(&self.context, &self.chain, lost, Arc::default(), &token).await?;
        Ok(sent.sent)
    }

    /// Whether nothing of the function runs, nothing of the stage has ended for a while, and nothing holds events back: then its
    /// queue is empty.
    async fn is_idle(&self, stage: &RunTracker, quiet: Duration) -> Result<bool, CloudError> {
        let still = stage.counts().running == 0 && stage.waiting() == 0;
        // What the stage before has just stored was just sent.
        if !still || !is_past(self.chain.last_ended_ms(), quiet) {
            return Ok(false);
        }
        self.context.functions.is_idle(&stage.header().runs_on(), quiet).await
    }

    /// Those of the tasks that were sent so long before others that have ended already.
    async fn overtaken(
        &self,
        stage: &RunTracker,
        tasks: Vec<TaskRow>,
        quiet: Duration,
    ) -> Result<Vec<TaskRow>, CloudError> {
        let header = stage.header();
        if !header.files || header.provider.is_some() || header.pack.is_some() {
            // Objects that were there before: when they were sent is not known. A task of a pack waits for others.
            return Ok(Vec::new());
        }
        let ended = stage.rows().rev().filter(|row| row.state.is_final() && row.has_record());
        let mut latest = 0;
        for row in ended.take(WITNESSES) {
            latest = latest.max(self.sent_at(row).await?.unwrap_or(0));
        }
        let mut overtaken = Vec::new();
        for row in tasks {
            let sent = self.sent_at(&row).await?;
            if sent.is_some_and(|sent| latest.saturating_sub(sent) > duration_ms(quiet)) {
                overtaken.push(row);
            }
        }
        Ok(overtaken)
    }

    /// When a task's input was stored, which sent it.
    async fn sent_at(&self, row: &TaskRow) -> Result<Option<Millis>, CloudError> {
        let at = self.chain.find(&row.task).map_or(0, |(at, _)| at);
        let (bucket, key) = self.chain.input_of(at, row);
        let head = self.context.store.head(&bucket, &key).await?;
        Ok(head.and_then(|head| head.modified_ms))
    }
}

/// Tasks of a stage of which nothing was ever heard and that were not sent once more, not too many of them.
fn silent(stage: &RunTracker, before: &HashSet<TaskName>) -> Vec<TaskRow> {
    let most = AT_MOST.max(stage.header().tasks / 100);
    let silent = stage
        .rows()
        .filter(|row| row.attempts == 0 && row.state == TaskState::Pending && row.waiting().is_none());
    let new = silent.filter(|row| !before.contains(&row.task));
    new.take(usize::try_from(most).unwrap_or(usize::MAX)).cloned().collect()
}

fn is_past(at_ms: Millis, quiet: Duration) -> bool {
    now_ms().saturating_sub(at_ms) > duration_ms(quiet)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::dataset::Objects as _;
    use crate::dataset::objects::Put;
    use crate::model::FailureClass;
    use crate::run::follow::FollowOptions;
    use crate::run::launch_tests::{World, trigger};
    use crate::run::{Resend, cancel, send_again};
    use std::sync::atomic::Ordering;
    use throng_contract::keys::{cancel_key, record_key};
    use throng_contract::layout::META_LINEAGE;
    use throng_contract::{AttemptRecord, Lineage, TaskId, TaskRef, TaskState};

    const QUIET: Duration = Duration::from_mins(10);
    const HOUR_MS: Millis = 3_600_000;

    /// A run of files whose inputs were stored an hour ago, and what follows it.
    async fn launched(world: &World, files: usize) -> Follower {
        let launch = world.prepare(world.files(files)).await.unwrap();
        let run = launch.header().id.clone();
        launch.send(Arc::default(), &CancellationToken::new()).await.unwrap();
        for task in 0..files {
            world.store.stored_at("in", &key(task as u64), now_ms() - HOUR_MS);
        }
        reopened(world, &run).await
    }

    async fn reopened(world: &World, run: &str) -> Follower {
        let mut follower = Follower::open(&world.context, run).await.unwrap();
        // The run began an hour ago.
        let mut header = follower.chain().header().clone();
        header.started_ms = now_ms() - HOUR_MS;
        follower = Follower::of(&world.context, header);
        let zero = Duration::ZERO;
        follower.set_options(FollowOptions { fast: zero, slow: zero, ..follower.options });
        follower.resend_after(Some(QUIET));
        follower
    }

    fn key(task: u64) -> String {
        format!("{task:04}.txt")
    }

    fn ended(world: &World, run: &str, task: u64, ended_ms: Millis) {
        let record = AttemptRecord {
            task: Some(TaskRef::launched(run, task)),
            state: TaskState::Succeeded,
            ended_ms,
            ..AttemptRecord::begun("f", &format!("req-{task}"), ended_ms - 5)
        };
        world.store.insert("home", &record_key(&record), serde_json::to_vec(&record).unwrap());
    }

    /// Looks once; gives the tasks that were invoked so far.
    async fn looked(world: &World, follower: &mut Follower) -> Vec<u64> {
        follower.resent.looked = Due::default();
        follower.poll().await.unwrap();
        follower.send_lost().await;
        let invoked = world.functions.invoked.lock().unwrap();
        let mut tasks: Vec<_> =
            invoked.iter().map(|event| event.task.as_ref().unwrap().task.as_number().unwrap()).collect();
        tasks.sort_unstable();
        tasks
    }

    fn idle(world: &World, idle: bool) {
        world.functions.idle.store(idle, Ordering::SeqCst);
    }

    #[tokio::test]
    async fn what_can_be_in_no_queue_is_sent_once_more_and_only_once() {
        let world = World::new(vec![trigger("in", "", "")]);
        let mut follower = launched(&world, 5).await;
        let run = follower.chain().header().id.clone();
        for task in 0..3 {
            ended(&world, &run, task, now_ms() - 2 * 600_000);
        }
        assert_eq!(
            looked(&world, &mut follower).await,
            Vec::<u64>::new(),
            "the function is at work elsewhere"
        );
        idle(&world, true);
        assert_eq!(looked(&world, &mut follower).await, [3, 4]);
        assert_eq!((follower.resent(), follower.summary().resent), (2, 2));
        // Neither this one nor another sends them again, whatever the clock says.
        let mut other = reopened(&world, &run).await;
        other.sent_again_ms = 0;
        assert_eq!(looked(&world, &mut other).await, [3, 4]);
        // A person may.
        send_again(&world.context, &run, Resend::Silent, Arc::default(), &CancellationToken::new())
            .await
            .unwrap();
        assert_eq!(world.functions.invoked.lock().unwrap().len(), 4);
    }

    /// Another run has stored over two inputs before their tasks began, one of them with something else.
    #[tokio::test]
    async fn what_another_run_has_stored_over_is_done_by_name_or_told() {
        let world = World::new(vec![trigger("in", "", "")]);
        let mut follower = launched(&world, 3).await;
        let run = follower.chain().header().id.clone();
        ended(&world, &run, 0, now_ms() - 600_000);
        let size = world.store.get("in", &key(1)).unwrap().body.len();
        for (task, size) in [(1, size), (2, size + 1)] {
            let lineage = Lineage {
                run: "20261123-214500123-k3x9".into(),
                stage: 0,
                task: TaskId::number(task),
                output: None,
                group: None,
            };
            let metadata = vec![(META_LINEAGE, lineage.header("in", &key(task)))];
            let body = vec![0; size].into();
            let put = Put { bucket: "in".into(), key: key(task), body, metadata, ..Put::default() };
            world.store.put(put).await.unwrap();
        }
        assert_eq!(looked(&world, &mut follower).await, [1], "by an event that names it");
        let row = follower.chain().row(&2.into()).unwrap();
        assert_eq!((row.state, row.class), (TaskState::Failed, Some(FailureClass::Upstream)));
        ended(&world, &run, 1, now_ms());
        follower.look_again();
        follower.poll().await.unwrap();
        assert!(follower.is_settled(), "nothing is waited for in vain");
        // Who opens the run later is told the same.
        let mut other = Follower::open(&world.context, &run).await.unwrap();
        other.read().await.unwrap();
        assert_eq!(other.summary().counts.failed + other.summary().counts.pending, 1);
    }

    #[tokio::test]
    async fn what_may_be_queued_is_left_alone() {
        let world = World::new(vec![trigger("in", "", "")]);
        idle(&world, true);
        let mut follower = launched(&world, 5).await;
        let run = follower.chain().header().id.clone();
        let none: [u64; 0] = [];
        // Something has just ended: the rest may be next.
        ended(&world, &run, 0, now_ms());
        assert_eq!(looked(&world, &mut follower).await, none);
        world.functions.invoked.lock().unwrap().clear();
        let world = World::new(vec![trigger("in", "", "")]);
        idle(&world, true);
        let run = launched(&world, 5).await.chain().header().id.clone();
        // Nobody wants it any more.
        let mut follower = reopened(&world, &run).await;
        follower.sent_again_ms = 0;
        cancel(&world.context, &run).await.unwrap();
        assert!(world.store.get("home", &cancel_key(&run)).is_some());
        assert_eq!(looked(&world, &mut follower).await, none);
    }

    #[tokio::test]
    async fn nobody_sends_where_that_is_switched_off() {
        let world = World::new(vec![trigger("in", "", "")]);
        idle(&world, true);
        let mut follower = launched(&world, 3).await;
        follower.resend_after(None);
        assert_eq!(looked(&world, &mut follower).await, Vec::<u64>::new());
    }

    /// Two tasks at a time, for two hours: those that wait were sent together with those that have ended.
    #[tokio::test]
    async fn a_backlog_of_two_hours_is_not_sent_again() {
        let world = World::new(vec![trigger("in", "", "")]);
        let mut follower = launched(&world, 240).await;
        let run = follower.chain().header().id.clone();
        for task in 0..120 {
            ended(&world, &run, task, now_ms() - HOUR_MS + task * 30_000);
        }
        assert_eq!(looked(&world, &mut follower).await, Vec::<u64>::new());
    }

    #[tokio::test]
    async fn what_was_overtaken_by_what_was_sent_long_after_it_is_sent_once_more() {
        let world = World::new(vec![trigger("in", "", "")]);
        let mut follower = launched(&world, 20).await;
        let run = follower.chain().header().id.clone();
        // The upload took a while: the last ten went up a quarter of an hour later.
        for task in 10..20 {
            world.store.stored_at("in", &key(task), now_ms() - HOUR_MS + 900_000);
        }
        for task in (0..20).filter(|task| ![3, 15].contains(task)) {
            ended(&world, &run, task, now_ms() - 1000);
        }
        assert_eq!(looked(&world, &mut follower).await, [3], "the other may still be queued");
    }

    #[tokio::test]
    async fn a_pass_is_never_a_storm() {
        let world = World::new(vec![trigger("in", "", "")]);
        idle(&world, true);
        let mut follower = launched(&world, 250).await;
        assert_eq!(looked(&world, &mut follower).await.len(), 100);
        assert_eq!(looked(&world, &mut follower).await.len(), 100, "what was sent gets its time");
        follower.sent_again_ms = 0;
        assert_eq!(looked(&world, &mut follower).await.len(), 200);
    }
}
