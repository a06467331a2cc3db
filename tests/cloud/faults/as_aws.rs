//! What AWS answers in states that the local cloud does not have: functions that sleep, targets of somebody else that are
//! gone, permissions that a call implies, regions that are not turned on.

use super::world::World;

/// A rule that answers with an error of AWS, `first` times.
fn answers(on: &str, first: u32, status: u16, code: &str, message: &str) -> String {
    format!(
        "[[rule]]\non = \"{on}\"\nwho = \"user\"\nfault = \"answer\"\nstatus = {status}\ncode = \"{code}\"\n\
         message = '''{message}'''\nfirst = {first}\n"
    )
}

fn asleep(first: u32) -> String {
    let words = "The operation cannot be performed at this time. The function is currently in the following state: Pending";
    answers("lambda:Invoke", first, 409, "ResourceConflictException", words)
}

#[test]
fn a_function_that_sleeps_is_waited_for_at_launch_and_when_it_is_invoked() {
    let world = World::new("");
    for name in ["a", "b", "c"] {
        world.home.write(name, name);
    }
    // Before there is a trigger.
    world.home.ok(&["put", "a", "b", "c", "sleeper-data/in"]);
    world.home.ok(&["deploy", &world.copier("sleeper", "")]);
    world.restart(&asleep(2));
    assert_eq!(world.run(&["invoke", "sleeper"]).code, 0);
    assert_eq!(world.injected(), 2);
    let pending = "The image is being loaded";
    world.restart(&answers("lambda:Invoke", 4, 409, "CodeArtifactUserPendingException", pending));
    let ended = world.run(&["run", "sleeper", "s3://sleeper-data/in/", "--wait"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(world.injected(), 4, "each is invoked, and none is lost");
    assert_eq!(world.home.json(&["runs", "last"])["counts"]["succeeded"], 3);
}

#[test]
fn a_function_whose_tags_may_not_be_read_is_not_somebody_elses() {
    let world = World::new("");
    let definition = world.copier("mine", "");
    world.home.ok(&["deploy", &definition]);
    world.restart("[[rule]]\non = \"lambda:GetFunction\"\nwho = \"user\"\nfault = \"untagged\"\n");
    for verb in [&["deploy", &definition][..], &["rm", "function", "mine", "--yes"]] {
        let ended = world.run(verb);
        assert_ne!(ended.code, 0, "{ended:?}");
        assert!(ended.said.contains("lambda:ListTags") && !ended.said.contains("did not make"), "{ended:?}");
    }
    world.restart("");
    assert!(world.is_deployed(&definition));
}

#[test]
fn buckets_that_are_being_changed_are_waited_for() {
    let busy = "A conflicting conditional operation is currently in progress against this resource. Please try again.";
    let aborted = |on: &str| answers(on, 2, 409, "OperationAborted", busy);
    let new = "The specified bucket does not exist";
    let world = World::new(
        &[
            aborted("s3:CreateBucket"),
            aborted("s3:PutBucketNotificationConfiguration"),
            answers("s3:Other", 2, 404, "NoSuchBucket", new),
        ]
        .concat(),
    );
    let definition = world.copier("busy", "");
    let ended = world.run(&["deploy", &definition]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(world.faults().iter().all(|(_, injected)| *injected == 2), "{:?}", world.faults());
    assert!(world.is_deployed(&definition));
}

#[test]
fn a_target_of_somebody_else_that_is_gone_is_named_at_once() {
    let gone = "arn:aws:lambda:us-east-1:000000000000:function:gone";
    let rule = answers(
        "s3:PutBucketNotificationConfiguration",
        1,
        400,
        "InvalidArgument",
        "Unable to validate the following destination configurations",
    );
    let argument =
        format!("argument = [\"{gone}, null\", \"The destination Lambda function does not exist\"]\n");
    let world = World::new(&format!("{rule}{argument}"));
    let definition = world.copier("beside", "");
    let ended = world.run(&["deploy", &definition]);
    assert_eq!(world.injected(), 1, "waiting does not bring it back");
    assert_ne!(ended.code, 0, "{ended:?}");
    assert!(ended.said.contains(gone) && ended.said.contains("does not exist"), "{ended:?}");
    // Without a name it may be our own, whose permission is new: that passes.
    world.restart(&rule);
    let ended = world.run(&["deploy", &definition]);
    assert_eq!((ended.code, world.injected()), (0, 1), "{ended:?}");
}

#[test]
fn the_permission_that_is_missing_is_named() {
    let user = "User: arn:aws:iam::000000000000:user/ann is not authorized to perform";
    let because = "because no identity-based policy allows it";
    for (on, code, message, told) in [
        (
            "lambda:CreateFunction",
            "AccessDeniedException",
            format!("{user}: iam:PassRole on resource: arn:aws:iam::000000000000:role/team {because}"),
            "Ask for the permission iam:PassRole on arn:aws:iam::000000000000:role/team",
        ),
        (
            "s3:CreateBucket",
            "AccessDenied",
            format!("{user}: s3:CreateBucket on resource: \"arn:aws:s3:::denied-data\" {because}"),
            "Ask for the permission s3:CreateBucket on arn:aws:s3:::denied-data",
        ),
    ] {
        let world = World::new(&answers(on, 9, 403, code, &message));
        let ended = world.run(&["deploy", &world.copier("denied", "")]);
        assert_ne!(ended.code, 0, "{ended:?}");
        assert!(ended.said.contains(told), "{ended:?}");
    }
}

#[test]
fn keys_that_no_service_of_a_region_knows_may_be_about_the_region() {
    let invalid = "The security token included in the request is invalid.";
    let world = World::new(&answers("lambda:ListFunctions", 9, 403, "UnrecognizedClientException", invalid));
    let ended = world.run(&["functions"]);
    assert!(ended.said.contains("may not be turned on for the account"), "{ended:?}");
}

#[test]
fn objects_that_the_role_may_not_read_start_no_run() {
    let world = World::new("");
    world.home.write("a.txt", "a");
    world.home.ok(&["put", "a.txt", "elsewhere/in"]);
    world.home.ok(&["put", "a.txt", "narrow-data/in"]);
    world.home.ok(&["deploy", &world.copier("narrow", "")]);
    let before = world.home.json(&["runs"]).as_array().map_or(0, Vec::len);
    let ended = world.run(&["run", "narrow", "s3://elsewhere/in/", "--wait"]);
    assert_ne!(ended.code, 0, "{ended:?}");
    let words = ["may not read s3://elsewhere/in/a.txt", "s3:GetObject", "deploy it again"];
    assert!(words.iter().all(|word| ended.said.contains(word)), "{ended:?}");
    assert_eq!(world.home.json(&["runs"]).as_array().map_or(0, Vec::len), before, "no run was made");
    let ended = world.run(&["run", "narrow", "s3://narrow-data/in/", "--wait"]);
    assert_eq!(ended.code, 0, "what it was deployed with it may read: {ended:?}");
}

#[test]
fn a_repository_whose_tags_do_not_change_takes_the_image_all_the_same() {
    let taken = "The image tag 'latest' already exists in the 'throng/kept' repository and cannot be overwritten because the tag is immutable.";
    let world = World::new(&answers("registry:PutManifest", 1, 400, "TAG_INVALID", taken));
    let definition = world.copier("kept", "");
    let ended = world.run(&["deploy", &definition]);
    assert_eq!((ended.code, world.injected()), (0, 1), "{ended:?}");
    assert!(world.is_deployed(&definition));
    assert_eq!(world.run(&["invoke", "kept"]).code, 0);
}
