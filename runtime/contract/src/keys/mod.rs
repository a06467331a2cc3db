//! Keys in the home bucket.
//!
//! ```text
//! runs/<run>/manifest/<part>.jsonl        its inputs (written first)
//! runs/<run>/run.json                     what was launched; from now on the run exists
//! runs/<run>/sets.json                    its sets of parameters, when run.json has no room for them
//! runs/<run>/reused/<part>.jsonl          tasks that earlier runs had done (written before run.json)
//! runs/<run>/cancel.json, end.json        a person ended it; it is complete
//! runs/<run>/unsent.json                  tasks that are held back, so that none grows too old in a queue
//! runs/<run>/summary/<stage>/<part>.<generation>.json   blocks in which every task is final
//! runs/<run>/again/<n>.json               a later retry re-opens blocks
//! runs/<run>/barrier.json                 of a run with joins: what they wait for
//! runs/<run>/manifest/groups/<part>.json   of a run whose joins have groups: what these are called
//! runs/<run>/barrier/<join>/…             what is final of that, written by those who finish it
//! l/<hh>/<run>/<stage>/<block>/<record name>            one per attempt, and one per attempt that has begun
//! l/<hh>/<day>/0/<shard>/<ended>_<record name>          the same of a standing run
//! days/<function>/<yyyymmdd>.end.json, .summary.json    how it ended; its records, once its day is over
//! days/<function>/<yyyymmdd>.json         a standing run exists: what triggers and requests start outside any launch
//! start/<function>/<run>.<stage>.<group>.<generation>   a start marker: its arrival starts the function
//! packs/<run>/<stage>.<number>.<send>.<generation>      a pack has begun
//! idem/<function>/<hash>                  an HTTP request that was taken
//! inputs/<run>/…                          files of runs that no trigger starts
//! aws/lambda/async/<function>/…           written by Lambda: events it gave up on
//! secrets/<function>/providers.json       keys of the storage providers that the function names
//! ```
//!
//! `hh` are two digits of a hash, as the first part that differs, so that S3's partitions serve every later run. A block holds
//! a thousand tasks of the manifest; what came of an output lies with the block of the launched task that it came of.
//!
//! The first layout had `runs/<run>/records/<record name>`, `runs/<run>/running/<task>_<request id>` and
//! `loose/<function>/<record name>`; it is read, and written for runs that began in it ([`first`]).
//!
//! ```text
//! first    keys of the first layout
//! name     what the names of records say
//! ```

pub mod first;
mod name;

pub use name::RecordName;

use super::{AttemptRecord, TaskRef, hash, versions};

/// Folder of every run.
pub const RUNS: &str = "runs/";
/// Folder of records.
pub const RECORDS: &str = "l/";
/// Folder of standing runs.
pub const DAYS: &str = "days/";
/// Folder of start markers.
pub const STARTS: &str = "start/";
/// Folder of packs that have begun.
pub const PACKS: &str = "packs/";
/// Folder of HTTP requests that were taken.
pub const REQUESTS: &str = "idem/";
/// Folder of inputs that no trigger starts.
pub const INPUTS: &str = "inputs/";
/// Folder where Lambda's on-failure destination writes.
pub const ASYNC_FAILURES: &str = "aws/lambda/async/";
/// Folder of keys that functions need.
pub const SECRETS: &str = "secrets/";

/// Folders of what serves one run, and is removed after a month: where throng makes the home bucket, by a lifecycle rule.
pub const BRIEF: [&str; 4] = [STARTS, PACKS, REQUESTS, INPUTS];

/// Tasks of a block.
pub const BLOCK: u64 = 1_000;
/// Tasks of a part of the manifest, and of a summary.
pub const PART: u64 = 10_000;
/// Shards of a standing run, at each depth of what its outputs start.
pub const SHARDS: u64 = 16;

/// `secrets/<function>/providers.json`
#[must_use]
pub fn providers_key(function: &str) -> String {
    format!("{SECRETS}{function}/providers.json")
}

/// `runs/<run>/run.json`
#[must_use]
pub fn run_key(run: &str) -> String {
    format!("{RUNS}{run}/run.json")
}

/// `runs/<run>/sets.json`
#[must_use]
pub fn sets_key(run: &str) -> String {
    format!("{RUNS}{run}/sets.json")
}

/// `runs/<run>/reused/<part>.jsonl`
#[must_use]
pub fn reused_key(run: &str, part: usize) -> String {
    format!("{RUNS}{run}/reused/{part:06}.jsonl")
}

/// `runs/<run>/end.json`
#[must_use]
pub fn end_key(run: &str) -> String {
    format!("{RUNS}{run}/end.json")
}

/// `runs/<run>/cancel.json`
#[must_use]
pub fn cancel_key(run: &str) -> String {
    format!("{RUNS}{run}/cancel.json")
}

/// `runs/<run>/unsent.json`
#[must_use]
pub fn unsent_key(run: &str) -> String {
    format!("{RUNS}{run}/unsent.json")
}

