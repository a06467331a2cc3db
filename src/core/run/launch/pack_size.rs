//! How many tasks share an invocation: what the person or the definition says, or what the function's last runs took.

use super::{FunctionFacts, LaunchRequest};
use crate::dataset::objects::List;
use crate::deploy::Packs;
use crate::model::{PackSize, TaskState};
use crate::run::follow::read_header;
use crate::run::header::PackRule;
use crate::run::list::run_ids;
use crate::run::{RunContext, RunError};
use crate::words;
use std::time::Duration;
use throng_contract::keys::{RecordName, block_prefix};

/// How long a pack shall take: long beside the start of an invocation, short beside a run.
const WANTED: Duration = Duration::from_secs(30);
/// So many invocations are left to run at a time.
const AT_ONCE: u64 = 100;
/// The first guess, where nothing was measured.
const GUESS: u64 = 10;
/// Most tasks of a pack that nobody has asked for.
const MOST: u64 = 500;
/// Newest runs that are looked at, and those of the function whose tasks are measured.
const LOOKED: usize = 30;
const MEASURED: usize = 3;

/// What is wanted, when tasks are to be packed at all.
pub(super) fn wanted(request: &LaunchRequest, facts: &FunctionFacts) -> Result<Option<PackSize>, RunError> {
    let deployed = match facts.packs {
        Packs::Of(size) => Some(size),
        Packs::Alone | Packs::Unknown => None,
    };
    let wanted = request.options.pack.or(deployed).filter(|size| *size != PackSize::Tasks(1));
    if wanted.is_none() {
        return Ok(None);
    }
    let function = &request.function;
    if facts.packs == Packs::Unknown {
        return Err(RunError::Refused(format!(
            "the runtime of `{function}` knows no packs: deploy its definition again, or launch it without --pack"
        )));
    }
    if facts.retries == 0 {
        return Err(RunError::Refused(format!(
            "`{function}` has `retries: 0`, and a pack goes on by Lambda's repetition when a task breaks its environment: deploy it with \
             `retries: 1`, or launch it without packs (--pack 1)"
        )));
    }
    if facts.grouping.is_some() {
        return Err(RunError::Refused(format!(
            "a task of `{function}` has several files, which is an invocation of its own: launch it without packs (--pack 1)"
        )));
    }
    if facts.join.is_some() && !matches!(facts.packs, Packs::Of(_)) {
        return Err(RunError::Refused(format!(
            "`{function}` is a join, and has one task: launch it without --pack"
        )));
    }
    Ok(wanted)
}

/// How the tasks of a run are packed, and a sentence that says why. `None`: each is sent alone.
pub(super) async fn choose(
    context: &RunContext,
    (function, facts): (&str, &FunctionFacts),
    wanted: Option<PackSize>,
    tasks: u64,
) -> (Option<PackRule>, Option<String>) {
    let Some(wanted) = wanted else { return (None, None) };
    let (size, why) = match wanted {
        PackSize::Tasks(size) => (u64::from(size), None),
        PackSize::Auto => {
            let took = measured(context, function).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the function's last runs were not read");
                Took::default()
            });
            let (size, why) = of_took(&took, facts.timeout_s, tasks);
            (size, Some(why))
        }
    };
    let marked = matches!(facts.packs, Packs::Of(_));
    let said = why.map(|why| match size {
        1 => format!("each task has an invocation of its own: {why}"),
        size => format!("packs of {size} tasks: {why}"),
    });
    ((size > 1).then_some(PackRule { tasks: size, marked }), said)
}

/// What tasks took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Took {
    /// How many were measured.
    tasks: u64,
    mean_ms: u64,
    p95_ms: u64,
}

/// As many as take [`WANTED`], but no more than leave half of the function's time, nor so many that fewer than [`AT_ONCE`]
/// invocations share the work.
fn of_took(took: &Took, timeout_s: u32, tasks: u64) -> (u64, String) {
    let spread = (tasks / AT_ONCE).max(1);
    if took.tasks == 0 {
        let size = GUESS.min(spread);
        let why = match size {
            1 => format!("fewer than {} tasks need not share", AT_ONCE * 2),
            _ => "a first guess, because no task of this function was measured yet".to_owned(),
        };
        return (size, why);
    }
    let wanted_ms = u64::try_from(WANTED.as_millis()).unwrap_or(u64::MAX);
    let by_time = wanted_ms / took.mean_ms.max(1);
    let by_limit = u64::from(timeout_s) * 500 / took.p95_ms.max(1);
    let size = by_time.min(by_limit).min(MOST).clamp(1, spread);
    let spoken = words::duration;
    let lately = format!(
        "{} of the last runs took {} each (all but 5 % less than {})",
        words::plural(took.tasks, "task"),
        spoken(took.mean_ms),
        spoken(took.p95_ms)
    );
    let why = if size < by_time.min(by_limit).min(MOST) {
        format!("{lately}, and {AT_ONCE} invocations at a time share {}", words::plural(tasks, "task"))
    } else if size == by_limit && by_limit < by_time {
        format!("{lately}, so that a pack takes half of the function's {timeout_s} s")
    } else {
        format!("{lately}, so that a pack takes about {}", spoken(took.mean_ms.saturating_mul(size)))
    };
    (size, why)
}

/// What tasks of the function's newest runs took, by the names of records.
async fn measured(context: &RunContext, function: &str) -> Result<Took, RunError> {
    let mut all = Vec::new();
    let mut runs = 0;
    for id in run_ids(context).await?.into_iter().take(LOOKED) {
        let Ok(header) = read_header(context, &id).await else { continue };
        if header.function != function || header.version < 2 {
            continue;
        }
        let prefix = block_prefix(&id, 0, 0);
        let page =
            context.store.list(&List { bucket: context.home.clone(), prefix, ..List::default() }).await?;
        let names = page.objects.iter().filter_map(|object| RecordName::parse(&object.key));
        let before = all.len();
        all.extend(names.filter(|name| name.state == TaskState::Succeeded).map(|name| name.duration_ms));
        runs += usize::from(all.len() > before);
        if runs >= MEASURED {
            break;
        }
    }
    all.sort_unstable();
    let tasks = all.len() as u64;
    let p95_ms = all.get(all.len().saturating_sub(1) * 95 / 100).copied().unwrap_or(0);
    Ok(Took { tasks, mean_ms: all.iter().sum::<u64>().checked_div(tasks).unwrap_or(0), p95_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_takes_a_sensible_time() {
        let took = |mean_ms, p95_ms| Took { tasks: 500, mean_ms, p95_ms };
        let size = |took: Took, tasks| of_took(&took, 300, tasks);
        for (took, tasks, wanted, why) in [
            (took(100, 200), 100_000, 300, "a pack takes about 30"),
            (took(1, 2), 1_000_000, 500, "a pack takes about"),
            (took(100, 200), 1_000, 10, "100 invocations at a time share 1,000 tasks"),
            (took(100, 60_000), 100_000, 2, "half of the function's 300 s"),
            (took(60_000, 90_000), 100_000, 1, "500 tasks of the last runs took"),
            (Took::default(), 100_000, 10, "a first guess"),
            (Took::default(), 50, 1, "need not share"),
        ] {
            let (chosen, said) = size(took, tasks);
            assert_eq!(chosen, wanted, "{said}");
            assert!(said.contains(why), "{said}");
        }
    }
}
