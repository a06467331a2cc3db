//! Synchronous invocations: reuse, limits, failures, logs.

use super::cloud::{Cloud, Options, is_alive, payload, tail, wait_for};
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogFormat, LoggingConfig};
use serde_json::{Value, json};

#[tokio::test]
async fn environments_are_reused_and_see_what_lambda_promises() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    cloud.function("warm", 10, &[("OWN", "value")]).await;
    let first = payload(&cloud.invoke("warm", &json!({"variable": "OWN"})).await);
    let second = payload(&cloud.invoke("warm", &json!({"variable": "AWS_LAMBDA_LOG_STREAM_NAME"})).await);
    assert_eq!((&first["count"], &second["count"]), (&json!(1), &json!(2)));
    assert_eq!(first["pid"], second["pid"]);
    assert_eq!(first["variable"], "value");
    assert!(second["variable"].as_str().unwrap().contains("/[$LATEST]"));
    assert_eq!(first["arn"], "arn:aws:lambda:us-east-1:000000000000:function:warm");
    let deadline: u128 = first["deadline"].as_str().unwrap().parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    assert!(deadline > now && deadline < now + 10_500, "{deadline} {now}");
    let third = payload(&cloud.invoke("warm", &json!({"variable": "FROM_IMAGE"})).await);
    assert_eq!(third["variable"], "yes");
}

#[tokio::test]
async fn the_log_tail_holds_the_lines_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    cloud.function("talks", 10, &[]).await;
    cloud.invoke("talks", &json!({})).await;
    let output = cloud.invoke("talks", &json!({"print": "one\ntwo\nno line end"})).await;
    let tail = tail(&output);
    let lines: Vec<&str> = tail.lines().collect();
    let id = payload(&output)["id"].as_str().unwrap().to_owned();
    assert_eq!(lines.len(), 6, "{tail}");
    assert_eq!(lines[0], format!("START RequestId: {id} Version: $LATEST"));
    assert_eq!(lines[1..4], ["one", "two", "no line end"]);
    assert_eq!(lines[4], format!("END RequestId: {id}"));
    assert!(lines[5].starts_with(&format!("REPORT RequestId: {id}\tDuration: ")), "{tail}");
    assert!(!lines[5].contains("Init Duration"), "{tail}");
    assert!(!lines[5].contains("Max Memory Used: 0"), "{tail}");
}

#[tokio::test]
async fn json_logs_are_platform_records() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    let logging = LoggingConfig::builder().log_format(LogFormat::Json).build();
    cloud.create("json").logging_config(logging).send().await.unwrap();
    cloud.active("json").await;
    let output = cloud.invoke("json", &json!({"print": "{\"x\":1}\n"})).await;
    let tail = tail(&output);
    // The function is this test binary, whose harness says on standard output that it runs a test: now and then late.
    let lines = tail.lines().filter(|line| !matches!(*line, "" | "running 1 test"));
    let lines: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?} of {tail:?}")))
        .collect();
    assert_eq!(
        lines.iter().map(|line| line["type"].as_str().unwrap_or("-")).collect::<Vec<_>>(),
        ["platform.start", "-", "platform.report"]
    );
    let metrics = &lines[2]["record"]["metrics"];
    assert_eq!(lines[2]["record"]["status"], "success");
    assert_eq!(metrics["memorySizeMB"], 128);
    assert!(metrics["initDurationMs"].as_f64().unwrap() > 0.0);
    assert!(metrics["billedDurationMs"].as_f64().unwrap() >= metrics["durationMs"].as_f64().unwrap());
}

#[tokio::test]
async fn errors_of_the_function_keep_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    cloud.function("fails", 10, &[]).await;
    let output = cloud.invoke("fails", &json!({"fail": true})).await;
    assert_eq!(output.function_error(), Some("Unhandled"));
    assert_eq!(output.status_code(), 200);
    assert_eq!(payload(&output)["errorType"], "Test.Error");
    assert_eq!(payload(&cloud.invoke("fails", &json!({})).await)["count"], 2);
}

#[tokio::test]
async fn a_function_that_runs_too_long_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    cloud.function("slow", 1, &[]).await;
    let pid = payload(&cloud.invoke("slow", &json!({})).await)["pid"].as_u64().unwrap();
    let output = cloud.invoke("slow", &json!({"sleep_ms": 60_000, "print": "begun\n"})).await;
    assert_eq!(output.function_error(), Some("Unhandled"));
    let error = payload(&output);
    assert_eq!(error["errorType"], "Sandbox.Timedout");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(
        message.starts_with("RequestId: ") && message.ends_with(" Error: Task timed out after 1.00 seconds")
    );
    let tail = tail(&output);
    assert!(tail.contains("begun\n") && tail.contains("Task timed out after 1.00 seconds"), "{tail}");
    assert!(tail.contains("Status: timeout"), "{tail}");
    assert!(!is_alive(pid));
    assert_eq!(payload(&cloud.invoke("slow", &json!({})).await)["count"], 1);
}

#[tokio::test]
async fn a_crash_is_told_and_costs_the_environment() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    cloud.function("crash", 10, &[]).await;
    let output = cloud.invoke("crash", &json!({"print": "last words", "exit": 7})).await;
    let error = payload(&output);
    assert_eq!(error["errorType"], "Runtime.ExitError");
    let message = error["errorMessage"].as_str().unwrap();
    assert!(message.ends_with("Error: Runtime exited with error: exit status 7"), "{message}");
    let tail = tail(&output);
    assert!(
        tail.contains("last words\n") && tail.contains("Status: error\tError Type: Runtime.ExitError"),
        "{tail}"
    );
    let output = cloud.invoke("crash", &json!({"exit": 0})).await;
    assert!(
        payload(&output)["errorMessage"]
            .as_str()
            .unwrap()
            .ends_with("Runtime exited without providing a reason")
    );
    assert_eq!(payload(&cloud.invoke("crash", &json!({})).await)["count"], 1);
}

