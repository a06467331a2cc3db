//! What the names of records say, so that listing alone gives exact counts, times and groups of failures.

use super::first;
use crate::{AttemptId, AttemptRecord, FailureClass, ParseIdError, TaskId, TaskState, failure_line, hash};
use std::fmt;

/// The last part of a record's key:
/// `<task>_<attempt>_<state>_<class>_<duration ms>_<peak KiB>_<event>_<failure>.json`, or `<task>_<attempt>_running` of an
/// attempt that has begun. In a standing run the time stands before it, `<ended ms>_` or `<begun ms>_`, in 13 digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordName {
    /// The task, or `None` outside a run.
    pub task: Option<TaskId>,
    /// The attempt: request id and begin.
    pub attempt: AttemptId,
    /// How it ended, or [`TaskState::Running`].
    pub state: TaskState,
    /// Why it did not succeed.
    pub class: Option<FailureClass>,
    /// From begin to end of the attempt, in milliseconds.
    pub duration_ms: u64,
    /// Peak memory in KiB.
    pub peak_kib: u64,
    /// 8 digits that name the event: attempts at the same event are repetitions of each other. `None` in the first layout,
    /// and of a record that no event led to.
    pub event: Option<String>,
    /// Digest of the failure's line ([`failure_line::digest`]); of a success that stored nothing `00000000`.
    pub failure: Option<String>,
}

/// Stands in the place of a failure's digest when an attempt has succeeded and stored nothing.
const NOTHING: &str = "00000000";

impl RecordName {
    /// The name for a record.
    #[must_use]
    pub fn of(record: &AttemptRecord) -> Self {
        let nothing = record.stored_nothing().then(|| NOTHING.to_owned());
        let failure = record.class.and(record.failure_line()).map(failure_line::digest).or(nothing);
        Self {
            task: record.task.as_ref().map(|task| task.task.clone()),
            attempt: AttemptId::new(&record.request_id, record.started_ms),
            state: record.state,
            class: record.class,
            duration_ms: record.ended_ms.saturating_sub(record.started_ms),
            peak_kib: record.peak_memory / 1024,
            event: record.event.as_ref().map(|event| hash::short(&[event.id.as_bytes()])),
            failure,
        }
    }

    /// The name that says that an attempt has begun.
    #[must_use]
    pub fn begun(record: &AttemptRecord) -> Self {
        let (class, event, failure) = (None, None, None);
        let state = TaskState::Running;
        Self { state, class, event, failure, duration_ms: 0, peak_kib: 0, ..Self::of(record) }
    }

    /// When the attempt ended, in milliseconds since 1970.
    #[must_use]
    pub const fn ended_ms(&self) -> u64 {
        self.attempt.started_ms.saturating_add(self.duration_ms)
    }

    /// Whether it succeeded and stored nothing. Of records from before names said so, `false`.
    #[must_use]
    pub fn stored_nothing(&self) -> bool {
        self.state == TaskState::Succeeded && self.failure.as_deref() == Some(NOTHING)
    }

    /// Reads the last part of a key, of either layout. `None` when it is not a record's name. A word that a newer runtime
    /// wrote reads as failed, of another class: a record is never dropped.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        let name = key.rsplit('/').next()?;
        if key.starts_with(super::RECORDS) {
            return Self::read(name);
        }
        let mut name = first::parse(name)?;
        if key.starts_with(first::LOOSE) {
            // What belonged to no run is a task of its day: a request each.
            name.task = Some(TaskId::of_event(&[name.attempt.request_id.as_bytes()]));
        }
        Some(name)
    }

    fn read(name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.strip_suffix(".json").unwrap_or(name).split('_').collect();
        match parts[..] {
            [task, attempt, "running"] => {
                let mut name = Self::of_words("running", "-")?;
                (name.task, name.attempt) = (Some(task.parse().ok()?), attempt.parse().ok()?);
                Some(name)
            }
            [task, attempt, state, class, duration, peak, event, failure] => {
                let mut name = Self::of_words(state, class)?;
                (name.task, name.attempt) = (Some(task.parse().ok()?), attempt.parse().ok()?);
                (name.duration_ms, name.peak_kib) = (duration.parse().ok()?, peak.parse().ok()?);
                (name.event, name.failure) = (digest(event).ok()?, digest(failure).ok()?);
                Some(name)
            }
            // Of a standing run: sorted by time.
            [time, ref rest @ ..]
                if matches!(rest.len(), 3 | 8)
                    && time.len() >= 13
                    && time.bytes().all(|b| b.is_ascii_digit()) =>
            {
                Self::read(&rest.join("_"))
            }
            _ => None,
        }
    }

    /// State and class of words; everything else is empty.
    pub(super) fn of_words(state: &str, class: &str) -> Option<Self> {
        let word = |text: &str| {
            (1..=24).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        };
        if !word(state) || !word(class) {
            return None;
        }
        let known = state.parse::<TaskState>().ok();
        let class = match class {
            "-" if known.is_some() => None,
            class => Some(class.parse().unwrap_or(FailureClass::Other)),
        };
        Some(Self {
            task: None,
            attempt: AttemptId { request_id: String::new(), started_ms: 0 },
            state: known.unwrap_or(TaskState::Failed),
            class,
            duration_ms: 0,
            peak_kib: 0,
            event: None,
            failure: None,
        })
    }
}

