//! What can be done with the thing under the cursor.

use super::navigate::{self, SINCE};
use crate::tui::app::{App, Awaited};
use crate::tui::drop::{Dropped, parse};
use crate::tui::filter::States;
use crate::tui::layers::confirm::Confirm;
use crate::tui::layers::drop::{DropDialog, Target};
use crate::tui::layers::editor::Payload;
use crate::tui::layers::files::Files;
use crate::tui::layers::line::{LineInput, Purpose};
use crate::tui::layers::menu::{Item, Menu};
use crate::tui::layers::preview::PreviewLayer;
use crate::tui::place::Place;
use crate::tui::text;
use crate::tui::views::{run, task};
use throng::core::engine::{Command, LogQuery};
use throng::core::model::{FailureClass, ObjectInfo, ProgressState, RunSummary, TaskRow, TaskState};

/// The data's row under the cursor.
fn row(app: &mut App) -> Option<usize> {
    app.with_list(|list, _| list.row())
}

/// The marked rows, or the one under the cursor.
fn chosen(app: &mut App) -> Vec<usize> {
    app.with_list(|list, rows| list.chosen(rows))
}

fn function_here(app: &mut App) -> Option<String> {
    let at = row(app);
    match &app.page().place {
        Place::Function(name) => Some(name.clone()),
        Place::Functions => Some(app.snapshot.functions.items.get(at?)?.name.clone()),
        _ => None,
    }
}

/// The run under the cursor, or the one that is open.
fn run_here(app: &mut App) -> Option<RunSummary> {
    let at = row(app);
    match &app.page().place {
        Place::Runs => app.snapshot.runs.items.get(at?).cloned(),
        Place::Function(name) => {
            app.snapshot.runs.items.iter().filter(|run| run.function == *name).nth(at?).cloned()
        }
        Place::Run(id) | Place::Task { run: id, .. } => run::view(&app.snapshot, id)
            .map(|view| &view.summary)
            .or_else(|| app.snapshot.runs.items.iter().find(|run| run.id == *id))
            .cloned(),
        _ => None,
    }
}

fn task_here(app: &mut App) -> Option<(String, TaskRow)> {
    let at = row(app);
    match &app.page().place {
        Place::Run(id) => Some((id.clone(), run::view(&app.snapshot, id)?.task(at?)?.clone())),
        Place::Task { run, task } => Some((run.clone(), task::view(&app.snapshot, run, *task)?.row.clone()?)),
        _ => None,
    }
}

fn objects_here(app: &mut App) -> Option<(String, Vec<ObjectInfo>)> {
    let chosen = chosen(app);
    let Place::Objects { bucket, prefix } = &app.page().place else { return None };
    let view =
        app.snapshot.objects.as_ref().filter(|view| view.bucket == *bucket && view.prefix == *prefix)?;
    let objects: Vec<ObjectInfo> =
        chosen.into_iter().filter_map(|row| view.listing.items.get(row).cloned()).collect();
    (!objects.is_empty()).then(|| (bucket.clone(), objects))
}

/// Outputs of the open task: bucket and key.
fn outputs_here(app: &mut App) -> Vec<(String, String)> {
    let chosen = chosen(app);
    let page = app.page();
    let Place::Task { run, task } = &page.place else { return Vec::new() };
    task::record(&app.snapshot, run, *task, page.attempt).map_or_else(Vec::new, |record| {
        let outputs = chosen.into_iter().filter_map(|row| record.outputs.get(row));
        let own = outputs.filter(|output| output.provider.is_none());
        own.map(|output| (output.bucket.clone(), output.key.clone())).collect()
    })
}

