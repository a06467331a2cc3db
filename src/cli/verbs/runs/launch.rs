//! `run`: fixes the inputs of a run and sends them, or what was left of them.

use super::follow::follow;
use super::results::{fetch_outputs, fetch_reused};
use super::show::{report, verdict};
use super::values::{sets, variables};
use crate::args;
use crate::fail::{CliResult, Fail, SOME_FAILED};
use crate::print;
use crate::session::{Session, remote_place};
use crate::transfer::watched;
use crate::verbs::invoke::{self, AnswerOptions};
use crate::verbs::resolve::resolve;
use crate::verbs::{deploy, sources};
use serde_json::json;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use throng_core::dataset::Meter;
use throng_core::definition::Document;
use throng_core::jobs::{
    self, Definitions, Job, JobContext, Launched, Observer, Resumption, WhenInterrupted, Which,
};
use throng_core::lines;
use throng_core::model::{Overrides, Place, Reuse, RunSummary};
use throng_core::run::{
    Follower, Inputs, Launch, LaunchOptions, LaunchRequest, Resend, SendReport, Unchanged,
};
use throng_core::words;

pub async fn launch(session: &Session, args: args::Run) -> CliResult {
    if let Some(run) = &args.resume {
        if args.function.is_some() {
            return Err(Fail::usage(
                "--resume goes on with a run whose function and inputs are known: leave them out, or launch a new run \
                 without --resume",
            ));
        }
        return Box::pin(resume(session, &args, run)).await;
    }
    if let Some(run) = &args.again {
        return Box::pin(again(session, &args, run)).await;
    }
    let named = args.function.clone().unwrap_or_default();
    let (parameters, sets) = (variables(&args.values)?, sets(&args.values)?);
    let without = args.values.tasks.or_else(|| (!sets.is_empty()).then_some(1));
    let inputs = inputs(&args.inputs)?;
    let defined = deploy::is_definition(&named).then(|| deploy::runnable(&named)).transpose()?;
    if defined.is_none() {
        deploy::named(&named)?;
    }
    if inputs.is_none() && defined.is_none() && without.is_none() {
        return Err(Fail::usage(format!(
            "which files? `throng run {named} FILES`, or `s3://bucket/folder/`; `throng invoke {named}` runs it once, `--tasks \
             NUMBER` that often"
        )));
    }
    let job = session.job(if defined.is_some() { Job::Deploy } else { Job::Launch }).await?;
    let (function, first) = match defined {
        None => (named, None),
        Some((document, first)) => {
            let first = document.definitions[first].clone();
            deploy_all(session, &job, document).await?;
            (first.name.clone(), Some(first))
        }
    };
    let there = match (inputs, &first) {
        (None, Some(definition)) if args.values.tasks.is_none() => sources::at_inputs(definition)?,
        (inputs, _) => inputs,
    };
    let swept = first.as_ref().is_some_and(|first| !first.sweep.is_empty() && !args.values.no_sweep);
    let without = without.or_else(|| (swept || !parameters.is_empty()).then_some(1));
    let there = there.or_else(|| without.map(|tasks| Inputs::Nothing { tasks }));
    let args::Overrides { timeout: timeout_s, concurrency, memory: memory_mb } = args.overrides;
    let overrides = Overrides { timeout_s, concurrency, memory_mb };
    let Some(inputs) = there else {
        if !overrides.is_none() {
            return Err(Fail::usage(
                "limits are those of a run, and this function would be invoked once: name files, or --tasks NUMBER",
            ));
        }
        let answer = AnswerOptions { asynchronous: args.asynchronous, to: None };
        return invoke::send(session, &job, &function, Vec::new(), answer).await;
    };
    let options = LaunchOptions { no_sweep: args.values.no_sweep, ..options(&args.choice) };
    let request =
        LaunchRequest { parameters, sets, overrides, options, ..LaunchRequest::new(function, inputs) };
    let launch = async |observer| jobs::launch(&job, request, &observer).await;
    let launched = watched(session, |_| {}, launch).await?;
    Box::pin(begun(session, &args, &job, launched)).await
}

