//! One execution environment: a task that owns its processes, its log and its side of the Runtime API.

use super::launcher::{Launcher, Process};
use super::logging::{LogWriter, Report, Status};
use super::pool::{Lease, Live, Scheduler};
use super::variables;
use crate::local::sandbox::{Exit, SandboxError, SandboxSpec};
use bytes::Bytes;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// How long a first initialisation may take.
const INIT_LIMIT: Duration = Duration::from_secs(10);
/// How long log lines may wait for company.
const FLUSH_AFTER: Duration = Duration::from_millis(25);
/// The largest response of a function.
pub(super) const MAX_RESPONSE: usize = 6 * 1024 * 1024;

/// An invocation.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    pub request_id: String,
    pub payload: Bytes,
    pub client_context: Option<String>,
    pub trace_id: Option<String>,
    /// The caller wants the log's end.
    pub tail: bool,
}

/// An invocation on its way into an environment.
#[derive(Debug)]
pub(super) struct Job {
    pub invocation: Invocation,
    pub lease: Lease,
    pub reply: oneshot::Sender<Outcome>,
}

/// What became of a job.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It ran. `failed`: the payload is an error.
    Done { payload: Bytes, failed: bool, tail: Option<String> },
    /// The cloud could not run it; it may be tried again.
    System(String),
    /// The environment ended before it began.
    NotRun(Box<Job>),
}

/// What an environment is told.
pub(super) enum Message {
    /// A job for an idle environment.
    Invoke(Box<Job>),
    /// End when there is nothing to do.
    End,
    /// End now.
    Kill,
    /// From its runtime: what next?
    Next(oneshot::Sender<NextEvent>),
    /// From its runtime: the result of an invocation. `None`: it was too large.
    Response { id: String, body: Option<Bytes>, size: usize, reply: oneshot::Sender<Verdict> },
    /// From its runtime: an invocation failed.
    Error { id: String, body: Bytes, reply: oneshot::Sender<Verdict> },
    /// From its runtime: it cannot start.
    InitError { body: Bytes, kind: Option<String>, reply: oneshot::Sender<Verdict> },
}

/// What a runtime gets for its question.
#[derive(Debug)]
pub(super) struct NextEvent {
    pub invocation: Invocation,
    pub deadline_ms: i64,
    pub arn: String,
}

/// What a runtime is told about what it posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    UnknownRequest,
    WrongState,
    TooLarge,
}

/// What environments share.
pub(super) struct Shared {
    pub scheduler: Arc<Scheduler>,
    pub launcher: Arc<dyn Launcher>,
    pub config: super::config::LambdaConfig,
}

/// One environment.
pub(super) struct Environment {
    shared: Arc<Shared>,
    id: u64,
    token: String,
    live: Arc<Live>,
    inbox: mpsc::UnboundedReceiver<Message>,
    log: LogWriter,
    processes: Option<Box<dyn Process>>,
    /// What they write.
    output: Option<pipe::Receiver>,
    /// The runtime waits here for its next event.
    waiting: Option<oneshot::Sender<NextEvent>>,
    flush_at: Option<Instant>,
    peak: u64,
    /// It is to end as soon as it has nothing to do.
    retired: bool,
}

/// What happens to an environment.
enum Event {
    Message(Message),
    Exit(Exit),
    Deadline,
}

/// How initialisation ended.
enum Init {
    Ready,
    Failed(Failure),
    System(String),
    Killed,
}

/// How an environment failed.
struct Failure {
    kind: String,
    message: String,
    /// What the runtime itself said.
    body: Option<Bytes>,
    status: Status,
}

