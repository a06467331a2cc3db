//! The life of the daemon: one per folder, ended by idleness, by `kill -9`, or because its folder is gone.

use crate::support::s3::{bytes, client};
use crate::support::{wait_for, wait_until_running};
use aws_sdk_s3::Client;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use throng_local::daemon::{self, ServeOptions, State};

async fn get(client: &Client, key: &str) -> Vec<u8> {
    let output = client.get_object().bucket("bkt").key(key).send().await.unwrap();
    output.body.collect().await.unwrap().to_vec()
}

/// The daemon as a process of its own, for killing.
struct Daemon {
    home: tempfile::TempDir,
    process: Child,
}

impl Daemon {
    fn spawn(home: tempfile::TempDir) -> Self {
        let process = Command::new(env!("CARGO_BIN_EXE_throng"))
            .args(["local", "serve"])
            .env("THRONG_HOME", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let daemon = Self { home, process };
        wait_until_running(&daemon.folder());
        daemon
    }

    fn folder(&self) -> std::path::PathBuf {
        throng_core::dirs::Dirs::under(self.home.path()).local_cloud()
    }

    fn kill(mut self) -> tempfile::TempDir {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.home
    }
}

fn body_files(folder: &Path) -> usize {
    let Ok(shards) = std::fs::read_dir(folder.join("data/s3/blobs")) else { return 0 };
    shards.map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap().count()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9_and_nothing_else_is_left() {
    let daemon = Daemon::spawn(tempfile::tempdir().unwrap());
    let client = client(&daemon.folder());
    client.create_bucket().bucket("bkt").send().await.unwrap();
    let mut writers = Vec::new();
    // The SDK tries again: a request may survive the kill and be answered by the next daemon.
    let killed = Arc::new(AtomicBool::new(false));
    for writer in 0..8_u8 {
        let (client, killed) = (client.clone(), killed.clone());
        writers.push(tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for n in 0_usize.. {
                // Small ones in the database, large ones in files, and some that replace others.
                let size = if n % 3 == 0 { 300_000 } else { 2_000 + n };
                let key = format!("w{writer}/{}", n % 50);
                let seed = u8::try_from(n % 200).unwrap();
                let put = client.put_object().bucket("bkt").key(&key).body(bytes(size, seed).into());
                // The request that the kill interrupts may or may not be there; those before it must.
                if put.send().await.is_err() {
                    return (acknowledged, Some(key));
                }
                acknowledged.push((key, size, seed));
                if killed.load(Ordering::Relaxed) {
                    break;
                }
            }
            (acknowledged, None)
        }));
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let home = daemon.kill();
    killed.store(true, Ordering::Relaxed);
    let daemon = Daemon::spawn(home);
    let client = self::client(&daemon.folder());
    let (mut checked, mut large) = (0, 0);
    for writer in writers {
        let (acknowledged, interrupted) = writer.await.unwrap();
        let last: BTreeMap<_, _> =
            acknowledged.into_iter().map(|(key, size, seed)| (key, (size, seed))).collect();
        for (key, (size, seed)) in last {
            if Some(&key) == interrupted.as_ref() {
                continue;
            }
            let data = get(&client, &key).await;
            assert!(data == bytes(size, seed), "{key}");
            checked += 1;
            large += usize::from(size == 300_000);
        }
    }
    assert!(checked > 50 && large > 10, "{checked} {large}");
    // Every file is named by an object: one file for each large object there is.
    let mut named = 0;
    let mut pages = client.list_objects_v2().bucket("bkt").into_paginator().send();
    while let Some(page) = pages.next().await {
        named += page.unwrap().contents().iter().filter(|object| object.size() > Some(65_536)).count();
    }
    assert_eq!(body_files(&daemon.folder()), named);
    assert!(daemon::stop(&daemon.folder()).unwrap());
    drop(daemon.kill());
}

#[test]
fn a_daemon_is_one_per_folder_and_leaves_no_endpoint_behind() {
    let home = tempfile::tempdir().unwrap();
    let folder = throng_core::dirs::Dirs::under(home.path()).local_cloud();
    let start = || {
        Command::new(env!("CARGO_BIN_EXE_throng"))
            .args(["local", "start"])
            .env("THRONG_HOME", home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let starters: Vec<_> = (0..4).map(|_| start()).collect();
    let answers: Vec<_> = starters.into_iter().map(|starter| starter.wait_with_output().unwrap()).collect();
    assert!(answers.iter().all(|answer| answer.status.success()));
    assert!(answers.iter().all(|answer| answer.stdout == answers[0].stdout));
    let State::Running(first, status) = daemon::status(&folder) else { panic!("not running") };
    assert_eq!(status["pid"], first.pid);
    assert!(matches!(daemon::reset(&folder), Err(daemon::DaemonError::Running)));
    assert!(daemon::stop(&folder).unwrap());
    assert!(!folder.join("endpoint.json").exists());
    assert_eq!(daemon::status(&folder), State::Stopped);
    assert!(!daemon::stop(&folder).unwrap());
    // It comes back where it was.
    assert!(start().wait().unwrap().success());
    let State::Running(second, _) = daemon::status(&folder) else { panic!("not running") };
    assert_eq!(second.endpoint, first.endpoint);
    // After a kill -9 the files are stale; the next start does not mind.
    Command::new("kill").args(["-9", &second.pid.to_string()]).status().unwrap();
    wait_for("the killed one is seen to be gone", || daemon::status(&folder) == State::Stopped);
    assert!(folder.join("endpoint.json").exists());
    assert!(start().wait().unwrap().success());
    assert!(matches!(daemon::status(&folder), State::Running(..)));
    assert!(daemon::stop(&folder).unwrap());
    daemon::reset(&folder).unwrap();
    assert!(!folder.join("data").exists() && folder.join("credentials.json").exists());
}

#[test]
fn an_idle_daemon_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        ServeOptions { idle: Duration::from_millis(100), ..ServeOptions::new(folder.path().to_owned()) };
    daemon::serve(&options).unwrap();
    assert!(!folder.path().join("endpoint.json").exists());
}

#[test]
fn a_daemon_whose_folder_is_deleted_ends_by_itself() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data/local");
    let options = ServeOptions::new(folder.clone());
    let thread = std::thread::spawn(move || daemon::serve(&options));
    wait_until_running(&folder);
    // Another one in its place is not its own.
    std::fs::rename(home.path().join("data"), home.path().join("away")).unwrap();
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("daemon.lock"), "").unwrap();
    std::fs::write(folder.join("endpoint.json"), "another's").unwrap();
    let begin = Instant::now();
    while !thread.is_finished() {
        assert!(begin.elapsed() < Duration::from_secs(20), "it goes on without its folder");
        std::thread::sleep(Duration::from_millis(5));
    }
    thread.join().unwrap().unwrap();
    assert!(folder.join("endpoint.json").exists(), "another's files are left alone");
}

