//! Other people's S3 clients against the local cloud. Needs Python with pip; the clients are installed once into
//! target/interop.

use crate::support::tools;
use crate::support::wait_until_running;
use std::process::{Child, Command, Output, Stdio};
use throng_core::dirs::Dirs;
use throng_local::daemon;

struct Cloud {
    home: tempfile::TempDir,
    process: Child,
    endpoint: String,
    id: String,
    secret: String,
}

impl Cloud {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_throng"))
            .args(["local", "serve"])
            .env("THRONG_HOME", home.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let folder = Dirs::under(home.path()).local_cloud();
        let endpoint = wait_until_running(&folder);
        let pair = daemon::read_credentials(&folder).unwrap().user;
        Self { home, process, endpoint, id: pair.access_key_id, secret: pair.secret_access_key }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(tools::clients().join(program));
        command
            .current_dir(self.home.path())
            .env("AWS_ACCESS_KEY_ID", &self.id)
            .env("AWS_SECRET_ACCESS_KEY", &self.secret)
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("S3_ENDPOINT_URL", &self.endpoint)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_PAGER", "")
            .env_remove("AWS_CA_BUNDLE")
            .env_remove("AWS_PROFILE");
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command(program).args(arguments).output().unwrap();
        let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        assert!(status.success(), "{program} {arguments:?}: {status}\n{stdout}\n{stderr}");
        stdout.into_owned()
    }

    fn write(&self, name: &str, data: &[u8]) {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, data).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.home.path().join(name)).unwrap()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect()
}

#[test]
fn the_aws_command_line() {
    let cloud = Cloud::start();
    let aws = |arguments: &[&str]| cloud.run("aws", arguments);
    aws(&["s3", "mb", "s3://cli-bucket"]);
    let large = bytes(20 * 1024 * 1024);
    cloud.write("tree/small é.txt", b"hello");
    cloud.write("tree/sub/large.bin", &large);
    aws(&["s3", "sync", "tree", "s3://cli-bucket/tree"]);
    assert!(aws(&["s3", "ls", "s3://cli-bucket/tree/"]).contains("small é.txt"));
    assert_eq!(aws(&["s3", "sync", "tree", "s3://cli-bucket/tree"]), "", "nothing is left to be sent");
    aws(&["s3", "cp", "s3://cli-bucket/tree", "back", "--recursive"]);
    assert!(cloud.read("back/sub/large.bin") == large);
    assert_eq!(cloud.read("back/small é.txt"), b"hello");
    aws(&["s3", "cp", "s3://cli-bucket/tree/sub/large.bin", "s3://cli-bucket/copied.bin"]);
    aws(&["s3", "cp", "s3://cli-bucket/copied.bin", "copied.bin"]);
    assert!(cloud.read("copied.bin") == large);
    let url = aws(&["s3", "presign", "s3://cli-bucket/tree/small é.txt"]);
    let fetch =
        "import sys,urllib.request;sys.stdout.write(urllib.request.urlopen(sys.argv[1]).read().decode())";
    assert_eq!(cloud.run("python3", &["-c", fetch, url.trim()]), "hello");
    let begun = aws(&[
        "s3api",
        "create-multipart-upload",
        "--bucket",
        "cli-bucket",
        "--key",
        "mp",
        "--output",
        "text",
        "--query",
        "UploadId",
    ]);
    cloud.write("part1", &large[..5 * 1024 * 1024]);
    let part = |number: &str, body: &str| {
        let etag = aws(&[
            "s3api",
            "upload-part",
            "--bucket",
            "cli-bucket",
            "--key",
            "mp",
            "--upload-id",
            begun.trim(),
            "--part-number",
            number,
            "--body",
            body,
            "--output",
            "text",
            "--query",
            "ETag",
        ]);
        format!("{{ETag={},PartNumber={number}}}", etag.trim())
    };
    let parts = format!("Parts=[{},{}]", part("1", "part1"), part("2", "tree/small é.txt"));
    let completed = aws(&[
        "s3api",
        "complete-multipart-upload",
        "--bucket",
        "cli-bucket",
        "--key",
        "mp",
        "--upload-id",
        begun.trim(),
        "--multipart-upload",
        &parts,
        "--output",
        "text",
        "--query",
        "ETag",
    ]);
    assert!(completed.trim().ends_with("-2\""), "{completed}");
    let head = aws(&[
        "s3api",
        "head-object",
        "--bucket",
        "cli-bucket",
        "--key",
        "mp",
        "--output",
        "text",
        "--query",
        "ContentLength",
    ]);
    assert_eq!(head.trim(), (5 * 1024 * 1024 + 5).to_string());
    aws(&["s3", "rm", "s3://cli-bucket", "--recursive"]);
    aws(&["s3", "rb", "s3://cli-bucket"]);
    assert!(!aws(&["s3", "ls"]).contains("cli-bucket"));
    assert!(aws(&["sts", "get-caller-identity"]).contains("000000000000"));
    aws(&["logs", "create-log-group", "--log-group-name", "/x/y"]);
    assert!(aws(&["logs", "describe-log-groups"]).contains("/x/y"));
}

