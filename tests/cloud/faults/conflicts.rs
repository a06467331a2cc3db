//! Two instances of throng acting on one function at once: one wins, the other is told.

use super::world::{Ended, World, ended, rule};
use crate::support::wait_for;
use std::path::Path;
use throng_core::cloud::Cloud;
use throng_core::definition::{self, Definition};
use throng_core::deploy::{self, DeployError, DeployOptions, Plan};
use throng_core::model::FunctionForm;
use tokio_util::sync::CancellationToken;

fn definition(folder: &Path, name: &str, bucket: &str, input: &str) -> Definition {
    let program = folder.join("program");
    std::fs::write(&program, b"#!/bin/sh\n").unwrap();
    let form = FunctionForm {
        name: name.into(),
        image: format!("scratch:{}=/program", program.display()),
        memory_mb: 256,
        timeout_s: 30,
        input: format!("{bucket}/{input}"),
        output: format!("{bucket}/{name}-out"),
        ..FunctionForm::default()
    };
    definition::from_form(&form, folder).unwrap()
}

async fn plan(cloud: &Cloud, world: &World, definition: &Definition) -> Plan {
    let options = DeployOptions::new(&world.dirs(), |_| Some(bytes::Bytes::from_static(b"runtime")));
    deploy::plan(cloud, definition, &options, &CancellationToken::new()).await.unwrap()
}

