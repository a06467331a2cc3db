//! The runtime under a Runtime API that no one here wrote, and throng on a cloud that no one here wrote: ministack runs the
//! runtime as a function's `bootstrap`, on real S3 events. Needs Python with pip; ministack and boto3 are installed once into
//! target/interop.

use crate::support::Home;
use crate::support::recorder::Recorder;
use crate::support::report::Report;
use crate::support::server;
use crate::support::server::Server;
use crate::support::tools;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// ministack with the functions and buckets of `tests/support/ministack.py`, which invokes one of them. Everybody, the runtime
/// included, talks to it through a recorder.
fn prepared(home: &Home) -> (Server, Recorder) {
    let server = server::ministack(&tools::ministack());
    let recorder = Recorder::before(&server.host);
    let runtime = home.path().join("runtime");
    std::fs::write(&runtime, throng_embedded::RUNTIME.x86_64.expect("a runtime")).unwrap();
    std::fs::set_permissions(&runtime, std::fs::Permissions::from_mode(0o755)).unwrap();
    let work = home.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/ministack.py");
    let output = Command::new(tools::ministack().join("python3"))
        .arg(script)
        .arg(format!("http://{}", recorder.host()))
        .arg(&runtime)
        .arg(&work)
        .output()
        .expect("python3");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("all is well"), "{text}\n{}", server.log());
    (server, recorder)
}

/// `logs --follow` until it shows `text`.
fn follow_until(home: &Home, function: &str, text: &str) {
    let mut command = home.command(&["logs", function, "--follow"]);
    let mut follow = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let shown = lines.map_while(Result::ok).any(|line| line.contains(text));
    follow.kill().unwrap();
    follow.wait().unwrap();
    assert!(shown, "the log never showed {text}");
}

#[test]
fn the_runtime_and_throng_work_on_ministack() {
    let home = Home::in_context("mini", "");
    let (server, recorder) = prepared(&home);
    home.write(
        "home/config/config.toml",
        &format!(
            "[contexts.mini]\nregion = \"us-east-1\"\nendpoint = \"http://{}\"\nhome_bucket = \"home\"\n",
            recorder.host()
        ),
    );
    let functions = home.json(&["functions"]);
    assert_eq!(functions.as_array().unwrap().len(), 5, "{functions}");
    assert_eq!(home.json(&["functions", "many"])["memory_mb"], 256);

    for index in 0..12 {
        home.write(&format!("in/é {index}"), &"x".repeat(index));
    }
    // Each object starts the function.
    let run = home.json(&["run", "many", "in", "--wait"]);
    assert_eq!(run["counts"]["succeeded"], 12, "{run}");
    let listed = home.json(&["ls", "data/many/out/"]);
    assert_eq!(listed.as_array().unwrap().len(), 12, "{listed}");
    home.ok(&["get", "data/many/out/", "results"]);
    let result = std::fs::read_to_string(home.path().join("results/out/é 11.count")).unwrap();
    assert_eq!(result.trim(), "11");

    // Objects that are there already: throng invokes, once for each.
    home.ok(&["put", "in", "data/there"]);
    let run = home.json(&["run", "many", "s3://data/there/", "--wait"]);
    assert_eq!(run["counts"]["succeeded"], 12, "{run}");
    let runs = home.json(&["runs"]);
    let (standing, launched): (Vec<_>, Vec<_>) =
        runs.as_array().unwrap().iter().partition(|run| run["standing"] == true);
    assert_eq!(launched.len(), 2, "{runs}");
    // What the set-up has put starts a function by itself: that is of the function's day.
    assert_eq!((standing.len(), &standing[0]["function"]), (1, &"count".into()), "{runs}");
    let tasks = home.json(&["tasks", "last", "--state", "succeeded"]);
    assert_eq!(tasks.as_array().unwrap().len(), 12, "{tasks}");
    assert_eq!(home.json(&["tasks", "last", "3"])["records"][0]["exit_code"], 0);

    let log = home.ok(&["logs", "many", "--run", "last"]);
    assert!(log.contains("counting é 7"), "{log}");
    let follow = std::thread::scope(|scope| {
        let follow = scope.spawn(|| follow_until(&home, "many", "counting later"));
        home.write("later/later", "later");
        home.ok(&["run", "many", "later", "--wait"]);
        follow.join()
    });
    assert!(follow.is_ok());

    a_chain_with_a_join(&home);

    let refused = home.run(&["rm", "--yes", "function", "many"]);
    assert_eq!(refused.status.code(), Some(4), "throng did not make it");
    home.ok(&["rm", "--yes", "function", "many", "--foreign"]);
    assert_eq!(home.json(&["functions"]).as_array().unwrap().len(), 4);
    home.ok(&["rm", "--yes", "object", "data/there/"]);
    let report = Report::of(recorder.folder(), &["--requests-only"]);
    report.assert_no_problem();
    let read = report.operations("seen", &["logs"]);
    assert!(read.contains("logs:StartLiveTail") && read.contains("logs:FilterLogEvents"), "{read:?}");
    // 25 inputs by throng; outputs and records by the runtime.
    assert!(report.0["seen"]["s3"]["PutObject"].as_u64() >= Some(75), "the runtime's requests are missing");
    drop(server);
    assert_no_process_works_in(&home);
}

