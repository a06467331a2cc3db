//! `runs`: one run, or all of them, as text and as a document.

use super::follow::{follow, stalled};
use super::reasons::{ending, memory_of, reason, unheard};
use crate::args;
use crate::fail::{CliResult, Fail, SOME_FAILED};
use crate::print::{self, Table};
use crate::session::Session;
use crate::verbs::resolve::resolve;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use throng_core::cloud::now_ms;
use throng_core::jobs::Job;
use throng_core::lines;
use throng_core::model::{Collision, Counts, RunSummary, RunTrouble, StageSummary, TaskState};
use throng_core::run::{self, Follower, Lister, RunContext};
use throng_core::words::{self, Clean, Lines};

pub async fn list(session: &Session, args: args::Runs) -> CliResult {
    let job = session.job(Job::Look).await?;
    let context = job.runs()?;
    if let Some(run) = &args.run {
        let run = resolve(&context, run).await?;
        if args.wait {
            let instead = format!("it is open as long as its day; `throng runs {run}` shows it");
            run::refuse_standing(&run, "waited for", &instead)?;
        }
        let mut follower = Follower::open(&context, &run).await?;
        if args.wait {
            follower.resend_after(job.resend_after().filter(|_| !args.no_resend));
            let summary = follow(session, &mut follower).await?;
            report(session, &context, &summary).await?;
            return verdict(&summary);
        }
        follower.read().await?;
        let summary = follower.summary();
        print::result(session.format, &document(&summary), || one(&summary));
        if let Some(words) = stalled(&summary) {
            print::note(words);
        }
        return Ok(());
    }
    let runs = Lister::new(context).list(args.limit).await?;
    let shown: Vec<_> = runs.iter().map(document).collect();
    print::result(session.format, &shown, || table(&runs));
    for run in &runs {
        if let Some(trouble) = &run.trouble {
            print::note(lines!("run {} cannot be read: {}", run.id, trouble.why));
        }
    }
    Ok(())
}

/// All runs, a line each.
pub(crate) fn table(runs: &[RunSummary]) -> Lines {
    if runs.is_empty() {
        return "No runs. `throng run FUNCTION FILES` launches one.\n".into();
    }
    let mut table =
        Table::new(&["RUN", "FUNCTION", "STARTED", ">TASKS", ">SUCCEEDED", ">OTHER", ">OPEN", ">TOOK"]);
    for run in runs {
        let counts = &run.counts;
        // Of what has not been read nothing is known.
        let total = if counts.total() > 0 { words::count(counts.total()) } else { String::new() };
        let number = |number| if run.is_counted() { words::count(number) } else { "–".to_owned() };
        table.row([
            run.id.clone(),
            run.title(),
            words::local_time(run.started_ms),
            total,
            number(counts.succeeded),
            number(counts.unsuccessful()),
            number(counts.total() - counts.done()),
            took(run),
        ]);
    }
    table.render()
}

/// How long a run took, or how it stands.
fn took(run: &RunSummary) -> String {
    match (run.ended_ms, &run.trouble) {
        (Some(ended), _) => words::duration(ended.saturating_sub(run.started_ms)),
        (None, Some(trouble)) if trouble.damaged => "damaged".to_owned(),
        (None, Some(_)) => "not read".to_owned(),
        (None, None) if run.reading => "reading".to_owned(),
        (None, None) if run.is_quiet() => "standing".to_owned(),
        (None, None) if run.held > 0 => format!("running, {} held back", words::count(run.held)),
        (None, None) => "running".to_owned(),
    }
}

