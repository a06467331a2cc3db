//! The screen on two contexts: the local cloud, and a cloud that others wrote. Needs Python with pip; moto is installed
//! once into target/interop.

use crate::support::Home;
use crate::support::screen::Screen;
use crate::support::server;
use crate::support::server::Server;
use crate::support::tools;

/// A home that knows the local context and one with moto behind it, and has the function `nearby` in the local one.
fn home() -> (Home, Server, Server) {
    tools::debian(&[("docker-registry", "docker-registry")]);
    let (moto, registry) = (server::moto(&tools::moto()), server::docker_registry(|_| String::new()));
    let settings = format!("endpoint = \"{}\"\nregistry = \"{}\"", moto.url(), registry.host);
    let mut home = Home::in_context("moto", &settings);
    home.set("THRONG_CONTEXT", "local");
    let script = "#!/bin/sh\ncp \"$INPUT_FILE_PATH\" \"$TMP_OUTPUT_DIR\"\n";
    home.ok(&["deploy", &home.function("nearby", script, "")]);
    (home, moto, registry)
}

fn session(rows: u16, cols: u16) {
    let (home, _moto, _registry) = home();
    let mut screen = Screen::open(&home, rows, cols, &[]);
    screen.wait_for("nearby");
    screen.press(":context moto\r");
    screen.wait_for("online");
    screen.wait_without("nearby");

    // Launched on AWS: the plan comes first, with its cost.
    screen.press("n");
    screen.wait_for("Launch a function");
    screen.press("remote\trootfs:root\tnearby.sh\t\x15256\t\x1530\x13");
    let plan = screen.wait_for("1,000 invocations");
    assert!(plan.contains("create role throng-us-east-1-remote"), "{plan}");
    screen.press("\x1b");
    screen.wait_without("1,000 invocations");
    screen.press("\x13");
    screen.wait_for("1,000 invocations");
    assert_eq!(home.json(&["-c", "moto", "functions"]), serde_json::json!([]), "nothing was done yet");
    screen.answer("\r", "1,000 invocations");
    screen.wait_for("remote is deployed");
    screen.wait_for("Active");
    let functions = home.json(&["-c", "moto", "functions"]);
    assert_eq!((&functions[0]["name"], &functions[0]["memory_mb"]), (&"remote".into(), &256.into()));

    // Each context shows its own.
    screen.press(":context local\r");
    screen.wait_for("throng  local");
    screen.wait_for("nearby");
    screen.press(":context moto\r");
    screen.wait_for("throng  moto");
    screen.wait_for("● Active");
    screen.press("2");
    screen.wait_for("throng-home-123456789012");
    screen.press("1d");
    screen.wait_for("type remote");
    screen.answer("remote\r", "type remote");
    screen.wait_for("remote is deleted");
    assert_eq!(home.json(&["-c", "moto", "functions"]), serde_json::json!([]));
    assert_eq!(home.json(&["functions"])[0]["name"], "nearby", "the local one stays");
    assert!(screen.quit(), "the terminal is as it was");
}

#[test]
fn two_contexts_beside_each_other_on_a_large_screen() {
    session(50, 200);
}

#[test]
fn two_contexts_beside_each_other_on_a_small_screen() {
    session(24, 80);
}
