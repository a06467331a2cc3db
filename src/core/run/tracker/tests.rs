#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use crate::run::chain::Chain;
use crate::run::failure::FailedEvent;
use crate::run::header::StartedBy;
use crate::run::manifest::ManifestEntry;
use crate::run::reports::FailedAttempt;
use proptest::prelude::*;
use throng_contract::keys::RecordName;
use throng_contract::keys::first::{self, record_name, records_prefix, running_key};
use throng_contract::{AttemptId, TaskId};

const START: Millis = 1_795_470_300_000;

fn header(tasks: u64) -> RunHeader {
    RunHeader {
        version: 1,
        id: "r".into(),
        function: "f".into(),
        image: "127.0.0.1:1/f@sha256:abc".into(),
        parameters: BTreeMap::new(),
        started_ms: START,
        tasks,
        bytes: 0,
        source: Vec::new(),
        bucket: "b".into(),
        provider: None,
        files: false,
        sets: None,
        without_inputs: false,
        groups: None,
        skipped: None,
        unselected: 0,
        overwrites: false,
        pack: None,
        group: None,
        reused: crate::model::Reuse::default(),
        fingerprint: String::new(),
        overrides: crate::model::Overrides::default(),
        join_groups: None,
        started_by: StartedBy::Invoke,
        throng: String::new(),
        retries: None,
        stages: Vec::new(),
    }
}

fn record(task: u64, id: &str, state: TaskState, after_ms: u64, duration_ms: u64) -> String {
    let class = match state {
        TaskState::Succeeded => None,
        TaskState::TimedOut => Some(FailureClass::Timeout),
        _ => Some(FailureClass::Script),
    };
    let name = RecordName {
        task: Some(TaskId::number(task)),
        attempt: AttemptId::new(id, (START + after_ms).saturating_sub(duration_ms)),
        state,
        class,
        duration_ms,
        peak_kib: 10,
        event: None,
        failure: None,
    };
    format!("{}{}", records_prefix("r"), record_name(&name))
}

fn gave_up(task: u64, id: &str, after_ms: u64, state: TaskState, class: FailureClass) -> FailedEvent {
    FailedEvent {
        pack: Vec::new(),
        request_id: id.into(),
        at_ms: START + after_ms,
        task: Some(first::task("r", task)),
        objects: vec![("b".into(), format!("k{task}"))],
        event_ms: None,
        state,
        class,
        message: "m".into(),
        tries: 1,
    }
}

fn state(tracker: &RunTracker, task: u64) -> (TaskState, Option<FailureClass>, u32) {
    let row = tracker.row(task).unwrap();
    (row.state, row.class, row.attempts.into())
}

use FailureClass::{Init, Lost, Memory, Script};
use TaskState::{Cancelled, Failed, Pending, Running, Succeeded, TimedOut};

#[test]
fn names_of_any_size_are_counted() {
    let mut tracker = RunTracker::new(header(2));
    for task in 0..2 {
        assert!(tracker.record(&record(task, "a", Succeeded, 10, u64::MAX)));
    }
    assert_eq!((tracker.statistics.total_ms, tracker.counts().succeeded), (u64::MAX, 2));
}

#[test]
fn a_success_wins_for_ever_and_counts_once() {
    let mut tracker = RunTracker::new(header(2));
    assert!(tracker.record(&record(0, "a", Failed, 10, 1)));
    assert_eq!(state(&tracker, 0), (Failed, Some(Script), 1));
    assert!(tracker.record(&record(0, "b", Succeeded, 20, 2)));
    assert!(tracker.record(&record(0, "c", Succeeded, 30, 3)));
    assert!(tracker.record(&record(0, "d", TimedOut, 40, 4)));
    assert!(!tracker.record(&record(0, "b", Succeeded, 20, 2)), "the same key again is nothing new");
    assert_eq!(state(&tracker, 0), (Succeeded, None, 4));
    assert_eq!(tracker.row(0).unwrap().request_id().as_deref(), Some("b"), "the first success decides");
    assert_eq!((tracker.counts().succeeded, tracker.counts().pending, tracker.counts().total()), (1, 1, 2));
    assert_eq!(tracker.statistics().total_ms, 10);
    assert_eq!(tracker.attempt_keys(0).len(), 4);
}

