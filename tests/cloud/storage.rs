//! What can go wrong with storage: odd names, a database of another version, a storm of connections.

use crate::support::{Home, wait_for, wait_until_running};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn names_that_put_takes_get_gives_back_and_rm_removes() {
    let home = Home::new();
    let names =
        ["tab\tname", "cr\rname", "nl\nname", "esc\u{1b}[31m", "unit\u{1}", "noncharacter\u{ffff}", "plain"];
    for name in names {
        home.write(&format!("odd/{name}"), name);
    }
    home.ok(&["put", "odd", "things"]);
    let listed = home.json(&["ls", "things/odd/", "-r"]);
    assert_eq!(listed.as_array().unwrap().len(), names.len(), "{listed}");
    let output = home.run(&["get", "things/odd/", "back"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert_eq!(said.matches("%09").count(), 1, "it is said once: {said}");
    assert!(!said.contains('\u{1b}'), "{said:?}");
    let read =
        |name: &str| std::fs::read_to_string(home.path().join("back/odd").join(name)).unwrap_or_default();
    for (file, name) in [
        ("tab%09name", names[0]),
        ("cr%0Dname", names[1]),
        ("nl%0Aname", names[2]),
        ("esc%1B[31m", names[3]),
        ("unit%01", names[4]),
        ("noncharacter%EF%BF%BF", names[5]),
        ("plain", names[6]),
    ] {
        assert_eq!(read(file), name, "{file}");
    }
    home.ok(&["rm", "object", "things/odd/", "--yes"]);
    assert_eq!(home.json(&["ls", "things/", "-r"]), serde_json::json!([]));
}

#[test]
fn a_database_of_a_newer_version_is_refused_by_name_and_left_as_it_is() {
    let home = Home::new();
    home.ok(&["local", "start"]);
    home.ok(&["local", "stop"]);
    let path = home.path().join("home/data/local/data/cloud.db");
    let version = || -> i64 {
        let database = rusqlite::Connection::open(&path).unwrap();
        database.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    };
    assert!(version() >= 2);
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let output = home.run(&["ls"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(said.contains("newer throng") && said.contains("cloud.db"), "{said}");
    assert!(!said.contains("network"), "{said}");
    assert_eq!(version(), 99);
}

#[test]
fn half_sent_requests_of_nobody_do_not_stop_the_daemon() {
    let home = Home::new();
    home.ok(&["local", "start"]);
    let endpoint = wait_until_running(&home.path().join("home/data/local"));
    let address = endpoint.strip_prefix("http://").unwrap().to_owned();
    // This process may have few descriptors itself; the other side needs as many.
    let most = raise_own_files().saturating_sub(200).min(1100);
    let mut half: Vec<TcpStream> = Vec::new();
    for _ in 0..most {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(b"PUT /bucket/key HTTP/1.1\r\nhost: x\r\ncontent-le").unwrap();
        half.push(stream);
    }
    let begun = Instant::now();
    home.write("x.txt", "x");
    home.ok(&["put", "x.txt", "things"]);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    drop(half);
    assert_eq!(home.json(&["ls", "things/"]).as_array().unwrap().len(), 1);
}

fn raise_own_files() -> u64 {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let wanted = hard.min(8192).max(soft);
    if setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() { wanted } else { soft }
}

/// An endpoint that answers every request with these bytes, over and over when `endless`.
fn hostile(head: &'static str, body: &'static str, endless: bool) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 16 * 1024]);
                let _ = stream.write_all(head.as_bytes());
                let block = body.repeat(if endless { 1 + (64 << 10) / body.len() } else { 1 });
                while stream.write_all(block.as_bytes()).is_ok() && endless {}
            });
        }
    });
    format!("http://{address}")
}