impl Failure {
    fn new(kind: &str, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), message: message.into(), body: None, status: Status::Error(kind.into()) }
    }

    fn payload(&self, request_id: &str) -> Bytes {
        self.body.clone().unwrap_or_else(|| {
            let message = format!("RequestId: {request_id} Error: {}", self.message);
            Bytes::from(json!({"errorType": self.kind, "errorMessage": message}).to_string())
        })
    }

    fn of_exit(exit: Exit) -> Self {
        let (kind, how) = match exit {
            Exit { out_of_memory: true, .. } => ("Runtime.OutOfMemory", "signal: killed".to_owned()),
            Exit { signal: Some(9), .. } => ("Runtime.ExitError", "signal: killed".to_owned()),
            Exit { signal: Some(signal), .. } => {
                ("Runtime.ExitError", format!("signal: {}", signal_name(signal)))
            }
            Exit { code: Some(0) | None, .. } => {
                return Self::new("Runtime.ExitError", "Runtime exited without providing a reason");
            }
            Exit { code: Some(code), .. } => ("Runtime.ExitError", format!("exit status {code}")),
        };
        Self::new(kind, format!("Runtime exited with error: {how}"))
    }

    fn of_timeout(limit: Duration) -> Self {
        let mut failure =
            Self::new("Sandbox.Timedout", format!("Task timed out after {:.2} seconds", limit.as_secs_f64()));
        failure.status = Status::Timeout;
        failure
    }
}

fn signal_name(signal: i32) -> String {
    match nix::sys::signal::Signal::try_from(signal) {
        Ok(nix::sys::signal::Signal::SIGSEGV) => "segmentation fault".into(),
        Ok(nix::sys::signal::Signal::SIGABRT) => "aborted".into(),
        Ok(nix::sys::signal::Signal::SIGTERM) => "terminated".into(),
        Ok(known) => known.as_str().to_lowercase(),
        Err(_) => signal.to_string(),
    }
}

impl Environment {
    pub fn new(
        shared: Arc<Shared>,
        (id, token): (u64, String),
        live: Arc<Live>,
        inbox: mpsc::UnboundedReceiver<Message>,
        log: LogWriter,
    ) -> Self {
        Self {
            shared,
            id,
            token,
            live,
            inbox,
            log,
            processes: None,
            output: None,
            waiting: None,
            flush_at: None,
            peak: 0,
            retired: false,
        }
    }

    /// Lives until there is nothing to do for a while, or something ends it.
    pub async fn run(mut self, first: Job) {
        let name = self.live.function.name.clone();
        let mut next = self.first(first).await;
        while let Some(job) = next {
            next = if self.serve(job, None, Instant::now()).await { self.idle().await } else { None };
        }
        self.end_processes().await;
        self.log.end_output();
        self.log.flush();
        self.shared.scheduler.gone(&name, self.id);
        self.inbox.close();
        while let Ok(message) = self.inbox.try_recv() {
            if let Message::Invoke(job) = message {
                give_back(*job);
            }
        }
    }

    /// Starts the processes and serves the job that asked for the environment. Gives back the next one.
    async fn first(&mut self, job: Job) -> Option<Job> {
        let began = Instant::now();
        let init = self.initialise(began + INIT_LIMIT).await;
        let init_ms = millis(began);
        let keep = match init {
            Init::Ready => self.serve(job, Some(init_ms), Instant::now()).await,
            Init::System(message) => {
                let _ = job.reply.send(Outcome::System(message));
                false
            }
            Init::Killed => {
                give_back(job);
                false
            }
            Init::Failed(failure) => self.second(job, &failure, init_ms).await,
        };
        if keep { self.idle().await } else { None }
    }

    /// Initialises once more, within the time limit of the first invocation, as AWS does.
    async fn second(&mut self, job: Job, failure: &Failure, init_ms: f64) -> bool {
        let status = if failure.status == Status::Timeout { "timeout" } else { "error" };
        let kind = (failure.status != Status::Timeout).then_some(failure.kind.as_str());
        self.log.init_report(init_ms, "init", status, kind);
        self.end_processes().await;
        let began = Instant::now();
        let limit = self.time_limit();
        match self.initialise(began + limit).await {
            Init::Ready => self.serve(job, None, began).await,
            Init::System(message) => {
                let _ = job.reply.send(Outcome::System(message));
                false
            }
            Init::Killed => {
                give_back(job);
                false
            }
            Init::Failed(again) => {
                self.log.start(&job.invocation.request_id, job.invocation.tail);
                let again = if again.status == Status::Timeout { Failure::of_timeout(limit) } else { again };
                self.fail(job, &again, began, None).await;
                false
            }
        }
    }

