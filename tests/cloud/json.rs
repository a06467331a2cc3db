//! What `--output json` prints, verb by verb: fields, their order and their types are what programs rely on. What differs
//! from run to run is masked; of long texts for people only the shape counts.

use crate::support::{Home, between, wait_for};
use serde_json::{Map, Value};

/// What differs from one time to the next, or from machine to machine.
const MASKS: &[(&str, &str)] = &[
    (r"20\d{6}-\d{9}-[0-9a-z]{4}", "<run>"),
    (r"day-\d{8}-[0-9a-f]{8}", "<day>"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<request>"),
    (r"sha256:[0-9a-f]{12,64}", "<digest>"),
    (r"127\.0\.0\.1:\d+", "<host>"),
    (r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", "<stream>"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "<time>"),
    (r#""(\w+_ms|peak_memory|pid|log_bytes)": ?[\d.]+"#, r#""$1": <number>"#),
    // Whether an environment is new depends on what ran before.
    (r#"\\"initDurationMs\\":[\d.]+,"#, ""),
    (r#"\\"(\w+(?:Ms|UsedMB))\\":[\d.]+"#, r#"\"$1\":<number>"#),
    (r#""(cold)": (?:true|false)"#, r#""$1": <bool>"#),
    (r"s3\.[0-9a-f]{16}", "s3.<event>"),
    (r#""fingerprint": "[0-9a-f]{32}""#, r#""fingerprint": "<fingerprint>""#),
    (r"x86_64|arm64", "<architecture>"),
    (r"[\d.]+ [KMG]iB or less", "<size> or less"),
    (r#"REPORT [^"]*"#, "REPORT <figures>"),
];

/// What a verb prints with `--output json`, whatever its exit code.
fn printed(home: &Home, arguments: &[&str]) -> String {
    let output = home.run(&[arguments, &["--output", "json"]].concat());
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Compares a document with the snapshot `name`, with `more` masks.
fn compare_masked(name: &str, document: &str, more: &[(&str, &str)]) {
    let mut settings = insta::Settings::clone_current();
    for (pattern, mask) in MASKS.iter().chain(more) {
        settings.add_filter(pattern, *mask);
    }
    settings.bind(|| insta::assert_snapshot!(name, document));
}

fn compare(name: &str, document: &str) {
    compare_masked(name, document, &[]);
}

/// Types in place of values; a list has the shape of its elements, which must be the same.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "bool".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "text".into(),
        Value::Array(items) => {
            let mut shapes: Vec<_> = items.iter().map(shape).collect();
            shapes.dedup();
            Value::Array(shapes)
        }
        Value::Object(fields) => {
            let of = |(name, field): (&String, &Value)| (name.clone(), shape(field));
            Value::Object(fields.iter().map(of).collect::<Map<_, _>>())
        }
    }
}

fn compare_shape(name: &str, home: &Home, arguments: &[&str]) {
    let shape = shape(&home.json(arguments));
    insta::assert_snapshot!(name, serde_json::to_string_pretty(&shape).expect("JSON"));
}

/// A home with the definition of a function that copies its input, and fails for some.
fn home() -> (Home, String) {
    let home = Home::new();
    let script = "#!/bin/sh\ncase $(cat \"$INPUT_FILE_PATH\") in *bad*) echo 'it broke' >&2; exit 3;; esac\ncat \"$INPUT_FILE_PATH\"\n\
                  cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/copy.txt\"\n";
    let more = format!("      memory: 256\n      timeout: 20\n{}", between("data/in", "data/out"));
    let definition = home.function("copy", script, &more);
    (home, definition)
}

#[test]
fn definitions_functions_and_images() {
    let (home, definition) = home();
    compare_shape("check", &home, &["check", &definition]);
    compare("deploy_dry_run", &printed(&home, &["deploy", "--dry-run", &definition]));
    compare("deploy", &printed(&home, &["deploy", &definition]));
    compare("functions", &printed(&home, &["functions"]));
    compare("function", &printed(&home, &["functions", "copy"]));
    compare("image_ls", &printed(&home, &["image", "ls"]));
    let size = (r#""size": \d+"#, r#""size": <number>"#);
    compare_masked("image_inspect", &printed(&home, &["image", "inspect", "copy"]), &[size]);
    compare("rm_function", &printed(&home, &["rm", "--yes", "function", "copy"]));
    compare("functions_none", &printed(&home, &["functions"]));
}

#[test]
fn invocations_and_logs() {
    let (home, definition) = home();
    home.ok(&["deploy", &definition]);
    compare("invoke", &printed(&home, &["invoke", "copy", "--data", "{\"a\":1}"]));
    let mut log = String::new();
    wait_for("the log has its lines", || {
        log = printed(&home, &["logs", "copy"]);
        log.contains("REPORT")
    });
    compare("logs", &log);
    compare("invoke_async", &printed(&home, &["invoke", "copy", "--async", "--data", "{}"]));
    compare("invoke_failed", &printed(&home, &["invoke", "copy", "--data", "\"bad\""]));
}

#[test]
fn runs_and_their_tasks() {
    let (home, definition) = home();
    home.ok(&["deploy", &definition]);
    compare("runs_none", &printed(&home, &["runs"]));
    home.write("in/a.txt", "good one");
    home.write("in/b.txt", "bad one");
    compare("run_wait", &printed(&home, &["run", "copy", "in", "--wait"]));
    compare("runs", &printed(&home, &["runs"]));
    compare("run_shown", &printed(&home, &["runs", "last"]));
    compare("tasks", &printed(&home, &["tasks", "last"]));
    compare("task_succeeded", &printed(&home, &["tasks", "last", "0"]));
    compare("task_failed", &printed(&home, &["tasks", "last", "1"]));
    compare("cancel", &printed(&home, &["cancel", "last"]));
    compare("run_again", &printed(&home, &["run", "--again", "last"]));
    home.json(&["runs", "last", "--wait"]);
    compare("run", &printed(&home, &["run", "copy", "in/a.txt"]));
}

#[test]
fn objects_and_buckets() {
    let home = Home::new();
    home.write("set/a.txt", "alpha");
    home.write("set/sub/b.txt", "beta");
    compare("put", &printed(&home, &["put", "set", "store/box"]));
    compare("ls", &printed(&home, &["ls"]));
    compare("ls_folder", &printed(&home, &["ls", "store/box/set/"]));
    compare("ls_recursive", &printed(&home, &["ls", "store/box", "-r"]));
    compare("get", &printed(&home, &["get", "store/box/", "back"]));
    compare("get_again", &printed(&home, &["get", "store/box/", "back"]));
    compare("rm_object", &printed(&home, &["rm", "--yes", "object", "store/box/"]));
    compare("rm_bucket", &printed(&home, &["rm", "--yes", "bucket", "store"]));
}

#[test]
fn the_local_cloud_and_doctor() {
    let home = Home::new();
    let version = (concat!("\"", env!("CARGO_PKG_VERSION"), "\""), "\"<version>\"");
    compare_masked("local_start", &printed(&home, &["local", "start"]), &[version]);
    compare_shape("local_status", &home, &["local", "status"]);
    compare_shape("doctor", &home, &["doctor"]);
    compare("local_stop", &printed(&home, &["local", "stop"]));
    compare("local_stop_again", &printed(&home, &["local", "stop"]));
    compare_shape("local_status_stopped", &home, &["local", "status"]);
    compare("local_gc", &printed(&home, &["local", "gc"]));
    compare("local_reset", &printed(&home, &["local", "reset", "--yes"]));
}

#[test]
fn the_demo() {
    let home = Home::new();
    compare("demo", &printed(&home, &["demo", "--no-tui", "--to", "results"]));
}