/// A run as `--output json` prints it.
pub fn document(run: &RunSummary) -> Value {
    let classes: BTreeMap<_, _> = run.classes.iter().map(|(class, count)| (class.as_str(), count)).collect();
    let mut document = json!({
        "id": run.id, "function": run.function, "image": run.image, "started_ms": run.started_ms,
        "ended_ms": run.ended_ms, "cancelled": run.cancelled, "settled": run.settled, "classes": classes,
        "counts": counts_document(&run.counts), "waiting": run.waiting,
    });
    if run.standing {
        document["standing"] = json!(true);
    }
    if !run.stages.is_empty() {
        document["stages"] = run.stages.iter().map(stage_document).collect();
    }
    if run.collisions > 0 {
        document["collisions"] = json!({"objects": run.collisions, "first": run.collided});
    }
    if !run.overrides.is_none() {
        document["overrides"] = json!(run.overrides);
    }
    if !run.reused.is_none() {
        document["reused"] = json!(run.reused);
    }
    if run.held > 0 {
        document["held"] = json!(run.held);
    }
    if run.reading {
        document["reading"] = json!(true);
    }
    if let Some(RunTrouble { damaged, why }) = &run.trouble {
        document["trouble"] = json!({ "damaged": damaged, "why": why });
    }
    document
}

fn counts_document(counts: &Counts) -> Value {
    json!({
        "total": counts.total(), "pending": counts.pending, "running": counts.running,
        "succeeded": counts.succeeded, "failed": counts.failed, "timed-out": counts.timed_out,
        "expired": counts.expired, "cancelled": counts.cancelled,
    })
}

/// One function of a chain.
fn stage_document(stage: &StageSummary) -> Value {
    json!({
        "function": stage.function, "counts": counts_document(&stage.counts), "waiting": stage.waiting,
        "complete": stage.complete, "from": stage.from, "join": stage.join,
    })
}

pub(super) async fn report(session: &Session, context: &RunContext, run: &RunSummary) -> CliResult {
    let mut shown = document(run);
    shown["shown_complete_ms"] = json!(now_ms());
    print::result(session.format, &shown, || one(run));
    if run.counts.failed + run.counts.timed_out + run.counts.expired > 0 {
        explain_failures(context, run).await?;
    }
    Ok(())
}

/// The first failures with their reasons, on standard error.
async fn explain_failures(context: &RunContext, run: &RunSummary) -> CliResult {
    const SHOWN: usize = 5;
    let mut follower = Follower::open(context, &run.id).await?;
    follower.read().await?;
    follower.load_inputs().await?;
    let view = follower.view();
    let failed = view.rows().filter(|row| {
        row.state.is_final() && row.state != TaskState::Succeeded && row.state != TaskState::Cancelled
    });
    for row in failed.take(SHOWN) {
        let records = run::attempts(context, follower.chain(), &row.task).await?;
        let memory = memory_of(context, records.iter().map(|attempt| &attempt.record)).await;
        let why = records.first().map(|attempt| reason(&attempt.record, memory));
        let why = why.or_else(|| unheard(row).map(str::to_owned)).unwrap_or_default();
        let input = row.input();
        let of = if input.is_empty() { "" } else { ", " };
        print::note(lines!("task {}{of}{}: {}: {why}", row.task, Clean::new(&input), ending(row)));
    }
    let counts = &run.counts;
    let states = [(counts.failed, "failed"), (counts.timed_out, "timed-out"), (counts.expired, "expired")];
    let named = states.iter().filter(|(count, _)| *count > 0).fold(String::new(), |mut text, (_, state)| {
        let _ = write!(text, " --state {state}");
        text
    });
    print::note(lines!("`throng tasks {}{named}` lists them", run.id));
    Ok(())
}