#[tokio::test]
async fn initialisation_is_tried_twice() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    let file = dir.path().join("inits").display().to_string();
    cloud.function("init", 10, &[("INIT", "exit"), ("INIT_LOG", &file)]).await;
    let output = cloud.invoke("init", &json!({})).await;
    assert_eq!(payload(&output)["errorType"], "Runtime.ExitError");
    assert!(payload(&output)["errorMessage"].as_str().unwrap().ends_with("exit status 3"));
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 2);
    cloud.function("initerror", 10, &[("INIT", "error")]).await;
    let output = cloud.invoke("initerror", &json!({})).await;
    assert_eq!(payload(&output)["errorType"], "Test.Init");
}

#[tokio::test]
async fn a_missing_entry_point_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    let code = aws_sdk_lambda::types::FunctionCode::builder().image_uri("127.0.0.1:1/noentry:1").build();
    cloud.create("noentry").code(code).send().await.unwrap();
    cloud.active("noentry").await;
    let output = cloud.invoke("noentry", &json!({})).await;
    assert_eq!(payload(&output)["errorType"], "Runtime.InvalidEntrypoint");
}

#[tokio::test]
async fn reserved_concurrency_is_a_limit() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    cloud.function("one", 10, &[]).await;
    cloud
        .client
        .put_function_concurrency()
        .function_name("one")
        .reserved_concurrent_executions(1)
        .send()
        .await
        .unwrap();
    let file = dir.path().join("begun");
    let long = json!({"sleep_ms": 1500, "append": file.display().to_string()});
    let second = async {
        wait_for(|| async { file.exists() }).await;
        let status = cloud.lambda.status().await;
        assert_eq!(status.running.len(), 1);
        assert_eq!(status.running[0].function, "one");
        let refused = cloud.client.invoke().function_name("one").payload(Blob::new("{}")).send().await;
        let refused = refused.expect_err("refused").into_service_error();
        assert_eq!(refused.code(), Some("TooManyRequestsException"));
        let aws_sdk_lambda::operation::invoke::InvokeError::TooManyRequestsException(error) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(error.reason().unwrap().as_str(), "ReservedFunctionConcurrentInvocationLimitExceeded");
    };
    let (first, ()) = tokio::join!(cloud.invoke("one", &long), second);
    assert_eq!(first.function_error(), None);
    assert!(cloud.lambda.status().await.running.is_empty());
}

#[tokio::test]
async fn the_accounts_concurrency_is_a_limit() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options { account: 0, ..Options::default() }).await;
    cloud.function("none", 10, &[]).await;
    let refused = cloud.client.invoke().function_name("none").payload(Blob::new("{}")).send().await;
    let raw = format!("{:?}", refused.expect_err("refused").into_service_error());
    assert!(raw.contains("ConcurrentInvocationLimitExceeded") && !raw.contains("Reserved"), "{raw}");
}

#[tokio::test]
async fn responses_have_a_largest_size() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    cloud.function("big", 10, &[]).await;
    let output = cloud.invoke("big", &json!({"big": 6 * 1024 * 1024})).await;
    assert_eq!(payload(&output)["errorType"], "Function.ResponseSizeTooLarge");
    let output = cloud.invoke("big", &json!({"big": 5 * 1024 * 1024})).await;
    assert_eq!(output.function_error(), None);
    assert_eq!(payload(&output)["big"].as_str().unwrap().len(), 5 * 1024 * 1024);
}

#[tokio::test]
async fn a_dry_run_runs_nothing_and_bad_json_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    cloud.function("dry", 10, &[]).await;
    let dry = cloud
        .client
        .invoke()
        .function_name("dry")
        .invocation_type(InvocationType::DryRun)
        .send()
        .await
        .unwrap();
    assert_eq!(dry.status_code(), 204);
    let bad = cloud.client.invoke().function_name("dry").payload(Blob::new("{")).send().await;
    assert_eq!(bad.expect_err("refused").into_service_error().code(), Some("InvalidRequestContentException"));
    assert!(cloud.lambda.status().await.environments.is_empty());
}

#[tokio::test]
async fn environments_end_when_idle() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options { time_scale: 0.005, ..Options::default() }).await;
    cloud.function("idle", 10, &[]).await;
    let pid = payload(&cloud.invoke("idle", &json!({})).await)["pid"].as_u64().unwrap();
    wait_for(|| async { !is_alive(pid) && cloud.lambda.status().await.environments.is_empty() }).await;
    assert_eq!(payload(&cloud.invoke("idle", &json!({})).await)["count"], 1);
}

#[tokio::test]
async fn responses_can_be_streamed() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    cloud.function("stream", 10, &[]).await;
    let call =
        cloud.client.invoke_with_response_stream().function_name("stream").payload(Blob::new("{\"a\":1}"));
    let mut output = call.send().await.unwrap();
    let (mut text, mut complete) = (Vec::new(), false);
    while let Some(event) = output.event_stream.recv().await.unwrap() {
        if let Ok(chunk) = event.as_payload_chunk() {
            text.extend_from_slice(chunk.payload().unwrap().as_ref());
        }
        complete |= event.is_invoke_complete();
    }
    assert!(complete);
    assert_eq!(serde_json::from_slice::<Value>(&text).unwrap()["event"]["a"], 1);
}