/// `runs/<run>/manifest/<part>.jsonl`
#[must_use]
pub fn manifest_key(run: &str, part: usize) -> String {
    format!("{RUNS}{run}/manifest/{part:06}.jsonl")
}

/// `runs/<run>/manifest/`
#[must_use]
pub fn manifest_prefix(run: &str) -> String {
    format!("{RUNS}{run}/manifest/")
}

/// `runs/<run>/summary/<stage>/`
#[must_use]
pub fn summaries_prefix(run: &str, stage: u32) -> String {
    format!("{RUNS}{run}/summary/{stage}/")
}

/// `runs/<run>/summary/<stage>/<part>.<generation>.json`
#[must_use]
pub fn summary_key(run: &str, stage: u32, part: u64, generation: u32) -> String {
    format!("{}{part:06}.{generation:03}.json", summaries_prefix(run, stage))
}

/// Part and generation of a summary's key.
#[must_use]
pub fn parse_summary(key: &str) -> Option<(u64, u32)> {
    let (part, generation) = key.rsplit('/').next()?.strip_suffix(".json")?.split_once('.')?;
    Some((part.parse().ok()?, generation.parse().ok()?))
}

/// `runs/<run>/again/`
#[must_use]
pub fn again_prefix(run: &str) -> String {
    format!("{RUNS}{run}/again/")
}

/// `runs/<run>/again/<n>.json`
#[must_use]
pub fn again_key(run: &str, number: u32) -> String {
    format!("{}{number:03}.json", again_prefix(run))
}

/// `l/<hh>/<run>/<stage>/<block>/`
#[must_use]
pub fn block_prefix(run: &str, stage: u32, block: u64) -> String {
    let (stage, block) = (stage.to_string(), block.to_string());
    let digits = hash::digits(&[run.as_bytes(), stage.as_bytes(), block.as_bytes()]);
    format!("{RECORDS}{digits}/{run}/{stage}/{block}/")
}

/// The block of a task: that of the launched task, or of the join, that it came of.
#[must_use]
pub fn block_of(task: &TaskRef) -> u64 {
    task.task.block().unwrap_or_else(|| hash::of(&[task.task.as_str().as_bytes()]) % SHARDS)
}

/// The folder that a task's records are in.
#[must_use]
pub fn records_prefix(task: &TaskRef) -> String {
    match task.version {
        ..=1 => first::records_prefix(&task.run),
        _ => block_prefix(&task.run, task.stage, block_of(task)),
    }
}

/// The key for the record of an attempt at a task of a run; `loose/…` for what the first contract started outside any.
#[must_use]
pub fn record_key(record: &AttemptRecord) -> String {
    match &record.task {
        Some(task) if task.version > 1 => named(task, record.ended_ms, &RecordName::of(record)),
        _ => first::record_key(record),
    }
}

/// The key that says that an attempt at a task has begun.
#[must_use]
pub fn running_key(record: &AttemptRecord) -> Option<String> {
    let task = record.task.as_ref()?;
    Some(match task.version {
        ..=1 => first::running_key(&task.run, task.task.as_number()?, &record.request_id),
        _ => named(task, record.started_ms, &RecordName::begun(record)),
    })
}

/// Names of a standing run sort by time: nobody has a manifest to look them up by.
fn named(task: &TaskRef, at_ms: u64, name: &RecordName) -> String {
    let prefix = records_prefix(task);
    if is_day(&task.run) { format!("{prefix}{at_ms:013}_{name}") } else { format!("{prefix}{name}") }
}

/// The id of a function's standing run on a day, given as `yyyymmdd`.
#[must_use]
pub fn day_id(function: &str, day: &str) -> String {
    format!("day-{day}-{}", hash::short(&[function.as_bytes()]))
}

/// Whether a run's id is that of a standing run.
#[must_use]
pub fn is_day(run: &str) -> bool {
    day_of(run).is_some()
}

/// The day of a standing run, as `yyyymmdd`; `None` when it is another run's id.
#[must_use]
pub fn day_of(run: &str) -> Option<&str> {
    run.strip_prefix("day-")?.get(..8)
}

/// `days/<function>/`
#[must_use]
pub fn days_prefix(function: &str) -> String {
    format!("{DAYS}{function}/")
}

/// `days/<function>/<yyyymmdd>.end.json`: how a standing run ended.
#[must_use]
pub fn day_end_key(function: &str, day: &str) -> String {
    format!("{DAYS}{function}/{day}.end.json")
}

/// `days/<function>/<yyyymmdd>.summary.json`: what there is of a standing run whose day is over.
#[must_use]
pub fn day_summary_key(function: &str, day: &str) -> String {
    format!("{DAYS}{function}/{day}.summary.json")
}

