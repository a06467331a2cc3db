//! The store against a naive model, and races that only it can decide.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::list::{After, Entry, ListQuery, Page, list};
use super::meta::ObjectMeta;
use super::multipart::{Completion, ListedPart, UploadMeta, UploadName};
use super::notify::{Notification, NotificationTarget, TargetKind};
use super::store::{Conditions, Content, DeleteConditions, NewObject, Tag};
use super::*;
use crate::protocol::RequestIds;
use futures::TryStreamExt as _;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Mutex;

/// Remembers what was enqueued, in a table, so that a rollback takes it back.
#[derive(Default)]
struct Double {
    committed: Mutex<u32>,
}

impl NotificationTargets for Double {
    fn check(&self, _: &Transaction<'_>, function_arn: &str, _: &str) -> Result<(), String> {
        if function_arn.ends_with(":missing") { Err("no such function".into()) } else { Ok(()) }
    }

    fn enqueue(&self, tx: &Transaction<'_>, function_arn: &str, event: &str) -> Result<(), DbError> {
        if function_arn.ends_with(":full") {
            return Err(DbError::Failed("the queue is full".into()));
        }
        tx.execute_batch("CREATE TABLE IF NOT EXISTS queue (arn TEXT, event TEXT)")?;
        tx.execute("INSERT INTO queue VALUES (?1, ?2)", [function_arn, event])?;
        Ok(())
    }

    fn committed(&self) {
        *self.committed.lock().unwrap() += 1;
    }
}

struct Fixture {
    folder: tempfile::TempDir,
    store: ObjectStore,
    targets: Arc<Double>,
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(&folder.path().join("x.db"), &crate::db::CLOUD).unwrap();
    let targets = Arc::new(Double::default());
    let store = ObjectStore::open(folder.path(), db, targets.clone()).unwrap();
    store.create_bucket("bkt").await.unwrap();
    Fixture { folder, store, targets }
}

fn object(key: &str, data: &[u8]) -> NewObject {
    let received = intake::of_bytes(data.to_vec().into(), &[]);
    NewObject::received("bkt", key, received, ObjectMeta::default(), RequestIds::random())
}

async fn file_object(store: &ObjectStore, key: &str, data: &[u8]) -> NewObject {
    let blob = outflow::of_bytes(data.to_vec().into());
    let received = intake::receive(&store.blobs, Some(blob), &[], None).await.unwrap();
    NewObject::received("bkt", key, received, ObjectMeta::default(), RequestIds::random())
}

fn files(folder: &Path) -> usize {
    let shards = std::fs::read_dir(folder.join("blobs")).unwrap();
    shards.map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap().count()).sum()
}

