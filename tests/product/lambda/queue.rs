//! Asynchronous invocations: retries, destinations, limits, restarts.

use super::cloud::{Cloud, Options, wait_for};
use aws_sdk_lambda::types::{DestinationConfig, OnFailure};
use serde_json::json;
use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

async fn configure(cloud: &Cloud, name: &str, retries: i32, age: Option<i32>) {
    let failure = OnFailure::builder().destination("arn:aws:s3:::home").build();
    cloud
        .client
        .put_function_event_invoke_config()
        .function_name(name)
        .maximum_retry_attempts(retries)
        .set_maximum_event_age_in_seconds(age)
        .destination_config(DestinationConfig::builder().on_failure(failure).build())
        .send()
        .await
        .unwrap();
}

fn lines(file: &Path) -> Vec<String> {
    std::fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

async fn drained(cloud: &Cloud) {
    wait_for(|| async { cloud.lambda.status().await.queued.is_empty() && !cloud.lambda.is_busy() }).await;
}

#[tokio::test]
async fn every_event_runs_once() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    cloud.function("many", 10, &[]).await;
    let file = dir.path().join("ids");
    let event = json!({"append": file.display().to_string()});
    futures::future::join_all((0..200).map(|_| cloud.event("many", &event))).await;
    drained(&cloud).await;
    let ids = lines(&file);
    assert_eq!(ids.len(), 200);
    assert_eq!(ids.into_iter().collect::<HashSet<_>>().len(), 200);
    assert!(cloud.stored_records().is_empty());
}

#[tokio::test]
async fn failures_are_retried_and_then_reported() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options { time_scale: 0.002, ..Options::default() }).await;
    cloud.function("retry", 10, &[]).await;
    configure(&cloud, "retry", 2, None).await;
    let (fails, recovers) = (dir.path().join("fails"), dir.path().join("recovers"));
    let begun = std::time::Instant::now();
    cloud.event("retry", &json!({"append": fails.display().to_string(), "fail": true, "n": 7})).await;
    cloud.event("retry", &json!({"append": recovers.display().to_string(), "fail_until": 2})).await;
    drained(&cloud).await;
    // One minute and two, scaled.
    assert!(begun.elapsed().as_millis() >= 360);
    let attempts = lines(&fails);
    assert_eq!(attempts.len(), 3);
    assert_eq!(attempts.iter().collect::<HashSet<_>>().len(), 1, "one request id for all attempts");
    assert_eq!(lines(&recovers).len(), 2);
    let records = cloud.stored_records();
    assert_eq!(records.len(), 1);
    let (key, record) = &records[0];
    assert!(key.starts_with("home/aws/lambda/async/retry/20") && key.ends_with(&attempts[0]), "{key}");
    assert_eq!(record["requestContext"]["requestId"], attempts[0].as_str());
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(record["requestPayload"]["n"], 7);
    assert_eq!(record["responseContext"]["functionError"], "Unhandled");
    assert_eq!(record["responsePayload"]["errorType"], "Test.Error");
}

#[tokio::test]
async fn without_retries_a_crash_is_reported_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    cloud.function("crash", 10, &[]).await;
    configure(&cloud, "crash", 0, None).await;
    cloud.event("crash", &json!({"exit": 1})).await;
    drained(&cloud).await;
    let records = cloud.stored_records();
    assert_eq!(records[0].1["responsePayload"]["errorType"], "Runtime.ExitError");
    assert_eq!(records[0].1["requestContext"]["approximateInvokeCount"], 1);
}

#[tokio::test]
async fn a_failed_event_is_kept_while_the_disk_is_full() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options { time_scale: 0.002, ..Options::default() }).await;
    cloud.function("full", 10, &[]).await;
    configure(&cloud, "full", 0, None).await;
    cloud.records.full.store(true, Ordering::Relaxed);
    let file = dir.path().join("ran");
    cloud.event("full", &json!({"append": file.display().to_string(), "fail": true})).await;
    wait_for(|| async { file.exists() && !cloud.lambda.is_busy() }).await;
    // Longer than all deliveries take that are not made for want of something else.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(cloud.lambda.status().await.queued, [("full".to_owned(), 1)]);
    cloud.records.full.store(false, Ordering::Relaxed);
    drained(&cloud).await;
    assert_eq!((cloud.stored_records().len(), lines(&file).len()), (1, 1));
}

