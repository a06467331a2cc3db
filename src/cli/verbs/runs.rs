//! `run`, `runs`, `tasks`, `cancel`.

use super::deploy;
use crate::cli::args;
use crate::cli::fail::{Fail, INTERRUPTED, Outcome, SOME_FAILED, USAGE};
use crate::cli::print::{self, StatusLine, Table};
use crate::cli::session::{Session, remote_place};
use crate::cli::{transfer, units};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use throng::core::cloud::{Cloud, CloudError, now_ms};
use throng::core::dataset::Meter;
use throng::core::dataset::upload::UploadOptions;
use throng::core::model::{AttemptRecord, Counts, Place, RunSummary, TaskRow, TaskState};
use throng::core::run::{
    self, Follower, Inputs, Launch, LaunchRequest, Lister, RunContext, RunError, Stores,
};

impl From<RunError> for Fail {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Cloud(error) => error.into(),
            RunError::Provider { error: ref said, .. } => {
                Self::new(Self::from(CloudError::clone(said)).code, error.to_string())
            }
            RunError::Scan(_) | RunError::Refused(_) => Self::new(USAGE, error.to_string()),
            RunError::Cancelled => Self::new(INTERRUPTED, error.to_string()),
            _ => Self::new(SOME_FAILED, error.to_string()),
        }
    }
}

/// What the modules of runs need, of this session.
pub fn context(session: &Session, cloud: &Cloud) -> Result<RunContext, Fail> {
    let settings = &session.config.upload;
    let upload = UploadOptions {
        concurrency: settings.concurrency,
        multipart: u64::from(settings.multipart_mb) << 20,
        part: u64::from(settings.part_mb) << 20,
    };
    Ok(RunContext::new(cloud, &session.dirs, upload)?)
}

/// A run's id from what a person wrote: an id, or `last`.
pub async fn resolve(context: &RunContext, run: &str) -> Result<String, Fail> {
    if run != "last" {
        return Ok(run.to_owned());
    }
    let newest = Lister::new(context.clone()).list(1).await?;
    let newest = newest.into_iter().next();
    newest.map(|run| run.id).ok_or_else(|| Fail::not_found("there is no run yet; `throng run` launches one"))
}

pub async fn launch(session: &Session, args: args::Run) -> Outcome {
    let inputs = inputs(&args.inputs)?;
    let cloud = session.cloud_for_changes().await?;
    let function = function(session, &cloud, &args.function).await?;
    let context = context(session, &cloud)?;
    let request = LaunchRequest { function, inputs, parameters: BTreeMap::new() };
    let launch = run::prepare(&context, request, &session.interrupt).await?;
    let id = launch.header().id.clone();
    print::note(&format!("run {id}: {} tasks with {}", launch.header().tasks, launch.header().function));
    if args.wait {
        let summary = through(session, &context, launch).await?;
        report(session, &context, &summary).await?;
        if let Some(to) = &args.to {
            fetch_outputs(session, &context, &summary.id, to).await?;
        }
        return verdict(&summary);
    }
    let meter = Arc::new(Meter::default());
    let label = format!("run {id}: sending");
    let sent = transfer::watched(&label, &meter, launch.send(meter.clone(), &session.interrupt)).await?;
    for failed in &sent.failed {
        print::note(&format!("not sent: {}: {}", failed.path.display(), failed.reason));
    }
    let document = json!({"id": id, "sent": sent.sent, "not_sent": sent.failed.len()});
    print::result(session.format, &document, || {
        format!("{id}\nIt goes on by itself. `throng runs {id} --wait` follows it.\n")
    });
    if sent.failed.is_empty() { Ok(()) } else { Err(Fail::silent(SOME_FAILED)) }
}

fn inputs(texts: &[String]) -> Result<Inputs, Fail> {
    let remote: Vec<_> = texts.iter().filter_map(|text| remote_place(text)).collect::<Result<_, _>>()?;
    let Some((provider, first)) = remote.first() else {
        return Ok(Inputs::Files { paths: texts.iter().map(PathBuf::from).collect(), dest: None });
    };
    let (provider, bucket) = (provider.clone(), first.bucket.clone());
    let together = |(other, place): &(Option<String>, Place)| *other == provider && place.bucket == bucket;
    if remote.len() != texts.len() || !remote.iter().all(together) {
        return Err(Fail::usage("the inputs of a run are either files, or objects of one bucket"));
    }
    Ok(Inputs::Objects {
        provider,
        bucket,
        keys: remote.into_iter().map(|(_, place)| place.prefix).collect(),
    })
}

