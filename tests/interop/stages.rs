//! What chains, joins, tasks that are done again and packs ask of a cloud, for the session that is compared with the models.

use crate::support::{Home, between};

/// A chain with a join for each folder and one behind these; a task that fails and is done again in the same run; packs, whose
/// function is started by markers, too.
pub fn stages(home: &Home) {
    let copy = "cp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR/\"\n";
    let picky =
        |bad: &str| format!("#!/bin/sh\n[ \"$(cat \"$INPUT_FILE_PATH\")\" != {bad} ] || exit 4\n{copy}");
    let place = |bad: &str| home.function("part", &picky(bad), &between("stages/in", "stages/parts"));
    home.ok(&["deploy", &place("bad")]);
    let after = |function: &str, more: &str| {
        format!(
            "      after: {function}\n{more}      output: [{{storage_provider: s3, path: 'stages/{{stage}}/{{task}}'}}]\n"
        )
    };
    let list = "#!/bin/sh\ncp \"$INPUT_LIST\" \"$TMP_OUTPUT_DIR/\"\n";
    home.ok(&[
        "deploy",
        &home.function("next", &format!("#!/bin/sh\n{copy}"), &between("stages/parts", "stages/ends")),
    ]);
    home.ok(&["deploy", &home.function("each", list, &after("next", "      by: '{dir}'\n"))]);
    home.ok(&["deploy", &home.function("whole", list, &after("each", ""))]);
    for (name, text) in [("a/1", "x"), ("a/2", "y"), ("b/3", "bad")] {
        home.write(&format!("parts/{name}"), text);
    }
    assert_eq!(home.run(&["run", "part", "parts", "--wait"]).status.code(), Some(1));
    home.ok(&["deploy", &place("none")]);
    home.ok(&["run", "--resume", "last", "--failed", "--wait"]);
    let run = home.json(&["runs", "last"]);
    assert_eq!((&run["counts"]["succeeded"], &run["counts"]["total"]), (&9.into(), &9.into()), "{run}");
    home.ok(&["tasks", "last", "--stage", "each"]);

    let packed = between("stages/packed", "stages/unpacked");
    home.ok(&[
        "deploy",
        &home.function(
            "packed",
            &format!("#!/bin/sh\n{copy}"),
            &format!("      pack: 2\n      retries: 1\n{packed}"),
        ),
    ]);
    home.ok(&["run", "packed", "parts", "--wait"]);
    // The notifications of the home bucket go, too.
    for function in ["packed", "whole", "each", "next", "part"] {
        home.ok(&["rm", "--yes", "function", function, "--with-data"]);
    }
}
