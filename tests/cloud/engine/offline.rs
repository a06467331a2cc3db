use super::support::{EXE, Home, Watched};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use throng_core::cloud::{Cloud, ConnectOptions, ErrorKind};
use throng_core::config::ContextConfig;
use throng_core::engine::{Command, Connection, EngineOptions, Scope, Severity};

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_cannot_start_is_offline_with_the_reason_and_the_engine_goes_on() {
    let home = Home::new();
    let exe = home.path().join("broken");
    std::fs::write(&exe, "#!/bin/sh\necho 'no room on disk' >&2\nexit 1\n").unwrap();
    std::fs::set_permissions(&exe, std::fs::Permissions::from_mode(0o755)).unwrap();
    let engine = Watched::start(EngineOptions { exe: Some(exe), ..home.options() });
    let snap = engine.until("offline", |snap| matches!(snap.connection, Connection::Offline(_))).await;
    let Connection::Offline(text) = &snap.connection else { unreachable!() };
    assert!(text.contains("no room on disk"), "{text}");
    engine.send(Command::Look(Scope::Buckets));
    engine.until("the other scope", |snap| snap.scope == Scope::Buckets).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_was_killed_is_started_again() {
    let home = Home::new();
    let engine = Watched::start(home.options());
    engine.send(Command::CreateBucket("kept".into()));
    engine.send(Command::Look(Scope::Buckets));
    engine.until("the bucket", |snap| snap.buckets.items.iter().any(|bucket| bucket.name == "kept")).await;
    let old = home.pid();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(old), nix::sys::signal::Signal::SIGKILL).unwrap();
    engine.send(Command::Refresh);
    engine.until("offline", |snap| matches!(snap.connection, Connection::Offline(_))).await;
    let snap = engine.until("online again", |snap| snap.connection == Connection::Online).await;
    assert_ne!(home.pid(), old);
    assert!(snap.buckets.items.iter().any(|bucket| bucket.name == "kept"), "it was on disk");
    engine.send(Command::CreateBucket("later".into()));
    engine.until("a new bucket", |snap| snap.buckets.items.iter().any(|bucket| bucket.name == "later")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_may_not_start_the_daemon_says_so() {
    let home = Home::new();
    let options = ConnectOptions { exe: Some(EXE.into()), no_start: true, ..ConnectOptions::default() };
    let error = Cloud::connect_with(&ContextConfig::local(), &home.dirs, &options).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
    assert!(error.to_string().contains("throng local start"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_context_changes_nothing() {
    let home = Home::new();
    let mut options = home.options();
    options.config.contexts["local"].read_only = true;
    let engine = Watched::start(options);
    engine.send(Command::CreateBucket("never".into()));
    engine
        .until("a notice", |snap| {
            snap.notices
                .iter()
                .any(|notice| notice.severity == Severity::Warning && notice.title.contains("Read-only"))
        })
        .await;
    assert!(!home.cloud().await.s3().bucket_exists("never").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_context_is_switched_to_at_once_even_when_it_does_not_answer() {
    let home = Home::new();
    let mut options = home.options();
    let dead = ContextConfig {
        name: "dead".into(),
        region: Some("eu-west-1".into()),
        endpoint: Some("http://127.0.0.1:9".into()),
        ..ContextConfig::default()
    };
    options.config.contexts.insert("dead".into(), dead);
    let engine = Watched::start(options);
    engine.send(Command::SwitchContext("dead".into()));
    let snap = tokio::time::timeout(
        Duration::from_secs(2),
        engine.until("the other context", |snap| snap.context.name == "dead"),
    )
    .await
    .expect("at once");
    assert_eq!(snap.context.region, "eu-west-1");
    engine.until("why it cannot be used", |snap| snap.connection.trouble().is_some()).await;
    engine.send(Command::SwitchContext("local".into()));
    let snap = engine
        .until("back", |snap| snap.context.name == "local" && snap.connection == Connection::Online)
        .await;
    assert!(snap.context.local);
}
