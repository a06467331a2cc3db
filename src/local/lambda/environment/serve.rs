//! One invocation, from its delivery to its report.

use super::events::Event;
use super::failure::{Failure, too_large};
use super::messages::{Invocation, Job, JobOutcome, Message, NextEvent, Verdict};
use super::{Environment, millis};
use crate::lambda::clock;
use crate::lambda::logging::{Report, Status};
use bytes::Bytes;
use tokio::time::Instant;

impl Environment {
    /// Runs one invocation. Answers whether the environment can be used again.
    pub(super) async fn serve(&mut self, job: Job, init_ms: Option<f64>, began: Instant) -> bool {
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
        let deadline_ms = clock::now_ms() + i64::try_from(left.as_millis()).unwrap_or(0);
        let event = NextEvent { invocation: invocation.clone(), deadline_ms, arn: self.live.function.arn() };
        self.waiting.take().is_some_and(|waiting| waiting.send(event).is_ok())
    }

    /// Ends an invocation that the runtime answered.
    fn finish(&mut self, job: Job, (payload, failed): (Bytes, bool), began: Instant, init_ms: Option<f64>) {
        let status = if failed { Status::Failure } else { Status::Success };
        let tail = self.report(&job.invocation.request_id, status, began, init_ms);
        self.complete(job, JobOutcome::Done { payload, failed, tail });
    }

    /// Ends an invocation whose environment failed, and the environment's processes.
    pub(super) async fn fail(&mut self, job: Job, failure: &Failure, began: Instant, init_ms: Option<f64>) {
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
        self.complete(job, JobOutcome::Done { payload, failed: true, tail });
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
    fn complete(&mut self, job: Job, outcome: JobOutcome) {
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
}

fn verdict(job: &Job, id: &str, answered: bool) -> Verdict {
    match (job.invocation.request_id == id, answered) {
        (false, _) => Verdict::UnknownRequest,
        (true, true) => Verdict::WrongState,
        (true, false) => Verdict::Accepted,
    }
}