#[test]
fn a_marker_shows_a_task_running_until_its_record_comes() {
    let mut tracker = RunTracker::new(header(1));
    assert!(tracker.marker(&running_key("r", 0, "a"), Some(START + 5_000)));
    assert!(!tracker.marker(&running_key("r", 0, "a"), Some(START + 5_000)));
    assert_eq!(state(&tracker, 0), (Running, None, 1));
    let running = tracker.running();
    assert_eq!(
        (running.len(), running[0].started_ms, running[0].task.clone()),
        (1, START + 4_000, Some(0.into()))
    );
    assert!(!tracker.is_complete());
    assert!(tracker.record(&record(0, "a", Failed, 10, 1)));
    assert_eq!(state(&tracker, 0), (Failed, Some(Script), 1));
    assert!(tracker.running().is_empty());
    assert!(!tracker.marker(&running_key("r", 0, "a"), Some(START + 5_000)), "markers stay in the bucket");
    assert!(tracker.marker(&running_key("r", 0, "b"), Some(START + 5_000)), "but another attempt is news");
    assert_eq!(state(&tracker, 0), (Running, None, 2));
}

#[test]
fn what_lambda_says_counts_where_the_runtime_could_not() {
    let mut tracker = RunTracker::new(header(3));
    assert!(tracker.gave_up(&FailedEvent { tries: 3, ..gave_up(2, "c", 10, Failed, Memory) }, "x/3"));
    assert_eq!(state(&tracker, 2), (Failed, Some(Memory), 3), "no attempt could write a record");
    tracker.marker(&running_key("r", 0, "a"), Some(START + 5_000));
    assert!(tracker.gave_up(&gave_up(0, "a", 10, Failed, Memory), "x/1"));
    assert_eq!(state(&tracker, 0), (Failed, Some(Memory), 1));
    assert!(!tracker.gave_up(&gave_up(0, "a", 10, Failed, Memory), "x/1"));
    assert!(tracker.gave_up(&gave_up(1, "b", 30, Failed, Init), "x/2"));
    tracker.record(&record(1, "b", Failed, 20, 5));
    assert_eq!(state(&tracker, 1), (Failed, Some(Script), 1), "the runtime's own record knows better");
}

#[test]
fn failed_s3_events_find_their_task_by_key_and_time() {
    let mut tracker = RunTracker::new(header(3));
    let mut event = gave_up(2, "a", 10, Failed, Init);
    event.task = None;
    assert!(tracker.needs_inputs(&event));
    let entry = |task| ManifestEntry {
        task,
        bucket: "b".into(),
        key: format!("k{task}"),
        size: 1,
        provider: None,
        set: None,
        ..ManifestEntry::default()
    };
    tracker.inputs((0..3).map(entry).collect());
    assert!(tracker.has_inputs() && !tracker.needs_inputs(&event));
    let earlier = FailedEvent { event_ms: Some(START - 60_000), ..event.clone() };
    assert!(!tracker.gave_up(&earlier, "x/0"), "an earlier run's");
    let other = FailedEvent { objects: vec![("other".into(), "k2".into())], ..event.clone() };
    assert!(!tracker.gave_up(&other, "x/1"), "another bucket's");
    assert!(tracker.gave_up(&event, "x/2"));
    assert_eq!(state(&tracker, 2), (Failed, Some(Init), 1));
}

#[test]
fn cancelling_and_losing_touch_only_what_is_open_and_late_records_win() {
    let mut tracker = RunTracker::new(header(4));
    tracker.record(&record(0, "a", Failed, 10, 1));
    tracker.marker(&running_key("r", 1, "b"), Some(START + 5_000));
    assert!(tracker.cancelled(START + 100));
    assert_eq!([0, 1, 2, 3].map(|task| state(&tracker, task).0), [Failed, Running, Cancelled, Cancelled]);
    assert!(!tracker.is_complete());
    tracker.record(&record(2, "c", Succeeded, 200, 1));
    assert_eq!(state(&tracker, 2).0, Succeeded);
    assert!(tracker.overdue(START + 1000));
    assert_eq!(state(&tracker, 1), (Failed, Some(Lost), 1));
    assert!(tracker.is_complete());
    tracker.record(&record(1, "b", Succeeded, 300, 1));
    assert_eq!(state(&tracker, 1), (Succeeded, None, 1));
    assert_eq!((tracker.counts().succeeded, tracker.counts().cancelled, tracker.counts().failed), (2, 1, 1));
}

#[test]
fn foreign_and_malformed_keys_change_nothing() {
    let mut tracker = RunTracker::new(header(1));
    for key in ["", "runs/r/records/x.json", &record(1, "a", Failed, 0, 0), &record(0, "a", Running, 0, 0)] {
        assert!(!tracker.record(key), "{key}");
    }
    for key in ["", "x", "runs/r/running/0_", "runs/r/running/9_a", "runs/r/running/zz_a"] {
        assert!(!tracker.marker(key, None), "{key}");
    }
    assert_eq!((tracker.counts().pending, tracker.foreign()), (1, 1));
}

