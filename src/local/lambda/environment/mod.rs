//! One execution environment: a task that owns its processes, its log and its side of the Runtime API.
//!
//! ```text
//! messages   what an environment is told and asked, and what becomes of a job
//! start      processes are started until the runtime asks for its first event
//! serve      one invocation, from its delivery to its report
//! events     what happens next: messages, output, the end of processes, deadlines
//! failure    how an environment fails, in Lambda's words
//! ```

mod events;
mod failure;
mod messages;
mod serve;
mod start;

pub(super) use messages::{Invocation, Job, JobOutcome, MAX_RESPONSE, Message, NextEvent, Verdict};

use super::launcher::{Launcher, Process};
use super::logging::LogWriter;
use super::pool::{Live, Scheduler};
use crate::access::OpenSession;
use events::Event;
use messages::give_back;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

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
    /// The keys of the function's role: good as long as the environment.
    keys: OpenSession,
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

impl Environment {
    pub fn new(
        shared: Arc<Shared>,
        (id, token): (u64, String),
        live: Arc<Live>,
        inbox: mpsc::UnboundedReceiver<Message>,
        log: LogWriter,
    ) -> Self {
        let function = &live.function;
        let keys = shared.config.access.open(&function.settings.role, &function.name, Vec::new(), None);
        Self {
            shared,
            id,
            token,
            keys,
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
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
