#![allow(clippy::unwrap_used)]

use super::error::ApiError;
use super::store::{LogStore, NewEvent};
use super::{groups, query};
use serde_json::{Value, json};

fn store() -> (tempfile::TempDir, LogStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = LogStore::open(dir.path()).unwrap();
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