#[test]
fn rate_history_and_remaining_time_follow_the_records() {
    let mut chain = Chain::new(header(1000));
    for task in 0..500 {
        chain.see(&record(task, "a", Succeeded, task * 20, 20), None);
    }
    let now = START + 10_000;
    let summary = chain.summary(now, 0, false);
    assert!((summary.rate - 50.0).abs() < 1.0, "{}", summary.rate);
    assert!((summary.eta_s.unwrap() - 10.0).abs() < 1.0);
    let history = chain.view(now, 0, false).history;
    assert_eq!((history.len(), history.iter().sum::<u64>()), (60, 500));
    assert_eq!(summary.image, "sha256:abc");
    assert_eq!(summary.ended_ms, None);
    assert!(chain.summary(START - 5_000, 0, false).eta_s.is_none(), "a clock that is behind");
}

#[test]
fn a_view_does_not_change_and_costs_only_what_changed() {
    let mut tracker = RunTracker::new(header(5000));
    let before = tracker.view();
    tracker.record(&record(3000, "a", Succeeded, 1, 1));
    let after = tracker.view();
    assert_eq!(before.task(3000).unwrap().state, Pending);
    assert_eq!(after.task(3000).unwrap().state, Succeeded);
    let shared = before.tasks.iter().zip(after.tasks.iter()).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
    assert_eq!((after.tasks.len(), shared), (5, 4));
}

/// Something that can be learnt of a run.
#[derive(Clone, Debug)]
enum News {
    Record(String),
    Marker(String),
    GaveUp(FailedEvent, String),
    Cancelled,
}

fn tell(tracker: &mut RunTracker, news: &News) {
    match news {
        News::Record(key) => tracker.record(key),
        News::Marker(key) => tracker.marker(key, None),
        News::GaveUp(event, key) => tracker.gave_up(event, key),
        News::Cancelled => tracker.cancelled(START + 500),
    };
}

fn news() -> impl Strategy<Value = News> {
    let id = prop::sample::select(vec!["a", "b", "c"]);
    let ended = prop::sample::select(vec![Succeeded, Failed, TimedOut]);
    prop_oneof![
        6 => (0..4_u64, id.clone(), ended, 0..50_u64).prop_map(|(task, id, state, at)| News::Record(record(task, id, state, at, at))),
        3 => (0..4_u64, id.clone()).prop_map(|(task, id)| News::Marker(running_key("r", task, id))),
        2 => (0..4_u64, id, 0..50_u64).prop_map(|(task, id, at)| {
            News::GaveUp(gave_up(task, id, at, Failed, Memory), format!("x/{task}-{id}-{at}"))
        }),
        1 => Just(News::Cancelled),
    ]
}

fn recount(tracker: &RunTracker) -> (Counts, BTreeMap<FailureClass, u64>) {
    let (mut counts, mut classes) = (Counts::default(), BTreeMap::new());
    for row in tracker.chunks.iter().flat_map(|chunk| chunk.iter()) {
        *counts.of(row.state) += 1;
        if let Some(class) = row.class {
            *classes.entry(class).or_default() += 1;
        }
    }
    (counts, classes)
}

proptest! {
    #[test]
    fn counts_add_up_and_order_does_not_matter(
        all in prop::collection::vec(news(), 0..30),
        swaps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..30),
    ) {
        let mut tracker = RunTracker::new(header(4));
        let mut succeeded = 0;
        for one in &all {
            tell(&mut tracker, one);
            prop_assert_eq!(tracker.counts().total(), 4);
            prop_assert!(tracker.counts().succeeded >= succeeded, "a success is never taken back");
            succeeded = tracker.counts().succeeded;
        }
        prop_assert_eq!((tracker.counts, tracker.classes.clone()), recount(&tracker));
        let mut other = all.clone();
        other.extend(all.iter().take(7).cloned());
        for (a, b) in swaps {
            if !other.is_empty() {
                let (a, b) = (a.index(other.len()), b.index(other.len()));
                other.swap(a, b);
            }
        }
        let mut again = RunTracker::new(header(4));
        for one in &other {
            tell(&mut again, one);
        }
        for task in 0..4 {
            prop_assert_eq!(tracker.row(task), again.row(task));
            prop_assert_eq!(tracker.attempt_keys(task), again.attempt_keys(task));
        }
        prop_assert_eq!(tracker.statistics(), again.statistics());
        prop_assert_eq!(tracker.history(START + 1000), again.history(START + 1000));
    }

    #[test]
    fn reports_keep_the_counts_right_and_the_ledger_wins(
        all in prop::collection::vec((news(), prop::sample::select(vec!["a", "b", "c"]), 0..50_u64), 0..30),
    ) {
        let (mut tracker, mut without) = (RunTracker::new(header(4)), RunTracker::new(header(4)));
        for (one, id, at) in &all {
            tell(&mut tracker, one);
            tell(&mut without, one);
            tracker.ended_badly(&failed_attempt(id, *at));
            prop_assert_eq!(tracker.counts().total(), 4);
        }
        prop_assert_eq!((tracker.counts, tracker.classes.clone()), recount(&tracker));
        let rows = || (0..4).filter_map(|task| Some((tracker.row(task)?, without.row(task)?)));
        prop_assert_eq!(rows().filter(|(row, _)| row.is_reported()).count() as u64, tracker.reported());
        for (row, plain) in rows() {
            // Only what would run otherwise is shown as ended; a success stays one.
            prop_assert!(row.is_reported() || row.state == plain.state || plain.state == Running);
            prop_assert!(!row.is_reported() || plain.state == Running);
        }
        prop_assert_eq!(tracker.statistics(), without.statistics());
    }

    #[test]
    fn hostile_keys_never_panic(key in any::<String>()) {
        let mut tracker = RunTracker::new(header(1));
        tracker.record(&key);
        tracker.marker(&key, None);
        tracker.record(&format!("runs/r/records/{key}.json"));
        prop_assert_eq!(tracker.counts().total(), 1);
    }
}