    /// Starts the processes and waits until the runtime asks for its first event.
    async fn initialise(&mut self, deadline: Instant) -> Init {
        let began = Instant::now();
        match self.shared.launcher.launch(self.spec()).await {
            Ok(mut processes) => {
                self.output = processes.take_output();
                self.processes = Some(processes);
            }
            Err(SandboxError::InvalidEntrypoint(message)) => {
                return Init::Failed(Failure::new("Runtime.InvalidEntrypoint", message));
            }
            Err(SandboxError::InvalidWorkdir(message)) => {
                return Init::Failed(Failure::new("Runtime.InvalidWorkingDir", message));
            }
            Err(error) => return Init::System(error.to_string()),
        }
        loop {
            match self.event(Some(deadline)).await {
                Event::Message(Message::Next(reply)) => {
                    self.waiting = Some(reply);
                    return Init::Ready;
                }
                Event::Message(Message::InitError { body, kind, reply }) => {
                    let _ = reply.send(Verdict::Accepted);
                    let mut failure = Failure::new(kind.as_deref().unwrap_or("Runtime.Unknown"), "");
                    failure.body = Some(body);
                    return Init::Failed(failure);
                }
                Event::Message(Message::Kill) => return Init::Killed,
                Event::Message(message) => self.decline(message),
                Event::Exit(exit) => return Init::Failed(Failure::of_exit(exit)),
                Event::Deadline => return Init::Failed(Failure::of_timeout(deadline - began)),
            }
        }
    }

    /// Runs one invocation. Answers whether the environment can be used again.
    async fn serve(&mut self, job: Job, init_ms: Option<f64>, began: Instant) -> bool {
        let limit = self.time_limit();
        let deadline = began + limit;
        self.log.start(&job.invocation.request_id, job.invocation.tail);
        self.flush_soon();
        let mut result: Option<(Bytes, bool)> = None;
        let mut delivered = self.deliver(&job.invocation, deadline);
        loop {
            match self.event(Some(deadline)).await {
                Event::Message(Message::Next(reply)) => {
                    self.waiting = Some(reply);
                    if let Some(result) = result {
                        self.finish(job, result, began, init_ms);
                        return self.idle_or_end();
                    }
                    // It asks again without an answer: its connection broke before the event reached it.
                    if delivered {
                        tracing::debug!(request_id = %job.invocation.request_id, "a runtime asked twice");
                    }
                    delivered = self.deliver(&job.invocation, deadline);
                }
                Event::Message(Message::Response { id, body, size, reply }) => {
                    let verdict = verdict(&job, &id, result.is_some());
                    if verdict == Verdict::Accepted {
                        result = Some(match body {
                            Some(body) => (body, false),
                            None => (too_large(size), true),
                        });
                    }
                    let too_large = verdict == Verdict::Accepted && matches!(result, Some((_, true)));
                    let _ = reply.send(if too_large { Verdict::TooLarge } else { verdict });
                }
                Event::Message(Message::Error { id, body, reply, .. }) => {
                    let verdict = verdict(&job, &id, result.is_some());
                    if verdict == Verdict::Accepted {
                        result = Some((body, true));
                    }
                    let _ = reply.send(verdict);
                }
                Event::Message(Message::Kill) => {
                    let failure = Failure::new("Sandbox.Failure", "The environment was ended.");
                    self.fail(job, &failure, began, init_ms).await;
                    return false;
                }
                Event::Message(message) => self.decline(message),
                Event::Exit(exit) => {
                    match result {
                        Some(result) => self.finish(job, result, began, init_ms),
                        None => self.fail(job, &Failure::of_exit(exit), began, init_ms).await,
                    }
                    return false;
                }
                Event::Deadline => {
                    let failure = Failure::of_timeout(limit);
                    self.fail(job, &failure, began, init_ms).await;
                    return false;
                }
            }
        }
    }

