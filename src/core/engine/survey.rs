//! All runs, and what is under way in them: often while they are looked at, and slowly whatever is looked at, so that the
//! numbers which every screen shows are not those of long ago.

use super::context::Ctx;
use super::listings::ready;
use super::memory::RunCache;
use super::runs::tell_resent;
use super::snapshot::{ListingState, Severity, Snapshot};
use crate::cloud::Cloud;
use crate::dataset::objects;
use crate::jobs::JobError;
use crate::model::{InvocationInfo, Millis, RunSummary};
use crate::run::{FollowOptions, Lister, RunContext};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use throng_contract::RunningMarker;

/// Runs that are listed.
const MOST_RUNS: usize = 500;
/// Running invocations that are shown.
const MOST_RUNNING: usize = 1000;
/// Pause between two surveys while something else is looked at, where they cost nothing.
const LOCAL_PULSE: Duration = Duration::from_secs(3);
/// The same on AWS, where a survey is a few listings for each open run; none are made while no run is open.
const PULSE: Duration = Duration::from_secs(15);
/// Counts of the open runs are waited for so long; a run that takes longer is shown when it is done.
const COUNTS_WITHIN: Duration = Duration::from_secs(2);
/// Counts are shown together when they come this close to each other.
const TOGETHER: Duration = Duration::from_millis(200);
/// Clocks differ: a marker that was stored this long after its time may still be of the same attempt.
const CLOCKS_MS: Millis = 5_000;

/// What is kept between two surveys.
#[derive(Default)]
pub(super) struct Survey {
    lister: tokio::sync::Mutex<Option<(Cloud, Lister)>>,
    markers: Mutex<HashMap<String, RunningMarker>>,
    /// Damaged runs that a person was told of.
    told: Mutex<HashSet<String>>,
    /// How many tasks of runs were sent once more, as a person was told.
    resent: Mutex<HashMap<String, u64>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All runs, while they are looked at.
pub(super) async fn runs(ctx: Ctx, memory: Arc<RunCache>, survey: Arc<Survey>) {
    let fail = |snap: &mut Snapshot, text| snap.runs.state = ListingState::Failed(text);
    ctx.poll(|cloud, ctx| look(cloud, ctx, memory.clone(), survey.clone(), false), fail).await;
}

/// Invocations that are under way, while they are looked at.
pub(super) async fn running(ctx: Ctx, memory: Arc<RunCache>, survey: Arc<Survey>) {
    let fail = |snap: &mut Snapshot, text| snap.running.state = ListingState::Failed(text);
    ctx.poll(|cloud, ctx| look(cloud, ctx, memory.clone(), survey.clone(), true), fail).await;
}

/// Both, whatever is looked at. What fails is told where it is looked at.
pub(super) async fn pulse(mut ctx: Ctx, memory: Arc<RunCache>, survey: Arc<Survey>) {
    loop {
        let Some(cloud) = ctx.cloud().await else { return };
        let (local, seen) = (cloud.is_local(), memory.open.seen());
        if !local && !seen.open {
            memory.open.begun.notified().await;
            continue;
        }
        let period = if local { LOCAL_PULSE } else { PULSE };
        let wait = seen.at.map_or(Duration::ZERO, |at| period.saturating_sub(at.elapsed()));
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
            continue;
        }
        if let Err(error) = look(cloud, ctx.clone(), memory.clone(), survey.clone(), false).await {
            tracing::debug!(%error, "runs were not surveyed");
            memory.open.saw_nothing();
        }
    }
}