const fn options(choice: &args::Choice) -> LaunchOptions {
    let args::Choice { no_select, skip_unreadable, skip_too_large, changed, force, pack } = *choice;
    let (everything, no_sweep, changed) = (no_select, false, changed && !force);
    LaunchOptions { everything, skip_unreadable, skip_too_large, changed, force, no_sweep, pack }
}

/// Deploys the functions of a file that is to be run.
async fn deploy_all(session: &Session, job: &JobContext, document: Document) -> Result<(), Fail> {
    let plans = deploy::plan(session, job, &Definitions::File(document), false).await?;
    deploy::apply(session, job, &plans, |_| {}).await?;
    Ok(())
}

/// Tells of a new run and sends its inputs; or says that there is none.
async fn begun(session: &Session, args: &args::Run, job: &JobContext, launched: Launched) -> CliResult {
    let launch = match launched {
        Launched::Run(launch) => *launch,
        Launched::Unchanged(unchanged) => return nothing_changed(session, args, job, &unchanged).await,
    };
    let id = &launch.header().id;
    let tasks = words::plural(launch.header().tasks, "task");
    print::note(lines!("run {id}: {tasks} with {}", launch.header().function));
    for note in launch.notes() {
        print::note(lines!("{note}"));
    }
    Box::pin(send(session, args, job, launch)).await
}

/// Earlier runs have done everything: there is no run, and that is a success.
async fn nothing_changed(
    session: &Session,
    args: &args::Run,
    job: &JobContext,
    unchanged: &Unchanged,
) -> CliResult {
    for note in &unchanged.notes {
        print::note(lines!("{note}"));
    }
    let document = json!({"id": null, "sent": 0, "not_sent": 0, "reused": unchanged.reuse});
    print::result(session.format, &document, || {
        lines!("Nothing has changed for {}: no run was made.\n", unchanged.function)
    });
    match &args.to {
        Some(to) => fetch_reused(session, job, unchanged, to).await,
        None => Ok(()),
    }
}

/// A new run over what did not succeed of another.
async fn again(session: &Session, args: &args::Run, run: &str) -> CliResult {
    let job = session.job(Job::Rerun).await?;
    let run = resolve(&job.runs()?, run).await?;
    let which = if args.choice.changed { Which::Changed } else { Which::Unsuccessful };
    let rerun = async |observer| jobs::rerun(&job, &run, which, args.overrides.memory, &observer).await;
    let launched = watched(session, |_| {}, rerun).await?;
    if which == Which::Unsuccessful {
        print::note("its inputs are the stored ones: a file that changed here since is not sent anew");
    }
    Box::pin(begun(session, args, &job, launched)).await
}

/// Sends what a run has not sent; when that is nothing, what was sent and never began; with `--failed` also what has failed.
async fn resume(session: &Session, args: &args::Run, run: &str) -> CliResult {
    let job = session.job(Job::Resume).await?;
    let runs = job.runs()?;
    let id = resolve(&runs, run).await?;
    let which = if args.failed { Resend::Unsuccessful } else { Resend::Silent };
    if which == Resend::Silent
        && let Resumption::Rest(launch) = jobs::resume(&job, &id).await?
    {
        return Box::pin(send(session, args, &job, *launch)).await;
    }
    let again = async |observer| jobs::send_again(&job, &id, which, &observer).await;
    let sent = watched(session, |_| {}, again).await?;
    for note in &sent.notes {
        print::note(lines!("{note}"));
    }
    if args.wait {
        not_sent(&sent);
        let mut follower = Follower::open(&runs, &id).await?;
        follower.resend_after(job.resend_after().filter(|_| !args.no_resend));
        let summary = follow(session, &mut follower).await?;
        return ended(session, args, &job, &summary).await;
    }
    report_sent(session, &id, &sent, &Reuse::default())
}