/// Goes to what is under the cursor.
pub fn enter(app: &mut App, _: &str) {
    let at = row(app);
    let place = match (&app.page().place, at) {
        (Place::Functions, Some(_)) => function_here(app).map(Place::Function),
        (Place::Buckets, Some(at)) => app
            .snapshot
            .buckets
            .items
            .get(at)
            .map(|bucket| Place::Objects { bucket: bucket.name.clone(), prefix: String::new() }),
        (Place::Objects { bucket, prefix }, Some(at)) => {
            let bucket = bucket.clone();
            let object =
                app.snapshot.objects.as_ref().filter(|view| view.bucket == bucket && view.prefix == *prefix);
            match object.and_then(|view| view.listing.items.get(at)) {
                Some(object) if object.folder => Some(Place::Objects { bucket, prefix: object.key.clone() }),
                Some(_) => return open_result(app, ""),
                None => None,
            }
        }
        (Place::Runs | Place::Function(_), Some(_)) => run_here(app).map(|run| Place::Run(run.id)),
        (Place::Run(_), Some(_)) => task_here(app).map(|(run, task)| Place::Task { run, task: task.task }),
        (Place::Running, Some(at)) => {
            let invocation = app.snapshot.running.items.get(at).cloned();
            match invocation {
                Some(found) => match (found.run, found.task) {
                    (Some(run), Some(task)) => {
                        return app.open(2, vec![Place::Run(run.clone()), Place::Task { run, task }]);
                    }
                    _ => return log_of(app, ""),
                },
                None => None,
            }
        }
        (Place::Task { .. }, _) => return open_result(app, ""),
        _ => None,
    };
    if let Some(place) = place {
        app.enter(place);
    }
}

/// Chooses files for what is under the cursor.
pub fn upload(app: &mut App, path: &str) {
    if let Dropped::Here(paths) = parse(path) {
        return dropped(app, paths);
    }
    let target = Target::suggested(app);
    let title = match &target {
        Some(Target::Function(name)) => format!("Files for {name}"),
        Some(Target::Bucket(bucket, prefix)) => format!("Files for {bucket}/{prefix}"),
        None => return app.refuse("There is no function and no bucket yet. Press n to launch a function."),
    };
    app.push(DropDialog::new(Vec::new(), target, app));
    app.push(Files::many(&title, path));
}

/// Files were dropped on the terminal.
pub fn dropped(app: &mut App, paths: Vec<std::path::PathBuf>) {
    let target = Target::suggested(app);
    app.push(DropDialog::new(paths, target, app));
}

pub fn run_objects(app: &mut App, function: &str) {
    let Some((bucket, objects)) = objects_here(app) else { return };
    let keys: Vec<String> = objects.into_iter().map(|object| object.key).collect();
    if !function.is_empty() {
        return start_over(app, function, bucket, keys);
    }
    let items: Vec<Item> = app
        .snapshot
        .functions
        .items
        .iter()
        .map(|found| {
            let (name, bucket, keys) = (found.name.clone(), bucket.clone(), keys.clone());
            Item::new(&found.name, super::super::views::functions::short_image(&found.image), move |app| {
                start_over(app, &name, bucket.clone(), keys.clone());
            })
        })
        .collect();
    if items.is_empty() {
        app.refuse("There is no function yet. Press n to launch one.");
    } else {
        app.push(Menu::new(&format!("Process {} with", text::plural(keys.len() as u64, "item")), items));
    }
}

fn start_over(app: &mut App, function: &str, bucket: String, keys: Vec<String>) {
    app.say(format!("Starting a run of {function} …"));
    app.send(Command::RunObjects { function: function.to_owned(), bucket, keys });
    app.page_mut().list.marks.clear();
    app.open(2, Vec::new());
}

/// Shows an object.
pub fn open_result(app: &mut App, _: &str) {
    let place = match &app.page().place {
        Place::Objects { .. } => objects_here(app).and_then(|(bucket, objects)| {
            objects.into_iter().find(|object| !object.folder).map(|object| (bucket, object.key))
        }),
        Place::Task { .. } => outputs_here(app).into_iter().next(),
        Place::Run(_) => return for_outputs(app, Awaited::Show),
        _ => None,
    };
    match place {
        Some((bucket, key)) => {
            let layer = PreviewLayer::open(&bucket, &key, app);
            app.push(layer);
        }
        None => refuse_outputs(app, "There is no object under the cursor."),
    }
}

/// The outputs of a task in a list are known once its record has been read: its page is opened for that.
fn for_outputs(app: &mut App, what: Awaited) {
    let Some((run, row)) = task_here(app) else { return app.refuse("There is no task under the cursor.") };
    match row.state {
        TaskState::Pending | TaskState::Running => {
            app.refuse("This task has not ended: it has no outputs yet.");
        }
        _ => app.enter_for(Place::Task { run, task: row.task }, what),
    }
}