/// Files are removed in the background.
async fn wait_for_files(folder: &Path, count: usize) {
    for _ in 0..500 {
        if files(folder) == count {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("{} files, not {count}", files(folder));
}

/// What S3 means by a listing, by looking at every key.
fn model(keys: &BTreeSet<String>, prefix: &str, delimiter: &str) -> Vec<Result<String, String>> {
    let mut items: Vec<Result<String, String>> = Vec::new();
    for key in keys.iter().filter(|key| key.starts_with(prefix)) {
        let rest = &key[prefix.len()..];
        let cut = if delimiter.is_empty() { None } else { rest.find(delimiter) };
        let item = match cut {
            Some(at) => Err(format!("{prefix}{}{delimiter}", &rest[..at])),
            None => Ok(key.clone()),
        };
        if items.last() != Some(&item) {
            items.push(item);
        }
    }
    items
}

fn items(page: &Page) -> Vec<Result<String, String>> {
    let mut items: Vec<_> = page.entries.iter().map(|Entry { key, .. }| Ok(key.clone())).collect();
    items.extend(page.prefixes.iter().cloned().map(Err));
    items.sort_by(|a, b| key_of(a).cmp(key_of(b)));
    items
}

fn key_of(item: &Result<String, String>) -> &str {
    match item {
        Ok(text) | Err(text) => text,
    }
}

/// A client that dies takes its request with it; what was committed by then must be whole.
#[tokio::test]
async fn an_object_is_whole_when_its_request_ends_before_the_answer() {
    let fixture = fixture().await;
    let data = vec![7; 300_000];
    for number in 0..20 {
        let key = format!("k{number}");
        let new = file_object(&fixture.store, &key, &data).await;
        {
            let mut put = std::pin::pin!(fixture.store.put(new));
            let _ = futures::poll!(put.as_mut());
        }
        // The change is on its way: this one comes after it.
        fixture.store.put(object("after", b"x")).await.unwrap();
        let (_, content) = fixture.store.get("bkt", &key).unwrap();
        let all = 0..data.len() as u64;
        let blob =
            outflow::of_files(&fixture.store.blobs, &content.pieces(), all).expect("its file is there");
        let read: Vec<u8> = blob.try_collect::<Vec<_>>().await.unwrap().concat();
        assert_eq!(read, data, "{key}");
    }
    assert_eq!(files(fixture.folder.path()), 20);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn pages_of_a_listing_are_what_the_model_says(
        keys in proptest::collection::btree_set("[ab/é\u{10FFFF}]{1,6}", 0..40),
        prefix in "[ab/é]{0,2}",
        delimiter in prop_oneof![Just(String::new()), Just("/".to_owned()), Just("b".to_owned()), Just("/a".to_owned())],
        max in 1..7_usize,
        after in proptest::option::of("[ab/]{1,3}"),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let fixture = fixture().await;
            for key in &keys {
                fixture.store.put(object(key, b"x")).await.unwrap();
            }
            let page = |after: After| {
                let query = ListQuery { prefix: prefix.clone(), delimiter: delimiter.clone(), after, max };
                fixture.store.db.read_now(|connection| list(connection, "bkt", &query)).unwrap()
            };
            let begin = after.clone().map_or(After::Start, After::Key);
            let later: BTreeSet<String> =
                keys.iter().filter(|key| after.as_ref().is_none_or(|after| *key > after)).cloned().collect();
            let expected = model(&later, &prefix, &delimiter);
            let mut seen = Vec::new();
            let mut next = Some(begin);
            while let Some(after) = next {
                let page = page(after);
                let found = items(&page);
                prop_assert!(found.len() <= max);
                prop_assert!(page.next.is_none() || found.len() == max);
                seen.extend(found);
                next = page.next;
            }
            prop_assert_eq!(seen, expected);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_delimited_page_does_not_read_what_is_below_its_prefixes() {
    let Fixture { store, .. } = fixture().await;
    store
        .db
        .write(|tx| {
            let sql = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199999)
                 INSERT INTO s3_object SELECT 1, CAST(printf('%d/%06d', i / 50000, i) AS BLOB), 1, 0, 'e', 0, '{}' FROM n";
            tx.execute(sql, []).map_err(DbError::from)
        })
        .await
        .unwrap();
    let query = ListQuery { delimiter: "/".into(), max: 1000, ..ListQuery::default() };
    let begin = std::time::Instant::now();
    for _ in 0..20 {
        let page = store.db.read_now(|connection| list(connection, "bkt", &query)).unwrap();
        assert_eq!(page.prefixes, ["0/", "1/", "2/", "3/"]);
        assert_eq!((page.entries.len(), page.next), (0, None));
    }
    // Reading all 200,000 rows takes tens of milliseconds each time.
    assert!(begin.elapsed() < std::time::Duration::from_millis(200), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn of_many_who_create_the_same_object_one_wins() {
    let Fixture { store, .. } = fixture().await;
    let attempts = (0..50_u8).map(|n| {
        let mut new = object("once", &[n]);
        new.conditions.if_none_match = Some(Tag::Any);
        store.put(new)
    });
    let outcomes = futures::future::join_all(attempts).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let refused = outcomes.into_iter().find_map(Result::err).unwrap().to_string();
    assert!(refused.starts_with("PreconditionFailed"), "{refused}");
}

#[tokio::test]
async fn of_many_who_replace_the_same_version_one_wins() {
    let Fixture { store, .. } = fixture().await;
    let first = store.put(object("k", b"first")).await.unwrap();
    let attempts = (0..50_u8).map(|n| {
        let mut new = object("k", &[n]);
        new.conditions.if_match = Some(Tag::Is(first.etag.clone()));
        store.put(new)
    });
    let outcomes = futures::future::join_all(attempts).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let mut absent = object("absent", b"x");
    absent.conditions.if_match = Some(Tag::Any);
    assert!(store.put(absent).await.unwrap_err().to_string().starts_with("NoSuchKey"));
}

#[tokio::test]
async fn files_of_replaced_and_deleted_objects_go_away() {
    let Fixture { folder, store, .. } = fixture().await;
    let large = vec![7; 100_000];
    store.put(file_object(&store, "a", &large).await).await.unwrap();
    store.put(file_object(&store, "a", &large).await).await.unwrap();
    wait_for_files(folder.path(), 1).await;
    store.put(object("a", b"small")).await.unwrap();
    wait_for_files(folder.path(), 0).await;
    store.put(file_object(&store, "a", &large).await).await.unwrap();
    store.delete("bkt", "a", DeleteConditions::default(), RequestIds::random()).await.unwrap();
    wait_for_files(folder.path(), 0).await;
    // A refused object leaves nothing either.
    let mut refused = file_object(&store, "a", &large).await;
    refused.conditions.if_match = Some(Tag::Any);
    assert!(store.put(refused).await.is_err());
    wait_for_files(folder.path(), 0).await;
}

#[tokio::test]
async fn orphans_are_removed_and_named_files_kept_at_the_next_start() {
    let Fixture { folder, store, targets } = fixture().await;
    store.put(file_object(&store, "kept", &[1].repeat(100_000)).await).await.unwrap();
    let (draft, mut file) = store.blobs.create().unwrap();
    std::io::Write::write_all(&mut file, b"half an upload").unwrap();
    std::mem::forget(draft);
    assert_eq!(files(folder.path()), 2);
    let again = ObjectStore::open(folder.path(), store.db.clone(), targets).unwrap();
    assert_eq!(files(folder.path()), 1);
    let (record, content) = again.get("bkt", "kept").unwrap();
    assert_eq!(record.size, 100_000);
    assert!(matches!(content, Content::Parts(_)));
}

fn notification(arn: &str) -> Notification {
    let target = NotificationTarget {
        kind: TargetKind::Lambda,
        id: "t".into(),
        arn: arn.into(),
        events: vec!["s3:ObjectCreated:*".into(), "s3:ObjectRemoved:*".into()],
        prefix: Some("in/".into()),
        suffix: None,
    };
    Notification { targets: vec![target], event_bridge: false }
}

#[tokio::test]
async fn an_object_and_its_event_are_one_commit() {
    let Fixture { store, targets, .. } = fixture().await;
    assert!(store.set_notification("bkt", notification("arn:missing"), false).await.is_err());
    store.set_notification("bkt", notification("arn:missing"), true).await.unwrap();
    store.set_notification("bkt", notification("arn:f"), false).await.unwrap();
    let ids = RequestIds::random();
    let mut new = object("in/a b", b"hello");
    new.ids = ids.clone();
    store.put(new).await.unwrap();
    store.put(object("out/x", b"no event")).await.unwrap();
    store.put(object("in/a b", b"hello again")).await.unwrap();
    store.delete("bkt", "in/a b", DeleteConditions::default(), RequestIds::random()).await.unwrap();
    store.delete("bkt", "in/a b", DeleteConditions::default(), RequestIds::random()).await.unwrap();
    let events: Vec<serde_json::Value> = store
        .db
        .read_now(|connection| -> Result<_, DbError> {
            let mut statement = connection.prepare("SELECT event FROM queue WHERE arn = 'arn:f'")?;
            let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
            Ok(rows.map(|text| serde_json::from_str(&text.unwrap()).unwrap()).collect())
        })
        .unwrap();
    let names: Vec<_> =
        events.iter().map(|event| event["Records"][0]["eventName"].as_str().unwrap()).collect();
    assert_eq!(names, ["ObjectCreated:Put", "ObjectCreated:Put", "ObjectRemoved:Delete"]);
    let first = &events[0]["Records"][0];
    assert_eq!(first["s3"]["object"]["key"], "in/a+b");
    assert_eq!(first["s3"]["object"]["eTag"], "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(first["responseElements"]["x-amz-request-id"], ids.request_id);
    let sequencers: Vec<_> =
        events.iter().map(|event| event["Records"][0]["s3"]["object"]["sequencer"].to_string()).collect();
    assert!(sequencers.is_sorted_by(|a, b| a < b), "{sequencers:?}");
    assert_eq!(*targets.committed.lock().unwrap(), 3);
    // When the event cannot be queued, the object is not stored.
    store.set_notification("bkt", notification("arn:full"), false).await.unwrap();
    assert!(store.put(object("in/b", b"x")).await.is_err());
    assert!(store.head("bkt", "in/b").is_err());
}

#[tokio::test]
async fn parts_become_an_object_and_unused_parts_go_away() {
    let Fixture { folder, store, .. } = fixture().await;
    let meta = UploadMeta::default();
    let id = store.create_upload("bkt", "big", meta.clone()).await.unwrap();
    let name = UploadName { bucket: "bkt".into(), key: "big".into(), id };
    let part = vec![3; 5 * 1024 * 1024];
    let mut listed = Vec::new();
    for (number, data) in [(2, &part[..]), (5, b"skipped"), (9, b"end")] {
        let blob = outflow::of_bytes(data.to_vec().into());
        let received = intake::receive(&store.blobs, Some(blob), &[meta.effective()], None).await.unwrap();
        let etag = Some(hex::encode(received.md5));
        let checksums = received.checksums.clone();
        store.put_part(name.clone(), number, received).await.unwrap();
        if number != 5 {
            listed.push(ListedPart { number, etag, checksums });
        }
    }
    let completion = |parts: &[ListedPart]| Completion {
        upload: name.clone(),
        parts: parts.to_vec(),
        checksums: checksum::Checksums::default(),
        kind: None,
        size: None,
        conditions: Conditions::default(),
        ids: RequestIds::random(),
    };
    let refusal = |parts: Vec<ListedPart>| {
        let completion = completion(&parts);
        let store = &store;
        async move { store.complete_upload(completion).await.unwrap_err().to_string() }
    };
    let swapped = vec![listed[1].clone(), listed[0].clone()];
    assert!(refusal(swapped).await.starts_with("InvalidPartOrder"));
    let wrong = vec![ListedPart { etag: Some("0".repeat(32)), ..listed[0].clone() }];
    assert!(refusal(wrong).await.starts_with("InvalidPart:"));
    let mut size = completion(&listed);
    size.size = Some(1);
    assert!(store.complete_upload(size).await.unwrap_err().to_string().contains("x-amz-mp-object-size"));
    assert_eq!(files(folder.path()), 3);
    let stored = store.complete_upload(completion(&listed)).await.unwrap();
    assert!(stored.etag.ends_with("-2"));
    let mut whole = checksum::hasher([checksum::Algorithm::Crc64Nvme]);
    whole.update(&part);
    whole.update(b"end");
    assert_eq!(stored.meta.checksums.crc64nvme, checksum::finish(whole).crc64nvme);
    wait_for_files(folder.path(), 2).await;
    let again = store.complete_upload(completion(&listed)).await.unwrap();
    assert_eq!((again.etag, again.modified_ms), (stored.etag, stored.modified_ms));
    let other = ListedPart { etag: None, ..listed[0].clone() };
    assert!(refusal(vec![other]).await.starts_with("InvalidPart:"));
    store.delete("bkt", "big", DeleteConditions::default(), RequestIds::random()).await.unwrap();
    wait_for_files(folder.path(), 0).await;
}

#[tokio::test]
async fn uploads_and_objects_that_a_rule_names_go_after_its_days() {
    let Fixture { folder, store, .. } = fixture().await;
    let day = 24 * 3_600_000;
    for key in ["p/old", "q/old"] {
        store.put(object(key, b"x")).await.unwrap();
        let id = store.create_upload("bkt", key, UploadMeta::default()).await.unwrap();
        let name = UploadName { bucket: "bkt".into(), key: key.into(), id };
        let blob = outflow::of_bytes(b"part".to_vec().into());
        let received = intake::receive(&store.blobs, Some(blob), &[], None).await.unwrap();
        store.put_part(name, 1, received).await.unwrap();
    }
    let rule = lifecycle::Rule {
        prefix: "p/".into(),
        enabled: true,
        abort_days: Some(7),
        expire_days: Some(30),
        ..lifecycle::Rule::default()
    };
    store.set_setting("bkt", lifecycle::LIFECYCLE, Some(&vec![rule])).await.unwrap();
    let now = store::now_ms();
    let none = store.apply_lifecycle(now + 6 * day).await.unwrap();
    assert_eq!(none, lifecycle::Removed::default());
    let uploads = store.apply_lifecycle(now + 8 * day).await.unwrap();
    assert_eq!((uploads.uploads, uploads.objects), (1, 0));
    wait_for_files(folder.path(), 1).await;
    let objects = store.apply_lifecycle(now + 31 * day).await.unwrap();
    assert_eq!((objects.uploads, objects.objects), (0, 1));
    assert!(store.head("bkt", "p/old").is_err() && store.head("bkt", "q/old").is_ok());
}

#[tokio::test]
async fn a_bucket_with_objects_cannot_be_deleted_and_uploads_go_with_it() {
    let Fixture { folder, store, .. } = fixture().await;
    store.put(object("k", b"x")).await.unwrap();
    assert!(store.delete_bucket("bkt").await.unwrap_err().to_string().starts_with("BucketNotEmpty"));
    store.delete("bkt", "k", DeleteConditions::default(), RequestIds::random()).await.unwrap();
    let id = store.create_upload("bkt", "u", UploadMeta::default()).await.unwrap();
    let name = UploadName { bucket: "bkt".into(), key: "u".into(), id };
    let blob = outflow::of_bytes(b"part".to_vec().into());
    let received = intake::receive(&store.blobs, Some(blob), &[], None).await.unwrap();
    store.put_part(name, 1, received).await.unwrap();
    assert_eq!(files(folder.path()), 1);
    store.delete_bucket("bkt").await.unwrap();
    wait_for_files(folder.path(), 0).await;
    assert!(store.bucket("bkt").is_err());
}