#[tokio::test]
async fn no_concurrency_sends_events_to_the_destination() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    cloud.function("off", 10, &[]).await;
    configure(&cloud, "off", 2, None).await;
    cloud
        .client
        .put_function_concurrency()
        .function_name("off")
        .reserved_concurrent_executions(0)
        .send()
        .await
        .unwrap();
    for _ in 0..20 {
        cloud.event("off", &json!({})).await;
    }
    drained(&cloud).await;
    assert_eq!(cloud.stored_records().len(), 20);
    assert_eq!(cloud.stored_records()[0].1["requestContext"]["approximateInvokeCount"], 0);
    assert!(cloud.lambda.status().await.environments.is_empty());
}

#[tokio::test]
async fn events_that_wait_too_long_expire() {
    let dir = tempfile::tempdir().unwrap();
    let cloud =
        Cloud::start(dir.path(), Options { time_scale: 0.01, asynchronous: 1, ..Options::default() }).await;
    cloud.function("old", 30, &[]).await;
    configure(&cloud, "old", 0, Some(60)).await;
    let file = dir.path().join("ran");
    cloud.event("old", &json!({"sleep_ms": 2000, "append": file.display().to_string()})).await;
    wait_for(|| async { file.exists() }).await;
    cloud.event("old", &json!({"late": true})).await;
    wait_for(|| async { !cloud.stored_records().is_empty() }).await;
    let records = cloud.stored_records();
    assert_eq!(records[0].1["requestContext"]["condition"], "EventAgeExceeded");
    assert_eq!(records[0].1["requestPayload"]["late"], true);
    drained(&cloud).await;
    assert_eq!(lines(&file).len(), 1);
}

#[tokio::test]
async fn events_wait_for_reserved_concurrency() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    cloud.function("narrow", 10, &[]).await;
    cloud.function("wide", 10, &[]).await;
    cloud
        .client
        .put_function_concurrency()
        .function_name("narrow")
        .reserved_concurrent_executions(1)
        .send()
        .await
        .unwrap();
    let (narrow, wide) = (dir.path().join("narrow"), dir.path().join("wide"));
    for _ in 0..5 {
        cloud.event("narrow", &json!({"sleep_ms": 100, "append": narrow.display().to_string()})).await;
    }
    cloud.event("wide", &json!({"append": wide.display().to_string()})).await;
    wait_for(|| async { wide.exists() }).await;
    assert!(lines(&narrow).len() < 5, "the other function did not wait");
    drained(&cloud).await;
    assert_eq!(lines(&narrow).len(), 5);
    let counts = cloud.lambda.status().await.environments;
    assert_eq!(counts.iter().find(|count| count.function == "narrow").unwrap().total, 1);
}

#[tokio::test]
async fn nothing_is_lost_when_the_cloud_dies() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    cloud.function("durable", 30, &[]).await;
    let file = dir.path().join("ids");
    // The first ones are in flight when the cloud dies.
    let event = json!({"append": file.display().to_string(), "sleep_ms": 300});
    for _ in 0..12 {
        cloud.event("durable", &event).await;
    }
    wait_for(|| async { lines(&file).len() >= 3 }).await;
    cloud.crash();
    let before: HashSet<String> = lines(&file).into_iter().collect();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    drained(&cloud).await;
    let after = lines(&file);
    let distinct: HashSet<&String> = after.iter().collect();
    assert_eq!(distinct.len(), 12, "every event ran");
    assert!(before.iter().all(|id| distinct.contains(id)));
    assert!(after.len() > 12, "what was in flight ran again, under the same request id");
}

#[tokio::test]
async fn deleting_a_function_drops_its_events_and_ends_its_processes() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options { asynchronous: 1, ..Options::default() }).await;
    cloud.function("gone", 60, &[]).await;
    let pid = super::cloud::payload(&cloud.invoke("gone", &json!({})).await)["pid"].as_u64().unwrap();
    let file = dir.path().join("ids");
    for _ in 0..3 {
        cloud.event("gone", &json!({"sleep_ms": 60_000, "append": file.display().to_string()})).await;
    }
    wait_for(|| async { file.exists() }).await;
    cloud.client.delete_function().function_name("gone").send().await.unwrap();
    wait_for(|| async { !super::cloud::is_alive(pid) }).await;
    drained(&cloud).await;
    assert_eq!(lines(&file).len(), 1);
}
