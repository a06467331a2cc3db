use super::support::{Home, Watched};
use std::collections::BTreeMap;
use throng_contract::keys::{manifest_key, record_key, run_key, running_key};
use throng_contract::{AttemptRecord, OutputObject, TaskRef, versions};
use throng_core::cloud::{Cloud, now_ms};
use throng_core::engine::{Command, ListingState, Scope, Severity, Snapshot};
use throng_core::model::{ProgressState, RunSummary, TaskState};
use throng_core::run::{ManifestEntry, RunHeader, StartedBy};

const RUN: &str = "20261123-214500-k3x9";

/// A run of one task, as a launch elsewhere would leave it.
async fn launched(cloud: &Cloud) -> String {
    let home = cloud.home_bucket().unwrap().to_owned();
    for bucket in [home.as_str(), "inputs", "out"] {
        cloud.s3().create_bucket(bucket).await.unwrap();
    }
    let header = RunHeader {
        overwrites: false,
        group: None,
        groups: None,
        version: versions::LEDGER,
        id: RUN.into(),
        function: "f".into(),
        image: String::new(),
        parameters: BTreeMap::new(),
        started_ms: now_ms(),
        tasks: 1,
        bytes: 1,
        source: Vec::new(),
        bucket: "inputs".into(),
        provider: None,
        files: false,
        sets: None,
        without_inputs: false,
        join_groups: None,
        skipped: None,
        unselected: 0,
        reused: throng_core::model::Reuse::default(),
        fingerprint: String::new(),
        overrides: throng_core::model::Overrides::default(),
        pack: None,
        started_by: StartedBy::Invoke,
        retries: Some(0),
        throng: String::new(),
        stages: Vec::new(),
    };
    let entry = ManifestEntry {
        task: 0,
        bucket: "inputs".into(),
        key: "a".into(),
        size: 1,
        provider: None,
        set: None,
        ..ManifestEntry::default()
    };
    // The header first: a folder that is seen without one is not looked at again for a minute.
    cloud.s3().put_json(&home, &run_key(RUN), &header, false).await.unwrap();
    cloud.s3().put_json(&home, &manifest_key(RUN, 0), &entry, false).await.unwrap();
    cloud
        .s3()
        .put_object(&home, &running_key(&begun()).unwrap(), b"{}".to_vec().into(), &[], false)
        .await
        .unwrap();
    home
}

/// Its task has begun.
fn begun() -> AttemptRecord {
    let task = Some(TaskRef::launched(RUN, 0));
    AttemptRecord { task, ..AttemptRecord::begun("f", "request", 1_795_470_300_123) }
}

/// Its task succeeds with two outputs of one name.
async fn ended(cloud: &Cloud, home: &str) {
    let output = |key: &str| OutputObject {
        bucket: "out".into(),
        key: key.into(),
        size: 6,
        sha256: "f6a214f7a5fcda0c2cee9660b7fc29f5649e3c68aad48e20e950137c98913a68".into(),
        provider: None,
        place: Some("x".into()),
    };
    let outputs = vec![output("x/one/a.txt"), output("x/two/a.txt")];
    for output in &outputs {
        cloud.s3().put_object("out", &output.key, b"result".to_vec().into(), &[], false).await.unwrap();
    }
    let record = AttemptRecord { state: TaskState::Succeeded, ended_ms: now_ms(), outputs, ..begun() };
    cloud.s3().put_json(home, &record_key(&record), &record, false).await.unwrap();
}

fn run(snap: &Snapshot) -> Option<&RunSummary> {
    snap.runs.items.iter().find(|run| run.id == RUN)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_run_is_told_and_the_others_are_listed() {
    let home = Home::new();
    let cloud = home.cloud().await;
    let bucket = launched(&cloud).await;
    let damaged = "20261123-214501000-bad0";
    let body = b"{\"version\": 2".to_vec().into();
    cloud.s3().put_object(&bucket, &run_key(damaged), body, &[], false).await.unwrap();
    let engine = Watched::start(home.options());
    engine.send(Command::Look(Scope::Runs));
    let snap = engine
        .until("both runs", |snap| {
            let counted = run(snap).is_some_and(|run| run.counts.running == 1);
            counted && snap.notices.iter().any(|notice| notice.title.contains(damaged))
        })
        .await;
    let trouble = snap.runs.items.iter().find(|run| run.id == damaged).and_then(|run| run.trouble.clone());
    assert!(trouble.is_some_and(|trouble| trouble.damaged), "{:?}", snap.runs.items);
    assert_eq!(snap.runs.state, ListingState::Ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_told_as_it_is_whatever_is_looked_at() {
    let home = Home::new();
    let cloud = home.cloud().await;
    let engine = Watched::start(home.options());
    engine.send(Command::Look(Scope::Buckets));
    let bucket = launched(&cloud).await;
    let snap = engine
        .until("the run that was launched elsewhere", |snap| {
            run(snap).is_some_and(|run| run.counts.running == 1) && snap.running.items.len() == 1
        })
        .await;
    assert_eq!(snap.scope, Scope::Buckets);
    let old = home.pid();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(old), nix::sys::signal::Signal::SIGKILL).unwrap();
    engine.send(Command::Refresh);
    let restarted = |snap: &Snapshot| {
        let mut notices = snap.notices.iter();
        notices.any(|notice| notice.severity == Severity::Warning && notice.detail.contains("begin again"))
    };
    engine.until("what a restart means for running tasks", restarted).await;
    ended(&home.cloud().await, &bucket).await;
    engine
        .until("its end", |snap| {
            run(snap).is_some_and(|run| run.ended_ms.is_some()) && snap.running.items.is_empty()
        })
        .await;

    let to = home.path().join("results").join(RUN);
    engine.send(Command::DownloadRun { run: RUN.into(), to: to.clone() });
    let told = format!("2 objects are in {}", to.display());
    engine
        .until("the end of the download", |snap| snap.notices.iter().any(|notice| notice.title == told))
        .await;
    for folder in ["one", "two"] {
        assert_eq!(std::fs::read(to.join(folder).join("a.txt")).unwrap(), b"result");
    }
    let file = home.path().join("b.txt");
    std::fs::write(&file, "b").unwrap();
    engine.send(Command::Upload { paths: vec![file], bucket: "inputs".into(), prefix: "p".into() });
    let snap = engine
        .until("the end of the upload", |snap| {
            snap.notices.iter().any(|notice| notice.title == "1 file is at inputs/p/b.txt")
        })
        .await;
    let done: Vec<_> = snap.progress.iter().map(|row| row.state == ProgressState::Done).collect();
    assert_eq!(done, [true, true], "both can still be read");

    engine.send(Command::Look(Scope::Run { run: "20200101-000000-none".into() }));
    let snap = engine.until("that there is no such run", |snap| snap.unreadable.is_some()).await;
    let (id, state) = snap.unreadable.clone().unwrap();
    assert!(id.ends_with("none") && matches!(state, ListingState::Failed(why) if why.contains("no run")));
}
