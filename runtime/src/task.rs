//! One task from begin to end: stage in, execute, stage out, record.

use crate::barrier::Barrier;
use crate::clock::{self, millis};
use crate::config::RuntimeSettings;
use crate::credentials::ScriptCredentials;
use crate::event::{Input, Job, Request};
use crate::execute::{self, Alarm, Ended, Limits};
use crate::group;
use crate::join;
use crate::ledger::Ledger;
use crate::logs::Log;
use crate::memory::{self, OomWatch};
use crate::outcome::{Failure, TaskOutcome};
use crate::output::Found;
use crate::program::Chooser;
use crate::results::Left;
use crate::room::{self, Room};
use crate::s3::Origin;
use crate::stage::{self, Folders, StageError, Staged};
use crate::stores::Stores;
use crate::variables::{self, Places};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use throng_contract::{
    AttemptRecord, EventRef, FINGERPRINT_BYTES, FailureClass, Phases, Requests, TaskRef, TaskState,
    fingerprinted, layout,
};

/// What stays the same for all tasks of an environment.
pub struct Worker<'a> {
    /// The function's configuration and what Lambda says of the environment.
    pub settings: &'a RuntimeSettings,
    /// The function's own storage and that of its providers.
    pub stores: &'a Stores<'a>,
    /// The home bucket.
    pub ledger: Ledger<'a>,
    /// What joins wait for.
    pub barrier: Barrier<'a>,
    /// Chooses what is executed.
    pub chooser: Chooser<'a>,
    /// Variables that are the same for every task.
    pub base: BTreeMap<OsString, OsString>,
    /// Folders to work in.
    pub room: Room,
    /// What scripts may do in the cloud.
    pub credentials: ScriptCredentials,
    /// Watches for kills for lack of memory.
    pub oom: OomWatch,
}

/// What stays the same for all tasks of an invocation.
pub struct Attempt<'a> {
    /// Request id
    pub request_id: &'a str,
    /// `_X_AMZN_TRACE_ID`
    pub trace_id: Option<&'a str>,
    /// The event, as it came.
    pub payload: &'a [u8],
    /// The event, read.
    pub request: &'a Request,
    /// How long scripts may run.
    pub limits: Limits,
    /// When everything must be stored.
    pub end: Instant,
    /// What the environment's start took, at its first invocation.
    pub init: Option<Duration>,
    /// Of a task that began late in its pack, and has less than its own time: which generation of the pack that is. When its
    /// time is up, it has not failed, but is done first in the next invocation.
    pub cut: Option<u32>,
}

impl Attempt<'_> {
    /// The same, with less time for a script that is about to begin.
    fn within(&self, timeout: Option<Duration>) -> Self {
        let at = timeout.map(|timeout| Instant::now() + timeout);
        let limits = Limits { until: at.unwrap_or(self.limits.until).min(self.limits.until), ..self.limits };
        Self { limits, ..*self }
    }
}

/// What is said of a task whose run was cancelled while it was queued.
const CANCELLED: &str = "the run was cancelled while this task was queued: its script was not started";

/// How an attempt ended that did not fail.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    /// The script did its work.
    Finished,
    /// Its run was cancelled before it began.
    Cancelled,
}

