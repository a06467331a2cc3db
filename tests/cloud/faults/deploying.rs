//! Deploying under faults of requests.

use super::world::{Ended, World, rule};

/// Deploys under these rules, then without; afterwards nothing may be left to be done. Gives how the first ended.
fn deploys(rules: &str) -> Ended {
    let world = World::new(rules);
    let definition = world.copier("under", "");
    let first = world.run(&["deploy", &definition]);
    assert!(world.injected() > 0, "nothing went wrong under\n{rules}");
    println!("{:?} under\n{rules}{}", first.code, if first.code == 0 { "" } else { &first.said });
    world.restart("");
    if first.code == 0 {
        assert!(world.is_deployed(&definition), "it said that it was done under\n{rules}");
    } else {
        assert!([3, 4].contains(&first.code), "{first:?}");
        assert!(!first.said.contains("panicked"), "{first:?}");
        let again = world.run(&["deploy", &definition]);
        assert_eq!(again.code, 0, "{again:?}");
        assert!(world.is_deployed(&definition), "after a second time");
    }
    first
}

/// Faults that pass: deploying must get through.
fn gets_through(rules: &str) {
    let first = deploys(rules);
    assert_eq!(first.code, 0, "{first:?}\n{rules}");
}

#[test]
fn throttling_and_errors_now_and_then_are_got_through() {
    gets_through(
        &[rule("lambda:*", "throttled, every = 3"), rule("logs:*", "throttled, every = 2")].concat(),
    );
    gets_through(&[rule("s3:*", "throttled, every = 3"), rule("lambda:*", "error, every = 3")].concat());
    gets_through(&[rule("s3:*", "error, every = 3"), rule("logs:*", "unavailable, every = 2")].concat());
}

#[test]
fn a_registry_that_stumbles_is_got_through() {
    gets_through(&rule("registry:*", "throttled, every = 5"));
    gets_through(&rule("registry:*", "error, every = 5"));
    gets_through(&rule("registry:Ping", "error, first = 1"));
    gets_through(&rule("registry:PutBlob", "reset-request, bytes = 100, first = 2"));
    gets_through(&rule("registry:PutBlob", "reset-response, first = 2"));
    gets_through(&rule("registry:PutManifest", "reset-response, first = 1"));
}

#[test]
fn answers_that_were_lost_do_not_make_anything_twice() {
    gets_through(&rule("*", "reset-response, every = 4"));
    for operation in
        ["lambda:CreateFunction", "lambda:AddPermission", "s3:CreateBucket", "logs:CreateLogGroup"]
    {
        gets_through(&rule(operation, "reset-response, first = 1"));
    }
    gets_through(&rule("lambda:GetFunction", "truncate, bytes = 20, every = 2"));
}

#[test]
fn a_change_whose_answer_was_lost_is_not_taken_for_somebody_elses() {
    let operations = ["lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration"];
    let world =
        World::new(&operations.map(|operation| rule(operation, "reset-response, first = 1")).concat());
    let definition = world.copier("changed", "");
    world.home.ok(&["deploy", &definition]);
    world.function("changed", "#!/bin/sh\nexit 0\n", "      memory: 384\n");
    let ended = world.run(&["deploy", &definition]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(world.injected(), 2);
    assert!(world.is_deployed(&definition));
    assert_eq!(world.home.json(&["functions", "changed"])["memory_mb"], 384);
}

#[test]
fn slow_answers_are_waited_for() {
    gets_through(&rule("*", "slow, bytes_per_second = 4000"));
}

#[test]
fn a_cloud_that_stays_broken_is_told_and_the_rest_is_done_later() {
    let told = deploys(&rule("lambda:CreateFunction", "error"));
    assert!(told.said.contains("create function under") && told.said.contains("Done so far"), "{told:?}");
    assert!(told.said.contains("Deploy again to go on"), "{told:?}");
    let told = deploys(&rule("s3:PutBucketNotificationConfiguration", "throttled"));
    assert!(told.said.contains("slow down"), "{told:?}");
    let told = deploys(&rule("registry:PutBlob", "unavailable"));
    assert!(told.said.contains("cannot push"), "{told:?}");
    let told = deploys(&rule("logs:CreateLogGroup", "reset-request"));
    assert_eq!(told.code, 3, "{told:?}");
}

#[test]
fn expired_credentials_say_what_to_do_and_what_is_done() {
    let told = deploys(&rule("*", "expired"));
    assert!(told.said.contains("expired") && told.said.contains("aws sso login"), "{told:?}");
    assert_eq!(told.code, 4);
    // Answers to HEAD have no words; it is found out nevertheless.
    let told = deploys(&rule("s3:*", "expired"));
    assert!(told.said.contains("aws sso login"), "{told:?}");
    // In the middle.
    let told = deploys(&rule("lambda:PutFunctionEventInvokeConfig", "expired"));
    assert!(told.said.contains("aws sso login") && told.said.contains("create function under"), "{told:?}");
}

#[test]
fn a_wrong_clock_is_called_that() {
    for on in ["s3:*", "lambda:*", "logs:*"] {
        let told = deploys(&rule(on, "skew, seconds = 3600"));
        let said =
            told.said.contains("clock is 60 min behind the cloud's") && told.said.contains("timedatectl");
        assert!(said && !told.said.contains("sso login"), "{on}: {told:?}");
    }
    let told = deploys(&rule("lambda:GetFunction", "skew, seconds = -7200"));
    assert!(told.said.contains("clock is 120 min ahead of the cloud's"), "{told:?}");
}

#[test]
fn removing_is_got_through_too() {
    let world = World::new("");
    let definition = world.copier("away", "");
    world.home.ok(&["deploy", &definition]);
    world.restart(
        &[rule("*", "reset-response, every = 5"), rule("lambda:*", "throttled, every = 4")].concat(),
    );
    let ended = world.run(&["rm", "--yes", "function", "away"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(world.injected() > 0);
    world.restart("");
    assert_eq!(world.run(&["functions", "away"]).code, 1);
    assert_eq!(world.home.json(&["image", "ls"]), serde_json::json!([]));
    world.home.ok(&["deploy", &definition]);
    assert!(world.is_deployed(&definition));
}
