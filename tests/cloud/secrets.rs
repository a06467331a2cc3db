//! Secrets of a definition: set for the script, and otherwise in one encrypted object of the home bucket.

use crate::providers::{files_with, holder_of};
use crate::support::lab::printed;
use crate::support::{Home, between};

/// A function that stores the length of its secret, and prints its names of variables.
fn definition(home: &Home) -> String {
    let script = "#!/bin/sh\nprintf '%s' \"${#TOKEN} ${TOKEN%%-*}\" > \"$TMP_OUTPUT_DIR/${INPUT_FILE_PATH##*/}\"\nif env | grep -q ^THRONG_SECRETS; then exit 3; fi\necho a TOKEN of ${#TOKEN}\n";
    let more = "      memory: 256\n      secrets: [TOKEN]\n".to_owned()
        + &between("secret-data/in", "secret-data/out");
    home.function("f", script, &more)
}

fn deploy(home: &Home, yaml: &str, token: &str) -> String {
    let output = home.command(&["deploy", yaml]).env("TOKEN", token).output().expect("throng runs");
    let text = printed(&output);
    assert!(output.status.success() && !text.contains(token), "{text}");
    text
}

fn made(home: &Home, name: &str) -> String {
    home.write(&format!("{name}.txt"), "x");
    let run = home.json(&["run", "f", &format!("{name}.txt"), "--wait", "--to", name]);
    assert_eq!(run["counts"]["succeeded"], 1, "{run}");
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).expect("an output");
    let found = files_with(&home.path().join(name), "-")
        .into_iter()
        .chain(files_with(&home.path().join(name), " "))
        .next();
    read(found.expect("one file"))
}

#[test]
fn a_secret_is_for_the_script_alone_and_changes_with_a_deployment() {
    let home = Home::new();
    let yaml = definition(&home);
    let missing = home.run(&["deploy", &yaml]);
    assert!(printed(&missing).contains("`TOKEN` is not set"), "{}", printed(&missing));
    let checked = home.ok(&["check", &yaml]);
    assert!(checked.contains("TOKEN (secret: for the script"), "{checked}");

    let first = deploy(&home, &yaml, "first-very-hidden-secret");
    assert!(first.contains("create  secrets (TOKEN: encrypted, in "), "{first}");
    assert_eq!(made(&home, "one"), "24 first");
    assert!(deploy(&home, &yaml, "first-very-hidden-secret").contains("Nothing had to be"));
    // It is in one object, which is encrypted, and in no image, log, journal, record or file.
    let holder = holder_of(&home, "first-very-hidden-secret").expect("the function has it from somewhere");
    let stored: serde_json::Value = serde_json::from_slice(&holder).unwrap();
    assert_eq!(stored["variables"]["TOKEN"], "first-very-hidden-secret");
    let log = home.ok(&["logs", "f"]);
    assert!(log.contains("a TOKEN of 24") && !log.contains("very-hidden"), "{log}");

    // An environment is warm: it must not go on with the old one.
    let second = deploy(&home, &yaml, "second-very-hidden-secret");
    assert!(
        second.contains("change  secrets") && second.contains("variables changed: THRONG_SECRETS"),
        "{second}"
    );
    assert_eq!(made(&home, "two"), "25 second");
    assert_eq!(holder_of(&home, "first-very-hidden-secret"), None);

    let removed = home.json(&["rm", "--yes", "function", "f"]);
    assert!(removed["removed"].to_string().contains("secrets"), "{removed}");
    assert_eq!(holder_of(&home, "second-very-hidden-secret"), None);
}

#[test]
fn a_function_without_its_secrets_says_what_to_do() {
    let home = Home::new();
    let yaml = definition(&home);
    deploy(&home, &yaml, "first-very-hidden-secret");
    home.ok(&["rm", "--yes", "object", "throng-home/secrets/f/providers.json"]);
    home.write("one.txt", "x");
    let run = home.run(&["run", "f", "one.txt", "--wait"]);
    assert_eq!(run.status.code(), Some(1), "{}", printed(&run));
    let tasks = home.ok(&["tasks", "last", "0"]);
    assert!(tasks.contains("the script's secrets cannot be had"), "{tasks}");
    assert!(
        deploy(&home, &yaml, "first-very-hidden-secret").contains("create  secrets"),
        "deploying makes it again"
    );
    let run = home.json(&["run", "--again", "last", "--wait"]);
    assert_eq!(run["counts"]["succeeded"], 1, "{run}");
}
