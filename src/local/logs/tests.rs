#![allow(clippy::unwrap_used, clippy::panic)]

use super::error::ApiError;
use super::room::LogLimits;
use super::store::{LogStore, NewEvent};
use super::{groups, query};
use serde_json::{Value, json};

fn store() -> (tempfile::TempDir, LogStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = LogStore::open(dir.path(), LogLimits::default()).unwrap();
    (dir, store)
}

fn event(timestamp_ms: i64, message: &str) -> NewEvent {
    NewEvent { timestamp_ms, message: message.to_owned() }
}

fn request<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn messages(page: &Value) -> Vec<&str> {
    page["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect()
}

async fn filter(store: &LogStore, what: Value) -> Result<Value, ApiError> {
    query::filter(store, request(what)).await
}

#[tokio::test]
async fn streams_are_merged_by_time_in_pages_and_nothing_comes_twice() {
    let (_dir, store) = store();
    for n in 0..50 {
        store.append("g", if n % 2 == 0 { "a" } else { "b" }, vec![event(1000 + n / 3, &format!("m{n}"))]);
    }
    store.append_and_wait("g", "a", vec![event(1, "first")]).await;
    let mut seen = Vec::new();
    let mut token = Value::Null;
    loop {
        let page =
            filter(&store, json!({"logGroupName": "g", "limit": 7, "nextToken": token})).await.unwrap();
        seen.extend(messages(&page).into_iter().map(str::to_owned));
        token = page["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    let mut expected = vec!["first".to_owned()];
    expected.extend((0..50).map(|n| format!("m{n}")));
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn filters_choose_by_pattern_time_and_stream() {
    let (_dir, store) = store();
    store.append("g", "x/1", vec![event(10, "ERROR one"), event(20, "fine")]);
    store.append_and_wait("g", "y/1", vec![event(30, "ERROR two")]).await;
    for (what, expected) in [
        (json!({"logGroupName": "g", "filterPattern": "ERROR"}), vec!["ERROR one", "ERROR two"]),
        (json!({"logGroupName": "g", "startTime": 20, "endTime": 30}), vec!["fine", "ERROR two"]),
        (json!({"logGroupName": "g", "logStreamNamePrefix": "x/"}), vec!["ERROR one", "fine"]),
        (json!({"logGroupName": "g", "logStreamNames": ["y/1"]}), vec!["ERROR two"]),
        (
            json!({"logGroupIdentifier": "arn:aws:logs:us-east-1:000000000000:log-group:g:*"}),
            vec!["ERROR one", "fine", "ERROR two"],
        ),
    ] {
        assert_eq!(messages(&filter(&store, what.clone()).await.unwrap()), expected, "{what}");
    }
    assert!(filter(&store, json!({"logGroupName": "nope"})).await.is_err());
    assert!(filter(&store, json!({"logGroupName": "g", "filterPattern": "{"})).await.is_err());
}

#[tokio::test]
async fn a_stream_is_read_forwards_and_backwards() {
    let (_dir, store) = store();
    store.append_and_wait("g", "s", (1..=5).map(|n| event(n, &format!("m{n}"))).collect()).await;
    let get = async |what: Value| query::get(&store, request(what)).await.unwrap();
    let last = get(json!({"logGroupName": "g", "logStreamName": "s", "limit": 2})).await;
    assert_eq!(messages(&last), ["m4", "m5"], "the newest come first unless asked otherwise");
    let token = &last["nextBackwardToken"];
    let before =
        get(json!({"logGroupName": "g", "logStreamName": "s", "limit": 2, "nextToken": token})).await;
    assert_eq!(messages(&before), ["m2", "m3"]);
    let token = &last["nextForwardToken"];
    let end = get(json!({"logGroupName": "g", "logStreamName": "s", "nextToken": token})).await;
    assert!(messages(&end).is_empty());
    assert_eq!(&end["nextForwardToken"], token, "at the end the same token comes back");
}

#[tokio::test]
async fn groups_and_streams_are_made_listed_and_removed() {
    let (_dir, store) = store();
    for name in ["/aws/lambda/a", "/aws/lambda/b", "other"] {
        groups::create_group(&store, request(json!({"logGroupName": name}))).await.unwrap();
    }
    assert!(groups::create_group(&store, request(json!({"logGroupName": "other"}))).await.is_err());
    assert!(groups::create_group(&store, request(json!({"logGroupName": "no spaces"}))).await.is_err());
    let set = json!({"logGroupName": "other", "retentionInDays": 30});
    groups::put_retention(&store, request(set)).await.unwrap();
    let wrong = json!({"logGroupName": "other", "retentionInDays": 31});
    assert!(groups::put_retention(&store, request(wrong)).await.is_err());
    let page =
        groups::describe_groups(&store, request(json!({"logGroupNamePrefix": "/aws", "limit": 1}))).await;
    let page = page.unwrap();
    assert_eq!(page["logGroups"][0]["logGroupName"], "/aws/lambda/a");
    let next = json!({"logGroupNamePrefix": "/aws", "nextToken": page["nextToken"]});
    let page = groups::describe_groups(&store, request(next)).await.unwrap();
    assert_eq!(page["logGroups"][0]["logGroupName"], "/aws/lambda/b");
    assert!(page["nextToken"].is_null());

    let stream = |name: &str| json!({"logGroupName": "other", "logStreamName": name});
    groups::create_stream(&store, request(stream("s1"))).await.unwrap();
    assert!(groups::create_stream(&store, request(stream("s1"))).await.is_err());
    store.append_and_wait("other", "s1", vec![event(5, "x")]).await;
    store.append_and_wait("other", "s2", vec![event(9, "y")]).await;
    let newest = json!({"logGroupName": "other", "orderBy": "LastEventTime", "descending": true});
    let page = groups::describe_streams(&store, request(newest)).await.unwrap();
    assert_eq!(page["logStreams"][0]["logStreamName"], "s2");
    assert_eq!(page["logStreams"][1]["lastEventTimestamp"], 5);
    groups::delete_stream(&store, request(stream("s2"))).await.unwrap();
    assert_eq!(messages(&filter(&store, json!({"logGroupName": "other"})).await.unwrap()), ["x"]);
    groups::delete_group(&store, request(json!({"logGroupName": "other"}))).await.unwrap();
    assert!(filter(&store, json!({"logGroupName": "other"})).await.is_err());
}

#[tokio::test]
async fn what_was_on_its_way_does_not_bring_a_removed_group_back() {
    let (_dir, store) = store();
    store.append_and_wait("talk", "s", vec![event(1, "first")]).await;
    for n in 2..50 {
        store.append("talk", "s", vec![event(n, "late")]);
        store.append("other", "s", vec![event(n, "kept")]);
    }
    let talk = || request(json!({"logGroupName": "talk"}));
    groups::delete_group(&store, talk()).await.unwrap();
    store.append_and_wait("other", "s", vec![event(50, "kept")]).await;
    assert!(filter(&store, json!({"logGroupName": "talk"})).await.is_err());
    assert_eq!(messages(&filter(&store, json!({"logGroupName": "other"})).await.unwrap()).len(), 49);
    // A group of this name that is made afterwards is another one.
    store.append_and_wait("talk", "s", vec![event(60, "new")]).await;
    assert_eq!(messages(&filter(&store, json!({"logGroupName": "talk"})).await.unwrap()), ["new"]);
    // One that was not there to be removed loses nothing.
    groups::delete_group(&store, talk()).await.unwrap();
    store.append("talk", "s", vec![event(61, "newer")]);
    groups::delete_group(&store, talk()).await.unwrap_err();
    store.append_and_wait("other", "s", vec![event(62, "kept")]).await;
    assert_eq!(messages(&filter(&store, json!({"logGroupName": "talk"})).await.unwrap()), ["newer"]);
}

/// A store whose groups may have so many bytes, and lines of 100 bytes in one of them.
async fn filled(limits: LogLimits, groups: &[&str], lines: i64) -> (tempfile::TempDir, LogStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = LogStore::open(dir.path(), limits).unwrap();
    for first in (0..lines).step_by(100) {
        for group in groups {
            let events = (first..first + 100).map(|n| event(n, &format!("{n:0>100}"))).collect();
            store.append_and_wait(group, "s", events).await;
        }
    }
    (dir, store)
}

async fn all_messages(store: &LogStore, group: &str) -> Vec<String> {
    let (mut all, mut token) = (Vec::new(), Value::Null);
    loop {
        let mut asked = json!({"logGroupName": group});
        if !token.is_null() {
            asked["nextToken"] = token;
        }
        let page = query::filter(store, request(asked)).await.unwrap();
        all.extend(
            page["events"].as_array().unwrap().iter().map(|e| e["message"].as_str().unwrap().to_owned()),
        );
        token = page["nextToken"].clone();
        if token.is_null() {
            return all;
        }
    }
}

#[tokio::test]
async fn the_oldest_lines_of_a_function_go_first_and_its_log_says_so() {
    let limits = LogLimits { group: 2 << 20, total: 1 << 30 };
    let (_dir, store) = filled(limits, &["loud", "quiet"], 100).await;
    for first in (100..20_000).step_by(100) {
        let events = (first..first + 100).map(|n| event(n / 100, &format!("{n:0>100}"))).collect();
        store.append_and_wait("loud", "s", events).await;
    }
    let loud = all_messages(&store, "loud").await;
    assert!(loud[0].starts_with("throng: ") && loud[0].contains("older lines"), "{}", loud[0]);
    assert_eq!(loud.iter().filter(|line| line.starts_with("throng: ")).count(), 1, "it is said once");
    let said: usize = loud[0].split(' ').nth(1).unwrap().parse().unwrap();
    assert_eq!(said + loud.len() - 1, 20_000, "{}", loud[0]);
    assert_eq!(loud.last().unwrap(), &format!("{:0>100}", 19_999), "the newest are there");
    assert!(loud.len() < 11_000, "{}", loud.len());
    assert_eq!(all_messages(&store, "quiet").await.len(), 100, "others keep theirs");
}

#[tokio::test]
async fn all_logs_together_are_bounded_and_a_removed_one_gives_its_space_back() {
    let limits = LogLimits { group: 1 << 30, total: 4 << 20 };
    let (dir, store) = filled(limits, &["a", "b"], 20_000).await;
    let left = [all_messages(&store, "a").await.len(), all_messages(&store, "b").await.len()];
    assert!(left.iter().sum::<usize>() < 22_000 && left.iter().all(|count| *count > 1_000), "{left:?}");
    let of = |name: &str| std::fs::metadata(dir.path().join(name)).map_or(0, |file| file.len());
    let size = || of("logs.db") + of("logs.db-wal");
    let begun = std::time::Instant::now();
    for group in ["a", "b"] {
        groups::delete_group(&store, request(json!({"logGroupName": group}))).await.unwrap();
    }
    let shown = groups::describe_groups(&store, request(json!({}))).await.unwrap();
    assert_eq!(shown["logGroups"], json!([]), "they are out of sight at once");
    assert!(begun.elapsed() < std::time::Duration::from_secs(2), "{:?}", begun.elapsed());
    // A new group of the same name has nothing of the old one.
    store.append_and_wait("a", "s", vec![event(1, "new")]).await;
    assert_eq!(all_messages(&store, "a").await, ["new"]);
    for _ in 0..500 {
        if size() < (5 << 20) {
            assert_eq!(all_messages(&store, "a").await, ["new"]);
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{} bytes are still taken", size());
}

#[tokio::test]
async fn who_writes_faster_than_the_disk_waits() {
    let (_dir, store) = store();
    let line = "x".repeat(1000);
    for _ in 0..40 {
        store.append("g", "s", (0..1000).map(|n| event(n, &line)).collect());
    }
    store.room().await;
    store.append_and_wait("g", "s", vec![event(1, "last")]).await;
    tokio::time::timeout(std::time::Duration::from_secs(10), store.room()).await.unwrap();
}

/// Tables as throng 0.1 made them, without a version.
#[tokio::test]
async fn the_logs_of_an_older_version_are_counted_and_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let old = rusqlite::Connection::open(dir.path().join("logs.db")).unwrap();
    old.execute_batch(
        "CREATE TABLE log_group (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL,
            retention INTEGER, tags TEXT NOT NULL DEFAULT '{}');
         CREATE TABLE log_stream (id INTEGER PRIMARY KEY, group_id INTEGER NOT NULL, name TEXT NOT NULL,
            created INTEGER NOT NULL, first INTEGER, last INTEGER, ingested INTEGER, UNIQUE (group_id, name));
         CREATE TABLE log_event (id INTEGER PRIMARY KEY AUTOINCREMENT, group_id INTEGER NOT NULL,
            stream_id INTEGER NOT NULL, time INTEGER NOT NULL, ingested INTEGER NOT NULL, message TEXT NOT NULL);
         INSERT INTO log_group (id, name, created) VALUES (1, 'g', 0);
         INSERT INTO log_stream (id, group_id, name, created) VALUES (1, 1, 's', 0);
         INSERT INTO log_event (group_id, stream_id, time, ingested, message) VALUES (1, 1, 5, 5, 'old line');",
    )
    .unwrap();
    drop(old);
    let store = LogStore::open(dir.path(), LogLimits::default()).unwrap();
    assert_eq!(all_messages(&store, "g").await, ["old line"]);
    let shown = groups::describe_groups(&store, request(json!({}))).await.unwrap();
    assert_eq!(shown["logGroups"][0]["storedBytes"], 108);
}
