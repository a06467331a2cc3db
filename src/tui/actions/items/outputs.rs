//! Shows and fetches objects: those of a listing, and those that tasks have put.

use super::here::{self, objects_here, outputs_here, task_here};
use crate::actions::program::expand;
use crate::app::{App, OutputAction};
use crate::layers::menu::{Item, Menu};
use crate::layers::preview::PreviewLayer;
use crate::place::Route;
use crate::views::task;
use std::collections::BTreeMap;
use std::path::Path;
use throng_core::clean;
use throng_core::engine::Command;
use throng_core::model::{ObjectPlace, TaskState};

/// Shows an object.
pub fn open_result(app: &mut App, _: &str) {
    let place = match &app.page().place {
        Route::Objects { .. } => objects_here(app).and_then(|(bucket, objects)| {
            objects.into_iter().find(|object| !object.folder).map(|object| ObjectPlace {
                from: None,
                bucket,
                key: object.key,
            })
        }),
        Route::Task { .. } => outputs_here(app).into_iter().next(),
        Route::Run(_) => return for_outputs(app, OutputAction::Show),
        _ => None,
    };
    match place {
        Some(place) => {
            let layer = PreviewLayer::open(place, app);
            app.push(layer);
        }
        None => app.refuse("There is no object under the cursor."),
    }
}

/// The outputs of a task in a list are known once its record has been read: its page is opened for that.
fn for_outputs(app: &mut App, what: OutputAction) {
    let Some((run, row)) = task_here(app) else { return app.refuse("There is no task under the cursor.") };
    match row.state {
        TaskState::Pending | TaskState::Running => {
            app.refuse("This task has not ended: it has no outputs yet.");
        }
        _ => app.enter_for(Route::Task { run, task: row.task }, what),
    }
}

/// All outputs of the newest attempt of the open task.
fn all_outputs(app: &App) -> Vec<ObjectPlace> {
    let Route::Task { run, task } = &app.page().place else { return Vec::new() };
    task::record(&app.snapshot, run, task, 0).map_or_else(Vec::new, |record| {
        record.outputs.iter().map(|output| here::place(record, output)).collect()
    })
}

/// Shows the first picture among the outputs of the open task, or else its first output.
pub fn show_first(app: &mut App) {
    let outputs = all_outputs(app);
    let picture = |key: &str| {
        let ending = key.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
        ["png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff"].contains(&ending.as_str())
    };
    let first = outputs.iter().find(|place| picture(&place.key)).or_else(|| outputs.first());
    match first.cloned() {
        Some(place) => {
            let layer = PreviewLayer::open(place, app);
            app.push(layer);
        }
        None => app.refuse("This task has no outputs."),
    }
}

/// Fetches all outputs of the open task.
pub fn download_all(app: &mut App) {
    let outputs = all_outputs(app);
    let to = app.downloads.clone();
    if outputs.is_empty() {
        return app.refuse("This task has no outputs.");
    }
    fetch(app, outputs, &to);
}

fn fetch(app: &mut App, objects: Vec<ObjectPlace>, to: &Path) {
    let mut by_bucket: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for object in objects {
        by_bucket.entry((object.from, object.bucket)).or_default().push(object.key);
    }
    app.begin(clean!("Fetching to {} …", to.display()));
    for ((from, bucket), keys) in by_bucket {
        app.send(Command::Download { from, bucket, keys, to: to.to_owned() });
    }
}

/// Asks whether one task's outputs are wanted or those of the whole run.
fn of_task_or_run(app: &mut App, run: &str) {
    let to = app.downloads.join(run);
    let all = to.clone();
    let id = run.to_owned();
    let mut items = vec![Item::new("all results of the run", format!("into {}", to.display()), move |app| {
        fetch_run(app, &id, &all);
    })];
    if let Some((_, row)) = task_here(app) {
        let into = format!("into {}", app.downloads.display());
        let name = format!("the outputs of task {}", row.task);
        items.insert(0, Item::new(name, into, |app| for_outputs(app, OutputAction::Download)));
    }
    app.push(Menu::new("Download", items));
}

fn fetch_run(app: &mut App, run: &str, to: &Path) {
    app.begin(clean!("Fetching to {} …", to.display()));
    app.send(Command::DownloadRun { run: run.to_owned(), to: to.to_owned() });
}

pub fn download(app: &mut App, to: &str) {
    if let Route::Run(run) = app.page().place.clone() {
        return if to.is_empty() { of_task_or_run(app, &run) } else { fetch_run(app, &run, &expand(to)) };
    }
    let to = if to.is_empty() { app.downloads.clone() } else { expand(to) };
    let mut objects = outputs_here(app);
    if let Some((bucket, found)) = objects_here(app) {
        let own = |key| ObjectPlace { from: None, bucket: bucket.clone(), key };
        objects.extend(found.into_iter().map(|object| own(object.key)));
    }
    if objects.is_empty() {
        return app.refuse("There is nothing to download under the cursor. Outputs are listed in a task.");
    }
    fetch(app, objects, &to);
    app.page_mut().list.marks.clear();
}