#[test]
fn a_daemon_in_the_background_does_not_make_again_a_folder_that_was_deleted() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data/local");
    let mut serve = std::process::Command::new(env!("CARGO_BIN_EXE_throng"))
        .args(["local", "serve", "--detach"])
        .env("THRONG_HOME", home.path())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while serve.try_wait().unwrap().is_none() && begin.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = serve.kill();
    assert!(!serve.wait().unwrap().success() && !folder.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_collected_when_asked_and_what_is_young_stays() {
    let daemon = Daemon::spawn(tempfile::tempdir().unwrap());
    let client = client(&daemon.folder());
    client.create_bucket().bucket("bkt").send().await.unwrap();
    client.put_object().bucket("bkt").key("kept").body(bytes(300_000, 1).into()).send().await.unwrap();
    let upload = client.create_multipart_upload().bucket("bkt").key("broken").send().await.unwrap();
    let part = client.upload_part().bucket("bkt").key("broken").upload_id(upload.upload_id().unwrap());
    part.part_number(1).body(bytes(400_000, 2).into()).send().await.unwrap();
    let before = body_files(&daemon.folder());
    let gc = |days: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_throng"))
            .args(["local", "gc", "--output", "json", "--days", days])
            .env("THRONG_HOME", daemon.home.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    assert_eq!(gc("30")["uploads"], 0);
    assert_eq!(gc("0")["uploads"], 1);
    assert_eq!(body_files(&daemon.folder()), before - 1, "its part is gone from the disk");
    assert!(client.list_multipart_uploads().bucket("bkt").send().await.unwrap().uploads().is_empty());
    assert_eq!(get(&client, "kept").await, bytes(300_000, 1));
}
