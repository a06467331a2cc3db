//! What the screen and the command line do in the same way: refuse changes of a read-only context, deploy all of a file or
//! nothing, say what was not done.

use crate::support::{Home, between};
use serde_json::json;
use std::path::PathBuf;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;
use throng_core::cloud::{Cloud, ConnectOptions};
use throng_core::config::{Config, ContextConfig};
use throng_core::dataset::upload::UploadOptions;
use throng_core::dirs::Dirs;
use throng_core::engine::{Command, DeployRequest, Engine, EngineOptions, PlanView, Severity, Snapshot};
use throng_core::image::Programs;
use throng_core::run::{Inputs, LaunchRequest, RunContext, prepare};
use tokio_util::sync::CancellationToken;

fn dirs(home: &Home) -> Dirs {
    Dirs::under(&home.path().join("home"))
}

async fn cloud(home: &Home) -> Cloud {
    let exe = Some(PathBuf::from(env!("CARGO_BIN_EXE_throng")));
    let options = ConnectOptions { exe, no_start: false, ..ConnectOptions::default() };
    Cloud::connect_with(&ContextConfig::local(), &dirs(home), &options).await.unwrap()
}

fn engine(home: &Home, read_only: bool) -> Engine {
    let mut config = Config::default();
    config.contexts["local"].read_only = read_only;
    let exe = Some(PathBuf::from(env!("CARGO_BIN_EXE_throng")));
    let programs = Programs { runtime: |_| Some(bytes::Bytes::from_static(b"runtime")), ..Programs::NONE };
    Engine::start(EngineOptions { config, dirs: dirs(home), context: None, exe, programs }).unwrap()
}

async fn until(engine: &Engine, what: &str, test: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let mut snapshots = engine.snapshots();
    let wait = snapshots.wait_for(|snapshot| test(snapshot));
    match tokio::time::timeout(Duration::from_mins(1), wait).await {
        Ok(found) => found.unwrap().clone(),
        Err(late) => panic!("{what} did not come ({late}); last: {:#?}", engine.snapshots().borrow().notices),
    }
}

fn ended(output: &Output) -> (Option<i32>, String) {
    let text = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
    (output.status.code(), text)
}

/// A run that exists, and none of whose inputs was sent before throng ended.
async fn interrupted(home: &Home, cloud: &Cloud) -> String {
    let file = home.write("a.txt", "a");
    let context = RunContext::new(cloud, &dirs(home), UploadOptions::default()).unwrap();
    let inputs = Inputs::Files { paths: vec![file], dest: None };
    let request = LaunchRequest::new("copy", inputs);
    let launch = prepare(&context, request, &CancellationToken::new()).await.unwrap();
    launch.header().id.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_context_does_not_send_the_rest_of_a_run() {
    let home = Home::new();
    let definition = home.function("copy", "#!/bin/sh\nexit 0\n", &between("data/in", "data/out"));
    home.ok(&["deploy", &definition]);
    let cloud = cloud(&home).await;
    let run = interrupted(&home, &cloud).await;

    let screen = engine(&home, true);
    let told = |snap: &Snapshot| {
        let mut notices = snap.notices.iter();
        notices.any(|notice| notice.severity == Severity::Warning && notice.detail.contains("read-only"))
    };
    until(&screen, "that the run stays as it is", told).await;
    drop(screen);
    home.write("home/config/config.toml", "[contexts.local]\nread_only = true\n");
    let (code, said) = ended(&home.run(&["run", "--resume", &run]));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("`local` is read-only"), "{said}");
    assert!(cloud.s3().head("data", "in/a.txt").await.is_err(), "nothing was sent");

    // The same run, once its context may be changed.
    let screen = engine(&home, false);
    let title = format!("Run {run} goes on");
    until(&screen, "the rest", |snap| snap.notices.iter().any(|notice| notice.title == title)).await;
}

/// A file with a function that can be deployed, and one whose image nobody can fetch.
fn half_good(home: &Home) -> String {
    let good = home.function("good", "#!/bin/sh\nexit 0\n", "");
    let text = std::fs::read_to_string(home.path().join(&good)).unwrap();
    let bad = "  - lambda:\n      name: bad\n      container:\n        image: '127.0.0.1:9/nobody/none:1'\n";
    home.write("both.yaml", &(text + bad));
    "both.yaml".to_owned()
}

#[test]
fn the_command_line_deploys_all_of_a_file_or_nothing() {
    let home = Home::new();
    let file = half_good(&home);
    let (code, said) = ended(&home.run(&["deploy", &file]));
    assert!(code.is_some_and(|code| code != 0) && said.contains("function bad: "), "{code:?} {said}");
    assert_eq!(home.json(&["functions"]), json!([]), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_screen_deploys_all_of_a_file_or_nothing() {
    let home = Home::new();
    let path = home.path().join(half_good(&home));
    let screen = engine(&home, false);
    screen.send(Command::Plan(DeployRequest::File(path.clone())));
    let failed = |snap: &Snapshot| matches!(&snap.plan, Some(PlanView::Failed(why)) if why.starts_with("function bad: "));
    until(&screen, "why it cannot be planned", failed).await;
    screen.send(Command::DeployFile(path));
    let refused = |snap: &Snapshot| {
        let mut notices = snap.notices.iter();
        notices.any(|notice| notice.severity == Severity::Error && notice.title.ends_with("was not deployed"))
    };
    let snap = until(&screen, "the refusal", refused).await;
    assert!(snap.notices.iter().all(|notice| notice.title != "good is deployed"), "{:?}", snap.notices);
    let functions = cloud(&home).await.lambda().list().await.unwrap();
    assert!(functions.is_empty(), "{functions:?}");
}

#[test]
fn files_that_cannot_be_read_are_not_passed_over() {
    let home = Home::new();
    home.write("set/a.txt", "a");
    std::os::unix::fs::symlink("nowhere", home.path().join("set/b.txt")).unwrap();
    let put = home.json(&["put", "set", "data/in"]);
    assert_eq!((&put["sent"], put["failed"].as_array().map(Vec::len)), (&json!(1), Some(1)), "{put}");
    let (code, said) = ended(&home.run(&["put", "set", "data/in"]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("not sent: ") && said.contains("set/b.txt"), "{said}");
}