pub(crate) fn one(run: &RunSummary) -> Lines {
    let counts = &run.counts;
    let mut text = lines!("run {}  {}\n", run.id, Clean::new(&run.title()));
    let _ = writeln!(text, "  started   {}", words::local_time(run.started_ms));
    match run.ended_ms {
        Some(ended) => {
            let took = ended.saturating_sub(run.started_ms);
            let _ =
                writeln!(text, "  ended     {} after {}", words::local_time(ended), words::duration(took));
        }
        None => text.line(&"  ended     not yet".into()),
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
    if run.waiting > 0 {
        let _ = writeln!(text, "  of these  {} failed and will be tried again", run.waiting);
    }
    if run.held > 0 {
        let held = words::count(run.held);
        let _ = writeln!(
            text,
            "  of these  {held} held back, sent as the queue drains while the throng that launched the run is open (`throng run --resume {}`)",
            run.id
        );
    }
    let _ = writeln!(text, "  total     {}", counts.total());
    if !run.overrides.is_none() {
        let _ = writeln!(text, "  limits    {}", run.overrides.words());
    }
    if !run.reused.is_none() {
        let of = Clean::new(&run.reused.of_runs());
        let _ = writeln!(text, "  reused    {} of {of}, beside these", run.reused.tasks);
    }
    for stage in &run.stages {
        let _ = writeln!(text, "  stage     {}", Clean::new(&stage_words(&run.stages, stage)));
    }
    let classes: Vec<_> = run.classes.iter().map(|(class, count)| format!("{class} {count}")).collect();
    if !classes.is_empty() {
        let _ = writeln!(text, "  failures  {}", classes.join(", "));
    }
    if run.collisions > 0 {
        let objects = words::plural(run.collisions, "object");
        let _ = writeln!(text, "  overwritten  {objects} stored by several tasks, the last one won:");
        for Collision { bucket, key, tasks, .. } in run.collided.iter().take(OVERWRITTEN) {
            let tasks: Vec<_> = tasks.iter().map(ToString::to_string).collect();
            let key = Clean::new(key);
            let _ = writeln!(text, "    {bucket}/{key}  tasks {}", tasks.join(", "));
        }
    }
    text
}

/// Overwritten objects that are named.
const OVERWRITTEN: usize = 5;

/// How a stage stands.
fn stage_words(stages: &[StageSummary], stage: &StageSummary) -> String {
    if stage.waits {
        let before =
            stage.from.iter().filter_map(|from| stages.get(*from)).map(|before| before.function.as_str());
        return format!("{} waits for {}", stage.function, before.collect::<Vec<_>>().join(" and "));
    }
    let counts = &stage.counts;
    let mut text = format!("{} {}/{}", stage.function, counts.done(), counts.total());
    for (count, word) in [(counts.unsuccessful(), "not succeeded"), (counts.running, "running")] {
        if count > 0 {
            let _ = write!(text, ", {count} {word}");
        }
    }
    if !stage.complete {
        text.push_str(" so far");
    }
    text
}

/// All succeeded and nothing was overwritten, or not.
pub fn verdict(run: &RunSummary) -> CliResult {
    let all = run.counts.succeeded == run.counts.total() && run.collisions == 0;
    if all { Ok(()) } else { Err(Fail::silent(SOME_FAILED)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use throng_core::model::Counts;

    #[test]
    fn what_was_not_read_is_not_counted_and_what_is_damaged_is_named() {
        let run = |id: &str, counts, trouble| RunSummary {
            id: id.into(),
            counts,
            trouble,
            reading: true,
            ended_ms: None,
            ..crate::hostile::run()
        };
        let damaged = RunTrouble { damaged: true, why: "its run.json cannot be read".into() };
        let open = Counts { pending: 3_000, ..Counts::default() };
        let runs = [run("slow", open, None), run("odd", Counts::default(), Some(damaged))];
        let text = table(&runs);
        let line = |id: &str| text.lines().find(|line| line.starts_with(id)).unwrap_or_default().to_owned();
        assert!(line("slow").contains("3,000") && line("slow").ends_with("reading"), "{text}");
        assert!(!line("slow").contains(" 0 ") && line("odd").ends_with("damaged"), "{text}");
        let odd = document(&runs[1]);
        assert_eq!(odd["trouble"], json!({"damaged": true, "why": "its run.json cannot be read"}));
    }
}