async fn apply(cloud: &Cloud, plan: &Plan) -> Result<deploy::Applied, DeployError> {
    deploy::apply(cloud, plan, &|_| {}, &CancellationToken::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_an_older_state_is_refused() {
    let world = World::new("");
    let cloud = world.cloud().await;
    let mut mine = definition(world.home.path(), "shared", "shared-data", "in");
    apply(&cloud, &plan(&cloud, &world, &mine).await).await.unwrap();
    let mut theirs = mine.clone();
    (mine.memory_mb, theirs.memory_mb) = (512, 1024);
    let (my_plan, their_plan) = (plan(&cloud, &world, &mine).await, plan(&cloud, &world, &theirs).await);
    apply(&cloud, &their_plan).await.unwrap();
    let error = apply(&cloud, &my_plan).await.unwrap_err().to_string();
    assert!(error.contains("another deployment changed function shared meanwhile"), "{error}");
    assert!(error.contains("memory 256 → 1024 MiB"), "{error}");
    assert!(plan(&cloud, &world, &theirs).await.is_empty(), "theirs won, wholly");
    // Having looked, mine may win.
    apply(&cloud, &plan(&cloud, &world, &mine).await).await.unwrap();
    assert!(plan(&cloud, &world, &mine).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_create_one_function_the_second_is_told() {
    let world = World::new("");
    let cloud = world.cloud().await;
    let mine = definition(world.home.path(), "fresh", "fresh-data", "in");
    let theirs = Definition { memory_mb: 1024, ..mine.clone() };
    let (my_plan, their_plan) = (plan(&cloud, &world, &mine).await, plan(&cloud, &world, &theirs).await);
    apply(&cloud, &their_plan).await.unwrap();
    let error = apply(&cloud, &my_plan).await.unwrap_err();
    assert!(error.to_string().contains("another deployment changed function fresh"), "{error}");
    let DeployError::Step { undo, .. } = &error else { panic!("{error}") };
    // What it takes back is its own only.
    assert_eq!(deploy::undo(&cloud, undo).await, Vec::<String>::new());
    let after = plan(&cloud, &world, &theirs).await;
    assert!(after.is_empty(), "theirs is whole: {after}");
    // The same definition twice is not a quarrel.
    let same = definition(world.home.path(), "same", "same-data", "in");
    let (one, two) = (plan(&cloud, &world, &same).await, plan(&cloud, &world, &same).await);
    apply(&cloud, &one).await.unwrap();
    apply(&cloud, &two).await.unwrap();
    assert!(plan(&cloud, &world, &same).await.is_empty());
}

/// Starts a verb whose request the first rule holds, waits until it is held, does the other, and gives how both ended.
fn overlapped(world: &World, first: &[&str], second: &[&str]) -> (Ended, Ended) {
    let held = world.spawn(first);
    wait_for("the first is held", || world.faults()[0].1 == 1);
    let second = world.run(second);
    (ended(&held.wait_with_output().expect("it ends")), second)
}

#[test]
fn a_change_that_comes_between_reading_and_writing_wins() {
    let operation = "lambda:UpdateFunctionConfiguration";
    let world = World::new(&rule(operation, &format!("hold, first = 1, until = \"{operation}\"")));
    world.home.ok(&["deploy", &world.copier("two", "")]);
    let mine = world.copier("two", "      memory: 640\n");
    std::fs::rename(world.home.path().join(&mine), world.home.path().join("mine.yaml")).unwrap();
    let theirs = world.copier("two", "      memory: 768\n");
    let (first, second) = overlapped(&world, &["deploy", "mine.yaml"], &["deploy", &theirs]);
    assert_eq!((second.code, first.code), (0, 4), "{first:?}\n{second:?}");
    assert!(first.said.contains("another deployment changed function two meanwhile"), "{first:?}");
    assert!(first.said.contains("768"), "what it is now: {first:?}");
    assert!(world.is_deployed(&theirs));
}

#[test]
fn of_two_that_remove_a_function_the_second_is_told() {
    let hold = "hold, first = 1, until = \"lambda:DeleteFunction\"";
    let world = World::new(&rule("lambda:DeleteFunction", hold));
    world.home.ok(&["deploy", &world.copier("gone", "")]);
    let remove = ["rm", "--yes", "function", "gone"];
    let (first, second) = overlapped(&world, &remove, &remove);
    assert_eq!((first.code, second.code), (0, 0), "{first:?}\n{second:?}");
    assert!(second.said.contains("removed  function gone"), "{second:?}");
    assert!(first.said.contains("somebody else may have removed it meanwhile"), "{first:?}");
    assert_eq!(world.run(&["functions", "gone"]).code, 1);
}

#[test]
fn a_deployment_whose_function_is_removed_is_told() {
    let hold = "hold, first = 1, until = \"lambda:DeleteFunction\"";
    let world = World::new(&rule("lambda:UpdateFunctionConfiguration", hold));
    world.home.ok(&["deploy", &world.copier("torn", "")]);
    let changed = world.copier("torn", "      memory: 640\n");
    let (first, second) = overlapped(&world, &["deploy", &changed], &["rm", "--yes", "function", "torn"]);
    assert_eq!(second.code, 0, "{second:?}");
    assert!([1, 4].contains(&first.code), "{first:?}");
    assert!(first.said.contains("change function torn"), "{first:?}");
    assert_eq!(world.run(&["functions", "torn"]).code, 1, "nothing half-made");
    world.home.ok(&["deploy", &changed]);
    assert!(world.is_deployed(&changed));
}

/// S3 keeps a bucket's notifications as one value. The first deployment reads them, the second writes its own, the first
/// overwrites them; the second looks after that and must have its own back.
#[tokio::test(flavor = "multi_thread")]
async fn triggers_that_were_written_over_are_written_again() {
    let put = "s3:PutBucketNotificationConfiguration";
    let world = World::new("");
    let cloud = world.cloud().await;
    let one = definition(world.home.path(), "one", "both", "one");
    let two = definition(world.home.path(), "two", "both", "two");
    for definition in [&one, &two] {
        // The bucket is made by one of them; both plans know it.
        cloud.s3().create_bucket("both").await.ok();
        assert!(plan(&cloud, &world, definition).await.new);
    }
    // One's first write waits for two's; two's look at it waits for one's. Of reads there are: a plan each, before the
    // write each, then the look.
    let rules = [
        rule(put, &format!("hold, first = 1, until = \"{put}\"")),
        rule(
            "s3:GetBucketNotificationConfiguration",
            &format!("hold, after = 4, first = 1, until = \"{put}\", times = 2"),
        ),
    ];
    world.restart(&rules.concat());
    let cloud = world.cloud().await;
    let (plan_one, plan_two) = (plan(&cloud, &world, &one).await, plan(&cloud, &world, &two).await);
    let first = tokio::spawn({
        let cloud = cloud.clone();
        async move { apply(&cloud, &plan_one).await }
    });
    tokio::task::block_in_place(|| wait_for("one's write is held", || world.faults()[0].1 == 1));
    apply(&cloud, &plan_two).await.unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(world.injected(), 2);
    let targets = cloud.s3().notifications("both").await.unwrap().triggers();
    assert_eq!(targets.len(), 2, "{targets:?}");
    assert!(plan(&cloud, &world, &one).await.is_empty() && plan(&cloud, &world, &two).await.is_empty());
}
