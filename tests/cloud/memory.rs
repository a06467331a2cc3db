//! Runs with other memory than their function has: a function of their own, which is gone when they have ended.

use crate::support::{Home, between, wait_for};
use std::process::Stdio;

/// Fails where there is less memory than it needs; else leaves how much there is.
const NEEDS: &str = "#!/bin/sh\nmb=$AWS_LAMBDA_FUNCTION_MEMORY_SIZE\necho \"has $mb\"\n[ \"$mb\" -ge 300 ] || exit 3\n\
                     echo \"$mb\" > \"$TMP_OUTPUT_DIR/${INPUT_FILE_PATH##*/}\"\n";

fn deploy(home: &Home, name: &str, script: &str) {
    let places = between(&format!("{name}-data/in"), &format!("{name}-data/out"));
    let yaml = home.function(name, script, &format!("      memory: 256\n      timeout: 30\n{places}"));
    home.ok(&["deploy", &yaml]);
    for file in ["a", "b", "c"] {
        home.write(&format!("files/{file}"), file);
    }
}

fn memory_of(home: &Home, function: &str) -> Option<u64> {
    home.json(&["functions", function])["memory_mb"].as_u64()
}

/// Whether doctor finds a function that was made for a run.
fn is_left(home: &Home) -> bool {
    home.run(&["doctor"]).stdout.windows(9).any(|window| window == b"--memory ")
}

#[test]
fn a_run_has_more_memory_and_the_function_stays_as_it_is() {
    let home = Home::new();
    deploy(&home, "fit", NEEDS);
    let failed = home.json(&["run", "fit", "files", "--wait"]);
    assert_eq!(failed["counts"]["failed"], 3, "{failed}");

    let again = home.run(&["run", "--again", "last", "--memory", "512", "--wait", "--to", "results"]);
    let told = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        again.status.success() && told.contains("with 512 MiB") && told.contains("`fit` stays as it is"),
        "{told}"
    );
    for file in ["a", "b", "c"] {
        assert_eq!(std::fs::read_to_string(home.path().join("results").join(file)).unwrap(), "512\n");
    }
    let run = home.json(&["runs", "last"]);
    assert_eq!(run["overrides"]["memory_mb"], 512, "{run}");
    let task = home.json(&["tasks", "last", "0"]);
    assert_eq!(task["records"][0]["memory_mb"], 512, "{task}");
    assert_eq!(task["records"][0]["function"], "fit", "{task}");
    let log = home.ok(&["logs", "--run", "last"]);
    assert!(log.contains("has 512"), "{log}");

    assert_eq!(memory_of(&home, "fit"), Some(256));
    assert_eq!(home.json(&["functions"]).as_array().map(Vec::len), Some(1));
    assert!(!is_left(&home), "it was deleted at the end of its run");
}

#[test]
fn whoever_follows_a_run_to_its_end_deletes_the_function_of_a_client_that_was_killed() {
    let home = Home::new();
    // Long enough that the client is killed before the end.
    deploy(&home, "slow", &format!("#!/bin/sh\nsleep 6\n{}", &NEEDS[10..]));
    let mut client = home
        .command(&["run", "slow", "files", "--memory", "512", "--wait"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let sent = || home.json(&["runs"])[0]["counts"]["total"].as_u64() == Some(3) && is_left(&home);
    wait_for("the run's function is there", sent);
    assert_eq!(home.json(&["functions"]).as_array().map(Vec::len), Some(1), "it is nobody's function");
    client.kill().unwrap();
    client.wait().unwrap();
    // What it had not sent is sent, and the run followed to its end.
    let run = home.json(&["run", "--resume", "last", "--wait"]);
    assert_eq!(run["counts"]["succeeded"], 3, "{run}");
    assert!(!is_left(&home));
}

/// What Lambda gives up on is stored under the name of the run's own function.
#[test]
fn a_task_whose_environment_died_is_counted() {
    let home = Home::new();
    deploy(&home, "dies", "#!/bin/sh\nkill -9 $PPID\nsleep 9\n");
    let run = home.json(&["run", "dies", "files", "--memory", "512", "--wait"]);
    assert_eq!((&run["counts"]["failed"], &run["settled"]), (&3.into(), &true.into()), "{run}");
    assert!(!is_left(&home));
}

#[test]
fn memory_that_no_function_can_have_is_refused_before_anything_is_made() {
    let home = Home::new();
    deploy(&home, "fit", NEEDS);
    for (memory, pack, word) in [("64", None, "128 to 10240 MiB"), ("512", Some("2"), "--pack 1")] {
        let mut arguments = vec!["run", "fit", "files", "--memory", memory];
        arguments.extend(pack.into_iter().flat_map(|pack| ["--pack", pack]));
        let output = home.run(&arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(word), "{told}");
    }
    assert_eq!(home.json(&["runs"]).as_array().map(Vec::len), Some(0));
}
