use super::support::{Home, Watched};
use std::path::Path;
use throng_core::cloud::{Cloud, ErrorKind, Trigger};
use throng_core::definition::{self, Definition};
use throng_core::deploy::{self, Action, DeployError, DeployOptions, Plan, RemoveOptions};
use throng_core::engine::{Command, Scope, Severity};
use throng_core::model::FunctionForm;
use tokio_util::sync::CancellationToken;

/// Any program will do for what is only deployed.
fn program(folder: &Path) -> String {
    let path = folder.join("program");
    std::fs::write(&path, b"#!/bin/sh\n").unwrap();
    format!("scratch:{}=/program", path.display())
}

fn form(folder: &Path, name: &str, bucket: &str) -> FunctionForm {
    FunctionForm {
        name: name.into(),
        image: program(folder),
        memory_mb: 256,
        timeout_s: 30,
        input: format!("{bucket}/in"),
        output: format!("{bucket}/out"),
        ..FunctionForm::default()
    }
}

fn definition(folder: &Path, name: &str, bucket: &str) -> Definition {
    definition::from_form(&form(folder, name, bucket), folder).unwrap()
}

fn options(home: &Home) -> DeployOptions {
    DeployOptions::new(&home.dirs, |_| Some(bytes::Bytes::from_static(b"runtime")))
}

async fn plan(cloud: &Cloud, home: &Home, definition: &Definition) -> Result<Plan, DeployError> {
    deploy::plan(cloud, definition, &options(home), &CancellationToken::new()).await
}

