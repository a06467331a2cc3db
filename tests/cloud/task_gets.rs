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
