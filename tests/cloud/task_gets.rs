//! What a task gets: where its script starts, which files are tasks at all, and what it finds beside its input.

use crate::support::{Home, between};

/// Deploys a function from `NAME-data/in` to `NAME-data/out`.
fn deploy(home: &Home, name: &str, script: &str, settings: &str) {
    let places = between(&format!("{name}-data/in"), &format!("{name}-data/out"));
    let yaml = home.function(
        name,
        &format!("#!/bin/sh\n{script}\n"),
        &format!("        timeout_threshold: 1\n      timeout: 30\n{settings}{places}"),
    );
    home.ok(&["deploy", &yaml]);
}

#[test]
fn a_program_writes_where_it_starts_or_is_told_why_not() {
    let home = Home::new();
    let script = "echo table > table.txt && touch \"$HOME/.history\" \"$TMPDIR/x\" \"$XDG_CACHE_HOME/y\" && \
                  cp table.txt \"$TMP_OUTPUT_DIR/\"";
    deploy(&home, "bayes", script, "");
    home.write("a.nex", "x");
    home.ok(&["run", "bayes", "a.nex", "--wait"]);
    assert!(home.ok(&["ls", "bayes-data/out/"]).contains("table.txt"));

    deploy(&home, "rooted", "echo table > /bin/table.txt", "      workdir: /bin\n");
    assert_eq!(home.run(&["run", "rooted", "a.nex", "--wait"]).status.code(), Some(1));
    let task = home.json(&["tasks", "last", "0"]);
    let error = task["records"][0]["error"].as_str().unwrap();
    assert!(error.contains("starts it in a fresh folder") && error.contains("$TMP_OUTPUT_DIR"), "{error}");
}

