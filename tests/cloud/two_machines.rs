//! A run that is launched on one machine is found, followed and ended on another: state is in the cloud alone.
//!
//! Two homes stand for two machines. Both reach one cloud (the embedded one of a third home) as people reach AWS: a
//! profile with keys, a region, an endpoint.
//!
//! Needs a kernel that allows user namespaces; `throng doctor` says how to get one.

use crate::support::{Home, between, wait_for};
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// A process that ends with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A machine whose only context is the shared cloud.
struct Machine {
    home: Home,
    credentials: PathBuf,
}

impl Machine {
    fn new(cloud: &Home) -> Self {
        let read = |name: &str| -> Value {
            let path = cloud.path().join("home/data/local").join(name);
            serde_json::from_slice(&std::fs::read(path).expect("the local cloud runs")).expect("JSON")
        };
        let (endpoint, keys) = (read("endpoint.json"), read("credentials.json"));
        let endpoint = endpoint["endpoint"].as_str().unwrap();
        let home = Home::new();
        home.write(
            "home/config/config.toml",
            &format!(
                "default_context = 'team'\n[contexts.team]\nprofile = 'team'\nregion = 'us-east-1'\nendpoint = '{endpoint}'\n\
                 home_bucket = 'throng-home'\nrole = 'arn:aws:iam::000000000000:role/throng-function'\nregistry = '{}'\n",
                endpoint.trim_start_matches("http://"),
            ),
        );
        let (id, secret) =
            (keys["user"]["access_key_id"].as_str(), keys["user"]["secret_access_key"].as_str());
        let credentials = home.write(
            "credentials",
            &format!(
                "[team]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
                id.unwrap(),
                secret.unwrap()
            ),
        );
        Self { home, credentials }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command(arguments);
        command
            .env("AWS_SHARED_CREDENTIALS_FILE", &self.credentials)
            .env("AWS_CONFIG_FILE", self.home.path().join("no-such-file"))
            .env("AWS_EC2_METADATA_DISABLED", "true");
        for name in ["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
            command.env_remove(name);
        }
        command
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("throng runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output =
            self.command(&[arguments, &["--output", "json"]].concat()).output().expect("throng runs");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{arguments:?}: {error} {}", String::from_utf8_lossy(&output.stderr))
        })
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("throng runs")
    }

    /// Launches a run, waits until all its inputs are on their way, and dies.
    fn launch_and_die(&self, other: &Self, function: &str, tasks: usize) -> String {
        let before = other.json(&["runs"]).as_array().unwrap().len();
        let launching = Ends(self.spawn(&["run", function, "in", "--wait"]));
        wait_for("the other machine lists the run", || {
            other.json(&["runs"]).as_array().unwrap().len() > before
        });
        let id = other.json(&["runs"])[0]["id"].as_str().unwrap().to_owned();
        // Each run has a folder of its own among the inputs.
        wait_for("all inputs are sent", || {
            let keys = other.json(&["ls", &format!("{function}-data/in/"), "-r"]);
            let of_run = |object: &&Value| object["key"].as_str().is_some_and(|key| key.contains(&id));
            let keys = keys.as_array().unwrap();
            keys.iter().filter(of_run).count() >= tasks || keys.len() >= tasks * (before + 1)
        });
        drop(launching);
        id
    }
}

/// What a process writes, as it comes.
fn collect(mut from: impl std::io::Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let shared = text.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read) = from.read(&mut buffer) {
            if read == 0 {
                return;
            }
            shared.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    });
    text
}

fn deploy(cloud: &Home, name: &str, script: &str) {
    let places = between(&format!("{name}-data/in"), &format!("{name}-data/out"));
    let yaml = cloud.function(name, script, &format!("      memory: 256\n      timeout: 60\n{places}"));
    cloud.ok(&["deploy", &yaml]);
}

