//! What the hub owns: the snapshot being built, notices, progress.

use super::progress::{Entry, ProgressHandle};
use super::snapshot::{Connection, Notice, Severity, Snapshot};
use crate::core::cloud::{CloudError, ErrorKind, now_ms};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an informative notice stays.
const INFO_STAYS: Duration = Duration::from_secs(6);
/// Most notices kept; the oldest go first.
const MOST_NOTICES: usize = 50;

/// The hub's state. Tasks change it by sending closures.
#[derive(Debug)]
pub(super) struct State {
    /// The snapshot being built.
    pub snap: Snapshot,
    /// Whether it differs from what was published.
    pub dirty: bool,
    notices: Vec<(Instant, Notice)>,
    progress: Vec<Entry>,
    next_id: u64,
    /// Asks the connection's keeper to connect again.
    pub reconnect: bool,
    /// The notice that says why the cloud does not answer.
    outage: Option<u64>,
}

impl State {
    pub fn new(snap: Snapshot) -> Self {
        Self {
            snap,
            dirty: true,
            notices: Vec::new(),
            progress: Vec::new(),
            next_id: 1,
            reconnect: false,
            outage: None,
        }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Tells a person something. The same words twice are one notice.
    pub fn notice(&mut self, severity: Severity, title: impl Into<String>, detail: impl Into<String>) {
        let (title, detail) = (title.into(), detail.into());
        self.notices.retain(|(_, notice)| notice.title != title || notice.detail != detail);
        let id = self.id();
        self.notices.push((Instant::now(), Notice { id, severity, title, detail, time_ms: now_ms() }));
        if self.notices.len() > MOST_NOTICES {
            self.notices.remove(0);
        }
        self.show_notices();
    }

    /// Tells of a failed action, with what to do. Nothing for what a person cancelled.
    pub fn error(&mut self, title: impl Into<String>, error: &CloudError) {
        if error.kind == ErrorKind::Cancelled {
            return;
        }
        let advice = error.advice();
        let detail = if advice.is_empty() { error.to_string() } else { format!("{error}\n{advice}") };
        self.notice(Severity::Error, title, detail);
        self.answered(Err(error));
    }

    pub fn dismiss(&mut self, id: u64) {
        self.notices.retain(|(_, notice)| notice.id != id);
        self.show_notices();
    }

    fn show_notices(&mut self) {
        self.snap.notices = self.notices.iter().map(|(_, notice)| notice.clone()).collect();
        self.dirty = true;
    }

    /// Notes whether the cloud answered. An error that is an answer counts as one.
    pub fn answered(&mut self, result: Result<(), &CloudError>) {
        let connection = match result {
            Err(error) if matches!(error.kind, ErrorKind::Unreachable | ErrorKind::Auth) => {
                self.reconnect |= self.snap.context.local && error.is_unreachable();
                Connection::Offline(format!("{error}. {}", error.advice()))
            }
            _ => Connection::Online,
        };
        self.tell_outage(result.err().filter(|_| connection != Connection::Online));
        if self.snap.connection != connection {
            self.snap.connection = connection;
            self.dirty = true;
        }
    }

    /// One notice for each outage, however many calls fail, and it goes with the outage. The local cloud comes back by
    /// itself.
    fn tell_outage(&mut self, error: Option<&CloudError>) {
        match (error, self.outage) {
            (None, Some(id)) => {
                self.outage = None;
                self.dismiss(id);
            }
            (Some(error), None) if !self.snap.context.local => {
                let advice = error.advice();
                let title = match error.kind {
                    ErrorKind::Auth => "Credentials",
                    _ => "The cloud does not answer",
                };
                let detail = if advice.is_empty() {
                    error.message.clone()
                } else {
                    format!("{}\n{advice}", error.message)
                };
                self.notice(Severity::Warning, title, detail);
                self.outage = self.notices.last().map(|(_, notice)| notice.id);
            }
            _ => {}
        }
    }

    /// Begins to show the progress of something.
    pub fn begin(&mut self, label: impl Into<String>) -> ProgressHandle {
        let id = self.id();
        let (entry, handle) = Entry::new(id, label.into());
        self.progress.insert(0, entry);
        self.show_progress();
        handle
    }

    /// Ends something that is in progress.
    pub fn cancel(&mut self, id: u64) {
        if let Some(entry) = self.progress.iter().find(|entry| entry.id() == id) {
            entry.cancel();
        }
    }

    /// Whether time passing changes what is shown.
    pub fn ticks(&self) -> bool {
        !self.progress.is_empty() || self.notices.iter().any(|(_, notice)| notice.severity == Severity::Info)
    }

    /// Brings progress and notices up to the time.
    pub fn tick(&mut self) {
        let now = Instant::now();
        let before = self.notices.len();
        self.notices.retain(|(at, notice)| {
            notice.severity != Severity::Info || now.saturating_duration_since(*at) < INFO_STAYS
        });
        if self.notices.len() != before {
            self.show_notices();
        }
        self.progress.retain(|entry| !entry.is_over(now));
        self.show_progress();
    }

    /// Brings the rows of what takes a while up to date.
    pub fn show_progress(&mut self) {
        let now = Instant::now();
        let rows: Arc<[_]> = self.progress.iter_mut().map(|entry| entry.row(now)).collect();
        if rows != self.snap.progress {
            self.snap.progress = rows;
            self.dirty = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_twice_are_one_notice_and_errors_stay() {
        let mut state = State::new(Snapshot::default());
        let error = CloudError::new(ErrorKind::Denied, "s3:PutObject", "b/k", "no");
        state.error("Upload failed", &error);
        state.error("Upload failed", &error);
        assert_eq!(state.snap.notices.len(), 1);
        assert!(state.snap.notices[0].detail.contains("permission s3:PutObject"));
        assert!(!state.ticks(), "an error does not go away by itself");
        let id = state.snap.notices[0].id;
        state.dismiss(id);
        assert!(state.snap.notices.is_empty());
    }

    #[test]
    fn an_outage_is_one_notice_that_goes_when_it_is_over() {
        let mut state = State::new(Snapshot::default());
        let ended = |action| CloudError::new(ErrorKind::Auth, action, "", "type `aws sso login`");
        state.answered(Err(&ended("lambda:ListFunctions")));
        state.answered(Err(&ended("s3:ListBucket")));
        assert_eq!(state.snap.notices.len(), 1);
        assert_eq!(state.snap.notices[0].detail, "type `aws sso login`");
        state.answered(Ok(()));
        assert!(state.snap.notices.is_empty());
    }

    #[test]
    fn only_no_answer_or_bad_keys_are_offline() {
        let mut state = State::new(Snapshot::default());
        state.answered(Err(&CloudError::new(ErrorKind::NotFound, "a", "", "m")));
        assert_eq!(state.snap.connection, Connection::Online);
        state.answered(Err(&CloudError::new(ErrorKind::Unreachable, "a", "", "m")));
        assert!(matches!(state.snap.connection, Connection::Offline(_)));
        state.answered(Ok(()));
        assert_eq!(state.snap.connection, Connection::Online);
    }
}