/// The function's name; a definition file is deployed first.
async fn function(session: &Session, cloud: &Cloud, text: &str) -> Result<String, Fail> {
    let path = Path::new(text);
    let is_file = path.extension().is_some_and(|end| end == "yaml" || end == "yml") && path.is_file();
    if !is_file {
        return Ok(text.to_owned());
    }
    let document = deploy::load(path)?;
    let [definition] = &document.definitions[..] else {
        return Err(Fail::usage(format!("{text} has several functions: deploy it, then name one")));
    };
    let plan = deploy::plan(session, cloud, definition).await?;
    deploy::apply(session, cloud, &plan).await?;
    Ok(plan.function)
}

/// Sends a launch's inputs and follows it to its end.
pub async fn through(session: &Session, context: &RunContext, launch: Launch) -> Result<RunSummary, Fail> {
    let meter = Arc::new(Meter::default());
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
    let sent = sent?;
    for failed in &sent.failed {
        print::note(&format!("not sent: {}: {}", failed.path.display(), failed.reason));
    }
    summary
}

/// Follows a run to its end, with a status line.
async fn follow(session: &Session, follower: &mut Follower) -> Result<RunSummary, Fail> {
    let id = follower.summary().id;
    let mut line = StatusLine::new();
    let outcome =
        run::wait(follower, &session.interrupt, |follower| line.show(&status(&follower.summary()))).await;
    line.clear();
    outcome.map_err(|error| match error {
        RunError::Cancelled => Fail::new(
            INTERRUPTED,
            format!(
                "what was sent goes on; `throng runs {id} --wait` follows it, `throng cancel {id}` ends it"
            ),
        ),
        error => error.into(),
    })
}

fn status(run: &RunSummary) -> String {
    let Counts { running, succeeded, .. } = run.counts;
    let (done, total) = (run.counts.done(), run.counts.total());
    let bad = run.counts.unsuccessful();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "for people")]
    let eta = run.eta_s.map(|eta| format!(", {} left", units::millis((eta.max(0.0) * 1000.0) as u64)));
    format!(
        "{} {done}/{total}: {succeeded} succeeded, {bad} not, {running} running, {:.0}/s{}",
        print::bar(done, total, 24),
        run.rate,
        eta.unwrap_or_default()
    )
}

/// A run as `--output json` prints it.
pub fn document(run: &RunSummary) -> Value {
    let counts = &run.counts;
    let classes: BTreeMap<_, _> = run.classes.iter().map(|(class, count)| (class.as_str(), count)).collect();
    json!({
        "id": run.id, "function": run.function, "image": run.image, "started_ms": run.started_ms,
        "ended_ms": run.ended_ms, "cancelled": run.cancelled, "settled": run.settled, "classes": classes,
        "counts": {"total": counts.total(), "pending": counts.pending, "running": counts.running,
            "succeeded": counts.succeeded, "failed": counts.failed, "timed-out": counts.timed_out,
            "expired": counts.expired, "cancelled": counts.cancelled},
    })
}

async fn report(session: &Session, context: &RunContext, run: &RunSummary) -> Outcome {
    let mut shown = document(run);
    shown["shown_complete_ms"] = json!(now_ms());
    print::result(session.format, &shown, || one(run));
    if run.counts.failed + run.counts.timed_out > 0 {
        explain_failures(context, run).await?;
    }
    Ok(())
}

/// The first failures with their reasons, on standard error.
async fn explain_failures(context: &RunContext, run: &RunSummary) -> Outcome {
    const SHOWN: usize = 5;
    let mut follower = Follower::open(context, &run.id).await?;
    follower.load_inputs().await?;
    follower.poll().await?;
    let view = follower.view();
    let failed = (0..view.len()).filter_map(|index| view.task(index)).filter(|row| {
        row.state.is_final() && row.state != TaskState::Succeeded && row.state != TaskState::Cancelled
    });
    for row in failed.take(SHOWN) {
        let records = run::attempts(context, follower.tracker(), row.task).await?;
        let why = records.first().map(|attempt| reason(&attempt.record)).unwrap_or_default();
        print::note(&format!("task {} ({}): {}: {why}", row.task, row.key, ending(row)));
    }
    print::note(&format!("`throng tasks {} --state failed` lists them", run.id));
    Ok(())
}

fn reason(record: &AttemptRecord) -> String {
    let tail = record.stderr_tail.last().map(String::as_str).unwrap_or_default();
    match (&record.error, tail) {
        (Some(error), "") => error.clone(),
        (Some(error), tail) => format!("{error}: {tail}"),
        (None, tail) => tail.to_owned(),
    }
}

fn ending(row: &TaskRow) -> String {
    match row.class {
        Some(class) if class.as_str() != row.state.as_str() => format!("{} ({class})", row.state),
        _ => row.state.to_string(),
    }
}

