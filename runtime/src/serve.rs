//! The loop: init, then event after event.

use crate::api::{Api, Invocation};
use crate::barrier::Barrier;
use crate::clean::Cleaner;
use crate::clock;
use crate::config::RuntimeSettings;
use crate::credentials::ScriptCredentials;
use crate::execute::Limits;
use crate::ledger::Ledger;
use crate::logs::Log;
use crate::memory::OomWatch;
use crate::outcome::{TaskOutcome, error_type};
use crate::program::Chooser;
use crate::room::{self, Room};
use crate::s3::S3;
use crate::stores::Stores;
use crate::task::{Attempt, Worker};
use crate::{event, join, pack, processes, response, selected, variables};
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use throng_contract::FailureClass;

/// Least time that is kept back for storing outputs and the record.
const LEAST_KEPT: Duration = Duration::from_millis(200);
/// Part of the time limit that is kept back where the limit is too short for the threshold.
const SHARE: u32 = 10;
/// Time kept for the answer after everything is stored.
const ANSWER: Duration = Duration::from_millis(50);
/// Longest time between TERM and KILL.
const LONGEST_GRACE: Duration = Duration::from_secs(2);
/// Shortest time between TERM and KILL.
const SHORTEST_GRACE: Duration = Duration::from_millis(50);

/// Serves events until the environment ends.
pub fn main() -> ExitCode {
    let begin = Instant::now();
    // Scripts have the same user: without this, one could read the role's credentials out of our memory and environment.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let Some(address) = std::env::var("AWS_LAMBDA_RUNTIME_API").ok().filter(|address| !address.is_empty())
    else {
        eprintln!("throng-runtime is the entry point of functions: AWS_LAMBDA_RUNTIME_API is not set");
        return ExitCode::FAILURE;
    };
    let api = Api::new(&address);
    let error = match RuntimeSettings::from_env() {
        Ok(settings) => serve(&api, &settings, begin),
        Err(message) => {
            let _ = api.init_error("Throng.Init", &message);
            message
        }
    };
    eprintln!("throng-runtime: {error}");
    ExitCode::FAILURE
}

/// Ends only when the Runtime API does; says why.
fn serve(api: &Api, settings: &RuntimeSettings, begin: Instant) -> String {
    processes::adopt_orphans();
    room::leave();
    let cleaner = Cleaner::new(&settings.tmp);
    // A predecessor that crashed cleaned nothing. What cannot be removed is tried again after each task.
    let _ = cleaner.clean();
    let stores = Stores::new(S3::from_env(), settings);
    let mut base = variables::base(settings);
    let room = Room::of(settings, &base);
    let credentials = ScriptCredentials::new(settings);
    credentials.apply(&mut base);
    let search =
        base.get(&OsString::from("PATH")).map_or_else(String::new, |path| path.to_string_lossy().into());
    let chooser = Chooser::new(settings, search);
    let ledger = Ledger::new(stores.own(), settings.home_bucket.as_deref(), &settings.function.name);
    let barrier = Barrier::new(stores.own(), settings.home_bucket.as_deref(), &settings.function.name);
    let mut worker = Worker {
        settings,
        stores: &stores,
        ledger,
        barrier,
        chooser,
        base,
        room,
        credentials,
        oom: OomWatch::new(),
    };
    let mut init = Some(begin.elapsed());
    loop {
        let invocation = match api.next() {
            Ok(invocation) => invocation,
            Err(error) => return error,
        };
        let answered = handle(api, &mut worker, &cleaner, &invocation, init.take());
        if let Err(error) = answered {
            eprintln!("throng-runtime: {error}");
        }
        if let Err(error) = cleaner.clean() {
            // A clean environment is a promise: a new one keeps it.
            return error;
        }
    }
}

