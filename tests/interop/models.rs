//! Every request that core sends and every answer of the local cloud, against AWS's own service models as botocore has them:
//! whole sessions of the program, recorded. Needs Python with pip; botocore and moto are installed once into target/interop.

use crate::support::recorder::Recorder;
use crate::support::report::Report;
use crate::support::server;
use crate::support::tools;
use crate::support::{Home, between, wait_for};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use throng_core::cloud::{Cloud, ErrorKind, PutBody};
use throng_core::config::ContextConfig;
use throng_core::dirs::Dirs;

/// A function `f` that copies its input. `trigger` is also in its script, so that another one is another image.
fn definition(home: &Home, settings: &str, trigger: &str) {
    let script = "echo \"saw $(cat \"$INPUT_FILE_PATH\")\"\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";
    let more = settings.to_owned() + &between(trigger, "model-data/out");
    home.function("f", &format!("#!/bin/sh\n# {trigger}\n{script}"), &more);
}

/// `logs --follow` until it shows `text`; then it is interrupted, as from a terminal.
fn follow_until(home: &Home, text: &str) {
    let mut follow = home
        .command(&["logs", "f", "--follow"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let shown = lines.map_while(Result::ok).any(|line| line.contains(text));
    let pid = nix::unistd::Pid::from_raw(follow.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    follow.wait().unwrap();
    assert!(shown, "the log never showed {text}");
}

/// The home's local cloud with a recorder before it, which the program takes for the cloud.
fn record_local_cloud(home: &Home) -> Recorder {
    home.ok(&["local", "start"]);
    let path = home.path().join("home/data/local/endpoint.json");
    let mut endpoint: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let recorder = Recorder::before_daemon(&home.path().join("home/data/local"));
    endpoint["endpoint"] = format!("http://{}", recorder.host()).into();
    std::fs::write(&path, endpoint.to_string()).unwrap();
    recorder
}

#[test]
fn a_session_on_the_local_cloud_speaks_as_the_models_say() {
    // The recorder goes last: ending the cloud goes through it.
    let (recorder, home);
    home = Home::new();
    recorder = record_local_cloud(&home);
    home.write("home/config/config.toml", "[upload]\nmultipart_mb = 5\npart_mb = 5\nconcurrency = 2\n");
    let started = Instant::now();

    definition(&home, "      memory: 256\n      concurrency: 3\n", "model-data/in");
    home.ok(&["deploy", "f.yaml", "--dry-run"]);
    home.ok(&["deploy", "f.yaml"]);
    definition(&home, "      memory: 512\n      timeout: 30\n      tags: {a: b}\n", "model-data/other");
    home.ok(&["deploy", "f.yaml"]);
    for index in 0..12 {
        home.write(&format!("in/file é+{index}.txt"), &format!("input {index}"));
    }
    home.ok(&["run", "f", "in", "--wait"]);
    home.ok(&["run", "f", "s3://model-data/other/", "--wait"]);
    follow_until(&home, "saw input 3");
    home.ok(&["invoke", "f", "--data", "{\"a\": 1}"]);
    home.ok(&["invoke", "f", "--data", "{\"a\": 1}", "--async"]);
    home.ok(&["functions"]);
    home.ok(&["functions", "f"]);
    home.ok(&["runs"]);
    home.ok(&["tasks", "last", "3"]);
    home.ok(&["logs", "f", "--run", "last"]);
    home.ok(&["ls"]);
    home.ok(&["ls", "model-data"]);
    home.ok(&["ls", "model-data", "--recursive"]);
    objects(&home);
    crate::stages::stages(&home);
    // A key that XML cannot say is deleted by its address.
    home.write("odd/scan\u{1}.txt", "x");
    home.ok(&["put", "odd", "model-data/box"]);
    home.ok(&["rm", "--yes", "object", "model-data/box/odd/"]);
    let run = home.json(&["run", "f", "in"])["id"].as_str().unwrap().to_owned();
    home.ok(&["cancel", &run]);

    refusals(&home);
    library(&home);
    home.ok(&["rm", "--yes", "function", "f", "--keep-logs"]);
    home.ok(&["rm", "--yes", "function", "f"]);
    let folders: Vec<_> = home.json(&["ls", "model-data"]).as_array().unwrap().clone();
    for folder in folders {
        home.ok(&["rm", "--yes", "object", &format!("model-data/{}", folder["key"].as_str().unwrap())]);
    }
    home.ok(&["rm", "--yes", "bucket", "model-data"]);
    println!("the session took {:.1} s", started.elapsed().as_secs_f64());

    let report = Report::of(recorder.folder(), &[]);
    report.assert_no_problem();
    // What is asked elsewhere alone, or where buckets keep versions: moto's session has it.
    report.assert_all_seen(&["s3", "lambda", "logs"], &ELSEWHERE);
    assert!(report.0["events"]["StartLiveTail"].as_u64().unwrap() > 0, "no event of Live Tail was seen");
}

/// Calls that the local cloud is not asked.
const ELSEWHERE: [&str; 4] = [
    "lambda:GetAccountSettings",
    "s3:GetBucketEncryption",
    "s3:GetBucketVersioning",
    "s3:ListObjectVersions",
];

/// The check finds what is wrong with a request and an answer that are made up.
#[test]
fn what_the_models_do_not_allow_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let scope =
        |service: &str| format!("AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/{service}/aws4_request");
    let exchange = |number: u32, service: &str, line: &str, body: &str, answer: &str, answered: &str| {
        let up = format!(
            "{line} HTTP/1.1\r\nauthorization: {}\r\ncontent-length: {}\r\n\r\n{body}",
            scope(service),
            body.len()
        );
        let down = format!(
            "HTTP/1.1 {answer}\r\nx-amzn-requestid: r\r\ncontent-length: {}\r\n\r\n{answered}",
            answered.len()
        );
        std::fs::write(folder.path().join(format!("{number}.up")), up).unwrap();
        std::fs::write(folder.path().join(format!("{number}.down")), down).unwrap();
    };
    let create =
        r#"{"FunctionName": "f", "Code": {}, "MemorySize": 64, "PackageType": "Tar", "Nonsense": 1}"#;
    let created = r#"{"State": "Sleeping", "Timeout": "3"}"#;
    exchange(1, "lambda", "POST /2015-03-31/functions", create, "200 OK", created);
    exchange(
        2,
        "s3",
        "GET /bucket?list-type=2&colour=red",
        "",
        "404 x",
        "<Error><Code>NoSuchThing</Code></Error>",
    );
    exchange(
        3,
        "lambda",
        "GET /2015-03-31/functions/f",
        "",
        "400 x",
        r#"{"__type": "ResourceNotFoundException"}"#,
    );
    let report = Report::of(folder.path(), &[]);
    let problems = report.0["problems"].to_string();
    for expected in [
        "`Role` is missing",
        "MemorySize 64 is not in 128..",
        "`Tar` is none of",
        "no member `Nonsense`",
        "status 200 instead of 201",
        "`Sleeping` is none of",
        "'3' is not an integer",
        "no query parameter `colour`",
        "has the error `NoSuchThing`",
        "ResourceNotFoundException with status 400",
        "without a message",
    ] {
        assert!(problems.contains(expected), "{expected}: {problems}");
    }
}

/// Makes a bucket with a trigger of somebody else's, or looks at that.
const THEIRS: &str = "
import boto3, sys
keys = dict(endpoint_url=sys.argv[1], region_name='us-east-1', aws_access_key_id='test', aws_secret_access_key='test')
boto3.client('sqs', **keys).create_queue(QueueName='theirs')
s3, queue = boto3.client('s3', **keys), 'arn:aws:sqs:us-east-1:123456789012:theirs'
if sys.argv[2] == 'before':
    s3.create_bucket(Bucket='model-data')
    s3.put_bucket_notification_configuration(Bucket='model-data', NotificationConfiguration={'QueueConfigurations': [
        {'Id': 'theirs', 'QueueArn': queue, 'Events': ['s3:ObjectRemoved:*']}]})
if sys.argv[2] == 'versions':
    key = 'arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000'
    s3.put_bucket_encryption(Bucket='kept-data', ServerSideEncryptionConfiguration={'Rules': [
        {'ApplyServerSideEncryptionByDefault': {'SSEAlgorithm': 'aws:kms', 'KMSMasterKeyID': key}}]})
    s3.put_bucket_versioning(Bucket='kept-data', VersioningConfiguration={'Status': 'Enabled'})
    for body in b'first', b'second':
        s3.put_object(Bucket='kept-data', Key='out/a b+c', Body=body, ServerSideEncryption='AES256')
    s3.delete_object(Bucket='kept-data', Key='out/a b+c')
if sys.argv[2] == 'older':
    boto3.client('iam', **keys).update_assume_role_policy(RoleName='throng-us-east-1-f', PolicyDocument='''{
        \"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Allow\",
        \"Principal\": {\"Service\": \"lambda.amazonaws.com\"}, \"Action\": \"sts:AssumeRole\"}]}''')
print([(c['Id'], c['QueueArn'], c['Events']) for c in
    s3.get_bucket_notification_configuration(Bucket='model-data').get('QueueConfigurations', [])])";

/// What the local cloud has not got is asked of moto; its answers are its own affair.
#[test]
fn a_session_on_moto_asks_as_the_models_say() {
    tools::debian(&[("docker-registry", "docker-registry")]);
    let (moto, registry) = (server::moto(&tools::moto()), server::docker_registry(|_| String::new()));
    // Somebody else's trigger is there and must stay. (Where there is none, moto's answer is not S3's.)
    let theirs = |when: &str| {
        let python = tools::moto().join("python3");
        let output = Command::new(python).args(["-c", THEIRS, &moto.url(), when]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let before = theirs("before");
    let recorder = Recorder::before(&moto.host);
    let home = Home::in_context(
        "moto",
        &format!(
            "endpoint = \"http://{}\"\nregistry = \"{}\"\nhome_bucket = \"throng-home\"\n\
             [upload]\nmultipart_mb = 5\npart_mb = 5",
            recorder.host(),
            registry.host
        ),
    );
    definition(&home, "      memory: 256\n      concurrency: 3\n", "model-data/in");
    home.run(&["doctor"]);
    home.ok(&["deploy", "f.yaml", "--dry-run"]);
    assert_eq!(home.json(&["functions"]), serde_json::json!([]), "a dry run changes nothing");
    home.ok(&["deploy", "f.yaml"]);
    // An older throng's role cannot narrow itself.
    theirs("older");
    definition(&home, "      memory: 512\n      tags: {a: b}\n", "model-data/other");
    let changed = home.ok(&["deploy", "f.yaml"]);
    assert!(changed.contains("that it may narrow itself for scripts"), "{changed}");
    // moto forgets the log format and the new image; all else is as it was left.
    let again = home.ok(&["deploy", "f.yaml", "--dry-run"]);
    assert!(again.contains("keep    role") && again.contains("keep    trigger"), "{again}");
    let function = home.json(&["functions", "f"]);
    assert_eq!((&function["memory_mb"], &function["managed"]), (&512.into(), &true.into()), "{function}");
    home.write("in/one.txt", "one");
    std::fs::write(home.path().join("in/large.bin"), vec![7; 11 << 20]).unwrap();
    // The trigger is new: files go to the home bucket, and each is invoked.
    let sent = home.run(&["run", "f", "in"]);
    assert!(String::from_utf8_lossy(&sent.stderr).contains("less than five minutes old"), "{sent:?}");
    home.ok(&["put", "in", "model-data/other"]);
    home.ok(&["run", "f", "s3://model-data/other/"]);
    assert_eq!(home.json(&["runs"]).as_array().unwrap().len(), 2);
    home.ok(&["tasks", "last"]);
    assert!(home.ok(&["invoke", "f", "--data", "{\"a\": 1}"]).contains("\"a\""));
    home.ok(&["ls"]);
    home.ok(&["get", "model-data/other/", "back"]);
    home.ok(&["logs", "f"]);
    home.ok(&["cancel", "last"]);
    home.ok(&["rm", "--yes", "function", "f"]);
    assert_eq!(home.json(&["functions"]), serde_json::json!([]));
    assert_eq!(theirs("after"), before, "somebody else's trigger");

    // A bucket with a key of its own, which keeps versions: also of objects that were deleted.
    home.function("g", "#!/bin/sh\n", &between("kept-data/in", "kept-data/out"));
    home.ok(&["deploy", "g.yaml"]);
    theirs("versions");
    let changed = home.ok(&["deploy", "g.yaml"]);
    assert!(changed.contains("what it may do"), "the key: {changed}");
    let removed = home.ok(&["rm", "--yes", "function", "g", "--with-data"]);
    assert!(removed.contains("bucket kept-data"), "{removed}");
    assert!(!home.json(&["ls"]).to_string().contains("kept-data"));
    home.ok(&["rm", "--yes", "object", "model-data/other/"]);
    home.ok(&["rm", "--yes", "bucket", "model-data"]);

    network(&home, recorder.folder());
    // Start markers of a join are told to it by a notification of the home bucket.
    home.function(
        "j",
        "#!/bin/sh\n",
        "      after: n\n      output: [{storage_provider: s3, path: net-data/joined}]\n",
    );
    home.ok(&["deploy", "j.yaml"]);
    assert!(home.ok(&["deploy", "j.yaml", "--dry-run"]).contains("keep    trigger"));
    home.ok(&["rm", "--yes", "function", "j", "--with-data"]);

    let report = Report::of(recorder.folder(), &["--requests-only"]);
    report.assert_no_problem();
    report.assert_all_seen(&["iam", "sts"], &[]);
    let seen = report.operations("seen", &["lambda", "s3"]);
    assert!(ELSEWHERE.iter().all(|operation| seen.contains(*operation)), "{seen:?}");
}

/// A function joins a VPC, mounts a file system, changes its subnets and leaves again.
fn network(home: &Home, recorded: &Path) {
    let point = "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0";
    let mounted = format!("      file_system: [{{Arn: '{point}', LocalMountPath: /mnt/data}}]\n");
    let vpc = |subnets: &str| format!("      vpc: {{SubnetIds: [{subnets}], SecurityGroupIds: [sg-0a]}}\n");
    let deploy = |settings: &str, arguments: &[&str]| {
        home.function("n", "#!/bin/sh\n", &(settings.to_owned() + &between("net-data/in", "net-data/out")));
        home.ok(&[&["deploy", "n.yaml"], arguments].concat())
    };
    let planned = deploy(&(vpc("subnet-0b, subnet-0a") + &mounted), &["--dry-run"]);
    assert!(
        planned.contains("in subnet-0a, subnet-0b with sg-0a") && planned.contains("at /mnt/data"),
        "{planned}"
    );
    assert!(planned.contains("NAT gateway"), "{planned}");
    deploy(&(vpc("subnet-0b, subnet-0a") + &mounted), &[]);
    let policy = home.ok(&["deploy", "n.yaml", "--dry-run"]);
    assert!(
        policy.contains("keep    role") && !policy.contains("subnets subnet"),
        "nothing of it changes: {policy}"
    );
    let changed = deploy(&(vpc("subnet-0c") + &mounted), &[]);
    assert!(changed.contains("subnets subnet-0a, subnet-0b → subnet-0c"), "{changed}");
    let left = deploy("", &[]);
    assert!(left.contains("security groups sg-0a → none"), "{left}");
    let again = home.ok(&["deploy", "n.yaml", "--dry-run"]);
    assert!(!again.contains("subnets"), "it has left: {again}");
    home.ok(&["rm", "--yes", "function", "n", "--with-data"]);
    // moto forgets file systems: what it was sent tells.
    let sent = |text: &str| {
        let files = std::fs::read_dir(recorded).unwrap().flatten().map(|entry| entry.path());
        let requests = files.filter(|path| path.extension().is_some_and(|ending| ending == "up"));
        requests.filter(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).contains(text)).count()
    };
    let mount = format!("\"FileSystemConfigs\":[{{\"Arn\":\"{point}\",\"LocalMountPath\":\"/mnt/data\"}}]");
    assert!(sent(&mount) >= 2, "at its creation and at its change");
    assert_eq!(sent("\"VpcConfig\":{\"SubnetIds\":[],\"SecurityGroupIds\":[]}"), 1, "when it leaves");
}

/// ministack has an ECR that images can be pushed to.
#[test]
fn a_session_on_ministack_asks_as_the_models_say() {
    let ministack = server::ministack(&tools::ministack());
    let recorder = Recorder::before(&ministack.host);
    let home = Home::in_context("mini", &format!("endpoint = \"http://{}\"", recorder.host()));
    definition(&home, "      memory: 256\n", "model-data/in");
    home.run(&["doctor"]);
    home.ok(&["deploy", "f.yaml"]);
    definition(&home, "      memory: 512\n", "model-data/other");
    home.ok(&["deploy", "f.yaml"]);
    let images = home.json(&["image", "ls"]);
    assert!(images.to_string().contains("throng/f"), "{images}");
    home.ok(&["image", "inspect", "throng/f"]);
    assert_eq!(home.json(&["functions", "f"])["memory_mb"], 512);
    home.ok(&["image", "rm", "--yes", "throng/f"]);
    home.ok(&["rm", "--yes", "function", "f"]);
    assert_eq!(home.json(&["functions"]), serde_json::json!([]));

    let report = Report::of(recorder.folder(), &["--requests-only"]);
    report.assert_no_problem();
    report.assert_all_seen(&["ecr"], &[]);
}

/// Objects there and back, small and in parts; an upload that is killed and goes on.
fn objects(home: &Home) {
    let large: Vec<u8> =
        (0..12_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
    std::fs::write(home.path().join("large.bin"), &large).unwrap();
    home.ok(&["put", "in", "large.bin", "model-data/box"]);
    home.ok(&["get", "model-data/box/", "back"]);
    assert!(std::fs::read(home.path().join("back/box/large.bin")).unwrap() == large);

    std::fs::write(home.path().join("killed.bin"), large.repeat(8)).unwrap();
    let mut put = home.command(&["put", "killed.bin", "model-data/box"]).spawn().unwrap();
    let data = home.path().join("home/data/local");
    let begun = size(&data);
    wait_for("a part is stored", || size(&data) > begun + 30_000_000);
    put.kill().unwrap();
    put.wait().unwrap();
    home.ok(&["put", "killed.bin", "model-data/box"]);
}

/// Calls that the program makes only when something changes under it.
#[tokio::main(flavor = "current_thread")]
async fn library(home: &Home) {
    let dirs = Dirs::under(&home.path().join("home"));
    let cloud = Cloud::connect(&ContextConfig::local(), &dirs).await.unwrap();
    let s3 = cloud.s3();
    s3.copy(("model-data", "box/large.bin"), ("model-data", "box/a copy é")).await.unwrap();
    let upload = s3.create_multipart("model-data", "box/parts", &[("a", "b".into())]).await.unwrap();
    let body = PutBody::Bytes(bytes::Bytes::from_static(b"part"));
    s3.upload_part("model-data", "box/parts", &upload, 1, body).await.unwrap();
    assert_eq!(s3.list_parts("model-data", "box/parts", &upload).await.unwrap().len(), 1);
    s3.abort_multipart("model-data", "box/parts", &upload).await.unwrap();
    assert!(s3.list_parts("model-data", "box/parts", &upload).await.unwrap_err().is_not_found());
    let written = s3.put_object("model-data", "box/large.bin", Vec::new().into(), &[], true).await;
    assert_eq!(written.unwrap_err().kind, ErrorKind::Conflict, "it is there already");
    assert!(s3.get_object("model-data", "box/large.bin", Some((5, Some(9)))).await.is_ok());
}

fn size(folder: &Path) -> u64 {
    let files = walkdir::WalkDir::new(folder).into_iter().flatten();
    files.filter_map(|entry| entry.metadata().ok()).map(|data| data.len()).sum()
}

/// What the cloud must refuse.
fn refusals(home: &Home) {
    for verb in [
        &["functions", "none"][..],
        &["invoke", "none", "--data", "{}"],
        &["logs", "none"],
        &["ls", "there-is-none/"],
        &["get", "model-data/none", "nowhere"],
        &["rm", "--yes", "bucket", "model-data"],
    ] {
        assert!(!home.run(verb).status.success(), "{verb:?}");
    }
}
