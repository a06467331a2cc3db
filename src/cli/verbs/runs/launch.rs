//! `run`: fixes the inputs of a run and sends them, or what was left of them.

use super::follow::follow;
use super::results::fetch_outputs;
use super::show::{report, verdict};
use super::{context, resolve};
use crate::args;
use crate::fail::{Fail, Outcome, SOME_FAILED};
use crate::print;
use crate::session::{Session, remote_place};
use crate::transfer;
use crate::verbs::invoke::{self, Answer};
use crate::verbs::{deploy, sources};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use throng_core::dataset::Meter;
use throng_core::definition::Definition;
use throng_core::lines;
use throng_core::model::{Place, RunSummary};
use throng_core::run::{self, Follower, Inputs, Launch, LaunchRequest, RunContext, RunError, SendReport};
use throng_core::words;

pub async fn launch(session: &Session, args: args::Run) -> Outcome {
    if let Some(run) = &args.resume {
        if args.function.is_some() {
            return Err(Fail::usage(
                "--resume goes on with a run whose function and inputs are known: leave them out, or launch a new run \
                 without --resume",
            ));
        }
        return resume(session, &args, run).await;
    }
    if let Some(run) = &args.again {
        return again(session, &args, run).await;
    }
    let named = args.function.clone().unwrap_or_default();
    let inputs = inputs(&args.inputs)?;
    let defined = definition(&named)?;
    if defined.is_none() {
        deploy::named(&named)?;
    }
    if inputs.is_none() && defined.is_none() {
        return Err(Fail::usage(format!(
            "which files? `throng run {named} FILES`, or `s3://bucket/folder/`; `throng invoke {named}` runs it once"
        )));
    }
    let cloud = session.cloud_for_changes().await?;
    let function = match &defined {
        None => named,
        Some(definition) => {
            let plan = deploy::plan(session, &cloud, definition).await?;
            deploy::apply(session, &cloud, &plan).await?;
            plan.function
        }
    };
    let there = match (inputs, &defined) {
        (None, Some(definition)) => sources::at_inputs(&cloud, definition).await?,
        (inputs, _) => inputs,
    };
    let Some(inputs) = there else {
        let answer = Answer { asynchronous: args.asynchronous, to: None };
        return invoke::send(session, &cloud, &function, Vec::new(), answer).await;
    };
    let context = context(session, &cloud)?;
    begin(session, &args, &context, function, inputs).await
}

/// Launches a run and sends its inputs.
async fn begin(
    session: &Session,
    args: &args::Run,
    context: &RunContext,
    function: String,
    inputs: Inputs,
) -> Outcome {
    let request = LaunchRequest { function, inputs, parameters: BTreeMap::new() };
    let launch = run::prepare(context, request, &session.interrupt).await?;
    let id = &launch.header().id;
    let tasks = words::plural(launch.header().tasks, "task");
    print::note(lines!("run {id}: {tasks} with {}", launch.header().function));
    if launch.absent() > 0 {
        let absent = words::plural(launch.absent(), "input");
        print::note(lines!("{absent} not there any more: left out"));
    }
    send(session, args, context, launch).await
}

/// A new run over what did not succeed of another.
async fn again(session: &Session, args: &args::Run, run: &str) -> Outcome {
    let cloud = session.cloud_for_changes().await?;
    let context = context(session, &cloud)?;
    let run = resolve(&context, run).await?;
    let function = Follower::open(&context, &run).await?.tracker().header().function.clone();
    begin(session, args, &context, function, Inputs::Unsuccessful { run }).await
}

/// Sends what a run has not sent; when that is nothing, what was sent and never began.
async fn resume(session: &Session, args: &args::Run, run: &str) -> Outcome {
    let cloud = session.cloud_for_changes().await?;
    let context = context(session, &cloud)?;
    let id = resolve(&context, run).await?;
    match run::resume(&context, &id).await {
        Ok(launch) => return send(session, args, &context, launch).await,
        Err(RunError::AllSent(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let meter = Arc::new(Meter::default());
    let label = format!("run {id}: sending again");
    let sending = run::send_again(&context, &id, meter.clone(), &session.interrupt);
    let sent = transfer::watched(&label, &meter, sending).await?;
    if args.wait {
        not_sent(&sent);
        let mut follower = Follower::open(&context, &id).await?;
        let summary = follow(session, &mut follower).await?;
        return ended(session, args, &context, &summary).await;
    }
    report_sent(session, &id, &sent)
}

/// Sends a launch's inputs; with `--wait` follows it to its end.
async fn send(session: &Session, args: &args::Run, context: &RunContext, launch: Launch) -> Outcome {
    if args.wait {
        let summary = through(session, context, launch).await?;
        return ended(session, args, context, &summary).await;
    }
    let id = launch.header().id.clone();
    let meter = Arc::new(Meter::default());
    let label = format!("run {id}: sending");
    let sending = launch.send(meter.clone(), &session.interrupt);
    let sent = transfer::watched(&label, &meter, sending).await;
    report_sent(session, &id, &sent.map_err(|error| unfinished(error, &id))?)
}

/// Why sending ended too early, and how the rest is sent.
fn unfinished(error: RunError, id: &str) -> Fail {
    let mut fail = Fail::from(error);
    let _ = write!(fail.message, "\nNot everything was sent: `throng run --resume {id}` sends the rest.");
    fail
}

/// Reports a run that has ended, and fetches its results when that was asked for.
async fn ended(session: &Session, args: &args::Run, context: &RunContext, summary: &RunSummary) -> Outcome {
    report(session, context, summary).await?;
    if let Some(to) = &args.to {
        fetch_outputs(session, context, &summary.id, to).await?;
    }
    verdict(summary)
}

fn not_sent(sent: &SendReport) {
    for failed in &sent.failed {
        print::note(lines!("not sent: {}: {}", failed.path.display(), failed.reason));
    }
}

fn report_sent(session: &Session, id: &str, sent: &SendReport) -> Outcome {
    not_sent(sent);
    let document = json!({"id": id, "sent": sent.sent, "not_sent": sent.failed.len()});
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

/// The only function of a definition file, when a file is named.
fn definition(text: &str) -> Result<Option<Definition>, Fail> {
    if !deploy::is_definition(text) {
        return Ok(None);
    }
    let mut definitions = deploy::load(Path::new(text)).map_err(|fail| explained(fail, text))?.definitions;
    match definitions.len() {
        1 => Ok(definitions.pop()),
        _ => Err(Fail::usage(format!("{text} has several functions: deploy it, then name one"))),
    }
}

/// A file is deployed first, which needs its secrets; what is deployed does not.
fn explained(mut fail: Fail, file: &str) -> Fail {
    if fail.message.contains("environment variable")
        && let Ok(names) = throng_core::definition::names(Path::new(file))
    {
        let name = names.first().map_or("NAME", String::as_str);
        let _ = write!(
            fail.message,
            "\nA definition file is deployed first; `throng run {name} …` runs what is deployed already, without them."
        );
    }
    fail
}

/// Sends a launch's inputs and follows it to its end.
pub async fn through(session: &Session, context: &RunContext, launch: Launch) -> Result<RunSummary, Fail> {
    let meter = Arc::new(Meter::default());
    let id = launch.header().id.clone();
    let mut follower = Follower::launched(&launch, context, meter.clone());
    let sending = launch.send(meter, &session.interrupt);
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
    not_sent(&sent.map_err(|error| unfinished(error, &id))?);
    summary
}