/// Sends a launch's inputs; with `--wait` follows it to its end.
async fn send(session: &Session, args: &args::Run, job: &JobContext, launch: Launch) -> CliResult {
    if args.wait {
        let resend_after = job.resend_after().filter(|_| !args.no_resend);
        let summary = Box::pin(through(session, launch, resend_after)).await?;
        return ended(session, args, job, &summary).await;
    }
    let (id, reuse) = (launch.header().id.clone(), launch.header().reused.clone());
    let sending = async |observer| {
        jobs::send(launch, Arc::new(Meter::default()), WhenInterrupted::KeepRest, &observer).await
    };
    let sent = watched(session, |_| {}, sending).await;
    report_sent(session, &id, &sent.map_err(|fail| unfinished(fail, &id))?, &reuse)
}

/// Why sending ended too early, and how the rest is sent.
fn unfinished(mut fail: Fail, id: &str) -> Fail {
    let _ = write!(fail.message, "\nNot everything was sent: `throng run --resume {id}` sends the rest.");
    fail
}

/// Reports a run that has ended, and fetches its results when that was asked for.
async fn ended(session: &Session, args: &args::Run, job: &JobContext, summary: &RunSummary) -> CliResult {
    report(session, &job.runs()?, summary).await?;
    if let Some(to) = &args.to {
        fetch_outputs(session, job, &summary.id, to).await?;
    }
    verdict(summary)
}

fn not_sent(sent: &SendReport) {
    for failed in &sent.failed {
        print::note(lines!("not sent: {}: {}", failed.path.display(), failed.reason));
    }
}

fn report_sent(session: &Session, id: &str, sent: &SendReport, reuse: &Reuse) -> CliResult {
    not_sent(sent);
    let mut document = json!({"id": id, "sent": sent.sent, "not_sent": sent.failed.len()});
    if !reuse.is_none() {
        document["reused"] = json!(reuse);
    }
    print::result(session.format, &document, || {
        lines!("{id}\nIt goes on by itself. `throng runs {id} --wait` follows it.\n")
    });
    if sent.failed.is_empty() { Ok(()) } else { Err(Fail::silent(SOME_FAILED)) }
}

fn inputs(texts: &[String]) -> Result<Option<Inputs>, Fail> {
    if texts.is_empty() {
        return Ok(None);
    }
    let remote: Vec<_> = texts.iter().filter_map(|text| remote_place(text)).collect::<Result<_, _>>()?;
    let Some((provider, first)) = remote.first() else {
        return Ok(Some(Inputs::Files { paths: texts.iter().map(PathBuf::from).collect(), dest: None }));
    };
    let (provider, bucket) = (provider.clone(), first.bucket.clone());
    let together = |(other, place): &(Option<String>, Place)| *other == provider && place.bucket == bucket;
    if remote.len() != texts.len() || !remote.iter().all(together) {
        return Err(Fail::usage("the inputs of a run are either files, or objects of one bucket"));
    }
    let keys = remote.into_iter().map(|(_, place)| place.prefix).collect();
    Ok(Some(Inputs::Objects { provider, bucket, keys }))
}

/// Sends a launch's inputs and follows it to its end; what is provably lost meanwhile is sent once more.
pub async fn through(
    session: &Session,
    launch: Launch,
    resend_after: Option<Duration>,
) -> Result<RunSummary, Fail> {
    let meter = Arc::new(Meter::default());
    let id = launch.header().id.clone();
    let context = launch.context().clone();
    let mut follower = Follower::launched(&launch, &context, meter.clone());
    follower.resend_after(resend_after);
    let observer = Observer::silent(session.interrupt.clone());
    let sending = jobs::send(launch, meter, WhenInterrupted::KeepRest, &observer);
    let following = follow(session, &mut follower);
    let (sent, summary) = tokio::join!(
        async {
            let sent = sending.await;
            if sent.is_err() {
                session.interrupt.cancel();
            }
            sent
        },
        following
    );
    not_sent(&sent.map_err(|error| unfinished(error.into(), &id))?);
    summary
}
