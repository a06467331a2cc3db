//! What the hub owns: the snapshot being built, notices, progress.

use super::progress::{Entry, ProgressHandle};
use super::snapshot::{Connection, Notice, Severity, Snapshot};
use crate::cloud::{CloudError, ErrorKind, now_ms};
use crate::jobs::{JobError, JobErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an informative notice stays.
const INFO_STAYS: Duration = Duration::from_secs(6);
/// Ended transfers and deployments that are kept; the oldest go first.
const MOST_ENDED: usize = 50;
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

    /// Tells of a job that failed, with what to do. Nothing for what a person ended.
    pub fn error(&mut self, title: impl Into<String>, error: &JobError) {
        let severity = match error.kind() {
            JobErrorKind::Interrupted => return,
            JobErrorKind::ReadOnly => Severity::Warning,
            _ => Severity::Error,
        };
        self.notice(severity, title, error.with_advice());
        self.failed(error);
    }

    /// Notes what an error says of the cloud, if it says anything.
    pub fn failed(&mut self, error: &JobError) {
        if let Some(said) = error.cloud() {
            self.answered(Err(said));
        }
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
                trouble(error)
            }
            _ => Connection::Online,
        };
        self.tell_outage(result.err().filter(|_| connection != Connection::Online));
        if self.snap.connection != connection {
            self.snap.connection = connection;
            self.dirty = true;
        }
    }

    /// The local cloud has ended and was started again. Where runs are open, a person should know what that means.
    pub fn restarted(&mut self) {
        let open = self.snap.runs.items.iter().any(|run| run.ended_ms.is_none());
        let (severity, detail) = if open {
            (Severity::Warning, "Tasks that were running begin again; what had ended is kept.")
        } else {
            (Severity::Info, "")
        };
        self.notice(severity, "The local cloud was started again", detail);
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
        self.forget_ended();
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
        self.progress.iter().any(|entry| !entry.is_over())
            || self.notices.iter().any(|(_, notice)| notice.severity == Severity::Info)
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
        self.show_progress();
    }

    /// What has ended stays to be read, but not for ever: the newest come first.
    fn forget_ended(&mut self) {
        let mut ended = 0;
        self.progress.retain(|entry| {
            ended += usize::from(entry.is_over());
            !entry.is_over() || ended <= MOST_ENDED
        });
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

/// What an error that is not an answer says of the connection.
fn trouble(error: &CloudError) -> Connection {
    match error.kind {
        ErrorKind::Auth => Connection::NotSignedIn(error.sentence()),
        _ => Connection::Offline(error.sentence()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ProgressState;

    #[test]
    fn the_same_words_twice_are_one_notice_and_errors_stay() {
        let mut state = State::new(Snapshot::default());
        let error = JobError::from(CloudError::new(ErrorKind::Denied, "s3:PutObject", "b/k", "no"));
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
    fn what_has_ended_stays_and_does_not_tick() {
        let mut state = State::new(Snapshot::default());
        for number in 0..60 {
            state.begin(number.to_string()).end(ProgressState::Done);
        }
        let under_way = state.begin("now");
        state.tick();
        let shown: Vec<_> = state.snap.progress.iter().map(|row| row.label.as_str()).collect();
        assert_eq!((shown.len(), shown[0], shown[1], shown[50]), (51, "now", "59", "10"));
        assert!(state.ticks());
        under_way.end(ProgressState::Done);
        state.tick();
        assert!(!state.ticks(), "nothing of it changes any more");
        assert_eq!(state.snap.progress[0].state, ProgressState::Done);
    }

    #[test]
    fn an_outage_is_one_notice_that_goes_when_it_is_over() {
        let mut state = State::new(Snapshot::default());
        let ended = |action| CloudError {
            cause: crate::cloud::Cause::Explained,
            ..CloudError::new(ErrorKind::Auth, action, "", "type `aws sso login`")
        };
        state.answered(Err(&ended("lambda:ListFunctions")));
        state.answered(Err(&ended("s3:ListBucket")));
        assert_eq!(state.snap.notices.len(), 1);
        assert_eq!(state.snap.notices[0].detail, "type `aws sso login`");
        assert!(matches!(&state.snap.connection, Connection::NotSignedIn(why) if why.contains("aws sso")));
        state.answered(Ok(()));
        assert!(state.snap.notices.is_empty());
    }

    #[test]
    fn a_restart_is_told_with_what_it_means_for_open_runs() {
        let mut state = State::new(Snapshot::default());
        state.restarted();
        assert_eq!(state.snap.notices[0].severity, Severity::Info, "nothing was going on");
        let run = crate::model::RunSummary {
            id: "r".into(),
            function: "f".into(),
            image: String::new(),
            started_ms: 0,
            ended_ms: None,
            counts: crate::model::Counts { running: 1, ..Default::default() },
            classes: std::collections::BTreeMap::new(),
            cancelled: false,
            rate: 0.0,
            eta_s: None,
            unsent: 0,
            held: 0,
            stalled_ms: None,
            settled: false,
            waiting: 0,
            standing: false,
            stages: Vec::new(),
            collisions: 0,
            collided: Vec::new(),
            reused: crate::model::Reuse::default(),
            overrides: crate::model::Overrides::default(),
            resent: 0,
            reading: false,
            trouble: None,
        };
        state.snap.runs.items = Arc::new(vec![run]);
        state.restarted();
        let notice = &state.snap.notices[1];
        assert_eq!(notice.severity, Severity::Warning);
        assert!(notice.detail.contains("begin again"));
    }

    #[test]
    fn only_no_answer_or_bad_keys_are_offline() {
        let mut state = State::new(Snapshot::default());
        state.answered(Err(&CloudError::new(ErrorKind::NotFound, "a", "", "m")));
        assert_eq!(state.snap.connection, Connection::Online);
        state.answered(Err(&CloudError::new(ErrorKind::Unreachable, "a", "", "m")));
        assert!(matches!(state.snap.connection, Connection::Offline(_)));
        state.failed(&JobError::usage("no cloud was asked"));
        assert!(matches!(state.snap.connection, Connection::Offline(_)), "it says nothing of the cloud");
        state.answered(Ok(()));
        assert_eq!(state.snap.connection, Connection::Online);
    }
}