impl Worker<'_> {
    /// Does one job. Records of one invocation end at different milliseconds, later than `after_ms`.
    pub fn work(&mut self, attempt: &Attempt<'_>, job: &Job, after_ms: u64) -> TaskOutcome {
        let mut log = Log::new(attempt.request_id, job.task.clone());
        if self.is_done(attempt, job) {
            log.note("WARN", "the join has succeeded already: its script was not started again");
            return TaskOutcome::nothing_done(after_ms);
        }
        if self.is_another_s(attempt, job) {
            log.note(
                "WARN",
                "another invocation is at work on this join: its script was not started a second time",
            );
            return TaskOutcome::nothing_done(after_ms);
        }
        let begin = Instant::now();
        let mut record = self.blank_record(attempt, job);
        let mut files = Vec::new();
        let requests = self.stores.requests();
        let result = self.attempt(attempt, job, &mut log, &mut record, &mut files);
        record.ended_ms = clock::now_ms().max(after_ms + 1);
        record.state = match &result {
            Ok(Done::Finished) => TaskState::Succeeded,
            Ok(Done::Cancelled) => TaskState::Cancelled,
            Err(Failure { class: FailureClass::Timeout, .. }) => TaskState::TimedOut,
            Err(_) => TaskState::Failed,
        };
        match &result {
            Ok(Done::Finished) => {}
            Ok(Done::Cancelled) => {
                log.note("WARN", CANCELLED);
                record.error = Some(CANCELLED.to_owned());
            }
            Err(failure) => {
                log.note("ERROR", &failure.message);
                record.class = Some(failure.class);
                record.error = Some(failure.message.clone());
            }
        }
        let cut = attempt.cut.filter(|_| record.state == TaskState::TimedOut);
        if let (Some(generation), Some(event)) = (cut, &mut record.event) {
            // No try of its own event: it has all of its tries left.
            event.id = format!("{}.cut{generation}", event.id);
        }
        let mut failure = result.err();
        record.stderr_tail = log.tail().map(str::to_owned).collect();
        if record.task.is_none() {
            record.task = Some(self.ledger.standing(job, attempt.request_id, record.started_ms));
        }
        self.measure(&mut record, &log, requests);
        let (ended_ms, state) = (record.ended_ms, record.state);
        let stored = self.keep(&record, attempt.end, &mut log);
        let is_stored = stored.is_ok();
        failure = failure.or(stored.err());
        let plain = matches!(job.input, Input::Bytes(_));
        let made = crate::response::made(self.settings, plain, &files).unwrap_or_else(|message| {
            log.note("WARN", &message);
            None
        });
        let body = made.unwrap_or_else(|| log.into_kept());
        let took = begin.elapsed();
        TaskOutcome { failure, body, ended_ms, state, took, stored: is_stored, cut: cut.is_some() }
    }

    /// Stores a record, and starts the joins that waited for it.
    pub fn keep(&self, record: &AttemptRecord, until: Instant, log: &mut Log<'_>) -> Result<(), Failure> {
        if let Err(message) = self.ledger.store(record, until) {
            log.note("ERROR", &message);
            return Err(Failure::new(FailureClass::Output, message));
        }
        if let Err(message) = self.barrier.finished(record, until) {
            log.note("WARN", &message);
        }
        Ok(())
    }

    pub fn blank_record(&self, attempt: &Attempt<'_>, job: &Job) -> AttemptRecord {
        let (bucket, key) = match &job.input {
            Input::Object { bucket, key } => (bucket.clone(), key.clone()),
            Input::Bytes(_) | Input::Nothing => (String::new(), String::new()),
        };
        let init_ms = attempt.init.map_or(0.0, millis);
        AttemptRecord {
            task: job.task.clone(),
            bucket,
            key,
            provider: self.stores.provider_of(job).ok().flatten().map(str::to_owned),
            phases: Phases { init_ms, ..Phases::default() },
            cold: attempt.init.is_some(),
            log_group: self.settings.log_group.clone(),
            log_stream: self.settings.log_stream.clone(),
            event: Some(
                job.id
                    .clone()
                    .unwrap_or_else(|| EventRef { id: attempt.request_id.to_owned(), retries: None }),
            ),
            group: job.group.clone(),
            parameters: job.parameters.clone(),
            memory_mb: u32::try_from(self.settings.memory >> 20).unwrap_or(0),
            architecture: if cfg!(target_arch = "aarch64") { "arm64" } else { std::env::consts::ARCH }
                .to_owned(),
            tmp_mb: memory::size_mb(&self.settings.tmp),
            ..AttemptRecord::begun(&self.settings.function.name, attempt.request_id, clock::now_ms())
        }
    }

    /// What the attempt cost beside its time. The record's own request is one of them.
    fn measure(&self, record: &mut AttemptRecord, log: &Log<'_>, before: Requests) {
        let now = self.stores.requests();
        record.log_bytes = log.written();
        record.requests = Requests { write: now.write - before.write + 1, read: now.read - before.read };
    }

    fn attempt(
        &mut self,
        attempt: &Attempt<'_>,
        job: &Job,
        log: &mut Log<'_>,
        record: &mut AttemptRecord,
        files: &mut Vec<Found>,
    ) -> Result<Done, Failure> {
        if clock::left(attempt.limits.until).is_zero() {
            return Err(Failure::new(FailureClass::Timeout, "no time was left to begin"));
        }
        // What is known already saves the download; else the script alone is worth a question.
        if job.task.as_ref().is_some_and(|task| self.ledger.is_known_to_be_cancelled(task)) {
            return Ok(Done::Cancelled);
        }
        let begin = Instant::now();
        let folders = Folders::make(&self.settings.tmp, attempt.request_id)
            .map_err(|error| Failure::of_stage(stage::of_io(&error)))?;
        let mut staged = self.stage(attempt, job, &folders).map_err(Failure::of_stage)?;
        folders.leave_event(job, attempt.payload, &staged.file);
        record.phases.stage_in_ms = millis(begin.elapsed());
        record.bytes_in = staged.fetched.bytes;
        record.fingerprint = self.fingerprint(&staged.fetched.etag, job);
        record.group = staged.group.as_ref().map(|(group, _)| group.to_string()).or(record.group.take());
        if record.task.is_none() {
            let Origin { task, parent, group } = std::mem::take(&mut staged.fetched.origin);
            let task =
                task.unwrap_or_else(|| self.ledger.standing(job, attempt.request_id, record.started_ms));
            log.set_task(Some(task.clone()));
            (record.task, record.parent) = (Some(task), parent);
            record.group = group.or(record.group.take());
        }

        let cancelled = |task: &TaskRef| self.ledger.is_cancelled(task, attempt.end);
        if record.task.as_ref().is_some_and(cancelled) {
            return Ok(Done::Cancelled);
        }
        let attempt = &attempt.within(job.timeout);
        let begin = Instant::now();
        let mut command = self.command(attempt, job, (&folders, &staged), record.task.as_ref(), log)?;
        let ended = self.execute(&mut command, attempt, log, record);
        room::leave();
        record.phases.run_ms = millis(begin.elapsed());
        let ended = ended.map_err(|error| Failure::new(FailureClass::Init, error))?;
        (record.exit_code, record.signal, record.peak_memory) = (ended.code, ended.signal, ended.peak);
        let failure = self.judge(&ended, attempt, log, record);

        let begin = Instant::now();
        let files_in = staged.files.as_ref();
        let group = staged.group.as_ref().map(|(_, name)| name.as_str());
        let failed = failure.is_some();
        let left = Left { attempt, job, folders: &folders, files: files_in, group, failed };
        let stored = self.stage_out(&left, log, record, files);
        record.phases.stage_out_ms = millis(begin.elapsed());
        match failure {
            Some(failure) => {
                if let Err(also) = stored {
                    log.note("WARN", &also.message);
                }
                Err(failure)
            }
            None => stored.map(|()| Done::Finished),
        }
    }

    fn stage(&self, attempt: &Attempt<'_>, job: &Job, folders: &Folders) -> Result<Staged, StageError> {
        let until = attempt.limits.until;
        let (Some(start), Some(home)) = (&job.start, &self.settings.home_bucket) else {
            let stores = (self.stores, self.settings.home_bucket.as_deref());
            if let Some(files) = group::files_of(job, &self.settings.function, stores, until)? {
                return group::stage(files, job, folders, self.stores, until);
            }
            return stage::stage(job, folders, self.stores, attempt.request_id, until);
        };
        join::stage(&start.task, &self.barrier, (self.stores, home), folders, until)
    }

    /// Whether a job is a join that was done before.
    fn is_done(&self, attempt: &Attempt<'_>, job: &Job) -> bool {
        let (Some(start), Some(home)) = (&job.start, &self.settings.home_bucket) else { return false };
        join::is_done(self.stores.own(), home, start, attempt.end)
    }

    /// Whether a job is the start of a join that another invocation works on. Who sends one again by an event of ours means it.
    fn is_another_s(&self, attempt: &Attempt<'_>, job: &Job) -> bool {
        let (Some(start), Some(home)) = (&job.start, &self.settings.home_bucket) else { return false };
        job.sequencer.is_some()
            && join::is_another_s(self.stores.own(), home, start, attempt.request_id, attempt.end)
    }

    /// Digest of what decides the result, when the function's part of it is known.
    fn fingerprint(&self, etag: &str, job: &Job) -> Option<String> {
        let task;
        let input = match &job.input {
            Input::Object { .. } if etag.is_empty() => return None,
            Input::Object { .. } => etag.as_bytes(),
            Input::Bytes(bytes) => bytes,
            Input::Nothing => {
                task = job.task.as_ref().map_or(String::new(), |task| task.task.to_string());
                task.as_bytes()
            }
        };
        let bytes = fingerprinted(&self.settings.function.fingerprint, input, &job.variables)?;
        Some(hex::encode(&Sha256::digest(bytes)[..FINGERPRINT_BYTES]))
    }

    fn command(
        &mut self,
        attempt: &Attempt<'_>,
        job: &Job,
        (folders, staged): (&Folders, &Staged),
        task: Option<&TaskRef>,
        log: &mut Log<'_>,
    ) -> Result<Command, Failure> {
        use std::os::unix::process::CommandExt;
        let program = self
            .chooser
            .choose(attempt.request, &folders.script)
            .map_err(|message| Failure::new(FailureClass::Init, message))?;
        let places = Places { input: &folders.input, output: &folders.output, file: &staged.file };
        let (own, left_out) = variables::of_task(job, &places, &attempt.request.query, &self.base);
        if left_out {
            log.note("WARN", "the event is too long for the variable EVENT, which is not set");
        }
        let secrets = self
            .stores
            .script_secrets(attempt.end)
            .map_err(|error| Failure::new(FailureClass::Init, error.to_string()))?;
        let mut command = Command::new(&program.path);
        let room = self.room.enter(&folders.root, log);
        let room = room.map_err(|error| Failure::of_stage(stage::of_io(&error)))?;
        command.args(&program.arguments).env_clear().envs(&self.base).envs(room).envs(own).process_group(0);
        command.envs(staged.variables.iter().cloned());
        // After what came with the event: no parameter of a request takes the place of a secret.
        command.envs(secrets);
        command.env("REQUEST_ID", attempt.request_id).env("AWS_LAMBDA_REQUEST_ID", attempt.request_id);
        if let Some((_, name)) = &staged.group {
            command.env(layout::ENV_JOIN_GROUP, name);
        }
        if let Some(trace) = attempt.trace_id {
            command.env("_X_AMZN_TRACE_ID", trace);
        }
        let credentials = self.credentials.of_task().unwrap_or_else(|why| {
            log.note("WARN", &why);
            Vec::new()
        });
        command.envs(credentials);
        if let Some(task) = task {
            command.env("THRONG_RUN", &task.run).env("THRONG_TASK", task.task.to_string());
            if let Some(number) = task.task.as_number()
                && !job.variables.contains_key(layout::ENV_TASK_INDEX)
            {
                command.env(layout::ENV_TASK_INDEX, number.to_string());
            }
        }
        Ok(command)
    }

    fn execute(
        &self,
        command: &mut Command,
        attempt: &Attempt<'_>,
        log: &mut Log<'_>,
        record: &AttemptRecord,
    ) -> Result<Ended, String> {
        let at = Instant::now() + Duration::from_secs(layout::MARKER_AFTER_SECS);
        std::thread::scope(|scope| {
            let mut ring = || {
                scope.spawn(|| self.ledger.mark(record, attempt.end));
            };
            execute::run(command, attempt.limits, log, Alarm { at, ring: &mut ring })
        })
        .map_err(|error| {
            let program = Path::new(command.get_program()).display();
            match error.raw_os_error() {
                Some(8) => {
                    format!("{program} cannot be executed: it is for another architecture, or no program")
                }
                _ => format!("{program} cannot be executed: {error}"),
            }
        })
    }

    /// What an ended script means.
    fn judge(
        &mut self,
        ended: &Ended,
        attempt: &Attempt<'_>,
        log: &Log<'_>,
        record: &AttemptRecord,
    ) -> Option<Failure> {
        if ended.timed_out {
            let message = format!(
                "the script ran past its time budget and was ended after {:.1} s",
                record.phases.run_ms / 1000.0
            );
            return Some(Failure::new(FailureClass::Timeout, message));
        }
        if ended.code == Some(0) {
            return None;
        }
        let killed = ended.signal == Some(9) || ended.code == Some(128 + 9);
        let limit = self.settings.memory;
        if self.oom.has_killed() || (killed && memory::is_near(ended.peak, limit)) {
            let message = format!(
                "the script ran out of memory: the limit is {} MiB, its largest process had {} MiB",
                limit >> 20,
                ended.peak >> 20
            );
            return Some(Failure::new(FailureClass::Memory, message));
        }
        if memory::is_full(&self.settings.tmp, log.tail()) {
            let message =
                "the script failed, and /tmp is or was full; give the function more ephemeral storage";
            return Some(Failure::new(FailureClass::Storage, message));
        }
        let message = match (ended.code, ended.signal) {
            (Some(code), _) => {
                let advice = memory::advice(log.tail()).map(str::to_owned);
                let advice = advice.or_else(|| self.room.advice(log.tail()));
                let advice = advice.map_or_else(String::new, |advice| format!("; {advice}"));
                format!("the script ended with exit code {code}{advice}")
            }
            (None, Some(signal)) => format!("the script was ended by signal {signal}"),
            (None, None) => format!("the script's end was not seen (request {})", attempt.request_id),
        };
        Some(Failure::new(FailureClass::Script, message))
    }
}
