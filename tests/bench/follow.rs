//! Calls per minute of each API, while ten functions with 1,000 invocations in flight are looked at from every side.
//!
//! `cargo bench --bench follow --profile dev [-- MINUTES]` (default 3): the embedded cloud stands in for AWS, with AWS's
//! pace and the quotas of the strictest regions (five `FilterLogEvents` a second). Invocations of a minute each write
//! START, ten lines, END and REPORT, a running marker and a record. Engines follow all logs and show one run, all
//! runs, what is running, functions and buckets, all at once, which is more than one screen does. A third of what
//! live tails should show is lost. Printed: calls of each API beside its quota, and whether every line arrived once.
#![allow(clippy::expect_used, clippy::cast_precision_loss)]

#[path = "../support/mod.rs"]
mod support;

use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::{Home, between};
use throng_contract::keys::{record_key, running_key};
use throng_contract::{AttemptRecord, TaskRef, TaskState};
use throng_core::cloud::{Calls, Cloud, CloudError, ConnectOptions, PutBody, local, now_ms};
use throng_core::config::{Config, ContextConfig};
use throng_core::dataset::upload::UploadOptions;
use throng_core::dirs::Dirs;
use throng_core::engine::{Command, Engine, EngineOptions, Scope, Snapshot};
use throng_core::image::Programs;
use throng_core::model::LogQuery;
use throng_core::run::{FunctionApi, FunctionFacts, Inputs, LaunchRequest, RunContext, prepare};
use tokio_util::sync::CancellationToken;

const FUNCTIONS: usize = 10;
/// Invocations in flight of one function.
const IN_FLIGHT: u64 = 100;
/// Seconds of an invocation.
const TAKES: u64 = 60;
/// Seconds between two lines of an invocation.
const LINE_EVERY: u64 = 6;
const INPUTS: &str = "bench-inputs";
const REGION: &str = "eu-central-1";
const INNER: &str = "THRONG_BENCH_FOLLOW_HOME";