    /// Gives the event to the waiting runtime. `false` when none waits.
    fn deliver(&mut self, invocation: &Invocation, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let deadline_ms = super::clock::now_ms() + i64::try_from(left.as_millis()).unwrap_or(0);
        let event = NextEvent { invocation: invocation.clone(), deadline_ms, arn: self.live.function.arn() };
        self.waiting.take().is_some_and(|waiting| waiting.send(event).is_ok())
    }

    /// Ends an invocation that the runtime answered.
    fn finish(&mut self, job: Job, (payload, failed): (Bytes, bool), began: Instant, init_ms: Option<f64>) {
        let status = if failed { Status::Failure } else { Status::Success };
        let tail = self.report(&job.invocation.request_id, status, began, init_ms);
        self.complete(job, Outcome::Done { payload, failed, tail });
    }

    /// Ends an invocation whose environment failed, and the environment's processes.
    async fn fail(&mut self, job: Job, failure: &Failure, began: Instant, init_ms: Option<f64>) {
        let duration_end = millis(began);
        self.drain();
        self.peak = self.peak.max(self.peak_memory());
        self.end_processes().await;
        let request_id = job.invocation.request_id.as_str();
        self.log.end_output();
        let id = request_id.to_owned();
        if failure.status == Status::Timeout {
            self.log.note(&id, &failure.message);
        } else if failure.body.is_none() {
            self.log.error_line(&id, &failure.kind, &failure.message);
        }
        let report = self.make_report(failure.status.clone(), duration_end, init_ms);
        let tail = self.log.end(&id, &report);
        self.flush_at = None;
        let payload = failure.payload(&id);
        self.retired = true;
        self.complete(job, Outcome::Done { payload, failed: true, tail });
    }

    fn report(
        &mut self,
        request_id: &str,
        status: Status,
        began: Instant,
        init_ms: Option<f64>,
    ) -> Option<String> {
        let duration = millis(began);
        self.drain();
        let report = self.make_report(status, duration, init_ms);
        self.flush_at = None;
        self.log.end(request_id, &report)
    }

    fn make_report(&mut self, status: Status, duration_ms: f64, init_ms: Option<f64>) -> Report {
        self.peak = self.peak.max(self.peak_memory());
        let memory_mb = self.live.function.settings.memory_mb;
        let peak_mb = self.peak.div_ceil(1024 * 1024).clamp(1, u64::from(memory_mb));
        Report { duration_ms, init_ms, memory_mb, peak_mb, status }
    }

    fn peak_memory(&self) -> u64 {
        self.processes.as_ref().and_then(|processes| processes.peak_memory()).unwrap_or(0)
    }

    /// Gives the environment back before its caller hears of the result, so that the next job finds it.
    fn complete(&mut self, job: Job, outcome: Outcome) {
        let Job { lease, reply, .. } = job;
        if !self.retired && self.waiting.is_some() {
            self.retired = !self.shared.scheduler.rest(lease.function(), self.id);
        } else {
            self.retired = true;
        }
        drop(lease);
        let _ = reply.send(outcome);
    }

    const fn idle_or_end(&self) -> bool {
        !self.retired
    }

    /// Waits for the next job. `None`: the environment ends.
    async fn idle(&mut self) -> Option<Job> {
        let limit = self.shared.config.time_scale.wall(self.shared.config.idle);
        let name = self.live.function.name.clone();
        let mut deadline = Instant::now() + limit;
        loop {
            match self.event(Some(deadline)).await {
                Event::Message(Message::Invoke(job)) => return Some(*job),
                Event::Message(Message::End | Message::Kill) => return None,
                Event::Message(Message::Next(reply)) => self.waiting = Some(reply),
                Event::Message(message) => self.decline(message),
                Event::Exit(_) => {
                    self.shared.scheduler.withdraw(&name, self.id);
                    return None;
                }
                Event::Deadline if self.shared.scheduler.withdraw(&name, self.id) => return None,
                Event::Deadline => deadline = Instant::now() + limit,
            }
        }
    }