/// Handles one event: every input in it is a task.
fn handle(
    api: &Api,
    worker: &mut Worker<'_>,
    cleaner: &Cleaner,
    invocation: &Invocation,
    init: Option<Duration>,
) -> Result<(), String> {
    let received = Instant::now();
    let now_ms = clock::now_ms();
    let limit = Duration::from_millis(invocation.deadline_ms.saturating_sub(now_ms));
    let (limits, end) = times(received, limit, worker.settings.function.timeout_threshold);
    let mut request = event::read(&invocation.payload, &clock::rfc3339(now_ms));
    match pack::take(&mut request, worker.settings, worker.stores.own(), end) {
        Ok(None) => {}
        Ok(Some(pack)) => {
            let (request_id, trace_id) = (&*invocation.request_id, invocation.trace_id.as_deref());
            let deadline_ms = invocation.deadline_ms;
            let invoked = pack::Invoked { request_id, trace_id, deadline_ms, received, limits, end, init };
            let done = pack::serve(worker, cleaner, &invoked, &pack);
            return answer_pack(api, worker, request_id, done);
        }
        Err(message) => return answer_pack(api, worker, &invocation.request_id, Err(message)),
    }
    request.jobs.iter_mut().for_each(|job| join::recognise(job, worker.settings));
    selected::take_out(&mut request, &worker.settings.function, worker.stores, &invocation.request_id);
    let mut attempt = Attempt {
        request_id: &invocation.request_id,
        trace_id: invocation.trace_id.as_deref(),
        payload: &invocation.payload,
        request: &request,
        limits,
        end,
        init,
        cut: None,
    };
    let mut last_ms = 0;
    let mut outcomes: Vec<TaskOutcome> = Vec::new();
    for (number, job) in request.jobs.iter().enumerate() {
        if number > 0 {
            // Every job has the folder of the request's id. What cannot be removed fails the next job, with a reason.
            let _ = cleaner.clean();
        }
        let outcome = worker.work(&attempt, job, last_ms);
        last_ms = outcome.ended_ms;
        outcomes.push(outcome);
        attempt.init = None;
    }
    let failed = outcomes.iter().filter_map(|outcome| outcome.failure.as_ref());
    match failed.clone().next() {
        None => {
            let body = outcomes.pop().map(|outcome| outcome.body).unwrap_or_default();
            let answer = response::envelope(worker.settings, &invocation.request_id, &body);
            api.respond(&invocation.request_id, &answer)
        }
        Some(first) => {
            let message = match outcomes.len() {
                1 => first.message.clone(),
                all => format!("{} of {all} inputs failed; the first: {}", failed.count(), first.message),
            };
            api.fail(&invocation.request_id, error_type(first.class), &message)
        }
    }
}

/// Tasks of a pack have records of their own: what failed among them is no failure of the invocation.
fn answer_pack(
    api: &Api,
    worker: &Worker<'_>,
    request_id: &str,
    done: Result<(), String>,
) -> Result<(), String> {
    match done {
        Ok(()) => api.respond(request_id, &response::envelope(worker.settings, request_id, &[])),
        Err(message) => {
            Log::new(request_id, None).note("ERROR", &message);
            api.fail(request_id, error_type(FailureClass::Other), &message)
        }
    }
}

/// How long scripts may run, and when everything must be stored.
///
/// `threshold` seconds are kept back, or a tenth of a limit that is not longer than that; at least [`LEAST_KEPT`], but
/// never more than half. A quarter of what is kept back, at most [`LONGEST_GRACE`], passes
/// between TERM and KILL.
fn times(received: Instant, limit: Duration, threshold: u32) -> (Limits, Instant) {
    let wanted = Duration::from_secs(threshold.into());
    let kept = if limit > wanted { wanted } else { limit / SHARE }.max(LEAST_KEPT).min(limit / 2);
    let grace = (kept / 4).clamp(SHORTEST_GRACE, LONGEST_GRACE);
    let limits = Limits { until: received + limit.saturating_sub(kept), grace };
    (limits, received + limit.saturating_sub(ANSWER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_kept_back_or_a_share() {
        let now = Instant::now();
        let budget = |limit, threshold| {
            let (limits, _) = times(now, Duration::from_millis(limit), threshold);
            (limits.until - now).as_millis()
        };
        assert_eq!(budget(60_000, 10), 50_000);
        assert_eq!(budget(10_000, 10), 9_000);
        assert_eq!(budget(1_000, 10), 800);
        assert_eq!(budget(200, 10), 100);
        assert_eq!(budget(3_000, 0), 2_800);
        assert_eq!(budget(0, 10), 0);
    }
}
