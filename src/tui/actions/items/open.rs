//! Goes to what is under the cursor.

use super::here::{function_here, row, run_here, task_here};
use super::log::log_of;
use super::outputs::open_result;
use crate::app::App;
use crate::place::{Route, tab};

/// Goes to what is under the cursor.
pub fn enter(app: &mut App, _: &str) {
    let at = row(app);
    let place = match (&app.page().place, at) {
        (Route::Functions, Some(_)) => function_here(app).map(Route::Function),
        (Route::Buckets, Some(at)) => app
            .snapshot
            .buckets
            .items
            .get(at)
            .map(|bucket| Route::Objects { bucket: bucket.name.clone(), prefix: String::new() }),
        (Route::Objects { bucket, prefix }, Some(at)) => {
            let bucket = bucket.clone();
            let object =
                app.snapshot.objects.as_ref().filter(|view| view.bucket == bucket && view.prefix == *prefix);
            match object.and_then(|view| view.listing.items.get(at)) {
                Some(object) if object.folder => Some(Route::Objects { bucket, prefix: object.key.clone() }),
                Some(_) => return open_result(app, ""),
                None => None,
            }
        }
        (Route::Runs | Route::Function(_), Some(_)) => run_here(app).map(|run| Route::Run(run.id)),
        (Route::Run(_), Some(_)) => task_here(app).map(|(run, task)| Route::Task { run, task: task.task }),
        (Route::Running, Some(at)) => {
            let invocation = app.snapshot.running.items.get(at).cloned();
            match invocation {
                Some(found) => match (found.run, found.task) {
                    (Some(run), Some(task)) => {
                        return app.open(tab::RUNS, vec![Route::Run(run.clone()), Route::Task { run, task }]);
                    }
                    _ => return log_of(app, ""),
                },
                None => None,
            }
        }
        (Route::Task { .. }, _) => return open_result(app, ""),
        _ => None,
    };
    if let Some(place) = place {
        app.enter(place);
    }
}