#[test]
fn what_is_no_input_starts_nothing_on_any_path() {
    let home = Home::new();
    let yaml = home.function(
        "pick",
        "#!/bin/sh\ncat \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/$(cat \"$INPUT_FILE_PATH\").out\"\n",
        "        timeout_threshold: 1\n      timeout: 30\n      input:\n      - {storage_provider: s3, path: pick-data/in, \
         prefix: [sub-, ses-], suffix: [.txt], exclude: ['*_mask.txt'], min_size: 2}\n      output: \
         [{storage_provider: s3, path: pick-data/out}]\n",
    );
    home.ok(&["deploy", &yaml]);
    for (name, body) in [
        ("sub-a.txt", "file"),
        ("sub-b_mask.txt", "mask"),
        ("sub-c.txt", "c"),
        ("ses-d.md", "markdown"),
        ("other.txt", "other"),
    ] {
        home.write(&format!("set/{name}"), body);
    }
    let output = home.run(&["run", "pick", "set/.", "--wait"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.contains("1 task") && said.contains("4 inputs, such as"),
        "{said}"
    );
    let refused = home.run(&["run", "pick", "set/ses-d.md"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("ses-d.md") && said.contains("--no-select"), "{said}");

    // What arrives by itself is judged by S3 and by the runtime.
    home.ok(&["put", "set/.", "pick-data/in/arrived"]);
    home.write("ses-e.txt", "arrived");
    home.ok(&[
        "put",
        "set/sub-b_mask.txt",
        "set/sub-c.txt",
        "set/ses-d.md",
        "set/other.txt",
        "ses-e.txt",
        "pick-data/in/",
    ]);
    let outputs = || home.ok(&["ls", "pick-data/out/", "-r"]);
    crate::support::wait_for("what arrived and is an input", || outputs().contains("arrived.out"));
    let all = outputs();
    assert!(all.contains("file.out") && !all.contains("mask") && !all.contains("c.out"), "{all}");
    assert!(!all.contains("other") && !all.contains("markdown"), "{all}");

    // By the definition alone: what is at its inputs, by the same rules; and everything when a person says so.
    let run = home.json(&["run", &yaml, "--wait"]);
    assert_eq!(run["counts"]["succeeded"], 2, "{run}");
    let run = home.json(&["run", "pick", "set/.", "--no-select", "--wait"]);
    assert_eq!(run["counts"]["succeeded"], 5, "{run}");
}

#[test]
fn what_cannot_be_run_is_said_before_anything_is_sent() {
    let home = Home::new();
    deploy(&home, "sizes", "cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"", "");
    home.write("set/small", "small");
    let big = std::fs::File::create(home.path().join("set/big")).unwrap();
    big.set_len(600 << 20).unwrap();
    std::os::unix::fs::symlink("nowhere", home.path().join("set/annexed")).unwrap();
    let said = |arguments: &[&str]| {
        let output = home.run(arguments);
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (ok, why) = said(&["run", "sizes", "set"]);
    assert!(!ok && why.contains("annexed") && why.contains("--skip-unreadable"), "{why}");
    let (ok, why) = said(&["run", "sizes", "set", "--skip-unreadable"]);
    assert!(
        !ok && why.contains("`set/big` (600 MiB) is too large") && why.contains("ephemeral_storage: 1536"),
        "{why}"
    );
    assert!(!home.ok(&["ls", "sizes-data", "-r"]).contains("small"), "nothing was sent");
    let (ok, why) = said(&["run", "sizes", "set", "--skip-unreadable", "--skip-too-large", "--wait"]);
    assert!(ok && why.contains("left out") && why.contains("1 task"), "{why}");

    home.write("a/x.nii", "one");
    home.write("b/x.nii", "two");
    let run = home.json(&["run", "sizes", "a/x.nii", "b/x.nii", "--wait"]);
    assert_eq!(run["counts"]["succeeded"], 2, "{run}");
    let keys = home.ok(&["ls", "sizes-data/in/", "-r"]);
    assert!(keys.contains("a/x.nii") && keys.contains("b/x.nii"), "{keys}");
}

#[test]
fn functions_share_files_that_scripts_find_by_a_variable() {
    let home = Home::new();
    home.write("atlas/labels.txt", "1 cortex");
    home.write("model.onnx", "weights");
    let script = "cat \"$FILES_DIR/atlas/labels.txt\" \"$FILES_DIR/model.onnx\" > \"$TMP_OUTPUT_DIR/result\"";
    for name in ["one", "two"] {
        deploy(&home, name, script, "      files: [atlas/, model.onnx]\n");
    }
    let told = home.ok(&["check", "one.yaml"]);
    assert!(told.contains("atlas/: 1 file, 8 B") && told.contains("model.onnx: 7 B"), "{told}");
    home.write("x", "x");
    home.ok(&["run", "two", "x", "--wait", "--to", "results"]);
    let result = std::fs::read_to_string(home.path().join("results/result")).unwrap();
    assert_eq!(result, "1 cortexweights");
    let layers = |name: &str| {
        let uri = home.json(&["functions", name])["image"].as_str().unwrap().to_owned();
        let (_, name) = uri.split_once('/').expect("a host");
        let image = home.json(&["image", "inspect", name]);
        let layers = image["layers"].as_array().unwrap();
        layers.iter().map(|layer| layer["digest"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let (one, two) = (layers("one"), layers("two"));
    assert_eq!(
        (one.len(), &one[..2]),
        (3, &two[..2]),
        "the root filesystem and the files are the same layers"
    );
    assert_ne!(one[2], two[2]);

    let plan = home.ok(&["deploy", "--dry-run", "one.yaml"]);
    assert!(!plan.contains("push"), "{plan}");
    home.write("atlas/labels.txt", "2 cortex");
    let plan = home.ok(&["deploy", "--dry-run", "one.yaml"]);
    assert!(plan.contains("push") && plan.contains("(files: "), "{plan}");
}

#[test]
fn a_run_has_variables_of_its_own_and_no_secrets() {
    let home = Home::new();
    deploy(&home, "fit", "echo \"$ALPHA $MODEL\" > \"$TMP_OUTPUT_DIR/fit.txt\"", "");
    home.write("x", "x");
    home.ok(&["run", "fit", "x", "-e", "ALPHA=0.1", "-e", "MODEL=a b=c", "--wait", "--to", "results"]);
    assert_eq!(std::fs::read_to_string(home.path().join("results/fit.txt")).unwrap(), "0.1 a b=c\n");
    let task = home.json(&["tasks", "last", "0"]);
    assert_eq!(task["variables"]["ALPHA"], "0.1");
    assert!(home.ok(&["tasks", "last", "0"]).contains("ALPHA=0.1 MODEL=a b=c"));
    for (variable, word) in [
        ("API_KEY=1", "secret"),
        ("INPUT_FILE_PATH=/x", "set by Lambda or throng"),
        ("A-B=1", "not a variable"),
    ] {
        let output = home.run(&["run", "fit", "x", "-e", variable]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(word), "{said}");
    }
}

#[test]
fn a_sweep_runs_every_input_with_every_value_and_stores_it_once() {
    let home = Home::new();
    let script = "[ \"$B$MODEL\" = 2deep ] && echo broken >&2 && exit 1\n\
                  cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/$(cat \"$INPUT_FILE_PATH\")-$A-$B-$MODEL\"";
    deploy(&home, "sweep", script, "");
    home.write("one", "one");
    home.write("two", "two");
    home.write("models.csv", "MODEL,B\nflat,1\ndeep,2\n");
    let run =
        home.json(&["run", "sweep", "one", "two", "--sweep", "A=1:3", "--params", "models.csv", "--wait"]);
    assert_eq!((&run["counts"]["succeeded"], &run["counts"]["failed"]), (&6.into(), &6.into()), "{run}");
    let keys = home.ok(&["ls", "sweep-data/out/", "-r"]);
    for name in ["one-1-1-flat", "two-3-1-flat"] {
        assert!(keys.contains(name), "{keys}");
    }
    let stored = home.json(&["ls", "throng-home/inputs/", "-r"]);
    assert_eq!(stored.as_array().unwrap().len(), 2, "{stored}");
    let tasks = home.ok(&["tasks", "last", "--state", "succeeded"]);
    let columns = |line: &str| line.split_whitespace().rev().take(3).collect::<Vec<_>>().join(" ");
    let mut lines = tasks.lines().map(columns);
    assert_eq!(lines.next().as_deref(), Some("B MODEL A"), "a column each: {tasks}");
    assert!(lines.any(|values| values == "1 flat 3"), "{tasks}");
    // What failed is run again with the sets that it had.
    let run = home.json(&["run", "--again", "last", "--wait"]);
    assert_eq!(run["counts"]["failed"], 6, "{run}");
    let tasks = home.json(&["tasks", "last"]);
    assert!(tasks.as_array().unwrap().iter().all(|task| task["variables"]["MODEL"] == "deep"), "{tasks}");
}

#[test]
fn the_sweep_of_a_definition_is_what_a_launch_does_unless_it_says_otherwise() {
    let home = Home::new();
    let script = "echo \"$ALPHA $SEED\" > \"$TMP_OUTPUT_DIR/${INPUT_FILE_PATH##*/}-$ALPHA-$SEED\"";
    let more = "      sweep: {ALPHA: [0.1, \"10\"], SEED: \"1:3\"}\n";
    deploy(&home, "grid", script, more);
    home.write("x", "x");
    let counts = |arguments: &[&str]| {
        let all = [&["run", "grid", "x", "--wait"], arguments].concat();
        let run = home.json(&all);
        run["counts"]["succeeded"].as_u64().unwrap()
    };
    assert_eq!(counts(&[]), 6);
    let tasks = home.json(&["tasks", "last"]);
    assert_eq!(tasks[5]["variables"], serde_json::json!({"ALPHA": "10", "SEED": "3"}), "{tasks}");
    assert_eq!(counts(&["-e", "SEED=7"]), 2, "a value takes its variable out");
    assert_eq!(counts(&["--sweep", "ALPHA=1:4"]), 12, "other values of one");
    assert_eq!(counts(&["--no-sweep"]), 1);
    // Its place starts nothing: a notification has no values.
    let put = home.run(&["put", "x", "grid-data/in/"]);
    let said = String::from_utf8_lossy(&put.stderr).into_owned();
    assert!(put.status.success() && !said.contains("starts"), "{said}");
}

#[test]
fn tasks_without_inputs_have_their_number() {
    let home = Home::new();
    deploy(&home, "seeds", "echo \"${INPUT_FILE_PATH:-none} $SEED\" > \"$TMP_OUTPUT_DIR/$TASK_INDEX\"", "");
    let run =
        home.json(&["run", "seeds", "--tasks", "3", "--sweep", "SEED=7,8", "--wait", "--to", "results"]);
    assert_eq!(run["counts"]["succeeded"], 6, "{run}");
    for (task, seed) in [(0, 7), (5, 8)] {
        let result = std::fs::read_to_string(home.path().join(format!("results/{task}"))).unwrap();
        assert_eq!(result, format!("none {seed}\n"));
    }
    assert!(home.ok(&["tasks", "last"]).contains('–'));
}