/// All outputs of the newest attempt of the open task.
fn all_outputs(app: &App) -> Vec<(String, String)> {
    let Place::Task { run, task } = &app.page().place else { return Vec::new() };
    task::record(&app.snapshot, run, *task, 0).map_or_else(Vec::new, |record| {
        let own = record.outputs.iter().filter(|output| output.provider.is_none());
        own.map(|output| (output.bucket.clone(), output.key.clone())).collect()
    })
}

/// Says why there is no output to show or fetch: some are at a storage provider, which the screen does not read.
fn refuse_outputs(app: &mut App, otherwise: &str) {
    let Place::Task { run, task } = &app.page().place else { return app.refuse(otherwise) };
    let record = task::record(&app.snapshot, run, *task, app.page().attempt);
    let provider = record.and_then(|record| record.outputs.iter().find_map(|output| output.provider.clone()));
    match provider {
        Some(name) => {
            app.refuse(format!(
                "The outputs are at {name}: `throng run … --wait --to` or its own tools fetch them."
            ));
        }
        None => app.refuse(otherwise),
    }
}

/// Shows the first picture among the outputs of the open task, or else its first output.
pub fn show_first(app: &mut App) {
    let outputs = all_outputs(app);
    let picture = |key: &str| {
        let ending = key.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
        ["png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff"].contains(&ending.as_str())
    };
    match outputs.iter().find(|(_, key)| picture(key)).or_else(|| outputs.first()) {
        Some((bucket, key)) => {
            let layer = PreviewLayer::open(bucket, key, app);
            app.push(layer);
        }
        None => refuse_outputs(app, "This task has no outputs."),
    }
}

/// Fetches all outputs of the open task.
pub fn download_all(app: &mut App) {
    let outputs = all_outputs(app);
    let to = app.downloads.clone();
    if outputs.is_empty() {
        return refuse_outputs(app, "This task has no outputs.");
    }
    fetch(app, outputs, &to);
}

fn fetch(app: &mut App, objects: Vec<(String, String)>, to: &std::path::Path) {
    let mut by_bucket: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    for (bucket, key) in objects {
        by_bucket.entry(bucket).or_default().push(key);
    }
    app.say(format!("Fetching to {} …", to.display()));
    for (bucket, keys) in by_bucket {
        app.send(Command::Download { bucket, keys, to: to.to_owned() });
    }
}

pub fn download(app: &mut App, to: &str) {
    if matches!(app.page().place, Place::Run(_)) && to.is_empty() {
        return for_outputs(app, Awaited::Download);
    }
    let to = if to.is_empty() { app.downloads.clone() } else { super::program::expand(to) };
    let mut objects = outputs_here(app);
    if let Some((bucket, found)) = objects_here(app) {
        objects.extend(found.into_iter().map(|object| (bucket.clone(), object.key)));
    }
    if objects.is_empty() {
        let otherwise = "There is nothing to download under the cursor. Outputs are listed in a task.";
        return refuse_outputs(app, otherwise);
    }
    fetch(app, objects, &to);
    app.page_mut().list.marks.clear();
}

pub fn invoke(app: &mut App, name: &str) {
    let function = if name.is_empty() { function_here(app) } else { Some(name.to_owned()) };
    if let Some(function) = function {
        app.push(Payload::new(&function));
    }
}

pub fn new_bucket(app: &mut App, name: &str) {
    if name.is_empty() {
        app.push(LineInput::new(Purpose::NewBucket, ""));
    } else {
        app.send(Command::CreateBucket(name.to_owned()));
    }
}

/// Goes through the states, or to the one that is named.
pub fn states(app: &mut App, word: &str) {
    let now = app.page().list.filter.states;
    let next = match word {
        "" => now.next(),
        "all" => States::All,
        "unsuccessful" => States::Unsuccessful,
        word => match word.parse() {
            Ok(state) => States::Only(state),
            Err(_) => return app.refuse(format!("There is no state {word}.")),
        },
    };
    app.page_mut().list.filter.states = next;
    app.say(format!("Showing {} tasks.", next.word()));
}

pub fn newer_attempt(app: &mut App, _: &str) {
    let page = app.page_mut();
    page.attempt = page.attempt.saturating_sub(1);
}

pub fn older_attempt(app: &mut App, _: &str) {
    let Place::Task { run, task } = &app.page().place else { return };
    let attempts = task::view(&app.snapshot, run, *task).map_or(0, |view| view.records.items.len());
    let page = app.page_mut();
    page.attempt = (page.attempt + 1).min(attempts.saturating_sub(1));
}