fn main() {
    let minutes = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(3);
    if let Some(folder) = std::env::var_os(INNER) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        return runtime.block_on(measure(Path::new(&folder), minutes));
    }
    let home = Home::new();
    let started = home.command(&["local", "start"]).env("THRONG_LOCAL_TAIL_LOSS", "0.33").status();
    assert!(started.expect("throng runs").success());
    deploy(&home);
    // Keys come from the environment, as they do for AWS, and a process cannot safely change its own.
    let read = std::fs::read(home.path().join("home/data/local/credentials.json")).expect("the keys");
    let keys: serde_json::Value = serde_json::from_slice(&read).expect("JSON");
    let key = |name: &str| keys["user"][name].as_str().expect("a key").to_owned();
    let status = std::process::Command::new(std::env::current_exe().expect("a path"))
        .arg(minutes.to_string())
        .env(INNER, home.path().join("home"))
        .env("AWS_ACCESS_KEY_ID", key("access_key_id"))
        .env("AWS_SECRET_ACCESS_KEY", key("secret_access_key"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("AWS_PROFILE")
        .status();
    assert!(status.expect("the measurement runs").success());
}

fn deploy(home: &Home) {
    for index in 0..FUNCTIONS {
        let name = format!("bench-{index}");
        let places = between(&format!("{name}/in"), &format!("{name}/out"));
        let more = format!("      memory: 128\n      timeout: 120\n{places}");
        home.ok(&["deploy", &home.function(&name, "#!/bin/sh\ntrue\n", &more)]);
    }
}

/// Functions that do nothing: this program writes what they would.
struct Idle;

#[async_trait]
impl FunctionApi for Idle {
    async fn facts(&self, _function: &str) -> Result<Option<FunctionFacts>, CloudError> {
        Ok(Some(FunctionFacts { state: "Active".into(), ..FunctionFacts::default() }))
    }

    async fn invoke_async(&self, _function: &str, _payload: Vec<u8>) -> Result<(), CloudError> {
        Ok(())
    }
}

async fn measure(home: &Path, minutes: u64) {
    let dirs = Dirs::under(home);
    let found = local::find(&dirs).await.expect("the local cloud");
    let endpoint = found.endpoint.endpoint.clone();
    let writer = Cloud::at(&ContextConfig::local(), found);
    let tasks = IN_FLIGHT * (minutes + 2);
    let runs = launch(&writer, &dirs, tasks).await;

    let lines = Arc::new(AtomicU64::new(0));
    let stop = CancellationToken::new();
    let mut writers = tokio::task::JoinSet::new();
    for (index, run) in runs.iter().enumerate() {
        let function = Invocations {
            index,
            run: run.clone(),
            cloud: writer.clone(),
            logs: logs_client(&writer, &endpoint),
            lines: lines.clone(),
            tasks,
            began_ms: now_ms(),
        };
        writers.spawn(function.work(stop.clone()));
    }
    let context = ContextConfig {
        name: "aws".into(),
        region: Some(REGION.into()),
        endpoint: Some(endpoint),
        home_bucket: Some("throng-home".into()),
        role: Some("arn:aws:iam::000000000000:role/throng-function".into()),
        ..ContextConfig::default()
    };
    let engines = look(&dirs, &context, &runs);
    let cloud = Cloud::connect_with(&context, &dirs, &ConnectOptions::default()).await.expect("a region");
    tokio::time::sleep(Duration::from_secs(minutes * 60)).await;
    let calls = cloud.calls();
    stop.cancel();
    while writers.join_next().await.is_some() {}
    print(&calls, minutes as f64);
    arrived(&engines[0], lines.load(Ordering::Relaxed)).await;
    let broken: Vec<_> = calls.iter().filter(|one| one.busiest_minute as f64 > 60.0 * quota(one)).collect();
    assert!(broken.is_empty(), "over the quota: {broken:?}");
}

/// A run of each function; nothing is sent, their records are written here.
async fn launch(cloud: &Cloud, dirs: &Dirs, tasks: u64) -> Vec<String> {
    // Not one whose objects start a function.
    cloud.s3().create_bucket(INPUTS).await.expect("a bucket");
    for task in 0..tasks {
        let key = format!("in/{task:05}");
        cloud.s3().put_object(INPUTS, &key, PutBody::from(b"x".to_vec()), &[], false).await.expect("puts");
    }
    let mut context = RunContext::new(cloud, dirs, UploadOptions::default()).expect("a home bucket");
    context.functions = Arc::new(Idle);
    let mut runs = Vec::new();
    for index in 0..FUNCTIONS {
        let inputs = Inputs::Objects { provider: None, bucket: INPUTS.into(), keys: vec!["in/".into()] };
        let request = LaunchRequest::new(format!("bench-{index}"), inputs);
        let launch = prepare(&context, request, &CancellationToken::new()).await.expect("a run");
        assert_eq!(launch.header().tasks, tasks);
        runs.push(launch.header().id.clone());
    }
    runs
}

fn logs_client(cloud: &Cloud, endpoint: &str) -> aws_sdk_cloudwatchlogs::Client {
    let key = cloud.local_key().expect("the local cloud's");
    let config = aws_sdk_cloudwatchlogs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::new(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new(
            &key.access_key_id,
            &key.secret_access_key,
            None,
            None,
            "bench",
        ))
        .build();
    aws_sdk_cloudwatchlogs::Client::from_conf(config)
}

/// Everything that a person may look at, at once.
fn look(dirs: &Dirs, context: &ContextConfig, runs: &[String]) -> Vec<Engine> {
    let mut config = Config::default();
    config.contexts.insert(context.name.clone(), context.clone());
    let engine = |scope: Scope| {
        let options = EngineOptions {
            config: config.clone(),
            dirs: dirs.clone(),
            context: Some(context.name.clone()),
            exe: None,
            programs: Programs::NONE,
        };
        let engine = Engine::start(options).expect("a context");
        engine.send(Command::Look(scope));
        engine
    };
    let run = Scope::Run { run: runs[0].clone() };
    let engines: Vec<_> = [run, Scope::Runs, Scope::Running, Scope::Functions, Scope::Buckets]
        .into_iter()
        .map(engine)
        .collect();
    engines[0].send(Command::FollowLogs(LogQuery { since_s: 600, ..LogQuery::default() }));
    engines
}

/// The invocations of one function.
struct Invocations {
    index: usize,
    run: String,
    cloud: Cloud,
    logs: aws_sdk_cloudwatchlogs::Client,
    lines: Arc<AtomicU64>,
    tasks: u64,
    /// When the first of them began.
    began_ms: u64,
}

impl Invocations {
    async fn work(self, stop: CancellationToken) {
        let (group, stream) =
            (format!("/aws/lambda/bench-{}", self.index), format!("2026/11/27/[$LATEST]{:032x}", self.index));
        self.logs
            .create_log_stream()
            .log_group_name(&group)
            .log_stream_name(&stream)
            .send()
            .await
            .expect("a stream");
        let mut second = 0;
        let mut clock = tokio::time::interval(Duration::from_secs(1));
        while !stop.is_cancelled() {
            clock.tick().await;
            let mut events = Vec::new();
            for slot in 0..IN_FLIGHT {
                // Slots began at different times, so that as many end each second.
                let age = second + slot * TAKES / IN_FLIGHT;
                let task = age / TAKES * IN_FLIGHT + slot;
                if task < self.tasks {
                    self.step(task, age % TAKES, second == 0, &mut events).await;
                }
            }
            second += 1;
            self.lines.fetch_add(events.len() as u64, Ordering::Relaxed);
            if !events.is_empty() {
                let put = self.logs.put_log_events().log_group_name(&group).log_stream_name(&stream);
                put.set_log_events(Some(events)).send().await.expect("puts lines");
            }
        }
    }

    /// What an invocation does in one second of its life.
    async fn step(&self, task: u64, age: u64, first: bool, events: &mut Vec<InputLogEvent>) {
        let id = format!("00000000-0000-4000-{:04}-{task:012}", self.index);
        let mut say = |message: String| {
            let time = i64::try_from(now_ms()).unwrap_or(i64::MAX);
            events.push(InputLogEvent::builder().timestamp(time).message(message).build().expect("a line"));
        };
        if age == 0 || first {
            say(format!(
                r#"{{"time":"t","type":"platform.start","record":{{"requestId":"{id}","version":"$LATEST"}}}}"#
            ));
        }
        if age % LINE_EVERY == 3 {
            let (run, text) = (&self.run, format!("step {age} of task {task}: {}", "some words ".repeat(8)));
            say(format!(
                r#"{{"timestamp":"2026-11-27T00:00:00.000Z","level":"INFO","requestId":"{id}","run":"{run}","task":{task},"stream":"stdout","message":"{text}"}}"#
            ));
        }
        if age == TAKES - 1 {
            say(format!(
                r#"{{"time":"t","type":"platform.runtimeDone","record":{{"requestId":"{id}","status":"success"}}}}"#
            ));
            say(format!(
                r#"{{"time":"t","type":"platform.report","record":{{"requestId":"{id}","status":"success","metrics":{{"durationMs":60000.0,"billedDurationMs":60000,"memorySizeMB":128,"maxMemoryUsedMB":40}}}}}}"#
            ));
        }
        let s3 = self.cloud.s3();
        if age == 1 || first {
            let key = running_key(&self.begun(task, &id)).expect("a task of a run");
            s3.put_object("throng-home", &key, PutBody::from(b"{}".to_vec()), &[], false)
                .await
                .expect("a marker");
        }
        if age == TAKES - 1 {
            let record = self.record(task, &id);
            let body = serde_json::to_vec(&record).expect("JSON");
            s3.put_object("throng-home", &record_key(&record), PutBody::from(body), &[], false)
                .await
                .expect("a record");
        }
    }

    fn record(&self, task: u64, request_id: &str) -> AttemptRecord {
        AttemptRecord {
            bucket: INPUTS.into(),
            key: format!("in/{task:05}"),
            state: TaskState::Succeeded,
            exit_code: Some(0),
            ended_ms: now_ms(),
            bytes_in: 1,
            peak_memory: 40 << 20,
            ..self.begun(task, request_id)
        }
    }

    /// An attempt in the second in which it began.
    fn begun(&self, task: u64, request_id: &str) -> AttemptRecord {
        let (round, slot) = (task / IN_FLIGHT, task % IN_FLIGHT);
        let began_ms = self.began_ms + round * TAKES * 1000 - slot * TAKES * 1000 / IN_FLIGHT;
        let task = Some(TaskRef::launched(&self.run, task));
        AttemptRecord { task, ..AttemptRecord::begun(&format!("bench-{}", self.index), request_id, began_ms) }
    }
}

/// Calls per second that AWS allows in the strictest region.
fn quota(calls: &Calls) -> f64 {
    match (calls.service.as_str(), calls.operation.as_str()) {
        ("CloudWatch Logs", "FilterLogEvents" | "StartLiveTail") => 5.0,
        ("CloudWatch Logs", _) => 10.0,
        ("Lambda", "GetFunction") => 100.0,
        ("Lambda", _) => 15.0,
        ("S3", "PutObject") => 3_500.0,
        _ => 5_500.0,
    }
}

fn print(calls: &[Calls], minutes: f64) {
    println!(
        "\n{FUNCTIONS} functions, {} invocations in flight, every view at once, {minutes} minutes",
        FUNCTIONS as u64 * IN_FLIGHT
    );
    println!(
        "{:<44}{:>10}{:>10}{:>10}{:>12}{:>8}",
        "calls", "a minute", "busiest", "a second", "quota/min", "used"
    );
    for one in calls {
        let (name, quota) = (format!("{}: {}", one.service, one.operation), 60.0 * quota(one));
        let (mean, busiest) = (one.total as f64 / minutes, one.busiest_minute as f64);
        println!(
            "{name:<44}{mean:>10.1}{busiest:>10.0}{:>10}{quota:>12.0}{:>7.1}%",
            one.busiest_second,
            100.0 * busiest / quota
        );
        assert_eq!(one.throttled, 0, "{name} was throttled");
    }
    let control =
        |one: &&Calls| one.service == "Lambda" && !matches!(one.operation.as_str(), "GetFunction" | "Invoke");
    let control: u64 = calls.iter().filter(control).map(|one| one.busiest_minute).sum();
    println!(
        "{:<54}{control:>10}{:>22}{:>7.1}%",
        "Lambda's control plane together",
        900,
        control as f64 / 9.0
    );
}

/// Waits until the log has settled; every line must have arrived, once.
async fn arrived(engine: &Engine, written: u64) {
    let (mut snapshots, begin) = (engine.snapshots(), Instant::now());
    let settled = |snapshot: &Arc<Snapshot>| {
        snapshot.logs.as_ref().is_some_and(throng_core::model::LogView::is_settled)
    };
    let waiting = snapshots.wait_for(settled);
    let snapshot = tokio::time::timeout(Duration::from_mins(5), waiting)
        .await
        .expect("it settles")
        .expect("an engine")
        .clone();
    let logs = snapshot.logs.clone().unwrap_or_default();
    println!(
        "\nlines written {written}, arrived {}, late {}, settled after {} s ({})",
        logs.dropped + logs.len() as u64,
        logs.missed,
        begin.elapsed().as_secs(),
        logs.mode
    );
    assert_eq!(logs.dropped + logs.len() as u64, written, "every line once");
}