/// Outputs start the next function by events of ministack's S3, and the last task's start marker the join.
fn a_chain_with_a_join(home: &Home) {
    for index in 0..3 {
        home.write(&format!("films/f{index}"), "x");
    }
    let run = home.json(&["run", "halve", "films", "--wait"]);
    let stages: Vec<_> = run["stages"].as_array().unwrap_or_else(|| panic!("{run}")).iter().collect();
    let told: Vec<_> = stages
        .iter()
        .map(|stage| (stage["function"].as_str().unwrap(), stage["counts"]["succeeded"].as_u64().unwrap()))
        .collect();
    assert_eq!(told, [("halve", 3), ("tally", 6), ("gather", 1)], "{run}");
    assert_eq!((&run["counts"]["total"], &run["settled"]), (&10.into(), &true.into()), "{run}");
    home.ok(&["get", "data/gather/out/", "gathered"]);
    let read = |name: &str| std::fs::read_to_string(home.path().join("gathered/out").join(name)).unwrap();
    assert_eq!(read("tasks"), "0.0\n0.1\n1.0\n1.1\n2.0\n2.1\n");
    assert_eq!(read("files"), "f0-1.count\nf0-2.count\nf1-1.count\nf1-2.count\nf2-1.count\nf2-2.count\n");
}

/// Environments outlive ministack's end by a moment: their Runtime API is gone.
fn assert_no_process_works_in(home: &Home) {
    let folder = home.path().to_str().unwrap().to_owned();
    let left = || {
        let environments = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
            let environment = std::fs::read(entry.path().join("environ")).ok()?;
            let ours = String::from_utf8_lossy(&environment).contains(&format!("{folder}/work"));
            ours.then(|| entry.file_name())
        });
        environments.collect::<Vec<_>>()
    };
    let begin = Instant::now();
    while !left().is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(20), "processes are left behind: {:?}", left());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_image_goes_to_ministack_s_ecr_and_comes_back_by_skopeo() {
    tools::debian(&[("skopeo", "skopeo")]);
    let server = server::ministack(&tools::ministack());
    let home = Home::in_context("mini", &format!("endpoint = \"{}\"", server.url()));
    home.ok(&["deploy", &home.function("f", "#!/bin/sh\n", "")]);
    let password = Command::new(tools::clients().join("aws"))
        .args(["--endpoint-url", &server.url(), "ecr", "get-login-password"])
        .envs([
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
        ])
        .output()
        .unwrap();
    let password = String::from_utf8(password.stdout).unwrap();
    let skopeo = |arguments: &[&str]| {
        let output = Command::new("skopeo").args(arguments).current_dir(home.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let (login, image) =
        (format!("AWS:{}", password.trim()), format!("docker://{}/throng/f:latest", server.host));
    let shown = skopeo(&["inspect", "--tls-verify=false", "--creds", &login, &image]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let function = home.json(&["functions", "f"]);
    let deployed = function["image"].as_str().unwrap();
    assert!(deployed.ends_with(shown["Digest"].as_str().unwrap()), "{deployed}, {shown}");
    skopeo(&["copy", "-q", "--src-tls-verify=false", "--src-creds", &login, &image, "oci:back:f"]);
}
