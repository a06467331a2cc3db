//! A home whose local cloud has a fault plan.

use crate::support::{Home, between};
use serde_json::Value;
use std::process::{Child, Command, Output, Stdio};
use throng_core::cloud::{Cloud, ConnectOptions};
use throng_core::config::ContextConfig;
use throng_core::dirs::Dirs;

pub struct World {
    pub home: Home,
}

/// A verb's exit code and what it said.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub said: String,
}

impl World {
    /// A running cloud with these rules, a hundred times faster than AWS where it retries.
    pub fn new(rules: &str) -> Self {
        let world = Self { home: Home::new() };
        world.restart(rules);
        world
    }

    /// The same cloud with other rules.
    pub fn restart(&self, rules: &str) {
        self.home.ok(&["local", "stop"]);
        let plan = self.home.write("faults.toml", &format!("seed = 5\n{rules}"));
        let mut start = self.command(&["local", "start"]);
        start.env("THRONG_LOCAL_FAULTS", plan).env("THRONG_LOCAL_TIME_SCALE", "100");
        let output = start.output().expect("throng runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command(arguments);
        command.env_remove("THRONG_LOCAL_FAULTS");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        ended(&self.command(arguments).output().expect("throng runs"))
    }

    pub fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("throng runs")
    }

    /// How often each rule matched, and did what it does.
    pub fn faults(&self) -> Vec<(u64, u64)> {
        let status = self.home.json(&["local", "status"]);
        let rules = status["status"]["faults"].as_array().expect("a plan").clone();
        rules.iter().map(|rule| (number(&rule["matched"]), number(&rule["injected"]))).collect()
    }

    pub fn injected(&self) -> u64 {
        self.faults().iter().map(|(_, injected)| injected).sum()
    }

    pub fn dirs(&self) -> Dirs {
        Dirs::under(&self.home.path().join("home"))
    }

    pub async fn cloud(&self) -> Cloud {
        let options = ConnectOptions { no_start: true, ..ConnectOptions::default() };
        Cloud::connect_with(&ContextConfig::local(), &self.dirs(), &options).await.expect("a cloud")
    }

    /// A definition of a function that copies its input; further lines of the definition.
    pub fn copier(&self, name: &str, more: &str) -> String {
        let script = "#!/bin/sh\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";
        self.function(name, script, more)
    }

    /// A definition of a function with this script, reading from `<name>-data/in`, writing to `<name>-data/out`.
    pub fn function(&self, name: &str, script: &str, more: &str) -> String {
        let places = between(&format!("{name}-data/in"), &format!("{name}-data/out"));
        let settings = "        timeout_threshold: 1\n      timeout: 20\n";
        self.home.function(name, script, &format!("{settings}{places}{more}"))
    }

    pub fn inputs(&self, count: usize) {
        for n in 0..count {
            self.home.write(&format!("in/f{n:03}"), &format!("content of {n}\n"));
        }
    }

    /// Whether deploying the definition would change anything.
    pub fn is_deployed(&self, definition: &str) -> bool {
        let plan = self.home.json(&["deploy", "--dry-run", definition]);
        let steps = plan[0]["steps"].as_array().unwrap_or_else(|| panic!("{plan}"));
        steps.iter().all(|step| step["action"] == "keep")
    }
}

pub fn ended(output: &Output) -> Ended {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    Ended { code: output.status.code().unwrap_or(-1), said: String::from_utf8_lossy(&said).into_owned() }
}

pub fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is not a number"))
}

/// A rule that does `fault` (with its parameters) to `on`.
pub fn rule(on: &str, fault: &str) -> String {
    let mut words = fault.splitn(2, ", ");
    let (name, rest) = (words.next().unwrap(), words.next().unwrap_or(""));
    let rest = rest.replace(", ", "\n");
    format!("[[rule]]\non = \"{on}\"\nfault = \"{name}\"\n{rest}\n")
}
