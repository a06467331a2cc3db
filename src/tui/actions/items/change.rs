//! Makes, sends again, cancels and deletes.

use super::here::{function_here, objects_here, row, run_here};
use crate::app::App;
use crate::layers::confirm::Confirm;
use crate::layers::line::{LineInput, Purpose};
use crate::place::Route;
use throng_core::clean;
use throng_core::engine::Command;
use throng_core::jobs::Which;
use throng_core::model::{ObjectInfo, ProgressState, RunSummary};
use throng_core::words;

pub fn new_bucket(app: &mut App, name: &str) {
    if name.is_empty() {
        app.push(LineInput::new(Purpose::NewBucket, ""));
    } else {
        app.send(Command::CreateBucket(name.to_owned()));
    }
}

pub fn cancel(app: &mut App, _: &str) {
    if app.page().place == Route::Transfers {
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
    let tasks = if run.reading {
        "Its records are still being read. Tasks that have not begun will not be.".to_owned()
    } else {
        waiting_and_running(&run)
    };
    let lines = vec![format!("{} of {}", run.id, run.function), tasks];
    let word = run.id.rsplit('-').next().unwrap_or_default().to_owned();
    app.push(Confirm::typed("Cancel this run?", lines, &word, move |app| {
        app.send(Command::CancelRun(run.id));
    }));
}

/// What becomes of the tasks of a run that is cancelled.
fn waiting_and_running(run: &RunSummary) -> String {
    let waiting = match run.counts.pending {
        0 => "Every task has begun".to_owned(),
        1 => "1 task that has not begun will not be".to_owned(),
        many => format!("{} tasks that have not begun will not be", words::count(many)),
    };
    let running = match run.counts.running {
        // Attempts are known to run after a second.
        0 => "what has just begun ends by itself".to_owned(),
        1 => "1 that is running goes on to its end".to_owned(),
        many => format!("{} that are running go on to their end", words::count(many)),
    };
    format!("{waiting}; {running}.")
}

/// Of an open run, sends again the tasks that have not begun; of one that has ended, runs again what did not succeed.
pub fn resume(app: &mut App, _: &str) {
    let Some(run) = run_here(app) else { return app.refuse("There is no run under the cursor.") };
    if run.reading {
        return app.refuse("The run's records are still being read.");
    }
    if run.ended_ms.is_some() {
        return run_again(app, run);
    }
    // What failed and will be tried again needs nobody.
    let waiting = run.counts.pending.saturating_sub(run.waiting);
    if run.cancelled {
        return app.refuse("This run was cancelled.");
    }
    if run.unsent > 0 {
        return app.refuse("The inputs of this run are being sent.");
    }
    if waiting == 0 {
        return app.refuse("Every task has begun. When all have ended, R runs again what did not succeed.");
    }
    let of = format!("{} of {}", run.id, run.function);
    if run.held > 0 {
        let held = words::plural(run.held, "task");
        let lines = vec![
            of,
            format!("{held} held back: from here they are sent as others end."),
            "That is possible on the machine that launched the run.".to_owned(),
        ];
        return app.push(Confirm::yes("Go on?", lines, move |app| app.send(Command::ResumeRun(run.id))));
    }
    let lines = vec![
        of,
        format!("{} not begun; what was only late is counted once.", words::plural(waiting, "task")),
    ];
    app.push(Confirm::yes("Send again?", lines, move |app| app.send(Command::ResumeRun(run.id))));
}

fn run_again(app: &mut App, run: RunSummary) {
    let bad = run.counts.unsuccessful();
    // Of a chain, and of what arrived by itself, nobody can tell what changed.
    let comparable = run.stages.is_empty() && !run.standing;
    let joined = run.stages.iter().any(|stage| stage.join);
    let RunSummary { id, function, .. } = run;
    let (name, of) = (id.clone(), function.clone());
    let again = move |which| {
        let (function, run) = (function.clone(), id.clone());
        move |app: &mut App| {
            app.start_run(&function.clone(), Command::RunAgain { function, run, which });
        }
    };
    if bad == 0 {
        if !comparable {
            return app.refuse("Every task of this run has succeeded: there is nothing to run again.");
        }
        let lines = vec![
            "Every task of this run has succeeded. A new run over what it was launched".to_owned(),
            "over, as it is now: inputs that are new or other, or all when the function is.".to_owned(),
        ];
        return app.push(Confirm::yes("Run only what changed?", lines, again(Which::Changed)));
    }
    let mut lines = vec![
        format!("{name} of {of}"),
        format!("{} did not succeed: a new run with their inputs.", words::plural(bad, "task")),
    ];
    if joined {
        lines.push("A join behind them gets what comes of these alone. To do them again in".to_owned());
        lines.push("this run, with all the rest: `throng run --resume RUN --failed`.".to_owned());
    }
    if comparable {
        lines.push("Or with what changed: inputs that are new or other since, as well.".to_owned());
    }
    let title = if bad == 1 {
        "Run the one that did not succeed again?".into()
    } else {
        clean!("Run the {} that did not succeed again?", words::count(bad))
    };
    let question = Confirm::yes(title, lines, again(Which::Unsuccessful));
    app.push(if comparable { question.or('c', "what changed", again(Which::Changed)) } else { question });
}

pub fn delete(app: &mut App, _: &str) {
    let at = row(app);
    match &app.page().place {
        Route::Functions | Route::Function(_) => {
            let Some(name) = function_here(app) else { return };
            let lines = vec![
                format!("The function {name} goes, with its triggers, its log group,"),
                if app.snapshot.context.local {
                    "its image and the keys of its storage providers.".to_owned()
                } else {
                    "its image repository, its role and the keys of its storage providers.".to_owned()
                },
                "Buckets and objects stay; so does what throng did not make for it.".to_owned(),
            ];
            let word = name.clone();
            app.push(Confirm::typed("Delete this function?", lines, &word, move |app| {
                app.send(Command::DeleteFunction(name));
                if matches!(app.page().place, Route::Function(_)) {
                    app.tabs[0].truncate(1);
                    app.look_at();
                }
            }));
        }
        Route::Buckets => {
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
        Route::Objects { .. } => delete_objects(app),
        _ => {}
    }
}

fn delete_objects(app: &mut App) {
    let Some((bucket, objects)) = objects_here(app) else { return };
    let bytes: u64 = objects.iter().map(|object| object.size).sum();
    let folders = objects.iter().filter(|object| object.folder).count();
    let mut lines =
        vec![format!("{} in {bucket}, {}", words::how_many(objects.len(), "item"), words::bytes(bytes))];
    if folders > 0 {
        lines.push(format!("and everything below {}.", words::plural(folders as u64, "folder")));
    }
    lines.extend(objects.iter().take(5).map(|object| format!("  {}", object.key)));
    let word = word_for(&bucket, &objects);
    let keys: Vec<String> = objects.into_iter().map(|object| object.key).collect();
    let then = move |app: &mut App| {
        app.send(Command::DeleteObjects { bucket, keys });
        app.page_mut().list.marks.clear();
    };
    match word {
        None => app.push(Confirm::yes("Delete this object?", lines, then)),
        Some(word) => app.push(Confirm::typed("Delete these?", lines, &word, then)),
    }
}

/// What is typed before objects are deleted: how many there are, or the name of the one folder; nothing for one object.
fn word_for(bucket: &str, objects: &[ObjectInfo]) -> Option<String> {
    let [one] = objects else { return Some(objects.len().to_string()) };
    if !one.folder {
        return None;
    }
    let name = one.key.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    // Names that not every keyboard has.
    let plain = !name.is_empty() && name.chars().all(|char| char.is_ascii_graphic());
    Some(if plain { name } else { bucket }.to_owned())
}
