#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use crate::dataset::memory::MemoryStore;
use std::sync::atomic::Ordering;

async fn fetch(store: &Arc<MemoryStore>, dir: &Path, keys: &[&str]) -> Result<Downloaded, DownloadError> {
    fetch_with(store, dir, keys, false).await
}

async fn fetch_with(
    store: &Arc<MemoryStore>,
    dir: &Path,
    keys: &[&str],
    force: bool,
) -> Result<Downloaded, DownloadError> {
    let download = Download {
        bucket: "b".into(),
        keys: keys.iter().map(ToString::to_string).collect(),
        named: Vec::new(),
        to: dir.join("to"),
        journal: dir.join("d.journal"),
        force,
    };
    download.fetch(store.clone(), Arc::default(), &CancellationToken::new()).await
}

#[tokio::test]
async fn folders_are_kept_and_what_is_here_is_not_fetched_again() {
    let store = Arc::new(MemoryStore::default());
    for key in ["x/r/1.txt", "x/r/s/2.txt", "x/r/", "x/other", "top"] {
        store.insert("b", key, key.as_bytes().to_vec());
    }
    let dir = tempfile::tempdir().unwrap();
    let first = fetch(&store, dir.path(), &["x/r/", "top"]).await.unwrap();
    assert_eq!((first.fetched, first.failed.len()), (3, 0));
    assert_eq!(std::fs::read(dir.path().join("to/r/s/2.txt")).unwrap(), b"x/r/s/2.txt");
    assert_eq!(std::fs::read(dir.path().join("to/top")).unwrap(), b"top");
    let gets = store.gets.load(Ordering::SeqCst);
    store.insert("b", "top", "new");
    std::fs::remove_file(dir.path().join("to/r/1.txt")).unwrap();
    let second = fetch(&store, dir.path(), &["x/r/", "top"]).await.unwrap();
    assert_eq!((second.fetched, second.skipped), (2, 1));
    assert_eq!(store.gets.load(Ordering::SeqCst), gets + 2);
    assert_eq!(std::fs::read(dir.path().join("to/top")).unwrap(), b"new");
    let left: Vec<_> = std::fs::read_dir(dir.path().join("to")).unwrap().collect();
    assert_eq!(left.len(), 2, "no temporary files: {left:?}");
}

#[tokio::test]
async fn files_of_somebody_else_are_kept() {
    let store = Arc::new(MemoryStore::default());
    for (key, body) in
        [("r/own", "theirs"), ("r/long", "a longer text"), ("r/same", "same"), ("r/new", "new")]
    {
        store.insert("b", key, body);
    }
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("to/r");
    let read = |name: &str| std::fs::read_to_string(to.join(name)).unwrap();
    std::fs::create_dir_all(&to).unwrap();
    for (name, body) in [("own", "mine!!"), ("long", "mine"), ("same", "same")] {
        std::fs::write(to.join(name), body).unwrap();
    }
    let got = fetch(&store, dir.path(), &["r/"]).await.unwrap();
    assert_eq!((got.fetched, got.skipped, got.kept, got.failed.len()), (1, 1, 2, 2), "{got:?}");
    assert!(got.failed.iter().all(|failed| failed.reason.contains("is there already and differs")));
    assert_eq!((read("own"), read("long"), read("new")), ("mine!!".into(), "mine".into(), "new".into()));
    // What was fetched and then changed is a person's own, too.
    std::fs::write(to.join("new"), "edited").unwrap();
    let got = fetch(&store, dir.path(), &["r/"]).await.unwrap();
    assert_eq!((got.kept, read("new")), (3, "edited".into()));
    let forced = fetch_with(&store, dir.path(), &["r/"], true).await.unwrap();
    assert_eq!((forced.fetched, forced.skipped, forced.failed.len()), (3, 1, 0), "{forced:?}");
    assert_eq!((read("own"), read("new")), ("theirs".into(), "new".into()));
    let left = std::fs::read_dir(&to).unwrap().count();
    assert_eq!(left, 4, "no temporary files");
}

