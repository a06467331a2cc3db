//! The names and texts of what is under the cursor.

use super::here::{function_here, objects_here, outputs_here, row, run_here, task_here};
use crate::app::App;
use crate::place::Route;

/// Names and texts that `y` offers.
pub fn copyable(app: &mut App) -> Vec<(String, String)> {
    let mut texts: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, text: &str| {
        if !text.is_empty() {
            texts.push((name.to_owned(), text.to_owned()));
        }
    };
    if app.page().place == Route::Logs {
        if let Some(entry) = app.logs.current() {
            add("message", &entry.message);
            add("request id", entry.request_id.as_deref().unwrap_or(""));
        }
        return texts;
    }
    let at = row(app);
    match &app.page().place {
        Route::Functions | Route::Function(_) => {
            let name = function_here(app).unwrap_or_default();
            if let Some(function) = app.snapshot.functions.items.iter().find(|function| function.name == name)
            {
                add("name", &function.name);
                add("ARN", &function.arn);
                add("image", &function.image);
                add("log group", &function.log_group);
            }
        }
        Route::Buckets => {
            if let Some(bucket) = at.and_then(|at| app.snapshot.buckets.items.get(at)) {
                add("name", &bucket.name);
                add("address", &format!("s3://{}", bucket.name));
            }
        }
        Route::Objects { .. } => {
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
        Route::Runs => {
            if let Some(run) = run_here(app) {
                add("run", &run.id);
                add("function", &run.function);
                add("image", &run.image);
            }
        }
        Route::Run(_) => {
            if let Some((run, task)) = task_here(app) {
                add("input", &format!("s3://{}/{}", task.bucket, task.key));
                add("request id", task.request_id().as_deref().unwrap_or(""));
                add("run", &run);
            }
        }
        Route::Task { .. } => {
            let outputs = outputs_here(app);
            let places: Vec<String> = outputs.iter().map(ToString::to_string).collect();
            add("output", &places.join("\n"));
            if let Some((run, task)) = task_here(app) {
                add("input", &format!("s3://{}/{}", task.bucket, task.key));
                add("request id", task.request_id().as_deref().unwrap_or(""));
                add("run", &run);
            }
        }
        Route::Running => {
            if let Some(invocation) = at.and_then(|at| app.snapshot.running.items.get(at)) {
                add("request id", &invocation.request_id);
                add("input", invocation.input.as_deref().unwrap_or(""));
                add("log stream", invocation.log_stream.as_deref().unwrap_or(""));
            }
        }
        Route::Transfers => {
            if let Some(progress) = at.and_then(|at| app.snapshot.progress.get(at)) {
                add("label", &progress.label);
            }
        }
        Route::Logs => {}
    }
    texts
}
