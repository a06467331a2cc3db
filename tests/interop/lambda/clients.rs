//! Unmodified clients: the aws CLI and boto3.

use super::cloud::{Cloud, Options};
use crate::support::tools;
use serde_json::Value;
use std::process::{Command, Output};
use throng_contract::local::ROLE_ARN;

/// Runs a client with the variables that it takes its settings from.
fn run(cloud: &Cloud, program: &str, arguments: &[&str]) -> Output {
    Command::new(tools::clients().join(program))
        .args(arguments)
        .env("AWS_ENDPOINT_URL", format!("http://{}", cloud.address))
        .env("AWS_ACCESS_KEY_ID", "AKIDTEST")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_PAGER", "")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn aws(cloud: &Cloud, arguments: &[&str]) -> Value {
    let output = run(cloud, "aws", arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "aws {arguments:?}: {err}");
    if out.trim().is_empty() { Value::Null } else { serde_json::from_str(&out).expect("JSON") }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_does_a_functions_whole_life() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    let image = format!("ImageUri={}/demo:latest", cloud.address);
    let created = aws(
        &cloud,
        &[
            "lambda",
            "create-function",
            "--function-name",
            "cli",
            "--package-type",
            "Image",
            "--code",
            &image,
            "--role",
            ROLE_ARN,
            "--environment",
            "Variables={OWN=x y}",
            "--timeout",
            "20",
            "--tags",
            "a=b",
        ],
    );
    assert_eq!(created["State"], "Pending");
    aws(&cloud, &["lambda", "wait", "function-active-v2", "--function-name", "cli"]);
    let answer = dir.path().join("answer.json");
    let answer = answer.to_str().unwrap();
    let invoked = aws(
        &cloud,
        &[
            "lambda",
            "invoke",
            "--function-name",
            "cli",
            "--payload",
            "{\"variable\":\"OWN\"}",
            "--log-type",
            "Tail",
            answer,
        ],
    );
    assert_eq!(invoked["StatusCode"], 200);
    assert_eq!(invoked["ExecutedVersion"], "$LATEST");
    let read: Value = serde_json::from_slice(&std::fs::read(answer).unwrap()).unwrap();
    assert_eq!(read["variable"], "x y");
    let listed = aws(&cloud, &["lambda", "list-functions", "--page-size", "1"]);
    assert_eq!(listed["Functions"][0]["FunctionName"], "cli");
    aws(
        &cloud,
        &["lambda", "update-function-configuration", "--function-name", "cli", "--memory-size", "256"],
    );
    aws(&cloud, &["lambda", "wait", "function-updated-v2", "--function-name", "cli"]);
    let got = aws(&cloud, &["lambda", "get-function", "--function-name", "cli"]);
    assert_eq!(got["Configuration"]["MemorySize"], 256);
    assert_eq!(got["Tags"]["a"], "b");
    aws(&cloud, &["lambda", "delete-function", "--function-name", "cli"]);
    let gone = run(&cloud, "aws", &["lambda", "get-function", "--function-name", "cli"]);
    assert!(String::from_utf8_lossy(&gone.stderr).contains("ResourceNotFoundException"));
}

const SESSION: &str = r#"
import boto3, json, sys, time
from botocore.config import Config
image, role = sys.argv[1:3]
c = boto3.client("lambda", config=Config(retries={"max_attempts": 0}))
c.create_function(FunctionName="py", PackageType="Image", Code={"ImageUri": image}, Role=role, Timeout=10)
c.get_waiter("function_active_v2").wait(FunctionName="py")
r = c.invoke(FunctionName="py", Payload=json.dumps({"x": "é"}).encode())
assert json.load(r["Payload"])["event"]["x"] == "é"
r = c.invoke(FunctionName="py", Payload=b'{"fail": true}')
assert r["FunctionError"] == "Unhandled", r
assert json.load(r["Payload"])["errorType"] == "Test.Error"
assert c.invoke(FunctionName="py", InvocationType="Event", Payload=b"{}")["StatusCode"] == 202
assert c.invoke(FunctionName="py", InvocationType="DryRun")["StatusCode"] == 204
c.put_function_concurrency(FunctionName="py", ReservedConcurrentExecutions=0)
try:
    c.invoke(FunctionName="py", Payload=b"{}")
    raise SystemExit("not refused")
except c.exceptions.TooManyRequestsException as e:
    assert e.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded", e.response
    assert e.response["ResponseMetadata"]["HTTPStatusCode"] == 429
c.delete_function_concurrency(FunctionName="py")
c.put_function_event_invoke_config(FunctionName="py", MaximumRetryAttempts=0,
    DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::home"}})
got = c.get_function_event_invoke_config(FunctionName="py")
assert got["DestinationConfig"]["OnFailure"]["Destination"] == "arn:aws:s3:::home"
assert time.time() - got["LastModified"].timestamp() < 60
try:
    c.create_function(FunctionName="py", PackageType="Image", Code={"ImageUri": image}, Role=role)
    raise SystemExit("not refused")
except c.exceptions.ResourceConflictException as e:
    assert "Function already exist: py" in str(e)
body = b"".join(e["PayloadChunk"]["Payload"] for e in
    c.invoke_with_response_stream(FunctionName="py", Payload=b'{"s": 1}')["EventStream"] if "PayloadChunk" in e)
assert json.loads(body)["event"]["s"] == 1
assert [f["FunctionName"] for p in c.get_paginator("list_functions").paginate() for f in p["Functions"]] == ["py"]
c.delete_function(FunctionName="py")
try:
    c.get_function(FunctionName="py")
    raise SystemExit("still there")
except c.exceptions.ResourceNotFoundException:
    pass
print("done")
"#;

#[tokio::test(flavor = "multi_thread")]
async fn boto3_does_a_functions_whole_life() {
    let dir = tempfile::tempdir().unwrap();
    let cloud = Cloud::start(dir.path(), Options::default()).await;
    let image = format!("{}/demo:latest", cloud.address);
    let output = run(&cloud, "python3", &["-c", SESSION, &image, ROLE_ARN]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "done");
}