/// Follows the log of what is under the cursor.
pub fn log_of(app: &mut App, _: &str) {
    let query = log_query(app);
    match query {
        Some(query) => navigate::follow(app, query),
        None => app.refuse("There is nothing under the cursor that has a log."),
    }
}

fn log_query(app: &mut App) -> Option<LogQuery> {
    let at = row(app);
    let since_s = SINCE;
    let since = |started: u64, now: u64| now.saturating_sub(started) / 1000 + 60;
    match app.page().place.clone() {
        Place::Functions => {
            Some(LogQuery { functions: vec![function_here(app)?], since_s, ..LogQuery::default() })
        }
        Place::Running => {
            let invocation = app.snapshot.running.items.get(at?)?.clone();
            Some(LogQuery {
                functions: vec![invocation.function],
                run: invocation.run,
                task: invocation.task,
                request_id: Some(invocation.request_id),
                since_s: since(invocation.started_ms, app.look.now),
            })
        }
        Place::Function(name) if at.is_none() => {
            Some(LogQuery { functions: vec![name], since_s, ..LogQuery::default() })
        }
        Place::Run(_) | Place::Task { .. } if task_here(app).is_some() => {
            let (id, task) = task_here(app)?;
            let run = run_here(app);
            Some(LogQuery {
                functions: run.iter().map(|run| run.function.clone()).collect(),
                run: Some(id),
                task: Some(task.task),
                request_id: None,
                since_s: run.map_or(since_s, |run| since(run.started_ms, app.look.now)),
            })
        }
        _ => {
            let run = run_here(app)?;
            Some(LogQuery {
                functions: vec![run.function],
                run: Some(run.id),
                since_s: since(run.started_ms, app.look.now),
                ..LogQuery::default()
            })
        }
    }
}

pub fn cancel(app: &mut App, _: &str) {
    if app.page().place == Place::Transfers {
        let at = row(app);
        let Some(progress) = at.and_then(|at| app.snapshot.progress.get(at)).cloned() else { return };
        if progress.state != ProgressState::Active {
            return app.refuse("It has ended already.");
        }
        let id = progress.id;
        let lines = vec![progress.label];
        return app
            .push(Confirm::yes("Cancel this?", lines, move |app| app.send(Command::CancelProgress(id))));
    }
    let Some(run) = run_here(app) else { return };
    if run.ended_ms.is_some() {
        return app.refuse("This run has ended already.");
    }
    let lines = vec![
        format!("{} of {}", run.id, run.function),
        format!(
            "{} not begun will not be; {} running go on to their end.",
            text::plural(run.counts.pending, "task"),
            run.counts.running
        ),
    ];
    app.push(Confirm::yes("Cancel this run?", lines, move |app| app.send(Command::CancelRun(run.id))));
}

/// Sends again the tasks of a run that have not begun.
pub fn resume(app: &mut App, _: &str) {
    let Some(run) = run_here(app) else { return app.refuse("There is no run under the cursor.") };
    let lost = run.classes.get(&FailureClass::Lost).copied().unwrap_or(0);
    let waiting = run.counts.pending + lost;
    if run.cancelled {
        return app.refuse("This run was cancelled.");
    }
    if run.unsent > 0 {
        return app.refuse("The inputs of this run are being sent.");
    }
    if waiting == 0 {
        return app.refuse("Every task of this run has begun: there is nothing to send.");
    }
    let lines = vec![
        format!("{} of {}", run.id, run.function),
        format!("{} not begun; what was only late is counted once.", text::plural(waiting, "task")),
    ];
    app.push(Confirm::yes("Send again?", lines, move |app| app.send(Command::ResumeRun(run.id))));
}

pub fn delete(app: &mut App, _: &str) {
    let at = row(app);
    match &app.page().place {
        Place::Functions | Place::Function(_) => {
            let Some(name) = function_here(app) else { return };
            let lines = vec![
                format!("The function {name}, its trigger and its log go."),
                "Buckets and objects stay.".to_owned(),
            ];
            let word = name.clone();
            app.push(Confirm::typed("Delete this function?", lines, &word, move |app| {
                app.send(Command::DeleteFunction(name));
                if matches!(app.page().place, Place::Function(_)) {
                    app.tabs[0].truncate(1);
                    app.look_at();
                }
            }));
        }
        Place::Buckets => {
            let Some(name) =
                at.and_then(|at| app.snapshot.buckets.items.get(at)).map(|bucket| bucket.name.clone())
            else {
                return;
            };
            let lines = vec![format!("The bucket {name}. It must be empty.")];
            let word = name.clone();
            app.push(Confirm::typed("Delete this bucket?", lines, &word, move |app| {
                app.send(Command::DeleteBucket(name));
            }));
        }
        Place::Objects { .. } => delete_objects(app),
        _ => {}
    }
}

