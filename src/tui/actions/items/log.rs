//! Follows the log of what is under the cursor.

use super::here::{function_here, row, run_here, task_here};
use crate::actions::navigate::{self, SINCE};
use crate::app::App;
use crate::place::Route;
use throng_core::model::{LogQuery, RunSummary};

/// Follows the log of what is under the cursor.
pub fn log_of(app: &mut App, _: &str) {
    let query = log_query(app);
    match query {
        Some(query) => {
            let from = app.tab;
            navigate::follow(app, query);
            app.log_from = Some(from);
        }
        None => app.refuse("There is nothing under the cursor that has a log."),
    }
}

/// The functions that a run's tasks are done by.
fn functions_of(run: &RunSummary) -> Vec<String> {
    match run.stages.as_slice() {
        [] => vec![run.function.clone()],
        stages => stages.iter().map(|stage| stage.function.clone()).collect(),
    }
}

fn log_query(app: &mut App) -> Option<LogQuery> {
    let at = row(app);
    let since_s = SINCE;
    let since = |started: u64, now: u64| now.saturating_sub(started) / 1000 + 60;
    match app.page().place.clone() {
        Route::Functions => {
            Some(LogQuery { functions: vec![function_here(app)?], since_s, ..LogQuery::default() })
        }
        Route::Running => {
            let invocation = app.snapshot.running.items.get(at?)?.clone();
            Some(LogQuery {
                functions: vec![invocation.function],
                run: invocation.run,
                task: invocation.task,
                request_id: Some(invocation.request_id),
                since_s: since(invocation.started_ms, app.look.now),
            })
        }
        Route::Function(name) if at.is_none() => {
            Some(LogQuery { functions: vec![name], since_s, ..LogQuery::default() })
        }
        Route::Run(_) | Route::Task { .. } if task_here(app).is_some() => {
            let (id, task) = task_here(app)?;
            let run = run_here(app);
            Some(LogQuery {
                functions: run.iter().flat_map(functions_of).collect(),
                run: Some(id),
                task: Some(task.task),
                request_id: None,
                since_s: run.map_or(since_s, |run| since(run.started_ms, app.look.now)),
            })
        }
        _ => {
            let run = run_here(app)?;
            Some(LogQuery {
                functions: functions_of(&run),
                run: Some(run.id),
                since_s: since(run.started_ms, app.look.now),
                ..LogQuery::default()
            })
        }
    }
}
