//! Shows and fetches objects: those of a listing, and those that tasks have put.

use super::here::{objects_here, outputs_here, own, task_here};
use crate::tui::actions::program::expand;
use crate::tui::app::{App, Awaited};
use crate::tui::layers::preview::PreviewLayer;
use crate::tui::place::Place;
use crate::tui::views::task;
use std::collections::BTreeMap;
use std::path::Path;
use throng::core::engine::Command;
use throng::core::model::TaskState;

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
    task::record(&app.snapshot, run, *task, 0).map_or_else(Vec::new, |record| own(record.outputs.iter()))
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

fn fetch(app: &mut App, objects: Vec<(String, String)>, to: &Path) {
    let mut by_bucket: BTreeMap<String, Vec<String>> = BTreeMap::new();
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
    let to = if to.is_empty() { app.downloads.clone() } else { expand(to) };
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
