//! A pack: several tasks of a run in one invocation. Each has its folders, its record, its log lines and its time.
//!
//! What is done next, and what a dead environment had done, is [`Work`]; here it is asked and written.

use crate::clean::Cleaner;
use crate::clock;
use crate::config::RuntimeSettings;
use crate::event::{self, Input, Job, Request};
use crate::execute::Limits;
use crate::logs::Log;
use crate::outcome::{Failure, TaskOutcome};
use crate::s3::{S3, S3Error, S3ErrorKind};
use crate::task::{Attempt, Worker};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use throng_contract::keys::{RecordName, records_prefix};
use throng_contract::pack::{Pack, PackBegun, PackEvent, Work, parse_start};
use throng_contract::{AttemptId, FailureClass, TaskState};

/// Repetitions of one event that are looked for. Lambda makes two; a machine that crashes may make more.
const MOST_REPETITIONS: u32 = 100;
/// Least time that a task must have, where nothing is known of how long tasks take.
const LEAST: Duration = Duration::from_millis(200);
const JSON: &str = "application/json";

/// What is said of a task whose environment has died.
const BROKEN: &str = "the environment ended while this task ran: its script killed it or used more memory than there is, or the machine \
                      was taken away; the rest of its pack went on without it";

/// One invocation of a pack.
pub struct Invoked<'a> {
    /// Request id
    pub request_id: &'a str,
    /// `_X_AMZN_TRACE_ID`
    pub trace_id: Option<&'a str>,
    /// When Lambda ends it, in milliseconds since 1970.
    pub deadline_ms: u64,
    /// When it came.
    pub received: Instant,
    /// How long scripts may run.
    pub limits: Limits,
    /// When everything must be stored.
    pub end: Instant,
    /// What the environment's start took, at its first invocation.
    pub init: Option<Duration>,
}

/// Takes the pack out of a request that is one, or that is about the marker of what was left of one. The error is a sentence.
pub fn take(
    request: &mut Request,
    settings: &RuntimeSettings,
    s3: &S3,
    until: Instant,
) -> Result<Option<Pack>, String> {
    if let Some(pack) = request.pack.take() {
        return Ok(Some(pack));
    }
    let [job] = &request.jobs[..] else { return Ok(None) };
    let Input::Object { bucket, key } = &job.input else { return Ok(None) };
    let is_own = parse_start(key).is_some_and(|(function, _)| function == settings.function.name);
    if !is_own || settings.home_bucket.as_ref() != Some(bucket) {
        return Ok(None);
    }
    let body = match s3.get_bytes(bucket, key, until) {
        // Somebody has removed the run.
        Err(error) if error.kind == S3ErrorKind::Missing => {
            request.jobs.clear();
            return Ok(None);
        }
        body => body.map_err(|error| format!("what is left of a pack: {error}"))?,
    };
    let event: PackEvent =
        serde_json::from_slice(&body).map_err(|error| format!("{key} is no pack: {error}"))?;
    Ok(Some(event.pack))
}

/// Does a pack. An error is a sentence, and means that Lambda shall repeat the event.
pub fn serve(
    worker: &mut Worker<'_>,
    cleaner: &Cleaner,
    invoked: &Invoked<'_>,
    pack: &Pack,
) -> Result<(), String> {
    let mut work = Work::of(pack);
    let Some(repetition) = begin(worker, invoked, pack)? else {
        Log::new(invoked.request_id, None)
            .note("WARN", "another invocation is at this pack: nothing was done twice");
        return Ok(());
    };
    let mut done = Done { last_ms: 0, took: Vec::new(), first: true };
    if repetition > 0 {
        blame(worker, invoked, pack, &mut work, &mut done)?;
    }
    let is_last = repetition > 0 && repetition >= pack.retries();
    while let Some(at) = work.next() {
        // After the last repetition nobody would go on with what another death leaves.
        if is_last || !done.first && done.lacks_time(invoked.limits.until) {
            return leave(worker, invoked, pack, &work);
        }
        let clean = done.first || cleaner.clean().is_ok();
        if !clean {
            return leave(worker, invoked, pack, &work);
        }
        let outcome = one(worker, invoked, pack, at, &done);
        done.first = false;
        done.last_ms = outcome.ended_ms;
        done.took.push(outcome.took);
        if !outcome.stored {
            return Err(outcome.failure.map_or_else(String::new, |failure| failure.message));
        }
        if outcome.cut {
            return leave(worker, invoked, pack, &work);
        }
        work.ended(outcome.state);
    }
    Ok(())
}

