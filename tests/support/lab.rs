//! A function whose inputs and outputs are at a storage provider: another S3 endpoint, with keys of its own.

use super::Home;
use serde_json::Value;
use std::process::Output;

/// Where the other endpoint is, and its keys.
pub struct Lab {
    pub endpoint: String,
    pub id: String,
    pub secret: String,
}

impl Lab {
    /// The local cloud of another home.
    pub fn of(home: &Home) -> Self {
        home.ok(&["local", "start"]);
        let read = |name: &str| -> Value {
            let path = home.path().join("home/data/local").join(name);
            serde_json::from_slice(&std::fs::read(path).expect(name)).expect("JSON")
        };
        let (endpoint, credentials) = (read("endpoint.json"), read("credentials.json"));
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        Self {
            endpoint: text(&endpoint["endpoint"]),
            id: text(&credentials["user"]["access_key_id"]),
            secret: text(&credentials["user"]["secret_access_key"]),
        }
    }

    /// A function whose inputs are in `pictures/in` of the endpoint. What it makes goes there, logs also to the context's
    /// own bucket.
    pub fn write_definition(&self, home: &Home) -> &'static str {
        let script = "#!/bin/sh\nname=$(head -c 3 \"$INPUT_FILE_PATH\")\n\
                      tr a-z A-Z < \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/$name.txt\"\nenv > \"$TMP_OUTPUT_DIR/$name.log\"\nenv\n";
        let more = format!(
            "      memory: 256\n      timeout: 30\n      input: [{{storage_provider: minio.lab, path: pictures/in}}]\n      output:\n      - {{storage_provider: minio.lab, path: results/upper, suffix: [.txt]}}\n      - {{storage_provider: s3, path: own-logs, suffix: [.log]}}\nstorage_providers:\n  minio:\n    lab: {{endpoint: '{}', access_key: '${{LAB_ID}}', secret_key: '${{LAB_SECRET}}'}}\n",
            self.endpoint
        );
        home.function("upper", script, &more);
        "upper.yaml"
    }

    /// Runs a verb that reads the definition, with the keys in the environment; gives all that it printed.
    pub fn with_keys(&self, home: &Home, secret: &str, arguments: &[&str]) -> String {
        let mut command = home.command(arguments);
        let output = command.env("LAB_ID", &self.id).env("LAB_SECRET", secret).output().expect("throng runs");
        let text = printed(&output);
        assert!(output.status.success(), "throng {arguments:?}: {}\n{text}", output.status);
        assert!(!text.contains(secret), "a secret was printed: {text}");
        text
    }
}

/// Everything that a verb printed.
pub fn printed(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

/// Deploys, runs over the endpoint's objects from a shell without keys and definition, and looks for the outputs.
pub fn deploy_and_run(home: &Home, lab: &Lab) -> Value {
    let yaml = lab.write_definition(home);
    let checked = lab.with_keys(home, &lab.secret, &["check", yaml]);
    assert!(checked.contains("throng run upper minio.lab://pictures/in/"), "{checked}");
    let deployed = lab.with_keys(home, &lab.secret, &["deploy", yaml]);
    assert!(deployed.contains("create  keys of storage providers (minio.lab: encrypted, in "), "{deployed}");
    assert!(deployed.contains("starts the function by itself"), "{deployed}");
    std::fs::remove_file(home.path().join(yaml)).expect("the definition is not needed any more");
    let run = home.json(&["run", "upper", "minio.lab://pictures/in/", "--wait", "--to", "fetched"]);
    assert_eq!(run["counts"]["succeeded"], run["counts"]["total"], "{run}");
    let tasks = home.json(&["tasks", "last"]);
    assert!(tasks.as_array().unwrap().iter().all(|task| task["provider"] == "minio.lab"), "{tasks}");
    run
}
