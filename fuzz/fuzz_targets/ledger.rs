//! What lies in the home bucket, where anybody may write: names of records and markers, their bodies, manifests, headers,
//! events that Lambda gave up on. What is read is written back as itself, the counts of a run add up to its manifest
//! whatever it is told, and no key becomes a path that leads elsewhere.
#![cfg_attr(feature = "libfuzzer", no_main)]

use serde::{Serialize, de::DeserializeOwned};
use std::path::Component;
use throng_contract::keys::{RecordName, first, layout_of, record_key};
use throng_contract::pack::PackEvent;
use throng_contract::{
    AttemptId, AttemptRecord, FunctionConfig, Lineage, RunningMarker, TaskEvent, failure_line,
    object_keys_from_s3_event, read_secrets,
};
use throng_core::dataset::names::safe_path;
use throng_core::run::{
    Cancelled, FailedEvent, ManifestEntry, RunEnd, RunHeader, RunTracker, Unsent, is_run_id,
};
use throng_fuzz::fuzz_target;

const TASKS: u64 = 5;

fuzz_target!(|text: &str| {
    let mut run = RunTracker::new(header());
    for line in text.split('\n').take(200) {
        key(line);
        if let Some(lineage) = Lineage::parse(line, "bucket", "key") {
            assert_eq!(Lineage::parse(&lineage.header("bucket", "key"), "bucket", "key"), Some(lineage));
        }
        assert_eq!(failure_line::digest(line).len(), 8);
        tell(&mut run, line);
        assert_eq!(run.counts().total(), TASKS, "manifest = sum of states");
        assert!(!run.is_complete() || run.counts().done() == TASKS);
        let _ = (run.running(), run.failed_requests().len());
    }
    run.overdue(1 << 50);
    assert!(run.is_complete() && run.counts().done() == TASKS, "no task stays open for ever");
    for json in std::iter::once(text).chain(text.split('\n').take(20)) {
        document(json.as_bytes());
    }
});

fn header() -> RunHeader {
    let text = format!(
        r#"{{"version":1,"id":"run","function":"f","started_ms":1000,"tasks":{TASKS},"bucket":"b","started_by":"invoke"}}"#
    );
    serde_json::from_str(&text).expect("a header")
}

fn tell(run: &mut RunTracker, line: &str) {
    run.record(line);
    run.marker(line, Some(line.len() as u64));
    if let Some(event) = FailedEvent::parse(line.as_bytes()) {
        run.gave_up(&event, "aws/lambda/async/f/2026/11/23/key");
    }
    if let Ok(entry) = serde_json::from_str::<ManifestEntry>(line) {
        run.inputs(vec![entry]);
    }
    match line {
        "cancel" => assert!(run.cancelled(2000) || run.is_cancelled()),
        "overdue" => _ = run.overdue(3000),
        _ => {}
    }
}

fn key(text: &str) {
    if let Some(name) = RecordName::parse(text) {
        let written = match layout_of(text) {
            Some(2..) => format!("l/00/run/0/0/{name}"),
            _ => first::record_name(&name),
        };
        assert_eq!(RecordName::parse(&written), Some(name), "{text}");
    }
    if let Ok(path) = safe_path(text) {
        assert!(path.path.components().all(|part| matches!(part, Component::Normal(_))), "{path:?}");
        assert!(path.encoded || path.path.to_str() == Some(text), "{path:?}");
    }
    assert!(!is_run_id(text) || safe_path(text).is_ok());
}

fn document(json: &[u8]) {
    if let Some(record) = round_trip::<AttemptRecord>(json)
        && record.ended_ms >= record.started_ms
        && !record.request_id.contains(['_', '/'])
    {
        let name = RecordName::parse(&record_key(&record)).expect("a record's own name");
        assert_eq!(
            (name.state, name.class, name.attempt),
            (record.state, record.class, AttemptId::new(&record.request_id, record.started_ms))
        );
    }
    round_trip::<RunningMarker>(json);
    round_trip::<TaskEvent>(json);
    round_trip::<PackEvent>(json);
    round_trip::<FunctionConfig>(json);
    round_trip::<RunHeader>(json);
    round_trip::<ManifestEntry>(json);
    round_trip::<Cancelled>(json);
    round_trip::<Unsent>(json);
    if let Some(end) = round_trip::<RunEnd>(json) {
        assert!(end.counts().total() >= end.counts().done());
    }
    if let Ok(secrets) = read_secrets(json) {
        let shown = format!("{secrets:?}");
        let mut keys = secrets.providers.values().map(|access| &access.keys.secret_key);
        assert!(!keys.any(|key| key.len() > 20 && shown.contains(key.as_str())), "a key is shown");
    }
    if let Ok(event) = serde_json::from_slice(json)
        && let Some(objects) = object_keys_from_s3_event(&event)
    {
        assert!(!objects.is_empty());
    }
}

/// Reads, writes, reads again.
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(json: &[u8]) -> Option<T> {
    let read: T = serde_json::from_slice(json).ok()?;
    let written = serde_json::to_vec(&read).expect("JSON");
    assert_eq!(serde_json::from_slice::<T>(&written).ok().as_ref(), Some(&read));
    Some(read)
}