const BOTO3: &str = r#"
import boto3, io, os, time
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
s3 = boto3.client("s3")
s3.create_bucket(Bucket="boto-bucket")
s3.get_waiter("bucket_exists").wait(Bucket="boto-bucket")
big = os.urandom(25 * 1024 * 1024 + 7)
config = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20, max_concurrency=4)
s3.upload_fileobj(io.BytesIO(big), "boto-bucket", "big", Config=config, ExtraArgs={"Metadata": {"k": "v"}})
s3.get_waiter("object_exists").wait(Bucket="boto-bucket", Key="big")
back = io.BytesIO()
s3.download_fileobj("boto-bucket", "big", back, Config=config)
assert back.getvalue() == big
assert s3.head_object(Bucket="boto-bucket", Key="big")["Metadata"] == {"k": "v"}
s3.copy({"Bucket": "boto-bucket", "Key": "big"}, "boto-bucket", "big2", Config=config)
assert s3.get_object(Bucket="boto-bucket", Key="big2")["Body"].read() == big
names = ["d/%03d a+b é" % n for n in range(250)]
for name in names:
    s3.put_object(Bucket="boto-bucket", Key=name, Body=name.encode())
pages = s3.get_paginator("list_objects_v2").paginate(Bucket="boto-bucket", Prefix="d/", PaginationConfig={"PageSize": 40})
assert [o["Key"] for p in pages for o in p["Contents"]] == names
pages = s3.get_paginator("list_objects").paginate(Bucket="boto-bucket", Delimiter="/", PaginationConfig={"PageSize": 1})
assert [c["Prefix"] for p in pages for c in p.get("CommonPrefixes", [])] == ["d/"]
for algorithm in ["CRC32", "SHA1", "SHA256"]:
    s3.put_object(Bucket="boto-bucket", Key=algorithm, Body=b"x" * 100000, ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket="boto-bucket", Key=algorithm, ChecksumMode="ENABLED")
    assert got["Checksum" + algorithm] and len(got["Body"].read()) == 100000
begun = time.time()
for _ in range(3):
    s3.put_object(Bucket="boto-bucket", Key="marker/", Body=b"")
    s3.put_object(Bucket="boto-bucket", Key="marker/after", Body=b"x")
assert time.time() - begun < 30, "an empty body holds up what comes after it on the connection"
try:
    s3.put_object(Bucket="boto-bucket", Key="SHA1", Body=b"y", IfNoneMatch="*")
    raise SystemExit("the object was replaced")
except ClientError as error:
    assert error.response["Error"]["Code"] == "PreconditionFailed", error
bucket = boto3.resource("s3").Bucket("boto-bucket")
bucket.objects.all().delete()
assert list(bucket.objects.all()) == []
bucket.object_versions.delete()
bucket.delete()
s3.get_waiter("bucket_not_exists").wait(Bucket="boto-bucket")
print("ok")
"#;

#[test]
fn boto3_with_its_transfer_manager_paginators_and_waiters() {
    let cloud = Cloud::start();
    assert_eq!(cloud.run("python3", &["-c", BOTO3]).trim(), "ok");
}