/// Reads all runs and what is under way; `closely` also reads what running attempts say of themselves.
async fn look(
    cloud: Cloud,
    ctx: Ctx,
    memory: Arc<RunCache>,
    survey: Arc<Survey>,
    closely: bool,
) -> Result<(), JobError> {
    let openings = memory.open.seen().openings;
    let mut guard = survey.lister.lock().await;
    let known = guard.take().filter(|(of, _)| of.same(&cloud));
    let context = ctx.job_in(cloud.clone()).runs()?;
    let stalled_after = FollowOptions::of(&context).stalled_after;
    let (_, lister) = guard.insert(known.unwrap_or_else(|| {
        let resend_after = ctx.job_in(cloud.clone()).resend_after();
        (cloud.clone(), Lister::new(context.clone()).resend_after(resend_after))
    }));
    let complete = |mut run: RunSummary| {
        memory.complete(&mut run, stalled_after);
        run
    };
    // The list first, then the counts, each as soon as it is there.
    lister.names(MOST_RUNS).await?;
    list(&ctx, lister.summaries().into_iter().map(complete).collect());
    let (mut counted, mut shown) = (Vec::new(), Instant::now());
    let count = |run: &RunSummary| {
        counted.push(complete(run.clone()));
        if shown.elapsed() >= TOGETHER {
            update(&ctx, std::mem::take(&mut counted));
            shown = Instant::now();
        }
    };
    lister.count(COUNTS_WITHIN, count).await;
    let runs: Vec<_> = lister.summaries().into_iter().map(complete).collect();
    let mut running = lister.running();
    running.truncate(MOST_RUNNING);
    tell(&ctx, &survey, &runs);
    drop(guard);
    if closely {
        for invocation in &mut running {
            ask(&context, &survey, invocation).await;
        }
    }
    memory.open.saw(runs.iter().any(|run| run.ended_ms.is_none() && !run.is_quiet()), openings);
    ctx.show(move |snap| (snap.runs, snap.running) = (ready(runs), ready(running)));
    Ok(())
}

/// Shows which runs there are. What is known of one already is newer than what the list remembers.
fn list(ctx: &Ctx, mut runs: Vec<RunSummary>) {
    ctx.show(move |snap| {
        let known: HashMap<_, _> = snap.runs.items.iter().map(|run| (run.id.as_str(), run)).collect();
        for run in runs.iter_mut().filter(|run| run.ended_ms.is_none() && run.trouble.is_none()) {
            if let Some(known) = known.get(run.id.as_str()) {
                *run = (*known).clone();
            }
        }
        snap.runs = ready(runs);
    });
}

/// Shows what some runs have counted.
fn update(ctx: &Ctx, runs: Vec<RunSummary>) {
    ctx.show(move |snap| {
        let mut new: HashMap<_, _> = runs.into_iter().map(|run| (run.id.clone(), run)).collect();
        for shown in Arc::make_mut(&mut snap.runs.items) {
            if let Some(run) = new.remove(&shown.id) {
                *shown = run;
            }
        }
    });
}

/// Tells of damaged runs, each once.
fn tell(ctx: &Ctx, survey: &Survey, runs: &[RunSummary]) {
    for run in runs {
        tell_resent(ctx, run, lock(&survey.resent).entry(run.id.clone()).or_default());
        let Some(trouble) = run.trouble.as_ref().filter(|trouble| trouble.damaged) else { continue };
        if lock(&survey.told).insert(run.id.clone()) {
            let title = format!("Run {} is damaged", run.id);
            let detail = format!(
                "{}\nThe other runs are not concerned; its outputs stay where they are.",
                trouble.why
            );
            ctx.update(move |state| state.notice(Severity::Warning, title, detail));
        }
    }
}

/// What the attempt's marker says: exactly when it began, and where it logs. A repetition of an event overwrites the
/// marker of the attempt before.
async fn ask(context: &RunContext, survey: &Survey, invocation: &mut InvocationInfo) {
    let Some(key) = invocation.marker_key.clone() else { return };
    let known = lock(&survey.markers).get(&key).cloned();
    let current = known.filter(|marker| invocation.started_ms <= marker.started_ms + CLOCKS_MS);
    let Some(marker) = (match current {
        Some(marker) => Some(marker),
        None => read(context, survey, key).await,
    }) else {
        return;
    };
    invocation.started_ms = marker.started_ms;
    invocation.log_stream = Some(marker.log_stream);
}

/// Reads a marker and remembers it.
async fn read(context: &RunContext, survey: &Survey, key: String) -> Option<RunningMarker> {
    let body = objects::read(context.store.as_ref(), &context.home, &key).await.ok()??;
    let marker: RunningMarker = serde_json::from_slice(&body).ok()?;
    lock(&survey.markers).insert(key, marker.clone());
    Some(marker)
}
