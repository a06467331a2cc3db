//! The plan itself, as a person gives it.

use super::world::{World, rule};

#[test]
fn a_wrong_plan_is_refused_with_its_line_and_no_cloud_runs() {
    let world = World { home: crate::support::Home::new() };
    world.home.write("bad.toml", "seed = 1\n\n[[rule]]\non = \"s3:PutObjet\"\nfault = \"error\"\n");
    let ended = world.run(&["local", "serve", "--faults", "bad.toml"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.said.contains("bad.toml:4") && ended.said.contains("PutObject"), "{ended:?}");
    assert_eq!(world.home.daemon(), None);
}

#[test]
fn what_was_injected_is_told_and_without_a_plan_there_is_nothing() {
    let world = World::new(&rule("s3:ListBuckets", "throttled, first = 2"));
    assert_eq!(world.faults(), [(0, 0)]);
    let ended = world.run(&["ls"]);
    assert_eq!(ended.code, 0, "it was asked again: {ended:?}");
    assert_eq!(world.faults(), [(3, 2)]);
    world.home.ok(&["local", "stop"]);
    let status = world.command(&["local", "start"]).status().expect("throng runs");
    assert!(status.success());
    assert!(world.home.json(&["local", "status"])["status"].get("faults").is_none());
}
