//! Processes are started until the runtime asks for its first event.

use super::events::Event;
use super::failure::Failure;
use super::messages::{Job, JobOutcome, Message, Verdict, give_back};
use super::{Environment, millis};
use crate::lambda::logging::Status;
use crate::lambda::variables;
use crate::sandbox::{SandboxError, SandboxSpec};
use std::time::Duration;
use tokio::time::Instant;

/// How long a first initialisation may take.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// How initialisation ended.
enum Init {
    Ready,
    Failed(Failure),
    System(String),
    Killed,
}

impl Environment {
    /// Starts the processes and serves the job that asked for the environment. Gives back the next one.
    pub(super) async fn first(&mut self, job: Job) -> Option<Job> {
        let began = Instant::now();
        let init = self.initialise(began + INIT_LIMIT).await;
        let init_ms = millis(began);
        let keep = match init {
            Init::Ready => self.serve(job, Some(init_ms), Instant::now()).await,
            Init::System(message) => {
                let _ = job.reply.send(JobOutcome::System(message));
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
                let _ = job.reply.send(JobOutcome::System(message));
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
            env: variables::all(
                live,
                &self.shared.config,
                (&self.token, &self.keys),
                self.log.group(),
                self.log.stream(),
            ),
            memory_mb: live.function.settings.memory_mb,
            tmp_mb: live.function.settings.tmp_mb,
        }
    }
}
