//! A recording against AWS's service models as botocore has them. `tools` installs botocore.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// What botocore's models say about a recording.
pub struct Report(pub Value);

impl Report {
    /// `options` are those of `check.py`.
    pub fn of(recording: &Path, options: &[&str]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = tempfile::NamedTempFile::new().unwrap();
        let output = Command::new(super::tools::clients().join("python3"))
            .arg(root.join("tests/support/models/check.py"))
            .arg(recording)
            .arg("--report")
            .arg(file.path())
            .arg("--sources")
            .arg(root.join("src/core"))
            .args(options)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .unwrap();
        print!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "check.py: {}", output.status);
        Self(serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap())
    }

    pub fn assert_no_problem(&self) {
        let problems: Vec<_> = self.0["problems"].as_array().unwrap().iter().collect();
        assert!(problems.is_empty(), "{problems:#?}");
    }

    pub fn operations(&self, what: &str, services: &[&str]) -> BTreeSet<String> {
        let of = |service: &str| match &self.0[what][service] {
            Value::Object(counts) => counts.keys().cloned().collect::<Vec<_>>(),
            Value::Array(names) => names.iter().map(|name| name.as_str().unwrap().to_owned()).collect(),
            _ => Vec::new(),
        };
        let named =
            |service: &&str| of(service).into_iter().map(|name| format!("{service}:{name}")).collect();
        services.iter().flat_map(|service| -> Vec<_> { named(service) }).collect()
    }

    /// Every operation of `services` that core's source names was seen, but for `others`.
    pub fn assert_all_seen(&self, services: &[&str], others: &[&str]) {
        let all: Vec<_> = self.0["used"].as_object().unwrap().keys().map(String::as_str).collect();
        assert!(all.contains(&"lambda") && all.contains(&"s3"), "core's calls are not recognised: {all:?}");
        let used = self.operations("used", services);
        let seen = self.operations("seen", services);
        let unseen: Vec<_> = used.difference(&seen).filter(|name| !others.contains(&name.as_str())).collect();
        assert!(unseen.is_empty(), "core can call these, but the session did not: {unseen:?}");
    }
}
