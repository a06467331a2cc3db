//! Runs in memory, for the tests of jobs.
#![allow(clippy::unwrap_used)]

use crate::cloud::now_ms;
use crate::run::launch_tests::World;
use crate::run::{Inputs, Launch, LaunchRequest, prepare};
use throng_contract::keys::record_key;
use throng_contract::{AttemptRecord, TaskRef, TaskState};
use tokio_util::sync::CancellationToken;

/// A run of one object that exists and of which nothing was sent.
pub async fn prepared(world: &World) -> Launch {
    world.store.insert("in", "a", "a");
    let inputs = Inputs::Objects { provider: None, bucket: "in".into(), keys: vec!["a".into()] };
    let request = LaunchRequest::new("f", inputs);
    prepare(&world.context, request, &CancellationToken::new()).await.unwrap()
}

/// The same, with its id.
pub async fn launched(world: &World) -> String {
    prepared(world).await.header().id.clone()
}

/// The task of a run has succeeded.
pub fn succeed(world: &World, run: &str) {
    let record = AttemptRecord {
        task: Some(TaskRef::launched(run, 0)),
        state: TaskState::Succeeded,
        ..AttemptRecord::begun("f", "request", now_ms())
    };
    world.store.insert("home", &record_key(&record), serde_json::to_vec(&record).unwrap());
}
