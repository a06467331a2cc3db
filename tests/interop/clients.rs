//! Other people's clients on a function that throng deployed: boto3 and the aws CLI. Needs Python with pip; the clients are
//! installed once into target/interop.

use crate::support::Home;
use crate::support::recorder::Recorder;
use crate::support::report::Report;
use crate::support::tools;
use std::path::Path;
use std::process::Command;
use throng_contract::local::AccessKey;
use throng_core::dirs::Dirs;
use throng_local::daemon::{self, State};

/// A home with the function `echo`, which prints its event as a line of its log and as its answer, and a recorder before its
/// cloud.
struct Cloud {
    home: Home,
    recorder: Recorder,
    key: AccessKey,
}

impl Cloud {
    fn start() -> Self {
        let home = Home::new();
        let script = "#!/bin/sh\ncat \"$INPUT_FILE_PATH\"\necho\n";
        home.ok(&["deploy", &home.function("echo", script, "      memory: 256\n")]);
        let folder = Dirs::under(&home.path().join("home")).local_cloud();
        let State::Running(endpoint, _) = daemon::status(&folder) else { panic!("no local cloud") };
        let recorder = Recorder::before(endpoint.endpoint.strip_prefix("http://").unwrap());
        Self { home, recorder, key: daemon::read_credentials(&folder).unwrap().user }
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(tools::clients().join(program))
            .args(arguments)
            .current_dir(self.home.path())
            .env("AWS_ENDPOINT_URL", format!("http://{}", self.recorder.host()))
            .env("AWS_ACCESS_KEY_ID", &self.key.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &self.key.secret_access_key)
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

    /// Runs a script of `tests/support/clients`; then what the cloud has answered must be as AWS's models say.
    fn script(&self, name: &str, arguments: &[&str]) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/clients").join(name);
        let mut all = vec![script.to_str().unwrap()];
        all.extend(arguments);
        assert_eq!(self.run("python3", &all).trim(), "ok");
        Report::of(self.recorder.folder(), &[]).assert_no_problem();
    }
}

#[test]
fn boto3_waits_pages_and_reads_event_streams() {
    Cloud::start().script("functions.py", &[]);
}

#[test]
fn everything_else_is_answered_as_the_models_say() {
    Cloud::start().script("rest.py", &[]);
}

#[test]
fn boto3_transfers_in_threads_by_presigned_urls_and_on_conditions() {
    Cloud::start().script("s3.py", &["."]);
}

#[test]
fn the_aws_cli_waits_invokes_and_reads_logs() {
    let cloud = Cloud::start();
    let aws = |line: &str| cloud.run("aws", &line.split(' ').collect::<Vec<_>>());
    aws("lambda wait function-active-v2 --function-name echo");
    aws("lambda invoke --function-name echo --payload {\"say\":\"from-the-cli\"} answer.json");
    let answer = std::fs::read_to_string(cloud.home.path().join("answer.json")).unwrap();
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
    Report::of(cloud.recorder.folder(), &[]).assert_no_problem();
}