#[test]
fn a_run_outlives_the_machine_that_launched_it() {
    const TASKS: usize = 24;
    let cloud = Home::new();
    let script = "#!/bin/sh\necho \"working on $(cat \"$INPUT_FILE_PATH\")\"\nsleep 0.5\necho done > \"$TMP_OUTPUT_DIR/$(cat \"$INPUT_FILE_PATH\").out\"\n";
    deploy(&cloud, "far", script);
    let (a, b) = (Machine::new(&cloud), Machine::new(&cloud));
    for index in 0..TASKS {
        a.home.write(&format!("in/f{index:02}"), &format!("f{index:02}"));
    }
    let id = a.launch_and_die(&b, "far", TASKS);

    let mut log = Ends(b.spawn(&["logs", "far", "--run", &id, "--follow", "--verbose", "--since", "10m"]));
    let lines = collect(log.0.stdout.take().unwrap());
    let status = collect(log.0.stderr.take().unwrap());
    wait_for("the other machine follows the log live", || status.lock().unwrap().contains("logs: live"));
    wait_for("lines of the run arrive", || lines.lock().unwrap().contains("working on f"));

    let summary = b.json(&["runs", &id, "--wait"]);
    assert_eq!(summary["counts"]["succeeded"], TASKS, "{summary}");
    let tasks = b.json(&["tasks", &id]);
    assert_eq!(tasks.as_array().unwrap().len(), TASKS);
    assert!(tasks.as_array().unwrap().iter().all(|task| task["state"] == "succeeded"), "{tasks}");
    wait_for("every task's line arrived, once", || {
        let lines = lines.lock().unwrap();
        (0..TASKS).all(|index| lines.matches(&format!("working on f{index:02}")).count() == 1)
    });
    b.ok(&["get", "far-data/out/", "results"]);
}

#[test]
fn a_run_is_cancelled_from_another_machine() {
    const TASKS: usize = 40;
    let cloud = Home::new();
    deploy(&cloud, "slow", "#!/bin/sh\nsleep 2\n");
    let (a, b) = (Machine::new(&cloud), Machine::new(&cloud));
    for index in 0..TASKS {
        a.home.write(&format!("in/f{index:02}"), "x");
    }
    let id = a.launch_and_die(&b, "slow", TASKS);
    b.ok(&["cancel", &id]);
    let summary = b.json(&["runs", &id, "--wait"]);
    let counts = summary["counts"].as_object().expect("counts");
    let number = |name: &str| counts[name].as_u64().unwrap_or(0);
    assert!(number("cancelled") > 0 && summary["cancelled"] == true, "{summary}");
    let states = ["pending", "running", "succeeded", "failed", "timed-out", "expired", "cancelled"];
    let all: u64 = states.iter().map(|state| number(state)).sum();
    assert_eq!(all, TASKS as u64, "{summary}");
    assert_eq!(b.json(&["runs"])[0]["cancelled"], true);
}

/// A chain with a join, launched on one machine that dies in the middle of it: the other shows every stage, and its end.
#[test]
fn a_chain_with_a_join_is_followed_from_another_machine() {
    const TASKS: usize = 6;
    let cloud = Home::new();
    let small = "      memory: 128\n      timeout: 30\n";
    let cut = "#!/bin/sh\nfor part in 1 2; do echo x > \"$TMP_OUTPUT_DIR/$(cat \"$INPUT_FILE_PATH\")-$part\"; done\n";
    let count = "#!/bin/sh\nsleep 0.5\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";
    let table = "#!/bin/sh\nwc -l < \"$INPUT_LIST\" > \"$TMP_OUTPUT_DIR/lines\"\n";
    let joins = "      after: count\n      output: [{storage_provider: s3, path: cut-data/out}]\n";
    for yaml in [
        cloud.function("cut", cut, &format!("{small}{}", between("cut-data/in", "cut-data/parts"))),
        cloud.function("count", count, &format!("{small}{}", between("cut-data/parts", "cut-data/counts"))),
        cloud.function("table", table, &format!("{small}{joins}")),
    ] {
        cloud.ok(&["deploy", &yaml]);
    }
    let (a, b) = (Machine::new(&cloud), Machine::new(&cloud));
    for index in 0..TASKS {
        a.home.write(&format!("in/f{index}"), &format!("f{index}"));
    }
    let id = a.launch_and_die(&b, "cut", TASKS);
    let open = b.json(&["runs", &id]);
    assert_eq!(open["stages"].as_array().map(Vec::len), Some(3), "{open}");
    let ended = b.json(&["runs", &id, "--wait"]);
    let counts = |run: &Value| -> Vec<u64> {
        let stages = run["stages"].as_array().unwrap().iter();
        stages.map(|stage| stage["counts"]["succeeded"].as_u64().unwrap()).collect()
    };
    assert_eq!(counts(&ended), [TASKS as u64, 2 * TASKS as u64, 1], "{ended}");
    assert_eq!(
        (&ended["settled"], &ended["counts"]["total"]),
        (&true.into(), &(3 * TASKS as u64 + 1).into())
    );
    b.ok(&["get", "s3://cut-data/out/lines", "lines"]);
    // Whoever only lists sees the same, and a third machine, too.
    assert_eq!(b.json(&["runs"])[0]["counts"], ended["counts"]);
    assert_eq!(Machine::new(&cloud).json(&["runs", &id])["stages"], ended["stages"]);
}