/// The day of a key of [`day_key`] or [`day_end_key`], and whether it is the latter.
#[must_use]
pub fn parse_day(key: &str) -> Option<(&str, bool)> {
    let name = key.rsplit('/').next()?.strip_suffix(".json")?;
    let (day, ended) = name.strip_suffix(".end").map_or((name, false), |day| (day, true));
    (day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit())).then_some((day, ended))
}

/// `days/<function>/<yyyymmdd>.json`
#[must_use]
pub fn day_key(function: &str, day: &str) -> String {
    format!("{DAYS}{function}/{day}.json")
}

/// `start/<function>/<run>.<stage>.<group>.<generation>`
#[must_use]
pub fn start_key(function: &str, run: &str, stage: u32, group: &str, generation: u32) -> String {
    format!("{STARTS}{function}/{run}.{stage}.{group}.{generation}")
}

/// `inputs/<run>`
#[must_use]
pub fn inputs_folder(run: &str) -> String {
    format!("{INPUTS}{run}")
}

/// The run beside which a launch stored an input with this key.
#[must_use]
pub fn inputs_run(key: &str) -> Option<&str> {
    let (run, _) = key.strip_prefix(INPUTS)?.split_once('/')?;
    super::is_id(run).then_some(run)
}

/// The version of the layout that a key of a record is in; `None` when it is none.
#[must_use]
pub fn layout_of(key: &str) -> Option<u32> {
    if key.starts_with(RECORDS) {
        Some(versions::LEDGER)
    } else {
        (key.starts_with(RUNS) || key.starts_with(first::LOOSE)).then_some(1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{TaskId, TaskState};

    fn task(number: u64) -> TaskRef {
        TaskRef::launched("20261123-214500123-k3x9", number)
    }

    #[test]
    fn blocks_hold_a_thousand_tasks_and_what_came_of_them() {
        let last = records_prefix(&task(999));
        assert!(last.starts_with("l/") && last.ends_with("/20261123-214500123-k3x9/0/0/"), "{last}");
        assert_eq!(records_prefix(&task(0)), last);
        assert_ne!(records_prefix(&task(1_000)), last);
        let child = TaskRef { stage: 1, task: "999.4".parse().unwrap(), ..task(0) };
        assert!(records_prefix(&child).ends_with("/1/0/"));
        let folders = (0..100_u64).map(|block| block_prefix("r", 0, block));
        let spread: std::collections::BTreeSet<_> = folders.map(|key| key[..4].to_owned()).collect();
        assert!(spread.len() > 60, "spread over the bucket: {}", spread.len());
    }

    #[test]
    fn a_record_lies_where_its_run_began() {
        let record = AttemptRecord {
            task: Some(task(7)),
            state: TaskState::Succeeded,
            ..AttemptRecord::begun("f", "id", 10)
        };
        assert!(record_key(&record).contains("/0/0/7_id.a_succeeded_"), "{}", record_key(&record));
        assert!(running_key(&record).unwrap().ends_with("/7_id.a_running"));
        let old = AttemptRecord { task: Some(first::task("r", 7)), ..record.clone() };
        assert!(record_key(&old).starts_with("runs/r/records/"), "{}", record_key(&old));
        assert_eq!(running_key(&old).as_deref(), Some("runs/r/running/00000007_id"));
        let loose = AttemptRecord { task: None, ..record };
        assert!(record_key(&loose).starts_with("loose/f/"));
        assert_eq!(running_key(&loose), None);
    }

    #[test]
    fn days_are_read_from_their_keys() {
        assert_eq!(parse_day(&day_key("f", "20261123")), Some(("20261123", false)));
        assert_eq!(parse_day(&day_end_key("f", "20261123")), Some(("20261123", true)));
        assert_eq!(parse_day(&day_summary_key("f", "20261123")), None, "no second run");
        for other in ["days/f/x.json", "days/f/20261123", "days/f/20261123.x.json", ""] {
            assert_eq!(parse_day(other), None, "{other}");
        }
    }

    #[test]
    fn summaries_say_what_they_are_of() {
        let key = summary_key("r", 2, 31, 4);
        assert_eq!(key, "runs/r/summary/2/000031.004.json");
        assert_eq!(parse_summary(&key), Some((31, 4)));
        assert_eq!(parse_summary("runs/r/summary/2/x.json"), None);
    }

    #[test]
    fn standing_runs_have_a_day_and_shards() {
        let run = day_id("grayify", "20261123");
        assert!(is_day(&run) && crate::is_id(&run), "{run}");
        let event = TaskRef { task: TaskId::of_event(&[b"b", b"k", b"seq"]), ..TaskRef::launched(&run, 0) };
        assert!(block_of(&event) < SHARDS);
        let record = AttemptRecord {
            task: Some(event),
            state: TaskState::Succeeded,
            ..AttemptRecord::begun("grayify", "id", 1_795_470_300_123)
        };
        for key in [record_key(&record), running_key(&record).unwrap()] {
            assert!(key.contains("/1795470300123_"), "by time: {key}");
            assert_eq!(RecordName::parse(&key).unwrap().attempt.request_id, "id");
        }
    }
}