fn one(run: &RunSummary) -> String {
    let counts = &run.counts;
    let mut text = format!("run {}  {}\n", run.id, print::clean(&run.function));
    let _ = writeln!(text, "  started   {}", units::time(run.started_ms));
    match run.ended_ms {
        Some(ended) => {
            let took = ended.saturating_sub(run.started_ms);
            let _ = writeln!(text, "  ended     {} after {}", units::time(ended), units::millis(took));
        }
        None => text.push_str("  ended     not yet\n"),
    }
    for (name, count) in [
        ("succeeded", counts.succeeded),
        ("failed", counts.failed),
        ("timed out", counts.timed_out),
        ("expired", counts.expired),
        ("cancelled", counts.cancelled),
        ("running", counts.running),
        ("pending", counts.pending),
    ] {
        if count > 0 {
            let _ = writeln!(text, "  {name:<9} {count}");
        }
    }
    let _ = writeln!(text, "  total     {}", counts.total());
    let classes: Vec<_> = run.classes.iter().map(|(class, count)| format!("{class} {count}")).collect();
    if !classes.is_empty() {
        let _ = writeln!(text, "  failures  {}", classes.join(", "));
    }
    text
}

/// All succeeded, or not.
pub fn verdict(run: &RunSummary) -> Outcome {
    if run.counts.succeeded == run.counts.total() { Ok(()) } else { Err(Fail::silent(SOME_FAILED)) }
}

/// Downloads the outputs of a run's succeeded tasks, as their records name them. Gives what was fetched.
pub async fn fetch_outputs(
    session: &Session,
    context: &RunContext,
    run: &str,
    to: &Path,
) -> Result<Vec<(TaskRow, AttemptRecord)>, Fail> {
    let mut follower = Follower::open(context, run).await?;
    follower.load_inputs().await?;
    follower.poll().await?;
    let view = follower.view();
    let (mut records, mut keys) = (Vec::new(), BTreeMap::<(Option<String>, String), Vec<String>>::new());
    for row in (0..view.len()).filter_map(|index| view.task(index)) {
        let Some(attempt) = run::attempts(context, follower.tracker(), row.task).await?.into_iter().next()
        else {
            continue;
        };
        if row.state == TaskState::Succeeded {
            for output in &attempt.record.outputs {
                let place = (output.provider.clone(), output.bucket.clone());
                keys.entry(place).or_default().push(output.key.clone());
            }
        }
        records.push((row.clone(), attempt.record));
    }
    let stores = Stores::of(context, &follower.summary().function);
    for ((provider, bucket), keys) in keys {
        let store = stores.get(provider.as_deref()).await?.objects;
        let whose = provider.as_ref().unwrap_or(&context.context);
        let fetched = transfer::download_from(session, store, whose, &bucket, keys, to).await?;
        if !fetched.failed.is_empty() {
            return Err(Fail::new(SOME_FAILED, format!("{} results were not fetched", fetched.failed.len())));
        }
    }
    Ok(records)
}

pub async fn list(session: &Session, args: args::Runs) -> Outcome {
    let cloud = session.cloud().await?;
    let context = context(session, &cloud)?;
    if let Some(run) = &args.run {
        let mut follower = Follower::open(&context, &resolve(&context, run).await?).await?;
        if args.wait {
            let summary = follow(session, &mut follower).await?;
            report(session, &context, &summary).await?;
            return verdict(&summary);
        }
        follower.poll().await?;
        let summary = follower.summary();
        print::result(session.format, &document(&summary), || one(&summary));
        return Ok(());
    }
    let runs = Lister::new(context).list(args.limit).await?;
    let shown: Vec<_> = runs.iter().map(document).collect();
    print::result(session.format, &shown, || {
        let mut table =
            Table::new(&["RUN", "FUNCTION", "STARTED", ">TASKS", ">SUCCEEDED", ">OTHER", ">OPEN", ">TOOK"]);
        for run in &runs {
            let counts = &run.counts;
            let took = run.ended_ms.map(|ended| units::millis(ended.saturating_sub(run.started_ms)));
            table.row([
                run.id.clone(),
                run.function.clone(),
                units::time(run.started_ms),
                counts.total().to_string(),
                counts.succeeded.to_string(),
                counts.unsuccessful().to_string(),
                (counts.total() - counts.done()).to_string(),
                took.unwrap_or_else(|| "running".to_owned()),
            ]);
        }
        if table.is_empty() {
            "No runs. `throng run FUNCTION FILES` launches one.\n".to_owned()
        } else {
            table.render()
        }
    });
    Ok(())
}

