//! The engine of the screen: a run that has lost events, or whose launch was killed, is shown and sent again.

use super::running::{TASKS, ready};
use super::world::{World, rule};
use crate::support::wait_for;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use throng_core::config::Config;
use throng_core::engine::{Command, Engine, EngineOptions, Scope, Severity, Snapshot};
use throng_core::image::Programs;
use throng_core::model::{Progress, ProgressState, RunSummary};

fn engine(world: &World) -> Engine {
    let exe = Some(PathBuf::from(env!("CARGO_BIN_EXE_throng")));
    Engine::start(EngineOptions {
        config: Config::default(),
        dirs: world.dirs(),
        context: None,
        exe,
        programs: Programs::NONE,
    })
    .unwrap()
}

async fn until(engine: &Engine, what: &str, test: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let mut snapshots = engine.snapshots();
    let wait = snapshots.wait_for(|snapshot| test(snapshot));
    match tokio::time::timeout(Duration::from_mins(1), wait).await {
        Ok(found) => found.unwrap().clone(),
        Err(late) => panic!("{what} did not come ({late}); last: {:#?}", engine.snapshots().borrow().notices),
    }
}

fn opened(snap: &Snapshot) -> Option<&RunSummary> {
    snap.run.as_ref().map(|view| &view.summary)
}

fn whole(snap: &Snapshot) -> bool {
    opened(snap).is_some_and(|run| run.settled && run.counts.succeeded == TASKS as u64)
}

fn notice(snap: &Snapshot, severity: Severity, words: &str) -> bool {
    snap.notices.iter().any(|notice| {
        notice.severity == severity && format!("{}: {}", notice.title, notice.detail).contains(words)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_run_is_shown_and_sent_again_once() {
    let world = ready(&rule("s3:event", "lost, every = 10"));
    let run = world.home.json(&["run", "copy", "in"])["id"].as_str().expect("an id").to_owned();
    let engine = engine(&world);
    engine.send(Command::Look(Scope::Run { run: run.clone() }));
    let stalled = |run: &RunSummary| run.stalled_ms.is_some() && run.counts.pending == 3;
    until(&engine, "the stall", |snap| opened(snap).is_some_and(stalled)).await;
    engine.send(Command::Look(Scope::Runs));
    until(&engine, "the stall in the list", |snap| snap.runs.items.iter().any(stalled)).await;

    engine.send(Command::Look(Scope::Run { run: run.clone() }));
    engine.send(Command::ResumeRun(run.clone()));
    let title = format!("Run {run}: 3 tasks were sent again");
    let snap = until(&engine, "a notice", |snap| notice(snap, Severity::Info, &title)).await;
    assert!(snap.notices.iter().all(|notice| notice.severity == Severity::Info), "{:?}", snap.notices);
    let snap = until(&engine, "the end", whole).await;
    assert_eq!(opened(&snap).unwrap().stalled_ms, None);
    let label = format!("send again for run {run}");
    let done = |row: &Progress| {
        row.label == label && row.state == ProgressState::Done && (row.items, row.items_total) == (3, Some(3))
    };
    until(&engine, "a row of progress", |snap| snap.progress.iter().any(done)).await;

    engine.send(Command::ResumeRun(run.clone()));
    until(&engine, "a refusal", |snap| notice(snap, Severity::Error, "every task has begun")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_that_was_killed_goes_on_when_it_is_asked() {
    let world = ready(&rule("s3:PutObject", "hang, who = \"user\", path = \"copy-data/in/\", first = 1"));
    let engine = engine(&world);
    // What was interrupted before the engine began goes on by itself.
    until(&engine, "the cloud", |snap| snap.functions.items.iter().any(|function| function.name == "copy"))
        .await;
    let mut child = world.spawn(&["run", "copy", "in"]);
    wait_for("a hanging request", || world.faults()[0].1 == 1);
    child.kill().expect("kill -9");
    child.wait().expect("it is dead");
    let run = world.home.json(&["runs", "-n", "1"])[0]["id"].as_str().expect("an id").to_owned();
    engine.send(Command::Look(Scope::Run { run: run.clone() }));
    engine.send(Command::ResumeRun(run.clone()));
    until(&engine, "a notice", |snap| notice(snap, Severity::Info, &format!("Run {run} goes on"))).await;
    until(&engine, "the end", whole).await;
}
