//! Other people's clients on a function that throng deployed: boto3 and the aws CLI. Needs Python with pip; the clients are
//! installed once into target/interop.

#![cfg(all(feature = "interop", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;
#[path = "support/tools.rs"]
mod tools;

use std::path::Path;
use std::process::Command;
use support::{Home, shell_root};
use throng::core::dirs::Dirs;
use throng::local::daemon::{self, State};

/// A home with the function `echo`, which prints its event as a line of its log and as its answer.
fn home() -> Home {
    let home = Home::new();
    shell_root(&home.path().join("root"));
    home.write("echo.sh", "#!/bin/sh\ncat \"$INPUT_FILE_PATH\"\necho\n");
    home.write(
        "echo.yaml",
        "functions:\n  aws:\n  - lambda:\n      name: echo\n      memory: 256\n      init_script: echo.sh\n      \
         container: {image: 'rootfs:root'}\n",
    );
    home.ok(&["deploy", "echo.yaml"]);
    home
}

fn run(home: &Home, program: &str, arguments: &[&str]) -> String {
    let folder = Dirs::under(&home.path().join("home")).local_cloud();
    let State::Running(endpoint, _) = daemon::status(&folder) else { panic!("no local cloud") };
    let key = daemon::read_credentials(&folder).unwrap().user;
    let output = Command::new(tools::clients().join(program))
        .args(arguments)
        .current_dir(home.path())
        .env("AWS_ENDPOINT_URL", &endpoint.endpoint)
        .env("AWS_ACCESS_KEY_ID", key.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", key.secret_access_key)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_PAGER", "")
        .env_remove("AWS_CA_BUNDLE")
        .env_remove("AWS_PROFILE")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{out}\n{err}", output.status);
    out.into_owned()
}

#[test]
fn boto3_waits_pages_and_reads_event_streams() {
    let home = home();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/clients/functions.py");
    assert_eq!(run(&home, "python3", &[script.to_str().unwrap()]).trim(), "ok");
}

#[test]
fn the_aws_cli_waits_invokes_and_reads_logs() {
    let home = home();
    let aws = |line: &str| run(&home, "aws", &line.split(' ').collect::<Vec<_>>());
    aws("lambda wait function-active-v2 --function-name echo");
    aws("lambda invoke --function-name echo --payload {\"say\":\"from-the-cli\"} answer.json");
    let answer = std::fs::read_to_string(home.path().join("answer.json")).unwrap();
    assert!(answer.contains("\"statusCode\""), "{answer}");
    aws("lambda update-function-configuration --function-name echo --timeout 77");
    aws("lambda wait function-updated-v2 --function-name echo");
    let timeout = "lambda get-function-configuration --function-name echo --query Timeout --output text";
    assert_eq!(aws(timeout).trim(), "77");
    let found =
        aws("logs filter-log-events --log-group-name /aws/lambda/echo --filter-pattern cli --page-size 1");
    assert!(found.contains("from-the-cli"), "{found}");
    aws("lambda delete-function --function-name echo");
    assert_eq!(aws("lambda list-functions --query Functions --output text").trim(), "");
}