    /// Waits for what happens next, and looks after the log meanwhile.
    async fn event(&mut self, deadline: Option<Instant>) -> Event {
        let far = Instant::now() + Duration::from_hours(1);
        loop {
            tokio::select! {
                biased;
                message = self.inbox.recv() => return Event::Message(message.unwrap_or(Message::Kill)),
                () = readable(self.output.as_ref()) => {}
                exit = exited(self.processes.as_mut()) => {
                    self.drain();
                    return Event::Exit(exit);
                }
                () = tokio::time::sleep_until(deadline.unwrap_or(far)) => return Event::Deadline,
                () = tokio::time::sleep_until(self.flush_at.unwrap_or(far)), if self.flush_at.is_some() => {
                    self.flush_at = None;
                    self.log.flush();
                }
            }
            self.drain();
        }
    }

    /// Reads what is in the pipe now.
    fn drain(&mut self) {
        let Some(output) = &self.output else { return };
        let mut buffer = [0_u8; 16 * 1024];
        loop {
            match output.try_read(&mut buffer) {
                Ok(0) => {
                    self.output = None;
                    break;
                }
                Ok(count) => self.log.output(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.output = None;
                    break;
                }
            }
        }
        self.flush_soon();
    }

    fn flush_soon(&mut self) {
        if self.flush_at.is_none() && self.log.is_dirty() {
            self.flush_at = Some(Instant::now() + FLUSH_AFTER);
        }
    }

    /// Answers what does not fit the moment.
    fn decline(&mut self, message: Message) {
        match message {
            Message::Invoke(job) => give_back(*job),
            Message::End => self.retired = true,
            Message::Response { reply, .. }
            | Message::Error { reply, .. }
            | Message::InitError { reply, .. } => {
                let _ = reply.send(Verdict::WrongState);
            }
            Message::Kill | Message::Next(_) => {}
        }
    }

    async fn end_processes(&mut self) {
        self.waiting = None;
        if let Some(processes) = &mut self.processes {
            processes.kill().await;
        }
        self.drain();
        self.output = None;
        self.processes = None;
    }

    fn time_limit(&self) -> Duration {
        Duration::from_secs(u64::from(self.live.function.settings.timeout_secs))
    }

    fn spec(&self) -> SandboxSpec {
        let live = &self.live;
        let own = &live.function.settings.image;
        let mut command = own.entry_point.clone().unwrap_or_else(|| live.image.entrypoint.clone());
        command.extend(own.command.clone().unwrap_or_else(|| live.image.cmd.clone()));
        let workdir = own.working_directory.clone().unwrap_or_else(|| live.image.workdir.clone());
        SandboxSpec {
            rootfs: live.rootfs.clone(),
            command,
            workdir: if workdir.is_empty() { "/".into() } else { workdir },
            env: variables::all(live, &self.shared.config, &self.token, self.log.group(), self.log.stream()),
            memory_mb: live.function.settings.memory_mb,
            tmp_mb: live.function.settings.tmp_mb,
        }
    }
}

fn verdict(job: &Job, id: &str, answered: bool) -> Verdict {
    match (job.invocation.request_id == id, answered) {
        (false, _) => Verdict::UnknownRequest,
        (true, true) => Verdict::WrongState,
        (true, false) => Verdict::Accepted,
    }
}

fn too_large(size: usize) -> Bytes {
    let message = format!(
        "Response payload size ({size} bytes) exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
    );
    Bytes::from(json!({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}).to_string())
}

fn give_back(job: Job) {
    let (reply, unused) = oneshot::channel();
    drop(unused);
    let Job { invocation, lease, reply: sender } = job;
    let _ = sender.send(Outcome::NotRun(Box::new(Job { invocation, lease, reply })));
}

async fn readable(output: Option<&pipe::Receiver>) {
    match output {
        Some(output) => {
            let _ = output.readable().await;
        }
        None => std::future::pending().await,
    }
}

async fn exited(process: Option<&mut Box<dyn Process>>) -> Exit {
    match process {
        Some(process) => process.wait().await,
        None => std::future::pending().await,
    }
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