fn delete_objects(app: &mut App) {
    let Some((bucket, objects)) = objects_here(app) else { return };
    let bytes: u64 = objects.iter().map(|object| object.size).sum();
    let folders = objects.iter().filter(|object| object.folder).count();
    let mut lines =
        vec![format!("{} in {bucket}, {}", text::plural(objects.len() as u64, "item"), text::bytes(bytes))];
    if folders > 0 {
        lines.push(format!("and everything below {}.", text::plural(folders as u64, "folder")));
    }
    lines.extend(objects.iter().take(5).map(|object| format!("  {}", object.key)));
    let keys: Vec<String> = objects.into_iter().map(|object| object.key).collect();
    app.push(Confirm::yes("Delete these?", lines, move |app| {
        app.send(Command::DeleteObjects { bucket, keys });
        app.page_mut().list.marks.clear();
    }));
}

/// Names and texts that `y` offers.
pub fn copyable(app: &mut App) -> Vec<(String, String)> {
    let mut texts: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, text: &str| {
        if !text.is_empty() {
            texts.push((name.to_owned(), text.to_owned()));
        }
    };
    if app.page().place == Place::Logs {
        if let Some(entry) = app.logs.current() {
            add("message", &entry.message);
            add("request id", entry.request_id.as_deref().unwrap_or(""));
        }
        return texts;
    }
    let at = row(app);
    match &app.page().place {
        Place::Functions | Place::Function(_) => {
            let name = function_here(app).unwrap_or_default();
            if let Some(function) = app.snapshot.functions.items.iter().find(|function| function.name == name)
            {
                add("name", &function.name);
                add("ARN", &function.arn);
                add("image", &function.image);
                add("log group", &function.log_group);
            }
        }
        Place::Buckets => {
            if let Some(bucket) = at.and_then(|at| app.snapshot.buckets.items.get(at)) {
                add("name", &bucket.name);
                add("address", &format!("s3://{}", bucket.name));
            }
        }
        Place::Objects { .. } => {
            if let Some((bucket, objects)) = objects_here(app) {
                let keys: Vec<&str> = objects.iter().map(|object| object.key.as_str()).collect();
                let places: Vec<String> = keys.iter().map(|key| format!("s3://{bucket}/{key}")).collect();
                add("address", &places.join("\n"));
                add("key", &keys.join("\n"));
                if let [object] = &objects[..] {
                    add("ETag", &object.etag);
                }
            }
        }
        Place::Runs => {
            if let Some(run) = run_here(app) {
                add("run", &run.id);
                add("function", &run.function);
                add("image", &run.image);
            }
        }
        Place::Run(_) => {
            if let Some((run, task)) = task_here(app) {
                add("input", &format!("s3://{}/{}", task.bucket, task.key));
                add("request id", task.request_id.as_deref().unwrap_or(""));
                add("run", &run);
            }
        }
        Place::Task { .. } => {
            let outputs = outputs_here(app);
            let places: Vec<String> =
                outputs.iter().map(|(bucket, key)| format!("s3://{bucket}/{key}")).collect();
            add("output", &places.join("\n"));
            if let Some((run, task)) = task_here(app) {
                add("input", &format!("s3://{}/{}", task.bucket, task.key));
                add("request id", task.request_id.as_deref().unwrap_or(""));
                add("run", &run);
            }
        }
        Place::Running => {
            if let Some(invocation) = at.and_then(|at| app.snapshot.running.items.get(at)) {
                add("request id", &invocation.request_id);
                add("input", invocation.input.as_deref().unwrap_or(""));
                add("log stream", invocation.log_stream.as_deref().unwrap_or(""));
            }
        }
        Place::Transfers => {
            if let Some(progress) = at.and_then(|at| app.snapshot.progress.get(at)) {
                add("label", &progress.label);
            }
        }
        Place::Logs => {}
    }
    texts
}
