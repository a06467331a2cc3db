//! What the command line says and does not do: refusals, hints, exit codes.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::process::Output;
use support::Home;

/// Everything that a verb printed.
fn printed(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat()
}

/// Runs a verb that must end with this code; gives all that it printed.
fn ends(home: &Home, code: i32, arguments: &[&str]) -> String {
    let output = home.run(arguments);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(code), "throng {arguments:?}: {text}");
    text
}

#[test]
fn a_read_only_local_context_is_not_emptied() {
    let home = Home::new();
    home.write("a.txt", "kept");
    home.ok(&["put", "a.txt", "data/in"]);
    let config = home.write("home/config/config.toml", "[contexts.local]\nread_only = true\n");
    let said = ends(&home, 2, &["local", "reset", "--yes"]);
    assert!(said.contains("`local` is read-only"), "{said}");
    assert!(home.ok(&["ls", "data/in/"]).contains("in/a.txt"));
    std::fs::rename(&config, home.path().join("other.toml")).unwrap();
    ends(&home, 2, &["--config", "other.toml", "local", "reset", "--yes"]);
    home.ok(&["local", "reset", "--yes"]);
    assert!(home.ok(&["ls"]).contains("No buckets"));
}

#[test]
fn files_that_are_there_are_not_written_over() {
    let home = Home::new();
    for name in ["f1.txt", "f2.txt"] {
        home.write(&format!("set/{name}"), name);
    }
    home.ok(&["put", "set", "pics/out"]);
    let read = |name: &str| std::fs::read_to_string(home.path().join(name)).unwrap();
    let own = home.write("f2.txt", "OTHER");
    let said = ends(&home, 1, &["get", "pics/out/set/f2.txt"]);
    assert!(said.contains("`./f2.txt` is there already and differs") && said.contains("--force"), "{said}");
    assert_eq!(read("f2.txt"), "OTHER");
    let said = home.ok(&["get", "pics/out/set/f2.txt", "--force"]);
    assert!(said.contains("1 object is here: ./f2.txt"), "{said}");
    assert_eq!(read("f2.txt"), "f2.txt");
    // What is there with the same content counts as there, and the folder's name is told.
    home.write("copy/out/set/f1.txt", "f1.txt");
    let said = home.ok(&["get", "pics/out", "copy"]);
    assert!(said.contains("2 objects are in the folder copy/out"), "{said}");
    std::fs::write(own, "edited").unwrap();
    ends(&home, 1, &["get", "pics/out/set/f2.txt"]);
    assert_eq!(read("f2.txt"), "edited");
}
