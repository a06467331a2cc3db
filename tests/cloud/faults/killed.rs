//! `kill -9` of a deployment before and after each of its calls: deploying again goes on to the same end.

use super::world::{World, rule};
use crate::support::wait_for;

/// Deploys until it ends by itself; kills it whenever a request hangs. Gives how often it was killed.
fn deploy_through_kills(world: &World, definition: &str) -> u64 {
    let (begin, mut killed) = (world.injected(), 0);
    loop {
        let mut child = world.spawn(&["deploy", definition]);
        let mut status = None;
        wait_for("a hanging request, or the end", || {
            status = child.try_wait().expect("its state");
            status.is_some() || world.injected() > begin + killed
        });
        if let Some(status) = status {
            let output = child.wait_with_output().expect("what it said");
            assert!(status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            return killed;
        }
        child.kill().expect("kill -9");
        child.wait().expect("it is dead");
        killed += 1;
    }
}

/// Each operation hangs twice: undone the first time, done the second time.
fn hangs(operations: &[&str]) -> String {
    let both = |operation: &&str| {
        rule(operation, "hang, first = 1") + &rule(operation, "hang-after, after = 1, first = 1")
    };
    operations.iter().map(both).collect()
}

#[test]
fn a_new_function_is_deployed_through_kills_at_every_step() {
    let operations = [
        "s3:CreateBucket",
        "registry:PutBlob",
        "registry:PutManifest",
        "logs:CreateLogGroup",
        "logs:PutRetentionPolicy",
        "lambda:CreateFunction",
        "lambda:PutFunctionEventInvokeConfig",
        "lambda:AddPermission",
        "s3:PutBucketNotificationConfiguration",
    ];
    let world = World::new(&hangs(&operations));
    let definition = world.copier("killed", "");
    let killed = deploy_through_kills(&world, &definition);
    // What was done is not done again, so that some operations do not come to their second hang.
    assert!(killed >= operations.len() as u64, "{killed}: {:?}", world.faults());
    let faults = world.faults();
    assert!(faults.iter().step_by(2).all(|(_, injected)| *injected == 1), "{faults:?}");
    world.restart("");
    assert!(world.is_deployed(&definition));
    // It also works.
    world.inputs(3);
    let ended = world.run(&["run", "killed", "in", "--wait"]);
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn a_change_is_deployed_through_kills_at_every_step() {
    let operations =
        ["lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration", "lambda:TagResource"];
    let world = World::new(&hangs(&operations));
    let definition = world.copier("killed", "");
    world.home.ok(&["deploy", &definition]);
    world.function("killed", "#!/bin/sh\nexit 0\n", "      memory: 384\n");
    let killed = deploy_through_kills(&world, &definition);
    assert!(killed >= operations.len() as u64, "{killed}: {:?}", world.faults());
    world.restart("");
    assert!(world.is_deployed(&definition));
    assert_eq!(world.home.json(&["functions", "killed"])["memory_mb"], 384);
}
