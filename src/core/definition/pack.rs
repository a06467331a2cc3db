//! `pack`, `task_timeout`: several tasks in one invocation.

use super::Definition;
use super::fields::{Fields, show};
use super::limits;
use super::problem::Report;
use crate::model::PackSize;

/// Reads them. `retries`, `timeout` and `after` are read before.
pub(super) fn read(lambda: &Fields<'_>, definition: &mut Definition, report: &mut Report) {
    if let Some(text) = lambda.text("pack", report) {
        let key = lambda.key("pack");
        match text.value.parse::<PackSize>() {
            Err(error) => {
                report.error(text.at, &key, format!("{} is not allowed: {error}", show(&text.value)));
            }
            Ok(_) if definition.join.is_some() => {
                report.error(
                    text.at,
                    &key,
                    "is of functions with many tasks, and a join has one: leave it out",
                );
            }
            Ok(size) => {
                if definition.retries == 0 && size != PackSize::Tasks(1) {
                    let message = "needs `retries: 1` or `2`: when a task breaks the environment, Lambda's repetition is what goes on \
                                   with the others of its pack";
                    report.error(text.at, &key, message);
                }
                definition.pack = Some(size);
            }
        }
    }
    let Some(seconds) = lambda.number("task_timeout", limits::TIMEOUT_S, "seconds", report) else { return };
    let key = lambda.key("task_timeout");
    let script_s = definition.timeout_s.saturating_sub(definition.timeout_threshold_s);
    if definition.pack.is_none() && lambda.node("pack").is_none() {
        report.error(seconds.at, &key, "is of packs: without `pack`, `timeout` is the limit of each task");
    } else if seconds.value > script_s {
        let message = format!(
            "{} is more than a pack has: `timeout` without `timeout_threshold` leaves {script_s} s for scripts",
            seconds.value
        );
        report.error(seconds.at, &key, message);
    } else {
        definition.task_timeout_s = Some(seconds.value);
    }
}

/// For people.
pub(super) fn lines(definition: &Definition) -> Vec<String> {
    let Some(size) = definition.pack else { return Vec::new() };
    let many = match size {
        PackSize::Tasks(1) => return vec!["each task has an invocation of its own, unless `run --pack` says otherwise".into()],
        PackSize::Tasks(tasks) => format!("{tasks} tasks of a run share an invocation"),
        PackSize::Auto => {
            "tasks of a run share an invocation: as many as make sense, by how long they took in the last runs".to_owned()
        }
    };
    let limit = match definition.task_timeout_s {
        Some(seconds) => format!("each of them has {seconds} s"),
        None => "each of them may take all the time that the function has".to_owned(),
    };
    vec![many, limit]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Environment, explain, parse, to_yaml};
    use super::*;
    use std::path::Path;

    fn function(more: &str) -> String {
        format!(
            "functions:\n  aws:\n  - lambda:\n      name: f\n      container: {{image: ubuntu:22.04}}\n      {}\n",
            more.replace('\n', "\n      ")
        )
    }

    fn read_one(more: &str) -> Result<Definition, String> {
        let parsed = parse(&function(more), Path::new("/d/f.yaml"), Environment(&|_| None));
        parsed.map(|document| document.definitions[0].clone()).map_err(|errors| errors.to_string())
    }

    #[test]
    fn packs_are_read_explained_and_written() {
        let definition = read_one("retries: 1\npack: 50\ntask_timeout: 20").unwrap();
        assert_eq!((definition.pack, definition.task_timeout_s), (Some(PackSize::Tasks(50)), Some(20)));
        let told = explain(&definition).to_string();
        assert!(
            told.contains("50 tasks of a run share an invocation") && told.contains("each of them has 20 s"),
            "{told}"
        );
        let again = parse(&to_yaml(&definition), Path::new("/d/f.yaml"), Environment(&|_| None)).unwrap();
        assert_eq!(again.definitions[0].pack, definition.pack);
        assert_eq!(again.definitions[0].task_timeout_s, Some(20));
        assert_eq!(read_one("retries: 2\npack: auto").unwrap().pack, Some(PackSize::Auto));
        assert_eq!(read_one("pack: 1").unwrap().pack, Some(PackSize::Tasks(1)), "needs no repetition");
    }

    #[test]
    fn what_cannot_work_is_refused_with_what_to_do() {
        for (more, what) in [
            ("pack: 10", "needs `retries: 1`"),
            ("retries: 1\npack: many", "a whole number from 1 to 1000, or `auto`"),
            ("retries: 1\npack: 10\nafter: g", "a join has one"),
            ("task_timeout: 3", "without `pack`"),
            ("retries: 1\npack: 10\ntimeout: 60\ntask_timeout: 55", "leaves 50 s for scripts"),
        ] {
            let error = read_one(more).unwrap_err();
            assert!(error.contains(what), "{more}: {error}");
        }
    }
}