#[test]
fn s5cmd_with_hundreds_of_files() {
    let cloud = Cloud::start();
    for n in 0..400 {
        cloud.write(&format!("src/{}/f{n}", n % 7), &bytes(n * 37));
    }
    cloud.run("s5cmd", &["mb", "s3://s5-bucket"]);
    cloud.run("s5cmd", &["cp", "src/", "s3://s5-bucket/in/"]);
    let listing = cloud.run("s5cmd", &["ls", "s3://s5-bucket/in/*"]);
    assert_eq!(listing.lines().count(), 400);
    cloud.run("s5cmd", &["cp", "s3://s5-bucket/in/*", "back/"]);
    for n in 0..400 {
        assert!(cloud.read(&format!("back/{}/f{n}", n % 7)) == bytes(n * 37), "{n}");
    }
    assert_eq!(cloud.run("s5cmd", &["sync", "src/", "s3://s5-bucket/in/"]), "", "nothing is left to be sent");
    cloud.write("src/0/f0", b"changed and longer");
    std::fs::remove_file(cloud.home.path().join("src/1/f1")).unwrap();
    cloud.run("s5cmd", &["sync", "--delete", "src/", "s3://s5-bucket/in/"]);
    assert_eq!(cloud.run("s5cmd", &["cat", "s3://s5-bucket/in/0/f0"]), "changed and longer");
    assert_eq!(cloud.run("s5cmd", &["ls", "s3://s5-bucket/in/*"]).lines().count(), 399);
    cloud.write("large", &bytes(12 * 1024 * 1024));
    cloud.run("s5cmd", &["cp", "--part-size", "5", "large", "s3://s5-bucket/large"]);
    cloud.run("s5cmd", &["mv", "s3://s5-bucket/large", "s3://s5-bucket/moved"]);
    cloud.run("s5cmd", &["cp", "--part-size", "5", "s3://s5-bucket/moved", "moved"]);
    assert!(cloud.read("moved") == bytes(12 * 1024 * 1024));
    cloud.run("s5cmd", &["rm", "s3://s5-bucket/moved", "s3://s5-bucket/in/*"]);
    cloud.run("s5cmd", &["rb", "s3://s5-bucket"]);
}

#[test]
fn rclone_copies_checks_and_mirrors() {
    tools::debian(&[("rclone", "rclone")]);
    // Today's, and Debian's of 2022.
    for program in [tools::clients().join("rclone"), "/usr/bin/rclone".into()] {
        let cloud = Cloud::start();
        for n in 0..100 {
            cloud.write(&format!("src/{}/f {n}", n % 3), &bytes(n * 1000));
        }
        cloud.write("src/large", &bytes(12 * 1024 * 1024));
        let config = format!(
            "[local]\ntype = s3\nprovider = Other\nenv_auth = true\nendpoint = {}\nregion = us-east-1\n\
             upload_cutoff = 8Mi\nchunk_size = 5Mi\n",
            cloud.endpoint
        );
        cloud.write("rclone.conf", config.as_bytes());
        let rclone = |arguments: &[&str]| {
            let mut all = vec!["--config", "rclone.conf"];
            all.extend(arguments);
            cloud.run(program.to_str().unwrap(), &all)
        };
        rclone(&["mkdir", "local:rc-bucket"]);
        rclone(&["copy", "src", "local:rc-bucket/tree"]);
        rclone(&["check", "src", "local:rc-bucket/tree"]);
        rclone(&["check", "--download", "src", "local:rc-bucket/tree"]);
        assert_eq!(rclone(&["lsf", "-R", "--files-only", "local:rc-bucket/tree"]).lines().count(), 101);
        std::fs::remove_file(cloud.home.path().join("src/1/f 1")).unwrap();
        cloud.write("src/2/f 2", b"changed");
        rclone(&["sync", "src", "local:rc-bucket/tree"]);
        rclone(&["check", "src", "local:rc-bucket/tree"]);
        assert_eq!(rclone(&["cat", "local:rc-bucket/tree/2/f 2"]), "changed");
        rclone(&["moveto", "local:rc-bucket/tree/large", "local:rc-bucket/moved"]);
        rclone(&["copy", "local:rc-bucket/moved", "back"]);
        assert!(cloud.read("back/moved") == bytes(12 * 1024 * 1024));
        rclone(&["purge", "local:rc-bucket"]);
    }
}
