//! Runs over the local cloud's S3: files up, records in, states out.

use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use throng_contract::keys::record_key;
use throng_contract::layout::META_LINEAGE;
use throng_contract::{AttemptRecord, Lineage, OutputObject, TaskRef};
use throng_core::cloud::{Cloud, CloudError, ConnectOptions, PutBody, local, now_ms};
use throng_core::config::ContextConfig;
use throng_core::dataset::download::Download;
use throng_core::dataset::upload::{Upload, UploadOptions, UploadRun};
use throng_core::dataset::{Meter, scan};
use throng_core::dirs::Dirs;
use throng_core::logs::LogGroup;
use throng_core::model::{Place, TaskState};
use throng_core::run::{
    Follower, FunctionApi, FunctionFacts, Inputs, LaunchRequest, Lister, LogPlace, RunContext, TriggerPlace,
    cancel, prepare, resume, verify, wait,
};
use throng_local::daemon::{ServeOptions, serve};
use tokio_util::sync::CancellationToken;

/// Of `result`.
const SHA256: &str = "f6a214f7a5fcda0c2cee9660b7fc29f5649e3c68aad48e20e950137c98913a68";

/// A function that is there and does nothing: the test writes the records.
struct Idle;

#[async_trait]
impl FunctionApi for Idle {
    async fn facts(&self, _function: &str) -> Result<Option<FunctionFacts>, CloudError> {
        let trigger = TriggerPlace { bucket: "input".into(), prefix: "x/".into(), suffix: String::new() };
        let facts =
            FunctionFacts { state: "Active".into(), triggers: vec![trigger], ..FunctionFacts::default() };
        Ok(Some(facts))
    }

    async fn invoke_async(&self, _function: &str, _payload: Vec<u8>) -> Result<(), CloudError> {
        Ok(())
    }
}

struct World {
    dir: tempfile::TempDir,
    cloud: Cloud,
    context: RunContext,
}

async fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let dirs = Dirs::under(&dir.path().join("home"));
    let options = ServeOptions::new(dirs.local_cloud());
    std::thread::spawn(move || serve(&options));
    let until = Instant::now() + Duration::from_secs(30);
    while local::find(&dirs).await.is_none() {
        assert!(Instant::now() < until, "the local cloud does not come up");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let connect = ConnectOptions { no_start: true, ..ConnectOptions::default() };
    let cloud = Cloud::connect_with(&ContextConfig::local(), &dirs, &connect).await.unwrap();
    let mut context = RunContext::new(&cloud, &dirs, UploadOptions::default()).unwrap();
    context.functions = Arc::new(Idle);
    for bucket in [context.home.as_str(), "input", "out"] {
        cloud.s3().create_bucket(bucket).await.unwrap();
    }
    World { dir, cloud, context }
}

fn write_files(folder: &Path, count: usize) {
    std::fs::create_dir_all(folder.join("sub")).unwrap();
    for n in 0..count {
        let name = if n % 2 == 0 { format!("{n:05} é+&.txt") } else { format!("sub/{n:05}.txt") };
        std::fs::write(folder.join(name), format!("content {n}")).unwrap();
    }
}

impl World {
    fn request(&self) -> LaunchRequest {
        let paths = vec![self.dir.path().join("data")];
        LaunchRequest::new("f", Inputs::Files { paths, dest: None })
    }

