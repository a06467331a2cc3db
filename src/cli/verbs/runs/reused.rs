//! Tasks that a run has not, because earlier runs had done them.

use crate::print::Table;
use serde_json::{Value, json};
use throng_core::model::OutputObject;
use throng_core::run::ReusedTask;
use throng_core::words::{self, Lines};

/// As `--output json` prints them, behind the run's tasks.
pub(super) fn documents(tasks: &[ReusedTask]) -> impl Iterator<Item = Value> {
    tasks.iter().map(|task| {
        json!({
            "task": null, "state": "reused", "bucket": task.bucket, "key": task.key, "size": task.size,
            "provider": task.provider, "variables": task.variables, "outputs": task.outputs,
            "of": {"run": task.run, "task": task.task},
        })
    })
}

/// A line each; nothing when there are none.
pub(crate) fn table(tasks: &[ReusedTask]) -> Lines {
    if tasks.is_empty() {
        return Lines::default();
    }
    let mut table = Table::new(&["STATE", "RUN", ">TASK", ">SIZE", "INPUT", "OUTPUTS"]);
    for task in tasks {
        table.row([
            "reused".to_owned(),
            task.run.clone(),
            task.task.to_string(),
            words::bytes(task.size),
            place(task.provider.as_deref(), &task.bucket, &task.key),
            outputs(&task.outputs),
        ]);
    }
    let mut text = Lines::from("\n");
    text.push(&table.render());
    text
}

/// The first of what a task stored, and how many more there are.
fn outputs(outputs: &[OutputObject]) -> String {
    let Some(first) = outputs.first() else { return "0 outputs".to_owned() };
    let more = match outputs.len() {
        1 => String::new(),
        all => format!(" and {} more", all - 1),
    };
    place(first.provider.as_deref(), &first.bucket, &first.key) + &more
}

fn place(provider: Option<&str>, bucket: &str, key: &str) -> String {
    let scheme = provider.map(|provider| format!("{provider}://")).unwrap_or_default();
    format!("{scheme}{bucket}/{key}")
}
