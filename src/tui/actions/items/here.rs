//! What is under the cursor.

use crate::app::App;
use crate::place::Route;
use crate::views::{run, task};
use throng_core::model::{
    AttemptRecord, ObjectInfo, ObjectPlace, OutputObject, ProviderOf, RunSummary, TaskRow,
};

/// The data's row under the cursor.
pub(super) fn row(app: &mut App) -> Option<usize> {
    app.with_list(|list, _| list.row())
}

/// The marked rows, or the one under the cursor.
fn chosen(app: &mut App) -> Vec<usize> {
    app.with_list(|list, rows| list.chosen(rows))
}

pub(super) fn function_here(app: &mut App) -> Option<String> {
    let at = row(app);
    match &app.page().place {
        Route::Function(name) => Some(name.clone()),
        Route::Functions => Some(app.snapshot.functions.items.get(at?)?.name.clone()),
        _ => None,
    }
}

/// The run under the cursor, or the one that is open.
pub(super) fn run_here(app: &mut App) -> Option<RunSummary> {
    let at = row(app);
    match &app.page().place {
        Route::Runs => app.snapshot.runs.items.get(at?).cloned(),
        Route::Function(name) => {
            app.snapshot.runs.items.iter().filter(|run| run.is_of(name)).nth(at?).cloned()
        }
        Route::Run(id) | Route::Task { run: id, .. } => run::view(&app.snapshot, id)
            .map(|view| &view.summary)
            .or_else(|| app.snapshot.runs.items.iter().find(|run| run.id == *id))
            .cloned(),
        _ => None,
    }
}

pub(super) fn task_here(app: &mut App) -> Option<(String, TaskRow)> {
    let at = row(app);
    match &app.page().place {
        Route::Run(id) => {
            Some((id.clone(), run::view(&app.snapshot, id)?.stages.get(app.page().stage)?.task(at?)?.clone()))
        }
        Route::Task { run, task } => Some((run.clone(), task::view(&app.snapshot, run, task)?.row.clone()?)),
        _ => None,
    }
}

pub(super) fn objects_here(app: &mut App) -> Option<(String, Vec<ObjectInfo>)> {
    let chosen = chosen(app);
    let Route::Objects { bucket, prefix } = &app.page().place else { return None };
    let view =
        app.snapshot.objects.as_ref().filter(|view| view.bucket == *bucket && view.prefix == *prefix)?;
    let objects: Vec<ObjectInfo> =
        chosen.into_iter().filter_map(|row| view.listing.items.get(row).cloned()).collect();
    (!objects.is_empty()).then(|| (bucket.clone(), objects))
}

/// The chosen outputs of the open task.
pub(super) fn outputs_here(app: &mut App) -> Vec<ObjectPlace> {
    let chosen = chosen(app);
    let page = app.page();
    let Route::Task { run, task } = &page.place else { return Vec::new() };
    let Some(record) = task::record(&app.snapshot, run, task, page.attempt) else { return Vec::new() };
    let outputs = chosen.into_iter().filter_map(|row| record.outputs.get(row));
    outputs.map(|output| place(record, output)).collect()
}

/// Where an output is.
pub(super) fn place(record: &AttemptRecord, output: &OutputObject) -> ObjectPlace {
    let provider = output.provider.clone();
    let from = provider.map(|provider| ProviderOf { function: record.function.clone(), provider });
    ObjectPlace { from, bucket: output.bucket.clone(), key: output.key.clone() }
}