async fn apply(cloud: &Cloud, plan: &Plan) -> Result<deploy::Applied, DeployError> {
    deploy::apply(cloud, plan, &|_| {}, &CancellationToken::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn deploying_twice_changes_nothing_and_a_change_changes_only_that() {
    let home = Home::new();
    let cloud = home.cloud().await;
    let mut definition = definition(home.path(), "twice", "twice-data");
    let first = plan(&cloud, &home, &definition).await.unwrap();
    assert!(first.new && first.steps.iter().all(|step| step.action == Action::Create), "{first}");
    let applied = apply(&cloud, &first).await.unwrap();
    assert!(applied.arn.ends_with(":function:twice"), "{applied:?}");

    let second = plan(&cloud, &home, &definition).await.unwrap();
    assert!(second.is_empty(), "{second}");
    assert_eq!(apply(&cloud, &second).await.unwrap().done, Vec::<String>::new());

    definition.memory_mb = 512;
    definition.env.insert("A".into(), "b".into());
    definition.retries = 2;
    let third = plan(&cloud, &home, &definition).await.unwrap();
    let changes: Vec<_> = third.steps.iter().filter(|step| step.action != Action::Keep).collect();
    let words =
        changes.iter().map(|step| format!("{} {}", step.what, step.detail)).collect::<Vec<_>>().join("; ");
    assert!(words.contains("memory 256 → 512 MiB"), "{words}");
    assert!(!words.contains("trigger") && !words.contains("bucket"), "{words}");
    apply(&cloud, &third).await.unwrap();
    let detail = cloud.lambda().get("twice").await.unwrap().unwrap();
    assert_eq!(detail.settings.memory_mb, 512);
    assert_eq!(cloud.lambda().event_invoke("twice").await.unwrap().unwrap().retries, Some(2));
    assert!(plan(&cloud, &home, &definition).await.unwrap().is_empty());

    // The input moves to another bucket: the old trigger goes, the new one comes.
    definition.inputs[0].bucket = "twice-more".into();
    let moved = plan(&cloud, &home, &definition).await.unwrap();
    assert!(moved.steps.iter().any(|step| step.action == Action::Remove), "{moved}");
    apply(&cloud, &moved).await.unwrap();
    let arn = &detail.info.arn;
    assert!(cloud.s3().notifications("twice-data").await.unwrap().of(arn).is_empty());
    assert_eq!(cloud.s3().notifications("twice-more").await.unwrap().of(arn).len(), 1);
    assert!(plan(&cloud, &home, &definition).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn triggers_of_others_are_kept_and_overlaps_refused_before_anything_is_made() {
    let home = Home::new();
    let cloud = home.cloud().await;
    let one = definition(home.path(), "one", "shared");
    apply(&cloud, &plan(&cloud, &home, &one).await.unwrap()).await.unwrap();
    let mut two = definition(home.path(), "two", "shared");
    let error = plan(&cloud, &home, &two).await.unwrap_err();
    assert!(error.to_string().contains("function:one"), "{error}");
    assert!(cloud.lambda().get("two").await.unwrap().is_none(), "nothing was made");
    two.inputs[0].path = "other".into();
    two.outputs[0].path = "other-out".into();
    apply(&cloud, &plan(&cloud, &home, &two).await.unwrap()).await.unwrap();
    let all = cloud.s3().notifications("shared").await.unwrap().triggers();
    assert_eq!(all.len(), 2, "{all:?}");

    let removed = deploy::remove(&cloud, "two", RemoveOptions::default()).await.unwrap();
    assert!(removed.left.iter().any(|left| left.contains("shared")), "{removed:?}");
    assert!(cloud.lambda().get("two").await.unwrap().is_none());
    let all: Vec<Trigger> = cloud.s3().notifications("shared").await.unwrap().triggers();
    assert!(all.len() == 1 && all[0].target.ends_with(":one"), "{all:?}");
    assert!(cloud.logs().group("/aws/lambda/two").await.unwrap().is_none());
    assert!(cloud.s3().bucket_exists("shared").await.unwrap(), "buckets stay");
    let error = deploy::remove(&cloud, "two", RemoveOptions::default()).await.unwrap_err();
    assert_eq!(error.cloud().unwrap().kind, ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_apply_says_what_exists_and_can_be_resumed_or_undone() {
    let home = Home::new();
    let cloud = home.cloud().await;
    let wanted = definition(home.path(), "half", "half-data");
    let plan_one = plan(&cloud, &home, &wanted).await.unwrap();
    // Somebody else takes the trigger between plan and apply.
    let rival = definition(home.path(), "rival", "half-data");
    apply(&cloud, &plan(&cloud, &home, &rival).await.unwrap()).await.unwrap();
    let error = apply(&cloud, &plan_one).await.unwrap_err();
    let DeployError::Step { done, undo, .. } = &error else { panic!("{error}") };
    assert!(done.iter().any(|step| step.contains("function half")), "{error}");
    assert!(error.to_string().contains("Deploy again"), "{error}");
    let undo = undo.clone();
    assert_eq!(deploy::undo(&cloud, &undo).await, Vec::<String>::new());
    assert!(cloud.lambda().get("half").await.unwrap().is_none());
    assert!(cloud.lambda().get("rival").await.unwrap().is_some(), "what others made stays");
    deploy::remove(&cloud, "rival", RemoveOptions::default()).await.unwrap();
    apply(&cloud, &plan(&cloud, &home, &wanted).await.unwrap()).await.unwrap();
    assert!(plan(&cloud, &home, &wanted).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_deploys_lists_and_deletes_a_function() {
    let home = Home::new();
    let engine = Watched::start(home.options());
    engine.send(Command::DeployForm(form(home.path(), "shown", "shown-data")));
    let snap = engine
        .until("the function with its details", |snap| {
            snap.notices.iter().any(|notice| notice.severity == Severity::Error)
                || snap.functions.items.iter().any(|function| !function.inputs.is_empty())
        })
        .await;
    let function = snap.functions.items.first().unwrap_or_else(|| panic!("{:#?}", snap.notices));
    assert_eq!((function.name.as_str(), function.memory_mb, function.managed), ("shown", 256, true));
    assert_eq!(function.inputs[0].to_string(), "shown-data/in");
    assert_eq!(function.outputs[0].to_string(), "shown-data/out");
    assert!(function.image.contains("@sha256:"), "{}", function.image);
    engine.send(Command::Look(Scope::Buckets));
    engine
        .until("the trigger", |snap| snap.buckets.items.iter().any(|bucket| bucket.triggers == ["shown"]))
        .await;
    engine.send(Command::Look(Scope::Functions));
    engine.send(Command::DeleteFunction("shown".into()));
    engine
        .until("no function", |snap| {
            snap.functions.items.is_empty()
                && snap.progress.iter().all(|row| row.state != throng_core::model::ProgressState::Active)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_form_is_refused_with_the_field() {
    let home = Home::new();
    let engine = Watched::start(home.options());
    let wrong = FunctionForm { memory_mb: 1, ..form(home.path(), "wrong", "wrong-data") };
    engine.send(Command::DeployForm(wrong));
    let snap = engine
        .until("a notice", |snap| snap.notices.iter().any(|notice| notice.severity == Severity::Error))
        .await;
    assert!(snap.notices[0].detail.contains("memory"), "{:?}", snap.notices[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_throng_did_not_make_is_neither_taken_over_nor_removed() {
    let home = Home::new();
    let cloud = home.cloud().await;
    let ours = definition(home.path(), "ours", "ours-data");
    apply(&cloud, &plan(&cloud, &home, &ours).await.unwrap()).await.unwrap();
    let mut settings = cloud.lambda().get("ours").await.unwrap().unwrap().settings;
    settings.name = "theirs".into();
    cloud.lambda().create(&settings, &std::collections::BTreeMap::new()).await.unwrap();

    let same_name = definition(home.path(), "theirs", "ours-data");
    let error = plan(&cloud, &home, &same_name).await.unwrap_err().to_string();
    assert!(error.contains("throng did not make it"), "{error}");
    let error = deploy::remove(&cloud, "theirs", RemoveOptions::default()).await.unwrap_err().to_string();
    assert!(error.contains("--foreign"), "{error}");
    assert!(cloud.lambda().get("theirs").await.unwrap().is_some(), "it is there still");
    let all = RemoveOptions { foreign: true, ..RemoveOptions::default() };
    let removed = deploy::remove(&cloud, "theirs", all).await.unwrap();
    assert!(removed.left.iter().any(|left| left.starts_with("image ")), "{removed:?}");
    assert!(cloud.lambda().get("theirs").await.unwrap().is_none());
}