    /// What the runtime would do for a task.
    async fn process(&self, run: &str, task: u64, state: TaskState) {
        let (key, now) = (format!("{task}.out"), now_ms());
        self.cloud.s3().put_object("out", &key, PutBody::from(b"result".to_vec()), &[], false).await.unwrap();
        let output = OutputObject {
            bucket: "out".into(),
            key,
            size: 6,
            sha256: SHA256.into(),
            provider: None,
            place: None,
        };
        let request = format!("request-{task}-{}", u8::from(state == TaskState::Succeeded));
        let record = AttemptRecord {
            task: Some(TaskRef::launched(run, task)),
            bucket: "input".into(),
            state,
            ended_ms: now,
            bytes_out: 6,
            outputs: vec![output],
            peak_memory: 1 << 20,
            ..AttemptRecord::begun("f", &request, now - 3)
        };
        let (key, home) = (record_key(&record), &self.context.home);
        self.cloud.s3().put_json(home, &key, &record, false).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_from_files_to_a_proof() {
    let world = world().await;
    let data = world.dir.path().join("data");
    write_files(&data, 120);
    let large: Vec<u8> = (0..40 << 20_u32).map(|n: u32| n.to_le_bytes()[1]).collect();
    std::fs::write(data.join("large.bin"), &large).unwrap();

    let never = CancellationToken::new();
    let launch = prepare(&world.context, world.request(), &never).await.unwrap();
    let (run, meter) = (launch.header().id.clone(), Arc::new(Meter::default()));
    let mut follower = Follower::launched(&launch, &world.context, meter.clone());
    assert_eq!(follower.summary().unsent, 121);
    let manifest = launch.manifest();
    let report = launch.send(meter, &never).await.unwrap();
    assert_eq!((report.sent, report.failed.len()), (121, 0));
    for entry in manifest.iter().step_by(17) {
        let head =
            world.cloud.s3().get_object("input", &entry.key, None).await.expect("it was uploaded").head;
        assert_eq!(head.size, entry.size);
        let line = head.metadata.get(META_LINEAGE).expect("it says whose it is");
        let lineage = Lineage::parse(line, "input", &entry.key).expect("and where");
        assert_eq!(lineage.starts(), Some(TaskRef::launched(&run, entry.task)), "{}", entry.key);
    }

    let worker = async {
        for task in 0..121 {
            // Not the last: with its failure the run would have ended, for the moment.
            if task % 10 == 0 && task < 120 {
                world.process(&run, task, TaskState::Failed).await;
            }
            if task != 50 {
                world.process(&run, task, TaskState::Succeeded).await;
            }
        }
    };
    let mut seen = 0;
    let (summary, ()) = tokio::join!(wait(&mut follower, &never, |_| seen += 1), worker);
    let summary = summary.unwrap();
    assert_eq!((summary.counts.succeeded, summary.counts.failed, summary.counts.total()), (120, 1, 121));
    assert!(summary.settled && summary.unsent == 0 && seen > 1);

    let mut lister = Lister::new(world.context.clone());
    let shown = lister.list(10).await.unwrap();
    assert_eq!((shown.len(), shown[0].counts), (1, summary.counts), "from end.json");
    let verified = verify(&world.context, &run).await.unwrap();
    assert_eq!((verified.outputs, verified.problems), (120, Vec::new()));
    assert!(resume(&world.context, &run).await.is_err(), "everything was sent");

    let back = Download {
        named: Vec::new(),
        bucket: "input".into(),
        keys: vec!["x/data/".into()],
        to: world.dir.path().join("back"),
        journal: world.dir.path().join("d.journal"),
        force: false,
    };
    let fetched = back.fetch(world.context.store.clone(), Arc::default(), &never).await.unwrap();
    assert_eq!((fetched.fetched, fetched.failed), (121, Vec::new()));
    assert!(std::fs::read(world.dir.path().join("back/data/large.bin")).unwrap() == large);
    for file in scan(&[data], &mut |_| true).unwrap().iter() {
        let copy = world.dir.path().join("back").join(file.name);
        assert!(std::fs::read(file.path).unwrap() == std::fs::read(copy).unwrap(), "{}", file.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_launch_that_was_killed_goes_on_and_a_run_can_be_cancelled() {
    let world = world().await;
    write_files(&world.dir.path().join("data"), 400);
    let never = CancellationToken::new();
    let launch = prepare(&world.context, world.request(), &never).await.unwrap();
    let run = launch.header().id.clone();
    let (kill, meter) = (CancellationToken::new(), Arc::new(Meter::default()));
    let sending = tokio::spawn({
        let (kill, meter) = (kill.clone(), meter.clone());
        async move { launch.send(meter, &kill).await }
    });
    while meter.items_done() < 50 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    kill.cancel();
    let broke_off = sending.await.unwrap().is_err();
    if broke_off {
        let report = resume(&world.context, &run).await.unwrap().send(Arc::default(), &never).await.unwrap();
        assert!(report.skipped >= 50 && report.sent + report.skipped == 400, "{report:?}");
    }
    world.process(&run, 3, TaskState::Succeeded).await;
    cancel(&world.context, &run).await.unwrap();
    let mut follower = Follower::open(&world.context, &run).await.unwrap();
    let summary = wait(&mut follower, &never, |_| {}).await.unwrap();
    assert_eq!((summary.counts.succeeded, summary.counts.cancelled, summary.cancelled), (1, 399, true));
}

/// Prints figures; run by hand: `cargo test --release --test run_follow -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure_small_files() {
    let world = world().await;
    let data = world.dir.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    for n in 0..10_000 {
        std::fs::write(data.join(format!("{n:05}")), [7_u8; 1024]).unwrap();
    }
    let files = Arc::new(scan(&[data], &mut |_| true).unwrap());
    for concurrency in [32, 128, 256] {
        let upload = Upload {
            files: files.clone(),
            place: Place { bucket: "input".into(), prefix: format!("c{concurrency}") },
            run: Some(UploadRun { id: "r".into(), ledger: 2, group: None, one_each: true }),
            journal: world.dir.path().join("u.journal"),
            options: UploadOptions { concurrency, ..UploadOptions::default() },
            around: None,
        };
        let begin = Instant::now();
        let sent = upload
            .send(world.context.store.clone(), Arc::default(), &CancellationToken::new())
            .await
            .unwrap();
        let seconds = begin.elapsed().as_secs_f64();
        println!(
            "{concurrency} in flight: {} files of 1 KiB in {seconds:.2} s, {:.0}/s",
            sent.sent,
            f64::from(10_000) / seconds
        );
    }
}

/// The platform's lines of three invocations, one of which timed out.
const LINES: [&str; 3] = [
    r#"{"time":"t","type":"platform.start","record":{"requestId":"a","version":"$LATEST"}}"#,
    r#"{"time":"t","type":"platform.report","record":{"requestId":"b","status":"success","metrics":{"durationMs":5.0}}}"#,
    r#"{"time":"t","type":"platform.report","record":{"requestId":"a","status":"timeout","metrics":{"durationMs":3000.0,"billedDurationMs":3000,"memorySizeMB":128,"maxMemoryUsedMB":9}}}"#,
];
/// The same in the text format, old and new.
const TEXT: [&str; 3] = [
    "START RequestId: c Version: $LATEST\n",
    "2026-01-01T00:00:00.000Z 79b4f56e-95b1-4643-9700-2807f4e68189 Task timed out after 3.00 seconds\n",
    "REPORT RequestId: d\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory Used: 9 MB\tStatus: error\tError Type: Runtime.ExitError\n",
];

#[tokio::test(flavor = "multi_thread")]
async fn failed_attempts_are_found_in_the_platforms_log() {
    let world = world().await;
    let key = world.cloud.local_key().unwrap();
    let keys = Credentials::new(&key.access_key_id, &key.secret_access_key, None, None, "test");
    let config = aws_sdk_cloudwatchlogs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::new("us-east-1"))
        .endpoint_url(world.cloud.endpoint().unwrap())
        .credentials_provider(keys);
    let logs = aws_sdk_cloudwatchlogs::Client::from_conf(config.build());
    for (group, json, lines, expected) in [
        ("json", true, LINES, vec![("a", TaskState::TimedOut)]),
        (
            "text",
            false,
            TEXT,
            vec![("79b4f56e-95b1-4643-9700-2807f4e68189", TaskState::TimedOut), ("d", TaskState::Failed)],
        ),
    ] {
        logs.create_log_group().log_group_name(group).send().await.unwrap();
        logs.create_log_stream().log_group_name(group).log_stream_name("s").send().await.unwrap();
        let event = |line: &str| {
            let time = i64::try_from(now_ms()).unwrap();
            InputLogEvent::builder().timestamp(time).message(line).build().unwrap()
        };
        let put = logs.put_log_events().log_group_name(group).log_stream_name("s");
        put.set_log_events(Some(lines.map(event).to_vec())).send().await.unwrap();
        let place = LogPlace { group: LogGroup::named("f", group), json };
        let ends = world.cloud.failed_attempts(&place, now_ms() - 60_000).await.unwrap();
        let ends: Vec<_> = ends.iter().map(|end| (end.request_id.as_str(), end.state)).collect();
        assert_eq!(ends, expected);
    }
}