/// What this invocation has done.
struct Done {
    last_ms: u64,
    took: Vec<Duration>,
    first: bool,
}

impl Done {
    /// Whether less is left than one and a half of what all but the longest tasks take.
    fn lacks_time(&self, until: Instant) -> bool {
        let mut took = self.took.clone();
        took.sort_unstable();
        let p95 = took.get(took.len().saturating_sub(1) * 95 / 100).copied().unwrap_or_default();
        clock::left(until) < (p95 * 3 / 2).max(LEAST)
    }
}

/// Says that the pack has begun. Gives which repetition this is, or `None` when another invocation is at it.
fn begin(worker: &Worker<'_>, invoked: &Invoked<'_>, pack: &Pack) -> Result<Option<u32>, String> {
    let Some(home) = &worker.settings.home_bucket else { return Ok(Some(0)) };
    let said = |error: S3Error| format!("the pack could not be begun: {error}");
    let (s3, until) = (worker.stores.own(), invoked.end);
    let own = PackBegun { request_id: invoked.request_id.to_owned(), until_ms: invoked.deadline_ms };
    let body = serde_json::to_vec(&own).map_err(|error| error.to_string())?;
    for repetition in 0..MOST_REPETITIONS {
        let key = pack.begun_key(repetition);
        if s3.put_new(home, &key, JSON, &body, until).map_err(said)? {
            return Ok(Some(repetition));
        }
        let there = s3.get_bytes(home, &key, until).map_err(said)?;
        let Ok(other) = serde_json::from_slice::<PackBegun>(&there) else { continue };
        if other == own {
            // It was stored, and the answer was lost.
            return Ok(Some(repetition));
        }
        if other.request_id != own.request_id && other.until_ms > clock::now_ms() {
            return Ok(None);
        }
    }
    Err("the pack was repeated too often".to_owned())
}

/// Follows what the invocation before has done: the task that it was at has failed.
fn blame(
    worker: &mut Worker<'_>,
    invoked: &Invoked<'_>,
    pack: &Pack,
    work: &mut Work,
    done: &mut Done,
) -> Result<(), String> {
    let Some(home) = worker.settings.home_bucket.clone() else { return Ok(()) };
    let folders: BTreeSet<_> =
        pack.tasks.iter().filter_map(|event| event.task.as_ref()).map(records_prefix).collect();
    let mut names = Vec::new();
    for folder in folders {
        let keys = worker.stores.own().list_all(&home, &folder, invoked.end);
        let keys = keys.map_err(|error| format!("what the pack has done is not known: {error}"))?;
        names.extend(keys.iter().filter_map(|key| RecordName::parse(key)));
    }
    work.replay(pack, names.iter());
    let Some(suspect) = work.next().and_then(|at| pack.tasks.get(at)) else { return Ok(()) };
    let job = event::job_of(suspect.clone(), &clock::rfc3339(clock::now_ms()));
    let attempt = attempt_of(invoked, &[], &NOTHING, invoked.limits, None);
    let begun = suspect.task.as_ref().and_then(|task| open_attempt(&names, task.task.as_str()));
    let outcome = worker.broken(&attempt, &job, begun);
    done.last_ms = outcome.ended_ms;
    if !outcome.stored {
        return Err(outcome.failure.map_or_else(String::new, |failure| failure.message));
    }
    work.ended(TaskState::Failed);
    Ok(())
}

/// A request without anything in it.
static NOTHING: Request =
    Request { jobs: Vec::new(), pack: None, script: None, arguments: None, query: Vec::new() };

/// The attempt at a task that has begun and has no record.
fn open_attempt(names: &[RecordName], task: &str) -> Option<AttemptId> {
    let of_task = |name: &&RecordName| name.task.as_ref().is_some_and(|id| id.as_str() == task);
    let ended = |attempt: &AttemptId| {
        names.iter().filter(of_task).any(|name| name.state.is_final() && name.attempt == *attempt)
    };
    let begun = names.iter().filter(of_task).filter(|name| name.state == TaskState::Running);
    begun
        .map(|name| name.attempt.clone())
        .filter(|attempt| !ended(attempt))
        .max_by_key(|attempt| attempt.started_ms)
}

