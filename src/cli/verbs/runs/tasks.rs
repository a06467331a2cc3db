//! `tasks`: the tasks of a run, or one with its attempts.

use super::reasons::{ending, memory_of, reason};
use crate::args::{self, Format};
use crate::fail::{CliResult, Fail};
use crate::print::{self, Table};
use crate::session::Session;
use crate::verbs::resolve::resolve;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use std::fmt::Write as _;
use throng_core::cloud::now_ms;
use throng_core::jobs::Job;
use throng_core::lines;
use throng_core::model::{AttemptRecord, TaskRow, TaskState};
use throng_core::run::{self, Follower, RunContext};
use throng_core::words::{self, Clean, Lines};

pub async fn tasks(session: &Session, args: args::Tasks) -> CliResult {
    let context = session.job(Job::Look).await?.runs()?;
    let run = resolve(&context, &args.run).await?;
    let mut follower = Follower::open(&context, &run).await?;
    follower.load_inputs().await?;
    follower.read().await?;
    let view = follower.view();
    let header = follower.tracker().header().clone();
    let provider = header.provider.as_deref();
    let sets = run::sets_of(&context, &header).await?;
    let document = |row: &TaskRow| {
        let mut shown = task_document(provider, row);
        shown["set"] = json!(sets.of_task(row.task).1);
        shown["variables"] = json!(sets.all_variables(&header, row.task));
        shown
    };
    if let Some(number) = args.task {
        let row = usize::try_from(number).ok().and_then(|index| view.task(index));
        let Some(row) = row else {
            return Err(Fail::not_found(format!(
                "run {run} has {}, numbered from 0",
                words::plural(view.len() as u64, "task")
            )));
        };
        let records = run::attempts(&context, follower.tracker(), number).await?;
        let records: Vec<_> = records.into_iter().map(|attempt| attempt.record).collect();
        let memory = memory_of(&context, records.iter()).await;
        let mut shown = document(row);
        shown["records"] = json!(records);
        let all = sets.all_variables(&header, number);
        let own = variables_text(all.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        print::result(session.format, &shown, || task_text(provider, row, &own, &records, memory));
        return Ok(());
    }
    let rows: Vec<_> = (0..view.len())
        .filter_map(|index| view.task(index))
        .filter(|row| args.state.is_empty() || args.state.contains(&row.state))
        .collect();
    let shown: Vec<_> = rows.iter().map(|row| document(row)).collect();
    let whys = match session.format {
        Format::Table => reasons(&context, &follower, &rows, &args.state).await?,
        Format::Json => Vec::new(),
    };
    print::result(session.format, &shown, || {
        let mut columns = vec![">TASK", "STATE", "CLASS", ">TOOK", ">MEMORY", ">SIZE", ">TRIES", "INPUT"];
        columns.extend((!sets.is_empty()).then_some("VARIABLES"));
        columns.extend((!whys.is_empty()).then_some("WHY"));
        let mut table = Table::new(&columns);
        for (number, row) in rows.iter().enumerate() {
            let set = sets.of_task(row.task).1;
            let own = set.map(|set| variables_text(sets.variables(set)));
            let mut cells = vec![
                row.task.to_string(),
                // Told by the platform's log alone: the ledger may still say otherwise.
                match &row.waiting {
                    Some(waiting) => words::waiting(waiting, now_ms()),
                    None => format!("{}{}", row.state, if row.is_reported() { "?" } else { "" }),
                },
                row.class.map(|class| class.to_string()).unwrap_or_default(),
                row.duration_ms.map(words::duration).unwrap_or_default(),
                row.peak_memory.map(words::bytes).unwrap_or_default(),
                words::bytes(row.size),
                row.attempts.to_string(),
                input_of(provider, row),
            ];
            cells.extend(own);
            cells.extend(whys.get(number).cloned());
            table.row(cells);
        }
        if table.is_empty() { "No such tasks.\n".into() } else { table.render() }
    });
    Ok(())
}

/// Failures of this many tasks are explained; each costs a request or two.
const EXPLAINED: usize = 200;
/// Requests in flight.
const AT_ONCE: usize = 16;

/// Why tasks failed, where a person asked for those that did.
async fn reasons(
    context: &RunContext,
    follower: &Follower,
    rows: &[&TaskRow],
    states: &[TaskState],
) -> Result<Vec<String>, Fail> {
    let bad = [TaskState::Failed, TaskState::TimedOut, TaskState::Expired];
    if states.is_empty() || !states.iter().all(|state| bad.contains(state)) {
        return Ok(Vec::new());
    }
    let explained =
        rows.iter().take(EXPLAINED).map(|row| run::attempts(context, follower.tracker(), row.task));
    let attempts =
        stream::iter(explained.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect::<Vec<_>>().await?;
    let memory = memory_of(context, attempts.iter().flatten().map(|attempt| &attempt.record)).await;
    let last = |attempts: &Vec<run::Attempt>| attempts.first().map(|attempt| reason(&attempt.record, memory));
    Ok(attempts.iter().map(|attempts| last(attempts).unwrap_or_default()).collect())
}

/// A task as `--output json` prints it.
pub(crate) fn task_document(provider: Option<&str>, row: &TaskRow) -> Value {
    json!({
        "task": row.task, "bucket": &*row.bucket, "key": &*row.key, "size": row.size,
        "state": row.state.as_str(), "class": row.class.map(throng_contract::FailureClass::as_str), "attempts": row.attempts,
        "duration_ms": row.duration_ms, "peak_memory": row.peak_memory, "ended_ms": row.ended_ms,
        "request_id": row.request_id.as_deref(), "provider": provider, "reported": row.is_reported(),
        "waiting": row.waiting.map(|waiting| json!({"retry": waiting.retry, "of": waiting.of, "due_ms": waiting.due_ms})),
    })
}

/// The input of a task; a dash where it has none.
fn input_of(provider: Option<&str>, row: &TaskRow) -> String {
    if row.key.is_empty() && !row.bucket.is_empty() {
        return "–".to_owned();
    }
    format!("{}/{}", of_provider(provider, &row.bucket), row.key)
}

/// Variables in a line: `ALPHA=0.1 BETA=2`.
fn variables_text<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    variables.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// A bucket, with the storage provider that it is at.
fn of_provider(provider: Option<&str>, bucket: &str) -> String {
    provider.map_or_else(|| bucket.to_owned(), |provider| format!("{provider}://{bucket}"))
}

pub(crate) fn task_text(
    provider: Option<&str>,
    row: &TaskRow,
    variables: &str,
    records: &[AttemptRecord],
    memory_mb: Option<u32>,
) -> Lines {
    let input = input_of(provider, row);
    let mut text = lines!(
        "task {}: {}\n  input     {} ({})\n",
        row.task,
        ending(row),
        Clean::new(&input),
        words::bytes(row.size)
    );
    if !variables.is_empty() {
        let _ = writeln!(text, "  variables {}", Clean::new(variables));
    }
    for (index, record) in records.iter().enumerate() {
        let _ = writeln!(
            text,
            "attempt {}: {} at {}, request {}",
            records.len() - index,
            record.state,
            words::local_time(record.ended_ms),
            record.request_id,
        );
        if run::is_measured(record) {
            let phases = &record.phases;
            let _ = writeln!(
                text,
                "  phases    init {:.0} ms, in {:.0} ms, run {:.0} ms, out {:.0} ms\n  memory    {} at most",
                phases.init_ms,
                phases.stage_in_ms,
                phases.run_ms,
                phases.stage_out_ms,
                words::bytes(record.peak_memory),
            );
        }
        if let Some(code) = record.exit_code {
            let _ = writeln!(text, "  exit code {code}");
        }
        if let Some(error) = run::reason(record, memory_mb) {
            let _ = writeln!(text, "  error     {error}");
        }
        for output in &record.outputs {
            let _ = writeln!(
                text,
                "  output    {}/{} ({})",
                of_provider(output.provider.as_deref(), &output.bucket),
                // A line break in a key must not look like a line of ours.
                Clean::new(&output.key),
                words::bytes(output.size)
            );
        }
        for line in &record.stderr_tail {
            let _ = writeln!(text, "  stderr    {line}");
        }
    }
    text
}