pub async fn tasks(session: &Session, args: args::Tasks) -> Outcome {
    let cloud = session.cloud().await?;
    let context = context(session, &cloud)?;
    let run = resolve(&context, &args.run).await?;
    let mut follower = Follower::open(&context, &run).await?;
    follower.load_inputs().await?;
    follower.poll().await?;
    let view = follower.view();
    let provider = follower.tracker().header().provider.clone();
    let provider = provider.as_deref();
    if let Some(number) = args.task {
        let row = usize::try_from(number).ok().and_then(|index| view.task(index));
        let Some(row) = row else {
            return Err(Fail::not_found(format!("run {run} has {} tasks, from 0", view.len())));
        };
        let records = run::attempts(&context, follower.tracker(), number).await?;
        let records: Vec<_> = records.into_iter().map(|attempt| attempt.record).collect();
        let mut shown = task_document(provider, row);
        shown["records"] = json!(records);
        print::result(session.format, &shown, || task_text(provider, row, &records));
        return Ok(());
    }
    let rows: Vec<_> = (0..view.len())
        .filter_map(|index| view.task(index))
        .filter(|row| args.state.is_empty() || args.state.contains(&row.state))
        .collect();
    let shown: Vec<_> = rows.iter().map(|row| task_document(provider, row)).collect();
    print::result(session.format, &shown, || {
        let mut table =
            Table::new(&[">TASK", "STATE", "CLASS", ">TOOK", ">MEMORY", ">SIZE", ">TRIES", "INPUT"]);
        for row in &rows {
            table.row([
                row.task.to_string(),
                // Told by the platform's log alone: the ledger may still say otherwise.
                format!("{}{}", row.state, if row.is_reported() { "?" } else { "" }),
                row.class.map(|class| class.to_string()).unwrap_or_default(),
                row.duration_ms.map(units::millis).unwrap_or_default(),
                row.peak_memory.map(units::bytes).unwrap_or_default(),
                units::bytes(row.size),
                row.attempts.to_string(),
                format!("{}/{}", of_provider(provider, &row.bucket), row.key),
            ]);
        }
        if table.is_empty() { "No such tasks.\n".to_owned() } else { table.render() }
    });
    Ok(())
}

/// A task as `--output json` prints it.
fn task_document(provider: Option<&str>, row: &TaskRow) -> Value {
    json!({
        "task": row.task, "bucket": &*row.bucket, "key": &*row.key, "size": row.size,
        "state": row.state.as_str(), "class": row.class.map(throng_runtime::contract::FailureClass::as_str), "attempts": row.attempts,
        "duration_ms": row.duration_ms, "peak_memory": row.peak_memory, "ended_ms": row.ended_ms,
        "request_id": row.request_id.as_deref(), "reported": row.is_reported(), "provider": provider,
    })
}

/// A bucket, with the storage provider that it is at.
fn of_provider(provider: Option<&str>, bucket: &str) -> String {
    provider.map_or_else(|| bucket.to_owned(), |provider| format!("{provider}://{bucket}"))
}

fn task_text(provider: Option<&str>, row: &TaskRow, records: &[AttemptRecord]) -> String {
    let mut text = format!(
        "task {}: {}\n  input     {}/{} ({})\n",
        row.task,
        ending(row),
        of_provider(provider, &row.bucket),
        row.key,
        units::bytes(row.size)
    );
    for (index, record) in records.iter().enumerate() {
        let phases = &record.phases;
        let _ = writeln!(
            text,
            "attempt {}: {} at {}, request {}\n  phases    init {:.0} ms, in {:.0} ms, run {:.0} ms, out {:.0} ms\n  memory    {} at most",
            records.len() - index,
            record.state,
            units::time(record.ended_ms),
            record.request_id,
            phases.init_ms,
            phases.stage_in_ms,
            phases.run_ms,
            phases.stage_out_ms,
            units::bytes(record.peak_memory),
        );
        if let Some(code) = record.exit_code {
            let _ = writeln!(text, "  exit code {code}");
        }
        if let Some(error) = &record.error {
            let _ = writeln!(text, "  error     {error}");
        }
        for output in &record.outputs {
            let _ = writeln!(
                text,
                "  output    {}/{} ({})",
                of_provider(output.provider.as_deref(), &output.bucket),
                output.key,
                units::bytes(output.size)
            );
        }
        for line in &record.stderr_tail {
            let _ = writeln!(text, "  stderr    {line}");
        }
    }
    text.lines().map(|line| print::clean(line) + "\n").collect()
}

pub async fn cancel(session: &Session, args: args::Cancel) -> Outcome {
    let cloud = session.cloud_for_changes().await?;
    let context = context(session, &cloud)?;
    let run = resolve(&context, &args.run).await?;
    Follower::open(&context, &run).await?;
    run::cancel(&context, &run).await?;
    print::result(session.format, &json!({"id": run, "cancelled": true}), || {
        format!("Run {run} is cancelled: what has begun ends, nothing else begins.\n")
    });
    Ok(())
}