#[tokio::test]
async fn hostile_keys_never_become_paths() {
    let store = Arc::new(MemoryStore::default());
    let hostile = ["p/../../evil", "p//abs", "p/./x"];
    for key in hostile {
        store.insert("b", key, "x");
    }
    store.insert("b", &format!("p/{}", "n".repeat(300)), "x");
    store.insert("b", "p/good", "x");
    let dir = tempfile::tempdir().unwrap();
    let downloaded = fetch(&store, dir.path(), &["p/"]).await.unwrap();
    assert_eq!((downloaded.fetched, downloaded.failed.len()), (1, hostile.len() + 1));
    assert!(!dir.path().join("evil").exists());
}

#[tokio::test]
async fn names_with_control_characters_come_back_encoded_and_it_is_said() {
    let store = Arc::new(MemoryStore::default());
    for key in ["p/tab\tname", "p/cr\r", "p/nl\nname/x", "p/nul\0", "p/plain"] {
        store.insert("b", key, "x");
    }
    let dir = tempfile::tempdir().unwrap();
    let downloaded = fetch(&store, dir.path(), &["p/"]).await.unwrap();
    assert_eq!((downloaded.fetched, downloaded.encoded, downloaded.failed.len()), (5, 4, 0));
    for name in ["tab%09name", "cr%0D", "nl%0Aname/x", "nul%00", "plain"] {
        assert_eq!(std::fs::read(dir.path().join("to/p").join(name)).unwrap(), b"x", "{name}");
    }
    let note = downloaded.names_note().unwrap();
    assert!(note.starts_with("4 names") && note.contains("%09"), "{note}");
    let again = fetch(&store, dir.path(), &["p/"]).await.unwrap();
    assert_eq!((again.fetched, again.skipped), (0, 5), "nothing is fetched twice");
}

#[tokio::test]
async fn what_a_killed_download_left_is_removed_and_other_files_stay() {
    let store = Arc::new(MemoryStore::default());
    store.insert("b", "p/a", "1");
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("to/p");
    std::fs::create_dir_all(&to).unwrap();
    let ours = format!("{}0123.part", parts_mark(&dir.path().join("d.journal")));
    for name in [ours.as_str(), ".throng-other-0123.part", "mine.part"] {
        std::fs::write(to.join(name), "half").unwrap();
    }
    fetch(&store, dir.path(), &["p/"]).await.unwrap();
    let mut left: Vec<_> = std::fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [".throng-other-0123.part", "a", "mine.part"]);
}

#[tokio::test]
async fn a_journal_does_not_grow_for_ever() {
    let store = Arc::new(MemoryStore::default());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d.journal");
    for n in 0..3 * MOST_OLD_LINES / 2 {
        // What a changed object leaves, without fetching it so often.
        let line = Line::of("p/a", &n.to_string());
        let (journal, _) = Journal::open::<Line>(&path).unwrap();
        journal.append(&line).unwrap();
    }
    let before = std::fs::metadata(&path).unwrap().len();
    store.insert("b", "p/a", "1");
    fetch(&store, dir.path(), &["p/"]).await.unwrap();
    let after = std::fs::metadata(&path).unwrap().len();
    assert!(after < before / 100, "{before} -> {after}");
    assert_eq!(fetch(&store, dir.path(), &["p/"]).await.unwrap().skipped, 1);
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    let store = Arc::new(MemoryStore::default());
    store.insert("b", "p/endless", "x".repeat(100));
    store.lie_about_size(10);
    let dir = tempfile::tempdir().unwrap();
    let downloaded = fetch(&store, dir.path(), &["p/"]).await.unwrap();
    assert!(downloaded.failed[0].reason.contains("more than"), "{downloaded:?}");
}

#[tokio::test]
async fn a_list_that_never_ends_is_cut_off() {
    let store = Arc::new(MemoryStore::default());
    store.insert("b", "p/a", "1");
    store.list_for_ever();
    let dir = tempfile::tempdir().unwrap();
    let error = fetch(&store, dir.path(), &["p/"]).await.unwrap_err().to_string();
    assert!(error.contains("same continuation token"), "{error}");
}