#[test]
fn a_hostile_endpoint_is_cut_off_with_a_clear_word() {
    const XML: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/xml\r\nconnection: close\r\n\r\n";
    let again = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>\
        <Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>";
    for (what, endpoint, word) in [
        ("the same token", hostile(XML, again, false), "same continuation token"),
        ("huge XML", hostile(XML, "<ListBucketResult>          ", true), "more than 32 MiB"),
    ] {
        let home =
            Home::in_context("lab", &format!("endpoints = {{ s3 = \"{endpoint}\", sts = \"{endpoint}\" }}"));
        let begun = Instant::now();
        let output = home.run(&["ls", "bucket/", "-r"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(word), "{what}: {said}");
        assert!(begun.elapsed() < Duration::from_mins(1), "{what}: {:?}", begun.elapsed());
    }
}

/// S3 and nothing else, as `MinIO` is: the local cloud behind it answers what is for S3, and 501 the rest.
#[test]
fn transfers_need_no_account() {
    let home = Home::new();
    home.ok(&["local", "start"]);
    let folder = home.path().join("home/data/local");
    let endpoint = wait_until_running(&folder);
    let keys = throng_local::daemon::read_credentials(&folder).unwrap().user;
    let nothing =
        hostile("HTTP/1.1 501 Not Implemented\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", "x", false);
    let mut other =
        Home::in_context("lab", &format!("endpoints = {{ s3 = \"{endpoint}\", sts = \"{nothing}\" }}"));
    other.set("AWS_ACCESS_KEY_ID", &keys.access_key_id);
    other.set("AWS_SECRET_ACCESS_KEY", &keys.secret_access_key);
    other.write("a.txt", "content");
    other.ok(&["put", "a.txt", "plain"]);
    other.ok(&["get", "plain/a.txt", "back"]);
    assert_eq!(std::fs::read_to_string(other.path().join("back/a.txt")).unwrap(), "content");
    let runs = other.run(&["runs"]);
    let said = String::from_utf8_lossy(&runs.stderr).into_owned();
    assert!(!runs.status.success() && said.contains("home_bucket"), "what needs it says what to do: {said}");
}

#[test]
fn buckets_that_throng_makes_do_not_keep_broken_uploads_for_ever() {
    let home = Home::new();
    home.write("a.txt", "x");
    home.ok(&["put", "a.txt", "made"]);
    let client = crate::support::s3::client(&home.path().join("home/data/local"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rules = runtime.block_on(client.get_bucket_lifecycle_configuration().bucket("made").send()).unwrap();
    let abort = rules.rules()[0].abort_incomplete_multipart_upload().unwrap();
    assert_eq!(abort.days_after_initiation(), Some(7));
}

#[test]
fn status_env_sets_what_others_read() {
    let home = Home::new();
    home.ok(&["local", "start"]);
    let text = home.ok(&["local", "status", "--env"]);
    let shell = Command::new("sh")
        .arg("-c")
        .arg(format!("{text}\nenv"))
        .env("AWS_PROFILE", "other")
        .env("AWS_SESSION_TOKEN", "old")
        .output()
        .unwrap();
    let set = String::from_utf8_lossy(&shell.stdout).into_owned();
    for name in [
        "AWS_ENDPOINT_URL=http://127.0.0.1:",
        "S3_ENDPOINT_URL=http://127.0.0.1:",
        "RCLONE_S3_ENDPOINT=http://127.0.0.1:",
        "RCLONE_CONFIG_THRONG_TYPE=s3",
        "AWS_REGION=",
        "AWS_SECRET_ACCESS_KEY=",
    ] {
        assert!(set.lines().any(|line| line.starts_with(name)), "{name}: {set}");
    }
    assert!(!set.contains("AWS_PROFILE") && !set.contains("AWS_SESSION_TOKEN"), "{set}");
}

/// Memory of the daemon after many connections at once, given back.
#[test]
fn memory_is_given_back_after_a_storm_of_connections() {
    let home = Home::new();
    home.ok(&["local", "start"]);
    let endpoint = wait_until_running(&home.path().join("home/data/local"));
    let address = endpoint.strip_prefix("http://").unwrap().to_owned();
    let pid = home.daemon().unwrap();
    let resident = || resident_mib(pid);
    let before = resident();
    let most = raise_own_files().saturating_sub(200).min(3000);
    let storm: Vec<TcpStream> = (0..most)
        .map(|_| {
            let mut stream = TcpStream::connect(&address).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            stream
        })
        .collect();
    for mut stream in storm.iter().take(10) {
        assert!(stream.read(&mut [0; 100]).unwrap() > 0);
    }
    let during = resident();
    drop(storm);
    wait_for("the memory is given back", || resident() < before + 25);
    eprintln!(
        "resident: {before} MiB before, {during} MiB with {most} connections, {} MiB after",
        resident()
    );
}

fn resident_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() / 1024
}

/// The first file below a folder that is this large.
fn file_of_size(folder: &Path, size: u64) -> Option<std::path::PathBuf> {
    walkdir::WalkDir::new(folder).into_iter().flatten().find_map(|entry| {
        let metadata = entry.metadata().ok()?;
        (metadata.is_file() && metadata.len() == size).then(|| entry.into_path())
    })
}

#[test]
fn a_damaged_object_is_named_and_the_others_are_fetched() {
    let home = Home::new();
    home.write("in/whole.bin", &"a".repeat(300_000));
    home.write("in/damaged.bin", &"b".repeat(400_000));
    home.ok(&["put", "in", "things"]);
    let blob = file_of_size(&home.path().join("home/data/local/data/s3/blobs"), 400_000).expect("its file");
    std::fs::File::options().write(true).open(blob).unwrap().set_len(1000).unwrap();
    let begun = Instant::now();
    let output = home.run(&["get", "things/in/", "back"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("damaged.bin"), "{said}");
    assert!(said.contains("shorter than it was") && !said.contains("network"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(std::fs::metadata(home.path().join("back/in/whole.bin")).unwrap().len(), 300_000);
    assert!(!home.path().join("back/in/damaged.bin").exists());
}