fn one(worker: &mut Worker<'_>, invoked: &Invoked<'_>, pack: &Pack, at: usize, done: &Done) -> TaskOutcome {
    let event = &pack.tasks[at];
    // Two attempts of one request never begin at the same millisecond: the time tells them apart.
    while clock::now_ms() <= done.last_ms {
        std::thread::sleep(Duration::from_millis(1));
    }
    let (now, all) = (Instant::now(), invoked.limits.until);
    let own = worker.settings.function.task_timeout.map(|seconds| Duration::from_secs(seconds.into()));
    let full = own.unwrap_or_else(|| all.saturating_duration_since(invoked.received));
    let until = now.checked_add(full).map_or(all, |until| until.min(all));
    let cut = (!done.first && until < now + full).then_some(pack.generation);
    let payload = serde_json::to_vec(event).unwrap_or_default();
    let limits = Limits { until, ..invoked.limits };
    let mut attempt = attempt_of(invoked, &payload, &NOTHING, limits, cut);
    attempt.init = invoked.init.filter(|_| done.first);
    let job = event::job_of(event.clone(), &clock::rfc3339(clock::now_ms()));
    worker.work(&attempt, &job, done.last_ms)
}

const fn attempt_of<'a>(
    invoked: &Invoked<'a>,
    payload: &'a [u8],
    request: &'a Request,
    limits: Limits,
    cut: Option<u32>,
) -> Attempt<'a> {
    let Invoked { request_id, trace_id, end, .. } = *invoked;
    Attempt { request_id, trace_id, payload, request, limits, end, init: None, cut }
}

/// Leaves what is to be done as a marker, whose arrival starts the function; where no notification is, whoever follows the run does.
fn leave(worker: &Worker<'_>, invoked: &Invoked<'_>, pack: &Pack, work: &Work) -> Result<(), String> {
    let left = work.left();
    let Some(home) = &worker.settings.home_bucket else {
        return Err(format!(
            "{} tasks of the pack are left, and there is no home bucket to say so",
            left.len()
        ));
    };
    let rest = pack.rest(&left);
    let key = rest.start_key(&worker.settings.function.name);
    let text = format!("{} of {} tasks go on in another invocation", left.len(), pack.tasks.len());
    worker
        .stores
        .own()
        .put_new(home, &key, JSON, &rest.event(), invoked.end)
        .map_err(|error| format!("what is left of the pack could not be stored: {error}"))?;
    Log::new(invoked.request_id, None).note("INFO", &text);
    Ok(())
}

impl Worker<'_> {
    /// Writes the record of an attempt whose environment has died: nothing is known of it but that it had begun.
    fn broken(&self, attempt: &Attempt<'_>, job: &Job, begun: Option<AttemptId>) -> TaskOutcome {
        let mut log = Log::new(attempt.request_id, job.task.clone());
        let mut record = self.blank_record(attempt, job);
        if let Some(AttemptId { request_id, started_ms }) = begun {
            (record.request_id, record.started_ms) = (request_id, started_ms);
        }
        let class = FailureClass::Interrupted;
        record.ended_ms = clock::now_ms().max(record.started_ms + 1);
        (record.state, record.class) = (TaskState::Failed, Some(class));
        record.error = Some(BROKEN.to_owned());
        log.note("ERROR", BROKEN);
        let stored = self.keep(&record, attempt.end, &mut log);
        TaskOutcome {
            stored: stored.is_ok(),
            failure: Some(stored.err().unwrap_or_else(|| Failure::new(class, BROKEN))),
            body: Vec::new(),
            ended_ms: record.ended_ms,
            state: record.state,
            took: Duration::ZERO,
            cut: false,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_stops_when_a_task_might_not_end() {
        let took = |ms: u64| Duration::from_millis(ms);
        let mut done = Done { last_ms: 0, took: vec![took(1_000); 99], first: false };
        done.took.push(took(60_000));
        let now = Instant::now();
        assert!(!done.lacks_time(now + took(2_000)), "the longest is not what is usual");
        assert!(done.lacks_time(now + took(1_400)));
        assert!(Done { took: Vec::new(), ..done }.lacks_time(now + took(100)));
    }

    #[test]
    fn the_attempt_that_has_no_end_is_found() {
        let name = |name: &str| RecordName::parse(&format!("l/00/r/0/0/{name}")).unwrap();
        let names = [
            name("7_id.1_running"),
            name("7_id.1_failed_script_1_1_-_-.json"),
            name("7_id.2_running"),
            name("8_id.3_running"),
        ];
        assert_eq!(open_attempt(&names, "7").unwrap().started_ms, 2);
        assert_eq!(open_attempt(&names, "9"), None);
    }
}
