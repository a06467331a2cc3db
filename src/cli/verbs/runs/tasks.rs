//! `tasks`: the tasks of a run, or one with its attempts.

use super::reasons::{ending, memory_of, reason, unheard};
use super::reused;
use crate::args::{self, Format};
use crate::fail::{CliResult, Fail};
use crate::print::{self, Table};
use crate::session::Session;
use crate::verbs::resolve::resolve;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write as _;
use throng_contract::{TaskFile, TaskFiles};
use throng_core::cloud::now_ms;
use throng_core::jobs::Job;
use throng_core::lines;
use throng_core::model::{AttemptRecord, StageView, TaskRow, TaskState};
use throng_core::run::{self, Chain, Follower, RunContext, Sets};
use throng_core::words::{self, Clean, Lines};

pub async fn tasks(session: &Session, args: args::Tasks) -> CliResult {
    let context = session.job(Job::Look).await?.runs()?;
    let run = resolve(&context, &args.run).await?;
    let mut follower = Follower::open(&context, &run).await?;
    follower.read().await?;
    follower.load_inputs().await?;
    let view = follower.view();
    let chain = follower.chain();
    let provider = chain.header().provider.clone();
    let provider = provider.as_deref();
    let sets = follower.sets();
    let listed = view.rows().filter(|row| args.task.as_ref().is_none_or(|task| row.task == *task));
    let files = match session.format {
        // A table has no room for them.
        Format::Table if args.task.is_none() => HashMap::new(),
        _ => run::files_of(&context, chain.header(), listed.filter_map(|row| row.task.number())).await?,
    };
    let files_of = |row: &TaskRow| files.get(&chain.header().lister(row.task.number()?));
    let document = |row: &TaskRow| {
        let mut shown = task_document(provider, row);
        stage_of(&mut shown, chain, row);
        values(&mut shown, chain, sets, row);
        if let Some(files) = files_of(row) {
            shown["files"] = files_document(files);
        }
        shown
    };
    if let Some(name) = &args.task {
        let Some(row) = view.find(name) else {
            let launched = words::plural(chain.header().tasks, "task");
            let later = match view.stages.len() {
                1 => "",
                _ => "; `throng tasks` lists those of its other stages",
            };
            return Err(Fail::not_found(format!("run {run} has {launched}, numbered from 0{later}")));
        };
        let records = run::attempts(&context, chain, name).await?;
        let records: Vec<_> = records.into_iter().map(|attempt| attempt.record).collect();
        let memory = memory_of(&context, records.iter()).await;
        let mut shown = document(row);
        shown["records"] = json!(records);
        if let Some(generation) = Some(generation(chain, row)).filter(|generation| *generation > 0) {
            shown["generation"] = json!(generation);
        }
        let number = row.task.number();
        let all = number.map(|number| sets.all_variables(chain.header(), number)).unwrap_or_default();
        let own = variables_text(all.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        print::result(session.format, &shown, || {
            let mut text = task_text(provider, row, &own, &records, memory);
            lineage(&mut text, chain, row);
            if let Some(files) = files_of(row) {
                files_text(&mut text, files);
            }
            text
        });
        return Ok(());
    }
    let functions: Vec<_> = view.stages.iter().map(|stage| stage.function.as_str()).collect();
    if let Some(stage) = args.stage.as_deref().filter(|stage| !functions.contains(stage)) {
        let stages = functions.join(", ");
        return Err(Fail::not_found(format!("run {run} has no stage `{stage}`: its stages are {stages}")));
    }
    let wanted = |stage: &&StageView| args.stage.as_deref().is_none_or(|name| name == stage.function);
    let rows: Vec<_> = view
        .stages
        .iter()
        .filter(wanted)
        .flat_map(StageView::rows)
        .filter(|row| args.state.is_empty() || args.state.contains(&row.state))
        .collect();
    let mut shown: Vec<_> = rows.iter().map(|row| document(row)).collect();
    let launched = args.stage.as_deref().is_none_or(|stage| stage == chain.header().function);
    let reused = if args.state.is_empty() && launched {
        run::reused(&context, chain.header()).await?
    } else {
        Vec::new()
    };
    shown.extend(reused::documents(&reused));
    let whys = match session.format {
        Format::Table => reasons(&context, &follower, &rows, &args.state).await?,
        Format::Json => Vec::new(),
    };
    print::result(session.format, &shown, || {
        let mut text = table(chain, sets, &rows, &whys);
        text.push(&reused::table(&reused));
        text
    });
    Ok(())
}

/// Tasks, a line each. `whys` says why, where that was asked for.
fn table(chain: &Chain, sets: &Sets, rows: &[&TaskRow], whys: &[String]) -> Lines {
    let is_chain = chain.stages().len() > 1;
    let columns = if sets.names.len() <= VALUES { &sets.names[..] } else { &[] };
    let together = !sets.is_empty() && columns.is_empty();
    let mut headings = vec![">TASK", "STATE", "CLASS", ">TOOK", ">MEMORY", ">SIZE", ">TRIES", "INPUT"];
    headings.extend(together.then_some("VARIABLES"));
    headings.extend(is_chain.then_some("STAGE"));
    headings.extend((!whys.is_empty()).then_some("WHY"));
    let mut table = Table::new(&headings);
    for name in columns {
        table.column(name);
    }
    for (number, row) in rows.iter().enumerate() {
        let provider = chain.header().provider.as_deref().filter(|_| row.task.number().is_some());
        let mut cells = vec![
            row.task.to_string(),
            // Told by the platform's log alone: the ledger may still say otherwise.
            match &row.waiting() {
                Some(waiting) => words::waiting(waiting, now_ms()),
                None => format!("{}{}", row.state, if row.is_reported() { "?" } else { "" }),
            },
            class_of(row),
            row.duration_ms().map(words::duration).unwrap_or_default(),
            row.peak_memory().map(words::bytes).unwrap_or_default(),
            words::bytes(row.size),
            row.attempts.to_string(),
            input_of(provider, row),
        ];
        let set = row.task.number().and_then(|number| sets.of_task(number).1);
        cells
            .extend(together.then(|| set.map(|set| variables_text(sets.variables(set))).unwrap_or_default()));
        cells.extend(is_chain.then(|| function(chain, row)));
        cells.extend(whys.get(number).cloned());
        cells.resize(headings.len(), String::new());
        cells.extend(
            set.into_iter()
                .flat_map(|set| sets.variables(set))
                .take(columns.len())
                .map(|(_, value)| value.to_owned()),
        );
        table.row(cells);
    }
    if table.is_empty() { "No such tasks.\n".into() } else { table.render() }
}

/// Why a task did not succeed; of one that did, whether it left nothing.
fn class_of(row: &TaskRow) -> String {
    let nothing = || row.stored_nothing().then(|| run::NO_OUTPUTS.to_owned());
    row.class.map(|class| class.to_string()).or_else(nothing).unwrap_or_default()
}

/// So many variables have a column each; more stand in one.
const VALUES: usize = 6;

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
        rows.iter().take(EXPLAINED).map(|row| run::attempts(context, follower.chain(), &row.task));
    let attempts =
        stream::iter(explained.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect::<Vec<_>>().await?;
    let memory = memory_of(context, attempts.iter().flatten().map(|attempt| &attempt.record)).await;
    let last = |attempts: &Vec<run::Attempt>| attempts.first().map(|attempt| reason(&attempt.record, memory));
    let why = |(attempts, row): (&Vec<run::Attempt>, &&TaskRow)| {
        last(attempts).or_else(|| unheard(row).map(str::to_owned)).unwrap_or_default()
    };
    Ok(attempts.iter().zip(rows).map(why).collect())
}

/// The function that does a task.
fn function(chain: &Chain, row: &TaskRow) -> String {
    chain.function_of(&row.task).unwrap_or_default().to_owned()
}

/// The variables of a launched task.
fn values(document: &mut Value, chain: &Chain, sets: &Sets, row: &TaskRow) {
    if let Some(number) = row.task.number() {
        document["set"] = json!(sets.of_task(number).1);
        document["variables"] = json!(sets.all_variables(chain.header(), number));
    }
}

/// In a chain: the stage of a task, and what it came of.
fn stage_of(document: &mut Value, chain: &Chain, row: &TaskRow) {
    if chain.stages().len() > 1 {
        document["stage"] = json!(function(chain, row));
        document["parent"] = json!(row.task.parent());
    }
}

/// In a chain: what a task came of, and what its outputs have started.
fn lineage(text: &mut Lines, chain: &Chain, row: &TaskRow) {
    if let Some(generation) = words::generation(generation(chain, row)) {
        let _ = writeln!(text, "  generation {generation}");
    }
    if let Some(parent) = row.task.parent() {
        let _ = writeln!(text, "  from      an output of task {parent}");
    }
    for child in chain.children(&row.task) {
        let function = function(chain, child);
        let _ = writeln!(text, "  started   task {} of {function}: {}", child.task, child.state);
    }
}

/// Of a join: how often it had begun before.
fn generation(chain: &Chain, row: &TaskRow) -> u32 {
    row.task.id().map_or(0, |id| chain.generation(&id))
}

/// A task as `--output json` prints it.
pub(crate) fn task_document(provider: Option<&str>, row: &TaskRow) -> Value {
    let mut shown = json!({
        "task": row.task, "bucket": &*row.bucket, "key": &*row.key, "size": row.size,
        "state": row.state.as_str(), "class": row.class.map(throng_contract::FailureClass::as_str), "attempts": row.attempts,
        "duration_ms": row.duration_ms(), "peak_memory": row.peak_memory(), "ended_ms": row.ended_ms(),
        "stored_nothing": row.stored_nothing(), "request_id": row.request_id().as_deref(), "provider": provider, "reported": row.is_reported(),
        "file_count": row.files.max(u32::from(!row.key.is_empty())),
        "waiting": row.waiting().map(|waiting| json!({"retry": waiting.retry, "of": waiting.of, "due_ms": waiting.due_ms})),
    });
    if let Some(group) = row.group() {
        shown["key"] = json!("");
        shown["group"] = json!(group);
    }
    shown
}

/// The input of a task; a dash where it has none.
fn input_of(provider: Option<&str>, row: &TaskRow) -> String {
    let input = row.input();
    if input.is_empty() && !row.bucket.is_empty() {
        return "–".to_owned();
    }
    if row.group().is_some() || row.launched_as().is_some() {
        return input;
    }
    format!("{}/{input}", of_provider(provider, &row.bucket))
}

/// The files of a task that has several, for `--output json`.
fn files_document(files: &TaskFiles) -> Value {
    let file = |file: &TaskFile| json!({"key": files.key(file), "size": file.size, "with": file.with});
    json!(files.list.iter().map(file).collect::<Vec<_>>())
}

/// The same for people.
fn files_text(text: &mut Lines, files: &TaskFiles) {
    let count = words::plural(files.list.len() as u64, "file");
    let _ = writeln!(text, "{count} ({}):", words::bytes(files.bytes()));
    for file in &files.list {
        let with = file.with.as_deref().map(|with| format!(", {}", Clean::new(with))).unwrap_or_default();
        let _ = writeln!(
            text,
            "  file      {} ({}{with})",
            Clean::new(&files.key(file)),
            words::bytes(file.size)
        );
    }
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
    if let Some(why) = unheard(row) {
        let _ = writeln!(text, "  error     {why}");
    }
    for (index, record) in records.iter().enumerate() {
        let _ = writeln!(
            text,
            "attempt {}: {}{} at {}, request {}",
            records.len() - index,
            record.state,
            run::nothing_left(record).map(|nothing| format!(", {nothing},")).unwrap_or_default(),
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
