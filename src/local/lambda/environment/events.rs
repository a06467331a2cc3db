//! What happens next: messages, output, the end of processes, deadlines.

use super::Environment;
use super::messages::{Message, Verdict, give_back};
use crate::lambda::launcher::Process;
use crate::sandbox::Exit;
use std::time::Duration;
use tokio::net::unix::pipe;
use tokio::time::Instant;

/// How long log lines may wait for company.
const FLUSH_AFTER: Duration = Duration::from_millis(25);

/// Readings in a row: more than a pipe holds, so that what was written before now is read, and a function that writes
/// without end does not keep everything else waiting.
const READS: usize = 16;

/// What happens to an environment.
pub(super) enum Event {
    Message(Message),
    Exit(Exit),
    Deadline,
}

impl Environment {
    /// Waits for what happens next, and looks after the log meanwhile.
    pub(super) async fn event(&mut self, deadline: Option<Instant>) -> Event {
        let far = Instant::now() + Duration::from_hours(1);
        loop {
            tokio::select! {
                biased;
                message = self.inbox.recv() => return Event::Message(message.unwrap_or(Message::Kill)),
                // Before there is room for its lines a function waits at its pipe.
                () = async { self.log.room().await; readable(self.output.as_ref()).await } => {}
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
    pub(super) fn drain(&mut self) {
        let Some(output) = &self.output else { return };
        let mut buffer = [0_u8; 16 * 1024];
        for _ in 0..READS {
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

    pub(super) fn flush_soon(&mut self) {
        if self.flush_at.is_none() && self.log.is_dirty() {
            self.flush_at = Some(Instant::now() + FLUSH_AFTER);
        }
    }

    /// Answers what does not fit the moment.
    pub(super) fn decline(&mut self, message: Message) {
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