/// A digest, or the mark that there is none.
fn digest(text: &str) -> Result<Option<String>, ParseIdError> {
    let good = text.len() == 8 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match text {
        "-" => Ok(None),
        text if good => Ok(Some(text.to_owned())),
        _ => Err(ParseIdError),
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attempt, state, duration_ms, peak_kib, .. } = self;
        let task = self.task.as_ref().map_or("-", TaskId::as_str);
        write!(f, "{task}_{attempt}_{state}")?;
        if *state == TaskState::Running {
            return Ok(());
        }
        let class = self.class.map_or("-", FailureClass::as_str);
        let [event, failure] = [&self.event, &self.failure].map(|digest| digest.as_deref().unwrap_or("-"));
        write!(f, "_{class}_{duration_ms}_{peak_kib}_{event}_{failure}.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(task: Option<u64>) -> RecordName {
        RecordName {
            task: task.map(TaskId::number),
            attempt: AttemptId::new("5ca4a8d2-0000-4000-8000-1234567890ab", 1_732_396_500_111),
            state: TaskState::TimedOut,
            class: Some(FailureClass::Timeout),
            duration_ms: 12,
            peak_kib: 900,
            event: Some("0123abcd".into()),
            failure: Some("89abcdef".into()),
        }
    }

    #[test]
    fn names_of_both_layouts_come_back() {
        let new = name(Some(42));
        assert_eq!(RecordName::parse(&format!("l/00/r/0/0/{new}")), Some(new.clone()));
        assert_eq!(RecordName::parse(&format!("l/00/day-20261123-x/0/3/1732396500123_{new}")), Some(new));
        for task in [Some(42), None] {
            let old = RecordName { event: None, failure: None, ..name(task) };
            let key = format!("runs/r/records/{}", first::record_name(&old));
            assert_eq!(RecordName::parse(&key), Some(old), "{key}");
        }
        let begun = RecordName {
            state: TaskState::Running,
            class: None,
            duration_ms: 0,
            peak_kib: 0,
            event: None,
            failure: None,
            ..name(Some(1))
        };
        assert_eq!(RecordName::parse(&format!("l/00/r/0/0/{begun}")), Some(begun));
    }

    #[test]
    fn what_belonged_to_no_run_is_a_task_of_its_own() {
        let old = RecordName { event: None, failure: None, ..name(None) };
        let task = |id: &str| {
            let old = RecordName { attempt: AttemptId::new(id, 1), ..old.clone() };
            RecordName::parse(&format!("loose/f/{}", first::record_name(&old))).and_then(|name| name.task)
        };
        assert!(task("a").is_some() && task("a") == task("a") && task("a") != task("b"));
    }

    #[test]
    fn a_word_of_tomorrow_is_a_failure_of_another_kind() {
        for key in
            ["l/00/r/0/0/7_id.1_paused_sleepy_1_1_-_-.json", "runs/r/records/2_7_id_paused_sleepy_1_1.json"]
        {
            let name = RecordName::parse(key);
            let words = name.map(|name| (name.state, name.class));
            assert_eq!(words, Some((TaskState::Failed, Some(FailureClass::Other))), "{key}");
        }
    }

    #[test]
    fn foreign_keys_are_not_records() {
        for key in [
            "",
            "runs/r/records/",
            "a_b.json",
            "runs/r/records/1_2_3_DONE_-_1_1.json",
            "l/00/r/0/0/",
            "l/00/r/0/0/7_id.1_running.txt",
            "l/00/r/0/0/A_id.1_failed_-_1_1_-_-.json",
            "l/00/r/0/0/7_id.1_failed_-_1_1_zz_-.json",
            "l/00/r/0/0/x_7_id.1_failed_-_1_1_-_-.json",
        ] {
            assert_eq!(RecordName::parse(key), None, "{key}");
        }
    }
}
