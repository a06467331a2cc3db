//! A deployment on clouds that others wrote, killed in the middle. Needs Python with pip, and Debian's docker-registry.

use crate::support::Home;
use crate::support::recorder::Recorder;
use crate::support::server;
use crate::support::tools;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;
/// Of the layer, which cannot be compressed.
const LAYER: u64 = 48 * MIB;

#[test]
fn a_deployment_killed_while_it_pushes_goes_on() {
    tools::debian(&[("docker-registry", "docker-registry"), ("skopeo", "skopeo")]);
    let ministack = server::ministack(&tools::ministack());
    let registry = server::docker_registry(|_| String::new());
    let recorder = Recorder::before(&registry.host);
    let home = Home::in_context(
        "mini",
        &format!("endpoint = \"{}\"\nregistry = \"{}\"", ministack.url(), recorder.host()),
    );
    home.function("f", "#!/bin/sh\n", "");
    let noise = Command::new("head").args(["-c", &LAYER.to_string(), "/dev/urandom"]).output().unwrap();
    fs::write(home.path().join("root/noise"), noise.stdout).unwrap();

    let mut deploy = home.command(&["deploy", "f.yaml"]).spawn().unwrap();
    let begin = Instant::now();
    while recorder.sent() < 2 * MIB {
        assert!(begin.elapsed() < Duration::from_mins(1), "nothing is pushed");
        std::thread::sleep(Duration::from_millis(1));
    }
    deploy.kill().unwrap();
    assert_eq!(deploy.wait().unwrap().signal(), Some(9), "it was killed");
    assert!(recorder.sent() < LAYER, "in the middle of the layer, not after {} bytes", recorder.sent());
    assert_eq!(home.json(&["functions"]), serde_json::json!([]), "nothing is half made");

    home.ok(&["deploy", "f.yaml"]);
    let image = home.json(&["functions", "f"])["image"].as_str().unwrap().to_owned();
    let inspect = ["inspect", "--raw", "--tls-verify=false", &format!("docker://{image}")];
    assert!(Command::new("skopeo").args(inspect).output().unwrap().status.success(), "{image}");
    assert!(home.ok(&["deploy", "f.yaml"]).contains("Nothing had to be changed"));
}