#[tokio::test]
async fn equal_names_keep_the_folders_that_they_do_not_share_and_absent_keys_are_named() {
    let store = Arc::new(MemoryStore::default());
    for key in ["r/x/a", "r/y/a", "r/b"] {
        store.insert("b", key, key);
    }
    let dir = tempfile::tempdir().unwrap();
    let read = |name: &str| std::fs::read_to_string(dir.path().join("to").join(name)).unwrap();
    assert_eq!(fetch(&store, dir.path(), &["r/x/a", "r/y/a"]).await.unwrap().fetched, 2);
    assert_eq!((read("x/a"), read("y/a")), ("r/x/a".into(), "r/y/a".into()));
    assert_eq!(fetch(&store, dir.path(), &["r/x/a", "r/b"]).await.unwrap().fetched, 1, "x/a is there");
    assert_eq!(read("b"), "r/b");
    store.insert("b", "s/x/a", "other");
    assert_eq!(fetch(&store, dir.path(), &["r/x/", "s/x/"]).await.unwrap().fetched, 2);
    assert_eq!((read("r/x/a"), read("s/x/a")), ("r/x/a".into(), "other".into()));
    assert!(matches!(fetch(&store, dir.path(), &["z"]).await, Err(DownloadError::Nothing(_))));
    assert!(matches!(fetch(&store, dir.path(), &["z/"]).await, Err(DownloadError::Nothing(_))));
}

#[tokio::test]
async fn a_file_where_a_folder_is_wanted_is_told() {
    let store = Arc::new(MemoryStore::default());
    store.insert("b", "p/a", "1");
    store.insert("b", "p/a/b", "2");
    let dir = tempfile::tempdir().unwrap();
    let downloaded = fetch(&store, dir.path(), &["p/"]).await.unwrap();
    assert_eq!((downloaded.fetched, downloaded.failed.len()), (1, 1));
}

fn named(key: &str, path: &str, body: &str) -> Named {
    use sha2::{Digest, Sha256};
    Named {
        key: key.into(),
        path: SafePath { path: path.into(), encoded: false },
        size: body.len() as u64,
        sha256: vec![hex::encode(Sha256::digest(body))],
    }
}

async fn fetch_named(store: &Arc<MemoryStore>, dir: &Path, named: Vec<Named>) -> Downloaded {
    let (bucket, to) = ("b".into(), dir.join("to"));
    let download =
        Download { bucket, keys: Vec::new(), named, to, journal: dir.join("d.journal"), force: false };
    download.fetch(store.clone(), Arc::default(), &CancellationToken::new()).await.unwrap()
}

#[tokio::test]
async fn results_are_what_their_records_say_or_are_refused() {
    let store = Arc::new(MemoryStore::default());
    store.insert("b", "r/good", "good");
    store.insert("b", "r/other", "evil");
    store.insert("b", "r/longer", "longer than it was");
    let dir = tempfile::tempdir().unwrap();
    let wanted = vec![
        named("r/good", "sub/good", "good"),
        named("r/other", "sub/other", "best"),
        named("r/longer", "longer", "longer"),
        named("r/gone", "gone", "gone"),
    ];
    let got = fetch_named(&store, dir.path(), wanted.clone()).await;
    assert_eq!((got.fetched, got.failed.len()), (1, 3), "{got:?}");
    let said = |key: &str| got.failed.iter().find(|failed| failed.key == key).unwrap().reason.clone();
    assert!(said("r/other").contains("checksum") && said("r/other").contains("overwritten"));
    assert!(said("r/longer").contains("18 bytes, and the task stored 6"), "{}", said("r/longer"));
    assert!(said("r/gone").contains("deleted"));
    assert_eq!(std::fs::read_dir(dir.path().join("to/sub")).unwrap().count(), 1, "nothing half is left");
    let gets = store.gets.load(Ordering::SeqCst);
    let again = fetch_named(&store, dir.path(), wanted[..1].to_vec()).await;
    assert_eq!((again.fetched, again.skipped), (0, 1));
    assert_eq!(store.gets.load(Ordering::SeqCst), gets, "what is here is not asked for");
    // Without the journal the file itself says what it is.
    std::fs::remove_file(dir.path().join("d.journal")).unwrap();
    let again = fetch_named(&store, dir.path(), wanted[..1].to_vec()).await;
    assert_eq!((again.fetched, again.skipped, store.gets.load(Ordering::SeqCst)), (0, 1, gets));
    std::fs::write(dir.path().join("to/sub/good"), "mine").unwrap();
    let kept = fetch_named(&store, dir.path(), wanted[..1].to_vec()).await;
    assert_eq!((kept.kept, kept.failed.len()), (1, 1), "a person's own file stays");
}