fn failed_attempt(id: &str, after_ms: u64) -> FailedAttempt {
    FailedAttempt {
        request_id: id.into(),
        at_ms: START + after_ms,
        state: TimedOut,
        class: FailureClass::Timeout,
        duration_ms: 3_000,
        peak_memory: 1 << 20,
    }
}

#[test]
fn a_report_shows_the_end_early_and_the_ledger_wins() {
    let timed_out = (TimedOut, Some(FailureClass::Timeout), 1);
    let mut tracker = RunTracker::new(header(2));
    assert!(!tracker.ended_badly(&failed_attempt("a", 4_000)), "of nothing that is known");
    tracker.marker(&running_key("r", 0, "a"), Some(START + 1_000));
    assert!(tracker.ended_badly(&failed_attempt("a", 4_000)));
    assert!(!tracker.ended_badly(&failed_attempt("a", 4_000)));
    assert_eq!(state(&tracker, 0), timed_out);
    let row = tracker.row(0).unwrap();
    assert!(
        row.is_reported() && row.duration_ms() == Some(3_000) && row.request_id().as_deref() == Some("a")
    );
    assert!(tracker.running().is_empty() && tracker.attempt_keys(0).is_empty());
    tracker.record(&record(1, "z", Succeeded, 10, 1));
    assert!(!tracker.is_complete() && tracker.reported() == 1, "the ledger has the last word");
    assert_eq!(tracker.counts().total(), 2);
    assert!(tracker.gave_up(&gave_up(0, "a", 9_000, Failed, Memory), "x/1"));
    assert_eq!(state(&tracker, 0), (Failed, Some(Memory), 1));
    assert!(tracker.is_complete() && tracker.reported() == 0);
    assert!(!tracker.ended_badly(&failed_attempt("a", 4_000)), "the ledger knows it");
}

#[test]
fn a_repetition_of_a_reported_attempt_runs_again() {
    let mut tracker = RunTracker::new(header(1));
    tracker.marker(&running_key("r", 0, "a"), Some(START + 1_000));
    tracker.ended_badly(&failed_attempt("a", 4_000));
    assert!(!tracker.marker(&running_key("r", 0, "a"), Some(START + 1_000)));
    assert!(
        tracker.marker(&running_key("r", 0, "a"), Some(START + 65_000)),
        "the same request, a minute later"
    );
    assert_eq!(state(&tracker, 0).0, Running);
    assert!(tracker.ended_badly(&failed_attempt("a", 68_000)));
    assert_eq!(state(&tracker, 0).0, TimedOut);
    tracker.record(&record(0, "a", Succeeded, 200_000, 5));
    assert_eq!(state(&tracker, 0), (Succeeded, None, 1));
    assert!(tracker.is_complete());
}

#[test]
fn where_the_ledger_stays_silent_a_report_stands_in_the_end() {
    let mut tracker = RunTracker::new(header(2));
    tracker.marker(&running_key("r", 0, "a"), Some(START + 1_000));
    tracker.ended_badly(&failed_attempt("a", 4_000));
    assert!(tracker.overdue(START + 1_000_000));
    assert!(tracker.is_complete());
    assert_eq!(state(&tracker, 0), (TimedOut, Some(FailureClass::Timeout), 1));
    assert_eq!(state(&tracker, 1), (Failed, Some(Lost), 0));
}
