#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use crate::cloud::{Cause, ErrorKind};
use crate::dataset::memory::{MemoryStore, throttled};
use crate::dataset::scan;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

struct Case {
    dir: tempfile::TempDir,
    files: Arc<FileList>,
}

impl Case {
    fn new(files: &[(&str, usize)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        for (name, size) in files {
            let body: Vec<u8> = (0..*size).map(|n| u8::try_from(n % 251).unwrap()).collect();
            std::fs::write(data.join(name), body).unwrap();
        }
        let files = scan(&[data], &mut |_| true).unwrap();
        Self { dir, files: Arc::new(files) }
    }

    fn many(count: usize) -> Self {
        let names: Vec<_> = (0..count).map(|n| format!("{n:04}")).collect();
        Self::new(&names.iter().map(|name| (name.as_str(), 10)).collect::<Vec<_>>())
    }

    fn upload(&self, run: Option<&str>) -> Upload {
        Upload {
            files: self.files.clone(),
            place: Place { bucket: "b".into(), prefix: "in".into() },
            run: run.map(|id| UploadRun { id: id.to_owned(), ledger: 2, group: None, one_each: true }),
            journal: self.dir.path().join("u.journal"),
            options: UploadOptions { concurrency: 16, multipart: 6 << 20, part: 5 << 20 },
            around: None,
        }
    }

    async fn send(&self, run: Option<&str>, store: &Arc<MemoryStore>) -> Result<Uploaded, UploadError> {
        self.upload(run).send(store.clone(), Arc::default(), &CancellationToken::new()).await
    }
}

fn refused() -> CloudError {
    CloudError::new(ErrorKind::Denied, "s3:PutObject", "b", "no")
}

#[tokio::test]
async fn files_are_stored_with_what_they_are() {
    let case = Case::new(&[("a.png", 10), ("b.csv", 7 << 20), ("notes", 10), ("big", 7 << 20)]);
    std::fs::write(case.dir.path().join("data/frame"), b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01").unwrap();
    let files = Arc::new(scan(&[case.dir.path().join("data")], &mut |_| true).unwrap());
    let store = Arc::new(MemoryStore::default());
    let upload = Upload { files, ..case.upload(None) };
    upload.send(store.clone(), Arc::default(), &CancellationToken::new()).await.unwrap();
    let kind = |name: &str| store.get("b", &format!("in/data/{name}")).unwrap().kind;
    assert_eq!(
        [kind("a.png"), kind("b.csv"), kind("frame")],
        [Some("image/png"), Some("text/csv"), Some("image/jpeg")]
    );
    assert_eq!([kind("notes"), kind("big")], [None; 2], "nobody knows");
}

#[tokio::test]
async fn small_and_large_files_arrive_whole_with_their_task() {
    let case = Case::new(&[("a", 0), ("b", 100), ("c", 17 << 20)]);
    let store = Arc::new(MemoryStore::default());
    let meter = Arc::new(Meter::default());
    let uploaded =
        case.upload(Some("r")).send(store.clone(), meter.clone(), &CancellationToken::new()).await.unwrap();
    assert_eq!((uploaded.sent, uploaded.failed.len()), (3, 0));
    for (index, file) in case.files.iter().enumerate() {
        let stored = store.get("b", &format!("in/{}", file.name)).unwrap();
        assert_eq!(stored.body, std::fs::read(file.path).unwrap());
        let run = UploadRun { id: "r".into(), ledger: 2, group: None, one_each: true };
        assert_eq!(stored.metadata, run.metadata(index as u64, "b", &format!("in/{}", file.name)));
    }
    let progress = meter.progress(1, "x", crate::model::ProgressState::Done);
    assert_eq!((progress.items, progress.bytes), (3, case.files.bytes()));
    assert!(!case.dir.path().join("u.journal").exists());
}

#[tokio::test]
async fn throttling_slows_down_and_loses_nothing() {
    let case = Case::many(60);
    let store = Arc::new(MemoryStore::with_fault(|_, _, call| (call % 5 == 0).then(throttled)));
    let uploaded = case.send(None, &store).await.unwrap();
    assert_eq!((uploaded.sent, store.keys("b").len()), (60, 60));
}

#[tokio::test]
async fn a_killed_upload_goes_on_where_it_was_and_sends_no_task_twice() {
    let case = Case::many(300);
    // Dies at every so many calls; journal lines of files in flight are missing then, as after a kill.
    let store = Arc::new(MemoryStore::with_fault(|action, _, call| {
        (action == "put" && call % 70 == 69).then(refused)
    }));
    let mut tries = 0;
    loop {
        tries += 1;
        match case.send(Some("r"), &store).await {
            Ok(uploaded) => {
                assert!(uploaded.skipped > 0 && uploaded.failed.is_empty());
                break;
            }
            Err(UploadError::Cloud(error)) => assert_eq!(error.kind, ErrorKind::Denied),
            Err(error) => panic!("{error}"),
        }
        assert!(tries < 50);
    }
    assert!(tries > 2, "{tries}");
    let keys = store.keys("b");
    assert_eq!(keys.len(), 300);
    for key in keys {
        assert_eq!(store.get("b", &key).unwrap().puts, 1, "{key}");
    }
}

#[tokio::test]
async fn parts_that_are_there_are_not_sent_again() {
    let case = Case::new(&[("large", 23 << 20)]);
    let sent = Arc::new(AtomicU64::new(0));
    let counter = sent.clone();
    let store = Arc::new(MemoryStore::with_fault(move |action, _, _| {
        let number = if action == "part" { counter.fetch_add(1, Ordering::SeqCst) } else { 0 };
        (number == 3).then(refused)
    }));
    assert!(case.send(None, &store).await.is_err());
    let before = sent.load(Ordering::SeqCst);
    let uploaded = case.send(None, &store).await.unwrap();
    assert_eq!(uploaded.sent, 1);
    let again = sent.load(Ordering::SeqCst) - before;
    assert!(again < 5, "{again} of 5 parts were sent again");
    assert_eq!(store.get("b", "in/data/large").unwrap().body.len(), 23 << 20);
}

#[tokio::test]
async fn the_parts_of_a_file_that_changed_since_are_given_up() {
    let mut case = Case::new(&[("large", 11 << 20)]);
    let refusing = Arc::new(AtomicBool::new(true));
    let refuses = refusing.clone();
    let store = Arc::new(MemoryStore::with_fault(move |action, _, _| {
        (refuses.load(Ordering::Relaxed) && action == "finish").then(refused)
    }));
    assert!(case.send(None, &store).await.is_err());
    assert_eq!(store.open_uploads(), 1);
    refusing.store(false, Ordering::Relaxed);
    let path = case.dir.path().join("data/large");
    std::fs::write(&path, vec![7; 12 << 20]).unwrap();
    case.files = Arc::new(scan(&[case.dir.path().join("data")], &mut |_| true).unwrap());
    assert_eq!(case.send(None, &store).await.unwrap().sent, 1);
    assert_eq!(store.open_uploads(), 0, "the first one is given up");
}

#[tokio::test]
async fn a_full_disk_ends_the_upload_at_once_and_it_goes_on_when_there_is_room() {
    let case = Case::many(60);
    let full = Arc::new(AtomicBool::new(true));
    let calls = Arc::new(AtomicU64::new(0));
    let (is_full, counter) = (full.clone(), calls.clone());
    let store = Arc::new(MemoryStore::with_fault(move |_, _, call| {
        counter.fetch_add(1, Ordering::SeqCst);
        let error = CloudError::new(ErrorKind::Other, "s3:PutObject", "b", "no space left on /x");
        let error = CloudError { code: Some("InsufficientStorage".into()), cause: Cause::NoSpace, ..error };
        (is_full.load(Ordering::Relaxed) && call >= 10).then_some(error)
    }));
    let Err(UploadError::Cloud(error)) = case.send(None, &store).await else { panic!("it is full") };
    assert!(error.sentence().contains("no space left on /x"), "{}", error.sentence());
    assert!(calls.load(Ordering::SeqCst) < 60, "nothing is tried again: {calls:?}");
    full.store(false, Ordering::Relaxed);
    let uploaded = case.send(None, &store).await.unwrap();
    assert_eq!((uploaded.sent + uploaded.skipped, store.keys("b").len()), (60, 60));
}

#[tokio::test]
async fn a_forgotten_upload_in_parts_begins_anew() {
    let case = Case::new(&[("large", 11 << 20)]);
    let store =
        Arc::new(MemoryStore::with_fault(|action, _, call| (action == "finish" && call < 5).then(refused)));
    assert!(case.send(None, &store).await.is_err());
    store.abort_parts("b", "", "u1").await.unwrap();
    assert_eq!(case.send(None, &store).await.unwrap().sent, 1);
}

#[tokio::test]
async fn a_file_that_changed_or_went_is_told_and_the_others_are_sent() {
    let case = Case::many(20);
    std::fs::write(case.dir.path().join("data/0003"), "longer than before").unwrap();
    std::fs::remove_file(case.dir.path().join("data/0007")).unwrap();
    let store = Arc::new(MemoryStore::default());
    let uploaded = case.send(None, &store).await.unwrap();
    assert_eq!((uploaded.sent, store.keys("b").len()), (18, 18));
    let mut failed = uploaded.failed;
    failed.sort_by_key(|not_sent| not_sent.index);
    assert!(failed[0].reason.contains("changed") && failed[1].reason.contains("cannot read"), "{failed:?}");
    assert_eq!((failed[0].index, failed[1].index), (3, 7));
}

#[tokio::test]
async fn a_changed_file_is_sent_again_outside_a_run() {
    let mut case = Case::many(10);
    let refusing = Arc::new(AtomicBool::new(true));
    let refuses = refusing.clone();
    let store = Arc::new(MemoryStore::with_fault(move |_, key, _| {
        (refuses.load(Ordering::Relaxed) && key.ends_with('9')).then(refused)
    }));
    assert!(case.send(None, &store).await.is_err());
    refusing.store(false, Ordering::Relaxed);
    std::fs::write(case.dir.path().join("data/0001"), "another").unwrap();
    case.files = Arc::new(scan(&[case.dir.path().join("data")], &mut |_| true).unwrap());
    case.send(None, &store).await.unwrap();
    assert_eq!(store.get("b", "in/data/0001").unwrap().body, "another");
}

/// Somebody removed the objects between the two, or the whole bucket.
#[tokio::test]
async fn what_was_sent_and_removed_since_is_sent_again_outside_a_run() {
    let case = Case::many(300);
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let store = Arc::new(MemoryStore::with_fault(move |_, _, call| {
        if call == 100 {
            token.cancel();
        }
        None
    }));
    case.upload(None).send(store.clone(), Arc::default(), &cancel).await.unwrap_err();
    let there = store.keys("b");
    let (kept, removed) = there.split_at(there.len() / 2);
    let left = Arc::new(MemoryStore::default());
    for key in kept {
        left.insert("b", key, store.get("b", key).unwrap().body);
    }
    left.insert("b", "in/data/zzz", "another's");
    let uploaded = case.send(None, &left).await.unwrap();
    assert!(!removed.is_empty());
    assert_eq!((uploaded.skipped, left.keys("b").len()), (kept.len() as u64, 301));
}

#[tokio::test]
async fn cancelling_ends_it_and_it_can_go_on() {
    let case = Case::many(300);
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let store2 = Arc::new(MemoryStore::with_fault(move |_, _, call| {
        if call == 100 {
            token.cancel();
        }
        None
    }));
    let error = case.upload(None).send(store2.clone(), Arc::default(), &cancel).await.unwrap_err();
    assert!(matches!(error, UploadError::Cancelled));
    let uploaded = case.send(None, &store2).await.unwrap();
    assert!(uploaded.skipped > 50 && uploaded.sent + uploaded.skipped == 300, "{uploaded:?}");
}
